// SPDX-License-Identifier: MIT
/*
 * Tiles and registers captured at dispatch, and every check that does not need data.
 *
 * Rules on alignment: a PLAIN tile's address and strides are multiples of its element, an
 * OPERAND tile's of 4 (its scales are f32), a BLOCK tile's of 2 (its scales are f16;
 * MXFP4, whose scale is a byte, has none). Strides of dimensions of size 1 mean nothing.
 */
#include "sim/internal.h"

#define TYPE_BITS (TERN_TILE_TYPE_MASK | TERN_TILE_SPM)

static int64_t field(const struct tern_sim *s, const struct sim_tile *t, unsigned int f)
{
	return *sim_tile_field(s, t, f);
}

/* Where a bad value stands: what faults carry as their second value. */
static uint64_t place(unsigned int which, unsigned int field)
{
	return which << 8 | field;
}

static int capture_type(struct tern_sim *s, unsigned int which, const struct sim_tile *d,
			struct tern_rtile *t)
{
	int64_t type = field(s, d, TERN_TILE_TYPE);

	if (type & ~(int64_t)TYPE_BITS)
		return sim_fault(s, TERN_FAULT_ILLEGAL, (uint64_t)type,
				 place(which, TERN_TILE_TYPE));
	t->type = type & TERN_TILE_TYPE_MASK;
	t->spm = type & TERN_TILE_SPM;
	return 0;
}

int sim_capture(struct tern_sim *s, unsigned int which, unsigned int n, struct tern_rtile *t,
		bool *empty)
{
	const struct sim_tile *d = &s->tiles[n];

	t->present = true;
	t->addr = (uint64_t)field(s, d, TERN_TILE_ADDR) + (uint64_t)field(s, d, TERN_TILE_OFFS);
	for (unsigned int i = 0; i < TERN_NDIMS; i++) {
		int64_t size = field(s, d, TERN_TILE_SIZE0 + i);

		if (size < 0 || size > TERN_MAX_SIZE)
			return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)size,
					 place(which, TERN_TILE_SIZE0 + i));
		*empty |= size == 0;
		t->size[i] = size;
		t->stride[i] = field(s, d, TERN_TILE_STRIDE0 + i);
	}
	return capture_type(s, which, d, t);
}

static int check_strides(struct tern_sim *s, unsigned int which, const struct tern_rtile *t,
			 unsigned int align)
{
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		if (t->size[d] > 1 && t->stride[d] & (int64_t)(align - 1))
			return sim_fault(s, TERN_FAULT_ALIGN, (uint64_t)t->stride[d],
					 place(which, TERN_TILE_STRIDE0 + d));
	}
	return 0;
}

int sim_check_shape(struct tern_sim *s, unsigned int which, const struct tern_rtile *t, bool spm)
{
	const struct sim_type *info = &sim_types[t->type];

	if (!info->kind || t->spm != spm)
		return sim_fault(s, TERN_FAULT_TYPE, t->type, place(which, TERN_TILE_TYPE));
	if (info->kind == TERN_KIND_RESERVED)
		return sim_fault(s, TERN_FAULT_UNIMPLEMENTED, t->type,
				 place(which, TERN_TILE_TYPE));
	if (info->kind == (spm ? TERN_KIND_BLOCK : TERN_KIND_OPERAND))
		return sim_fault(s, TERN_FAULT_TYPE, t->type, place(which, TERN_TILE_TYPE));
	if (t->size[0] & ((1 << info->shift) - 1))
		return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)t->size[0],
				 place(which, TERN_TILE_SIZE0));
	if (info->kind != TERN_KIND_PLAIN && t->stride[0])
		return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)t->stride[0],
				 place(which, TERN_TILE_STRIDE0));
	if (t->addr & (info->align - 1u))
		return sim_fault(s, TERN_FAULT_ALIGN, t->addr, place(which, TERN_TILE_ADDR));
	return check_strides(s, which, t, info->align);
}

int sim_check_place(struct tern_sim *s, const struct tern_rtile *t, const int64_t *size,
		    struct sim_range *range)
{
	int code = t->spm ? TERN_FAULT_SPM_RANGE : TERN_FAULT_TRANSLATION;

	if (!sim_tile_range(t, size, range))
		return sim_fault(s, code, t->addr, 0);
	if (t->spm && range->hi > s->hdr.spm_bytes)
		return sim_fault(s, code, range->hi, s->hdr.spm_bytes);
	return 0;
}

int sim_check_tile(struct tern_sim *s, unsigned int i, bool spm)
{
	struct tern_rtile *t = &s->cur->cmd.t[i];
	int err = sim_check_shape(s, i, t, spm);

	return err ? err : sim_check_place(s, t, t->size, &s->cur->range[i]);
}

/* ---- MATRIX ------------------------------------------------------------------- */
static bool is_float(unsigned int type)
{
	return type == TERN_T_F32 || type == TERN_T_F16 || type == TERN_T_BF16;
}

