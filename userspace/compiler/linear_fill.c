// SPDX-License-Identifier: MIT
/* Activations of a linear group: rows from memory, normalised, as operand tiles. */
#include "compiler/linear_emit.h"
#include "compiler/norm.h"

void linear_fill_tiles(struct linear *x)
{
	const struct linear_fit *f = &x->f;
	int64_t in_row = f->kq * f->in_elem;
	struct tern_val kq = tern_imm(f->kq < x->k ? f->kq : x->k);
	struct tern_val rows = reg(x->fill_rows), none = tern_imm(0);
	struct tern_val in_memory = x->list.on ? tern_imm(x->list.src_rows) : rows;

	x->t_in_mem = linear_tile(x, x->a->type, false, reg(x->a_base), reg(x->fill_off), kq,
				  in_memory, (int64_t)x->a->nb[1]);
	lower_set_field(x->l, x->t_in_mem, TERN_TILE_STRIDE0, tern_imm((int64_t)x->a->nb[0]));
	x->t_in = linear_tile(x, x->a->type, true, reg(x->in.prod), none, kq, rows, in_row);
	x->t_in_v = linear_tile(x, x->a->type, true, reg(x->in.cons), none, kq, rows, in_row);
	x->t_act_w = linear_tile(x, f->a_type, true, reg(x->fill_dst), none, kq, rows, f->a_row);
	x->list.t_src = TERN_NONE;
	if (x->list.on)
		x->list.t_src = linear_tile(x, TERN_T_I32, true, reg(x->list.slot),
					    reg(x->list.fill), rows, tern_imm(1), 0);
	if (!x->norm)
		return;
	x->t_norm_w = linear_tile(x, TERN_T_F32, true, tern_imm(x->once), none, tern_imm(x->k),
				  tern_imm(1), 0);
	x->t_norm_b = linear_tile(x, TERN_T_F32, true, tern_imm(x->once + 4 * f->k), none,
				  tern_imm(x->k), tern_imm(1), 0);
}

void linear_load_norm(struct linear *x)
{
	struct tern_lower *l = x->l;
	int64_t k = x->k;
	struct tern_sync s = {0};
	unsigned int bases[2] = {x->norm_w, x->norm_b};
	uint8_t dst[2] = {x->t_norm_w, x->t_norm_b};

	if (!x->norm || !x->norm_w)
		return;
	sync_wait(&s, pipe_free(PIPE_ONCE), 1);
	sync_signal(&s, pipe_full(PIPE_ONCE), 1);
	for (int i = 0; i < 2 && bases[i]; i++) {
		uint8_t src = linear_tile(x, TERN_T_F32, false, reg(bases[i]), tern_imm(0),
					  tern_imm(k), tern_imm(1), 0);
		bool last = i == 1 || !bases[1];
		struct tern_sync part = s;

		if (i == 1)
			part.wait[0].n = 0;
		if (!last)
			part.signal[0].n = 0;
		tern_emit_load(&l->code, true, dst[i], src, TERN_NONE, NULL, NULL, &part);
	}
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_ONCE), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
}

