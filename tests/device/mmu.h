/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address translation: page-table walks, a TLB of all address spaces, and invalidation.
 *
 * An invalidation takes entries out of the TLB at once. Its acknowledgement waits for those
 * who may still use what they looked up before: the engines until the next command
 * boundary, the MCU until it has dropped its window.
 */
#ifndef DEVICE_MMU_H
#define DEVICE_MMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tern/hw.h>

struct model;

#define TLB_ENTRIES  4096u
#define INV_REQUESTS 16u
#define MMU_BY_MCU   15u /* source of an access, beside enum tern_queue */
#define WAIT_ENGINE  1u
#define WAIT_MCU     2u
#define WAIT_FAULT   4u /* ACK_DELAY */

struct tlb_entry {
	uint64_t page, bus;	   /* page numbers */
	unsigned char *host;	   /* of the page */
	uint8_t valid, asid, perm; /* perm: enum tern_access */
	uint8_t logged;		   /* accesses already in the log */
};

/* Where LATE_DMA writes to; bus 0: nowhere. */
struct late_target {
	uint64_t va, bus;
};

struct inv_request {
	uint32_t seq;
	uint8_t asid;
	uint8_t waits; /* WAIT_* */
	struct late_target late;
};

struct mmu {
	pthread_mutex_t lock; /* of the TLB */
	struct tlb_entry tlb[TLB_ENTRIES];
	uint64_t walks;
	/* Under the model's lock. */
	struct inv_request queue[INV_REQUESTS];
	unsigned int head, n;
	uint32_t done;
};

void mmu_init(struct model *m);
/* Host pointer for va, *len shrinks to what follows it in one piece; NULL: not mapped, not
 * for this access, or the bus refuses (then IRQ BUS too). `access` is one enum tern_access. */
void *mmu_at(struct model *m, unsigned int asid, uint64_t va, uint64_t *len, unsigned int access,
	     unsigned int source);
bool mmu_read(struct model *m, unsigned int asid, uint64_t va, void *dst, uint64_t len);
bool mmu_write(struct model *m, unsigned int asid, uint64_t va, const void *src, uint64_t len);
/* One aligned word, with release order: others poll it. */
bool mmu_store(struct model *m, unsigned int asid, uint64_t va, uint64_t value);
bool mmu_load(struct model *m, unsigned int asid, uint64_t va, uint64_t *value);

void mmu_log_again(struct model *m); /* pages are in the log once more when they are used next */
void mmu_drop_all(struct model *m);
/* Translations stay, as the contract lets them; where they lead the bus says anew. */
void mmu_ask_again(struct model *m);

/* ---- invalidate.c: under the model's lock ------------------------------------------------------------------ */
void mmu_invalidate(struct model *m, uint32_t seq, unsigned int asid, uint64_t start, uint64_t end);
/* Whoever is told by `who` uses nothing any more that it looked up before. */
void mmu_waited(struct model *m, unsigned int who);
void mmu_acknowledge(struct model *m); /* what can be */
void mmu_reset(struct model *m);

#endif
