/* SPDX-License-Identifier: MIT */
/*
 * Small graphs, compiled and run directly on the model in checking mode, compared with the
 * reference (support/ref.h), byte by byte where nothing may be written.
 */
#ifndef TEST_ROWS_FIXTURE_H
#define TEST_ROWS_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compiler.h"
#include "isa/codec.h"
#include "sim/sim.h"
#include "support/ref.h"

enum { FX_TENSORS = 16, FX_OPS = 6, FX_SYMBOLS = 3, FX_NONE = -1 };

struct fx {
	struct tern_storage_desc storage[FX_TENSORS];
	struct tern_tensor_desc tensor[FX_TENSORS];
	struct tern_op_desc op[FX_OPS];
	struct tern_symbol_desc symbol[FX_SYMBOLS];
	uint32_t ns, nt, nops, nsym;
	unsigned char *data[FX_TENSORS]; /* initial contents of storages */
	bool fused[FX_OPS];		 /* results that need not reach memory */
	bool one_group;			 /* all operators must be lowered together */
	double limit;			 /* of the NMSE */
	uint64_t seed;
	uint64_t cycles; /* of the last run */
};

static inline void fx_begin(struct fx *f)
{
	memset(f, 0, sizeof(*f));
	f->seed = 42;
	f->limit = 1e-11;
}

static inline void fx_end(struct fx *f)
{
	for (uint32_t i = 0; i < f->ns; i++)
		free(f->data[i]);
}

static inline int fx_storage(struct fx *f, uint64_t bytes, uint32_t flags)
{
	f->storage[f->ns] = (struct tern_storage_desc){.size = bytes, .flags = flags};
	f->data[f->ns] = malloc(bytes);
	ck_assert_ptr_nonnull(f->data[f->ns]);
	memset(f->data[f->ns], 0x5a, bytes);
	return (int)f->ns++;
}

/* A contiguous tensor in storage of its own, filled with random numbers. */
static inline int fx_tensor(struct fx *f, enum tern_dtype type, int64_t n0, int64_t n1, int64_t n2,
			    int64_t n3)
{
	struct tern_tensor_desc *t = &f->tensor[f->nt];
	uint64_t bytes;

	*t = (struct tern_tensor_desc){.type = type, .ne = {n0, n1, n2, n3}};
	bytes = ref_strides(type, t->ne, t->nb);
	t->storage = (uint32_t)fx_storage(f, bytes, TERN_STORAGE_BOUND);
	if (!ref_is_integer(type))
		ref_random_fill(type, &f->seed, f->data[t->storage], ref_count(t->ne));
	return (int)f->nt++;
}

/* Another view of a tensor's storage: the caller sets offset, sizes, strides. */
static inline int fx_view(struct fx *f, int of)
{
	f->tensor[f->nt] = f->tensor[of];
	return (int)f->nt++;
}

static inline int fx_permute(struct fx *f, int of, int a, int b, int c, int d)
{
	const int from[4] = {a, b, c, d};
	int v = fx_view(f, of);

	for (int i = 0; i < 4; i++) {
		f->tensor[v].ne[i] = f->tensor[of].ne[from[i]];
		f->tensor[v].nb[i] = f->tensor[of].nb[from[i]];
		f->tensor[v].ne_sym[i] = f->tensor[of].ne_sym[from[i]];
	}
	return v;
}

/* The same elements in another shape. */
static inline int fx_reshape(struct fx *f, int of, int64_t n0, int64_t n1, int64_t n2, int64_t n3)
{
	int v = fx_view(f, of);
	struct tern_tensor_desc *t = &f->tensor[v];

	memcpy(t->ne, (int64_t[]){n0, n1, n2, n3}, sizeof(t->ne));
	ref_strides(t->type, t->ne, t->nb);
	return v;
}

static inline int fx_symbol(struct fx *f, int64_t max)
{
	f->symbol[f->nsym] = (struct tern_symbol_desc){"n", max};
	return (int)f->nsym++;
}

static inline void fx_sym(struct fx *f, int tensor, int dim, int symbol)
{
	ck_assert_int_eq(f->tensor[tensor].ne[dim], f->symbol[symbol].max);
	f->tensor[tensor].ne_sym[dim] = (uint8_t)(symbol + 1);
}

