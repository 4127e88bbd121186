// SPDX-License-Identifier: MIT
/* Streaming generation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

volatile int run_interrupted;

int run_fail(struct run *r)
{
	fprintf(stderr, "tern-run: %s\n", r->err);
	return 1;
}

void phase_begin(struct run *r)
{
	tern_session_reset_stats(decoder_session(r->dec));
}

void phase_end(struct run *r, struct phase *p, uint64_t tokens)
{
	p->stats.size = sizeof(p->stats);
	tern_session_stats(decoder_session(r->dec), &p->stats);
	p->tokens = tokens;
	p->host_s = (double)p->stats.host_ns * 1e-9;
}

static void progress(uint32_t done, uint32_t n, double since)
{
	if (!isatty(STDERR_FILENO) || seconds_now() - since < 1.0)
		return;
	fprintf(stderr, "\rreading the prompt: %u of %u tokens (%u %%)", done, n, 100 * done / n);
	if (done == n)
		fprintf(stderr, "\r\033[K");
}

int run_prefill(struct run *r, const int32_t *tokens, uint32_t n, uint32_t past,
		const float **logits)
{
	uint32_t batch = decoder_batch(r->dec);
	double since = seconds_now();

	for (uint32_t at = 0; at < n; at += batch) {
		uint32_t count = n - at < batch ? n - at : batch;
		int rc = run_interrupted ? -EINTR
					 : decoder_run(r->dec, tokens + at, count, past + at,
						       logits, r->err, sizeof(r->err));

		if (rc)
			return rc;
		progress(at + count, n, since);
	}
	return 0;
}

/* ---- output: text as it comes, or one JSON document at the end ------------------ */
struct step {
	int32_t id, runner_up;
	float logit, runner_up_logit;
};

struct output {
	struct run *r;
	struct step *steps;
	uint32_t n, room;
	char *text;
	size_t len, text_room;
};

static bool keep_text(struct output *o, const char *s, size_t n)
{
	if (o->len + n > o->text_room) {
		size_t room = 2 * (o->len + n) + 256;
		char *t = realloc(o->text, room);

		if (!t)
			return false;
		o->text = t;
		o->text_room = room;
	}
	memcpy(o->text + o->len, s, n);
	o->len += n;
	return true;
}

static bool keep_step(struct output *o, int32_t id, const float *logits)
{
	struct step s = {.id = id, .runner_up = -1, .logit = logits[id]};

	for (int32_t i = 0; i < (int32_t)o->r->model->n_vocab; i++)
		if (i != id && (s.runner_up < 0 || logits[i] > s.runner_up_logit)) {
			s.runner_up = i;
			s.runner_up_logit = logits[i];
		}
	if (o->n == o->room) {
		uint32_t room = o->room ? 2 * o->room : 64;
		struct step *p = realloc(o->steps, room * sizeof(*p));

		if (!p)
			return false;
		o->steps = p;
		o->room = room;
	}
	o->steps[o->n++] = s;
	return true;
}

static bool emit(struct output *o, int32_t id, const float *logits)
{
	char buf[1024];
	char *piece = buf;
	size_t max = vocab_max_piece(o->r->model->vocab);
	int n;
	bool ok = true;

	if (max > sizeof(buf) && !(piece = malloc(max)))
		return false;
	n = vocab_piece(o->r->model->vocab, id, 0, piece, max > sizeof(buf) ? max : sizeof(buf));
	if (o->r->opt->json) {
		ok = keep_step(o, id, logits) && keep_text(o, piece, n > 0 ? (size_t)n : 0);
	} else if (n > 0) {
		fwrite(piece, 1, (size_t)n, stdout);
		fflush(stdout);
	}
	if (piece != buf)
		free(piece);
	return ok;
}

