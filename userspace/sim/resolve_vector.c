// SPDX-License-Identifier: MIT
/*
 * VECTOR, resolved. A micro-program is validated and analysed once, at the first visit of
 * the command that names it: which tiles it reads and writes, and what a row costs. Sizes
 * within rows are the interpreter's to check (simd/vector.h); that tiles lie in SPM is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

/* ---- analysis ------------------------------------------------------------------------ */
struct scan {
	struct sim_vprog *v;
	int loop; /* tile whose size 0 is the length; -1 outside */
	bool reduces;
};

static void scan_control(struct scan *k, const struct tern_vinstr *in)
{
	if (in->op == TERN_V_LANES) {
		k->loop = (int)in->imm;
		k->v->loops[k->loop]++;
		k->reduces = false;
	} else if (in->op == TERN_V_ENDL) {
		k->v->reducing[k->loop] += k->reduces;
		k->loop = -1;
	}
}

static void scan_cost(struct scan *k, const struct tern_vinstr *in)
{
	if (k->loop < 0) {
		k->v->scalars++;
		return;
	}
	k->v->cost[k->loop] += in->info->cost;
	k->reduces |= in->info->form == TERN_FORM_RED;
	k->v->scans[k->loop] += in->op == TERN_V_SCAN;
}

static void touch(struct scan *k, unsigned int tile, bool write)
{
	struct sim_vprog *v = k->v;
	uint8_t bit = (uint8_t)(1u << tile);
	unsigned int pair;

	if (write && !((v->read | v->written) & bit))
		v->fresh |= bit;
	if (write)
		v->written |= bit;
	else
		v->read |= bit;
	if (k->loop < 0)
		return;
	pair = (unsigned int)k->loop * 8 + tile;
	if (write)
		v->stores |= 1ull << pair;
	else
		v->loads |= 1ull << pair;
	if (v->count[pair] < UINT8_MAX)
		v->count[pair]++;
}

static void touch_single(struct scan *k, unsigned int tile, uint32_t element, bool write)
{
	touch(k, tile, write);
	k->v->single |= (uint8_t)(1u << tile);
	if (element > k->v->last[tile])
		k->v->last[tile] = element;
}

static void touch_any(struct scan *k, unsigned int tile, bool write)
{
	k->v->whole |= (uint8_t)(1u << tile);
	touch(k, tile, write);
}

static void scan_tiles(struct scan *k, const struct tern_vinstr *in)
{
	switch (in->op) {
	case TERN_V_LD:
		touch(k, in->a, false);
		break;
	case TERN_V_ST:
		touch(k, in->d, true);
		break;
	case TERN_V_STQ:
		k->v->quantised |= (uint8_t)(1u << in->d);
		touch(k, in->d, true);
		break;
	case TERN_V_LDS:
		touch_single(k, in->a, in->imm, false);
		break;
	case TERN_V_STS:
		touch_single(k, in->d, in->imm, true);
		break;
	case TERN_V_LDX:
	case TERN_V_SHIFT:
		touch_any(k, in->a, false);
		break;
	case TERN_V_CMPX:
		touch(k, in->d, false);
		touch(k, in->d, true);
		if (in->a != TERN_NONE) {
			touch(k, in->a, false);
			touch(k, in->a, true);
		}
		break;
	case TERN_V_PACK:
		touch_any(k, in->d, true);
		break;
	default:
		break;
	}
}

static void scan_instr(struct scan *k, uint64_t word)
{
	struct tern_vinstr in;

	tern_vinstr_decode(word, &in);
	if (in.info->form == TERN_FORM_CTL) {
		scan_control(k, &in);
	} else {
		scan_cost(k, &in);
		scan_tiles(k, &in);
	}
}

static struct sim_vprog *append(struct tern_sim *s)
{
	if (s->nvprogs == s->vprogs_cap) {
		size_t cap = s->vprogs_cap ? 2 * s->vprogs_cap : 16;
		struct sim_vprog *v = realloc(s->vprogs, cap * sizeof(*v));

		if (!v)
			return NULL;
		s->vprogs = v;
		s->vprogs_cap = cap;
	}
	memset(&s->vprogs[s->nvprogs], 0, sizeof(s->vprogs[0]));
	return &s->vprogs[s->nvprogs++];
}

int sim_vprog_add(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	uint64_t first = w[3], n = w[2] >> 32, names = sim_vector_tiles(w);
	struct scan k = {.loop = -1};
	size_t bad = 0;

	if (first < s->hdr.code_words || first > s->hdr.vector_words ||
	    n > s->hdr.vector_words - first)
		return sim_fault(s, TERN_FAULT_FETCH, first, n);
	k.v = append(s);
	if (!k.v) {
		s->nomem = true;
		return SIM_DONE;
	}
	k.v->first = (uint32_t)first;
	k.v->n = (uint32_t)n;
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if ((names >> 8 * i & 0xff) != TERN_NONE)
			k.v->tiles |= (uint8_t)(1u << i);
	}
	if (tern_vector_check(s->image + first, n, k.v->tiles, &bad))
		return sim_fault(s, TERN_FAULT_VECTOR_PROGRAM, first + bad, bad);
	for (uint64_t i = 0; i < n; i++)
		scan_instr(&k, s->image[first + i]);
	slot->vprog = (uint32_t)(k.v - s->vprogs);
	return 0;
}

