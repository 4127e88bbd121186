/* SPDX-License-Identifier: GPL-2.0 */
/* A device that lies: words on their way to whoever trusts them are changed, now and then, to
 * what is worst. All under the model's lock. */
#ifndef DEVICE_LIES_H
#define DEVICE_LIES_H

#include <stddef.h>
#include <stdint.h>

struct model;

#define LIES_REMEMBERED 8

struct lies {
	uint64_t rate; /* one word in so many; 0: the truth */
	uint64_t random;
	uint64_t told; /* lies so far */
	uint64_t before[LIES_REMEMBERED];
	unsigned int next;
};

void lies_set(struct model *m, uint64_t seed, uint64_t rate);
/* What is said in place of a register's value to the host. */
uint32_t lies_register(struct model *m, uint32_t reg, uint32_t truth);
/* The same of a word, or of any in a record, that goes to memory of the kernel. */
uint64_t lies_word(struct model *m, unsigned int bytes, uint64_t truth);
void lies_record(struct model *m, void *record, size_t bytes);

#endif
