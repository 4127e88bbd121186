/* SPDX-License-Identifier: MIT */
/* Sessions: bindings, memory and counters of one user of a program. */
#ifndef TERN_LIB_SESSION_H
#define TERN_LIB_SESSION_H

#include "lib/program.h"
#include "lib/trace.h"

/* What one operator has cost since the last reset. */
struct tern_op_stat {
	struct tern_sim_op npu;
	uint64_t cpu_ns, cpu_bytes;
};

struct tern_worker;

struct tern_session {
	struct tern_program *prog;
	struct tern_context *ctx; /* NULL: the device has no NPU */
	struct tern_mem scratch, args;
	struct tern_buffer *lent;  /* whose memory the scratch is; NULL: its own */
	struct tern_binding *bind; /* per storage; a reference to each buffer is held */
	bool dirty;		   /* bindings changed since they were checked and mapped */
	int stop;		   /* atomic: set by tern_session_stop() */

	/* Of the run under way; only the thread that runs touches them. */
	struct tern_sim_op *job_ops;
	struct tern_stats run_stats;
	struct tern_op_stat *run_ops;
	const int64_t *symbols;

	/* Guards what follows: results are added up when a run ends. */
	pthread_mutex_t lock;
	bool busy; /* a run is under way */
	struct tern_stats stats;
	struct tern_op_stat *ops;

	struct tern_trace *trace;   /* NULL: off */
	struct tern_worker *worker; /* NULL until the first submit */
};

/* ---- bind.c ------------------------------------------------------------------------- */
/* Check all bindings together and give them to the context, if they changed. */
int tern_session_map(struct tern_session *s);
void tern_session_unbind_all(struct tern_session *s);
/* Host and device address of a storage. */
unsigned char *tern_session_host(const struct tern_session *s, uint32_t storage);
uint64_t tern_session_va(const struct tern_session *s, uint32_t storage);

/* ---- run.c -------------------------------------------------------------------------- */
/* Claim the session for one run (or -EBUSY); check symbols; clear the stop flag. */
int tern_session_begin(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols);
/* Claimed, but it cannot run. */
void tern_session_abandon(struct tern_session *s);
/* Run all segments, add up the counters and release the session. */
int tern_session_execute(struct tern_session *s, const int64_t *symbols);

/* ---- npu.c -------------------------------------------------------------------------- */
int tern_session_run_npu(struct tern_session *s, uint32_t seg);

/* ---- fence.c ------------------------------------------------------------------------ */
void tern_worker_destroy(struct tern_worker *w); /* waits for the run under way */

/* ---- stats.c ------------------------------------------------------------------------ */
/* Add what the run counted to the totals. The session's lock is held. */
void tern_stats_merge(struct tern_session *s);

#endif
