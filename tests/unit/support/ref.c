// SPDX-License-Identifier: MIT
/* Tensors of the reference, comparison, and the operators of a few lines. */
#include "ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tensors ---------------------------------------------------------------------- */
struct ref_tensor ref_alloc(const int64_t ne[4])
{
	struct ref_tensor t;

	memcpy(t.ne, ne, sizeof(t.ne));
	t.v = calloc((size_t)ref_count(ne) + 1, sizeof(double));
	if (!t.v)
		abort();
	return t;
}

void ref_free(struct ref_tensor *t)
{
	free(t->v);
	t->v = NULL;
}

uint64_t ref_strides(enum tern_dtype type, const int64_t ne[4], uint64_t nb[4])
{
	const struct ref_type *t = ref_type(type);

	nb[0] = (uint64_t)t->bytes;
	nb[1] = (uint64_t)(ne[0] / t->elems) * nb[0];
	nb[2] = (uint64_t)ne[1] * nb[1];
	nb[3] = (uint64_t)ne[2] * nb[2];
	return (uint64_t)ne[3] * nb[3];
}

static uint64_t offset(const uint64_t nb[4], const int64_t i[4], int elems)
{
	return (uint64_t)(i[0] / elems) * nb[0] + (uint64_t)i[1] * nb[1] + (uint64_t)i[2] * nb[2] +
	       (uint64_t)i[3] * nb[3];
}

struct ref_tensor ref_load(enum tern_dtype type, const int64_t ne[4], const uint64_t nb[4],
			   const void *data)
{
	const struct ref_type *t = ref_type(type);
	struct ref_tensor out = ref_alloc(ne);

	REF_EACH_ROW(i, ne)
	{
		for (i[0] = 0; i[0] < ne[0]; i[0] += t->elems)
			ref_decode(type, (const char *)data + offset(nb, i, t->elems),
				   ref_at(&out, i[0], i[1], i[2], i[3]), t->elems);
	}
	return out;
}

void ref_store(const struct ref_tensor *in, enum tern_dtype type, const uint64_t nb[4], void *data)
{
	const struct ref_type *t = ref_type(type);

	REF_EACH_ROW(i, in->ne)
	{
		for (i[0] = 0; i[0] < in->ne[0]; i[0] += t->elems)
			ref_encode(type, ref_at(in, i[0], i[1], i[2], i[3]),
				   (char *)data + offset(nb, i, t->elems), t->elems);
	}
}

void ref_round(struct ref_tensor *t, enum tern_dtype type)
{
	uint64_t nb[4], bytes = ref_strides(type, t->ne, nb);
	void *data = malloc(bytes + 1);

	if (!data)
		abort();
	ref_store(t, type, nb, data);
	ref_decode(type, data, t->v, ref_count(t->ne));
	free(data);
}

struct ref_error ref_compare(const struct ref_tensor *want, const struct ref_tensor *got)
{
	struct ref_error e = {0};
	double err = 0, ref = 0;

	for (int64_t i = 0; i < ref_count(want->ne); i++) {
		double w = want->v[i], g = got->v[i], d = fabs(w - g);

		if (!isfinite(w) || !isfinite(g)) {
			e.mismatches += isnan(w) ? !isnan(g) : w != g;
			continue;
		}
		err += d * d;
		ref += w * w;
		if (d > e.max_abs) {
			e.max_abs = d;
			e.worst = i;
		}
	}
	e.nmse = ref > 0 ? err / ref : err;
	return e;
}

/* ---- normalisation, elements -------------------------------------------------------- */
static double row_sum(const struct ref_tensor *t, const int64_t i[4], double power, double mean)
{
	double sum = 0;

	for (int64_t k = 0; k < t->ne[0]; k++)
		sum += pow(*ref_at(t, k, i[1], i[2], i[3]) - mean, power);
	return sum;
}

