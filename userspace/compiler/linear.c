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

#include "compiler/linear_emit.h"
#include "compiler/rows.h"

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
		.k = p->klen ? p->klen : w->ne[0],
		.m = a->ne[1],
		.ncols = p->glu != TERN_NO_OP ? 2 : 1,
		.norm = norm && norm->src[1] != TERN_NO_TENSOR,
		.norm_bias = norm && norm->src[2] != TERN_NO_TENSOR,
		.epilogue = has_epilogue(p),
		.w_written = !(g->storages[w->storage].flags & TERN_STORAGE_CONST),
	};
	for (uint32_t j = 0; j < p->nout; j++) {
		int64_t n = g->tensors[g->ops[p->out[j].matmul].src[0]].ne[1];

		need->n = need->n > n ? need->n : n;
		need->bias |= bias_of(p, j) != TERN_NO_OP;
		need->residual |= addend(g, p, j) != TERN_NO_TENSOR;
	}
	need->norm |= norm != NULL;
}

/* Slices of a deeper product would make a program larger than its data. */
enum { MAX_DEPTH = 1 << 18 };

/* ---- MATMUL's solver ------------------------------------------------------------ */
static bool float_type(unsigned int type)
{
	return type == TERN_F32 || type == TERN_F16 || type == TERN_BF16;
}

const char *linear_refused(const struct tern_tensor_desc *w, const struct tern_tensor_desc *a,
			   const struct tern_tensor_desc *d)
{
	const struct tern_type_info *wt = tern_type_info(w->type);

	if (!wt || (wt->kind != TERN_KIND_BLOCK && !float_type(w->type)))
		return "LOAD decodes no weights of this type";
	if (!float_type(a->type) || !float_type(d->type))
		return "activations and result must be F32, F16 or BF16";
	if (wt->kind == TERN_KIND_PLAIN && w->nb[0] != wt->bytes)
		return "weight rows must be contiguous";
	if (d->nb[0] != tern_type_info(d->type)->bytes)
		return "rows of the result must be contiguous";
	return NULL;
}

int linear_solve(const struct tern_target *t, const struct tern_op_desc *op,
		 const struct tern_tensor_desc *tensors)
{
	const struct tern_tensor_desc *w = &tensors[op->src[0]], *a = &tensors[op->src[1]],
				      *d = &tensors[op->dst];
	const char *why;
	struct linear_need need = {.a_dtype = a->type,
				   .w_dtype = w->type,
				   .k = w->ne[0],
				   .m = a->ne[1],
				   .n = w->ne[1],
				   .ncols = 1,
				   .w_written = true /* tensors do not tell */};

	if (!row_sizes_ok(w) || !row_sizes_ok(a) || !row_sizes_ok(d))
		return row_bad_sizes(op);
	why = linear_refused(w, a, d);
	if (why)
		return tern_fail(-EOPNOTSUPP, "MATMUL: %s", why);
	if (w->ne_sym[0] || a->ne_sym[2] || a->ne_sym[3] || w->ne_sym[2] || w->ne_sym[3])
		return tern_fail(-EOPNOTSUPP, "MATMUL: depth and batch must not be symbolic");
	if (w->ne[0] > MAX_DEPTH)
		return tern_fail(-EOPNOTSUPP, "MATMUL: rows of %lld are longer than %d",
				 (long long)w->ne[0], MAX_DEPTH);
	if (!linear_feasible(&t->caps, &need, d->type == TERN_F32))
		return tern_fail(-EOPNOTSUPP, "MATMUL: a row of %lld does not fit the scratchpad",
				 (long long)w->ne[0]);
	if (tern_tensor_overlap(d, a) || tern_tensor_overlap(d, w))
		return tern_fail(-EOPNOTSUPP, "MATMUL: the result overlaps a source");
	return 0;
}

/* ---- set-up ------------------------------------------------------------------------ */
void linear_args(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct tern_graph *g = l->g;
	const struct tern_op_desc *mm = op_of(l, x->p->out[0].matmul);
	uint32_t a = x->norm ? x->norm->src[0] : mm->src[1];

	x->a = tensor(x, a);
	x->d = tensor(x, result_tensor(g, x->p, 0));
	x->k = x->p->klen ? x->p->klen : x->a->ne[0];
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
		if (j < steps_of(x->p)) {
			uint32_t d = result_tensor(g, x->p, j);

			x->d_base[j] = lower_base(l, d);
			x->d_stride[j] = (int64_t)tensor(x, d)->nb[1];
		}
		if (bias_of(x->p, j) != TERN_NO_OP)
			x->bias[j] = lower_base(l, g->ops[o->bias].src[1]);
		if (addend(g, x->p, j) != TERN_NO_TENSOR)
			x->res[j] = lower_base(l, addend(g, x->p, j));
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

		*outer = (struct batch_level){
			tern_imm(w->ne[d]),
			{(int64_t)x->a->nb[d] * r, (int64_t)w->nb[d], (int64_t)x->d->nb[d] * r}};
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
	x->c = lower_pipe(l, epi ? PIPE_C : PIPE_CS, need.ncols * ((result + 63) / 64 * 64));
	if (epi)
		x->out = lower_pipe(l, PIPE_OUT, result);
	if (need.residual)
		x->res_pipe = lower_pipe(l, PIPE_IN1, result);
	if (need.bias)
		x->bias_pipe = lower_pipe(l, PIPE_IN2, (uint64_t)(4 * f->nt));
	if (x->norm)
		x->once = lower_spm(l, (uint64_t)(4 * f->k) *
					       (x->norm->src[2] != TERN_NO_TENSOR ? 2 : 1));
	if (!x->const_w)
		x->w_pipe = lower_pipe(l, PIPE_B, lower_slot_bytes(l->caps));
}

