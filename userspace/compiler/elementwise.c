// SPDX-License-Identifier: MIT
/* UNARY, BINARY, SCALE, CLAMP, GLU. */
#include <errno.h>

#include "compiler/elementwise.h"
#include "compiler/lowerings.h"
#include "compiler/rows.h"

/* ---- functions of one element ------------------------------------------------------- */
/*
 * A function is a list of micro-instructions on three V registers, of which the first is
 * argument and result, and two S registers of constants. FMA and SEL take no immediates,
 * hence the constants. The formulas are ggml's (src/ggml-cpu/vec.h).
 */
enum { X = 0, Y = 1, Z = 2, C0 = 8, C1 = 9, IMM = 16, FN_MAX = 10 };

struct fn_op {
	uint8_t op, d, a, b, c; /* registers above; c: third operand of FMA and SEL */
	float imm;
};
struct fn {
	float constant[FN_S];
	struct fn_op op[FN_MAX];
};

#define SQRT_2_OVER_PI 0.79788456080286535588f
#define SQRT_1_OVER_2  0.70710678118654752440f
#define GELU_CUBIC     0.044715f
#define GELU_QUICK_C   1.702f

#define OP1(op, d, a)                      \
	{                                  \
		TERN_V_##op, d, a, 0, 0, 0 \
	}
#define OP2(op, d, a, b)                   \
	{                                  \
		TERN_V_##op, d, a, b, 0, 0 \
	}
#define OPI(op, d, a, imm)                     \
	{                                      \
		TERN_V_##op, d, a, IMM, 0, imm \
	}
#define IOP(op, d, imm, b)                     \
	{                                      \
		TERN_V_##op, d, IMM, b, 0, imm \
	}
#define OP3(op, d, a, b, c)                \
	{                                  \
		TERN_V_##op, d, a, b, c, 0 \
	}
/* Y = 1 + e^(-scale * X) */
#define LOGISTIC(scale) OPI(MUL, Y, X, -(scale)), OP1(EXP, Y, Y), OPI(ADD, Y, Y, 1.0f)
/* 1.0f as bits under a comparison's mask */
#define ONE_IF(d) OPI(AND, d, d, 1.0f)
/* Y = e^Z - 1 without cancellation, for Z <= 1: 2 t / (1 - t) with t = tanh(Z / 2) */
#define EXPM1_SMALL                                                                     \
	OPI(MUL, Z, Z, 0.5f), OP1(TANH, Z, Z), IOP(SUB, Y, 1.0f, Z), OP2(ADD, Z, Z, Z), \
		OP2(DIV, Y, Z, Y)

