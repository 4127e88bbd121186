/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mock.h - a device of registers only, queues that say of themselves whether they have work, and a
 * firmware that answers as it is told: what slots, watchdog, recovery and power need of the
 * driver.
 */
#ifndef MOCK_H
#define MOCK_H

#include "mock_io.h"

#include <kunit/test.h>

#include "tern_device.h"
#include "tern_queue.h"
#include "tern_vm.h"

/* Its turn is not over, however slow the machine is on which this runs. */
#define FRESH (-60000)

#define MOCK_QUEUES 6
#define MOCK_SLOTS  4 /* of which the last is for user-owned queues */

struct mock_queue {
	struct tern_runqueue base;
	struct tern_queue_memory memory;
	struct tern_vm vm;
	bool work;
	/* What was done to it. */
	int died; /* the errno, or 0 */
	unsigned int skipped;
};

struct mock {
	struct tern_device tdev;
	u32 regs[2 * TERN_REGS_BLOCK / 4];
	struct mock_queue queue[MOCK_QUEUES];

	/* How firmware and device behave. */
	int answer;	     /* of tern_ipc_ask() */
	int resume_answer;   /* of the same, to RESUME */
	bool busy;	     /* what it says to SUSPEND */
	u32 stopped_state;   /* of a running slot that was stopped */
	bool sticks;	     /* a running slot stays in the engines, whatever the registers say */
	unsigned int next;   /* slot whose job is the next to get into the engines; 0: none's is */
	unsigned int leaves; /* slot + 1 that leaves them when any is not VALID any more */
	unsigned long deaf;  /* bit per value of RESET after which it does not come back */
	u64 boot_takes;	     /* of CLOCK */
	bool boots;	     /* the firmware, when it is asked to */
	bool breaks;	     /* it breaks the protocol whenever a slot is started */
	int halts;	     /* what the door says that is asked to halt it */
	/* Whose process writes into its ring when the firmware has looked for the last time. */
	struct mock_queue *writes_meanwhile;

	/* What they were asked. */
	unsigned int started[TERN_NSLOTS], stopped[TERN_NSLOTS], aborted[TERN_NSLOTS];
	unsigned int starts, started_as[TERN_NSLOTS]; /* in which order */
	unsigned int resets[TERN_RESET_ALL + 1];      /* by what was written to RESET */
	unsigned int boots_seen, suspends, resumes;
	unsigned int pardons;
	unsigned int halted; /* by its door */
	unsigned int stops;  /* times that invalidations were all taken for acknowledged */
	bool master;
	/* A queue or a page was let go of while the device could still reach memory. */
	bool released_too_early;
	/* It was reset when it could still reach memory. */
	bool reset_on_bus;
	/* Fences of one were let signal while its job could still write memory. */
	bool died_in_engines;
};

extern struct mock *mock;

int mock_init(struct kunit *test);
void mock_exit(struct kunit *test);
void mock_settle(void); /* until nobody asks for work any more */

struct tern_runqueue *mock_queue(unsigned int i);
void mock_hold(unsigned int i, unsigned int slot, long ms_ago);
void mock_state(unsigned int slot, enum tern_slot_state state);
void mock_set64(u32 reg, u64 value);
u32 mock_control(unsigned int slot);

#endif /* MOCK_H */
