// SPDX-License-Identifier: MIT
/*
 * sampler.c - greedy and random choice of a token.
 *
 * Candidates are put in a heap and taken out only as far as top-k and top-p
 * reach, so that a vocabulary of 128k is never sorted.
 */
#include "sampler.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct candidate {
	float logit;
	int32_t id;
};

struct sampler {
	struct sampler_params params;
	uint32_t n_vocab;
	uint64_t rng[4];
	struct candidate *heap; /* n_vocab of them; what is taken out moves to the end */
	double *weight;		/* of the candidates kept, in the order of preference */
};

/* splitmix64, S. Vigna, https://prng.di.unimi.it/splitmix64.c: for seeding. */
static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/*
 * xoshiro256**: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 47(4), 2021, figure 1.
 */
static uint64_t xoshiro256(uint64_t s[4])
{
	uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* Uniform in [0, 1), on the 53 bits a double holds. */
static double uniform(struct sampler *s)
{
	return (double)(xoshiro256(s->rng) >> 11) * 0x1p-53;
}

static const char *bad_parameter(const struct sampler_params *p)
{
	if (!(p->temperature >= 0) || isinf(p->temperature))
		return "The temperature must be a number from 0 (greedy) up.";
	if (!(p->top_p > 0 && p->top_p <= 1))
		return "top-p must be above 0 and at most 1 (all tokens).";
	return NULL;
}

static int refuse(int rc, char *err, size_t errlen, const char *why)
{
	if (err && errlen)
		snprintf(err, errlen, "%s", why);
	return rc;
}

int sampler_new(uint32_t n_vocab, const struct sampler_params *params, struct sampler **out,
		char *err, size_t errlen)
{
	const char *bad = bad_parameter(params);
	uint64_t seed = params->seed;
	struct sampler *s;

	*out = NULL;
	if (!n_vocab || n_vocab > INT32_MAX)
		bad = "The vocabulary has no token to choose from.";
	if (bad)
		return refuse(-EINVAL, err, errlen, bad);
	s = calloc(1, sizeof(*s));
	if (s) {
		s->heap = calloc(n_vocab, sizeof(*s->heap));
		s->weight = calloc(n_vocab, sizeof(*s->weight));
	}
	if (!s || !s->heap || !s->weight) {
		sampler_free(s);
		return refuse(-ENOMEM, err, errlen, "There is not enough memory for the sampler.");
	}
	s->params = *params;
	s->n_vocab = n_vocab;
	for (int i = 0; i < 4; i++)
		s->rng[i] = splitmix64(&seed);
	*out = s;
	return 0;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	free(s->heap);
	free(s->weight);
	free(s);
}

/* Greedy, and the check that there is anything to choose. */
static int32_t likeliest(const float *logits, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (isnan(logits[i]))
			return -EDOM;
		if (logits[i] > logits[best])
			best = i;
	}
	return isinf(logits[best]) ? -EDOM : (int32_t)best;
}

static int preferred(struct candidate a, struct candidate b)
{
	return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(struct candidate *heap, size_t n, size_t i)
{
	struct candidate c = heap[i];

	for (;;) {
		size_t down = 2 * i + 1;

		if (down >= n)
			break;
		if (down + 1 < n && preferred(heap[down + 1], heap[down]))
			down++;
		if (!preferred(heap[down], c))
			break;
		heap[i] = heap[down];
		i = down;
	}
	heap[i] = c;
}

static void build_heap(struct sampler *s, const float *logits)
{
	for (uint32_t i = 0; i < s->n_vocab; i++)
		s->heap[i] = (struct candidate){logits[i], (int32_t)i};
	for (size_t i = s->n_vocab / 2; i-- > 0;)
		sift_down(s->heap, s->n_vocab, i);
}

/* Takes the next of the likeliest; after k calls they are at the heap's end. */
static struct candidate take(struct sampler *s, size_t taken)
{
	struct candidate top = s->heap[0];
	size_t last = s->n_vocab - taken - 1;

	s->heap[0] = s->heap[last];
	s->heap[last] = top;
	sift_down(s->heap, last, 0);
	return top;
}

/* Candidates by rank, once taken. */
static struct candidate ranked(const struct sampler *s, size_t rank)
{
	return s->heap[s->n_vocab - 1 - rank];
}

/* The sum top-p is a share of: over all, or over the k likeliest, taken here. */
static double total_weight(struct sampler *s, const float *logits, float max, size_t k)
{
	double sum = 0;

	if (k == s->n_vocab) {
		for (uint32_t i = 0; i < s->n_vocab; i++)
			sum += exp((double)logits[i] - max);
		return sum;
	}
	for (size_t i = 0; i < k; i++)
		sum += exp((double)take(s, i).logit - max);
	return sum;
}

/* How many of the @k likeliest top-p keeps: at least one. */
static size_t apply_top_p(struct sampler *s, float max, size_t k, double total)
{
	double sum = 0, goal = (double)s->params.top_p * total;
	size_t n = 0;

	while (n < k) {
		struct candidate c = k == s->n_vocab ? take(s, n) : ranked(s, n);

		sum += exp((double)c.logit - max);
		n++;
		if (sum >= goal)
			break;
	}
	return n;
}

static int32_t draw(struct sampler *s, const float *logits, float max, size_t n, int ordered)
{
	double sum = 0, at;
	size_t i;

	for (i = 0; i < n; i++) {
		double l = ordered ? ranked(s, i).logit : logits[i];

		sum += exp((l - max) / (double)s->params.temperature);
		s->weight[i] = sum;
	}
	at = uniform(s) * sum;
	for (i = 0; i + 1 < n && s->weight[i] <= at; i++)
		;
	return ordered ? ranked(s, i).id : (int32_t)i;
}

int32_t sampler_next(struct sampler *s, const float *logits)
{
	int32_t best = likeliest(logits, s->n_vocab);
	size_t k = s->params.top_k;
	double total;
	float max;

	if (best < 0 || s->params.temperature == 0)
		return best;
	max = logits[best];
	if (!k || k > s->n_vocab)
		k = s->n_vocab;
	if (k == s->n_vocab && s->params.top_p >= 1)
		return draw(s, logits, max, k, 0);
	build_heap(s, logits);
	total = total_weight(s, logits, max, k);
	if (s->params.top_p < 1)
		k = apply_top_p(s, max, k, total);
	return draw(s, logits, max, k, 1);
}
