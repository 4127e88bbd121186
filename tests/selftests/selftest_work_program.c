// SPDX-License-Identifier: MIT
#include "selftest_work_program.h"

#include "selftest_engines.h"

/* SPM; the pattern is in its last page. */
enum {
	SPM_X = 0,
	SPM_XF = 512,
	SPM_Y = 1024,
	SPM_R = 1536,
	SPM_SUM = 1664,
	SPM_COUNT = 1792,
	SPM_W = 4096,
};
enum { R_TILE = 6, R_STEP, R_LEFT, R_STOP, R_MARK = 63 };
enum {
	T_X,
	T_XF,
	T_X_ROUND,
	T_Y,
	T_W,
	T_W_MEM,
	T_R,
	T_SUM,
	T_OUT_SUM,
	T_COUNT,
	T_OUT_COUNT,
	T_PATTERN,
	T_PATTERN_MEM,
	T_OUT_PATTERN,
	T_X_START,
	T_ZEROS,
};
enum {
	W_FULL,
	W_FREE,
	X_READY,
	X_FREE,
	ROUND_FULL,
	ROUND_FREE,
	Y_FULL,
	Y_FREE,
	R_FULL,
	R_FREE,
	START,
	DONE,
};

static struct program p;
static uint32_t spm; /* bytes there are */

/* ---- The program ---- */
static void tile(unsigned int number, struct field at, uint32_t type, uint32_t width, uint32_t rows)
{
	struct tile t = {at, IMM(0), type, width, rows};

	image_tile(&p.image, number, &t);
}

static void spm_tile(unsigned int number, uint32_t at, uint32_t type, uint32_t width, uint32_t rows)
{
	tile(number, IMM(at), type | TERN_TILE_SPM, width, rows);
}

static void memory_tile(unsigned int number, uint32_t at, uint32_t type, uint32_t width,
			uint32_t rows)
{
	struct tile t = {REG(TERN_REG_ARGS), IMM(at), type, width, rows};

	image_tile(&p.image, number, &t);
}

static void write_tiles(void)
{
	struct tile w = {IMM(SPM_W), REG(R_TILE), TERN_T_F32 | TERN_TILE_SPM, WORK_K, WORK_N};

	spm_tile(T_X, SPM_X, TERN_T_I32, WORK_K, WORK_M);
	spm_tile(T_XF, SPM_XF, TERN_T_F32, WORK_K, WORK_M);
	spm_tile(T_Y, SPM_Y, TERN_T_F32, WORK_K, WORK_M);
	spm_tile(T_R, SPM_R, TERN_T_F32, WORK_N, WORK_M);
	spm_tile(T_SUM, SPM_SUM, TERN_T_I32, WORK_N, WORK_M);
	spm_tile(T_COUNT, SPM_COUNT, TERN_T_I32, 2, 1);
	spm_tile(T_PATTERN, spm - PAGE, TERN_T_I32, PAGE / 4, 1);
	memory_tile(T_X_START, WORK_X_START, TERN_T_I32, WORK_K, WORK_M);
	memory_tile(T_X_ROUND, WORK_X_ROUND, TERN_T_F32, WORK_K, WORK_M);
	memory_tile(T_ZEROS, WORK_ZEROS, TERN_T_I32, WORK_N, WORK_M);
	memory_tile(T_OUT_SUM, WORK_OUT_SUM, TERN_T_I32, WORK_N, WORK_M);
	memory_tile(T_OUT_COUNT, WORK_OUT_COUNT, TERN_T_I32, 2, 1);
	memory_tile(T_PATTERN_MEM, WORK_PATTERN, TERN_T_I32, PAGE / 4, 1);
	memory_tile(T_OUT_PATTERN, WORK_OUT_PATTERN, TERN_T_I32, PAGE / 4, 1);
	image_tile(&p.image, T_W, &w);
	/* A tile of W has the same place in its ring in SPM as in memory. */
	image_movi(&p.image, R_STOP, 0);
	image_command(&p.image, TERN_OP_ALU, 2, TERN_F_IMM | TERN_ALU_ADD, 10, TERN_REG_ARGS,
		      TERN_NONE);
	image_word(&p.image, WORK_W);
	w = (struct tile){REG(10), REG(R_TILE), TERN_T_F32, WORK_K, WORK_N};
	image_tile(&p.image, T_W_MEM, &w);
}

