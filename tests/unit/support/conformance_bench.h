/* SPDX-License-Identifier: MIT */
/* A case being run: what the files of the harness share. */
#ifndef TEST_CONFORMANCE_BENCH_H
#define TEST_CONFORMANCE_BENCH_H

#include "support/conformance.h"

#include <stdlib.h>

/* A storage: what is in it before a run, which bytes an operator may write. */
struct conf_storage {
	size_t size;
	uint8_t *init, *writable[CONF_RUNS];
	uint8_t *want[CONF_RUNS], *first[CONF_RUNS]; /* by the reference, by a sim:ref */
	uint8_t *mapped;			     /* weights: read-only, GGUF-aligned */
	struct tern_buffer *buffer;
};

struct conf_bench {
	const struct conf_graph *g;
	const char *device;
	char name[400];
	struct tern_storage_desc sdesc[CONF_TENSORS];
	struct tern_tensor_desc tdesc[CONF_TENSORS];
	struct tern_symbol_desc symbols[CONF_SYMBOLS];
	unsigned int nsymbols, nstorages;
	struct conf_storage storage[CONF_TENSORS];
	struct tern_graph_desc desc;
};

static inline void *conf_need(void *p)
{
	if (!p)
		abort();
	return p;
}

static inline unsigned int conf_runs(const struct conf_graph *g)
{
	return g->nruns ? g->nruns : 1;
}

/* b->g is set. */
void conf_build(struct conf_bench *b);
void conf_unbuild(struct conf_bench *b);
/* Fills want[] and writable[] of every run. */
void conf_reference(struct conf_bench *b);
/* A tensor in one run: symbols put in. */
struct tern_tensor_desc conf_in_run(const struct conf_bench *b, unsigned int tensor,
				    unsigned int run);
static inline struct ref_tensor conf_load(const struct tern_tensor_desc *t, const uint8_t *storage)
{
	return ref_load(t->type, t->ne, t->nb, storage + t->offset);
}
/* After a run; ref: the device is one of those whose bits must be equal. */
void conf_compare(struct conf_bench *b, struct tern_session *session, unsigned int run, bool ref);

#endif
