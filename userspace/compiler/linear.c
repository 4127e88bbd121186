// SPDX-License-Identifier: MIT
/*
 * Emission of a linear group. For each tile of mt rows:
 *
 *	fill	LOAD1 rows -> VECTOR [norm] quantise -> activation tile (pipe A, depth 2)
 *	step	for each weight tile: LOAD0 (ring W) -> MATRIX -> result tile
 *		-> STORE, or -> VECTOR epilogue -> STORE
 *
 * The next tile's fill is spread over this tile's steps, one part after each, so that
 * VECTOR never queues it behind a result that is still being computed.
 */
#include <errno.h>

#include "compiler/elementwise.h"
#include "compiler/linear_fit.h"
#include "compiler/norm.h"

struct batch_level {
	struct tern_val count;
	int64_t step[3]; /* bytes added to the offsets of a, w, d by one turn */
};

enum { OFF_A, OFF_W, OFF_D, NOFFS };

struct linear {
	struct tern_lower *l;
	const struct linear_plan *p;
	struct linear_fit f;
	const struct tern_op_desc *norm, *glu;
	const struct tern_tensor_desc *a, *d; /* activations as loaded, first result */
	struct tern_dim m;
	struct batch_level batch[4];
	unsigned int off[NOFFS]; /* registers: byte offsets of the current batch */
	bool batched;

	/* argument registers */
	unsigned int a_base, norm_w, norm_b;
	unsigned int w_base[LINEAR_MAX], d_base[LINEAR_MAX], bias[LINEAR_MAX], res[LINEAR_MAX];
	struct tern_dim n[LINEAR_MAX];

	struct lower_pipe in, act, c, out, bias_pipe, res_pipe;
	uint32_t once;
	bool const_w; /* weights nothing writes: LOAD0 and the ring */
	struct lower_pipe w_pipe; /* otherwise */

	/* fill state */
	unsigned int fill_left, fill_off, fill_dst, fill_rows;
	/* step state */
	unsigned int rows, mleft, d_row, nleft, ncur, w_off, d_off, b_off, part_reg;
	uint8_t t_in_mem, t_in, t_in_v, t_act_w, t_norm_w, t_norm_b;
	uint8_t t_act, t_w_mem, t_w_spm, t_w, t_c, t_cv[2], t_out_v, t_out, t_d, t_bias_mem, t_bias,
		t_bias_v, t_res_mem, t_res, t_res_v;
	uint8_t t_c_store;
};

static const struct tern_tensor_desc *tensor(const struct linear *x, uint32_t t)
{
	return &x->l->g->tensors[t];
}

static const struct tern_op_desc *op_of(const struct tern_lower *l, uint32_t op)
{
	return op == TERN_NO_OP ? NULL : &l->g->ops[op];
}

/* The tensor that output j of the plan ends in. */
static uint32_t result_tensor(const struct tern_graph *g, const struct linear_plan *p, uint32_t j)
{
	const struct linear_out *o = &p->out[j];

	if (p->glu != TERN_NO_OP)
		return g->ops[p->glu].dst;
	if (o->residual != TERN_NO_OP)
		return g->ops[o->residual].dst;
	if (o->bias != TERN_NO_OP)
		return g->ops[o->bias].dst;
	return g->ops[o->matmul].dst;
}

static uint32_t steps_of(const struct linear_plan *p)
{
	return p->glu != TERN_NO_OP ? 1 : p->nout;
}

static bool has_epilogue(const struct linear_plan *p)
{
	bool any = p->glu != TERN_NO_OP;

	for (uint32_t j = 0; j < p->nout; j++)
		any |= p->out[j].bias != TERN_NO_OP || p->out[j].residual != TERN_NO_OP;
	return any;
}

/* ---- what a plan needs -------------------------------------------------------- */
static void plan_need(const struct tern_graph *g, const struct linear_plan *p,
		      struct linear_need *need)
{
	const struct tern_op_desc *mm = &g->ops[p->out[0].matmul];
	const struct tern_tensor_desc *w = &g->tensors[mm->src[0]];
	const struct tern_op_desc *norm = p->norm == TERN_NO_OP ? NULL : &g->ops[p->norm];
	const struct tern_tensor_desc *a = &g->tensors[norm ? norm->src[0] : mm->src[1]];

