// SPDX-License-Identifier: MIT
/* Weight tiles of a linear group, and what becomes of their results. */
#include "compiler/elementwise.h"
#include "compiler/linear_emit.h"
#include "compiler/rows.h"

/* What the epilogue reads of the products, and its own result. */
static void epilogue_tiles(struct linear *x, struct tern_val rows, int64_t row_bytes)
{
	const int64_t product = (4 * x->f.mt * x->f.nt + 63) / 64 * 64;
	struct tern_val n = reg(x->ncur), none = tern_imm(0);

	for (int i = 0; i < (x->glu ? 2 : 1); i++)
		x->t_cv[i] = linear_tile(x, TERN_T_F32, true, reg(x->c.cons), tern_imm(i * product),
					 n, rows, row_bytes);
	x->t_out_v = linear_tile(x, TERN_T_F32, true, reg(x->out.prod), none, n, rows, row_bytes);
	x->t_out = linear_tile(x, TERN_T_F32, true, reg(x->out.cons), none, n, rows, row_bytes);
}

static void bias_tiles(struct linear *x)
{
	struct tern_val n = reg(x->ncur), none = tern_imm(0), one = tern_imm(1);

	x->t_bias_mem = linear_tile(x, TERN_T_F32, false, none, reg(x->b_off), n, one, 0);
	x->t_bias = linear_tile(x, TERN_T_F32, true, reg(x->bias_pipe.prod), none, n, one, 0);
	x->t_bias_v = linear_tile(x, TERN_T_F32, true, reg(x->bias_pipe.cons), none, n, one, 0);
}

static void residual_tiles(struct linear *x, struct tern_val rows, int64_t row_bytes)
{
	struct tern_val n = reg(x->ncur), none = tern_imm(0);

	x->t_res_mem = linear_tile(x, TERN_T_F32, false, none, reg(x->d_off), n, rows, 0);
	x->t_res =
		linear_tile(x, TERN_T_F32, true, reg(x->res_pipe.prod), none, n, rows, row_bytes);
	x->t_res_v =
		linear_tile(x, TERN_T_F32, true, reg(x->res_pipe.cons), none, n, rows, row_bytes);
}

void linear_step_tiles(struct linear *x)
{
	const struct linear_fit *f = &x->f;
	const struct tern_tensor_desc *w = tensor(x, op_of(x->l, x->p->out[0].matmul)->src[0]);
	struct tern_val n = reg(x->ncur), rows = reg(x->rows), none = tern_imm(0);
	struct tern_val kc = tern_imm(f->kc), wcols = tern_imm(f->ksteps == 1 ? x->k : f->kc);
	int64_t c_row = 4 * f->nt,
		b_row = f->ksteps == 1 ? f->b_row
				       : (int64_t)tern_type_row_bytes(f->b_type, (uint64_t)f->kc);
	struct tern_val w_prod = reg(x->const_w ? TERN_REG_RING : x->w_pipe.prod);
	struct tern_val w_cons = reg(x->const_w ? TERN_REG_RING : x->w_pipe.cons);

	x->t_act = linear_tile(x, f->a_type, true, reg(x->act.cons), none, kc, rows, f->a_row);
	x->t_w_mem =
		linear_tile(x, w->type, false, none, reg(x->w_off), wcols, n, (int64_t)w->nb[1]);
	x->t_w_spm = linear_tile(x, f->b_type, true, w_prod, none, wcols, n, b_row);
	x->t_w = linear_tile(x, f->b_type, true, w_cons, none, kc, n, b_row);
	x->t_c = linear_tile(x, TERN_T_F32, true, reg(x->c.prod), none, n, rows, c_row);
	if (has_epilogue(x->p))
		epilogue_tiles(x, rows, c_row);
	else
		x->t_c_store =
			linear_tile(x, TERN_T_F32, true, reg(x->c.cons), none, n, rows, c_row);
	x->t_d = linear_tile(x, x->d->type, false, none, reg(x->d_off), n,
			     x->list.on ? tern_imm(x->list.dst_rows) : rows, (int64_t)x->d->nb[1]);
	x->list.t_dst = TERN_NONE;
	if (x->list.on)
		x->list.t_dst = linear_tile(x, TERN_T_I32, true, reg(x->list.slot),
					    reg(x->list.store), rows, tern_imm(1), 0);
	if (x->bias_pipe.slot)
		bias_tiles(x);
	if (x->res_pipe.slot)
		residual_tiles(x, rows, c_row);
}

