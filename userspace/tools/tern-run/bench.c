// SPDX-License-Identifier: MIT
/*
 * --bench pP,nN,rR[,dD]: R times a prefill of P tokens into an empty cache, and N decode steps after a
 * past of D tokens (default: none), as llama-bench's pp and tg. Tokens are arbitrary.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { MAX_REPEATS = 100 };

struct plan {
	uint32_t p, n, r, d;
};

static int parse(struct run *r, struct plan *plan)
{
	const char *s = r->opt->bench;

	*plan = (struct plan){.r = 1};
	while (*s) {
		char key = *s++, *end;
		unsigned long v = strtoul(s, &end, 10);
		uint32_t *to = key == 'p'   ? &plan->p
			       : key == 'n' ? &plan->n
			       : key == 'r' ? &plan->r
			       : key == 'd' ? &plan->d
					    : NULL;

		if (!to || end == s || (*end && *end != ',') || v > UINT32_MAX)
			return gguf_fail(
				-EINVAL, r->err, sizeof(r->err),
				"--bench %s: write it as p512,n32,r5 (prefill, decode steps, "
				"repeats; d512: decode behind that many tokens)",
				r->opt->bench);
		*to = (uint32_t)v;
		s = *end ? end + 1 : end;
	}
	if (plan->r < 1 || plan->r > MAX_REPEATS)
		return gguf_fail(-EINVAL, r->err, sizeof(r->err), "--bench: 1 to %d repeats",
				 MAX_REPEATS);
	if (plan->p > r->opt->ctx || plan->d + plan->n > r->opt->ctx)
		return gguf_fail(-EINVAL, r->err, sizeof(r->err),
				 "--bench %s needs a context of %u tokens, it has %u; raise --ctx",
				 r->opt->bench,
				 plan->p > plan->d + plan->n ? plan->p : plan->d + plan->n,
				 r->opt->ctx);
	return 0;
}

static int one_prefill(struct run *r, const int32_t *tokens, uint32_t n, double *tps)
{
	const float *logits;
	int rc;

	phase_begin(r);
	rc = run_prefill(r, tokens, n, 0, &logits);
	phase_end(r, &r->prefill, n);
	*tps = n / r->prefill.host_s;
	return rc;
}

static int one_decode(struct run *r, const int32_t *tokens, const struct plan *p, double *tps)
{
	const float *logits;
	int rc = 0;

	phase_begin(r);
	for (uint32_t i = 0; i < p->n && !rc && !run_interrupted; i++)
		rc = decoder_run(r->dec, &tokens[i], 1, p->d + i, &logits, r->err, sizeof(r->err));
	phase_end(r, &r->decode, p->n);
	*tps = p->n / r->decode.host_s;
	return rc;
}

static void print_list(const char *name, const double *v, uint32_t n)
{
	printf("\"%s\": [", name);
	for (uint32_t i = 0; i < n; i++)
		printf("%s%.4f", i ? ", " : "", v[i]);
	printf("],\n ");
}

static void report(const struct run *r, const struct plan *p, const double *pre, const double *dec)
{
	if (r->opt->json) {
		printf("{");
		print_list("prefill_tps", pre, p->p ? p->r : 0);
		print_list("decode_tps", dec, p->n ? p->r : 0);
		printf("\"stats\": ");
		stats_json(r, stdout);
		printf("}\n");
		return;
	}
	for (uint32_t i = 0; i < p->r; i++)
		printf("run %u: prefill %.1f tokens/s, decode %.1f tokens/s (host)\n", i + 1,
		       p->p ? pre[i] : 0.0, p->n ? dec[i] : 0.0);
	stats_print(r, stdout);
}

int run_bench(struct run *r)
{
	double pre[MAX_REPEATS] = {0}, dec[MAX_REPEATS] = {0}, warm;
	int32_t *tokens = NULL;
	struct plan p;
	int rc = parse(r, &p);
	uint32_t n = p.p > p.n ? p.p : p.n;

	if (!rc && !(tokens = calloc(n + 1ul, sizeof(*tokens))))
		rc = gguf_fail(-ENOMEM, r->err, sizeof(r->err), "out of memory");
	for (uint32_t i = 0; !rc && i < n; i++)
		tokens[i] = (int32_t)((i * 7919ul + 13) % r->model->n_vocab);
	if (!rc) /* first touch of weights and cache is not what is measured */
		rc = one_decode(r, tokens, &(struct plan){.n = 1}, &warm);
	for (uint32_t i = 0; !rc && !run_interrupted && i < p.r; i++) {
		if (p.p)
			rc = one_prefill(r, tokens, p.p, &pre[i]);
		if (!rc && p.n)
			rc = one_decode(r, tokens, &p, &dec[i]);
	}
	free(tokens);
	if (run_interrupted)
		return 130;
	if (rc)
		return run_fail(r);
	report(r, &p, pre, dec);
	return 0;
}
