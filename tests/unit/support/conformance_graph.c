// SPDX-License-Identifier: MIT
/* Cases become graphs, and the reference computes what is in every storage after a run. */
#include "support/conformance_bench.h"

#include <math.h>
#include <string.h>

enum { CANARY = 0x7f };

/* ---- graphs ------------------------------------------------------------------------------ */
unsigned int conf_tensor(struct conf_graph *g, struct conf_tensor t)
{
	if (g->nt == CONF_TENSORS)
		abort();
	g->t[g->nt] = t;
	return g->nt++;
}

struct tern_op_desc *conf_op(struct conf_graph *g, enum tern_opcode op, unsigned int dst,
			     const int *src)
{
	struct tern_op_desc *o = &g->ops[g->nops++];

	if (g->nops > CONF_OPS)
		abort();
	*o = (struct tern_op_desc){.op = op, .dst = dst};
	for (int i = 0; i < TERN_MAX_SRC; i++)
		o->src[i] = TERN_NO_TENSOR;
	for (int i = 0; src[i] != -1; i++)
		o->src[i] = src[i] == CONF_ABSENT ? TERN_NO_TENSOR : (uint32_t)src[i];
	return o;
}

static bool written(const struct conf_graph *g, unsigned int storage,
		    const struct tern_tensor_desc *t)
{
	for (unsigned int o = 0; o < g->nops; o++)
		if (t[g->ops[o].dst].storage == storage)
			return true;
	return false;
}

static bool read_back(const struct conf_graph *g, unsigned int storage,
		      const struct tern_tensor_desc *t)
{
	bool after = false;

	for (unsigned int o = 0; o < g->nops; o++) {
		for (int s = 0; s < TERN_MAX_SRC; s++)
			if (g->ops[o].src[s] != TERN_NO_TENSOR && after &&
			    t[g->ops[o].src[s]].storage == storage)
				return true;
		after |= t[g->ops[o].dst].storage == storage;
	}
	return false;
}

static uint32_t flags_of(const struct conf_bench *b, unsigned int tensor)
{
	unsigned int s = b->tdesc[tensor].storage;

	if (b->g->t[tensor].role == ROLE_WEIGHT)
		return TERN_STORAGE_BOUND | TERN_STORAGE_CONST;
	/* Starts with a canary, so nothing is lost when it is scratch. */
	if (b->g->t[tensor].role == ROLE_AUTO && b->g->t[tensor].fill == FILL_CANARY &&
	    written(b->g, s, b->tdesc) && read_back(b->g, s, b->tdesc))
		return b->g->keep ? TERN_STORAGE_KEEP : 0;
	return TERN_STORAGE_BOUND;
}

static void build_tensor(struct conf_bench *b, unsigned int i)
{
	const struct conf_tensor *t = &b->g->t[i];
	struct tern_tensor_desc *d = &b->tdesc[i];
	uint64_t bytes = conf_place(t, d->ne, d->nb, &d->offset);

	d->type = t->type;
	memcpy(d->ne_sym, t->sym, sizeof(d->ne_sym));
	d->offset_sym = t->last_sym;
	d->offset_mul = t->last_mul;
	if (t->in) {
		d->storage = b->tdesc[t->in - 1].storage;
		return;
	}
	d->storage = b->nstorages++;
	b->storage[d->storage].size = bytes;
	b->sdesc[d->storage].size = bytes;
}

static void fill_storages(struct conf_bench *b)
{
	uint64_t seed = 1;

	for (unsigned int s = 0; s < b->nstorages; s++) {
		b->storage[s].init = conf_need(malloc(b->storage[s].size));
		memset(b->storage[s].init, CANARY, b->storage[s].size);
	}
	for (unsigned int i = 0; i < b->g->nt; i++)
		if (!b->g->t[i].in)
			conf_fill(&b->g->t[i], &b->tdesc[i], &seed,
				  b->storage[b->tdesc[i].storage].init);
}

