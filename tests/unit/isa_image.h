/* SPDX-License-Identifier: MIT */
/* Building and printing small images, for the tests of the codec. */
#ifndef TEST_ISA_IMAGE_H
#define TEST_ISA_IMAGE_H

#include <check.h>
#include <string.h>

#include "isa/codec.h"

/* The text of the disassembler; the caller frees it. */
static inline char *disasm(const uint64_t *image, size_t words, bool json, int *err)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int got = tern_disasm(f, image, words, json);

	fclose(f);
	if (err)
		*err = got;
	return text;
}

static inline void begin_image(struct tern_code *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned int i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(c, 0);
}

/* Writes the header once the sections are known; code ends where micro-programs begin. */
static inline struct tern_image_header *end_image(struct tern_code *c, size_t code_words)
{
	struct tern_image_header *h = (struct tern_image_header *)c->w;

	ck_assert_int_eq(c->err, 0);
	h->magic = TERN_IMAGE_MAGIC;
	h->major = TERN_ISA_MAJOR;
	h->minor = TERN_ISA_MINOR;
	h->words = (uint32_t)c->n;
	h->entry = TERN_IMAGE_HEADER_WORDS;
	h->code_words = (uint32_t)code_words;
	h->vector_words = (uint32_t)c->n;
	return h;
}

static inline void use_sem(struct tern_image_header *h, unsigned int sem, unsigned int from,
			   unsigned int to)
{
	h->sem[sem] = (struct tern_image_sem){(uint8_t)from, (uint8_t)to, 0, 1};
}

#endif
