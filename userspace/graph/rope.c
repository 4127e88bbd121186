// SPDX-License-Identifier: MIT
/* ROPE's modes and frequencies, as <tern.h> states them. */
#include "graph/rope.h"

#include <math.h>

static const struct mode {
	int32_t number;
	bool sections, halves;
} modes[] = {
	{TERN_ROPE_NORMAL, false, false},    {TERN_ROPE_NEOX, false, true},
	{TERN_ROPE_SECTIONS, true, true},    {TERN_ROPE_VISION, true, true},
	{TERN_ROPE_INTERLEAVED, true, true},
};

static const struct mode *mode_of(int32_t number)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].number == number)
			return &modes[i];
	}
	return NULL;
}

bool tern_rope_mode_known(int32_t mode)
{
	return mode_of(mode);
}

/* Parameters that nobody checked: an unknown mode is like the normal one. */
bool tern_rope_sections(const struct tern_op_desc *op)
{
	const struct mode *m = mode_of(op->i[TERN_ROPE_I_MODE]);

	return m && m->sections;
}

bool tern_rope_halves(const struct tern_op_desc *op)
{
	const struct mode *m = mode_of(op->i[TERN_ROPE_I_MODE]);

	return m && m->halves;
}

int64_t tern_rope_pairs(const struct tern_op_desc *op)
{
	int64_t dims = op->i[TERN_ROPE_I_DIMS];

	return op->i[TERN_ROPE_I_MODE] == TERN_ROPE_VISION ? dims : dims / 2;
}

/* Where in the sequence of sections the pair is. */
static int64_t place_of(const struct tern_op_desc *op, int64_t pair)
{
	const int32_t *size = &op->i[TERN_ROPE_I_SECTIONS];
	int64_t all = (int64_t)size[0] + size[1] + size[2] + size[3];

	return all > 0 ? pair % all : pair;
}

static unsigned int in_order(const int32_t size[4], int64_t *at)
{
	unsigned int s = 0;

	for (; s < 3 && *at >= size[s]; s++)
		*at -= size[s];
	return s;
}

static unsigned int in_turn(const int32_t size[4], int64_t at)
{
	unsigned int s = (unsigned int)(at % 3);

	return at < 3 * (int64_t)size[s] ? s : 3;
}

unsigned int tern_rope_section(const struct tern_op_desc *op, int64_t pair)
{
	const int32_t *size = &op->i[TERN_ROPE_I_SECTIONS];
	int64_t at = place_of(op, pair);

	return op->i[TERN_ROPE_I_MODE] == TERN_ROPE_INTERLEAVED ? in_turn(size, at)
								: in_order(size, &at);
}

/* The p of rate(p). */
static int64_t exponent(const struct tern_op_desc *op, int64_t pair)
{
	int64_t at = place_of(op, pair);

	if (op->i[TERN_ROPE_I_MODE] != TERN_ROPE_VISION)
		return pair;
	in_order(&op->i[TERN_ROPE_I_SECTIONS], &at);
	return at;
}

/*
 * YaRN ("YaRN: Efficient Context Window Extension of Large Language Models", Peng et al.,
 * arXiv 2309.00071, section 3.2 "NTK-by-parts", as ggml's rope_yarn): the pair whose
 * frequency makes `turns` turns over the original context.
 */
static double turns_pair(const struct tern_op_desc *op, double turns)
{
	double dims = op->i[TERN_ROPE_I_DIMS], base = (double)op->f[TERN_ROPE_F_BASE];
	double ctx = op->i[TERN_ROPE_I_CTX_ORIG];

	return dims * log(ctx / (turns * 2.0 * 3.14159265358979323846)) / (2.0 * log(base));
}

/* Share of extrapolation (frequency as trained) of a pair; the rest is interpolated. */
static double extrapolated(const struct tern_op_desc *op, int64_t pair)
{
	const float *f = op->f;
	double low, high, y;

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return 0.0;
	low = fmax(0.0, floor(turns_pair(op, (double)f[TERN_ROPE_F_BETA_FAST])));
	high = fmin(op->i[TERN_ROPE_I_DIMS] - 1.0,
		    ceil(turns_pair(op, (double)f[TERN_ROPE_F_BETA_SLOW])));
	y = ((double)pair - low) / fmax(0.001, high - low);
	return (1.0 - fmin(1.0, fmax(0.0, y))) * (double)f[TERN_ROPE_F_EXT];
}

double tern_rope_rate(const struct tern_op_desc *op, int64_t pair)
{
	double mix = extrapolated(op, pair), scale = (double)op->f[TERN_ROPE_F_SCALE];
	double power = -2.0 * (double)exponent(op, pair) / op->i[TERN_ROPE_I_DIMS];

	return pow((double)op->f[TERN_ROPE_F_BASE], power) * (scale * (1.0 - mix) + mix);
}

/* The paper's 1 / sqrt(t), section 3.4. */
double tern_rope_magnitude(const struct tern_op_desc *op)
{
	const float *f = op->f;

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return (double)f[TERN_ROPE_F_ATTN];
	return (double)f[TERN_ROPE_F_ATTN] * (1.0 + 0.1 * log(1.0 / (double)f[TERN_ROPE_F_SCALE]));
}
