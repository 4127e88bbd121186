// SPDX-License-Identifier: MIT
/* Rotation: frequencies, tables, and which form is the fastest. See rope_form.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tern/time.h>

#include "compiler/rope_form.h"

/* ---- frequencies -------------------------------------------------------------------- */
/*
 * YaRN ("YaRN: Efficient Context Window Extension of Large Language Models", Peng et al.,
 * arXiv 2309.00071, section 3.2 "NTK-by-parts", as ggml's rope_yarn): the dimension whose
 * frequency makes `turns` turns over the original context.
 */
static double turns_dim(const struct tern_op_desc *op, double turns)
{
	double dims = op->i[TERN_ROPE_I_DIMS], base = op->f[TERN_ROPE_F_BASE];
	double ctx = op->i[TERN_ROPE_I_CTX_ORIG];

	return dims * log(ctx / (turns * 2.0 * 3.14159265358979323846)) / (2.0 * log(base));
}

/* Share of extrapolation (frequency as trained) of pair i; the rest is interpolated. */
static double extrapolated(const struct tern_op_desc *op, int64_t i)
{
	const float *f = op->f;
	double low, high, y;

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return 0.0;
	low = fmax(0.0, floor(turns_dim(op, f[TERN_ROPE_F_BETA_FAST])));
	high = fmin(op->i[TERN_ROPE_I_DIMS] - 1.0, ceil(turns_dim(op, f[TERN_ROPE_F_BETA_SLOW])));
	y = ((double)i - low) / fmax(0.001, high - low);
	return (1.0 - fmin(1.0, fmax(0.0, y))) * f[TERN_ROPE_F_EXT];
}

static float inverse_frequency(const struct tern_op_desc *op, int64_t i)
{
	double mix = extrapolated(op, i), scale = op->f[TERN_ROPE_F_SCALE];

	return (float)(pow(op->f[TERN_ROPE_F_BASE], -2.0 * (double)i / op->i[TERN_ROPE_I_DIMS]) *
		       (scale * (1.0 - mix) + mix));
}

/* The paper's 1 / sqrt(t), section 3.4. */
float rope_magnitude(const struct tern_op_desc *op)
{
	const float *f = op->f;

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return f[TERN_ROPE_F_ATTN];
	return (float)(f[TERN_ROPE_F_ATTN] * (1.0 + 0.1 * log(1.0 / f[TERN_ROPE_F_SCALE])));
}

/* ---- choice ------------------------------------------------------------------------- */
static int64_t dims(const struct rope_chain *c)
{
	return c->rope->i[TERN_ROPE_I_DIMS];
}

static bool neox(const struct rope_chain *c)
{
	return c->rope->i[TERN_ROPE_I_MODE] == 2;
}

static int64_t strips(int64_t n, int64_t lanes)
{
	return (n + lanes - 1) / lanes;
}

enum {
#define X(name, value, ...) K_##name = (int)(value),
	TERN_TIMING_CONSTANTS(X)
#undef X
};

/* Cycles of a token's heads: what a row and its loop cost (tern/time.h), and the instructions of
 * that loop (rope_steps.c). */
static int64_t form_cycles(const struct rope_chain *c, enum rope_form form, int64_t lanes)
{
	int64_t pairs = dims(c) / 2, row = K_VECTOR_ROW + K_VECTOR_LOOP;

	if (form == ROPE_PAIRS)
		return row + 14 * strips(pairs * c->heads, lanes);
	if (form == ROPE_ROWS)
		return row + 12 * strips(c->head * c->heads, lanes);
	return c->heads * (row + 13 * strips(pairs, lanes) +
			   (dims(c) < c->head ? 2 + 2 * strips(c->head - dims(c), lanes) : 0));
}

enum rope_form rope_best_form(const struct tern_caps *caps, const struct rope_chain *c)
{
	enum rope_form best = ROPE_HEADS;

	if (!c->rope || c->heads < 2)
		return best;
	for (int f = ROPE_PAIRS; f < ROPE_FORMS; f++) {
		bool can = f == ROPE_ROWS || (!neox(c) && dims(c) == c->head);

		if (can && form_cycles(c, (enum rope_form)f, caps->vector_lanes) <
				   form_cycles(c, best, caps->vector_lanes))
			best = (enum rope_form)f;
	}
	return best;
}

int64_t rope_angles(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS ? c->head : dims(c) / 2;
}

int64_t rope_row(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS    ? c->head * c->heads
	       : c->form == ROPE_PAIRS ? dims(c) / 2 * c->heads
				       : dims(c) / 2;
}

unsigned int rope_constants(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS ? ROPE_CONSTANTS : 1;
}

unsigned int rope_indices(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS ? ROPE_INDICES : c->form == ROPE_PAIRS ? 1 : 0;
}

/* ---- tables ------------------------------------------------------------------------- */
static float bits(int64_t v)
{
	int32_t i = (int32_t)v;
	float f;

	memcpy(&f, &i, sizeof(f));
	return f;
}

/* Element i of a head: its pair, and whether it is the second of it. */
static int64_t pair_of(const struct rope_chain *c, int64_t i, bool *second)
{
	int64_t pairs = dims(c) / 2;

	*second = neox(c) ? i >= pairs : i % 2;
	return neox(c) ? i % pairs : i / 2;
}

static void fill_element(const struct rope_chain *c, float *t, int64_t i)
{
	float m = rope_magnitude(c->rope);
	int64_t n = c->head, pair;
	bool second;

	if (i >= dims(c)) {
		t[ROPE_INV * n + i] = 0.0f;
		t[ROPE_COS_SCALE * n + i] = 1.0f;
		t[ROPE_SIN_SCALE * n + i] = 0.0f;
		t[ROPE_PAIR * n + i] = bits(0);
		return;
	}
	pair = pair_of(c, i, &second);
	t[ROPE_INV * n + i] = inverse_frequency(c->rope, pair);
	t[ROPE_COS_SCALE * n + i] = m;
	t[ROPE_SIN_SCALE * n + i] = second ? m : -m;
	t[ROPE_PAIR * n + i] = bits(pair);
}

static void fill_constants(const struct rope_chain *c, float *t)
{
	for (int64_t i = 0; i < rope_angles(c); i++) {
		if (c->form == ROPE_ROWS)
			fill_element(c, t, i);
		else
			t[i] = inverse_frequency(c->rope, i);
	}
}

static int64_t partner_of(const struct rope_chain *c, int64_t i)
{
	int64_t away = neox(c) ? dims(c) / 2 : 1;
	bool second;

	if (i >= dims(c))
		return i;
	pair_of(c, i, &second);
	return second ? i - away : i + away;
}

static void fill_index(const struct rope_chain *c, float *t)
{
	int64_t n = rope_angles(c), row = rope_row(c);

	for (int64_t i = 0; i < row; i++) {
		t[ROPE_ANGLE * row + i] = bits(i % n);
		if (c->form == ROPE_ROWS)
			t[ROPE_PARTNER * row + i] = bits(i - i % n + partner_of(c, i % n));
	}
}

int rope_tables_init(struct rope_tables *t, const struct rope_chain *c)
{
	size_t constants = rope_constants(c) * (size_t)rope_angles(c);
	size_t index = rope_indices(c) * (size_t)rope_row(c);

	t->constants = malloc((constants + index) * sizeof(float));
	if (!t->constants)
		return -ENOMEM;
	t->index = t->constants + constants;
	fill_constants(c, t->constants);
	if (index)
		fill_index(c, t->index);
	return 0;
}

void rope_tables_fini(struct rope_tables *t)
{
	free(t->constants);
	t->constants = t->index = NULL;
}