	*need = (struct linear_need){
		.a_dtype = a->type,
		.w_dtype = w->type,
		.k = w->ne[0],
		.m = a->ne[1],
		.ncols = p->glu != TERN_NO_OP ? 2 : 1,
		.norm = norm && norm->src[1] != TERN_NO_TENSOR,
		.norm_bias = norm && norm->src[2] != TERN_NO_TENSOR,
		.epilogue = has_epilogue(p),
	};
	for (uint32_t j = 0; j < p->nout; j++) {
		int64_t n = g->tensors[g->ops[p->out[j].matmul].src[0]].ne[1];

		need->n = need->n > n ? need->n : n;
		need->bias |= p->out[j].bias != TERN_NO_OP;
		need->residual |= p->out[j].residual != TERN_NO_OP;
	}
	need->norm |= norm != NULL;
}

bool linear_plan_fits(const struct tern_target *t, const struct tern_graph *g,
		      const struct linear_plan *p)
{
	struct linear_need need;
	struct linear_fit fit;

	plan_need(g, p, &need);
	return linear_fit(&t->caps, &need, &fit);
}

/* ---- MATMUL's solver ------------------------------------------------------------ */
static bool float_type(unsigned int type)
{
	return type == TERN_F32 || type == TERN_F16 || type == TERN_BF16;
}

int linear_solve(const struct tern_target *t, const struct tern_op_desc *op,
		 const struct tern_tensor_desc *tensors)
{
	const struct tern_tensor_desc *w = &tensors[op->src[0]], *a = &tensors[op->src[1]],
				      *d = &tensors[op->dst];
	const struct tern_type_info *wt = tern_type_info(w->type);
	struct linear_need need = {.a_dtype = a->type,
				   .w_dtype = w->type,
				   .k = w->ne[0],
				   .m = a->ne[1],
				   .n = w->ne[1],
				   .ncols = 1};
	struct linear_fit fit;

	if (!wt || (wt->kind != TERN_KIND_BLOCK && !float_type(w->type)))
		return tern_fail(-EOPNOTSUPP, "MATMUL: LOAD decodes no weights of this type");
	if (!float_type(a->type) || !float_type(d->type))
		return tern_fail(-EOPNOTSUPP, "MATMUL: activations and result must be F32, F16 or BF16");
	if (w->ne_sym[0] || a->ne_sym[2] || a->ne_sym[3] || w->ne_sym[2] || w->ne_sym[3])
		return tern_fail(-EOPNOTSUPP, "MATMUL: depth and batch must not be symbolic");
	if (wt->kind == TERN_KIND_PLAIN && w->nb[0] != wt->bytes)
		return tern_fail(-EOPNOTSUPP, "MATMUL: weight rows must be contiguous");
	if (!linear_fit(&t->caps, &need, &fit))
		return tern_fail(-EOPNOTSUPP, "MATMUL: a row of %lld does not fit the scratchpad",
				 (long long)w->ne[0]);
	if (tern_tensor_overlap(d, a) || tern_tensor_overlap(d, w))
		return tern_fail(-EOPNOTSUPP, "MATMUL: the result overlaps a source");
	return 0;
}

/* ---- set-up ------------------------------------------------------------------------ */
static void declare_args(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct tern_graph *g = l->g;
	const struct tern_op_desc *mm = op_of(l, x->p->out[0].matmul);
	uint32_t a = x->norm ? x->norm->src[0] : mm->src[1];

	x->a = tensor(x, a);
	x->d = tensor(x, result_tensor(g, x->p, 0));
	x->a_base = lower_base(l, a);
	x->m = lower_dim(l, x->a, 1);
	if (x->norm && x->norm->src[1] != TERN_NO_TENSOR)
		x->norm_w = lower_base(l, x->norm->src[1]);
	if (x->norm && x->norm->src[2] != TERN_NO_TENSOR)
		x->norm_b = lower_base(l, x->norm->src[2]);
	for (uint32_t j = 0; j < x->p->nout; j++) {
		const struct linear_out *o = &x->p->out[j];
		uint32_t w = g->ops[o->matmul].src[0];

		x->w_base[j] = lower_base(l, w);
		x->n[j] = lower_dim(l, tensor(x, w), 1);
		if (j < steps_of(x->p))
			x->d_base[j] = lower_base(l, result_tensor(g, x->p, j));
		if (o->bias != TERN_NO_OP)
			x->bias[j] = lower_base(l, g->ops[o->bias].src[1]);
		if (o->residual != TERN_NO_OP)
			x->res[j] = lower_base(l, g->ops[o->residual].src[1]);
	}
	const struct tern_tensor_desc *w0 = tensor(x, mm->src[0]);

	x->const_w = g->storages[w0->storage].flags & TERN_STORAGE_CONST;
}

