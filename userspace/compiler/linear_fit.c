// SPDX-License-Identifier: MIT
#include "compiler/linear_fit.h"

/* Largest share of the local scratchpad for one result tile, and for the rows being
 * normalised: the rest is for the activations, which set how often weights are read. */
enum { RESULT_SHARE = 16, FILL_SHARE = 12, MAX_MT = 512, MAX_RC = 16, MIN_QUANTA = 2 };

static int64_t round_up(int64_t v, int64_t a)
{
	return (v + a - 1) / a * a;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void operand_types(const struct linear_need *need, struct linear_fit *f)
{
	const struct tern_type_info *w = tern_type_info(need->w_dtype);

	if (w->kind == TERN_KIND_BLOCK) {
		f->a_type = TERN_T_ACT;
		f->b_type = tern_type_operand(need->w_dtype);
		f->k = round_up(need->k, TERN_GROUP);
	} else {
		f->a_type = f->b_type = need->w_dtype;
		f->k = need->k;
	}
	f->a_row = round_up((int64_t)tern_type_row_bytes(f->a_type, (uint64_t)f->k), 8);
	f->b_row = round_up((int64_t)tern_type_row_bytes(f->b_type, (uint64_t)f->k), 8);
}

/* nt columns of whole rows if they fit a slot, else of rows cut along k. */
static bool fit_columns(const struct tern_caps *caps, const struct linear_need *need,
			struct linear_fit *f, int64_t nt)
{
	const struct tern_type_info *b = tern_type_info(f->b_type);
	int64_t slot = lower_slot_bytes(caps), blk = tern_type_info(need->w_dtype)->elems;
	int64_t step = blk > 64 ? blk : 64;

	f->nt = nt;
	f->kc = f->k;
	f->ksteps = 1;
	if (nt * f->b_row <= slot)
		return true;
	if (f->mt * nt > (int64_t)caps->acc)
		return false;
	f->kc = slot / (nt * b->bytes) * b->elems / step * step;
	if (f->kc <= 0)
		return false;
	f->ksteps = (f->k + f->kc - 1) / f->kc;
	f->kc = round_up((f->k + f->ksteps - 1) / f->ksteps, step);
	return f->ksteps <= LINEAR_MAX_KSTEPS;
}

/*
 * Weight tiles: as many whole rows as fit a slot (they are contiguous in the file) if they are
 * MIN_QUANTA quanta or more, else that many rows cut along k: with one row of activations the
 * array needs several quanta of columns in flight to hide the latency of its accumulators. On
 * the smallest scratchpads fewer.
 */
static bool fit_weights(const struct tern_caps *caps, const struct linear_need *need,
			struct linear_fit *f)
{
	int64_t n0 = caps->n0, result = lower_spm_local(caps) / RESULT_SHARE;
	int64_t cap_n = result / (4 * f->mt * need->ncols) / n0 * n0;
	int64_t whole = lower_slot_bytes(caps) / f->b_row / n0 * n0;
	int64_t least = min64(MIN_QUANTA * n0, round_up(need->n, n0));

	cap_n = cap_n < n0 ? n0 : min64(cap_n, round_up(need->n, n0));
	if (whole >= min64(least, cap_n))
		return fit_columns(caps, need, f, min64(whole, cap_n));
	for (int64_t nt = min64(least, cap_n); nt > 0; nt /= 2)
		if (fit_columns(caps, need, f, nt))
			return true;
	return false;
}

static void fit_fill(const struct tern_caps *caps, const struct linear_need *need,
		     struct linear_fit *f)
{
	int64_t budget = lower_spm_local(caps) / FILL_SHARE, row = f->k * f->in_elem;

	f->kq = f->k;
	f->parts = 1;
	f->rc = budget / row;
	if (f->rc > MAX_RC)
		f->rc = MAX_RC;
	if (f->rc > f->mt)
		f->rc = f->mt;
	if (f->rc >= 1)
		return;
	f->rc = 1;
	if (need->norm) /* a norm wants its whole row */
		return;
	f->kq = budget / f->in_elem / TERN_GROUP * TERN_GROUP;
	f->parts = (f->k + f->kq - 1) / f->kq;
}

static uint64_t aligned(uint64_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static uint64_t spm_need(const struct tern_caps *caps, const struct linear_need *need,
			 const struct linear_fit *f)
{
	uint64_t result = aligned((uint64_t)(4 * f->mt * f->nt));
	uint64_t bytes = need->other + 2 * aligned((uint64_t)(f->mt * f->a_row));

	bytes += 2 * aligned((uint64_t)(f->rc * f->kq * f->in_elem));
	bytes += 2 * need->ncols * result;
	if (need->epilogue)
		bytes += 2 * result;
	if (need->residual)
		bytes += 2 * result;
	if (need->bias)
		bytes += 2 * aligned((uint64_t)(4 * f->nt));
	if (need->w_written)
		bytes += 2 * (uint64_t)lower_slot_bytes(caps);
	if (need->norm)
		bytes += 2 * aligned((uint64_t)(4 * f->k) * (need->norm_bias ? 2 : 1));
	return bytes;
}

/* Rows of a result that VECTOR handles should fill half its lanes, as far as a slot of the ring
 * holds so many columns: the price of a row does not depend on its length. */
static bool wide_enough(const struct tern_caps *caps, const struct linear_need *need,
			const struct linear_fit *f)
{
	int64_t want = min64(min64(caps->vector_lanes / 2, need->n),
			     lower_slot_bytes(caps) / f->b_row / caps->n0 * caps->n0);

	return !need->epilogue || f->nt >= want;
}

static bool fits(const struct tern_caps *caps, const struct linear_need *need, struct linear_fit *f)
{
	if (!fit_weights(caps, need, f))
		return false;
	fit_fill(caps, need, f);
	return f->parts <= LINEAR_MAX_PARTS && spm_need(caps, need, f) <= lower_spm_local(caps);
}

bool linear_fit(const struct tern_caps *caps, const struct linear_need *need, struct linear_fit *f)
{
	struct linear_fit narrow = {0}; /* the tallest tile that fits */
	int64_t m0 = caps->m0;

	operand_types(need, f);
	f->in_elem = tern_type_info(need->a_dtype)->bytes;
	f->mt = min64(min64(need->m, MAX_MT), lower_spm_local(caps) / (2 * f->a_row));
	f->mt = round_up(f->mt > 0 ? f->mt : 1, m0);
	while (f->mt >= 1) {
		if (fits(caps, need, f)) {
			if (wide_enough(caps, need, f))
				return true;
			if (!narrow.mt)
				narrow = *f;
		}
		f->mt = f->mt > m0 ? f->mt - m0 : f->mt / 2;
	}
	*f = narrow;
	return f->mt > 0;
}

/* ---- slices of k --------------------------------------------------------------------------- */
enum { SLICE_STEP = 256, MAX_SLICES = 1024, CHAIN = 3000 };

/* Cycles of a product in `slices` passes, for the most rows the graph may ask for: the longer of
 * what MATRIX and DRAM need, and the chain of load, quantise, multiply, store that
 * each pass begins with (CHAIN, from traces). */
static double slice_cycles(const struct tern_caps *caps, const struct linear_need *need,
			   const struct linear_fit *f, int64_t k, int64_t slices)
{
	const struct tern_type_info *w = tern_type_info(need->w_dtype);
	double m = (double)need->m, n = (double)need->n;
	double div = w->kind == TERN_KIND_BLOCK ? 1
		     : w->bytes == 4		? caps->mac_div_f32
						: caps->mac_div_f16;
	double weights = (double)tern_type_row_bytes(need->w_dtype, (uint64_t)k) * n;
	double passes = (double)((need->m + f->mt - 1) / f->mt);
	double bytes = passes * weights + m * (double)k * f->in_elem +
		       m * n * 4 * (double)(2 * slices - 1);
	double matrix = m * n * (double)k * div / caps->mac_int8;
	double dram = bytes * 256 / caps->dram_x256;

	return (matrix > dram ? matrix : dram) + (double)slices * CHAIN;
}

int64_t linear_slice(const struct tern_caps *caps, const struct linear_need *need, bool may_add)
{
	struct linear_need part = *need;
	struct linear_fit f;
	int64_t best = 0;
	double least = 0;

	for (int64_t slices = 1; slices <= MAX_SLICES; slices *= 2) {
		if (slices > 1) {
			int64_t k = (need->k + slices - 1) / slices;

			if (!may_add || k < SLICE_STEP)
				break;
			part.k = round_up(k, SLICE_STEP);
			part.epilogue = part.residual = true;
		}
		if (linear_fit(caps, &part, &f)) {
			double cycles = slice_cycles(caps, need, &f, need->k, slices);

			if (!best || cycles < least) {
				best = part.k;
				least = cycles;
			}
		}
	}
	return best;
}

bool linear_feasible(const struct tern_caps *caps, const struct linear_need *need, bool may_add)
{
	struct linear_need part = *need;
	struct linear_fit f;

	part.m = 1; /* whatever fits one row fits more, a tile at a time */
	if (linear_fit(caps, &part, &f))
		return true;
	part.k = min64(need->k, SLICE_STEP);
	part.epilogue = part.residual = true;
	return may_add && (need->k + SLICE_STEP - 1) / SLICE_STEP <= MAX_SLICES &&
	       linear_fit(caps, &part, &f);
}
