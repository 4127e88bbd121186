// SPDX-License-Identifier: MIT
/* libtern from graph to session: results, and each refusal of each entry point. test_lib_device.c
 * has what comes before. */
#include "lib/device.h"
#include "lib_fixture.h"

static const struct {
	const char *device;
	uint64_t npu, cpu, segments;
} targets[] = {
	{"sim:ref", 4, 0, 1},
	{"sim:small,threads=1", 4, 0, 1},
	{"sim:large", 4, 0, 1},
	{"sim:ref,check", 4, 0, 1},
	{"sim:ref,no=scale", 2, 2, 3},
	{"sim:ref,no=matmul+binary", 2, 2, 3},
	{"sim:ref,no=binary", 3, 1, 3},
	{"sim:ref,no=scale+binary+matmul", 0, 4, 1},
	{"cpu", 0, 4, 1},
	{"cpu:threads=2", 0, 4, 1},
};
#define NTARGETS ((int)(sizeof(targets) / sizeof(targets[0])))

START_TEST(results_are_right_wherever_operators_run)
{
	static const int64_t tokens[] = {1, 8, 3};
	struct tern_stats st = {.size = sizeof(st)};
	struct {
		struct tern_stats old;
		uint64_t added;
	} other;
	struct rig r;
	size_t i;

	RIG_NEEDS(targets[_i].device);
	rig_open(&r, targets[_i].device);
	ck_assert_uint_eq(rig_attr(&r, TERN_PROGRAM_NPU_OPS), targets[_i].npu);
	ck_assert_uint_eq(rig_attr(&r, TERN_PROGRAM_CPU_OPS), targets[_i].cpu);
	ck_assert_uint_eq(rig_attr(&r, TERN_PROGRAM_SEGMENTS), targets[_i].segments);
	ck_assert_int_eq(rig_attr(&r, TERN_PROGRAM_IMAGE_BYTES) != 0, targets[_i].npu != 0);
	for (i = 0; i < 3; i++) {
		memset(tern_buffer_data(r.buf[RIG_Y]), 0, 4 * RIG_N * RIG_TOKENS);
		rig_run(&r, tokens[i]);
		rig_check(&r, tokens[i]);
	}
	tern_session_stats(r.s, &st);
	ck_assert_uint_eq(st.runs, 3);
	ck_assert_uint_eq(st.npu_ops, 3 * targets[_i].npu);
	ck_assert_uint_eq(st.cpu_ops, 3 * targets[_i].cpu);
	ck_assert_int_eq(st.cycles != 0, targets[_i].npu != 0);
	ck_assert_int_eq(st.cpu_ns != 0, targets[_i].cpu != 0);
	/* A program that knows fewer members, or more, or forgot to say. */
	memset(&other, 0xaa, sizeof(other));
	other.old.size = offsetof(struct tern_stats, cycles);
	tern_session_stats(r.s, &other.old);
	ck_assert_uint_eq(other.old.runs, 3);
	ck_assert_uint_eq(other.old.cycles, 0xaaaaaaaaaaaaaaaa);
	other.old.size = sizeof(other);
	tern_session_stats(r.s, &other.old);
	ck_assert_uint_eq(other.old.graph_bytes, st.graph_bytes);
	ck_assert_uint_eq(other.added, 0);
	ck_assert_uint_eq(other.old.size, sizeof(other));
	other.old.size = 0;
	other.old.runs = 77;
	tern_session_stats(r.s, &other.old);
	ck_assert_uint_eq(other.old.runs, 77);
	rig_close(&r);
}
END_TEST

