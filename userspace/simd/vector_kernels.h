/* SPDX-License-Identifier: MIT */
/*
 * The strip loops of VECTOR, in portable C: included by vector_scalar.c, vector_avx2.c and
 * vector_avx512.c, which the compiler vectorises for different machines. Every loop body is
 * a sequence of IEEE operations with one order, so the bits are the same.
 *
 * The includer defines TERN_LEVEL(name), which appends its suffix.
 */
#include "math.h"
#include "vector_run.h"

/* Buffers and tiles hold bits: views that may alias. The second kind may be misaligned. */
typedef float vf __attribute__((may_alias));
typedef int32_t vi __attribute__((may_alias));
typedef uint32_t vu __attribute__((may_alias));
#define UNALIGNED(type) __attribute__((may_alias, aligned(1))) type

/* Vectors of the machine's width, for what loops do not express well. */
#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define PARTS (TERN_VRUN_LANES / WIDTH)
typedef float vecf __attribute__((vector_size(WIDTH * 4), may_alias, aligned(4)));
typedef int32_t veci __attribute__((vector_size(WIDTH * 4), may_alias, aligned(4)));
typedef int32_t vecw __attribute__((vector_size(WIDTH * 4), may_alias, aligned(1)));

/* ---- elementwise --------------------------------------------------------------- */
/* Names x, y, z are the operands. */
#define KERNEL(name, out, in, expr)                                                               \
	static void k_##name(void *dp, const void *ap, const void *bp, const void *cp, int64_t n) \
	{                                                                                         \
		out *restrict d = dp;                                                             \
		const in *restrict a = ap, *restrict b = bp, *restrict c = cp;                    \
                                                                                                  \
		for (int64_t i = 0; i < (n & -TERN_VRUN_LANES); i++) {                            \
			const in x = a[i], y = b[i], z = c[i];                                    \
                                                                                                  \
			(void)y;                                                                  \
			(void)z;                                                                  \
			d[i] = (expr);                                                            \
		}                                                                                 \
	}

KERNEL(mov, vu, vu, x)
KERNEL(add, vf, vf, tern_canon(x + y))
KERNEL(sub, vf, vf, tern_canon(x - y))
KERNEL(mul, vf, vf, tern_canon(x *y))
KERNEL(div, vf, vf, tern_canon(x / y))
KERNEL(fma, vf, vf, tern_canon(__builtin_fmaf(x, y, z)))
KERNEL(min, vf, vf, x < y ? x : y)
KERNEL(max, vf, vf, x > y ? x : y)
KERNEL(neg, vu, vu, x ^ 0x80000000u)
KERNEL(abs, vu, vu, x & 0x7fffffffu)
KERNEL(floor, vf, vf, tern_canon(__builtin_floorf(x)))
KERNEL(ceil, vf, vf, tern_canon(__builtin_ceilf(x)))
KERNEL(rnd, vf, vf, tern_canon(__builtin_rintf(x)))
KERNEL(trunc, vf, vf, tern_canon(__builtin_truncf(x)))
KERNEL(rnda, vf, vf, tern_canon(tern_round_away(x)))
KERNEL(exp, vf, vf, tern_canon(tern_exp(x)))
KERNEL(log, vf, vf, tern_canon(tern_log(x)))
KERNEL(tanh, vf, vf, tern_canon(tern_tanh(x)))
KERNEL(erf, vf, vf, tern_canon(tern_erf(x)))
KERNEL(sqrt, vf, vf, tern_canon(__builtin_sqrtf(x)))
KERNEL(rsqrt, vf, vf, tern_canon(1.0f / __builtin_sqrtf(x)))
KERNEL(rcp, vf, vf, tern_canon(1.0f / x))
KERNEL(lt, vi, vf, -(x < y))
KERNEL(le, vi, vf, -(x <= y))
KERNEL(eq, vi, vf, -(x == y))
KERNEL(sel, vu, vu, x ? y : z)
KERNEL(iadd, vu, vu, x + y)
KERNEL(isub, vu, vu, x - y)
KERNEL(imul, vu, vu, x *y)
KERNEL(imin, vi, vi, x < y ? x : y)
KERNEL(imax, vi, vi, x > y ? x : y)
KERNEL(ilt, vi, vi, -(x < y))
KERNEL(ieq, vi, vi, -(x == y))
KERNEL(and, vu, vu, x &y)
KERNEL(or, vu, vu, x | y)
KERNEL(xor, vu, vu, x ^ y)
KERNEL(shl, vu, vu, x << (y & 31))
KERNEL(shr, vu, vu, x >> (y & 31))
KERNEL(sar, vi, vi, x >> (y & 31))
KERNEL(i2f, vf, vi, (float)x)
KERNEL(f2i, vi, vf, tern_to_int(x))

