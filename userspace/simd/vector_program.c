// SPDX-License-Identifier: MIT
/*
 * Predecoding micro-programs: operands become buffer numbers, operations kernels, and
 * everything that can be wrong is found before the first row runs. The program has
 * passed tern_vector_check in the model; what is checked again here is what memory
 * safety rests on.
 */
#include "vector_run.h"

enum { NO_BUF = 0xffff };

struct builder {
	struct tern_vprogram *p;
	const struct tern_vrun *run;
	const struct tern_vkernels *k;
	uint64_t *bad;
	struct tern_vpart *part;
	uint16_t phys[TERN_VECTOR_REGS]; /* buffer that holds a V register now */
	uint16_t spare;
	uint32_t written; /* V registers written in this loop: only those may be read */
	bool inside;
	bool can_fault; /* at run time: rows must then run one at a time */
};

struct instr {
	uint8_t op, d, a, b;
	uint32_t imm;
};

static struct instr decode(uint64_t w)
{
	return (struct instr){w & 0xff, w >> 8 & 0xff, w >> 16 & 0xff, w >> 24 & 0xff, w >> 32};
}

/* ---- tiles ------------------------------------------------------------------- */
static const struct tern_vtile *use_tile(struct builder *b, uint32_t t)
{
	if (t >= TERN_VECTOR_TILES || !b->run->t[t].present)
		return NULL;
	b->p->tiles |= 1u << t;
	return &b->run->t[t];
}

static bool rows_fit(const struct tern_vtile *t, const struct tern_vtile *domain)
{
	for (int d = 1; d < TERN_NDIMS; d++)
		if (domain->size[d] < 1 || (t->size[d] != domain->size[d] && t->size[d] != 1))
			return false;
	return true;
}

static int check_tiles(const struct tern_vrun *run)
{
	for (int t = 0; t < TERN_VECTOR_TILES; t++)
		if (run->t[t].present && !rows_fit(&run->t[t], &run->t[0]))
			return TERN_FAULT_SHAPE;
	return run->t[0].present ? 0 : TERN_FAULT_VECTOR_PROGRAM;
}

static bool plain(const struct builder *b, const struct tern_vtile *t)
{
	return t->type < TERN_VRUN_PLAIN_TYPES && b->k->load[t->type];
}

/* ---- operands ---------------------------------------------------------------- */
static bool is_s(unsigned int x)
{
	return x >= TERN_V_S0 && x < TERN_V_S0 + TERN_SCALAR_REGS;
}

static uint16_t new_buf(struct builder *b)
{
	return (uint16_t)b->p->nbufs++;
}

static unsigned int find_imm(struct builder *b, uint32_t value)
{
	struct tern_vprogram *p = b->p;

	for (unsigned int i = 0; i < p->nimm; i++)
		if (p->imm[i] == value)
			return i;
	p->imm[p->nimm] = value;
	p->imm_buf[p->nimm] = NO_BUF;
	return p->nimm++;
}

/* A row starts with these at their initial value. */
static uint8_t name_scalar(struct builder *b, unsigned int x)
{
	b->p->s_named |= 1u << (x - TERN_V_S0);
	return (uint8_t)(x - TERN_V_S0);
}

static uint16_t scalar_operand(struct builder *b, unsigned int x, uint32_t imm)
{
	if (is_s(x))
		return name_scalar(b, x);
	if (x == TERN_V_IMM)
		return (uint16_t)(TERN_SCALAR_REGS + find_imm(b, imm));
	return NO_BUF;
}

static uint16_t lane_operand(struct builder *b, unsigned int x, uint32_t imm)
{
	struct tern_vprogram *p = b->p;
	unsigned int i;

	if (x < TERN_VECTOR_REGS)
		return b->written >> x & 1 ? b->phys[x] : NO_BUF;
	if (is_s(x)) {
		i = name_scalar(b, x);
		if (!(p->s_used >> i & 1))
			p->s_buf[i] = new_buf(b);
		p->s_used |= 1u << i;
		b->part->expand |= 1u << i;
		return p->s_buf[i];
	}
	if (x != TERN_V_IMM)
		return NO_BUF;
	i = find_imm(b, imm);
	if (p->imm_buf[i] == NO_BUF)
		p->imm_buf[i] = new_buf(b);
	return p->imm_buf[i];
}

