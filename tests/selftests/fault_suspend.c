// SPDX-License-Identifier: MIT
/* The system is to sleep just when the device goes wrong: it does not, or it does and wakes again. */
#include <errno.h>

#include "selftest_fault.h"
#include "selftest_sleep.h"
#include "selftest_sysfs.h"

static struct scene s;

/* What runs cannot be saved. Nobody sleeps, and who was in the engines dies. */
static void hung_engines(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("hang 1");
	EQUAL(system_sleeps("1"), -EBUSY);
	check_ended(&s, -ETIMEDOUT, -ECANCELED, 0);
	host_ask("used hang");
	EQUAL(system_sleeps("1"), 0);
	scene_close(&s, 1);
}

/*
 * The firmware cannot read that it is to sleep, or not save what runs. If it wants some other
 * word first, it is started again by then and the device sleeps.
 */
static void firmware_without_memory(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("dma-error-kernel 1");
	system_sleeps("1");
	host_ask("used dma-error-kernel");
	check_ended(&s, -ENODATA, 0, 0);
	EQUAL(system_sleeps("1"), 0);
	scene_close(&s, 1);
}

/* A job faults when it goes on, if not before: the device sleeps well in any case. */
static void dma_error(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("dma-error 1");
	EQUAL(system_sleeps("1"), 0);
	check_ended(&s, -EIO, -ECANCELED, 0);
	host_ask("used dma-error");
	scene_close(&s, 0);
}

/* Its firmware is gone, which nobody is told before it is asked: here, by the sleep. */
static void silent_firmware(void)
{
	scene_open(&s);
	device_may_sleep(false);
	host_ask("fw-silent 1");
	CHECK(system_sleeps("1") < 0);
	device_may_sleep(true);
	EQUAL(run_short(&s.b), 0);
	EQUAL(system_sleeps("1"), 0);
	scene_close(&s, 1);
}

/* It sleeps or it does not: that is chance. What ran is lost. */
static void fatal_ecc_error(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("ecc fatal");
	system_sleeps("1");
	check_ended(&s, -ENODATA, 0, 0);
	EQUAL(system_sleeps("1"), 0);
	scene_close(&s, 1);
}

static const struct test tests[] = {
	{"hung engines", hung_engines},
	{"firmware without memory", firmware_without_memory},
	{"DMA error", dma_error},
	{"silent firmware", silent_firmware},
	{"fatal ECC error", fatal_ecc_error},
};

int main(void)
{
	return RUN_MARKED("fault_suspend", tests);
}
