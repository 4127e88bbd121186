/* SPDX-License-Identifier: MIT */
/* What the fields of a micro-instruction hold. Private to isa/: shared by the check and
 * the disassembler, so that one table says it once. */
#ifndef TERN_ISA_RULES_H
#define TERN_ISA_RULES_H

#include "isa/codec.h"

enum tern_vplace { TERN_PLACE_OUT = 1, TERN_PLACE_IN = 2, TERN_PLACE_ANY = 3 };

enum tern_vkind {
	TERN_VK_ZERO,
	TERN_VK_DST, /* V inside LANES, S outside */
	TERN_VK_V,
	TERN_VK_S,
	TERN_VK_OPERAND,  /* V (inside LANES only), S or the immediate */
	TERN_VK_REGISTER, /* V (inside LANES only) or S */
	TERN_VK_TILE,
	TERN_VK_TILE_OPT, /* tile or TERN_NONE */
};

enum tern_vimm {
	TERN_VI_OPERAND, /* the immediate operand; zero when none is named */
	TERN_VI_TILE,
	TERN_VI_DIM,	 /* 1..3 */
	TERN_VI_THIRD,	 /* bits 7:0 a register, the rest zero */
	TERN_VI_ELEMENT, /* element index, unsigned */
	TERN_VI_OFFSET,	 /* element offset, signed */
	TERN_VI_SORT,	 /* CMPX step: see README */
	TERN_VI_COUNT,	 /* operand number of an S register */
};

struct tern_vrule {
	uint8_t place, d, a, b, imm;
};

const struct tern_vrule *tern_vector_rule(const struct tern_vector_info *info);

#endif
