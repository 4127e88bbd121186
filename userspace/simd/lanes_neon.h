/* SPDX-License-Identifier: MIT */
/* Lanes of NEON (base AArch64; SDOT if compiled for it); see lanes_avx512.h. */
#ifndef TERN_SIMD_LANES_NEON_H
#define TERN_SIMD_LANES_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel.h"

#define LANES  4
#define MROWS  8
#define VBYTES 16
typedef uint32_t vu32 __attribute__((vector_size(VBYTES)));
typedef int32_t vi32 __attribute__((vector_size(VBYTES)));
typedef float vf32 __attribute__((vector_size(VBYTES)));

static inline void load_dwords4(const uint8_t *p, ptrdiff_t s, vu32 t[4])
{
	uint32x4_t z[4];

	for (int i = 0; i < 4; i++)
		z[i] = vreinterpretq_u32_u8(vld1q_u8(p + i * s));

	uint32x4_t a = vtrn1q_u32(z[0], z[1]), b = vtrn2q_u32(z[0], z[1]);
	uint32x4_t c = vtrn1q_u32(z[2], z[3]), d = vtrn2q_u32(z[2], z[3]);

	t[0] = (vu32)vtrn1q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(c));
	t[1] = (vu32)vtrn1q_u64(vreinterpretq_u64_u32(b), vreinterpretq_u64_u32(d));
	t[2] = (vu32)vtrn2q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(c));
	t[3] = (vu32)vtrn2q_u64(vreinterpretq_u64_u32(b), vreinterpretq_u64_u32(d));
}

static inline uint32_t read_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline vu32 load_dword(const uint8_t *p, ptrdiff_t s)
{
	return (vu32){read_u32(p), read_u32(p + s), read_u32(p + 2 * s), read_u32(p + 3 * s)};
}

static inline vf32 low_half(vu32 x)
{
	return (vf32)vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32((uint32x4_t)x)));
}

static inline vf32 load_half(const uint8_t *p, ptrdiff_t s)
{
	uint16_t h[4];

	for (int r = 0; r < 4; r++)
		memcpy(&h[r], p + r * s, 2);
	return (vf32)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(h)));
}

static inline vu32 load_byte(const uint8_t *p, ptrdiff_t s)
{
	return (vu32){p[0], p[s], p[2 * s], p[3 * s]};
}

static inline vf32 round_half(vf32 x)
{
	return (vf32)vcvt_f32_f16(vcvt_f16_f32((float32x4_t)x));
}

static inline vu32 load_words(const void *p)
{
	return (vu32)vmovl_u16(vreinterpret_u16_u8(vld1_u8(p)));
}

static inline vf32 load_halves(const void *p)
{
	return low_half(load_words(p));
}

static inline vu32 load_table(const int8_t table[16])
{
	return (vu32)vld1q_s8(table);
}

static inline vu32 lookup_bytes(vu32 table, vu32 x)
{
	return (vu32)vqtbl1q_u8((uint8x16_t)table, (uint8x16_t)x);
}

static inline vu32 sixteens(vu32 bits, int i)
{
	static const uint8_t spread[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
	uint8x16_t byte = vaddq_u8(vld1q_u8(spread), vdupq_n_u8((uint8_t)(i / 2)));
	uint8x16_t mask = vreinterpretq_u8_u32(vdupq_n_u32(i % 2 ? 0x80402010u : 0x08040201u));
	uint8x16_t set = vtstq_u8(vqtbl1q_u8((uint8x16_t)bits, byte), mask);

	return (vu32)vandq_u8(set, vdupq_n_u8(16));
}

static inline vf32 splat(float f)
{
	return (vf32)vdupq_n_f32(f);
}

static inline vf32 fma_lanes(vf32 a, vf32 b, vf32 c)
{
	return (vf32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

static inline vf32 select_nan(vf32 x, float nan)
{
	uint32x4_t number = vceqq_f32((float32x4_t)x, (float32x4_t)x);

	return (vf32)vbslq_f32(number, (float32x4_t)x, vdupq_n_f32(nan));
}

/* ---- integer products -------------------------------------------------------- */
#define WIDE_BIAS 0
static inline vu32 store_wide(vu32 x)
{
	return x;
}

static inline vi32 sums(const uint8_t *sum, int lo, int hi)
{
	int16_t s[2];

	memcpy(s, sum, sizeof(s));
	return (vi32)vdupq_n_s32(s[0] * lo + s[1] * hi);
}

/* Every stored weight fits a signed byte: unsigned ones have at most six bits. */
static inline int32x4_t dot4(int32x4_t acc, int8x16_t w, int8x16_t x)
{
#if defined(__ARM_FEATURE_DOTPROD)
	return vdotq_s32(acc, w, x);
#else
	int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
	int16x8_t high = vmull_high_s8(w, x);

	return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}

SPECIALISED void dots(int mr, int steps, int run, int wide, const vu32 *q, const int8_t *const *a,
		      vi32 *d)
{
	(void)run;
	(void)wide;
#pragma GCC unroll 8
	for (int t = 0; t < steps; t++)
#pragma GCC unroll 8
		for (int i = 0; i < mr; i++) {
			uint32x4_t x = vdupq_n_u32(read_u32((const uint8_t *)a[i] + 4 * t));

			d[i] = (vi32)dot4((int32x4_t)d[i], (int8x16_t)q[t],
					  vreinterpretq_s8_u32(x));
		}
}

#endif