/* x, b, w and y once each, whatever the program moves; 12 tokens in all. */
START_TEST(the_graphs_own_work_is_counted)
{
	static const char *const devices[] = {"sim:ref", "sim:ref,no=matmul", "sim:ref,dram=16384"};
	const uint64_t bytes = 4 * (12 * RIG_K + 12 * RIG_N + 2 * (RIG_K + RIG_K * RIG_N));
	struct tern_stats st = {.size = sizeof(st)};
	struct rig r;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	rig_run(&r, 4);
	rig_run(&r, 8);
	tern_session_stats(r.s, &st);
	ck_assert_uint_eq(st.graph_bytes, bytes);
	ck_assert_double_eq(st.graph_mac_cycles, 12.0 * RIG_K * RIG_N * 8 / 4096);
	/* The head is one operator without products that writes y; the body waits for DRAM, or,
	 * where that is fast, for MATRIX. */
	ck_assert_double_eq_tol(st.graph_bound_cycles,
				_i < 2 ? (double)bytes * 256 / 13107
				       : st.graph_mac_cycles + 4.0 * 12 * RIG_N / 16384,
				1e-6);
	tern_session_reset_stats(r.s);
	tern_session_stats(r.s, &st);
	ck_assert_uint_eq(st.runs + st.graph_bytes + st.cycles + st.host_ns, 0);
	rig_close(&r);
}
END_TEST

START_TEST(kept_storages_can_be_read)
{
	struct rig r;
	const float *a;
	int i;

	RIG_NEEDS(targets[_i].device);
	rig_open(&r, targets[_i].device);
	rig_run(&r, 8);
	a = tern_session_storage(r.s, RIG_A);
	ck_assert_ptr_nonnull(a);
	for (i = 0; i < RIG_K * 8; i++)
		ck_assert_float_eq(a[i], 2 * rig_number((uint32_t)i) + 1);
	ck_assert_ptr_null(tern_session_storage(r.s, RIG_C));
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "'c' is not marked TERN_STORAGE_KEEP"));
	ck_assert_ptr_null(tern_session_storage(r.s, RIG_NSTORAGES));
	ck_assert_ptr_null(tern_session_storage(NULL, 0));
	rig_close(&r);
}
END_TEST

START_TEST(bindings_are_refused)
{
	struct tern_binding bind[RIG_NSTORAGES] = {0};
	struct tern_device *other;
	struct tern_buffer *foreign;
	struct rig r;
	int i;

	rig_open(&r, "sim:ref");
	for (i = 0; i < 4; i++)
		bind[i].buffer = r.buf[i];
	expect_error(tern_session_bind(r.s, bind, 3), -EINVAL, "7 storages, but 3 bindings");
	expect_error(tern_session_bind(r.s, NULL, RIG_NSTORAGES), -EINVAL, "NULL");
	expect_error(tern_session_bind(NULL, bind, RIG_NSTORAGES), -EINVAL, "NULL");
	bind[RIG_W].buffer = NULL;
	expect_error(tern_session_bind(r.s, bind, RIG_NSTORAGES), -EINVAL, "storage 2 'w' needs");
	bind[RIG_W].buffer = r.buf[RIG_B];
	expect_error(tern_session_bind(r.s, bind, RIG_NSTORAGES), -ERANGE,
		     "'w' has 2048 bytes, the buffer only 128");
	expect_error(tern_session_bind_one(r.s, RIG_X, r.buf[RIG_X], 4), -ERANGE, "only 1020");
	expect_error(tern_session_bind_one(r.s, RIG_X, r.buf[RIG_X], UINT64_MAX), -ERANGE,
		     "only 0");
	expect_error(tern_session_bind_one(r.s, RIG_A, r.buf[RIG_X], 0), -EINVAL, "is scratch");
	expect_error(tern_session_bind_one(r.s, 70, r.buf[RIG_X], 0), -EINVAL, "no number 70");
	expect_error(tern_session_bind_one(NULL, 0, r.buf[RIG_X], 0), -EINVAL, "NULL");
	rig_device("sim:ref", &other);
	must(tern_buffer_create(other, 4096, &foreign));
	expect_error(tern_session_bind_one(r.s, RIG_X, foreign, 0), -EXDEV, "another");
	tern_buffer_destroy(foreign);
	tern_device_close(other);
	/* What was refused changed nothing. */
	rig_run(&r, 8);
	rig_check(&r, 8);
	rig_close(&r);
}
END_TEST

