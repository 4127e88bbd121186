/* SPDX-License-Identifier: MIT */
/*
 * The executable model of the NPU: functional and timed in one execution.
 * Pure: knows <tern/isa.h>, <tern/hw.h>, isa/ and simd/ only. No I/O, no globals.
 */
#ifndef TERN_SIM_H
#define TERN_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/hw.h>

#include "sim/constants.h"

struct tern_sim; /* one device: SPM, engines, worker threads */

/* How the model reaches a context's memory. translate() returns a host pointer for `va`
 * and how many bytes follow it contiguously (at most *len on entry), or NULL when the address is
 * not mapped or not for this access, one enum tern_access (the job then ends with a
 * TRANSLATION fault). Called from the thread that runs the job only; pointers stay valid
 * until the job ends. */
struct tern_sim_mem {
	void *(*translate)(void *ctx, uint64_t va, uint64_t *len, unsigned int access);
	void *ctx;
};

/* What attend() wants of the job that it interrupts. */
enum tern_sim_attend {
	TERN_SIM_GO_ON,
	TERN_SIM_ABORT, /* it ends with an ABORT fault */
	/* It stops, but for the first command of a run, and `save` holds what goes on later. A
	 * program that yields now and then goes on to its next YIELD if that is near, and attend()
	 * is called again meanwhile. */
	TERN_SIM_PREEMPT,
};

struct tern_sim_options {
	unsigned int threads; /* host threads; 0: all cores */
	bool check;	      /* checking mode: RACE, UNINIT, OPAQUE are found */
	bool no_timing;	      /* functional only: cycles stay 0 */
	const char *simd;     /* "scalar", "avx2", "avx512", NULL: best */
	/* Time without values: commands are checked and timed, data stays as it is. For programs
	 * whose commands do not depend on data (a dense decoder). */
	bool time_only;
	/* Factors on the constants of <tern/time.h>; 0 means 1. */
	double factor[TERN_K_COUNT];
};

/* Progress and profile: one record per engine command, if asked for. */
struct tern_sim_event {
	uint8_t queue;
	uint32_t word;		       /* image word */
	uint32_t mark;		       /* operator of the last MARK dispatched before it */
	uint64_t dispatch, start, end; /* cycles */
};

struct tern_sim_run {
	/* in */
	struct tern_job job;
	struct tern_sim_mem mem;
	void (*event)(void *ctx, const struct tern_sim_event *e); /* or NULL */
	void *event_ctx;
	/* per-operator counters, indexed by MARK operand; larger marks are ignored */
	struct tern_sim_op {
		uint64_t cycles; /* END-time attribution: advance of the job's completion time */
		uint64_t busy[TERN_NENGINES];
		uint64_t dram_bytes, macs, commands;
	} * ops;
	size_t nops;
	/* Not zero: attend() is called at the next command boundary, on the job's thread, and
	 * decides; without attend() the job ends with ABORT. Or NULL. */
	const volatile int *stop;
	enum tern_sim_attend (*attend)(void *ctx);
	/* struct tern_save_area and what follows it, caps.save_bytes; 8-byte aligned. Needed for
	 * PREEMPT, and for `resume`: go on with what it holds, of this very job. The fields magic,
	 * job, ring_index, begin and preemptions are the caller's. */
	void *save;
	bool resume;
	void (*interrupt)(void *ctx); /* a FENCE asked for it; or NULL */
	void *host_ctx;
	bool exact; /* translate() is asked for what is accessed and no more: for who keeps books */
	/* out */
	struct tern_counters counters;
	struct tern_fault fault; /* code 0: success, or preempted */
	bool preempted;
};

/* Parse "ref", "small", "large", "mac=1024,spm=512K,dram=25.6", "ref,check,no=softmax+rope",
 * ... into capabilities: a configuration (default ref), then changes to it. What the text
 * does not name stays as it was in *opt; no_ops is empty without no=. 0, or -EINVAL with a
 * sentence in err that begins with the item it is about. */
int tern_sim_parse(const char *text, struct tern_caps *caps, struct tern_sim_options *opt,
		   char *no_ops, size_t no_ops_len, char *err, size_t errlen);

/* caps outside the architecture's limits: -EINVAL with a sentence in err. */
int tern_caps_check(const struct tern_caps *caps, char *err, size_t errlen);
int tern_sim_create(const struct tern_caps *caps, const struct tern_sim_options *opt,
		    struct tern_sim **out, char *err, size_t errlen);
void tern_sim_destroy(struct tern_sim *sim);
const struct tern_caps *tern_sim_caps(const struct tern_sim *sim);

/* Run one job to its end. One call at a time per device. Returns 0 also when the job
 * faulted (run->fault says so); -ENOMEM when the host ran out of memory. Between jobs SPM is
 * cleared (read as never written). */
int tern_sim_run(struct tern_sim *sim, struct tern_sim_run *run);

/* From attend() only: the job reads nothing more through translations it has, and nothing
 * that it has written is on its way. */
void tern_sim_forget(struct tern_sim *sim);
/* From attend() only: the CP's clock; 0 without timing. */
uint64_t tern_sim_clock(struct tern_sim *sim);
/* From translate() only: the queue whose access it is. */
unsigned int tern_sim_queue(const struct tern_sim *sim);
/* From any thread while a job runs: engine commands dispatched and steps spent by it. */
void tern_sim_progress(const struct tern_sim *sim, uint64_t *commands, uint64_t *steps);

#endif
