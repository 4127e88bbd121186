/* SPDX-License-Identifier: MIT */
/*
 * A program that has something of everything a save area holds: accumulators, SPM, registers,
 * tile fields that are registers, a call stack, loops, semaphores between three queues.
 */
#ifndef TEST_SIM_PREEMPT_FIXTURE_H
#define TEST_SIM_PREEMPT_FIXTURE_H

#include "sim_fixture.h"
#include "support/preempt.h"

#define TILES	5
#define N	8
#define K	32
#define TILE	(4 * N * K)
#define OUT	0x20000u
#define FLAG	0x30000u
#define SPM_OUT (4 * TILE)
#define AT	10 /* registers: address of the next tile, */
#define RING	11 /* its place in SPM, */
#define COUNT	12 /* tiles left */
#define BASE	13

enum { FULL, FREE, RESULT }; /* semaphores */

static struct env e;
static void *save;

static inline void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
	save = malloc(tern_sim_caps(e.sim)->save_bytes);
	memset(save, 0xa5, tern_sim_caps(e.sim)->save_bytes);
	preempt_every = 0;
	preempt_count = 0;
}

static inline void teardown(void)
{
	free(save);
	env_close(&e);
}

/* ---- the program ------------------------------------------------------------------------- */
static inline void sem(unsigned int s, unsigned int producer, unsigned int consumer,
		       unsigned int initial)
{
	e.sem[s] =
		(struct tern_image_sem){(uint8_t)producer, (uint8_t)consumer, (uint8_t)initial, 1};
}

/* Tile 0 in SPM at RING, tile 1 in memory at AT: both by register. */
static inline void moving_tiles(void)
{
	struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_reg(RING),
		[TERN_TILE_SIZE0] = tern_imm(K),
		[TERN_TILE_SIZE0 + 1] = tern_imm(N),
		[TERN_TILE_SIZE0 + 2] = tern_imm(1),
		[TERN_TILE_SIZE0 + 3] = tern_imm(1),
		[TERN_TILE_STRIDE0] = tern_imm(4),
		[TERN_TILE_STRIDE0 + 1] = tern_imm(4 * K),
		[TERN_TILE_TYPE] = tern_imm(TERN_T_F32 | TERN_TILE_SPM),
	};

	tern_emit_tile(&e.code, 0, 0x7ff, v);
	v[TERN_TILE_ADDR] = tern_reg(AT);
	v[TERN_TILE_TYPE] = tern_imm(TERN_T_F32);
	tern_emit_tile(&e.code, 1, 0x7ff, v);
}

/* One tile into SPM and its product with itself into the accumulators; then return. */
static inline void product(unsigned int flags)
{
	const struct tern_sync filled = {.wait = {{FREE, 1}}, .signal = {{FULL, 1}}};
	const struct tern_sync used = {.wait = {{FULL, 1}}, .signal = {{FREE, 1}}};

	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &filled);
	tern_emit_matrix(&e.code, flags, 0, 0, TERN_NONE, &used);
	tern_emit_alu(&e.code, TERN_ALU_ADD, AT, AT, tern_imm(TILE));
	tern_emit_ring(&e.code, RING, TILE, 0, 3 * TILE);
	tern_emit_op(&e.code, TERN_OP_RET);
}

/* The accumulators, after one more product, of zeros, to memory. */
static inline void write_out(void)
{
	const struct tern_sync filled = {.wait = {{FREE, 1}}, .signal = {{FULL, 1}}};
	const struct tern_sync used = {.wait = {{FULL, 1}}, .signal = {{FREE, 1}, {RESULT, 1}}};
	const struct tern_sync ready = {.wait = {{RESULT, 1}}};

	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &filled);
	set_tile(&e, 2, spm_tile(TERN_T_F32, SPM_OUT, N, N));
	set_tile(&e, 3, mem_tile(TERN_T_F32, OUT, N, N));
	tern_emit_matrix(&e.code, TERN_MATRIX_ACC, 0, 0, 2, &used);
	tern_emit_store(&e.code, 2, 3, TERN_NONE, NULL, &ready);
}

/* memory[OUT] = sum of tile x tile'; then, nothing being live, a word at FLAG. */
static inline void sum_of_squares(void)
{
	size_t first, next, begin, loop;

	sem(FULL, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	sem(FREE, TERN_Q_MATRIX, TERN_Q_LOAD0, 3);
	sem(RESULT, TERN_Q_MATRIX, TERN_Q_STORE, 0);
	begin = tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	first = e.code.n;
	product(0);
	next = e.code.n;
	product(TERN_MATRIX_ACC);
	tern_code_patch(&e.code, begin, e.code.n);
	moving_tiles();
	tern_emit_movi(&e.code, AT, (int64_t)DATA_VA);
	tern_emit_movi(&e.code, RING, 0);
	tern_emit_movi(&e.code, COUNT, TILES - 1);
	tern_emit_mark(&e.code, 1);
	tern_emit_call(&e.code, first);
	loop = e.code.n;
	tern_emit_call(&e.code, next);
	tern_emit_loop(&e.code, COUNT, loop);
	tern_emit_mark(&e.code, 2);
	write_out();
	tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_emit_movi(&e.code, BASE, (int64_t)(DATA_VA + FLAG));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, BASE, 0, 0, 0, (uint64_t[]){0, 0xf1a9}, 2);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static inline float element(int tile, int row, int k)
{
	return (float)((tile * 31 + row * 7 + k * 3) % 17 - 8);
}

static inline void fill_in(void)
{
	float *in = env_at(&e, 0);

	memset(env_at(&e, OUT), 0xee, FLAG - OUT + 8);
	for (int i = 0; i < TILES * N * K; i++)
		in[i] = element(i / (N * K), i / K % N, i % K);
	memset(in + TILES * N * K, 0, TILE);
}

#endif
