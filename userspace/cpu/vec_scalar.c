// SPDX-License-Identifier: MIT
#define LEVEL scalar /* of the base architecture, which on aarch64 has NEON */
#include "vec_body.h"

static const struct {
	const char *level;
	const struct tern_vec *vec;
} levels[] = {
#if defined(__x86_64__)
	{"avx512", &tern_vec_avx512},
	{"avx2", &tern_vec_avx2},
#endif
	{"neon", &tern_vec_scalar},
	{"scalar", &tern_vec_scalar},
};

const struct tern_vec *tern_vec_get(const char *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(levels[i].level, level))
			return levels[i].vec;
	return &tern_vec_scalar;
}
