/* SPDX-License-Identifier: MIT */
/*
 * One operator on the CPU kernels against the reference: on every instruction set this
 * machine has, with one thread and with two, whose results must be the same to the bit.
 */
#ifndef TEST_CPU_CASE_H
#define TEST_CPU_CASE_H

#include "cpu/cpu.h"
#include "ref_memory.h"

struct cpu_case {
	struct tern_op_desc op;
	struct ref_memory src[TERN_MAX_SRC], dst;
	bool in_place; /* dst is src[0] (and not made) */
	double nmse;   /* allowed */
};

/* Per test: the pools. */
void cpu_case_setup(void);
void cpu_case_teardown(void);

/* t = t * factor + offset */
void cpu_case_stretch(struct ref_memory *m, double factor, double offset);
/* NMSE of results that were rounded to a type: they differ by an ulp where f32 differs. */
double cpu_case_allowed(enum tern_dtype type);

/* Asserts, naming what failed; frees the tensors. */
void cpu_case_check(struct cpu_case *c);
/* Expects `code` from every level, and an untouched destination; frees. */
void cpu_case_expect_error(struct cpu_case *c, int code);

#endif
