/* SPDX-License-Identifier: MIT */
/*
 * The inside of checking mode. Private to check*.c.
 *
 * Every queue has a vector clock: how many commands of each queue happened before its
 * latest one. Semaphores carry clocks from the signal to the wait that needs it, dispatch
 * carries the CP's. Two accesses to a byte, one of them a write, neither ordered before
 * the other, are a race (the method of FastTrack, Flanagan and Freund, PLDI 2009).
 */
#ifndef TERN_SIM_CHECK_H
#define TERN_SIM_CHECK_H

#include "sim/internal.h"

struct clock {
	uint64_t n[TERN_NQUEUES];
};

/* One access of a command. */
struct access {
	struct tern_rtile tile;
	struct sim_range range;
	uint64_t epoch; /* of its queue */
	uint32_t word;
	uint8_t queue;
	bool spm, write;
};

struct access_list {
	struct access *v;
	size_t n, cap, collect_at;
};

/* Signals that a later wait may still be the first to need. At most 255 are outstanding,
 * since the shadow count is bounded. */
#define SIGNALS 512
struct sem_clocks {
	uint64_t signalled, waited; /* totals; waited beyond the initial value */
	unsigned int head, count;
	struct {
		uint64_t total;
		struct clock at;
	} ring[SIGNALS];
};

struct sim_check {
	struct clock queue[TERN_NQUEUES];
	struct clock now; /* of the command in hand */
	struct sem_clocks sem[TERN_NSEMS];
	/* What lies in SPM: 0 nothing, TAG_DATA, or the operand type; with TAG_FIRST the first
	 * byte of a group of it. */
	uint8_t *spm;
	uint8_t *acc;
	struct access_list list[2][TERN_NQUEUES][2]; /* spm, queue, write */
};
#define TAG_DATA  1
#define TAG_FIRST 0x80

/* ---- check_access.c -------------------------------------------------------------- */
/* Compare with what is known, then remember it. */
int check_access(struct tern_sim *s, struct access *a);
/* UNINIT and OPAQUE. */
int check_read_tags(struct tern_sim *s, const struct tern_rtile *t);
void check_write_tags(struct tern_sim *s, const struct tern_rtile *t);
void check_forget_accesses(struct sim_check *k);

#endif
