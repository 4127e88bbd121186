/* SPDX-License-Identifier: MIT */
/* Commands against values that the test computes itself: the formats, and numbers in them. */
#ifndef TEST_SIM_COMMAND_FIXTURE_H
#define TEST_SIM_COMMAND_FIXTURE_H

#include "sim_fixture.h"
#include "support/ref.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const unsigned int floats[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16};
static const unsigned int blocks[] = {
	TERN_T_Q4_0, TERN_T_Q4_1, TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_Q8_0,   TERN_T_Q2_K,
	TERN_T_Q3_K, TERN_T_Q4_K, TERN_T_Q5_K, TERN_T_Q6_K, TERN_T_IQ4_NL, TERN_T_MXFP4,
};

static struct env e;
static uint64_t seed;

static inline void setup(void)
{
	env_open(&e, "ref", NULL);
	env_begin(&e);
	seed = 42;
}

static inline void teardown(void)
{
	env_close(&e);
}

static inline void fill(unsigned int type, uint64_t offset, int64_t n)
{
	ref_random_fill((enum tern_dtype)type, &seed, env_at(&e, offset), n);
}

#endif
