// SPDX-License-Identifier: MIT
/*
 * The graph of a decoder. Tensors are named by number; a helper makes the result of each
 * operator in storage of its own, and the library finds out what can share memory.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

enum { NONE = TERN_NO_TENSOR };

/* ---- growing arrays -------------------------------------------------------- */
static bool grow(void **array, uint32_t n, uint32_t *room, size_t elem)
{
	uint32_t want = *room ? 2 * *room : 256;
	void *a;

	if (n < *room)
		return true;
	a = realloc(*array, want * elem);
	if (!a)
		return false;
	memset((char *)a + *room * elem, 0, (want - *room) * elem);
	*array = a;
	*room = want;
	return true;
}

static uint32_t add_storage(struct build *b, uint64_t size, enum build_role role, uint64_t offset)
{
	static const uint8_t flags[] = {
		[BUILD_SCRATCH] = 0,
		[BUILD_WEIGHT] = TERN_STORAGE_BOUND | TERN_STORAGE_CONST,
		[BUILD_CACHE] = TERN_STORAGE_BOUND,
		[BUILD_TOKENS] = TERN_STORAGE_BOUND,
		[BUILD_POSITIONS] = TERN_STORAGE_BOUND,
		[BUILD_ROWS] = TERN_STORAGE_BOUND,
		[BUILD_LOGITS] = TERN_STORAGE_BOUND,
	};
	uint32_t room = b->room_storages, room2 = room, i = b->nstorages;

	if (!grow((void **)&b->storages, i, &b->room_storages, sizeof(*b->storages)) ||
	    !grow((void **)&b->role, i, &room, sizeof(*b->role)) ||
	    !grow((void **)&b->bind_offset, i, &room2, sizeof(*b->bind_offset))) {
		b->failed = true;
		return 0;
	}
	b->storages[i] = (struct tern_storage_desc){.size = size, .flags = flags[role]};
	b->role[i] = (uint8_t)role;
	b->bind_offset[i] = offset;
	return b->nstorages++;
}

static uint32_t add_tensor(struct build *b, const struct tern_tensor_desc *t)
{
	if (!grow((void **)&b->tensors, b->ntensors, &b->room_tensors, sizeof(*b->tensors))) {
		b->failed = true;
		return 0;
	}
	b->tensors[b->ntensors] = *t;
	return b->ntensors++;
}

static struct tern_op_desc *add_op(struct build *b, enum tern_opcode op, uint32_t dst, uint32_t s0,
				   uint32_t s1, uint32_t s2)
{
	static struct tern_op_desc lost; /* written to when memory has run out */

	if (!grow((void **)&b->ops, b->nops, &b->room_ops, sizeof(*b->ops))) {
		b->failed = true;
		return &lost;
	}
	b->ops[b->nops] = (struct tern_op_desc){
		.op = op, .src = {s0, s1, s2, NONE, NONE}, .dst = dst, .group = b->layer};
	return &b->ops[b->nops++];
}

/* ---- tensors ---------------------------------------------------------------------- */
/* A contiguous tensor of new storage; the dimension `sym_dim` (-1: none) is the tokens. */
static uint32_t fresh(struct build *b, enum tern_dtype type, int64_t n0, int64_t n1, int64_t n2,
		      int sym_dim, enum build_role role, uint64_t offset, const char *name)
{
	struct tern_tensor_desc t = {.type = type, .ne = {n0, n1, n2, 1}, .name = name};
	uint64_t size = tern_contiguous(type, t.ne, t.nb);

	if (sym_dim >= 0)
		t.ne_sym[sym_dim] = BUILD_SYM_TOKENS + 1;
	t.storage = add_storage(b, size, role, offset);
	return add_tensor(b, &t);
}

static uint32_t scratch(struct build *b, int64_t n0, int64_t tokens, const char *name)
{
	return fresh(b, TERN_F32, n0, tokens, 1, 1, BUILD_SCRATCH, 0, name);
}

