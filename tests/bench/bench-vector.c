// SPDX-License-Identifier: MIT
/*
 * Elements per second of VECTOR micro-programs like those a decoder layer runs, per
 * instruction set, on one core. An element is one place of the row, whatever the program
 * does to it. Best of several rounds.
 *
 *   bench-vector [seconds per row, default 0.2]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "isa/codec.h"
#include "simd/vector.h"

#define S(n) (TERN_V_S0 + (n))
#define IMM  TERN_V_IMM
/* The immediate that holds an f32. */
static uint32_t bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

/* x: unused, d, a, b, immediate as f32, immediate as an integer. */
struct op {
	uint8_t op;
	float x[6];
};

#define MAX_OPS 40
struct bench {
	const char *name;
	int64_t size[3]; /* elements of the loop, rows per head or token, tokens */
	int64_t stride0; /* bytes */
	struct op ops[MAX_OPS];
};

/* Tiles: 0 and 1 activations, 2 weights that all rows share, 3 result, 4 quantised. */
#define V(name, ...)                   \
	{                              \
		TERN_V_##name,         \
		{                      \
			0, __VA_ARGS__ \
		}                      \
	}

/* clang-format off */
#define NORM(n, rows) {(n), (rows), 1}, 4, { \
	V(LANES), V(LD, 0, 0), V(MUL, 1, 0, 0), V(RSUM, S(8), 1), V(ENDL), \
	V(MUL, S(8), S(8), IMM, 1.0f / (n)), V(ADD, S(8), S(8), IMM, 1e-5f), V(RSQRT, S(8), S(8)), \
	V(LANES), V(LD, 0, 0), V(LD, 1, 2), V(MUL, 0, 0, S(8)), V(MUL, 0, 0, 1), V(ST, 3, 0), V(ENDL), \
	V(STOP)}
#define NORM_Q(n, rows) {(n), (rows), 1}, 4, { \
	V(LANES), V(LD, 0, 0), V(MUL, 1, 0, 0), V(RSUM, S(8), 1), V(ENDL), \
	V(MUL, S(8), S(8), IMM, 1.0f / (n)), V(ADD, S(8), S(8), IMM, 1e-5f), V(RSQRT, S(8), S(8)), \
	V(LANES), V(LD, 0, 0), V(LD, 1, 2), V(MUL, 0, 0, S(8)), V(MUL, 0, 0, 1), V(STQ, 4, 0), V(ENDL), \
	V(STOP)}
#define SOFTMAX(n, rows) {(n), (rows), 1}, 4, { \
	V(LANES), V(LD, 0, 0), V(RMAX, S(8), 0), V(ENDL), \
	V(LANES), V(LD, 0, 0), V(SUB, 0, 0, S(8)), V(MUL, 0, 0, IMM, 0.125f), V(EXP, 0, 0), \
	V(RSUM, S(9), 0), V(ST, 3, 0), V(ENDL), \
	V(RCP, S(9), S(9)), \
	V(LANES, 0, 0, 0, 0, 3), V(LD, 0, 3), V(MUL, 0, 0, S(9)), V(ST, 3, 0), V(ENDL), V(STOP)}

static const struct bench benches[] = {
	{"add 2048", {2048, 16, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(LD, 1, 1), V(ADD, 0, 0, 1), V(ST, 3, 0), V(ENDL), V(STOP)}},
	{"add in place 2048", {2048, 16, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(LD, 1, 1), V(ADD, 0, 0, 1), V(ST, 0, 0), V(ENDL), V(STOP)}},
	{"rms norm 2048", NORM(2048, 16)},
	{"rms norm + quantise 2048", NORM_Q(2048, 16)},
	{"rms norm 64", NORM(64, 512)},
	{"softmax 2048", SOFTMAX(2048, 16)},
	{"softmax 100", SOFTMAX(100, 256)},
	{"swiglu 2048", {2048, 16, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(NEG, 1, 0), V(EXP, 1, 1), V(ADD, 1, 1, IMM, 1.0f),
		V(DIV, 0, 0, 1), V(LD, 1, 1), V(MUL, 0, 0, 1), V(ST, 3, 0), V(ENDL), V(STOP)}},
	{"gelu (tanh) 2048", {2048, 16, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(MUL, 1, 0, 0), V(MUL, 1, 1, IMM, 0.044715f),
		V(ADD, 1, 1, IMM, 1.0f), V(MUL, 1, 1, 0), V(MUL, 1, 1, IMM, 0.7978845608f),
		V(TANH, 1, 1), V(ADD, 1, 1, IMM, 1.0f), V(MUL, 0, 0, 1), V(MUL, 0, 0, IMM, 0.5f),
		V(ST, 3, 0), V(ENDL), V(STOP)}},
	{"rope, pairs 32 apart", {32, 16, 32}, 4, {
		V(LANES, 0, 0, 0, 0, 5), V(LD, 0, 5), V(LD, 1, 6), V(LD, 2, 2), V(LD, 3, 7),
		V(MUL, 4, 1, 3), V(NEG, 4, 4), V(FMA, 4, 0, 2, 0, 4), V(MUL, 5, 0, 3),
		V(FMA, 5, 1, 2, 0, 5), V(ST, 5, 4), V(ST, 6, 5), V(ENDL), V(STOP)}},
	{"rope, interleaved", {32, 16, 32}, 8, {
		V(LANES, 0, 0, 0, 0, 5), V(LD, 0, 5), V(LD, 1, 6), V(LD, 2, 2), V(LD, 3, 7),
		V(MUL, 4, 1, 3), V(NEG, 4, 4), V(FMA, 4, 0, 2, 0, 4), V(MUL, 5, 0, 3),
		V(FMA, 5, 1, 2, 0, 5), V(ST, 5, 4), V(ST, 6, 5), V(ENDL), V(STOP)}},
	{"sin 2048", {2048, 16, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(SIN, 0, 0), V(ST, 3, 0), V(ENDL), V(STOP)}},
	{"argmax 131072", {131072, 1, 1}, 4, {
		V(LANES), V(LD, 0, 0), V(RAMAX, S(8), 0), V(ENDL), V(STS, 3, S(8)), V(STOP)}},
};
/* clang-format on */

