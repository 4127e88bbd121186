// SPDX-License-Identifier: MIT
/* The firmware alive, idle, asleep, halted. */
#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "support/fw_fake.h"

#define MS 1000ull

static enum tern_fw_status suspend(struct fake *f, uint64_t how)
{
	return (enum tern_fw_status)fake_ask(f, TERN_FW_SUSPEND, 0, how, 0).status;
}

static enum tern_fw_status resume(struct fake *f)
{
	return (enum tern_fw_status)fake_ask(f, TERN_FW_RESUME, 0, 0, 0).status;
}

static unsigned int events(struct fake *f, enum tern_fw_event kind)
{
	fake_take_all(f);
	return f->count[kind];
}

/* ---- Alive ---------------------------------------------------------------------------------- */

static const struct {
	uint32_t heartbeat, watchdog;
} lives[] = {
	{100000, 1000000}, {1000, 60000000}, {10000000, 1000}, {1000, 1000}, {10000000, 60000000}};

START_TEST(it_beats_as_often_as_it_should)
{
	struct fake *f = fake_new();
	uint64_t time = 20ull * lives[_i].heartbeat;

	f->boot->param[TERN_FW_PARAM_HEARTBEAT_US] = lives[_i].heartbeat;
	f->boot->param[TERN_FW_PARAM_WATCHDOG_US] = lives[_i].watchdog;
	fake_boot(f);
	fake_for(f, time);
	fake_busy(f, 0, 1);
	fake_for(f, time);
	ck_assert_uint_ge(f->beats, 40);
	ck_assert_uint_le(f->longest_beat, lives[_i].heartbeat);
	ck_assert(!f->barked);
	fake_free(f);
}
END_TEST

/* The other way round: the fake's watchdog does stop one that does not beat. */
START_TEST(the_watchdog_would_bark)
{
	struct fake *f = fake_booted();

	fake_for(f, MS);
	f->fw.power.beat_at = NEVER;
	fake_for(f, 2000 * MS);
	ck_assert(f->barked);
	fake_free(f);
}
END_TEST

/* ---- Idle ------------------------------------------------------------------------------------- */

START_TEST(idle_is_told_once)
{
	struct fake *f = fake_booted();
	uint64_t end;

	fake_bind(f, 0, 1);
	fake_start(f, 0);
	fake_submit(f, 0, 1, 3 * MS);
	fake_for(f, 7 * MS);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 0);
	end = f->fw.slots.job_end;
	fake_for(f, 2 * MS);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 1);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_IDLE].arg[0], FAKE_TIMESTAMP(end));
	ck_assert_uint_ge(f->now - end, 5 * MS);
	fake_for(f, 1000 * MS);
	fake_ring(f, 0); /* without work behind it */
	fake_for(f, 1000 * MS);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 1);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_ACTIVE), 0);
	fake_submit(f, 0, 1, MS);
	fake_for(f, MS / 2);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_ACTIVE), 1);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 2);
	fake_free(f);
}
END_TEST

/* Jobs so short that nobody ever sees them run count as work all the same. */
START_TEST(short_jobs_are_work)
{
	struct fake *f = fake_booted();

	fake_bind(f, 0, 1);
	fake_start(f, 0);
	for (unsigned int i = 0; i < 100; i++) {
		fake_submit(f, 0, 1, 0);
		fake_for(f, 4 * MS);
	}
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 0);
	fake_for(f, 2 * MS);
	ck_assert_uint_eq(events(f, TERN_FW_EVENT_IDLE), 1);
	fake_free(f);
}
END_TEST

/* A host that reads late sees what is true then. */
START_TEST(idle_and_active_do_not_pile_up)
{
	bool busy = _i;
	struct fake *f = fake_booted();

	fake_bind(f, 0, 1);
	fake_start(f, 0);
	fake_take_all(f);
	for (unsigned int i = 0; i < 16; i++)
		fake_post(f, (struct tern_fw_message){.type = TERN_FW_PING});
	fake_for(f, MS);
	for (unsigned int i = 0; i < 10; i++) {
		fake_submit(f, 0, 1, MS);
		fake_for(f, 20 * MS);
	}
	if (busy) {
		fake_submit(f, 0, 1, 1000 * MS);
		fake_for(f, MS);
	}
	for (unsigned int i = 0; i < 10; i++) {
		fake_take_all(f);
		fake_for(f, 0);
	}
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_ACTIVE], busy);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_IDLE], !busy);
	fake_free(f);
}
END_TEST

/* ---- Asleep ------------------------------------------------------------------------------------- */