/* The loop everything takes is free of branches; what it cannot reduce is done again. */
static void trig(vf *restrict d, const vf *restrict a, uint32_t shift, int64_t n)
{
	uint32_t large = 0;

	for (int64_t i = 0; i < (n & -TERN_VRUN_LANES); i++) {
		const float x = a[i];

		large |= !(__builtin_fabsf(x) <= TERN_TRIG_SMALL);
		d[i] = tern_trig_small(x, shift);
	}
	for (int64_t i = 0; large && i < n; i++)
		if (!(__builtin_fabsf(a[i]) <= TERN_TRIG_SMALL))
			d[i] = tern_trig_large(a[i], shift);
}

static void k_sin(void *d, const void *a, const void *b, const void *c, int64_t n)
{
	(void)b;
	(void)c;
	trig(d, a, 0, n);
}

static void k_cos(void *d, const void *a, const void *b, const void *c, int64_t n)
{
	(void)b;
	(void)c;
	trig(d, a, 1, n);
}

/* ---- loads and stores ------------------------------------------------------------ */
static inline void copy_words(unsigned char *d, const unsigned char *p, int64_t n)
{
	int64_t i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		*(vecw *)(d + 4 * i) = *(const vecw *)(p + 4 * i);
	for (; i < n; i++)
		memcpy(d + 4 * i, p + 4 * i, 4);
}

static void expand(uint32_t *d, const uint32_t *values, int64_t n, int64_t seg)
{
	for (int64_t r = 0; r < n; r++, d += seg) {
		const veci v = (veci){0} + (int32_t)values[r];

		for (int64_t i = 0; i < seg; i += WIDTH)
			*(veci *)(d + i) = v;
	}
}

/* The strides worth a loop of their own: adjacent, and every second (interleaved RoPE). */
#define LOAD(name, type, expr)                                                             \
	static void ld_##name(void *dp, const unsigned char *p, int64_t stride, int64_t n) \
	{                                                                                  \
		typedef UNALIGNED(type) from;                                              \
		const int64_t size = sizeof(type);                                         \
		vu *restrict d = dp;                                                       \
                                                                                           \
		if (stride == size) {                                                      \
			for (int64_t i = 0; i < n; i++) {                                  \
				const type x = ((const from *)p)[i];                       \
                                                                                           \
				d[i] = (expr);                                             \
			}                                                                  \
		} else if (stride == 2 * size) {                                           \
			for (int64_t i = 0; i < n; i++) {                                  \
				const type x = ((const from *)p)[2 * i];                   \
                                                                                           \
				d[i] = (expr);                                             \
			}                                                                  \
		} else {                                                                   \
			for (int64_t i = 0; i < n; i++) {                                  \
				const type x = *(const from *)(p + i * stride);            \
                                                                                           \
				d[i] = (expr);                                             \
			}                                                                  \
		}                                                                          \
	}

LOAD(word_strided, uint32_t, x)
LOAD(f16_strided, uint16_t, tern_f32_bits(tern_half(x)))
LOAD(bf16, uint16_t, (uint32_t)x << 16)
LOAD(i8, int8_t, (uint32_t)(int32_t)x)
LOAD(i16, int16_t, (uint32_t)(int32_t)x)
LOAD(i64, uint64_t, (uint32_t)x)

static void ld_word(void *d, const unsigned char *p, int64_t stride, int64_t n)
{
	if (stride == 4)
		copy_words(d, p, n);
	else
		ld_word_strided(d, p, stride, n);
}

static void ld_f16(void *d, const unsigned char *p, int64_t stride, int64_t n)
{
	if (stride == 2)
		TERN_LEVEL(tern_to_f32_plain)(TERN_T_F16, p, d, n);
	else
		ld_f16_strided(d, p, stride, n);
}

#define STORE(name, type, expr)                                                            \
	static void st_##name(unsigned char *p, int64_t stride, const void *ap, int64_t n) \
	{                                                                                  \
		typedef UNALIGNED(type) to;                                                \
		const int64_t size = sizeof(type);                                         \
		const vu *restrict a = ap;                                                 \
                                                                                           \
		if (stride == size) {                                                      \
			to *restrict d = (to *)p;                                          \
                                                                                           \
			for (int64_t i = 0; i < n; i++) {                                  \
				const uint32_t x = a[i];                                   \
                                                                                           \
				d[i] = (type)(expr);                                       \
			}                                                                  \
		} else {                                                                   \
			for (int64_t i = 0; i < n; i++) {                                  \
				const uint32_t x = a[i];                                   \
                                                                                           \
				*(to *)(p + i * stride) = (type)(expr);                    \
			}                                                                  \
		}                                                                          \
	}

