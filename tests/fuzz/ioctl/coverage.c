// SPDX-License-Identifier: MIT
#include "coverage.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "selftests/selftest.h"

#define TRACE (1u << 16) /* words of the kernel's record */
#define BITS  (1u << 20) /* of a map by hash: few enough fall together */

unsigned int coverage_edges, coverage_blocks;

static int file = -1;
static uint64_t *trace; /* their number, then addresses of blocks */
static uint8_t edges[BITS / 8], blocks[BITS / 8];

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
		coverage_blocks += add(blocks, trace[i]);
		before = trace[i];
	}
	coverage_edges += found;
	return found;
}
