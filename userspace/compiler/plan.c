// SPDX-License-Identifier: MIT
/*
 * Fusion. A pattern matches consecutive operators; a result inside the pattern is not
 * written to memory, so it must be scratch that no operator outside the pattern reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/elementwise.h"
#include "compiler/linear.h"
#include "compiler/norm.h"
#include "compiler/plan.h"
#include "compiler/rope.h"

/* Operator `op` reads a storage as its source `slot`. */
struct read {
	uint32_t op;
	uint8_t slot;
};

struct tern_plan {
	const struct tern_graph *g;
	/* reads of storage s: read[first[s] .. first[s + 1]), in operator order */
	uint32_t *first;
	struct read *read;
};

int tern_plan_create(const struct tern_graph *g, struct tern_plan **out)
{
	struct tern_plan *p = calloc(1, sizeof(*p));
	uint32_t n = 0, *at;

	if (!p)
		return tern_fail(-ENOMEM, "no memory to plan %u operators", g->nops);
	p->g = g;
	p->first = calloc(g->nstorages + 2ul, sizeof(*p->first));
	if (!p->first)
		goto fail;
	at = p->first + 1; /* counts first, then running positions */
	for (uint32_t o = 0; o < g->nops; o++)
		for (int i = 0; i < TERN_MAX_SRC; i++)
			if (g->ops[o].src[i] != TERN_NO_TENSOR) {
				at[g->tensors[g->ops[o].src[i]].storage]++;
				n++;
			}
	p->read = calloc(n + 1ul, sizeof(*p->read));
	if (!p->read)
		goto fail;
	for (uint32_t s = 0, sum = 0; s < g->nstorages; s++) {
		uint32_t count = at[s];

		at[s] = sum;
		sum += count;
	}
	for (uint32_t o = 0; o < g->nops; o++)
		for (int i = 0; i < TERN_MAX_SRC; i++)
			if (g->ops[o].src[i] != TERN_NO_TENSOR)
				p->read[at[g->tensors[g->ops[o].src[i]].storage]++] =
					(struct read){o, (uint8_t)i};
	*out = p;
	return 0;
fail:
	tern_plan_destroy(p);
	return tern_fail(-ENOMEM, "no memory to plan %u operators", g->nops);
}

void tern_plan_destroy(struct tern_plan *plan)
{
	if (!plan)
		return;
	free(plan->first);
	free(plan->read);
	free(plan);
}

const struct tern_graph *plan_graph(const struct tern_plan *plan)
{
	return plan->g;
}

/* Views of the same bytes: one may join or permute what the other has as dimensions. */
static bool same_elements(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	return a->storage == b->storage && a->type == b->type && a->offset == b->offset &&
	       a->offset_sym == b->offset_sym && a->offset_mul == b->offset_mul &&
	       a->ne[0] * tern_nrows(a->ne) == b->ne[0] * tern_nrows(b->ne);
}

/* The first read of a storage by an operator behind `op`. */
static uint32_t first_after(const struct tern_plan *p, uint32_t storage, uint32_t op)
{
	uint32_t lo = p->first[storage], hi = p->first[storage + 1];

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->read[mid].op > op)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/*
 * May the result of `producer` stay out of memory? Only if from then on every read of its
 * storage is one that the pattern replaces: source `slot` of an operator `kind` in
 * [producer, end), of just these elements.
 */
static bool replaced(const struct tern_plan *p, uint32_t producer, uint32_t end,
		     enum tern_opcode kind, uint8_t slot)
{
	const struct tern_graph *g = p->g;
	const struct tern_tensor_desc *t = &g->tensors[g->ops[producer].dst];

	if (g->storages[t->storage].flags & (TERN_STORAGE_BOUND | TERN_STORAGE_KEEP))
		return false;
	if (t->type != TERN_F32) /* the scratchpad would not round it */
		return false;
	for (uint32_t i = first_after(p, t->storage, producer); i < p->first[t->storage + 1]; i++) {
		const struct read *r = &p->read[i];
		const struct tern_op_desc *o = &g->ops[r->op];

		if (r->op >= end || o->op != kind || r->slot != slot ||
		    !same_elements(&g->tensors[o->src[slot]], t))
			return false;
	}
	return true;
}

