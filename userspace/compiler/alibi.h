/* SPDX-License-Identifier: MIT */
/* ALiBi: how much a head's mask weighs. */
#ifndef TERN_ALIBI_H
#define TERN_ALIBI_H

#include <stdint.h>

enum { ALIBI_MAX_HEADS = 512 };

void alibi_slopes(float *slope, int64_t heads, float max_bias);

#endif
