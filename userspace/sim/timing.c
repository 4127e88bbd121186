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

#include "sim/timing.h"

/* ---- life ---------------------------------------------------------------------- */
static bool alloc_queues(struct tern_timing *t)
{
	for (int q = 0; q < TERN_NENGINES; q++) {
		t->q[q].ring = calloc(t->caps.queue_depth, sizeof(*t->q[q].ring));
		t->q[q].popped = calloc(t->caps.queue_depth, sizeof(*t->q[q].popped));
		if (!t->q[q].ring || !t->q[q].popped)
			return false;
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
	for (int q = 0; q < TERN_NENGINES; q++) {
		free(t->q[q].ring);
		free(t->q[q].popped);
	}
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
	const struct job_cmd *c = &q->ring[q->next];
	uint64_t completion = end + c->latency;

	if (completion < q->completed) /* results appear in order */
		completion = q->completed;
	q->completed = completion;
	q->free_at = end;
	q->popped[q->next] = end;
	q->busy += c->own;
	q->stall_dram += end - start > c->own ? end - start - c->own : 0;
	timing_signal(t, &c->signal[0], completion);
	timing_signal(t, &c->signal[1], completion);
	timing_close_result(t, c, completion);
	if (t->run->event)
		report(t, queue, c, start, completion);
	q->next = q->next + 1 == t->caps.queue_depth ? 0 : q->next + 1;
	q->waiting--;
}

/* Settle the head of a queue if its signals are known. True if that made way for the next. */
static bool try_head(struct tern_timing *t, unsigned int queue)
{
	int i = timing_dram_index(queue);
	struct queue *q = &t->q[queue];
	const struct job_cmd *c = &q->ring[q->next];
	uint64_t start, waited;

	if (!q->waiting || (i >= 0 && t->dram.t[i].state != IDLE))
		return false;
	if (!timing_wait(t, c->wait, &waited))
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
	timing_dram_start(&t->dram, i, start, c);
	return false;
}

/* Everything that follows without an event of DRAM. */
static void settle(struct tern_timing *t)
{
	while (t->recheck) {
		unsigned int queue = (unsigned int)__builtin_ctz(t->recheck);

		t->recheck &= t->recheck - 1;
		while (try_head(t, queue))
			;
	}
}

static const uint8_t sharer[N_DRAM] = {TERN_Q_LOAD0, TERN_Q_LOAD1, TERN_Q_STORE};

/* To the next event of DRAM; false if there is none. */
static bool step(struct tern_timing *t)
{
	uint64_t rate[N_DRAM];
	unsigned int ended;

	for (int i = 0; i < N_DRAM; i++) {
		const struct queue *q = &t->q[sharer[i]];

		rate[i] = q->ring[q->next].rate;
	}
	if (!timing_dram_step(&t->dram, rate, &ended))
		return false;
	for (int i = 0; i < N_DRAM; i++) {
		if (!(ended & 1u << i))
			continue;
		finish(t, sharer[i], t->dram.t[i].start, t->dram.now);
		t->recheck |= 1u << sharer[i];
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

void tern_timing_cp_jump(struct tern_timing *t)
{
	cp_spend(t, t->cost.cp_jump);
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
	cp_wait_until(t, q->popped[q->tail]);
	return true;
}

static void count(struct tern_timing *t, const struct tern_rcmd *cmd, const struct job_cmd *c)
{
	struct tern_sim_op *op;

	if (cmd->mark >= t->run->nops)
		return;
	op = &t->run->ops[cmd->mark];
	op->commands++;
	op->busy[cmd->queue] += c->own >> TICK_SHIFT;
	if (cmd->op == TERN_OP_LOAD || cmd->op == TERN_OP_STORE)
		op->dram_bytes += cmd->dram_bytes;
}

void tern_timing_push(struct tern_timing *t, const struct tern_rcmd *cmd)
{
	struct queue *q = &t->q[cmd->queue];
	struct job_cmd *c;

	cp_spend(t, t->cost.cp_dispatch);
	if (!wait_for_place(t, q))
		return;
	c = &q->ring[q->tail];
	timing_cost_of(t, cmd, c);
	c->dispatch = t->now;
	c->word = cmd->word;
	c->mark = cmd->mark;
	c->seq = t->seq;
	memcpy(c->wait, cmd->wait, sizeof(c->wait));
	memcpy(c->signal, cmd->signal, sizeof(c->signal));
	timing_open_result(t, cmd->mark);
	count(t, cmd, c);
	q->commands++;
	q->tail = q->tail + 1 == t->caps.queue_depth ? 0 : q->tail + 1;
	if (!q->waiting++)
		t->recheck |= 1u << cmd->queue;
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
		uint64_t *popped = t->q[i].popped;

		memset(popped, 0, t->caps.queue_depth * sizeof(*popped));
		t->q[i] = (struct queue){.ring = ring, .popped = popped};
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
	t->recheck = 0;
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
