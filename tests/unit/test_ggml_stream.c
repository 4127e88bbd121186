// SPDX-License-Identifier: MIT
/* Streams of the ggml backend: each has its own cache, all have one device and one lock. */
#include "ggml_wrap.h"

static void begin(void)
{
	begin_on(&b.plugin.lock);
}

static enum ggml_status run_on(struct ggml_backend *stream, int i)
{
	struct ggml_cgraph graph = split(0, i + SHORTEST);
	enum ggml_status status;

	status = stream->iface.graph_compute(stream, &graph);
	stream->iface.synchronize(stream);
	return status;
}

static void runs_on(struct ggml_backend *stream, int i)
{
	struct ggml_tensor *last = b.nodes[i + SHORTEST - 1];
	float want[ROW];

	for (int k = 0; k < i + SHORTEST; k++)
		interpret(b.nodes[k]);
	memcpy(want, last->data, sizeof(want));
	memset(last->data, 0xff, sizeof(want));
	ck_assert_int_eq(run_on(stream, i), GGML_STATUS_SUCCESS);
	same(last, want);
}

static bool is_idle(const struct ggml_backend *stream)
{
	return cache_idle_since(&((struct stream *)stream->context)->cache) == UINT64_MAX;
}

START_TEST(streams_make_room_for_each_other)
{
	struct ggml_backend *other = b.stream->device->iface.init_backend(b.stream->device, NULL);

	other->device = b.stream->device;
	chain(4);
	sessions.most = 2;
	runs_on(b.stream, 0);
	runs_on(b.stream, 1);
	runs_on(other, 2); /* which has nothing of its own to end */
	ck_assert(!is_idle(b.stream));
	runs_on(other, 3); /* its own first */
	ck_assert(!is_idle(b.stream));
	runs_on(b.stream, 0);
	ck_assert(!is_idle(other));
	sessions.error = -EUSERS;
	sessions.failures = UINT_MAX;
	ck_assert_int_eq(run_on(other, 2), GGML_STATUS_FAILED);
	ck_assert(is_idle(b.stream));
	sessions.failures = 0;
	runs_on(other, 2);
	runs_on(b.stream, 1);
	ck_assert_uint_eq(compiled.times, 4);
	other->iface.free(other);
}
END_TEST

static struct ggml_backend *neighbour;

static void neighbour_works(void)
{
	struct ggml_cgraph graph = split(0, SHORTEST);

	ck_assert_uint_gt(compiled.failures, UINT_MAX - 10);
	ck_assert_int_eq(neighbour->iface.graph_compute(neighbour, &graph), GGML_STATUS_SUCCESS);
	neighbour->iface.synchronize(neighbour);
}

/* Though there are ever others' sessions that could end. */
START_TEST(what_never_compiles_is_told_while_others_go_on)
{
	neighbour = b.stream->device->iface.init_backend(b.stream->device, NULL);
	neighbour->device = b.stream->device;
	chain(2);
	runs_on(neighbour, 0);
	compiled.error = -ENOMEM;
	compiled.failures = UINT_MAX;
	compiled.meanwhile = neighbour_works;
	ck_assert_int_eq(run_on(b.stream, 1), GGML_STATUS_ALLOC_FAILED);
	ck_assert(!is_idle(neighbour));
	compiled.failures = 0;
	runs_on(b.stream, 1);
	neighbour->iface.free(neighbour);
}
END_TEST

static char logged[4096];

static void note_log(enum ggml_log_level level, const char *text, void *data)
{
	(void)level;
	(void)data;
	strncat(logged, text, sizeof(logged) - strlen(logged) - 1);
}

static void get_log(ggml_log_callback *callback, void **data)
{
	*callback = note_log;
	*data = NULL;
}

/* synchronize can return nothing: who only reads the results is told by the log. */
START_TEST(a_failure_in_the_background_is_logged_when_it_happens)
{
	chain(1);
	runs_on(b.stream, 0);
	host.ggml_log_get = get_log;
	run_error = -EIO;
	ck_assert_int_eq(run_on(b.stream, 0), GGML_STATUS_SUCCESS);
	ck_assert_str_eq(logged, "ggml-tern: no run for this test\n");
	ck_assert_int_eq(run_on(b.stream, 0), GGML_STATUS_FAILED);
	ck_assert_ptr_nonnull(strstr(logged, "not begun, since one before it failed"));
	host.ggml_log_get = NULL;
	runs_on(b.stream, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("streams of a device");
	TCase *tc = tcase_create("stream");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, begin, end_of_sessions);
	tcase_add_test(tc, streams_make_room_for_each_other);
	tcase_add_test(tc, what_never_compiles_is_told_while_others_go_on);
	tcase_add_test(tc, a_failure_in_the_background_is_logged_when_it_happens);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