/* d = (s0 - mean) * factor [* s1 [+ s2]] */
static void normalised(const struct ref_tensor *s, const int64_t row[4], double mean, double factor,
		       struct ref_tensor *d)
{
	for (int64_t k = 0; k < s->ne[0]; k++) {
		const int64_t i[4] = {k, row[1], row[2], row[3]};
		double v = (ref_wrap(s, i) - mean) * factor;

		if (s[1].v)
			v *= ref_wrap(&s[1], i);
		if (s[2].v)
			v += ref_wrap(&s[2], i);
		*ref_at(d, k, i[1], i[2], i[3]) = v;
	}
}

static void rms_norm(const struct tern_op_desc *op, const struct ref_tensor *s,
		     struct ref_tensor *d)
{
	const struct ref_tensor two[3] = {s[0], s[1], {.v = NULL}};

	REF_EACH_ROW(i, s->ne)
	normalised(two, i, 0, 1 / sqrt(row_sum(s, i, 2, 0) / (double)s->ne[0] + (double)op->f[0]),
		   d);
}

static void norm(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	REF_EACH_ROW(i, s->ne)
	{
		double n = (double)s->ne[0], mean = row_sum(s, i, 1, 0) / n;

		normalised(s, i, mean, 1 / sqrt(row_sum(s, i, 2, mean) / n + (double)op->f[0]), d);
	}
}

static void l2_norm(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	const struct ref_tensor one[3] = {s[0], {.v = NULL}, {.v = NULL}};

	REF_EACH_ROW(i, s->ne)
	normalised(one, i, 0, 1 / fmax(sqrt(row_sum(s, i, 2, 0)), (double)op->f[0]), d);
}

static void binary(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	REF_EACH(i, d->ne)
	{
		double a = ref_wrap(&s[0], i), b = ref_wrap(&s[1], i);

		*ref_at(d, i[0], i[1], i[2], i[3]) = op->i[0] == TERN_ADD   ? a + b
						     : op->i[0] == TERN_SUB ? a - b
						     : op->i[0] == TERN_MUL ? a * b
									    : a / b;
	}
}

static void add_id(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	(void)op;
	REF_EACH(i, d->ne)
	{
		int64_t expert = (int64_t)*ref_at(&s[2], i[1], i[2], 0, 0);

		*ref_at(d, i[0], i[1], i[2], 0) =
			*ref_at(&s[0], i[0], i[1], i[2], 0) + *ref_at(&s[1], i[0], expert, 0, 0);
	}
}

static void scale(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	for (int64_t i = 0; i < ref_count(d->ne); i++)
		d->v[i] = s->v[i] * (double)op->f[0] + (double)op->f[1];
}

static void clamp(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	for (int64_t i = 0; i < ref_count(d->ne); i++)
		d->v[i] = fmin(fmax(s->v[i], (double)op->f[0]), (double)op->f[1]);
}

/* ---- movement ---------------------------------------------------------------------- */
static void get_rows(const struct tern_op_desc *op, const struct ref_tensor *s,
		     struct ref_tensor *d)
{
	(void)op;
	REF_EACH(i, d->ne)
	{
		int64_t row = (int64_t)*ref_at(&s[1], i[1], i[2], i[3], 0);

		*ref_at(d, i[0], i[1], i[2], i[3]) = *ref_at(s, i[0], row, i[2], i[3]);
	}
}

static void set_rows(const struct tern_op_desc *op, const struct ref_tensor *s,
		     struct ref_tensor *d)
{
	(void)op;
	REF_EACH(i, s->ne)
	{
		int64_t row =
			(int64_t)*ref_at(&s[1], i[1], i[2] % s[1].ne[1], i[3] % s[1].ne[2], 0);

		*ref_at(d, i[0], row, i[2], i[3]) = *ref_at(s, i[0], i[1], i[2], i[3]);
	}
}

static void copy(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	(void)op;
	memcpy(d->v, s->v, (size_t)ref_count(d->ne) * sizeof(double));
}

