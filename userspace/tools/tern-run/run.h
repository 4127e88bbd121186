/* SPDX-License-Identifier: MIT */
/* run.h - what tern-run does with a model: generate, measure perplexity, benchmark. */
#ifndef TERN_RUN_RUN_H
#define TERN_RUN_RUN_H

#include <stdio.h>

#include "decoder.h"
#include "sampler.h"

enum run_mode { RUN_GENERATE, RUN_PERPLEXITY, RUN_BENCH };

struct options {
	const char *model, *prompt, *device, *explain, *trace, *perplexity, *bench;
	uint32_t ctx, threads, n_predict;
	struct sampler_params sampling;
	bool stats, show_explain, json;
};

/* Time and work of a phase, in both clocks. */
struct phase {
	const char *name;
	uint64_t tokens;
	double host_s;
	struct tern_stats stats;
};

struct run {
	const struct options *opt;
	struct model *model;
	struct decoder *dec;
	struct phase prefill, decode;
	char err[512];
};

/* Each returns an exit status; the sentence of a failure is printed. */
int run_generate(struct run *r);
int run_perplexity(struct run *r);
int run_bench(struct run *r);

/* Set by Ctrl-C. */
extern volatile int run_interrupted;

/* Feed tokens [0, n) at position `past`, in batches, with a progress line when that takes long.
 * -EINTR after Ctrl-C, which may come between two batches. */
int run_prefill(struct run *r, const int32_t *tokens, uint32_t n, uint32_t past,
		const float **logits);
void phase_begin(struct run *r);
void phase_end(struct run *r, struct phase *p, uint64_t tokens);
int run_fail(struct run *r);

/* stats.c */
void stats_print(const struct run *r, FILE *out);
void stats_json(const struct run *r, FILE *out);
void json_string(FILE *out, const char *text, size_t n);
double seconds_now(void);

#endif
