// SPDX-License-Identifier: MIT
/* A device of the model: its life, and a job from start to end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/memo.h"

/* Engines may read a little past what they use. */
#define SPM_PAD 256

int sim_fault(struct tern_sim *s, int code, uint64_t addr, uint64_t info)
{
	struct tern_fault *f = &s->run->fault;

	if (f->code)
		return f->code;
	f->code = (uint16_t)code;
	f->class = (uint8_t)tern_fault_class_of((unsigned int)code);
	f->queue = s->queue;
	f->word = s->pc;
	f->addr = addr;
	f->info = info;
	f->cycle = sim_now(s);
	f->mark = s->mark;
	return code;
}

void sim_spm_clear(struct tern_sim *s)
{
	if (s->spm_dirty.lo < s->spm_dirty.hi)
		memset(s->spm + s->spm_dirty.lo, 0, s->spm_dirty.hi - s->spm_dirty.lo);
	memset(s->acc, 0, s->acc_dirty * sizeof(*s->acc));
	s->spm_dirty = (struct sim_range){UINT64_MAX, 0};
	s->acc_dirty = 0;
}

/* ---- create and destroy ---------------------------------------------------------- */
static unsigned int thread_count(const struct tern_sim_options *opt)
{
	long n = opt->threads ? (long)opt->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 256 ? 256 : (unsigned int)n;
}

static void set_rates(struct tern_sim *s)
{
	const struct tern_caps *c = &s->caps;

	s->mac_div[TERN_T_F32] = c->mac_div_f32;
	s->mac_div[TERN_T_F16] = c->mac_div_f16;
	s->mac_div[TERN_T_BF16] = c->mac_div_f16;
	s->mac_div[TERN_T_OP32] = 1;
	s->mac_div[TERN_T_OP32M] = c->mac_div_min;
	s->mac_div[TERN_T_OP16] = c->mac_div_g16;
	s->mac_div[TERN_T_OP16M] = c->mac_div_g16min;
}

static void scale_constants(struct tern_sim *s)
{
	for (unsigned int i = 0; i < TERN_K_COUNT; i++)
		if (s->opt.factor[i] != 0.0)
			tern_timing_set_constant(s->timing, i, s->opt.factor[i]);
	s->constants = tern_timing_constants(s->timing);
}

static bool allocate(struct tern_sim *s)
{
	size_t spm = (s->caps.spm_bytes + SPM_PAD + 63) / 64 * 64;

	s->spm = aligned_alloc(64, spm);
	s->acc = aligned_alloc(64, (s->caps.acc * sizeof(*s->acc) + 64 + 63) / 64 * 64);
	s->pool = sim_pool_create(thread_count(&s->opt));
	s->memos = calloc(SIM_MEMOS, sizeof(*s->memos));
	if (!s->spm || !s->acc || !s->pool || !s->memos)
		return false;
	memset(s->spm, 0, spm);
	memset(s->acc, 0, s->caps.acc * sizeof(*s->acc));
	sim_spm_clear(s);
	s->constants = &tern_timing_defaults;
	if (!s->opt.no_timing) {
		s->timing = tern_timing_create(&s->caps);
		if (!s->timing)
			return false;
		scale_constants(s);
	}
	if (s->opt.check)
		return sim_check_create(s) == 0;
	s->defer = sim_defer_create();
	return s->defer;
}

int tern_sim_create(const struct tern_caps *caps, const struct tern_sim_options *opt,
		    struct tern_sim **out, char *err, size_t errlen)
{
	struct tern_sim *s;
	int rc = tern_caps_check(caps, err, errlen);

	if (rc)
		return rc;
	s = aligned_alloc(_Alignof(struct tern_sim), sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->caps = *caps;
	if (opt)
		s->opt = *opt;
	s->simd = tern_simd_get(s->opt.simd);
	if (!s->simd) {
		snprintf(err, errlen, "no instruction set \"%s\" on this CPU", s->opt.simd);
		free(s);
		return -EINVAL;
	}
	s->opt.simd = NULL; /* the caller's string */
	set_rates(s);
	if (!allocate(s)) {
		tern_sim_destroy(s);
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void tern_sim_destroy(struct tern_sim *s)
{
	if (!s)
		return;
	sim_pool_destroy(s->pool);
	sim_check_destroy(s->check);
	sim_defer_destroy(s->defer);
	tern_timing_destroy(s->timing);
	free(s->memos);
	free(s->vprogs);
	free(s->slots);
	free(s->image);
	free(s->acc);
	free(s->spm);
	free(s);
}

const struct tern_caps *tern_sim_caps(const struct tern_sim *s)
{
	return &s->caps;
}

static void forget_tiles(struct tern_sim *s)
{
	memset(s->tiles, 0, sizeof(s->tiles));
	for (unsigned int i = 0; i < TERN_NTILES; i++)
		sim_tile_aim(s, &s->tiles[i]);
}

/* ---- a job -------------------------------------------------------------------------- */
static void reset(struct tern_sim *s, struct tern_sim_run *run)
{
	s->run = run;
	s->budget = run->job.budget ? run->job.budget : TERN_DEFAULT_BUDGET;
	s->steps = s->entered = 0;
	s->dispatched = 0;
	s->cp_cycles = s->cp_jumps = 0;
	s->pc = 0;
	s->mark = 0;
	s->depth = 0;
	s->queue = TERN_Q_CP;
	s->nomem = false;
	s->yields = false;
	s->patience = 0;
	run->preempted = false;
	memset(&s->before, 0, sizeof(s->before));
	memset(s->tlb, 0, sizeof(s->tlb));
	forget_tiles(s);
	memset(s->regs, 0, sizeof(s->regs));
	s->regs[TERN_REG_ARGS] = (int64_t)run->job.args;
	s->regs[TERN_REG_IMAGE] = (int64_t)run->job.image;
	memset(&run->counters, 0, sizeof(run->counters));
	memset(&run->fault, 0, sizeof(run->fault));
}

static void start_engines(struct tern_sim *s)
{
	sim_spm_clear(s);
	sim_sync_start(s);
	if (s->defer)
		sim_defer_reset(s);
	if (s->check)
		sim_check_start(s);
	if (s->timing)
		tern_timing_start(s->timing, s->hdr.sem, s->run);
}

int tern_sim_run(struct tern_sim *s, struct tern_sim_run *run)
{
	reset(s, run);
	memset(&s->hdr, 0, sizeof(s->hdr));
	/* A fault of the image carries a cycle too: the walk must have started. */
	start_engines(s);
	if (!sim_image_load(s)) {
		start_engines(s);
		s->pc = s->hdr.entry;
		if (!run->resume || !sim_resume(s))
			sim_cp_run(s);
	}
	sim_cp_flush(s);
	if (s->timing && tern_timing_finish(s->timing, run))
		s->nomem = true;
	sim_preempt_counters(s);
	run->counters.steps = s->steps;
	if (s->defer)
		sim_defer_reset(s);
	s->run = NULL;
	return s->nomem ? -ENOMEM : 0;
}
