// SPDX-License-Identifier: MIT
/*
 * Splits of ggml graphs as Tern graphs: a scale after a norm becomes the norm's, if nobody else
 * can see the norm; storages are what capture.h says, so that equal graphs are one program.
 */
#include <pthread.h>
#include <unistd.h>

#include "ggml_fixture.h"

/* ---- folding -------------------------------------------------------------------------------------- */

static struct ggml_tensor *norm_and_scale(struct ggml_tensor **norm)
{
	struct ggml_tensor *x = leaf(b.compute), *w = leaf(b.weights);

	*norm = node(OP_RMS_NORM, x, NULL);
	return node(OP_MUL, *norm, w);
}

START_TEST(a_scale_that_alone_reads_its_norm_goes_into_it)
{
	struct ggml_tensor *norm, *scaled = norm_and_scale(&norm), *c = node(OP_NEG, scaled, NULL);

	WRITES(0, 3, c);
	ck_assert_uint_eq(b.capture.nops, 2);
	WRITES(0, 2, norm, scaled); /* what the last node reads can be seen */
	ck_assert_uint_eq(b.capture.nops, 2);
}
END_TEST

START_TEST(a_norm_that_others_read_stays)
{
	struct ggml_tensor *norm, *scaled = norm_and_scale(&norm), *c = node(OP_NEG, scaled, NULL),
				  *d = node(OP_ADD, c, norm), *e = node(OP_NEG, d, NULL);

	WRITES(0, 5, e);
	ck_assert_uint_eq(b.capture.nops, 5);
	WRITES(0, 3, norm, c); /* and outside */
	ck_assert_uint_eq(b.capture.nops, 3);
}
END_TEST

START_TEST(a_norm_that_is_output_or_scales_itself_stays)
{
	struct ggml_tensor *norm, *scaled = norm_and_scale(&norm), *c = node(OP_NEG, scaled, NULL);

	norm->flags |= GGML_TENSOR_FLAG_OUTPUT;
	WRITES(0, 3, norm, c);
	ck_assert_uint_eq(b.capture.nops, 3);
	norm->flags = GGML_TENSOR_FLAG_COMPUTE;
	scaled->src[1] = norm;
	WRITES(0, 3, c);
	ck_assert_uint_eq(b.capture.nops, 3);
}
END_TEST

START_TEST(a_norm_in_place_of_what_the_scale_reads_stays)
{
	struct ggml_tensor *x = leaf(b.compute), *y = node(OP_NEG, x, NULL),
			   *norm = over(y, OP_RMS_NORM), *c = node(OP_MUL, norm, y),
			   *d = node(OP_NEG, c, NULL);

	WRITES(0, 4, d); /* the square of the norm */
	ck_assert_uint_eq(b.capture.nops, 4);
}
END_TEST

START_TEST(a_norm_in_place_is_seen_by_who_reads_the_root)
{
	struct ggml_tensor *x = leaf(b.compute), *w = leaf(b.weights), *y = node(OP_NEG, x, NULL),
			   *norm = over(y, OP_RMS_NORM), *c = node(OP_MUL, norm, w),
			   *d = node(OP_ADD, c, y), *e = node(OP_NEG, d, NULL);

	WRITES(0, 5, e);
}
END_TEST

/* ---- storages ------------------------------------------------------------------------------- */

static uint32_t storage_of(uint32_t op, int src)
{
	const struct tern_op_desc *o = &b.capture.ops[op];

	return b.capture.tensors[src < 0 ? o->dst : o->src[src]].storage;
}

static uint32_t flags_of(uint32_t op, int src)
{
	return b.capture.storages[storage_of(op, src)].flags;
}

START_TEST(a_buffer_of_weights_is_one_storage)
{
	struct ggml_tensor *w = leaf(b.weights), *x = leaf(b.compute), *v = leaf(b.weights),
			   *a = node(OP_MUL, x, w);

	node(OP_ADD, a, v);
	captured(0, 2);
	ck_assert_uint_eq(storage_of(0, 1), storage_of(1, 1));
	ck_assert_uint_eq(flags_of(0, 1), TERN_STORAGE_BOUND | TERN_STORAGE_CONST);
}
END_TEST

START_TEST(what_shares_no_bytes_is_a_storage_of_its_own)
{
	struct ggml_tensor *x = leaf(b.compute), *y = leaf(b.compute), *w = over(x, OP_SCALE);

	node(OP_ADD, w, y);
	captured(0, 2);
	ck_assert_uint_eq(storage_of(0, 0), storage_of(0, -1));
	ck_assert_uint_eq(flags_of(0, 0), TERN_STORAGE_BOUND);
	ck_assert_uint_ne(storage_of(1, 1), storage_of(1, 0));
	ck_assert_uint_eq(flags_of(1, 1), TERN_STORAGE_BOUND | TERN_STORAGE_CONST);
	ck_assert_uint_eq(b.capture.nstorages, 3);
}
END_TEST

/* The graph of these three leaves, in whatever order they lie. */
static void three(size_t one, size_t two, size_t three)
{
	struct ggml_tensor *x = tensor(b.compute, one), *y = tensor(b.compute, two),
			   *z = tensor(b.compute, three);
	int first = b.nnodes;

	b.taken = 20 + (size_t)b.nnodes;
	node(OP_ADD, node(OP_MUL, x, y), z);
	captured(first, 2);
}

