// SPDX-License-Identifier: MIT
/* MATMUL_ID: solver, choice of the form, and the form for few pairs of token and expert. */
#include <errno.h>

#include "compiler/experts.h"
#include "compiler/rows.h"

/* ---- shapes -------------------------------------------------------------------------- */
/* Rows [*, used, tokens] as those of a matrix. The stride of a dimension of one element means
 * nothing. */
static bool rows_of(const struct tern_tensor_desc *t, int64_t used, int64_t tokens,
		    struct experts_rows *r)
{
	if (used > TERN_MAX_SIZE / tokens)
		return false;
	if (used == 1 || tokens == 1) {
		*r = (struct experts_rows){(int64_t)t->nb[used == 1 ? 2 : 1], 1, used * tokens};
		return true;
	}
	if (!t->nb[1] || t->nb[2] % t->nb[1] ||
	    t->nb[2] / t->nb[1] > TERN_MAX_SIZE / (uint64_t)tokens)
		return false;
	*r = (struct experts_rows){(int64_t)t->nb[1], (int64_t)(t->nb[2] / t->nb[1]), 0};
	r->n = (tokens - 1) * r->step + used;
	return true;
}

static bool shape_of(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors,
		     struct experts_shape *s)
{
	const struct tern_tensor_desc *w = &tensors[op->src[0]], *a = &tensors[op->src[1]],
				      *ids = &tensors[op->src[2]], *d = &tensors[op->dst];

	*s = (struct experts_shape){
		.used = ids->ne[0],
		.tokens = ids->ne[1],
		.experts = w->ne[2],
		.shared = a->ne[1] == 1,
	};
	return (s->shared || a->ne[1] == s->used) && rows_of(a, a->ne[1], s->tokens, &s->a) &&
	       rows_of(d, s->used, s->tokens, &s->d);
}

/* Of `rows` rows at a time, beside what takes `other` bytes. */
static struct linear_need need_of(const struct tern_tensor_desc *a,
				  const struct tern_tensor_desc *w, bool w_written, int64_t rows,
				  uint64_t other)
{
	return (struct linear_need){
		.a_dtype = a->type,
		.w_dtype = w->type,
		.k = w->ne[0],
		.m = rows,
		.n = w->ne[1],
		.ncols = 1,
		.w_written = w_written,
		.other = other,
	};
}

/* ---- solver ---------------------------------------------------------------------------- */
static const char *sizes_refused(const struct tern_caps *caps, const struct tern_op_desc *op,
				 const struct tern_tensor_desc *tensors)
{
	const struct tern_tensor_desc *w = &tensors[op->src[0]], *a = &tensors[op->src[1]],
				      *ids = &tensors[op->src[2]];
	struct experts_chunk chunk;
	struct experts_shape s;
	struct linear_need need;
	struct linear_fit f;

	if (w->ne_sym[0] || w->ne_sym[1] || w->ne_sym[2] || ids->ne_sym[0] || a->ne_sym[1])
		return "only the number of tokens may be symbolic";
	if (!shape_of(op, tensors, &s))
		return "activations must be one row a token or one an expert, and rows of a token "
		       "and of the next a whole number of rows apart";
	if (!experts_chunk(caps, &s, 1, &chunk))
		return "a token has more experts than the scratchpad has room for";
	need = need_of(a, w, true /* tensors do not tell */, 1, chunk.bytes);
	if (!linear_fit(caps, &need, &f))
		return "a row does not fit the scratchpad";
	return NULL;
}

int experts_solve(const struct tern_target *t, const struct tern_op_desc *op,
		  const struct tern_tensor_desc *tensors)
{
	const struct tern_tensor_desc *w = &tensors[op->src[0]], *a = &tensors[op->src[1]],
				      *ids = &tensors[op->src[2]], *d = &tensors[op->dst];
	const char *why;

	if (!row_sizes_ok(w) || !row_sizes_ok(a) || !row_sizes_ok(ids) || !row_sizes_ok(d))
		return row_bad_sizes(op);
	why = linear_refused(w, a, d);
	if (!why)
		why = sizes_refused(&t->caps, op, tensors);
	if (!why &&
	    (tern_tensor_overlap(d, a) || tern_tensor_overlap(d, w) || tern_tensor_overlap(d, ids)))
		why = "the result overlaps a source";
	return why ? tern_fail(-EOPNOTSUPP, "MATMUL_ID: %s", why) : 0;
}

