// SPDX-License-Identifier: MIT
/* Runs in the background, runs that are stopped, and several threads at once. */
#include "lib_fixture.h"

#include <pthread.h>
#include <time.h>

#define MS 1000000

/* A session that has no worker yet does not get one. */
static bool no_more_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return no_more_threads ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

static void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * MS};

	nanosleep(&t, NULL);
}

/* A chain of products that takes far longer than any wait below, unless it is stopped. */
enum { LONG_N = 512, LONG_OPS = 1000 };

static void long_open(struct rig *r, const char *device)
{
	struct gb *g = gb_new();
	struct tern_graph *graph;
	struct tern_binding bind[3] = {0};
	uint32_t a, b, w;
	int i;

	memset(r, 0, sizeof(*r));
	w = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND | TERN_STORAGE_CONST, "w", LONG_N, LONG_N, 1,
		      1);
	a = gb_tensor(g, TERN_F32, 0, "a", LONG_N, LONG_N, 1, 1);
	b = gb_tensor(g, TERN_F32, 0, "b", LONG_N, LONG_N, 1, 1);
	for (i = 0; i < LONG_OPS; i++)
		gb_op(g, TERN_MATMUL, i % 2 ? a : b, w, i % 2 ? b : a, NONE);
	graph = gb_create(g);
	rig_device(device, &r->dev);
	must(tern_compile(r->dev, graph, &r->prog));
	must(tern_session_create(r->prog, &r->s));
	must(tern_buffer_create(r->dev, 4 * LONG_N * LONG_N, &r->buf[0]));
	bind[0].buffer = r->buf[0];
	must(tern_session_bind(r->s, bind, 3));
	tern_graph_destroy(graph);
	free(g);
}

static const char *const devices[] = {"cpu:threads=1", "sim:ref,threads=1"};

/* ---- fences --------------------------------------------------------------------------- */

START_TEST(a_fence_ends_with_the_run)
{
	int64_t tokens = 3;
	struct tern_fence *f;
	struct rig r;
	int i;

	rig_open(&r, devices[_i]);
	for (i = 0; i < 20; i++) {
		memset(tern_buffer_data(r.buf[RIG_Y]), 0, 4 * RIG_N * RIG_TOKENS);
		tokens = 1 + i % RIG_TOKENS;
		must(tern_session_submit(r.s, &tokens, 1, &f));
		must(tern_fence_wait(f, i % 2 ? -1 : INT64_MAX));
		rig_check(&r, tokens);
		must(tern_fence_wait(f, 0)); /* stays signalled */
		tern_fence_destroy(f);
	}
	tern_fence_destroy(NULL);
	expect_error(tern_fence_wait(NULL, 0), -EINVAL, "no fence");
	rig_close(&r);
}
END_TEST

START_TEST(waits_time_out)
{
	struct tern_fence *f;
	struct rig r;

	long_open(&r, devices[_i]);
	must(tern_session_submit(r.s, NULL, 0, &f));
	expect_error(tern_fence_wait(f, 0), -ETIME, "not over after 0 ns");
	expect_error(tern_fence_wait(f, 2 * MS), -ETIME, "not over");
	tern_session_stop(r.s);
	expect_error(tern_fence_wait(f, -1), -EINTR, "stopped");
	tern_fence_destroy(f);
	rig_close(&r);
}
END_TEST

START_TEST(one_run_at_a_time)
{
	struct tern_binding bind[3] = {0};
	struct tern_fence *f, *second;
	struct rig r;

	long_open(&r, devices[_i]);
	bind[0].buffer = r.buf[0];
	must(tern_session_submit(r.s, NULL, 0, &f));
	expect_error(tern_session_submit(r.s, NULL, 0, &second), -EBUSY, "is running");
	expect_error(tern_session_run(r.s, NULL, 0), -EBUSY, "is running");
	expect_error(tern_session_bind(r.s, bind, 3), -EBUSY, "under way");
	expect_error(tern_session_bind_one(r.s, 0, r.buf[0], 0), -EBUSY, "under way");
	expect_error(tern_session_trace(r.s, stderr), -EBUSY, "under way");
	tern_session_stop(r.s);
	ck_assert_int_eq(tern_fence_wait(f, -1), -EINTR);
	tern_fence_destroy(f);
	must(tern_session_bind(r.s, bind, 3));
	rig_close(&r);
}
END_TEST

