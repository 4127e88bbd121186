// SPDX-License-Identifier: GPL-2.0
/*
 * The library on a device without a kernel: a program linked with
 * -Wl,--wrap=tern_transport_sim finds tern-device behind the name of each sim:... device, with the
 * firmware booted, page tables, kernel queues and profiles, and runs as it would on a driver.
 *
 * What the device cannot see, memory that the caller has brought, is copied; what may be
 * written, before and after each job.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "lib/profile.h"
#include "lib/transport.h"

#define MEMORY	   (2ull << 30)
#define LARGE	   (2ull << 20)
#define MAX_EVENTS 65536u
#define JOB_LIMIT  120000 /* milliseconds */

/* Where memory of the library lies on the bus. */
struct region {
	struct region *next;
	uint64_t va, bytes; /* whole pages */
	uint64_t bus;
	struct tern_mem mem;
	bool copied;
};

struct device {
	struct tern_transport base;
	struct host h;
	struct host_fw fw;
	struct tern_va va;
	struct region *regions;
	pthread_mutex_t busy;
	unsigned int contexts;
};

struct tern_context {
	struct device *owner;
	struct host_space *space;
	struct host_queue queue;
	struct tern_mapping *mapped;
	size_t nmapped;
	uint64_t done;
	struct tern_mem profile;
};

static struct device *of(struct tern_transport *t)
{
	return (struct device *)t;
}

/* ---- memory ------------------------------------------------------------------------------------- */
static struct region *region_of(struct device *d, uint64_t va)
{
	for (struct region *r = d->regions; r; r = r->next) {
		if (va - r->va < r->bytes)
			return r;
	}
	return NULL;
}

/* The same place within 2 MiB on the bus as in the address space, so that large leaves fit. */
static struct region *add_region(struct device *d, const struct tern_mem *mem, bool copied)
{
	struct region *r = calloc(1, sizeof(*r));
	uint64_t offset = mem->va % TERN_PAGE_SIZE;
	uint64_t slack;

	r->va = mem->va - offset;
	r->bytes = (offset + mem->size + TERN_PAGE_SIZE - 1) / TERN_PAGE_SIZE * TERN_PAGE_SIZE;
	slack = r->bytes >= LARGE ? r->va % LARGE : 0;
	r->bus = host_alloc(&d->h, slack + r->bytes, slack ? LARGE : TERN_PAGE_SIZE) + slack;
	r->copied = copied;
	r->next = d->regions;
	d->regions = r;
	return r;
}

static int alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem)
{
	struct device *d = of(t);
	struct region *r;
	int err;

	pthread_mutex_lock(&d->busy);
	*mem = (struct tern_mem){.size = size, .owned = true};
	err = tern_va_alloc(&d->va, NULL, size, &mem->va);
	if (!err) {
		r = add_region(d, mem, false);
		mem->host = host_at(&d->h, r->bus);
		r->mem = *mem;
	}
	pthread_mutex_unlock(&d->busy);
	return err;
}

static int wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
		struct tern_mem *mem)
{
	struct device *d = of(t);
	struct region *r;
	int err;

	pthread_mutex_lock(&d->busy);
	*mem = (struct tern_mem){.host = host, .size = size, .read_only = read_only};
	err = tern_va_alloc(&d->va, host, size, &mem->va);
	if (!err) {
		r = add_region(d, mem, true);
		r->mem = *mem;
		memcpy((char *)host_at(&d->h, r->bus) + (mem->va - r->va), host, size);
	}
	pthread_mutex_unlock(&d->busy);
	return err;
}

static void release(struct tern_transport *t, struct tern_mem *mem)
{
	struct device *d = of(t);

	pthread_mutex_lock(&d->busy);
	for (struct region **at = &d->regions, *r; (r = *at); at = &r->next) {
		if (r->mem.va == mem->va) {
			*at = r->next;
			free(r);
			break;
		}
	}
	if (mem->va)
		tern_va_free(&d->va, mem->va);
	pthread_mutex_unlock(&d->busy);
	*mem = (struct tern_mem){0};
}

