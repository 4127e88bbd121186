// SPDX-License-Identifier: MIT
/*
 * fuzz_stream.c - any bytes as a program for the model: run with a small budget and a
 * small memory, twice, with and without checking mode. Where checking finds nothing
 * undefined, both must count the same cycles and the rest, and meet the same fault, or none and
 * leave the same memory: that compares every deferred LOAD with one executed at once, and every
 * command resolved as it was the last time with one resolved from scratch.
 *
 * With FLAG_PREEMPT the first run is preempted now and then, at a YIELD if one is near, and
 * loses what a save leaves out. That must change nothing but time, so time is left out.
 *
 * Input: byte 0 flags (below), byte 1 the number of words at the end that are
 * micro-programs, byte 2 how many boundaries lie between preemptions, bytes 3..7 nothing, then
 * 64-bit words: code behind a sound header, or with FLAG_RAW the whole image.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"
#include "sim/sim.h"

#define FLAG_RAW    1u
#define FLAG_PIECES 2u /* memory is translated in pieces of 64 bytes */
#define FLAG_HALF   4u /* the upper half of the data is read-only */
/* A job reads its image anew when it goes on, so here it may not write there. */
#define FLAG_PREEMPT 8u

#define MEM_VA	    0x10000ull
#define MEM_BYTES   (128u << 10)
#define IMAGE_BYTES (64u << 10) /* at the start; what follows is data */
#define BUDGET	    3000
#define PREEMPTIONS 8 /* at most: a save of everything takes its time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	_Alignas(4096) unsigned char bytes[MEM_BYTES];
	unsigned int flags;
};

static void *translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	struct memory *m = ctx;
	uint64_t at = va - MEM_VA, end = MEM_BYTES;

	if (access == TERN_WRITE && (m->flags & FLAG_HALF))
		end = (IMAGE_BYTES + MEM_BYTES) / 2;
	if (at >= end || ((m->flags & FLAG_PREEMPT) && access == TERN_WRITE && at < IMAGE_BYTES))
		return NULL;
	if ((m->flags & FLAG_PIECES) && at / 64 * 64 + 64 < end)
		end = at / 64 * 64 + 64;
	if (*len > end - at)
		*len = end - at;
	return m->bytes + at;
}

static struct tern_sim *device(bool check, bool timed)
{
	struct tern_sim_options opt = {.threads = 1};
	struct tern_caps caps;
	struct tern_sim *sim;
	char err[256], no_ops[64];

	if (tern_sim_parse("small", &caps, &opt, no_ops, sizeof(no_ops), err, sizeof(err)))
		abort();
	opt.check = check;
	opt.no_timing = !timed;
	opt.threads = 1;
	if (tern_sim_create(&caps, &opt, &sim, err, sizeof(err)))
		abort();
	return sim;
}

static void header(struct memory *m, size_t words, size_t vectors)
{
	struct tern_image_header h = {
		.magic = TERN_IMAGE_MAGIC,
		.major = TERN_ISA_MAJOR,
		.words = (uint32_t)(TERN_IMAGE_HEADER_WORDS + words),
		.entry = TERN_IMAGE_HEADER_WORDS,
		.code_words = (uint32_t)(TERN_IMAGE_HEADER_WORDS + words - vectors),
		.vector_words = (uint32_t)(TERN_IMAGE_HEADER_WORDS + words),
		.spm_bytes = 65536,
		.acc = 1024,
		.sem = {{TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1},
			{TERN_Q_MATRIX, TERN_Q_LOAD0, 2, 1},
			{TERN_Q_VECTOR, TERN_Q_STORE, 0, 1},
			{TERN_Q_LOAD1, TERN_Q_VECTOR, 0, 1},
			{TERN_Q_STORE, TERN_Q_CP, 0, 1},
			{TERN_Q_CP, TERN_Q_LOAD0, 4, 1},
			{TERN_Q_LOAD0, TERN_Q_VECTOR, 0, 1},
			{TERN_Q_MATRIX, TERN_Q_VECTOR, 0, 1},
			{TERN_Q_VECTOR, TERN_Q_MATRIX, 0, 1}},
	};

	memcpy(m->bytes, &h, sizeof(h));
}

