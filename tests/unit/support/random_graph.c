// SPDX-License-Identifier: MIT
/* The graph as a whole: header, operators one after the other, what storages hold. */
#include "support/random_graph.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "support/ref.h"

/* ---- sizes --------------------------------------------------------------------------- */

/* Blocks and their neighbours, quanta of the matrix engine, rows that do not fit a scratchpad. */
static const int64_t row_sizes[] = {32,	  64,	1,    2,   3,	5,   8,	  16,  31,
				    33,	  48,	96,   128, 160, 256, 257, 512, 1000,
				    2048, 4100, 9000, 7,   4,	12,  63,  65,  768};
static const int64_t token_sizes[] = {3, 1, 2, 4, 5, 7, 8, 9, 16, 17, 31, 33, 40, 64, 65, 100};
static const int64_t head_sizes[] = {1, 2, 3, 4, 5, 8, 6};
static const int64_t batch_sizes[] = {1, 1, 1, 2, 1, 3};

#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))
#define PICK(table, i) ((table)[(i) % COUNT(table)])

int64_t rg_size(struct rg_maker *m)
{
	return PICK(row_sizes, rg_take(&m->in, 256));
}

int64_t rg_least(const struct random_graph *g, int64_t n, uint8_t sym)
{
	for (int r = 0; sym && r < RG_RUNS; r++)
		n = g->values[r][sym - 1] < n ? g->values[r][sym - 1] : n;
	return n;
}

/* ---- the header ---------------------------------------------------------------------- */

static uint8_t header(const uint8_t *data, size_t size, unsigned int at)
{
	return at < size ? data[at] : 0;
}

static void make_symbols(const uint8_t *data, size_t size, struct rg_maker *m)
{
	static const char *const names[RG_SYMBOLS] = {"tokens", "positions"};
	struct random_graph *g = m->g;
	unsigned int which = header(data, size, RG_SYMBOLIC);

	g->desc.nsymbols = which & 3 ? RG_SYMBOLS : 0;
	g->symbols[0] = (struct tern_symbol_desc){names[0], m->base.ne[1]};
	g->symbols[1] = (struct tern_symbol_desc){names[1], PICK(token_sizes, which >> 2) + 1};
	m->base.sym[1] = which & 1;
	for (unsigned int i = 0; i < RG_RUNS * RG_SYMBOLS; i++) {
		int64_t max = g->symbols[i % RG_SYMBOLS].max;
		int64_t less = header(data, size, RG_VALUE + i);

		g->values[i / RG_SYMBOLS][i % RG_SYMBOLS] = max - less % max;
	}
}

static void make_header(const uint8_t *data, size_t size, struct rg_maker *m)
{
	struct random_graph *g = m->g;
	int64_t row = PICK(row_sizes, header(data, size, RG_ROW));
	int64_t tokens = PICK(token_sizes, header(data, size, RG_TOKENS));
	int64_t heads = PICK(head_sizes, header(data, size, RG_HEADS));
	int64_t batch = PICK(batch_sizes, header(data, size, RG_BATCH));

	m->base = (struct rg_shape){.ne = {row, tokens, heads, batch}};
	make_symbols(data, size, m);
	g->seed = header(data, size, RG_SEED);
	g->special = header(data, size, RG_SPECIAL) % (2 * RG_SPECIALS);
	if (g->special >= RG_SPECIALS)
		g->special = RG_PLAIN;
	m->recent[0] = m->recent[1] = TERN_NO_TENSOR;
}

/* An operator that breaks a rule goes, and what was made for it. */
static void append(struct rg_maker *m)
{
	struct tern_graph_desc before = m->g->desc;
	const struct tern_op_desc *op = &m->g->ops[before.nops];
	struct tern_graph *graph;

	rg_operator(m);
	if (m->g->desc.nops > before.nops && !tern_graph_create(&m->g->desc, &graph)) {
		tern_graph_destroy(graph);
		m->recent[0] = op->dst;
		m->recent[1] = op->src[op->op == TERN_MATMUL || op->op == TERN_MATMUL_ID];
		return;
	}
	m->g->desc = before;
}

void random_graph(const uint8_t *data, size_t size, struct random_graph *g)
{
	const uint8_t *header_end = data + (size < RG_HEADER ? size : RG_HEADER);
	struct rg_maker m = {.g = g};

	memset(g, 0, sizeof(*g));
	g->desc = (struct tern_graph_desc){
		.storages = g->storages,
		.tensors = g->tensors,
		.ops = g->ops,
		.symbols = g->symbols,
	};
	make_header(data, size, &m);
	for (size_t at = RG_HEADER; at < size && g->desc.nops < RG_OPS; at += RG_RECORD) {
		size_t end = at + RG_RECORD < size ? at + RG_RECORD : size;

		m.in = (struct rg_bytes){data + at, data + end};
		append(&m);
	}
	if (size > RG_PLACE)
		rg_place(g, &(struct rg_bytes){data + RG_PLACE, header_end});
	if (size > RG_HOSTILE)
		rg_spoil(g, &(struct rg_bytes){data + RG_HOSTILE, header_end});
}

/* ---- contents ------------------------------------------------------------------------ */

static double special(enum rg_special kind, double v, uint64_t i)
{
	static const double odd[] = {INFINITY, -INFINITY, NAN, -0.0, 1e30, -1e30};

	switch (kind) {
	case RG_ZEROS:
		return i % 3 ? v : i % 2 ? 0.0 : -0.0;
	case RG_LARGE:
		return i % 5 ? v : v * 1e4;
	case RG_TINY:
		return i % 5 ? v : v * 1e-6;
	case RG_NOT_FINITE:
		return i % 13 ? v : odd[i / 13 % COUNT(odd)];
	default:
		return v;
	}
}

