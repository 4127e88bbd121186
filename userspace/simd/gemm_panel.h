/* SPDX-License-Identifier: MIT */
/*
 * Panels: LANES rows of B side by side, one row per 32-bit lane. Included by gemm_*.c
 * after the lanes_*.h of the instruction set.
 *
 * A decoder reads the same block of all rows and turns each dword of four packed
 * values into dwords of four bytes; as every lane does the same, it reads like the
 * scalar code. Values are stored as they are packed, without the type's bias (Q4_0: 8),
 * which the products subtract through the sums of the activations.
 */
#ifndef TERN_SIMD_GEMM_PANEL_H
#define TERN_SIMD_GEMM_PANEL_H

#include "blocks.h"
#include "decode.h"

#define CHUNK 512 /* elements of k in a panel: with 16 lanes 12 KiB, inside L1 */

struct panel {
	vu32 q[CHUNK / 4];  /* four values along k per dword */
	vf32 s[CHUNK / 16]; /* a scale per group */
	vf32 m[CHUNK / 16]; /* a minimum per group */
};

/*
 * Rows that will be decoded after these, to be fetched into L2 meanwhile: a row at a time, between
 * the loads, so that no burst of misses fills the queues. Into L2 only: L1's few miss
 * buffers are needed by the loads.
 */
struct fetch {
	const uint8_t *p;
	ptrdiff_t stride;
	int64_t bytes; /* of each row */
	int left;      /* rows */
};

static inline void fetch_row(struct fetch *f)
{
	if (f->left-- <= 0)
		return;
	for (int64_t i = 0; i < f->bytes; i += 64)
		__builtin_prefetch(f->p + i, 0, 2);
	f->p += f->stride;
}

/* Where a block goes. */
struct panel_at {
	vu32 *q;
	vf32 *s, *m;
	struct fetch *fetch;
};

#define NIBBLES		    0x0f0f0f0fu
#define PAIRS		    0x03030303u
#define ONES		    0x01010101u
#define OFFSET(type, field) offsetof(struct tern_block_##type, field)

static inline vf32 to_float(vu32 x)
{
	return __builtin_convertvector((vi32)x, vf32);
}

static inline vf32 high_half(vu32 x)
{
	return low_half(x >> 16);
}

/* Byte i of sixteen in four dwords. */
static inline vu32 byte_of(const vu32 t[4], int i)
{
	return t[i / 4] >> (unsigned int)(8 * (i % 4)) & 0xffu;
}

static inline void nibbles(const uint8_t *p, ptrdiff_t s, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
	for (int i = 0; i < 4; i++) {
		q[i] = t[i] & NIBBLES;
		q[4 + i] = t[i] >> 4 & NIBBLES;
	}
}

/* Nibbles with the fifth bits qh. */
static inline void fives(const uint8_t *p, ptrdiff_t s, vu32 qh, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		q[i] = (t[i] & NIBBLES) | sixteens(qh, i);
		q[4 + i] = (t[i] >> 4 & NIBBLES) | sixteens(qh, 4 + i);
	}
}

static inline void bytes32(const uint8_t *p, ptrdiff_t s, vu32 *q)
{
	load_dwords4(p, s, q);
	load_dwords4(p + 16, s, q + 4);
}

static inline void wide32(const uint8_t *p, ptrdiff_t s, vu32 *q)
{
	vu32 t[8];

	bytes32(p, s, t);
	for (int i = 0; i < 8; i++)
		q[i] = store_wide(t[i]);
}

static inline void panel_q4_0(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	nibbles(p + OFFSET(q4_0, qs), s, o.q);
	o.s[0] = load_half(p, s);
	fetch_row(o.fetch);
}

static inline void panel_q4_1(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 dm = load_dword(p, s);

	nibbles(p + OFFSET(q4_1, qs), s, o.q);
	o.s[0] = low_half(dm);
	o.m[0] = high_half(dm);
	fetch_row(o.fetch);
}

static inline void panel_q5_0(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	fives(p + OFFSET(q5_0, qs), s, load_dword(p + OFFSET(q5_0, qh), s), o.q);
	o.s[0] = load_half(p, s);
	fetch_row(o.fetch);
}

