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
	/* and so does a group of the NPU's */
	ck_assert_uint_eq(scratch(chain(20, 0), "sim:ref"), 2 * BYTES);
	ck_assert_uint_eq(scratch(chain(20, TERN_STORAGE_KEEP), "sim:ref"), 3 * BYTES);
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

/* When each storage is in use, counted in groups, the slow way. */
struct life {
	int first, last;
};

static void lives(const struct tern_program *p, struct life *life)
{
	const struct tern_graph *g = p->graph;
	int group = 0;

	for (uint32_t i = 0; i < g->nstorages; i++)
		life[i] = (struct life){INT32_MAX, -1};
	for (uint32_t i = 0; i < g->nops; i++) {
		if (i && tern_program_owner(p, i) != tern_program_owner(p, i - 1))
			group++;
		for (int s = -1; s < TERN_MAX_SRC; s++) {
			uint32_t t = s < 0 ? g->ops[i].dst : g->ops[i].src[s];
			struct life *l = t == NONE ? NULL : &life[g->tensors[t].storage];

			if (!l)
				continue;
			l->first = group < l->first ? group : l->first;
			l->last = group;
		}
	}
}

/* Scratch storages that are in use at the same time share no byte. */
static void must_be_apart(const struct tern_program *p)
{
	const struct tern_graph *g = p->graph;
	const uint64_t *at = p->layout.storage;
	struct life life[GB_MAX];

	lives(p, life);
	for (uint32_t i = 0; i < g->nstorages; i++) {
		if (g->storages[i].flags & TERN_STORAGE_BOUND)
			continue;
		for (uint32_t k = 0; k < i; k++) {
			if (!(g->storages[k].flags & TERN_STORAGE_BOUND) &&
			    life[i].first <= life[k].last && life[k].first <= life[i].last &&
			    at[i] < at[k] + g->storages[k].size &&
			    at[k] < at[i] + g->storages[i].size)
				ck_abort_msg("storages %u and %u share bytes", i, k);
		}
		ck_assert_uint_le(at[i] + g->storages[i].size, p->layout.scratch_bytes);
		ck_assert_uint_eq(at[i] % 64, 0);
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
	static const char *const devices[] = {"cpu", "sim:ref"};
	struct tern_program *p = compile(thicket((uint32_t)_i / 2, 200), devices[_i % 2]);

	must_be_apart(p);
	/* ten or so are alive at a time, of 200 */
	ck_assert_uint_lt(p->layout.scratch_bytes, 200 * 4000 / 4);
	tern_program_destroy(p);
}
END_TEST

/* n times: s = last + x, last = norm of s, which are one group. */
static struct gb *sums_and_norms(int n)
{
	struct gb *g = gb_new();
	uint32_t x = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "x", BYTES / 4, 1, 1, 1);
	uint32_t last = x;

	for (int i = 0; i < n; i++) {
		uint32_t sum = gb_tensor(g, TERN_F32, 0, NULL, BYTES / 4, 1, 1, 1);
		uint32_t norm = gb_tensor(g, TERN_F32, i + 1 < n ? 0 : TERN_STORAGE_BOUND, NULL,
					  BYTES / 4, 1, 1, 1);

		gb_op(g, TERN_BINARY, sum, last, x, NONE)->i[0] = TERN_ADD;
		gb_op(g, TERN_RMS_NORM, norm, sum, NONE, NONE)->f[0] = 1e-5f;
		last = norm;
	}
	return g;
}

/* A group reads and writes as its engines come to it: the norm may not take the place of what
 * is added, though the sum was the last to read that. */
START_TEST(what_a_group_touches_is_apart)
{
	struct tern_program *p = compile(sums_and_norms(20), "sim:ref");

	for (uint32_t i = 0; i < p->graph->nops; i++)
		ck_assert_uint_eq(tern_program_owner(p, i), i | 1u);
	must_be_apart(p);
	ck_assert_uint_eq(p->layout.job_scratch, 3 * BYTES);
	tern_program_destroy(p);
	/* where they are operators of their own, two are enough */
	ck_assert_uint_eq(scratch(sums_and_norms(20), "cpu"), 2 * BYTES);
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
	expect_error(tern_compile(dev, graph, &prog), -E2BIG, "divide the graph");
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
	tcase_add_loop_test(t, lives_that_meet_are_apart, 0, 20);
	tcase_add_test(t, what_a_group_touches_is_apart);
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
