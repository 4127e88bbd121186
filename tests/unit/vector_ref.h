/* SPDX-License-Identifier: MIT */
/*
 * For the tests of VECTOR: an interpreter of micro-programs that works row by row and
 * instruction by instruction over whole rows, as vector.h says it and with no thought of
 * speed; random words; the instruction sets of this CPU.
 */
#ifndef TEST_VECTOR_REF_H
#define TEST_VECTOR_REF_H

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "isa/codec.h"
#include "simd/math.h"
#include "simd/vector.h"

enum { MAX_ROW = 4096 };

static uint64_t rng_state = 88172645463325252ull;

static inline uint32_t rnd(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 20);
}

static inline uint32_t below(uint32_t n)
{
	return rnd() % n;
}

/* Mostly of moderate size, some small integers, some special, some any bits. */
static inline uint32_t random_word(void)
{
	static const uint32_t special[] = {0,	       0x80000000, 0x7f800000, 0xff800000,
					   0x7fc00000, 0x7fa12345, 0xffc00001, 1,
					   0x807fffff, 0x7f7fffff, 0x3f800000, 0xbf000000};

	switch (below(12)) {
	case 0:
		return special[below(12)];
	case 1:
		return below(64) - 32;
	case 2:
		return rnd() ^ rnd() << 16;
	default:
		return tern_f32_bits(((float)below(200000) - 100000.0f) / 8192.0f);
	}
}

/* ---- instruction sets -------------------------------------------------------------- */
struct level {
	const char *name;
	int (*run)(const struct tern_vrun *run, uint64_t *bad);
	void (*to_f32)(unsigned int type, const void *src, float *dst, int64_t n);
	void (*from_f32)(unsigned int type, const float *src, void *dst, int64_t n);
	void (*quantise)(const float *src, void *dst, int64_t n);
};
#define LEVEL(s)                                                                   \
	{                                                                          \
#s, tern_vector_run_##s, tern_to_f32_plain_##s, tern_from_f32_##s, \
			tern_quantise_act_##s                                      \
	}
static const struct level levels[] = {
	LEVEL(scalar),
#if defined(__x86_64__)
	LEVEL(avx2),
	LEVEL(avx512),
#endif
};

static inline size_t level_count(void)
{
	size_t n = 1;

	while (n < sizeof(levels) / sizeof(levels[0]) && tern_simd_get(levels[n].name))
		n++;
	return n;
}

/* ---- the reference interpreter -------------------------------------------------- */
struct ref {
	const struct tern_vrun *run;
	int64_t coord[4], length;
	uint32_t v[TERN_VECTOR_REGS][MAX_ROW], s[TERN_SCALAR_REGS];
};

static inline float f(uint32_t u)
{
	return tern_bits_f32(u);
}

static inline uint32_t canon(float x)
{
	return isnan(x) ? 0x7fc00000 : tern_f32_bits(x);
}

static inline uint32_t ref_to_int(float x)
{
	if (isnan(x))
		return 0;
	return x >= 0x1p31f ? 0x7fffffff : x < -0x1p31f ? 0x80000000 : (uint32_t)(int32_t)x;
}

static inline float ref_trig(float x, uint32_t shift)
{
	return fabsf(x) <= TERN_TRIG_SMALL ? tern_trig_small(x, shift) : tern_trig_large(x, shift);
}

