// SPDX-License-Identifier: MIT
/* Firmware that stops, or says what is not so. It can cost time, and nothing else. */
#include <errno.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_sysfs.h"

static struct scene s;

/* What ran is lost, what had not begun runs. */
static void restarted_by(const char *fault)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("%s 1", fault);
	check_ended(&s, -ENODATA, 0, 0);
	host_ask("used %s", fault);
	scene_close(&s, 1);
}

static void silent(void)
{
	restarted_by("fw-silent");
}

/* What runs cannot be saved, and all else is. */
static void silent_and_reset_by_the_bus(void)
{
	scene_open(&s);
	start_endless(&s);
	host_ask("fw-silent 1");
	reset_by_bus();
	check_ended(&s, -ENODATA, 0, 0);
	scene_close(&s, PERHAPS);
}

static void looping(void)
{
	restarted_by("fw-loop");
}

/* No rung of the ladder helps: off, and told so. */
static void silent_for_ever(void)
{
	scene_open(&s);
	start_endless(&s);
	module_param("boot_timeout_ms", "1000");
	host_ask("fw-silent on");
	check_off(&s);
	module_param("boot_timeout_ms", "10000");
	driver_unbind();
	host_ask("fw-silent off");
	driver_bind();
	drop_scene(&s);
}

/* A new slot leads to a message, sooner or later, which is spoilt on its way: all jobs run
 * nonetheless. */
static void lies(const char *fault, uint32_t resets)
{
	uint32_t queue;

	scene_open(&s);
	queue = s.a.queue;
	s.a.queue = make_queue(s.a.fd, s.a.vm);
	host_ask("%s 1", fault);
	EQUAL(run_short(&s.a), 0);
	s.a.queue = queue;
	EQUAL(run_short(&s.a), 0);
	if (resets)
		await_reset(s.b.fd, s.resets);
	scene_close(&s, resets);
	host_ask("used %s", fault); /* a reset is counted when it begins, and ends the lie later */
}

static void bad_index(void)
{
	lies("fw-bad-index", 1);
}

/* Whoever wakes it hears the lie first. That what follows costs no job is no reason to hide it. */
static void bad_index_on_waking(void)
{
	scene_open(&s);
	await_sleep();
	host_ask("fw-bad-index 1");
	EQUAL(run_short(&s.a), 0);
	scene_close(&s, 1);
	host_ask("used fw-bad-index");
}

static void bad_message(void)
{
	lies("fw-bad-message", 1);
}

static void replayed_message(void)
{
	lies("fw-replay", 1);
}

static void bad_size(void)
{
	lies("fw-bad-size", 0);
}

/* It boots each time, and fails as soon as it is told of a slot, also of one without work. */
static void bad_index_for_ever(void)
{
	struct context third;

	scene_open(&s);
	start_endless(&s);
	host_ask("fw-bad-index on");
	third = s.a;
	third.queue = make_queue(s.a.fd, s.a.vm);
	run_short(&third); /* however that ends */
	EQUAL(queue_state(third.fd, third.queue).done, 1);
	for (int i = 0; i < 1200 && !queue_state(s.b.fd, s.b.queue).error; i++)
		usleep(100000);
	EQUAL(queue_state(s.b.fd, s.b.queue).error, -ENODEV);
	EQUAL(queue_state(s.a.fd, s.a.queue).done, queue_state(s.a.fd, s.a.queue).submitted);
	driver_unbind();
	host_ask("fw-bad-index off");
	driver_bind();
	drop_scene(&s);
}

static const struct test tests[] = {
	{"silent", silent},
	{"silent, and reset by the bus", silent_and_reset_by_the_bus},
	{"looping", looping},
	{"bad index", bad_index},
	{"bad index, on waking", bad_index_on_waking},
	{"bad message", bad_message},
	{"bad size", bad_size},
	{"replayed message", replayed_message},
	{"silent for ever", silent_for_ever},
	{"bad index, for ever", bad_index_for_ever},
};

int main(void)
{
	return RUN_MARKED("fault_firmware", tests);
}
