// SPDX-License-Identifier: MIT
/* Cases on devices. */
#include "support/conformance_bench.h"

#include <inttypes.h>
#include <string.h>

/* File offsets of tensors in a GGUF are multiples of 32. */
enum { GGUF_ALIGNMENT = 32 };

static const struct device {
	unsigned int bit;
	const char *name;
	bool ref;    /* same bits as every other of these */
	bool loaded; /* runs a program that was saved and loaded */
} devices[] = {
	{ON_REF, "sim:ref,check,threads=1", true, false},
	{ON_FAST, "sim:ref,threads=1", true, false},
	{ON_THREADS, "sim:ref,threads=2", true, true},
	{ON_SCALAR, "sim:ref,threads=1,simd=scalar", true, false},
	{ON_AVX2, "sim:ref,threads=1,simd=avx2", true, false},
	{ON_AVX512, "sim:ref,threads=1,simd=avx512", true, false},
	{ON_SMALL, "sim:small,check,threads=1", false, false},
	{ON_LARGE, "sim:large,check,threads=1", false, false},
	{ON_CPU, "cpu:threads=2", false, false},
	{ON_MASKED, NULL, false, false},
};

/* Weights lie at a multiple of 32 in memory that only they are in. */
static int make_buffer(struct conf_bench *b, struct tern_device *dev, unsigned int s)
{
	struct conf_storage *st = &b->storage[s];

	if (!(b->sdesc[s].flags & TERN_STORAGE_CONST))
		return tern_buffer_create(dev, st->size, &st->buffer);
	st->mapped = conf_need(aligned_alloc(64, (st->size + 128) / 64 * 64));
	memcpy(st->mapped + GGUF_ALIGNMENT, st->init, st->size);
	return tern_buffer_wrap(dev, st->mapped + GGUF_ALIGNMENT, st->size, TERN_WRAP_READ_ONLY,
				&st->buffer);
}

static int bind(struct conf_bench *b, struct tern_device *dev, struct tern_session *session)
{
	struct tern_binding bindings[CONF_TENSORS] = {0};
	int ret = 0;

	for (unsigned int s = 0; s < b->nstorages && !ret; s++) {
		if (b->sdesc[s].flags & TERN_STORAGE_BOUND)
			ret = make_buffer(b, dev, s);
		bindings[s].buffer = b->storage[s].buffer;
	}
	return ret ? ret : tern_session_bind(session, bindings, b->nstorages);
}

static void unbind(struct conf_bench *b)
{
	for (unsigned int s = 0; s < b->nstorages; s++) {
		tern_buffer_destroy(b->storage[s].buffer);
		free(b->storage[s].mapped);
		b->storage[s].buffer = NULL;
		b->storage[s].mapped = NULL;
	}
}

static int run_all(struct conf_bench *b, struct tern_session *session, bool ref)
{
	int ret = 0;

	for (unsigned int r = 0; r < conf_runs(b->g) && !ret; r++) {
		for (unsigned int s = 0; s < b->nstorages; s++)
			if (b->storage[s].buffer && !b->storage[s].mapped)
				memcpy(tern_buffer_data(b->storage[s].buffer), b->storage[s].init,
				       b->storage[s].size);
		ret = tern_session_run(session, b->g->runs[r], b->nsymbols);
		if (!ret)
			conf_compare(b, session, r, ref);
	}
	return ret;
}

/* The solver's word is the compiler's: as many operators on the NPU as it said. */
static void check_placement(struct conf_bench *b, struct tern_device *dev,
			    struct tern_program *prog)
{
	uint64_t is_npu = 0, on_npu = 0, said = 0;

