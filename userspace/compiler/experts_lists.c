// SPDX-License-Identifier: MIT
/*
 * MATMUL_ID with many rows: VECTOR lists the rows of each expert (PACK), and one product per
 * expert gathers the rows of its list and scatters its results. So the weights of an expert
 * are read once for all its rows, and those of an expert without rows not at all.
 *
 * Lists are made two experts ahead of the command processor, which has to know how long one is
 * before it can dispatch what follows: so weights stream on from expert to expert.
 */
#include "compiler/experts.h"
#include "compiler/rows.h"

/* A slot: how many rows; which rows of the activations; which of the result. */
enum { LISTS = 4, AHEAD = 2, HEAD = 64, SPM_SHARE = 4 };

struct lists {
	struct experts *e;
	struct lower_pipe ids;
	uint32_t src, dst;	 /* for each pair its rows, in SPM */
	uint32_t base, slot;	 /* the lists: first slot, bytes of one */
	unsigned int prod, cons; /* registers: slot being made, slot of this expert */
	unsigned int next, count,
		total; /* registers: expert to be listed, rows of this one, of all */
	struct tern_val tokens, pairs; /* of this chunk */
	uint8_t t_ids, t_src, t_dst, t_list_src, t_list_dst, t_count;
};

bool experts_chunk(const struct tern_caps *caps, const struct experts_shape *s, int64_t most,
		   struct experts_chunk *out)
{
	const int64_t rows = 2 + 2 + 2 * LISTS; /* ids, twice; both tables; two rows a slot */
	int64_t row = (lower_spm_local(caps) / SPM_SHARE - LISTS * HEAD) / rows / 64 * 64;

	out->tokens = row / (4 * s->used);
	if (out->tokens > most)
		out->tokens = most;
	out->row = (uint32_t)((4 * s->used * out->tokens + 63) / 64 * 64);
	out->bytes = (uint64_t)rows * out->row + LISTS * HEAD;
	return out->tokens > 0;
}

/* ---- micro-programs --------------------------------------------------------------------- */
/* V d = t * step + u */
static void number(struct vprog *p, unsigned int d, unsigned int t, unsigned int u, int64_t step)
{
	vp(p, TERN_V_IMUL, d, t, V_IMM, (uint32_t)step);
	vp(p, TERN_V_IADD, d, d, u, 0);
}

/* Tile 0: the rows of the activations, tile 1: of the result, of pair i = t * used + u. The
 * quotient is rounded correctly, so its floor is exact below 2^24. */
static void table_program(const struct experts_shape *s, struct vprog *p)
{
	enum { I, T, U, ROW };

	*p = (struct vprog){0};
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LANE, I, 0, 0, 0);
	vp(p, TERN_V_I2F, T, I, 0, 0);
	vp(p, TERN_V_DIV, T, T, V_IMM, f32_bits((float)s->used));
	vp(p, TERN_V_F2I, T, T, 0, 0);
	vp(p, TERN_V_IMUL, U, T, V_IMM, (uint32_t)s->used);
	vp(p, TERN_V_ISUB, U, I, U, 0);
	number(p, ROW, T, U, s->d.step);
	vp(p, TERN_V_ST, 1, ROW, 0, 0);
	if (!s->shared)
		number(p, T, T, U, s->a.step);
	vp(p, TERN_V_ST, 0, T, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* Tiles: experts' numbers, both tables, both lists, the count; S0: the expert. */
static void list_program(struct vprog *p)
{
	enum { ID, MINE, ROW };
	const unsigned int n = vS(ROW_S_FREE), same = vS(ROW_S_FREE + 1);

	*p = (struct vprog){0};
	vp(p, TERN_V_MOV, n, V_IMM, 0, 0);
	vp(p, TERN_V_MOV, same, V_IMM, 0, 0);
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, ID, 0, 0, 0);
	vp(p, TERN_V_IEQ, MINE, ID, vS(0), 0);
	vp(p, TERN_V_LD, ROW, 1, 0, 0);
	vp(p, TERN_V_PACK, 3, ROW, MINE, n);
	vp(p, TERN_V_LD, ROW, 2, 0, 0);
	vp(p, TERN_V_PACK, 4, ROW, MINE, same);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_STS, 5, n, 0, 0);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* ---- set-up ----------------------------------------------------------------------------- */
