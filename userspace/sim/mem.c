// SPDX-License-Identifier: MIT
/*
 * The context's memory, through the translate() of the run and nothing else.
 *
 * A tile may lie in several translated ranges, so everything here works by pieces; a few
 * remembered ranges make the common case, the same buffer again, cheap.
 */
#include <string.h>

#include "sim/internal.h"

/* Ask for more than is needed, so that the next command finds its range remembered. */
#define LOOKAHEAD (16ull << 20)

static struct sim_tlb_entry *remembered(struct tern_sim *s, uint64_t va, unsigned int access)
{
	for (unsigned int i = 0; i < SIM_TLB; i++) {
		struct sim_tlb_entry *e = &s->tlb[i];

		if (va - e->va < e->len && e->access == access)
			return e;
	}
	return NULL;
}

static struct sim_tlb_entry *translate(struct tern_sim *s, uint64_t va, uint64_t want,
				       unsigned int access)
{
	struct sim_tlb_entry *e = &s->tlb[s->tlb_next];
	uint64_t len = want > LOOKAHEAD || s->run->exact ? want : LOOKAHEAD;
	void *host;

	if (len > UINT64_MAX - va)
		len = UINT64_MAX - va;
	host = s->run->mem.translate(s->run->mem.ctx, va, &len, access);
	if (!host || !len)
		return NULL;
	s->tlb_next = (s->tlb_next + 1) % SIM_TLB;
	*e = (struct sim_tlb_entry){va, len, host, access};
	return e;
}

void *sim_mem_at(struct tern_sim *s, uint64_t va, uint64_t *len, unsigned int access)
{
	struct sim_tlb_entry *e = remembered(s, va, access);

	/* The remembered range may end where we stopped asking: ask again from here. */
	if (!e || e->len - (va - e->va) < *len)
		e = translate(s, va, *len, access);
	if (!e)
		return NULL;
	if (e->len - (va - e->va) < *len)
		*len = e->len - (va - e->va);
	return e->host + (va - e->va);
}

void *sim_mem_whole(struct tern_sim *s, uint64_t va, uint64_t len, unsigned int access)
{
	uint64_t got = len;
	void *host = sim_mem_at(s, va, &got, access);

	return got == len ? host : NULL;
}

const void *sim_mem_read(struct tern_sim *s, uint64_t va, void *tmp, uint64_t len)
{
	uint64_t got = len;
	const void *host = sim_mem_at(s, va, &got, TERN_READ);

	if (host && got == len)
		return host;
	for (uint64_t done = 0; done < len; done += got) {
		got = len - done;
		host = sim_mem_at(s, va + done, &got, TERN_READ);
		if (!host) {
			sim_fault(s, TERN_FAULT_TRANSLATION, va + done, TERN_READ);
			return NULL;
		}
		memcpy((unsigned char *)tmp + done, host, got);
	}
	return tmp;
}

int sim_mem_write(struct tern_sim *s, uint64_t va, const void *src, uint64_t len)
{
	uint64_t got;

	for (uint64_t done = 0; done < len; done += got) {
		unsigned char *host;

		got = len - done;
		host = sim_mem_at(s, va + done, &got, TERN_WRITE);
		if (!host)
			return sim_fault(s, TERN_FAULT_TRANSLATION, va + done, TERN_WRITE);
		if (s->defer)
			sim_defer_source(s, host, got);
		memcpy(host, (const unsigned char *)src + done, got);
	}
	return 0;
}
