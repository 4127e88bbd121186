// SPDX-License-Identifier: MIT
#include "coverage.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "selftests/selftest.h"

#define TRACE (1u << 16) /* words of the kernel's record */
#define BITS  (1u << 20) /* of a map by hash: few enough fall together */

#define FUNCTIONS 4096u /* more than the driver has */
#define BLOCKS	  32768u

unsigned int coverage_edges, coverage_blocks;

static int file = -1;
static uint64_t *trace; /* their number, then addresses of blocks */
static uint8_t edges[BITS / 8], blocks[BITS / 8];
static uint64_t block[BLOCKS];
static struct function {
	uint64_t at;
	bool reached;
	char name[64];
} function[FUNCTIONS];

void coverage_open(void)
{
	file = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (file < 0)
		skip("this kernel has no KCOV");
	EQUAL(ioctl(file, KCOV_INIT_TRACE, (unsigned long)TRACE), 0);
	trace = mmap(NULL, TRACE * 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(trace != MAP_FAILED);
}

void coverage_begin(void)
{
	__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
	EQUAL(ioctl(file, KCOV_ENABLE, KCOV_TRACE_PC), 0);
}

static bool add(uint8_t *map, uint64_t key)
{
	uint32_t bit = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 44);
	bool new = !(map[bit / 8] & 1u << bit % 8);

	map[bit / 8] |= (uint8_t)(1u << bit % 8);
	return new;
}

unsigned int coverage_end(void)
{
	unsigned int found = 0;
	uint64_t before = 0, n;

	EQUAL(ioctl(file, KCOV_DISABLE, 0), 0);
	n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= n && i < TRACE; i++) {
		found += add(edges, trace[i] ^ before << 20);
		if (add(blocks, trace[i]))
			block[coverage_blocks++ % BLOCKS] = trace[i];
		before = trace[i];
	}
	coverage_edges += found;
	return found;
}

/* ---- Functions ---- */
static int compare(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What nobody wrote: of the compiler and of the tracepoints. */
static bool generated(const char *name)
{
	static const char *const prefixes[] = {"_sub_", "__do_trace", "__traceiter_",
					       "__probestub_", "trace_"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return strchr(name, '.') != NULL; /* a part of a function */
}

/* All, so that each ends where the next begins. */
static size_t functions_read(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], module[32], type;
	size_t count = 0;

	CHECK(symbols);
	while (count < FUNCTIONS && fgets(line, sizeof(line), symbols)) {
		struct function *f = &function[count];
		unsigned long long at;

		if (sscanf(line, "%llx %c %63s [%31[^]]", &at, &type, f->name, module) != 4 ||
		    strcmp(module, "tern") || (type != 't' && type != 'T'))
			continue;
		f->at = at;
		count++;
	}
	fclose(symbols);
	qsort(function, count, sizeof(function[0]), compare);
	return count;
}

static void mark(size_t count, uint64_t at)
{
	size_t low = 0, high = count; /* the last that begins before */

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (function[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low)
		function[low - 1].reached = true;
}

void coverage_print(void)
{
	size_t count = functions_read(), reached = 0, all = 0;

	for (unsigned int i = 0; i < coverage_blocks && i < BLOCKS; i++)
		mark(count, block[i]);
	printf("# not reached:");
	for (size_t i = 0; i < count; i++) {
		if (generated(function[i].name))
			continue;
		all++;
		reached += function[i].reached;
		if (!function[i].reached)
			printf(" %s", function[i].name);
	}
	printf("\n# reached: %zu of the driver's %zu functions\n", reached, all);
}