static bool source(struct builder *b, uint16_t *out, unsigned int x, uint32_t imm)
{
	*out = b->inside ? lane_operand(b, x, imm) : scalar_operand(b, x, imm);
	return *out != NO_BUF;
}

/* The buffer for a V result. Kernels may assume that it is no source: when the register's
 * own buffer is one, the register moves to the spare. */
static bool lane_dest(struct builder *b, struct tern_vop *o, unsigned int d)
{
	uint16_t old;

	if (d >= TERN_VECTOR_REGS)
		return false;
	old = b->phys[d];
	if (old == NO_BUF) {
		b->phys[d] = new_buf(b);
	} else if (old == o->a || old == o->b || old == o->c) {
		b->phys[d] = b->spare == NO_BUF ? new_buf(b) : b->spare;
		b->spare = old;
	}
	o->d = b->phys[d];
	b->written |= 1u << d;
	return true;
}

static bool dest(struct builder *b, struct tern_vop *o, unsigned int d)
{
	if (b->inside)
		return lane_dest(b, o, d);
	if (!is_s(d))
		return false;
	o->d = name_scalar(b, d);
	return true;
}

/* ---- one instruction --------------------------------------------------------- */
static unsigned int alu_sources(unsigned int op)
{
	enum { CTL, LD = CTL, ST = CTL, RED = CTL, A0 = CTL, A1, A2, A3 };
	static const uint8_t count[TERN_VRUN_OPS] = {
#define X(name, op, form, cost, text) [op] = form,
		TERN_ISA_VECTOR(X)
#undef X
	};

	return count[op];
}

static int build_alu(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	const unsigned int n = alu_sources(in->op);

	o->fn = b->k->alu[in->op];
	if (!o->fn || !n || !source(b, &o->a, in->a, in->imm))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (n >= 2 && !source(b, &o->b, in->b, in->imm))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (n == 3 && !source(b, &o->c, in->imm & 0xff, 0))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (n < 2)
		o->b = o->a;
	if (n < 3)
		o->c = o->a;
	return dest(b, o, in->d) ? 0 : TERN_FAULT_VECTOR_PROGRAM;
}

/* LD LDX SHIFT */
static int build_load(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	const struct tern_vtile *t = use_tile(b, in->a);

	if (!t || !b->inside)
		return TERN_FAULT_VECTOR_PROGRAM;
	if (!plain(b, t))
		return TERN_FAULT_TYPE;
	o->tile = in->a;
	o->imm = in->imm;
	if (in->op == TERN_V_LD && t->size[0] < b->part->length && t->size[0] != 1)
		return TERN_FAULT_SHAPE;
	o->direct = in->op == TERN_V_LD && tern_vrun_word(t) && t->stride[0] == 4 &&
		    t->size[0] >= b->part->length;
	if (in->op == TERN_V_LDX) {
		b->can_fault = true;
		if (in->b >= TERN_VECTOR_REGS || !source(b, &o->b, in->b, 0))
			return TERN_FAULT_VECTOR_PROGRAM;
	}
	return lane_dest(b, o, in->d) ? 0 : TERN_FAULT_VECTOR_PROGRAM;
}

