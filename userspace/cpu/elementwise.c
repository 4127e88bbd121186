// SPDX-License-Identifier: MIT
/*
 * Operators whose output element depends on the input elements at the same place.
 *
 * Rows are cut into chunks; a chunk is made f32 where it is not, computed by one loop of
 * vec.h, and stored. Contiguous F32 goes through without a copy.
 */
#include "kernels.h"
#include "vec.h"

#define CHUNK 4096  /* elements; 16 KB each of input and output stay in L1 and L2 */
#define SHARE 16384 /* elements one thread takes at a time */

struct map {
	struct tern_cpu *cpu;
	const struct tern_op_desc *op;
	struct tern_cpu_tensor t[3]; /* destination, sources; the second may repeat to cover it */
	int n;			     /* of t */
	const struct tern_cpu_tensor *ids; /* which row of the second; NULL: as it repeats */
	int64_t chunks;			   /* per row */
	void (*fn)(const struct map *map, const float *a, const float *b, float *y, int64_t n);
	struct tern_scratch scratch;
};

static char *second_row(const struct map *m, const int64_t i[3])
{
	const struct tern_cpu_tensor *t = &m->t[2];

	if (m->ids)
		return tern_row(t, tern_load_index(m->ids, tern_row(m->ids, i[1], 0, 0), i[0]), 0,
				0);
	return tern_row_wrap(t, i[0], i[1], i[2]);
}

static void map_chunk(const struct map *m, int64_t item, float *tmp)
{
	const struct tern_cpu_tensor *d = &m->t[0];
	const struct tern_simd *simd = m->cpu->simd;
	const int64_t at = item % m->chunks * CHUNK;
	const int64_t n = d->ne[0] - at < CHUNK ? d->ne[0] - at : CHUNK;
	const float *a, *b = NULL;
	int64_t i[3];
	float *y;
	char *row;

	tern_split(d->ne, item / m->chunks, i);
	row = tern_row(d, i[0], i[1], i[2]);
	a = tern_load(simd, &m->t[1], tern_row(&m->t[1], i[0], i[1], i[2]), at, n, tmp);
	if (m->n > 2)
		b = tern_load_wrap(simd, &m->t[2], second_row(m, i), at, n, tmp + CHUNK);
	y = tern_target(d, row, at, tmp + 2 * CHUNK);
	m->fn(m, a, b, y, n);
	tern_store(simd, d, row, at, n, y);
}

static void map_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct map *m = ctx;
	float *tmp = tern_scratch_of(&m->scratch, worker);

	for (int64_t item = lo; item < hi; item++)
		map_chunk(m, item, tmp);
}

static int run_map(struct map *m)
{
	int64_t per_item;
	int rc = tern_cpu_scratch(m->cpu, 0, 3 * CHUNK * sizeof(float), &m->scratch);

	if (rc)
		return rc;
	if (m->n < 3 || (!m->ids && tern_same_shape(&m->t[0], &m->t[2])))
		tern_collapse(m->t, m->n);
	m->chunks = (m->t[0].ne[0] + CHUNK - 1) / CHUNK;
	per_item = m->t[0].ne[0] < CHUNK ? m->t[0].ne[0] : CHUNK;
	tern_cpu_for(m->cpu, m->chunks * tern_nrows(m->t[0].ne), (SHARE + per_item - 1) / per_item,
		     map_piece, m);
	return 0;
}

/* ---- one source --------------------------------------------------------------------- */
static int check_one(const struct tern_cpu_op *op)
{
	if (!tern_same_shape(&op->src[0], op->dst))
		return tern_cpu_refuse(op, "a destination of the source's shape");
	return 0;
}

static int run_one(struct tern_cpu *cpu, const struct tern_cpu_op *op,
		   void (*fn)(const struct map *, const float *, const float *, float *, int64_t))
{
	struct map m = {.cpu = cpu, .op = op->op, .t = {*op->dst, op->src[0]}, .n = 2, .fn = fn};

	return run_map(&m);
}

static void unary(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	const struct tern_vec *vec = m->cpu->vec;

	(void)b;
	if (m->op->i[0] == TERN_LEAKY_RELU)
		vec->leaky_relu(a, y, n, m->op->f);
	else if (m->op->i[0] == TERN_XIELU)
		vec->xielu(a, y, n, m->op->f);
	else
		vec->unary[m->op->i[0]](a, y, n);
}

int tern_cpu_check_unary(const struct tern_cpu_op *op)
{
	if (op->op->i[0] < 0 || op->op->i[0] >= TERN_UNARY_COUNT)
		return tern_cpu_refuse(op, "one of the functions of enum tern_unary");
	return check_one(op);
}