/* clang-format off */
static const struct fn fns[TERN_UNARY_COUNT] = {
	[TERN_ABS] = {{0}, {OP1(ABS, X, X)}},
	/* masks are 0 or -1: their difference is the sign */
	[TERN_SGN] = {{0}, {IOP(LT, Y, 0.0f, X), OPI(LT, Z, X, 0.0f), OP2(ISUB, X, Z, Y), OP1(I2F, X, X)}},
	[TERN_NEG] = {{0}, {OP1(NEG, X, X)}},
	[TERN_STEP] = {{0}, {IOP(LT, X, 0.0f, X), ONE_IF(X)}},
	[TERN_TANH] = {{0}, {OP1(TANH, X, X)}},
	/* MIN(0, x) rather than MIN(x, 0): a NaN stays one */
	[TERN_ELU] = {{0}, {IOP(MIN, Z, 0.0f, X), EXPM1_SMALL, IOP(LT, Z, 0.0f, X), OP3(SEL, X, Z, X, Y)}},
	[TERN_RELU] = {{0}, {OPI(MAX, X, X, 0.0f)}},
	[TERN_SIGMOID] = {{0}, {LOGISTIC(1.0f), OP1(RCP, X, Y)}},
	/* halved before it is multiplied by X, which may be as large as there is */
	[TERN_GELU] = {{GELU_CUBIC, 1.0f},
		{OP2(MUL, Y, X, X), OP3(FMA, Y, Y, C0, C1), OP2(MUL, Y, Y, X), OPI(MUL, Y, Y, SQRT_2_OVER_PI),
		 OP1(TANH, Y, Y), OPI(ADD, Y, Y, 1.0f), OPI(MUL, Y, Y, 0.5f), OP2(MUL, X, X, Y)}},
	[TERN_GELU_QUICK] = {{0}, {LOGISTIC(GELU_QUICK_C), OP2(DIV, X, X, Y)}},
	[TERN_SILU] = {{0}, {LOGISTIC(1.0f), OP2(DIV, X, X, Y)}},
	[TERN_HARDSWISH] = {{0}, {OPI(ADD, Y, X, 3.0f), OPI(DIV, Y, Y, 6.0f), OPI(MAX, Y, Y, 0.0f),
		OPI(MIN, Y, Y, 1.0f), OP2(MUL, X, X, Y)}},
	[TERN_HARDSIGMOID] = {{0}, {OPI(ADD, Y, X, 3.0f), OPI(DIV, Y, Y, 6.0f), OPI(MAX, Y, Y, 0.0f),
		OPI(MIN, X, Y, 1.0f)}},
	[TERN_EXP] = {{0}, {OP1(EXP, X, X)}},
	[TERN_GELU_ERF] = {{0}, {OPI(MUL, Y, X, SQRT_1_OVER_2), OP1(ERF, Y, Y), OPI(ADD, Y, Y, 1.0f),
		OPI(MUL, Y, Y, 0.5f), OP2(MUL, X, X, Y)}},
	[TERN_SQR] = {{0}, {OP2(MUL, X, X, X)}},
	[TERN_SQRT] = {{0}, {OP1(SQRT, X, X)}},
	[TERN_LOG] = {{0}, {OP1(LOG, X, X)}},
	[TERN_SIN] = {{0}, {OP1(SIN, X, X)}},
	[TERN_COS] = {{0}, {OP1(COS, X, X)}},
	[TERN_FLOOR] = {{0}, {OP1(FLOOR, X, X)}},
	[TERN_CEIL] = {{0}, {OP1(CEIL, X, X)}},
	[TERN_ROUND] = {{0}, {OP1(RNDA, X, X)}},
	[TERN_TRUNC] = {{0}, {OP1(TRUNC, X, X)}},
	/* above 20 the sum rounds to e^x */
	[TERN_SOFTPLUS] = {{0}, {OP1(EXP, Y, X), OPI(ADD, Y, Y, 1.0f), OP1(LOG, Y, Y),
		IOP(LT, Z, 20.0f, X), OP3(SEL, X, Z, X, Y)}},
	[TERN_EXPM1] = {{0}, {IOP(MIN, Z, 1.0f, X), EXPM1_SMALL, OP1(EXP, Z, X), OPI(ADD, Z, Z, -1.0f),
		IOP(LT, X, 0.5f, X), OP3(SEL, X, X, Z, Y)}},
};
/* clang-format on */

static unsigned int fn_register(unsigned int r, unsigned int v, unsigned int s)
{
	return r == IMM ? V_IMM : r >= C0 ? vS(s + r - C0) : v + r;
}

void fn_constants(struct vprog *p, enum tern_unary fn, unsigned int s)
{
	for (unsigned int i = 0; i < FN_S; i++)
		if (fns[fn].constant[i] != 0.0f)
			vp(p, TERN_V_MOV, vS(s + i), V_IMM, 0, f32_bits(fns[fn].constant[i]));
}

void fn_apply(struct vprog *p, enum tern_unary fn, unsigned int v, unsigned int s)
{
	for (const struct fn_op *o = fns[fn].op; o < fns[fn].op + FN_MAX && o->op; o++) {
		bool third = o->op == TERN_V_FMA || o->op == TERN_V_SEL;
		bool unary = !third && tern_vector_info(o->op)->form == TERN_FORM_A1;

		vp(p, o->op, fn_register(o->d, v, s), fn_register(o->a, v, s),
		   unary ? 0 : fn_register(o->b, v, s),
		   third ? fn_register(o->c, v, s) : f32_bits(o->imm));
	}
}

