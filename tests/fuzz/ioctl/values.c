// SPDX-License-Identifier: MIT
#include "values.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "selftests/selftest.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))
#define HUGE	 0x200000ull

static char *user;	    /* USER_PAGES to read and write, one only to read, one for nothing */
static char room[1u << 16]; /* for arrays */
static size_t used;

void objects_add(struct objects *objects, enum kind kind, uint32_t id)
{
	uint32_t *place = &objects->id[kind][objects->made[kind]++ % OBJECTS];

	if (kind == KIND_FD && objects->made[kind] > OBJECTS)
		close((int)*place);
	*place = id;
}

void values_init(void)
{
	user = mmap(NULL, (USER_PAGES + 2) * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (user == MAP_FAILED || mprotect(user + USER_PAGES * PAGE, PAGE, PROT_READ) ||
	    mprotect(user + (USER_PAGES + 1) * PAGE, PAGE, PROT_NONE))
		exit(2);
}

/*
 * A page belongs to one buffer only. Where two are made of one, which a process may, the DMA
 * debugging code says of BO_SYNC that it "tries to sync DMA memory it has not allocated": of
 * several mappings that hold the range it takes none unless one is a perfect fit, which no
 * mapping of a list is for dma_sync_single_*(), as of 7.3. So each buffer gets other pages,
 */
void values_fresh(void)
{
	if (madvise(user, (USER_PAGES + 1) * PAGE, MADV_DONTNEED))
		exit(2);
}

/* and none of what else the process has: in UML ld.so lies at 2^30, where any() soon looks. */
static uint64_t nowhere_of_ours(uint64_t address)
{
	unsigned char resident;

	return mincore((void *)(uintptr_t)(address & -(uint64_t)PAGE), PAGE, &resident) ? address
											: 0;
}

void values_begin(void)
{
	used = 0;
	memset(user + 2 * PAGE, 'a', 64); /* results may have been put there */
}

static uint8_t next(struct choices *choices)
{
	if (!choices->left)
		return 0;
	choices->left--;
	return *choices->at++;
}

static uint64_t any(struct choices *choices)
{
	uint64_t value = next(choices);

	switch (value % 4) {
	case 0:
		return ~0ull << next(choices) % 64;
	case 1:
		return 1ull << next(choices) % 64;
	case 2:
		return (uint64_t)next(choices) << next(choices) % 64;
	default:
		return next(choices);
	}
}

static uint64_t flags(uint64_t known, uint8_t choice)
{
	uint64_t value = 0;

	for (; known; known &= known - 1, choice >>= 1)
		if (choice & 1)
			value |= known & -known;
	return value;
}

static uint64_t object(const struct objects *objects, enum kind kind, uint8_t choice)
{
	unsigned int have = objects->made[kind];

	if (have > OBJECTS)
		have = OBJECTS;
	if (!have || choice % 8 == 7)
		return 0;
	return objects->id[kind][choice / 8 % have];
}

static uint64_t when(uint8_t choice)
{
	static const int64_t from_now[] = {0, -1000000, 1000000, 5000000, INT64_MIN, INT64_MAX};
	int64_t step = from_now[choice % COUNT(from_now)];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (step == INT64_MIN || step == INT64_MAX)
		return (uint64_t)step;
	return (uint64_t)(now.tv_sec * 1000000000ll + now.tv_nsec + step);
}

/* What is usual comes first, and often. */
static const uint64_t sizes[] = {PAGE, PAGE, 2 * PAGE,	  4 * PAGE, 7 * PAGE, HUGE,	 0,
				 3,    64,   HUGE + PAGE, 2 * HUGE, 8,	      1ull << 40};
static const uint64_t offsets[] = {0, 0, 0, PAGE, 2 * PAGE, 64, 8, HUGE, 4, PAGE + 64};
static const uint64_t addresses[] = {
	[ADDRESS_CODE] = CODE_VA,
	[ADDRESS_DATA] = DATA_VA,
	[ADDRESS_RING] = RING_VA,
	[ADDRESS_FREE] = 2 * HUGE,
	3 * HUGE,
	3 * HUGE + PAGE,
	4 * HUGE - PAGE,
	RING_VA + PAGE,
	[ADDRESS_NONE] = 0,
	DATA_VA + PAGE,
	DATA_VA + 64,
	(1ull << TERN_VA_BITS) - PAGE,
	(1ull << TERN_VA_BITS) - HUGE,
};
static const uint64_t numbers[] = {0, 0, 1, 2, 3, 4, 10, 1000, 1ull << 20, 1ull << 63};

static uint64_t bytes(uint64_t about, uint8_t choice)
{
	const uint64_t some[] = {about, about, about / 2, 2 * about, 0, 32, about + 8, 4096};

	return some[choice % COUNT(some)];
}

static uint64_t choose(const struct field *field, const struct objects *objects,
		       struct choices *choices)
{
	uint8_t choice = next(choices);

	if (choice >= 250 && field->kind == KIND_USER)
		return nowhere_of_ours(any(choices));
	if (choice >= 250)
		return any(choices);
	switch (field->kind) {
	case KIND_ENUM:
		return choice % field->arg;
	case KIND_FLAGS:
		return flags(field->arg, choice);
	case KIND_BO:
	case KIND_VM:
	case KIND_QUEUE:
	case KIND_SYNCOBJ:
	case KIND_FD:
		return field->arg ? 0 : object(objects, field->kind, choice);
	case KIND_SIZE:
		return sizes[choice % COUNT(sizes)];
	case KIND_OFFSET:
		return offsets[choice % COUNT(offsets)];
	case KIND_VA:
		return addresses[(field->arg + choice) % COUNT(addresses)];
	case KIND_USER:
		return choice % 8 == 7 ? 0 : (uintptr_t)user + choice % (USER_PAGES + 2) * PAGE;
	case KIND_BYTES:
		return bytes(field->arg, choice);
	case KIND_TIME:
		return when(choice);
	case KIND_NUMBER:
		return numbers[choice % COUNT(numbers)];
	default:
		return 0;
	}
}

static void fill_array(struct drm_tern_array *array, const struct field *field,
		       const struct objects *objects, struct choices *choices)
{
	const struct layout *of = field->of;
	uint8_t choice = next(choices);
	size_t stride = of->size + (choice >= 240 ? 8 : 0);
	uint32_t count = choice < 128 ? (uint32_t)field->arg : choice % 4;

	if (!count || used + count * stride > sizeof(room))
		return;
	array->stride = (uint32_t)stride;
	array->count = count;
	array->pointer = (uintptr_t)room + used;
	memset(room + used, 0, count * stride);
	used += count * stride;
	for (uint32_t i = 0; i < count; i++)
		values_fill((char *)(uintptr_t)array->pointer + i * stride, of, objects, choices);
	if (choice == 200)
		array->count = (uint32_t)any(choices);
	if (choice == 201)
		array->stride = (uint32_t)any(choices);
	if (choice == 202)
		array->pointer = any(choices);
}

void values_fill(void *args, const struct layout *layout, const struct objects *objects,
		 struct choices *choices)
{
	for (unsigned int i = 0; i < layout->fields; i++) {
		const struct field *field = &layout->field[i];
		char *at = (char *)args + field->at;
		uint64_t value;

		if (field->kind == KIND_ARRAY) {
			fill_array((void *)at, field, objects, choices);
			continue;
		}
		if (field->kind == KIND_OUT)
			continue;
		value = choose(field, objects, choices);
		memcpy(at, &value, field->size); /* little-endian, as the device is */
	}
}

void values_keep(const void *args, const struct layout *layout, struct objects *objects)
{
	for (unsigned int i = 0; i < layout->fields; i++) {
		const struct field *field = &layout->field[i];
		uint32_t id;

		if (!field->arg || field->kind < KIND_BO || field->kind > KIND_FD)
			continue;
		memcpy(&id, (const char *)args + field->at, sizeof(id));
		objects_add(objects, field->kind, id);
	}
}