static uint32_t weight(struct build *b, const struct gguf_tensor *w)
{
	struct tern_tensor_desc t = {.type = (enum tern_dtype)w->type};

	for (int i = 0; i < 4; i++)
		t.ne[i] = (int64_t)w->ne[i];
	tern_contiguous(t.type, t.ne, t.nb);
	t.storage = add_storage(b, w->nbytes, BUILD_WEIGHT, w->offset);
	return add_tensor(b, &t);
}

/* [n0, tokens] seen as [head_dim, heads, tokens], from element `first` of each row. */
static uint32_t as_heads(struct build *b, uint32_t tensor, uint32_t head_dim, uint32_t heads,
			 uint64_t first)
{
	struct tern_tensor_desc t = b->tensors[tensor];

	t.ne[2] = t.ne[1];
	t.nb[2] = t.nb[1];
	t.ne_sym[2] = t.ne_sym[1];
	t.ne[0] = head_dim;
	t.ne[1] = heads;
	t.nb[1] = t.nb[0] * head_dim;
	t.ne_sym[1] = 0;
	t.offset += first * t.nb[0];
	return add_tensor(b, &t);
}

/* [head_dim, heads, tokens] with contiguous heads seen as [head_dim * heads, tokens]. */
static uint32_t as_rows(struct build *b, uint32_t tensor)
{
	struct tern_tensor_desc t = b->tensors[tensor];

	t.ne[0] *= t.ne[1];
	t.ne[1] = t.ne[2];
	t.nb[1] = t.nb[2];
	t.ne_sym[1] = t.ne_sym[2];
	t.ne[2] = 1;
	t.nb[2] = t.nb[3];
	t.ne_sym[2] = 0;
	return add_tensor(b, &t);
}

/* [d, h, t] seen as [d, t, h] */
static uint32_t swap12(struct build *b, uint32_t tensor)
{
	struct tern_tensor_desc t = b->tensors[tensor], s = t;

	t.ne[1] = s.ne[2];
	t.ne[2] = s.ne[1];
	t.nb[1] = s.nb[2];
	t.nb[2] = s.nb[1];
	t.ne_sym[1] = s.ne_sym[2];
	t.ne_sym[2] = s.ne_sym[1];
	return add_tensor(b, &t);
}

/* ---- operators ---------------------------------------------------------------------- */
struct graph {
	struct build *b;
	const struct model *m;
	const struct model_layer *l;
	uint32_t ctx, batch;
	uint32_t positions, rows, freqs;
};

static uint32_t norm(struct graph *g, uint32_t x, const struct gguf_tensor *w)
{
	struct build *b = g->b;
	struct tern_tensor_desc t = b->tensors[x];
	uint64_t size = tern_contiguous(TERN_F32, t.ne, t.nb);
	struct tern_op_desc *op;
	uint32_t d;

	t.storage = add_storage(b, size, BUILD_SCRATCH, 0);
	t.offset = 0;
	t.offset_sym = 0;
	t.offset_mul = 0;
	d = add_tensor(b, &t);
	op = add_op(b, TERN_RMS_NORM, d, x, weight(b, w), NONE);
	op->f[0] = g->m->eps;
	return d;
}

static uint32_t add(struct graph *g, uint32_t x, uint32_t y, int64_t n)
{
	uint32_t d = scratch(g->b, n, g->batch, NULL);

	add_op(g->b, TERN_BINARY, d, x, y, NONE)->i[0] = TERN_ADD;
	return d;
}

static uint32_t linear(struct graph *g, const struct gguf_tensor *w, const struct gguf_tensor *bias,
		       uint32_t x)
{
	int64_t n = (int64_t)w->ne[1];
	uint32_t d = scratch(g->b, n, g->batch, NULL);

	add_op(g->b, TERN_MATMUL, d, weight(g->b, w), x, NONE);
	return bias ? add(g, d, weight(g->b, bias), n) : d;
}

