// SPDX-License-Identifier: MIT
/* Blobs to programs. */
#include "lib/blob.h"
#include "isa/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCRATCH (1ull << 46) /* of one job; what a layout can hold */

/* ---- for whom it was made --------------------------------------------------------------- */

static int check_caps(const unsigned char *p, const struct tern_target *t)
{
	static const char *const names[] = {
#define X(name, small, ref, large, text) #name,
		TERN_HW_CAPS(X)
#undef X
	};
	uint32_t have[TERN_BLOB_NCAPS], want, i;

	memcpy(have, &t->caps, sizeof(have));
	for (i = 0; i < TERN_BLOB_NCAPS; i++) {
		want = tern_get32(p + TERN_BLOB_AT_CAPS + 4 * i);
		if (want != have[i])
			return tern_fail(-ENODEV,
					 "the program was compiled for a device with %s %u, this "
					 "one has %u: "
					 "compile it again",
					 names[i], want, have[i]);
	}
	return 0;
}

static int check_target(const struct tern_blob *b, const struct tern_target *t)
{
	uint32_t compiler = tern_get32(b->data + TERN_BLOB_AT_COMPILER);

	if (compiler != TERN_COMPILER_FINGERPRINT)
		return tern_fail(
			-EPROTO,
			"the program was made by compiler %u, this is compiler %u: compile it "
			"again",
			compiler, TERN_COMPILER_FINGERPRINT);
	if (tern_get32(b->data + TERN_BLOB_AT_NPU) != t->npu)
		return tern_fail(
			-ENODEV,
			"the program was compiled for a device %s an NPU: compile it again",
			t->npu ? "without" : "with");
	if (tern_get64(b->data + TERN_BLOB_AT_NO_OPS) != t->no_ops)
		return tern_fail(-ENODEV,
				 "the program was compiled with other operators masked off (no=): "
				 "compile it again");
	return check_caps(b->data, t);
}

/* ---- the graph --------------------------------------------------------------------------- */

struct loader {
	const struct tern_blob *blob;
	struct tern_storage_desc *storages;
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	struct tern_symbol_desc *symbols;
	int err; /* a string outside the strings */
};

static const unsigned char *record(const struct loader *l, enum tern_blob_section section,
				   uint32_t i)
{
	static const uint32_t bytes[] = {
#define X(name, bytes) bytes,
		TERN_BLOB_SECTIONS(X)
#undef X
	};

	return l->blob->section[section].at + (size_t)bytes[section] * i;
}

static const char *string_at(struct loader *l, uint32_t at)
{
	const struct tern_blob_view *strings = &l->blob->section[TERN_BLOB_STRINGS];

	if (at == TERN_BLOB_NO_STRING)
		return NULL;
	if (at < strings->n)
		return (const char *)strings->at + at;
	l->err = tern_fail(-EINVAL, "the program blob names a string outside its strings");
	return NULL;
}

static void load_storage(struct loader *l, uint32_t i)
{
	const unsigned char *p = record(l, TERN_BLOB_STORAGES, i);

	l->storages[i] = (struct tern_storage_desc){
		.size = tern_get64(p),
		.flags = tern_get32(p + 8),
		.name = string_at(l, tern_get32(p + 12)),
	};
}

static void load_tensor(struct loader *l, uint32_t i)
{
	const unsigned char *p = record(l, TERN_BLOB_TENSORS, i);
	struct tern_tensor_desc *t = &l->tensors[i];
	int d;

	t->storage = tern_get32(p);
	t->type = (enum tern_dtype)tern_get32(p + 4);
	for (d = 0; d < 4; d++) {
		t->ne[d] = (int64_t)tern_get64(p + 8 + 8 * d);
		t->nb[d] = tern_get64(p + 40 + 8 * d);
		t->ne_sym[d] = p[88 + d];
	}
	t->offset = tern_get64(p + 72);
	t->offset_mul = (int64_t)tern_get64(p + 80);
	t->offset_sym = p[92];
	t->name = string_at(l, tern_get32(p + 96));
}

static void load_op(struct loader *l, uint32_t i)
{
	const unsigned char *p = record(l, TERN_BLOB_OPS, i);
	struct tern_op_desc *op = &l->ops[i];
	uint32_t bits;
	int k;

	op->op = (enum tern_opcode)tern_get32(p);
	for (k = 0; k < TERN_MAX_SRC; k++)
		op->src[k] = tern_get32(p + 4 + 4 * k);
	op->dst = tern_get32(p + 24);
	for (k = 0; k < 8; k++)
		op->i[k] = (int32_t)tern_get32(p + 28 + 4 * k);
	for (k = 0; k < 6; k++) {
		bits = tern_get32(p + 60 + 4 * k);
		memcpy(&op->f[k], &bits, sizeof(bits));
	}
	op->group = tern_get32(p + 84);
}

