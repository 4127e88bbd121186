/* SPDX-License-Identifier: MIT */
/*
 * A split of a ggml graph as a Tern graph: storages are the buffers that its tensors lie in, or
 * the part of them in use, so that only offsets inside are part of its structure. The arrays are
 * kept from call to call; two captures with equal bytes are one program.
 */
#ifndef TERN_GGML_CAPTURE_H
#define TERN_GGML_CAPTURE_H

#include <tern.h>

#include "ggml/node.h"

/* Memory that the device sees. */
struct plugin_buffer {
	struct tern_buffer *buf;
	unsigned char *base; /* NULL: nothing yet */
	uint64_t size;
};

/* What the version of the interface has to say about objects of the host. */
struct graph_access {
	int (*nodes)(const struct ggml_cgraph *graph, struct ggml_tensor *const **nodes);
	/* Uses of a node in the whole graph that the split is of; -1: unknown. */
	int (*uses)(const struct ggml_cgraph *graph, const struct ggml_tensor *node);
	/* NULL: not one of this plugin's. */
	struct plugin_buffer *(*buffer)(const struct ggml_backend_buffer *buf);
	enum ggml_backend_buffer_usage (*usage)(const struct ggml_backend_buffer *buf);
};

struct capture_place { /* of a storage, beside its description */
	const struct ggml_backend_buffer *host;
	struct plugin_buffer *buffer;
	uint64_t lo, hi; /* the bytes in use */
	bool weights, written;
};

struct capture {
	struct tern_storage_desc *storages;
	struct capture_place *places;
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	const struct ggml_tensor **nodes; /* of each operator */
	uint32_t *slots;		  /* tensors by their contents; number + 1 */
	uint32_t nstorages, ntensors, nops, nslots;
	uint32_t room_storages, room_tensors, room_ops;
	uint64_t hash;
};

/* 0 or a negative errno with a message in `why`. */
int capture_graph(struct capture *c, const struct graph_access *access,
		  const struct ggml_cgraph *graph, char *why, size_t len);
void capture_fini(struct capture *c);

/* Equal structure? */
bool capture_equal(const struct capture *a, const struct capture *b);
/* Keep what capture_equal() looks at; -ENOMEM. */
int capture_copy(struct capture *to, const struct capture *from);

#endif
