// SPDX-License-Identifier: MIT
/*
 * What a graph asks for, counted from its shapes alone: the numerator of matrix share and
 * DRAM share (design, section 8). Nothing here may look at a program.
 */
#include "graph/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INT8, FP16, BF16, FP32 }; /* operand types of MATRIX, as macs[] counts them */

static int operand(enum tern_dtype type)
{
	switch (type) {
	case TERN_F32:
		return FP32;
	case TERN_F16:
		return FP16;
	case TERN_BF16:
		return BF16;
	default:
		return INT8;
	}
}

static uint32_t flags_of(const struct tern_graph *g, uint32_t tensor)
{
	return g->storages[g->tensors[tensor].storage].flags;
}

static bool is_weight(const struct tern_graph *g, uint32_t tensor)
{
	return tensor != TERN_NO_TENSOR && (flags_of(g, tensor) & TERN_STORAGE_CONST);
}

/* Bound and variable: caches, inputs, outputs. */
static bool is_state(const struct tern_graph *g, uint32_t tensor)
{
	return (flags_of(g, tensor) & (TERN_STORAGE_BOUND | TERN_STORAGE_CONST)) ==
	       TERN_STORAGE_BOUND;
}

/* Does the operator read a cache through this source? */
static bool reads_kv(const struct tern_graph *g, const struct tern_op_desc *op, int src)
{
	if (op->src[src] == TERN_NO_TENSOR || !is_state(g, op->src[src]))
		return false;
	/* Attention written out as two products reads its cache as s0. */
	return op->op == TERN_ATTENTION ? src == 1 || src == 2 : op->op == TERN_MATMUL && !src;
}

static bool writes_kv(const struct tern_graph *g, const struct tern_op_desc *op)
{
	return (op->op == TERN_SET_ROWS || op->op == TERN_COPY) && is_state(g, op->dst);
}

/* Sum of 1..n for the trapezoids below; n may be negative. */
static uint64_t triangle(int64_t n)
{
	return n > 0 ? (uint64_t)n * ((uint64_t)n + 1) / 2 : 0;
}

/* Pairs (token, position) that causal order and window admit, nt tokens, n positions. */
static uint64_t admitted(const struct tern_op_desc *op, int64_t nt, int64_t n)
{
	int64_t w = op->i[TERN_ATTENTION_I_WINDOW], past = n - nt;
	bool causal = op->i[TERN_ATTENTION_I_CAUSAL];
	uint64_t pairs;

	if (causal) /* token t sees past + t + 1 positions */
		pairs = triangle(n) - triangle(past);
	else
		pairs = (uint64_t)nt * (uint64_t)n;
	/* the window hides past + t + 1 - w of them, where that is positive */
	if (w > 0)
		pairs -= triangle(n - w) - triangle(past - w);
	return pairs;
}

/* Positions that at least one token sees. */
static int64_t positions_seen(const struct tern_op_desc *op, int64_t nt, int64_t n)
{
	int64_t w = op->i[TERN_ATTENTION_I_WINDOW], first = w > 0 ? n - nt + 1 - w : 0;

	return first > 0 ? n - first : n;
}

static void matmul_work(const struct tern_view *a, const struct tern_view *d,
			struct tern_op_work *out)
{
	out->macs[operand(a->type)] +=
		(uint64_t)a->ne[0] * (uint64_t)d->ne[0] * (uint64_t)tern_nrows(d->ne);
}

static void attention_work(const struct tern_graph *g, const struct tern_op_desc *op,
			   const int64_t *symbols, struct tern_op_work *out)
{
	struct tern_view q, kv[2];
	int i;

	tern_view_of(&g->tensors[op->src[0]], symbols, &q);
	for (i = 0; i < 2; i++) {
		tern_view_of(&g->tensors[op->src[1 + i]], symbols, &kv[i]);
		out->macs[operand(kv[i].type)] += admitted(op, q.ne[1], kv[i].ne[1]) *
						  (uint64_t)(q.ne[2] * q.ne[3] * kv[i].ne[0]);
		kv[i].ne[1] = positions_seen(op, q.ne[1], kv[i].ne[1]);
		if (reads_kv(g, op, 1 + i))
			out->kv_bytes += tern_view_bytes(&kv[i]);
	}
}

/* Does it read through this source only what indices name? */
static bool fetches(const struct tern_op_desc *op, int src)
{
	return (op->op == TERN_GET_ROWS || op->op == TERN_MATMUL_ID) && !src;
}