static void concat(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	REF_EACH(i, d->ne)
	{
		int64_t j[4] = {i[0], i[1], i[2], i[3]};
		int64_t first = s[0].ne[op->i[0]];
		bool second = i[op->i[0]] >= first;

		j[op->i[0]] -= second ? first : 0;
		*ref_at(d, i[0], i[1], i[2], i[3]) = ref_wrap(&s[second], j);
	}
}

static void repeat(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	(void)op;
	REF_EACH(i, d->ne)
	*ref_at(d, i[0], i[1], i[2], i[3]) = ref_wrap(s, i);
}

/* ---- reduction and selection --------------------------------------------------------- */
static void sum_rows(const struct tern_op_desc *op, const struct ref_tensor *s,
		     struct ref_tensor *d)
{
	REF_EACH_ROW(i, s->ne)
	*ref_at(d, 0, i[1], i[2], i[3]) =
		row_sum(s, i, 1, 0) / (op->op == TERN_MEAN ? (double)s->ne[0] : 1);
}

static void argmax(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	int64_t row = 0;

	(void)op;
	REF_EACH_ROW(i, s->ne)
	{
		int64_t best = 0;

		for (int64_t k = 1; k < s->ne[0]; k++)
			if (*ref_at(s, k, i[1], i[2], i[3]) > *ref_at(s, best, i[1], i[2], i[3]))
				best = k;
		d->v[row++] = (double)best;
	}
}

static const double *sort_row; /* qsort has no context; tests run one at a time */
static int sort_sign;

static int by_value(const void *a, const void *b)
{
	int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;

	if (sort_row[i] != sort_row[j])
		return sort_row[i] < sort_row[j] ? -sort_sign : sort_sign;
	return i < j ? -1 : i > j;
}

/* Equal elements keep their order; TOP_K is the head of the descending permutation. */
static void argsort(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	int64_t n = s->ne[0], *index = malloc((size_t)n * sizeof(*index));

	if (!index)
		abort();
	sort_sign = op->op == TERN_TOP_K || op->i[0] ? -1 : 1;
	REF_EACH_ROW(i, s->ne)
	{
		for (int64_t k = 0; k < n; k++)
			index[k] = k;
		sort_row = ref_at(s, 0, i[1], i[2], i[3]);
		qsort(index, (size_t)n, sizeof(*index), by_value);
		for (int64_t k = 0; k < d->ne[0]; k++)
			*ref_at(d, k, i[1], i[2], i[3]) = (double)index[k];
	}
	free(index);
}

/* ---- dispatch -------------------------------------------------------------------------- */
static const ref_fn table[TERN_OP_COUNT] = {
	[TERN_MATMUL] = ref_matmul,
	[TERN_GET_ROWS] = get_rows,
	[TERN_SET_ROWS] = set_rows,
	[TERN_RMS_NORM] = rms_norm,
	[TERN_NORM] = norm,
	[TERN_L2_NORM] = l2_norm,
	[TERN_ROPE] = ref_rope,
	[TERN_SOFT_MAX] = ref_soft_max,
	[TERN_ATTENTION] = ref_attention,
	[TERN_GLU] = ref_glu,
	[TERN_UNARY] = ref_unary,
	[TERN_BINARY] = binary,
	[TERN_SCALE] = scale,
	[TERN_CLAMP] = clamp,
	[TERN_COPY] = copy,
	[TERN_CONCAT] = concat,
	[TERN_REPEAT] = repeat,
	[TERN_SUM_ROWS] = sum_rows,
	[TERN_MEAN] = sum_rows,
	[TERN_ARGMAX] = argmax,
	[TERN_TOP_K] = argsort,
	[TERN_ARGSORT] = argsort,
	[TERN_MATMUL_ID] = ref_matmul_id,
	[TERN_ADD_ID] = add_id,
};

void ref_run(const struct tern_op_desc *op, const struct ref_tensor *src, struct ref_tensor *dst)
{
	table[op->op](op, src, dst);
}