static void load_symbol(struct loader *l, uint32_t i)
{
	const unsigned char *p = record(l, TERN_BLOB_SYMBOLS, i);

	l->symbols[i].max = (int64_t)tern_get64(p);
	l->symbols[i].name = string_at(l, tern_get32(p + 8));
}

static void load_each(struct loader *l, enum tern_blob_section section,
		      void (*load)(struct loader *l, uint32_t i))
{
	uint32_t i;

	for (i = 0; i < l->blob->section[section].n; i++)
		load(l, i);
}

/* The graph keeps the rules of any graph: the same function checks it. */
static int make_graph(struct loader *l, struct tern_graph **out)
{
	const struct tern_graph_desc desc = {
		.storages = l->storages,
		.tensors = l->tensors,
		.ops = l->ops,
		.symbols = l->symbols,
		.nstorages = l->blob->section[TERN_BLOB_STORAGES].n,
		.ntensors = l->blob->section[TERN_BLOB_TENSORS].n,
		.nops = l->blob->section[TERN_BLOB_OPS].n,
		.nsymbols = l->blob->section[TERN_BLOB_SYMBOLS].n,
	};
	int ret;

	load_each(l, TERN_BLOB_STORAGES, load_storage);
	load_each(l, TERN_BLOB_TENSORS, load_tensor);
	load_each(l, TERN_BLOB_OPS, load_op);
	load_each(l, TERN_BLOB_SYMBOLS, load_symbol);
	if (l->err)
		return l->err;
	ret = tern_graph_create(&desc, out);
	return ret ? tern_fail(ret, "the graph in the program blob: %s", tern_last_error()) : 0;
}

static int load_graph(struct loader *l, struct tern_graph **out)
{
	const struct tern_blob_view *s = l->blob->section;
	int ret;

	l->storages = calloc(s[TERN_BLOB_STORAGES].n + (size_t)1, sizeof(*l->storages));
	l->tensors = calloc(s[TERN_BLOB_TENSORS].n + (size_t)1, sizeof(*l->tensors));
	l->ops = calloc(s[TERN_BLOB_OPS].n + (size_t)1, sizeof(*l->ops));
	l->symbols = calloc(s[TERN_BLOB_SYMBOLS].n + (size_t)1, sizeof(*l->symbols));
	if (l->storages && l->tensors && l->ops && l->symbols)
		ret = make_graph(l, out);
	else
		ret = tern_fail(-ENOMEM, "no memory to load a program of %zu bytes", l->blob->size);
	free(l->storages);
	free(l->tensors);
	free(l->ops);
	free(l->symbols);
	return ret;
}

/* ---- segments ------------------------------------------------------------------------------ */

static int load_partition(struct loader *l, struct tern_program *p)
{
	uint32_t i, nsegs = l->blob->section[TERN_BLOB_SEGMENTS].n;
	int ret = tern_partition_init(&p->part, p->graph);

	for (i = 0; i < p->graph->nops && !ret; i++) {
		const char *why = string_at(l, tern_get32(record(l, TERN_BLOB_OPS, i) + 88));

		ret = l->err ? l->err : tern_partition_add(&p->part, i, why);
		if (!ret && why)
			ret = tern_cpu_supported(&p->graph->ops[i], p->graph->tensors);
	}
	if (!ret && nsegs != p->part.nsegs)
		ret = tern_fail(-EINVAL, "the program blob has %u segments, its operators make %u",
				nsegs, p->part.nsegs);
	return ret;
}

static bool good_arg(const struct tern_program *p, const struct tern_arg *a)
{
	return a->sym <= p->graph->nsymbols &&
	       (a->storage == TERN_ARG_CONST || a->storage == TERN_ARG_SCRATCH ||
		a->storage == TERN_ARG_IMAGE ||
		(a->storage >= 0 && (uint32_t)a->storage < p->graph->nstorages));
}

