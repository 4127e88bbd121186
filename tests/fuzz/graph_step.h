/* SPDX-License-Identifier: MIT */
/* One operator of a graph on the memory that those before it left: run, watched and judged. */
#ifndef FUZZ_GRAPH_STEP_H
#define FUZZ_GRAPH_STEP_H

#include <inttypes.h>

#include "graph_rig.h"

/* ---- what is defined ------------------------------------------------------------------------ */

/*
 * Scratch holds what operators of the same run wrote there; what else a run reads of it, and all
 * that follows from that, may differ between one program and another. A flag per byte.
 */
static struct snapshot defined;
enum { SLICED = 510 }; /* elements of a row that is never cut into two slices of 256 */

static bool all_defined(const struct tern_view *v)
{
	const struct ref_type *t = ref_type(v->type);

	REF_EACH_ROW(i, v->ne)
	{
		for (i[0] = 0; i[0] < v->ne[0]; i[0] += t->elems)
			if (memchr(defined.bytes[v->storage] + element(v, i), 0, (size_t)t->bytes))
				return false;
	}
	return true;
}

static void define(const struct tern_view *v, bool as)
{
	const struct ref_type *t = ref_type(v->type);

	REF_EACH_ROW(i, v->ne)
	{
		for (i[0] = 0; i[0] < v->ne[0]; i[0] += t->elems)
			memset(defined.bytes[v->storage] + element(v, i), as, (size_t)t->bytes);
	}
}

/* The rows that SET_ROWS wrote. */
static void define_rows(const struct tern_view *dst, const struct ref_tensor *it, int64_t rows)
{
	REF_EACH(i, dst->ne)
	{
		struct tern_view row = *dst;
		int64_t at[4] = {i[1], i[2] % it->ne[1], i[3] % it->ne[2], 0};

		if (i[0] || i[1] >= rows)
			continue;
		row.ne[1] = row.ne[2] = row.ne[3] = 1;
		row.offset += (uint64_t)*ref_at(it, at[0], at[1], at[2], 0) * dst->nb[1] +
			      (uint64_t)i[2] * dst->nb[2] + (uint64_t)i[3] * dst->nb[3];
		define(&row, true);
	}
}

/* A deep product is cut into slices of k, whose sums are added in memory, or not where that
 * does not pay or it is fused: one choice rounds as well as the other. */
static bool may_slice(const struct tern_op_desc *op)
{
	return op->op == TERN_MATMUL && g.tensors[op->src[0]].ne[0] > SLICED;
}

static void define_result(uint32_t op, const int64_t *symbols, const struct ref_tensor *src)
{
	const struct tern_op_desc *o = &g.ops[op];
	struct tern_view dst, v;
	bool all = !may_slice(o);

	for (int s = 0; s < TERN_MAX_SRC; s++) {
		if (o->src[s] == TERN_NO_TENSOR)
			continue;
		tern_view_of(&g.tensors[o->src[s]], symbols, &v);
		all &= all_defined(&v);
	}
	tern_view_of(&g.tensors[o->dst], symbols, &dst);
	if (all && o->op == TERN_SET_ROWS)
		define_rows(&dst, &src[1], src[0].ne[1]);
	else
		define(&dst, all);
}

/* The source that says which rows or experts; -1: none does. */
static int index_source(const struct tern_op_desc *op)
{
	if (op->op == TERN_MATMUL_ID || op->op == TERN_ADD_ID)
		return 2;
	return op->op == TERN_GET_ROWS || op->op == TERN_SET_ROWS ? 1 : -1;
}

/* Picked by numbers that nobody wrote. */
static bool undefined_indices(uint32_t op, const int64_t *symbols)
{
	const struct tern_op_desc *o = &g.ops[op];
	struct tern_view v;

	if (index_source(o) < 0)
		return false;
	tern_view_of(&g.tensors[o->src[index_source(o)]], symbols, &v);
	return !all_defined(&v);
}

/* What lasts from run to run is what the run before left. */
static void begin_run(unsigned int run)
{
	for (uint32_t s = 0; s < g.desc.nstorages; s++) {
		bool lasts = g.storages[s].flags & (TERN_STORAGE_BOUND | TERN_STORAGE_KEEP);

		if (!lasts || !run)
			memset(defined.bytes[s], lasts, g.storages[s].size);
	}
}

/* ---- one operator ------------------------------------------------------------------------- */

static struct ref_tensor load(uint32_t t, const int64_t *symbols, const struct snapshot *m)
{
	struct tern_view v;

	if (t == TERN_NO_TENSOR)
		return (struct ref_tensor){.v = NULL};
	tern_view_of(&g.tensors[t], symbols, &v);
	return ref_load(v.type, v.ne, v.nb, m->bytes[v.storage] + v.offset);
}

static bool duplicates(const struct ref_tensor *it)
{
	for (int64_t r = 0; r < ref_count(it->ne); r += it->ne[0])
		for (int64_t i = 1; i < it->ne[0]; i++)
			for (int64_t j = 0; j < i; j++)
				if (it->v[r + i] == it->v[r + j])
					return true;
	return false;
}

enum verdict { FINE, OUT_OF_RANGE, UNDEFINED };

static int64_t index_limit(const struct tern_op_desc *op, const struct ref_tensor *src,
			   const struct ref_tensor *dst)
{
	switch (op->op) {
	case TERN_SET_ROWS:
		return dst->ne[1];
	case TERN_MATMUL_ID:
		return src[0].ne[2];
	case TERN_ADD_ID:
		return src[1].ne[1];
	default:
		return src[0].ne[1];
	}
}

