// SPDX-License-Identifier: MIT
/* ggml's operators in Tern's: a table with a row each. */
#include "ggml/node.h"
#include "ggml/host.h"

#include <stdatomic.h>
#include <string.h>

enum shape { AS_IS, FLAT, POSITIONS };

/* A parameter: from op_params[from] to f[to] or i[to]. */
struct move {
	char kind; /* 'f', 'i', or 0: the end */
	uint8_t from, to;
};

struct row {
	const char *name; /* ggml_op_desc(): unary functions and GLUs have names of their own */
	enum node_kind kind;
	enum tern_opcode op;
	int32_t fn; /* i[0] */
	uint8_t nsrc;
	enum shape shape;
	struct move moves[14];
};

#define VIEW(name)                                  \
	{                                           \
		name, NODE_NOTHING, 0, 0, 0, AS_IS, \
		{                                   \
			{                           \
				0                   \
			}                           \
		}                                   \
	}
#define ROW(name, op, fn, nsrc, ...)                                  \
	{                                                             \
		name, NODE_OPERATOR, TERN_##op, fn, nsrc, __VA_ARGS__ \
	}
#define UNARY(name)  ROW(#name, UNARY, TERN_##name, 1, AS_IS, {{0}})
#define BINARY(name) ROW(#name, BINARY, TERN_##name, 2, AS_IS, {{0}})
#define GLU(name)    ROW(#name, GLU, TERN_GLU_##name, 2, AS_IS, {{'i', 1, 1}})
#define NORM(name)   ROW(#name, name, 0, 1, AS_IS, {{'f', 0, 0}})
#define COPY(name)   ROW(name, COPY, 0, 1, AS_IS, {{0}})

