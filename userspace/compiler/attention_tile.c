// SPDX-License-Identifier: MIT
/* Attention of one tile of tokens: its chunks of cached positions, one after the other. */
#include "compiler/attention_emit.h"

static void transfer(struct tern_sync *s, enum tern_pipe wait_full, enum tern_pipe wait_free)
{
	sync_wait(s, pipe_full(wait_full), 1);
	sync_signal(s, pipe_free(wait_full), 1);
	sync_wait(s, pipe_free(wait_free), 1);
	sync_signal(s, pipe_full(wait_free), 1);
}

static void load(struct attention *x, const struct lower_pipe *p, uint8_t dst, uint8_t src)
{
	struct tern_sync s = {0};

	sync_wait(&s, pipe_free(p->pipe), 1);
	sync_signal(&s, pipe_full(p->pipe), 1);
	tern_emit_load(&x->l->code, true, dst, src, TERN_NONE, NULL, NULL, &s);
	lower_pipe_step(x->l, p, true);
}

static void begin_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};
	uint8_t tiles[5] = {x->t_q16, x->t_q_v, x->t_m, x->t_l, x->sink.t};
	struct vprog p;

	load(x, &x->qin, x->t_q_in, x->t_q_mem);
	attention_begin(x, &p);
	transfer(&s, PIPE_IN0, PIPE_A);
	lower_vector(l, &p, tiles, x->sinks ? 5 : 2, NULL, 0, &s);
	lower_pipe_step(l, &x->qin, false);
	lower_pipe_step(l, &x->act, true);
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_A), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &s);
}