/* Bytes of the rows that GET_ROWS fetches; of the experts that MATMUL_ID can name, each once. */
static uint64_t bytes_fetched(const struct tern_graph *g, const struct tern_op_desc *op,
			      const int64_t *symbols)
{
	const bool experts = op->op == TERN_MATMUL_ID;
	struct tern_view from, index;
	uint64_t n, row;

	tern_view_of(&g->tensors[op->src[0]], symbols, &from);
	tern_view_of(&g->tensors[op->src[experts ? 2 : 1]], symbols, &index);
	row = tern_dtype_row_bytes(from.type, (uint64_t)from.ne[0]);
	n = (uint64_t)index.ne[0] * (uint64_t)tern_nrows(index.ne);
	if (!experts)
		return n * row;
	return (n < (uint64_t)from.ne[2] ? n : (uint64_t)from.ne[2]) * (uint64_t)from.ne[1] * row;
}

static uint64_t bytes_written(const struct tern_graph *g, const struct tern_op_desc *op,
			      const int64_t *symbols)
{
	struct tern_view d, s;

	tern_view_of(&g->tensors[op->dst], symbols, &d);
	tern_view_of(&g->tensors[op->src[0]], symbols, &s);
	if (op->op == TERN_SET_ROWS)
		d.ne[1] = s.ne[1]; /* the rows scattered, not the cache */
	return tern_view_bytes(&d);
}

void tern_op_work(const struct tern_graph *g, uint32_t op, const int64_t *symbols,
		  struct tern_op_work *out)
{
	const struct tern_op_desc *o = &g->ops[op];
	struct tern_view v, d;
	int s;

	memset(out, 0, sizeof(*out));
	tern_view_of(&g->tensors[o->dst], symbols, &d);
	if (o->op == TERN_ATTENTION)
		attention_work(g, o, symbols, out);
	if (o->op == TERN_MATMUL || o->op == TERN_MATMUL_ID) {
		tern_view_of(&g->tensors[o->src[0]], symbols, &v);
		matmul_work(&v, &d, out);
		if (reads_kv(g, o, 0))
			out->kv_bytes += tern_view_bytes(&v);
	}
	for (s = 0; s < TERN_MAX_SRC; s++) {
		if (!is_weight(g, o->src[s]))
			continue;
		tern_view_of(&g->tensors[o->src[s]], symbols, &v);
		out->weight_bytes +=
			fetches(o, s) ? bytes_fetched(g, o, symbols) : tern_view_bytes(&v);
	}
	if (writes_kv(g, o))
		out->kv_bytes += bytes_written(g, o, symbols);
}

/* ---- a whole graph -------------------------------------------------------------- */

/* A byte range some operator touches. */
struct range {
	uint32_t storage, tensor;
	uint64_t lo, hi;
};

static int by_place(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;

	if (a->storage != b->storage)
		return a->storage < b->storage ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi > b->hi ? -1 : a->hi < b->hi; /* of equals the longest first */
}

static void add_range(const struct tern_graph *g, uint32_t tensor, struct range *list, size_t *n)
{
	struct range *r = &list[(*n)++];

	r->storage = g->tensors[tensor].storage;
	r->tensor = tensor;
	tern_graph_range(g, tensor, &r->lo, &r->hi);
}

/* Sorts, and drops what others contain. */
static size_t distinct(struct range *list, size_t n)
{
	size_t i, kept = 0;

	qsort(list, n, sizeof(*list), by_place);
	for (i = 0; i < n; i++) {
		if (kept && list[kept - 1].storage == list[i].storage &&
		    list[i].hi <= list[kept - 1].hi)
			continue;
		list[kept++] = list[i];
	}
	return kept;
}

/* File bytes of a list of weights; a part that two ranges share counts once. */
static uint64_t sum_weights(const struct tern_graph *g, const struct range *list, size_t n)
{
	uint64_t sum = 0, bytes, fresh;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct tern_tensor_desc *t = &g->tensors[list[i].tensor];
		struct tern_view v = {.type = t->type};

		memcpy(v.ne, t->ne, sizeof(v.ne));
		bytes = tern_view_bytes(&v);
		fresh = list[i].hi - list[i].lo;
		if (i && list[i - 1].storage == list[i].storage && list[i - 1].hi > list[i].lo)
			fresh = list[i].hi - list[i - 1].hi;
		sum += bytes < fresh ? bytes : fresh;
	}
	return sum;
}

/* In a list that distinct() made, where of all that begin before, the last reaches furthest. */
static bool contained(const struct tern_graph *g, uint32_t tensor, const struct range *list,
		      size_t n)
{
	struct range r = {.storage = g->tensors[tensor].storage};
	size_t lo = 0, hi = n;

	tern_graph_range(g, tensor, &r.lo, &r.hi);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct range *x = &list[mid];

		if (x->storage < r.storage || (x->storage == r.storage && x->lo <= r.lo))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && list[lo - 1].storage == r.storage && r.hi <= list[lo - 1].hi;
}

