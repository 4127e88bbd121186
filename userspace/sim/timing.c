// SPDX-License-Identifier: MIT
/*
 * The timing walk: five in-order queues, semaphores, DRAM, and the CP that feeds them.
 *
 * MATRIX and VECTOR are data flow: once the signals a command waits for have known times, so
 * has its completion, however far ahead of the CP's clock that is. Only DRAM couples commands
 * that do not wait for each other, so only DRAM is followed event by event, and only when
 * the CP must wait: for a place in a queue, for a semaphore, or for the queues to drain.
 * Why that is exact: an event is followed only after everything that needs no event has been
 * settled, so whatever is still unsettled begins at that event or later; and nothing the
 * CP has yet to dispatch can begin before the time the CP waits for.
 *
 * A command costs a few comparisons and divisions, whatever the depth of the queues.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/timing_results.h"
#include "sim/timing_sem.h"

/* ---- life ---------------------------------------------------------------------- */
static bool alloc_queues(struct tern_timing *t)
{
	for (int q = 0; q < TERN_NENGINES; q++) {
		t->q[q].ring = aligned_alloc(sizeof(struct job_cmd),
					     t->caps.queue_depth * sizeof(struct job_cmd));
		if (!t->q[q].ring)
			return false;
		memset(t->q[q].ring, 0, t->caps.queue_depth * sizeof(struct job_cmd));
	}
	return true;
}

struct tern_timing *tern_timing_create(const struct tern_caps *caps)
{
	struct tern_timing *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->caps = *caps;
	t->k = tern_timing_defaults;
	t->dram.rate = caps->dram_x256;
	timing_costs(t);
	t->result = calloc(RESULT_SLOTS, sizeof(*t->result));
	if (!alloc_queues(t) || !timing_sem_alloc(t) || !t->result) {
		tern_timing_destroy(t);
		return NULL;
	}
	return t;
}

void tern_timing_destroy(struct tern_timing *t)
{
	if (!t)
		return;
	for (int q = 0; q < TERN_NENGINES; q++)
		free(t->q[q].ring);
	timing_sem_free(t);
	free(t->result);
	free(t);
}

void tern_timing_set_constant(struct tern_timing *t, unsigned int index, double factor)
{
	if (index >= TERN_K_COUNT || !(factor > 0))
		return;
	t->k.v[index] *= factor;
	timing_costs(t);
}

const struct tern_timing_constants *tern_timing_constants(const struct tern_timing *t)
{
	return &t->k;
}

/* ---- a command ends ------------------------------------------------------------------- */
static void report(struct tern_timing *t, unsigned int queue, const struct job_cmd *c,
		   uint64_t start, uint64_t completion)
{
	struct tern_sim_event e = {
		.queue = (uint8_t)queue,
		.word = c->word,
		.mark = c->mark,
		.dispatch = c->dispatch >> TICK_SHIFT,
		.start = start >> TICK_SHIFT,
		.end = completion >> TICK_SHIFT,
	};

	t->run->event(t->run->event_ctx, &e);
}

/* The head of `queue` occupied its engine from start to end. */
static void finish(struct tern_timing *t, unsigned int queue, uint64_t start, uint64_t end)
{
	struct queue *q = &t->q[queue];
	struct job_cmd *c = &q->ring[q->next];
	uint64_t completion = end + c->latency;

	if (completion < q->completed) /* results appear in order */
		completion = q->completed;
	q->completed = completion;
	q->free_at = end;
	q->busy += c->own;
	q->stall_dram += end - start > c->own ? end - start - c->own : 0;
	timing_signal(t, &c->signal[0], completion);
	timing_signal(t, &c->signal[1], completion);
	timing_close_result(t, c->seq, completion);
	if (t->run->event)
		report(t, queue, c, start, completion);
	c->dispatch = end;
	q->next = q->next + 1 == t->caps.queue_depth ? 0 : q->next + 1;
	if (!--q->waiting)
		t->heads &= ~(1u << queue);
}

static const uint8_t sharer[N_DRAM] = {TERN_Q_LOAD0, TERN_Q_LOAD1, TERN_Q_STORE};
static const uint8_t transfer_of[TERN_NENGINES] = {
	[TERN_Q_LOAD0] = 0, [TERN_Q_LOAD1] = 1, [TERN_Q_STORE] = 2};

/* Settle the head of a queue, if it has one, which is not in DRAM's hands, and whose signals are known.
 * True if that made way for the next. */
