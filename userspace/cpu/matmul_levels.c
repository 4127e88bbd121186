// SPDX-License-Identifier: MIT
#include <string.h>

#include "matmul.h"

const struct tern_mm *tern_mm_get(const char *level)
{
#if defined(__x86_64__)
	if (!strcmp(level, "avx512"))
		return &tern_mm_avx512;
	if (!strcmp(level, "avx2"))
		return &tern_mm_avx2;
#endif
	(void)level;
	return NULL;
}
