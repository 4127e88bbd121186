/* SPDX-License-Identifier: GPL-2.0 */
/* The engines and their command processor: one job at a time, in a thread of its own. */
#ifndef DEVICE_ENGINE_H
#define DEVICE_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tern/mcu.h>

#include "profile.h"
#include "sim/sim.h"

struct model;

struct engine {
	struct tern_sim *sim;
	pthread_t thread;
	bool quit;
	bool started; /* a job waits for the thread */
	bool running; /* a job is in the engines */
	unsigned int slot, asid;
	struct tern_job job;	     /* as its ring has it */
	struct tern_counters before; /* of a resumed job, when it was saved */
	struct profile profile;
	uint64_t begin;	      /* TIMESTAMP */
	uint32_t preemptions; /* of the job, so far */
	struct tern_sim_run run;
	volatile int attention; /* attend() is wanted at the next boundary */
	/* Why. */
	bool flush, take, abort, reset;
	bool hung;	  /* by a fault: not at work */
	uint32_t command; /* enum tern_slot_command under way: PREEMPT, ABORT; or 0 */
	enum tern_power power;
	unsigned char *save; /* caps.save_bytes: a save area on its way */
	/* What all jobs together did; host statistics. */
	struct tern_counters total;
	uint64_t jobs, faults, saves, restores;
};

int engine_create(struct model *m, const struct tern_sim_options *opt, char *err, size_t errlen);
void engine_destroy(struct model *m);

/* ---- all under the model's lock ---------------------------------------------------------------- */
void engine_start(struct model *m, unsigned int slot, const struct tern_job *job);
void engine_resume(struct model *m, unsigned int slot);
void engine_preempt(struct model *m);
void engine_abort(struct model *m);
void engine_take(struct model *m);   /* the slot was taken away: no trace of the job */
void engine_reset(struct model *m);  /* stop whatever runs; reset_progress() follows */
void engine_flush(struct model *m);  /* forget translations; mmu_waited() follows */
void engine_attend(struct model *m); /* a fault was injected */
bool engine_runs(const struct model *m, unsigned int slot);
bool engine_uses(const struct model *m, unsigned int asid);

#endif
