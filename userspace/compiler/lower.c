// SPDX-License-Identifier: MIT
/* Groups, their arguments and resources. See lower.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/lower.h"

/* Share of the scratchpad that the weight ring takes: long enough to hide the chain of small
 * operators between two matrix products (README.md, "The weight ring"). */
enum { RING_NUM = 3, RING_DEN = 8, RING_SLOTS = 8, SPM_ALIGN = 64 };

static uint32_t align_up(uint64_t v, uint32_t a)
{
	return (uint32_t)((v + a - 1) / a * a);
}

uint32_t lower_slot_bytes(const struct tern_caps *caps)
{
	return (uint32_t)((uint64_t)caps->spm_bytes * RING_NUM / RING_DEN / RING_SLOTS / SPM_ALIGN *
			  SPM_ALIGN);
}

uint32_t lower_spm_local(const struct tern_caps *caps)
{
	return caps->spm_bytes - lower_slot_bytes(caps) * RING_SLOTS;
}

uint32_t lower_spm_left(const struct tern_lower *l)
{
	return l->next_spm < l->caps->spm_bytes ? l->caps->spm_bytes - l->next_spm : 0;
}

static void fail(struct tern_lower *l, int err)
{
	if (!l->err)
		l->err = err;
}

/* ---- groups ---------------------------------------------------------------- */
void lower_group_begin(struct tern_lower *l, uint32_t mark)
{
	tern_emit_mark(&l->main, mark);
	tern_emit_op(&l->main, TERN_OP_YIELD); /* no group reads what another left in SPM */
	l->rec = l->nargs;
	l->group_start = l->code.n;
	l->group_fixups = l->nfixups;
	l->next_reg = TERN_REG_LOCAL;
	l->next_tile = 0;
	l->next_spm = l->ring_bytes;
	l->args_done = false;
}

static bool same_arg(const struct tern_arg *a, const struct tern_arg *b)
{
	return a->storage == b->storage && a->sym == b->sym && a->bias == b->bias &&
	       a->offset == b->offset && a->mul == b->mul;
}

unsigned int lower_arg(struct tern_lower *l, struct tern_arg arg)
{
	for (size_t i = l->rec; i < l->nargs; i++)
		if (same_arg(&l->args[i], &arg) && arg.storage == TERN_ARG_CONST)
			return TERN_REG_LOCAL + (unsigned int)(i - l->rec);
	if (l->args_done || l->next_reg >= TERN_NREGS) {
		fail(l, -E2BIG);
		return TERN_REG_LOCAL;
	}
	if (l->nargs == l->cap_args) {
		size_t cap = l->cap_args ? 2 * l->cap_args : 256;
		struct tern_arg *a = realloc(l->args, cap * sizeof(*a));

		if (!a) {
			fail(l, -ENOMEM);
			return TERN_REG_LOCAL;
		}
		l->args = a;
		l->cap_args = cap;
	}
	l->args[l->nargs++] = arg;
	return l->next_reg++;
}

unsigned int lower_base(struct tern_lower *l, uint32_t tensor)
{
	const struct tern_tensor_desc *t = &l->g->tensors[tensor];

	return lower_arg(l, (struct tern_arg){
				    .storage = (int32_t)t->storage,
				    .sym = t->offset_sym,
				    .bias = t->offset_sym ? -1 : 0,
				    .offset = (int64_t)t->offset,
				    .mul = t->offset_sym ? t->offset_mul : 0,
			    });
}

/* Constants are shared by content: every layer's RoPE table is one. */
static size_t const_at(struct tern_lower *l, const void *data, size_t bytes)
{
	size_t at = l->consts.n, found;

	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t w = 0;

		memcpy(&w, (const char *)data + i, bytes - i < 8 ? bytes - i : 8);
		tern_code_word(&l->consts, w);
	}
	while (l->consts.n % (TERN_BURST / 8))
		tern_code_word(&l->consts, 0);
	if (l->consts.err)
		return 0;
	found = intern_find(&l->const_index, l->consts.w, l->consts.w + at, l->consts.n - at);
	if (found != SIZE_MAX) {
		l->consts.n = at;
		return found;
	}
	if (!intern_add(&l->const_index, l->consts.w, at, l->consts.n - at))
		fail(l, -ENOMEM);
	return at;
}

unsigned int lower_const(struct tern_lower *l, const void *data, size_t bytes)
{
	return lower_arg(l, (struct tern_arg){
				    .storage = TERN_ARG_IMAGE,
				    .offset = (int64_t)(8 * const_at(l, data, bytes)),
			    });
}

struct tern_dim lower_dim_imm(int64_t v)
{
	return (struct tern_dim){tern_imm(v), v};
}

struct tern_dim lower_dim(struct tern_lower *l, const struct tern_tensor_desc *t, int dim)
{
	if (!t->ne_sym[dim])
		return lower_dim_imm(t->ne[dim]);
	unsigned int r = lower_arg(
		l, (struct tern_arg){.storage = TERN_ARG_CONST, .sym = t->ne_sym[dim], .mul = 1});

	return (struct tern_dim){tern_reg(r), t->ne[dim]};
}