/* ---- a command ----------------------------------------------------------------------------- */
static int64_t elem_bytes(const struct tern_rtile *t)
{
	const struct sim_type *k = &sim_types[t->type];

	/* SPM traffic of an ACT element: a group's bytes spread over its elements, rounded up. */
	return (k->bytes + (1 << k->shift) - 1) >> k->shift;
}

static uint64_t scaled(uint64_t rows, uint64_t per_row)
{
	uint64_t n;

	return __builtin_mul_overflow(rows, per_row, &n) ? UINT64_MAX : n;
}

/* All loops of the program over tile i. */
static uint64_t loop_cycles(const struct tern_sim *s, const struct sim_vprog *v, unsigned int i,
			    uint64_t len)
{
	const struct tern_timing_constants *k = s->constants;

	return tern_vector_loop_cycles(k, &s->caps, len, v->cost[i], false) +
	       (v->loops[i] - 1u) * tern_timing_whole(k, TERN_K_VECTOR_LOOP) +
	       v->reducing[i] * tern_timing_whole(k, TERN_K_VECTOR_REDUCE);
}

/* Additions that wait for each other in the loops over tile i. */
static uint64_t chained(const struct sim_vprog *v, unsigned int i, uint64_t len)
{
	return v->reducing[i] * tern_vector_reduce_chain(len) + v->scans[i] * len;
}

static int count(struct tern_sim *s, struct tern_rcmd *c, const struct sim_vprog *v)
{
	uint64_t rows = (uint64_t)c->t[0].size[1] * (uint64_t)c->t[0].size[2];
	uint64_t cycles = tern_vector_row_cycles(s->constants, v->scalars);
	uint64_t ops = v->scalars, bytes = 0, chain = 0, alone;
	int err;

	rows = scaled(rows, (uint64_t)c->t[0].size[3]);
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if (!v->loops[i])
			continue;
		ops += v->cost[i] * (uint64_t)c->t[i].size[0];
		cycles += loop_cycles(s, v, i, (uint64_t)c->t[i].size[0]);
		chain += chained(v, i, (uint64_t)c->t[i].size[0]);
	}
	for (uint64_t m = v->loads | v->stores; m; m &= m - 1) {
		unsigned int pair = (unsigned int)__builtin_ctzll(m);

		bytes += v->count[pair] * (uint64_t)c->t[pair / 8].size[0] *
			 (uint64_t)elem_bytes(&c->t[pair % 8]);
	}
	alone = cycles + chain * tern_timing_whole(s->constants, TERN_K_VECTOR_CHAIN);
	c->vector_cost = scaled(rows, cycles);
	c->elems = scaled(rows, ops);
	c->spm_bytes = scaled(rows, bytes);
	err = sim_spend(s, c->vector_cost);
	if (rows && alone > c->vector_cost)
		c->vector_cost = alone;
	return err;
}

static bool type_ok(const struct tern_rtile *t, bool quantised)
{
	if (quantised)
		return t->type == TERN_T_ACT;
	return sim_types[t->type].kind == TERN_KIND_PLAIN;
}

static int capture_all(struct tern_sim *s, const struct sim_vprog *v, const uint64_t *w,
		       struct tern_rcmd *c)
{
	uint64_t names = sim_vector_tiles(w);
	int err = 0;

	for (unsigned int i = 0; !err && i < TERN_VECTOR_TILES; i++) {
		if (v->tiles >> i & 1)
			err = sim_capture(s, i, names >> 8 * i & 0xff, &c->t[i], &c->empty);
	}
	return err;
}

void sim_vector_scalars(const struct tern_sim *s, const uint64_t *w, struct tern_rcmd *c)
{
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int r = w[4] >> 8 * i & 0xff;

		c->s[i] = r == TERN_NONE ? 0 : (uint32_t)s->regs[r];
	}
}

int sim_resolve_vector(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c)
{
	const struct sim_vprog *v = &s->vprogs[slot->vprog];
	const uint64_t *w = s->image + s->pc;
	int err = capture_all(s, v, w, c);

	if (err || c->empty)
		return err;
	c->prog = v->first;
	c->ninstr = v->n;
	sim_vector_scalars(s, w, c);
	for (unsigned int i = 0; !err && i < TERN_VECTOR_TILES; i++) {
		if (!c->t[i].present)
			continue;
		err = sim_check_tile(s, i, true);
		if (!err && !type_ok(&c->t[i], v->quantised >> i & 1))
			err = sim_fault(s, TERN_FAULT_TYPE, c->t[i].type, i << 8 | TERN_TILE_TYPE);
	}
	return err ? err : count(s, c, v);
}
