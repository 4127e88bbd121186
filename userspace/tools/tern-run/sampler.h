/* SPDX-License-Identifier: MIT */
/*
 * sampler.h - choosing the next token from its logits.
 *
 * The same seed, parameters and logits give the same tokens on every run. The
 * filters apply in llama.cpp's order: top-k, then top-p on the probabilities of
 * what is left, then temperature.
 */
#ifndef TERN_RUN_SAMPLER_H
#define TERN_RUN_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

struct sampler_params {
	float temperature; /* 0: greedy, the other filters then have no effect */
	uint32_t top_k;	   /* keep this many of the likeliest tokens; 0: all */
	float top_p;	   /* keep the likeliest tokens up to this probability; 1: all */
	uint64_t seed;
};

struct sampler;

/* -EINVAL with a sentence in @err for a parameter out of range. */
int sampler_new(uint32_t n_vocab, const struct sampler_params *params, struct sampler **out,
		char *err, size_t errlen);
void sampler_free(struct sampler *s);

/*
 * The token chosen, of n_vocab @logits; the lower number among equals. -EDOM
 * when a logit is not a number or plus infinity, or all are minus infinity: the
 * computation that made them has failed.
 */
int32_t sampler_next(struct sampler *s, const float *logits);

#endif