void lower_args_done(struct tern_lower *l)
{
	size_t n = l->nargs - l->rec;
	struct tern_sync s = {0};

	for (size_t i = 0; i < n; i += TERN_LDR_MAX) {
		size_t count = n - i < TERN_LDR_MAX ? n - i : TERN_LDR_MAX;

		tern_emit_ldr(&l->code, TERN_REG_LOCAL + (unsigned int)i, (unsigned int)count,
			      TERN_REG_RECORD, (int64_t)(8 * i), 3);
	}
	sync_wait(&s, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_LOAD1, &s);
	l->args_done = true;
}

/* The subroutine equal to code [start, start + words), or a new one. */
static size_t share_code(struct tern_lower *l, size_t start, size_t words)
{
	size_t found = intern_find(&l->sub_index, l->code.w, l->code.w + start, words);

	if (found != SIZE_MAX) {
		l->code.n = start;
		l->nfixups = l->group_fixups;
		return found;
	}
	if (!intern_add(&l->sub_index, l->code.w, start, words))
		fail(l, -ENOMEM);
	return start;
}

void lower_group_end(struct tern_lower *l)
{
	struct tern_sync s = {0};
	size_t sub;

	sync_signal(&s, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_STORE, &s);
	tern_emit_op(&l->code, TERN_OP_RET);
	if (l->code.err || l->err)
		return;
	sub = share_code(l, l->group_start, l->code.n - l->group_start);
	tern_emit_alu(&l->main, TERN_ALU_ADD, TERN_REG_RECORD, TERN_REG_ARGS,
		      tern_imm((int64_t)(8 * l->rec)));
	tern_emit_call(&l->main, TERN_IMAGE_HEADER_WORDS + sub);
}

/* ---- resources ------------------------------------------------------------- */
unsigned int lower_reg(struct tern_lower *l)
{
	if (l->next_reg >= TERN_NREGS) {
		fail(l, -E2BIG);
		return TERN_REG_LOCAL;
	}
	return l->next_reg++;
}

unsigned int lower_tile(struct tern_lower *l)
{
	if (l->next_tile >= TERN_NTILES) {
		fail(l, -E2BIG);
		return 0;
	}
	return l->next_tile++;
}

uint32_t lower_spm(struct tern_lower *l, uint64_t bytes)
{
	uint32_t at = l->next_spm;

	if (bytes > lower_spm_left(l)) {
		fail(l, -ENOSPC);
		return l->ring_bytes;
	}
	l->next_spm = align_up((uint64_t)at + bytes, SPM_ALIGN);
	return at;
}

/* ---- emission helpers -------------------------------------------------------- */
void lower_mov(struct tern_lower *l, unsigned int rd, struct tern_val v)
{
	if (v.reg)
		tern_emit_alu(&l->code, TERN_ALU_ADD, rd, (unsigned int)v.v, tern_imm(0));
	else
		tern_emit_movi(&l->code, rd, v.v);
}

void lower_alu(struct tern_lower *l, unsigned int op, unsigned int rd, unsigned int ra,
	       struct tern_val b)
{
	tern_emit_alu(&l->code, op, rd, ra, b);
}

static bool fold(unsigned int op, int64_t a, int64_t b, int64_t *out)
{
	switch (op) {
	case TERN_ALU_ADD:
		*out = a + b;
		return true;
	case TERN_ALU_SUB:
		*out = a - b;
		return true;
	case TERN_ALU_MUL:
		*out = a * b;
		return true;
	case TERN_ALU_MIN:
		*out = a < b ? a : b;
		return true;
	case TERN_ALU_MAX:
		*out = a > b ? a : b;
		return true;
	case TERN_ALU_CDIV:
		*out = (a + b - 1) / b;
		return b > 0;
	case TERN_ALU_DIV:
		*out = b ? a / b : 0;
		return b != 0;
	default:
		return false;
	}
}

struct tern_val lower_calc(struct tern_lower *l, unsigned int op, struct tern_val a,
			   struct tern_val b)
{
	unsigned int rd;
	int64_t v;

	if (!a.reg && !b.reg && fold(op, a.v, b.v, &v))
		return tern_imm(v);
	if (op == TERN_ALU_MUL && !b.reg && b.v == 1)
		return a;
	if (op == TERN_ALU_ADD && !b.reg && b.v == 0)
		return a;
	rd = lower_reg(l);
	if (!a.reg) {
		lower_mov(l, rd, a);
		a = tern_reg(rd);
	}
	lower_alu(l, op, rd, (unsigned int)a.v, b);
	return tern_reg(rd);
}

struct lower_loop lower_loop_begin(struct tern_lower *l, struct tern_val count)
{
	struct lower_loop loop = {.once = !count.reg && count.v == 1};

	if (loop.once)
		return loop;
	loop.reg = lower_reg(l);
	lower_mov(l, loop.reg, count);
	loop.start = l->code.n;
	return loop;
}

void lower_loop_end(struct tern_lower *l, struct lower_loop *loop)
{
	if (!loop->once)
		tern_emit_loop(&l->code, loop->reg, loop->start);
}