/* Gives its slot to the context's queue. */
static void start(struct tern_context *c)
{
	struct device *d = c->owner;

	queue_bind(&d->h, &c->queue, 0);
	REQUIRE(fw_request(&d->h, &d->fw, TERN_FW_SLOT_START, c->queue.slot, 0, 0, NULL) ==
		TERN_FW_STATUS_OK);
}

static void stop(struct tern_context *c)
{
	struct device *d = c->owner;

	fw_request(&d->h, &d->fw, TERN_FW_SLOT_STOP, c->queue.slot, TERN_FW_STOP_ABORT, 0, NULL);
	queue_unbind(&d->h, &c->queue);
}

/* ---- contexts -------------------------------------------------------------------------------------- */
static int context_create(struct tern_transport *t, size_t nops, struct tern_context **out)
{
	struct device *d = of(t);
	struct tern_context *c = calloc(1, sizeof(*c));
	unsigned int n;

	(void)nops;
	pthread_mutex_lock(&d->busy);
	n = ++d->contexts;
	REQUIRE(n < TERN_NSLOTS);
	c->owner = d;
	c->space = space_create(&d->h, n);
	queue_create(&d->h, &c->queue, n, c->space, 0, 16);
	start(c);
	pthread_mutex_unlock(&d->busy);
	*out = c;
	return 0;
}

static void context_destroy(struct tern_context *c)
{
	struct device *d;

	if (!c)
		return;
	d = c->owner;
	pthread_mutex_lock(&d->busy);
	stop(c);
	pthread_mutex_unlock(&d->busy);
	if (c->profile.va)
		release(&d->base, &c->profile);
	free(c->mapped);
	free(c->space);
	free(c);
}

static uint64_t pte_flags(unsigned int access)
{
	return (access & TERN_WRITE ? TERN_PTE_WRITE : 0) |
	       (access & TERN_EXEC ? TERN_PTE_EXEC : 0);
}

/* Pages of a mapping; what was mapped by one before it keeps what that allowed. */
static void map_pages(struct tern_context *c, const struct tern_mapping *m)
{
	struct device *d = c->owner;
	uint64_t lo = m->mem->va & ~(uint64_t)(TERN_PAGE_SIZE - 1);
	uint64_t hi = tern_page_align(m->mem->va + m->mem->size);
	const struct region *r = region_of(d, lo);

	REQUIRE(r);
	space_allow(&d->h, c->space, lo, r->bus + (lo - r->va), hi - lo, pte_flags(m->access));
}

static int map(struct tern_context *c, const struct tern_mapping *list, size_t n)
{
	struct device *d = c->owner;

	pthread_mutex_lock(&d->busy);
	if (c->nmapped) {
		space_clear(&d->h, c->space);
		REQUIRE(space_invalidate(&d->h, c->space, 0, UINT64_MAX) == 0);
	}
	c->mapped = realloc(c->mapped, (n + 1) * sizeof(*list));
	memcpy(c->mapped, list, n * sizeof(*list));
	c->nmapped = n;
	for (size_t i = 0; i < n; i++)
		map_pages(c, &list[i]);
	if (c->profile.va)
		map_pages(c, &(struct tern_mapping){&c->profile, TERN_WRITE});
	pthread_mutex_unlock(&d->busy);
	return 0;
}

/* ---- a job --------------------------------------------------------------------------------------------- */
static void copy_wrapped(struct tern_context *c, bool in)
{
	for (size_t i = 0; i < c->nmapped; i++) {
		const struct tern_mapping *m = &c->mapped[i];
		const struct region *r = region_of(c->owner, m->mem->va);
		unsigned char *there;

		if (!r->copied || r->mem.read_only || (!in && !(m->access & TERN_WRITE)))
			continue;
		there = (unsigned char *)host_at(&c->owner->h, r->bus) + (m->mem->va - r->va);
		memcpy(in ? there : m->mem->host, in ? m->mem->host : there, m->mem->size);
	}
}