static void write_semaphores(void)
{
	program_semaphore(&p, W_FULL, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	program_semaphore(&p, W_FREE, TERN_Q_MATRIX, TERN_Q_LOAD0, WORK_TILES);
	program_semaphore(&p, X_READY, TERN_Q_VECTOR, TERN_Q_STORE, 0);
	program_semaphore(&p, X_FREE, TERN_Q_STORE, TERN_Q_VECTOR, 1);
	program_semaphore(&p, ROUND_FULL, TERN_Q_STORE, TERN_Q_LOAD1, 0);
	program_semaphore(&p, ROUND_FREE, TERN_Q_LOAD1, TERN_Q_STORE, 1);
	program_semaphore(&p, Y_FULL, TERN_Q_LOAD1, TERN_Q_MATRIX, 0);
	program_semaphore(&p, Y_FREE, TERN_Q_MATRIX, TERN_Q_LOAD1, 1);
	program_semaphore(&p, R_FULL, TERN_Q_MATRIX, TERN_Q_VECTOR, 0);
	program_semaphore(&p, R_FREE, TERN_Q_VECTOR, TERN_Q_MATRIX, 1);
	program_semaphore(&p, START, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	program_semaphore(&p, DONE, TERN_Q_VECTOR, TERN_Q_STORE, 0);
}

/* X = (5 X + lane + row + S0) & 15, as i32 in tile 0 and as f32 in tile 1. */
static unsigned int micro_step(void)
{
	unsigned int place = micro_begin(&p);

	micro(&p, TERN_V_ROW, S(8), 0, 0, 1);
	micro(&p, TERN_V_LANES, 0, 0, 0, 0);
	micro(&p, TERN_V_LD, V(0), 0, 0, 0);
	micro(&p, TERN_V_IMUL, V(0), V(0), VALUE, 5);
	micro(&p, TERN_V_LANE, V(1), 0, 0, 0);
	micro(&p, TERN_V_IADD, V(0), V(0), V(1), 0);
	micro(&p, TERN_V_IADD, V(0), V(0), S(8), 0);
	micro(&p, TERN_V_IADD, V(0), V(0), S(0), 0);
	micro(&p, TERN_V_AND, V(0), V(0), VALUE, 15);
	micro(&p, TERN_V_ST, 0, V(0), 0, 0);
	micro(&p, TERN_V_I2F, V(2), V(0), 0, 0);
	micro(&p, TERN_V_ST, 1, V(2), 0, 0);
	micro(&p, TERN_V_ENDL, 0, 0, 0, 0);
	micro(&p, TERN_V_STOP, 0, 0, 0, 0);
	return place;
}

/* Tile 0 = 3 * tile 0 + tile 1. */
static unsigned int micro_sum(void)
{
	unsigned int place = micro_begin(&p);

	micro(&p, TERN_V_LANES, 0, 0, 0, 0);
	micro(&p, TERN_V_LD, V(0), 0, 0, 0);
	micro(&p, TERN_V_LD, V(1), 1, 0, 0);
	micro(&p, TERN_V_F2I, V(1), V(1), 0, 0);
	micro(&p, TERN_V_IMUL, V(0), V(0), VALUE, 3);
	micro(&p, TERN_V_IADD, V(0), V(0), V(1), 0);
	micro(&p, TERN_V_ST, 0, V(0), 0, 0);
	micro(&p, TERN_V_ENDL, 0, 0, 0, 0);
	micro(&p, TERN_V_STOP, 0, 0, 0, 0);
	return place;
}

/* S0 and S1 to tile 0. */
static unsigned int micro_count(void)
{
	unsigned int place = micro_begin(&p);

	micro(&p, TERN_V_STS, 0, S(0), 0, 0);
	micro(&p, TERN_V_STS, 0, S(1), 0, 1);
	micro(&p, TERN_V_STOP, 0, 0, 0, 0);
	return place;
}

/* The next X, through memory; the next tile of W. Then whoever called multiplies them. */
static void write_operands(unsigned int step, unsigned int length)
{
	struct image *image = &p.image;

	image_add(image, R_STEP, 1);
	program_vector(&p, step, length, T_X, T_XF, R_STEP, TERN_NONE,
		       WAIT(X_FREE) | SIGNAL(X_READY));
	image_dma(image, TERN_OP_STORE, 0, T_XF, T_X_ROUND,
		  WAIT(X_READY) | WAIT2(ROUND_FREE) | SIGNAL(X_FREE) | SIGNAL2(ROUND_FULL));
	image_dma(image, TERN_OP_LOAD, TERN_LOAD_DEP, T_Y, T_X_ROUND,
		  WAIT(ROUND_FULL) | WAIT2(Y_FREE) | SIGNAL(ROUND_FREE) | SIGNAL2(Y_FULL));
	image_dma(image, TERN_OP_LOAD, 0, T_W, T_W_MEM, WAIT(W_FREE) | SIGNAL(W_FULL));
	image_return(image);
}

/* Captures the tile of W that write_operands() has asked for, and goes on to the next. */
static void multiply(unsigned int operands, unsigned int flags, unsigned int result)
{
	image_call(&p.image, operands);
	image_matrix(&p.image, flags, T_Y, T_W, result,
		     WAIT(W_FULL) | WAIT2(Y_FULL) | SIGNAL(W_FREE) | SIGNAL2(Y_FREE));
	image_ring(&p.image, R_TILE, WORK_K * WORK_N * 4, WORK_TILES * WORK_K * WORK_N * 4);
}

static void write_start(void)
{
	struct image *image = &p.image;

	image_movi(image, R_MARK, WORK_MARK);
	image_movi(image, R_TILE, 0);
	image_movi(image, R_STEP, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_X, T_X_START, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_PATTERN, T_PATTERN_MEM, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_SUM, T_ZEROS, SIGNAL(START));
	image_sync(image, TERN_Q_VECTOR, WAIT(START));
	image_fence(image, TERN_REG_ARGS, WORK_BEGUN, 1);
}

static void write_blocks(unsigned int operands, unsigned int sum, unsigned int length)
{
	struct image *image = &p.image;
	unsigned int block = image->words, again;

	multiply(operands, 0, TERN_NONE);
	image_movi(image, R_LEFT, WORK_BLOCK - 2);
	again = image->words;
	multiply(operands, TERN_MATRIX_ACC, TERN_NONE);
	image_loop_to(image, R_LEFT, again);
	image_sync(image, TERN_Q_MATRIX, WAIT(R_FREE));
	multiply(operands, TERN_MATRIX_ACC | TERN_MATRIX_OUT, T_R);
	image_sync(image, TERN_Q_MATRIX, SIGNAL(R_FULL));
	program_vector(&p, sum, length, T_SUM, T_R, TERN_NONE, TERN_NONE,
		       WAIT(R_FULL) | SIGNAL(R_FREE));
	image_load(image, R_STOP, TERN_REG_ARGS, WORK_STOP);
	image_jump_if_zero(image, R_STOP, block);
}

static void write_results(unsigned int count, unsigned int length)
{
	program_vector(&p, count, length, T_COUNT, TERN_NONE, R_STEP, R_MARK, SIGNAL(DONE));
	image_dma(&p.image, TERN_OP_STORE, 0, T_SUM, T_OUT_SUM, WAIT(DONE));
	image_dma(&p.image, TERN_OP_STORE, 0, T_COUNT, T_OUT_COUNT, 0);
	image_dma(&p.image, TERN_OP_STORE, 0, T_PATTERN, T_OUT_PATTERN, 0);
}

void work_program(uint32_t spm_bytes, void *at)
{
	unsigned int step, sum, count, end, operands, start;

	spm = spm_bytes;
	program_begin(&p);
	write_semaphores();
	step = micro_step();
	sum = micro_sum();
	count = micro_count();
	end = p.micros;
	/* The subroutine comes first: a jump over it is put in when its length is known. */
	start = p.image.words;
	image_jump(&p.image, start);
	operands = p.image.words;
	write_operands(step, sum - step);
	p.image.word[start + 1] = p.image.words - start;
	write_tiles();
	write_start();
	write_blocks(operands, sum, count - sum);
	write_results(count, end - count);
	program_end(&p, spm, WORK_M * WORK_N, at);
}