/* Destroying waits for the run, told to stop; the fence may outlive it or go before. */
START_TEST(sessions_go_while_they_run)
{
	struct tern_fence *f;
	struct rig r;

	long_open(&r, devices[_i]);
	must(tern_session_submit(r.s, NULL, 0, &f));
	tern_session_destroy(r.s);
	expect_error(tern_fence_wait(f, 0), -EINTR, "stopped");
	tern_fence_destroy(f);
	must(tern_session_create(r.prog, &r.s));
	must(tern_session_bind_one(r.s, 0, r.buf[0], 0));
	must(tern_session_submit(r.s, NULL, 0, &f));
	tern_fence_destroy(f);
	rig_close(&r);
}
END_TEST

START_TEST(errors_of_the_worker_reach_the_waiter)
{
	struct tern_session *s;
	struct tern_fence *f;
	int64_t tokens = 1;
	struct rig r;

	rig_open(&r, devices[_i]);
	must(tern_session_create(r.prog, &s));
	must(tern_session_submit(s, &tokens, 1, &f));
	expect_error(tern_fence_wait(f, -1), -EINVAL, "storage 0 'x' is not bound");
	tern_fence_destroy(f);
	tern_session_destroy(s);
	rig_close(&r);
}
END_TEST

/* ---- stop ---------------------------------------------------------------------------------- */

static void *stop_soon(void *session)
{
	sleep_ms(20);
	tern_session_stop(session);
	return NULL;
}

START_TEST(a_run_can_be_stopped)
{
	struct tern_stats st = {.size = sizeof(st)};
	pthread_t thread;
	struct rig r;

	long_open(&r, devices[_i]);
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_soon, r.s), 0);
	expect_error(tern_session_run(r.s, NULL, 0), -EINTR, "stopped");
	pthread_join(thread, NULL);
	tern_session_stats(r.s, &st);
	ck_assert_uint_eq(st.runs, 0); /* it did not end */
	rig_close(&r);
	/* A stop while nothing runs stops nothing. */
	rig_open(&r, devices[_i]);
	tern_session_stop(r.s);
	rig_run(&r, 8);
	rig_check(&r, 8);
	rig_close(&r);
}
END_TEST

/* The device is busy with another session's long run: waiting for it can be stopped too. */
START_TEST(waiting_for_the_device_can_be_stopped)
{
	struct tern_session *waiting;
	struct tern_fence *f, *w;
	struct rig r;

	long_open(&r, devices[_i]);
	must(tern_session_create(r.prog, &waiting));
	must(tern_session_bind_one(waiting, 0, r.buf[0], 0));
	must(tern_session_submit(r.s, NULL, 0, &f));
	sleep_ms(5);
	must(tern_session_submit(waiting, NULL, 0, &w));
	sleep_ms(5);
	tern_session_stop(waiting);
	ck_assert_int_eq(tern_fence_wait(w, -1), -EINTR);
	expect_error(tern_fence_wait(f, 0), -ETIME, "not over");
	tern_session_stop(r.s);
	ck_assert_int_eq(tern_fence_wait(f, -1), -EINTR);
	tern_fence_destroy(f);
	tern_fence_destroy(w);
	tern_session_destroy(waiting);
	rig_close(&r);
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------- */

static void *open_run_close(void *device)
{
	struct rig r;
	int i;

	for (i = 0; i < 5; i++) {
		rig_open(&r, device);
		rig_run(&r, 1 + i);
		rig_check(&r, 1 + i);
		rig_close(&r);
	}
	return NULL;
}

START_TEST(two_threads_two_devices)
{
	static char names[2][16] = {"sim:ref", "cpu:threads=2"};
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, open_run_close, names[i]), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

/* A session of a program that others use too; buffers of its own. */
static void *share_program(void *from)
{
	struct rig r = *(const struct rig *)from;
	int i;

	must(tern_session_create(r.prog, &r.s));
	rig_bind(&r);
	for (i = 0; i < 10; i++) {
		rig_run(&r, 1 + i % 8);
		/* failing on purpose: messages are the thread's own */
		expect_error(tern_session_run(r.s, NULL, 0), -EINVAL, "has 1 symbols");
	}
	rig_check(&r, 8);
	tern_session_destroy(r.s);
	for (i = 0; i < 4; i++)
		tern_buffer_destroy(r.buf[i]);
	return NULL;
}

START_TEST(threads_share_device_and_program)
{
	static const char *const names[] = {"sim:ref,no=binary", "cpu:threads=2"};
	pthread_t thread[3];
	struct rig r = {0};
	int i;

	rig_device(names[_i], &r.dev);
	r.prog = rig_compile(r.dev);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, share_program, &r), 0);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	rig_close(&r);
}
END_TEST

