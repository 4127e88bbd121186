// SPDX-License-Identifier: MIT
/* Hardware that goes wrong: what the device's control socket can do to engines, bus, sensors. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_sysfs.h"

static struct scene s;

/* The watchdog finds what no interrupt told of: nobody gets an error, nothing is reset. */
static void lost_interrupt(void)
{
	scene_open(&s);
	host_ask("lost-irq 6");
	for (int i = 0; i < 6; i++)
		EQUAL(run_short(&s.a), 0);
	host_ask("used lost-irq");
	scene_close(&s, 0);
}

static void slow_device(void)
{
	scene_open(&s);
	host_ask("slow 2000");
	for (int i = 0; i < 3; i++)
		EQUAL(run_short(&s.a), 0);
	unbind(s.a.fd, s.a.vm, DATA_VA + PAGE, PAGE);
	host_ask("slow 0");
	scene_close(&s, 0);
}

static void over_temperature(void)
{
	scene_open(&s);
	host_ask("temperature 110000");
	EQUAL(run_short(&s.a), 0);
	EQUAL(sensor("temp1_input"), 110000);
	EQUAL(sensor("temp1_crit_alarm"), 1);
	host_ask("temperature 40000");
	EQUAL(sensor("temp1_crit_alarm"), 0);
	scene_close(&s, 0);
}

static void corrected_ecc_error(void)
{
	scene_open(&s);
	host_ask("ecc corrected");
	EQUAL(run_short(&s.a), 0);
	scene_close(&s, 0);
}

/* Nothing in the device can be trusted: what ran is lost, what had not begun runs. */
static void fatal_ecc_error(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("ecc fatal");
	check_ended(&s, -ENODATA, 0, 0);
	scene_close(&s, 1);
}

/* What the queue dies of later is what its state tells, and not that it had lost a job before. */
static void fault_after_a_lost_job(void)
{
	struct drm_tern_queue_state state;

	scene_open(&s);
	start_endless(&s);
	host_ask("ecc fatal");
	check_ended(&s, -ENODATA, 0, 0);
	image_begin(&s.a.image);
	image_trap(&s.a.image, 4711);
	image_end(&s.a.image, s.a.code.map);
	EQUAL(context_wait(&s.a, context_submit(&s.a)), 0);
	state = queue_state(s.a.fd, s.a.queue);
	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.error, -EIO);
	EQUAL(state.error_job, 4);
	EQUAL(state.fault.code, TERN_FAULT_TRAP);
	EQUAL(state.fault.info, 4711);
	EQUAL(state.lost, 1);
	scene_close(&s, 1);
}

static void dma_error(void)
{
	struct drm_tern_queue_state state;

	scene_open(&s);
	image_begin(&s.a.image);
	image_fence(&s.a.image, TERN_REG_ARGS, 5 * PAGE, 1); /* never touched before */
	image_end(&s.a.image, s.a.code.map);
	host_ask("dma-error 1");
	EQUAL(context_wait(&s.a, context_submit(&s.a)), 0);
	host_ask("used dma-error");
	state = queue_state(s.a.fd, s.a.queue);
	EQUAL(state.error, -EIO);
	EQUAL(state.fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	scene_close(&s, 0);
}

/* The firmware cannot read the message that a new slot is announced with, and is restarted. */
static void dma_error_of_the_firmware(void)
{
	uint32_t queue;
	const char *text;

	dump_clear();
	scene_open(&s);
	start_endless(&s); /* also so that the device does not sleep, and wake up to it */
	queue = s.b.queue;
	s.b.queue = make_queue(s.b.fd, s.b.vm);
	host_ask("dma-error-kernel 1");
	EQUAL(run_short(&s.b), 0);
	s.b.queue = queue;
	host_ask("used dma-error-kernel");
	text = dump_text();
	CHECK(strstr(text, "\nwhy: the firmware stopped\n") && strstr(text, "\nmcause: 0x"));
	check_ended(&s, -ENODATA, 0, 0);
	scene_close(&s, 1);
}

/* The context in hung engines dies, and nobody else does. */
static void hung_engines(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("hang 1");
	check_ended(&s, -ETIMEDOUT, -ECANCELED, 0);
	host_ask("used hang");
	scene_close(&s, 1);
}

static void hung_engines_while_nobody_waits(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("hang 1");
	EQUAL(context_wait(&s.a, 3), 0);
	check_ended(&s, -ETIMEDOUT, -ECANCELED, 0);
	scene_close(&s, 1);
}

static int read_counters(struct drm_tern_perf_counters *counters)
{
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_DEVICE,
				     .size = sizeof(*counters),
				     .pointer = (uintptr_t)counters};

	return try_ioctl(s.b.fd, DRM_IOCTL_TERN_PERF, &args);
}

static int read_clocks(struct drm_tern_clocks *clocks)
{
	struct drm_tern_dev_query args = {.type = DRM_TERN_QUERY_CLOCKS,
					  .size = sizeof(*clocks),
					  .pointer = (uintptr_t)clocks};

	return try_ioctl(s.b.fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
}

/* Numbers that can be, until there are none. */
static void read_until_gone(void)
{
	struct drm_tern_perf_counters counters = {0};
	struct drm_tern_clocks clocks = {0};
	int error = 0;

	while (!error) {
		error = read_counters(&counters);
		CHECK(error || counters.energy_uj < 1ull << 48);
		error = error ? error : read_clocks(&clocks);
		CHECK(error || clocks.timestamp < 1ull << 63);
		CHECK(error || clocks.clock_khz <= clocks.clock_khz_most);
	}
	EQUAL(error, -ENODEV);
}

/* Off, told so, and found again when it is back. By a scan: a driver that only lets go of a device
 * which is not there, and takes it again, finds that nobody has been told of its interrupts. */
static void all_ones(void)
{
	pid_t child;

	scene_open(&s);
	start_endless(&s);
	child = start_child(read_until_gone);
	host_ask("gone on");
	end_child(child);
	check_off(&s);
	card_remove();
	host_ask("gone off");
	card_find();
	drop_scene(&s);
}

/* What the driver needs and the device does not have is found out before anything is done to it. */
static void older_interface(void)
{
	char device[64];

	device_link(device, sizeof(device));
	driver_unbind();
	host_ask("older on");
	EQUAL(try_write_file("/sys/bus/pci/drivers/tern/bind", device), -ENODEV);
	EQUAL(device_number(), -1);
	host_ask("older off");
	driver_bind();
}

static const struct test tests[] = {
	{"lost interrupt", lost_interrupt},
	{"slow device", slow_device},
	{"over-temperature", over_temperature},
	{"corrected ECC error", corrected_ecc_error},
	{"fatal ECC error", fatal_ecc_error},
	{"a fault after a lost job", fault_after_a_lost_job},
	{"DMA error", dma_error},
	{"DMA error of the firmware", dma_error_of_the_firmware},
	{"hung engines", hung_engines},
	{"hung engines, nobody waits", hung_engines_while_nobody_waits},
	{"all ones", all_ones},
	{"older interface", older_interface},
};

int main(void)
{
	return RUN_MARKED("fault_device", tests);
}