STORE(word_strided, uint32_t, x)
STORE(f16_strided, uint16_t, tern_to_half(tern_bits_f32(x)))
STORE(bf16, uint16_t, tern_to_bf16(tern_bits_f32(x)))
STORE(i8, uint8_t, x)
STORE(i16, uint16_t, x)
STORE(i64, int64_t, (int32_t)x)

static void st_word(unsigned char *p, int64_t stride, const void *a, int64_t n)
{
	if (stride == 4)
		copy_words(p, a, n);
	else
		st_word_strided(p, stride, a, n);
}

static void st_f16(unsigned char *p, int64_t stride, const void *a, int64_t n)
{
	if (stride == 2)
		TERN_LEVEL(tern_from_f32)(TERN_T_F16, a, p, n);
	else
		st_f16_strided(p, stride, a, n);
}

/* Rows of 32 elements are common: a call for each would cost as much as they do. */
#define ROWS(name)                                                                \
	static void ldr_##name(uint32_t *d, const struct tern_vspan *m)           \
	{                                                                         \
		for (int64_t r = 0; r < m->nrows; r++, d += m->seg) {             \
			ld_##name(d, m->row[r] + m->offset, m->stride, m->count); \
			for (int64_t i = m->count; i < m->seg; i++)               \
				d[i] = 0;                                         \
		}                                                                 \
	}                                                                         \
                                                                                  \
	static void str_##name(const struct tern_vspan *m, const uint32_t *a)     \
	{                                                                         \
		for (int64_t r = 0; r < m->nrows; r++, a += m->seg)               \
			st_##name(m->row[r] + m->offset, m->stride, a, m->count); \
	}

ROWS(word)
ROWS(f16)
ROWS(bf16)
ROWS(i8)
ROWS(i16)
ROWS(i64)

/* ---- reductions -------------------------------------------------------------------- */
#define SUM(e, p) ((e) + (p))
#define MAX(e, p) ((e) > (p) ? (e) : (p))
#define MIN(e, p) ((e) < (p) ? (e) : (p))
#if defined(__AVX512F__)
#define VMAX(e, p) ((vecf)_mm512_max_ps((__m512)(e), (__m512)(p)))
#define VMIN(e, p) ((vecf)_mm512_min_ps((__m512)(e), (__m512)(p)))
#elif defined(__AVX__)
#define VMAX(e, p) ((vecf)_mm256_max_ps((__m256)(e), (__m256)(p)))
#define VMIN(e, p) ((vecf)_mm256_min_ps((__m256)(e), (__m256)(p)))
#elif defined(__SSE__)
#define VMAX(e, p) ((vecf)_mm_max_ps((__m128)(e), (__m128)(p)))
#define VMIN(e, p) ((vecf)_mm_min_ps((__m128)(e), (__m128)(p)))
#else
#define VSELECT(m, e, p) ((vecf)(((m) & (veci)(e)) | (~(m) & (veci)(p))))
#define VMAX(e, p)	 VSELECT((e) > (p), e, p)
#define VMIN(e, p)	 VSELECT((e) < (p), e, p)
#endif

#define REDUCE(name, vop, op, identity)                                                     \
	static void red_##name(struct tern_vred *st, const void *ap, int64_t i0, int64_t n, \
			       bool last)                                                   \
	{                                                                                   \
		const vf *a = ap;                                                           \
		float p[TERN_VRUN_LANES], q[4];                                             \
		vecf acc[PARTS];                                                            \
		int64_t i = 0;                                                              \
                                                                                            \
		for (int j = 0; j < TERN_VRUN_LANES; j++)                                   \
			p[j] = i0 ? st->part.f[j] : (identity);                             \
		memcpy(acc, p, sizeof(acc));                                                \
		for (; i + TERN_VRUN_LANES <= n; i += TERN_VRUN_LANES)                      \
			for (int v = 0; v < PARTS; v++)                                     \
				acc[v] = vop(*(const vecf *)(a + i + v * WIDTH), acc[v]);   \
		memcpy(p, acc, sizeof(acc));                                                \
		for (int j = 0; i < n; i++, j++)                                            \
			p[j] = op(a[i], p[j]);                                              \
		if (!last) {                                                                \
			memcpy(st->part.f, p, sizeof(p));                                   \
			return;                                                             \
		}                                                                           \
		for (int j = 0; j < 4; j++)                                                 \
			q[j] = op(op(p[j + 12], p[j + 4]), op(p[j + 8], p[j]));             \
		q[0] = op(op(q[3], q[1]), op(q[2], q[0]));                                  \
		st->result = tern_f32_bits(q[0]);                                           \
		if (q[0] != q[0])                                                           \
			st->result = TERN_QNAN_BITS;                                        \
	}