static bool try_head(struct tern_timing *t, unsigned int queue)
{
	struct queue *q = &t->q[queue];
	const struct job_cmd *c = &q->ring[q->next];
	uint64_t start, waited;

	if (!(t->heads & 1u << queue) || !timing_wait(t, c->wait, &waited))
		return false;
	start = q->free_at > c->dispatch ? q->free_at : c->dispatch;
	if (waited > start) {
		q->stall_sem += waited - start;
		start = waited;
	}
	if (!c->work) {
		finish(t, queue, start, start + c->own);
		return true;
	}
	t->heads &= ~(1u << queue);
	timing_dram_start(&t->dram, transfer_of[queue], start, c);
	return false;
}

/* Everything that follows without an event of DRAM. */
static void settle(struct tern_timing *t)
{
	uint32_t set;

	while ((set = t->recheck & t->heads)) {
		unsigned int queue = (unsigned int)__builtin_ctz(set);

		t->recheck &= ~(1u << queue);
		while (try_head(t, queue))
			;
	}
	t->recheck = 0;
}

/* To the next event of DRAM; false if there is none. */
static bool step(struct tern_timing *t)
{
	unsigned int ended;

	if (!timing_dram_step(&t->dram, &ended))
		return false;
	for (; ended; ended &= ended - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(ended);

		t->heads |= 1u << sharer[i];
		t->recheck |= 1u << sharer[i];
		finish(t, sharer[i], t->dram.t[i].start, t->dram.now);
	}
	return true;
}

/* Settle and step once. False when nothing can move any more: only a stream that the
 * functional side has refused, or lost memory, leads there. */
static bool advance(struct tern_timing *t)
{
	if (t->recheck) {
		settle(t);
		return true;
	}
	return step(t);
}

/* ---- the CP ------------------------------------------------------------------------------- */
static void cp_spend(struct tern_timing *t, uint64_t ticks)
{
	t->now += ticks;
	t->cp_busy += ticks;
}

static void cp_wait_until(struct tern_timing *t, uint64_t time)
{
	if (time > t->now)
		t->now = time;
}

void tern_timing_cp(struct tern_timing *t, uint64_t cycles)
{
	t->cp_words += cycles;
	cp_spend(t, cycles * t->cost.cp_word);
}

void tern_timing_cp_jumps(struct tern_timing *t, uint64_t n)
{
	cp_spend(t, n * t->cost.cp_jump);
}

/* Few and small, so they pass the server by: latency and the bursts at its full rate. */
void tern_timing_cp_read(struct tern_timing *t, uint64_t bytes)
{
	uint64_t bursts = bytes / TERN_BURST + (bytes % TERN_BURST != 0);

	if (bursts > MAX_BYTES / TERN_BURST)
		bursts = MAX_BYTES / TERN_BURST;
	t->n.dram_read += bytes;
	t->n.dram_bursts += bursts;
	cp_spend(t, t->cost.dram_read + (bursts * TERN_BURST << UNIT_SHIFT) / t->dram.rate);
}

void tern_timing_cp_read_spm(struct tern_timing *t)
{
	cp_spend(t, t->cost.cp_spm_read);
}

void tern_timing_cp_sync(struct tern_timing *t, const struct tern_rcmd *cmd)
{
	uint64_t time = 0;
	bool met;

	cp_spend(t, t->cost.cp_dispatch);
	t->cp_commands++;
	for (met = timing_wait(t, cmd->wait, &time); !met && advance(t);)
		met = timing_wait(t, cmd->wait, &time);
	if (time > t->now)
		t->cp_stall += time - t->now;
	cp_wait_until(t, time);
	timing_signal(t, &cmd->signal[0], t->now);
	timing_signal(t, &cmd->signal[1], t->now);
}

/* The place the next command takes must have been left, and at a time now past. */
static bool wait_for_place(struct tern_timing *t, struct queue *q)
{
	while (q->waiting == t->caps.queue_depth) {
		if (!advance(t))
			return false;
	}
	cp_wait_until(t, q->ring[q->tail].dispatch);
	return true;
}

static void count(struct tern_timing *t, const struct tern_rcmd *cmd, const struct tern_rcost *cost)
{
	t->n.spm_bytes += cmd->spm_bytes;
	t->n.dram_bursts += cmd->dram_bursts;
	if (cmd->op == TERN_OP_LOAD)
		t->n.dram_read += cmd->dram_bytes;
	else if (cmd->op == TERN_OP_STORE)
		t->n.dram_written += cmd->dram_bytes;
	else if (cmd->op == TERN_OP_VECTOR)
		t->n.vector_ops += cmd->elems;
	else
		t->n.macs[cost->mac_counter] += cost->macs;
}