#define WORDS (1 << 18)
static float *memory[TERN_VECTOR_TILES];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t assemble(const struct bench *b, uint64_t *prog)
{
	size_t n = 0;

	do {
		const struct op *o = &b->ops[n];
		const uint32_t imm = o->x[5] != 0 ? (uint32_t)o->x[5] : bits(o->x[4]);

		prog[n] = tern_vinstr(o->op, (unsigned int)o->x[1], (unsigned int)o->x[2],
				      (unsigned int)o->x[3], imm);
	} while (b->ops[n++].op != TERN_V_STOP);
	return n;
}

static struct tern_vtile tile(const struct bench *b, void *base, bool shared)
{
	const int64_t *n = b->size, row = n[0] * b->stride0;

	return (struct tern_vtile){
		.base = base,
		.size = {n[0], shared ? 1 : n[1], n[2], 1},
		.stride = {shared ? 4 : b->stride0, row, shared ? n[0] * 4 : row * n[1], 0},
		.type = TERN_T_F32,
		.present = true,
	};
}

static void place_tiles(const struct bench *b, struct tern_vrun *run)
{
	for (int t = 0; t < TERN_VECTOR_TILES; t++)
		run->t[t] = tile(b, memory[t], t == 2 || t == 7);
	run->t[4].type = TERN_T_ACT;
	run->t[4].stride[0] = 0;
	/* RoPE rotates pairs within a head: two views of tile 0. */
	run->t[5] = run->t[6] = run->t[0];
	if (b->size[2] > 1 && b->stride0 == 4)
		for (int t = 5; t <= 6; t++) {
			run->t[t].stride[1] *= 2;
			run->t[t].stride[2] *= 2;
		}
	run->t[6].base += b->stride0 == 8 ? 4 : b->size[0] * 4;
	run->t[0] = b->size[2] > 1 ? run->t[5] : run->t[0];
	run->row1 = b->size[1] * b->size[2];
}

static double measure(const struct bench *b, int (*vector)(const struct tern_vrun *, uint64_t *),
		      double seconds)
{
	const double elements = (double)(b->size[0] * b->size[1] * b->size[2]);
	uint64_t prog[MAX_OPS], bad;
	struct tern_vrun run = {.prog = prog, .n = assemble(b, prog)};
	double best = 1e9;
	int err = 0;

	place_tiles(b, &run);
	for (double end = now() + seconds; now() < end && !err;) {
		const double start = now();

		err = vector(&run, &bad);
		best = fmin(best, now() - start);
	}
	if (err)
		fprintf(stderr, "%s: %s\n", b->name, tern_fault_name((unsigned int)err));
	return elements / best;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
	const double seconds = argc > 1 ? atof(argv[1]) : 0.2;

	for (int t = 0; t < TERN_VECTOR_TILES; t++) {
		memory[t] = aligned_alloc(64, WORDS * sizeof(float));
		if (!memory[t])
			return EXIT_FAILURE;
		for (int i = 0; i < WORDS; i++)
			memory[t][i] = (float)((i * 7919 + t) % 2003) / 1001.0f - 1.0f;
	}
	printf("%-26s %8s", "10^9 elements/s", "");
	for (size_t l = 0; l < 4; l++)
		if (tern_simd_get(names[l]))
			printf(" %8s", names[l]);
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		printf("\n%-35s", benches[i].name);
		for (size_t l = 0; l < 4; l++)
			if (tern_simd_get(names[l]))
				printf(" %8.3f",
				       1e-9 * measure(&benches[i], tern_simd_get(names[l])->vector,
						      seconds));
	}
	printf("\n");
	for (int t = 0; t < TERN_VECTOR_TILES; t++)
		free(memory[t]);
	return EXIT_SUCCESS;
}
