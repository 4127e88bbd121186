/* SPDX-License-Identifier: MIT */
/* A machine of round numbers and commands of given cost, for the tests of the timing walk. */
#ifndef TEST_TIMING_FIXTURE_H
#define TEST_TIMING_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/constants.h"
#include "sim/resolved.h"
#include "sim/sim.h"

#define K(name) (tern_timing_constant_info[TERN_K_##name].value)

/* 64 bytes per cycle of DRAM at 1 GHz; a 4 x 4 x 32 array; 16 lanes; a queue of 4. */
static inline struct tern_caps round_caps(void)
{
	struct tern_caps c;

	ck_assert_int_eq(tern_sim_parse("small", &c, NULL, NULL, 0, NULL, 0), 0);
	c.dram_x256 = 64 * 256;
	c.dram_outstanding = 1024;
	c.spm_dma = 256;
	c.load_decode = 128;
	c.store_encode = 64;
	c.queue_depth = 4;
	return c;
}

/* wait and signal: semaphore * 256 + count; 0: none. */
#define SEM(s, n) ((s)*256u + (n))

static inline struct tern_rcmd engine_cmd(unsigned int op, unsigned int queue, unsigned int wait,
					  unsigned int signal)
{
	struct tern_rcmd c = {.op = (uint8_t)op, .queue = (uint8_t)queue};

	c.wait[0] = (struct tern_rsync){(uint8_t)(wait / 256), (uint8_t)(wait % 256)};
	c.signal[0] = (struct tern_rsync){(uint8_t)(signal / 256), (uint8_t)(signal % 256)};
	return c;
}

/* f16 to f16: no decoding, as many SPM bytes as DRAM bytes. */
static inline struct tern_rcmd load_cmd(unsigned int queue, uint64_t bytes, unsigned int wait,
					unsigned int signal)
{
	struct tern_rcmd c = engine_cmd(TERN_OP_LOAD, queue, wait, signal);

	c.t[0].type = c.t[1].type = TERN_T_F16;
	c.dram_bytes = c.spm_bytes = bytes;
	c.dram_bursts = (bytes + 63) / 64;
	c.elems = bytes / 2;
	return c;
}

static inline struct tern_rcmd store_cmd(uint64_t bytes, unsigned int wait, unsigned int signal)
{
	struct tern_rcmd c = load_cmd(TERN_Q_STORE, bytes, wait, signal);

	c.op = TERN_OP_STORE;
	return c;
}

static inline struct tern_rcmd vector_cmd(uint64_t cycles, unsigned int wait, unsigned int signal)
{
	struct tern_rcmd c = engine_cmd(TERN_OP_VECTOR, TERN_Q_VECTOR, wait, signal);

	c.vector_cost = cycles;
	return c;
}

static inline struct tern_rcmd matrix_cmd(unsigned int b_type, int64_t k, int64_t m, int64_t n,
					  unsigned int wait, unsigned int signal)
{
	struct tern_rcmd c = engine_cmd(TERN_OP_MATRIX, TERN_Q_MATRIX, wait, signal);

	c.t[0] = (struct tern_rtile){.size = {k, m, 1, 1}, .type = TERN_T_ACT};
	c.t[1] = (struct tern_rtile){.size = {k, n, 1, 1}, .type = (uint8_t)b_type};
	return c;
}

static inline void use_sem(struct tern_image_sem *sems, unsigned int s, unsigned int producer,
			   unsigned int consumer, unsigned int initial)
{
	sems[s] =
		(struct tern_image_sem){(uint8_t)producer, (uint8_t)consumer, (uint8_t)initial, 1};
}

/* ---- one walk at a time ------------------------------------------------------------ */
#define MAX_EVENTS 256

static struct tern_caps caps;
static struct tern_timing *timing;
static struct tern_image_sem sems[TERN_NSEMS];
static struct tern_sim_op ops[8];
static struct tern_sim_run run;
static struct tern_sim_event events[MAX_EVENTS];
static unsigned int nevents;

static inline void record(void *ctx, const struct tern_sim_event *e)
{
	(void)ctx;
	if (nevents < MAX_EVENTS)
		events[nevents++] = *e;
}

static inline void setup(void)
{
	caps = round_caps();
	memset(sems, 0, sizeof(sems));
	timing = tern_timing_create(&caps);
	ck_assert_ptr_nonnull(timing);
}

static inline void teardown(void)
{
	tern_timing_destroy(timing);
}

static inline void restart_with(const struct tern_caps *c)
{
	tern_timing_destroy(timing);
	timing = tern_timing_create(c);
	ck_assert_ptr_nonnull(timing);
}

static inline void start(void)
{
	memset(ops, 0, sizeof(ops));
	memset(&run, 0, sizeof(run));
	run.ops = ops;
	run.nops = 8;
	run.event = record;
	nevents = 0;
	tern_timing_start(timing, sems, &run);
}

static inline void push(struct tern_rcmd c)
{
	tern_timing_push(timing, &c);
}

static inline uint64_t finish(void)
{
	ck_assert_int_eq(tern_timing_finish(timing, &run), 0);
	return run.counters.cycles;
}

/* The n-th event of a queue. */
static inline const struct tern_sim_event *event(unsigned int queue, unsigned int n)
{
	for (unsigned int i = 0; i < nevents; i++) {
		if (events[i].queue == queue && !n--)
			return &events[i];
	}
	ck_abort_msg("no such event on queue %u", queue);
	return NULL;
}

static inline void ck_cycles_within(uint64_t got, double want, double slack)
{
	ck_assert_msg((double)got > want - slack && (double)got < want + slack,
		      "%llu cycles, not %.2f", (unsigned long long)got, want);
}

/* Reported times are whole cycles, and transfers end on a tick. */
static inline void ck_cycles(uint64_t got, double want)
{
	ck_cycles_within(got, want, 1);
}

static inline double load_latency(void)
{
	return K(DRAM_READ) + K(DMA_PIPE); /* 1 GHz: a nanosecond is a cycle */
}

#endif
