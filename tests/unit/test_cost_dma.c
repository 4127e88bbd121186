// SPDX-License-Identifier: MIT
/*
 * What a LOAD or a STORE asks of memory and costs: random tiles through the model, against a
 * count that visits every element and collects the 64-byte lines it touches.
 */
#include "cost_fixture.h"

enum { MAX_LINES = 1 << 17, INDEX_IN_SPM = 200000, MEMORY = 3 << 20, INDEX_AT = MEMORY };

struct dma {
	bool store, rows, index_in_spm;
	struct tile spm, mem, index;
	int64_t origin[4];
	int32_t *indices; /* in memory or on their way to SPM */
	unsigned int words;
};

/* ---- lines ---------------------------------------------------------------------------- */
static uint8_t touched[MAX_LINES];
static uint64_t low_line, high_line;

static void piece_begin(void)
{
	if (low_line <= high_line)
		memset(touched + low_line, 0, high_line - low_line + 1);
	low_line = MAX_LINES;
	high_line = 0;
}

static void touch(uint64_t at, uint64_t bytes)
{
	for (uint64_t line = (at - MEM_VA) / 64; line <= (at - MEM_VA + bytes - 1) / 64; line++) {
		touched[line] = 1;
		low_line = line < low_line ? line : low_line;
		high_line = line > high_line ? line : high_line;
	}
}

/* Rows that are asked for together are one piece, from its first to its last byte. */
static uint64_t piece_end(bool together)
{
	uint64_t n = 0;

	if (together)
		return high_line - low_line + 1;
	for (uint64_t line = low_line; line <= high_line; line++)
		n += touched[line];
	return n;
}

/* ---- the part that has a counterpart ------------------------------------------------------ */
struct box {
	int64_t lo[4], n[4];
	uint64_t rows, elements;
};

static struct box find_box(const struct dma *d)
{
	struct box b = {.rows = 1};

	for (int i = 0; i < 4; i++) {
		for (int64_t x = 0; x < d->spm.size[i]; x++) {
			int64_t y = x + d->origin[i];
			bool inside = (y >= 0 && y < d->mem.size[i]) || (d->rows && i == 1);

			if (inside && !b.n[i]++)
				b.lo[i] = x;
		}
		if (i)
			b.rows *= (uint64_t)b.n[i];
	}
	b.elements = b.rows * (uint64_t)b.n[0];
	return b;
}

static const struct tern_type_info *type_of(const struct tile *t)
{
	return tern_type_info(t->type & TERN_TILE_TYPE_MASK);
}

static int64_t index_of(const struct dma *d, const int64_t x[4])
{
	const struct tile *t = &d->index;

	return d->indices[x[1] + t->size[0] * ((t->size[1] > 1 ? x[2] : 0) +
					       t->size[1] * (t->size[2] > 1 ? x[3] : 0))];
}

/* Every element or block of the row at x. */
static void touch_row(const struct dma *d, const struct box *b, const int64_t x[4])
{
	const struct tern_type_info *info = type_of(&d->mem);
	uint64_t at = d->mem.addr;

	for (int i = 1; i < 4; i++) {
		int64_t y = d->rows && i == 1 ? index_of(d, x) : x[i] + d->origin[i];

		at += (uint64_t)(y * d->mem.stride[i]);
	}
	for (int64_t k = 0; k < b->n[0]; k += info->elems) {
		int64_t y = b->lo[0] + d->origin[0] + k, block = y / info->elems;

		touch(at + (uint64_t)(info->elems > 1 ? block * info->bytes : y * d->mem.stride[0]),
		      info->bytes);
	}
}

static bool each_row(const struct box *b, uint64_t i, int64_t x[4])
{
	if (i >= b->rows)
		return false;
	x[1] = b->lo[1] + (int64_t)i % b->n[1];
	x[2] = b->lo[2] + (int64_t)i / b->n[1] % b->n[2];
	x[3] = b->lo[3] + (int64_t)i / b->n[1] / b->n[2];
	return true;
}

