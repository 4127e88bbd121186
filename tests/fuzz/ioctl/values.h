/* SPDX-License-Identifier: MIT */
/* values.h - from bytes to arguments: what stands in a field, by its kind and what there is. */
#ifndef FUZZ_IOCTL_VALUES_H
#define FUZZ_IOCTL_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

#define OBJECTS	   8u	       /* of each kind that are remembered */
#define RING_VA	   0x300000ull /* where the file's ring is bound from the start */
#define USER_PAGES 8u

/* What calls have made: handles, ids, fds. The newest overwrite the oldest. */
struct objects {
	uint32_t id[KIND_FD + 1][OBJECTS];
	unsigned int made[KIND_FD + 1];
};
void objects_add(struct objects *objects, enum kind kind, uint32_t id);

/* Bytes that decide; zeros behind their end, and they stand for what is usual. */
struct choices {
	const uint8_t *at;
	size_t left;
};

/* Fills a structure; arrays are put into memory that the next values_begin() reuses. */
void values_init(void);
void values_begin(void);
/* Other pages at the addresses of the process. */
void values_fresh(void);
void values_fill(void *args, const struct layout *layout, const struct objects *objects,
		 struct choices *choices);
/* Keeps what a call that succeeded has made. */
void values_keep(const void *args, const struct layout *layout, struct objects *objects);

#endif /* FUZZ_IOCTL_VALUES_H */
