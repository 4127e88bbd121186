/* SPDX-License-Identifier: MIT */
/* A command with its tiles and registers captured: what the CP hands to the engines,
 * and the only thing the timing walk sees. */
#ifndef TERN_SIM_RESOLVED_H
#define TERN_SIM_RESOLVED_H

#include <stdbool.h>
#include <stdint.h>
#include <tern/hw.h>

struct tern_rtile {
	uint64_t addr;
	int64_t size[TERN_NDIMS];
	int64_t stride[TERN_NDIMS]; /* bytes */
	uint8_t type;		    /* enum tern_type */
	bool spm, present;
};

struct tern_rsync {
	uint8_t sem, n; /* n 0: none */
};

struct tern_rcmd {
	uint8_t op, queue; /* op may be SYNC */
	uint16_t flags;
	bool empty; /* a zero size: waits and signals only */
	uint32_t word, mark;
	struct tern_rsync wait[2], signal[2];
	struct tern_rtile t[TERN_VECTOR_TILES]; /* in the order a, b, c, d, 4.. */
	int64_t origin[TERN_NDIMS];
	float fill[TERN_NDIMS];
	/* VECTOR */
	uint32_t prog, ninstr;
	uint32_t s[8];
	/* Engine cycles of all rows: per row tern_vector_row_cycles() and, for each of its
	 * loops, tern_vector_loop_cycles() (sim/constants.h). */
	uint64_t vector_cost;
	/*
	 * What the command moves, counted while resolving: for time and energy.
	 * dram_bytes: bytes asked for; dram_bursts: 64-byte bursts touched, each contiguous
	 * piece by itself; both include a row-index tile read from memory. spm_bytes: bytes
	 * read and written in SPM (MATRIX: both operands once per command, and the result).
	 * elems: elements moved; for VECTOR element operations weighted by cost.
	 */
	uint64_t dram_bytes, dram_bursts, elems, spm_bytes;
};

/* What a command costs its engine, apart from waiting: the same for the same command. Times
 * in the walk's ticks (sim/timing.h). */
struct tern_rcost {
	uint64_t own;	  /* ticks it occupies its engine when DRAM does not hold it up */
	uint64_t work;	  /* DRAM units; 0: none */
	uint64_t rate;	  /* limit of its own, units per tick */
	uint64_t latency; /* ticks from the end of occupancy to completion */
	uint64_t macs;
	uint8_t mac_counter; /* which of the counters */
};

/* ---- the timing walk (timing.c) -------------------------------------------- */
struct tern_timing;
struct tern_sim_run;
struct tern_timing_constants; /* sim/constants.h */
struct tern_timing *tern_timing_create(const struct tern_caps *caps);
void tern_timing_destroy(struct tern_timing *t);
/* Multiply a constant (enum tern_timing_constant) by a factor > 0; between jobs only. */
void tern_timing_set_constant(struct tern_timing *t, unsigned int index, double factor);
const struct tern_timing_constants *tern_timing_constants(const struct tern_timing *t);
void tern_timing_start(struct tern_timing *t, const struct tern_image_sem sems[TERN_NSEMS],
		       struct tern_sim_run *run);
/* The CP spent `cycles` on scalar work before what follows: one per command word. What
 * push, cp_sync, cp_jumps and cp_read cost beyond that they add themselves. */
void tern_timing_cp(struct tern_timing *t, uint64_t cycles);
/* Branches, LOOPs, CALLs or RETs that left the straight line. */
void tern_timing_cp_jumps(struct tern_timing *t, uint64_t n);
/* The CP read `bytes` from DRAM (LDR, fetch miss) or from SPM (LDR) and waited for it. */
void tern_timing_cp_read(struct tern_timing *t, uint64_t bytes);
void tern_timing_cp_read_spm(struct tern_timing *t);
/* The CP waits for / signals semaphores itself (SYNC on queue CP). */
void tern_timing_cp_sync(struct tern_timing *t, const struct tern_rcmd *cmd);
/* Dispatch to an engine queue; may let time pass while the queue is full. The cost may be
 * kept for the next time, as long as nothing but addresses and synchronisation changes, and
 * dram_bursts does not. */
void tern_timing_cost(const struct tern_timing *t, const struct tern_rcmd *cmd,
		      struct tern_rcost *out);
void tern_timing_push_at(struct tern_timing *t, const struct tern_rcmd *cmd,
			 const struct tern_rcost *cost);
void tern_timing_push(struct tern_timing *t, const struct tern_rcmd *cmd); /* both */
/* FENCE, END, preemption: the CP waits until all queues are empty. */
void tern_timing_drain(struct tern_timing *t);
/* The job goes on at this cycle; right after tern_timing_start(). */
void tern_timing_resume(struct tern_timing *t, uint64_t cycle);
/* The CP waits while so many bytes pass between SPM and DRAM, a context's on their way. */
void tern_timing_stream(struct tern_timing *t, uint64_t bytes);
uint64_t tern_timing_now(const struct tern_timing *t); /* CP clock, for STAMP and budget */
/* Fill run->counters (cycles, busy, stalls, energy; commands and bytes too), after
 * draining. 0, or -ENOMEM when the host ran out of memory and the times are wrong. */
int tern_timing_finish(struct tern_timing *t, struct tern_sim_run *run);

#endif