/* Bytes of the memory row before column kc * i. */
static int64_t k_offset(const struct tern_tensor_desc *w, int64_t k)
{
	return (int64_t)tern_type_row_bytes(w->type, (uint64_t)k);
}

/* The tiles are of k elements of the depth, from `first` on; in memory there are wk of them. */
static void set_part(struct linear *x, const struct tern_tensor_desc *w, int64_t first, int64_t k,
		     int64_t wk)
{
	struct tern_lower *l = x->l;
	int64_t act = (int64_t)tern_type_row_bytes(x->f.a_type, (uint64_t)first);

	lower_alu(l, TERN_ALU_ADD, x->part_reg, x->w_off, tern_imm(k_offset(w, first)));
	lower_set_field(l, x->t_w_mem, TERN_TILE_OFFS, reg(x->part_reg));
	lower_set_field(l, x->t_w_mem, TERN_TILE_SIZE0, tern_imm(wk));
	lower_set_field(l, x->t_w_spm, TERN_TILE_SIZE0, tern_imm(wk));
	lower_set_field(l, x->t_w, TERN_TILE_SIZE0, tern_imm(k));
	lower_set_field(l, x->t_act, TERN_TILE_SIZE0, tern_imm(k));
	lower_set_field(l, x->t_act, TERN_TILE_OFFS, tern_imm(act));
}

/* Weight tile(s) of product j against the activation tile into t_c. */
static void emit_products(struct linear *x, uint32_t j, struct tern_sync c_sync)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	const struct tern_tensor_desc *w = tensor(x, op_of(l, x->p->out[j].matmul)->src[0]);
	enum tern_pipe pipe = x->const_w ? PIPE_W : PIPE_B;

	for (int64_t i = 0; i < f->ksteps; i++) {
		int64_t k = f->k - i * f->kc < f->kc ? f->k - i * f->kc : f->kc;
		int64_t wk = x->k - i * f->kc < k ? x->k - i * f->kc : k;
		bool first = i == 0, last = i == f->ksteps - 1;
		struct tern_sync ld = {0}, mm = {0};

		lower_set_field(l, x->t_w_mem, TERN_TILE_ADDR, reg(x->w_base[j]));
		if (f->ksteps > 1)
			set_part(x, w, i * f->kc, k, wk);
		sync_wait(&ld, pipe_free(pipe), 1);
		sync_signal(&ld, pipe_full(pipe), 1);
		tern_emit_load(&l->code, !x->const_w, x->t_w_spm, x->t_w_mem, TERN_NONE, NULL, NULL,
			       &ld);
		sync_wait(&mm, pipe_full(pipe), 1);
		sync_signal(&mm, pipe_free(pipe), 1);
		if (first && c_sync.wait[0].n)
			sync_wait(&mm, c_sync.wait[0].sem, 1);
		if (last && c_sync.signal[0].n)
			sync_signal(&mm, c_sync.signal[0].sem, 1);
		tern_emit_matrix(&l->code,
				 (first ? 0 : TERN_MATRIX_ACC) | (last ? TERN_MATRIX_OUT : 0),
				 x->t_act, x->t_w, last ? x->t_c : TERN_NONE, &mm);
		if (x->const_w) {
			tern_emit_ring(&l->code, TERN_REG_RING, l->slot_bytes, 0, l->ring_bytes);
		} else {
			lower_pipe_step(l, &x->w_pipe, true);
			lower_pipe_step(l, &x->w_pipe, false);
		}
	}
}