int tern_cpu_unary(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return run_one(cpu, op, unary);
}

static void scale(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	(void)b;
	m->cpu->vec->scale(a, y, n, m->op->f[0], m->op->f[1]);
}

static void clamp(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	(void)b;
	m->cpu->vec->clamp(a, y, n, m->op->f[0], m->op->f[1]);
}

int tern_cpu_check_scale(const struct tern_cpu_op *op)
{
	return check_one(op);
}

int tern_cpu_scale(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return run_one(cpu, op, op->op->op == TERN_CLAMP ? clamp : scale);
}

/* ---- two sources -------------------------------------------------------------------- */
static void binary(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	m->cpu->vec->binary[m->op->i[0]](a, b, y, n);
}

int tern_cpu_check_binary(const struct tern_cpu_op *op)
{
	if (op->op->i[0] < 0 || op->op->i[0] >= TERN_BINARY_COUNT)
		return tern_cpu_refuse(op, "one of the operations of enum tern_binary");
	if (!tern_repeats(&op->src[1], &op->src[0]))
		return tern_cpu_refuse(op, "a second source that repeats to the first one's shape");
	return check_one(op);
}

int tern_cpu_binary(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct map m = {.cpu = cpu,
			.op = op->op,
			.t = {*op->dst, op->src[0], op->src[1]},
			.n = 3,
			.fn = binary};

	return run_map(&m);
}

int tern_cpu_check_add_id(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *b = &op->src[1], *ids = &op->src[2], *d = op->dst;

	if (b->ne[0] != d->ne[0] || b->ne[2] != 1 || b->ne[3] != 1)
		return tern_cpu_refuse(op, "rows of the first source's length to choose from");
	if (ids->ne[0] != d->ne[1] || ids->ne[1] != d->ne[2] || ids->ne[2] != 1 ||
	    ids->ne[3] != 1 || d->ne[3] != 1)
		return tern_cpu_refuse(op, "an index for each row");
	return check_one(op);
}

static void add(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	m->cpu->vec->binary[TERN_ADD](a, b, y, n);
}

int tern_cpu_add_id(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct map m = {.cpu = cpu,
			.op = op->op,
			.t = {*op->dst, op->src[0], op->src[1]},
			.n = 3,
			.ids = &op->src[2],
			.fn = add};
	int rc = tern_check_indices(m.ids, op->src[1].ne[1]);

	return rc ? rc : run_map(&m);
}

static void glu(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	m->cpu->vec->glu[m->op->i[0]](a, b, y, n);
}

static void clamped_glu(const struct map *m, const float *a, const float *b, float *y, int64_t n)
{
	const bool oai = m->op->i[0] == TERN_GLU_SWIGLU_OAI;

	m->cpu->vec->glu_clamped(a, b, y, n, oai ? m->op->f[0] : 1.0f, m->op->f[1], oai);
}

int tern_cpu_check_glu(const struct tern_cpu_op *op)
{
	struct tern_cpu_tensor gate = op->src[0];

	if (op->op->i[0] < 0 || op->op->i[0] >= TERN_GLU_COUNT)
		return tern_cpu_refuse(op, "one of the functions of enum tern_glu");
	if (op->src[1].data)
		return tern_same_shape(&gate, op->dst) && tern_same_shape(&op->src[1], op->dst)
			       ? 0
			       : tern_cpu_refuse(op, "gate and up of the destination's shape");
	gate.ne[0] = op->dst->ne[0];
	if (op->src[0].ne[0] / 2 != gate.ne[0] || !tern_same_shape(&gate, op->dst))
		return tern_cpu_refuse(op, "a source with rows twice the destination's");
	return 0;
}

/* Half number `half` of every row. */
static struct tern_cpu_tensor half_of(const struct tern_cpu_tensor *t, int half)
{
	struct tern_cpu_tensor out = *t;

	out.ne[0] /= 2;
	out.data = (char *)t->data + (uint64_t)(half * out.ne[0]) * t->nb[0];
	return out;
}

int tern_cpu_glu(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	const bool clamped = op->op->i[0] >= TERN_GLU_SWIGLU_OAI;
	struct map m = {.cpu = cpu,
			.op = op->op,
			.t = {*op->dst},
			.n = 3,
			.fn = clamped ? clamped_glu : glu};
	const bool swapped = op->op->i[1];

	m.t[1] = op->src[1].data ? op->src[0] : half_of(&op->src[0], swapped);
	m.t[2] = op->src[1].data ? op->src[1] : half_of(&op->src[0], !swapped);
	return run_map(&m);
}