static inline uint32_t ref_alu(unsigned int op, uint32_t x, uint32_t y, uint32_t z)
{
	const int32_t i = (int32_t)x, j = (int32_t)y;

	/* clang-format off */
	switch (op) {
#define OP(name, result) case TERN_V_##name: return result;
	OP(MOV, x)
	OP(ADD, canon(f(x) + f(y)))
	OP(SUB, canon(f(x) - f(y)))
	OP(MUL, canon(f(x) * f(y)))
	OP(DIV, canon(f(x) / f(y)))
	OP(FMA, canon(fmaf(f(x), f(y), f(z))))
	OP(MIN, f(x) < f(y) ? x : y)
	OP(MAX, f(x) > f(y) ? x : y)
	OP(NEG, x ^ 0x80000000)
	OP(ABS, x & 0x7fffffff)
	OP(FLOOR, canon(floorf(f(x))))
	OP(CEIL, canon(ceilf(f(x))))
	OP(RND, canon(nearbyintf(f(x))))
	OP(TRUNC, canon(truncf(f(x))))
	OP(RNDA, canon(roundf(f(x))))
	OP(EXP, canon(tern_exp(f(x))))
	OP(LOG, canon(tern_log(f(x))))
	OP(SIN, canon(ref_trig(f(x), 0)))
	OP(COS, canon(ref_trig(f(x), 1)))
	OP(TANH, canon(tern_tanh(f(x))))
	OP(ERF, canon(tern_erf(f(x))))
	OP(SQRT, canon(sqrtf(f(x))))
	OP(RSQRT, canon(1.0f / sqrtf(f(x))))
	OP(RCP, canon(1.0f / f(x)))
	OP(LT, f(x) < f(y) ? ~0u : 0)
	OP(LE, f(x) <= f(y) ? ~0u : 0)
	OP(EQ, f(x) == f(y) ? ~0u : 0)
	OP(SEL, x ? y : z)
	OP(IADD, x + y)
	OP(ISUB, x - y)
	OP(IMUL, x * y)
	OP(IMIN, i < j ? x : y)
	OP(IMAX, i > j ? x : y)
	OP(ILT, i < j ? ~0u : 0)
	OP(IEQ, x == y ? ~0u : 0)
	OP(AND, x & y)
	OP(OR, x | y)
	OP(XOR, x ^ y)
	OP(SHL, x << (y & 31))
	OP(SHR, x >> (y & 31))
	OP(SAR, (uint32_t)(i >> (y & 31)))
	OP(I2F, tern_f32_bits((float)i))
	OP(F2I, ref_to_int(f(x)))
#undef OP
	}
	/* clang-format on */
	ck_abort_msg("no such operation: %u", op);
	return 0;
}

static inline unsigned char *ref_at(const struct ref *r, unsigned int t, int64_t i)
{
	const struct tern_vtile *p = &r->run->t[t];
	unsigned char *a = p->base + i * p->stride[0];

	for (int d = 1; d < 4; d++)
		a += p->size[d] == 1 ? 0 : r->coord[d] * p->stride[d];
	return a;
}

static inline uint32_t ref_load(const struct ref *r, unsigned int t, int64_t i)
{
	const unsigned char *p = ref_at(r, t, r->run->t[t].size[0] == 1 ? 0 : i);
	uint64_t w = 0;

	switch (r->run->t[t].type) {
	case TERN_T_F16:
		memcpy(&w, p, 2);
		return tern_f32_bits(tern_half((uint16_t)w));
	case TERN_T_BF16:
		memcpy(&w, p, 2);
		return (uint32_t)w << 16;
	case TERN_T_I8:
		return (uint32_t)(int8_t)*p;
	case TERN_T_I16:
		memcpy(&w, p, 2);
		return (uint32_t)(int16_t)w;
	default:
		memcpy(&w, p, 4);
		return (uint32_t)w;
	}
}

static inline void ref_store(const struct ref *r, unsigned int t, int64_t i, uint32_t v)
{
	unsigned char *p = ref_at(r, t, i);
	const uint16_t half = tern_to_half(f(v)), bf = tern_to_bf16(f(v));
	const int64_t wide = (int32_t)v;

	switch (r->run->t[t].type) {
	case TERN_T_F16:
		memcpy(p, &half, 2);
		return;
	case TERN_T_BF16:
		memcpy(p, &bf, 2);
		return;
	case TERN_T_I8:
		memcpy(p, &wide, 1);
		return;
	case TERN_T_I16:
		memcpy(p, &wide, 2);
		return;
	case TERN_T_I64:
		memcpy(p, &wide, 8);
		return;
	default:
		memcpy(p, &v, 4);
	}
}

static inline uint32_t ref_operand(const struct ref *r, unsigned int x, uint32_t imm, int64_t i)
{
	return x < 32 ? r->v[x][i] : x < 64 ? r->s[x - 32] : imm;
}

