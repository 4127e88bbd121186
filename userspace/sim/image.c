// SPDX-License-Identifier: MIT
/*
 * The program: copied out of the context's memory at the start of a job, then decoded
 * command by command at the first visit.
 *
 * The copy is what is checked and what runs, so that a context which changes its image
 * meanwhile harms nobody. A job whose copy equals the last one keeps the decoded commands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memo.h"

static int refuse(struct tern_sim *s, uint64_t word)
{
	return sim_fault(s, TERN_FAULT_IMAGE, s->run->job.image + 8 * word, 0);
}

static bool sem_ok(const struct tern_image_sem *sem)
{
	if (!sem->used)
		return !sem->producer && !sem->consumer && !sem->initial;
	return sem->used == 1 && sem->producer < TERN_NQUEUES && sem->consumer < TERN_NQUEUES;
}

static bool sections_ok(const struct tern_image_header *h)
{
	return h->entry >= TERN_IMAGE_HEADER_WORDS && h->entry < h->code_words &&
	       h->code_words <= h->vector_words && h->vector_words <= h->words &&
	       h->vector_words <= TERN_IMAGE_MAX_WORDS;
}

static int check_header(struct tern_sim *s)
{
	const struct tern_image_header *h = &s->hdr;

	if (h->magic != TERN_IMAGE_MAGIC || h->major != TERN_ISA_MAJOR || h->minor > TERN_ISA_MINOR)
		return refuse(s, 0);
	if (!sections_ok(h))
		return refuse(s, 1);
	if (h->spm_bytes > s->caps.spm_bytes || h->acc > s->caps.acc)
		return refuse(s, 3);
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		if (!sem_ok(&h->sem[i]))
			return refuse(s, 4 + i / 2);
	}
	return 0;
}

/* A piece of the image; dst NULL only asks whether it could be fetched. */
static int fetch_bytes(struct tern_sim *s, uint64_t va, unsigned char *dst, uint64_t len)
{
	uint64_t got;

	for (uint64_t done = 0; done < len; done += got) {
		const void *host;

		got = len - done;
		host = sim_mem_at(s, va + done, &got, TERN_EXEC);
		if (!host)
			return sim_fault(s, TERN_FAULT_TRANSLATION, va + done, TERN_EXEC);
		if (dst)
			memcpy(dst + done, host, got);
	}
	return 0;
}

static bool grow(struct tern_sim *s, size_t words, size_t code_words)
{
	uint64_t *image = malloc(words * sizeof(*image));
	struct sim_slot *slots = calloc(code_words, sizeof(*slots));

	if (!image || !slots) {
		free(image);
		free(slots);
		return false;
	}
	free(s->image);
	free(s->slots);
	s->image = image;
	s->slots = slots;
	s->image_cap = words;
	s->nslots = code_words;
	return true;
}

static void forget_decoded(struct tern_sim *s)
{
	memset(s->slots, 0, s->nslots * sizeof(*s->slots));
	s->nvprogs = 0;
	for (unsigned int i = 0; i < SIM_MEMOS && i < s->nmemos; i++)
		s->memos[i].word = 0;
	s->nmemos = 0;
}

/* The usual second job runs the same program: compare in place of copy. */
static bool same_program(struct tern_sim *s)
{
	uint64_t len = 8ull * s->hdr.vector_words;
	const void *host;

	if (s->image_words != s->hdr.vector_words || memcmp(&s->hdr, s->image, sizeof(s->hdr)))
		return false;
	host = sim_mem_whole(s, s->run->job.image, len, TERN_EXEC);
	return host && !memcmp(host, s->image, len);
}

static int copy_program(struct tern_sim *s)
{
	size_t words = s->hdr.vector_words;
	int err;

	s->image_words = 0;
	if ((words > s->image_cap || s->hdr.code_words > s->nslots) &&
	    !grow(s, words, s->hdr.code_words)) {
		s->nomem = true;
		return -ENOMEM;
	}
	forget_decoded(s);
	err = fetch_bytes(s, s->run->job.image, (unsigned char *)s->image, 8ull * words);
	if (err)
		return err;
	/* The header was read before: what counts is what was checked. */
	memcpy(s->image, &s->hdr, sizeof(s->hdr));
	s->image_words = words;
	return 0;
}

/* Who runs the model answers for what IRQ and profile ask for. */
static bool job_ok(const struct tern_job *job)
{
	return !(job->flags & ~TERN_JOB_FLAGS) && job->profile % TERN_BURST == 0 &&
	       !(job->reserved[0] | job->reserved[1] | job->reserved[2]);
}

int sim_image_load(struct tern_sim *s)
{
	uint64_t va = s->run->job.image;
	uint64_t copied;
	int err;

	if (va % TERN_BURST || !job_ok(&s->run->job))
		return sim_fault(s, TERN_FAULT_IMAGE, va, s->run->job.flags);
	err = fetch_bytes(s, va, (unsigned char *)&s->hdr, sizeof(s->hdr));
	if (!err)
		err = check_header(s);
	if (err)
		return err;
	if (!same_program(s)) {
		err = copy_program(s);
		if (err)
			return err;
	}
	copied = 8ull * s->image_words;
	return fetch_bytes(s, va + copied, NULL, 8ull * s->hdr.words - copied);
}

static uint8_t queue_of(const struct tern_cmd *c)
{
	if (c->op == TERN_OP_LOAD && (c->flags & TERN_LOAD_DEP))
		return TERN_Q_LOAD1;
	return c->info->queue;
}

static int decode(struct tern_sim *s, uint32_t pc, struct sim_slot *slot)
{
	struct tern_cmd c;
	int err = tern_cmd_decode(s->image + pc, s->hdr.code_words - pc, &c);

	if (err)
		return sim_fault(s, err, s->image[pc], 0);
	slot->op = c.op;
	slot->words = c.words;
	slot->a = c.a;
	slot->b = c.b;
	slot->c = c.c;
	slot->d = c.d;
	slot->flags = c.flags;
	slot->queue = queue_of(&c);
	if (c.info->queue != TERN_Q_CP || c.op == TERN_OP_SYNC)
		slot->memo = s->nmemos++ % SIM_MEMOS;
	if (c.op == TERN_OP_VECTOR) {
		s->queue = slot->queue;
		err = sim_vprog_add(s, slot, s->image + pc);
	}
	slot->ready = !err;
	return err;
}

struct sim_slot *sim_fetch(struct tern_sim *s, uint32_t pc)
{
	struct sim_slot *slot;

	if (pc < TERN_IMAGE_HEADER_WORDS || pc >= s->hdr.code_words) {
		sim_fault(s, TERN_FAULT_FETCH, pc, 0);
		return NULL;
	}
	slot = &s->slots[pc];
	return decode(s, pc, slot) ? NULL : slot;
}
