/* SPDX-License-Identifier: MIT */
/* Programs that use the engines: commands of <tern/isa.h> written word by word. */
#ifndef SELFTEST_ENGINES_H
#define SELFTEST_ENGINES_H

#include "selftest.h"

#include <tern/isa.h>

#define MICRO_WORDS 64

/* A program under construction, its micro-programs apart until program_end(). */
struct program {
	struct image image;
	uint64_t micro[MICRO_WORDS];
	unsigned int micros;
	unsigned int named[MICRO_WORDS], names; /* words that hold a place in micro[] */
};

/* A field of a tile: a number, or what a register holds when the tile is used. */
struct field {
	bool is_register;
	int64_t value;
};
#define REG(n) ((struct field){true, (n)})
#define IMM(n) ((struct field){false, (int64_t)(n)})

/* Rows without gaps, of up to two dimensions. */
struct tile {
	struct field at, offset;
	uint32_t type; /* enum tern_type, TERN_TILE_SPM */
	uint32_t width, rows;
};

void program_begin(struct program *p);
void program_semaphore(struct program *p, unsigned int number, unsigned int producer,
		       unsigned int consumer, unsigned int initial);
void program_end(struct program *p, uint32_t spm, uint32_t acc, void *at);

/* Word 0 of a command, whose other words follow. */
void image_command(struct image *image, unsigned int op, unsigned int words, unsigned int flags,
		   unsigned int a, unsigned int b, unsigned int c);
void image_tile(struct image *image, unsigned int number, const struct tile *tile);
void image_add(struct image *image, unsigned int reg, int64_t value);
void image_ring(struct image *image, unsigned int reg, int64_t step, int64_t end);
void image_call(struct image *image, unsigned int word);
void image_return(struct image *image);
/* To `word` of the image: always, if the register is zero, the loop's way. */
void image_jump(struct image *image, unsigned int word);
void image_jump_if_zero(struct image *image, unsigned int reg, unsigned int word);
void image_loop_to(struct image *image, unsigned int reg, unsigned int word);

/* Of a sync word: one of a semaphore at a time, two of each at most. */
#define WAIT(s)	   (TERN_SYNC_FIELD(s, 1) << TERN_SYNC_WAIT0_SHIFT)
#define WAIT2(s)   (TERN_SYNC_FIELD(s, 1) << TERN_SYNC_WAIT1_SHIFT)
#define SIGNAL(s)  (TERN_SYNC_FIELD(s, 1) << TERN_SYNC_SIGNAL0_SHIFT)
#define SIGNAL2(s) (TERN_SYNC_FIELD(s, 1) << TERN_SYNC_SIGNAL1_SHIFT)

void image_sync(struct image *image, unsigned int queue, uint64_t sync);
void image_dma(struct image *image, unsigned int op, unsigned int flags, unsigned int spm,
	       unsigned int memory, uint64_t sync);
void image_matrix(struct image *image, unsigned int flags, unsigned int a, unsigned int b,
		  unsigned int c, uint64_t sync);

/* A micro-program that begins at the place returned, up to its STOP. */
unsigned int micro_begin(struct program *p);
void micro(struct program *p, unsigned int op, unsigned int d, unsigned int a, unsigned int b,
	   uint32_t imm);
#define V(n)  (n)
#define S(n)  (TERN_V_S0 + (n))
#define VALUE TERN_V_IMM
/* Runs it over the rows of tile t0; S0 and S1 start with these registers (TERN_NONE: zero). */
void program_vector(struct program *p, unsigned int place, unsigned int count, unsigned int t0,
		    unsigned int t1, unsigned int s0, unsigned int s1, uint64_t sync);

#endif /* SELFTEST_ENGINES_H */