/* clang-format off */
static const struct row rows[] = {
	VIEW("NONE"), VIEW("RESHAPE"), VIEW("VIEW"), VIEW("PERMUTE"), VIEW("TRANSPOSE"),
	ROW("MUL_MAT",  MATMUL,	  0, 2, AS_IS, {{0}}),
	ROW("MUL_MAT_ID", MATMUL_ID, 0, 3, AS_IS, {{0}}),
	ROW("GET_ROWS", GET_ROWS, 0, 2, AS_IS, {{0}}),
	ROW("SET_ROWS", SET_ROWS, 0, 2, AS_IS, {{0}}),
	ROW("ROPE",	ROPE,	  0, 3, POSITIONS,
	    {{'i', 1, TERN_ROPE_I_DIMS}, {'i', 2, TERN_ROPE_I_MODE}, {'i', 4, TERN_ROPE_I_CTX_ORIG},
	     {'f', 5, TERN_ROPE_F_BASE}, {'f', 6, TERN_ROPE_F_SCALE}, {'f', 7, TERN_ROPE_F_EXT},
	     {'f', 8, TERN_ROPE_F_ATTN}, {'f', 9, TERN_ROPE_F_BETA_FAST},
	     {'f', 10, TERN_ROPE_F_BETA_SLOW}, {'i', 11, TERN_ROPE_I_SECTIONS},
	     {'i', 12, TERN_ROPE_I_SECTIONS + 1}, {'i', 13, TERN_ROPE_I_SECTIONS + 2},
	     {'i', 14, TERN_ROPE_I_SECTIONS + 3}, {'i', 15, TERN_ROPE_I_OFFSET}}),
	ROW("SOFT_MAX", SOFT_MAX, 0, 3, AS_IS, {{'f', 0, 0}, {'f', 1, 1}}),
	ROW("FLASH_ATTN_EXT", ATTENTION, 0, 5, AS_IS,
	    {{'f', 0, TERN_ATTENTION_F_SCALE}, {'f', 1, TERN_ATTENTION_F_MAX_BIAS},
	     {'f', 2, TERN_ATTENTION_F_SOFTCAP}}),
	NORM(RMS_NORM), NORM(NORM), NORM(L2_NORM),
	BINARY(ADD), BINARY(SUB), BINARY(MUL), BINARY(DIV),
	ROW("ADD_ID",	ADD_ID,	  0, 3, AS_IS, {{0}}),
	ROW("ADD1",	BINARY,	  TERN_ADD, 2, AS_IS, {{0}}),
	ROW("SCALE",	SCALE,	  0, 1, AS_IS, {{'f', 0, 0}, {'f', 1, 1}}),
	ROW("CLAMP",	CLAMP,	  0, 1, AS_IS, {{'f', 0, 0}, {'f', 1, 1}}),
	COPY("DUP"), COPY("CPY"), COPY("CONT"),
	ROW("CONCAT",	CONCAT,	  0, 2, AS_IS, {{'i', 0, 0}}),
	ROW("REPEAT",	REPEAT,	  0, 1, AS_IS, {{0}}),
	ROW("SUM",	SUM_ROWS, 0, 1, FLAT,  {{0}}),
	ROW("SUM_ROWS",	SUM_ROWS, 0, 1, AS_IS, {{0}}),
	ROW("MEAN",	MEAN,	  0, 1, AS_IS, {{0}}),
	ROW("ARGMAX",	ARGMAX,	  0, 1, AS_IS, {{0}}),
	ROW("TOP_K",	TOP_K,	  0, 1, AS_IS, {{0}}),
	ROW("ARGSORT",	ARGSORT,  0, 1, AS_IS, {{'i', 0, 0}}),
	GLU(REGLU), GLU(GEGLU), GLU(SWIGLU), GLU(GEGLU_ERF), GLU(GEGLU_QUICK),
	ROW("SWIGLU_OAI", GLU, TERN_GLU_SWIGLU_OAI, 2, AS_IS, {{'i', 1, 1}, {'f', 2, 0}, {'f', 3, 1}}),
	ROW("SWIGLU_CLAMP", GLU, TERN_GLU_SWIGLU_CLAMP, 2, AS_IS, {{'i', 1, 1}, {'f', 3, 1}}),
	UNARY(ABS), UNARY(SGN), UNARY(NEG), UNARY(STEP), UNARY(TANH), UNARY(ELU), UNARY(RELU),
	UNARY(SIGMOID), UNARY(GELU), UNARY(GELU_QUICK), UNARY(SILU), UNARY(HARDSWISH),
	UNARY(HARDSIGMOID), UNARY(EXP), UNARY(GELU_ERF), UNARY(SQR), UNARY(SQRT), UNARY(LOG),
	UNARY(SIN), UNARY(COS), UNARY(FLOOR), UNARY(CEIL), UNARY(ROUND), UNARY(TRUNC),
	UNARY(SOFTPLUS), UNARY(EXPM1),
	ROW("LEAKY_RELU", UNARY, TERN_LEAKY_RELU, 1, AS_IS, {{'f', 0, 0}}),
	ROW("XIELU",	UNARY,	  TERN_XIELU, 1, AS_IS,
	    {{'f', 1, 0}, {'f', 2, 1}, {'f', 3, 2}, {'f', 4, 3}}),
};
/* clang-format on */

/* ggml's bit of the modes whose positions have four components. */
#define ROPE_SECTIONS 8

static const struct row foreign = {.name = "", .kind = NODE_FOREIGN};

static const struct row *look_up(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return &foreign;
}

/*
 * Names are compared once per operator number and, for the operators that stand for a family of
 * functions, once per first parameter. Threads that meet here find the same row.
 */
#define CACHED_OPS 160
#define CACHED_FNS 64
static _Atomic(const struct row *) cache[CACHED_OPS][CACHED_FNS];

static bool is_family(const struct row *row)
{
	return row->op == TERN_UNARY || row->op == TERN_GLU || row->kind == NODE_FOREIGN;
}

