// SPDX-License-Identifier: MIT
/* What an address space maps: the difference to what it should, as VM_BIND operations. */
#include "lib/accel.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- operations ------------------------------------------------------------------- */

struct batch {
	const struct tern_context *c;
	struct drm_tern_vm_bind_op *op;
	uint32_t n;
	int ret;
};

static void flush(struct batch *b)
{
	struct drm_tern_vm_bind v = {.vm_id = b->c->vm, .ops = DRM_TERN_ARRAY(b->n, b->op)};

	if (b->n && !b->ret)
		b->ret = accel_ioctl(b->c->owner, DRM_IOCTL_TERN_VM_BIND, &v);
	b->n = 0;
}

static void add(struct batch *b, uint32_t type, const struct accel_range *r)
{
	struct drm_tern_vm_bind_op *op = &b->op[b->n++];

	*op = (struct drm_tern_vm_bind_op){.type = type, .va = r->lo, .size = r->hi - r->lo};
	if (type != DRM_TERN_BIND_UNMAP) {
		op->bo_handle = r->bo;
		op->bo_offset = r->offset;
		op->flags = (r->access & TERN_WRITE ? DRM_TERN_BIND_WRITE : 0) |
			    (r->access & TERN_EXEC ? DRM_TERN_BIND_EXEC : 0);
	}
	if (b->n == b->c->owner->bind_ops)
		flush(b);
}

static int finish(struct batch *b)
{
	flush(b);
	if (!b->ret)
		return 0;
	return tern_fail(b->ret, "the kernel does not map memory for the NPU: %s%s",
			 strerror(-b->ret),
			 b->ret == -EACCES ? "; it was wrapped as read-only" : "");
}

static struct accel_range range_of(const struct tern_mem *mem, unsigned int access)
{
	const uint64_t lo = mem->va & ~(uint64_t)(TERN_PAGE_SIZE - 1);

	return (struct accel_range){
		.lo = lo,
		.hi = tern_page_align(mem->va + mem->size),
		.offset = lo - mem->bo_va,
		.bo = mem->bo,
		.access = access,
	};
}

static int one(const struct tern_context *c, uint32_t type, const struct accel_range *r)
{
	struct drm_tern_vm_bind_op op;
	struct batch b = {.c = c, .op = &op};

	add(&b, type, r);
	return finish(&b);
}

int accel_map_one(const struct tern_context *c, const struct tern_mem *mem, unsigned int access)
{
	const struct accel_range r = range_of(mem, access);

	return one(c, DRM_TERN_BIND_MAP, &r);
}

int accel_unmap_one(const struct tern_context *c, const struct tern_mem *mem)
{
	const struct accel_range r = range_of(mem, 0);

	return one(c, DRM_TERN_BIND_UNMAP, &r);
}

/* ---- what should be mapped ----------------------------------------------------------- */

static int by_lo(const void *pa, const void *pb)
{
	const struct accel_range *a = pa, *b = pb;

	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

static int by_value(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* Joins [lo, hi) of r to the last range of the map, if it continues it. */
static void append(struct accel_map *m, const struct accel_range *r, uint64_t lo, uint64_t hi,
		   unsigned int access)
{
	struct accel_range *last = m->n ? &m->r[m->n - 1] : NULL;
	const uint64_t offset = r->offset + (lo - r->lo);

	if (last && last->hi == lo && last->bo == r->bo && last->access == access &&
	    last->offset + (last->hi - last->lo) == offset)
		last->hi = hi;
	else
		m->r[m->n++] = (struct accel_range){lo, hi, offset, r->bo, access};
}

/*
 * Between two neighbouring ends the same ranges hold: a page that several share, which are then
 * parts of one buffer, gets what any of them may.
 */
static void join(const struct accel_range *r, size_t n, const uint64_t *end, struct accel_map *m)
{
	size_t first = 0, i, k;

	for (i = 0; i + 1 < 2 * n; i++) {
		const struct accel_range *any = NULL;
		unsigned int access = 0;

		while (first < n && r[first].hi <= end[i])
			first++;
		for (k = first; k < n && r[k].lo <= end[i]; k++) {
			if (r[k].hi > end[i]) {
				any = &r[k];
				access |= r[k].access;
			}
		}
		if (any && end[i] < end[i + 1])
			append(m, any, end[i], end[i + 1], access);
	}
}

static int wanted(const struct tern_mapping *list, size_t n, struct accel_map *m)
{
	struct accel_range *r = malloc((n + 1) * sizeof(*r));
	uint64_t *end = malloc((2 * n + 1) * sizeof(*end));
	size_t i;

	*m = (struct accel_map){.r = malloc((2 * n + 1) * sizeof(*m->r))};
	if (r && end && m->r) {
		for (i = 0; i < n; i++) {
			r[i] = range_of(list[i].mem, list[i].access);
			end[2 * i] = r[i].lo;
			end[2 * i + 1] = r[i].hi;
		}
		qsort(r, n, sizeof(*r), by_lo);
		qsort(end, 2 * n, sizeof(*end), by_value);
		join(r, n, end, m);
		free(r);
		free(end);
		return 0;
	}
	free(r);
	free(end);
	free(m->r);
	return tern_fail(-ENOMEM, "no memory to map %zu buffers", n);
}

/* ---- the difference --------------------------------------------------------------------- */

static bool same(const struct accel_range *a, const struct accel_range *b)
{
	return a->lo == b->lo && a->hi == b->hi && a->offset == b->offset && a->bo == b->bo &&
	       a->access == b->access;
}

/* Adds what is in `of` and not in `but`, both sorted. */
static void difference(struct batch *b, uint32_t type, const struct accel_map *of,
		       const struct accel_map *but)
{
	size_t i, k = 0;

	for (i = 0; i < of->n; i++) {
		while (k < but->n && but->r[k].lo < of->r[i].lo)
			k++;
		if (k == but->n || !same(&of->r[i], &but->r[k]))
			add(b, type, &of->r[i]);
	}
}

int accel_map_set(struct tern_context *c, const struct tern_mapping *list, size_t n)
{
	struct batch b = {.c = c, .op = malloc(c->owner->bind_ops * sizeof(*b.op))};
	struct accel_map m;
	int ret;

	if (!b.op)
		return tern_fail(-ENOMEM, "no memory to map %zu buffers", n);
	ret = wanted(list, n, &m);
	if (!ret) {
		difference(&b, DRM_TERN_BIND_UNMAP, &c->map, &m);
		difference(&b, DRM_TERN_BIND_REPLACE, &m, &c->map);
		ret = finish(&b);
		free(c->map.r);
		c->map = m;
		/* What came of it is not known: unmap and map all of it the next time. */
		for (size_t i = 0; ret && i < m.n; i++)
			m.r[i].access = ~0u;
	}
	free(b.op);
	return ret;
}

int accel_map_sync(const struct tern_context *c, uint32_t flags)
{
	size_t i;
	int ret;

	if (c->owner->info.flags & DRM_TERN_INFO_COHERENT)
		return 0;
	for (i = 0; i < c->map.n; i++) {
		const struct accel_range *r = &c->map.r[i];
		struct drm_tern_bo_sync s = {.handle = r->bo,
					     .flags = flags,
					     .offset = r->offset,
					     .size = r->hi - r->lo};

		if (flags == DRM_TERN_SYNC_FROM_DEVICE && !(r->access & TERN_WRITE))
			continue;
		ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_BO_SYNC, &s);
		if (ret)
			return tern_fail(ret, "BO_SYNC failed: %s", strerror(-ret));
	}
	return 0;
}