static int load_args(const struct loader *l, struct tern_program *p,
		     const struct tern_blob_segment *s, struct tern_npu_code *c)
{
	size_t i;

	c->args = calloc(s->nargs + (size_t)1, sizeof(*c->args));
	if (!c->args)
		return tern_fail(-ENOMEM, "no memory for %u arguments", s->nargs);
	c->nargs = s->nargs;
	for (i = 0; i < s->nargs; i++) {
		c->args[i] = tern_blob_arg(l->blob, s->args + (uint32_t)i);
		if (!good_arg(p, &c->args[i]))
			return tern_fail(
				-EINVAL,
				"argument %zu of the program blob names a storage or symbol "
				"that does not exist",
				i);
	}
	return 0;
}

static int load_image(const struct tern_blob_segment *s, struct tern_npu_code *c)
{
	size_t i, bad = 0;
	int fault;

	c->image = calloc(s->words + 1, sizeof(*c->image));
	if (!c->image)
		return tern_fail(-ENOMEM, "no memory for an image of %llu words",
				 (unsigned long long)s->words);
	c->words = s->words;
	for (i = 0; i < c->words; i++)
		c->image[i] = tern_get64(s->image + 8 * i);
	fault = tern_image_check(c->image, c->words, &bad);
	if (fault)
		return tern_fail(-EINVAL,
				 "an image in the program blob is refused at word %zu: %s (%s)",
				 bad, tern_fault_name((unsigned int)fault),
				 tern_fault_text((unsigned int)fault));
	return 0;
}

static int load_fused(struct loader *l, const struct tern_blob_segment *s, struct tern_npu_code *c)
{
	uint32_t i;

	c->fused = calloc(s->n + (size_t)1, sizeof(*c->fused));
	if (!c->fused)
		return tern_fail(-ENOMEM, "no memory for %u operators", s->n);
	for (i = 0; i < s->n; i++) {
		c->fused[i] = tern_get32(record(l, TERN_BLOB_OPS, s->first + i) + 92);
		if (c->fused[i] < s->first || c->fused[i] - s->first >= s->n)
			return tern_fail(-EINVAL,
					 "operator %u of the program blob is fused into one of "
					 "another segment",
					 s->first + i);
	}
	return 0;
}

static int load_code(struct loader *l, struct tern_program *p, uint32_t seg)
{
	const struct tern_segment *want = &p->part.segs[seg];
	struct tern_npu_code *c = &p->code[seg];
	struct tern_blob_segment s;
	int ret = tern_blob_segment(l->blob, seg, &s);

	if (ret)
		return ret;
	if (s.npu != want->npu || s.first != want->first || s.n != want->n ||
	    s.scratch > MAX_SCRATCH || (!s.npu && (s.words || s.nargs || s.scratch)) ||
	    (s.npu && !p->dev->target.npu))
		return tern_fail(-EINVAL,
				 "segment %u of the program blob is not the one its operators make",
				 seg);
	if (!s.npu)
		return 0;
	c->first = s.first;
	c->nops = s.n;
	c->scratch_bytes = s.scratch;
	ret = load_args(l, p, &s, c);
	if (!ret)
		ret = load_image(&s, c);
	return ret ? ret : load_fused(l, &s, c);
}

static int load_program(struct loader *l, struct tern_program *p)
{
	uint32_t i;
	int ret = load_partition(l, p);

	if (ret)
		return ret;
	p->code = calloc(p->part.nsegs + (size_t)1, sizeof(*p->code));
	if (!p->code)
		return tern_fail(-ENOMEM, "no memory for %u segments", p->part.nsegs);
	for (i = 0; i < p->part.nsegs && !ret; i++)
		ret = load_code(l, p, i);
	return ret ? ret : tern_program_finish(p);
}

int tern_program_load(struct tern_device *dev, const void *blob, size_t size,
		      struct tern_program **out)
{
	struct tern_program *p = NULL;
	struct tern_graph *graph = NULL;
	struct tern_blob b;
	struct loader l = {.blob = &b};
	int ret;

	if (!dev || !blob || !out)
		return tern_fail(-EINVAL, "tern_program_load: dev, blob and out must not be NULL");
	*out = NULL;
	ret = tern_blob_open(blob, size, &b);
	if (!ret)
		ret = check_target(&b, &dev->target);
	if (!ret)
		ret = load_graph(&l, &graph);
	if (!ret)
		ret = tern_program_new(dev, graph, &p);
	if (ret)
		return ret;
	ret = load_program(&l, p);
	if (ret) {
		tern_program_unref(p);
		return ret;
	}
	*out = p;
	return 0;
}
