/* SPDX-License-Identifier: MIT */
/* Programs: a graph, where each operator runs, and the images of the NPU's part. */
#ifndef TERN_LIB_PROGRAM_H
#define TERN_LIB_PROGRAM_H

#include "graph/partition.h"
#include "lib/device.h"

/* Where a session keeps what the caller does not bind: one allocation of scratch and one
 * of argument blocks. A pure function of graph, segments and code. */
struct tern_layout {
	uint64_t *storage;    /* offset of each scratch storage; bound ones: TERN_NOT_SCRATCH */
	uint64_t job_scratch; /* offset of the jobs' own scratch, which they share */
	uint64_t scratch_bytes;
	uint64_t *args; /* offset of each segment's argument block */
	uint64_t args_bytes;
	uint64_t *image; /* offset of each segment's image, likewise in one allocation */
	uint64_t image_bytes;
};
#define TERN_NOT_SCRATCH UINT64_MAX

struct tern_program {
	atomic_uint refs; /* of the caller and of sessions */
	struct tern_device *dev;
	struct tern_graph *graph;
	struct tern_partition part;
	struct tern_npu_code *code; /* one per segment, empty for the CPU's */
	struct tern_layout layout;
	struct tern_mem images;		  /* device memory; nothing without NPU segments */
	struct tern_work_plan work, head; /* of all operators; of those of the head */
	/* per storage */
	bool *written;	/* by some operator */
	uint8_t *align; /* what its tensors' elements need */
	uint64_t image_words, npu_ops, cpu_ops;
	uint64_t compile_ns;
};
struct tern_program *tern_program_ref(struct tern_program *prog);
void tern_program_unref(struct tern_program *prog);

/* In two steps, for compiling and for loading: an empty program of a graph (which it owns from
 * then on, even on failure), then, with partition and code filled in, all that derives from them. */
int tern_program_new(struct tern_device *dev, struct tern_graph *graph, struct tern_program **out);
int tern_program_finish(struct tern_program *prog);

int tern_layout_make(const struct tern_program *prog, struct tern_layout *out);
void tern_layout_fini(struct tern_layout *l);

/* The segment that runs operator `op`. */
uint32_t tern_program_segment(const struct tern_program *prog, uint32_t op);
/* The operator whose mark covers `op`: itself unless it was fused. */
uint32_t tern_program_owner(const struct tern_program *prog, uint32_t op);

#endif
