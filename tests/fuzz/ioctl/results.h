/* SPDX-License-Identifier: MIT */
/* results.h - how calls ended, and whether the kernel has complained. */
#ifndef FUZZ_IOCTL_RESULTS_H
#define FUZZ_IOCTL_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

void results_add(unsigned int call, const uint64_t *args, int ret); /* args: 8 words or more */
unsigned long long results_calls(void);
void results_print(void);
void results_print_sent(void); /* the last few hundred calls, with 64-bit words of what they left */
void results_judge(void);      /* each of the driver's has to have succeeded */

void log_open(void);
bool log_complains(void); /* since the last look */

#endif /* FUZZ_IOCTL_RESULTS_H */