static inline void panel_q5_1(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 dm = load_dword(p, s);

	fives(p + OFFSET(q5_1, qs), s, load_dword(p + OFFSET(q5_1, qh), s), o.q);
	o.s[0] = low_half(dm);
	o.m[0] = high_half(dm);
	fetch_row(o.fetch);
}

static inline void panel_q8_0(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	wide32(p + OFFSET(q8_0, qs), s, o.q);
	o.s[0] = load_half(p, s);
	fetch_row(o.fetch);
}

static inline void codebook(const uint8_t *p, ptrdiff_t s, const int8_t table[16], vu32 *q)
{
	vu32 t[4], values = store_wide(load_table(table));

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		q[i] = lookup_bytes(values, t[i] & NIBBLES);
		q[4 + i] = lookup_bytes(values, t[i] >> 4 & NIBBLES);
	}
}

static inline void panel_iq4_nl(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	codebook(p + OFFSET(iq4_nl, qs), s, tern_iq4_nl, o.q);
	o.s[0] = load_half(p, s);
	fetch_row(o.fetch);
}

static inline void panel_mxfp4(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 e = load_byte(p, s), normal = (vu32)(e > 1u);

	codebook(p + OFFSET(mxfp4, qs), s, tern_mxfp4, o.q);
	/* 2^(e - 128): for e of 0 and 1 a subnormal bit, else an exponent */
	o.s[0] = (vf32)((normal & (e - 1u) << 23) | (~normal & (0x00200000u + 0x00200000u * e)));
	fetch_row(o.fetch);
}

/* Sixteen bytes of two-bit values: elements 0.., 32.., 64.. and 96.. of a half block. */
static inline void pairs16(const uint8_t *p, ptrdiff_t s, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			q[8 * j + i] = t[i] >> (unsigned int)(2 * j) & PAIRS;
}

static inline void panel_q2_k(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 sc[4], dm = load_dword(p + OFFSET(q2_k, d), s);
	vf32 d = low_half(dm), dmin = -high_half(dm);

	load_dwords4(p, s, sc);
	for (int c = 0; c < 4; c++) {
		pairs16(p + OFFSET(q2_k, qs) + 16 * c, s, o.q + c / 2 * 32 + c % 2 * 4);
		fetch_row(o.fetch);
		fetch_row(o.fetch);
	}
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		vu32 b = byte_of(sc, i);

		o.s[i] = d * to_float(b & 15u);
		o.m[i] = dmin * to_float(b >> 4);
	}
}

/* Sixteen signed scales times d. */
static inline void scales16(const vu32 sc[4], vf32 d, vf32 *s)
{
	for (int i = 0; i < 16; i++) {
		vi32 v = (vi32)(sc[i / 4] << (unsigned int)(24 - i % 4 * 8)) >> 24;

		s[i] = d * __builtin_convertvector(v, vf32);
	}
}

/* The two bytes before the scales come along so that no load leaves the block. */
static inline void scales_q3_k(const uint8_t *p, ptrdiff_t s, vf32 *out)
{
	vu32 t[4], sc[4];

	load_dwords4(p + OFFSET(q3_k, scales) - 2, s, t);

	vu32 a = t[0] >> 16 | t[1] << 16, b = t[1] >> 16 | t[2] << 16, c = t[2] >> 16 | t[3] << 16;
	vf32 d = high_half(t[3]);

	sc[0] = (a & NIBBLES) | (c & PAIRS) << 4;
	sc[1] = (b & NIBBLES) | (c >> 2 & PAIRS) << 4;
	sc[2] = (a >> 4 & NIBBLES) | (c >> 4 & PAIRS) << 4;
	sc[3] = (b >> 4 & NIBBLES) | (c >> 6 & PAIRS) << 4;
	for (int i = 0; i < 16; i++)
		out[i] = d * __builtin_convertvector((vi32)byte_of(sc, i) - 32, vf32);
}