	tern_device_get(dev, TERN_DEVICE_IS_NPU, &is_npu);
	tern_program_get(prog, TERN_PROGRAM_NPU_OPS, &on_npu);
	for (unsigned int o = 0; o < b->g->nops && is_npu; o++) {
		const struct tern_op_desc *op = &b->g->ops[o];
		bool npu = !tern_op_supported(dev, op, b->tdesc);
		const char *why = npu ? NULL : tern_last_error();

		said += npu;
		if (b->g->masked && !strcmp(b->device, b->g->masked))
			continue;
		conf_placed(op, b->tdesc, why);
		if (!npu && !b->g->may_fall_back && conf_must(op, b->tdesc))
			conf_fail(b->name, b->device, "must run on the NPU: %s", why);
	}
	if (said == b->g->nops && b->g->masked && !strcmp(b->device, b->g->masked))
		conf_fail(b->name, b->device, "masked operators are on the NPU");
	if (said != on_npu)
		conf_fail(b->name, b->device,
			  "tern_op_supported: %" PRIu64 " on the NPU, program: %" PRIu64, said,
			  on_npu);
}

/* What is loaded must be what was saved. */
static int reload(struct tern_device *dev, struct tern_program **prog)
{
	void *blob = NULL;
	size_t size;
	int ret = tern_program_save(*prog, &blob, &size);

	tern_program_destroy(*prog);
	*prog = NULL;
	if (!ret)
		ret = tern_program_load(dev, blob, size, prog);
	free(blob);
	return ret;
}

static void run_graph(struct conf_bench *b, struct tern_device *dev, const struct tern_graph *graph,
		      const struct device *d)
{
	struct tern_session *session = NULL;
	struct tern_program *prog = NULL;
	int ret = tern_compile(dev, graph, &prog);

	if (!ret)
		check_placement(b, dev, prog);
	if (!ret && d->loaded)
		ret = reload(dev, &prog);
	if (!ret)
		ret = tern_session_create(prog, &session);
	if (!ret)
		ret = bind(b, dev, session);
	if (!ret)
		ret = run_all(b, session, d->ref);
	if (ret)
		conf_fail(b->name, b->device, "error %d: %s", ret, tern_last_error());
	tern_session_destroy(session);
	unbind(b);
	tern_program_destroy(prog);
}

static void run_device(struct conf_bench *b, const struct tern_graph *graph, const struct device *d)
{
	const char *name = d->name ? d->name : b->g->masked;
	struct tern_device *dev;
	int ret;

	b->device = name;
	if (!conf_wanted(b->name, name))
		return;
	conf_now(b->name, name);
	ret = tern_device_open(name, &dev);
	if (!ret) {
		run_graph(b, dev, graph, d);
		tern_device_close(dev);
	} else if (!(d->bit & ON_SIMD)) { /* not every machine has each instruction set */
		conf_fail(b->name, name, "error %d: %s", ret, tern_last_error());
	}
	conf_now(NULL, NULL);
}

/* FNV-1a (Fowler, Noll, Vo) of what sim:ref left in bound storages. */
static uint64_t digest(const struct conf_bench *b, unsigned int run)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int s = 0; s < b->nstorages; s++)
		for (size_t i = 0; b->storage[s].first[run] && i < b->storage[s].size; i++)
			h = (h ^ b->storage[s].first[run][i]) * 0x100000001b3ull;
	return h;
}

static void run_devices(struct conf_bench *b, const struct tern_graph *graph)
{
	unsigned int on = b->g->devices ? b->g->devices : ON_MOST;

	for (size_t d = 0; d < CONF_COUNT(devices); d++)
		if (on & devices[d].bit)
			run_device(b, graph, &devices[d]);
}

void conf_run(const struct conf_graph *g, uint64_t *digests)
{
	struct conf_bench *b = conf_need(calloc(1, sizeof(*b)));
	struct tern_graph *graph = NULL;

	b->g = g;
	conf_build(b);
	if (!conf_wanted(b->name, NULL)) {
		conf_now(NULL, NULL);
	} else if (tern_graph_create(&b->desc, &graph)) {
		conf_fail(b->name, "graph", "%s", tern_last_error());
	} else {
		conf_reference(b);
		run_devices(b, graph);
		tern_graph_destroy(graph);
	}
	for (unsigned int r = 0; r < conf_runs(g) && digests; r++)
		digests[r] = digest(b, r);
	conf_unbuild(b);
	free(b);
}