static uint8_t numbers(struct lists *s, struct tern_val addr, int64_t offs, struct tern_val n)
{
	return linear_tile(&s->e->x, TERN_T_I32, true, addr, tern_imm(offs), n, tern_imm(1), 0);
}

static void alloc(struct lists *s)
{
	struct experts *e = s->e;
	struct tern_lower *l = e->x.l;
	unsigned int *regs[] = {&s->prod,  &s->cons,	    &s->next,	     &s->count,
				&s->total, &e->x.list.fill, &e->x.list.store};

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = lower_reg(l);
	s->ids = lower_pipe(l, PIPE_IN1, e->chunk.row);
	s->src = lower_spm(l, e->chunk.row);
	s->dst = lower_spm(l, e->chunk.row);
	s->slot = HEAD + 2 * e->chunk.row;
	s->base = lower_spm(l, (uint64_t)LISTS * s->slot);
	lower_mov(l, s->prod, tern_imm(s->base));
	lower_mov(l, s->cons, tern_imm(s->base));
	e->x.list.on = true;
	e->x.list.slot = s->cons;
	e->x.list.src = HEAD;
	e->x.list.dst = HEAD + e->chunk.row;
	e->x.list.src_rows = e->s.a.n;
	e->x.list.dst_rows = e->s.d.n;
	e->x.m = (struct tern_dim){reg(s->count), e->s.used * e->chunk.tokens};
}

static void tiles(struct lists *s)
{
	s->t_ids = numbers(s, reg(s->ids.cons), 0, s->pairs);
	s->t_src = numbers(s, tern_imm(s->src), 0, s->pairs);
	s->t_dst = numbers(s, tern_imm(s->dst), 0, s->pairs);
	s->t_count = numbers(s, reg(s->prod), 0, tern_imm(1));
	s->t_list_src = numbers(s, reg(s->prod), s->e->x.list.src, s->pairs);
	s->t_list_dst = numbers(s, reg(s->prod), s->e->x.list.dst, s->pairs);
}

/* ---- one expert after the other ------------------------------------------------------------ */
static void step(struct lists *s, unsigned int at)
{
	tern_emit_ring(&s->e->x.l->code, at, s->slot, s->base,
		       (int64_t)s->base + LISTS * (int64_t)s->slot);
}

/* List the rows of the next expert. What reads a list is dispatched after its count was read, so
 * only the way back needs a semaphore of its own: STORE has scattered by the slot's last list. */
static void make_list(struct lists *s)
{
	struct tern_lower *l = s->e->x.l;
	const uint8_t named[] = {s->t_ids,	s->t_src,      s->t_dst,
				 s->t_list_src, s->t_list_dst, s->t_count};
	const uint8_t expert = (uint8_t)s->next;
	struct tern_sync sync = {0};
	struct vprog p;

	list_program(&p);
	sync_wait(&sync, pipe_free(PIPE_LIST), 1);
	sync_signal(&sync, pipe_full(PIPE_LENGTH), 1);
	lower_vector(l, &p, named, sizeof(named), &expert, 1, &sync);
	step(s, s->prod);
	lower_alu(l, TERN_ALU_ADD, s->next, s->next, tern_imm(1));
}

static void take_list(struct lists *s)
{
	struct tern_lower *l = s->e->x.l;
	struct tern_sync wait = {0};

	sync_wait(&wait, pipe_full(PIPE_LENGTH), 1);
	tern_emit_sync(&l->code, TERN_Q_CP, &wait);
	tern_emit_ldr(&l->code, s->count, 1, s->cons, 0, 2 | TERN_LDR_SPM);
	lower_alu(l, TERN_ALU_ADD, s->total, s->total, reg(s->count));
}

