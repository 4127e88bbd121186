// SPDX-License-Identifier: GPL-2.0
/* As long as a gate is closed no access of the device reaches memory, whoever's it is, and what was
 * stopped stays stopped. */
#include <check.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "host/gates_job.h"

static void begin(void)
{
	queue_push(&h, &q, &job);
	mcu_command(&h, SLOT, TERN_SLOT_RUN);
	mcu_events(&h, TERN_EVENT_COMMAND);
}

/* The same, as far as to the program's first command. */
static void begin_hung(void)
{
	host_control(&h, "hang on");
	begin();
	for (int tries = 0; !host_stat(&h, "hung"); tries++) {
		ck_assert_int_lt(tries, HOST_WAIT);
		usleep(1000);
	}
}

/* Commands that have ended, in whatever way, with no register that D3 would hide. */
static void await_end(void)
{
	mcu_events(&h, TERN_EVENT_JOB);
}

/* ---- closed gates ---------------------------------------------------------------------------------- */
/* The job is in the engines, which stand still; then it goes on and there is no memory. */
START_TEST(no_engine_through_a_closed_gate)
{
	const struct gate *g = &gates[_i / NPROGRAMS];
	unsigned char *before;

	programs[_i % NPROGRAMS].emit();
	prepare(0);
	begin_hung();
	g->close(&h);
	before = memory_copy(&h);
	host_control(&h, "hang off");
	await_end();
	ck_assert(memory_same(&h, before));
	g->open(&h);
	ck_assert(memory_same(&h, before)); /* nor is anything made up for later */
	ck_assert_uint_eq(queue_state(&h, &q), TERN_SLOT_FAULTED);
	ck_assert_uint_eq(host_stat(&h, "jobs"), 0);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS) & TERN_IRQ_BUS, TERN_IRQ_BUS);
	free(before);
}
END_TEST

/* What the CP does beside commands: the end of a job, a save, a profile. */
static void end_of_job(void)
{
	host_control(&h, "hang off");
	await_end();
	ck_assert_uint_eq(host_stat(&h, "jobs"), 1);
}

static void save(void)
{
	mcu_command(&h, SLOT, TERN_SLOT_PREEMPT);
	host_control(&h, "hang off");
	await_end();
	ck_assert_uint_eq(host_stat(&h, "faults"), 1);
}

static void (*const ends[])(void) = {end_of_job, save};

START_TEST(no_end_through_a_closed_gate)
{
	const struct gate *g = &gates[_i % NGATES];
	unsigned char *before;

	tern_emit_op(&e.code, TERN_OP_NOP); /* PREEMPT comes after the first command */
	prepare(0);
	begin_hung();
	g->close(&h);
	before = memory_copy(&h);
	ends[_i / NGATES]();
	ck_assert(memory_same(&h, before));
	g->open(&h);
	ck_assert(memory_same(&h, before));
	ck_assert_uint_eq(q.ring->done, 0);
	ck_assert_uint_ne(queue_state(&h, &q), TERN_SLOT_SAVED);
	free(before);
}
END_TEST

/* A ring cannot be fetched, and its slot's fault not be recorded. */
START_TEST(no_ring_through_a_closed_gate)
{
	const struct gate *g = &gates[_i];
	unsigned char *before;

	prepare(0);
	queue_push(&h, &q, &job);
	g->close(&h);
	before = memory_copy(&h);
	mcu_command(&h, SLOT, TERN_SLOT_RUN);
	mcu_events(&h, TERN_EVENT_COMMAND);
	ck_assert(memory_same(&h, before));
	g->open(&h);
	ck_assert_uint_eq(queue_state(&h, &q), TERN_SLOT_FAULTED);
	ck_assert_uint_eq(host_stat(&h, "jobs"), 0);
	free(before);
}
END_TEST

/* A program that never ends and writes all the time, by the CP and by an engine. */
static void restless_program(void)
{
	size_t top = e.code.n;

	tern_emit_movi(&e.code, 7, (int64_t)DATA_VA);
	by_stamp();
	load(&e, spm_tile(TERN_T_I64, 0, 1, 1), mem_tile(TERN_T_I64, THERE, 1, 1));
	by_fence();
	store(&e, spm_tile(TERN_T_I64, 0, 1, 1), mem_tile(TERN_T_I64, THERE + 64, 1, 1));
	by_fence();
	tern_emit_br(&e.code, TERN_COND_EQ, 7, tern_reg(7), top);
}