/* [RMS norm per head] -> RoPE -> contiguous [head_dim, heads, tokens] */
static uint32_t rotate(struct graph *g, uint32_t x, const struct gguf_tensor *w)
{
	const struct model *m = g->m;
	struct build *b = g->b;
	struct tern_op_desc *op;
	int64_t heads;
	uint32_t d;

	if (w)
		x = norm(g, x, w);
	heads = b->tensors[x].ne[1];
	d = fresh(b, TERN_F32, m->head_dim, heads, g->batch, 2, BUILD_SCRATCH, 0, NULL);
	op = add_op(b, TERN_ROPE, d, x, g->positions, g->freqs);
	op->i[TERN_ROPE_I_DIMS] = (int32_t)m->rope_dims;
	op->i[TERN_ROPE_I_MODE] = m->arch->rope_mode;
	op->i[TERN_ROPE_I_CTX_ORIG] = (int32_t)m->rope_ctx_orig;
	op->f[TERN_ROPE_F_BASE] = m->rope_base;
	op->f[TERN_ROPE_F_SCALE] = m->rope_scale;
	op->f[TERN_ROPE_F_EXT] = m->rope_ext;
	op->f[TERN_ROPE_F_ATTN] = m->rope_attn;
	op->f[TERN_ROPE_F_BETA_FAST] = m->rope_beta_fast;
	op->f[TERN_ROPE_F_BETA_SLOW] = m->rope_beta_slow;
	return d;
}

/* The cache of one layer: ctx rows of all key heads, fp16. */
static uint32_t cache(struct graph *g, const char *name)
{
	struct build *b = g->b;
	uint32_t c = fresh(b, TERN_F16, (int64_t)g->l->kv_heads * g->m->head_dim, g->ctx, 1, -1,
			   BUILD_CACHE, b->cache_bytes, name);
	uint64_t size = b->failed ? 0 : b->storages[b->tensors[c].storage].size;

	b->cache_bytes += (size + 4095) / 4096 * 4096;
	return c;
}

/* The cached rows so far as [head_dim, positions, heads]. */
static uint32_t cached(struct graph *g, uint32_t c)
{
	struct tern_tensor_desc t = g->b->tensors[c];

	t.ne[2] = g->l->kv_heads;
	t.nb[2] = t.nb[0] * g->m->head_dim;
	t.ne[0] = g->m->head_dim;
	t.ne_sym[1] = BUILD_SYM_POSITIONS + 1;
	return add_tensor(g->b, &t);
}

static uint32_t attend(struct graph *g, uint32_t q, uint32_t k, uint32_t v)
{
	struct build *b = g->b;
	uint32_t kc = cache(g, "keys"), vc = cache(g, "values"), d;
	struct tern_op_desc *op;

	q = rotate(g, q, g->l->q_norm);
	k = rotate(g, k, g->l->k_norm);
	add_op(b, TERN_SET_ROWS, kc, as_rows(b, k), g->rows, NONE);
	add_op(b, TERN_SET_ROWS, vc, v, g->rows, NONE);
	d = fresh(b, TERN_F32, g->m->head_dim, g->l->heads, g->batch, 2, BUILD_SCRATCH, 0, NULL);
	op = add_op(b, TERN_ATTENTION, d, swap12(b, q), cached(g, kc), cached(g, vc));
	op->i[TERN_ATTENTION_I_CAUSAL] = 1;
	op->f[TERN_ATTENTION_F_SCALE] = 1.0f / sqrtf((float)g->m->head_dim);
	return as_rows(b, d);
}

static uint32_t attention_block(struct graph *g, uint32_t x)
{
	const struct model_layer *l = g->l;
	struct build *b = g->b;
	uint32_t h = norm(g, x, l->attn_norm), dim = g->m->head_dim, q, k, v, o;

	if (l->qkv) {
		uint32_t qkv = linear(g, l->qkv, NULL, h);
		uint64_t at_k = (uint64_t)l->heads * dim, at_v = at_k + (uint64_t)l->kv_heads * dim;

		q = as_heads(b, qkv, dim, l->heads, 0);
		k = as_heads(b, qkv, dim, l->kv_heads, at_k);
		v = as_rows(b, as_heads(b, qkv, dim, l->kv_heads, at_v));
	} else {
		uint32_t qm = linear(g, l->q, l->q_bias, h), km = linear(g, l->k, l->k_bias, h);

		v = linear(g, l->v, l->v_bias, h);
		q = as_heads(b, qm, dim, l->heads, 0);
		k = as_heads(b, km, dim, l->kv_heads, 0);
	}
	o = attend(g, q, k, v);
	o = linear(g, l->o, l->o_bias, o);
	return add(g, o, x, g->m->width);
}

