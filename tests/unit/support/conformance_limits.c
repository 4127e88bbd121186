// SPDX-License-Identifier: MIT
/*
 * How far a result may be from the reference, as a normalised mean square error.
 *
 * A rounding to p bits of significand errs by at most 2^-p of a value, uniformly: an NMSE of at
 * most 2^-2p / 3. A limit is about ten times what its roundings add up to, and far below what
 * a wrong element, a wrong group or a lost term leaves.
 *
 *  - binary32, element by element: four roundings in a row, or a function that is off by as
 *    many units in the last place: (4 * 2^-24)^2 = 5.7e-14: 1e-13.
 *  - rows: sums of up to a million terms in lanes, and exp of arguments up to 16, whose
 *    relative error counts in full (16^2 * 1.2e-15): 1e-12.
 *  - products in binary32: 32768 terms one after the other, the error of each as large as a sum
 *    of half of them (32768 / 2 * 1.2e-15 = 2e-11): 1e-10.
 *  - fp16 operands: p = 11, 8e-8: 1e-6.  bf16: p = 8, 5e-6: 5e-5.
 *  - int8 in groups of 32 with the peak as scale: an error of peak / 127 / sqrt(12) at each of
 *    32 elements. Even if the peak is all there is that is 32 / (12 * 127^2) = 1.7e-4; with a
 *    flat distribution 2e-5. llama.cpp's tests allow its MUL_MAT 5e-4; so does this one.
 *  - angles of ROPE are products of binary32 numbers: off by up to 2^-24 of themselves, and
 *    cases have positions below 1000: (1000 * 2^-24)^2 / 3 at the fastest pair: 1e-8.
 *  - what is only moved or converted is exact, or rounded once, the same way everywhere. The
 *    one exception is a block into a narrow float, which may go through binary32.
 */
#include "support/conformance.h"

#include <math.h>

static double of_operands(enum tern_dtype weights)
{
	switch (weights) {
	case TERN_F32:
		return 1e-10;
	case TERN_F16:
		return 1e-6;
	case TERN_BF16:
		return 5e-5;
	default:
		return 5e-4;
	}
}

/* What the destination's own rounding adds. */
static double of_result(enum tern_dtype type)
{
	return type == TERN_F16 ? 1e-6 : type == TERN_BF16 ? 5e-5 : 0;
}

/* Keys and queries meet at their type; probabilities and values at that of the values. An
 * error of a score counts in full in its probability: scores up to 8 (FILL_UNIT), 8^2. */
static double of_attention(enum tern_dtype k, enum tern_dtype v)
{
	double ek = of_operands(k), ev = of_operands(v);

	return fmin(5e-4, 4 * fmax(ek, ev));
}

double conf_limit(const struct tern_op_desc *op, const struct tern_tensor_desc *t)
{
	double result = of_result(t[op->dst].type);

	switch (op->op) {
	case TERN_MATMUL:
	case TERN_MATMUL_ID:
		return result + of_operands(t[op->src[0]].type);
	case TERN_ATTENTION:
		return result + of_attention(t[op->src[1]].type, t[op->src[2]].type);
	case TERN_ROPE:
		return result + 1e-8;
	case TERN_COPY:
	case TERN_CONCAT:
	case TERN_REPEAT:
	case TERN_GET_ROWS:
	case TERN_SET_ROWS:
		return ref_type(t[op->src[0]].type)->elems > 1 ? result : 0;
	case TERN_ARGMAX:
	case TERN_TOP_K:
	case TERN_ARGSORT:
		return 0;
	case TERN_UNARY:
	case TERN_BINARY:
	case TERN_ADD_ID:
	case TERN_GLU:
	case TERN_SCALE:
	case TERN_CLAMP:
		return result + 1e-13;
	default:
		return result + 1e-12;
	}
}