/* A tensor in one run: symbols put in. */
struct tern_tensor_desc conf_in_run(const struct conf_bench *b, unsigned int tensor,
				    unsigned int run)
{
	struct tern_tensor_desc t = b->tdesc[tensor];
	const int64_t *values = b->g->runs[run];

	for (int d = 0; d < 4; d++)
		t.ne[d] = t.ne_sym[d] ? values[t.ne_sym[d] - 1] : t.ne[d];
	memset(t.ne_sym, 0, sizeof(t.ne_sym));
	if (t.offset_sym)
		t.offset += (uint64_t)((values[t.offset_sym - 1] - 1) * t.offset_mul);
	t.offset_sym = 0;
	return t;
}

void conf_build(struct conf_bench *b)
{
	const struct conf_graph *g = b->g;

	for (unsigned int i = 0; i < g->nt; i++)
		build_tensor(b, i);
	for (unsigned int i = 0; i < g->nt; i++)
		if (!g->t[i].in)
			b->sdesc[b->tdesc[i].storage].flags = flags_of(b, i);
	fill_storages(b);
	for (unsigned int i = 0; i < g->nt && g->constant; i++)
		b->tdesc[i] = conf_in_run(b, i, 0);
	while (!g->constant && b->nsymbols < CONF_SYMBOLS && g->bound[b->nsymbols]) {
		b->symbols[b->nsymbols] =
			(struct tern_symbol_desc){b->nsymbols ? "n" : "t", g->bound[b->nsymbols]};
		b->nsymbols++;
	}
	b->desc = (struct tern_graph_desc){
		.storages = b->sdesc,
		.tensors = b->tdesc,
		.ops = g->ops,
		.symbols = b->symbols,
		.nstorages = b->nstorages,
		.ntensors = g->nt,
		.nops = g->nops,
		.nsymbols = b->nsymbols,
	};
	if (g->name)
		snprintf(b->name, sizeof(b->name), "%s", g->name);
	else
		conf_describe(&g->ops[0], b->tdesc, b->name, sizeof(b->name));
}

void conf_unbuild(struct conf_bench *b)
{
	for (unsigned int s = 0; s < b->nstorages; s++) {
		struct conf_storage *st = &b->storage[s];

		free(st->init);
		for (int r = 0; r < CONF_RUNS; r++) {
			free(st->writable[r]);
			free(st->want[r]);
			free(st->first[r]);
		}
	}
}

/* ---- what the reference makes of it --------------------------------------------------------- */
static void mark_writable(const struct tern_tensor_desc *t, uint8_t *writable)
{
	const struct ref_type *type = ref_type(t->type);

	REF_EACH_ROW(i, t->ne)
	for (int64_t k = 0; k < t->ne[0] / type->elems; k++)
		memset(writable + t->offset + (uint64_t)k * t->nb[0] + (uint64_t)i[1] * t->nb[1] +
			       (uint64_t)i[2] * t->nb[2] + (uint64_t)i[3] * t->nb[3],
		       1, (size_t)type->bytes);
}

/* ---- block types: what is only moved keeps its bits, what is not written keeps them too ------ */
static bool moves_blocks(const struct conf_bench *b, const struct tern_op_desc *op)
{
	enum tern_dtype from = b->tdesc[op->src[0]].type;

	return (op->op == TERN_COPY || op->op == TERN_CONCAT || op->op == TERN_REPEAT) &&
	       ref_type(from)->elems > 1 && b->tdesc[op->dst].type == from;
}

/* A tensor whose elements are blocks, and say where each is: storage * 2^32 + offset. */
static struct ref_tensor addresses(struct tern_tensor_desc t)
{
	struct ref_tensor out;

	t.ne[0] /= ref_type(t.type)->elems;
	out = ref_alloc(t.ne);
	REF_EACH(i, t.ne)
	{
		uint64_t at = t.offset;

		for (int d = 0; d < 4; d++)
			at += (uint64_t)i[d] * t.nb[d];
		*ref_at(&out, i[0], i[1], i[2], i[3]) = (double)((uint64_t)t.storage << 32 | at);
	}
	return out;
}

