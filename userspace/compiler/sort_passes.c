// SPDX-License-Identifier: MIT
/* Sorting of long rows: a row kernel for each pass over scratch memory. See sort_long.c. */
#include "compiler/sort.h"

/* ---- operands in scratch ------------------------------------------------------------------ */
/* Elements, then a count and a distance in elements twice, then the rows. */
static struct tern_tensor_desc scratch_view(const struct sort_long *s, enum tern_dtype type,
					    int64_t n, int64_t n1, int64_t step1, int64_t n2,
					    int64_t step2)
{
	return (struct tern_tensor_desc){
		.type = type,
		.ne = {n, n1, n2, s->rows},
		.nb = {4, 4 * (uint64_t)step1, 4 * (uint64_t)step2, 4ull << s->log2},
	};
}

static unsigned int in_scratch(struct row_kernel *k, unsigned int b, int64_t offset, int64_t first)
{
	k->buf[b].source = ROW_SCRATCH;
	k->buf[b].offset = offset + 4 * first;
	return b;
}

/* A value per chunk, dimension 1, the same for all rows. It follows the rows nevertheless: what
 * VECTOR does to a chunk begins when a LOAD is done, and it may be the only one. */
static unsigned int add_bases(struct row_kernel *k, const int32_t *base, int64_t n)
{
	unsigned int b = row_table(k, base, (size_t)n * sizeof(*base));

	for (unsigned int d = 0; d < k->ndims; d++) {
		k->buf[b].d[d].on = k->from[d] >= 1 && k->dim[d].max > 1;
		k->buf[b].d[d].nb = k->from[d] == 1 ? 4 * k->unit[d] : 0;
	}
	return b;
}

/* ---- chunks sorted by themselves -------------------------------------------------------------- */
static bool first_larger(const struct row_kernel *k)
{
	return ((const struct sort_order *)k->extra)->largest_first;
}

/* Tiles: keys, x, payload, base, then what pads keys and payload. Padding goes behind the row,
 * whichever way this chunk is sorted. */
