// SPDX-License-Identifier: MIT
/* ARGSORT, and TOP_K with a large k: rows that fit the scratchpad. See sort.h. */
#include <errno.h>
#include <math.h>

#include "compiler/lowerings.h"
#include "compiler/sort.h"

/* ---- order ----------------------------------------------------------------------------- */
bool sort_descends(const struct tern_op_desc *op)
{
	return op->op == TERN_TOP_K || op->i[0] == 1;
}

float sort_end(bool largest_first)
{
	return largest_first ? -INFINITY : INFINITY;
}

float sort_limit(bool largest_first)
{
	return largest_first ? -3.402823466e38f : 3.402823466e38f;
}

const struct sort_order *sort_order(bool largest_first)
{
	static const struct sort_order orders[2] = {{false}, {true}};

	return &orders[largest_first];
}

static bool largest_first(const struct row_kernel *k)
{
	return ((const struct sort_order *)k->extra)->largest_first;
}

int sort_log2(int64_t n)
{
	int log2 = 0;

	while (log2 < 62 && 1ll << log2 < n)
		log2++;
	return log2;
}

/* ---- the network, on tiles: keys, payload ------------------------------------------------ */
static void compare(struct vprog *p, const struct row_kernel *k, int block, int distance)
{
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_CMPX, 0, 1, 0,
	   (uint32_t)(distance | block << 8 | (largest_first(k) ? 0 : 1 << 16)));
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* Steps first .. first + SORT_STEPS. */
static void network_steps(struct vprog *p, const struct row_kernel *k, int first)
{
	int log2 = sort_log2(k->dim[0].max), step = 0;

	for (int block = 1; block <= log2; block++) {
		for (int j = block - 1; j >= 0; j--, step++) {
			if (step >= first && step < first + SORT_STEPS)
				compare(p, k, block, j);
		}
	}
}

static void network_body_0(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	network_steps(p, k, 0);
}

static void network_body_1(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	network_steps(p, k, SORT_STEPS);
}

static void network_body_2(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	network_steps(p, k, 2 * SORT_STEPS);
}

static struct row_step *add_step(struct row_kernel *k, unsigned int keys, unsigned int payload,
				 void (*body)(struct vprog *, const struct row_kernel *, bool))
{
	struct row_step *s = row_step(k, body);

	s->tile[0].buf = (uint8_t)keys;
	s->tile[1].buf = (uint8_t)payload;
	s->ntiles = 2;
	return s;
}

void sort_add_network(struct row_kernel *k, unsigned int keys, unsigned int payload, int log2)
{
	static void (*const bodies[SORT_PROGRAMS])(struct vprog *, const struct row_kernel *,
						   bool) = {network_body_0, network_body_1,
							    network_body_2};

	for (int i = 0; i * SORT_STEPS < log2 * (log2 + 1) / 2; i++)
		add_step(k, keys, payload, bodies[i]);
}

static void merge_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	int log2 = sort_log2(k->dim[0].max);

	(void)resident;
	for (int j = log2 - 1; j >= 0; j--)
		compare(p, k, log2, j);
}

void sort_add_merge(struct row_kernel *k, unsigned int keys, unsigned int payload)
{
	add_step(k, keys, payload, merge_body);
}

/* ---- a row that fits ---------------------------------------------------------------------- */
enum { BUF_X, BUF_OUT, BUF_KEYS, BUF_PAYLOAD, MAX_LOG2 = 20 };

/* Tiles: keys, x, payload, then what pads keys and payload to a power of two. */
static void begin_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool down = largest_first(k);

	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 1);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, down ? TERN_V_MAX : TERN_V_MIN, 0, 0, V_IMM, f32_bits(sort_limit(down)));
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_LANE, 1, 0, 0, 0);
	vp(p, TERN_V_ST, 2, 1, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	if (k->step[0].ntiles < 4)
		return;
	vp(p, TERN_V_LANES, 0, 0, 0, 3);
	vp(p, TERN_V_ST, 3, V_IMM, 0, f32_bits(sort_end(down)));
	vp(p, TERN_V_LANE, 0, 0, 0, 0);
	vp(p, TERN_V_ST, 4, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* Tiles: result, payload. */
static void end_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void add_begin(struct row_kernel *k, int64_t n, int log2)
{
	int32_t first = (int32_t)n, pad = (int32_t)((1ll << log2) - n);
	struct row_step *s = row_step(k, begin_body);

	s->tile[0].buf = BUF_KEYS;
	s->tile[1].buf = BUF_X;
	s->tile[2].buf = BUF_PAYLOAD;
	s->tile[3] = (struct row_tile){.buf = BUF_KEYS, .first = first, .n = pad};
	s->tile[4] = (struct row_tile){.buf = BUF_PAYLOAD, .first = first, .n = pad};
	s->ntiles = pad ? 5 : 3;
}

static int short_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			struct row_kernel *k)
{
	const struct tern_tensor_desc *x = &ts[op->src[0]], *d = &ts[op->dst];
	int log2 = sort_log2(x->ne[0]);

	if (x->ne_sym[0])
		return tern_fail(-EOPNOTSUPP, "%s: rows to sort must have a fixed length",
				 tern_op_name(op->op));
	if (!row_sizes_ok(x))
		return row_bad_sizes(op);
	if (log2 > MAX_LOG2)
		return tern_fail(-EOPNOTSUPP, "%s: rows of more than %d elements",
				 tern_op_name(op->op), 1 << MAX_LOG2);
	row_init(k, op, x);
	k->extra = sort_order(sort_descends(op));
	k->rows = true;
	k->whole = 1;
	row_in(k, x, op->src[0]);
	row_own_length(k, row_out(k, d, op->dst), d->ne[0]);
	row_tmp(k, 1ll << log2, 0xe, TERN_T_F32);
	row_tmp(k, 1ll << log2, 0xe, TERN_T_I32);
	add_begin(k, x->ne[0], log2);
	sort_add_network(k, BUF_KEYS, BUF_PAYLOAD, log2);
	add_step(k, BUF_OUT, BUF_PAYLOAD, end_body);
	row_finish(k);
	return 0;
}

/* Does a row surely not fit: source and result, two slots each, keys and payload? Then the question,
 * whose answer is a printed reason, need not be asked. */
static bool surely_long(const struct tern_target *t, const struct tern_op_desc *op,
			const struct tern_tensor_desc *tensors)
{
	int64_t n = tensors[op->src[0]].ne[0], out = tensors[op->dst].ne[0];
	int64_t room = lower_spm_local(&t->caps) / sizeof(float);

	if (n < 1 || out < 1)
		return false;
	return n > room || out > room || 2 * (n + out + (1ll << sort_log2(n))) > room;
}

int argsort_solve(const struct tern_target *t, const struct tern_op_desc *op,
		  const struct tern_tensor_desc *tensors)
{
	struct row_kernel k;

	if (!surely_long(t, op, tensors) && !short_kernel(op, tensors, &k) && !row_solve(t, &k, 1))
		return 0;
	return sort_long_solve(t, op, tensors);
}

void argsort_lower(struct tern_lower *l, uint32_t op)
{
	struct row_kernel k;

	if (!surely_long(l->target, &l->g->ops[op], l->g->tensors) &&
	    !short_kernel(&l->g->ops[op], l->g->tensors, &k) && !row_solve(l->target, &k, 1))
		row_lower(l, op, &k, 1);
	else
		sort_long_lower(l, op);
}
