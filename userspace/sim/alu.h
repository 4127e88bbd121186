/* SPDX-License-Identifier: MIT */
/* Scalar arithmetic and conditions of the CP. */
#ifndef TERN_SIM_ALU_H
#define TERN_SIM_ALU_H

#include <stdbool.h>
#include <stdint.h>
#include <tern/isa.h>

static inline bool sim_quotient_defined(int64_t b, int64_t c)
{
	return c != 0 && !(b == INT64_MIN && c == -1);
}

/* false: division by zero, overflow, or CDIV of negative operands */
static inline bool sim_alu(unsigned int op, int64_t b, int64_t c, int64_t *out)
{
	uint64_t ub = (uint64_t)b, uc = (uint64_t)c;
	unsigned int by = uc & 63;

	switch (op) {
	case TERN_ALU_ADD:
		*out = (int64_t)(ub + uc);
		return true;
	case TERN_ALU_SUB:
		*out = (int64_t)(ub - uc);
		return true;
	case TERN_ALU_MUL:
		*out = (int64_t)(ub * uc);
		return true;
	case TERN_ALU_DIV:
		*out = sim_quotient_defined(b, c) ? b / c : 0;
		return sim_quotient_defined(b, c);
	case TERN_ALU_REM:
		*out = sim_quotient_defined(b, c) ? b % c : 0;
		return sim_quotient_defined(b, c);
	case TERN_ALU_MIN:
		*out = b < c ? b : c;
		return true;
	case TERN_ALU_MAX:
		*out = b > c ? b : c;
		return true;
	case TERN_ALU_AND:
		*out = b & c;
		return true;
	case TERN_ALU_OR:
		*out = b | c;
		return true;
	case TERN_ALU_XOR:
		*out = b ^ c;
		return true;
	case TERN_ALU_SHL:
		*out = (int64_t)(ub << by);
		return true;
	case TERN_ALU_SHR:
		*out = (int64_t)(ub >> by);
		return true;
	case TERN_ALU_SAR:
		*out = b >> by;
		return true;
	default: /* CDIV */
		if (b < 0 || c <= 0)
			return false;
		*out = b / c + (b % c != 0);
		return true;
	}
}

/* truth: bit 0 less, 1 equal, 2 greater */
static inline bool sim_holds(unsigned int cond, int64_t a, int64_t b)
{
	static const uint8_t truth[TERN_COND_COUNT] = {
		[TERN_COND_EQ] = 2, [TERN_COND_NE] = 5, [TERN_COND_LT] = 1,	[TERN_COND_LE] = 3,
		[TERN_COND_GT] = 4, [TERN_COND_GE] = 6, [TERN_COND_ALWAYS] = 7,
	};

	return truth[cond] >> (1 + (a > b) - (a < b)) & 1;
}

#endif