REDUCE(sum, SUM, SUM, 0.0f)
REDUCE(max, VMAX, MAX, -tern_bits_f32(TERN_INF_BITS))
REDUCE(min, VMIN, MIN, tern_bits_f32(TERN_INF_BITS))

/* Only a strip that holds something greater than the best so far is searched. */
static void red_amax(struct tern_vred *st, const void *ap, int64_t i0, int64_t n, bool last)
{
	const vf *a = ap;
	struct tern_vred strip;
	float best, top;

	if (i0 == 0) {
		st->part.f[0] = -tern_bits_f32(TERN_INF_BITS);
		st->index = 0;
	}
	best = st->part.f[0];
	red_max(&strip, a, 0, n, true);
	top = tern_bits_f32(strip.result);
	if (top > best) {
		int64_t i = 0;

		while (a[i] != top)
			i++;
		st->part.f[0] = top;
		st->index = i0 + i;
	}
	if (last)
		st->result = (uint32_t)st->index;
}

static void red_isum(struct tern_vred *st, const void *ap, int64_t i0, int64_t n, bool last)
{
	const vu *a = ap;
	uint32_t sum = i0 ? st->part.u[0] : 0;

	for (int64_t i = 0; i < n; i++)
		sum += a[i];
	st->part.u[0] = sum;
	if (last)
		st->result = sum;
}

/* ---- tables ------------------------------------------------------------------------ */
#define TYPES(p)                                                                          \
	{                                                                                 \
		[TERN_T_F32] = p##_word, [TERN_T_I32] = p##_word, [TERN_T_F16] = p##_f16, \
		[TERN_T_BF16] = p##_bf16, [TERN_T_I8] = p##_i8, [TERN_T_I16] = p##_i16,   \
		[TERN_T_I64] = p##_i64,                                                   \
	}

static const struct tern_vkernels kernels = {
	.alu =
		{
			[TERN_V_MOV] = k_mov,	[TERN_V_ADD] = k_add,	  [TERN_V_SUB] = k_sub,
			[TERN_V_MUL] = k_mul,	[TERN_V_DIV] = k_div,	  [TERN_V_FMA] = k_fma,
			[TERN_V_MIN] = k_min,	[TERN_V_MAX] = k_max,	  [TERN_V_NEG] = k_neg,
			[TERN_V_ABS] = k_abs,	[TERN_V_FLOOR] = k_floor, [TERN_V_CEIL] = k_ceil,
			[TERN_V_RND] = k_rnd,	[TERN_V_TRUNC] = k_trunc, [TERN_V_RNDA] = k_rnda,
			[TERN_V_EXP] = k_exp,	[TERN_V_LOG] = k_log,	  [TERN_V_SIN] = k_sin,
			[TERN_V_COS] = k_cos,	[TERN_V_TANH] = k_tanh,	  [TERN_V_ERF] = k_erf,
			[TERN_V_SQRT] = k_sqrt, [TERN_V_RSQRT] = k_rsqrt, [TERN_V_RCP] = k_rcp,
			[TERN_V_LT] = k_lt,	[TERN_V_LE] = k_le,	  [TERN_V_EQ] = k_eq,
			[TERN_V_SEL] = k_sel,	[TERN_V_IADD] = k_iadd,	  [TERN_V_ISUB] = k_isub,
			[TERN_V_IMUL] = k_imul, [TERN_V_IMIN] = k_imin,	  [TERN_V_IMAX] = k_imax,
			[TERN_V_ILT] = k_ilt,	[TERN_V_IEQ] = k_ieq,	  [TERN_V_AND] = k_and,
			[TERN_V_OR] = k_or,	[TERN_V_XOR] = k_xor,	  [TERN_V_SHL] = k_shl,
			[TERN_V_SHR] = k_shr,	[TERN_V_SAR] = k_sar,	  [TERN_V_I2F] = k_i2f,
			[TERN_V_F2I] = k_f2i,
		},
	.load = TYPES(ld),
	.store = TYPES(st),
	.load_rows = TYPES(ldr),
	.store_rows = TYPES(str),
	.expand = expand,
	.reduce = {red_sum, red_max, red_min, red_amax, red_isum},
	.quantise = TERN_LEVEL(tern_quantise_act),
};

int TERN_LEVEL(tern_vector_run)(const struct tern_vrun *run, uint64_t *bad)
{
	return tern_vprogram_run(run, &kernels, bad);
}
