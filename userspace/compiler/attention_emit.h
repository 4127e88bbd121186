/* SPDX-License-Identifier: MIT */
/* An attention group while it is emitted: shared by attention*.c. */
#ifndef TERN_ATTENTION_EMIT_H
#define TERN_ATTENTION_EMIT_H

#include "compiler/attention.h"

struct attention_fit {
	unsigned int kt, vt; /* operand types of MATRIX */
	int64_t r, tt, pc;
	int64_t mr; /* heads of a mask's tile: r, or 1 for all */
};

/* A value for each head, constant in all of the group. */
struct per_head {
	bool on;
	int64_t stride; /* bytes from a head's value to the next */
	unsigned int base, off;
	uint8_t t_mem, t;
};

struct attention {
	struct tern_lower *l;
	const struct tern_op_desc *op;
	const struct tern_tensor_desc *q, *k, *v, *mask, *sinks, *d;
	struct attention_fit f;
	bool causal;
	int64_t window;

	unsigned int q_base, k_base, v_base, m_base, d_base;
	struct tern_dim nt, n;

	struct lower_pipe qin, act, kp, vp, s, p, t, out, mp;
	uint32_t o, state_m, state_l, corr;
	struct per_head sink, slope;

	/* registers */
	unsigned int q_off, kh_off, vh_off, m_off, d_off, h_q, h_d, b_m, mask_head, mask_batch;
	unsigned int tleft, tcur, rows, limit, kv, kv_end, kv_load, pcur, pload, tmp;
	unsigned int k_off, v_off;

	uint8_t t_q_mem, t_q_in, t_q_v, t_q16, t_q_a;
	uint8_t t_k_mem, t_k_in, t_k, t_v_mem, t_v_in, t_v;
	uint8_t t_s, t_sv, t_p, t_pa, t_t, t_tv, t_o, t_m, t_l, t_c, t_out_v, t_out, t_d;
	uint8_t t_mask_mem, t_mask_in, t_mask_v;
};

static inline struct tern_val reg(unsigned int r)
{
	return tern_reg(r);
}

static inline struct tern_val imm(int64_t v)
{
	return tern_imm(v);
}

static inline int64_t attention_elem(unsigned int type)
{
	return tern_type_info(type)->bytes;
}

/* ---- what lasts for the group (attention_setup.c) ------------------------------------- */
void attention_set_up(struct attention *x);

/* ---- micro-programs (attention_programs.c) ------------------------------------------ */
/* Queries to operands. Tiles: 0 Q as operand, 1 Q as loaded, 2 m, 3 l, 4 sinks. */
void attention_begin(const struct attention *x, struct vprog *p);
/* Scores to probabilities. `hide`: compare positions; `fresh`: there is no m and l yet. Tiles: 0
 * S, 1 P, 2 m, 3 l, 4 corr, then mask
 * and slope where they are; S0 first position of the chunk, S1 last position the
 * tile's first token sees. */
void attention_softmax(const struct attention *x, struct vprog *p, bool hide, bool fresh);
/* O = T, or O = O * corr + T. Tiles: 0 O, 1 T, 2 corr. */
void attention_keep(struct vprog *p);
void attention_add(struct vprog *p);
/* Result = O / l. Tiles: 0 result, 1 O or T, 2 l. A row that saw nothing gives zeros. */
void attention_end(const struct attention *x, struct vprog *p);

/* ---- one tile of tokens (attention_tile.c) -------------------------------------------- */
void attention_token_tile(struct attention *x);

#endif
