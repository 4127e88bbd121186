// SPDX-License-Identifier: MIT
/*
 * What a preemption costs a compiled program: one decode step, stopped at moments spread over
 * its time, one a run. NPU cycles, so nothing depends on this machine.
 *
 *   bench-preempt MODEL.gguf [DEVICE]
 *
 * "until free": from the moment somebody wants the engines until the context is saved: to a
 * YIELD if one is near, the drain, the save. "job loses": how much later the step ends, with
 * nobody in between. What is missing to 100 %: the step ended before it had to stop. The link
 * wraps tern_sim_run().
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "tools/tern-run/decoder.h"

#define SAMPLES 200
#define PAST	512 /* tokens before the step */

enum { LIGHT, ALL, KINDS };

struct kind {
	unsigned int n;
	double free_sum, free_most, lost_sum, lost_most; /* cycles */
};

static bool armed;
static struct kind kinds[KINDS];
static uint64_t step_cycles;

int __real_tern_sim_run(struct tern_sim *sim, struct tern_sim_run *run);
int __wrap_tern_sim_run(struct tern_sim *sim, struct tern_sim_run *run);

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench-preempt: %s: %s\n", what, why);
	exit(1);
}

/* ---- one preemption ------------------------------------------------------------------- */
struct wish {
	struct tern_sim *sim;
	uint64_t cycle; /* from when on the engines are wanted */
	uint64_t seen;	/* when the CP noticed; 0: not yet */
};

static enum tern_sim_attend attend(void *ctx)
{
	struct wish *w = ctx;
	uint64_t now;

	if (w->seen)
		return TERN_SIM_PREEMPT;
	now = tern_sim_clock(w->sim);
	if (now < w->cycle)
		return TERN_SIM_GO_ON;
	w->seen = now;
	return TERN_SIM_PREEMPT;
}

static void add(struct kind *k, double until_free, double lost)
{
	k->n++;
	k->free_sum += until_free;
	k->lost_sum += lost;
	k->free_most = until_free > k->free_most ? until_free : k->free_most;
	k->lost_most = lost > k->lost_most ? lost : k->lost_most;
}

static void preempt_at(struct tern_sim *sim, struct tern_sim_run run, uint64_t cycle)
{
	static const volatile int always = 1;
	const struct tern_save_area *a = run.save;
	struct wish w = {.sim = sim, .cycle = cycle};
	uint64_t until_free;
	bool light;

	run.stop = &always;
	run.attend = attend;
	run.host_ctx = &w;
	if (__real_tern_sim_run(sim, &run) || run.fault.code)
		fail("preempted", "the step failed");
	if (!run.preempted)
		return; /* it was over before */
	until_free = run.counters.cycles - w.seen;
	light = !(a->flags & TERN_SAVE_ENGINES);
	run.stop = NULL;
	run.resume = true;
	if (__real_tern_sim_run(sim, &run) || run.fault.code)
		fail("gone on", "the step failed");
	add(&kinds[light ? LIGHT : ALL], (double)until_free,
	    (double)run.counters.cycles - (double)step_cycles);
}

int __wrap_tern_sim_run(struct tern_sim *sim, struct tern_sim_run *run)
{
	struct tern_sim_run again = {.job = run->job, .mem = run->mem};
	int err = __real_tern_sim_run(sim, run);

	if (err || run->fault.code || !armed)
		return err;
	step_cycles = run->counters.cycles;
	again.save = malloc(tern_sim_caps(sim)->save_bytes);
	if (!again.save)
		fail("memory", "none left");
	for (uint64_t i = 0; i < SAMPLES; i++)
		preempt_at(sim, again, step_cycles * (2 * i + 1) / (2 * SAMPLES));
	free(again.save);
	return err;
}

/* ---- the step ----------------------------------------------------------------------------- */
static void measure(const char *path, const char *device)
{
	const struct decoder_params p = {device, PAST + 2, 1, false};
	const int32_t token = 1;
	const float *logits;
	struct decoder *d;
	struct model *m;
	char err[512];

	if (model_open(path, &m, err, sizeof(err)) || decoder_create(m, &p, &d, err, sizeof(err)))
		fail(path, err);
	for (uint32_t i = 0; i < 2; i++) {
		armed = i == 1;
		if (decoder_run(d, &token, 1, PAST + i, &logits, err, sizeof(err)))
			fail(path, err);
	}
	decoder_destroy(d);
	model_close(m);
}

static void print(const char *name, const struct kind *k)
{
	double n = k->n ? k->n : 1;

	printf("%-22s%6.1f%12.0f%10.0f%12.0f%10.0f\n", name, 100.0 * k->n / SAMPLES,
	       k->free_sum / n, k->free_most, k->lost_sum / n, k->lost_most);
}

int main(int argc, char **argv)
{
	struct kind both;

	if (argc < 2 || argc > 3 || argv[1][0] == '-') {
		fprintf(stderr, "usage: bench-preempt MODEL.gguf [DEVICE]\n");
		return 2;
	}
	measure(argv[1], argc > 2 ? argv[2] : "sim:ref,time-only,threads=1");
	both = kinds[ALL];
	both.n += kinds[LIGHT].n;
	both.free_sum += kinds[LIGHT].free_sum;
	both.lost_sum += kinds[LIGHT].lost_sum;
	both.free_most =
		both.free_most > kinds[LIGHT].free_most ? both.free_most : kinds[LIGHT].free_most;
	both.lost_most =
		both.lost_most > kinds[LIGHT].lost_most ? both.lost_most : kinds[LIGHT].lost_most;
	printf("a decode step behind %d tokens, %llu cycles; %d preemptions, one a run\n", PAST,
	       (unsigned long long)step_cycles, SAMPLES);
	printf("%-22s%6s%22s%22s\n", "saved", "%", "until free, mean/most", "job loses, mean/most");
	print("CP state, at a YIELD", &kinds[LIGHT]);
	print("everything", &kinds[ALL]);
	print("either", &both);
	return 0;
}