static int check_types(struct tern_sim *s, const struct tern_rcmd *c)
{
	unsigned int a = c->t[0].type, b = c->t[1].type;

	if (a == TERN_T_ACT) {
		if (b < TERN_T_OP32 || b > TERN_T_OP16M || (c->flags & TERN_MATRIX_KN))
			return sim_fault(s, TERN_FAULT_TYPE, b, place(1, TERN_TILE_TYPE));
	} else if (!is_float(a)) {
		return sim_fault(s, TERN_FAULT_TYPE, a, place(0, TERN_TILE_TYPE));
	} else if (a != b) {
		return sim_fault(s, TERN_FAULT_TYPE, b, place(1, TERN_TILE_TYPE));
	}
	if (c->t[2].present && !is_float(c->t[2].type))
		return sim_fault(s, TERN_FAULT_TYPE, c->t[2].type, place(2, TERN_TILE_TYPE));
	return 0;
}

/* The engine streams rows: their elements must follow each other. */
static int check_rows(struct tern_sim *s, const struct tern_rtile *t, unsigned int which)
{
	const struct sim_type *info = &sim_types[t->type];

	if (info->kind == TERN_KIND_PLAIN && t->size[0] > 1 && t->stride[0] != info->bytes)
		return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)t->stride[0],
				 place(which, TERN_TILE_STRIDE0));
	return 0;
}

static int check_sizes(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct tern_rtile *a = &c->t[0], *b = &c->t[1], *o = &c->t[2];
	bool kn = c->flags & TERN_MATRIX_KN;
	int64_t n = b->size[!kn];
	const int64_t want[TERN_NDIMS] = {n, a->size[1], a->size[2], a->size[3]};

	if (b->size[kn] != a->size[0])
		return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)b->size[kn],
				 place(1, TERN_TILE_SIZE0 + kn));
	for (unsigned int d = 2; d < TERN_NDIMS; d++) {
		if (a->size[d] != b->size[d] && a->size[d] % b->size[d])
			return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)b->size[d],
					 place(1, TERN_TILE_SIZE0 + d));
	}
	for (unsigned int d = 0; o->present && d < TERN_NDIMS; d++) {
		if (o->size[d] != want[d])
			return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)o->size[d],
					 place(2, TERN_TILE_SIZE0 + d));
	}
	return 0;
}

/* Accumulators are addressed as [batch][m][n] without gaps. */
static int check_accumulators(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct tern_rtile *a = &c->t[0], *b = &c->t[1];
	int64_t n = b->size[!(c->flags & TERN_MATRIX_KN)];

	if ((c->flags & (TERN_MATRIX_ACC | TERN_MATRIX_OUT)) == TERN_MATRIX_OUT)
		return 0;
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (__builtin_mul_overflow(n, a->size[d], &n))
			n = INT64_MAX;
	}
	if (n > (int64_t)s->hdr.acc)
		return sim_fault(s, TERN_FAULT_ACC_RANGE, (uint64_t)n, s->hdr.acc);
	return 0;
}

/* A result on top of an operand would be read while it is written. */
static int check_result(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct tern_rtile *o = &c->t[2];
	const struct sim_range *r = s->cur->range;

	if (!o->present)
		return 0;
	if (!sim_tile_distinct(o, o->size))
		return sim_fault(s, TERN_FAULT_SHAPE, o->addr, place(2, TERN_TILE_STRIDE0));
	for (unsigned int i = 0; i < 2; i++) {
		if (sim_ranges_meet(&r[2], &r[i]) && sim_tile_overlap(o, &c->t[i]))
			return sim_fault(s, TERN_FAULT_SHAPE, o->addr, place(i, TERN_TILE_ADDR));
	}
	return 0;
}

/* Each element once; hostile sizes end in BUDGET anyway. */
static uint64_t tile_bytes(const struct tern_rtile *t)
{
	uint64_t n = (uint64_t)sim_row_bytes(t->type, t->size[0]);

	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (__builtin_mul_overflow(n, (uint64_t)t->size[d], &n))
			return UINT32_MAX;
	}
	return n;
}

/* Cycles at the full rate of the operand type. */
static int spend(struct tern_sim *s, struct tern_rcmd *c)
{
	const struct tern_rtile *a = &c->t[0], *b = &c->t[1];
	uint64_t macs = (uint64_t)b->size[!(c->flags & TERN_MATRIX_KN)];

	c->spm_bytes = tile_bytes(a) + tile_bytes(b) + (c->t[2].present ? tile_bytes(&c->t[2]) : 0);
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		if (__builtin_mul_overflow(macs, (uint64_t)a->size[d], &macs))
			return sim_spend(s, UINT64_MAX);
	}
	return sim_spend(s, 1 + macs / s->caps.mac_int8 * s->mac_div[b->type]);
}

int sim_resolve_matrix(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c)
{
	const uint8_t names[3] = {slot->a, slot->b, slot->c};
	int err = 0;

	for (unsigned int i = 0; !err && i < 3; i++)
		err = names[i] == TERN_NONE ? 0 : sim_capture(s, i, names[i], &c->t[i], &c->empty);
	if (err || c->empty)
		return err;
	for (unsigned int i = 0; !err && i < 3; i++)
		err = c->t[i].present ? sim_check_tile(s, i, true) : 0;
	if (!err)
		err = check_types(s, c);
	for (unsigned int i = 0; !err && i < 3; i++)
		err = c->t[i].present ? check_rows(s, &c->t[i], i) : 0;
	if (!err)
		err = check_sizes(s, c);
	if (!err)
		err = check_accumulators(s, c);
	if (!err)
		err = check_result(s, c);
	return err ? err : spend(s, c);
}
