/* SPDX-License-Identifier: MIT */
/* Between the fake's device and its kernel. */
#ifndef TEST_FW_FAKE_INTERNAL_H
#define TEST_FW_FAKE_INTERNAL_H

#include "fw_fake.h"

extern struct fake *fake_now; /* the one there is */

uint64_t fake_next_event(const struct fake *f);
void fake_settle(struct fake *f);

/* What runs has run until now. */
void fake_progress(struct fake *f);
void fake_command(struct fake *f, unsigned int command);

void fake_require(bool ok, const char *what);

#endif /* TEST_FW_FAKE_INTERNAL_H */