static const struct row *row_of(const struct ggml_tensor *node)
{
	uint32_t op = (uint32_t)node->op, fn = (uint32_t)node->op_params[0];
	const struct row *row = NULL;

	if (op < CACHED_OPS)
		row = atomic_load_explicit(&cache[op][0], memory_order_relaxed);
	if (row && !is_family(row))
		return row;
	if (op < CACHED_OPS && fn < CACHED_FNS)
		row = atomic_load_explicit(&cache[op][fn], memory_order_relaxed);
	else
		row = NULL;
	if (row)
		return row;
	row = look_up(host.ggml_op_desc(node));
	if (op < CACHED_OPS && !is_family(row))
		atomic_store_explicit(&cache[op][0], row, memory_order_relaxed);
	else if (op < CACHED_OPS && fn < CACHED_FNS)
		atomic_store_explicit(&cache[op][fn], row, memory_order_relaxed);
	return row;
}

static float as_float(int32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static void set_params(const struct row *row, const int32_t *params, struct tern_op_desc *op)
{
	size_t i;

	op->op = row->op;
	op->i[0] = row->fn;
	for (i = 0; i < sizeof(row->moves) / sizeof(row->moves[0]) && row->moves[i].kind; i++) {
		const struct move *m = &row->moves[i];

		if (m->kind == 'f')
			op->f[m->to] = as_float(params[m->from]);
		else
			op->i[m->to] = params[m->from];
	}
}

/* Do the elements fill a range of bytes, in whatever order? (Of permuted rows: ggml's own sum, with
 * which results are compared, takes the elements of a row to be adjacent.) */
static bool dense(const struct ggml_tensor *t)
{
	uint64_t next = tern_dtype_row_bytes((enum tern_dtype)t->type, 1);
	unsigned int left = 0xf;

	if (t->nb[0] != next)
		return false;

	for (int turn = 0; turn < 4; turn++) {
		for (int d = 0; d < 4; d++) {
			if (!(left >> d & 1) || (t->ne[d] != 1 && t->nb[d] != next))
				continue;
			next *= (uint64_t)t->ne[d];
			left &= ~(1u << d);
		}
	}
	return next && !left;
}

static bool empty(const struct ggml_tensor *t)
{
	return !t->ne[0] || !t->ne[1] || !t->ne[2] || !t->ne[3];
}

/* Nothing to compute: no elements to write, or none to scatter. */
static bool idle(const struct row *row, const struct ggml_tensor *node)
{
	return row->kind == NODE_NOTHING || empty(node) ||
	       (row->op == TERN_SET_ROWS && row->kind == NODE_OPERATOR && empty(node->src[0]));
}

static bool empty_source(const struct row *row, const struct ggml_tensor *node)
{
	for (uint8_t i = 0; i < row->nsrc; i++) {
		if (node->src[i] && empty(node->src[i]))
			return true;
	}
	return false;
}

enum node_kind node_translate(const struct ggml_tensor *node, struct tern_op_desc *op,
			      struct node_tensors *tensors, const char **why)
{
	const struct row *row = row_of(node);

	memset(op, 0, sizeof(*op));
	memset(tensors, 0, sizeof(*tensors));
	*why = NULL;
	if (idle(row, node))
		return NODE_NOTHING;
	if (row->kind == NODE_FOREIGN)
		*why = "there is no such operator in tern.h";
	else if (empty_source(row, node))
		*why = "a source has no elements";
	else if (row->shape == FLAT && !dense(node->src[0]))
		*why = "the elements it joins are not beside each other";
	if (*why)
		return NODE_FOREIGN;
	set_params(row, node->op_params, op);
	for (uint8_t i = 0; i < row->nsrc; i++)
		tensors->src[i] = node->src[i];
	tensors->dst = node;
	if (row->shape == FLAT)
		tensors->shape[0] = NODE_FLAT;
	if (row->shape == POSITIONS && (node->op_params[2] & ROPE_SECTIONS))
		tensors->shape[1] = NODE_PARTS;
	return NODE_OPERATOR;
}

bool node_is_work(const struct ggml_tensor *node)
{
	return (node->flags & GGML_TENSOR_FLAG_COMPUTE) && !idle(row_of(node), node);
}

static void flatten(const struct ggml_tensor *t, struct tern_tensor_desc *out)
{
	out->ne[0] = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
	out->ne[1] = out->ne[2] = out->ne[3] = 1;
	tern_contiguous(out->type, out->ne, out->nb);
}

static void cut(const struct ggml_tensor *t, struct tern_tensor_desc *out)
{
	if (t->ne[0] % 4 || t->ne[1] != 1) /* the graph's rules refuse it as it is */
		return;
	out->ne[0] = t->ne[0] / 4;
	out->ne[1] = 4;
	out->nb[1] = (uint64_t)out->ne[0] * t->nb[0];
	out->nb[2] = out->nb[3] = 4 * out->nb[1];
}

bool node_tensor(const struct ggml_tensor *t, enum node_shape shape, struct tern_tensor_desc *out)
{
	if (!tern_dtype_name((enum tern_dtype)t->type))
		return false;
	memset(out, 0, sizeof(*out));
	out->type = (enum tern_dtype)t->type;
	memcpy(out->ne, t->ne, sizeof(out->ne));
	memcpy(out->nb, t->nb, sizeof(out->nb));
	if (shape == NODE_FLAT)
		flatten(t, out);
	else if (shape == NODE_PARTS)
		cut(t, out);
	return true;
}

/* ---- support ----------------------------------------------------------------------------- */

/* Before allocation only views tell what shares memory: a root is a storage. */
static uint32_t root_number(const struct ggml_tensor *roots[], uint32_t *n,
			    const struct ggml_tensor *t)
{
	const struct ggml_tensor *root = t->view_src ? t->view_src : t;
	uint32_t i;

	for (i = 0; i < *n && roots[i] != root; i++)
		;
	if (i == *n)
		roots[(*n)++] = root;
	return i;
}

static bool describe(const struct node_tensors *in, struct tern_op_desc *op,
		     struct tern_tensor_desc *t)
{
	const struct ggml_tensor *roots[TERN_MAX_SRC + 1];
	uint32_t i, nroots = 0;

	for (i = 0; i <= TERN_MAX_SRC; i++) {
		const struct ggml_tensor *from = i < TERN_MAX_SRC ? in->src[i] : in->dst;

		if (i < TERN_MAX_SRC)
			op->src[i] = from ? i : TERN_NO_TENSOR;
		if (!from)
			continue;
		if (!node_tensor(from, i < TERN_MAX_SRC ? in->shape[i] : NODE_AS_IS, &t[i]))
			return false;
		t[i].storage = root_number(roots, &nroots, from);
		t[i].offset = from->view_src ? from->view_offs : 0;
	}
	op->dst = TERN_MAX_SRC;
	return true;
}

/* A node that writes into another's result has to run where that one does. */
static bool writes_to_host(const struct tern_device *dev, const struct ggml_tensor *node)
{
	const struct ggml_tensor *root = node->view_src;

	return root && root->op && !node_supported(dev, root, NULL);
}

bool node_supported(const struct tern_device *dev, const struct ggml_tensor *node, const char **why)
{
	struct tern_tensor_desc t[TERN_MAX_SRC + 1];
	struct node_tensors tensors;
	struct tern_op_desc op;
	const char *reason;

	if (!why)
		why = &reason;
	switch (node_translate(node, &op, &tensors, why)) {
	case NODE_NOTHING:
		return true;
	case NODE_FOREIGN:
		return false;
	case NODE_OPERATOR:
		break;
	}
	if (!describe(&tensors, &op, t)) {
		*why = "there is no such type in tern.h";
		return false;
	}
	if (tern_op_supported(dev, &op, t)) {
		*why = tern_last_error();
		return false;
	}
	if (!writes_to_host(dev, node))
		return true;
	*why = "it writes into a result that the host computes";
	return false;
}
