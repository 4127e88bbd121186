// SPDX-License-Identifier: MIT
/* Appending commands to a growable array of words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"

void tern_code_fini(struct tern_code *c)
{
	free(c->w);
	memset(c, 0, sizeof(*c));
}

static bool reserve(struct tern_code *c, size_t more)
{
	size_t cap = c->cap ? c->cap : 256;
	uint64_t *w;

	if (c->err)
		return false;
	if (more <= c->cap - c->n)
		return true;
	while (cap - c->n < more)
		cap *= 2;
	w = realloc(c->w, cap * sizeof(*w));
	if (!w) {
		c->err = -ENOMEM;
		return false;
	}
	c->w = w;
	c->cap = cap;
	return true;
}

size_t tern_code_word(struct tern_code *c, uint64_t w)
{
	size_t at = c->n;

	if (reserve(c, 1))
		c->w[c->n++] = w;
	return at;
}

size_t tern_code_cmd(struct tern_code *c, unsigned int op, unsigned int flags, unsigned int a,
		     unsigned int b, unsigned int cc, unsigned int d, const uint64_t *extra,
		     unsigned int nextra)
{
	size_t at = c->n;

	if (!reserve(c, 1 + (size_t)nextra))
		return at;
	c->w[at] = (op & 0xffu) | (uint64_t)((1 + nextra) & 0xffu) << 8 |
		   (uint64_t)(flags & 0xffffu) << 16 | (uint64_t)(a & 0xffu) << 32 |
		   (uint64_t)(b & 0xffu) << 40 | (uint64_t)(cc & 0xffu) << 48 |
		   (uint64_t)(d & 0xffu) << 56;
	if (nextra)
		memcpy(c->w + at + 1, extra, nextra * sizeof(*extra));
	c->n += 1 + (size_t)nextra;
	return at;
}

uint64_t tern_sync_word(const struct tern_sync *s)
{
	if (!s)
		return 0;
	return TERN_SYNC_FIELD(s->wait[0].sem, s->wait[0].n) << TERN_SYNC_WAIT0_SHIFT |
	       TERN_SYNC_FIELD(s->wait[1].sem, s->wait[1].n) << TERN_SYNC_WAIT1_SHIFT |
	       TERN_SYNC_FIELD(s->signal[0].sem, s->signal[0].n) << TERN_SYNC_SIGNAL0_SHIFT |
	       TERN_SYNC_FIELD(s->signal[1].sem, s->signal[1].n) << TERN_SYNC_SIGNAL1_SHIFT;
}

/* ---- scalar commands ------------------------------------------------------ */
void tern_emit_op(struct tern_code *c, unsigned int op)
{
	tern_code_cmd(c, op, 0, 0, 0, 0, 0, NULL, 0);
}

void tern_emit_movi(struct tern_code *c, unsigned int rd, int64_t imm)
{
	uint64_t w = (uint64_t)imm;

	tern_code_cmd(c, TERN_OP_MOVI, 0, rd, 0, 0, 0, &w, 1);
}

void tern_emit_alu(struct tern_code *c, unsigned int op, unsigned int rd, unsigned int ra,
		   struct tern_val b)
{
	uint64_t w = (uint64_t)b.v;

	if (b.reg)
		tern_code_cmd(c, TERN_OP_ALU, op, rd, ra, (unsigned int)b.v, 0, NULL, 0);
	else
		tern_code_cmd(c, TERN_OP_ALU, op | TERN_F_IMM, rd, ra, TERN_NONE, 0, &w, 1);
}

size_t tern_emit_br(struct tern_code *c, unsigned int cond, unsigned int ra, struct tern_val b,
		    size_t target)
{
	uint64_t w[2] = {(uint64_t)target - c->n, (uint64_t)b.v};

	if (cond == TERN_COND_ALWAYS) /* compares nothing: the short form will do */
		return tern_code_cmd(c, TERN_OP_BR, cond, 0, 0, 0, 0, w, 1);
	if (b.reg)
		return tern_code_cmd(c, TERN_OP_BR, cond, ra, (unsigned int)b.v, 0, 0, w, 1);
	return tern_code_cmd(c, TERN_OP_BR, cond | TERN_F_IMM, ra, TERN_NONE, 0, 0, w, 2);
}

size_t tern_emit_loop(struct tern_code *c, unsigned int rd, size_t target)
{
	uint64_t w = (uint64_t)target - c->n;

	return tern_code_cmd(c, TERN_OP_LOOP, 0, rd, 0, 0, 0, &w, 1);
}

void tern_code_patch(struct tern_code *c, size_t at, size_t target)
{
	if (!c->err && at + 1 < c->n)
		c->w[at + 1] = (uint64_t)target - at;
}

void tern_code_patch_abs(struct tern_code *c, size_t at, uint64_t word)
{
	if (c->err || at >= c->n)
		return;
	at += (c->w[at] & 0xff) == TERN_OP_VECTOR ? 3 : 1;
	if (at < c->n)
		c->w[at] = word;
}

void tern_emit_call(struct tern_code *c, size_t target)
{
	uint64_t w = target;

	tern_code_cmd(c, TERN_OP_CALL, 0, 0, 0, 0, 0, &w, 1);
}