START_TEST(storages_share_bytes_only_to_read)
{
	struct tern_buffer *b;
	struct rig r;
	int64_t tokens = 1;

	rig_open(&r, _i ? "cpu" : "sim:ref");
	must(tern_buffer_create(r.dev, 8192, &b));
	/* b inside w: both constant */
	must(tern_session_bind_one(r.s, RIG_W, b, 0));
	must(tern_session_bind_one(r.s, RIG_B, b, 64));
	must(tern_session_run(r.s, &tokens, 1));
	/* y inside w */
	must(tern_session_bind_one(r.s, RIG_Y, b, 1024));
	expect_error(tern_session_run(r.s, &tokens, 1), -EINVAL, "make them one storage");
	must(tern_session_bind_one(r.s, RIG_Y, b, 2048));
	must(tern_session_run(r.s, &tokens, 1));
	/* y before and into x */
	must(tern_session_bind_one(r.s, RIG_X, b, 2048 + 508));
	expect_error(tern_session_run(r.s, &tokens, 1), -EINVAL, "share");
	must(tern_session_bind_one(r.s, RIG_X, b, 4096));
	must(tern_session_run(r.s, &tokens, 1));
	tern_buffer_destroy(b); /* the session keeps it */
	must(tern_session_run(r.s, &tokens, 1));
	rig_close(&r);
}
END_TEST

/* A transport that also keeps what sessions map. */
static const struct tern_transport_ops *real_ops;
static struct tern_map seen;

static int map_and_keep(struct tern_context *c, const struct tern_mapping *list, size_t n)
{
	int ret = tern_map_set(&seen, list, n);

	return ret ? ret : real_ops->map(c, list, n);
}

static bool may(uint64_t va, unsigned int access)
{
	uint64_t len = 1;

	return tern_map_translate(&seen, va, &len, access) != NULL;
}

/* One buffer, made or wrapped at an odd place, with constants and with what is written. */
START_TEST(constants_cannot_be_written)
{
	static _Alignas(4096) unsigned char mem[8192];
	struct tern_transport_ops ops;
	struct tern_buffer *b;
	struct rig r;
	uint64_t va;

	rig_open(&r, "sim:ref");
	real_ops = r.dev->transport->ops;
	ops = *real_ops;
	ops.map = map_and_keep;
	r.dev->transport->ops = &ops;
	if (_i)
		must(tern_buffer_wrap(r.dev, mem + 4, 8000, 0, &b));
	else
		must(tern_buffer_create(r.dev, 8000, &b));
	va = b->mem.va;
	memcpy((char *)tern_buffer_data(b) + 512, tern_buffer_data(r.buf[RIG_W]),
	       4 * RIG_K * RIG_N);
	must(tern_session_bind_one(r.s, RIG_W, b, 512));
	must(tern_session_bind_one(r.s, RIG_Y, b, 512 + 2048));
	rig_run(&r, 8);
	ck_assert_mem_eq((char *)tern_buffer_data(b) + 512, tern_buffer_data(r.buf[RIG_W]), 2048);
	ck_assert(!may(va + 511, TERN_READ));
	ck_assert(may(va + 512, TERN_READ) && !may(va + 512, TERN_WRITE));
	ck_assert(may(va + 2559, TERN_READ) && !may(va + 2559, TERN_WRITE));
	ck_assert(may(va + 2560, TERN_READ | TERN_WRITE));
	ck_assert(may(va + 3071, TERN_READ | TERN_WRITE));
	ck_assert(!may(va + 3072, TERN_READ));
	/* constants within constants */
	must(tern_session_bind_one(r.s, RIG_B, b, 576));
	rig_run(&r, 1);
	ck_assert(may(va + 2559, TERN_READ) && !may(va + 576, TERN_WRITE));
	/* only constants: as a whole */
	must(tern_session_bind_one(r.s, RIG_Y, r.buf[RIG_Y], 0));
	rig_run(&r, 1);
	ck_assert(may(va, TERN_READ) && may(va + 7999, TERN_READ));
	ck_assert(!may(va + 2560, TERN_WRITE));
	r.dev->transport->ops = real_ops;
	tern_map_fini(&seen);
	tern_buffer_destroy(b);
	rig_close(&r);
}
END_TEST