static void each_expert(struct lists *s)
{
	struct experts *e = s->e;
	struct tern_lower *l = e->x.l;
	int64_t ahead = e->s.experts < AHEAD ? e->s.experts : AHEAD;
	struct lower_loop loop = lower_loop_begin(l, tern_imm(ahead));
	struct tern_sync done = {0};
	size_t none, last;

	make_list(s);
	lower_loop_end(l, &loop);
	loop = lower_loop_begin(l, tern_imm(e->s.experts));
	take_list(s);
	none = tern_emit_br(&l->code, TERN_COND_EQ, s->count, tern_imm(0), 0);
	linear_row_tiles(&e->x);
	tern_code_patch(&l->code, none, l->code.n);
	sync_signal(&done, pipe_free(PIPE_LIST), 1);
	tern_emit_sync(&l->code, TERN_Q_STORE, &done);
	step(s, s->cons);
	lower_alu(l, TERN_ALU_ADD, e->x.off[OFF_W], e->x.off[OFF_W],
		  tern_imm((int64_t)e->w->nb[2]));
	last = tern_emit_br(&l->code, TERN_COND_GE, s->next, tern_imm(e->s.experts), 0);
	make_list(s);
	tern_code_patch(&l->code, last, l->code.n);
	lower_loop_end(l, &loop);
}

/* ---- chunks of tokens ----------------------------------------------------------------------- */
/* The numbers of a chunk, and the tables, before VECTOR's first list. */
static void begin_chunk(struct lists *s, unsigned int ids_off)
{
	struct tern_lower *l = s->e->x.l;
	const uint8_t tables[] = {s->t_src, s->t_dst};
	struct tern_sync load = {0}, wait = {0};
	struct vprog p;

	sync_wait(&load, pipe_free(PIPE_IN1), 1);
	sync_signal(&load, pipe_full(PIPE_IN1), 1);
	experts_load_ids(s->e, reg(s->ids.prod), ids_off, s->tokens, &load);
	lower_pipe_step(l, &s->ids, true);
	table_program(&s->e->s, &p);
	sync_wait(&wait, pipe_full(PIPE_IN1), 1);
	lower_vector(l, &p, tables, sizeof(tables), NULL, 0, &wait);
	lower_mov(l, s->next, tern_imm(0));
	lower_mov(l, s->total, tern_imm(0));
	lower_mov(l, s->e->x.off[OFF_W], tern_imm(0));
}

/* A pair in no list has a number of no expert. */
static void end_chunk(struct lists *s)
{
	struct tern_lower *l = s->e->x.l;
	struct tern_sync done = {0};
	size_t good;

	sync_signal(&done, pipe_free(PIPE_IN1), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &done);
	lower_pipe_step(l, &s->ids, false);
	good = tern_emit_br(&l->code, TERN_COND_EQ, s->total, s->pairs, 0);
	tern_emit_trap(&l->code, TERN_TRAP_EXPERT);
	tern_code_patch(&l->code, good, l->code.n);
}

static void advance(struct tern_lower *l, unsigned int at, int64_t bytes)
{
	lower_alu(l, TERN_ALU_ADD, at, at, tern_imm(bytes));
}

void experts_lists(struct experts *e)
{
	struct tern_lower *l = e->x.l;
	struct lists s = {.e = e};
	int64_t chunk = e->chunk.tokens;
	bool whole = !e->tokens.v.reg && e->tokens.v.v <= chunk;
	unsigned int left = lower_reg(l), now = lower_reg(l), pairs = lower_reg(l),
		     ids = lower_reg(l);
	struct lower_loop loop;

	s.tokens = whole ? e->tokens.v : reg(now);
	s.pairs = whole ? tern_imm(e->s.used * chunk) : reg(pairs);
	lower_mov(l, ids, tern_imm(0));
	lower_mov(l, left, e->tokens.v);
	alloc(&s);
	linear_begin(&e->x);
	tiles(&s);
	loop = lower_loop_begin(l, lower_calc(l, TERN_ALU_CDIV, e->tokens.v, tern_imm(chunk)));
	lower_alu(l, TERN_ALU_MIN, now, left, tern_imm(chunk));
	lower_alu(l, TERN_ALU_SUB, left, left, reg(now));
	lower_alu(l, TERN_ALU_MUL, pairs, now, tern_imm(e->s.used));
	begin_chunk(&s, ids);
	each_expert(&s);
	end_chunk(&s);
	advance(l, ids, chunk * (int64_t)e->ids->nb[1]);
	advance(l, e->x.off[OFF_A], chunk * e->s.a.step * e->s.a.stride);
	advance(l, e->x.off[OFF_D], chunk * e->s.d.step * e->s.d.stride);
	lower_loop_end(l, &loop);
	lower_group_end(l);
}
