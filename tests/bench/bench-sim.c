// SPDX-License-Identifier: MIT
/*
 * What the model of the NPU costs the host per command, by kind of command: streams of one
 * kind with the smallest shapes, run through sim/sim.h, with time only and with values.
 *
 *   bench-sim [--json] [MODEL.gguf]
 *
 * CPU time, one thread working, best of several runs. A stream is a loop over SITES commands, each
 * behind a RING that moves its tiles, as compilers write them; the RING's own cost, the first
 * row, is taken off. "kernel" is the work itself: the same conversion, product or micro-program,
 * called directly. "beside" is what the model adds to it. With a model file, a last line says
 * what a command of its decode steps costs, time only.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/sim.h"
#include "sim_streams.h"
#include "tools/tern-run/decoder.h"

#define SECONDS 0.06 /* per number and pass, best of the runs that fit */
#define PASSES	4    /* apart from each other, as other work comes and goes */
#define CALLS	10000
#define STEPS	16  /* decode steps per run */
#define PAST	512 /* tokens before them */

struct row {
	const struct kind *kind;
	double time_only, values, kernel; /* ns per command */
};

struct decode {
	double ns;
	unsigned long long commands; /* of a step */
};

static unsigned char *memory, *operands;

/* Of all threads: a session runs its jobs on one of its own. One works at a time. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench-sim: %s: %s\n", what, why);
	exit(1);
}

/* ---- memory --------------------------------------------------------------------------- */
/* Bytes that are small, normal numbers in every format. */
static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i & 1 ? 0x20 | (i >> 3 & 0x0f) : i * 7);
}

static void fill_memory(void)
{
	static const int32_t rows[] = {5, 2};

	fill(memory, MEM_BYTES);
	fill(operands, MEM_BYTES);
	memcpy(memory + DATA + INDICES, rows, sizeof(rows));
}

static void *translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	uint64_t at = va - MEM_VA;

	(void)ctx;
	(void)access;
	if (at >= MEM_BYTES)
		return NULL;
	*len = *len < MEM_BYTES - at ? *len : MEM_BYTES - at;
	return memory + at;
}

/* ---- numbers ----------------------------------------------------------------------------- */
static struct tern_sim *open_device(const char *text)
{
	struct tern_sim_options opt = {.threads = 1};
	struct tern_caps caps;
	struct tern_sim *sim;
	char err[256];

	if (tern_sim_parse(text, &caps, &opt, NULL, 0, err, sizeof(err)) ||
	    tern_sim_create(&caps, &opt, &sim, err, sizeof(err)))
		fail(text, err);
	return sim;
}

/* ns per round of the fastest job: a RING, where there is one, and the kind's commands. */
static double time_stream(struct tern_sim *sim, const struct kind *k)
{
	double best = 1e9, start = now();

	build_stream(k, memory);
	do {
		struct tern_sim_run run = {.job = {.image = MEM_VA, .args = MEM_VA + DATA},
					   .mem = {translate, NULL}};
		double t = now();

		if (tern_sim_run(sim, &run))
			fail(k->name, "out of memory");
		t = now() - t;
		if (run.fault.code)
			fail(k->name, tern_fault_text(run.fault.code));
		best = t < best ? t : best;
	} while (now() - start < SECONDS);
	return 1e9 * best / (SITES * ROUNDS);
}