static inline struct tern_op_desc *fx_op(struct fx *f, enum tern_opcode op, int d, int s0, int s1,
					 int s2)
{
	struct tern_op_desc *o = &f->op[f->nops++];
	const int s[TERN_MAX_SRC] = {s0, s1, s2, FX_NONE, FX_NONE};

	*o = (struct tern_op_desc){.op = op, .dst = (uint32_t)d};
	for (int i = 0; i < TERN_MAX_SRC; i++)
		o->src[i] = s[i] < 0 ? TERN_NO_TENSOR : (uint32_t)s[i];
	return o;
}

/* Distinct indices below n, in no order. */
static inline void fx_indices(struct fx *f, int tensor, int64_t n)
{
	const struct tern_tensor_desc *t = &f->tensor[tensor];
	unsigned char *p = f->data[t->storage];

	REF_EACH(i, t->ne)
	{
		int64_t v = (i[0] * 7 + i[1] * 3 + i[2] + 1) % n;

		if (t->type == TERN_I64)
			((int64_t *)(void *)p)[(i[2] * t->ne[1] + i[1]) * t->ne[0] + i[0]] = v;
		else
			((int32_t *)(void *)p)[(i[2] * t->ne[1] + i[1]) * t->ne[0] + i[0]] =
				(int32_t)v;
	}
}

/* ---- the device's memory ------------------------------------------------------------ */
enum { FX_PAGE = 4096 };
struct fx_memory {
	unsigned char *base;
	uint64_t bytes, at[FX_TENSORS], scratch, image, args;
};
#define FX_VA 0x40000000ull

static inline void *fx_translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	struct fx_memory *m = ctx;

	(void)access;
	if (va < FX_VA || va >= FX_VA + m->bytes)
		return NULL;
	if (*len > FX_VA + m->bytes - va)
		*len = FX_VA + m->bytes - va;
	return m->base + (va - FX_VA);
}

static inline uint64_t fx_place(struct fx_memory *m, uint64_t bytes)
{
	uint64_t at = m->bytes;

	m->bytes = (at + bytes + FX_PAGE - 1) / FX_PAGE * FX_PAGE;
	return at;
}

static inline void fx_fill_args(const struct tern_npu_code *code, const struct fx_memory *m,
				const int64_t *symbols)
{
	uint64_t *args = (uint64_t *)(void *)(m->base + m->args);

	for (size_t i = 0; i < code->nargs; i++) {
		const struct tern_arg *a = &code->args[i];
		int64_t v = a->offset;

		if (a->storage >= 0)
			v += (int64_t)(FX_VA + m->at[a->storage]);
		if (a->storage == TERN_ARG_SCRATCH)
			v += (int64_t)(FX_VA + m->scratch);
		if (a->storage == TERN_ARG_IMAGE)
			v += (int64_t)(FX_VA + m->image);
		if (a->sym)
			v += (symbols[a->sym - 1] + a->bias) * a->mul;
		args[i] = (uint64_t)v;
	}
}

static inline void fx_prepare(const struct fx *f, const struct tern_npu_code *code,
			      struct fx_memory *m, const int64_t *symbols)
{
	memset(m, 0, sizeof(*m));
	for (uint32_t i = 0; i < f->ns; i++)
		m->at[i] = fx_place(m, f->storage[i].size);
	m->scratch = fx_place(m, code->scratch_bytes);
	m->image = fx_place(m, 8 * code->words);
	m->args = fx_place(m, 8 * code->nargs);
	m->base = aligned_alloc(FX_PAGE, m->bytes + FX_PAGE);
	ck_assert_ptr_nonnull(m->base);
	memset(m->base, 0xee, m->bytes);
	for (uint32_t i = 0; i < f->ns; i++)
		memcpy(m->base + m->at[i], f->data[i], f->storage[i].size);
	memcpy(m->base + m->image, code->image, 8 * code->words);
	fx_fill_args(code, m, symbols);
}

/* ---- what is expected --------------------------------------------------------------- */
static inline struct ref_tensor fx_load(const struct fx *f, uint32_t tensor, const int64_t *symbols,
					unsigned char *const *data)
{
	struct tern_view v;

	tern_view_of(&f->tensor[tensor], symbols, &v);
	return ref_load(v.type, v.ne, v.nb, data[v.storage] + v.offset);
}

/* What a destination can hold. Blocks that the operator left alone, or moved as they were, are
 * not encoded again: encoding is no projection. */
