/* SPDX-License-Identifier: MIT */
/*
 * What the families of kernels share: the operator at hand, rows of any type as f32, scratch.
 */
#ifndef TERN_CPU_KERNELS_H
#define TERN_CPU_KERNELS_H

#include <pthread.h>

#include "cpu/cpu.h"
#include "cpu/pool.h"
#include "simd/simd.h"

struct tern_vec;
struct tern_mm;

struct tern_cpu {
	struct tern_pool *pool;
	unsigned int threads;
	const struct tern_simd *simd;
	const struct tern_vec *vec;
	const struct tern_mm *mm; /* NULL: products through simd->gemm */
	pthread_mutex_t lock;	  /* one operator at a time */
	const volatile int *stop; /* of the operator that runs */
	void *scratch;
	size_t scratch_size;
};

/* tern_cpu_create with a named instruction set (tern_simd_get); for tests and benchmarks. */
int tern_cpu_create_level(unsigned int threads, const char *level, struct tern_cpu **out);

/* One operator and its tensors; data of absent sources is NULL. */
struct tern_cpu_op {
	const struct tern_op_desc *op;
	const struct tern_cpu_tensor *src;
	const struct tern_cpu_tensor *dst;
};

/* fn over [0, n), see tern_pool_for. */
void tern_cpu_for(struct tern_cpu *cpu, int64_t n, int64_t grain, tern_pool_fn fn, void *ctx);

/*
 * Memory for one operator: `shared` bytes, then `each` bytes per worker. Aligned to 64;
 * undefined contents; valid until the next call. NULL: -ENOMEM, and the message is set.
 */
struct tern_scratch {
	char *shared, *worker;
	size_t each;
};
int tern_cpu_scratch(struct tern_cpu *cpu, size_t shared, size_t each, struct tern_scratch *out);
static inline void *tern_scratch_of(const struct tern_scratch *s, unsigned int worker)
{
	return s->worker + worker * s->each;
}
static inline size_t tern_align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* ---- types ---------------------------------------------------------------------- */
#define TERN_BIT(type) (1ull << TERN_##type)
#define TERN_FLOATS    (TERN_BIT(F32) | TERN_BIT(F16) | TERN_BIT(BF16))
#define TERN_INDICES   (TERN_BIT(I32) | TERN_BIT(I64))
#define TERN_INTEGERS  (TERN_INDICES | TERN_BIT(I8) | TERN_BIT(I16))
/* Those that simd->from_f32 writes. */
#define TERN_ENCODED                                                                          \
	(TERN_BIT(Q8_0) | TERN_BIT(Q4_0) | TERN_BIT(Q4_1) | TERN_BIT(Q5_0) | TERN_BIT(Q5_1) | \
	 TERN_BIT(IQ4_NL))
#define TERN_BLOCKS                                                                         \
	(TERN_ENCODED | TERN_BIT(Q2_K) | TERN_BIT(Q3_K) | TERN_BIT(Q4_K) | TERN_BIT(Q5_K) | \
	 TERN_BIT(Q6_K) | TERN_BIT(MXFP4))

static inline bool tern_is(enum tern_dtype type, uint64_t types)
{
	return (unsigned int)type < 64 && (types >> type & 1);
}

struct tern_layout {
	int64_t elems, bytes; /* of a block; {1, size} for plain types, {0, 0}: no such type */
};
struct tern_layout tern_layout_of(enum tern_dtype type);

/* ---- rows --------------------------------------------------------------------------- */
static inline char *tern_row(const struct tern_cpu_tensor *t, int64_t i1, int64_t i2, int64_t i3)
{
	return (char *)t->data + (uint64_t)i1 * t->nb[1] + (uint64_t)i2 * t->nb[2] +
	       (uint64_t)i3 * t->nb[3];
}
/* The same with coordinates wrapped to the tensor's sizes: broadcast. */
static inline char *tern_row_wrap(const struct tern_cpu_tensor *t, int64_t i1, int64_t i2,
				  int64_t i3)
{
	return tern_row(t, i1 % t->ne[1], i2 % t->ne[2], i3 % t->ne[3]);
}
/* Coordinates 1..3 of row number `row`. */
static inline void tern_split(const int64_t ne[4], int64_t row, int64_t i[3])
{
	i[0] = row % ne[1];
	i[1] = row / ne[1] % ne[2];
	i[2] = row / ne[1] / ne[2];
}

/*
 * n elements of a row from element `at` (a multiple of the block) as f32: in place if they
 * are contiguous F32, else converted to tmp.
 */
const float *tern_load(const struct tern_simd *simd, const struct tern_cpu_tensor *t,
		       const char *row, int64_t at, int64_t n, float *tmp);
/* Where to compute n elements for tern_store: the row itself if it is contiguous F32. */
float *tern_target(const struct tern_cpu_tensor *t, char *row, int64_t at, float *tmp);
/* Convert v to the row unless it already is there. */
void tern_store(const struct tern_simd *simd, const struct tern_cpu_tensor *t, char *row,
		int64_t at, int64_t n, const float *v);
/* n elements of a row of a tensor whose ne0 repeats to cover them. */
const float *tern_load_wrap(const struct tern_simd *simd, const struct tern_cpu_tensor *t,
			    const char *row, int64_t at, int64_t n, float *tmp);

/* Element `at` of a row of integers. */
int64_t tern_load_index(const struct tern_cpu_tensor *t, const char *row, int64_t at);
/* Every index in [0, limit), or -EINVAL. */
int tern_check_indices(const struct tern_cpu_tensor *t, int64_t limit);

/*
 * Merge neighbouring dimensions that all n tensors of equal shape step through evenly, so
 * that rows become long.
 */
void tern_collapse(struct tern_cpu_tensor *t, int n);

/* ---- the families ---------------------------------------------------------------------- */
#define TERN_CPU_KERNEL(name)                                                    \
	int tern_cpu_##name(struct tern_cpu *cpu, const struct tern_cpu_op *op); \
	int tern_cpu_check_##name(const struct tern_cpu_op *op)
TERN_CPU_KERNEL(matmul);
TERN_CPU_KERNEL(matmul_id);
TERN_CPU_KERNEL(add_id);
TERN_CPU_KERNEL(get_rows);
TERN_CPU_KERNEL(set_rows);
TERN_CPU_KERNEL(norm); /* all three */
TERN_CPU_KERNEL(rope);
TERN_CPU_KERNEL(soft_max);
TERN_CPU_KERNEL(attention);
TERN_CPU_KERNEL(glu);
TERN_CPU_KERNEL(unary);
TERN_CPU_KERNEL(binary);
TERN_CPU_KERNEL(scale); /* and clamp */
TERN_CPU_KERNEL(copy);
TERN_CPU_KERNEL(concat);
TERN_CPU_KERNEL(repeat);
TERN_CPU_KERNEL(sum_rows); /* and mean */
TERN_CPU_KERNEL(argmax);
TERN_CPU_KERNEL(argsort); /* and top_k */

/* ALiBi's slope of head h of n; 1 without a bias. */
float tern_cpu_slope(float max_bias, int64_t n, int64_t h);

/* -EOPNOTSUPP with "<operator>: <rule>" as the message. */
int tern_cpu_refuse(const struct tern_cpu_op *op, const char *rule);
bool tern_same_shape(const struct tern_cpu_tensor *a, const struct tern_cpu_tensor *b);
/* Each size of `small` divides (or repeats to) that of `big`. */
bool tern_repeats(const struct tern_cpu_tensor *small, const struct tern_cpu_tensor *big);

#endif