/* S = Q K^T of the chunk at kv_load. */
static void emit_scores(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	lower_alu(l, TERN_ALU_SUB, x->pload, x->kv_end, reg(x->kv_load));
	lower_alu(l, TERN_ALU_MIN, x->pload, x->pload, imm(x->f.pc));
	lower_alu(l, TERN_ALU_MUL, x->k_off, x->kv_load, imm((int64_t)x->k->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->k_off, x->k_off, reg(x->kh_off));
	load(x, &x->kp, x->t_k_in, x->t_k_mem);
	transfer(&s, PIPE_B, PIPE_C);
	tern_emit_matrix(&l->code, TERN_MATRIX_OUT, x->t_q_a, x->t_k, x->t_s, &s);
	lower_pipe_step(l, &x->kp, false);
	lower_pipe_step(l, &x->s, true);
	lower_alu(l, TERN_ALU_ADD, x->kv_load, x->kv_load, imm(x->f.pc));
}

static void load_mask(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	if (!x->mask)
		return;
	lower_alu(l, TERN_ALU_MUL, x->m_off, x->kv, imm((int64_t)x->mask->nb[0]));
	lower_alu(l, TERN_ALU_ADD, x->m_off, x->m_off, reg(x->b_m));
	load(x, &x->mp, x->t_mask_in, x->t_mask_mem);
	sync_wait(&s, pipe_full(PIPE_IN1), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
}

static void emit_softmax(struct attention *x, bool hide, bool fresh)
{
	uint8_t tiles[7] = {x->t_sv, x->t_p, x->t_m, x->t_l, x->t_c, x->t_mask_v, x->slope.t};
	uint8_t sregs[2] = {(uint8_t)x->kv, (uint8_t)x->limit};
	struct tern_sync s = {0};
	struct vprog p;

	attention_softmax(x, &p, hide, fresh);
	transfer(&s, PIPE_C, PIPE_P);
	lower_vector(x->l, &p, tiles, 5u + !!x->mask + x->slope.on, sregs, 2, &s);
}

/* Chunks that every token of the tile sees whole skip the comparison. */
static void softmax_chunk(struct attention *x, bool fresh)
{
	struct tern_lower *l = x->l;
	size_t plain, done;

	if (x->window > 0 || !x->causal) {
		emit_softmax(x, x->window > 0, fresh);
	} else {
		lower_alu(l, TERN_ALU_ADD, x->tmp, x->kv, reg(x->pcur));
		lower_alu(l, TERN_ALU_SUB, x->tmp, x->tmp, imm(1));
		plain = tern_emit_br(&l->code, TERN_COND_LE, x->tmp, reg(x->limit), 0);
		emit_softmax(x, true, fresh);
		done = tern_emit_br(&l->code, TERN_COND_ALWAYS, x->tmp, imm(0), 0);
		tern_code_patch(&l->code, plain, l->code.n);
		emit_softmax(x, false, fresh);
		tern_code_patch(&l->code, done, l->code.n);
	}
	if (x->mask) {
		struct tern_sync s = {0};

		sync_signal(&s, pipe_free(PIPE_IN1), 1);
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
		lower_pipe_step(l, &x->mp, false);
	}
	lower_pipe_step(l, &x->s, false);
	lower_pipe_step(l, &x->p, true);
}

/* T = P V */
static void emit_values(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync mm = {0}, wait = {0};

	lower_alu(l, TERN_ALU_MUL, x->v_off, x->kv, imm((int64_t)x->v->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->v_off, x->v_off, reg(x->vh_off));
	load(x, &x->vp, x->t_v_in, x->t_v_mem);
	sync_wait(&wait, pipe_full(PIPE_B2), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &wait);
	transfer(&mm, PIPE_P, PIPE_C2);
	tern_emit_matrix(&l->code, TERN_MATRIX_OUT | TERN_MATRIX_KN, x->t_pa, x->t_v, x->t_t, &mm);
	wait = (struct tern_sync){0};
	sync_signal(&wait, pipe_free(PIPE_B2), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &wait);
	lower_pipe_step(l, &x->vp, false);
	lower_pipe_step(l, &x->p, false);
	lower_pipe_step(l, &x->t, true);
}

/* T joins O, which holds nothing yet if `fresh`. */
static void emit_add(struct attention *x, bool fresh)
{
	uint8_t tiles[3] = {x->t_o, x->t_tv, x->t_c};
	struct tern_sync v = {0};
	struct vprog p;

	if (fresh)
		attention_keep(&p);
	else
		attention_add(&p);
	sync_wait(&v, pipe_full(PIPE_C2), 1);
	sync_signal(&v, pipe_free(PIPE_C2), 1);
	lower_vector(x->l, &p, tiles, fresh ? 2 : 3, NULL, 0, &v);
	lower_pipe_step(x->l, &x->t, false);
}

/* The result from O, or straight from T where there was only one chunk. */
static void emit_result(struct attention *x, bool from_t)
{
	struct tern_lower *l = x->l;
	uint8_t tiles[3] = {x->t_out_v, from_t ? x->t_tv : x->t_o, x->t_l};
	struct tern_sync s = {0};
	struct vprog p;

	attention_end(x, &p);
	if (from_t)
		transfer(&s, PIPE_C2, PIPE_OUT);
	else {
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	lower_vector(l, &p, tiles, 3, NULL, 0, &s);
	if (from_t)
		lower_pipe_step(l, &x->t, false);
}

static void end_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	sync_signal(&s, pipe_free(PIPE_A), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &s);
	lower_pipe_step(l, &x->act, false);
	lower_pipe_step(l, &x->out, true);
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_OUT), 1);
	sync_signal(&s, pipe_free(PIPE_OUT), 1);
	tern_emit_store(&l->code, x->t_out, x->t_d, TERN_NONE, NULL, &s);
	lower_pipe_step(l, &x->out, false);
}

/* First and last position the tile needs: [kv, kv_end). */
static void visible_range(struct attention *x)
{
	struct tern_lower *l = x->l;

	lower_mov(l, x->kv_end, x->n.v);
	lower_mov(l, x->kv, imm(0));
	if (x->causal) {
		lower_alu(l, TERN_ALU_ADD, x->tmp, x->limit, reg(x->tcur));
		lower_alu(l, TERN_ALU_MIN, x->kv_end, x->kv_end, reg(x->tmp));
		lower_alu(l, TERN_ALU_MAX, x->kv_end, x->kv_end, imm(1));
	}
	if (x->window > 0) {
		lower_alu(l, TERN_ALU_SUB, x->kv, x->limit, imm(x->window - 1));
		lower_alu(l, TERN_ALU_MAX, x->kv, x->kv, imm(0));
	}
	lower_mov(l, x->kv_load, reg(x->kv));
}

/* One chunk, with the scores of the next one under way. */
static void emit_chunk(struct attention *x, bool fresh)
{
	struct tern_lower *l = x->l;
	size_t skip;

	lower_alu(l, TERN_ALU_SUB, x->pcur, x->kv_end, reg(x->kv));
	lower_alu(l, TERN_ALU_MIN, x->pcur, x->pcur, imm(x->f.pc));
	load_mask(x);
	skip = tern_emit_br(&l->code, TERN_COND_GE, x->kv_load, reg(x->kv_end), 0);
	emit_scores(x);
	tern_code_patch(&l->code, skip, l->code.n);
	softmax_chunk(x, fresh);
	emit_values(x);
	lower_alu(l, TERN_ALU_ADD, x->kv, x->kv, imm(x->f.pc));
}

void attention_token_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	size_t top, one, done;

	begin_tile(x);
	visible_range(x);
	emit_scores(x);
	emit_chunk(x, !x->sinks);
	one = tern_emit_br(&l->code, TERN_COND_GE, x->kv, reg(x->kv_end), 0);
	emit_add(x, true);
	top = l->code.n;
	emit_chunk(x, false);
	emit_add(x, false);
	tern_emit_br(&l->code, TERN_COND_LT, x->kv, reg(x->kv_end), top);
	emit_result(x, false);
	done = tern_emit_br(&l->code, TERN_COND_ALWAYS, x->kv, imm(0), 0);
	tern_code_patch(&l->code, one, l->code.n);
	emit_result(x, true);
	tern_code_patch(&l->code, done, l->code.n);
	end_tile(x);
}