/* ---- single operators ------------------------------------------------------------------------------ */
static bool is_weight(const struct conf_case *c, int s)
{
	switch (c->op) {
	case TERN_MATMUL:
	case TERN_MATMUL_ID:
	case TERN_GET_ROWS:
		return s == 0;
	case TERN_RMS_NORM:
	case TERN_NORM:
		return s > 0;
	default:
		return false;
	}
}

/* From one to the bound, with what is next to the sizes that kernels like. */
static void set_runs(struct conf_graph *g, const int64_t bound[CONF_SYMBOLS])
{
	static const int64_t first[] = {1, 2, 3, 17, 31, 32, 33};

	memcpy(g->bound, bound, sizeof(g->bound));
	if (!bound[0])
		return;
	for (size_t i = 0; i <= CONF_COUNT(first); i++) {
		int64_t t = i < CONF_COUNT(first) ? first[i] : bound[0], more[] = {0, 1, 40};
		int64_t *run = g->runs[g->nruns];

		if (t > bound[0] || (bound[1] && t > bound[1]))
			continue;
		run[0] = t;
		run[1] = bound[1] && t + more[i % 3] > bound[1] ? bound[1] : t + more[i % 3];
		g->nruns++;
	}
}

static void run_case(const struct conf_case *c)
{
	struct conf_graph *g = conf_need(calloc(1, sizeof(*g)));
	struct conf_tensor d = c->d;
	int src[TERN_MAX_SRC + 1], n = 0;
	struct tern_op_desc *op;

	for (; n < TERN_MAX_SRC; n++) {
		struct conf_tensor t = c->s[n];

		t.role = t.role == ROLE_AUTO && is_weight(c, n) ? ROLE_WEIGHT : t.role;
		src[n] = t.ne[0] ? (int)conf_tensor(g, t) : CONF_ABSENT;
	}
	src[n] = -1;
	if (c->in_place) {
		d = c->s[0];
		conf_place(&d, (int64_t[4]){0}, (uint64_t[4]){0}, &d.offset);
		d.in = 1;
	} else if (c->op != TERN_SET_ROWS) {
		d.fill = FILL_CANARY;
	}
	op = conf_op(g, c->op, conf_tensor(g, d), src);
	memcpy(op->i, c->i, sizeof(op->i));
	memcpy(op->f, c->f, sizeof(op->f));
	g->exact = c->exact;
	g->limit = c->limit;
	g->may_fall_back = c->may_fall_back;
	g->devices = c->devices;
	set_runs(g, c->bound);
	conf_run(g, NULL);
	free(g);
}

/* Whole blocks only, and gaps between elements only where elements stand alone. */
static bool type_fits(const struct conf_tensor *t, enum tern_dtype type)
{
	int64_t elems = ref_type(type)->elems;

	return t->ne[0] % elems == 0 && (elems == 1 || t->layout < SWAP01);
}

static bool set_type(struct conf_case *c, enum tern_dtype type)
{
	unsigned int vary = c->vary ? c->vary : 1;
	bool fits = true;

	for (unsigned int i = 0; i <= TERN_MAX_SRC; i++) {
		struct conf_tensor *t = i < TERN_MAX_SRC ? &c->s[i] : &c->d;

		if (!(vary >> i & 1))
			continue;
		fits &= type_fits(t, type);
		t->type = type;
	}
	return fits;
}

void conf_run_case(const struct conf_case *c)
{
	struct conf_case with = *c;

	if (!c->types)
		run_case(c);
	for (int type = 0; type < 64; type++)
		if (c->types >> type & 1 && set_type(&with, (enum tern_dtype)type))
			run_case(&with);
}

void conf_run_cases(const struct conf_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		conf_run_case(&c[i]);
}