START_TEST(runs_are_refused)
{
	struct tern_session *s;
	struct tern_fence *f;
	int64_t tokens = 0;
	struct rig r;

	rig_open(&r, "sim:ref");
	expect_error(tern_session_run(r.s, &tokens, 1), -EINVAL, "'tokens' must be 1 to 8, not 0");
	tokens = 9;
	expect_error(tern_session_submit(r.s, &tokens, 1, &f), -EINVAL, "not 9");
	ck_assert_ptr_null(f);
	tokens = 1;
	expect_error(tern_session_run(r.s, &tokens, 2), -EINVAL, "has 1 symbols");
	expect_error(tern_session_run(r.s, NULL, 0), -EINVAL, "has 1 symbols");
	expect_error(tern_session_run(NULL, &tokens, 1), -EINVAL, "no session");
	expect_error(tern_session_submit(r.s, &tokens, 1, NULL), -EINVAL, "NULL");
	expect_error(tern_session_submit(NULL, &tokens, 1, &f), -EINVAL, "NULL");
	must(tern_session_create(r.prog, &s));
	expect_error(tern_session_run(s, &tokens, 1), -EINVAL, "storage 0 'x' is not bound");
	tern_session_destroy(s);
	tern_session_destroy(NULL);
	tern_session_stop(NULL);
	expect_error(tern_session_create(NULL, &s), -EINVAL, "NULL");
	expect_error(tern_session_create(r.prog, NULL), -EINVAL, "NULL");
	rig_run(&r, 8);
	rig_check(&r, 8);
	rig_close(&r);
}
END_TEST

/* Mappings of the kernel's device; in process there are none. */
static unsigned int mapped_buffers(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	char line[512];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "/dev/accel/") != NULL;
	fclose(maps);
	return n;
}

/* Who has no room for another session is told when it is made, and can make some. */
START_TEST(a_first_run_takes_no_buffer)
{
	unsigned int before;
	struct rig r;

	rig_open(&r, "sim:ref");
	before = mapped_buffers();
	ck_assert(!before == !rig_kernel());
	rig_run(&r, 1);
	ck_assert_uint_eq(mapped_buffers(), before);
	rig_close(&r);
}
END_TEST

static const struct tern_transport_ops *generous;

static int run_with_few_steps(struct tern_context *c, struct tern_run *run)
{
	run->job.budget = 10;
	return generous->run(c, run);
}

START_TEST(a_job_without_steps_left_is_told_with_advice)
{
	struct tern_transport_ops few;
	int64_t tokens = 1;
	struct rig r;

	rig_open(&r, "sim:ref");
	generous = r.dev->transport->ops;
	few = *generous;
	few.run = run_with_few_steps;
	r.dev->transport->ops = &few;
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO, "BUDGET");
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "smaller batches"));
	r.dev->transport->ops = generous;
	rig_run(&r, 2);
	rig_check(&r, 2);
	rig_close(&r);
}
END_TEST

