// SPDX-License-Identifier: MIT
/* What LOAD puts where the SPM tile has no counterpart in memory. */
#include <string.h>

#include "sim/internal.h"

/* A group with every value f: q = 1 and scale f, so that any constant is exact. */
static void fill_operand(unsigned int type, unsigned char *dst, int64_t groups, float f)
{
	int64_t size = sim_types[type].bytes;
	unsigned int scales = sim_types[type].group == 16 ? 2 : 1;

	for (int64_t g = 0; g < groups; g++, dst += size) {
		memset(dst, 0, (size_t)size);
		if (f == 0)
			continue;
		memset(dst, 1, TERN_GROUP);
		for (unsigned int i = 0; i < scales; i++)
			memcpy(dst + TERN_GROUP + 4 * i, &f, sizeof(f));
	}
}

/* The constant as an element: integers get it truncated, saturating. */
static void fill_element(const struct tern_simd *simd, unsigned int type, float f,
			 unsigned char *out)
{
	int64_t size = sim_types[type].bytes;
	double limit = (double)(1ull << (8 * size - 1));
	int64_t v;

	if (type == TERN_T_F32 || type == TERN_T_F16 || type == TERN_T_BF16) {
		simd->from_f32(type, &f, out, 1);
		return;
	}
	if (f != f)
		v = 0;
	else if ((double)f >= limit)
		v = INT64_MAX >> (64 - 8 * size);
	else if ((double)f < -limit)
		v = INT64_MIN >> (64 - 8 * size);
	else
		v = (int64_t)f;
	memcpy(out, &v, (size_t)size);
}

void sim_fill(const struct tern_simd *simd, const struct tern_rtile *t, unsigned char *row,
	      int64_t lo, int64_t hi, float f)
{
	unsigned char one[8] __attribute__((aligned(8)));

	if (lo >= hi)
		return;
	row += sim_elem_offset(t, lo);
	if (sim_types[t->type].kind != TERN_KIND_PLAIN) {
		fill_operand(t->type, row, (hi - lo) / TERN_GROUP, f);
		return;
	}
	fill_element(simd, t->type, f, one);
	for (int64_t i = 0; i < hi - lo; i++)
		memcpy(row + i * t->stride[0], one, (size_t)sim_types[t->type].bytes);
}