/* ST STQ PACK */
static int build_store(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	const struct tern_vtile *t = use_tile(b, in->d);
	const bool quantise = in->op == TERN_V_STQ, pack = in->op == TERN_V_PACK;

	if (!t || !b->inside || !source(b, &o->a, in->a, in->imm))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (quantise ? t->type != TERN_T_ACT : !plain(b, t))
		return TERN_FAULT_TYPE;
	o->tile = in->d;
	if (!pack) {
		const int64_t room = quantise ? (t->size[0] + 31) / 32 * 32 : t->size[0];

		return room < b->part->length ? TERN_FAULT_SHAPE : 0;
	}
	b->can_fault = true;
	if (in->b >= TERN_VECTOR_REGS || !source(b, &o->b, in->b, 0) || !is_s(in->imm))
		return TERN_FAULT_VECTOR_PROGRAM;
	o->sreg = name_scalar(b, in->imm);
	o->carry = b->part->ncarry++;
	return 0;
}

/* LDS STS: the element is known now, so are its faults. */
static int build_element(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	const bool load = in->op == TERN_V_LDS;
	const struct tern_vtile *t = use_tile(b, load ? in->a : in->d);
	const unsigned int s = load ? in->d : in->a;

	if (!t || b->inside || !is_s(s))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (!plain(b, t))
		return TERN_FAULT_TYPE;
	if (in->imm >= t->size[0]) {
		*b->bad = in->imm;
		return TERN_FAULT_INDEX;
	}
	o->tile = load ? in->a : in->d;
	o->sreg = name_scalar(b, s);
	o->imm = in->imm;
	return 0;
}

static int build_row(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	if (b->inside || !is_s(in->d) || in->imm < 1 || in->imm >= TERN_NDIMS)
		return TERN_FAULT_VECTOR_PROGRAM;
	o->sreg = name_scalar(b, in->d);
	o->imm = in->imm;
	return 0;
}

static int build_lane(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	return b->inside && lane_dest(b, o, in->d) ? 0 : TERN_FAULT_VECTOR_PROGRAM;
}

/* Reductions, and SCAN with its V result. */
static int build_reduce(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	if (!b->inside || in->a >= TERN_VECTOR_REGS || !source(b, &o->a, in->a, 0))
		return TERN_FAULT_VECTOR_PROGRAM;
	o->carry = b->part->ncarry++;
	if (in->op == TERN_V_SCAN)
		return lane_dest(b, o, in->d) ? 0 : TERN_FAULT_VECTOR_PROGRAM;
	if (!is_s(in->d))
		return TERN_FAULT_VECTOR_PROGRAM;
	o->sreg = name_scalar(b, in->d);
	return 0;
}

static int build_cmpx(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	const struct tern_vtile *keys = use_tile(b, in->d), *payload = NULL;

	if (in->a != TERN_NONE)
		payload = use_tile(b, in->a);
	if (!keys || !b->inside || (in->a != TERN_NONE && !payload))
		return TERN_FAULT_VECTOR_PROGRAM;
	if (keys->type != TERN_T_F32 || (payload && payload->type != TERN_T_I32))
		return TERN_FAULT_TYPE;
	if (keys->size[0] < b->part->length || (payload && payload->size[0] < b->part->length))
		return TERN_FAULT_SHAPE;
	o->tile = in->d;
	o->tile2 = in->a;
	o->imm = in->imm;
	return 0;
}

static int build_op(struct builder *b, struct tern_vop *o, const struct instr *in)
{
	switch (in->op) {
	case TERN_V_LD:
	case TERN_V_LDX:
	case TERN_V_SHIFT:
		return build_load(b, o, in);
	case TERN_V_ST:
	case TERN_V_STQ:
	case TERN_V_PACK:
		return build_store(b, o, in);
	case TERN_V_LDS:
	case TERN_V_STS:
		return build_element(b, o, in);
	case TERN_V_LANE:
		return build_lane(b, o, in);
	case TERN_V_ROW:
		return build_row(b, o, in);
	case TERN_V_RSUM:
	case TERN_V_RMAX:
	case TERN_V_RMIN:
	case TERN_V_RAMAX:
	case TERN_V_RISUM:
	case TERN_V_SCAN:
		return build_reduce(b, o, in);
	case TERN_V_CMPX:
		return build_cmpx(b, o, in);
	default:
		if (in->op >= TERN_VRUN_OPS)
			return TERN_FAULT_VECTOR_PROGRAM;
		return build_alu(b, o, in);
	}
}