/* From the moment that the write which closes the gate is answered. */
static void assert_silence(void (*close)(struct host *), void (*open)(struct host *))
{
	const volatile uint64_t *written;
	unsigned char *before;

	restless_program();
	prepare(0);
	written = host_at(&h, bus + DATA_OFF + THERE + 64);
	begin();
	for (int tries = 0; !*written; tries++) {
		ck_assert_int_lt(tries, HOST_WAIT);
		usleep(1000);
	}
	close(&h);
	before = memory_copy(&h);
	ck_assert(memory_same(&h, before));
	open(&h);
	ck_assert(memory_same(&h, before));
	ck_assert_uint_eq(host_stat(&h, "jobs"), 0);
	free(before);
}

START_TEST(silence_behind_a_gate)
{
	assert_silence(gates[_i].close, gates[_i].open);
}
END_TEST

static void flr(struct host *host)
{
	uint32_t at = config_capability(host, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

	config_set(host, at, 2, PCI_EXP_DEVCTL_BCR_FLR);
	host_settle(host);
}

static void unbind(struct host *host)
{
	queue_unbind(host, &q);
}

static void reset_by(struct host *host, uint32_t level)
{
	reg_set(host, TERN_REG_RESET, level);
	ck_assert(reg_becomes(host, TERN_REG_RESET, UINT32_MAX, 0));
}

static void reset_engines(struct host *host)
{
	reset_by(host, TERN_RESET_ENGINES);
}

static void reset_all(struct host *host)
{
	reset_by(host, TERN_RESET_ALL);
}

static void unmap_by_invalidation(struct host *host)
{
	space_clear(host, s);
	ck_assert_int_eq(space_invalidate(host, s, 0, UINT64_MAX), 0);
}

static void lose_memory(struct host *host)
{
	ck_assert_int_eq(host_unmap(host, HOST_BUS, BYTES), 0);
}

static void regain_memory(struct host *host)
{
	ck_assert_int_eq(host_map(host, HOST_BUS, BYTES, 0, 3, true), 0);
}

/* On again, with all that the reset left of page tables and slots. */
static void enable(struct host *host)
{
	host_enable(host);
	host_settle(host);
}

static const struct {
	void (*close)(struct host *h), (*open)(struct host *h);
} stops[] = {{flr, enable},
	     {unbind, enable},
	     {reset_engines, enable},
	     {reset_all, enable},
	     {unmap_by_invalidation, enable},
	     {lose_memory, regain_memory}};

START_TEST(silence_after_a_stop)
{
	assert_silence(stops[_i].close, stops[_i].open);
}
END_TEST

/* ---- the MCU ------------------------------------------------------------------------------------------ */
/* D3 hides the registers by which a program is started: it stands at its first instruction. Its last
 * access tells that the others are over. */
START_TEST(no_mcu_through_a_closed_gate)
{
	const struct gate *g = &gates[_i];
	struct hart_access a[] = {{.kind = HART_LOAD, .at = WINDOW},
				  {.kind = HART_STORE, .at = WINDOW, .value = 0x1234},
				  {.kind = HART_STORE, .at = TERN_MCU_REG(HEARTBEAT), .value = 1}};
	uint64_t at = host_alloc(&h, TERN_PAGE_SIZE, TERN_PAGE_SIZE);

	*(uint32_t *)host_at(&h, at) = 0x99;
	share_page(at);
	hart_program(&h, a, 3);
	host_control(&h, "fw-silent on");
	hart_start(&h);
	host_settle(&h);
	g->close(&h);
	host_control(&h, "fw-silent off");
	for (int tries = 0; !mcu_left(&h, TERN_FW_REG_HEARTBEAT, 1); tries++) {
		ck_assert_int_lt(tries, HOST_WAIT);
		usleep(1000);
	}
	g->open(&h);
	hart_results(&h, a, 3);
	ck_assert_uint_eq(a[0].cause, 5);
	ck_assert_uint_eq(a[0].got, 0);
	ck_assert_uint_eq(a[1].cause, 7);
	ck_assert_uint_eq(a[2].cause, 0);
	ck_assert_uint_eq(*(uint32_t *)host_at(&h, at), 0x99);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_dma");
	TCase *c = tcase_create("dma");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, no_engine_through_a_closed_gate, 0, NGATES * NPROGRAMS);
	tcase_add_loop_test(c, no_end_through_a_closed_gate, 0, 2 * NGATES);
	tcase_add_loop_test(c, no_ring_through_a_closed_gate, 0, NGATES);
	tcase_add_loop_test(c, silence_behind_a_gate, 0, NGATES);
	tcase_add_loop_test(c, silence_after_a_stop, 0, sizeof(stops) / sizeof(stops[0]));
	tcase_add_loop_test(c, no_mcu_through_a_closed_gate, 0, NGATES);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
