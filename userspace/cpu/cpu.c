// SPDX-License-Identifier: MIT
/* The table of operators, and the life of a pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels.h"
#include "matmul.h"
#include "vec.h"

#define F	    TERN_FLOATS
#define W	    (TERN_FLOATS | TERN_BLOCKS)
#define I	    TERN_INDICES
#define A	    (TERN_FLOATS | TERN_BLOCKS | TERN_INTEGERS)
#define MAX_THREADS 1024

struct row {
	int (*run)(struct tern_cpu *cpu, const struct tern_cpu_op *op);
	int (*check)(const struct tern_cpu_op *op);
	uint64_t dst;
	uint64_t src[TERN_MAX_SRC]; /* types taken; 0: no such source */
	int required;		    /* sources that must be there */
};

/* clang-format off */
static const struct row rows[TERN_OP_COUNT] = {
#define ROW(name, fn, dst, required, ...) \
	[TERN_##name] = {tern_cpu_##fn, tern_cpu_check_##fn, dst, {__VA_ARGS__}, required}
	ROW(MATMUL,    matmul,    F,			 2, W, F),
	ROW(GET_ROWS,  get_rows,  F | TERN_BIT(I32),	 2, W | TERN_BIT(I32), I),
	ROW(SET_ROWS,  set_rows,  F | TERN_ENCODED,	 2, F, I),
	ROW(RMS_NORM,  norm,      F,			 1, F, F),
	ROW(NORM,      norm,      F,			 1, F, F, F),
	ROW(L2_NORM,   norm,      F,			 1, F),
	ROW(ROPE,      rope,      F,			 2, F, TERN_BIT(I32), F),
	ROW(SOFT_MAX,  soft_max,  F,			 1, F, F, F),
	ROW(ATTENTION, attention, F,			 3, F, W, W, F, F),
	ROW(GLU,       glu,       F,			 1, F, F),
	ROW(UNARY,     unary,     F,			 1, F),
	ROW(BINARY,    binary,    F,			 2, F, F),
	ROW(SCALE,     scale,     F,			 1, F),
	ROW(CLAMP,     scale,     F,			 1, F),
	ROW(COPY,      copy,      A,			 1, A),
	ROW(CONCAT,    concat,    A,			 2, A, A),
	ROW(REPEAT,    repeat,    A,			 1, A),
	ROW(SUM_ROWS,  sum_rows,  F,			 1, F),
	ROW(MEAN,      sum_rows,  F,			 1, F),
	ROW(ARGMAX,    argmax,    TERN_BIT(I32),	 1, F),
	ROW(TOP_K,     argsort,   TERN_BIT(I32),	 1, F),
	ROW(ARGSORT,   argsort,   TERN_BIT(I32),	 1, F),
	ROW(MATMUL_ID, matmul_id, F,			 3, W, F, TERN_BIT(I32)),
	ROW(ADD_ID,    add_id,    F,			 3, F, F, TERN_BIT(I32)),
#undef ROW
};
/* clang-format on */

/* ---- checks ------------------------------------------------------------------------- */
int tern_cpu_refuse(const struct tern_cpu_op *op, const char *rule)
{
	return tern_fail(-EOPNOTSUPP, "The CPU kernel of %s needs %s.", tern_op_name(op->op->op),
			 rule);
}

static int check_tensor(const struct tern_cpu_op *op, const struct tern_cpu_tensor *t,
			uint64_t types)
{
	const struct tern_layout l = tern_layout_of(t->type);

	if (!l.elems || !tern_is(t->type, types))
		return tern_fail(-EOPNOTSUPP,
				 "The CPU kernel of %s does not take a tensor of type %s there.",
				 tern_op_name(op->op->op),
				 l.elems ? tern_dtype_name(t->type) : "(unknown)");
	for (int d = 0; d < 4; d++)
		if (t->ne[d] < 1)
			return tern_cpu_refuse(op, "sizes of at least 1");
	if (l.elems > 1 && (t->ne[0] % l.elems || t->nb[0] != (uint64_t)l.bytes))
		return tern_cpu_refuse(op, "whole, adjacent blocks along dimension 0");
	return 0;
}

static int check(const struct tern_cpu_op *op)
{
	const struct row *r;
	int rc;

	if ((unsigned int)op->op->op >= TERN_OP_COUNT)
		return tern_fail(-EOPNOTSUPP, "There is no operator number %d.", (int)op->op->op);
	r = &rows[op->op->op];
	rc = check_tensor(op, op->dst, r->dst);
	for (int i = 0; i < TERN_MAX_SRC && !rc; i++) {
		if (op->src[i].data)
			rc = check_tensor(op, &op->src[i], r->src[i]);
		else if (i < r->required)
			rc = tern_cpu_refuse(op, "a source that is absent");
	}
	return rc ? rc : r->check(op);
}

static void shape_of(const struct tern_tensor_desc *d, struct tern_cpu_tensor *out)
{
	static char present;

	out->type = d->type;
	memcpy(out->ne, d->ne, sizeof(out->ne));
	memcpy(out->nb, d->nb, sizeof(out->nb));
	out->data = &present; /* never followed: checks look at shapes */
}

int tern_cpu_supported(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors)
{
	struct tern_cpu_tensor src[TERN_MAX_SRC] = {{.data = NULL}}, dst;
	const struct tern_cpu_op whole = {op, src, &dst};

	for (int i = 0; i < TERN_MAX_SRC; i++)
		if (op->src[i] != TERN_NO_TENSOR)
			shape_of(&tensors[op->src[i]], &src[i]);
	shape_of(&tensors[op->dst], &dst);
	return check(&whole);
}

int tern_cpu_run(struct tern_cpu *cpu, const struct tern_op_desc *op,
		 const struct tern_cpu_tensor *src, const struct tern_cpu_tensor *dst,
		 const volatile int *stop)
{
	const struct tern_cpu_op whole = {op, src, dst};
	int rc = check(&whole);

	if (rc)
		return rc;
	pthread_mutex_lock(&cpu->lock);
	cpu->stop = stop;
	rc = rows[op->op].run(cpu, &whole);
	cpu->stop = NULL;
	pthread_mutex_unlock(&cpu->lock);
	if (!rc && stop && __atomic_load_n(stop, __ATOMIC_RELAXED))
		rc = tern_fail(-EINTR, "Stopped inside %s, whose result is incomplete.",
			       tern_op_name(op->op));
	return rc;
}

/* ---- life --------------------------------------------------------------------------------- */
static unsigned int cores(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (unsigned int)n;
}

int tern_cpu_create_level(unsigned int threads, const char *level, struct tern_cpu **out)
{
	const struct tern_simd *simd = tern_simd_get(level);
	struct tern_cpu *cpu;
	int rc;

	if (!simd)
		return tern_fail(-EOPNOTSUPP, "This machine has no instruction set '%s'.",
				 level ? level : "");
	if (threads > MAX_THREADS)
		return tern_fail(-EINVAL, "%u threads were asked for; at most %d can be had.",
				 threads, MAX_THREADS);
	cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return tern_fail(-ENOMEM, "There is no memory for the CPU kernels.");
	cpu->threads = threads ? threads : cores();
	cpu->simd = simd;
	cpu->vec = tern_vec_get(simd->name);
	cpu->mm = tern_mm_get(simd->name);
	pthread_mutex_init(&cpu->lock, NULL);
	rc = tern_pool_create(cpu->threads, &cpu->pool);
	if (rc) {
		tern_cpu_destroy(cpu);
		return tern_fail(rc, "%u threads could not be started.", threads);
	}
	*out = cpu;
	return 0;
}

int tern_cpu_create(unsigned int threads, struct tern_cpu **out)
{
	return tern_cpu_create_level(threads, NULL, out);
}

void tern_cpu_destroy(struct tern_cpu *cpu)
{
	if (!cpu)
		return;
	tern_pool_destroy(cpu->pool);
	pthread_mutex_destroy(&cpu->lock);
	free(cpu->scratch);
	free(cpu);
}

void tern_cpu_for(struct tern_cpu *cpu, int64_t n, int64_t grain, tern_pool_fn fn, void *ctx)
{
	tern_pool_for(cpu->pool, n, grain, fn, ctx, cpu->stop);
}

int tern_cpu_scratch(struct tern_cpu *cpu, size_t shared, size_t each, struct tern_scratch *out)
{
	/* a line apart, and another to keep equal offsets of workers off one cache set */
	const size_t stride = tern_align64(each) + 128, lead = tern_align64(shared);
	const size_t size = lead + stride * cpu->threads;

	if (size > cpu->scratch_size) {
		free(cpu->scratch);
		cpu->scratch_size = 0;
		cpu->scratch = aligned_alloc(64, size + size / 4 - size / 4 % 64);
		if (!cpu->scratch)
			return tern_fail(-ENOMEM, "There is no memory for %zu bytes of scratch.",
					 size);
		cpu->scratch_size = size + size / 4 - size / 4 % 64;
	}
	out->shared = cpu->scratch;
	out->worker = out->shared + lead;
	out->each = stride;
	return 0;
}
