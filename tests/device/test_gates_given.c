// SPDX-License-Identifier: GPL-2.0
/* Memory that the machine has not given to the device: whoever reaches for it, nothing is read,
 * nothing written, and it is told who and where. */
#include <check.h>

#include "host/gates_job.h"

#define HOLE 0x200000u /* from the end of memory */

/* Where there is nothing; where there was memory, which is still behind the device's file; and
 * where there is memory to read only. */
enum place { NOWHERE, LOST, READ_ONLY, NPLACES };

static uint64_t make_place(enum place place)
{
	uint64_t at = host_alloc(&h, TERN_PAGE_SIZE, TERN_PAGE_SIZE);

	memset(host_at(&h, at), 0xa5, TERN_PAGE_SIZE);
	if (place == NOWHERE)
		return HOST_BUS + BYTES + HOLE;
	ck_assert_int_eq(host_unmap(&h, at, TERN_PAGE_SIZE), 0);
	if (place == READ_ONLY)
		ck_assert_int_eq(host_map(&h, at, TERN_PAGE_SIZE, at - HOST_BUS, 1, true), 0);
	return at;
}

static void assert_told(uint64_t at, unsigned int asid, bool write, unsigned int source)
{
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS) & TERN_IRQ_BUS, TERN_IRQ_BUS);
	ck_assert_uint_eq(reg_get64(&h, TERN_REG_BUS_FAULT), at);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_BUS_FAULT_INFO),
			  asid | (uint32_t)write << 8 | source << 16);
}

START_TEST(engine_outside_of_what_is_given)
{
	unsigned int p = (unsigned int)_i % NPROGRAMS;
	enum place place = _i / NPROGRAMS;
	bool fine = place == READ_ONLY && !programs[p].write;
	uint64_t at = make_place(place);
	unsigned char *page = host_at(&h, HOST_BUS);

	programs[p].emit();
	prepare(at);
	ck_assert_uint_eq(queue_run(&h, &q, &job), fine ? 0 : TERN_FAULT_TRANSLATION);
	for (unsigned int i = 0; i < TERN_PAGE_SIZE; i++)
		ck_assert_uint_eq(page[i], 0xa5);
	if (fine)
		return;
	ck_assert_uint_eq(q.fault->queue, programs[p].source);
	ck_assert_uint_eq(q.fault->info, programs[p].write ? TERN_WRITE : TERN_READ);
	assert_told(at, ASID, programs[p].write, programs[p].source);
}
END_TEST

/* Page tables are memory too. */
START_TEST(tables_outside_of_what_is_given)
{
	uint64_t at = make_place(LOST);

	prepare(0);
	reg_set64(&h, TERN_REG_ASID_ROOT + ASID * TERN_ASID_STRIDE, at | 1);
	space_invalidate(&h, s, 0, UINT64_MAX);
	ck_assert_uint_ne(queue_run(&h, &q, &job), 0);
	assert_told(at, ASID, false, TERN_Q_CP);
}
END_TEST

/* ---- the MCU ------------------------------------------------------------------------------------------ */
START_TEST(mcu_outside_of_what_is_given)
{
	uint64_t at = make_place(_i);
	struct hart_access a[] = {{.kind = HART_LOAD, .at = WINDOW + 8},
				  {.kind = HART_STORE, .at = WINDOW + 8, .value = 0x1234}};
	unsigned char *page = host_at(&h, HOST_BUS);

	share_page(at);
	hart_try(&h, a, 2);
	ck_assert_uint_eq(a[0].cause, _i == READ_ONLY ? 0 : 5);
	ck_assert_uint_eq(a[0].got, _i == READ_ONLY ? 0xa5a5a5a5 : 0);
	ck_assert_uint_eq(a[1].cause, 7);
	ck_assert_uint_eq(a[1].tval, WINDOW + 8);
	for (unsigned int i = 0; i < TERN_PAGE_SIZE; i++)
		ck_assert_uint_eq(page[i], 0xa5);
	assert_told(at, 0, true, 15);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_given");
	TCase *c = tcase_create("given");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, engine_outside_of_what_is_given, 0, NPLACES * NPROGRAMS);
	tcase_add_test(c, tables_outside_of_what_is_given);
	tcase_add_loop_test(c, mcu_outside_of_what_is_given, 0, NPLACES);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
