// SPDX-License-Identifier: MIT
/* Rows of any type as f32, and shapes. */
#include "kernels.h"

#include <errno.h>
#include <string.h>

#include "simd/blocks.h"

#define ROW(name, code, elems, bytes, kind, group, min) [code] = {elems, bytes},
static const struct tern_layout layouts[TERN_T_COUNT] = {TERN_ISA_TYPES(ROW)};
#undef ROW

struct tern_layout tern_layout_of(enum tern_dtype type)
{
	if ((unsigned int)type >= TERN_T_COUNT ||
	    !tern_is(type, TERN_FLOATS | TERN_INTEGERS | TERN_BLOCKS))
		return (struct tern_layout){0, 0};
	return layouts[type];
}

/* ---- rows ------------------------------------------------------------------------------ */
static bool direct(const struct tern_cpu_tensor *t)
{
	return t->type == TERN_F32 && t->nb[0] == sizeof(float);
}

static void gather(const struct tern_cpu_tensor *t, const char *p, int64_t n, float *out)
{
	uint16_t h;

	/* The stride of a single element may be anything: nothing is formed behind the last. */
	for (int64_t i = 0; i < n; i++) {
		const char *x = p + (uint64_t)i * t->nb[0];

		if (t->type == TERN_F32) {
			memcpy(&out[i], x, 4);
			continue;
		}
		memcpy(&h, x, 2);
		out[i] = t->type == TERN_F16 ? tern_half(h) : tern_bf16(h);
	}
}

const float *tern_load(const struct tern_simd *simd, const struct tern_cpu_tensor *t,
		       const char *row, int64_t at, int64_t n, float *tmp)
{
	const struct tern_layout l = layouts[t->type];
	const char *p = row + (uint64_t)(at / l.elems) * t->nb[0];

	if (direct(t))
		return (const float *)p;
	if (t->nb[0] == (uint64_t)l.bytes)
		simd->to_f32(t->type, p, tmp, n);
	else
		gather(t, p, n, tmp);
	return tmp;
}

float *tern_target(const struct tern_cpu_tensor *t, char *row, int64_t at, float *tmp)
{
	return direct(t) ? (float *)row + at : tmp;
}

static void scatter(const struct tern_cpu_tensor *t, const float *v, int64_t n, char *p)
{
	uint16_t h;

	for (int64_t i = 0; i < n; i++) {
		char *x = p + (uint64_t)i * t->nb[0];

		if (t->type == TERN_F32) {
			memcpy(x, &v[i], 4);
			continue;
		}
		h = t->type == TERN_F16 ? tern_to_half(v[i]) : tern_to_bf16(v[i]);
		memcpy(x, &h, 2);
	}
}

void tern_store(const struct tern_simd *simd, const struct tern_cpu_tensor *t, char *row,
		int64_t at, int64_t n, const float *v)
{
	const struct tern_layout l = layouts[t->type];
	char *p = row + (uint64_t)(at / l.elems) * t->nb[0];

	if ((const void *)v == p)
		return;
	if (direct(t))
		memcpy(p, v, (size_t)n * sizeof(float));
	else if (t->nb[0] == (uint64_t)l.bytes)
		simd->from_f32(t->type, v, p, n);
	else
		scatter(t, v, n, p);
}

const float *tern_load_wrap(const struct tern_simd *simd, const struct tern_cpu_tensor *t,
			    const char *row, int64_t at, int64_t n, float *tmp)
{
	const int64_t ne0 = t->ne[0];
	float one;

	if (at + n <= ne0)
		return tern_load(simd, t, row, at, n, tmp);
	if (ne0 == 1) {
		one = *tern_load(simd, t, row, 0, 1, &one);
		for (int64_t i = 0; i < n; i++)
			tmp[i] = one;
		return tmp;
	}
	for (int64_t i = 0, run; i < n; i += run) {
		const int64_t from = (at + i) % ne0;
		const float *v;

		run = ne0 - from < n - i ? ne0 - from : n - i;
		v = tern_load(simd, t, row, from, run, tmp + i);
		if (v != tmp + i)
			memcpy(tmp + i, v, (size_t)run * sizeof(float));
	}
	return tmp;
}

int64_t tern_load_index(const struct tern_cpu_tensor *t, const char *row, int64_t at)
{
	const char *p = row + (uint64_t)at * t->nb[0];
	int16_t half;
	int32_t narrow;
	int64_t wide;

	switch (t->type) {
	case TERN_I64:
		memcpy(&wide, p, sizeof(wide));
		return wide;
	case TERN_I16:
		memcpy(&half, p, sizeof(half));
		return half;
	case TERN_I8:
		return (int8_t)*p;
	default:
		memcpy(&narrow, p, sizeof(narrow));
		return narrow;
	}
}

int tern_check_indices(const struct tern_cpu_tensor *t, int64_t limit)
{
	for (int64_t row = 0; row < tern_nrows(t->ne); row++) {
		int64_t i[3];
		const char *p;

		tern_split(t->ne, row, i);
		p = tern_row(t, i[0], i[1], i[2]);
		for (int64_t k = 0; k < t->ne[0]; k++) {
			const int64_t index = tern_load_index(t, p, k);

			if (index < 0 || index >= limit)
				return tern_fail(
					-EINVAL,
					"Row index %lld is outside the tensor's %lld rows.",
					(long long)index, (long long)limit);
		}
	}
	return 0;
}

/* ---- shapes -------------------------------------------------------------------------------- */
bool tern_same_shape(const struct tern_cpu_tensor *a, const struct tern_cpu_tensor *b)
{
	return !memcmp(a->ne, b->ne, sizeof(a->ne));
}

bool tern_repeats(const struct tern_cpu_tensor *small, const struct tern_cpu_tensor *big)
{
	for (int d = 0; d < 4; d++)
		if (big->ne[d] % small->ne[d])
			return false;
	return true;
}

/* Can dimension d + 1 follow d without a jump? */
static bool even(const struct tern_cpu_tensor *t, int d)
{
	const int64_t elems = d ? 1 : layouts[t->type].elems;

	return t->nb[d + 1] == t->nb[d] * (uint64_t)(t->ne[d] / elems);
}

static void merge(struct tern_cpu_tensor *t, int d)
{
	t->ne[d] *= t->ne[d + 1];
	for (int i = d + 1; i < 3; i++) {
		t->ne[i] = t->ne[i + 1];
		t->nb[i] = t->nb[i + 1];
	}
	t->ne[3] = 1;
	t->nb[3] = t->nb[2] * (uint64_t)t->ne[2];
}

void tern_collapse(struct tern_cpu_tensor *t, int n)
{
	for (int d = 2; d >= 0; d--) {
		bool all = true;

		for (int i = 0; i < n; i++)
			all = all && (even(&t[i], d) || t[i].ne[d + 1] == 1);
		for (int i = 0; i < n && all; i++)
			merge(&t[i], d);
	}
}
