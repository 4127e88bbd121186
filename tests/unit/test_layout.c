// SPDX-License-Identifier: MIT
/* Scratch of a session: storages share bytes when, and only when, their lives do not meet. */
#include "lib_fixture.h"

#include "lib/program.h"

#define BYTES 4096u

/* x -> t0 -> t1 -> ... -> t(n-1) -> y, a scratch storage of BYTES between each. */
static struct gb *chain(int n, uint32_t flags_of_first)
{
	struct gb *g = gb_new();
	uint32_t last = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "x", BYTES / 4, 1, 1, 1);
	int i;

	for (i = 0; i < n; i++) {
		uint32_t t =
			gb_tensor(g, TERN_F32, i ? 0 : flags_of_first, NULL, BYTES / 4, 1, 1, 1);

		gb_op(g, TERN_SCALE, t, last, NONE, NONE)->f[0] = 2.0f;
		last = t;
	}
	gb_op(g, TERN_SCALE, gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "y", BYTES / 4, 1, 1, 1),
	      last, NONE, NONE)
		->f[0] = 2.0f;
	return g;
}

static struct tern_program *compile(struct gb *g, const char *device)
{
	struct tern_graph *graph = gb_create(g);
	struct tern_program *prog;
	struct tern_device *dev;

	must(tern_device_open(device, &dev));
	must(tern_compile(dev, graph, &prog));
	tern_device_close(dev);
	tern_graph_destroy(graph);
	free(g);
	return prog;
}

static uint64_t scratch(struct gb *g, const char *device)
{
	struct tern_program *prog = compile(g, device);
	uint64_t v = prog->layout.job_scratch;

	tern_program_destroy(prog);
	return v;
}

START_TEST(a_chain_needs_two)
{
	/* on the CPU one operator reads while it writes the other */
	ck_assert_uint_eq(scratch(chain(20, 0), "cpu"), 2 * BYTES);
	/* what is kept is kept for ever */
	ck_assert_uint_eq(scratch(chain(20, TERN_STORAGE_KEEP), "cpu"), 3 * BYTES);
	/* inside a job nobody but the compiler knows what overlaps */
	ck_assert_uint_eq(scratch(chain(20, 0), "sim:ref"), 20 * BYTES);
}
END_TEST

START_TEST(what_is_not_written_whole_is_not_shared)
{
	struct gb *g = chain(3, 0);

	/* t2 is read before anything writes it */
	g->ops[0].src[0] = 3;
	ck_assert_uint_eq(scratch(g, "cpu"), 3 * BYTES);
}
END_TEST

START_TEST(unused_and_empty_storages_take_nothing)
{
	struct gb *g = chain(2, 0);

	gb_storage(g, 1 << 20, 0, "unused");
	gb_storage(g, 0, 0, "empty");
	ck_assert_uint_eq(scratch(g, "cpu"), 2 * BYTES);
	g = chain(2, 0);
	gb_storage(g, 1 << 20, TERN_STORAGE_KEEP, "kept"); /* the caller may look at it */
	ck_assert_uint_eq(scratch(g, "cpu"), 2 * BYTES + (1 << 20));
}
END_TEST

/* First and last operator that touch each storage, the slow way. */
static void lives(const struct gb *g, int *first, int *last)
{
	uint32_t i, t;
	int s;

	for (t = 0; t < g->desc.ntensors; t++)
		first[t] = last[t] = -1;
	for (i = 0; i < g->desc.nops; i++) {
		for (s = -1; s < 2; s++) {
			t = s < 0 ? g->ops[i].dst : g->ops[i].src[s];
			if (t == NONE)
				continue;
			first[t] = first[t] < 0 ? (int)i : first[t];
			last[t] = (int)i;
		}
	}
}

/* Sums of tensors made earlier, with sizes of all kinds. */
static struct gb *thicket(uint32_t seed, int n)
{
	struct gb *g = gb_new();
	int i;

	gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "x", 2000, 1, 1, 1);
	for (i = 1; i <= n; i++) {
		uint32_t a = (seed = seed * 1664525u + 1013904223u) >> 8, b;
		uint32_t back = 1 + a % (uint32_t)(i < 9 ? i : 9);
		int64_t len = 1 + (a >> 8) % 2000;

		b = gb_tensor(g, TERN_F32, 0, NULL, len, 1, 1, 1);
		/* a view as long as both are: the whole destination is written */
		g->storages[b].size = 4 * (uint64_t)len;
		gb_op(g, TERN_REPEAT, b, gb_view(g, (uint32_t)i - back, TERN_F32, 0, 1, 1, 1, 1),
		      NONE, NONE);
	}
	return g;
}

START_TEST(lives_that_meet_are_apart)
{
	struct gb *g = thicket((uint32_t)_i, 200), copy = *g;
	int first[GB_MAX], last[GB_MAX], f[GB_MAX], l[GB_MAX];
	struct tern_program *p = compile(g, "cpu");
	uint32_t i, k, t;

	lives(&copy, first, last);
	for (i = 0; i < copy.desc.nstorages; i++)
		f[i] = INT32_MAX, l[i] = -1;
	for (t = 0; t < p->graph->ntensors; t++) {
		i = p->graph->tensors[t].storage;
		if (first[t] >= 0 && first[t] < f[i])
			f[i] = first[t];
		if (last[t] > l[i])
			l[i] = last[t];
	}
	for (i = 1; i < p->graph->nstorages; i++) {
		for (k = 1; k < i; k++) {
			uint64_t a = p->layout.storage[i], b = p->layout.storage[k];

			if (f[i] <= l[k] && f[k] <= l[i] && a < b + p->graph->storages[k].size &&
			    b < a + p->graph->storages[i].size)
				ck_abort_msg("storages %u and %u share bytes", i, k);
		}
		ck_assert_uint_le(p->layout.storage[i] + p->graph->storages[i].size,
				  p->layout.scratch_bytes);
		ck_assert_uint_eq(p->layout.storage[i] % 64, 0);
	}
	/* ten or so are alive at a time, of 200 */
	ck_assert_uint_lt(p->layout.scratch_bytes, 200 * 4000 / 4);
	tern_program_destroy(p);
}
END_TEST

START_TEST(too_much_scratch_is_refused)
{
	struct gb *g = chain(4, 0);
	struct tern_graph *graph;
	struct tern_program *prog;
	struct tern_device *dev;

	g->storages[1].size = g->storages[2].size = 1ull << 45;
	graph = gb_create(g);
	must(tern_device_open("cpu", &dev));
	expect_error(tern_compile(dev, graph, &prog), -ENOMEM, "exceed 2^46 bytes");
	ck_assert_ptr_null(prog);
	tern_device_close(dev);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("scratch layout");
	TCase *t = tcase_create("layout");

	tcase_add_test(t, a_chain_needs_two);
	tcase_add_test(t, what_is_not_written_whole_is_not_shared);
	tcase_add_test(t, unused_and_empty_storages_take_nothing);
	tcase_add_loop_test(t, lives_that_meet_are_apart, 0, 10);
	tcase_add_test(t, too_much_scratch_is_refused);
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