static bool all_strides_whole_lines(const struct dma *d, const struct box *b)
{
	for (int i = 1; i < 4; i++) {
		if (b->n[i] > 1 && d->mem.stride[i] % 64)
			return false;
	}
	return true;
}

/* How many rows follow each other in memory and are asked for together. */
static uint64_t rows_together(const struct dma *d, const struct box *b, uint64_t row_bytes)
{
	int64_t x[4];
	uint64_t lo = UINT64_MAX, hi = 0, size = type_of(&d->mem)->bytes;

	if (d->rows)
		return 1;
	for (uint64_t i = 0; each_row(b, i, x); i++) {
		const int64_t *s = d->mem.stride;
		bool plain = type_of(&d->mem)->elems == 1;
		uint64_t first = d->mem.addr, last;

		for (int k = 1; k < 4; k++)
			first += (uint64_t)((x[k] + d->origin[k]) * s[k]);
		if (plain)
			first += (uint64_t)((b->lo[0] + d->origin[0]) * s[0]);
		last = plain ? first + (uint64_t)((b->n[0] - 1) * s[0]) : first + row_bytes - size;
		lo = first < lo ? first : lo;
		lo = last < lo ? last : lo;
		hi = first + size > hi ? first + size : hi;
		hi = last + size > hi ? last + size : hi;
	}
	if (hi - lo == b->rows * row_bytes)
		return b->rows;
	if (all_strides_whole_lines(d, b))
		return 1;
	if (labs(d->mem.stride[0]) != (type_of(&d->mem)->elems > 1 ? 0 : (long)size) && b->n[0] > 1)
		return 1;
	return d->mem.stride[1] == (int64_t)row_bytes ? (uint64_t)b->n[1] : 1;
}

static uint64_t count_bursts(const struct dma *d, const struct box *b, uint64_t row_bytes)
{
	uint64_t together, sum = 0;
	int64_t x[4];

	if (!b->elements)
		return 0;
	together = rows_together(d, b, row_bytes);
	for (uint64_t i = 0; each_row(b, i, x); i++) {
		if (i % together == 0)
			piece_begin();
		touch_row(d, b, x);
		if (i % together == together - 1)
			sum += piece_end(together > 1);
	}
	return sum;
}

/*
 * Cycles without another transfer: `engine` if DRAM has nothing to say, else as long as the
 * slowest of the server, the bursts in flight and a pace that ends with the engine. Rates are
 * whole units (2^-16 byte) per tick (1/256 cycle).
 */
static double busy(uint64_t bursts, double engine, double wait)
{
	double work = (double)bursts * 64 * 65536, least = ceil(engine * 256 - 1e-6);
	double flight = floor(caps()->dram_outstanding * 64.0 * 65536 / (wait * 256));
	double rate = fmin(fmax(1, fmin(flight, floor(work / least))), caps()->dram_x256);

	return (bursts ? fmax(least, ceil(work / rate)) : least) / 256;
}

/* ---- what it should cost --------------------------------------------------------------------- */
static struct cost expected(const struct dma *d)
{
	const struct tern_type_info *mem = type_of(&d->mem), *spm = type_of(&d->spm);
	const struct box b = find_box(d);
	uint64_t all = 1, index = 0, row_bytes = (uint64_t)(b.n[0] / mem->elems * mem->bytes);
	double rate = d->store ? caps()->store_encode : caps()->load_decode;
	double wait = latency_cycles(d->store ? K(DRAM_WRITE) : K(DRAM_READ)), engine;
	struct cost c = {.bursts = count_bursts(d, &b, row_bytes)};