/* Batch loops, outermost first: dimension 3 (weights' part, then its repeats), dimension 2. */
static void declare_batch(struct linear *x)
{
	const struct tern_tensor_desc *w = tensor(x, op_of(x->l, x->p->out[0].matmul)->src[0]);

	for (int i = 0; i < 2; i++) {
		int d = 3 - i;
		int64_t r = x->a->ne[d] / w->ne[d];
		struct batch_level *outer = &x->batch[2 * i], *inner = outer + 1;

		*outer = (struct batch_level){tern_imm(w->ne[d]),
					      {(int64_t)x->a->nb[d] * r, (int64_t)w->nb[d],
					       (int64_t)x->d->nb[d] * r}};
		*inner = (struct batch_level){tern_imm(r),
					      {(int64_t)x->a->nb[d], 0, (int64_t)x->d->nb[d]}};
		x->batched |= x->a->ne[d] > 1;
	}
}

static void alloc_pipes(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	uint64_t result = (uint64_t)(4 * f->mt * f->nt);
	bool epi = has_epilogue(x->p);
	struct linear_need need;

	plan_need(l->g, x->p, &need);
	x->in = lower_pipe(l, PIPE_IN0, (uint64_t)(f->rc * f->kq * f->in_elem));
	x->act = lower_pipe(l, PIPE_A, (uint64_t)f->mt * f->a_row);
	x->c = lower_pipe(l, epi ? PIPE_C : PIPE_CS,
			  need.ncols * ((result + 63) / 64 * 64));
	if (epi)
		x->out = lower_pipe(l, PIPE_OUT, result);
	if (need.residual)
		x->res_pipe = lower_pipe(l, PIPE_IN1, result);
	if (need.bias)
		x->bias_pipe = lower_pipe(l, PIPE_IN2, (uint64_t)(4 * f->nt));
	if (x->norm)
		x->once = lower_spm(l, (uint64_t)(4 * f->k) * (x->norm->src[2] != TERN_NO_TENSOR ? 2 : 1));
	if (!x->const_w)
		x->w_pipe = lower_pipe(l, PIPE_B, lower_slot_bytes(l->caps));
}

static struct tern_val reg(unsigned int r)
{
	return tern_reg(r);
}

/* A 2-D tile: `cols` x `rows`. */
static uint8_t tile2(struct linear *x, unsigned int type, bool spm, struct tern_val addr,
		     struct tern_val offs, struct tern_val cols, struct tern_val rows,
		     int64_t stride1)
{
	struct lower_tile_spec s = tile_spec(type, spm, addr);
	uint8_t t = (uint8_t)lower_tile(x->l);

	s.offs = offs;
	s.size[0] = cols;
	s.size[1] = rows;
	s.stride[1] = tern_imm(stride1);
	lower_set_tile(x->l, t, &s);
	return t;
}

static void fill_tiles(struct linear *x)
{
	const struct linear_fit *f = &x->f;
	int64_t in_row = f->kq * f->in_elem;
	struct tern_val kq = tern_imm(f->kq < x->a->ne[0] ? f->kq : x->a->ne[0]);
	struct tern_val rows = reg(x->fill_rows), none = tern_imm(0);

	x->t_in_mem = tile2(x, x->a->type, false, reg(x->a_base), reg(x->fill_off), kq, rows,
			    (int64_t)x->a->nb[1]);
	lower_set_field(x->l, x->t_in_mem, TERN_TILE_STRIDE0, tern_imm((int64_t)x->a->nb[0]));
	x->t_in = tile2(x, x->a->type, true, reg(x->in.prod), none, kq, rows, in_row);
	x->t_in_v = tile2(x, x->a->type, true, reg(x->in.cons), none, kq, rows, in_row);
	x->t_act_w = tile2(x, f->a_type, true, reg(x->fill_dst), none, kq, rows, f->a_row);
	if (!x->norm)
		return;
	x->t_norm_w = tile2(x, TERN_T_F32, true, tern_imm(x->once), none, tern_imm(x->a->ne[0]),
			    tern_imm(1), 0);
	x->t_norm_b = tile2(x, TERN_T_F32, true, tern_imm(x->once + 4 * f->k), none,
			    tern_imm(x->a->ne[0]), tern_imm(1), 0);
}