static void epilogue_program(const struct linear *x, uint32_t j, struct vprog *p,
			     uint8_t tiles[TERN_VECTOR_TILES], unsigned int *ntiles)
{
	enum tern_unary gate = x->glu ? fn_of_glu((enum tern_glu)x->glu->i[0]) : 0;

	*p = (struct vprog){0};
	tiles[0] = x->t_out_v;
	tiles[1] = x->t_cv[0];
	*ntiles = 2;
	if (x->glu)
		fn_constants(p, gate, ROW_S_FREE);
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	if (x->glu) {
		tiles[*ntiles] = x->t_cv[1];
		fn_apply(p, gate, 0, ROW_S_FREE);
		vp(p, TERN_V_LD, FN_V, (*ntiles)++, 0, 0);
		vp(p, TERN_V_MUL, 0, 0, FN_V, 0);
	}
	if (bias_of(x->p, j) != TERN_NO_OP) {
		tiles[*ntiles] = x->t_bias_v;
		vp(p, TERN_V_LD, 1, (*ntiles)++, 0, 0);
		vp(p, TERN_V_ADD, 0, 0, 1, 0);
	}
	if (addend(x->l->g, x->p, j) != TERN_NO_TENSOR) {
		tiles[*ntiles] = x->t_res_v;
		vp(p, TERN_V_LD, 1, (*ntiles)++, 0, 0);
		vp(p, TERN_V_ADD, 0, 0, 1, 0);
	}
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* A row of biases or a tile of residuals, through its pipe. */
static void load_extra(struct linear *x, uint8_t dst, uint8_t src, unsigned int base,
		       const struct lower_pipe *pipe)
{
	struct tern_sync s = {0};

	lower_set_field(x->l, src, TERN_TILE_ADDR, reg(base));
	sync_wait(&s, pipe_free(pipe->pipe), 1);
	sync_signal(&s, pipe_full(pipe->pipe), 1);
	tern_emit_load(&x->l->code, true, dst, src, TERN_NONE, NULL, NULL, &s);
	lower_pipe_step(x->l, pipe, true);
}

/* Bias and residual of product j come, and VECTOR waits for them: in a command of its own, since a
 * sync word holds two waits. */
static void load_extras(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	uint32_t add = addend(l->g, x->p, j);
	struct tern_sync wait = {0};

	if (bias_of(x->p, j) != TERN_NO_OP) {
		load_extra(x, x->t_bias, x->t_bias_mem, x->bias[j], &x->bias_pipe);
		sync_wait(&wait, pipe_full(PIPE_IN2), 1);
	}
	if (add != TERN_NO_TENSOR) {
		lower_set_field(l, x->t_res_mem, TERN_TILE_STRIDE0 + 1,
				tern_imm((int64_t)tensor(x, add)->nb[1]));
		load_extra(x, x->t_res, x->t_res_mem, x->res[j], &x->res_pipe);
		sync_wait(&wait, pipe_full(PIPE_IN1), 1);
	}
	if (wait.wait[0].n)
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &wait);
}

static void free_extras(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	struct tern_sync signal = {0};

	if (bias_of(x->p, j) != TERN_NO_OP) {
		sync_signal(&signal, pipe_free(PIPE_IN2), 1);
		lower_pipe_step(l, &x->bias_pipe, false);
	}
	if (addend(l->g, x->p, j) != TERN_NO_TENSOR) {
		sync_signal(&signal, pipe_free(PIPE_IN1), 1);
		lower_pipe_step(l, &x->res_pipe, false);
	}
	if (signal.signal[0].n)
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &signal);
}

static void emit_epilogue(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	struct tern_sync v = {0}, st = {0};
	uint8_t tiles[TERN_VECTOR_TILES];
	unsigned int ntiles;
	struct vprog p;

	load_extras(x, j);
	epilogue_program(x, j, &p, tiles, &ntiles);
	sync_wait(&v, pipe_full(PIPE_C), 1);
	sync_wait(&v, pipe_free(PIPE_OUT), 1);
	sync_signal(&v, pipe_free(PIPE_C), 1);
	sync_signal(&v, pipe_full(PIPE_OUT), 1);
	lower_vector(l, &p, tiles, ntiles, NULL, 0, &v);
	free_extras(x, j);
	lower_pipe_step(l, &x->c, false);
	lower_pipe_step(l, &x->out, true);
	sync_wait(&st, pipe_full(PIPE_OUT), 1);
	sync_signal(&st, pipe_free(PIPE_OUT), 1);
	tern_emit_store(&l->code, x->t_out, x->t_d, TERN_NONE, NULL, &st);
	lower_pipe_step(l, &x->out, false);
}

