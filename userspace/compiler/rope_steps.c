// SPDX-License-Identifier: MIT
/* Rotation: micro-programs and the tiles they name. See rope_form.h. */
#include "compiler/norm.h"
#include "compiler/rope_form.h"

static void use(struct row_step *s, unsigned int buf)
{
	s->tile[s->ntiles++].buf = (uint8_t)buf;
}

static struct row_tile *use_part(struct row_step *s, unsigned int buf, int64_t first, uint8_t step,
				 int64_t n)
{
	struct row_tile *t = &s->tile[s->ntiles++];

	*t = (struct row_tile){
		.buf = (uint8_t)buf, .step = step, .first = (int32_t)first, .n = (int32_t)n};
	return t;
}

/* ---- angles: a row per token -------------------------------------------------------- */
/* Tiles of a step for angles, in this order; those that are not wanted are absent. */
struct angle_tiles {
	unsigned int position, inv, section, cos_scale, sin_scale, pair, divisors;
};

static struct angle_tiles angle_tiles(const struct tern_op_desc *op, bool elements)
{
	bool sections = tern_rope_sections(op), divisors = op->src[2] != TERN_NO_TENSOR;
	struct angle_tiles t = {.position = 2, .inv = 3, .section = 4};

	t.cos_scale = t.section + sections;
	t.sin_scale = t.cos_scale + 1;
	t.pair = elements ? t.sin_scale + 1 : t.cos_scale;
	t.divisors = t.pair + (elements && divisors);
	return t;
}

/* Before the loop: S = the position, where it has one component. */
static void position(struct vprog *p, const struct tern_op_desc *op, const struct angle_tiles *t)
{
	if (tern_rope_sections(op))
		return;
	vp(p, TERN_V_LDS, vS(ROW_S_FREE), t->position, 0, 0);
	vp(p, TERN_V_I2F, vS(ROW_S_FREE), vS(ROW_S_FREE), 0, 0);
}

/* V0 = angle, before divisors. */
static void angle(struct vprog *p, const struct tern_op_desc *op, const struct angle_tiles *t)
{
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, t->inv, 0, 0);
	if (!tern_rope_sections(op)) {
		vp(p, TERN_V_MUL, 0, 0, vS(ROW_S_FREE), 0);
		return;
	}
	vp(p, TERN_V_LD, 1, t->section, 0, 0);
	vp(p, TERN_V_LDX, 1, t->position, 1, 0);
	vp(p, TERN_V_I2F, 1, 1, 0, 0);
	vp(p, TERN_V_MUL, 0, 0, 1, 0);
}

