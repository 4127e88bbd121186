// SPDX-License-Identifier: MIT
/* Reductions of rows to a number, an index, a permutation. */
#include "kernels.h"
#include "vec.h"

#include <string.h>

#define SHARE 8192 /* elements one thread takes at a time */

struct pick {
	struct tern_cpu *cpu;
	const struct tern_cpu_op *op;
	struct tern_scratch scratch;
	bool descending;
};

static const float *source_row(const struct pick *p, int64_t row, float *tmp)
{
	const struct tern_cpu_tensor *s = &p->op->src[0];
	int64_t i[3];

	tern_split(s->ne, row, i);
	return tern_load(p->cpu->simd, s, tern_row(s, i[0], i[1], i[2]), 0, s->ne[0], tmp);
}

static int run_rows(struct pick *p, size_t each, tern_pool_fn piece)
{
	const int64_t n = p->op->src[0].ne[0];
	int rc = tern_cpu_scratch(p->cpu, 0, each, &p->scratch);

	if (!rc)
		tern_cpu_for(p->cpu, tern_nrows(p->op->src[0].ne),
			     n < SHARE ? (SHARE + n - 1) / n : 1, piece, p);
	return rc;
}

/* ---- sums ------------------------------------------------------------------------------ */
int tern_cpu_check_sum_rows(const struct tern_cpu_op *op)
{
	struct tern_cpu_tensor want = op->src[0];

	want.ne[0] = 1;
	return tern_same_shape(&want, op->dst)
		       ? 0
		       : tern_cpu_refuse(op, "a destination with one element per row");
}

static void sum_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct pick *p = ctx;
	const struct tern_cpu_tensor *d = p->op->dst;
	const int64_t n = p->op->src[0].ne[0];
	float *tmp = tern_scratch_of(&p->scratch, worker);

	for (int64_t row = lo; row < hi; row++) {
		double sum = p->cpu->vec->sum(source_row(p, row, tmp), n);
		int64_t i[3];
		float v;

		v = (float)(p->op->op->op == TERN_MEAN ? sum / (double)n : sum);
		tern_split(d->ne, row, i);
		tern_store(p->cpu->simd, d, tern_row(d, i[0], i[1], i[2]), 0, 1, &v);
	}
}

int tern_cpu_sum_rows(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct pick p = {.cpu = cpu, .op = op};

	return run_rows(&p, (size_t)op->src[0].ne[0] * sizeof(float), sum_piece);
}

/* ---- argmax -------------------------------------------------------------------------------- */
int tern_cpu_check_argmax(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *d = op->dst;

	if (op->src[0].ne[0] > INT32_MAX)
		return tern_cpu_refuse(op, "rows of at most 2^31 - 1 elements");
	return d->ne[0] * tern_nrows(d->ne) == tern_nrows(op->src[0].ne)
		       ? 0
		       : tern_cpu_refuse(op, "a destination with one element per row");
}

/* Element number `at` of an i32 tensor, in element order. */
static void put_linear(const struct tern_cpu_tensor *d, int64_t at, int32_t v)
{
	int64_t i[3];

	tern_split(d->ne, at / d->ne[0], i);
	memcpy(tern_row(d, i[0], i[1], i[2]) + (uint64_t)(at % d->ne[0]) * d->nb[0], &v, sizeof(v));
}

static void argmax_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct pick *p = ctx;
	const int64_t n = p->op->src[0].ne[0];
	float *tmp = tern_scratch_of(&p->scratch, worker);

	for (int64_t row = lo; row < hi; row++) {
		const float *x = source_row(p, row, tmp);
		const float top = p->cpu->vec->max(x, n);
		int64_t i = 0;

		while (i < n && x[i] != top)
			i++;
		put_linear(p->op->dst, row, (int32_t)(i < n ? i : 0));
	}
}

int tern_cpu_argmax(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct pick p = {.cpu = cpu, .op = op};

	return run_rows(&p, (size_t)op->src[0].ne[0] * sizeof(float), argmax_piece);
}

/* ---- sorting --------------------------------------------------------------------------------- */
/*
 * An element becomes 64 bits: a key that orders as unsigned, above its index; so equal
 * elements stay in order whatever sorts them. NaN comes last.
 */
static uint64_t item_of(float x, int64_t index, bool descending)
{
	const float value = x + 0.0f; /* -0 equals 0 */
	uint32_t u;

	memcpy(&u, &value, sizeof(u));
	u = u >> 31 ? ~u : u | 0x80000000u;
	if (descending)
		u = ~u;
	if (x != x)
		u = UINT32_MAX;
	return (uint64_t)u << 32 | (uint32_t)index;
}

