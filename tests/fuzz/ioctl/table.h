/* SPDX-License-Identifier: MIT */
/*
 * table.h - the uAPI as data: each ioctl, each field of its structures and what may stand there. The
 * fuzzer chooses values by it, the syzkaller description is printed from it.
 */
#ifndef FUZZ_IOCTL_TABLE_H
#define FUZZ_IOCTL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <drm/tern_accel.h>

#define DRIVER_CALLS (DRM_TERN_PERF + 1u) /* the first of calls */

/* What a field means. arg, if it has one, is behind the colon. */
enum kind {
	KIND_ZERO,    /* padding */
	KIND_OUT,     /* result that nobody needs */
	KIND_ENUM,    /* a number below: arg */
	KIND_FLAGS,   /* bits of: arg */
	KIND_BO,      /* handle, and so below; arg 1: a result */
	KIND_VM,      /* id */
	KIND_QUEUE,   /* id */
	KIND_SYNCOBJ, /* handle */
	KIND_FD,      /* of a dma-buf */
	KIND_SIZE,    /* bytes of memory */
	KIND_OFFSET,  /* in a buffer */
	KIND_VA,      /* address of the device; usually: arg */
	KIND_USER,    /* address of the process */
	KIND_BYTES,   /* bytes there: about arg */
	KIND_TIME,    /* CLOCK_MONOTONIC */
	KIND_NUMBER,  /* small ones, and any */
	KIND_ARRAY,   /* struct drm_tern_array of: of; usually arg elements */
};

/* What lies at an address of the device. */
enum address {
	ADDRESS_CODE,
	ADDRESS_DATA,
	ADDRESS_RING,
	ADDRESS_FREE,
	ADDRESS_NONE = 8,
};

struct field {
	const char *name;
	uint16_t at, size;
	enum kind kind;
	uint64_t arg;
	const struct layout *of;
};

struct layout {
	const char *name;
	size_t size;
	const struct field *field;
	unsigned int fields;
};

struct call {
	const char *name; /* as behind DRM_IOCTL_ */
	unsigned long request;
	const struct layout *args;
};

extern const struct call calls[]; /* the driver's first, in their order */
extern const unsigned int call_count;

/* Every byte of every structure is in one field, every ioctl of the driver in the table: or exits. */
void table_check(void);
void syzkaller_print(void);

#endif /* FUZZ_IOCTL_TABLE_H */
