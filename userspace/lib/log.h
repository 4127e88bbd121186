/* SPDX-License-Identifier: MIT */
/* Messages to the callback of tern_set_log(). */
#ifndef TERN_LIB_LOG_H
#define TERN_LIB_LOG_H

#include <tern.h>

/* Costs one atomic load when nobody listens at that level. */
__attribute__((format(printf, 2, 3))) void tern_log(enum tern_log_level level, const char *fmt,
						    ...);

#endif
