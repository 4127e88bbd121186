// SPDX-License-Identifier: MIT
/*
 * ARGSORT and TOP_K of rows that do not fit the scratchpad. See sort.h.
 *
 * Keys and payload lie in scratch memory, rows padded to 2^log2. Chunks of 2^chunk_log2 are
 * sorted in the scratchpad, every other one the other way round, so that two are a bitonic row.
 * Each later block of the network is then a pass over memory for each distance that crosses
 * chunks, an exchange element by element, and one pass that merges each chunk by itself.
 * Every pass is a group of its own: one reads what the one before has stored. Passes of equal
 * shape share their code.
 */
#include <errno.h>
#include <stdlib.h>

#include "compiler/lowerings.h"
#include "compiler/sort.h"

enum { MIN_CHUNK_LOG2 = 8, MAX_CHUNK_LOG2 = 18, MAX_LOG2 = 24 };
#define MAX_SCRATCH (1ull << 32)

/* ---- solving ------------------------------------------------------------------------------------- */
static int describe(struct sort_long *s, const struct tern_op_desc *op,
		    const struct tern_tensor_desc *ts)
{
	const struct tern_tensor_desc *x = &ts[op->src[0]], *d = &ts[op->dst];

	if (!row_sizes_ok(x) || !row_sizes_ok(d))
		return row_bad_sizes(op);
	*s = (struct sort_long){.op = op, .x = x, .d = d, .down = sort_descends(op)};
	s->rows = tern_nrows(x->ne);
	s->log2 = sort_log2(x->ne[0]);
	if (x->ne_sym[0] || x->ne_sym[1] || x->ne_sym[2] || x->ne_sym[3])
		return tern_fail(-EOPNOTSUPP,
				 "%s: long rows to sort must have fixed sizes, also their number",
				 tern_op_name(op->op));
	if (s->log2 > MAX_LOG2 || (uint64_t)s->rows > MAX_SCRATCH >> s->log2 >> 3)
		return tern_fail(-EOPNOTSUPP,
				 "%s: rows of more than %d elements, or more rows than %llu bytes "
				 "of scratch hold",
				 tern_op_name(op->op), 1 << MAX_LOG2, MAX_SCRATCH);
	return 0;
}

/* Keys and payload of a merge come in and go out through two slots each. Larger chunks need not
 * be tried: a kernel that does not fit costs more than one that does, for its reason is printed. */
static uint64_t merge_bytes(int chunk_log2)
{
	return (2 + 2) * 2 * sizeof(float) << chunk_log2;
}

/* The largest chunk that both kernels that sort one have room for. */
static int choose_chunk(const struct tern_target *target, struct sort_long *s)
{
	uint64_t room = lower_spm_local(&target->caps);
	struct tern_tensor_desc t[3];
	struct row_kernel k;
	int err = -EOPNOTSUPP;

	s->chunk_log2 = s->log2 <= MAX_CHUNK_LOG2 ? s->log2 - 1 : MAX_CHUNK_LOG2;
	while (s->chunk_log2 > MIN_CHUNK_LOG2 && merge_bytes(s->chunk_log2) > room)
		s->chunk_log2--;
	for (; s->chunk_log2 >= MIN_CHUNK_LOG2; s->chunk_log2--) {
		sort_chunk_kernel(s, &k, t, 0, 1, 1ll << s->chunk_log2);
		err = row_solve(target, &k, 1);
		if (err)
			continue;
		sort_merge_kernel(s, &k, t, s->chunk_log2 + 1, false);
		err = row_solve(target, &k, 1);
		if (!err)
			break;
	}
	return err;
}

int sort_long_solve(const struct tern_target *target, const struct tern_op_desc *op,
		    const struct tern_tensor_desc *ts)
{
	struct tern_tensor_desc t;
	struct sort_long s;
	struct row_kernel k;
	int err = describe(&s, op, ts);

	if (!err)
		err = choose_chunk(target, &s);
	if (err)
		return err;
	sort_copy_in(&s, &k, &t);
	err = row_solve(target, &k, 1);
	if (err)
		return err;
	sort_copy_out(&s, &k, &t);
	return row_solve(target, &k, 1);
}

/* ---- lowering ------------------------------------------------------------------------------------- */
static void emit(struct sort_long *s, const struct row_kernel *k)
{
	row_lower(s->l, s->mark, k, 1);
}

static void emit_chunks(struct sort_long *s, int64_t first, int64_t count, int64_t n)
{
	struct tern_tensor_desc t[3];
	struct row_kernel k;

	if (!count)
		return;
	for (int64_t i = 0; i < count; i++)
		s->base[i] = (int32_t)((first + 2 * i) << s->chunk_log2);
	sort_chunk_kernel(s, &k, t, first, count, n);
	emit(s, &k);
}

/* Full chunks of either direction, the one where the row ends, those behind it. */
static void emit_sorted_chunks(struct sort_long *s)
{
	int64_t n = s->x->ne[0], chunk = 1ll << s->chunk_log2,
		all = 1ll << (s->log2 - s->chunk_log2);
	int64_t full = n / chunk, used = (n + chunk - 1) / chunk;
	struct tern_tensor_desc t[2];
	struct row_kernel k;

	emit_chunks(s, 0, (full + 1) / 2, chunk);
	emit_chunks(s, 1, full / 2, chunk);
	emit_chunks(s, full, used - full, n % chunk);
	if (used == all)
		return;
	sort_pad_kernel(s, &k, t, used, all - used);
	emit(s, &k);
}

static void emit_block(struct sort_long *s, int block)
{
	struct tern_tensor_desc t[2];
	struct row_kernel k;

	for (int distance = block - 1; distance >= s->chunk_log2; distance--) {
		for (int odd = 0; odd <= (block < s->log2); odd++) {
			sort_exchange_kernel(s, &k, t, block, distance, odd);
			emit(s, &k);
		}
	}
	for (int odd = 0; odd <= (block < s->log2); odd++) {
		sort_merge_kernel(s, &k, t, block, odd);
		emit(s, &k);
	}
}

static void emit_all(struct sort_long *s)
{
	struct tern_tensor_desc t;
	struct row_kernel k;

	sort_copy_in(s, &k, &t);
	emit(s, &k);
	emit_sorted_chunks(s);
	for (int block = s->chunk_log2 + 1; block <= s->log2; block++)
		emit_block(s, block);
	sort_copy_out(s, &k, &t);
	emit(s, &k);
}

void sort_long_lower(struct tern_lower *l, uint32_t op)
{
	struct sort_long s;
	int err = describe(&s, &l->g->ops[op], l->g->tensors);
	uint64_t bytes;

	if (!err)
		err = choose_chunk(l->target, &s);
	if (err) {
		l->err = l->err ? l->err : err;
		return;
	}
	bytes = (uint64_t)s.rows << s.log2 << 2;
	s.l = l;
	s.mark = op;
	s.keys = (int64_t)l->scratch;
	s.payload = s.keys + (int64_t)bytes;
	l->scratch = (l->scratch + 2 * bytes + TERN_BURST - 1) / TERN_BURST * TERN_BURST;
	s.base = malloc(sizeof(*s.base) << (s.log2 - s.chunk_log2));
	if (!s.base) {
		l->err = l->err ? l->err : -ENOMEM;
		return;
	}
	emit_all(&s);
	free(s.base);
}
