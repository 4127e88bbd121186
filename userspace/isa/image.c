// SPDX-License-Identifier: MIT
/* Whole images: header, every command, every micro-program a command names. */
#include <string.h>

#include "isa/codec.h"

static bool sem_ok(const struct tern_image_sem *s)
{
	if (!s->used)
		return !s->producer && !s->consumer && !s->initial;
	return s->used == 1 && s->producer < TERN_NQUEUES && s->consumer < TERN_NQUEUES;
}

static bool header_ok(const struct tern_image_header *h, size_t words)
{
	if (h->magic != TERN_IMAGE_MAGIC || h->major != TERN_ISA_MAJOR ||
	    h->minor > TERN_ISA_MINOR || h->words > words)
		return false;
	if (h->entry < TERN_IMAGE_HEADER_WORDS || h->entry >= h->code_words ||
	    h->code_words > h->vector_words || h->vector_words > h->words)
		return false;
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		if (!sem_ok(&h->sem[i]))
			return false;
	}
	return true;
}

static bool role_ok(const struct tern_image_header *h, uint32_t field, unsigned int queue,
		    bool signals)
{
	const struct tern_image_sem *s = &h->sem[TERN_SYNC_SEM(field)];

	if (!TERN_SYNC_COUNT(field))
		return true;
	return s->used && (signals ? s->producer : s->consumer) == queue;
}

static unsigned int queue_of(const struct tern_cmd *c)
{
	if (c->op == TERN_OP_SYNC)
		return c->a;
	if (c->op == TERN_OP_LOAD && (c->flags & TERN_LOAD_DEP))
		return TERN_Q_LOAD1;
	return c->info->queue;
}

static int check_sync(const struct tern_image_header *h, const struct tern_cmd *c)
{
	unsigned int queue = queue_of(c);
	uint64_t w = c->w[1];

	if (c->info->queue == TERN_Q_CP && c->op != TERN_OP_SYNC)
		return 0;
	if (role_ok(h, (uint32_t)(w >> TERN_SYNC_WAIT0_SHIFT), queue, false) &&
	    role_ok(h, (uint32_t)(w >> TERN_SYNC_WAIT1_SHIFT), queue, false) &&
	    role_ok(h, (uint32_t)(w >> TERN_SYNC_SIGNAL0_SHIFT), queue, true) &&
	    role_ok(h, (uint32_t)(w >> TERN_SYNC_SIGNAL1_SHIFT), queue, true))
		return 0;
	return TERN_FAULT_SEM_ROLE;
}

static bool in_code(const struct tern_image_header *h, uint64_t word)
{
	return word >= TERN_IMAGE_HEADER_WORDS && word < h->code_words;
}

static int check_target(const struct tern_image_header *h, const struct tern_cmd *c, size_t at)
{
	uint64_t target;

	switch (c->op) {
	case TERN_OP_BR:
	case TERN_OP_LOOP:
		target = at + c->w[1];
		break;
	case TERN_OP_CALL:
		target = c->w[1];
		break;
	default:
		return 0;
	}
	return in_code(h, target) ? 0 : TERN_FAULT_FETCH;
}

static unsigned int tile_mask(const struct tern_cmd *c)
{
	uint64_t tiles = c->w[0] >> 32 | c->w[2] << 32;
	unsigned int mask = 0;

	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if ((tiles >> 8 * i & 0xff) != TERN_NONE)
			mask |= 1u << i;
	}
	return mask;
}

static int check_vector(const uint64_t *image, const struct tern_image_header *h,
			const struct tern_cmd *c, size_t *bad)
{
	uint64_t n = c->w[2] >> 32, first = c->w[3];
	size_t at = 0;
	int err;

	if (c->op != TERN_OP_VECTOR)
		return 0;
	if (first < h->code_words || first > h->vector_words || n > h->vector_words - first)
		return TERN_FAULT_FETCH;
	err = tern_vector_check(image + first, n, tile_mask(c), &at);
	if (err)
		*bad = first + at;
	return err;
}

static int check_command(const uint64_t *image, const struct tern_image_header *h, size_t at,
			 struct tern_cmd *c, size_t *bad)
{
	int err = tern_cmd_decode(image + at, h->code_words - at, c);

	*bad = at;
	if (!err)
		err = check_sync(h, c);
	if (!err)
		err = check_target(h, c, at);
	return err ? err : check_vector(image, h, c, bad);
}

int tern_image_check(const uint64_t *image, size_t words, size_t *bad)
{
	struct tern_image_header h;
	struct tern_cmd c;
	size_t where;
	int err = 0;

	if (!bad)
		bad = &where;
	*bad = 0;
	if (words < TERN_IMAGE_HEADER_WORDS)
		return TERN_FAULT_IMAGE;
	memcpy(&h, image, sizeof(h));
	if (!header_ok(&h, words))
		return TERN_FAULT_IMAGE;
	for (size_t at = TERN_IMAGE_HEADER_WORDS; !err && at < h.code_words; at += c.words)
		err = check_command(image, &h, at, &c, bad);
	return err;
}