static void count_op(struct tern_timing *t, const struct tern_rcmd *cmd,
		     const struct tern_rcost *cost)
{
	struct tern_sim_op *op;

	if (cmd->mark >= t->run->nops)
		return;
	op = &t->run->ops[cmd->mark];
	op->commands++;
	op->busy[cmd->queue] += cost->own >> TICK_SHIFT;
	op->macs += cost->macs;
	if (cmd->op == TERN_OP_LOAD || cmd->op == TERN_OP_STORE)
		op->dram_bytes += cmd->dram_bytes;
}

static void fill(struct job_cmd *c, const struct tern_rcmd *cmd, const struct tern_rcost *cost)
{
	c->own = cost->own;
	c->work = cost->work;
	c->rate = cost->rate;
	c->latency = cost->latency;
	c->word = cmd->word;
	c->mark = cmd->mark;
	memcpy(c->wait, cmd->wait, sizeof(c->wait));
	memcpy(c->signal, cmd->signal, sizeof(c->signal));
}

void tern_timing_push_at(struct tern_timing *t, const struct tern_rcmd *cmd,
			 const struct tern_rcost *cost)
{
	struct queue *q = &t->q[cmd->queue];
	struct job_cmd *c;

	cp_spend(t, t->cost.cp_dispatch);
	if (!wait_for_place(t, q))
		return;
	c = &q->ring[q->tail];
	fill(c, cmd, cost);
	c->dispatch = t->now;
	c->seq = t->seq;
	timing_open_result(t, cmd->mark);
	if (!cmd->empty)
		count(t, cmd, cost);
	count_op(t, cmd, cost);
	q->commands++;
	q->tail = q->tail + 1 == t->caps.queue_depth ? 0 : q->tail + 1;
	if (!q->waiting++) {
		t->heads |= 1u << cmd->queue;
		t->recheck |= 1u << cmd->queue;
	}
}

void tern_timing_push(struct tern_timing *t, const struct tern_rcmd *cmd)
{
	struct tern_rcost cost;

	tern_timing_cost(t, cmd, &cost);
	tern_timing_push_at(t, cmd, &cost);
}

void tern_timing_drain(struct tern_timing *t)
{
	while (advance(t))
		;
	for (int q = 0; q < TERN_NENGINES; q++)
		cp_wait_until(t, t->q[q].completed);
}

uint64_t tern_timing_now(const struct tern_timing *t)
{
	return t->now >> TICK_SHIFT;
}

/* ---- a job --------------------------------------------------------------------------------- */
static void reset_queues(struct tern_timing *t)
{
	for (int i = 0; i < TERN_NENGINES; i++) {
		struct job_cmd *ring = t->q[i].ring;

		memset(ring, 0, t->caps.queue_depth * sizeof(*ring));
		t->q[i] = (struct queue){.ring = ring};
	}
}

void tern_timing_start(struct tern_timing *t, const struct tern_image_sem sems[TERN_NSEMS],
		       struct tern_sim_run *run)
{
	t->run = run;
	t->begin = t->streamed = 0;
	t->now = t->cp_busy = t->cp_stall = t->cp_words = t->cp_commands = 0;
	t->seq = t->attributed = t->horizon = 0;
	t->nomem = false;
	memset(&t->n, 0, sizeof(t->n));
	t->dram = (struct dram){.rate = t->caps.dram_x256};
	reset_queues(t);
	timing_sem_reset(t, sems);
	t->recheck = t->heads = 0;
}

/* What came before has been counted and charged. */
void tern_timing_resume(struct tern_timing *t, uint64_t cycle)
{
	t->now = t->begin = t->horizon = cycle << TICK_SHIFT;
}

void tern_timing_stream(struct tern_timing *t, uint64_t bytes)
{
	t->now += (bytes << UNIT_SHIFT) / t->dram.rate;
	t->horizon = t->now;
	t->streamed += bytes;
}

int tern_timing_finish(struct tern_timing *t, struct tern_sim_run *run)
{
	struct tern_counters *n = &t->n;

	tern_timing_drain(t);
	for (int i = 0; i < TERN_NENGINES; i++) {
		const struct queue *q = &t->q[i];

		n->commands[i] = q->commands;
		n->busy[i] = q->busy >> TICK_SHIFT;
		n->stall_sem[i] = q->stall_sem >> TICK_SHIFT;
		n->stall_dram[i] = q->stall_dram >> TICK_SHIFT;
	}
	n->commands[TERN_Q_CP] = t->cp_commands;
	n->busy[TERN_Q_CP] = t->cp_busy >> TICK_SHIFT;
	n->stall_sem[TERN_Q_CP] = t->cp_stall >> TICK_SHIFT;
	n->cycles = (t->now - t->begin) >> TICK_SHIFT;
	n->steps = t->cp_busy >> TICK_SHIFT;
	timing_energy(t, n);
	run->counters = *n;
	return t->nomem ? -ENOMEM : 0;
}
