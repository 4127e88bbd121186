/* SPDX-License-Identifier: MIT */
/*
 * A split of a ggml graph as a Tern graph. Storages are: a buffer of weights; a stretch of bytes
 * of another buffer that tensors share; a result that nobody else reads, which is scratch. So
 * only offsets inside these are part of the structure. The arrays are kept from call to call;
 * two captures with equal bytes are one program.
 */
#ifndef TERN_GGML_CAPTURE_H
#define TERN_GGML_CAPTURE_H

#include <tern.h>

#include "ggml/inner.h"

/* Memory that the device sees. */
struct plugin_buffer {
	struct tern_buffer *buf;
	unsigned char *base; /* NULL: nothing yet */
	uint64_t size;
};

/* Of a storage, beside its description. Until the capture is settled: a whole buffer, or the
 * bytes of one inner result. */
struct capture_place {
	const struct ggml_backend_buffer *host;
	struct plugin_buffer *buffer; /* NULL: an inner result */
	uint64_t lo, hi;	      /* the bytes in use */
	bool weights, written;
	bool compute; /* ggml's scratch memory: no graph finds there what another left */
};

struct capture_bytes {
	unsigned char *at;
	size_t size;
};

struct capture_span { /* bytes of a tensor in its place */
	uint64_t lo, hi;
	uint32_t place, tensor;
};

struct capture {
	const struct tern_device *dev; /* the caller's; for what may be folded */
	struct tern_storage_desc *storages;
	struct capture_place *places;
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	const struct ggml_tensor **nodes; /* of each operator */
	uint32_t *slots;		  /* tensors by their contents: number + 1 */
	uint32_t nstorages, ntensors, nops, nslots;
	uint32_t room_storages, room_tensors, room_ops;
	uint64_t hash;
	struct inner inner;
	/* settle.c's: a row per tensor */
	struct capture_span *spans;
	struct capture_place *groups;
	uint32_t room_settle;
};

/* 0 or a negative errno with a message in `why`. */
int capture_graph(struct capture *c, const struct graph_access *access,
		  const struct ggml_cgraph *graph, char *why, size_t len);
void capture_fini(struct capture *c);

/* Its last step, settle.c: from buffers to storages. -ENOMEM or 0. */
int capture_settle(struct capture *c);
/* Where it writes results that are nothing before they are written, unlike the rest of a cache of
 * which it writes a part. Returns how many there are; `out` may be NULL. */
size_t capture_results(const struct capture *c, struct capture_bytes *out);
/* The last operator goes into the one before it, if it may. */
void capture_fold(struct capture *c, const struct graph_access *access);
bool capture_grow(void **array, uint32_t n, size_t each);

/* Equal structure? */
bool capture_equal(const struct capture *a, const struct capture *b);
/* Keep what capture_equal() looks at; -ENOMEM. */
int capture_copy(struct capture *to, const struct capture *from);

#endif
