// SPDX-License-Identifier: MIT
/* Which programs and sessions the ggml backend keeps. */
#include "ggml_wrap.h"

/* ---- a cache of its own, and graphs to fill it with ------------------------------------------ */
static struct cache cache;
static pthread_mutex_t lock_of_caches = PTHREAD_MUTEX_INITIALIZER;
static uint64_t clock_of_caches;

static void begin(void)
{
	begin_on(&lock_of_caches);
	clock_of_caches = 0;
	cache = (struct cache){
		.dev = b.plugin.dev, .lock = &lock_of_caches, .clock = &clock_of_caches};
	pthread_mutex_lock(cache.lock);
}

static void end(void)
{
	cache_fini(&cache);
	pthread_mutex_unlock(cache.lock);
	ck_assert_ptr_null(cache.scratch);
	end_of_sessions();
}

/* The number of nodes of a graph that has k results at once, from the node `first` on. */
static int fan(int k, int *first)
{
	struct ggml_tensor *x = leaf(b.cache), *t[MOST_TENSORS], *sum;

	*first = b.nnodes;
	for (int i = 0; i < k; i++)
		t[i] = node(OP_NEG, x, NULL);
	sum = t[0];
	for (int i = 1; i < k; i++)
		sum = node(OP_ADD, sum, t[i]);
	node(OP_SCALE, sum, NULL);
	return b.nnodes - *first;
}

static struct cached *find_nodes(int first, int n)
{
	captured(first, n);
	return cache_find(&cache, &b.capture);
}

static struct cached *find(int i)
{
	return find_nodes(0, i + SHORTEST);
}

static int try_nodes(int first, int n, struct cached **out)
{
	int ret;

	*out = NULL;
	captured(first, n);
	ret = cache_compile(&cache, &b.capture, out);
	return ret ? ret : cache_begin(&cache, *out);
}

static int try(int i, struct cached **out)
{
	return try_nodes(0, i + SHORTEST, out);
}

/* Make it, run it, and look at what the last of its nodes is. */
static struct cached *make_nodes(int first, int n)
{
	const struct ggml_tensor *last = b.nodes[first + n - 1];
	float want[ROW];
	struct cached *entry;

	ck_assert_msg(!try_nodes(first, n, &entry), "%s", tern_last_error());
	for (int i = 0; i < first + n; i++)
		interpret(b.nodes[i]);
	memcpy(want, last->data, sizeof(want));
	memset(last->data, 0xff, sizeof(want));
	ck_assert_int_eq(cache_bind(entry, b.capture.places), 0);
	ck_assert_msg(!tern_session_run(entry->session, NULL, 0), "%s", tern_last_error());
	same(last, want);
	return entry;
}

static struct cached *make(int i)
{
	return make_nodes(0, i + SHORTEST);
}

static uint64_t scratch_of(const struct cached *entry)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(tern_program_get(entry->prog, TERN_PROGRAM_SCRATCH_BYTES, &bytes), 0);
	return bytes;
}

/* ---- what is kept -------------------------------------------------------------------------- */

START_TEST(the_least_recently_used_program_makes_room)
{
	struct cached *first;

	chain(CACHE_PROGRAMS + 2);
	first = make(0);
	for (int i = 1; i < CACHE_PROGRAMS; i++)
		make(i);
	ck_assert_uint_eq(sessions.live, CACHE_PROGRAMS);
	ck_assert_ptr_eq(find(0), first);
	make(CACHE_PROGRAMS);
	ck_assert_ptr_null(find(1)); /* as the first was looked at since */
	ck_assert_ptr_nonnull(find(0));
	ck_assert_ptr_nonnull(find(2));
	make(CACHE_PROGRAMS + 1);
	ck_assert_ptr_null(find(3));
	ck_assert_uint_eq(sessions.live, CACHE_PROGRAMS);
	ck_assert_uint_eq(sessions.begun, CACHE_PROGRAMS + 2);
}
END_TEST

/* Of every session, and no more of it than the largest graph asks for, and a quarter. Scratch comes
 * in pages, of which the widest needs two. */
START_TEST(there_is_one_scratch)
{
	static const int width[] = {3, 20, 4, 3};
	static const unsigned int live[] = {1, 1, 2, 3};
	uint64_t largest = 0;
	int first[4], n[4];

	for (int i = 0; i < 4; i++) {
		struct cached *entry;

		n[i] = fan(width[i], &first[i]);
		entry = make_nodes(first[i], n[i]);
		if (scratch_of(entry) > largest)
			largest = scratch_of(entry);
		ck_assert_uint_ge(tern_buffer_size(cache.scratch), largest);
		ck_assert_uint_le(tern_buffer_size(cache.scratch), largest + largest / 4);
		/* what ended when it grew comes back in the scratch that there is now */
		ck_assert_uint_eq(sessions.live, live[i]);
		ck_assert((i == 1 || i == 2) == !find_nodes(first[0], n[0]));
	}
	ck_assert_uint_ge(largest, 20 * ROW_BYTES);
}
END_TEST

/* A scratch of 7000 bytes, as some graph before may have left it, with a session in it. */
static void leave_scratch(int first, int n)
{
	cache_fini(&cache);
	ck_assert_int_eq(tern_buffer_create(b.plugin.dev, 7000, &cache.scratch), 0);
	make_nodes(first, n);
	ck_assert_uint_eq(tern_buffer_size(cache.scratch), 7000);
}

