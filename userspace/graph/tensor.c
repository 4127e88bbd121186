// SPDX-License-Identifier: MIT
/* Tensors as byte ranges of their storage. */
#include "graph/priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void tern_view_of(const struct tern_tensor_desc *t, const int64_t *symbols, struct tern_view *out)
{
	int d;

	out->type = t->type;
	out->storage = t->storage;
	out->offset = t->offset;
	memcpy(out->nb, t->nb, sizeof(out->nb));
	for (d = 0; d < 4; d++)
		out->ne[d] = t->ne_sym[d] ? symbols[t->ne_sym[d] - 1] : t->ne[d];
	if (t->offset_sym)
		out->offset += (uint64_t)(symbols[t->offset_sym - 1] - 1) * (uint64_t)t->offset_mul;
}

uint64_t tern_view_bytes(const struct tern_view *v)
{
	return tern_dtype_row_bytes(v->type, (uint64_t)v->ne[0]) * (uint64_t)tern_nrows(v->ne);
}

uint64_t tern_tensor_extent(const struct tern_tensor_desc *t)
{
	const struct tern_dtype_info *info = tern_dtype_info(t->type);
	uint64_t extent = info->bytes, step;
	int d;

	for (d = 0; d < 4; d++) {
		uint64_t n = (uint64_t)t->ne[d] / (d ? 1 : info->elems);

		if (__builtin_mul_overflow(n - 1, t->nb[d], &step) ||
		    __builtin_add_overflow(extent, step, &extent))
			return UINT64_MAX;
	}
	return extent;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void tern_tensor_range(const struct tern_tensor_desc *t, uint64_t *lo, uint64_t *hi)
{
	*lo = t->offset;
	*hi = saturating_add(t->offset, tern_tensor_extent(t));
	if (t->offset_sym && t->offset_mul < 0)
		*lo = 0;
	if (t->offset_sym && t->offset_mul > 0)
		*hi = UINT64_MAX;
}

bool tern_tensor_range_at(const struct tern_tensor_desc *t, const struct tern_symbol_desc *symbols,
			  uint64_t *lo, uint64_t *hi)
{
	int64_t shift = 0;
	uint64_t far;

	if (t->offset_sym &&
	    __builtin_mul_overflow(symbols[t->offset_sym - 1].max - 1, t->offset_mul, &shift))
		return false;
	if (shift < 0 && 0 - (uint64_t)shift > t->offset)
		return false;
	far = t->offset + (uint64_t)shift;
	if (shift > 0 && far < t->offset)
		return false;
	*lo = far < t->offset ? far : t->offset;
	*hi = saturating_add(far > t->offset ? far : t->offset, tern_tensor_extent(t));
	return *hi != UINT64_MAX;
}

void tern_graph_range(const struct tern_graph *g, uint32_t tensor, uint64_t *lo, uint64_t *hi)
{
	/* Cannot fail: the graph was checked. */
	if (!tern_tensor_range_at(&g->tensors[tensor], g->symbols, lo, hi))
		tern_tensor_range(&g->tensors[tensor], lo, hi);
}

bool tern_tensor_overlap(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	uint64_t alo, ahi, blo, bhi;

	if (a->storage != b->storage)
		return false;
	tern_tensor_range(a, &alo, &ahi);
	tern_tensor_range(b, &blo, &bhi);
	return alo < bhi && blo < ahi;
}

bool tern_tensor_same_layout(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	return a->storage == b->storage && a->type == b->type && a->offset == b->offset &&
	       a->offset_sym == b->offset_sym &&
	       (!a->offset_sym || a->offset_mul == b->offset_mul) &&
	       !memcmp(a->ne, b->ne, sizeof(a->ne)) && !memcmp(a->nb, b->nb, sizeof(a->nb)) &&
	       !memcmp(a->ne_sym, b->ne_sym, sizeof(a->ne_sym));
}

/* Columns [lo, hi) that a tensor occupies in a matrix of that pitch; false: it is not of that
 * kind. Dimensions that step whole rows of the matrix do not count. */
static bool columns(const struct tern_tensor_desc *t, uint64_t pitch, uint64_t *lo, uint64_t *hi)
{
	struct tern_tensor_desc row = *t;
	int d;

	for (d = 1; d < 4; d++) {
		if (t->nb[d] % pitch == 0)
			row.ne[d] = 1;
	}
	*lo = t->offset % pitch;
	*hi = saturating_add(*lo, tern_tensor_extent(&row));
	return *hi <= pitch;
}

bool tern_tensor_apart(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	uint64_t alo, ahi, blo, bhi;
	int d;

	if (!tern_tensor_overlap(a, b))
		return true;
	if (a->offset_sym || b->offset_sym)
		return false;
	/* Side by side in the rows of one matrix, as Q, K and V of a fused product are? */
	for (d = 1; d < 4; d++) {
		uint64_t pitch = a->nb[d];

		if (pitch && columns(a, pitch, &alo, &ahi) && columns(b, pitch, &blo, &bhi) &&
		    (ahi <= blo || bhi <= alo))
			return true;
	}
	return false;
}

/* ---- checking ------------------------------------------------------------------- */

static const char *bad_symbol(const struct tern_tensor_desc *t, const struct tern_graph_desc *g)
{
	int d;

	if (t->offset_sym > g->nsymbols)
		return "its offset names a symbol that does not exist";
	for (d = 0; d < 4; d++) {
		if (t->ne_sym[d] > g->nsymbols)
			return "a size names a symbol that does not exist";
		if (t->ne_sym[d] && t->ne[d] != g->symbols[t->ne_sym[d] - 1].max)
			return "a symbolic size must hold its symbol's bound";
	}
	return NULL;
}

static const char *bad_layout(const struct tern_tensor_desc *t)
{
	const struct tern_dtype_info *info = tern_dtype_info(t->type);
	uint64_t count = 1;
	int d;

	if (!info)
		return "its type is unknown";
	for (d = 0; d < 4; d++) {
		if (t->ne[d] < 1)
			return "sizes must be at least 1";
		if (t->nb[d] % info->align && (d || !info->block))
			return "strides must be multiples of the element (of 2 for blocks)";
	}
	if (t->offset % info->align || (t->offset_sym && t->offset_mul % info->align))
		return "its offset must be a multiple of the element (of 2 for blocks)";
	if (info->block && t->nb[0] != info->bytes)
		return "stride 0 must be the block's bytes";
	if (info->block && t->ne_sym[0])
		return "size 0 of a block type cannot be symbolic";
	if (t->ne[0] % info->elems)
		return "size 0 must be a multiple of the block";
	/* Counts of elements must fit what the operators compute with. */
	for (d = 0; d < 4; d++) {
		if (__builtin_mul_overflow(count, (uint64_t)t->ne[d], &count) || count >> 48)
			return "it has 2^48 elements or more";
	}
	return NULL;
}

/* What no storage can hold, whichever it is. */
static const char *bad_extent(const struct tern_tensor_desc *t)
{
	uint64_t end = saturating_add(t->offset, tern_tensor_extent(t));

	return end > TERN_MAX_STORAGE ? "it does not fit the device's 48-bit addresses" : NULL;
}

static const char *bad_range(const struct tern_tensor_desc *t, const struct tern_graph_desc *g)
{
	uint64_t lo, hi;

	if (!tern_tensor_range_at(t, g->symbols, &lo, &hi))
		return "its byte range overflows, or begins before the storage";
	if (hi > g->storages[t->storage].size)
		return "it ends past its storage";
	return NULL;
}

static int refuse(const struct tern_tensor_desc *t, uint32_t i, const char *why)
{
	return tern_fail(-EINVAL,
			 "tensor %" PRIu32 " '%s' [%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
			 "] %s at byte %" PRIu64 " of storage %" PRIu32 ": %s",
			 i, t->name ? t->name : "", t->ne[0], t->ne[1], t->ne[2], t->ne[3],
			 tern_dtype_name(t->type) ? tern_dtype_name(t->type) : "?", t->offset,
			 t->storage, why);
}

int tern_tensor_check(const struct tern_graph_desc *g, uint32_t i)
{
	const struct tern_tensor_desc *t = &g->tensors[i];
	const char *why = NULL;

	if (t->storage >= g->nstorages)
		why = "its storage does not exist";
	if (!why)
		why = bad_symbol(t, g);
	if (!why)
		why = bad_layout(t);
	if (!why)
		why = bad_range(t, g);
	return why ? refuse(t, i, why) : 0;
}

int tern_tensor_check_alone(const struct tern_tensor_desc *tensors, uint32_t i)
{
	const char *why = bad_layout(&tensors[i]);

	if (!why)
		why = bad_extent(&tensors[i]);
	return why ? refuse(&tensors[i], i, why) : 0;
}

/* Elements of a destination must not share bytes: sorted by stride, each dimension has to
 * step over all that the smaller ones span. */
bool tern_tensor_self_overlap(const struct tern_tensor_desc *t)
{
	uint64_t span = tern_dtype_info(t->type)->bytes, elems = tern_dtype_info(t->type)->elems;
	bool done[4] = {false};
	int round, d, best;

	for (round = 0; round < 4; round++) {
		for (best = -1, d = 0; d < 4; d++) {
			if (!done[d] && (best < 0 || t->nb[d] < t->nb[best]))
				best = d;
		}
		done[best] = true;
		if ((uint64_t)t->ne[best] == (best ? 1 : elems))
			continue;
		if (t->nb[best] < span)
			return true;
		span += t->nb[best] * ((uint64_t)t->ne[best] / (best ? 1 : elems) - 1);
	}
	return false;
}