/* ---- what both forms begin with ------------------------------------------------------------ */
void experts_load_ids(struct experts *e, struct tern_val to, unsigned int offs,
		      struct tern_val tokens, const struct tern_sync *sync)
{
	struct tern_lower *l = e->x.l;
	struct tern_val used = tern_imm(e->s.used);
	struct lower_tile_spec mem = tile_spec(TERN_T_I32, false, reg(e->ids_base)),
			       spm = tile_spec(TERN_T_I32, true, to);
	unsigned int from = lower_tile(l), at = lower_tile(l);

	mem.offs = reg(offs);
	mem.size[0] = spm.size[0] = used;
	mem.size[1] = spm.size[1] = tokens;
	mem.stride[0] = tern_imm((int64_t)e->ids->nb[0]);
	mem.stride[1] = tern_imm((int64_t)e->ids->nb[1]);
	spm.stride[1] = tern_imm(4 * e->s.used);
	lower_set_tile(l, from, &mem);
	lower_set_tile(l, at, &spm);
	tern_emit_load(&l->code, true, at, from, TERN_NONE, NULL, NULL, sync);
}

static void declare(struct experts *e, struct tern_lower *l, uint32_t op)
{
	const struct tern_op_desc *o = &l->g->ops[op];

	e->w = &l->g->tensors[o->src[0]];
	e->ids = &l->g->tensors[o->src[2]];
	lower_group_begin(l, op);
	linear_args(&e->x);
	e->ids_base = lower_base(l, o->src[2]);
	e->tokens = lower_dim(l, e->ids, 1);
	lower_args_done(l);
	e->a = *e->x.a;
	e->a.nb[1] = (uint64_t)e->s.a.stride;
	e->x.a = &e->a;
	e->x.d_stride[0] = e->s.d.stride;
}

/* ---- pair by pair ---------------------------------------------------------------------------- */
/* The weights of the expert whose number is at SPM address `at`; a number of no expert ends the
 * job. */
static void take_expert(struct experts *e, unsigned int at)
{
	struct tern_lower *l = e->x.l;
	unsigned int w = e->x.off[OFF_W];
	size_t good;

	/* read as unsigned, so that below 0 is too large */
	tern_emit_ldr(&l->code, w, 1, at, 0, 2 | TERN_LDR_SPM);
	good = tern_emit_br(&l->code, TERN_COND_LT, w, tern_imm(e->s.experts), 0);
	tern_emit_trap(&l->code, TERN_TRAP_EXPERT);
	tern_code_patch(&l->code, good, l->code.n);
	lower_alu(l, TERN_ALU_MUL, w, w, tern_imm((int64_t)e->w->nb[2]));
}

static void next_row(struct experts *e, int64_t a, int64_t d)
{
	lower_alu(e->x.l, TERN_ALU_ADD, e->x.off[OFF_A], e->x.off[OFF_A], tern_imm(a));
	lower_alu(e->x.l, TERN_ALU_ADD, e->x.off[OFF_D], e->x.off[OFF_D], tern_imm(d));
}

static void by_pairs(struct experts *e)
{
	struct tern_lower *l = e->x.l;
	const struct experts_rows *a = &e->s.a, *d = &e->s.d;
	int64_t a_row = e->s.shared ? 0 : a->stride;
	uint32_t ids = lower_spm(l, (uint64_t)(4 * e->s.used * e->s.tokens));
	unsigned int at = lower_reg(l);
	struct tern_sync loaded = {0}, here = {0};
	struct lower_loop tokens, used;

	e->x.m = lower_dim_imm(1);
	linear_begin(&e->x);
	sync_signal(&loaded, pipe_full(PIPE_IDS), 1);
	sync_wait(&here, pipe_full(PIPE_IDS), 1);
	experts_load_ids(e, tern_imm(ids), e->x.off[OFF_A], e->tokens.v, &loaded);
	tern_emit_sync(&l->code, TERN_Q_CP, &here);
	lower_mov(l, at, tern_imm(ids));
	tokens = lower_loop_begin(l, e->tokens.v);
	used = lower_loop_begin(l, tern_imm(e->s.used));
	take_expert(e, at);
	linear_row_tiles(&e->x);
	lower_alu(l, TERN_ALU_ADD, at, at, tern_imm(4));
	next_row(e, a_row, d->stride);
	lower_loop_end(l, &used);
	next_row(e, a->step * a->stride - e->s.used * a_row, (d->step - e->s.used) * d->stride);
	lower_loop_end(l, &tokens);
	lower_group_end(l);
}

