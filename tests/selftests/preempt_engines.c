// SPDX-License-Identifier: MIT
/*
 * Jobs that keep something alive in every engine while they are preempted: what they compute is
 * compared with the same sum done here, bit by bit. Any loss of SPM, accumulators, registers, call
 * stack, semaphores or of a transfer shows.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "selftest_engines.h"

#include <tern/fw.h>

/* A product of X [M][K] and W [N][K], both of small integers, so that f32 is exact. */
#define K     32
#define M     4
#define N     8
#define TILES 4	 /* of W */
#define BLOCK 64 /* products between two looks at the accumulators */
#define SAVES 12 /* wanted of a test */
#define JOBS  3

/* Memory of a job, from R0 on. */
enum {
	STOP = 0,
	BEGUN = 8,
	X_START = 1024,
	PATTERN = PAGE,
	W = 2 * PAGE,
	X_ROUND = 3 * PAGE,
	OUT_SUM = X_ROUND + 1024,
	OUT_COUNT = X_ROUND + 2048,
	ZEROS = X_ROUND + 3072,
	OUT_PATTERN = 4 * PAGE,
	JOB_BYTES = 5 * PAGE,
};
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
#define MARK 0x600df00d
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
static struct context c;
static struct buffer memory;
static uint32_t spm;

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
	struct tile w = {IMM(SPM_W), REG(R_TILE), TERN_T_F32 | TERN_TILE_SPM, K, N};

	spm_tile(T_X, SPM_X, TERN_T_I32, K, M);
	spm_tile(T_XF, SPM_XF, TERN_T_F32, K, M);
	spm_tile(T_Y, SPM_Y, TERN_T_F32, K, M);
	spm_tile(T_R, SPM_R, TERN_T_F32, N, M);
	spm_tile(T_SUM, SPM_SUM, TERN_T_I32, N, M);
	spm_tile(T_COUNT, SPM_COUNT, TERN_T_I32, 2, 1);
	spm_tile(T_PATTERN, spm - PAGE, TERN_T_I32, PAGE / 4, 1);
	memory_tile(T_X_START, X_START, TERN_T_I32, K, M);
	memory_tile(T_X_ROUND, X_ROUND, TERN_T_F32, K, M);
	memory_tile(T_ZEROS, ZEROS, TERN_T_I32, N, M);
	memory_tile(T_OUT_SUM, OUT_SUM, TERN_T_I32, N, M);
	memory_tile(T_OUT_COUNT, OUT_COUNT, TERN_T_I32, 2, 1);
	memory_tile(T_PATTERN_MEM, PATTERN, TERN_T_I32, PAGE / 4, 1);
	memory_tile(T_OUT_PATTERN, OUT_PATTERN, TERN_T_I32, PAGE / 4, 1);
	image_tile(&p.image, T_W, &w);
	/* A tile of W has the same place in its ring in SPM as in memory. */
	image_movi(&p.image, R_STOP, 0);
	image_command(&p.image, TERN_OP_ALU, 2, TERN_F_IMM | TERN_ALU_ADD, 10, TERN_REG_ARGS,
		      TERN_NONE);
	image_word(&p.image, W);
	w = (struct tile){REG(10), REG(R_TILE), TERN_T_F32, K, N};
	image_tile(&p.image, T_W_MEM, &w);
}

