// SPDX-License-Identifier: MIT
/* What a run left, compared with the reference, with what was there, and with other runs. */
#include "support/conformance_bench.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static double limit_of(const struct conf_bench *b)
{
	double limit = b->g->limit;

	for (unsigned int o = 0; o < b->g->nops && !b->g->limit; o++)
		limit = fmax(limit, conf_limit(&b->g->ops[o], b->tdesc));
	return limit;
}

static double mean_square(const double *v, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += isfinite(v[i]) ? v[i] * v[i] : 0;
	return sum / (double)n;
}

/* An element may be off by ten times the root of the limit: of itself, or of the mean of its
 * row or of the tensor. Normal errors do not reach seven, a wrong element does not stay below. */
static int64_t wrong_elements(const struct ref_tensor *want, const struct ref_tensor *got,
			      double limit, int64_t *first)
{
	double all = mean_square(want->v, ref_count(want->ne));
	int64_t n = want->ne[0], wrong = 0;
	double row = 0;

	for (int64_t i = 0; i < ref_count(want->ne); i++) {
		double off = fabs(want->v[i] - got->v[i]), self = want->v[i] * want->v[i];

		row = i % n ? row : mean_square(&want->v[i], n);
		if (off <= 10 * sqrt(limit * fmax(self, fmax(row, all))) || !isfinite(want->v[i]))
			continue;
		*first = wrong++ ? *first : i;
	}
	return wrong;
}

static void compare_tensor(struct conf_bench *b, unsigned int tensor, unsigned int run,
			   const uint8_t *got_bytes, double limit)
{
	struct tern_tensor_desc t = conf_in_run(b, tensor, run);
	struct ref_tensor want = conf_load(&t, b->storage[t.storage].want[run]);
	struct ref_tensor got = conf_load(&t, got_bytes);
	struct ref_error e = ref_compare(&want, &got);
	int64_t first = e.worst, wrong = wrong_elements(&want, &got, limit, &first);

	conf_note(b->name, b->device, e.nmse, limit);
	if (e.nmse > limit || e.mismatches || wrong)
		conf_fail(b->name, b->device,
			  "tensor %u, run %u (%" PRId64 ",%" PRId64
			  "): nmse %.2g, limit %.2g; %" PRId64 " wrong, %" PRId64
			  " not finite, of %" PRId64 "; [%" PRId64 "] is %.9g, not %.9g",
			  tensor, run, b->g->runs[run][0], b->g->runs[run][1], e.nmse, limit, wrong,
			  e.mismatches, ref_count(t.ne), first, got.v[first], want.v[first]);
	ref_free(&want);
	ref_free(&got);
}

static void compare_untouched(struct conf_bench *b, unsigned int s, unsigned int run,
			      const uint8_t *got)
{
	const struct conf_storage *st = &b->storage[s];

	for (size_t i = 0; i < st->size; i++) {
		if (st->writable[run][i] || got[i] == st->init[i])
			continue;
		conf_fail(b->name, b->device,
			  "run %u: byte %zu of %zu of storage %u was written, outside all results",
			  run, i, st->size, s);
		return;
	}
}

static void compare_bits(struct conf_bench *b, unsigned int s, unsigned int run, const uint8_t *got)
{
	struct conf_storage *st = &b->storage[s];
	size_t at;

	if (!st->first[run]) {
		st->first[run] = conf_need(malloc(st->size));
		memcpy(st->first[run], got, st->size);
		return;
	}
	for (at = 0; at < st->size && got[at] == st->first[run][at]; at++)
		;
	if (at < st->size)
		conf_fail(b->name, b->device,
			  "run %u: byte %zu of %zu of storage %u differs from another sim:ref", run,
			  at, st->size, s);
}

static const uint8_t *result(const struct conf_bench *b, struct tern_session *session,
			     unsigned int s)
{
	if (b->sdesc[s].flags & TERN_STORAGE_KEEP)
		return tern_session_storage(session, s);
	return b->storage[s].buffer ? tern_buffer_data(b->storage[s].buffer) : NULL;
}

void conf_compare(struct conf_bench *b, struct tern_session *session, unsigned int run, bool ref)
{
	double limit = b->g->exact ? 0 : limit_of(b);

	for (unsigned int o = 0; o < b->g->nops; o++) {
		unsigned int t = b->g->ops[o].dst;
		const uint8_t *got = result(b, session, b->tdesc[t].storage);

		if (got)
			compare_tensor(b, t, run, got, limit);
	}
	for (unsigned int s = 0; s < b->nstorages; s++) {
		const uint8_t *got = result(b, session, s);

		if (b->sdesc[s].flags & TERN_STORAGE_BOUND)
			compare_untouched(b, s, run, got);
		if (got && ref && b->sdesc[s].flags & TERN_STORAGE_BOUND)
			compare_bits(b, s, run, got);
	}
}
