// SPDX-License-Identifier: MIT
#include "firmware.h"

const char fw_version[32] = TERN_VERSION;

/* Read through memory, not through what the compiler knows: mkimage writes it. */
__attribute__((section(".build"))) const char fw_build[32] = "unknown";
