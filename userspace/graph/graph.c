// SPDX-License-Identifier: MIT
/* Graphs: made and checked in one call, immutable afterwards. */
#include "graph/priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Indices are 32 bits, TERN_NO_TENSOR is taken, and a job's marks are graph indices. */
#define MAX_ITEMS   (1u << 24)
#define MAX_SYMBOLS 254u /* symbol number + 1 fits a byte */

/* ---- checking ------------------------------------------------------------------ */

static int check_counts(const struct tern_graph_desc *g)
{
	if (g->nstorages > MAX_ITEMS || g->ntensors > MAX_ITEMS || g->nops > MAX_ITEMS)
		return tern_fail(-EINVAL,
				 "a graph holds at most %u storages, tensors and operators",
				 MAX_ITEMS);
	if (g->nsymbols > MAX_SYMBOLS)
		return tern_fail(-EINVAL, "a graph holds at most %u symbols, not %" PRIu32,
				 MAX_SYMBOLS, g->nsymbols);
	if ((g->nstorages && !g->storages) || (g->ntensors && !g->tensors) ||
	    (g->nops && !g->ops) || (g->nsymbols && !g->symbols))
		return tern_fail(-EINVAL,
				 "an array of the graph is NULL though its count is not 0");
	return 0;
}

static int check_symbol(const struct tern_graph_desc *g, uint32_t i)
{
	const struct tern_symbol_desc *s = &g->symbols[i];

	if (s->max >= 1)
		return 0;
	return tern_fail(-EINVAL,
			 "symbol %" PRIu32 " '%s': its bound must be at least 1, not %" PRId64, i,
			 s->name ? s->name : "", s->max);
}

static int check_storage(const struct tern_graph_desc *g, uint32_t i)
{
	const struct tern_storage_desc *s = &g->storages[i];
	const uint32_t known = TERN_STORAGE_BOUND | TERN_STORAGE_CONST | TERN_STORAGE_KEEP;
	const char *why = NULL;

	if (s->flags & ~known)
		why = "a flag is unknown";
	else if ((s->flags & TERN_STORAGE_CONST) && !(s->flags & TERN_STORAGE_BOUND))
		why = "constant storage must be bound too";
	else if ((s->flags & TERN_STORAGE_KEEP) && (s->flags & TERN_STORAGE_BOUND))
		why = "bound storage is the caller's anyway: KEEP is for scratch";
	else if (s->size > TERN_MAX_STORAGE)
		why = "it does not fit the device's 48-bit addresses";
	if (!why)
		return 0;
	return tern_fail(-EINVAL,
			 "storage %" PRIu32 " '%s' (%" PRIu64 " bytes, flags 0x%" PRIx32 "): %s", i,
			 s->name ? s->name : "", s->size, s->flags, why);
}

static const char *bad_op(const struct tern_graph_desc *g, const struct tern_op_desc *op)
{
	int s;

	for (s = 0; s < TERN_MAX_SRC; s++) {
		if (op->src[s] != TERN_NO_TENSOR && op->src[s] >= g->ntensors)
			return "a source does not exist";
	}
	if (op->dst >= g->ntensors)
		return "its destination does not exist";
	if (g->storages[g->tensors[op->dst].storage].flags & TERN_STORAGE_CONST)
		return "it writes a constant storage";
	if (tern_tensor_self_overlap(&g->tensors[op->dst]))
		return "elements of its destination overlap each other";
	return NULL;
}

static int check_op(const struct tern_graph_desc *g, uint32_t i)
{
	const struct tern_op_desc *op = &g->ops[i];
	const struct tern_op_rule *rule = tern_op_rule(op->op);
	const char *why = bad_op(g, op);
	const char *name;

	if (why)
		return tern_fail(-EINVAL, "operator %" PRIu32 " (%s): %s", i,
				 rule ? rule->name : "unknown", why);
	if (!tern_op_check(op, g->tensors))
		return 0;
	name = g->tensors[op->dst].name;
	return tern_fail(-EINVAL, "operator %" PRIu32 " '%s': %s", i, name ? name : "",
			 tern_last_error());
}

static int check_each(const struct tern_graph_desc *g, uint32_t n,
		      int (*check)(const struct tern_graph_desc *g, uint32_t i))
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		ret = check(g, i);
	return ret;
}

static int check_graph(const struct tern_graph_desc *g)
{
	int ret = check_counts(g);

	if (!ret)
		ret = check_each(g, g->nsymbols, check_symbol);
	if (!ret)
		ret = check_each(g, g->nstorages, check_storage);
	if (!ret)
		ret = check_each(g, g->ntensors, tern_tensor_check);
	if (!ret)
		ret = check_each(g, g->nops, check_op);
	return ret;
}

