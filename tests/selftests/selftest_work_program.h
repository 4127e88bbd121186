/* SPDX-License-Identifier: MIT */
/* The program behind selftest_work.h, and where it finds what in a job's memory. */
#ifndef SELFTEST_WORK_PROGRAM_H
#define SELFTEST_WORK_PROGRAM_H

#include "selftest.h"

/* A product of X [M][K] and W [N][K], both of small integers, so that f32 is exact. */
#define WORK_K	   32
#define WORK_M	   4
#define WORK_N	   8
#define WORK_TILES 4  /* of W */
#define WORK_BLOCK 64 /* products between two looks at the accumulators */

/* Memory of a job, from R0 on. */
enum {
	WORK_STOP = 0,
	WORK_BEGUN = 8,
	WORK_X_START = 1024,
	WORK_PATTERN = PAGE,
	WORK_W = 2 * PAGE,
	WORK_X_ROUND = 3 * PAGE,
	WORK_OUT_SUM = WORK_X_ROUND + 1024,
	WORK_OUT_COUNT = WORK_X_ROUND + 2048,
	WORK_ZEROS = WORK_X_ROUND + 3072,
	WORK_OUT_PATTERN = 4 * PAGE,
	WORK_JOB_BYTES = 5 * PAGE,
};
#define WORK_MARK 0x600df00d

/* Written to where it runs. */
void work_program(uint32_t spm_bytes, void *at);

#endif /* SELFTEST_WORK_PROGRAM_H */
