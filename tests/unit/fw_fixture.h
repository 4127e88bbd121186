/* SPDX-License-Identifier: MIT */
/* A machine with slots that are started, at one of three speeds. */
#ifndef TEST_FW_FIXTURE_H
#define TEST_FW_FIXTURE_H

#include <check.h>

#include "support/fw_fake.h"

#define MS 1000ull

/* Commands take no time, a little, or so long that everything else happens meanwhile. */
static inline struct fake *rig(int speed)
{
	static const uint64_t ticks[] = {0, 7, 600};
	struct fake *f = fake_booted();

	f->query_ticks = f->run_ticks = f->abort_ticks = ticks[speed];
	f->drain_ticks = f->save_ticks = ticks[speed];
	f->tick = speed == 1;
	return f;
}

static inline struct fake *with_slots(int speed, unsigned int n)
{
	struct fake *f = rig(speed);

	for (unsigned int i = 0; i < n; i++) {
		fake_bind(f, i, 1);
		ck_assert_uint_eq(fake_start(f, i), TERN_FW_STATUS_OK);
	}
	return f;
}

static inline struct tern_fw_message stop(struct fake *f, unsigned int slot, enum tern_fw_stop how)
{
	return fake_ask(f, TERN_FW_SLOT_STOP, slot, how, 0);
}

/* At each of them. */
#define EACH_SPEED(test) tcase_add_loop_test(t, test, 0, 3)

#endif /* TEST_FW_FIXTURE_H */