	for (int i = 0; i < 4; i++)
		all *= (uint64_t)d->spm.size[i];
	c.spm_bytes = (d->store ? b.elements : all) / spm->elems * spm->bytes;
	if (d->rows && b.elements && !d->index_in_spm) {
		index = b.rows * type_of(&d->index)->bytes;
		piece_begin();
		touch(d->index.addr, index);
		c.bursts += piece_end(true);
	}
	*(d->store ? &c.written : &c.read) = b.rows * row_bytes + index;
	c.steps = 1 + all / (uint64_t)rate;
	engine = (double)c.spm_bytes / caps()->spm_dma;
	if (d->spm.type - TERN_TILE_SPM != d->mem.type)
		engine = longer(engine, (double)b.elements / rate);
	c.busy = busy(c.bursts, K(DMA_ISSUE) + engine, wait);
	c.latency = K(DMA_PIPE) + wait;
	return c;
}

/* ---- random commands ---------------------------------------------------------------------------- */
static const unsigned int plain[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16, TERN_T_I8,
				     TERN_T_I16, TERN_T_I32, TERN_T_I64};
static const unsigned int blocks[] = {TERN_T_Q4_0, TERN_T_Q4_1, TERN_T_Q8_0, TERN_T_MXFP4,
				      TERN_T_Q2_K, TERN_T_Q6_K, TERN_T_Q4_K, TERN_T_IQ4_NL};
static const unsigned int encoded[] = {TERN_T_Q8_0, TERN_T_Q4_0, TERN_T_Q5_1, TERN_T_IQ4_NL};

static void pick_types(const struct dma *d, unsigned int *spm, unsigned int *mem)
{
	*spm = *mem = plain[pick(7)];
	if (pick(3) == 0)
		return;
	*spm = plain[pick(3)];
	*mem = plain[pick(3)];
	if (pick(2))
		return;
	*mem = d->store ? encoded[pick(4)] : blocks[pick(8)];
	if (!d->store && pick(2))
		*spm = tern_type_operand(*mem);
}

/* Strides of a memory tile: gaps, other orders, broadcasts, backwards. */
static void pick_strides(const struct dma *d, struct tile *t)
{
	const struct tern_type_info *info = type_of(t);
	int64_t align = info->elems == 1 ? info->bytes : t->type == TERN_T_MXFP4 ? 1 : 2;

	if (info->elems == 1 && pick(4) == 0) { /* elements apart */
		int64_t step = 1 + pick(80);

		for (int i = 0; i < 4; i++)
			t->stride[i] *= step;
	}
	if (info->elems == 1 && pick(4) == 0) { /* transposed */
		t->stride[1] = info->bytes;
		t->stride[0] = info->bytes * t->size[1];
		t->stride[2] = info->bytes * t->size[1] * t->size[0];
		t->stride[3] = t->stride[2] * t->size[2];
	}
	for (int i = 1; i < 4; i++) {
		if (pick(3) == 0) { /* gaps; everything further out moves too */
			int64_t gap = pick(3) ? align * pick(100) : 64 * pick(4);

			for (int k = i; k < 4; k++)
				t->stride[k] += gap * (k == i ? 1 : t->size[i]);
		}
	}
	if (!d->store && pick(6) == 0)
		t->stride[1 + pick(3)] = 0;
	if (pick(6) == 0)
		t->stride[2] = -t->stride[2];
	if (info->elems == 1 && pick(6) == 0)
		t->stride[0] = -t->stride[0];
}

/* Where its lowest byte is at or after DATA_VA; false if it does not fit. */
static bool place(struct tile *t)
{
	const struct tern_type_info *info = type_of(t);
	int64_t lo = 0, hi = info->elems > 1 ? t->size[0] / info->elems * info->bytes : info->bytes;

	for (int i = info->elems > 1; i < 4; i++) {
		int64_t d = (t->size[i] - 1) * t->stride[i];

		lo += d < 0 ? d : 0;
		hi += d > 0 ? d : 0;
	}
	t->addr = (uint64_t)((int64_t)DATA_VA - lo + 8 * pick(100));
	return hi - lo + 800 < MEMORY;
}