static void write_semaphores(void)
{
	program_semaphore(&p, W_FULL, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	program_semaphore(&p, W_FREE, TERN_Q_MATRIX, TERN_Q_LOAD0, TILES);
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
	image_ring(&p.image, R_TILE, K * N * 4, TILES * K * N * 4);
}

static void write_start(void)
{
	struct image *image = &p.image;

	image_movi(image, R_MARK, MARK);
	image_movi(image, R_TILE, 0);
	image_movi(image, R_STEP, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_X, T_X_START, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_PATTERN, T_PATTERN_MEM, 0);
	image_dma(image, TERN_OP_LOAD, 0, T_SUM, T_ZEROS, SIGNAL(START));
	image_sync(image, TERN_Q_VECTOR, WAIT(START));
	image_fence(image, TERN_REG_ARGS, BEGUN, 1);
}

static void write_blocks(unsigned int operands, unsigned int sum, unsigned int length)
{
	struct image *image = &p.image;
	unsigned int block = image->words, again;

	multiply(operands, 0, TERN_NONE);
	image_movi(image, R_LEFT, BLOCK - 2);
	again = image->words;
	multiply(operands, TERN_MATRIX_ACC, TERN_NONE);
	image_loop_to(image, R_LEFT, again);
	image_sync(image, TERN_Q_MATRIX, WAIT(R_FREE));
	multiply(operands, TERN_MATRIX_ACC | TERN_MATRIX_OUT, T_R);
	image_sync(image, TERN_Q_MATRIX, SIGNAL(R_FULL));
	program_vector(&p, sum, length, T_SUM, T_R, TERN_NONE, TERN_NONE,
		       WAIT(R_FULL) | SIGNAL(R_FREE));
	image_load(image, R_STOP, TERN_REG_ARGS, STOP);
	image_jump_if_zero(image, R_STOP, block);
}

static void write_results(unsigned int count, unsigned int length)
{
	program_vector(&p, count, length, T_COUNT, TERN_NONE, R_STEP, R_MARK, SIGNAL(DONE));
	image_dma(&p.image, TERN_OP_STORE, 0, T_SUM, T_OUT_SUM, WAIT(DONE));
	image_dma(&p.image, TERN_OP_STORE, 0, T_COUNT, T_OUT_COUNT, 0);
	image_dma(&p.image, TERN_OP_STORE, 0, T_PATTERN, T_OUT_PATTERN, 0);
}

static void write_program(void)
{
	unsigned int step, sum, count, end, operands, start;

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
	program_end(&p, spm, M * N, c.code.map);
}

/* ---- What it is to compute ---- */
static void *at(unsigned int job, unsigned int offset)
{
	return (char *)memory.map + job * JOB_BYTES + offset;
}

static void set_up(unsigned int job)
{
	uint32_t *pattern = at(job, PATTERN);
	int32_t *x = at(job, X_START);
	float *w = at(job, W);

	memset(at(job, 0), 0, JOB_BYTES);
	for (unsigned int i = 0; i < PAGE / 4; i++)
		pattern[i] = (i + 1) * 2654435761u + job;
	for (unsigned int i = 0; i < M * K; i++)
		x[i] = (int32_t)((i * 7 + job) % 16);
	for (unsigned int i = 0; i < TILES * N * K; i++)
		w[i] = (float)((int)((i * 13 + i / K * 5 + job) % 9) - 4);
}

static void step_x(int32_t *x, uint32_t number)
{
	for (unsigned int i = 0; i < M * K; i++)
		x[i] = (int32_t)(((uint32_t)x[i] * 5 + i % K + i / K + number) & 15);
}

static void add_product(int32_t *acc, const int32_t *x, const float *w)
{
	for (unsigned int i = 0; i < M * N; i++)
		for (unsigned int k = 0; k < K; k++)
			acc[i] += x[i / N * K + k] * (int32_t)w[i % N * K + k];
}

static void check(unsigned int job)
{
	const uint32_t *count = at(job, OUT_COUNT), *got = at(job, OUT_SUM);
	uint32_t sum[M * N] = {0}, steps = 0;
	const float *w = at(job, W);
	int32_t x[M * K];

	memcpy(x, at(job, X_START), sizeof(x));
	EQUAL(count[1], MARK);
	CHECK(count[0] > 0);
	EQUAL(count[0] % BLOCK, 0);
	while (steps < count[0]) {
		int32_t acc[M * N] = {0};

		for (unsigned int i = 0; i < BLOCK; i++) {
			step_x(x, ++steps);
			add_product(acc, x, w + (steps - 1) % TILES * N * K);
		}
		for (unsigned int i = 0; i < M * N; i++)
			sum[i] = sum[i] * 3 + (uint32_t)acc[i];
	}
	for (unsigned int i = 0; i < M * N; i++)
		EQUAL(got[i], sum[i]);
	EQUAL(memcmp(at(job, PATTERN), at(job, OUT_PATTERN), PAGE), 0);
}

/* ---- Jobs ---- */
static void begin(void)
{
	struct tern_caps caps = {0};
	struct drm_tern_dev_query query = {
		.type = DRM_TERN_QUERY_CAPS, .size = sizeof(caps), .pointer = (uintptr_t)&caps};
	struct drm_tern_perf trace = {.op = DRM_TERN_PERF_TRACE_START, .size = 65536};

	context_open(&c);
	do_ioctl(c.fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	spm = (uint32_t)caps.spm_bytes;
	memory = make_buffer(c.fd, JOBS * JOB_BYTES);
	bind(c.fd, c.vm, memory.handle, DATA_VA + 16 * PAGE, memory.size, DRM_TERN_BIND_WRITE);
	for (unsigned int job = 0; job < JOBS; job++)
		set_up(job);
	write_program();
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &trace);
}

static void end(void)
{
	free_buffer(c.fd, &memory);
	context_close(&c);
}

static uint32_t queue_of(uint32_t priority)
{
	struct drm_tern_queue_create args = {.vm_id = c.vm, .priority = priority};

	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	return args.queue_id;
}

/* Which ends when told to. */
static uint64_t start_job(uint32_t queue, unsigned int job)
{
	struct drm_tern_job run = {.image = CODE_VA,
				   .args = DATA_VA + 16 * PAGE + job * JOB_BYTES,
				   .budget = 1ull << 44};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(1, &run)};

	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	return call.last_job;
}

