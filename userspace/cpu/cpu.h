/* SPDX-License-Identifier: MIT */
/*
 * The fallback kernels: every operator in every format, threaded, SIMD by run-time
 * dispatch.
 */
#ifndef TERN_CPU_H
#define TERN_CPU_H

#include "graph/graph.h"

struct tern_cpu; /* a pool of threads and its scratch */

int tern_cpu_create(unsigned int threads, struct tern_cpu **out); /* 0: all cores */
void tern_cpu_destroy(struct tern_cpu *cpu);

/* A tensor with its symbols put in and its memory: data + nb. */
struct tern_cpu_tensor {
	enum tern_dtype type;
	int64_t ne[4];
	uint64_t nb[4];
	void *data;
};

/* Can the kernels run it (types and shapes)? 0 or -EOPNOTSUPP with tern_last_error(). */
int tern_cpu_supported(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors);

/* Run one operator to completion. src[i].data NULL: absent. 0; -EOPNOTSUPP as above; -EINVAL for
 * an index out of range (nothing outside the destination is touched); -ENOMEM; -EINTR if *stop
 * was not 0 before the end: the destination is then incomplete. Looked at between two pieces of
 * work, from any thread. `stop` may be NULL. */
int tern_cpu_run(struct tern_cpu *cpu, const struct tern_op_desc *op,
		 const struct tern_cpu_tensor *src, const struct tern_cpu_tensor *dst,
		 const volatile int *stop);

#endif
