/* SPDX-License-Identifier: MIT */
/*
 * Loops over contiguous f32, once per instruction set from one source (vec_body.h). Unless
 * said otherwise the output may be an input, exactly; else they are apart.
 */
#ifndef TERN_CPU_VEC_H
#define TERN_CPU_VEC_H

#include <stdint.h>
#include <tern.h>

/* A panel is b[k][TERN_STRIP]: TERN_STRIP columns side by side, k after k. */
#define TERN_STRIP 32

struct tern_vec {
	void (*unary[TERN_UNARY_COUNT])(const float *x, float *y, int64_t n);
	void (*leaky_relu)(const float *x, float *y, int64_t n, const float *f);
	void (*xielu)(const float *x, float *y, int64_t n, const float *f);
	void (*glu[TERN_GLU_COUNT])(const float *gate, const float *up, float *y, int64_t n);
	/* y = g * sigmoid(alpha * g) * (u + shift), g and u clamped to the limit */
	void (*glu_clamped)(const float *gate, const float *up, float *y, int64_t n, float alpha,
			    float limit, float shift);
	void (*binary[TERN_BINARY_COUNT])(const float *a, const float *b, float *y, int64_t n);
	/* y = x * mul + add, two roundings */
	void (*scale)(const float *x, float *y, int64_t n, float mul, float add);
	void (*clamp)(const float *x, float *y, int64_t n, float lo, float hi);

	double (*sum)(const float *x, int64_t n);
	double (*sum_sq)(const float *x, int64_t n, float mean);
	float (*max)(const float *x, int64_t n); /* NaN never wins; none: -inf */
	/* y = (x - mean) * factor [* w [+ b]] */
	void (*normalise)(const float *x, const float *w, const float *b, float *y, int64_t n,
			  float mean, float factor);
	/* y = x * scale + mask * slope */
	void (*mask)(const float *x, const float *mask, float *y, int64_t n, float scale,
		     float slope);
	/* y = e^(x - top); their sum */
	double (*exp_sum)(const float *x, float *y, int64_t n, float top);
	/* x = c tanh(x / c) */
	void (*softcap)(float *x, int64_t n, float c);

	/* cos and sin of position * rate[i], times size */
	void (*angles)(const double *rate, double position, float size, float *cosine, float *sine,
		       int64_t n);
	/* n pairs of x: (2i, 2i + 1), or with `half` (i, i + n) */
	void (*rotate)(const float *x, float *y, const float *cosine, const float *sine, int64_t n,
		       bool half);

	/* c[m][TERN_STRIP] (+)= a[m][k] x panel b[k][TERN_STRIP]; lda, ldb, ldc in floats */
	void (*panel)(const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
		      int64_t ldc, int64_t m, int64_t k, bool accumulate);
	/* panel b[k][column] = w[column][k] for `columns` rows of w, zeros for the others */
	void (*transpose)(const float *w, int64_t ldw, int64_t columns, float *b, int64_t k);
};
const struct tern_vec *tern_vec_get(const char *level);

extern const struct tern_vec tern_vec_scalar, tern_vec_avx2, tern_vec_avx512;

#endif
