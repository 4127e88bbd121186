// SPDX-License-Identifier: MIT
/*
 * Speed of the matrix products: bytes of packed weights per second for one row of A,
 * multiply-accumulates per second for many. One thread.
 *
 *   bench-simd [LEVEL [TYPE]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simd/simd.h"
#include "isa/codec.h"

#define WEIGHT_BYTES \
	(192u << 20) /* six times the last-level cache of the machine it was tuned on */
#define K	2048
#define MAX_M	512
#define GEMM_N	1024
#define SECONDS 0.25 /* per measurement, best of the runs that fit */

static const unsigned int act_types[] = {
	TERN_T_Q4_0, TERN_T_Q4_1,  TERN_T_Q5_0, TERN_T_Q5_1,  TERN_T_Q8_0,   TERN_T_Q2_K,
	TERN_T_Q3_K, TERN_T_Q4_K,  TERN_T_Q5_K, TERN_T_Q6_K,  TERN_T_IQ4_NL, TERN_T_MXFP4,
	TERN_T_OP32, TERN_T_OP32M, TERN_T_OP16, TERN_T_OP16M,
};
static const unsigned int float_types[] = {TERN_T_F16, TERN_T_BF16, TERN_T_F32};

struct act {
	int8_t q[32];
	float scale;
	int16_t sum[2];
};

static unsigned char *weights, *activations;
static float *result;
static double read_gbs;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t next_random(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

/* Bytes that are small, normal numbers in every format: no NaN, no subnormal stalls. */
static void fill_weights(void)
{
	for (size_t i = 0; i < WEIGHT_BYTES; i += 2) {
		weights[i] = (unsigned char)next_random();
		weights[i + 1] = (unsigned char)(0x20 | (next_random() & 0x0f));
	}
}

static void fill_act(void)
{
	struct act *a = (struct act *)activations;

	for (size_t i = 0; i < (size_t)MAX_M * K / 32; i++) {
		int sum[2] = {0, 0};

		for (int j = 0; j < 32; j++) {
			a[i].q[j] = (int8_t)((int)(next_random() % 255) - 127);
			sum[j / 16] += a[i].q[j];
		}
		a[i].scale = 0.01f;
		a[i].sum[0] = (int16_t)sum[0];
		a[i].sum[1] = (int16_t)sum[1];
	}
}

/* Reading alone: memcpy into a buffer that stays in the first-level cache. */
static double read_bandwidth(void)
{
	static unsigned char sink[16384];
	double best = 1e9;

	for (int run = 0; run < 5; run++) {
		double t = now();

		for (size_t i = 0; i < WEIGHT_BYTES; i += sizeof(sink)) {
			memcpy(sink, weights + i, sizeof(sink));
			__asm__ volatile("" : : "r"(sink) : "memory");
		}
		t = now() - t;
		best = t < best ? t : best;
	}
	return WEIGHT_BYTES / best * 1e-9;
}

/* Seconds of the best run. */
static double time_gemm(const struct tern_simd *s, const struct tern_gemm *g)
{
	double best = 1e9, start = now();

	do {
		double t = now();

		s->gemm(g);
		t = now() - t;
		best = t < best ? t : best;
	} while (now() - start < SECONDS);
	return best;
}

static struct tern_gemm product(unsigned int a_type, unsigned int b_type, int64_t m, int64_t n)
{
	return (struct tern_gemm){
		.a_type = a_type,
		.b_type = b_type,
		.k = K,
		.m1 = m,
		.n1 = n,
		.a = activations,
		.a_stride = (int64_t)tern_type_row_bytes(a_type, K),
		.b = weights,
		.b_stride = (int64_t)tern_type_row_bytes(b_type, K),
		.c = result,
		.ldc = n,
	};
}

static void bench(const struct tern_simd *s, unsigned int a_type, unsigned int b_type)
{
	bool slow = !strcmp(s->name, "scalar"); /* minutes otherwise */
	uint64_t row = tern_type_row_bytes(b_type, K);
	int64_t n = (int64_t)(WEIGHT_BYTES / row) / (slow ? 64 : 1);
	struct tern_gemm g = product(a_type, b_type, 1, n);
	double gbs = (double)n * (double)row / time_gemm(s, &g) * 1e-9;

	printf("%-8s %-7s %8.2f %7.0f%%", s->name, tern_type_info(b_type)->name, gbs,
	       100 * gbs / read_gbs);
	for (int64_t m = 8; m <= MAX_M; m *= 8) {
		n = slow ? 16 : GEMM_N;
		g = product(a_type, b_type, m, n);
		printf(" %9.2f", (double)n * (double)m * K / time_gemm(s, &g) * 1e-9);
	}
	printf("\n");
	fflush(stdout);
}

static bool wanted(unsigned int type, const char *name)
{
	return !name || !strcmp(tern_type_info(type)->name, name);
}

static void bench_level(const struct tern_simd *s, const char *type)
{
	for (size_t i = 0; i < sizeof(act_types) / sizeof(*act_types); i++)
		if (wanted(act_types[i], type))
			bench(s, TERN_T_ACT, act_types[i]);
	for (size_t i = 0; i < sizeof(float_types) / sizeof(*float_types); i++)
		if (wanted(float_types[i], type))
			bench(s, float_types[i], float_types[i]);
}

int main(int argc, char **argv)
{
	static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};

	weights = aligned_alloc(4096, WEIGHT_BYTES);
	activations = aligned_alloc(4096, MAX_M * K * 4);
	result = aligned_alloc(4096, WEIGHT_BYTES / 8);
	if (!weights || !activations || !result) {
		fprintf(stderr, "bench-simd: %s\n", strerror(ENOMEM));
		return 1;
	}
	memset(result, 0, WEIGHT_BYTES / 8);
	fill_weights();
	read_gbs = read_bandwidth();
	printf("reading memory: %.2f GB/s (memcpy into L1); K = %d\n", read_gbs, K);
	printf("%-8s %-7s %8s %8s %9s %9s %9s\n", "level", "type", "GB/s M=1", "of read",
	       "GMAC/s 8", "64", "512");
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		const struct tern_simd *s = tern_simd_get(levels[i]);

		if (!s || (argc > 1 && strcmp(argv[1], levels[i]) != 0))
			continue;
		fill_act();
		bench_level(s, argc > 2 ? argv[2] : NULL);
	}
	free(weights);
	free(activations);
	free(result);
	return 0;
}