static void emit_plain_store(struct linear *x)
{
	struct tern_sync st = {0};

	sync_wait(&st, pipe_full(PIPE_CS), 1);
	sync_signal(&st, pipe_free(PIPE_CS), 1);
	tern_emit_store(&x->l->code, x->t_c_store, x->t_d, x->list.t_dst, NULL, &st);
	lower_pipe_step(x->l, &x->c, false);
}

/* One weight tile (two of a gated pair) and what follows it. */
static void emit_step(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	bool epi = has_epilogue(x->p);
	enum tern_pipe pipe = epi ? PIPE_C : PIPE_CS;
	struct tern_sync begin = {0}, end = {0}, both = {0};

	sync_wait(&begin, pipe_free(pipe), 1);
	sync_signal(&end, pipe_full(pipe), 1);
	both = begin;
	both.signal[0] = end.signal[0];
	lower_set_field(l, x->t_d, TERN_TILE_ADDR, reg(x->d_base[j]));
	if (x->glu) {
		int64_t second = (4 * x->f.mt * x->f.nt + 63) / 64 * 64;

		emit_products(x, 0, begin);
		lower_set_field(l, x->t_c, TERN_TILE_OFFS, tern_imm(second));
		emit_products(x, 1, end);
		lower_set_field(l, x->t_c, TERN_TILE_OFFS, tern_imm(0));
	} else {
		emit_products(x, j, both);
	}
	lower_pipe_step(l, &x->c, true);
	if (epi)
		emit_epilogue(x, j);
	else
		emit_plain_store(x);
}

/* Where the current rows of the result begin: in memory, or in the list of their numbers. */
static void result_rows(struct linear *x, int64_t row_bytes)
{
	struct tern_lower *l = x->l;

	if (x->list.on) {
		lower_alu(l, TERN_ALU_MUL, x->list.store, x->d_row, tern_imm(4));
		lower_alu(l, TERN_ALU_ADD, x->list.store, x->list.store, tern_imm(x->list.dst));
		lower_mov(l, x->d_off, tern_imm(0));
		return;
	}
	lower_alu(l, TERN_ALU_MUL, x->d_off, x->d_row, tern_imm(row_bytes));
}

/* All weight tiles of product j for the current rows. */
void linear_columns(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	const struct tern_tensor_desc *w = tensor(x, op_of(l, x->p->out[j].matmul)->src[0]);
	const struct tern_tensor_desc *d = tensor(x, result_tensor(l->g, x->p, j));
	struct tern_val count = lower_calc(l, TERN_ALU_CDIV, x->n[j].v, tern_imm(f->nt));
	struct lower_loop loop;

	lower_mov(l, x->nleft, x->n[j].v);
	lower_mov(l, x->w_off, reg(x->off[OFF_W]));
	result_rows(x, x->d_stride[j]);
	lower_alu(l, TERN_ALU_ADD, x->d_off, x->d_off, reg(x->off[OFF_D]));
	lower_set_field(l, x->t_d, TERN_TILE_STRIDE0 + 1, tern_imm(x->d_stride[j]));
	lower_mov(l, x->b_off, tern_imm(0));
	loop = lower_loop_begin(l, count);
	lower_alu(l, TERN_ALU_MIN, x->ncur, x->nleft, tern_imm(f->nt));
	emit_step(x, j);
	lower_alu(l, TERN_ALU_SUB, x->nleft, x->nleft, tern_imm(f->nt));
	lower_alu(l, TERN_ALU_ADD, x->w_off, x->w_off, tern_imm(f->nt * (int64_t)w->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->d_off, x->d_off, tern_imm(f->nt * (int64_t)d->nb[0]));
	lower_alu(l, TERN_ALU_ADD, x->b_off, x->b_off, tern_imm(4 * f->nt));
	linear_fill_some(x);
	lower_loop_end(l, &loop);
}