/* ---- the whole -------------------------------------------------------------------- */
static void begin_part(struct builder *b, int64_t length)
{
	struct tern_vprogram *p = b->p;

	b->part = &p->parts[p->nparts++];
	*b->part = (struct tern_vpart){.first = (uint16_t)p->nops, .length = length};
	b->inside = length >= 0;
	b->written = 0;
}

static void end_part(struct builder *b)
{
	b->part->count = (uint16_t)(b->p->nops - b->part->first);
	if (b->inside)
		tern_vprogram_direct(b->p->ops + b->part->first, b->part->count, b->run);
	if (!b->part->count)
		b->p->nparts--;
}

static int enter_loop(struct builder *b, const struct instr *in)
{
	const struct tern_vtile *t = use_tile(b, in->imm);

	if (b->inside || !t || t->size[0] < 0)
		return TERN_FAULT_VECTOR_PROGRAM;
	end_part(b);
	begin_part(b, t->size[0]);
	if (t->size[0] > b->p->max_length)
		b->p->max_length = t->size[0];
	return 0;
}

static int leave_loop(struct builder *b)
{
	if (!b->inside)
		return TERN_FAULT_VECTOR_PROGRAM;
	end_part(b);
	begin_part(b, -1);
	return 0;
}

static int build_next(struct builder *b, const struct instr *in)
{
	struct tern_vop *o = &b->p->ops[b->p->nops];

	if (in->op == TERN_V_LANES)
		return enter_loop(b, in);
	if (in->op == TERN_V_ENDL)
		return leave_loop(b);
	*o = (struct tern_vop){.op = in->op, .d = NO_BUF, .a = NO_BUF, .b = NO_BUF, .c = NO_BUF};
	b->p->nops++;
	return build_op(b, o, in);
}

static void choose_strip(struct builder *b)
{
	struct tern_vprogram *p = b->p;
	unsigned int strip = TERN_VRUN_STRIP;
	int64_t rows;

	if (p->nbufs * strip > TERN_VRUN_HOT_WORDS)
		strip = TERN_VRUN_HOT_WORDS / p->nbufs & ~(TERN_VRUN_STRIP_MIN - 1u);
	p->strip = strip < TERN_VRUN_STRIP_MIN ? TERN_VRUN_STRIP_MIN : strip;
	rows = p->max_length < 1 ? TERN_VRUN_ROWS : p->strip / tern_vrun_pad(p->max_length);
	if (rows < 1 || b->can_fault)
		rows = 1;
	p->rows = rows > TERN_VRUN_ROWS ? TERN_VRUN_ROWS : (unsigned int)rows;
}

static void begin_program(struct tern_vprogram *p)
{
	p->nops = p->nparts = p->nbufs = p->nimm = 0;
	p->tiles = p->s_used = p->s_named = 0;
	p->max_length = 0;
}

int tern_vprogram_build(struct tern_vprogram *p, const struct tern_vrun *run,
			const struct tern_vkernels *k, uint64_t *bad)
{
	struct builder b = {.p = p, .run = run, .k = k, .bad = bad, .spare = NO_BUF};
	int err = check_tiles(run);

	if (err)
		return err;
	if (run->n > TERN_VECTOR_MAX_INSTRS)
		return TERN_FAULT_VECTOR_PROGRAM;
	begin_program(p);
	for (int i = 0; i < TERN_VECTOR_REGS; i++)
		b.phys[i] = NO_BUF;
	begin_part(&b, -1);
	for (size_t i = 0; i < run->n; i++) {
		const struct instr in = decode(run->prog[i]);

		if (in.op == TERN_V_STOP)
			break;
		err = build_next(&b, &in);
		if (err)
			return err;
	}
	if (b.inside)
		return TERN_FAULT_VECTOR_PROGRAM;
	end_part(&b);
	choose_strip(&b);
	return 0;
}