void tern_emit_ldr(struct tern_code *c, unsigned int rd, unsigned int count, unsigned int rbase,
		   int64_t offset, unsigned int flags)
{
	uint64_t w = (uint64_t)offset;

	tern_code_cmd(c, TERN_OP_LDR, flags, rd, rbase, count, 0, &w, 1);
}

void tern_emit_sync(struct tern_code *c, unsigned int queue, const struct tern_sync *s)
{
	uint64_t w = tern_sync_word(s);

	tern_code_cmd(c, TERN_OP_SYNC, 0, queue, 0, 0, 0, &w, 1);
}

void tern_emit_ring(struct tern_code *c, unsigned int rd, int64_t step, int64_t base, int64_t end)
{
	uint64_t w[3] = {(uint64_t)step, (uint64_t)base, (uint64_t)end};

	tern_code_cmd(c, TERN_OP_RING, 0, rd, 0, 0, 0, w, 3);
}

void tern_emit_mark(struct tern_code *c, uint64_t op_id)
{
	tern_code_cmd(c, TERN_OP_MARK, 0, 0, 0, 0, 0, &op_id, 1);
}

void tern_emit_trap(struct tern_code *c, uint64_t code)
{
	tern_code_cmd(c, TERN_OP_TRAP, 0, 0, 0, 0, 0, &code, 1);
}

/* ---- tiles and engines ------------------------------------------------------ */
void tern_emit_tile(struct tern_code *c, unsigned int tile, unsigned int mask,
		    const struct tern_val vals[TERN_TILE_NFIELDS])
{
	uint64_t w[TERN_TILE_NFIELDS];
	unsigned int n = 0, regs = 0;

	for (unsigned int f = 0; f < TERN_TILE_NFIELDS; f++) {
		if (!(mask & 1u << f))
			continue;
		w[n++] = (uint64_t)vals[f].v;
		if (vals[f].reg)
			regs |= 1u << f;
	}
	tern_code_cmd(c, TERN_OP_TILE, mask, tile, regs & 0xff, regs >> 8, 0, w, n);
}

static uint64_t pack_bytes(const uint8_t *b, unsigned int n)
{
	uint64_t w = 0;

	for (unsigned int i = 0; i < n; i++)
		w |= (uint64_t)(b ? b[i] : TERN_NONE) << 8 * i;
	return w;
}

static void emit_dma(struct tern_code *c, unsigned int op, unsigned int flags, const uint8_t *tiles,
		     const uint8_t *origin, const float *fill, const struct tern_sync *s)
{
	uint64_t w[4] = {tern_sync_word(s), pack_bytes(origin, 4), 0, 0};
	bool shifted = origin || fill;

	if (fill)
		memcpy(w + 2, fill, 4 * sizeof(*fill));
	if (shifted)
		flags |= TERN_DMA_ORIGIN;
	if (tiles[2] != TERN_NONE)
		flags |= TERN_DMA_ROWS;
	tern_code_cmd(c, op, flags, tiles[0], tiles[1], tiles[2], 0, w, shifted ? 4 : 1);
}

void tern_emit_load(struct tern_code *c, bool dep, unsigned int dst, unsigned int src,
		    unsigned int rows, const uint8_t *origin, const float *fill,
		    const struct tern_sync *s)
{
	const uint8_t tiles[3] = {(uint8_t)dst, (uint8_t)src, (uint8_t)rows};

	emit_dma(c, TERN_OP_LOAD, dep ? TERN_LOAD_DEP : 0, tiles, origin, fill, s);
}

void tern_emit_store(struct tern_code *c, unsigned int src, unsigned int dst, unsigned int rows,
		     const uint8_t *origin, const struct tern_sync *s)
{
	const uint8_t tiles[3] = {(uint8_t)src, (uint8_t)dst, (uint8_t)rows};

	emit_dma(c, TERN_OP_STORE, 0, tiles, origin, NULL, s);
}

void tern_emit_matrix(struct tern_code *c, unsigned int flags, unsigned int a, unsigned int b,
		      unsigned int out, const struct tern_sync *s)
{
	uint64_t w = tern_sync_word(s);

	if (out != TERN_NONE)
		flags |= TERN_MATRIX_OUT;
	tern_code_cmd(c, TERN_OP_MATRIX, flags, a, b, out, 0, &w, 1);
}

size_t tern_emit_vector(struct tern_code *c, const uint8_t tiles[TERN_VECTOR_TILES],
			const uint8_t sregs[8], size_t prog, unsigned int ninstr,
			const struct tern_sync *s)
{
	uint64_t w[4] = {
		tern_sync_word(s),
		pack_bytes(tiles + 4, 4) | (uint64_t)ninstr << 32,
		prog,
		pack_bytes(sregs, 8),
	};

	return tern_code_cmd(c, TERN_OP_VECTOR, 0, tiles[0], tiles[1], tiles[2], tiles[3], w, 4);
}

uint64_t tern_vinstr(unsigned int op, unsigned int d, unsigned int a, unsigned int b, uint32_t imm)
{
	return (op & 0xffu) | (uint64_t)(d & 0xffu) << 8 | (uint64_t)(a & 0xffu) << 16 |
	       (uint64_t)(b & 0xffu) << 24 | (uint64_t)imm << 32;
}