static inline void fx_round(enum tern_dtype type, const double *before, struct ref_tensor *t)
{
	const struct ref_type *info = ref_type(type);
	unsigned char block[512];

	for (int64_t i = 0; i < ref_count(t->ne) && info->encodes; i += info->elems) {
		if (!memcmp(before + i, t->v + i, (size_t)info->elems * sizeof(double)))
			continue;
		ref_encode(type, t->v + i, block, info->elems);
		ref_decode(type, block, t->v + i, info->elems);
	}
}

/* Results of every operator; memory as it is afterwards, for the operators that follow. */
static inline void fx_reference(const struct fx *f, const int64_t *symbols, unsigned char **data,
				struct ref_tensor *result)
{
	for (uint32_t o = 0; o < f->nops; o++) {
		const struct tern_tensor_desc *d = &f->tensor[f->op[o].dst];
		bool moved =
			f->tensor[f->op[o].src[0]].type == d->type && ref_type(d->type)->elems > 1;
		struct ref_tensor s[TERN_MAX_SRC] = {0}, before;
		struct tern_view v;

		for (int i = 0; i < TERN_MAX_SRC; i++)
			if (f->op[o].src[i] != TERN_NO_TENSOR)
				s[i] = fx_load(f, f->op[o].src[i], symbols, data);
		before = fx_load(f, f->op[o].dst, symbols, data);
		result[o] = fx_load(f, f->op[o].dst, symbols, data);
		ref_run(&f->op[o], s, &result[o]);
		tern_view_of(d, symbols, &v);
		if (!moved) {
			fx_round(d->type, before.v, &result[o]);
			ref_store(&result[o], v.type, v.nb, data[v.storage] + v.offset);
		}
		ref_free(&before);
		for (int i = 0; i < TERN_MAX_SRC; i++)
			ref_free(&s[i]);
	}
}

/* Copy the elements of a view from one memory to another: what is left differs where nothing may
 * be written. */
static inline void fx_copy_view(const struct tern_view *v, const unsigned char *from,
				unsigned char *to)
{
	const struct ref_type *t = ref_type(v->type);

	REF_EACH(i, v->ne)
	{
		uint64_t at = v->offset + (uint64_t)(i[0] / t->elems) * v->nb[0] +
			      (uint64_t)i[1] * v->nb[1] + (uint64_t)i[2] * v->nb[2] +
			      (uint64_t)i[3] * v->nb[3];

		if (i[0] % t->elems == 0)
			memcpy(to + at, from + at, (size_t)t->bytes);
	}
}

static inline void fx_compare(const struct fx *f, const char *config, const int64_t *symbols,
			      const struct fx_memory *m, unsigned char **want,
			      const struct ref_tensor *result)
{
	unsigned char *got[FX_TENSORS];

	for (uint32_t i = 0; i < f->ns; i++)
		got[i] = m->base + m->at[i];
	for (uint32_t o = 0; o < f->nops; o++) {
		uint32_t d = f->op[o].dst;
		struct ref_tensor w = result[o], g;
		struct ref_error e;
		struct tern_view v;

		tern_view_of(&f->tensor[d], symbols, &v);
		if (!f->fused[o]) {
			g = fx_load(f, d, symbols, got);
			e = ref_compare(&w, &g);
			if (getenv("FX_VERBOSE"))
				printf("%-6s %-10s %8lld cycles, nmse %g\n", config,
				       tern_op_name(f->op[o].op), (long long)f->cycles, e.nmse);
			ck_assert_msg(e.nmse <= f->limit && !e.mismatches,
				      "%s: operator %u (%s): nmse %g, %d mismatches, element %d: "
				      "want %g, got %g",
				      config, o, tern_op_name(f->op[o].op), e.nmse,
				      (int)e.mismatches, (int)e.worst, w.v[e.worst], g.v[e.worst]);
			ref_free(&g);
		}
		ref_free(&w);
		fx_copy_view(&v, got[v.storage], want[v.storage]);
	}
	for (uint32_t i = 0; i < f->ns; i++)
		ck_assert_msg(!memcmp(want[i], got[i], f->storage[i].size),
			      "%s: bytes of storage %u outside every result were written", config,
			      i);
}

