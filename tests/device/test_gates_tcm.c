// SPDX-License-Identifier: GPL-2.0
/* The lock of the MCU's memory: what closes it, what opens it, and that nothing else does. */
#include <check.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "host/gates_host.h"

#define WORD 0x12345678u

#define PLACE 0x8000u
#define SPIN  0x9000u

static uint32_t tcm_get(uint32_t at)
{
	uint32_t v;

	host_read(&h, TERN_BAR_TCM, at, &v, sizeof(v));
	return v;
}

static void tcm_set(uint32_t at, uint32_t v)
{
	host_write(&h, TERN_BAR_TCM, at, &v, sizeof(v));
}

static void assert_locked(const char *after)
{
	uint32_t edge = reg_get(&h, TERN_REG_TCM_BYTES) - 4;

	ck_assert_msg(reg_get(&h, TERN_REG_TCM_LOCK) == 1, "not locked after %s", after);
	tcm_set(PLACE, 0);
	ck_assert_msg(tcm_get(PLACE) == UINT32_MAX, "read after %s", after);
	ck_assert_msg(tcm_get(0) == UINT32_MAX && tcm_get(edge) == UINT32_MAX, "read after %s",
		      after);
}

static void halt(void)
{
	hart_program(&h, NULL, 0);
	hart_start(&h);
	hart_halted(&h);
}

static void watchdog(void)
{
	const struct hart_access a[] = {
		{.kind = HART_STORE, .at = TERN_MCU_REG(WATCHDOG), .value = 1000},
		{.kind = HART_FETCH, .at = SPIN}};

	tcm_set(SPIN, 0x6f); /* J to itself */
	hart_program(&h, a, 2);
	hart_start(&h);
	hart_halted(&h);
}

static void start_again(void)
{
	reg_set(&h, TERN_REG_MCU_CONTROL, 1);
}

static void write_the_lock(void)
{
	reg_set(&h, TERN_REG_TCM_LOCK, 0);
}

static void reset_engines(void)
{
	reg_set(&h, TERN_REG_RESET, TERN_RESET_ENGINES);
	ck_assert(reg_becomes(&h, TERN_REG_RESET, UINT32_MAX, 0));
}

static void no_reset(void)
{
	reg_set(&h, TERN_REG_RESET, 0);
	reg_set(&h, TERN_REG_RESET, TERN_RESET_ALL + 1);
	ck_assert(reg_becomes(&h, TERN_REG_RESET, UINT32_MAX, 0));
}

static void sleep_and_wake(void)
{
	gates[1].close(&h);
	gates[1].open(&h);
}

static void no_memory(void)
{
	gates[0].close(&h);
	gates[2].close(&h);
}

static const struct {
	const char *what;
	void (*run)(void);
} not_opening[] = {{"a start", NULL},
		   {"HALT", halt},
		   {"the watchdog", watchdog},
		   {"a second start", start_again},
		   {"TCM_LOCK", write_the_lock},
		   {"RESET of the engines", reset_engines},
		   {"RESET of nothing", no_reset},
		   {"D3", sleep_and_wake},
		   {"closed gates", no_memory}};

/* Only the MCU's reset opens it; then all is there that was before, but what was written
 * meanwhile. */
START_TEST(locked)
{
	tcm_set(PLACE, WORD);
	ck_assert_uint_eq(tcm_get(PLACE), WORD);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_TCM_LOCK), 0);
	if (!not_opening[_i].run ||
	    (not_opening[_i].run != halt && not_opening[_i].run != watchdog))
		hart_spin(&h);
	if (not_opening[_i].run)
		not_opening[_i].run();
	usleep(50000); /* what opens it may take its time: without this the test is weaker */
	assert_locked(not_opening[_i].what);
	reg_set(&h, TERN_REG_MCU_CONTROL, 0);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_TCM_LOCK), 0);
	ck_assert_uint_eq(tcm_get(PLACE), WORD);
	tcm_set(PLACE, 1);
	ck_assert_uint_eq(tcm_get(PLACE), 1);
}
END_TEST

static void stop(void)
{
	reg_set(&h, TERN_REG_MCU_CONTROL, 0);
}

static void reset_mcu(void)
{
	reg_set(&h, TERN_REG_RESET, TERN_RESET_MCU);
	ck_assert(reg_becomes(&h, TERN_REG_RESET, UINT32_MAX, 0));
}

static void reset_all(void)
{
	reg_set(&h, TERN_REG_RESET, TERN_RESET_ALL);
	ck_assert(reg_becomes(&h, TERN_REG_RESET, UINT32_MAX, 0));
}

static void flr(void)
{
	uint32_t at = config_capability(&h, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

	config_set(&h, at, 2, PCI_EXP_DEVCTL_BCR_FLR);
	config_set(&h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	host_settle(&h);
}

static void (*const opening[])(void) = {stop, reset_mcu, reset_all, flr};

START_TEST(opened_by_the_mcus_reset)
{
	hart_spin(&h);
	assert_locked("a start");
	opening[_i]();
	ck_assert_uint_eq(reg_get(&h, TERN_REG_TCM_LOCK), 0);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_STATUS) & TERN_STATUS_MCU_RUNS, 0);
	tcm_set(PLACE, WORD);
	ck_assert_uint_eq(tcm_get(PLACE), WORD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_tcm");
	TCase *c = tcase_create("tcm");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, locked, 0, COUNT(not_opening));
	tcase_add_loop_test(c, opened_by_the_mcus_reset, 0, COUNT(opening));
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