void linear_release_norm(struct linear *x)
{
	struct tern_sync s = {0};

	if (!x->norm || !x->norm_w)
		return;
	sync_signal(&s, pipe_free(PIPE_ONCE), 1);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

/* Tiles: 0 operand, 1 row as loaded, 2 and 3 the norm's weights. */
static void norm_program(const struct linear *x, struct vprog *p)
{
	struct row_kernel k = {.op = x->norm, .dim[0] = {.max = x->k, .mul = 1}};
	const struct norm_tiles t = {
		.x = 1,
		.y = 0,
		.scale = x->norm_w ? 2 : TERN_NONE,
		.bias = x->norm_b ? 3 : TERN_NONE,
		.quantise = x->f.a_type == TERN_T_ACT,
	};

	for (unsigned int i = 0; i < NORM_STATES; i++)
		vp(p, TERN_V_MOV, vS(ROW_S_STATE + i), V_IMM, 0, 0);
	norm_sum(p, x->norm, 1);
	if (x->norm->op == TERN_NORM)
		norm_spread(p, &k, 1);
	norm_apply(p, &k, x->norm, &t);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

static void fill_program(const struct linear *x, struct vprog *p)
{
	*p = (struct vprog){0};
	if (x->norm) {
		norm_program(x, p);
		return;
	}
	vp(p, TERN_V_LANES, 0, 0, 0, 1);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, x->f.a_type == TERN_T_ACT ? TERN_V_STQ : TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* Load and quantise `fill_rows` rows, in column parts where a row is long. */
static void fill_rows_parts(struct linear *x, const struct vprog *p)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	uint8_t tiles[4] = {x->t_act_w, x->t_in_v, x->t_norm_w, x->t_norm_b};
	unsigned int ntiles = x->norm ? (x->norm_b ? 4 : x->norm_w ? 3 : 2) : 2;

	for (int64_t i = 0; i < f->parts; i++) {
		struct tern_sync ld = {0}, v = {0};
		int64_t left = x->k - i * f->kq;
		uint8_t set[4] = {x->t_in_mem, x->t_in, x->t_in_v, x->t_act_w};

		for (int t = 0; f->parts > 1 && t < 4; t++)
			lower_set_field(l, set[t], TERN_TILE_SIZE0,
					tern_imm(left < f->kq ? left : f->kq));
		sync_wait(&ld, pipe_free(PIPE_IN0), 1);
		sync_signal(&ld, pipe_full(PIPE_IN0), 1);
		tern_emit_load(&l->code, true, x->t_in, x->t_in_mem, x->list.t_src, NULL, NULL,
			       &ld);
		lower_pipe_step(l, &x->in, true);
		sync_wait(&v, pipe_full(PIPE_IN0), 1);
		sync_signal(&v, pipe_free(PIPE_IN0), 1);
		lower_vector(l, p, tiles, ntiles, NULL, 0, &v);
		lower_pipe_step(l, &x->in, false);
		if (f->parts == 1)
			return;
		lower_alu(l, TERN_ALU_ADD, x->fill_off, x->fill_off,
			  tern_imm(f->kq * (int64_t)x->a->nb[0]));
		lower_alu(l, TERN_ALU_ADD, x->fill_dst, x->fill_dst,
			  tern_imm((int64_t)tern_type_row_bytes(f->a_type, (uint64_t)f->kq)));
	}
	lower_alu(l, TERN_ALU_SUB, x->fill_off, x->fill_off,
		  tern_imm(f->parts * f->kq * (int64_t)x->a->nb[0]));
	lower_alu(l, TERN_ALU_SUB, x->fill_dst, x->fill_dst,
		  tern_imm(f->parts * (int64_t)tern_type_row_bytes(f->a_type, (uint64_t)f->kq)));
}

/* One fill step: rc rows, or what is left. fill_left > 0 here. */
static void fill_step(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	unsigned int at = x->list.on ? x->list.fill : x->fill_off;
	struct vprog p;
	int64_t step;

	fill_program(x, &p);
	lower_alu(l, TERN_ALU_MIN, x->fill_rows, x->fill_left, tern_imm(f->rc));
	fill_rows_parts(x, &p);
	lower_alu(l, TERN_ALU_SUB, x->fill_left, x->fill_left, reg(x->fill_rows));
	step = x->list.on ? 4 : (int64_t)x->a->nb[1];
	lower_alu(l, TERN_ALU_MUL, x->part_reg, x->fill_rows, tern_imm(step));
	lower_alu(l, TERN_ALU_ADD, at, at, reg(x->part_reg));
	lower_alu(l, TERN_ALU_ADD, x->fill_dst, x->fill_dst, tern_imm(f->rc * f->a_row));
}

/* Begin the fill of the tile whose first row is fill_off; rows left in all: mleft_next. */
void linear_fill_begin(struct linear *x, unsigned int rows_left)
{
	struct tern_sync s = {0};

	lower_alu(x->l, TERN_ALU_MIN, x->fill_left, rows_left, tern_imm(x->f.mt));
	lower_mov(x->l, x->fill_dst, reg(x->act.prod));
	sync_wait(&s, pipe_free(PIPE_A), 1);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

void linear_fill_finish(struct linear *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};
	size_t top = l->code.n, skip;

	skip = tern_emit_br(&l->code, TERN_COND_LE, x->fill_left, tern_imm(0), 0);
	fill_step(x);
	tern_emit_br(&l->code, TERN_COND_ALWAYS, x->fill_left, tern_imm(0), top);
	tern_code_patch(&l->code, skip, l->code.n);
	sync_signal(&s, pipe_full(PIPE_A), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
	lower_pipe_step(l, &x->act, true);
}

void linear_fill_some(struct linear *x)
{
	struct tern_lower *l = x->l;
	size_t skip = tern_emit_br(&l->code, TERN_COND_LE, x->fill_left, tern_imm(0), 0);

	fill_step(x);
	tern_code_patch(&l->code, skip, l->code.n);
}