static double time_kernel(const struct kind *k)
{
	const struct tern_simd *simd = tern_simd_get(NULL);
	double best = 1e9, start = now();

	do {
		double t = now();

		for (unsigned int i = 0; i < CALLS; i++)
			run_kernel(simd, k, operands);
		t = now() - t;
		best = t < best ? t : best;
	} while (now() - start < SECONDS);
	return 1e9 * best / CALLS;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* ns per round: RING and all. */
static void measure_rounds(struct row *rows)
{
	struct tern_sim *timed = open_device("ref,time-only"), *full = open_device("ref");

	for (size_t i = 0; i < NKINDS; i++)
		rows[i] = (struct row){&kinds[i], 1e9, 1e9, 1e9};
	for (unsigned int pass = 0; pass < PASSES; pass++) {
		for (struct row *r = rows; r < rows + NKINDS; r++) {
			r->time_only = least(r->time_only, time_stream(timed, r->kind));
			r->values = least(r->values, time_stream(full, r->kind));
			if (!r->kind->still)
				r->kernel = least(r->kernel, time_kernel(r->kind));
		}
	}
	tern_sim_destroy(timed);
	tern_sim_destroy(full);
}

static void measure(struct row *rows)
{
	const struct row *ring = &rows[0];

	measure_rounds(rows);
	for (struct row *r = rows; r < rows + NKINDS; r++) {
		if (r->kind->still) {
			r->kernel = 0;
			continue;
		}
		r->time_only = (r->time_only - ring->time_only) / r->kind->commands;
		r->values = (r->values - ring->values) / r->kind->commands;
		r->kernel /= r->kind->commands;
	}
}

/* ---- a decode step ---------------------------------------------------------------------- */
static void steps(struct decoder *d, const char *path)
{
	const float *logits;
	char err[512];

	for (uint32_t i = 0; i < STEPS; i++) {
		int32_t token = (int32_t)i + 1;

		if (decoder_run(d, &token, 1, PAST + i, &logits, err, sizeof(err)))
			fail(path, err);
	}
}

static struct decode measure_decode(const char *path)
{
	const struct decoder_params p = {"sim:ref,time-only,threads=1", PAST + STEPS, 1, false};
	struct tern_stats stats = {.size = sizeof(stats)};
	double best = 1e9, start;
	struct decoder *d;
	struct model *m;
	char err[512];

	if (model_open(path, &m, err, sizeof(err)) || decoder_create(m, &p, &d, err, sizeof(err)))
		fail(path, err);
	steps(d, path);
	tern_session_reset_stats(decoder_session(d));
	steps(d, path);
	tern_session_stats(decoder_session(d), &stats);
	start = now();
	do {
		double t = now();

		steps(d, path);
		t = now() - t;
		best = t < best ? t : best;
	} while (now() - start < 40 * SECONDS);
	decoder_destroy(d);
	model_close(m);
	return (struct decode){1e9 * best / (double)stats.commands, stats.commands / STEPS};
}

/* ---- output ------------------------------------------------------------------------------ */
static void print_table(const struct row *rows, const struct decode *d)
{
	printf("host CPU time in ns per command, one thread, best of several runs\n");
	printf("%-21s%-15s%10s%10s%10s%10s\n", "command", "shape", "time only", "values", "kernel",
	       "beside");
	for (size_t i = 0; i < NKINDS; i++) {
		const struct row *r = &rows[i];

		printf("%-21s%-15s%10.1f%10.1f", r->kind->name, r->kind->shape, r->time_only,
		       r->values);
		if (r->kind->still)
			printf("\n");
		else
			printf("%10.1f%10.1f\n", r->kernel, r->values - r->kernel);
	}
	if (d)
		printf("%-36s%10.1f   of %llu commands\n", "decode step", d->ns, d->commands);
}

static void print_json(const struct row *rows, const struct decode *d)
{
	printf("{\"unit\": \"ns\", \"commands\": [");
	for (size_t i = 0; i < NKINDS; i++)
		printf("%s\n {\"name\": \"%s\", \"shape\": \"%s\", \"time_only\": %.2f, "
		       "\"values\": %.2f, \"kernel\": %.2f}",
		       i ? "," : "", rows[i].kind->name, rows[i].kind->shape, rows[i].time_only,
		       rows[i].values, rows[i].kernel);
	printf("]");
	if (d)
		printf(",\n \"decode\": {\"time_only\": %.2f, \"commands\": %llu}", d->ns,
		       d->commands);
	printf("}\n");
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	const char *model = argc > 1 + json ? argv[1 + json] : NULL;
	struct row rows[NKINDS];
	struct decode d;

	if (argc > 2 + json || (model && model[0] == '-')) {
		fprintf(stderr, "usage: bench-sim [--json] [MODEL.gguf]\n");
		return 2;
	}
	memory = aligned_alloc(4096, MEM_BYTES);
	operands = aligned_alloc(4096, MEM_BYTES);
	if (!memory || !operands)
		fail("memory", "none left");
	fill_memory();
	measure(rows);
	if (model)
		d = measure_decode(model);
	(json ? print_json : print_table)(rows, model ? &d : NULL);
	free(memory);
	free(operands);
	return 0;
}
