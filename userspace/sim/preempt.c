// SPDX-License-Identifier: MIT
/*
 * What the world outside wants of a running job: attention at a command boundary, and
 * preemption there.
 *
 * At a boundary every command before it has taken effect in memory, except that noted LOADs
 * have not read their source yet; whoever is told that the job stands still must not be
 * surprised by that, so they settle. The engines are empty then, semaphores are at their
 * shadow counts, and what is left is the state of struct tern_save_area. A saved area that
 * comes back is not trusted to be ours: what it says is checked before it is used.
 */
#include <string.h>

#include "sim/internal.h"

/* Of a job: no honest one gets there, and sums stay in 64 bits. */
#define MAX_CYCLE (1ull << 48)

static uint64_t memories(const struct tern_sim *s)
{
	return s->caps.spm_bytes + 4ull * s->caps.acc;
}

static uint64_t area_bytes(const struct tern_sim *s, uint32_t flags)
{
	return TERN_SAVE_SPM + (flags & TERN_SAVE_ENGINES ? memories(s) : 0);
}

/* ---- saving ---------------------------------------------------------------------------- */
static void save_tiles(const struct tern_sim *s, struct tern_save_tile *out)
{
	for (unsigned int i = 0; i < TERN_NTILES; i++) {
		for (unsigned int k = 0; k < TERN_TILE_NFIELDS; k++)
			out[i].field[k] = (uint64_t)s->tiles[i].v[k];
		out[i].registers = s->tiles[i].regs;
	}
}

static void save(struct tern_sim *s, uint32_t flags)
{
	struct tern_save_area *a = s->run->save;
	unsigned char *spm = (unsigned char *)a + TERN_SAVE_SPM;

	a->flags = flags;
	a->steps_left = s->budget - s->steps;
	a->pc = s->pc;
	a->mark = s->mark;
	a->depth = s->depth;
	memset(a->stack, 0, sizeof(a->stack));
	memcpy(a->stack, s->stack, s->depth * sizeof(a->stack[0]));
	memcpy(a->regs, s->regs, sizeof(a->regs));
	save_tiles(s, a->tile);
	for (unsigned int i = 0; i < TERN_NSEMS; i++)
		a->sem[i] = (uint8_t)s->sem[i].shadow;
	if (flags & TERN_SAVE_ENGINES) {
		memcpy(spm, s->spm, s->caps.spm_bytes);
		memcpy(spm + s->caps.spm_bytes, s->acc, 4ull * s->caps.acc);
	}
}

static int preempt(struct tern_sim *s, uint32_t flags)
{
	sim_drain(s);
	if (s->defer)
		sim_defer_settle(s);
	save(s, flags);
	if (s->timing)
		tern_timing_stream(s->timing, area_bytes(s, flags));
	s->run->preempted = true;
	return SIM_DONE;
}

/* Let the YIELD happen, and nothing be live. */
static int preempt_at_yield(struct tern_sim *s, const struct sim_slot *slot)
{
	int err;

	s->cp_cycles += slot->words;
	err = sim_spend(s, slot->words);
	if (err)
		return err;
	s->pc += slot->words;
	s->yields = true;
	return preempt(s, 0);
}

/* Looking for a YIELD may take as long as one save of everything, no longer: then it cannot
 * cost more than twice the better choice. Without time steps stand for cycles. */
static bool patient(struct tern_sim *s)
{
	uint64_t now = s->timing ? sim_now(s) : s->steps;

	if (!s->yields)
		return false;
	if (!s->patience)
		s->patience = now + memories(s) * 256 / s->caps.dram_x256;
	return now < s->patience;
}

int sim_attend(struct tern_sim *s, struct sim_slot *slot)
{
	enum tern_sim_attend want = TERN_SIM_ABORT;

	if (s->run->attend)
		want = s->run->attend(s->run->host_ctx);
	if (want == TERN_SIM_ABORT)
		return sim_fault(s, TERN_FAULT_ABORT, 0, 0);
	if (want == TERN_SIM_GO_ON) {
		s->patience = 0; /* whoever asks next is given all of it */
		return 0;
	}
	/* Checking mode knows more of a context than a save area holds. */
	if (!s->run->save || s->check)
		return 0;
	if (slot->op == TERN_OP_YIELD)
		return preempt_at_yield(s, slot);
	/* However soon it is asked again, a job that gets into the engines gets on. */
	if (s->steps == s->entered)
		return 0;
	return patient(s) ? 0 : preempt(s, TERN_SAVE_ENGINES);
}

/* ---- going on ---------------------------------------------------------------------------- */
static bool tile_ok(const struct tern_save_tile *t)
{
	if (t->registers >> TERN_TILE_NFIELDS)
		return false;
	for (unsigned int k = 0; k < TERN_TILE_NFIELDS; k++) {
		if (t->registers >> k & 1 && t->field[k] >= TERN_NREGS)
			return false;
	}
	return true;
}

