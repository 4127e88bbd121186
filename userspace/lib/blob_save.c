// SPDX-License-Identifier: MIT
/* Programs to blobs. */
#include "lib/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Growing bytes. After a failed allocation nothing more is written: checked once, last. */
struct bytes {
	unsigned char *p;
	size_t n, cap;
	bool failed;
};

static unsigned char *extend(struct bytes *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 4096;
	unsigned char *p;

	while (cap - b->n < n)
		cap *= 2;
	if (cap != b->cap) {
		p = realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	b->n += n;
	return b->p + b->n - n;
}

static void put32(struct bytes *b, uint32_t v)
{
	unsigned char *p = b->failed ? NULL : extend(b, 4);

	if (p)
		tern_put32(p, v);
}

static void put64(struct bytes *b, uint64_t v)
{
	unsigned char *p = b->failed ? NULL : extend(b, 8);

	if (p)
		tern_put64(p, v);
}

static void put_bytes(struct bytes *b, const void *from, size_t n)
{
	unsigned char *p = b->failed || !n ? NULL : extend(b, n);

	if (p)
		memcpy(p, from, n);
}

static void put_align(struct bytes *b, size_t to)
{
	static const unsigned char zeros[TERN_BLOB_ALIGN];

	put_bytes(b, zeros, (to - b->n % to) % to);
}

static void put_float(struct bytes *b, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	put32(b, bits);
}

struct writer {
	const struct tern_program *prog;
	struct bytes out, strings;
	uint32_t *reason; /* offsets of the partition's reasons */
	uint32_t n[TERN_BLOB_NSECTIONS];
	uint64_t at[TERN_BLOB_NSECTIONS];
};

static uint32_t put_string(struct writer *w, const char *text)
{
	uint32_t at = (uint32_t)w->strings.n;

	if (!text)
		return TERN_BLOB_NO_STRING;
	put_bytes(&w->strings, text, strlen(text) + 1);
	return at;
}

/* ---- records ------------------------------------------------------------------------- */

static void begin(struct writer *w, enum tern_blob_section section, uint32_t n)
{
	put_align(&w->out, TERN_BLOB_ALIGN);
	w->at[section] = w->out.n;
	w->n[section] = n;
}

static void save_storages(struct writer *w)
{
	const struct tern_graph *g = w->prog->graph;
	uint32_t i;

	begin(w, TERN_BLOB_STORAGES, g->nstorages);
	for (i = 0; i < g->nstorages; i++) {
		put64(&w->out, g->storages[i].size);
		put32(&w->out, g->storages[i].flags);
		put32(&w->out, put_string(w, g->storages[i].name));
	}
}

static void save_tensor(struct writer *w, const struct tern_tensor_desc *t)
{
	int d;

	put32(&w->out, t->storage);
	put32(&w->out, (uint32_t)t->type);
	for (d = 0; d < 4; d++)
		put64(&w->out, (uint64_t)t->ne[d]);
	for (d = 0; d < 4; d++)
		put64(&w->out, t->nb[d]);
	put64(&w->out, t->offset);
	put64(&w->out, (uint64_t)t->offset_mul);
	put_bytes(&w->out, t->ne_sym, sizeof(t->ne_sym));
	put32(&w->out, t->offset_sym);
	put32(&w->out, put_string(w, t->name));
	put32(&w->out, 0);
}

static void save_tensors(struct writer *w)
{
	const struct tern_graph *g = w->prog->graph;
	uint32_t i;

	begin(w, TERN_BLOB_TENSORS, g->ntensors);
	for (i = 0; i < g->ntensors; i++)
		save_tensor(w, &g->tensors[i]);
}

static uint32_t reason_of(const struct writer *w, uint32_t op)
{
	const struct tern_partition *p = &w->prog->part;
	uint32_t i;

	for (i = 0; i < p->nreasons; i++) {
		if (p->reasons[i] == p->why[op])
			return w->reason[i];
	}
	return TERN_BLOB_NO_STRING;
}

static void save_ops(struct writer *w)
{
	const struct tern_graph *g = w->prog->graph;
	uint32_t i;
	int k;

	begin(w, TERN_BLOB_OPS, g->nops);
	for (i = 0; i < g->nops; i++) {
		const struct tern_op_desc *op = &g->ops[i];

		put32(&w->out, (uint32_t)op->op);
		for (k = 0; k < TERN_MAX_SRC; k++)
			put32(&w->out, op->src[k]);
		put32(&w->out, op->dst);
		for (k = 0; k < 8; k++)
			put32(&w->out, (uint32_t)op->i[k]);
		for (k = 0; k < 6; k++)
			put_float(&w->out, op->f[k]);
		put32(&w->out, op->group);
		put32(&w->out, reason_of(w, i));
		put32(&w->out, tern_program_owner(w->prog, i));
		put32(&w->out, 0);
	}
}

static void save_symbols(struct writer *w)
{
	const struct tern_graph *g = w->prog->graph;
	uint32_t i;

	begin(w, TERN_BLOB_SYMBOLS, g->nsymbols);
	for (i = 0; i < g->nsymbols; i++) {
		put64(&w->out, (uint64_t)g->symbols[i].max);
		put32(&w->out, put_string(w, g->symbols[i].name));
		put32(&w->out, 0);
	}
}

static void save_segments(struct writer *w)
{
	const struct tern_program *p = w->prog;
	uint32_t i, args = 0;

	begin(w, TERN_BLOB_SEGMENTS, p->part.nsegs);
	for (i = 0; i < p->part.nsegs; i++) {
		put32(&w->out, p->part.segs[i].npu);
		put32(&w->out, p->part.segs[i].first);
		put32(&w->out, p->part.segs[i].n);
		put32(&w->out, args);
		put64(&w->out, p->layout.image[i]);
		put64(&w->out, p->code[i].words);
		put64(&w->out, p->code[i].scratch_bytes);
		put32(&w->out, (uint32_t)p->code[i].nargs);
		put32(&w->out, 0);
		args += (uint32_t)p->code[i].nargs;
	}
	begin(w, TERN_BLOB_ARGS, args);
}

static void save_args(struct writer *w)
{
	const struct tern_program *p = w->prog;
	uint32_t i;
	size_t k;

	for (i = 0; i < p->part.nsegs; i++) {
		for (k = 0; k < p->code[i].nargs; k++) {
			const struct tern_arg *a = &p->code[i].args[k];

			put32(&w->out, (uint32_t)a->storage);
			put32(&w->out, a->sym);
			put32(&w->out, (uint32_t)a->bias);
			put32(&w->out, 0);
			put64(&w->out, (uint64_t)a->offset);
			put64(&w->out, (uint64_t)a->mul);
		}
	}
}

/* As laid out in device memory: at multiples of 64 bytes. */
static void save_images(struct writer *w)
{
	const struct tern_program *p = w->prog;
	uint32_t i;
	size_t k;

	begin(w, TERN_BLOB_IMAGES, (uint32_t)p->layout.image_bytes);
	for (i = 0; i < p->part.nsegs; i++) {
		for (k = 0; k < p->code[i].words; k++)
			put64(&w->out, p->code[i].image[k]);
		put_align(&w->out, TERN_BLOB_ALIGN);
	}
}

/* ---- the whole -------------------------------------------------------------------------- */

static void save_reasons(struct writer *w)
{
	uint32_t i;

	for (i = 0; i < w->prog->part.nreasons; i++)
		w->reason[i] = put_string(w, w->prog->part.reasons[i]);
}

static void save_strings(struct writer *w)
{
	begin(w, TERN_BLOB_STRINGS, (uint32_t)w->strings.n);
	put_bytes(&w->out, w->strings.p, w->strings.n);
	put_align(&w->out, TERN_BLOB_ALIGN);
}

static void save_header(struct writer *w)
{
	static const uint32_t record[] = {
#define X(name, bytes) bytes,
		TERN_BLOB_SECTIONS(X)
#undef X
	};
	const struct tern_target *t = &w->prog->dev->target;
	unsigned char *h = w->out.p;
	uint32_t caps[TERN_BLOB_NCAPS], i;

	memcpy(h, TERN_BLOB_MAGIC, 8);
	tern_put32(h + TERN_BLOB_AT_VERSION, TERN_BLOB_VERSION);
	tern_put64(h + TERN_BLOB_AT_SIZE, w->out.n);
	tern_put32(h + TERN_BLOB_AT_COMPILER, TERN_COMPILER_FINGERPRINT);
	tern_put32(h + TERN_BLOB_AT_NPU, t->npu);
	tern_put64(h + TERN_BLOB_AT_NO_OPS, t->no_ops);
	tern_put32(h + TERN_BLOB_AT_NCAPS, TERN_BLOB_NCAPS);
	tern_put32(h + TERN_BLOB_AT_NSECTIONS, TERN_BLOB_NSECTIONS);
	memcpy(caps, &t->caps, sizeof(caps));
	for (i = 0; i < TERN_BLOB_NCAPS; i++)
		tern_put32(h + TERN_BLOB_AT_CAPS + 4 * i, caps[i]);
	for (i = 0; i < TERN_BLOB_NSECTIONS; i++) {
		unsigned char *s = h + TERN_BLOB_AT_SECTIONS + TERN_BLOB_SECTION_BYTES * i;

		tern_put32(s, w->n[i]);
		tern_put32(s + 4, record[i]);
		tern_put64(s + 8, w->at[i]);
	}
	tern_put32(h + TERN_BLOB_AT_CRC, tern_blob_crc(h, w->out.n));
}

static void save_all(struct writer *w)
{
	static const unsigned char header[TERN_BLOB_HEADER_BYTES];

	put_bytes(&w->out, header, sizeof(header));
	save_reasons(w);
	save_storages(w);
	save_tensors(w);
	save_ops(w);
	save_symbols(w);
	save_segments(w);
	save_args(w);
	save_images(w);
	save_strings(w);
}

int tern_program_save(const struct tern_program *prog, void **blob, size_t *size)
{
	struct writer w = {.prog = prog};

	if (!prog || !blob || !size)
		return tern_fail(-EINVAL,
				 "tern_program_save: prog, blob and size must not be NULL");
	*blob = NULL;
	*size = 0;
	w.reason = calloc(prog->part.nreasons + 1u, sizeof(*w.reason));
	if (w.reason)
		save_all(&w);
	free(w.reason);
	free(w.strings.p);
	if (!w.reason || w.out.failed || w.strings.failed) {
		free(w.out.p);
		return tern_fail(-ENOMEM, "no memory for a program blob");
	}
	if (w.strings.n > UINT32_MAX / 2 || prog->layout.image_bytes > UINT32_MAX / 2) {
		free(w.out.p);
		return tern_fail(-EFBIG, "names or images exceed the 2 GiB a blob has room for");
	}
	save_header(&w);
	*blob = w.out.p;
	*size = w.out.n;
	return 0;
}