/* A 2-D tile: `cols` x `rows`. */
uint8_t linear_tile(struct linear *x, unsigned int type, bool spm, struct tern_val addr,
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

void linear_row_tiles(struct linear *x)
{
	struct tern_lower *l = x->l;
	const struct linear_fit *f = &x->f;
	struct tern_val count = lower_calc(l, TERN_ALU_CDIV, x->m.v, tern_imm(f->mt));
	struct lower_loop loop;
	size_t skip;

	lower_mov(l, x->mleft, x->m.v);
	lower_mov(l, x->fill_off, reg(x->off[OFF_A]));
	if (x->list.on)
		lower_mov(l, x->list.fill, tern_imm(x->list.src));
	lower_mov(l, x->d_row, tern_imm(0));
	linear_fill_begin(x, x->mleft);
	loop = lower_loop_begin(l, count);
	linear_fill_finish(x);
	lower_alu(l, TERN_ALU_MIN, x->rows, x->mleft, tern_imm(f->mt));
	lower_alu(l, TERN_ALU_SUB, x->mleft, x->mleft, reg(x->rows));
	skip = tern_emit_br(&l->code, TERN_COND_LE, x->mleft, tern_imm(0), 0);
	linear_fill_begin(x, x->mleft);
	tern_code_patch(&l->code, skip, l->code.n);
	matrix_sync(x, true);
	for (uint32_t j = 0; j < steps_of(x->p); j++)
		linear_columns(x, j);
	matrix_sync(x, false);
	lower_pipe_step(l, &x->act, false);
	lower_alu(l, TERN_ALU_ADD, x->d_row, x->d_row, tern_imm(f->mt));
	lower_loop_end(l, &loop);
}

static void emit_batches(struct linear *x, int level)
{
	struct lower_loop loop;

	if (level == 4) {
		linear_row_tiles(x);
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
	const struct tern_tensor_desc *w = tensor(x, op_of(x->l, x->p->out[0].matmul)->src[0]);
	unsigned int *regs[] = {&x->off[OFF_A], &x->off[OFF_W], &x->off[OFF_D], &x->fill_left,
				&x->fill_off,	&x->fill_dst,	&x->fill_rows,	&x->rows,
				&x->mleft,	&x->d_row,	&x->nleft,	&x->ncur,
				&x->w_off,	&x->d_off,	&x->b_off,	&x->part_reg};

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = lower_reg(x->l);
	lower_mov(x->l, x->off[OFF_A], tern_imm(x->p->k0 * (int64_t)x->a->nb[0]));
	lower_mov(x->l, x->off[OFF_W],
		  tern_imm((int64_t)tern_type_row_bytes(w->type, (uint64_t)x->p->k0)));
	lower_mov(x->l, x->off[OFF_D], tern_imm(0));
}

void linear_begin(struct linear *x)
{
	alloc_regs(x);
	alloc_pipes(x);
	linear_fill_tiles(x);
	linear_step_tiles(x);
}

static void lower_slice(struct tern_lower *l, const struct linear_plan *p)
{
	struct linear x = {.l = l, .p = p, .norm = op_of(l, p->norm), .glu = op_of(l, p->glu)};
	struct linear_need need;

	plan_need(l->g, p, &need);
	if (!linear_fit(l->caps, &need, &x.f)) {
		l->err = -ENOSPC;
		return;
	}
	lower_group_begin(l, p->out[0].matmul);
	linear_args(&x);
	lower_args_done(l);
	declare_batch(&x);
	linear_begin(&x);
	linear_load_norm(&x);
	emit_batches(&x, 0);
	linear_release_norm(&x);
	lower_group_end(l);
}

/* May later slices of k add to the results? */
static bool can_add(const struct tern_graph *g, const struct linear_plan *p)
{
	bool f32 = p->norm == TERN_NO_OP && p->glu == TERN_NO_OP;

	for (uint32_t j = 0; j < p->nout; j++)
		f32 &= g->tensors[result_tensor(g, p, j)].type == TERN_F32;
	return f32;
}

static int64_t plan_slice(const struct tern_caps *caps, const struct tern_graph *g,
			  const struct linear_plan *p)
{
	struct linear_need need;

	plan_need(g, p, &need);
	return linear_slice(caps, &need, can_add(g, p));
}

bool linear_plan_fits(const struct tern_target *t, const struct tern_graph *g,
		      const struct linear_plan *p)
{
	return plan_slice(&t->caps, g, p) > 0;
}

void linear_plan_lower(struct tern_lower *l, const struct linear_plan *p)
{
	int64_t k = l->g->tensors[l->g->ops[p->out[0].matmul].src[0]].ne[0];
	int64_t width = plan_slice(l->caps, l->g, p);
	struct linear_plan slice = *p;

	if (!width)
		l->err = -ENOSPC;
	for (; !l->err && slice.k0 < k; slice.k0 += width) {
		slice.klen = k - slice.k0 < width ? k - slice.k0 : width;
		lower_slice(l, &slice);
	}
}

void linear_lower(struct tern_lower *l, uint32_t op)
{
	struct linear_plan p = {.norm = TERN_NO_OP, .glu = TERN_NO_OP, .nout = 1};

	p.out[0] = (struct linear_out){op, TERN_NO_OP, TERN_NO_OP};
	linear_plan_lower(l, &p);
}
