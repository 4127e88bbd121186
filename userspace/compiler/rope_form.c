// SPDX-License-Identifier: MIT
/* Rotation: tables, and which form is the fastest. See rope_form.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tern/time.h>

#include "compiler/rope_form.h"

/* ---- choice ------------------------------------------------------------------------- */
static int64_t pairs_of(const struct rope_chain *c)
{
	return tern_rope_pairs(c->rope);
}

/* Elements of a head that are not rotated. */
static int64_t rest_of(const struct rope_chain *c)
{
	return c->head - 2 * pairs_of(c);
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
	int64_t pairs = pairs_of(c), row = K_VECTOR_ROW + K_VECTOR_LOOP;

	if (form == ROPE_PAIRS)
		return row + 14 * strips(pairs * c->heads, lanes);
	if (form == ROPE_ROWS)
		return row + (rest_of(c) ? 14 : 12) * strips(c->head * c->heads, lanes);
	return c->heads * (row + 13 * strips(pairs, lanes) +
			   (rest_of(c) ? 2 + 2 * strips(rest_of(c), lanes) : 0));
}

/* Is the form possible? A VECTOR command has no tile left for divisors beside sections. */
static bool form_can(const struct rope_chain *c, enum rope_form form)
{
	if (form == ROPE_ROWS)
		return !tern_rope_sections(c->rope) || c->rope->src[2] == TERN_NO_TENSOR;
	return !tern_rope_halves(c->rope) && !rest_of(c);
}

enum rope_form rope_best_form(const struct tern_caps *caps, const struct rope_chain *c)
{
	enum rope_form best = ROPE_HEADS;

	if (!c->rope || c->heads < 2)
		return best;
	for (int f = ROPE_PAIRS; f < ROPE_FORMS; f++) {
		if (form_can(c, (enum rope_form)f) &&
		    form_cycles(c, (enum rope_form)f, caps->vector_lanes) <
			    form_cycles(c, best, caps->vector_lanes))
			best = (enum rope_form)f;
	}
	return best;
}

int64_t rope_angles(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS ? c->head : pairs_of(c);
}

int64_t rope_row(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS    ? c->head * c->heads
	       : c->form == ROPE_PAIRS ? pairs_of(c) * c->heads
				       : pairs_of(c);
}

unsigned int rope_constants(const struct rope_chain *c)
{
	return c->form == ROPE_ROWS	     ? ROPE_CONSTANTS
	       : tern_rope_sections(c->rope) ? ROPE_SECTION + 1
					     : ROPE_INV + 1;
}

bool rope_has_rest(const struct rope_chain *c)
{
	return rest_of(c) > 0;
}

unsigned int rope_indices(const struct rope_chain *c)
{
	if (c->form == ROPE_ROWS)
		return rope_has_rest(c) ? ROPE_INDICES : ROPE_TURNS;
	return c->form == ROPE_PAIRS ? 1 : 0;
}

/* ---- tables ------------------------------------------------------------------------- */
static float bits(int64_t v)
{
	int32_t i = (int32_t)v;
	float f;

	memcpy(&f, &i, sizeof(f));
	return f;
}

/* Element i of a head: its pair, and whether it is the second of it; -1: not rotated. */
static int64_t pair_of(const struct rope_chain *c, int64_t i, bool *second)
{
	int64_t pairs = pairs_of(c), at = i - c->rope->i[TERN_ROPE_I_OFFSET];
	bool halves = tern_rope_halves(c->rope);

	if (at < 0 || at >= 2 * pairs)
		return -1;
	*second = halves ? at >= pairs : at % 2;
	return halves ? at % pairs : at / 2;
}

/* Row by row; n elements each. */
static void fill_pair(const struct rope_chain *c, float *t, int64_t n, int64_t i, int64_t pair)
{
	t[ROPE_INV * n + i] = (float)tern_rope_rate(c->rope, pair);
	if (tern_rope_sections(c->rope))
		t[ROPE_SECTION * n + i] = bits(tern_rope_section(c->rope, pair));
}

static void fill_element(const struct rope_chain *c, float *t, int64_t i)
{
	float m = (float)tern_rope_magnitude(c->rope);
	int64_t n = c->head, pair;
	bool second = false;

	pair = pair_of(c, i, &second);
	for (int row = 0; row < ROPE_CONSTANTS; row++)
		t[row * n + i] = 0.0f;
	t[ROPE_COS_SCALE * n + i] = 1.0f;
	if (pair < 0)
		return;
	fill_pair(c, t, n, i, pair);
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
			fill_pair(c, t, rope_angles(c), i, i);
	}
}

static int64_t partner_of(const struct rope_chain *c, int64_t i)
{
	int64_t away = tern_rope_halves(c->rope) ? pairs_of(c) : 1;
	bool second;

	if (pair_of(c, i, &second) < 0)
		return i;
	return second ? i - away : i + away;
}

static void fill_index(const struct rope_chain *c, float *t)
{
	int64_t n = rope_angles(c), row = rope_row(c);

	for (int64_t i = 0; i < row; i++) {
		int64_t at = i % n, partner = c->form == ROPE_ROWS ? partner_of(c, at) : at;

		t[ROPE_ANGLE * row + i] = bits(at);
		if (rope_indices(c) > ROPE_PARTNER)
			t[ROPE_PARTNER * row + i] = bits(i - at + partner);
		if (rope_indices(c) > ROPE_TURNS)
			t[ROPE_TURNS * row + i] = bits(partner != at);
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
