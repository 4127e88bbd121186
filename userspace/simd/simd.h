/* SPDX-License-Identifier: MIT */
/*
 * Bit-defined arithmetic of the contract, for the model and the CPU kernels.
 *
 * One table of functions per instruction set, chosen at run time; every table gives
 * the same bits (uapi/tern/README.md, "Numbers"). Pure functions; thread-safe.
 */
#ifndef TERN_SIMD_H
#define TERN_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/isa.h>

/* One matrix product, seen by one thread: outputs [m0,m1) x [n0,n1).
 * c[m][n] (+)= sum over k; f32, leading dimension ldc (floats). */
struct tern_gemm {
	unsigned int a_type; /* ACT, F16, BF16, F32 */
	unsigned int b_type; /* with ACT: an OP* type or any BLOCK type (decoded on the fly);
			      * else the same as a_type, or a BLOCK type decoded to a_type */
	bool kn;	     /* b is [K][N] (n contiguous), plain types only */
	bool accumulate;     /* start from c instead of zero */
	int64_t k;	     /* elements; a multiple of 32 for ACT (tiles are padded) */
	int64_t m0, m1, n0, n1;
	const void *a;
	int64_t a_stride; /* bytes between rows of A */
	const void *b;
	int64_t b_stride; /* bytes between rows of B (kn: between k) */
	int64_t k0;	  /* first element of B's rows (multiple of its block) */
	float *c;
	int64_t ldc;
};

/* One VECTOR command over a range of rows. */
struct tern_vtile {
	unsigned char *base;			      /* host address of coordinate 0 */
	int64_t size[TERN_NDIMS], stride[TERN_NDIMS]; /* as in the descriptor; size 1 broadcasts */
	unsigned int type;
	bool present;
};
struct tern_vrun {
	const uint64_t *prog;
	size_t n;
	struct tern_vtile t[TERN_VECTOR_TILES]; /* t[0] gives the domain */
	uint32_t s[8];				/* S0..S7 */
	int64_t row0, row1;			/* linear over dimensions 1..3 of t[0] */
};

struct tern_simd {
	const char *name;

	/* n elements (whole blocks) of a BLOCK type to operand groups, back to back. */
	void (*decode_operand)(unsigned int type, const void *src, void *dst, int64_t n);
	/* n elements of any PLAIN float or BLOCK type to f32 / from f32 (STORE's encoders,
	 * ggml's reference rounding). */
	void (*to_f32)(unsigned int type, const void *src, float *dst, int64_t n);
	void (*from_f32)(unsigned int type, const float *src, void *dst, int64_t n);
	/* STQ: n f32 (a partial last group is padded with zeros) to ACT groups. */
	void (*quantise_act)(const float *src, void *dst, int64_t n);
	void (*gemm)(const struct tern_gemm *g);
	/* Run a validated micro-program; returns 0 or a tern_fault_code (*bad: value). */
	int (*vector)(const struct tern_vrun *r, uint64_t *bad);
};

/* NULL name: the best this CPU has. NULL result: no such set, or not on this CPU. */
const struct tern_simd *tern_simd_get(const char *name);
extern const struct tern_simd tern_simd_scalar;

#endif