enum tern_unary fn_of_glu(enum tern_glu glu)
{
	static const uint8_t fn[TERN_GLU_COUNT] = {
		[TERN_GLU_REGLU] = TERN_RELU,
		[TERN_GLU_GEGLU] = TERN_GELU,
		[TERN_GLU_SWIGLU] = TERN_SILU,
		[TERN_GLU_GEGLU_ERF] = TERN_GELU_ERF,
		[TERN_GLU_GEGLU_QUICK] = TERN_GELU_QUICK,
	};

	return (enum tern_unary)fn[glu];
}

bool glu_is_plain(enum tern_glu glu)
{
	return glu < TERN_GLU_SWIGLU_OAI;
}

/* ---- bodies ------------------------------------------------------------------------- */
enum { S_FN = ROW_S_FREE };

static void begin(struct vprog *p, const struct row_kernel *k)
{
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	for (unsigned int i = 0; i < k->nin; i++)
		vp(p, TERN_V_LD, 4 * i, i, 0, 0);
}

static void end(struct vprog *p, const struct row_kernel *k)
{
	vp(p, TERN_V_ST, row_tile_out(k, 0), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void leaky_relu(struct vprog *p, const float *f)
{
	vp(p, TERN_V_MUL, 1, 0, V_IMM, f32_bits(f[0]));
	vp(p, TERN_V_LT, 2, V_IMM, 0, 0);
	vp(p, TERN_V_SEL, 0, 2, 0, 1);
}

static void xielu(struct vprog *p, const float *f)
{
	vp(p, TERN_V_MIN, 4, V_IMM, 0, f32_bits(f[3]));
	fn_apply(p, TERN_EXPM1, 4, S_FN);
	vp(p, TERN_V_SUB, 4, 4, 0, 0);
	vp(p, TERN_V_MUL, 4, 4, V_IMM, f32_bits(f[0]));
	vp(p, TERN_V_MUL, 1, 0, V_IMM, f32_bits(f[1]));
	vp(p, TERN_V_MUL, 1, 1, 0, 0);
	vp(p, TERN_V_LT, 2, V_IMM, 0, 0);
	vp(p, TERN_V_SEL, 1, 2, 1, 4);
	vp(p, TERN_V_MUL, 0, 0, V_IMM, f32_bits(f[2]));
	vp(p, TERN_V_ADD, 0, 0, 1, 0);
}

/* Functions with parameters: V0 = fn(V0). */
static void (*const with_parameters[TERN_UNARY_COUNT])(struct vprog *, const float *) = {
	[TERN_LEAKY_RELU] = leaky_relu,
	[TERN_XIELU] = xielu,
};

static void unary_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	enum tern_unary fn = (enum tern_unary)k->op->i[0];

	(void)resident;
	fn_constants(p, fn, S_FN);
	begin(p, k);
	if (with_parameters[fn])
		with_parameters[fn](p, k->op->f);
	else
		fn_apply(p, fn, 0, S_FN);
	end(p, k);
}

/* V0 = min(V0, limit), V4 = what V0 * sigmoid(V0) is multiplied by. */
static void clamp_gate_and_up(struct vprog *p, const struct tern_op_desc *op)
{
	const float limit = op->f[1];

	vp(p, TERN_V_MIN, 0, 0, V_IMM, f32_bits(limit));
	vp(p, TERN_V_MIN, 4, 4, V_IMM, f32_bits(limit));
	vp(p, TERN_V_MAX, 4, 4, V_IMM, f32_bits(-limit));
	if (op->i[0] == TERN_GLU_SWIGLU_OAI)
		vp(p, TERN_V_ADD, 4, 4, V_IMM, f32_bits(1.0f));
}

static void clamped_glu_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	const float alpha = k->op->i[0] == TERN_GLU_SWIGLU_OAI ? k->op->f[0] : 1.0f;

	(void)resident;
	begin(p, k);
	clamp_gate_and_up(p, k->op);
	vp(p, TERN_V_MUL, 1, 0, V_IMM, f32_bits(-alpha));
	vp(p, TERN_V_EXP, 1, 1, 0, 0);
	vp(p, TERN_V_ADD, 1, 1, V_IMM, f32_bits(1.0f));
	vp(p, TERN_V_DIV, 0, 0, 1, 0);
	vp(p, TERN_V_MUL, 0, 0, 4, 0);
	end(p, k);
}