static uint64_t events_of(const struct tern_run *run)
{
	return run->tracer ? MAX_EVENTS : 0;
}

static void profile_begin(struct tern_context *c, struct tern_run *run)
{
	uint64_t need = tern_profile_bytes(run, events_of(run));

	if (c->profile.size < need) {
		if (c->profile.va)
			release(&c->owner->base, &c->profile);
		REQUIRE(alloc(&c->owner->base, need, &c->profile) == 0);
		pthread_mutex_lock(&c->owner->busy);
		map_pages(c, &(struct tern_mapping){&c->profile, TERN_WRITE});
		pthread_mutex_unlock(&c->owner->busy);
	}
	tern_profile_ask((void *)c->profile.host, c->profile.va, events_of(run), run);
}

static void profile_end(struct tern_context *c, struct tern_run *run)
{
	const struct tern_profile *p = (const void *)c->profile.host;

	tern_profile_counts(p, run);
	if (run->tracer)
		tern_profile_events(p, MAX_EVENTS, run);
}

/* True: done; false: faulted. */
static bool finished(struct tern_context *c)
{
	struct host *h = &c->owner->h;

	for (int tries = 0;; tries++) {
		if (__atomic_load_n(&c->queue.ring->done, __ATOMIC_ACQUIRE) == c->done + 1)
			return true;
		if (queue_state(h, &c->queue) == TERN_SLOT_FAULTED)
			return false;
		HOST_ASSERT(tries < JOB_LIMIT * 5, "the job does not end");
		usleep(200);
	}
}

static void rebind(struct tern_context *c)
{
	stop(c);
	c->queue.ring->done = c->done = c->queue.ring->write;
	start(c);
}

static int run(struct tern_context *c, struct tern_run *run)
{
	struct device *d = c->owner;

	profile_begin(c, run);
	pthread_mutex_lock(&d->busy);
	copy_wrapped(c, true);
	memset(&run->fault, 0, sizeof(run->fault));
	queue_push(&d->h, &c->queue, &run->job);
	if (finished(c)) {
		c->done++;
		profile_end(c, run);
	} else {
		run->fault = *c->queue.fault;
		rebind(c);
	}
	copy_wrapped(c, false);
	pthread_mutex_unlock(&d->busy);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------- */
static void destroy(struct tern_transport *t)
{
	struct device *d = of(t);

	REQUIRE(host_close(&d->h) == 0);
	tern_va_fini(&d->va);
	pthread_mutex_destroy(&d->busy);
	free(d);
}

/* The name of a configuration with these capabilities. */
static const char *name_of(const struct tern_caps *caps)
{
	static const char *const names[] = {"small", "ref", "large"};
	struct tern_sim_options opt = {0};
	struct tern_caps c;
	char no_ops[64], err[256];

	for (size_t i = 0; i < 3; i++) {
		if (!tern_sim_parse(names[i], &c, &opt, no_ops, sizeof(no_ops), err, sizeof(err)) &&
		    !memcmp(&c, caps, sizeof(c)))
			return names[i];
	}
	host_die("no name for this configuration");
	return NULL;
}

int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out);

int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out)
{
	static const struct tern_transport_ops ops = {
		.destroy = destroy,
		.alloc = alloc,
		.wrap = wrap,
		.free = release,
		.context_create = context_create,
		.context_destroy = context_destroy,
		.map = map,
		.run = run,
	};
	struct device *d = calloc(1, sizeof(*d));

	(void)opt;
	d->base.ops = &ops;
	pthread_mutex_init(&d->busy, NULL);
	tern_va_init(&d->va);
	host_open(&d->h, &(struct host_options){.device = name_of(caps),
						.bytes = MEMORY,
						.log = getenv("TERN_DEVICE_LOG")});
	host_enable(&d->h);
	fw_boot(&d->h, &d->fw, fw_load(&d->h));
	*out = &d->base;
	return 0;
}
