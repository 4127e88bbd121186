/* SPDX-License-Identifier: MIT */
/* A command or micro-instruction as a list of (key, value) items: the disassembler's text and
 * JSON forms are two ways of printing the same list. Private to isa/. */
#ifndef TERN_ISA_PRINT_H
#define TERN_ISA_PRINT_H

#include "isa/codec.h"

enum tern_item_style {
	TERN_ITEM_BARE,	  /* text prints the value alone */
	TERN_ITEM_NAMED,  /* key=value */
	TERN_ITEM_SPACED, /* key value */
	TERN_ITEM_FLAG,	  /* text prints the key alone; JSON true */
};

struct tern_item {
	const char *key;
	uint8_t style;
	bool number; /* JSON prints it unquoted */
	char value[64];
};

#define TERN_MAX_ITEMS 24
struct tern_items {
	char mnemonic[16];
	unsigned int n;
	struct tern_item item[TERN_MAX_ITEMS];
};

/* `at`: image word of the command, for branch targets. */
void tern_describe_cmd(const struct tern_cmd *c, size_t at, struct tern_items *out);
void tern_describe_vinstr(const struct tern_vinstr *in, struct tern_items *out);

#endif