static void glu_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	enum tern_unary fn = fn_of_glu((enum tern_glu)k->op->i[0]);

	(void)resident;
	fn_constants(p, fn, S_FN);
	begin(p, k);
	fn_apply(p, fn, 0, S_FN);
	vp(p, TERN_V_MUL, 0, 0, 4, 0);
	end(p, k);
}

static void binary_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	static const uint8_t ops[TERN_BINARY_COUNT] = {
		[TERN_ADD] = TERN_V_ADD,
		[TERN_SUB] = TERN_V_SUB,
		[TERN_MUL] = TERN_V_MUL,
		[TERN_DIV] = TERN_V_DIV,
	};

	(void)resident;
	begin(p, k);
	vp(p, ops[k->op->i[0]], 0, 0, 4, 0);
	end(p, k);
}

static void add_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	begin(p, k);
	vp(p, TERN_V_ADD, 0, 0, 4, 0);
	end(p, k);
}

static void scale_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	begin(p, k);
	vp(p, TERN_V_MUL, 0, 0, V_IMM, f32_bits(k->op->f[0]));
	if (k->op->f[1] != 0.0f)
		vp(p, TERN_V_ADD, 0, 0, V_IMM, f32_bits(k->op->f[1]));
	end(p, k);
}

static void clamp_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	begin(p, k);
	vp(p, TERN_V_MAX, 0, 0, V_IMM, f32_bits(k->op->f[0]));
	vp(p, TERN_V_MIN, 0, 0, V_IMM, f32_bits(k->op->f[1]));
	end(p, k);
}

/* ---- kernels ------------------------------------------------------------------------ */
typedef void body_fn(struct vprog *, const struct row_kernel *, bool);

static int map_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
		      struct row_kernel *k)
{
	static body_fn *const bodies[TERN_OP_COUNT] = {
		[TERN_UNARY] = unary_body,
		[TERN_SCALE] = scale_body,
		[TERN_CLAMP] = clamp_body,
	};

	row_init(k, op, &ts[op->dst]);
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_out(k, &ts[op->dst], op->dst);
	row_step(k, bodies[op->op]);
	row_finish(k);
	return 0;
}

static int binary_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			 struct row_kernel *k)
{
	int err;

	row_init(k, op, &ts[op->dst]);
	err = row_repeat(k, &ts[op->src[1]]);
	if (err)
		return err;
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_in(k, &ts[op->src[1]], op->src[1]);
	row_out(k, &ts[op->dst], op->dst);
	row_step(k, binary_body);
	row_finish(k);
	return 0;
}

/* A row of the second source by its number. */
static int add_id_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			 struct row_kernel *k)
{
	row_init(k, op, &ts[op->dst]);
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_index(k, row_in(k, &ts[op->src[1]], op->src[1]), &ts[op->src[2]], op->src[2]);
	row_out(k, &ts[op->dst], op->dst);
	row_step(k, add_body);
	row_finish(k);
	return 0;
}

/* Both halves of one source, or two sources. */
static int glu_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
		      struct row_kernel *k)
{
	const struct tern_tensor_desc *d = &ts[op->dst];
	bool halves = op->src[1] == TERN_NO_TENSOR;
	uint32_t up = halves ? op->src[0] : op->src[1];
	unsigned int second;

	row_init(k, op, d);
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_in(k, &ts[up], up);
	row_out(k, d, op->dst);
	if (halves) {
		second = op->i[1] ? 0 : 1; /* swapped: the gate is the second half */
		k->bad |= __builtin_mul_overflow(d->ne[0], (int64_t)ts[up].nb[0],
						 &k->buf[second].offset);
	}
	row_step(k, glu_is_plain((enum tern_glu)op->i[0]) ? glu_body : clamped_glu_body);
	row_finish(k);
	return 0;
}

ROW_OPERATOR(map)
ROW_OPERATOR(binary)
ROW_OPERATOR(add_id)
ROW_OPERATOR(glu)