static bool same_shape(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	return !memcmp(a->ne, b->ne, sizeof(a->ne)) &&
	       !memcmp(a->ne_sym, b->ne_sym, sizeof(a->ne_sym));
}

static bool contiguous_f32(const struct tern_tensor_desc *t)
{
	return t->type == TERN_F32 && t->nb[0] == 4;
}

/* ---- linear groups ------------------------------------------------------------ */
struct matcher {
	const struct tern_plan *p;
	const struct tern_target *target;
	uint32_t at, end;
};

static const struct tern_op_desc *peek(const struct matcher *m, enum tern_opcode op)
{
	const struct tern_op_desc *o = &m->p->g->ops[m->at];

	return m->at < m->end && o->op == op ? o : NULL;
}

static bool is_row_of(const struct tern_tensor_desc *row, const struct tern_tensor_desc *t)
{
	return contiguous_f32(row) && row->ne[0] == t->ne[0] && row->ne[1] == 1 &&
	       row->ne[2] == 1 && row->ne[3] == 1 && !t->ne_sym[0];
}

/* An ADD that reads `prev` as its first source: bias or residual. */
static bool match_add(struct matcher *m, uint32_t prev, struct linear_out *o)
{
	const struct tern_op_desc *add = peek(m, TERN_BINARY);
	const struct tern_tensor_desc *ts = m->p->g->tensors;
	const struct tern_tensor_desc *x, *d;
	uint32_t other;

	if (!add || add->i[0] != TERN_ADD || (add->src[0] != prev && add->src[1] != prev))
		return false;
	other = add->src[0] == prev ? add->src[1] : add->src[0];
	if (other == prev)
		return false;
	x = &ts[other];
	d = &ts[add->dst];
	if (!contiguous_f32(d) || !same_shape(&ts[prev], d))
		return false;
	if (o->bias == TERN_NO_OP && o->residual == TERN_NO_OP && add->src[0] == prev &&
	    is_row_of(x, d)) {
		o->bias = m->at++;
		return true;
	}
	if (o->residual == TERN_NO_OP && add->src[0] == prev && contiguous_f32(x) &&
	    same_shape(x, d) && x->nb[1] == d->nb[1]) {
		o->residual = m->at++;
		return true;
	}
	return false;
}

static uint32_t out_tensor(const struct tern_graph *g, const struct linear_out *o)
{
	uint32_t op = o->residual != TERN_NO_OP ? o->residual
		      : o->bias != TERN_NO_OP	? o->bias
						: o->matmul;

	return g->ops[op].dst;
}

static bool plain_matrix(const struct tern_graph *g, const struct tern_op_desc *mm)
{
	const struct tern_tensor_desc *w = &g->tensors[mm->src[0]], *a = &g->tensors[mm->src[1]];

	return w->ne[2] == 1 && w->ne[3] == 1 && a->ne[2] == 1 && a->ne[3] == 1 &&
	       g->storages[w->storage].flags & TERN_STORAGE_CONST;
}

/* One tile of a group steps through the weights of all its products. */
static bool same_rows(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	return a->type == b->type && a->nb[1] == b->nb[1];
}

/* MATMUL [ADD [ADD]] against activations `a`; false leaves the matcher where it was. */
static bool match_product(struct matcher *m, uint32_t a, struct linear_plan *plan)
{
	const struct tern_graph *g = m->p->g;
	const struct tern_op_desc *mm = peek(m, TERN_MATMUL);
	struct linear_out *o = &plan->out[plan->nout];

	if (!mm || plan->nout == LINEAR_MAX || mm->src[1] != a || !plain_matrix(g, mm) ||
	    g->tensors[mm->dst].type != TERN_F32)
		return false;
	if (plan->nout &&
	    !same_rows(&g->tensors[mm->src[0]], &g->tensors[g->ops[plan->out[0].matmul].src[0]]))
		return false;
	*o = (struct linear_out){m->at++, TERN_NO_OP, TERN_NO_OP};
	while (replaced(m->p, m->at - 1, m->at + 1, TERN_BINARY, 0) &&
	       match_add(m, g->ops[m->at - 1].dst, o))
		;
	plan->nout++;
	return true;
}