/* ---- copying --------------------------------------------------------------------- */

/* Appends a copy of *name at *at (or only counts, *at NULL) and points *name to it. */
static size_t take_name(const char **name, char **at)
{
	size_t len = *name ? strlen(*name) + 1 : 0;

	if (len && *at) {
		memcpy(*at, *name, len);
		*name = *at;
		*at += len;
	}
	return len;
}

static size_t take_names(struct tern_graph *g, char *at)
{
	size_t total = 0;
	uint32_t i;

	for (i = 0; i < g->nstorages; i++)
		total += take_name(&g->storages[i].name, &at);
	for (i = 0; i < g->ntensors; i++)
		total += take_name(&g->tensors[i].name, &at);
	for (i = 0; i < g->nsymbols; i++)
		total += take_name(&g->symbols[i].name, &at);
	return total;
}

static void *copy_array(const void *from, uint32_t n, size_t size)
{
	void *to = calloc(n ? n : 1, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

struct tern_graph *tern_graph_copy(const struct tern_graph_desc *desc)
{
	struct tern_graph *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->nstorages = desc->nstorages;
	g->ntensors = desc->ntensors;
	g->nops = desc->nops;
	g->nsymbols = desc->nsymbols;
	g->storages = copy_array(desc->storages, g->nstorages, sizeof(*g->storages));
	g->tensors = copy_array(desc->tensors, g->ntensors, sizeof(*g->tensors));
	g->ops = copy_array(desc->ops, g->nops, sizeof(*g->ops));
	g->symbols = copy_array(desc->symbols, g->nsymbols, sizeof(*g->symbols));
	if (g->storages && g->tensors && g->ops && g->symbols)
		g->names = malloc(take_names(g, NULL) + 1);
	if (!g->names) {
		tern_graph_destroy(g);
		return NULL;
	}
	take_names(g, g->names);
	return g;
}

int tern_graph_create(const struct tern_graph_desc *desc, struct tern_graph **out)
{
	int ret;

	if (!desc || !out)
		return tern_fail(-EINVAL, "tern_graph_create: desc and out must not be NULL");
	*out = NULL;
	ret = check_graph(desc);
	if (ret)
		return ret;
	*out = tern_graph_copy(desc);
	return *out ? 0
		    : tern_fail(-ENOMEM, "no memory for a graph of %" PRIu32 " operators",
				desc->nops);
}

void tern_graph_destroy(struct tern_graph *graph)
{
	if (!graph)
		return;
	free(graph->storages);
	free(graph->tensors);
	free(graph->ops);
	free(graph->symbols);
	free(graph->names);
	free(graph);
}

/* ---- values of symbols ---------------------------------------------------------- */

static int check_attention(const struct tern_graph *g, uint32_t i, const int64_t *symbols)
{
	const struct tern_op_desc *op = &g->ops[i];
	struct tern_view q, k;
	char label[160];

	tern_view_of(&g->tensors[op->src[0]], symbols, &q);
	tern_view_of(&g->tensors[op->src[1]], symbols, &k);
	if (!op->i[TERN_ATTENTION_I_CAUSAL] || k.ne[1] >= q.ne[1])
		return 0;
	return tern_fail(
		-EINVAL,
		"operator %s: causal attention needs at least as many positions as tokens, "
		"not %" PRId64 " for %" PRId64,
		tern_op_label(g, i, label, sizeof(label)), k.ne[1], q.ne[1]);
}

int tern_graph_check_symbols(const struct tern_graph *g, const int64_t *symbols, uint32_t n)
{
	uint32_t i;
	int ret = 0;

	if (n != g->nsymbols || (n && !symbols))
		return tern_fail(-EINVAL,
				 "the graph has %" PRIu32 " symbols; %" PRIu32 " values were given",
				 g->nsymbols, symbols ? n : 0);
	for (i = 0; i < n; i++) {
		if (symbols[i] < 1 || symbols[i] > g->symbols[i].max)
			return tern_fail(-EINVAL,
					 "symbol %" PRIu32 " '%s' must be 1 to %" PRId64
					 ", not %" PRId64,
					 i, g->symbols[i].name ? g->symbols[i].name : "",
					 g->symbols[i].max, symbols[i]);
	}
	for (i = 0; i < g->nops && !ret && n; i++) {
		if (g->ops[i].op == TERN_ATTENTION)
			ret = check_attention(g, i, symbols);
	}
	return ret;
}
