// SPDX-License-Identifier: MIT
/*
 * Perplexity, counted as llama.cpp's llama-perplexity does without a stride: the text is cut
 * into chunks of ctx tokens, each run from an empty cache, its first token replaced by BOS where
 * the model adds one; of each chunk the predictions of the second half count.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static char *read_file(struct run *r, const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t n = 0, room = 0;

	if (!f) {
		gguf_fail(-errno, r->err, sizeof(r->err), "cannot read %s: %s", path,
			  strerror(errno));
		return NULL;
	}
	for (;;) {
		if (n == room) {
			char *t = realloc(text, room = room ? 2 * room : 1 << 16);

			if (!t)
				break;
			text = t;
		}
		size_t got = fread(text + n, 1, room - n, f);

		n += got;
		if (!got)
			break;
	}
	if (ferror(f) || n == room) {
		gguf_fail(-EIO, r->err, sizeof(r->err), "cannot read %s to its end", path);
		free(text);
		text = NULL;
	}
	fclose(f);
	*size = n;
	return text;
}

/* -log p(token) under the soft-max of one row. */
static double surprise(const float *logits, uint32_t n, int32_t token)
{
	float max = logits[0];
	double sum = 0;

	for (uint32_t i = 1; i < n; i++)
		if (logits[i] > max)
			max = logits[i];
	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)(logits[i] - max));
	return log(sum) - (double)(logits[token] - max);
}

struct sum {
	double nll, nll2;
	uint64_t count;
};

static int run_chunk(struct run *r, int32_t *tokens, struct sum *s)
{
	uint32_t ctx = r->opt->ctx, batch = decoder_batch(r->dec), first = ctx / 2;
	int32_t kept = tokens[0];

	if (vocab_adds_bos(r->model->vocab))
		tokens[0] = vocab_bos(r->model->vocab);
	for (uint32_t at = 0; at < ctx; at += batch) {
		uint32_t n = ctx - at < batch ? ctx - at : batch;
		const float *logits;
		int rc = run_interrupted ? -EINTR
					 : decoder_run(r->dec, tokens + at, n, at, &logits, r->err,
						       sizeof(r->err));

		if (rc)
			return rc;
		for (uint32_t i = at < first ? first - at : 0; i < n && at + i + 1 < ctx; i++) {
			double x = surprise(logits + (size_t)i * r->model->n_vocab,
					    r->model->n_vocab, tokens[at + i + 1]);

			s->nll += x;
			s->nll2 += x * x;
			s->count++;
		}
	}
	tokens[0] = kept;
	return 0;
}

static void report(const struct run *r, const struct sum *s, uint32_t chunks)
{
	double mean = s->nll / (double)s->count;
	double var = s->nll2 / (double)s->count - mean * mean;
	double ppl = exp(mean);
	double err = s->count > 1 ? ppl * sqrt(var / (double)(s->count - 1)) : 0;

	if (r->opt->json) {
		printf("{\"perplexity\": %.6f, \"error\": %.6f, \"chunks\": %u, \"tokens\": %llu,\n"
		       " \"stats\": ",
		       ppl, err, chunks, (unsigned long long)s->count);
		stats_json(r, stdout);
		printf("}\n");
	} else {
		printf("perplexity %.4f +/- %.4f (%u chunks of %u tokens, second halves)\n", ppl,
		       err, chunks, r->opt->ctx);
	}
}

static int run_chunks(struct run *r, struct token_list *list)
{
	uint32_t chunks = (uint32_t)(list->n / r->opt->ctx);
	struct sum s = {0};
	bool tty = isatty(STDERR_FILENO);
	int rc = 0;

	if (chunks < 1)
		return gguf_fail(
			-EINVAL, r->err, sizeof(r->err),
			"the text has %zu token%s, fewer than one chunk of %u; give a longer "
			"one or lower --ctx",
			list->n, list->n == 1 ? "" : "s", r->opt->ctx);
	phase_begin(r);
	for (uint32_t i = 0; i < chunks && !rc && !run_interrupted; i++) {
		rc = run_chunk(r, list->ids + (size_t)i * r->opt->ctx, &s);
		if (tty && !rc)
			fprintf(stderr, "\rchunk %u of %u: perplexity %.3f", i + 1, chunks,
				exp(s.nll / (double)s.count));
	}
	if (tty)
		fprintf(stderr, "\r\033[K");
	phase_end(r, &r->prefill, (uint64_t)chunks * r->opt->ctx);
	if (!rc && !run_interrupted)
		report(r, &s, chunks);
	return run_interrupted ? -EINTR : rc;
}

int run_perplexity(struct run *r)
{
	struct token_list list = {0};
	size_t size;
	char *text = read_file(r, r->opt->perplexity, &size);
	int rc;

	if (!text)
		return run_fail(r);
	rc = vocab_tokenize(r->model->vocab, text, size, VOCAB_ADD_SPECIAL, &list, r->err,
			    sizeof(r->err));
	free(text);
	if (!rc)
		rc = run_chunks(r, &list);
	token_list_free(&list);
	if (rc == -EINTR)
		return 130;
	return rc ? run_fail(r) : 0;
}