static uint32_t ffn_block(struct graph *g, uint32_t x)
{
	const struct model_layer *l = g->l;
	uint32_t h = norm(g, x, l->ffn_norm);
	uint32_t gate = linear(g, l->gate, l->gate_bias, h), up = linear(g, l->up, l->up_bias, h);
	uint32_t act = scratch(g->b, l->ffn, g->batch, NULL), d;

	add_op(g->b, TERN_GLU, act, gate, up, NONE)->i[0] = TERN_GLU_SWIGLU;
	d = linear(g, l->down, l->down_bias, act);
	return add(g, d, x, g->m->width);
}

/* The last of the tokens, as a view. */
static uint32_t last_row(struct build *b, uint32_t x)
{
	struct tern_tensor_desc t = b->tensors[x];

	t.ne[1] = 1;
	t.ne_sym[1] = 0;
	t.offset_sym = BUILD_SYM_TOKENS + 1;
	t.offset_mul = (int64_t)t.nb[1];
	return add_tensor(b, &t);
}

static void head(struct graph *g, uint32_t x, bool all)
{
	const struct model *m = g->m;
	struct build *b = g->b;
	uint32_t logits = fresh(b, TERN_F32, m->n_vocab, all ? g->batch : 1, 1, all ? 1 : -1,
				BUILD_LOGITS, 0, "logits");

	b->layer = m->n_layers;
	if (!all)
		x = last_row(b, x);
	x = norm(g, x, m->out_norm);
	add_op(b, TERN_MATMUL, logits, weight(b, m->output), x, NONE);
}

static uint32_t embed(struct graph *g)
{
	struct build *b = g->b;
	uint32_t ids = fresh(b, TERN_I32, g->batch, 1, 1, 0, BUILD_TOKENS, 0, "tokens");
	uint32_t x = scratch(b, g->m->width, g->batch, "embedding");

	g->positions = fresh(b, TERN_I32, g->batch, 1, 1, 0, BUILD_POSITIONS, 0, "positions");
	g->rows = fresh(b, TERN_I64, g->batch, 1, 1, 0, BUILD_ROWS, 0, "cache rows");
	g->freqs = g->m->rope_freqs ? weight(b, g->m->rope_freqs) : NONE;
	add_op(b, TERN_GET_ROWS, x, weight(b, g->m->embd), ids, NONE);
	return x;
}

int build_graph(struct build *b, const struct model *m, uint32_t ctx, uint32_t batch,
		bool all_logits, struct tern_graph **out, char *err, size_t errlen)
{
	struct tern_symbol_desc symbols[BUILD_NSYMBOLS] = {
		[BUILD_SYM_TOKENS] = {"tokens", batch},
		[BUILD_SYM_POSITIONS] = {"positions", ctx},
	};
	struct graph g = {.b = b, .m = m, .ctx = ctx, .batch = batch};
	struct tern_graph_desc desc;
	uint32_t x;
	int rc;

	*b = (struct build){0};
	x = embed(&g);
	for (b->layer = 0; b->layer < m->n_layers; b->layer++) {
		g.l = &m->layers[b->layer];
		x = attention_block(&g, x);
		x = ffn_block(&g, x);
	}
	head(&g, x, all_logits);
	if (b->failed)
		return gguf_fail(-ENOMEM, err, errlen, "out of memory while building the graph");
	desc = (struct tern_graph_desc){
		.storages = b->storages,
		.tensors = b->tensors,
		.ops = b->ops,
		.symbols = symbols,
		.nstorages = b->nstorages,
		.ntensors = b->ntensors,
		.nops = b->nops,
		.nsymbols = BUILD_NSYMBOLS,
	};
	rc = tern_graph_create(&desc, out);
	return rc ? gguf_fail(rc, err, errlen, "graph: %s", tern_last_error()) : 0;
}

void build_fini(struct build *b)
{
	free(b->storages);
	free(b->role);
	free(b->bind_offset);
	free(b->tensors);
	free(b->ops);
	*b = (struct build){0};
}
