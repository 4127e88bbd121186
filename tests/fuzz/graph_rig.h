/* SPDX-License-Identifier: MIT */
/* What fuzz_graph.c works on: the graph, devices, memory of all its storages. */
#ifndef FUZZ_GRAPH_RIG_H
#define FUZZ_GRAPH_RIG_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "support/judge.h"
#include "support/random_graph.h"

enum { ROOM = 256 };

static struct {
	const char *name;
	struct tern_device *dev;
} devices[] = {
	{"sim:small,check,threads=1", NULL},
	{"sim:ref,check,threads=1", NULL},
	{"sim:spm=64K,check,threads=1", NULL},
	{"sim:small,spm=64K,check,threads=1", NULL},
	{"sim:small,threads=1", NULL},
	{"sim:small,check,threads=1,no=matmul+rope+binary", NULL},
	{"sim:ref,check,threads=1,no=rms_norm+set_rows+glu+get_rows+attention+matmul_id", NULL},
	{"cpu:threads=1", NULL},
};
enum { DEVICES = sizeof(devices) / sizeof(devices[0]) };

static struct random_graph g;
static struct tern_cpu *cpu;

__attribute__((format(printf, 2, 3), noreturn)) static void die(unsigned int dev, const char *fmt,
								...)
{
	va_list ap;

	random_graph_print(&g, stderr);
	fprintf(stderr, "ERROR: %s: ", devices[dev].name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

static void must(unsigned int dev, int ret)
{
	if (ret)
		die(dev, "%d: %s", ret, tern_last_error());
}

/* ---- memory ------------------------------------------------------------------------------ */

/* All storages of the graph, whatever they are to the graph, in buffers of a device. */
struct memory {
	struct tern_buffer *buf[RG_STORAGES];
	uint64_t room; /* bytes before each storage */
};

static unsigned char *bytes_of(const struct memory *m, uint32_t s)
{
	return (unsigned char *)tern_buffer_data(m->buf[s]) + m->room;
}

static void make_memory(unsigned int dev, uint64_t room, struct memory *m)
{
	m->room = room;
	for (uint32_t s = 0; s < g.desc.nstorages; s++) {
		must(dev,
		     tern_buffer_create(devices[dev].dev, g.storages[s].size + ROOM, &m->buf[s]));
		if (g.storages[s].flags & TERN_STORAGE_BOUND)
			random_graph_fill(&g, s, bytes_of(m, s));
	}
}

static void free_memory(struct memory *m)
{
	for (uint32_t s = 0; s < g.desc.nstorages; s++)
		tern_buffer_destroy(m->buf[s]);
}

static void bind(unsigned int dev, struct tern_session *session, const struct memory *m)
{
	struct tern_binding list[RG_STORAGES];

	for (uint32_t s = 0; s < g.desc.nstorages; s++)
		list[s] = (struct tern_binding){m->buf[s], m->room};
	must(dev, tern_session_bind(session, list, g.desc.nstorages));
}

struct snapshot {
	unsigned char *bytes[RG_STORAGES];
};

static struct snapshot snapshot(const struct memory *m)
{
	struct snapshot s = {0};

	for (uint32_t i = 0; i < g.desc.nstorages; i++) {
		s.bytes[i] = malloc(g.storages[i].size + 64);
		if (!s.bytes[i])
			exit(1);
		memcpy(s.bytes[i], bytes_of(m, i), g.storages[i].size);
	}
	return s;
}

static void free_snapshot(struct snapshot *s)
{
	for (uint32_t i = 0; i < g.desc.nstorages; i++)
		free(s->bytes[i]);
}

/* Where an element, or the block that begins with it, lies. */
static uint64_t element(const struct tern_view *v, const int64_t i[4])
{
	return v->offset + (uint64_t)(i[0] / ref_type(v->type)->elems) * v->nb[0] +
	       (uint64_t)i[1] * v->nb[1] + (uint64_t)i[2] * v->nb[2] + (uint64_t)i[3] * v->nb[3];
}

#endif