/* Bit `from` of every byte moved to bit `to`, the others cleared. */
static inline vu32 move_bit(vu32 x, int from, int to)
{
	x = from > to ? x >> (unsigned int)(from - to) : x << (unsigned int)(to - from);
	return x & ONES << to;
}

/* Sixteen bytes of a half block's low bits, with the third bits of h from bit `bit` on. */
static inline void triples16(const uint8_t *p, ptrdiff_t s, const vu32 h[4], int bit, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			q[8 * j + i] = (t[i] >> (unsigned int)(2 * j) & PAIRS) |
				       move_bit(h[i], bit + j, 2);
}

static inline void panel_q3_k(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	const uint8_t *qs = p + OFFSET(q3_k, qs);
	vu32 h[4];

	for (int c = 0; c < 2; c++, o.q += 4) {
		load_dwords4(p + 16 * c, s, h);
		triples16(qs + 16 * c, s, h, 0, o.q);
		triples16(qs + 16 * c + 32, s, h, 4, o.q + 32);
		for (int i = 0; i < 4; i++)
			fetch_row(o.fetch);
	}
	scales_q3_k(p, s, o.s);
}

/* The header of Q4_K and Q5_K. */
static inline void scales_k4(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 t[4], sc[4], m[4];

	load_dwords4(p, s, t);
	sc[0] = t[1] & 0x3f3f3f3fu;
	m[0] = t[2] & 0x3f3f3f3fu;
	sc[1] = (t[3] & NIBBLES) | (t[1] >> 6 & PAIRS) << 4;
	m[1] = (t[3] >> 4 & NIBBLES) | (t[2] >> 6 & PAIRS) << 4;

	vf32 d = low_half(t[0]), dmin = -high_half(t[0]);

	for (int i = 0; i < 8; i++) {
		o.s[i] = d * to_float(byte_of(sc, i));
		o.m[i] = dmin * to_float(byte_of(m, i));
	}
}

/* Sixteen bytes of a quarter block: elements 0.. and 32.. */
static inline void nibbles_k4(const uint8_t *p, ptrdiff_t s, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		q[i] = t[i] & NIBBLES;
		q[8 + i] = t[i] >> 4 & NIBBLES;
	}
}

static inline void panel_q4_k(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	scales_k4(p, s, o);
	for (int i = 0; i < 8; i++) {
		nibbles_k4(p + OFFSET(q4_k, qs) + 16 * i, s, o.q + i / 2 * 16 + i % 2 * 4);
		fetch_row(o.fetch);
	}
}

/* As nibbles_k4, with the fifth bits of h from bit `bit` on. */
static inline void fifths_k4(const uint8_t *p, ptrdiff_t s, const vu32 h[4], int bit, vu32 *q)
{
	vu32 t[4];

	load_dwords4(p, s, t);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		q[i] = (t[i] & NIBBLES) | move_bit(h[i], bit, 4);
		q[8 + i] = (t[i] >> 4 & NIBBLES) | move_bit(h[i], bit + 1, 4);
	}
}

static inline void panel_q5_k(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 h[4];

	scales_k4(p, s, o);
	for (int c = 0; c < 2; c++, o.q += 4) {
		load_dwords4(p + OFFSET(q5_k, qh) + 16 * c, s, h);
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++) {
			fifths_k4(p + OFFSET(q5_k, qs) + 32 * j + 16 * c, s, h, 2 * j,
				  o.q + 16 * j);
			fetch_row(o.fetch);
		}
	}
}

static inline void panel_q6_k(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	vu32 sc[4], l[4], m[4], h[4];

	for (int i = 0; i < 4; i++) { /* 16 elements of each quarter of a half */
		const uint8_t *lo = p + 64 * (i / 2) + 16 * (i % 2);
		vu32 *q = o.q + i / 2 * 32 + i % 2 * 4;

		load_dwords4(lo, s, l);
		fetch_row(o.fetch);
		load_dwords4(lo + 32, s, m);
		fetch_row(o.fetch);
		load_dwords4(p + OFFSET(q6_k, qh) + 16 * i, s, h);
		for (int j = 0; j < 4; j++) {
			q[j] = (l[j] & NIBBLES) | (h[j] & PAIRS) << 4;
			q[8 + j] = (m[j] & NIBBLES) | (h[j] >> 2 & PAIRS) << 4;
			q[16 + j] = (l[j] >> 4 & NIBBLES) | (h[j] & PAIRS << 4);
			q[24 + j] = (m[j] >> 4 & NIBBLES) | (h[j] >> 2 & PAIRS << 4);
		}
	}
	load_dwords4(p + OFFSET(q6_k, scales), s, sc);
	scales16(sc, load_half(p + OFFSET(q6_k, d), s), o.s);
}