/* What a group writes: tensor of output j. */
static uint32_t written(const struct tern_graph *g, const struct linear_plan *p, uint32_t j)
{
	return p->glu != TERN_NO_OP ? g->ops[p->glu].dst : out_tensor(g, &p->out[j]);
}

static bool meets(const struct tern_graph *g, uint32_t a, uint32_t b)
{
	return a != TERN_NO_TENSOR && b != TERN_NO_TENSOR &&
	       tern_tensor_overlap(&g->tensors[a], &g->tensors[b]);
}

/* Does a result lie over what the products read, memory or a norm that is not written there? */
static bool spoils_activations(const struct tern_graph *g, const struct linear_plan *p, uint32_t j)
{
	const struct tern_op_desc *norm = p->norm == TERN_NO_OP ? NULL : &g->ops[p->norm];
	uint32_t d = written(g, p, j);

	if (!norm)
		return meets(g, d, g->ops[p->out[0].matmul].src[1]);
	for (int i = 0; i <= 2; i++)
		if (meets(g, d, norm->src[i]))
			return true;
	/* a product behind this one would read the result, and not the norm */
	return p->glu == TERN_NO_OP && j + 1 < p->nout && meets(g, d, norm->dst);
}

/*
 * Nothing that the group writes may be read by it, for its LOADs and STOREs are not ordered,
 * but for a residual that a product updates in place.
 */
static bool plan_safe(const struct tern_graph *g, const struct linear_plan *p)
{
	for (uint32_t j = 0; j < (p->glu != TERN_NO_OP ? 1 : p->nout); j++) {
		uint32_t d = written(g, p, j);

		if (spoils_activations(g, p, j))
			return false;
		for (uint32_t i = 0; i < p->nout; i++) {
			const struct linear_out *o = &p->out[i];

			if (o->bias != TERN_NO_OP && meets(g, d, g->ops[o->bias].src[1]))
				return false;
			if (i != j && o->residual != TERN_NO_OP &&
			    meets(g, d, g->ops[o->residual].src[1]))
				return false;
			if (i != j && p->glu == TERN_NO_OP && meets(g, d, written(g, p, i)))
				return false;
		}
	}
	return true;
}

static void match_glu(struct matcher *m, struct linear_plan *p)
{
	const struct tern_graph *g = m->p->g;
	const struct tern_op_desc *glu = peek(m, TERN_GLU);
	uint32_t gate, up;

	if (!glu || p->nout != 2 || glu->src[1] == TERN_NO_TENSOR ||
	    !glu_is_plain((enum tern_glu)glu->i[0]))
		return;
	gate = g->ops[p->out[0].matmul].dst;
	up = g->ops[p->out[1].matmul].dst;
	if (p->out[0].bias != TERN_NO_OP || p->out[1].bias != TERN_NO_OP ||
	    p->out[0].residual != TERN_NO_OP || p->out[1].residual != TERN_NO_OP)
		return;
	if (glu->src[0] == up && glu->src[1] == gate) {
		struct linear_out t = p->out[0];

		p->out[0] = p->out[1];
		p->out[1] = t;
	} else if (glu->src[0] != gate || glu->src[1] != up) {
		return;
	}
	if (replaced(m->p, p->out[0].matmul, m->at + 1, TERN_GLU, 0) &&
	    replaced(m->p, p->out[1].matmul, m->at + 1, TERN_GLU, 1) &&
	    contiguous_f32(&g->tensors[glu->dst]) &&
	    same_shape(&g->tensors[gate], &g->tensors[glu->dst]))
		p->glu = m->at++;
}

/* [norm] product+ [glu]. Returns the number of operators, 0: no match. */
static uint32_t match_linear(struct matcher *m, struct linear_plan *p)
{
	const struct tern_graph *g = m->p->g;
	uint32_t start = m->at, a;
	const struct tern_op_desc *norm = &g->ops[start];
	bool has_norm = norm->op == TERN_RMS_NORM || norm->op == TERN_NORM;

	*p = (struct linear_plan){.norm = TERN_NO_OP, .glu = TERN_NO_OP};
	if (has_norm) {
		if (norm->src[1] == TERN_NO_TENSOR && norm->src[2] != TERN_NO_TENSOR)
			return 0; /* a bias is loaded behind its scale */
		for (int i = 1; i <= 2; i++)
			if (norm->src[i] != TERN_NO_TENSOR &&
			    !is_row_of(&g->tensors[norm->src[i]], &g->tensors[norm->dst]))
				return 0;
		p->norm = m->at++;
	} else if (norm->op != TERN_MATMUL) {
		return 0;
	}
	a = has_norm ? norm->dst : norm->src[1];
	while (m->at < m->end && match_product(m, a, p))
		;
	if (!p->nout)
		return 0;
	match_glu(m, p);
	return m->at - start;
}

