/* SPDX-License-Identifier: MIT */
/* Programs for checking mode: LOADs and STOREs with the semaphores that order them, or do not. */
#ifndef TEST_SIM_CHECK_FIXTURE_H
#define TEST_SIM_CHECK_FIXTURE_H

#include "sim_fixture.h"

static struct env e;

static inline void setup(void)
{
	env_open(&e, "ref", &(struct tern_sim_options){.threads = 1, .check = true});
	env_begin(&e);
}

static inline void teardown(void)
{
	env_close(&e);
}

enum { LOADED = 1, FREED, STORED, READ };

static inline void use_sems(void)
{
	e.sem[LOADED] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_STORE, 0, 1};
	e.sem[FREED] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD0, 2, 1};
	e.sem[STORED] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_CP, 0, 1};
	e.sem[READ] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD1, 0, 1};
}

static inline size_t load_sync(struct tile dst, struct tile src, unsigned int wait,
			       unsigned int signal)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait != 0}},
			      .signal = {{(uint8_t)signal, signal != 0}}};
	size_t at;

	set_tile(&e, 0, dst);
	set_tile(&e, 1, src);
	at = e.code.n;
	tern_emit_load(&e.code, wait == READ, 0, 1, TERN_NONE, NULL, NULL, &s);
	return at;
}

static inline size_t store_sync(struct tile src, struct tile dst, unsigned int wait,
				unsigned int signal)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait != 0}},
			      .signal = {{(uint8_t)signal, signal != 0}}};
	size_t at;

	set_tile(&e, 0, src);
	set_tile(&e, 1, dst);
	at = e.code.n;
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, &s);
	return at;
}

static inline struct tile spm(uint64_t addr, int64_t n)
{
	return spm_tile(TERN_T_F32, addr, n, 1);
}

static inline struct tile dram(uint64_t offset, int64_t n)
{
	return mem_tile(TERN_T_F32, offset, n, 1);
}

static inline void assert_fault(unsigned int code, size_t word, size_t other)
{
	unsigned int got = env_run(&e);

	ck_assert_str_eq(tern_fault_name(got), tern_fault_name(code));
	ck_assert_uint_eq(e.run.fault.class, TERN_CLASS_UNDEFINED);
	ck_assert_uint_eq(e.run.fault.word, word);
	if (other)
		ck_assert_uint_eq(e.run.fault.info, other);
}

#endif