START_TEST(suspend_stops_everything)
{
	struct fake *f = fake_booted();
	uint32_t beats;

	fake_bind(f, 0, 1);
	fake_start(f, 0);
	ck_assert_uint_eq(resume(f), TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_OK);
	ck_assert_uint_eq(f->power, TERN_POWER_RETENTION);
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_STATE);
	beats = f->beats;
	fake_submit(f, 0, 3, 100);
	fake_for(f, 100000 * MS);
	ck_assert_uint_eq(f->beats, beats);
	ck_assert(!f->barked);
	ck_assert_uint_eq(f->slot[0].taken, 0);
	ck_assert_uint_eq(fake_ask(f, TERN_FW_PING, 0, 4, 0).arg[0], 4);
	ck_assert_uint_eq(resume(f), TERN_FW_STATUS_OK);
	ck_assert_uint_eq(f->power, TERN_POWER_ON);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].done, 3);
	fake_for(f, 2000 * MS);
	ck_assert_uint_gt(f->beats, beats + 20);
	fake_free(f);
}
END_TEST

/* A bell nobody heard: the ring is looked at all the same. */
START_TEST(resume_looks_at_all_rings)
{
	struct fake *f = fake_booted();

	for (unsigned int i = 0; i < TERN_NSLOTS; i++) {
		fake_bind(f, i, i % 4);
		fake_start(f, i);
	}
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_OK);
	for (unsigned int i = 0; i < TERN_NSLOTS; i++) {
		f->slot[i].jobs = 1;
		f->slot[i].length = 10;
	}
	fake_for(f, 5 * MS);
	ck_assert_uint_eq(resume(f), TERN_FW_STATUS_OK);
	fake_for(f, 50 * MS);
	for (unsigned int i = 0; i < TERN_NSLOTS; i++)
		ck_assert_uint_eq(f->slot[i].done, 1);
	fake_free(f);
}
END_TEST

START_TEST(suspend_with_work_changes_nothing)
{
	struct fake *f = fake_booted();

	fake_busy(f, 0, 1);
	fake_for(f, MS);
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_BUSY);
	fake_for(f, MS);
	ck_assert_uint_eq(f->running, 0);
	ck_assert_uint_eq(f->slot[0].taken, 1);
	ck_assert_uint_eq(suspend(f, 4), TERN_FW_STATUS_INVALID);
	fake_free(f);
}
END_TEST

/* Work whose bell rang just before, and has not been looked at: that is work. */
START_TEST(suspend_hears_the_last_bell)
{
	struct fake *f = fake_booted();

	f->query_ticks = 50;
	fake_bind(f, 0, 1);
	fake_start(f, 0);
	fake_for(f, MS);
	fake_submit(f, 0, 1, MS);
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_BUSY);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

/* Also when there are more bells than one pass can look at. */
START_TEST(suspend_hears_all_the_bells)
{
	struct fake *f = fake_booted();

	for (unsigned int i = 0; i < TERN_NSLOTS; i++) {
		fake_bind(f, i, 1);
		fake_start(f, i);
	}
	fake_for(f, MS);
	for (unsigned int i = 0; i < 40; i++)
		fake_unbind(f, i); /* nothing to wait for */
	f->bells = ~0ull;
	f->slot[63].jobs = 1;
	f->slot[63].length = 10;
	ck_assert_uint_eq(suspend(f, 0), TERN_FW_STATUS_BUSY);
	fake_free(f);
}
END_TEST

START_TEST(forced_it_saves_what_runs)
{
	struct fake *f = fake_booted();

	f->drain_ticks = f->save_ticks = 70;
	for (unsigned int i = 0; i < 3; i++)
		fake_busy(f, i, i);
	fake_for(f, MS);
	ck_assert_uint_eq(suspend(f, TERN_FW_SUSPEND_FORCE), TERN_FW_STATUS_OK);
	ck_assert_uint_eq(f->running, NO_SLOT);
	ck_assert_uint_eq(f->slot[2].state, TERN_SLOT_SAVED);
	/* Meanwhile slots may come and go. */
	ck_assert_uint_eq(fake_ask(f, TERN_FW_SLOT_STOP, 1, 0, 0).status, TERN_FW_STATUS_OK);
	fake_bind(f, 9, 3);
	ck_assert_uint_eq(fake_start(f, 9), TERN_FW_STATUS_OK);
	f->slot[9].jobs = 1;
	f->slot[9].length = MS;
	fake_for(f, MS);
	ck_assert_uint_eq(resume(f), TERN_FW_STATUS_OK);
	fake_for(f, MS / 2);
	ck_assert_uint_eq(f->running, 9);
	fake_for(f, 5 * MS);
	ck_assert_uint_eq(f->running, 2);
	ck_assert_uint_eq(f->slot[2].taken, 2);
	fake_free(f);
}
END_TEST