/* Tiles: cos, sin, then angle_tiles. */
static void angles_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	const struct angle_tiles t = angle_tiles(k->op, false);
	const float m = (float)tern_rope_magnitude(k->op);

	(void)resident;
	position(p, k->op, &t);
	angle(p, k->op, &t);
	if (k->op->src[2] != TERN_NO_TENSOR) {
		vp(p, TERN_V_LD, 1, t.divisors, 0, 0);
		vp(p, TERN_V_DIV, 0, 0, 1, 0);
	}
	vp(p, TERN_V_COS, 1, 0, 0, 0);
	vp(p, TERN_V_SIN, 2, 0, 0, 0);
	if (m != 1.0f) {
		vp(p, TERN_V_MUL, 1, 1, V_IMM, f32_bits(m));
		vp(p, TERN_V_MUL, 2, 2, V_IMM, f32_bits(m));
	}
	vp(p, TERN_V_ST, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 1, 2, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* The same per element of a head, with the sign of the sine. */
static void element_angles_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	const struct angle_tiles t = angle_tiles(k->op, true);

	(void)resident;
	position(p, k->op, &t);
	angle(p, k->op, &t);
	if (k->op->src[2] != TERN_NO_TENSOR) {
		vp(p, TERN_V_LD, 1, t.pair, 0, 0);
		vp(p, TERN_V_LDX, 1, t.divisors, 1, 0);
		vp(p, TERN_V_DIV, 0, 0, 1, 0);
		/* what is not rotated has no divisor: the first one's may be 0 */
		vp(p, TERN_V_LD, 1, t.inv, 0, 0);
		vp(p, TERN_V_SEL, 0, 1, 0, 1);
	}
	vp(p, TERN_V_COS, 1, 0, 0, 0);
	vp(p, TERN_V_SIN, 2, 0, 0, 0);
	vp(p, TERN_V_LD, 3, t.cos_scale, 0, 0);
	vp(p, TERN_V_LD, 4, t.sin_scale, 0, 0);
	vp(p, TERN_V_MUL, 1, 1, 3, 0);
	vp(p, TERN_V_MUL, 2, 2, 4, 0);
	vp(p, TERN_V_ST, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 1, 2, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static bool uses_constant(const struct rope_chain *c, unsigned int row)
{
	if (row == ROPE_SECTION)
		return tern_rope_sections(c->rope);
	return row != ROPE_PAIR || c->divisor;
}

static void add_angles(struct row_kernel *k, const struct rope_chain *c)
{
	struct row_step *s = row_step(k, c->form == ROPE_ROWS ? element_angles_body : angles_body);

	use(s, c->cos);
	use(s, c->sin);
	use(s, c->pos);
	for (unsigned int i = 0; i < rope_constants(c); i++)
		if (uses_constant(c, i))
			use_part(s, c->constants, i * rope_angles(c), 1, rope_angles(c));
	if (c->divisor)
		use(s, c->divisor);
}

/* ---- norm: a row per head ----------------------------------------------------------- */
/* Tiles: x, y, scale. */
static void head_norm_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool scale = k->op2->src[1] != TERN_NO_TENSOR;
	const struct norm_tiles t = {
		.x = 0,
		.y = 1,
		.scale = (uint8_t)(scale ? 2 : TERN_NONE),
		.bias = TERN_NONE,
	};

	(void)resident;
	norm_sum(p, k->op2, 0);
	norm_apply(p, k, k->op2, &t);
}

static void add_norm(struct row_kernel *k, const struct rope_chain *c, unsigned int to)
{
	struct row_step *s = row_step(k, head_norm_body);

	use(s, 0);
	use(s, to);
	if (c->scale)
		use(s, c->scale);
}

/* ---- rotation of pairs -------------------------------------------------------------- */
/*
 * V4, V5 = the pair V0, V1 turned by cos V2 and sin V3. Rounded as rows_body does: partner's
 * product first, then the element's own is added without rounding, so that the form, which may
 * change with what a rotation is fused with, is not seen in the result.
 */
static void turn(struct vprog *p)
{
	vp(p, TERN_V_MUL, 4, 1, 3, 0);
	vp(p, TERN_V_NEG, 4, 4, 0, 0);
	vp(p, TERN_V_FMA, 4, 0, 2, 4);
	vp(p, TERN_V_MUL, 5, 0, 3, 0);
	vp(p, TERN_V_FMA, 5, 1, 2, 5);
}

/*
 * Tiles: first and second of each pair, cos, sin, the pairs' places in the result. HEADS: then
 * what is not rotated and its place, if it is not there already. PAIRS: which angle.
 */
enum { T_X0, T_X1, T_COS, T_SIN, T_Y0, T_Y1, T_REST, T_REST_TO, T_ANGLE = T_REST };

static void heads_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, T_X0);
	for (unsigned int i = T_X0; i <= T_SIN; i++)
		vp(p, TERN_V_LD, i, i, 0, 0);
	turn(p);
	vp(p, TERN_V_ST, T_Y0, 4, 0, 0);
	vp(p, TERN_V_ST, T_Y1, 5, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	if (k->step[k->nsteps - 1].ntiles <= T_REST)
		return;
	vp(p, TERN_V_LANES, 0, 0, 0, T_REST);
	vp(p, TERN_V_LD, 0, T_REST, 0, 0);
	vp(p, TERN_V_ST, T_REST_TO, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void pairs_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, T_X0);
	vp(p, TERN_V_LD, 0, T_X0, 0, 0);
	vp(p, TERN_V_LD, 1, T_X1, 0, 0);
	vp(p, TERN_V_LD, 6, T_ANGLE, 0, 0);
	vp(p, TERN_V_LDX, 2, T_COS, 6, 0);
	vp(p, TERN_V_LDX, 3, T_SIN, 6, 0);
	turn(p);
	vp(p, TERN_V_ST, T_Y0, 4, 0, 0);
	vp(p, TERN_V_ST, T_Y1, 5, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* First and second of every pair: neighbours, or the two halves. */
static void use_pairs(struct row_step *s, unsigned int buf, const struct rope_chain *c)
{
	int64_t pairs = tern_rope_pairs(c->rope), first = c->rope->i[TERN_ROPE_I_OFFSET];
	bool halves = tern_rope_halves(c->rope);
	uint8_t step = halves ? 1 : 2;

	for (int64_t i = 0; i < 2; i++)
		use_part(s, buf, first + (halves ? i * pairs : i), step, rope_row(c))->joined =
			c->form == ROPE_PAIRS;
}

/* Tiles: from, to. */
static void copy_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_ST, 1, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void use_both(struct row_step *s, unsigned int x, const struct rope_chain *c, int64_t first,
		     int64_t n)
{
	use_part(s, x, first, 1, n);
	use_part(s, c->out, first, 1, n);
}

static void add_pair_rotation(struct row_kernel *k, const struct rope_chain *c, unsigned int x)
{
	int64_t first = c->rope->i[TERN_ROPE_I_OFFSET];
	int64_t end = first + 2 * tern_rope_pairs(c->rope);
	struct row_step *s;

	if (first && x != c->out)
		use_both(row_step(k, copy_body), x, c, 0, first);
	s = row_step(k, c->form == ROPE_PAIRS ? pairs_body : heads_body);
	use_pairs(s, x, c);
	use(s, c->cos);
	use(s, c->sin);
	use_pairs(s, c->out, c);
	if (c->form == ROPE_PAIRS)
		use(s, c->index);
	else if (end < c->head && x != c->out)
		use_both(s, x, c, end, c->head - end);
}

/* ---- rotation of elements ----------------------------------------------------------- */
/* Tiles: y, x, cos, sin, which angle, which partner; if some are not, which are rotated. */
static void rows_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_LD, 1, 5, 0, 0);
	vp(p, TERN_V_LDX, 1, 1, 1, 0);
	vp(p, TERN_V_LD, 2, 4, 0, 0);
	vp(p, TERN_V_LDX, 3, 2, 2, 0);
	vp(p, TERN_V_LDX, 4, 3, 2, 0);
	vp(p, TERN_V_MUL, 1, 1, 4, 0);
	vp(p, TERN_V_FMA, 1, 0, 3, 1);
	if (k->step[k->nsteps - 1].ntiles > 6) {
		/* not by a sine of 0: an infinite element would become NaN */
		vp(p, TERN_V_LD, 2, 6, 0, 0);
		vp(p, TERN_V_SEL, 1, 2, 1, 0);
	}
	vp(p, TERN_V_ST, 0, 1, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void add_row_rotation(struct row_kernel *k, const struct rope_chain *c, unsigned int x)
{
	struct row_step *s = row_step(k, rows_body);
	int64_t n = rope_row(c);

	use_part(s, c->out, 0, 1, n)->joined = true;
	use_part(s, x, 0, 1, n)->joined = true;
	use(s, c->cos);
	use(s, c->sin);
	use_part(s, c->index, ROPE_ANGLE * n, 1, n);
	use_part(s, c->index, ROPE_PARTNER * n, 1, n);
	if (rope_has_rest(c))
		use_part(s, c->index, ROPE_TURNS * n, 1, n);
}

void rope_add_steps(struct row_kernel *k, const struct rope_chain *c)
{
	/* pairs turn in place; elements read their partners, so the norm leaves them elsewhere */
	unsigned int x = !c->norm ? 0 : c->normed ? c->normed : c->out;

	if (c->rope)
		add_angles(k, c);
	if (c->norm)
		add_norm(k, c, x);
	if (!c->rope)
		return;
	if (c->form == ROPE_ROWS)
		add_row_rotation(k, c, x);
	else
		add_pair_rotation(k, c, x);
}
