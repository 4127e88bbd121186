/* SPDX-License-Identifier: MIT */
/*
 * A machine for the firmware to run on: its registers, slots whose jobs take time, memory it
 * shares with a kernel, and that kernel's side of the rings. Written from uapi/tern/mcu.h; it
 * stops the program (fake_violation) at whatever mcu.h does not allow the firmware. One at a time.
 */
#ifndef TEST_FW_FAKE_H
#define TEST_FW_FAKE_H

#include <setjmp.h>

#include "firmware.h"

#define FAKE_AREA  0x80010000u /* where the kernel's area lies in WINDOW */
#define FAKE_BYTES (256u << 10)

struct fake_slot {
	bool valid, user; /* bound; its ring is a program's */
	uint32_t priority;
	uint32_t state;	   /* enum tern_slot_state */
	uint64_t jobs;	   /* in its ring, what runs or is saved included */
	uint64_t length;   /* ticks each takes */
	uint64_t left;	   /* of the one that runs or is saved; 0: it has not begun */
	bool hangs;	   /* never leaves the engines */
	bool idles;	   /* makes no progress */
	bool faults;	   /* its jobs end so */
	unsigned int lies; /* so many RUNs find no job, though QUERY says there are */
	/* What became of it. */
	uint64_t progress, done, ran;
	uint64_t asked, taken;	/* RUNs; those that found a job */
	uint64_t waits, waited; /* since when; the longest */
};

/* CLOCK has stood still for a while: who mixes the two waits for ever. */
#define FAKE_TIMESTAMP(clock) ((clock) + (1ull << 50))

struct fake {
	uint64_t now; /* CLOCK */
	uint32_t khz;
	uint64_t tick; /* each load of a register takes */
	uint64_t query_ticks, run_ticks, drain_ticks, save_ticks, abort_ticks;
	struct fake_slot slot[TERN_NSLOTS];

	unsigned int command, command_slot, selected, running;
	uint64_t command_end, run_since, pending;
	uint32_t events, kick, power;
	uint64_t bells, timer;
	uint32_t latch; /* high half of what was read last */
	uint32_t half;	/* register whose low half was written last */
	uint64_t low;
	bool deaf; /* a JOB event is lost */

	uint32_t boot_status, irqs, beats;
	uint64_t beat, longest_beat, watchdog;
	enum tern_fw_error blame;
	bool halted, barked; /* by HALT or an access fault; by the watchdog */
	bool awake;	     /* the last pass wants another one */
	jmp_buf stop;

	uint64_t boot_args;
	uint32_t area_bytes; /* what is mapped */
	char *area;
	struct tern_fw_boot *boot;
	uint32_t sent, taken;			  /* messages */
	struct tern_fw_message last[IPC_NEVENTS]; /* of each kind; REPLY: the last reply */
	unsigned int count[IPC_NEVENTS];
	void (*at_fence)(struct fake *f);

	struct firmware fw;
};

_Noreturn void fake_violation(const char *what);

/* The usual parameters, all features, a clock of 1 MHz: a tick is a microsecond. Not booted. */
struct fake *fake_new(void);
void fake_free(struct fake *f);

/* From the reset to READY, or to a halt. Returns BOOT_STATUS. */
uint32_t fake_boot(struct fake *f);
struct fake *fake_booted(void);

/* Lets the MCU and everything else go on until then, or for so long. */
void fake_until(struct fake *f, uint64_t time);
void fake_for(struct fake *f, uint64_t ticks);

/* The longest that a slot has waited with work. */
uint64_t fake_waited(const struct fake *f, unsigned int slot);

/* The kernel binds a slot, its ring empty; gives it jobs, and rings. */
void fake_bind(struct fake *f, unsigned int slot, unsigned int priority);
void fake_submit(struct fake *f, unsigned int slot, uint64_t jobs, uint64_t length);
void fake_ring(struct fake *f, unsigned int slot);
/* CONTROL without VALID; RESET ENGINES. */
void fake_unbind(struct fake *f, unsigned int slot);
void fake_reset_engines(struct fake *f);

/* The kernel writes a message (its seq is set), kicks, and takes what has come: into last. */
void fake_post(struct fake *f, struct tern_fw_message m);
void fake_kick(struct fake *f);
bool fake_take(struct fake *f, struct tern_fw_message *m);
void fake_take_all(struct fake *f);

/* A request, and its reply, for which it waits at most a second. */
struct tern_fw_message fake_ask(struct fake *f, enum tern_fw_request type, uint32_t slot,
				uint64_t arg0, uint64_t arg1);
enum tern_fw_status fake_start(struct fake *f, unsigned int slot);
/* Bound, started, and with work that does not end. */
void fake_busy(struct fake *f, unsigned int slot, unsigned int priority);
void fake_set(struct fake *f, enum tern_fw_param which, uint32_t value);

/* Places in the kernel's area. */
struct tern_fw_ring *fake_to_fw(struct fake *f);
struct tern_fw_ring *fake_to_host(struct fake *f);
struct tern_fw_stream *fake_log(struct fake *f);
struct tern_fw_stream *fake_trace(struct fake *f);
/* Has any log record of the last ones TEXT in it? */
bool fake_logged(struct fake *f, const char *text);

#endif /* TEST_FW_FAKE_H */