static inline void panel_op32(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	wide32(p, s, o.q);
	o.s[0] = (vf32)load_dword(p + 32, s);
	fetch_row(o.fetch);
}

static inline void panel_op32m(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	panel_op32(p, s, o);
	o.m[0] = (vf32)load_dword(p + OFFSET(op32m, m), s);
}

static inline void panel_op16(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	panel_op32(p, s, o);
	o.s[1] = (vf32)load_dword(p + 36, s);
}

static inline void panel_op16m(const uint8_t *p, ptrdiff_t s, struct panel_at o)
{
	panel_op16(p, s, o);
	o.m[0] = (vf32)load_dword(p + OFFSET(op16m, m), s);
	o.m[1] = (vf32)load_dword(p + OFFSET(op16m, m) + 4, s);
}

/* ---- the table -------------------------------------------------------------- */
/*	type, elements of a block, scales per 32, minimum, bias of the stored values, how many
 *	dwords' products (in pairs, |a| <= 127) 16 bits can sum, wide: signed 8-bit weights */
#define PANEL_TYPES(X)                               \
	X(Q4_0, q4_0, 32, 1, 0, 8, 8, 0)             \
	X(Q4_1, q4_1, 32, 1, 1, 0, 8, 0)             \
	X(Q5_0, q5_0, 32, 1, 0, 16, 4, 0)            \
	X(Q5_1, q5_1, 32, 1, 1, 0, 4, 0)             \
	X(Q8_0, q8_0, 32, 1, 0, WIDE_BIAS, 1, 1)     \
	X(Q2_K, q2_k, 256, 2, 1, 0, 4, 0)            \
	X(Q3_K, q3_k, 256, 2, 0, 4, 4, 0)            \
	X(Q4_K, q4_k, 256, 1, 1, 0, 8, 0)            \
	X(Q5_K, q5_k, 256, 1, 1, 0, 4, 0)            \
	X(Q6_K, q6_k, 256, 2, 0, 32, 2, 0)           \
	X(IQ4_NL, iq4_nl, 32, 1, 0, WIDE_BIAS, 1, 1) \
	X(MXFP4, mxfp4, 32, 1, 0, WIDE_BIAS, 1, 1)   \
	X(OP32, op32, 32, 1, 0, WIDE_BIAS, 1, 1)     \
	X(OP32M, op32m, 32, 1, 1, WIDE_BIAS, 1, 1)   \
	X(OP16, op16, 32, 2, 0, WIDE_BIAS, 1, 1)     \
	X(OP16M, op16m, 32, 2, 1, WIDE_BIAS, 1, 1)

#define DECODER(code, name, elems, parts, min, bias, run, wide)                  \
	static void decode_##name(const uint8_t *p, ptrdiff_t s, int64_t blocks, \
				  struct fetch fetch, struct panel *o)           \
	{                                                                        \
		struct panel_at at = {o->q, o->s, o->m, &fetch};                 \
                                                                                 \
		for (int64_t i = 0; i < blocks; i++) {                           \
			panel_##name(p, s, at);                                  \
			p += sizeof(struct tern_block_##name);                   \
			at.q += (elems) / 4;                                     \
			at.s += (elems) / 32 * (parts);                          \
			at.m += (elems) / 32 * (parts);                          \
		}                                                                \
		while (fetch.left > 0)                                           \
			fetch_row(&fetch);                                       \
	}
PANEL_TYPES(DECODER)
#undef DECODER

#endif