/* Finite floats, small indices, plausible blocks: bytes that count. */
static const unsigned char *pattern(void)
{
	static unsigned char bytes[MEM_BYTES - IMAGE_BYTES];

	for (unsigned int i = sizeof(bytes); !bytes[4] && i-- > 0;)
		bytes[i] = i & 2048 ? (unsigned char)(i >> 3) : (i & 3) == 0 ? (i >> 2) & 7 : 0;
	return bytes;
}

static void prepare(struct memory *m, const uint8_t *data, size_t size)
{
	size_t at, words = (size - 8) / 8, vectors = data[1];

	memset(m->bytes, 0, IMAGE_BYTES);
	memcpy(m->bytes + IMAGE_BYTES, pattern(), MEM_BYTES - IMAGE_BYTES);
	m->flags = data[0];
	at = m->flags & FLAG_RAW ? 0 : 8 * TERN_IMAGE_HEADER_WORDS;
	if (words > (IMAGE_BYTES - at) / 8)
		words = (IMAGE_BYTES - at) / 8;
	memcpy(m->bytes + at, data + 8, 8 * words);
	if (!(m->flags & FLAG_RAW))
		header(m, words, vectors < words ? vectors : 0);
}

static struct tern_sim_run run(struct tern_sim *sim, struct memory *m)
{
	struct tern_sim_run r = {
		.job = {.image = MEM_VA, .args = MEM_VA + IMAGE_BYTES, .budget = BUDGET},
		.mem = {translate, m},
	};

	if (tern_sim_run(sim, &r))
		abort();
	return r;
}

/* ---- preempted ---------------------------------------------------------------------------- */
struct boundaries {
	unsigned int seen, every;
};

static enum tern_sim_attend attend(void *ctx)
{
	struct boundaries *b = ctx;

	return ++b->seen > b->every ? TERN_SIM_PREEMPT : TERN_SIM_GO_ON;
}

static struct tern_sim_run run_preempted(struct tern_sim *sim, struct memory *m, unsigned int every)
{
	static const volatile int always = 1;
	struct boundaries b = {.every = every};
	struct tern_sim_run r = {
		.job = {.image = MEM_VA, .args = MEM_VA + IMAGE_BYTES, .budget = BUDGET},
		.mem = {translate, m},
		.stop = &always,
		.attend = attend,
		.host_ctx = &b,
	};

	r.save = malloc(tern_sim_caps(sim)->save_bytes);
	for (unsigned int n = 0; n == 0 || r.preempted; n++) {
		r.resume = n > 0;
		b.seen = 0;
		if (n == PREEMPTIONS)
			r.stop = NULL;
		if (!r.save || tern_sim_run(sim, &r))
			abort();
	}
	free(r.save);
	return r;
}

/* ---- comparing ----------------------------------------------------------------------------- */
struct devices {
	struct tern_sim *fast, *checked;
};

static struct devices *devices(bool timed)
{
	static struct devices d[2];

	if (!d[timed].fast) {
		d[timed].fast = device(false, timed);
		d[timed].checked = device(true, timed);
	}
	return &d[timed];
}

static bool same(const struct tern_sim_run *x, const struct tern_sim_run *y)
{
	return !memcmp(&x->fault, &y->fault, sizeof(x->fault)) &&
	       !memcmp(&x->counters, &y->counters, sizeof(x->counters));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct memory a, b;
	struct tern_sim_run x, y;
	struct devices *d;
	bool preempt;

	if (size < 16)
		return 0;
	preempt = data[0] & FLAG_PREEMPT;
	d = devices(!preempt);
	prepare(&a, data, size);
	memcpy(&b, &a, sizeof(b));
	x = preempt ? run_preempted(d->fast, &a, 1u + data[2]) : run(d->fast, &a);
	y = run(d->checked, &b);
	if (y.fault.class == TERN_CLASS_UNDEFINED)
		return 0;
	if (!same(&x, &y))
		abort();
	/* How far the command at fault came is nobody's promise. */
	if (!x.fault.code && memcmp(a.bytes, b.bytes, MEM_BYTES))
		abort();
	return 0;
}
