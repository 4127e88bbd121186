// SPDX-License-Identifier: MIT
/* Single fields overwritten with what nobody would write. */
#include "support/random_graph.h"

enum { SPOILED = 3, RARELY = 192 };

static const int64_t numbers[] = {
	0,
	1,
	2,
	3,
	-1,
	-2,
	7,
	31,
	33,
	255,
	256,
	4096,
	65535,
	65536,
	INT32_MAX,
	INT32_MIN,
	1ll << 31,
	UINT32_MAX,
	1ll << 32,
	1ll << 40,
	(1ll << 46) + 1,
	(1ll << 47) - 1,
	1ll << 47,
	1ll << 48,
	1ll << 61,
	1ll << 62,
	(1ll << 62) + 1,
	INT64_MAX,
	INT64_MIN,
	INT64_MIN + 1,
	-4,
	-65536,
};

static const float reals[] = {
	0.0f,
	1.0f,
	-1.0f,
	1e30f,
	-1e30f,
	1e-30f,
	3.4e38f,
	__builtin_inff(),
	-__builtin_inff(),
	__builtin_nanf(""),
	1e-45f,
	-0.0f,
};

static void spoil_tensor(struct tern_tensor_desc *t, unsigned int field, int64_t v)
{
	switch (field % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		t->ne[field % 4] = v;
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		t->nb[field % 4] = (uint64_t)v;
		break;
	case 8:
		t->offset = (uint64_t)v;
		break;
	case 9:
		t->offset_sym = (uint8_t)v;
		break;
	case 10:
		t->offset_mul = v;
		break;
	case 11:
		t->type = (enum tern_dtype)v;
		break;
	case 12:
		t->storage = (uint32_t)v;
		break;
	default:
		t->ne_sym[field % 4] = (uint8_t)v;
		break;
	}
}

static void spoil_op(struct tern_op_desc *op, unsigned int field, int64_t v, float f)
{
	field %= 22;
	if (field < 5)
		op->src[field] = (uint32_t)v;
	else if (field == 5)
		op->dst = (uint32_t)v;
	else if (field == 6)
		op->op = (enum tern_opcode)v;
	else if (field == 7)
		op->group = (uint32_t)v;
	else if (field < 16)
		op->i[field - 8] = (int32_t)v;
	else
		op->f[field - 16] = f;
}

static void spoil_one(struct random_graph *g, unsigned int what, unsigned int field,
		      unsigned int with)
{
	int64_t v = numbers[with % (sizeof(numbers) / sizeof(numbers[0]))];
	float f = reals[with % (sizeof(reals) / sizeof(reals[0]))];

	if (what < 40 && g->desc.ntensors)
		spoil_tensor(&g->tensors[g->desc.ntensors - 1 - what % g->desc.ntensors], field, v);
	else if (what < 54 && g->desc.nops)
		spoil_op(&g->ops[what % g->desc.nops], field, v, f);
	else if (what < 62 && g->desc.nstorages && field % 2)
		g->storages[what % g->desc.nstorages].size = (uint64_t)v;
	else if (what < 62 && g->desc.nstorages)
		g->storages[what % g->desc.nstorages].flags = (uint32_t)v;
	else if (g->desc.nsymbols)
		g->symbols[what % g->desc.nsymbols].max = v;
	g->hostile = true;
}

void rg_spoil(struct random_graph *g, struct rg_bytes *in)
{
	for (int i = 0; i < SPOILED; i++) {
		unsigned int what = rg_take(in, 256);
		unsigned int field = rg_take(in, 256), with = rg_take(in, 256);

		if (what >= RARELY)
			spoil_one(g, what - RARELY, field, with);
	}
}
