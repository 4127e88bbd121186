// SPDX-License-Identifier: MIT
#include "selftest_engines.h"

#include <string.h>

/* ---- Programs ---- */
static struct tern_image_header *header(struct program *p)
{
	return (void *)p->image.word;
}

void program_begin(struct program *p)
{
	memset(p, 0, sizeof(*p));
	image_begin(&p->image);
}

void program_semaphore(struct program *p, unsigned int number, unsigned int producer,
		       unsigned int consumer, unsigned int initial)
{
	header(p)->sem[number] =
		(struct tern_image_sem){(uint8_t)producer, (uint8_t)consumer, (uint8_t)initial, 1};
}

void program_end(struct program *p, uint32_t spm, uint32_t acc, void *at)
{
	unsigned int code;

	image_end(&p->image, at);
	code = p->image.words;
	for (unsigned int i = 0; i < p->names; i++)
		p->image.word[p->named[i]] += code;
	for (unsigned int i = 0; i < p->micros; i++)
		image_word(&p->image, p->micro[i]);
	header(p)->words = header(p)->vector_words = p->image.words;
	header(p)->spm_bytes = spm;
	header(p)->acc = acc;
	memcpy(at, p->image.word, p->image.words * 8);
}

/* ---- Commands of the CP ---- */
void image_command(struct image *image, unsigned int op, unsigned int words, unsigned int flags,
		   unsigned int a, unsigned int b, unsigned int c)
{
	image_word(image, op | words << 8 | (uint64_t)flags << 16 | (uint64_t)a << 32 |
				  (uint64_t)b << 40 | (uint64_t)c << 48);
}

void image_tile(struct image *image, unsigned int number, const struct tile *tile)
{
	const unsigned int all = (1u << TERN_TILE_NFIELDS) - 1;
	const int64_t bytes = tile->width * 4ll; /* of a row: all types here have 4 bytes */
	const struct field field[TERN_TILE_NFIELDS] = {
		tile->at, tile->offset, IMM(tile->width), IMM(tile->rows), IMM(1),	    IMM(1),
		IMM(4),	  IMM(bytes),	IMM(0),		  IMM(0),	   IMM(tile->type),
	};
	unsigned int registers = 0;

	for (unsigned int i = 0; i < TERN_TILE_NFIELDS; i++)
		registers |= (unsigned int)field[i].is_register << i;
	image_command(image, TERN_OP_TILE, 1 + TERN_TILE_NFIELDS, all, number, registers & 0xff,
		      registers >> 8);
	for (unsigned int i = 0; i < TERN_TILE_NFIELDS; i++)
		image_word(image, (uint64_t)field[i].value);
}

void image_add(struct image *image, unsigned int reg, int64_t value)
{
	image_command(image, TERN_OP_ALU, 2, TERN_F_IMM | TERN_ALU_ADD, reg, reg, TERN_NONE);
	image_word(image, (uint64_t)value);
}

void image_ring(struct image *image, unsigned int reg, int64_t step, int64_t end)
{
	image_command(image, TERN_OP_RING, 4, 0, reg, 0, 0);
	image_word(image, (uint64_t)step);
	image_word(image, 0);
	image_word(image, (uint64_t)end);
}

void image_call(struct image *image, unsigned int word)
{
	image_command(image, TERN_OP_CALL, 2, 0, 0, 0, 0);
	image_word(image, word);
}

void image_return(struct image *image)
{
	image_command(image, TERN_OP_RET, 1, 0, 0, 0, 0);
}

/* From where the next command will be. */
static uint64_t distance(const struct image *image, unsigned int word)
{
	return (uint64_t)((int64_t)word - (int64_t)image->words);
}

void image_jump(struct image *image, unsigned int word)
{
	uint64_t far = distance(image, word);

	image_command(image, TERN_OP_BR, 3, TERN_F_IMM | TERN_COND_ALWAYS, 0, TERN_NONE, 0);
	image_word(image, far);
	image_word(image, 0);
}

void image_jump_if_zero(struct image *image, unsigned int reg, unsigned int word)
{
	uint64_t far = distance(image, word);

	image_command(image, TERN_OP_BR, 3, TERN_F_IMM | TERN_COND_EQ, reg, TERN_NONE, 0);
	image_word(image, far);
	image_word(image, 0);
}

void image_loop_to(struct image *image, unsigned int reg, unsigned int word)
{
	uint64_t far = distance(image, word);

	image_command(image, TERN_OP_LOOP, 2, 0, reg, 0, 0);
	image_word(image, far);
}

/* ---- Commands of the engines ---- */
void image_sync(struct image *image, unsigned int queue, uint64_t sync)
{
	image_command(image, TERN_OP_SYNC, 2, 0, queue, 0, 0);
	image_word(image, sync);
}

void image_dma(struct image *image, unsigned int op, unsigned int flags, unsigned int spm,
	       unsigned int memory, uint64_t sync)
{
	image_command(image, op, 2, flags, spm, memory, TERN_NONE);
	image_word(image, sync);
}

void image_matrix(struct image *image, unsigned int flags, unsigned int a, unsigned int b,
		  unsigned int c, uint64_t sync)
{
	image_command(image, TERN_OP_MATRIX, 2, flags, a, b, c);
	image_word(image, sync);
}

/* ---- VECTOR ---- */
unsigned int micro_begin(struct program *p)
{
	return p->micros;
}

void micro(struct program *p, unsigned int op, unsigned int d, unsigned int a, unsigned int b,
	   uint32_t imm)
{
	CHECK(p->micros < MICRO_WORDS);
	p->micro[p->micros++] = op | d << 8 | a << 16 | (uint64_t)b << 24 | (uint64_t)imm << 32;
}

void program_vector(struct program *p, unsigned int place, unsigned int count, unsigned int t0,
		    unsigned int t1, unsigned int s0, unsigned int s1, uint64_t sync)
{
	struct image *image = &p->image;

	image_word(image, TERN_OP_VECTOR | 5u << 8 | (uint64_t)t0 << 32 | (uint64_t)t1 << 40 |
				  (uint64_t)TERN_NONE << 48 | (uint64_t)TERN_NONE << 56);
	image_word(image, sync);
	image_word(image, UINT32_MAX | (uint64_t)count << 32);
	CHECK(p->names < MICRO_WORDS);
	p->named[p->names++] = image->words;
	image_word(image, place);
	image_word(image, s0 | s1 << 8 | ~0xffffull);
}