static void pick_rows(struct dma *d)
{
	int64_t n;

	d->index_in_spm = pick(2);
	d->index = packed_tile(TERN_T_I32, MEM_VA + DATA_OFF + INDEX_AT + 4 * (uint64_t)pick(16),
			       d->spm.size[1], pick(2) ? d->spm.size[2] : 1,
			       pick(2) ? d->spm.size[3] : 1, 1);
	d->indices = (void *)(e.mem + (d->index.addr - MEM_VA));
	n = d->index.size[0] * d->index.size[1] * d->index.size[2];
	for (int64_t i = 0; i < n; i++) /* SPM that nothing has written holds zeros */
		d->indices[i] = d->index_in_spm ? 0 : (int32_t)pick(d->mem.size[1]);
	if (d->index_in_spm) {
		d->index.addr = INDEX_IN_SPM;
		d->index.type |= TERN_TILE_SPM;
	}
}

static bool pick_dma(struct dma *d)
{
	int64_t unit, n[4];
	unsigned int spm, mem;

	memset(d, 0, sizeof(*d));
	d->store = pick(2);
	pick_types(d, &spm, &mem);
	unit = tern_type_info(mem)->elems;
	n[0] = unit > 1 ? unit * (1 + pick(3)) : 1 + pick(90);
	for (int i = 1; i < 4; i++)
		n[i] = 1 + pick(6);
	d->spm = packed_tile(spm | TERN_TILE_SPM, 1024, n[0], n[1], n[2], n[3]);
	for (int i = 0; i < 4; i++)
		n[i] += pick(3) ? 0 : unit * pick(4) * (i == 0) + pick(4) * (i != 0);
	d->mem = packed_tile(mem, DATA_VA, n[0], n[1], n[2], n[3]);
	pick_strides(d, &d->mem);
	d->rows = pick(3) == 0;
	if (d->rows)
		pick_rows(d);
	for (int i = 0; i < 4 && pick(2); i++)
		d->origin[i] = d->rows && i == 1 ? 0 : (i ? 1 : unit) * (pick(9) - 4);
	return place(&d->mem) &&
	       d->spm.addr + (uint64_t)(d->spm.size[3] * d->spm.stride[3]) <= INDEX_IN_SPM;
}

/* The model refuses targets whose rows interleave. */
static bool refused(void)
{
	return e.run.fault.code == TERN_FAULT_SHAPE &&
	       (e.run.fault.info & 255) == TERN_TILE_STRIDE0;
}

static void run(const struct dma *d)
{
	static const uint8_t regs[4] = {8, 9, 10, 11};
	static const float fill[4] = {1, 2, 3, 4};
	bool shifted = d->origin[0] || d->origin[1] || d->origin[2] || d->origin[3];

	for (int i = 0; i < 4; i++)
		shifted |= d->mem.size[i] < d->spm.size[i] && !(d->rows && i == 1);
	env_begin(&e);
	for (uint8_t i = 0; i < 4; i++)
		tern_emit_movi(&e.code, regs[i], d->origin[i]);
	set_tile(&e, 0, d->spm);
	set_tile(&e, 1, d->mem);
	if (d->rows)
		set_tile(&e, 2, d->index);
	if (d->store)
		tern_emit_store(&e.code, 0, 1, d->rows ? 2 : TERN_NONE, shifted ? regs : NULL,
				NULL);
	else
		tern_emit_load(&e.code, false, 0, 1, d->rows ? 2 : TERN_NONE, shifted ? regs : NULL,
			       shifted ? fill : NULL, NULL);
	env_run(&e);
}

START_TEST(loads_and_stores_cost_what_they_touch)
{
	struct dma d;
	struct cost want;

	seed(_i);
	for (int done = 0; done < 20;) {
		if (!pick_dma(&d))
			continue;
		run(&d);
		if (refused())
			continue;
		want = expected(&d);
		ck_cost(d.store ? TERN_Q_STORE : TERN_Q_LOAD0, &want);
		done++;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cost of LOAD and STORE");
	TCase *t = tcase_create("random tiles");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, loads_and_stores_cost_what_they_touch, 0, 100);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