static void step_tiles(struct linear *x)
{
	const struct linear_fit *f = &x->f;
	const struct tern_tensor_desc *w = tensor(x, op_of(x->l, x->p->out[0].matmul)->src[0]);
	struct tern_val n = reg(x->ncur), rows = reg(x->rows), none = tern_imm(0);
	struct tern_val kc = tern_imm(f->kc), wcols = tern_imm(f->ksteps == 1 ? w->ne[0] : f->kc);
	int64_t c_row = 4 * f->nt, b_row = f->ksteps == 1 ? f->b_row
				: (int64_t)tern_type_row_bytes(f->b_type, (uint64_t)f->kc);
	bool epi = has_epilogue(x->p);
	struct tern_val w_prod = reg(x->const_w ? TERN_REG_RING : x->w_pipe.prod);
	struct tern_val w_cons = reg(x->const_w ? TERN_REG_RING : x->w_pipe.cons);

	x->t_act = tile2(x, f->a_type, true, reg(x->act.cons), none, kc, rows, f->a_row);
	x->t_w_mem = tile2(x, w->type, false, none, reg(x->w_off), wcols, n, (int64_t)w->nb[1]);
	x->t_w_spm = tile2(x, f->b_type, true, w_prod, none, wcols, n, b_row);
	x->t_w = tile2(x, f->b_type, true, w_cons, none, kc, n, b_row);
	x->t_c = tile2(x, TERN_T_F32, true, reg(x->c.prod), none, n, rows, c_row);
	if (!epi)
		x->t_c_store = tile2(x, TERN_T_F32, true, reg(x->c.cons), none, n, rows, c_row);
	for (int i = 0; epi && i < (x->glu ? 2 : 1); i++)
		x->t_cv[i] = tile2(x, TERN_T_F32, true, reg(x->c.cons),
				   tern_imm(i * (int64_t)((4 * f->mt * f->nt + 63) / 64 * 64)), n, rows,
				   c_row);
	if (epi) {
		x->t_out_v = tile2(x, TERN_T_F32, true, reg(x->out.prod), none, n, rows, c_row);
		x->t_out = tile2(x, TERN_T_F32, true, reg(x->out.cons), none, n, rows, c_row);
	}
	x->t_d = tile2(x, x->d->type, false, none, reg(x->d_off), n, rows, (int64_t)x->d->nb[1]);
	if (x->bias_pipe.slot) {
		x->t_bias_mem = tile2(x, TERN_T_F32, false, none, reg(x->b_off), n, tern_imm(1), 0);
		x->t_bias = tile2(x, TERN_T_F32, true, reg(x->bias_pipe.prod), none, n, tern_imm(1), 0);
		x->t_bias_v = tile2(x, TERN_T_F32, true, reg(x->bias_pipe.cons), none, n, tern_imm(1), 0);
	}
	if (x->res_pipe.slot) {
		x->t_res_mem = tile2(x, TERN_T_F32, false, none, reg(x->d_off), n, rows, 0);
		x->t_res = tile2(x, TERN_T_F32, true, reg(x->res_pipe.prod), none, n, rows, c_row);
		x->t_res_v = tile2(x, TERN_T_F32, true, reg(x->res_pipe.cons), none, n, rows, c_row);
	}
}