struct lower_pipe lower_pipe(struct tern_lower *l, enum tern_pipe pipe, uint64_t slot_bytes)
{
	uint32_t slot = align_up(slot_bytes, SPM_ALIGN);
	struct lower_pipe p = {
		.pipe = pipe,
		.base = lower_spm(l, 2ull * slot),
		.slot = slot,
		.prod = lower_reg(l),
		.cons = lower_reg(l),
	};

	lower_mov(l, p.prod, tern_imm(p.base));
	lower_mov(l, p.cons, tern_imm(p.base));
	return p;
}

void lower_pipe_step(struct tern_lower *l, const struct lower_pipe *p, bool producer)
{
	tern_emit_ring(&l->code, producer ? p->prod : p->cons, p->slot, p->base,
		       (int64_t)p->base + 2 * (int64_t)p->slot);
}

void sync_wait(struct tern_sync *s, unsigned int sem, unsigned int n)
{
	int i = s->wait[0].n ? 1 : 0;

	s->wait[i].sem = (uint8_t)sem;
	s->wait[i].n = (uint8_t)n;
}

void sync_signal(struct tern_sync *s, unsigned int sem, unsigned int n)
{
	int i = s->signal[0].n ? 1 : 0;

	s->signal[i].sem = (uint8_t)sem;
	s->signal[i].n = (uint8_t)n;
}

struct lower_tile_spec tile_spec(unsigned int type, bool spm, struct tern_val addr)
{
	struct lower_tile_spec s = {.addr = addr, .type = type, .spm = spm};

	for (int d = 0; d < TERN_NDIMS; d++)
		s.size[d] = tern_imm(1);
	if (tern_type_info(type) && tern_type_info(type)->kind == TERN_KIND_PLAIN)
		s.stride[0] = tern_imm(tern_type_info(type)->bytes);
	return s;
}

void lower_set_tile(struct tern_lower *l, unsigned int tile, const struct lower_tile_spec *s)
{
	struct tern_val v[TERN_TILE_NFIELDS] = {0};

	v[TERN_TILE_ADDR] = s->addr;
	v[TERN_TILE_OFFS] = s->offs;
	for (int d = 0; d < TERN_NDIMS; d++) {
		v[TERN_TILE_SIZE0 + d] = s->size[d];
		v[TERN_TILE_STRIDE0 + d] = s->stride[d];
	}
	v[TERN_TILE_TYPE] = tern_imm(s->type | (s->spm ? TERN_TILE_SPM : 0));
	tern_emit_tile(&l->code, tile, (1u << TERN_TILE_NFIELDS) - 1, v);
}

void lower_set_field(struct tern_lower *l, unsigned int tile, enum tern_tile_field f,
		     struct tern_val v)
{
	struct tern_val vals[TERN_TILE_NFIELDS] = {0};

	vals[f] = v;
	tern_emit_tile(&l->code, tile, 1u << f, vals);
}

/* ---- micro-programs ------------------------------------------------------------ */
uint32_t f32_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, 4);
	return u;
}

void vp(struct vprog *p, unsigned int op, unsigned int d, unsigned int a, unsigned int b,
	uint32_t imm)
{
	if (p->n == TERN_VECTOR_MAX_INSTRS) {
		p->overflow = true;
		return;
	}
	p->w[p->n++] = tern_vinstr(op, d, a, b, imm);
}

/* Offset of p in vprog. */
static size_t intern_vprog(struct tern_lower *l, const struct vprog *p)
{
	size_t at = intern_find(&l->vprog_index, l->vprog.w, p->w, p->n);

	if (at != SIZE_MAX)
		return at;
	at = l->vprog.n;
	for (unsigned int i = 0; i < p->n; i++)
		tern_code_word(&l->vprog, p->w[i]);
	if (!l->vprog.err && !intern_add(&l->vprog_index, l->vprog.w, at, p->n))
		fail(l, -ENOMEM);
	return at;
}

static void add_fixup(struct tern_lower *l, size_t word)
{
	/* grown by doubling at powers of two */
	if (!(l->nfixups & (l->nfixups - 1)) || !l->fixups) {
		size_t cap = l->nfixups ? 2 * l->nfixups : 1;
		size_t *f = realloc(l->fixups, cap * sizeof(*f));

		if (!f) {
			fail(l, -ENOMEM);
			return;
		}
		l->fixups = f;
	}
	l->fixups[l->nfixups++] = word;
}

void lower_vector(struct tern_lower *l, const struct vprog *p, const uint8_t *tiles,
		  unsigned int ntiles, const uint8_t *sregs, unsigned int nsregs,
		  const struct tern_sync *s)
{
	uint8_t t[TERN_VECTOR_TILES], r[8];

	if (p->overflow)
		fail(l, -E2BIG);
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++)
		t[i] = i < ntiles ? tiles[i] : TERN_NONE;
	for (unsigned int i = 0; i < 8; i++)
		r[i] = i < nsregs ? sregs[i] : TERN_NONE;
	size_t at = tern_emit_vector(&l->code, t, r, intern_vprog(l, p), p->n, s);

	add_fixup(l, at + 3);
}