static bool is_integer(enum tern_dtype type)
{
	return type == TERN_I8 || type == TERN_I16 || type == TERN_I32 || type == TERN_I64;
}

static void fill_integers(enum tern_dtype type, uint64_t seed, unsigned char *bytes, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		double v = (double)(ref_random(&seed) % 201) - 100;

		ref_encode(type, &v, bytes + i * ref_type(type)->bytes, 1);
	}
}

static void fill_floats(const struct random_graph *g, uint32_t s, unsigned char *bytes)
{
	const struct rg_content *c = &g->content[s];
	const struct ref_type *t = ref_type(c->type);
	int64_t n = (int64_t)(g->storages[s].size / (uint64_t)t->bytes);
	uint64_t seed = g->seed * 1000 + s;

	if (is_integer(c->type)) {
		fill_integers(c->type, seed, bytes, n);
		return;
	}
	ref_random_fill(c->type, &seed, bytes, n * t->elems);
	for (int64_t i = 0; i < n && t->elems == 1 && g->special != RG_PLAIN; i++) {
		unsigned char *at = bytes + i * t->bytes;
		double v;

		ref_decode(c->type, at, &v, 1);
		v = special(g->special, v, (uint64_t)i + g->seed);
		ref_encode(c->type, &v, at, 1);
	}
}

static int64_t whole_number(const struct rg_content *c, uint64_t seed, int64_t i)
{
	int64_t at = i / c->step + (int64_t)(seed % 7);

	return c->fill == RG_POSITIONS ? at : at % c->limit;
}

static double mask_number(const struct rg_content *c, uint64_t seed, int64_t i)
{
	uint64_t k = (uint64_t)i * 2654435761u + seed;

	if (i % c->limit == 0 || k % 8 > 2)
		return 0;
	return k % 8 ? -INFINITY : (double)(k >> 8 & 3) - 2;
}

void random_graph_fill(const struct random_graph *g, uint32_t s, void *bytes)
{
	const struct rg_content *c = &g->content[s];
	const struct ref_type *t = ref_type(c->type);
	int64_t n;

	memset(bytes, 0, g->storages[s].size);
	if (c->fill == RG_FLOATS)
		fill_floats(g, s, bytes);
	if (c->fill == RG_FLOATS || c->fill == RG_CLEAR)
		return;
	n = (int64_t)(g->storages[s].size / (uint64_t)t->bytes);
	for (int64_t i = 0; i < n; i++) {
		double v = c->fill == RG_MASK ? mask_number(c, g->seed, i)
					      : (double)whole_number(c, g->seed, i);

		ref_encode(c->type, &v, (char *)bytes + i * t->bytes, 1);
	}
}

/* ---- text ---------------------------------------------------------------------------- */

static void print_tensor(const struct random_graph *g, uint32_t i, FILE *out)
{
	const struct tern_tensor_desc *t = &g->tensors[i];
	const char *type = tern_dtype_name(t->type);

	fprintf(out, "tensor %" PRIu32 ": storage %" PRIu32 " + %" PRIu64, i, t->storage,
		t->offset);
	if (t->offset_sym)
		fprintf(out, " + (sym %d - 1) * %" PRId64, t->offset_sym - 1, t->offset_mul);
	fprintf(out, " %s", type ? type : "?");
	for (int d = 0; d < 4; d++) {
		fprintf(out, "%s%" PRId64, d ? "," : " [", t->ne[d]);
		if (t->ne_sym[d])
			fprintf(out, "(sym %d)", t->ne_sym[d] - 1);
	}
	fprintf(out, "] nb");
	for (int d = 0; d < 4; d++)
		fprintf(out, " %" PRIu64, t->nb[d]);
	fprintf(out, "\n");
}

static void print_op(const struct random_graph *g, uint32_t i, FILE *out)
{
	const struct tern_op_desc *o = &g->ops[i];
	const char *name = tern_op_name(o->op);

	fprintf(out, "op %" PRIu32 ": %s %" PRId32 " =", i, name ? name : "?", (int32_t)o->dst);
	for (int s = 0; s < TERN_MAX_SRC; s++)
		fprintf(out, " %" PRId32, (int32_t)o->src[s]);
	fprintf(out, "; i");
	for (size_t k = 0; k < COUNT(o->i); k++)
		fprintf(out, " %d", o->i[k]);
	fprintf(out, "; f");
	for (size_t k = 0; k < COUNT(o->f); k++)
		fprintf(out, " %g", (double)o->f[k]);
	fprintf(out, "\n");
}

void random_graph_print(const struct random_graph *g, FILE *out)
{
	for (uint32_t i = 0; i < g->desc.nsymbols; i++) {
		fprintf(out, "symbol %" PRIu32 ": at most %" PRId64 ", runs with", i,
			g->symbols[i].max);
		for (int r = 0; r < RG_RUNS; r++)
			fprintf(out, " %" PRId64, g->values[r][i]);
		fprintf(out, "\n");
	}
	for (uint32_t i = 0; i < g->desc.nstorages; i++)
		fprintf(out, "storage %" PRIu32 ": %" PRIu64 " bytes, flags %" PRIx32 "\n", i,
			g->storages[i].size, g->storages[i].flags);
	for (uint32_t i = 0; i < g->desc.ntensors; i++)
		print_tensor(g, i, out);
	for (uint32_t i = 0; i < g->desc.nops; i++)
		print_op(g, i, out);
}
