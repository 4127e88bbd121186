/* SPDX-License-Identifier: MIT */
/*
 * The meaning of every operator of <tern.h>, in double precision, written from the
 * definitions and sharing no code with what is tested. For the CPU kernels and the NPU.
 *
 *	ref_load()  any tensor in memory -> doubles	(block formats decoded here)
 *	ref_run()   the operator, on doubles
 *	ref_round() what a destination of some type can hold of the result
 *	ref_compare()
 *
 * Slow on purpose: one element at a time, no tables of cases that two formats share.
 */
#ifndef TEST_REF_H
#define TEST_REF_H

#include <tern.h>

/* Contiguous, dimension 0 innermost; v NULL: no such tensor. */
struct ref_tensor {
	int64_t ne[4];
	double *v;
};

static inline int64_t ref_count(const int64_t ne[4])
{
	return ne[0] * ne[1] * ne[2] * ne[3];
}
struct ref_tensor ref_alloc(const int64_t ne[4]); /* zeros */
struct ref_tensor ref_load(enum tern_dtype type, const int64_t ne[4], const uint64_t nb[4],
			   const void *data);
/* Rounds to `type` (see ref_encode) and writes; strides must not overlap. */
void ref_store(const struct ref_tensor *t, enum tern_dtype type, const uint64_t nb[4], void *data);
/* t = what a tensor of `type` holds after ref_store. */
void ref_round(struct ref_tensor *t, enum tern_dtype type);
void ref_free(struct ref_tensor *t);

/*
 * dst has its sizes set and ne products allocated; SET_ROWS keeps what it does not write,
 * everything else overwrites all of it. `op->src` and `op->dst` are not looked at: src[i] is
 * source i. Indices must be in range.
 */
void ref_run(const struct tern_op_desc *op, const struct ref_tensor *src, struct ref_tensor *dst);

/* ---- formats ------------------------------------------------------------------ */
struct ref_type {
	const char *name;
	int elems, bytes; /* of a block */
	bool encodes;	  /* ref_encode can write it */
};
/* NULL: no such type. */
const struct ref_type *ref_type(enum tern_dtype type);
static inline bool ref_is_integer(enum tern_dtype type)
{
	return type == TERN_I8 || type == TERN_I16 || type == TERN_I32 || type == TERN_I64;
}
/* n elements, whole blocks. */
void ref_decode(enum tern_dtype type, const void *src, double *dst, int64_t n);
/* By ggml's reference quantisers, which are defined in binary32. */
void ref_encode(enum tern_dtype type, const double *src, void *dst, int64_t n);
uint64_t ref_strides(enum tern_dtype type, const int64_t ne[4], uint64_t nb[4]);

/* ---- random data ---------------------------------------------------------------- */
uint64_t ref_random(uint64_t *seed);
double ref_uniform(uint64_t *seed, double lo, double hi);
/* n elements, whole blocks, of any float or block type: every bit pattern of the quants is
 * used, magnitudes stay around 1. */
void ref_random_fill(enum tern_dtype type, uint64_t *seed, void *dst, int64_t n);

/* ---- comparison ------------------------------------------------------------------ */
struct ref_error {
	double nmse; /* sum of squared errors / sum of squares of what is wanted */
	double max_abs;
	int64_t worst;	    /* element of max_abs */
	int64_t mismatches; /* NaN or infinity where the other differs */
};
struct ref_error ref_compare(const struct ref_tensor *want, const struct ref_tensor *got);

/* ---- between the files of the reference ------------------------------------------- */
static inline double *ref_at(const struct ref_tensor *t, int64_t i0, int64_t i1, int64_t i2,
			     int64_t i3)
{
	return &t->v[((i3 * t->ne[2] + i2) * t->ne[1] + i1) * t->ne[0] + i0];
}
/* The same with every coordinate wrapped to the tensor's sizes: broadcast by repetition. */
static inline double ref_wrap(const struct ref_tensor *t, const int64_t i[4])
{
	return *ref_at(t, i[0] % t->ne[0], i[1] % t->ne[1], i[2] % t->ne[2], i[3] % t->ne[3]);
}
#define REF_EACH(i, ne)                                        \
	for (int64_t i[4] = {0}; i[3] < (ne)[3]; i[3]++)       \
		for (i[2] = 0; i[2] < (ne)[2]; i[2]++)         \
			for (i[1] = 0; i[1] < (ne)[1]; i[1]++) \
				for (i[0] = 0; i[0] < (ne)[0]; i[0]++)
#define REF_EACH_ROW(i, ne)                              \
	for (int64_t i[4] = {0}; i[3] < (ne)[3]; i[3]++) \
		for (i[2] = 0; i[2] < (ne)[2]; i[2]++)   \
			for (i[1] = 0; i[1] < (ne)[1]; i[1]++)

typedef void (*ref_fn)(const struct tern_op_desc *op, const struct ref_tensor *src,
		       struct ref_tensor *dst);
void ref_matmul(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_matmul_id(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_rope(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_soft_max(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_attention(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_glu(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);
void ref_unary(const struct tern_op_desc *, const struct ref_tensor *, struct ref_tensor *);

#endif