static void plan_weights(const struct tern_graph *g, struct range *list, struct tern_work_plan *out)
{
	size_t n = 0;
	uint32_t i;
	int s;

	for (i = out->first; i < g->nops; i++) {
		for (s = 0; s < TERN_MAX_SRC; s++) {
			if (is_weight(g, g->ops[i].src[s]) && !fetches(&g->ops[i], s))
				add_range(g, g->ops[i].src[s], list, &n);
		}
	}
	n = distinct(list, n);
	out->weight_bytes = sum_weights(g, list, n);
	/* A tied embedding table is read as a whole by the head: its rows are in that sum. */
	for (i = out->first; i < g->nops; i++) {
		if (fetches(&g->ops[i], 0) && is_weight(g, g->ops[i].src[0]) &&
		    !contained(g, g->ops[i].src[0], list, n))
			out->terms[out->nterms++] = i;
	}
}

static void plan_direction(const struct tern_graph *g, bool reads, const bool *is_cache,
			   struct range *list, struct tern_work_plan *out)
{
	size_t n = 0, k;
	uint32_t i;
	int s;

	for (i = out->first; i < g->nops; i++) {
		for (s = 0; s < TERN_MAX_SRC; s++) {
			uint32_t t = reads ? g->ops[i].src[s] : g->ops[i].dst;

			if (t != TERN_NO_TENSOR && is_state(g, t) &&
			    !is_cache[g->tensors[t].storage])
				add_range(g, t, list, &n);
			if (!reads)
				break;
		}
	}
	n = distinct(list, n);
	for (k = 0; k < n; k++)
		out->io[out->nio++] = list[k].tensor;
}

static void find_caches(const struct tern_graph *g, bool *is_cache)
{
	uint32_t i;
	int s;

	for (i = 0; i < g->nops; i++) {
		if (writes_kv(g, &g->ops[i]))
			is_cache[g->tensors[g->ops[i].dst].storage] = true;
		for (s = 0; s < TERN_MAX_SRC; s++) {
			if (reads_kv(g, &g->ops[i], s))
				is_cache[g->tensors[g->ops[i].src[s]].storage] = true;
		}
	}
}

uint32_t tern_graph_head(const struct tern_graph *g)
{
	uint32_t i = g->nops ? g->nops - 1 : 0;

	while (i && g->ops[i - 1].group == g->ops[i].group)
		i--;
	return i;
}

int tern_work_plan(const struct tern_graph *g, uint32_t first, struct tern_work_plan *out)
{
	size_t refs = (size_t)g->nops * TERN_MAX_SRC + 1;
	struct range *list = malloc(refs * sizeof(*list));
	bool *is_cache = calloc(g->nstorages + 1u, sizeof(*is_cache));

	memset(out, 0, sizeof(*out));
	out->first = first;
	out->terms = malloc((g->nops + 1u) * sizeof(*out->terms));
	out->io = malloc((refs + g->nops) * sizeof(*out->io));
	if (list && is_cache && out->terms && out->io) {
		find_caches(g, is_cache);
		plan_weights(g, list, out);
		plan_direction(g, true, is_cache, list, out);
		plan_direction(g, false, is_cache, list, out);
		free(list);
		free(is_cache);
		return 0;
	}
	free(list);
	free(is_cache);
	tern_work_plan_fini(out);
	return tern_fail(-ENOMEM, "no memory to count the work of %u operators", g->nops);
}

void tern_work_plan_fini(struct tern_work_plan *plan)
{
	free(plan->terms);
	free(plan->io);
	memset(plan, 0, sizeof(*plan));
}

void tern_graph_work(const struct tern_graph *g, const struct tern_work_plan *plan,
		     const int64_t *symbols, struct tern_graph_work *out)
{
	struct tern_op_work w;
	struct tern_view v;
	uint32_t i;
	int t;

	memset(out, 0, sizeof(*out));
	out->bytes = plan->weight_bytes;
	for (i = plan->first; i < g->nops; i++) {
		tern_op_work(g, i, symbols, &w);
		out->bytes += w.kv_bytes;
		for (t = 0; t < 4; t++)
			out->macs[t] += w.macs[t];
	}
	for (i = 0; i < plan->nterms; i++)
		out->bytes += bytes_fetched(g, &g->ops[plan->terms[i]], symbols);
	for (i = 0; i < plan->nio; i++) {
		tern_view_of(&g->tensors[plan->io[i]], symbols, &v);
		out->bytes += tern_view_bytes(&v);
	}
}
