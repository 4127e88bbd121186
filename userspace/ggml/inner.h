/* SPDX-License-Identifier: MIT */
/*
 * Which results stay inside a split: those that nobody reads but operators of the split itself,
 * by ggml's use counts, and not its last one. They need not exist in ggml's memory, so the
 * compiler may fuse them away.
 */
#ifndef TERN_GGML_INNER_H
#define TERN_GGML_INNER_H

#include "ggml/node.h"

struct plugin_buffer;

/* What the version of the interface has to say about objects of the host. */
struct graph_access {
	int (*nodes)(const struct ggml_cgraph *graph, struct ggml_tensor *const **nodes);
	/* Uses of a node in the whole graph that the split is of; -1: unknown. */
	int (*uses)(const struct ggml_cgraph *graph, const struct ggml_tensor *node);
	/* NULL: not one of this plugin's. */
	struct plugin_buffer *(*buffer)(const struct ggml_backend_buffer *buf);
	enum ggml_backend_buffer_usage (*usage)(const struct ggml_backend_buffer *buf);
	/* The tensors of the whole graph, one a call from *at = 0 on; NULL: no more. */
	const struct ggml_tensor *(*next)(const struct ggml_cgraph *graph, size_t *at);
};

struct inner_entry {
	const struct ggml_tensor *tensor; /* NULL: free */
	int seen;			  /* uses inside the split */
	bool node;			  /* the split computes it, or makes it as a view */
	bool kept;			  /* somebody else may read it or a view of it */
	uint32_t mark;			  /* free for the caller; 0 at first */
};

struct inner {
	struct inner_entry *slots;
	uint32_t nslots, room;
};

/* -ENOMEM or 0. */
int inner_find(struct inner *in, const struct graph_access *access,
	       const struct ggml_cgraph *graph);
/* May the bytes of this tensor, which is no view, stay unwritten? NULL: no. */
struct inner_entry *inner_look_up(const struct inner *in, const struct graph_access *access,
				  const struct ggml_tensor *root);
/*
 * Does no node outside of the split use the device's memory, weights apart? ggml has such nodes
 * run on the host, in place, as soon as the split was handed over.
 */
bool inner_alone(const struct inner *in, const struct graph_access *access,
		 const struct ggml_cgraph *graph);
void inner_fini(struct inner *in);

#endif
