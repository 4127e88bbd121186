// SPDX-License-Identifier: MIT
/* Saving copies between tiles and buffers: which loads and stores of a loop need none. */
#include "vector_run.h"

static bool writes_memory(const struct tern_vop *o)
{
	return o->op == TERN_V_ST || o->op == TERN_V_STQ || o->op == TERN_V_CMPX ||
	       o->op == TERN_V_PACK;
}

static bool reads(const struct tern_vop *o, uint16_t buf)
{
	return o->a == buf || o->b == buf || o->c == buf;
}

/* Is `buf` needed by operations [i, end), before it is written again? */
static bool live(const struct tern_vop *ops, unsigned int i, unsigned int end, uint16_t buf)
{
	for (; i < end; i++) {
		if (reads(&ops[i], buf))
			return true;
		if (ops[i].d == buf)
			return false;
	}
	return false;
}

/* A pointer into the tile serves as long as nothing that may change the tile comes before
 * the register's last use. */
static bool stays_intact(const struct tern_vop *ops, unsigned int i, unsigned int end)
{
	const uint16_t buf = ops[i].d;

	for (i++; i < end; i++) {
		if (writes_memory(&ops[i]))
			return !live(ops, i + 1, end, buf) || ops[i].d == buf;
		if (ops[i].d == buf)
			return true;
	}
	return true;
}

void tern_vprogram_direct(struct tern_vop *ops, unsigned int n, const struct tern_vrun *run)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct tern_vtile *t;

		if (ops[i].direct)
			ops[i].direct = stays_intact(ops, i, n);
		if (!ops[i].fn || i + 1 >= n || ops[i + 1].op != TERN_V_ST)
			continue;
		t = &run->t[ops[i + 1].tile];
		ops[i].to_tile = tern_vrun_word(t) && t->stride[0] == 4 &&
				 ops[i + 1].a == ops[i].d && !live(ops, i + 2, n, ops[i].d);
	}
}
