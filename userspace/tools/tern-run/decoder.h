/* SPDX-License-Identifier: MIT */
/*
 * decoder.h - a model on a device: its graph compiled, its weights bound, its cache.
 *
 * One graph serves every token count up to `batch` and every past length up to the
 * context, so generation compiles once. A second graph, which keeps the logits of every
 * token, is compiled only if it is asked for (perplexity).
 */
#ifndef TERN_RUN_DECODER_H
#define TERN_RUN_DECODER_H

#include <tern.h>

#include "model.h"

struct decoder;

struct decoder_params {
	const char *device;
	uint32_t ctx;	 /* positions of the cache */
	uint32_t batch;	 /* most tokens per run */
	bool all_logits; /* keep every token's logits, not only the last one's */
};

int decoder_create(const struct model *m, const struct decoder_params *p, struct decoder **out,
		   char *err, size_t errlen);
void decoder_destroy(struct decoder *d);

/*
 * Run `n` tokens (1 <= n <= batch) at positions past, past + 1, ... of the cache. *logits points to
 * n_vocab floats of the last token, or n rows of them with all_logits; valid until the next
 * run. -EINTR after decoder_stop(), whether that came during the run or before it.
 */
int decoder_run(struct decoder *d, const int32_t *tokens, uint32_t n, uint32_t past,
		const float **logits, char *err, size_t errlen);
/* For good; async-signal-safe. */
void decoder_stop(struct decoder *d);

struct tern_session *decoder_session(struct decoder *d);
struct tern_program *decoder_program(struct decoder *d);
struct tern_device *decoder_device(struct decoder *d);
/* How many programs were compiled, and how many runs they have served. */
uint32_t decoder_batch(const struct decoder *d);
uint32_t decoder_compiled(const struct decoder *d);

#endif
