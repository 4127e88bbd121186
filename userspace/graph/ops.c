// SPDX-License-Identifier: MIT
/* The operators: a row each. Adding one: README.md. */
#include "graph/shapes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define B(type) (1ull << TERN_##type)
#define F32	B(F32)
#define I32	B(I32)
#define INDEX	(B(I32) | B(I64))
#define SMALL	(B(I8) | B(I16))
#define FLOAT	(B(F32) | B(F16) | B(BF16))
#define HALF	(B(F32) | B(F16))
#define BLOCKS                                                                                     \
	(B(Q4_0) | B(Q4_1) | B(Q5_0) | B(Q5_1) | B(Q8_0) | B(Q2_K) | B(Q3_K) | B(Q4_K) | B(Q5_K) | \
	 B(Q6_K) | B(IQ4_NL) | B(MXFP4))
#define WEIGHT	 (FLOAT | BLOCKS)
#define ANY	 (WEIGHT | INDEX | SMALL)
#define IN_PLACE true

/* clang-format off */
static const struct tern_op_rule rules[TERN_OP_COUNT] = {
#define ROW(op, min, max, in_place, shape, dst, ...) \
	[TERN_##op] = {#op, min, max, in_place, {__VA_ARGS__}, dst, tern_shape_##shape}
	/*  operator   sources	in place   shape      destination  sources' types */
	ROW(MATMUL,	2, 2,	false,	   matmul,    FLOAT,	   WEIGHT, FLOAT),
	ROW(GET_ROWS,	2, 2,	false,	   get_rows,  FLOAT | I32, WEIGHT | I32, I32),
	ROW(SET_ROWS,	2, 2,	false,	   set_rows,  WEIGHT,	   FLOAT, INDEX),
	ROW(RMS_NORM,	1, 2,	IN_PLACE,  norm,      FLOAT,	   FLOAT, FLOAT),
	ROW(NORM,	1, 3,	IN_PLACE,  norm,      FLOAT,	   FLOAT, FLOAT, FLOAT),
	ROW(L2_NORM,	1, 1,	IN_PLACE,  norm,      FLOAT,	   FLOAT),
	ROW(ROPE,	2, 3,	IN_PLACE,  rope,      FLOAT,	   FLOAT, I32, F32),
	ROW(SOFT_MAX,	1, 3,	IN_PLACE,  soft_max,  FLOAT,	   FLOAT, HALF, F32),
	ROW(ATTENTION,	3, 5,	false,	   attention, FLOAT,	   FLOAT, WEIGHT, WEIGHT, HALF, F32),
	ROW(GLU,	1, 2,	IN_PLACE,  glu,	      FLOAT,	   FLOAT, FLOAT),
	ROW(UNARY,	1, 1,	IN_PLACE,  unary,     FLOAT,	   FLOAT),
	ROW(BINARY,	2, 2,	IN_PLACE,  binary,    FLOAT,	   FLOAT, FLOAT),
	ROW(SCALE,	1, 1,	IN_PLACE,  map,	      FLOAT,	   FLOAT),
	ROW(CLAMP,	1, 1,	IN_PLACE,  clamp,     FLOAT,	   FLOAT),
	ROW(COPY,	1, 1,	IN_PLACE,  copy,      ANY,	   ANY),
	ROW(CONCAT,	2, 2,	false,	   concat,    ANY,	   ANY, ANY),
	ROW(REPEAT,	1, 1,	IN_PLACE,  repeat,    FLOAT | INDEX | SMALL,
							   FLOAT | INDEX | SMALL),
	ROW(SUM_ROWS,	1, 1,	false,	   reduce,    FLOAT,	   FLOAT),
	ROW(MEAN,	1, 1,	false,	   reduce,    FLOAT,	   FLOAT),
	ROW(ARGMAX,	1, 1,	false,	   argmax,    I32,	   FLOAT),
	ROW(TOP_K,	1, 1,	false,	   top_k,     I32,	   FLOAT),
	ROW(ARGSORT,	1, 1,	false,	   argsort,   I32,	   FLOAT),
	ROW(MATMUL_ID,	3, 3,	false,	   matmul_id, FLOAT,	   WEIGHT, FLOAT, I32),
	ROW(ADD_ID,	3, 3,	IN_PLACE,  add_id,    FLOAT,	   FLOAT, FLOAT, I32),
#undef ROW
};
/* clang-format on */

const struct tern_op_rule *tern_op_rule(enum tern_opcode op)
{
	return (unsigned int)op < TERN_OP_COUNT ? &rules[op] : NULL;
}

const char *tern_op_name(enum tern_opcode op)
{
	const struct tern_op_rule *rule = tern_op_rule(op);

	return rule ? rule->name : NULL;
}

/* ---- checking one operator --------------------------------------------------- */

static int print_shape(char *at, size_t len, const char *name, const struct tern_tensor_desc *t)
{
	const char *type = tern_dtype_name(t->type);
	int n, d;

	n = snprintf(at, len, " %s %s[", name, type ? type : "?");
	for (d = 0; d < 4 && (size_t)n < len; d++)
		n += snprintf(at + n, len - (size_t)n,
			      t->ne_sym[d] ? "<=%" PRId64 "%s" : "%" PRId64 "%s", t->ne[d],
			      d < 3 ? "," : "]");
	return (size_t)n < len ? n : 0;
}

/* "MATMUL: <rule>; here s0 Q4_0[64,32,1,1] s1 F32[...] d F32[...]" */
static int broken(const struct tern_op_rule *rule, const char *why,
		  const struct tern_tensor_desc *const s[TERN_MAX_SRC],
		  const struct tern_tensor_desc *d)
{
	static const char names[TERN_MAX_SRC][3] = {"s0", "s1", "s2", "s3", "s4"};
	char shapes[400] = "";
	int i, n = 0;

	for (i = 0; i < TERN_MAX_SRC; i++) {
		if (s[i])
			n += print_shape(shapes + n, sizeof(shapes) - (size_t)n, names[i], s[i]);
	}
	print_shape(shapes + n, sizeof(shapes) - (size_t)n, "d", d);
	return tern_fail(-EINVAL, "%s: %s; here%s", rule->name, why, shapes);
}

static bool allowed(uint64_t types, enum tern_dtype type)
{
	return (unsigned int)type < 64 && (types >> type & 1);
}

/* Absent, present, surplus: fills s[] with the sources that are there. */
static const char *bad_arity(const struct tern_op_rule *rule, const struct tern_op_desc *op,
			     const struct tern_tensor_desc *tensors,
			     const struct tern_tensor_desc *s[TERN_MAX_SRC])
{
	int i;

	for (i = 0; i < TERN_MAX_SRC; i++) {
		bool present = op->src[i] != TERN_NO_TENSOR;

		if (!present && i < rule->min_src)
			return "it lacks a source";
		if (present && i >= rule->max_src)
			return "it has a source too many (unused ones are TERN_NO_TENSOR)";
		s[i] = present ? &tensors[op->src[i]] : NULL;
	}
	return op->dst == TERN_NO_TENSOR ? "it has no destination" : NULL;
}

static const char *bad_types(const struct tern_op_rule *rule,
			     const struct tern_tensor_desc *const s[TERN_MAX_SRC],
			     const struct tern_tensor_desc *d)
{
	int i;

	for (i = 0; i < rule->max_src; i++) {
		if (s[i] && !allowed(rule->src[i], s[i]->type))
			return "a source's type is not one it takes";
	}
	return allowed(rule->dst, d->type) ? NULL : "the destination's type is not one it gives";
}

/* Operators run as if all sources were read before the destination is written; kernels
 * need not, so only exact in-place use of element-wise operators is let through. */
static const char *bad_overlap(const struct tern_op_rule *rule,
			       const struct tern_tensor_desc *const s[TERN_MAX_SRC],
			       const struct tern_tensor_desc *d)
{
	int i;

	for (i = 0; i < rule->max_src; i++) {
		if (!s[i] || tern_tensor_apart(s[i], d))
			continue;
		if (!rule->in_place || !tern_tensor_same_layout(s[i], d))
			return "the destination overlaps a source without being the same view";
	}
	return NULL;
}

int tern_op_check(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors)
{
	const struct tern_op_rule *rule = tern_op_rule(op->op);
	const struct tern_tensor_desc *s[TERN_MAX_SRC];
	const char *why;

	if (!rule)
		return tern_fail(-EINVAL, "operator code %d is unknown", (int)op->op);
	why = bad_arity(rule, op, tensors, s);
	if (why)
		return tern_fail(-EINVAL, "%s: %s", rule->name, why);
	why = bad_types(rule, s, &tensors[op->dst]);
	if (!why)
		why = rule->shape(op, s, &tensors[op->dst]);
	if (!why)
		why = bad_overlap(rule, s, &tensors[op->dst]);
	return why ? broken(rule, why, s, &tensors[op->dst]) : 0;
}

int tern_op_check_alone(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors)
{
	const struct tern_op_rule *rule = tern_op_rule(op->op);
	int i, ret = 0;

	for (i = 0; i < TERN_MAX_SRC && !ret; i++) {
		if (op->src[i] != TERN_NO_TENSOR)
			ret = tern_tensor_check_alone(tensors, op->src[i]);
	}
	if (!ret && op->dst != TERN_NO_TENSOR)
		ret = tern_tensor_check_alone(tensors, op->dst);
	if (!ret)
		ret = tern_op_check(op, tensors);
	if (!ret && tern_tensor_self_overlap(&tensors[op->dst]))
		ret = tern_fail(-EINVAL, "%s: elements of its destination overlap each other",
				rule->name);
	return ret;
}

const char *tern_op_label(const struct tern_graph *g, uint32_t op, char *buf, size_t len)
{
	const struct tern_op_desc *o = &g->ops[op];
	const char *name = g->tensors[o->dst].name;

	snprintf(buf, len, name ? "%" PRIu32 " (%s '%s')" : "%" PRIu32 " (%s)", op,
		 tern_op_name(o->op), name);
	return buf;
}