/* A kernel that turns DMA off the moment it can read the reply: an access is a SIGSEGV. */
static void take_memory_away(struct fake *f)
{
	struct tern_fw_message m;

	while (fake_take(f, &m)) {
		if (m.type != TERN_FW_EVENT_REPLY)
			continue;
		f->at_fence = NULL;
		ck_assert_int_eq(mprotect(f->area, FAKE_BYTES, PROT_NONE), 0);
		return;
	}
}

static void give_memory_back(struct fake *f)
{
	ck_assert_int_eq(mprotect(f->area, FAKE_BYTES, PROT_READ | PROT_WRITE), 0);
}

START_TEST(asleep_it_leaves_memory_alone)
{
	struct fake *f = fake_booted();
	uint64_t force = _i ? TERN_FW_SUSPEND_FORCE : 0;

	f->drain_ticks = 20;
	fake_set(f, TERN_FW_PARAM_LOG_LEVEL, TERN_FW_LOG_DEBUG);
	fake_bind(f, 0, 1);
	fake_start(f, 0);
	if (force)
		fake_submit(f, 0, 1, 1000 * MS);
	fake_for(f, MS);
	f->at_fence = take_memory_away;
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_SUSPEND, .arg = {force}});
	fake_for(f, 2000 * MS);
	ck_assert_ptr_null(f->at_fence); /* it has been answered */
	f->bells = ~0ull;
	fake_for(f, 2000 * MS);
	give_memory_back(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].status, TERN_FW_STATUS_OK);
	/* The same again after whatever is asked before RESUME. */
	f->at_fence = take_memory_away;
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_PING});
	fake_for(f, 2000 * MS);
	give_memory_back(f);
	ck_assert_uint_eq(resume(f), TERN_FW_STATUS_OK);
	fake_submit(f, 0, 1, MS);
	fake_for(f, 2000 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1 + (unsigned int)_i);
	fake_free(f);
}
END_TEST

/* Requests that lie behind SUSPEND are answered, kick or no kick. */
START_TEST(what_was_asked_with_suspend_is_answered)
{
	struct fake *f = fake_booted();

	fake_post(f, (struct tern_fw_message){.type = TERN_FW_SUSPEND});
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_PING, .arg = {6}});
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_PING, .arg = {7}});
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_REPLY], 3);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].arg[0], 7);
	fake_free(f);
}
END_TEST

START_TEST(halted_it_stays)
{
	struct fake *f = fake_booted();

	fake_busy(f, 0, 1);
	fake_for(f, MS);
	ck_assert_uint_eq(suspend(f, TERN_FW_SUSPEND_HALT), TERN_FW_STATUS_BUSY);
	ck_assert(!f->halted);
	ck_assert_uint_eq(suspend(f, TERN_FW_SUSPEND_HALT | TERN_FW_SUSPEND_FORCE),
			  TERN_FW_STATUS_OK);
	ck_assert(f->halted);
	ck_assert_uint_eq(f->boot_status, TERN_FW_STAGE_STOPPED);
	fake_free(f);
}
END_TEST

/* Not before the reply is out. */
START_TEST(halt_waits_for_room)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;

	for (unsigned int i = 0; i < 15; i++)
		fake_post(f, (struct tern_fw_message){.type = TERN_FW_PING});
	fake_for(f, 10 * MS); /* and IDLE: the ring is full */
	fake_post(f,
		  (struct tern_fw_message){.type = TERN_FW_SUSPEND, .arg = {TERN_FW_SUSPEND_HALT}});
	fake_for(f, MS);
	ck_assert(!f->halted);
	ck_assert(fake_take(f, &m));
	fake_for(f, MS);
	ck_assert(f->halted);
	fake_take_all(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].reply_to, 15);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].status, TERN_FW_STATUS_OK);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_power");
	TCase *t = tcase_create("power");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, it_beats_as_often_as_it_should, 0, 5);
	tcase_add_test(t, the_watchdog_would_bark);
	tcase_add_test(t, idle_is_told_once);
	tcase_add_test(t, short_jobs_are_work);
	tcase_add_loop_test(t, idle_and_active_do_not_pile_up, 0, 2);
	tcase_add_test(t, suspend_stops_everything);
	tcase_add_test(t, resume_looks_at_all_rings);
	tcase_add_test(t, suspend_with_work_changes_nothing);
	tcase_add_test(t, suspend_hears_the_last_bell);
	tcase_add_test(t, suspend_hears_all_the_bells);
	tcase_add_test(t, forced_it_saves_what_runs);
	tcase_add_loop_test(t, asleep_it_leaves_memory_alone, 0, 2);
	tcase_add_test(t, what_was_asked_with_suspend_is_answered);
	tcase_add_test(t, halted_it_stays);
	tcase_add_test(t, halt_waits_for_room);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
