// SPDX-License-Identifier: MIT
/* ALiBi's slopes: SOFT_MAX and ATTENTION. */
#include "compiler/alibi.h"

#include <math.h>

/* "Train Short, Test Long" (Press et al., arXiv 2108.12409, section 3), with ggml's rule for a
 * number of heads that is no power of two. */
void alibi_slopes(float *slope, int64_t heads, float max_bias)
{
	int64_t whole = 1;

	while (2 * whole <= heads)
		whole *= 2;
	for (int64_t h = 0; h < heads; h++) {
		double e = h < whole ? (double)max_bias * (double)(h + 1)
				     : (double)max_bias / 2 * (double)(2 * (h - whole) + 1);

		slope[h] = (float)exp2(-e / (double)whole);
	}
}