static void chunk_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool down = sort_descends(k->op);

	(void)resident;
	vp(p, TERN_V_LDS, vS(ROW_S_FREE), 3, 0, 0);
	vp(p, TERN_V_LANES, 0, 0, 0, 1);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, down ? TERN_V_MAX : TERN_V_MIN, 0, 0, V_IMM, f32_bits(sort_limit(down)));
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_LANE, 1, 0, 0, 0);
	vp(p, TERN_V_IADD, 1, 1, vS(ROW_S_FREE), 0);
	vp(p, TERN_V_ST, 2, 1, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	if (k->step[0].ntiles < 6)
		return;
	vp(p, TERN_V_LANES, 0, 0, 0, 4);
	vp(p, TERN_V_ST, 4, V_IMM, 0, f32_bits(sort_end(down)));
	vp(p, TERN_V_ST, 5, V_IMM, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

void sort_chunk_kernel(const struct sort_long *s, struct row_kernel *k,
		       struct tern_tensor_desc t[3], int64_t first, int64_t count, int64_t n)
{
	enum { X, BASE, KEYS, PAYLOAD };
	int64_t chunk = 1ll << s->chunk_log2, at = first << s->chunk_log2;
	struct row_step *st;

	t[0] = scratch_view(s, TERN_F32, chunk, count, 2 * chunk, 1, 0);
	t[1] = scratch_view(s, TERN_I32, chunk, count, 2 * chunk, 1, 0);
	t[2] = t[0];
	t[2].ne[0] = n;
	row_init(k, s->op, &t[0]);
	k->extra = sort_order(s->down != (first & 1));
	k->rows = true;
	k->whole = 1;
	in_scratch(k, row_in(k, &t[2], 0), s->keys, at);
	row_own_length(k, X, n);
	add_bases(k, s->base, count);
	in_scratch(k, row_out(k, &t[0], 0), s->keys, at);
	in_scratch(k, row_out(k, &t[1], 0), s->payload, at);
	st = row_step(k, chunk_body);
	st->tile[0].buf = KEYS;
	st->tile[1].buf = X;
	st->tile[2].buf = PAYLOAD;
	st->tile[3].buf = BASE;
	st->ntiles = 4;
	if (n < chunk) {
		st->tile[4] = (struct row_tile){
			.buf = KEYS, .first = (int32_t)n, .n = (int32_t)(chunk - n)};
		st->tile[5] = (struct row_tile){
			.buf = PAYLOAD, .first = (int32_t)n, .n = (int32_t)(chunk - n)};
		st->ntiles = 6;
	}
	sort_add_network(k, KEYS, PAYLOAD, s->chunk_log2);
	row_finish(k);
}

/* Tiles: base, keys, payload. */
static void pad_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 1);
	vp(p, TERN_V_ST, 1, V_IMM, 0, f32_bits(sort_end(sort_descends(k->op))));
	vp(p, TERN_V_ST, 2, V_IMM, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

void sort_pad_kernel(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc t[2],
		     int64_t first, int64_t count)
{
	int64_t chunk = 1ll << s->chunk_log2;

	t[0] = scratch_view(s, TERN_F32, chunk, count, chunk, 1, 0);
	t[1] = scratch_view(s, TERN_I32, chunk, count, chunk, 1, 0);
	row_init(k, s->op, &t[0]);
	k->rows = true;
	k->whole = 1;
	/* not looked at */
	add_bases(k, s->base, count);
	in_scratch(k, row_out(k, &t[0], 0), s->keys, first * chunk);
	in_scratch(k, row_out(k, &t[1], 0), s->payload, first * chunk);
	row_step(k, pad_body);
	row_finish(k);
}

/* ---- blocks of several chunks -------------------------------------------------------------------- */
/* Tiles: the keys before and behind, their payload, then the same as results. */
static void exchange_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool down = first_larger(k);

	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	for (unsigned int i = 0; i < 4; i++)
		vp(p, TERN_V_LD, i, i, 0, 0);
	vp(p, TERN_V_LT, 4, down ? 0 : 1, down ? 1 : 0, 0);
	for (unsigned int i = 0; i < 4; i += 2) {
		vp(p, TERN_V_SEL, 5, 4, i + 1, i);
		vp(p, TERN_V_ST, row_tile_out(k, i), 5, 0, 0);
		vp(p, TERN_V_SEL, 6, 4, i, i + 1);
		vp(p, TERN_V_ST, row_tile_out(k, i + 1), 6, 0, 0);
	}
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

void sort_exchange_kernel(const struct sort_long *s, struct row_kernel *k,
			  struct tern_tensor_desc t[2], int block, int distance, bool odd)
{
	int64_t n = 1ll << distance, from = odd ? 1ll << block : 0;
	int64_t blocks = block < s->log2 ? 1ll << (s->log2 - block - 1) : 1;

	t[0] = scratch_view(s, TERN_F32, n, 1ll << (block - 1 - distance), 2 * n, blocks,
			    2ll << block);
	t[1] = t[0];
	t[1].type = TERN_I32;
	row_init(k, s->op, &t[0]);
	k->extra = sort_order(s->down != odd);
	for (int i = 0; i < 4; i++)
		in_scratch(k, row_in(k, &t[i / 2], 0), i < 2 ? s->keys : s->payload,
			   from + (i % 2) * n);
	for (int i = 0; i < 4; i++)
		in_scratch(k, row_out(k, &t[i / 2], 0), i < 2 ? s->keys : s->payload,
			   from + (i % 2) * n);
	row_step(k, exchange_body);
	row_finish(k);
}

/* Tiles: keys and payload as loaded, then as stored. */
static void take_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 1, 1, 0, 0);
	vp(p, TERN_V_ST, 2, 0, 0, 0);
	vp(p, TERN_V_ST, 3, 1, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

void sort_merge_kernel(const struct sort_long *s, struct row_kernel *k,
		       struct tern_tensor_desc t[2], int block, bool odd)
{
	int64_t chunk = 1ll << s->chunk_log2, from = odd ? 1ll << block : 0;
	int64_t blocks = block < s->log2 ? 1ll << (s->log2 - block - 1) : 1;
	struct row_step *st;

	t[0] = scratch_view(s, TERN_F32, chunk, 1ll << (block - s->chunk_log2), chunk, blocks,
			    2ll << block);
	t[1] = t[0];
	t[1].type = TERN_I32;
	row_init(k, s->op, &t[0]);
	k->extra = sort_order(s->down != odd);
	k->rows = true;
	k->whole = 1;
	for (int i = 0; i < 2; i++)
		in_scratch(k, row_in(k, &t[i], 0), i ? s->payload : s->keys, from);
	for (int i = 0; i < 2; i++)
		in_scratch(k, row_out(k, &t[i], 0), i ? s->payload : s->keys, from);
	st = row_step(k, take_body);
	for (uint8_t i = 0; i < 4; i++)
		st->tile[i].buf = i;
	st->ntiles = 4;
	sort_add_merge(k, 2, 3);
	row_finish(k);
}

/* ---- into scratch and out of it ------------------------------------------------------------------ */
/* Rows of n elements with the dimensions of t. */
static struct tern_tensor_desc rows_like(const struct sort_long *s,
					 const struct tern_tensor_desc *t, enum tern_dtype type)
{
	struct tern_tensor_desc v = *t;

	v.type = type;
	v.nb[0] = 4;
	v.nb[1] = 4ull << s->log2;
	v.nb[2] = v.nb[1] * (uint64_t)t->ne[1];
	v.nb[3] = v.nb[2] * (uint64_t)t->ne[2];
	return v;
}

void sort_copy_in(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc *t)
{
	*t = rows_like(s, s->x, TERN_F32);
	row_init(k, s->op, s->x);
	row_in(k, s->x, s->op->src[0]);
	in_scratch(k, row_out(k, t, 0), s->keys, 0);
	row_finish(k);
}

void sort_copy_out(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc *t)
{
	*t = rows_like(s, s->d, TERN_I32);
	row_init(k, s->op, s->d);
	in_scratch(k, row_in(k, t, 0), s->payload, 0);
	row_out(k, s->d, s->op->dst);
	row_finish(k);
}