/* May the operators [op, op + n) that p matched be one group? */
static bool may_fuse(const struct tern_plan *plan, const struct tern_target *target,
		     const struct linear_plan *p, uint32_t op, uint32_t n)
{
	if (p->norm != TERN_NO_OP && !replaced(plan, p->norm, op + n, TERN_MATMUL, 1))
		return false;
	return plan_safe(plan->g, p) && linear_plan_fits(target, plan->g, p);
}

/* The longest plan first, then without the last operators. */
static uint32_t try_linear(const struct tern_plan *plan, struct tern_lower *l, uint32_t op,
			   uint32_t end)
{
	struct linear_plan p;

	for (uint32_t stop = end; stop > op;) {
		struct matcher m = {plan, l->target, op, stop};
		uint32_t n = match_linear(&m, &p);

		if (!n)
			return 0;
		if (may_fuse(plan, l->target, &p, op, n)) {
			linear_plan_lower(l, &p);
			return n;
		}
		stop = op + n - 1;
	}
	return 0;
}

/* ---- [RMS_NORM] [ROPE] [SET_ROWS] --------------------------------------------------- */
static uint32_t try_rope_store(const struct tern_plan *plan, struct tern_lower *l, uint32_t op,
			       uint32_t end)
{
	const struct tern_graph *g = l->g;
	uint32_t chain[3] = {TERN_NO_OP, TERN_NO_OP, TERN_NO_OP}, at = op, n;
	static const enum tern_opcode want[3] = {TERN_RMS_NORM, TERN_ROPE, TERN_SET_ROWS};

	for (int i = 0; i < 3 && at < end; i++) {
		if (g->ops[at].op != want[i])
			continue;
		if (at > op && !replaced(plan, at - 1, at + 1, want[i], 0))
			break;
		chain[i] = at++;
	}
	n = at - op;
	if (n < 2 || rope_store_solve(l->target, g, chain[0], chain[1], chain[2]))
		return 0;
	rope_store_lower(l, chain[0], chain[1], chain[2]);
	return n;
}

/* ---- ADD, norm: sum and norm of it in one pass over memory ------------------------- */
static uint32_t try_add_norm(const struct tern_plan *plan, struct tern_lower *l, uint32_t op,
			     uint32_t end)
{
	const struct tern_op_desc *o = &l->g->ops[op];
	bool keep;

	if (op + 1 >= end || o->op != TERN_BINARY || o->i[0] != TERN_ADD ||
	    (o[1].op != TERN_RMS_NORM && o[1].op != TERN_NORM))
		return 0;
	if (!same_elements(&l->g->tensors[o[1].src[0]], &l->g->tensors[o->dst]) ||
	    meets(l->g, o->dst, o[1].src[1]) || meets(l->g, o->dst, o[1].src[2]))
		return 0;
	keep = !replaced(plan, op, op + 2, o[1].op, 0);
	if (add_norm_solve(l->target, l->g, op, op + 1, keep))
		return 0;
	add_norm_lower(l, op, op + 1, keep);
	return 2;
}

uint32_t plan_lower(const struct tern_plan *plan, struct tern_lower *l, uint32_t op, uint32_t end,
		    uint32_t *fused)
{
	size_t marked = l->main.n;
	uint32_t n = try_linear(plan, l, op, end);

	if (!n)
		n = try_rope_store(plan, l, op, end);
	if (!n)
		n = try_add_norm(plan, l, op, end);
	if (!n) {
		tern_lowering(l->g->ops[op].op)->lower(l, op);
		n = 1;
	}
	/* the group's first MARK says which operator carries the counters */
	for (uint32_t i = 0; i < n; i++)
		fused[i] = marked + 1 < l->main.n ? (uint32_t)l->main.w[marked + 1] : op;
	return n;
}
