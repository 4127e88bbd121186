/* SPDX-License-Identifier: MIT */
/*
 * The inside of the timing walk. Private to timing*.c.
 *
 * Time is counted in ticks of 1/256 cycle and DRAM work in units of 1/65536 byte, so that a
 * rate in bytes per cycle times 256 (as caps.dram_x256) is a whole number of units per
 * tick, and the only rounding is that a transfer ends on a tick (README.md, "Time").
 */
#ifndef TERN_SIM_TIMING_H
#define TERN_SIM_TIMING_H

#include "sim/constants.h"
#include "sim/resolved.h"
#include "sim/sim.h"

#define TICK_SHIFT   8
#define UNIT_SHIFT   16
#define MAX_CYCLES   (1ull << 48) /* of one command: keeps ticks and units in 64 bits */
#define MAX_BYTES    (1ull << 46)
#define N_DRAM	     3 /* queues that share the DRAM server */
#define RESULT_SLOTS 4096u

/* A signal that has been or will be given: at `time`, `n` more. */
struct signal {
	uint64_t time;
	uint64_t n;
};

/* Signals not yet taken by a wait, oldest first. One producer, whose commands complete
 * in order, makes the times ascend; one consumer takes them in order. */
struct semaphore {
	struct signal *ring;
	uint32_t cap; /* power of two */
	uint32_t head, count;
	uint32_t wakes;	    /* bit of the consumer, if it is an engine's queue */
	uint64_t available; /* sum of n */
};

/* What the walk keeps of a command in a queue: a cache line. */
struct job_cmd {
	uint64_t dispatch; /* ticks; of a place that its command has left: when it left */
	uint64_t own;	   /* as in struct tern_rcost */
	uint64_t work;
	uint64_t rate;
	uint64_t latency;
	uint64_t seq;
	uint32_t word, mark;
	struct tern_rsync wait[2], signal[2];
};

struct queue {
	struct job_cmd *ring;		      /* depth entries */
	uint32_t tail, next;		      /* ring indices: to push, oldest unresolved */
	uint32_t waiting;		      /* pushed, not resolved */
	uint64_t free_at;		      /* engine is free for the next command */
	uint64_t completed;		      /* completion of the latest resolved command */
	uint64_t busy, stall_sem, stall_dram; /* ticks */
	uint64_t commands;
};

/* One queue's current transfer. */
struct transfer {
	uint64_t start; /* ticks */
	uint64_t limit; /* units per tick, its own */
	uint64_t left;	/* units, at `since` */
	uint64_t share; /* units per tick, of the server; 0: none yet */
	uint64_t since; /* it has had this share */
	uint64_t end;	/* if it keeps it */
};

struct dram {
	uint64_t now;	       /* the fluid has been followed up to here */
	uint64_t rate;	       /* units per tick */
	unsigned int starting; /* transfers that begin later, */
	unsigned int moving;   /* and those under way: bits */
	bool changed;	       /* shares must be found anew */
	struct transfer t[N_DRAM];
};

/* Completion of a command, until it can be attributed in stream order. */
struct result {
	uint64_t completion;
	uint32_t mark;
	bool known;
};

/* Constants turned into ticks. */
struct costs {
	uint64_t cp_word, cp_jump, cp_dispatch, cp_spm_read, dram_read, dram_write;
	uint64_t dma_issue, dma_pipe, matrix_issue, matrix_pipe, matrix_chain;
	uint64_t vector_issue, vector_pipe;
	uint64_t read_rate, write_rate; /* outstanding bursts over the latency, units per tick */
};

struct tern_timing {
	struct tern_caps caps;
	struct tern_timing_constants k;
	struct costs cost;
	struct tern_sim_run *run;

	uint64_t now;	   /* CP clock, ticks */
	uint64_t begin;	   /* of what this walk counts: not 0 for a resumed job */
	uint64_t streamed; /* bytes of saved contexts */
	uint64_t cp_busy, cp_stall;
	uint64_t cp_words, cp_commands;
	struct queue q[TERN_NENGINES];
	uint32_t heads;	  /* queues whose head waits for signals only, or need not wait */
	uint32_t recheck; /* queues whose head may have become resolvable */
	struct dram dram;
	struct semaphore sem[TERN_NSEMS];

	uint64_t seq;	       /* engine commands dispatched: timing_results.h */
	uint64_t attributed;   /* all before are */
	uint64_t horizon;      /* ticks: latest completion attributed */
	struct result *result; /* RESULT_SLOTS, by seq */

	struct tern_counters n; /* what is counted at dispatch */
	bool nomem;
};

/* timing_cost.c */
void timing_costs(struct tern_timing *t); /* constants to ticks */
void timing_energy(const struct tern_timing *t, struct tern_counters *out);

/* timing_dram.c: the head of a queue begins its transfer; follow the fluid to its next event:
 * false if nothing is under way, else a bit per transfer that ended at d->now. */
void timing_dram_start(struct dram *d, unsigned int i, uint64_t start, const struct job_cmd *c);
bool timing_dram_step(struct dram *d, unsigned int *ended);

/* timing_sem.c; what every command does is in timing_sem.h */
bool timing_sem_alloc(struct tern_timing *t);
void timing_sem_free(struct tern_timing *t);
void timing_sem_reset(struct tern_timing *t, const struct tern_image_sem *sems);
bool timing_sem_grow(struct semaphore *s);

#endif