/* The tree of vector.h over a whole row. */
static inline uint32_t ref_reduce(unsigned int op, const uint32_t *v, int64_t n)
{
	const float start = op == TERN_V_RSUM ? 0 : op == TERN_V_RMIN ? INFINITY : -INFINITY;
	float p[16], best = -INFINITY;
	uint32_t sum = 0, index = 0;

	for (int j = 0; j < 16; j++)
		p[j] = start;
#define STEP(q, e)                                     \
	(op == TERN_V_RSUM   ? (q) + (e)               \
	 : op == TERN_V_RMAX ? ((e) > (q) ? (e) : (q)) \
			     : ((e) < (q) ? (e) : (q)))
	for (int64_t i = 0; i < n; i++) {
		p[i % 16] = STEP(p[i % 16], f(v[i]));
		sum += v[i];
		if (f(v[i]) > best) {
			best = f(v[i]);
			index = (uint32_t)i;
		}
	}
	for (int h = 8; h; h /= 2)
		for (int j = 0; j < h; j++)
			p[j] = STEP(p[j], p[j + h]);
	return op == TERN_V_RISUM ? sum : op == TERN_V_RAMAX ? index : canon(p[0]);
}

static inline void ref_lanes(struct ref *r, const struct tern_vinstr *in)
{
	const struct tern_vtile *t = r->run->t;
	float sum = 0;

	for (int64_t i = 0; i < r->length; i++) {
		const int64_t j = i + (int32_t)in->imm;
		uint32_t *d = &r->v[in->d & 31][i];

		switch (in->op) {
		case TERN_V_LD:
			*d = ref_load(r, in->a, i);
			break;
		case TERN_V_LDX:
			*d = ref_load(r, in->a, (int32_t)r->v[in->b][i]);
			break;
		case TERN_V_LANE:
			*d = (uint32_t)i;
			break;
		case TERN_V_SHIFT:
			*d = j < 0 || j >= t[in->a].size[0] ? 0 : ref_load(r, in->a, j);
			break;
		case TERN_V_SCAN:
			*d = canon(sum += f(r->v[in->a][i]));
			break;
		case TERN_V_ST:
			ref_store(r, in->d, i, ref_operand(r, in->a, in->imm, i));
			break;
		case TERN_V_PACK:
			if (r->v[in->b][i])
				ref_store(r, in->d, (int32_t)r->s[in->imm - 32]++, r->v[in->a][i]);
			break;
		default:
			*d = ref_alu(in->op, ref_operand(r, in->a, in->imm, i),
				     ref_operand(r, in->b, in->imm, i),
				     ref_operand(r, in->imm & 63, 0, i));
		}
	}
}

static inline void ref_scalar(struct ref *r, const struct tern_vinstr *in)
{
	switch (in->op) {
	case TERN_V_LDS:
		r->s[in->d - 32] = ref_load(r, in->a, in->imm);
		break;
	case TERN_V_STS:
		ref_store(r, in->d, in->imm, r->s[in->a - 32]);
		break;
	case TERN_V_ROW:
		r->s[in->d - 32] = (uint32_t)r->coord[in->imm];
		break;
	default:
		r->s[in->d - 32] = ref_alu(in->op, ref_operand(r, in->a, in->imm, 0),
					   ref_operand(r, in->b, in->imm, 0),
					   ref_operand(r, (in->imm & 31) | 32, 0, 0));
	}
}

static inline void ref_row(struct ref *r, int64_t linear)
{
	const int64_t *size = r->run->t[0].size;
	bool inside = false;

	r->coord[1] = linear % size[1];
	r->coord[2] = linear / size[1] % size[2];
	r->coord[3] = linear / size[1] / size[2];
	memset(r->s, 0, sizeof(r->s));
	memcpy(r->s, r->run->s, sizeof(r->run->s));
	for (size_t i = 0; i < r->run->n; i++) {
		struct tern_vinstr in;

		tern_vinstr_decode(r->run->prog[i], &in);
		if (in.op == TERN_V_STOP)
			return;
		if (in.op == TERN_V_LANES || in.op == TERN_V_ENDL) {
			inside = in.op == TERN_V_LANES;
			r->length = inside ? r->run->t[in.imm].size[0] : 0;
		} else if (!inside) {
			ref_scalar(r, &in);
		} else if (in.op >= TERN_V_RSUM && in.op <= TERN_V_RISUM) {
			r->s[in.d - 32] = ref_reduce(in.op, r->v[in.a], r->length);
		} else {
			ref_lanes(r, &in);
		}
	}
}

#endif
