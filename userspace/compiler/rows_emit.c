// SPDX-License-Identifier: MIT
/* Row kernels: chunks in order. See rows_emit.h. */
#include <errno.h>

#include "compiler/rows_emit.h"

/* ---- a chunk that holds whole rows -------------------------------------------------- */
static void emit_move(struct row_emit *e)
{
	row_offsets(e, 3);
	row_loads(e, 1, PIPE_COPY);
	row_stores(e, 1, PIPE_COPY);
	row_next_slot(e, e->in_slot, e->p.in_slot);
}

static void sync_vector(struct row_emit *e, bool begin, unsigned int loads)
{
	struct tern_sync s = {0};

	if (begin) {
		sync_wait(&s, pipe_full(PIPE_IN0), loads);
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
	} else {
		sync_signal(&s, pipe_free(PIPE_IN0), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &s);
}

static struct lower_loop repeat_begin(struct row_emit *e)
{
	lower_mov(e->l, e->rep, tern_imm(e->addr[e->k->nin]));
	return lower_loop_begin(e->l, tern_imm(e->k->repeat));
}

static void repeat_end(struct row_emit *e, struct lower_loop *loop)
{
	int64_t size = tern_type_info(e->k->buf[e->k->nin].spm_type)->bytes;

	lower_alu(e->l, TERN_ALU_ADD, e->rep, e->rep, tern_imm(size));
	lower_loop_end(e->l, loop);
}

static void run_repeated(struct row_emit *e, unsigned int loads)
{
	struct lower_loop loop;

	sync_vector(e, true, loads);
	row_run_init(e);
	loop = repeat_begin(e);
	for (unsigned int i = 0; i < e->k->nsteps; i++)
		row_run_step(e, &e->k->step[i], NULL);
	repeat_end(e, &loop);
	sync_vector(e, false, 0);
}

static void emit_resident(struct row_emit *e)
{
	unsigned int ins = row_in_mask(e, (1u << e->k->nin) - 1), outs = (1u << e->k->nout) - 1, n;
	struct tern_sync s = {0};

	row_offsets(e, ins | row_out_mask(e, outs));
	n = row_loads(e, ins, PIPE_IN0);
	if (e->k->repeat > 1) {
		run_repeated(e, n);
	} else if (e->k->step[0].ntiles) {
		row_run_separate(e, n);
	} else {
		sync_wait(&s, pipe_full(PIPE_IN0), n);
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_free(PIPE_IN0), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
		row_run_joined(e, &s);
	}
	row_stores(e, outs, PIPE_OUT);
	row_next_slot(e, e->in_slot, e->p.in_slot);
	row_next_slot(e, e->out_slot, e->p.out_slot);
}

/* ---- rows that are streamed --------------------------------------------------------- */
static void emit_pass(struct row_emit *e, const struct row_step *st)
{
	struct row_loop loop = row_loop_begin(e, 0);
	unsigned int ins = row_in_mask(e, st->ins);
	struct tern_sync s = {0};

	row_offsets(e, ins | row_out_mask(e, st->outs));
	lower_alu(e->l, TERN_ALU_MUL, e->first, e->idx[0], tern_imm(e->p.t[0]));
	sync_wait(&s, pipe_full(PIPE_IN0), row_loads(e, ins, PIPE_IN0));
	sync_signal(&s, pipe_free(PIPE_IN0), 1);
	if (st->outs) {
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	row_run_step(e, st, &s);
	row_next_slot(e, e->in_slot, e->p.in_slot);
	if (st->outs) {
		row_stores(e, st->outs, PIPE_OUT);
		row_next_slot(e, e->out_slot, e->p.out_slot);
	}
	row_loop_end(e, 0, &loop);
}

/* What is left to do when all chunks have passed: outputs of one element. */
static void emit_tail(struct row_emit *e, const struct row_step *st, bool store)
{
	struct tern_sync s = {0};

	if (store) {
		row_offsets(e, row_out_mask(e, st->outs));
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	row_run_step(e, st, &s);
	if (store) {
		row_stores(e, st->outs, PIPE_OUT);
		row_next_slot(e, e->out_slot, e->p.out_slot);
	}
}

static void emit_steps(struct row_emit *e, bool store)
{
	for (unsigned int i = 0; i < e->k->nsteps; i++) {
		const struct row_step *st = &e->k->step[i];

		if (st->tail)
			emit_tail(e, st, store);
		else
			emit_pass(e, st);
	}
}

static void emit_streamed_repeat(struct row_emit *e)
{
	struct tern_sync begin = {0}, end = {0};
	struct lower_loop loop;

	row_offsets(e, row_out_mask(e, 1));
	sync_wait(&begin, pipe_free(PIPE_OUT), 1);
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &begin);
	loop = repeat_begin(e);
	emit_steps(e, false);
	repeat_end(e, &loop);
	sync_signal(&end, pipe_full(PIPE_OUT), 1);
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &end);
	row_stores(e, 1, PIPE_OUT);
	row_next_slot(e, e->out_slot, e->p.out_slot);
}

static void emit_streamed(struct row_emit *e)
{
	row_run_init(e);
	if (e->k->repeat > 1)
		emit_streamed_repeat(e);
	else
		emit_steps(e, true);
}

/* ---- a kernel ----------------------------------------------------------------------- */
static unsigned int once_mask(const struct row_emit *e)
{
	unsigned int mask = 0;

	for (unsigned int b = 0; b < e->k->nin; b++)
		mask |= (unsigned int)e->p.once[b] << b;
	return mask;
}

static void emit_loops(struct row_emit *e)
{
	struct row_loop loop[ROW_DIMS];
	unsigned int inner = e->p.resident ? 0 : 1;

	for (unsigned int d = e->k->ndims; d-- > inner;)
		loop[d] = row_loop_begin(e, d);
	if (!e->k->nsteps)
		emit_move(e);
	else if (e->p.resident)
		emit_resident(e);
	else
		emit_streamed(e);
	for (unsigned int d = inner; d < e->k->ndims; d++)
		row_loop_end(e, d, &loop[d]);
}

static void emit_barrier(struct tern_lower *l)
{
	struct tern_sync done = {0}, go = {0};

	sync_signal(&done, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_STORE, &done);
	sync_wait(&go, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_LOAD1, &go);
}

/* VECTOR may write only what LOAD1, which waits for the group before, has passed on to it. Where
 * its first command is no reader of a LOAD, it needs to be told. */
static void hand_over(struct tern_lower *l)
{
	struct tern_sync pass = {0}, take = {0};

	sync_signal(&pass, pipe_full(PIPE_ONCE), 1);
	tern_emit_sync(&l->code, TERN_Q_LOAD1, &pass);
	sync_wait(&take, pipe_full(PIPE_ONCE), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &take);
}

static void emit_kernel(struct row_emit *e)
{
	/* Registers and tiles are captured at dispatch: the next kernel may use them again. */
	unsigned int reg = e->l->next_reg, tile = e->l->next_tile, once, n;
	struct tern_sync s = {0}, free = {0};

	if (e->k->barrier)
		emit_barrier(e->l);
	row_prepare(e);
	if (!e->p.resident)
		hand_over(e->l);
	once = once_mask(e);
	n = row_loads(e, once, PIPE_ONCE);
	if (n) {
		sync_wait(&s, pipe_full(PIPE_ONCE), n);
		tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &s);
	}
	emit_loops(e);
	if (n) {
		sync_signal(&free, pipe_free(PIPE_ONCE), 1);
		tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &free);
	}
	e->l->next_reg = reg;
	e->l->next_tile = tile;
}

void row_lower(struct tern_lower *l, uint32_t mark, const struct row_kernel *k, unsigned int n)
{
	uint32_t spm = lower_spm_local(l->caps) / n;
	struct row_emit e[ROW_KERNELS];

	lower_group_begin(l, mark);
	for (unsigned int i = 0; i < n; i++) {
		row_declare(&e[i], l, &k[i]);
		if (!row_plan(l->caps, spm, &k[i], &e[i].p) && !l->err)
			l->err = -ENOSPC;
	}
	lower_args_done(l);
	for (unsigned int i = 0; i < n && !l->err; i++)
		emit_kernel(&e[i]);
	lower_group_end(l);
}