static void insertion_sort(uint64_t *v, int64_t n)
{
	for (int64_t i = 1; i < n; i++) {
		const uint64_t x = v[i];
		int64_t j = i;

		for (; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

/* One pass of a radix sort by the 8 bits from `shift`; false: all are alike. */
static bool radix_pass(const uint64_t *from, uint64_t *to, int64_t n, int shift)
{
	int64_t start[257] = {0};

	for (int64_t i = 0; i < n; i++)
		start[(from[i] >> shift & 255) + 1]++;
	if (start[(from[0] >> shift & 255) + 1] == n)
		return false;
	for (int d = 0; d < 256; d++)
		start[d + 1] += start[d];
	for (int64_t i = 0; i < n; i++)
		to[start[from[i] >> shift & 255]++] = from[i];
	return true;
}

/* Sorts v with n items of room at tmp; returns where the result is. Passes are stable and the
 * items enter in order of their indices, so only the keys are looked at. */
static const uint64_t *sort_items(uint64_t *v, uint64_t *tmp, int64_t n)
{
	if (n <= 64) {
		insertion_sort(v, n);
		return v;
	}
	for (int shift = 32; shift < 64; shift += 8) {
		if (radix_pass(v, tmp, n, shift)) {
			uint64_t *t = v;

			v = tmp;
			tmp = t;
		}
	}
	return v;
}

/* Sinks the root of a heap whose largest item is on top. */
static void sink(uint64_t *heap, int64_t n)
{
	const uint64_t x = heap[0];
	int64_t i = 0, child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && heap[child + 1] > heap[child])
			child++;
		if (heap[child] <= x)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = x;
}

/* The k smallest items of a row, in a heap; then in order. */
static const uint64_t *smallest(const struct pick *p, const float *x, int64_t n, int64_t k,
				uint64_t *heap)
{
	for (int64_t i = 0; i < k; i++)
		heap[i] = item_of(x[i], i, p->descending);
	insertion_sort(heap, k);
	for (int64_t i = 0; i < k / 2; i++) { /* largest first is a heap */
		const uint64_t t = heap[i];

		heap[i] = heap[k - 1 - i];
		heap[k - 1 - i] = t;
	}
	for (int64_t i = k; i < n; i++) {
		const uint64_t item = item_of(x[i], i, p->descending);

		if (item < heap[0]) {
			heap[0] = item;
			sink(heap, k);
		}
	}
	insertion_sort(heap, k);
	return heap;
}

static const uint64_t *ordered(const struct pick *p, const float *x, int64_t n, int64_t k,
			       uint64_t *v)
{
	if (k <= 128 && k < n)
		return smallest(p, x, n, k, v);
	for (int64_t i = 0; i < n; i++)
		v[i] = item_of(x[i], i, p->descending);
	return sort_items(v, v + n, n);
}

static void sort_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct pick *p = ctx;
	const struct tern_cpu_tensor *d = p->op->dst;
	const int64_t n = p->op->src[0].ne[0], k = d->ne[0];
	uint64_t *items = tern_scratch_of(&p->scratch, worker);

	for (int64_t row = lo; row < hi; row++) {
		const float *x = source_row(p, row, (float *)(items + 2 * n));
		const uint64_t *sorted = ordered(p, x, n, k, items);

		for (int64_t i = 0; i < k; i++)
			put_linear(d, row * k + i, (int32_t)(uint32_t)sorted[i]);
	}
}

int tern_cpu_check_argsort(const struct tern_cpu_op *op)
{
	struct tern_cpu_tensor want = op->src[0];

	if (want.ne[0] > INT32_MAX)
		return tern_cpu_refuse(op, "rows of at most 2^31 - 1 elements");
	if (op->op->op == TERN_TOP_K && op->dst->ne[0] <= want.ne[0])
		want.ne[0] = op->dst->ne[0];
	return tern_same_shape(&want, op->dst)
		       ? 0
		       : tern_cpu_refuse(op, "a destination with the source's rows");
}

int tern_cpu_argsort(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct pick p = {.cpu = cpu, .op = op};

	p.descending = op->op->op == TERN_TOP_K || op->op->i[0] == 1;
	return run_rows(&p, (size_t)op->src[0].ne[0] * (2 * sizeof(uint64_t) + sizeof(float)),
			sort_piece);
}
