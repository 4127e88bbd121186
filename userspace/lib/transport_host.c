// SPDX-License-Identifier: MIT
/* Memory of this process as device memory; the transport of devices without an NPU. */
#include "lib/transport.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int tern_host_alloc(struct tern_va *va, uint64_t size, struct tern_mem *mem)
{
	int ret = 0;

	*mem = (struct tern_mem){.size = size, .owned = true};
	mem->host = tern_pages_alloc(size);
	if (!mem->host)
		return tern_fail(-ENOMEM, "the host has no %llu bytes of memory",
				 (unsigned long long)size);
	if (va)
		ret = tern_va_alloc(va, mem->host, size, &mem->va);
	if (ret)
		tern_pages_free(mem->host, size);
	return ret;
}

int tern_host_wrap(struct tern_va *va, void *host, uint64_t size, bool read_only,
		   struct tern_mem *mem)
{
	*mem = (struct tern_mem){.host = host, .size = size, .read_only = read_only};
	return va ? tern_va_alloc(va, host, size, &mem->va) : 0;
}

void tern_host_free(struct tern_va *va, struct tern_mem *mem)
{
	if (va && mem->va)
		tern_va_free(va, mem->va);
	if (mem->owned)
		tern_pages_free(mem->host, mem->size);
	*mem = (struct tern_mem){0};
}

bool tern_host_writes(const void *mem, uint64_t size)
{
	uintptr_t at = (uintptr_t)mem, end = at + size;
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long lo, hi;
	char access[5];

	/* sorted; a line that is no mapping, or one too far on, leaves bytes unseen */
	while (f && at < end && fscanf(f, "%lx-%lx %4s%*[^\n]", &lo, &hi, access) == 3) {
		if (hi <= at)
			continue;
		if (lo > at || access[1] != '-')
			break;
		at = hi;
	}
	if (f)
		fclose(f);
	return at < end;
}

void tern_host_memory(uint64_t *most, uint64_t *left)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long long kib;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	*most = (uint64_t)sysconf(_SC_PHYS_PAGES) * page;
	*left = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * page;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			*left = (uint64_t)kib * 1024;
	}
	if (f)
		fclose(f);
}

static void host_destroy(struct tern_transport *t)
{
	free(t);
}

static int host_alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem)
{
	(void)t;
	return tern_host_alloc(NULL, size, mem);
}

static int host_wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
		     struct tern_mem *mem)
{
	(void)t;
	return tern_host_wrap(NULL, host, size, read_only, mem);
}

static void host_free(struct tern_transport *t, struct tern_mem *mem)
{
	(void)t;
	tern_host_free(NULL, mem);
}

int tern_transport_host(struct tern_transport **out)
{
	static const struct tern_transport_ops ops = {
		.destroy = host_destroy,
		.alloc = host_alloc,
		.wrap = host_wrap,
		.free = host_free,
	};

	*out = calloc(1, sizeof(**out));
	if (!*out)
		return tern_fail(-ENOMEM, "no memory for a device");
	(*out)->ops = &ops;
	return 0;
}