START_TEST(where_the_allocator_put_things_is_no_structure)
{
	struct capture before;

	three(0, 1, 2);
	ck_assert_int_eq(capture_copy(&before, &b.capture), 0);
	three(9, 7, 3);
	ck_assert(capture_equal(&before, &b.capture));
	three(0, 0, 2); /* but who shares is */
	ck_assert(!capture_equal(&before, &b.capture));
	capture_fini(&before);
}
END_TEST

/* ---- what a failure spoils ------------------------------------------------------------------ */

START_TEST(results_are_what_is_nothing_before_it_is_written)
{
	struct ggml_tensor *x = leaf(b.compute), *k = leaf(b.cache), *a = node(OP_NEG, x, NULL),
			   *into = over(k, OP_SCALE), *c = in(b.cache, OP_ADD, a, into),
			   *w = over(x, OP_SCALE);
	struct capture_bytes out[4];

	halved(node(OP_NEG, halved(over(c, OP_VIEW)), NULL));
	captured(0, 6);
	/* not a, which is nowhere, nor a part of a cache, which has others */
	ck_assert_uint_eq(capture_results(&b.capture, NULL), 3);
	ck_assert_uint_eq(capture_results(&b.capture, out), 3);
	ck_assert_ptr_eq(out[0].at, c->data);
	ck_assert_uint_eq(out[0].size, ROW_BYTES);
	ck_assert_ptr_eq(out[1].at, w->data);
	ck_assert_ptr_eq(out[2].at, b.nodes[5]->data);
	ck_assert_uint_eq(out[2].size, ROW_BYTES / 2);
}
END_TEST

/* Behind the plugin's back, so that each run of this session fails: the result lies on what the
 * operator reads. */
static void break_session(const struct cached *entry)
{
	ck_assert_int_eq(tern_session_bind_one(entry->session, 1, entry->bound[0].buffer,
					       entry->bound[0].offset),
			 0);
}

START_TEST(a_program_that_failed_gets_another_session)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL);
	struct ggml_cgraph graph = split(0, 1);
	struct stream *s = b.stream->context;
	const struct cached *entry;

	WRITES(0, 1, a);
	entry = s->cache.entries[0];
	break_session(entry);
	compute(0, 1); /* in the background */
	ck_assert(isnan(*(float *)a->data));
	ck_assert_int_eq(b.stream->iface.graph_compute(b.stream, &graph), GGML_STATUS_FAILED);
	ck_assert_ptr_null(entry->session);
	ck_assert(s->careful);
	WRITES(0, 1, a);
	ck_assert(!s->careful);
	break_session(entry);
	s->careful = true;
	ck_assert_int_eq(b.stream->iface.graph_compute(b.stream, &graph), GGML_STATUS_FAILED);
	ck_assert(s->careful && isnan(*(float *)a->data));
	WRITES(0, 1, a);
}
END_TEST

/* ---- streams beside each other ---------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int wait_at_gate(const struct queue_task *task)
{
	(void)task;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return 0;
}

struct full {
	struct ggml_backend *stream;
	struct ggml_cgraph graph;
	enum ggml_status status;
};

static void *compute_one_more(void *arg)
{
	struct full *f = arg;

	f->status = f->stream->iface.graph_compute(f->stream, &f->graph);
	return NULL;
}

static void fill(struct queue *q, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct queue_task *task = calloc(1, sizeof(*task));

		ck_assert_ptr_nonnull(task);
		task->run = wait_at_gate;
		ck_assert_int_eq(queue_put(q, task), 0);
	}
}

/* With the queue full, or with tasks in it that a new program has to wait for. */
START_TEST(a_stream_that_waits_stops_no_other)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL);
	struct ggml_backend_device *device = b.stream->device;
	struct full f = {.stream = device->iface.init_backend(device, NULL), .graph = split(0, 1)};
	struct queue *q = &((struct stream *)f.stream->context)->queue;
	pthread_t thread;

	WRITES(0, 1, a);
	pthread_mutex_lock(&gate);
	fill(q, _i ? 1 : QUEUE_DEPTH);
	ck_assert_int_eq(pthread_create(&thread, NULL, compute_one_more, &f), 0);
	for (int i = 0; i < 50; i++) {
		usleep(1000);
		compute(0, 1);
	}
	ck_assert(queue_busy(q));
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	ck_assert_int_eq(f.status, GGML_STATUS_SUCCESS);
	f.stream->iface.free(f.stream);
	WRITES(0, 1, a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ggml_capture");
	TCase *tc = tcase_create("graphs");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_scale_that_alone_reads_its_norm_goes_into_it);
	tcase_add_test(tc, a_norm_that_others_read_stays);
	tcase_add_test(tc, a_norm_that_is_output_or_scales_itself_stays);
	tcase_add_test(tc, a_norm_in_place_of_what_the_scale_reads_stays);
	tcase_add_test(tc, a_norm_in_place_is_seen_by_who_reads_the_root);
	tcase_add_test(tc, a_buffer_of_weights_is_one_storage);
	tcase_add_test(tc, what_shares_no_bytes_is_a_storage_of_its_own);
	tcase_add_test(tc, where_the_allocator_put_things_is_no_structure);
	tcase_add_test(tc, results_are_what_is_nothing_before_it_is_written);
	tcase_add_test(tc, a_program_that_failed_gets_another_session);
	tcase_add_loop_test(tc, a_stream_that_waits_stops_no_other, 0, 2);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
