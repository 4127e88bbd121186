/* SPDX-License-Identifier: MIT */
/* coverage.h - what of instrumented modules this thread has reached, by KCOV. */
#ifndef FUZZ_IOCTL_COVERAGE_H
#define FUZZ_IOCTL_COVERAGE_H

extern unsigned int coverage_edges, coverage_blocks; /* known so far; edges are pairs of blocks */

void coverage_open(void); /* or skips the test */
void coverage_begin(void);
unsigned int coverage_end(void); /* edges that were not known */
void coverage_print(void);	 /* in which of the driver's functions */

#endif /* FUZZ_IOCTL_COVERAGE_H */