/* ---- fill -------------------------------------------------------------------------------- */
static void load_norm(struct linear *x)
{
	struct tern_lower *l = x->l;
	int64_t k = x->a->ne[0];
	struct tern_sync s = {0};
	unsigned int bases[2] = {x->norm_w, x->norm_b};
	uint8_t dst[2] = {x->t_norm_w, x->t_norm_b};

	if (!x->norm || !x->norm_w)
		return;
	sync_wait(&s, pipe_free(PIPE_ONCE), 1);
	sync_signal(&s, pipe_full(PIPE_ONCE), 1);
	for (int i = 0; i < 2 && bases[i]; i++) {
		uint8_t src = tile2(x, TERN_T_F32, false, reg(bases[i]), tern_imm(0), tern_imm(k),
				    tern_imm(1), 0);
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

static void release_norm(struct linear *x)
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
	struct row_kernel k = {.op = x->norm, .dim[0] = {.max = x->a->ne[0], .mul = 1}};
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
		int64_t left = x->a->ne[0] - i * f->kq;
		uint8_t set[4] = {x->t_in_mem, x->t_in, x->t_in_v, x->t_act_w};

		for (int t = 0; f->parts > 1 && t < 4; t++)
			lower_set_field(l, set[t], TERN_TILE_SIZE0,
					tern_imm(left < f->kq ? left : f->kq));
		sync_wait(&ld, pipe_free(PIPE_IN0), 1);
		sync_signal(&ld, pipe_full(PIPE_IN0), 1);
		tern_emit_load(&l->code, true, x->t_in, x->t_in_mem, TERN_NONE, NULL, NULL, &ld);
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
	struct vprog p;

	fill_program(x, &p);
	lower_alu(l, TERN_ALU_MIN, x->fill_rows, x->fill_left, tern_imm(f->rc));
	fill_rows_parts(x, &p);
	lower_alu(l, TERN_ALU_SUB, x->fill_left, x->fill_left, reg(x->fill_rows));
	lower_alu(l, TERN_ALU_MUL, x->part_reg, x->fill_rows, tern_imm((int64_t)x->a->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->fill_off, x->fill_off, reg(x->part_reg));
	lower_alu(l, TERN_ALU_ADD, x->fill_dst, x->fill_dst, tern_imm(f->rc * f->a_row));
}

/* Begin the fill of the tile whose first row is fill_off; rows left in all: mleft_next. */
static void fill_begin(struct linear *x, unsigned int rows_left)
{
	struct tern_sync s = {0};

	lower_alu(x->l, TERN_ALU_MIN, x->fill_left, rows_left, tern_imm(x->f.mt));
	lower_mov(x->l, x->fill_dst, reg(x->act.prod));
	sync_wait(&s, pipe_free(PIPE_A), 1);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

static void fill_finish(struct linear *x)
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

static void fill_some(struct linear *x)
{
	struct tern_lower *l = x->l;
	size_t skip = tern_emit_br(&l->code, TERN_COND_LE, x->fill_left, tern_imm(0), 0);

	fill_step(x);
	tern_code_patch(&l->code, skip, l->code.n);
}

/* ---- steps ---------------------------------------------------------------------------------- */
/* Bytes of the memory row before column kc * i. */
static int64_t k_offset(const struct tern_tensor_desc *w, int64_t k)
{
	return (int64_t)tern_type_row_bytes(w->type, (uint64_t)k);
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
		int64_t wk = w->ne[0] - i * f->kc < k ? w->ne[0] - i * f->kc : k;
		bool first = i == 0, last = i == f->ksteps - 1;
		struct tern_sync ld = {0}, mm = {0};

		lower_set_field(l, x->t_w_mem, TERN_TILE_ADDR, reg(x->w_base[j]));
		if (f->ksteps > 1) {
			lower_alu(l, TERN_ALU_ADD, x->part_reg, x->w_off,
				  tern_imm(k_offset(w, i * f->kc)));
			lower_set_field(l, x->t_w_mem, TERN_TILE_OFFS, reg(x->part_reg));
			lower_set_field(l, x->t_w_mem, TERN_TILE_SIZE0, tern_imm(wk));
			lower_set_field(l, x->t_w_spm, TERN_TILE_SIZE0, tern_imm(wk));
			lower_set_field(l, x->t_w, TERN_TILE_SIZE0, tern_imm(k));
			lower_set_field(l, x->t_act, TERN_TILE_SIZE0, tern_imm(k));
			lower_set_field(l, x->t_act, TERN_TILE_OFFS,
					tern_imm((int64_t)tern_type_row_bytes(
						f->a_type, (uint64_t)(i * f->kc))));
		}
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
		tern_emit_matrix(&l->code, (first ? 0 : TERN_MATRIX_ACC) | (last ? TERN_MATRIX_OUT : 0),
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
	const struct linear_out *o = &x->p->out[j];
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
	if (o->bias != TERN_NO_OP) {
		tiles[*ntiles] = x->t_bias_v;
		vp(p, TERN_V_LD, 1, (*ntiles)++, 0, 0);
		vp(p, TERN_V_ADD, 0, 0, 1, 0);
	}
	if (o->residual != TERN_NO_OP) {
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

static void consume_extra(struct linear *x, struct tern_sync *v, const struct lower_pipe *pipe)
{
	sync_wait(v, pipe_full(pipe->pipe), 1);
	sync_signal(v, pipe_free(pipe->pipe), 1);
	lower_pipe_step(x->l, pipe, false);
}

static void emit_epilogue(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	const struct linear_out *o = &x->p->out[j];
	struct tern_sync first = {0}, v = {0}, st = {0};
	uint8_t tiles[TERN_VECTOR_TILES];
	unsigned int ntiles;
	struct vprog p;

	if (o->bias != TERN_NO_OP)
		load_extra(x, x->t_bias, x->t_bias_mem, x->bias[j], &x->bias_pipe);
	if (o->residual != TERN_NO_OP) {
		const struct tern_tensor_desc *r = tensor(x, op_of(l, o->residual)->src[1]);

		lower_set_field(l, x->t_res_mem, TERN_TILE_STRIDE0 + 1, tern_imm((int64_t)r->nb[1]));
		load_extra(x, x->t_res, x->t_res_mem, x->res[j], &x->res_pipe);
	}
	/* a sync word holds two waits; the extras wait in a command of their own */
	if (o->bias != TERN_NO_OP)
		sync_wait(&first, pipe_full(PIPE_IN2), 1);
	if (o->residual != TERN_NO_OP)
		sync_wait(&first, pipe_full(PIPE_IN1), 1);
	if (first.wait[0].n)
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &first);
	epilogue_program(x, j, &p, tiles, &ntiles);
	sync_wait(&v, pipe_full(PIPE_C), 1);
	sync_wait(&v, pipe_free(PIPE_OUT), 1);
	sync_signal(&v, pipe_free(PIPE_C), 1);
	sync_signal(&v, pipe_full(PIPE_OUT), 1);
	lower_vector(l, &p, tiles, ntiles, NULL, 0, &v);
	v = (struct tern_sync){0};
	if (o->bias != TERN_NO_OP) {
		sync_signal(&v, pipe_free(PIPE_IN2), 1);
		lower_pipe_step(l, &x->bias_pipe, false);
	}
	if (o->residual != TERN_NO_OP) {
		sync_signal(&v, pipe_free(PIPE_IN1), 1);
		lower_pipe_step(l, &x->res_pipe, false);
	}
	if (v.signal[0].n)
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &v);
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
	tern_emit_store(&x->l->code, x->t_c_store, x->t_d, TERN_NONE, NULL, &st);
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

/* All weight tiles of product j for the current rows. */
static void emit_columns(struct linear *x, uint32_t j)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	const struct tern_tensor_desc *w = tensor(x, op_of(l, x->p->out[j].matmul)->src[0]);
	const struct tern_tensor_desc *d = tensor(x, result_tensor(l->g, x->p, j));
	struct tern_val count = lower_calc(l, TERN_ALU_CDIV, x->n[j].v, tern_imm(f->nt));
	struct lower_loop loop;

	lower_mov(l, x->nleft, x->n[j].v);
	lower_mov(l, x->w_off, reg(x->off[OFF_W]));
	lower_alu(l, TERN_ALU_ADD, x->d_off, x->off[OFF_D], reg(x->d_row));
	lower_mov(l, x->b_off, tern_imm(0));
	loop = lower_loop_begin(l, count);
	lower_alu(l, TERN_ALU_MIN, x->ncur, x->nleft, tern_imm(f->nt));
	emit_step(x, j);
	lower_alu(l, TERN_ALU_SUB, x->nleft, x->nleft, tern_imm(f->nt));
	lower_alu(l, TERN_ALU_ADD, x->w_off, x->w_off, tern_imm(f->nt * (int64_t)w->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->d_off, x->d_off, tern_imm(f->nt * (int64_t)d->nb[0]));
	lower_alu(l, TERN_ALU_ADD, x->b_off, x->b_off, tern_imm(4 * f->nt));
	fill_some(x);
	lower_loop_end(l, &loop);
}

/* ---- tiles of rows --------------------------------------------------------------------------- */
static void matrix_sync(struct linear *x, bool wait)
{
	struct tern_sync s = {0};

	if (wait)
		sync_wait(&s, pipe_full(PIPE_A), 1);
	else
		sync_signal(&s, pipe_free(PIPE_A), 1);
	tern_emit_sync(&x->l->code, TERN_Q_MATRIX, &s);
}

static void emit_row_tiles(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	struct tern_val count = lower_calc(l, TERN_ALU_CDIV, x->m.v, tern_imm(f->mt));
	struct lower_loop loop;
	size_t skip;

	lower_mov(l, x->mleft, x->m.v);
	lower_mov(l, x->fill_off, reg(x->off[OFF_A]));
	lower_mov(l, x->d_row, tern_imm(0));
	fill_begin(x, x->mleft);
	loop = lower_loop_begin(l, count);
	fill_finish(x);
	lower_alu(l, TERN_ALU_MIN, x->rows, x->mleft, tern_imm(f->mt));
	lower_alu(l, TERN_ALU_SUB, x->mleft, x->mleft, reg(x->rows));
	skip = tern_emit_br(&l->code, TERN_COND_LE, x->mleft, tern_imm(0), 0);
	fill_begin(x, x->mleft);
	tern_code_patch(&l->code, skip, l->code.n);
	matrix_sync(x, true);
	for (uint32_t j = 0; j < steps_of(x->p); j++)
		emit_columns(x, j);
	matrix_sync(x, false);
	lower_pipe_step(l, &x->act, false);
	lower_alu(l, TERN_ALU_ADD, x->d_row, x->d_row, tern_imm(f->mt * (int64_t)x->d->nb[1]));
	lower_loop_end(l, &loop);
}

static void emit_batches(struct linear *x, int level)
{
	struct lower_loop loop;

	if (level == 4) {
		emit_row_tiles(x);
		return;
	}
	if (!x->batch[level].count.reg && x->batch[level].count.v == 1) {
		emit_batches(x, level + 1);
		return;
	}
	loop = lower_loop_begin(x->l, x->batch[level].count);
	emit_batches(x, level + 1);
	for (int i = 0; i < NOFFS; i++)
		lower_alu(x->l, TERN_ALU_ADD, x->off[i], x->off[i],
			  tern_imm(x->batch[level].step[i]));
	lower_loop_end(x->l, &loop);
	/* back to where this level began, for the next turn of the one around it */
	for (int i = 0; i < NOFFS; i++)
		lower_alu(x->l, TERN_ALU_SUB, x->off[i], x->off[i],
			  tern_imm(x->batch[level].step[i] * x->batch[level].count.v));
}

static void alloc_regs(struct linear *x)
{
	unsigned int *regs[] = {&x->off[OFF_A], &x->off[OFF_W], &x->off[OFF_D], &x->fill_left,
				&x->fill_off,	&x->fill_dst,	&x->fill_rows,	&x->rows,
				&x->mleft,	&x->d_row,	&x->nleft,	&x->ncur,
				&x->w_off,	&x->d_off,	&x->b_off,	&x->part_reg};

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = lower_reg(x->l);
	for (int i = 0; i < NOFFS; i++)
		lower_mov(x->l, x->off[i], tern_imm(0));
}

void linear_plan_lower(struct tern_lower *l, const struct linear_plan *p)
{
	struct linear x = {.l = l, .p = p, .norm = op_of(l, p->norm), .glu = op_of(l, p->glu)};
	struct linear_need need;

	plan_need(l->g, p, &need);
	if (!linear_fit(l->caps, &need, &x.f)) {
		l->err = -ENOSPC;
		return;
	}
	lower_group_begin(l, p->out[0].matmul);
	declare_args(&x);
	lower_args_done(l);
	declare_batch(&x);
	alloc_regs(&x);
	alloc_pipes(&x);
	fill_tiles(&x);
	step_tiles(&x);
	load_norm(&x);
	emit_batches(&x, 0);
	release_norm(&x);
	lower_group_end(l);
}

void linear_lower(struct tern_lower *l, uint32_t op)
{
	struct linear_plan p = {.norm = TERN_NO_OP, .glu = TERN_NO_OP, .nout = 1};

	p.out[0] = (struct linear_out){op, TERN_NO_OP, TERN_NO_OP};
	linear_plan_lower(l, &p);
}