/* ---- the choice ------------------------------------------------------------------------- */
/* Cycles of a pair and of a list at least, whatever their matrices and lengths, and what VECTOR
 * does with `lanes` pairs of a list; from runs on ref in both forms. */
enum { PAIR = 200, LIST = 64, LIST_STEP = 8 };

static double at_least(double a, double b)
{
	return a > b ? a : b;
}

/* Matrices that are read if each token's experts are as good as drawn by lot. */
static double experts_met(const struct experts_shape *s)
{
	double missed = 1;

	for (int64_t t = 0; t < s->tokens && missed > 1e-3; t++)
		missed *= 1 - (double)(s->used < s->experts ? s->used : s->experts) /
				      (double)s->experts;
	return (double)s->experts * (1 - missed);
}

static bool pairs_pay(const struct tern_caps *caps, const struct experts_shape *s,
		      const struct tern_tensor_desc *w)
{
	double pairs = (double)s->used * (double)s->tokens;
	double matrix = (double)tern_type_row_bytes(w->type, (uint64_t)w->ne[0]) *
			(double)w->ne[1] * 256 / caps->dram_x256;
	double list = at_least(LIST, pairs * LIST_STEP / caps->vector_lanes);

	return pairs * at_least(matrix, PAIR) < experts_met(s) * matrix + (double)s->experts * list;
}

/* Rows of an expert if all have as many. */
static int64_t even_share(const struct experts_shape *s, int64_t tokens)
{
	return (s->used * tokens + s->experts - 1) / s->experts;
}

/* Tiles are made for four times the even share. Further rows are further tiles, which read the
 * weights again; fewer leave a tall tile's room in the scratchpad unused. */
static int64_t rows_at_a_time(const struct experts_shape *s, int64_t tokens)
{
	int64_t rows = 4 * even_share(s, tokens);

	return rows < tokens ? rows : tokens;
}

/* The chunk with which each matrix is read least often: lists of more tokens leave less room for
 * their rows. */
static bool fit_lists(struct experts *e, struct linear_fit *best)
{
	const struct experts_shape *s = &e->s;
	struct experts_chunk c;
	int64_t fewest = 0;

	for (int64_t most = s->tokens; most > 0; most = c.tokens / 2) {
		struct linear_need need;
		struct linear_fit f;
		int64_t reads;

		if (!experts_chunk(e->x.l->caps, s, most, &c))
			break;
		need = need_of(e->x.a, e->w, !e->x.const_w, rows_at_a_time(s, c.tokens), c.bytes);
		if (!linear_fit(e->x.l->caps, &need, &f))
			continue;
		reads = (s->tokens + c.tokens - 1) / c.tokens *
			((even_share(s, c.tokens) + f.mt - 1) / f.mt);
		if (!fewest || reads < fewest) {
			fewest = reads;
			e->chunk = c;
			*best = f;
		}
	}
	return fewest > 0;
}

/* All numbers at once, one row at a time. */
static bool fit_pairs(struct experts *e, struct linear_fit *f)
{
	const struct linear_need need =
		need_of(e->x.a, e->w, !e->x.const_w, 1, (uint64_t)(4 * e->s.used * e->s.tokens));

	return pairs_pay(e->x.l->caps, &e->s, e->w) && linear_fit(e->x.l->caps, &need, f);
}

void experts_lower(struct tern_lower *l, uint32_t op)
{
	struct experts e = {
		.plan = {.norm = TERN_NO_OP, .glu = TERN_NO_OP, .nout = 1},
		.x = {.l = l, .p = &e.plan},
	};

	e.plan.out[0] = (struct linear_out){op, TERN_NO_OP, TERN_NO_OP};
	if (!shape_of(&l->g->ops[op], l->g->tensors, &e.s)) {
		l->err = l->err ? l->err : -EOPNOTSUPP;
		return;
	}
	declare(&e, l, op);
	if (fit_pairs(&e, &e.x.f))
		by_pairs(&e);
	else if (fit_lists(&e, &e.x.f))
		experts_lists(&e);
	else
		l->err = l->err ? l->err : -ENOSPC;
}
