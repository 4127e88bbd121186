// SPDX-License-Identifier: MIT
/*
 * Compiling takes far less than quadratic time. Forty times the operators may cost 150 times as
 * much: a core shared with a neighbour makes CPU time vary twofold and more. Quadratic would be
 * 1600. The least of some tries counts.
 */
#include "graph_fixture.h"

#include <time.h>

enum { SMALL = 2000, LARGE = 40 * SMALL, TRIES = 3, FACTOR = 150 };

struct big {
	struct tern_storage_desc storages[4];
	struct tern_tensor_desc *tensors;
	struct tern_op_desc *ops;
	struct tern_graph_desc desc;
};

static uint32_t add_tensor(struct big *b, uint32_t storage, enum tern_dtype type, uint64_t offset,
			   int64_t n0, int64_t n1)
{
	struct tern_tensor_desc *t = &b->tensors[b->desc.ntensors];

	*t = (struct tern_tensor_desc){
		.storage = storage, .type = type, .ne = {n0, n1, 1, 1}, .offset = offset};
	tern_contiguous(type, t->ne, t->nb);
	return b->desc.ntensors++;
}

static void add_op(struct big *b, enum tern_opcode op, uint32_t dst, uint32_t s0, uint32_t s1)
{
	b->ops[b->desc.nops++] = (struct tern_op_desc){
		.op = op, .src = {s0, s1, NONE, NONE, NONE}, .dst = dst, .f = {1}};
}

enum { WEIGHTS, INPUT, SCRATCH, INDICES };

/* RMS_NORM, MATMUL, ...: every result in one storage, as allocators of whole graphs do. */
static void add_layers(struct big *b, uint32_t n)
{
	uint32_t w = add_tensor(b, WEIGHTS, TERN_F32, 0, 32, 32);
	uint32_t last = add_tensor(b, INPUT, TERN_F32, 0, 32, 2);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t d = add_tensor(b, SCRATCH, TERN_F32, 256ull * i, 32, 2);

		if (i % 2)
			add_op(b, TERN_MATMUL, d, w, last);
		else
			add_op(b, TERN_RMS_NORM, d, last, NONE);
		last = d;
	}
}

/* Rows of tables that no product reads whole. */
static void add_tables(struct big *b, uint32_t n)
{
	uint32_t it = add_tensor(b, INDICES, TERN_I32, 0, 1, 1);
	uint32_t row = add_tensor(b, SCRATCH, TERN_F32, 0, 32, 1);
	uint32_t y = add_tensor(b, SCRATCH, TERN_F32, 256, 1, 1);

	for (uint32_t i = 0; i < n / 2; i++) {
		add_op(b, TERN_GET_ROWS, row, add_tensor(b, WEIGHTS, TERN_F32, 256ull * i, 32, 1),
		       it);
		add_op(b, TERN_MATMUL, y, add_tensor(b, WEIGHTS, TERN_F32, 256ull * i + 128, 32, 1),
		       row);
	}
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of making the graph, compiling, and loading what was saved. */
static double seconds(struct tern_device *dev, const struct big *b)
{
	double start = cpu_seconds();
	struct tern_program *prog, *loaded;
	struct tern_graph *g;
	size_t size;
	void *blob;

	ck_assert_msg(!tern_graph_create(&b->desc, &g), "%s", tern_last_error());
	ck_assert_msg(!tern_compile(dev, g, &prog), "%s", tern_last_error());
	ck_assert_int_eq(tern_program_save(prog, &blob, &size), 0);
	ck_assert_msg(!tern_program_load(dev, blob, size, &loaded), "%s", tern_last_error());
	tern_program_destroy(loaded);
	tern_program_destroy(prog);
	tern_graph_destroy(g);
	free(blob);
	return cpu_seconds() - start;
}

static double least_seconds(const char *device, void (*add)(struct big *b, uint32_t n), uint32_t n)
{
	struct big b = {
		.storages = {{256ull * (n + 1) + 4096, TERN_STORAGE_BOUND | TERN_STORAGE_CONST,
			      NULL},
			     {256, TERN_STORAGE_BOUND, NULL},
			     {256ull * (n + 2), 0, NULL},
			     {4, TERN_STORAGE_BOUND, NULL}},
		.tensors = calloc(2 * n + 8, sizeof(struct tern_tensor_desc)),
		.ops = calloc(n + 8, sizeof(struct tern_op_desc)),
	};
	struct tern_device *dev;
	double least = 1e9;

	b.desc.storages = b.storages;
	b.desc.tensors = b.tensors;
	b.desc.ops = b.ops;
	b.desc.nstorages = 4;
	add(&b, n);
	ck_assert_int_eq(tern_device_open(device, &dev), 0);
	for (int i = 0; i < TRIES; i++) {
		double t = seconds(dev, &b);

		least = t < least ? t : least;
	}
	tern_device_close(dev);
	free(b.tensors);
	free(b.ops);
	return least;
}

static void check_linear(const char *device, void (*add)(struct big *b, uint32_t n))
{
	double small = least_seconds(device, add, SMALL), large = least_seconds(device, add, LARGE);

	ck_assert_msg(large < FACTOR * small, "%s: %d operators take %g s, %d take %g s", device,
		      SMALL, small, LARGE, large);
}

START_TEST(one_storage)
{
	check_linear("sim:small", add_layers);
}
END_TEST

START_TEST(turns)
{
	check_linear("sim:small,no=rms_norm", add_layers);
}
END_TEST

START_TEST(tables)
{
	check_linear("sim:small", add_tables);
	check_linear("cpu", add_tables);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("compile time");
	TCase *tc = tcase_create("linear");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, one_storage);
	tcase_add_test(tc, turns);
	tcase_add_test(tc, tables);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
