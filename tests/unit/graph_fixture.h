/* SPDX-License-Identifier: MIT */
/* Small graphs, written a line per storage, tensor and operator. */
#ifndef TEST_GRAPH_FIXTURE_H
#define TEST_GRAPH_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tern.h>

#define GB_MAX 1200
#define NONE   TERN_NO_TENSOR

struct gb {
	struct tern_storage_desc storages[GB_MAX];
	struct tern_tensor_desc tensors[GB_MAX];
	struct tern_op_desc ops[GB_MAX];
	struct tern_symbol_desc symbols[8];
	struct tern_graph_desc desc;
};

static inline struct gb *gb_new(void)
{
	struct gb *g = calloc(1, sizeof(*g));

	ck_assert_ptr_nonnull(g);
	g->desc = (struct tern_graph_desc){.storages = g->storages,
					   .tensors = g->tensors,
					   .ops = g->ops,
					   .symbols = g->symbols};
	return g;
}

static inline uint32_t gb_storage(struct gb *g, uint64_t size, uint32_t flags, const char *name)
{
	g->storages[g->desc.nstorages] = (struct tern_storage_desc){size, flags, name};
	return g->desc.nstorages++;
}

/* A contiguous view from byte `offset` on; returns its number. */
static inline uint32_t gb_view(struct gb *g, uint32_t storage, enum tern_dtype type,
			       uint64_t offset, int64_t n0, int64_t n1, int64_t n2, int64_t n3)
{
	struct tern_tensor_desc *t = &g->tensors[g->desc.ntensors];

	*t = (struct tern_tensor_desc){
		.storage = storage, .type = type, .ne = {n0, n1, n2, n3}, .offset = offset};
	tern_contiguous(type, t->ne, t->nb);
	return g->desc.ntensors++;
}

/* A tensor with a storage of its own. */
static inline uint32_t gb_tensor(struct gb *g, enum tern_dtype type, uint32_t flags,
				 const char *name, int64_t n0, int64_t n1, int64_t n2, int64_t n3)
{
	int64_t ne[4] = {n0, n1, n2, n3};
	uint64_t nb[4], size = tern_contiguous(type, ne, nb);
	uint32_t t = gb_view(g, gb_storage(g, size, flags, name), type, 0, n0, n1, n2, n3);

	g->tensors[t].name = name;
	return t;
}

static inline uint32_t gb_symbol(struct gb *g, const char *name, int64_t max)
{
	g->symbols[g->desc.nsymbols] = (struct tern_symbol_desc){name, max};
	return g->desc.nsymbols++;
}

static inline struct tern_op_desc *gb_op(struct gb *g, enum tern_opcode op, uint32_t dst,
					 uint32_t s0, uint32_t s1, uint32_t s2)
{
	struct tern_op_desc *o = &g->ops[g->desc.nops++];

	*o = (struct tern_op_desc){.op = op, .src = {s0, s1, s2, NONE, NONE}, .dst = dst};
	return o;
}

static inline struct tern_graph *gb_create(const struct gb *g)
{
	struct tern_graph *out = NULL;
	int ret = tern_graph_create(&g->desc, &out);

	ck_assert_msg(!ret, "%s", tern_last_error());
	return out;
}

/* The call failed with that code, and its message holds `text`. */
static inline void expect_error(int ret, int code, const char *text)
{
	ck_assert_msg(ret == code, "got %d, not %d: %s", ret, code, tern_last_error());
	ck_assert_msg(strstr(tern_last_error(), text) != NULL, "'%s' is not in: %s", text,
		      tern_last_error());
}

static inline void gb_refused(const struct gb *g, const char *text)
{
	struct tern_graph *out = (struct tern_graph *)(uintptr_t)1;

	expect_error(tern_graph_create(&g->desc, &out), -EINVAL, text);
	ck_assert_ptr_null(out);
}

#endif