/* ---- running ------------------------------------------------------------------------ */
static inline void fx_target(const char *config, struct tern_target *t, struct tern_sim_options *o)
{
	char no_ops[64], err[256];

	memset(t, 0, sizeof(*t));
	memset(o, 0, sizeof(*o));
	ck_assert_msg(
		!tern_sim_parse(config, &t->caps, o, no_ops, sizeof(no_ops), err, sizeof(err)),
		"%s", err);
	t->npu = true;
	o->threads = 1;
	o->check = true;
}

static inline struct tern_graph *fx_graph(const struct fx *f)
{
	const struct tern_graph_desc desc = {
		.storages = f->storage,
		.tensors = f->tensor,
		.ops = f->op,
		.symbols = f->symbol,
		.nstorages = f->ns,
		.ntensors = f->nt,
		.nops = f->nops,
		.nsymbols = f->nsym,
	};
	struct tern_graph *g;
	int err = tern_graph_create(&desc, &g);

	ck_assert_msg(!err, "%s", tern_last_error());
	return g;
}

static inline void fx_simulate(struct fx *f, const char *config, const struct tern_target *t,
			       const struct tern_sim_options *o, struct fx_memory *m)
{
	struct tern_sim_run run = {
		.job = {.image = FX_VA + m->image, .args = FX_VA + m->args},
		.mem = {fx_translate, m},
	};
	struct tern_sim *sim;
	char err[256];

	ck_assert_msg(!tern_sim_create(&t->caps, o, &sim, err, sizeof(err)), "%s", err);
	ck_assert_int_eq(tern_sim_run(sim, &run), 0);
	if (run.fault.code && getenv("FX_DUMP"))
		tern_disasm(stderr, (uint64_t *)(void *)(m->base + m->image),
			    ((struct tern_image_header *)(void *)(m->base + m->image))->words,
			    false);
	ck_assert_msg(!run.fault.code, "%s: %s (%s), queue %s, word %u, addr %#llx, info %#llx",
		      config, tern_fault_name(run.fault.code), tern_fault_text(run.fault.code),
		      tern_queue_name(run.fault.queue), run.fault.word,
		      (unsigned long long)run.fault.addr, (unsigned long long)run.fault.info);
	f->cycles = run.counters.cycles;
	tern_sim_destroy(sim);
}

/* Compile for one configuration, run with each set of symbols' values, compare. */
static inline void fx_run_on(struct fx *f, const char *config, const int64_t (*symbols)[FX_SYMBOLS],
			     unsigned int nruns)
{
	struct tern_graph *g = fx_graph(f);
	struct tern_sim_options opt;
	struct tern_npu_code code;
	struct tern_plan *plan;
	struct tern_target t;

	fx_target(config, &t, &opt);
	for (uint32_t o = 0; o < f->nops; o++)
		ck_assert_msg(!tern_solve(&t, &f->op[o], f->tensor), "%s: %s", config,
			      tern_last_error());
	ck_assert_int_eq(tern_plan_create(g, &plan), 0);
	ck_assert_msg(!tern_compile_npu(&t, plan, 0, f->nops, &code), "%s: %s", config,
		      tern_last_error());
	tern_plan_destroy(plan);
	for (uint32_t o = 0; o < f->nops && f->one_group; o++)
		ck_assert_uint_eq(code.fused[o], code.fused[0]);
	for (unsigned int r = 0; r < nruns; r++) {
		unsigned char *want[FX_TENSORS];
		struct ref_tensor result[FX_OPS];
		struct fx_memory m;

		for (uint32_t i = 0; i < f->ns; i++) {
			want[i] = malloc(f->storage[i].size);
			memcpy(want[i], f->data[i], f->storage[i].size);
		}
		fx_prepare(f, &code, &m, symbols[r]);
		fx_simulate(f, config, &t, &opt, &m);
		fx_reference(f, symbols[r], want, result);
		fx_compare(f, config, symbols[r], &m, want, result);
		for (uint32_t i = 0; i < f->ns; i++)
			free(want[i]);
		free(m.base);
	}
	tern_npu_code_fini(&code);
	tern_graph_destroy(g);
}

static const char *const fx_configs[] = {"small", "ref", "large"};

static inline void fx_run(struct fx *f)
{
	static const int64_t none[1][FX_SYMBOLS];

	for (unsigned int i = 0; i < 3; i++)
		fx_run_on(f, fx_configs[i], none, 1);
	fx_end(f);
}

#endif
