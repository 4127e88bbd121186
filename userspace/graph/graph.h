/* SPDX-License-Identifier: MIT */
/*
 * A checked graph, and where each operator will run. Pure data; no I/O.
 */
#ifndef TERN_GRAPH_H
#define TERN_GRAPH_H

#include <tern.h>

struct tern_graph {
	struct tern_storage_desc *storages;
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	struct tern_symbol_desc *symbols;
	uint32_t nstorages, ntensors, nops, nsymbols;
	char *names; /* backing of all names */
};

/* A copy of a description that is known to be good; NULL: no memory. */
struct tern_graph *tern_graph_copy(const struct tern_graph_desc *desc);

/* Values of symbols put into a tensor: what the CPU kernels and reports work on. */
struct tern_view {
	enum tern_dtype type;
	int64_t ne[4];
	uint64_t nb[4];
	uint32_t storage;
	uint64_t offset;
};
void tern_view_of(const struct tern_tensor_desc *t, const int64_t *symbols, struct tern_view *out);

/* What a type is made of; NULL: no type of <tern.h>. */
struct tern_dtype_info {
	const char *name;
	uint16_t elems, bytes; /* of a block; 1 element for plain types */
	bool block;
	uint8_t align; /* of addresses and strides, as the contract asks */
};
const struct tern_dtype_info *tern_dtype_info(enum tern_dtype type);

static inline int64_t tern_nrows(const int64_t ne[4])
{
	return ne[1] * ne[2] * ne[3];
}
/* Byte range [lo, hi) a tensor can touch in its storage, at the symbols' bounds. A tensor does
 * not know the bound of its offset's symbol: such a range is open towards that side (lo 0 or
 * hi UINT64_MAX). */
void tern_tensor_range(const struct tern_tensor_desc *t, uint64_t *lo, uint64_t *hi);
/* The same for a tensor of a graph, whose symbols are known: exact. */
void tern_graph_range(const struct tern_graph *g, uint32_t tensor, uint64_t *lo, uint64_t *hi);
/* Bytes of the elements of a view, gaps left out. */
uint64_t tern_view_bytes(const struct tern_view *v);
/* May the two touch a common byte (same storage and ranges meet)? */
bool tern_tensor_overlap(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b);
/* Is each element of one where it is in the other? */
bool tern_tensor_same_layout(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b);

/* Shape rules of one operator; 0 or -EINVAL with tern_last_error() set. */
int tern_op_check(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors);
/* The same for an operator without a graph, whose tensors nobody has checked. No allocation. */
int tern_op_check_alone(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors);

/* What the graph asks for, from its shapes alone (design, section 8): MACs by operand type of
 * MATRIX, bytes that must move. For one operator at given symbol values. */
struct tern_op_work {
	uint64_t macs[4]; /* int8, fp16, bf16, fp32; attention counts the pairs its mask admits */
	uint64_t weight_bytes, kv_bytes;
};
void tern_op_work(const struct tern_graph *g, uint32_t op, const int64_t *symbols,
		  struct tern_op_work *out);

/* The same for the operators from `first` to the last. Weights count once per byte range however many operators read
 * it, GET_ROWS only the rows it fetches, MATMUL_ID as many experts as there can be; KV is what attention reads of and what is copied or
 * scattered into bound storages that are not constant; every other bound byte counts once
 * as input and once as output. What does not depend on symbols is counted once, here. */
struct tern_work_plan {
	uint32_t first;
	uint64_t weight_bytes; /* of everything but GET_ROWS and MATMUL_ID */
	uint32_t *terms;       /* of these those on other weights, as operator numbers */
	uint32_t nterms;
	uint32_t *io; /* views of inputs and outputs, as tensor numbers */
	uint32_t nio;
};
struct tern_graph_work {
	uint64_t macs[4];
	uint64_t bytes;
};
int tern_work_plan(const struct tern_graph *g, uint32_t first, struct tern_work_plan *out);
void tern_work_plan_fini(struct tern_work_plan *plan);
void tern_graph_work(const struct tern_graph *g, const struct tern_work_plan *plan,
		     const int64_t *symbols, struct tern_graph_work *out);
/* Where the head begins: the operators at the end that share the last one's group. */
uint32_t tern_graph_head(const struct tern_graph *g);

/* Rules that only values of symbols can break; 0 or -EINVAL. */
int tern_graph_check_symbols(const struct tern_graph *g, const int64_t *symbols, uint32_t n);

/* "12 (MATMUL 'blk.0.ffn_up')" for messages and reports; returns `buf`. */
const char *tern_op_label(const struct tern_graph *g, uint32_t op, char *buf, size_t len);

/* For lib/, graph/, compiler/, cpu/: set the thread's error message and return `code`. */
__attribute__((format(printf, 2, 3))) int tern_fail(int code, const char *fmt, ...);

#endif
