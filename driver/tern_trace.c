// SPDX-License-Identifier: GPL-2.0
/*
 * Where the tracepoints of tern_trace.h are made.
 */
#define CREATE_TRACE_POINTS
#include "tern_trace.h"