START_TEST(compiling_is_refused)
{
	struct gb *g = rig_graph();
	struct tern_graph *graph = gb_create(g);
	struct tern_program *prog;
	struct tern_device *dev;
	uint64_t v;

	rig_device("sim:ref", &dev);
	expect_error(tern_compile(NULL, graph, &prog), -EINVAL, "NULL");
	expect_error(tern_compile(dev, NULL, &prog), -EINVAL, "NULL");
	expect_error(tern_compile(dev, graph, NULL), -EINVAL, "NULL");
	must(tern_compile(dev, graph, &prog));
	expect_error(tern_program_get(prog, (enum tern_program_attr)77, &v), -EINVAL, "77");
	expect_error(tern_program_get(NULL, TERN_PROGRAM_NPU_OPS, &v), -EINVAL, "NULL");
	must(tern_program_get(prog, TERN_PROGRAM_COMPILE_NS, &v));
	ck_assert_uint_gt(v, 0);
	tern_program_destroy(prog);
	tern_program_destroy(NULL);
	tern_graph_destroy(graph);
	tern_device_close(dev);
	free(g);
}
END_TEST

/* Everything destroyed in the worst order, with a session still able to run. */
START_TEST(lifetimes_do_not_depend_on_order)
{
	struct rig r;
	int i;

	rig_open(&r, _i ? "cpu" : "sim:ref");
	tern_device_close(r.dev);
	tern_program_destroy(r.prog);
	for (i = 0; i < 3; i++)
		tern_buffer_destroy(r.buf[i]);
	rig_run(&r, 8);
	rig_check(&r, 8);
	tern_session_destroy(r.s);
	tern_buffer_destroy(r.buf[3]);
}
END_TEST

/* An index the data holds, so nobody can refuse it earlier. */
START_TEST(indices_out_of_range_end_the_run)
{
	struct gb *g = gb_new();
	uint32_t table = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "table", 32, 10, 1, 1);
	uint32_t ids = gb_tensor(g, TERN_I32, TERN_STORAGE_BOUND, "ids", 4, 1, 1, 1);
	uint32_t rows = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "rows", 32, 4, 1, 1);
	struct tern_graph *graph;
	struct rig r = {0};
	uint32_t i;

	gb_op(g, TERN_GET_ROWS, rows, table, ids, NONE);
	graph = gb_create(g);
	rig_device(_i ? "cpu" : "sim:ref", &r.dev);
	must(tern_compile(r.dev, graph, &r.prog));
	must(tern_session_create(r.prog, &r.s));
	for (i = 0; i < 3; i++) {
		must(tern_buffer_create(r.dev, 32 * 10 * 4, &r.buf[i]));
		must(tern_session_bind_one(r.s, i, r.buf[i], 0));
	}
	must(tern_session_run(r.s, NULL, 0));
	((int32_t *)tern_buffer_data(r.buf[ids]))[2] = 10;
	expect_error(tern_session_run(r.s, NULL, 0), _i ? -EINVAL : -EIO, "0 (GET_ROWS 'rows')");
	((int32_t *)tern_buffer_data(r.buf[ids]))[2] = -1;
	ck_assert_int_lt(tern_session_run(r.s, NULL, 0), 0);
	((int32_t *)tern_buffer_data(r.buf[ids]))[2] = 9;
	must(tern_session_run(r.s, NULL, 0));
	tern_graph_destroy(graph);
	rig_close(&r);
	free(g);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("libtern");
	TCase *t = tcase_create("programs and sessions");

	tcase_add_loop_test(t, results_are_right_wherever_operators_run, 0, NTARGETS);
	tcase_add_loop_test(t, the_graphs_own_work_is_counted, 0, 3);
	tcase_add_loop_test(t, kept_storages_can_be_read, 0, NTARGETS);
	tcase_add_test(t, bindings_are_refused);
	tcase_add_loop_test(t, storages_share_bytes_only_to_read, 0, 2);
	tcase_add_loop_test(t, constants_cannot_be_written, 0, 2);
	tcase_add_test(t, runs_are_refused);
	tcase_add_test(t, a_first_run_takes_no_buffer);
	tcase_add_test(t, a_job_without_steps_left_is_told_with_advice);
	tcase_add_test(t, compiling_is_refused);
	tcase_add_loop_test(t, indices_out_of_range_end_the_run, 0, 2);
	tcase_add_loop_test(t, lifetimes_do_not_depend_on_order, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
