// SPDX-License-Identifier: MIT
/* Which compiler this is. The number is a checksum of its sources, made by the Makefile. */
#include "compiler/compiler.h"

#include "fingerprint.h"

const uint32_t tern_compiler_fingerprint = TERN_SOURCES_CKSUM;
