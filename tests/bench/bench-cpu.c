// SPDX-License-Identifier: MIT
/*
 * bench-cpu [LEVEL [TYPE]]: speed of the CPU kernels' matrix product on one thread, per type
 * of weights, for one, 8 and 512 rows of activations.
 *
 * Each product takes the next of enough matrices to fill no cache, so one row is bound by
 * memory: its GB/s are of weights as they lie in a file, and the last column compares them
 * with what a loop of plain loads reads. Time is the thread's own, best of several.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/kernels.h"

#define K	2048
#define N	8192
#define MAX_M	512
#define MEMORY	(192ull << 20) /* of weights: six times this machine's L3 */
#define SECONDS 1.0	       /* per number */

static const enum tern_dtype types[] = {TERN_Q4_0, TERN_Q8_0, TERN_Q4_K, TERN_Q6_K,   TERN_F16,
					TERN_BF16, TERN_F32,  TERN_Q4_1, TERN_Q5_0,   TERN_Q5_1,
					TERN_Q2_K, TERN_Q3_K, TERN_Q5_K, TERN_IQ4_NL, TERN_MXFP4};

static uint8_t *memory;
static float x[MAX_M * K], y[MAX_M * (size_t)N];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double read_bandwidth(void)
{
	double best = 0;

	for (int run = 0; run < 5; run++) {
		uint64_t sum[16] = {0}, all = 0;
		const double start = now();
		double rate;

		for (uint64_t at = 0; at < MEMORY; at += sizeof(sum)) {
			uint64_t v[16];

			memcpy(v, memory + at, sizeof(v));
			for (int i = 0; i < 16; i++)
				sum[i] += v[i];
		}
		for (int i = 0; i < 16; i++)
			all += sum[i];
		memory[0] ^= (uint8_t)(all == 1); /* the sum is used */
		rate = (double)MEMORY / (now() - start);
		best = rate > best ? rate : best;
	}
	return best;
}

static void product(struct tern_cpu *cpu, enum tern_dtype type, const void *w, int64_t m)
{
	const struct tern_layout l = tern_layout_of(type);
	const uint64_t row = (uint64_t)(K / l.elems * l.bytes);
	const struct tern_op_desc op = {.op = TERN_MATMUL};
	const struct tern_cpu_tensor src[TERN_MAX_SRC] = {
		{type, {K, N, 1, 1}, {(uint64_t)l.bytes, row, row * N, row * N}, (void *)w},
		{TERN_F32, {K, m, 1, 1}, {4, 4 * K, 4ull * K * m, 4ull * K * m}, x},
	};
	const struct tern_cpu_tensor dst = {
		TERN_F32, {N, m, 1, 1}, {4, 4 * N, 4ull * N * m, 4ull * N * m}, y};

	if (tern_cpu_run(cpu, &op, src, &dst, NULL)) {
		fprintf(stderr, "bench-cpu: %s\n", tern_last_error());
		exit(1);
	}
}

/* Seconds of the fastest product. */
static double fastest(struct tern_cpu *cpu, enum tern_dtype type, int64_t m)
{
	const struct tern_layout l = tern_layout_of(type);
	const uint64_t bytes = (uint64_t)N * K / (uint64_t)l.elems * (uint64_t)l.bytes;
	const double begin = now();
	double best = 1e30;
	uint64_t at = 0;

	for (int run = 0; run < 3 || now() - begin < SECONDS; run++) {
		const double start = now();
		double took;

		product(cpu, type, memory + at, m);
		took = now() - start;
		best = took < best ? took : best;
		at = at + 2 * bytes <= MEMORY ? at + bytes : 0;
	}
	return best;
}

static void row(struct tern_cpu *cpu, enum tern_dtype type, double bandwidth)
{
	const struct tern_layout l = tern_layout_of(type);
	const double macs = (double)K * N, bytes = macs / (double)l.elems * (double)l.bytes;
	const double t1 = fastest(cpu, type, 1), t8 = fastest(cpu, type, 8);
	const double t512 = fastest(cpu, type, MAX_M);

	printf("%-7s %8.1f %8.1f %8.1f %8.1f %7.0f %%\n", tern_dtype_name(type), bytes / t1 * 1e-9,
	       macs / t1 * 1e-9, 8 * macs / t8 * 1e-9, MAX_M * macs / t512 * 1e-9,
	       100 * bytes / t1 / bandwidth);
	fflush(stdout);
}

/* Any bytes are blocks, but a scale that is no number would make the work of NaNs. */
static void fill(void)
{
	uint32_t r = 1;

	for (uint64_t i = 0; i < MEMORY; i++) {
		r = r * 1664525u + 1013904223u;
		memory[i] = (uint8_t)(r >> 24 & 0x3b);
	}
	for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
		r = r * 1664525u + 1013904223u;
		x[i] = (float)(int32_t)r * 0x1p-31f;
	}
}

int main(int argc, char **argv)
{
	const char *level = argc > 1 ? argv[1] : NULL;
	struct tern_cpu *cpu;
	double bandwidth;

	memory = malloc(MEMORY);
	if (!memory || tern_cpu_create_level(1, level, &cpu)) {
		fprintf(stderr, "bench-cpu: %s\n", memory ? tern_last_error() : "no memory");
		return 1;
	}
	fill();
	bandwidth = read_bandwidth();
	printf("%s, 1 thread, %d x %d; loads alone read %.1f GB/s\n", cpu->simd->name, K, N,
	       bandwidth * 1e-9);
	printf("%-7s %17s %8s %8s\n%-7s %8s %8s %8s %8s %9s\n", "", "1 row", "8 rows", "512 rows",
	       "weights", "GB/s", "GMAC/s", "GMAC/s", "GMAC/s", "of loads");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (argc < 3 || !strcmp(argv[2], tern_dtype_name(types[i])))
			row(cpu, types[i], bandwidth);
	tern_cpu_destroy(cpu);
	free(memory);
	return 0;
}