static void print_json(const struct output *o)
{
	printf("{\"text\": ");
	json_string(stdout, o->text ? o->text : "", o->len);
	printf(",\n \"tokens\": [");
	for (uint32_t i = 0; i < o->n; i++)
		printf("%s%d", i ? ", " : "", o->steps[i].id);
	printf("],\n \"steps\": [");
	for (uint32_t i = 0; i < o->n; i++)
		printf("%s\n  {\"id\": %d, \"logit\": %.6f, \"runner_up\": %d, "
		       "\"runner_up_logit\": %.6f}",
		       i ? "," : "", o->steps[i].id, (double)o->steps[i].logit,
		       o->steps[i].runner_up, (double)o->steps[i].runner_up_logit);
	printf("],\n \"stats\": ");
	stats_json(o->r, stdout);
	printf("}\n");
}

/* ---- the loop ------------------------------------------------------------------------ */
static int tokenize(struct run *r, struct token_list *list)
{
	const char *text = r->opt->prompt;
	int rc = vocab_tokenize(r->model->vocab, text, strlen(text),
				VOCAB_ADD_SPECIAL | VOCAB_PARSE_SPECIAL, list, r->err,
				sizeof(r->err));

	if (rc)
		return rc;
	if (!list->n)
		return gguf_fail(-EINVAL, r->err, sizeof(r->err),
				 "the prompt is empty; give some text with -p");
	if (list->n >= r->opt->ctx)
		return gguf_fail(
			-E2BIG, r->err, sizeof(r->err),
			"the prompt has %zu tokens but the context holds %u; shorten it or "
			"raise --ctx (the model was trained with %u)",
			list->n, r->opt->ctx, r->model->ctx_train);
	return 0;
}

/* Generate from the logits of the last prompt token on. Statistics begin anew with the first
 * step: without one --explain has those of the prefill. */
static int decode_loop(struct run *r, struct sampler *s, struct output *o, uint32_t past,
		       const float *logits)
{
	uint64_t tokens = 0;
	int rc = 0;

	for (uint32_t i = 0; i < r->opt->n_predict && !run_interrupted; i++) {
		int32_t id = sampler_next(s, logits);

		if (id < 0) {
			rc = gguf_fail(
				id, r->err, sizeof(r->err),
				"the model's logits are not numbers; the file may be damaged");
			break;
		}
		if (vocab_is_eog(r->model->vocab, id))
			break;
		if (!emit(o, id, logits)) {
			rc = gguf_fail(-ENOMEM, r->err, sizeof(r->err), "out of memory");
			break;
		}
		if (i + 1 == r->opt->n_predict)
			break;
		if (past >= r->opt->ctx) {
			fprintf(stderr, "\ntern-run: the context of %u tokens is full\n",
				r->opt->ctx);
			break;
		}
		if (!tokens)
			phase_begin(r);
		rc = decoder_run(r->dec, &id, 1, past++, &logits, r->err, sizeof(r->err));
		if (rc)
			break;
		tokens++;
	}
	if (tokens || rc)
		phase_end(r, &r->decode, tokens);
	return rc;
}

int run_generate(struct run *r)
{
	struct output o = {.r = r};
	struct token_list list = {0};
	struct sampler *s = NULL;
	const float *logits = NULL;
	int rc = tokenize(r, &list);

	if (!rc)
		rc = sampler_new(r->model->n_vocab, &r->opt->sampling, &s, r->err, sizeof(r->err));
	if (!rc) {
		if (!r->opt->json) {
			fputs(r->opt->prompt, stdout);
			fflush(stdout);
		}
		phase_begin(r);
		rc = run_prefill(r, list.ids, (uint32_t)list.n, 0, &logits);
		phase_end(r, &r->prefill, list.n);
	}
	if (!rc)
		rc = decode_loop(r, s, &o, (uint32_t)list.n, logits);
	if (!r->opt->json && (r->prefill.tokens || !rc))
		putchar('\n');
	if (run_interrupted)
		rc = -EINTR;
	if ((!rc || rc == -EINTR) && r->opt->json)
		print_json(&o);
	sampler_free(s);
	token_list_free(&list);
	free(o.steps);
	free(o.text);
	if (rc == -EINTR)
		return 130;
	return rc ? run_fail(r) : 0;
}
