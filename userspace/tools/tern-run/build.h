/* SPDX-License-Identifier: MIT */
/* build.h - the decoder's graph: storages, tensors and operators of every layer. */
#ifndef TERN_RUN_BUILD_H
#define TERN_RUN_BUILD_H

#include <tern.h>

#include "model.h"

enum build_symbol { BUILD_SYM_TOKENS, BUILD_SYM_POSITIONS, BUILD_NSYMBOLS };

/* What a storage is bound to. */
enum build_role {
	BUILD_SCRATCH,
	BUILD_WEIGHT,
	BUILD_CACHE,
	BUILD_TOKENS,
	BUILD_POSITIONS,
	BUILD_ROWS,
	BUILD_LOGITS,
};

struct build {
	struct tern_storage_desc *storages;
	uint8_t *role; /* enum build_role, per storage */
	uint64_t *bind_offset;
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	uint32_t nstorages, ntensors, nops, room_storages, room_tensors, room_ops;
	uint64_t cache_bytes;
	uint32_t layer; /* being built */
	bool failed;	/* out of memory */
};

int build_graph(struct build *b, const struct model *m, uint32_t ctx, uint32_t batch,
		bool all_logits, struct tern_graph **out, char *err, size_t errlen);
void build_fini(struct build *b);

#endif