static void stop(unsigned int job)
{
	*(volatile uint64_t *)at(job, STOP) = 1;
}

static void await_begin(unsigned int job)
{
	for (int i = 0; i < 6000 && !*(volatile uint64_t *)at(job, BEGUN); i++)
		usleep(10000);
	EQUAL(*(volatile uint64_t *)at(job, BEGUN), 1);
}

static void await_end(uint32_t queue, uint64_t number, unsigned int job)
{
	EQUAL(wait_job(c.fd, queue, number, 60000), 0);
	EQUAL(queue_state(c.fd, queue).error, 0);
	check(job);
}

/* How often this queue's job has been saved since it was asked last. */
static unsigned int saves_of(uint32_t queue)
{
	static struct drm_tern_perf_event events[4096];
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_READ,
				     .size = sizeof(events),
				     .stride = sizeof(events[0]),
				     .pointer = (uintptr_t)events};
	unsigned int saves = 0;

	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.lost, 0);
	for (size_t i = 0; i < args.size / sizeof(events[0]); i++)
		saves += events[i].kind == DRM_TERN_PERF_FW && events[i].queue_id == queue &&
			 events[i].arg == TERN_FW_TRACE_SAVED;
	return saves;
}

/* ---- Tests ---- */
static void alone(void)
{
	uint64_t number;

	begin();
	number = start_job(c.queue, 0);
	await_begin(0);
	stop(0);
	await_end(c.queue, number, 0);
	end();
}

/* Each of the urgent jobs finds engines as it needs them, and leaves them so. */
static void by_a_higher_priority(void)
{
	uint32_t high;
	unsigned int saves = 0;
	uint64_t number;

	begin();
	high = queue_of(DRM_TERN_PRIORITY_HIGH);
	number = start_job(c.queue, 0);
	await_begin(0);
	for (int i = 0; i < 1000 && saves < SAVES; i++) {
		set_up(1);
		stop(1);
		await_end(high, start_job(high, 1), 1);
		saves += saves_of(c.queue);
	}
	printf("# saved %u times\n", saves);
	CHECK(saves >= SAVES);
	EQUAL(queue_state(c.fd, c.queue).done, 0);
	stop(0);
	await_end(c.queue, number, 0);
	end();
}

/* None of which matters more than the others. */
static void by_turns(void)
{
	uint32_t queue[JOBS];
	uint64_t number[JOBS];
	unsigned int saves = 0;

	begin();
	for (unsigned int i = 0; i < JOBS; i++) {
		queue[i] = queue_of(DRM_TERN_PRIORITY_NORMAL);
		number[i] = start_job(queue[i], i);
	}
	for (unsigned int i = 0; i < JOBS; i++)
		await_begin(i);
	for (int i = 0; i < 6000 && saves < SAVES; i++) {
		usleep(10000);
		saves += saves_of(queue[1]);
	}
	printf("# one of them saved %u times\n", saves);
	CHECK(saves >= SAVES);
	for (unsigned int i = 0; i < JOBS; i++)
		stop(i);
	for (unsigned int i = 0; i < JOBS; i++)
		await_end(queue[i], number[i], i);
	end();
}

static const struct test tests[] = {
	{"alone", alone},
	{"by a higher priority", by_a_higher_priority},
	{"by turns", by_turns},
};

int main(void)
{
	return RUN(tests);
}