static void move_blocks(struct conf_bench *b, const struct tern_op_desc *op, unsigned int run)
{
	struct ref_tensor src[TERN_MAX_SRC] = {0}, dst, to;
	struct tern_tensor_desc t = conf_in_run(b, op->dst, run);
	size_t bytes = (size_t)ref_type(t.type)->bytes;

	for (int s = 0; s < TERN_MAX_SRC; s++)
		if (op->src[s] != TERN_NO_TENSOR)
			src[s] = addresses(conf_in_run(b, op->src[s], run));
	to = addresses(t);
	dst = ref_alloc(to.ne);
	ref_run(op, src, &dst);
	for (int64_t i = 0; i < ref_count(to.ne); i++) {
		uint64_t from = (uint64_t)dst.v[i];

		memcpy(b->storage[t.storage].want[run] + (uint32_t)(uint64_t)to.v[i],
		       b->storage[from >> 32].want[run] + (uint32_t)from, bytes);
	}
	ref_free(&dst);
	ref_free(&to);
	for (int s = 0; s < TERN_MAX_SRC; s++)
		ref_free(&src[s]);
}

/* Rows of `v` that are not NaN: what SET_ROWS has set. */
static void store_rows(const struct ref_tensor *v, const struct tern_tensor_desc *t, uint8_t *to)
{
	REF_EACH_ROW(i, v->ne)
	{
		struct ref_tensor row = {{v->ne[0], 1, 1, 1}, ref_at(v, 0, i[1], i[2], i[3])};

		if (!isnan(row.v[0]))
			ref_store(&row, t->type, t->nb,
				  to + t->offset + (uint64_t)i[1] * t->nb[1] +
					  (uint64_t)i[2] * t->nb[2] + (uint64_t)i[3] * t->nb[3]);
	}
}

static void compute(struct conf_bench *b, const struct tern_op_desc *op, unsigned int run)
{
	struct ref_tensor src[TERN_MAX_SRC] = {0}, dst;
	struct tern_tensor_desc t;

	for (int s = 0; s < TERN_MAX_SRC; s++) {
		if (op->src[s] == TERN_NO_TENSOR)
			continue;
		t = conf_in_run(b, op->src[s], run);
		src[s] = conf_load(&t, b->storage[t.storage].want[run]);
	}
	t = conf_in_run(b, op->dst, run);
	dst = ref_alloc(t.ne);
	for (int64_t i = 0; i < ref_count(t.ne); i++)
		dst.v[i] = NAN;
	ref_run(op, src, &dst);
	if (op->op == TERN_SET_ROWS)
		store_rows(&dst, &t, b->storage[t.storage].want[run]);
	else
		ref_store(&dst, t.type, t.nb, b->storage[t.storage].want[run] + t.offset);
	ref_free(&dst);
	for (int s = 0; s < TERN_MAX_SRC; s++)
		ref_free(&src[s]);
}

static void reference_op(struct conf_bench *b, const struct tern_op_desc *op, unsigned int run)
{
	struct tern_tensor_desc t = conf_in_run(b, op->dst, run);

	if (moves_blocks(b, op))
		move_blocks(b, op, run);
	else
		compute(b, op, run);
	mark_writable(&t, b->storage[t.storage].writable[run]);
}

void conf_reference(struct conf_bench *b)
{
	for (unsigned int r = 0; r < conf_runs(b->g); r++) {
		for (unsigned int s = 0; s < b->nstorages; s++) {
			b->storage[s].want[r] = conf_need(malloc(b->storage[s].size));
			memcpy(b->storage[s].want[r], b->storage[s].init, b->storage[s].size);
			b->storage[s].writable[r] = conf_need(calloc(1, b->storage[s].size));
		}
		for (unsigned int o = 0; o < b->g->nops; o++)
			reference_op(b, &b->g->ops[o], r);
	}
}
