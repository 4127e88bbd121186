/* SPDX-License-Identifier: MIT */
/*
 * mkgguf_formats.h - filling memory with random blocks of GGUF's formats.
 *
 * Part of mkgguf.c; a format is a row of the table below.
 */
#ifndef TERN_BENCH_MKGGUF_FORMATS_H
#define TERN_BENCH_MKGGUF_FORMATS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define N_SCALES 64 /* different block scales in a tensor */

/* Where a block's fp16 scales are, and what makes its values of unit deviation. */
struct format {
	const char *name;
	uint32_t ggml_type, file_type;
	uint32_t elems, bytes;
	int scale_at, min_at; /* byte offsets, -1: none */
	double unit;	      /* scale = deviation / unit */
	double min_per_scale;
	void (*shape)(uint8_t *block); /* constrains the random bytes, may be NULL */
};

static void shape_q8_0(uint8_t *block)
{
	/* Quantisers are symmetric: -128 never occurs, and kernels may rely on it. */
	for (int i = 0; i < 32; i++)
		block[2 + i] = block[2 + i] == 0x80 ? 0x81 : block[2 + i];
}

static void shape_q6_k(uint8_t *block)
{
	/* Scales of -16..15, lest the fp16 factor become subnormal. */
	for (int i = 192; i < 208; i++)
		block[i] = (uint8_t)((block[i] & 0x1f) - 16);
}

/*
 * Deviations of uniform values: of 2^b steps sqrt((4^b - 1) / 12). Q4_K: scales
 * and mins of 0..63 (mean square 1323, variance 341), values of 0..15, mins
 * weighted 7.5 to centre the block. Q6_K: scales of -16..15 (85.5) on -32..31.
 */
static const struct format formats[] = {
	{"f16", 1, 1, 1, 2, -1, -1, 1.53, 0, NULL},
	{"q4_0", 2, 2, 32, 18, 0, -1, 4.64, 0, NULL},
	{"q8_0", 8, 7, 32, 34, 0, -1, 73.5, 0, shape_q8_0},
	{"q4_k", 12, 15, 256, 144, 0, 2, 257.6, 7.5, NULL},
	{"q6_k", 14, 18, 256, 210, 208, -1, 171.0, 0, shape_q6_k},
};

/* In this order the first whose blocks fit a row stands in for what does not. */
static const char *const fallbacks[] = {"q8_0", "f16"};

/* splitmix64, S. Vigna, https://prng.di.unimi.it/splitmix64.c */
static uint64_t random64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Of a positive number within fp16's range, to nearest. */
static uint16_t half_bits(double x)
{
	int e;
	double m = frexp(x, &e); /* 0.5 .. 1 */

	if (e < -13)
		return (uint16_t)lround(ldexp(x, 24));
	return (uint16_t)(((e + 14) << 10) + lround((2 * m - 1) * 1024));
}

static void fill_random(uint64_t *rng, uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n + 7; i += 8) {
		uint64_t r = random64(rng);

		memcpy(p + i, &r, n - i < 8 ? n - i : 8);
	}
}

/*
 * Random sign and mantissa on one exponent: finite, and quick to make. The
 * deviation is that of the power of two below.
 */
static void fill_f16(uint64_t *rng, uint8_t *p, size_t n, double deviation)
{
	uint64_t exponent = half_bits(deviation) & 0x7c00;
	uint64_t ones = exponent * 0x0001000100010001u;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t r = (random64(rng) & 0x83ff83ff83ff83ffu) | ones;

		memcpy(p + i, &r, n - i < 8 ? n - i : 8);
	}
}

static void put_half(uint8_t *p, uint16_t h)
{
	p[0] = (uint8_t)h;
	p[1] = (uint8_t)(h >> 8);
}

/* Scales from 3/4 to 5/4 of the mean: blocks differ, as in a trained model. */
static void make_scales(uint16_t scales[N_SCALES], double mean)
{
	for (int i = 0; i < N_SCALES; i++)
		scales[i] = half_bits(mean * (0.75 + 0.5 * i / N_SCALES));
}

struct block_scales {
	uint16_t scale[N_SCALES], min[N_SCALES];
};

static void make_block_scales(const struct format *f, double deviation, struct block_scales *s)
{
	make_scales(s->scale, deviation / f->unit);
	make_scales(s->min, deviation / f->unit * (f->min_at < 0 ? 1 : f->min_per_scale));
}

/* The scale's own random byte picks which; then the rest is made to fit. */
static void finish_block(const struct format *f, const struct block_scales *s, uint8_t *block)
{
	unsigned int pick = block[f->scale_at] % N_SCALES;

	put_half(block + f->scale_at, s->scale[pick]);
	if (f->min_at >= 0)
		put_half(block + f->min_at, s->min[pick]);
	if (f->shape)
		f->shape(block);
}

/* Writes @blocks blocks whose values have the standard deviation @deviation. */
static void fill_blocks(const struct format *f, uint64_t *rng, double deviation,
			const struct block_scales *s, uint8_t *out, uint64_t blocks)
{
	if (f->scale_at < 0) {
		fill_f16(rng, out, blocks * f->bytes, deviation / f->unit);
		return;
	}
	fill_random(rng, out, blocks * f->bytes);
	for (uint64_t i = 0; i < blocks; i++)
		finish_block(f, s, out + i * f->bytes);
}

#endif