static void *read_empty_error(void *out)
{
	*(int *)out = !strcmp(tern_last_error(), "");
	return NULL;
}

START_TEST(messages_belong_to_threads)
{
	struct tern_device *dev;
	pthread_t thread;
	int empty = 0;

	expect_error(tern_device_open("nope", &dev), -ENODEV, "nope");
	ck_assert_int_eq(pthread_create(&thread, NULL, read_empty_error, &empty), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(empty, 1);
}
END_TEST

/* ---- scratch that sessions share -------------------------------------------------------- */

static struct tern_buffer *scratch_for(const struct rig *r)
{
	struct tern_buffer *buf;
	uint64_t size = 0;

	must(tern_program_get(r->prog, TERN_PROGRAM_SCRATCH_BYTES, &size));
	must(tern_buffer_create(r->dev, size, &buf));
	return buf;
}

/* A rig without KEEP, and its program as two sessions in one scratch. */
static struct tern_session *open_shared(struct rig *r, const char *device,
					struct tern_buffer **scratch)
{
	struct tern_session *other;
	struct gb *g = rig_graph();
	struct tern_graph *graph;

	memset(r, 0, sizeof(*r));
	g->storages[RIG_A].flags = 0;
	graph = gb_create(g);
	rig_device(device, &r->dev);
	must(tern_compile(r->dev, graph, &r->prog));
	*scratch = scratch_for(r);
	must(tern_session_create_in(r->prog, *scratch, &other));
	must(tern_session_create_in(r->prog, *scratch, &r->s));
	rig_bind(r);
	for (uint32_t i = 0; i < 4; i++)
		must(tern_session_bind_one(other, i, r->buf[i], 0));
	tern_graph_destroy(graph);
	free(g);
	return other;
}

START_TEST(sessions_share_scratch)
{
	struct tern_buffer *scratch;
	struct rig r;
	struct tern_session *first = open_shared(&r, devices[_i], &scratch), *second = r.s;

	for (int64_t tokens = 1; tokens <= RIG_TOKENS; tokens++) {
		r.s = tokens % 2 ? first : second;
		memset(tern_buffer_data(scratch), 0xff, tern_buffer_size(scratch));
		rig_run(&r, tokens);
		rig_check(&r, tokens);
	}
	tern_buffer_destroy(scratch); /* the sessions hold on to it */
	r.s = first;
	rig_run(&r, 3);
	tern_session_destroy(second);
	rig_close(&r);
}
END_TEST

START_TEST(sessions_that_share_scratch_take_turns)
{
	struct tern_buffer *scratch;
	struct tern_session *other;
	struct tern_fence *f;
	struct rig r;

	long_open(&r, devices[_i]);
	scratch = scratch_for(&r);
	tern_session_destroy(r.s);
	must(tern_session_create_in(r.prog, scratch, &r.s));
	must(tern_session_create_in(r.prog, scratch, &other));
	must(tern_session_bind_one(r.s, 0, r.buf[0], 0));
	must(tern_session_bind_one(other, 0, r.buf[0], 0));
	for (int i = 0; i < 2; i++) {
		must(tern_session_submit(i ? r.s : other, NULL, 0, &f));
		expect_error(tern_session_run(i ? other : r.s, NULL, 0), -EBUSY, "scratch");
		tern_session_stop(i ? r.s : other);
		ck_assert_int_eq(tern_fence_wait(f, -1), -EINTR);
		tern_fence_destroy(f);
	}
	tern_session_destroy(other);
	tern_buffer_destroy(scratch);
	rig_close(&r);
}
END_TEST

START_TEST(a_submit_that_fails_keeps_nothing)
{
	struct tern_buffer *scratch;
	struct tern_session *other;
	struct tern_fence *f;
	int64_t tokens = 2;
	struct rig r;

	other = open_shared(&r, devices[_i], &scratch);
	no_more_threads = true;
	expect_error(tern_session_submit(r.s, &tokens, 1, &f), -ENOMEM, "no thread");
	ck_assert_ptr_null(f);
	no_more_threads = false;
	must(tern_session_run(other, &tokens, 1));
	rig_run(&r, tokens);
	rig_check(&r, tokens);
	tern_buffer_destroy(scratch);
	tern_session_destroy(other);
	rig_close(&r);
}
END_TEST

START_TEST(what_cannot_be_scratch_is_refused)
{
	static _Alignas(4096) char page[1 << 16];
	struct tern_buffer *scratch, *small, *wrapped, *foreign;
	struct tern_session *s, *other;
	struct tern_device *dev;
	struct rig r, kept;

	other = open_shared(&r, devices[_i], &scratch);
	must(tern_buffer_create(r.dev, 64, &small));
	must(tern_buffer_wrap(r.dev, page, sizeof(page), 0, &wrapped));
	must(tern_device_open("cpu", &dev));
	must(tern_buffer_create(dev, 1 << 20, &foreign));
	expect_error(tern_session_create_in(NULL, scratch, &s), -EINVAL, "NULL");
	expect_error(tern_session_create_in(r.prog, NULL, &s), -EINVAL, "NULL");
	expect_error(tern_session_create_in(r.prog, scratch, NULL), -EINVAL, "NULL");
	expect_error(tern_session_create_in(r.prog, small, &s), -ERANGE, "not 64");
	ck_assert_ptr_null(s);
	expect_error(tern_session_create_in(r.prog, wrapped, &s), -EINVAL, "wraps");
	expect_error(tern_session_create_in(r.prog, foreign, &s), -EXDEV, "another");
	rig_open(&kept, devices[_i]);
	tern_buffer_destroy(foreign);
	must(tern_buffer_create(kept.dev, 1 << 20, &foreign));
	expect_error(tern_session_create_in(kept.prog, foreign, &s), -EINVAL, "'a' is marked");
	rig_close(&kept);
	tern_buffer_destroy(small);
	tern_buffer_destroy(wrapped);
	tern_buffer_destroy(foreign);
	tern_device_close(dev);
	tern_buffer_destroy(scratch);
	tern_session_destroy(other);
	rig_close(&r);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("libtern, asynchronous");
	TCase *t = tcase_create("fences and stops");

	tcase_add_loop_test(t, a_fence_ends_with_the_run, 0, 2);
	tcase_add_loop_test(t, waits_time_out, 0, 2);
	tcase_add_loop_test(t, one_run_at_a_time, 0, 2);
	tcase_add_loop_test(t, sessions_go_while_they_run, 0, 2);
	tcase_add_loop_test(t, errors_of_the_worker_reach_the_waiter, 0, 2);
	tcase_add_loop_test(t, a_run_can_be_stopped, 0, 2);
	tcase_add_loop_test(t, waiting_for_the_device_can_be_stopped, 0, 2);
	suite_add_tcase(s, t);

	t = tcase_create("shared scratch");
	tcase_add_loop_test(t, sessions_share_scratch, 0, 2);
	tcase_add_loop_test(t, sessions_that_share_scratch_take_turns, 0, 2);
	tcase_add_loop_test(t, a_submit_that_fails_keeps_nothing, 0, 2);
	tcase_add_loop_test(t, what_cannot_be_scratch_is_refused, 0, 2);
	suite_add_tcase(s, t);

	t = tcase_create("threads");
	tcase_add_test(t, two_threads_two_devices);
	tcase_add_loop_test(t, threads_share_device_and_program, 0, 2);
	tcase_add_test(t, messages_belong_to_threads);
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
