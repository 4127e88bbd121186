/* SPDX-License-Identifier: MIT */
/*
 * Graph and target in, program image out. A pure function: no I/O, no globals, no clock.
 */
#ifndef TERN_COMPILER_H
#define TERN_COMPILER_H

#include "graph/graph.h"
#include <tern/hw.h>

struct tern_target {
	struct tern_caps caps;
	uint64_t no_ops; /* bit per enum tern_opcode: masked off */
	bool npu;	 /* false: device "cpu", nothing is supported */
};

/* Changes with every source that decides to which image a graph compiles: lib/fingerprint.c. */
extern const uint32_t tern_compiler_fingerprint;
#define TERN_COMPILER_FINGERPRINT tern_compiler_fingerprint

/* One 64-bit word of the argument block (R0): what the session computes at each run as
 * (storage >= 0 ? device address of the binding : 0) + offset + (sym ? (value[sym-1] + bias) * mul : 0). */
struct tern_arg {
	int32_t storage;
	uint8_t sym;
	int32_t bias;
	int64_t offset, mul;
};

/* A stretch of operators compiled to one NPU job. */
struct tern_npu_code {
	uint64_t *image;
	size_t words;
	struct tern_arg *args;
	size_t nargs;
	/* operators [first, first + nops) of the graph; fused[i]: the operator (graph index) whose
	 * MARK also covers operator first + i (itself if it is not fused into another) */
	uint32_t first, nops;
	uint32_t *fused;
	uint64_t scratch_bytes; /* private DRAM scratch of the job: storage number -2 in args */
};
#define TERN_ARG_SCRATCH (-2)
#define TERN_ARG_CONST	 (-1)
#define TERN_ARG_IMAGE	 (-3) /* offset counts from word 0 of the image */

/* Why a program traps. */
enum { TERN_TRAP_EXPERT = 1 }; /* MATMUL_ID: a number of no expert */

/* 0: the target runs it. -EOPNOTSUPP: tern_last_error() says why. Pure, no allocation, < 1 us. */
int tern_solve(const struct tern_target *target, const struct tern_op_desc *op,
	       const struct tern_tensor_desc *tensors);

/* Who reads what in a graph: made once, for all stretches of it. 0 or -ENOMEM. */
struct tern_plan;
int tern_plan_create(const struct tern_graph *g, struct tern_plan **out);
void tern_plan_destroy(struct tern_plan *plan);

/* Compile operators [first, first + n) of the plan's graph, all of which tern_solve accepted. 0,
 * -ENOMEM, or -EOPNOTSUPP (a solver that lied: a bug, reported as such). */
int tern_compile_npu(const struct tern_target *target, const struct tern_plan *plan, uint32_t first,
		     uint32_t n, struct tern_npu_code *out);
void tern_npu_code_fini(struct tern_npu_code *code);

#endif
