// SPDX-License-Identifier: GPL-2.0
/* A host that gives the model no processor is not a device that hangs: the firmware goes on
 * waiting. Of what really hangs it hears. */
#include <check.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "sim_fixture.h"

#define ASID 9u
#define LONG 4000000 /* loops: several slices of the scheduler */

static struct host h;
static struct env e;
static struct host_fw fw;
static struct host_queue q[2];

/* ---- two queues whose jobs take turns ---------------------------------------------------------- */
static void loop_program(void)
{
	size_t back;

	tern_emit_movi(&e.code, 2, LONG);
	back = e.code.n;
	tern_emit_op(&e.code, TERN_OP_NOP);
	tern_emit_loop(&e.code, 2, back);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static void bind_queue(unsigned int i, struct host_space *s)
{
	queue_create(&h, &q[i], i, s, 0, 8);
	queue_bind(&h, &q[i], 0);
	ck_assert_uint_eq(fw_request(&h, &fw, TERN_FW_SLOT_START, i, 0, 0, NULL),
			  TERN_FW_STATUS_OK);
}

static void setup(void)
{
	struct host_space *s;
	uint64_t bus;

	host_open(&h, &(struct host_options){0});
	env_open(&e, "small", NULL);
	env_begin(&e);
	loop_program();
	host_enable(&h);
	fw_boot(&h, &fw, fw_load(&h));
	s = space_create(&h, ASID);
	bus = host_alloc(&h, MEM_BYTES, 2u << 20);
	memcpy(host_at(&h, bus), e.mem, MEM_BYTES);
	space_map(&h, s, MEM_VA, bus, DATA_OFF, TERN_PTE_EXEC);
	for (unsigned int i = 0; i < 2; i++)
		bind_queue(i, s);
	free(s);
}

static void teardown(void)
{
	env_close(&e);
	ck_assert_int_eq(host_close(&h), 0);
}

static void push_both(void)
{
	const struct tern_job job = {.image = MEM_VA + IMAGE_OFF};

	for (unsigned int i = 0; i < 2; i++)
		queue_push(&h, &q[i], &job);
}

/* What the firmware logs as a warning. */
static bool warned(void)
{
	char *said = NULL;
	size_t bytes;
	FILE *f = open_memstream(&said, &bytes);
	bool found;

	fw_log(&fw, f);
	fclose(f);
	found = strstr(said, "does not leave the engines") != NULL;
	free(said);
	return found;
}

/* ---- a host that has something else to do ------------------------------------------------------ */
static void pin(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(tid, sizeof(set), &set), 0);
}

static pid_t thread_of_device(const char *name)
{
	char path[64], line[32];
	pid_t found = 0, tid;
	struct dirent *d;
	FILE *f;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", h.pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir))) {
		tid = atoi(d->d_name);
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", h.pid, tid);
		f = tid ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && !strncmp(line, name, strlen(name)))
			found = tid;
		fclose(f);
	}
	closedir(dir);
	ck_assert_int_ne(found, 0);
	return found;
}

/* The thread gets what a process that never rests leaves over: next to nothing. */
static pid_t starve(const char *name)
{
	const struct sched_param none = {0};
	pid_t tid = thread_of_device(name), spinner;
	int cpu = sched_getcpu();

	spinner = fork();
	ck_assert_int_ge(spinner, 0);
	if (!spinner) {
		pin(0, cpu);
		for (;;)
			__asm__ volatile("");
	}
	pin(tid, cpu);
	ck_assert_int_eq(sched_setscheduler(tid, SCHED_IDLE, &none), 0);
	return spinner;
}

static void stop(pid_t spinner)
{
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
}

START_TEST(starved_engines_are_not_stuck)
{
	pid_t spinner = starve("engines");

	push_both();
	for (int tries = 0; tries < 50 && host_stat(&h, "saves") == 0; tries++)
		usleep(100000);
	usleep(300000);
	stop(spinner);
	ck_assert(queue_done(&h, &q[0], 1));
	ck_assert(queue_done(&h, &q[1], 1));
	ck_assert_uint_ge(host_stat(&h, "saves"), 1);
	ck_assert(!warned());
}
END_TEST

/* Longer than the firmware's watchdog lets pass. */
START_TEST(a_device_that_stood_still_goes_on)
{
	struct tern_fw_message m;

	kill(h.pid, SIGSTOP);
	usleep(1500000);
	kill(h.pid, SIGCONT);
	usleep(100000);
	ck_assert_uint_eq(fw_request(&h, &fw, TERN_FW_PING, 0, 7, 0, &m), TERN_FW_STATUS_OK);
	/* The world's time went on. */
	ck_assert_uint_ge(m.arg[1], 1500000000u);
}
END_TEST

START_TEST(hung_engines_are_stuck)
{
	host_control(&h, "hang on");
	push_both();
	ck_assert(fw_event(&h, &fw, TERN_FW_EVENT_PREEMPT_STUCK, NULL));
	ck_assert(warned());
	host_control(&h, "hang off");
	reg_set(&h, TERN_REG_RESET, TERN_RESET_ENGINES);
	ck_assert(reg_becomes(&h, TERN_REG_RESET, UINT32_MAX, 0));
}
END_TEST

/* The MCU's own watchdog, too, counts while the firmware does something else. */
START_TEST(looping_firmware_is_stopped)
{
	host_control(&h, "fw-loop");
	ck_assert(reg_becomes(&h, TERN_REG_IRQ_STATUS, TERN_IRQ_MCU, TERN_IRQ_MCU));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *c = tcase_create("clock");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, starved_engines_are_not_stuck);
	tcase_add_test(c, a_device_that_stood_still_goes_on);
	tcase_add_test(c, hung_engines_are_stuck);
	tcase_add_test(c, looping_firmware_is_stopped);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