static bool area_ok(const struct tern_sim *s, const struct tern_save_area *a)
{
	/* pc and what RET would take are checked where they are used. */
	if (a->flags & ~TERN_SAVE_ENGINES || a->depth > TERN_CALL_DEPTH ||
	    a->steps_left > s->budget || a->counters.cycles > MAX_CYCLE)
		return false;
	for (unsigned int i = 0; i < TERN_NTILES; i++) {
		if (!tile_ok(&a->tile[i]))
			return false;
	}
	return true;
}

static void restore_memories(struct tern_sim *s, const struct tern_save_area *a)
{
	const unsigned char *spm = (const unsigned char *)a + TERN_SAVE_SPM;

	if (!(a->flags & TERN_SAVE_ENGINES))
		return;
	memcpy(s->spm, spm, s->caps.spm_bytes);
	memcpy(s->acc, spm + s->caps.spm_bytes, 4ull * s->caps.acc);
	s->spm_dirty = (struct sim_range){0, s->caps.spm_bytes};
	s->acc_dirty = s->caps.acc;
}

static void restore_tile(struct tern_sim *s, struct sim_tile *t, const struct tern_save_tile *a)
{
	for (unsigned int k = 0; k < TERN_TILE_NFIELDS; k++)
		t->v[k] = (int64_t)a->field[k];
	t->regs = (uint32_t)a->registers;
	t->shape = ++s->shapes;
	sim_tile_aim(s, t);
}

static void restore_cp(struct tern_sim *s, const struct tern_save_area *a)
{
	s->steps = s->entered = s->budget - a->steps_left;
	s->pc = a->pc;
	s->mark = a->mark;
	s->depth = a->depth;
	memcpy(s->stack, a->stack, sizeof(s->stack));
	memcpy(s->regs, a->regs, sizeof(s->regs));
	for (unsigned int i = 0; i < TERN_NTILES; i++)
		restore_tile(s, &s->tiles[i], &a->tile[i]);
	for (unsigned int i = 0; i < TERN_NSEMS; i++)
		s->sem[i].shadow = a->sem[i];
}

/* The walk begins anew with idle engines, at the cycle where it ended, and each semaphore
 * at its count. */
static void restore_time(struct tern_sim *s, const struct tern_save_area *a)
{
	struct tern_image_sem sem[TERN_NSEMS];

	if (!s->timing)
		return;
	memcpy(sem, s->hdr.sem, sizeof(sem));
	for (unsigned int i = 0; i < TERN_NSEMS; i++)
		sem[i].initial = sem[i].used ? a->sem[i] : 0;
	tern_timing_start(s->timing, sem, s->run);
	tern_timing_resume(s->timing, a->counters.cycles);
	tern_timing_stream(s->timing, area_bytes(s, a->flags));
}

int sim_resume(struct tern_sim *s)
{
	const struct tern_save_area *a = s->run->save;

	if (!a || !area_ok(s, a))
		return sim_fault(s, TERN_FAULT_IMAGE, 0, 0);
	s->before = a->counters;
	for (unsigned int q = 0; q < TERN_NQUEUES; q++)
		s->dispatched += a->counters.commands[q];
	restore_memories(s, a);
	restore_cp(s, a);
	restore_time(s, a);
	return 0;
}

/* ---- counting ----------------------------------------------------------------------------- */
void sim_preempt_counters(struct tern_sim *s)
{
	struct tern_sim_run *run = s->run;
	uint64_t *total = (uint64_t *)&run->counters;
	const uint64_t *before = (const uint64_t *)&s->before;

	for (size_t i = 0; i < sizeof(run->counters) / sizeof(*total); i++)
		total[i] += before[i];
	if (run->preempted) {
		struct tern_save_area *a = run->save;

		a->counters = run->counters;
		a->counters.steps = s->steps;
	}
}

/* ---- without preemption ------------------------------------------------------------------- */
void tern_sim_forget(struct tern_sim *s)
{
	if (s->defer)
		sim_defer_settle(s);
	memset(s->tlb, 0, sizeof(s->tlb));
}

uint64_t tern_sim_clock(struct tern_sim *s)
{
	return sim_now(s);
}

/* Read while the job's thread writes them: any recent value will do. */
unsigned int tern_sim_queue(const struct tern_sim *s)
{
	return s->queue;
}

void tern_sim_progress(const struct tern_sim *s, uint64_t *commands, uint64_t *steps)
{
	*commands = __atomic_load_n(&s->dispatched, __ATOMIC_RELAXED);
	*steps = __atomic_load_n(&s->steps, __ATOMIC_RELAXED);
}