/* The quarter is for lengths to come: a graph that fits without it runs. */
START_TEST(headroom_is_taken_only_where_there_is_room)
{
	const uint64_t headroom = 7000 + 7000 / 4;
	struct cached *entry;
	int first[2], n[2];
	uint64_t need;

	n[0] = fan(3, &first[0]);
	n[1] = fan(20, &first[1]);
	leave_scratch(first[0], n[0]);
	need = scratch_of(make_nodes(first[1], n[1]));
	ck_assert(7000 < need && need < headroom);
	ck_assert_uint_eq(tern_buffer_size(cache.scratch), headroom);
	leave_scratch(first[0], n[0]);
	largest_buffer = need;
	make_nodes(first[1], n[1]);
	ck_assert_uint_eq(tern_buffer_size(cache.scratch), need);
	largest_buffer = UINT64_MAX;
	leave_scratch(first[0], n[0]);
	largest_buffer = need - 1;
	ck_assert_int_eq(try_nodes(first[1], n[1], &entry), -ENOMEM);
	ck_assert_str_eq(tern_last_error(), "no buffer for this test");
	make_nodes(first[0], n[0]);
}
END_TEST

START_TEST(who_holds_memory_that_goes_away_ends)
{
	struct ggml_tensor *w = leaf(b.weights), *x = leaf(b.cache);
	struct plugin_buffer *weights = b.weights->context, *both = b.cache->context;
	struct tern_program *prog;

	node(OP_MUL, x, w);
	node(OP_NEG, x, NULL);
	prog = make_nodes(0, 1)->prog;
	make_nodes(1, 1);
	cache_forget(&cache, weights->buf);
	ck_assert_ptr_null(find_nodes(0, 1));
	ck_assert_ptr_nonnull(find_nodes(1, 1));
	ck_assert_ptr_eq(make_nodes(0, 1)->prog, prog); /* which was not compiled again */
	cache_forget(&cache, both->buf);
	ck_assert_uint_eq(sessions.live, 0);
	ck_assert_ptr_null(cache.scratch);
	make_nodes(1, 1);
}
END_TEST

/* ---- when there is no room ----------------------------------------------------------------- */

START_TEST(sessions_end_where_there_may_be_few)
{
	struct tern_program *prog;

	chain(6);
	sessions.most = 3;
	prog = make(0)->prog;
	for (int i = 1; i < 6; i++)
		make(i);
	for (int i = 0; i < 6; i++)
		ck_assert(!find(i) == (i < 3));
	ck_assert_ptr_eq(make(0)->prog, prog);
	ck_assert_ptr_null(find(3));
	ck_assert_uint_eq(sessions.live, 3);
}
END_TEST

START_TEST(one_refusal_costs_one_session)
{
	static const int errors[] = {-EUSERS, -EXFULL, -ENOSPC, -EDQUOT, -EMFILE, -ENOMEM};

	chain(3);
	make(0);
	make(1);
	sessions.error = errors[_i];
	sessions.failures = 1;
	make(2);
	ck_assert_ptr_null(find(0));
	ck_assert_ptr_nonnull(find(1));
}
END_TEST

START_TEST(refusals_for_ever_are_told)
{
	struct cached *entry;

	chain(3);
	make(0);
	make(1);
	sessions.error = -EXFULL;
	sessions.failures = UINT_MAX;
	ck_assert_int_eq(try(2, &entry), -EXFULL);
	ck_assert_str_eq(tern_last_error(), "no session for this test");
	ck_assert_uint_eq(sessions.live, 0);
	ck_assert_ptr_null(cache.scratch);
	sessions.failures = 0;
	make(2);
	make(0);
}
END_TEST

/* Another session's end would not help. */
START_TEST(other_errors_cost_nothing)
{
	static const int errors[] = {-EIO, -E2BIG};
	struct cached *entry;

	chain(2);
	make(0);
	sessions.error = errors[_i];
	sessions.failures = 1;
	ck_assert_int_eq(try(1, &entry), errors[_i]);
	ck_assert_ptr_nonnull(find(0));
	make(1);
}
END_TEST

/* Without the lock, others may end sessions and their scratch: who only compiles leaves them alone. */
START_TEST(what_does_not_compile_costs_nothing)
{
	struct cached *entry;

	chain(2);
	make(0);
	compiled.error = -E2BIG;
	compiled.failures = 1;
	ck_assert_int_eq(try(1, &entry), -E2BIG);
	ck_assert_uint_eq(sessions.unlocked, 0);
	ck_assert_ptr_nonnull(find(0));
	make(1);
}
END_TEST

/* Once, as the sessions have it. */
START_TEST(a_compiler_that_lacks_memory_may_have_that_of_sessions)
{
	struct cached *entry;

	chain(4);
	make(0);
	make(1);
	compiled.error = -ENOMEM;
	compiled.failures = 1;
	make(2);
	ck_assert_ptr_null(find(0));
	ck_assert_ptr_null(find(1));
	compiled.failures = UINT_MAX;
	ck_assert_int_eq(try(3, &entry), -ENOMEM);
	ck_assert_str_eq(tern_last_error(), "no program for this test");
	ck_assert_uint_eq(compiled.failures, UINT_MAX - 2);
	compiled.failures = 0;
	make(3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache of programs");
	TCase *tc = tcase_create("cache");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, the_least_recently_used_program_makes_room);
	tcase_add_test(tc, there_is_one_scratch);
	tcase_add_test(tc, headroom_is_taken_only_where_there_is_room);
	tcase_add_test(tc, who_holds_memory_that_goes_away_ends);
	tcase_add_test(tc, sessions_end_where_there_may_be_few);
	tcase_add_loop_test(tc, one_refusal_costs_one_session, 0, 6);
	tcase_add_test(tc, refusals_for_ever_are_told);
	tcase_add_loop_test(tc, other_errors_cost_nothing, 0, 2);
	tcase_add_test(tc, what_does_not_compile_costs_nothing);
	tcase_add_test(tc, a_compiler_that_lacks_memory_may_have_that_of_sessions);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
