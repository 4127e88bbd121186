/* SPDX-License-Identifier: MIT */
/* Programs of which one command is to fault, and which one. */
#ifndef TERN_TESTS_SIM_FAULT_FIXTURE_H
#define TERN_TESTS_SIM_FAULT_FIXTURE_H

#include <check.h>

#include "sim_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct env e;
static size_t culprit; /* image word that must be named */

static inline void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
	e.sem[1] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1};
	e.sem[2] = (struct tern_image_sem){TERN_Q_CP, TERN_Q_STORE, 3, 1};
}

static inline void teardown(void)
{
	env_close(&e);
}

/* The next command is the one to blame. */
static inline void blame(void)
{
	culprit = e.code.n;
}

static inline void raw(unsigned int op, unsigned int flags, unsigned int a, unsigned int b,
		       unsigned int c, uint64_t w1)
{
	blame();
	tern_code_cmd(&e.code, op, flags, a, b, c, 0, &w1, 1);
}

/* Tiles first, so that the command itself is at `culprit`. */
static inline void load_faulty(struct tile dst, struct tile src)
{
	set_tile(&e, 0, dst);
	set_tile(&e, 1, src);
	blame();
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
}

static inline void store_faulty(struct tile src, struct tile dst)
{
	set_tile(&e, 0, src);
	set_tile(&e, 1, dst);
	blame();
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, NULL);
}

static inline void matrix_faulty(unsigned int flags, struct tile a, struct tile b, struct tile c)
{
	set_tile(&e, 0, a);
	set_tile(&e, 1, b);
	set_tile(&e, 2, c);
	blame();
	tern_emit_matrix(&e.code, flags, 0, 1, flags & TERN_MATRIX_OUT ? 2 : TERN_NONE, NULL);
}

static inline void vector_faulty(struct tile t, const uint64_t *prog, size_t n)
{
	set_tile(&e, 0, t);
	blame();
	vector(&e, 1, prog, n, NULL);
}

static inline struct tile f32(uint64_t addr, int64_t n0, int64_t n1)
{
	return spm_tile(TERN_T_F32, addr, n0, n1);
}

static inline struct tile dram(int64_t n0, int64_t n1)
{
	return mem_tile(TERN_T_F32, 0, n0, n1);
}

static inline struct tile with_stride(struct tile t, unsigned int d, int64_t stride)
{
	t.stride[d] = stride;
	return t;
}

struct fault_case {
	void (*build)(void);
	unsigned int code, queue;
};

static inline void names_fault(const struct fault_case *c)
{
	unsigned int code;

	c->build();
	code = env_run(&e);
	ck_assert_msg(code == c->code, "%s, not %s (%llx %llx)", tern_fault_name(code),
		      tern_fault_name(c->code), (unsigned long long)e.run.fault.addr,
		      (unsigned long long)e.run.fault.info);
	ck_assert_uint_eq(e.run.fault.class, tern_fault_class_of(code));
	ck_assert_uint_eq(e.run.fault.queue, c->queue);
	/* A stop is seen at any command. */
	if (code != TERN_FAULT_ABORT)
		ck_assert_uint_eq(e.run.fault.word, culprit);
}

#endif