/* Rows and experts that do not exist; rows written twice, of which any may win. */
static enum verdict look_at_indices(const struct tern_op_desc *op, const struct ref_tensor *src,
				    const struct ref_tensor *dst)
{
	const struct ref_tensor *it;
	int64_t limit;

	if (index_source(op) < 0)
		return FINE;
	it = &src[index_source(op)];
	limit = index_limit(op, src, dst);
	for (int64_t i = 0; i < ref_count(it->ne); i++)
		if (it->v[i] < 0 || it->v[i] >= (double)limit)
			return OUT_OF_RANGE;
	return op->op == TERN_SET_ROWS && duplicates(&src[1]) ? UNDEFINED : FINE;
}

static void copy_elements(const struct tern_view *v, const unsigned char *from, unsigned char *to)
{
	const struct ref_type *t = ref_type(v->type);

	REF_EACH_ROW(i, v->ne)
	{
		for (i[0] = 0; i[0] < v->ne[0]; i[0] += t->elems)
			memcpy(to + element(v, i), from + element(v, i), (size_t)t->bytes);
	}
}

/* Only elements of the destination may have changed. */
static void check_untouched(unsigned int dev, const char *who, uint32_t op, const int64_t *symbols,
			    struct snapshot *before, const struct snapshot *after)
{
	struct tern_view v;

	tern_view_of(&g.tensors[g.ops[op].dst], symbols, &v);
	copy_elements(&v, after->bytes[v.storage], before->bytes[v.storage]);
	for (uint32_t s = 0; s < g.desc.nstorages; s++)
		if (memcmp(before->bytes[s], after->bytes[s], g.storages[s].size))
			die(dev,
			    "op %" PRIu32 " on the %s: bytes of storage %" PRIu32
			    " outside its destination were written",
			    op, who, s);
}

static void check_result(unsigned int dev, const char *who, uint32_t op, const int64_t *symbols,
			 const struct judge_case *c, const struct snapshot *after)
{
	struct ref_tensor got = load(g.ops[op].dst, symbols, after);
	int64_t bad = judge_result(c, &got);

	if (bad >= 0)
		die(dev,
		    "op %" PRIu32 " on the %s: element %" PRId64 " of %" PRId64
		    " is %.9g, not %.9g, by more than %.3g",
		    op, who, bad, ref_count(got.ne), got.v[bad], c->want.v[bad], c->off[bad]);
	ref_free(&got);
}

static int run_on_cpu(uint32_t op, const int64_t *symbols, const struct snapshot *m)
{
	struct tern_cpu_tensor t[TERN_MAX_SRC + 1];

	memset(t, 0, sizeof(t));
	for (int s = 0; s <= TERN_MAX_SRC; s++) {
		uint32_t tensor = s < TERN_MAX_SRC ? g.ops[op].src[s] : g.ops[op].dst;
		struct tern_view v;

		if (tensor == TERN_NO_TENSOR)
			continue;
		tern_view_of(&g.tensors[tensor], symbols, &v);
		t[s].type = v.type;
		memcpy(t[s].ne, v.ne, sizeof(v.ne));
		memcpy(t[s].nb, v.nb, sizeof(v.nb));
		t[s].data = m->bytes[v.storage] + v.offset;
	}
	return tern_cpu_run(cpu, &g.ops[op], t, &t[TERN_MAX_SRC], NULL);
}

static void judge_cpu(unsigned int dev, uint32_t op, const int64_t *symbols,
		      const struct judge_case *c, enum verdict v, struct snapshot *before,
		      const struct snapshot *work)
{
	int ret = run_on_cpu(op, symbols, work);

	if (v == OUT_OF_RANGE ? !ret : ret && ret != -EOPNOTSUPP)
		die(dev, "op %" PRIu32 " on the CPU: %d %s", op, ret, ret ? tern_last_error() : "");
	if (ret)
		return;
	if (c)
		check_result(dev, "CPU", op, symbols, c, work);
	check_untouched(dev, "CPU", op, symbols, before, work);
}

/* Runs operator `op` on the memory its predecessors left; false: rightly refused. */
static bool run_step(unsigned int dev, uint32_t op, struct tern_session *session,
		     const int64_t *symbols, const struct memory *m)
{
	struct snapshot before = snapshot(m), work = snapshot(m), after;
	struct ref_tensor src[TERN_MAX_SRC];
	struct judge_case c = {.op = &g.ops[op], .src = src};
	enum verdict v;
	int ret;

	for (int s = 0; s < TERN_MAX_SRC; s++) {
		src[s] = load(g.ops[op].src[s], symbols, &before);
		c.type[s] = src[s].v ? g.tensors[g.ops[op].src[s]].type : TERN_F32;
	}
	c.want = load(g.ops[op].dst, symbols, &before);
	c.dtype = g.tensors[g.ops[op].dst].type;
	v = look_at_indices(c.op, src, &c.want);
	if (v == FINE)
		judge_prepare(&c);
	ret = tern_session_run(session, symbols, g.desc.nsymbols);
	if (v == OUT_OF_RANGE ? !ret : ret)
		die(dev, "op %" PRIu32 ": %d %s", op, ret,
		    ret ? tern_last_error() : "an index out of range was taken");
	after = snapshot(m);
	if (v == FINE)
		check_result(dev, "device", op, symbols, &c, &after);
	judge_cpu(dev, op, symbols, v == FINE ? &c : NULL, v, &before, &work);
	if (!ret) {
		check_untouched(dev, "device", op, symbols, &before, &after);
		define_result(op, symbols, src);
	}
	judge_free(&c);
	for (int s = 0; s < TERN_MAX_SRC; s++)
		ref_free(&src[s]);
	free_snapshot(&before);
	free_snapshot(&work);
	free_snapshot(&after);
	return !ret;
}

#endif
