// SPDX-License-Identifier: MIT
/* What the ggml backend was given and has not done yet: order, waits, failures. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "ggml/queue.c"

static struct queues all = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Tasks note their letters, in the order in which they run; one in capitals waits for the gate. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
	char said[256];
	size_t n;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static void begin(void)
{
	gate.open = false;
	gate.n = 0;
	gate.said[0] = '\0';
}

struct noted {
	struct queue_task task;
	struct queue_span span;
	char letter;
	int ret;
};

static void say(char letter)
{
	gate.said[gate.n++] = letter;
	gate.said[gate.n] = '\0';
}

static int run_noted(const struct queue_task *task)
{
	const struct noted *n = (const struct noted *)task;

	pthread_mutex_lock(&gate.lock);
	while (n->letter < 'a' && !gate.open)
		pthread_cond_wait(&gate.opened, &gate.lock);
	say(n->letter);
	pthread_mutex_unlock(&gate.lock);
	return n->ret;
}

static void spoil_noted(const struct queue_task *task)
{
	const struct noted *n = (const struct noted *)task;

	pthread_mutex_lock(&gate.lock);
	say('!');
	say(n->letter);
	pthread_mutex_unlock(&gate.lock);
}

static struct noted *noted(char letter)
{
	struct noted *n = calloc(1, sizeof(*n));

	ck_assert_ptr_nonnull(n);
	n->task.run = run_noted;
	n->task.spoil = spoil_noted;
	n->task.graph = true;
	n->letter = letter;
	return n;
}

static void put(struct queue *q, struct noted *n)
{
	ck_assert_int_eq(queue_put(q, &n->task), 0);
}

static void *open_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.opened);
	pthread_mutex_unlock(&gate.lock);
	return NULL;
}

static void said(const char *want)
{
	pthread_mutex_lock(&gate.lock);
	ck_assert_str_eq(gate.said, want);
	pthread_mutex_unlock(&gate.lock);
}

START_TEST(keeps_order_beyond_its_depth)
{
	char want[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
	struct queue q;

	queue_init(&q, &all);
	for (size_t i = 0; want[i]; i++)
		put(&q, noted(want[i]));
	queues_wait(&all, queue_last(&q));
	said(want);
	queue_fini(&q);
}
END_TEST

START_TEST(waits_for_a_task_of_another_queue)
{
	struct queue a, b;
	struct noted *second = noted('b');

	queue_init(&a, &all);
	queue_init(&b, &all);
	put(&a, noted('A'));
	second->task.after = queue_last(&a);
	put(&b, second);
	put(&b, noted('c'));
	ck_assert(queue_busy(&b));
	said("");
	open_gate(NULL);
	queues_wait(&all, queue_last(&b));
	said("Abc");
	queue_fini(&b);
	queue_fini(&a);
}
END_TEST

START_TEST(a_number_outlives_its_queue)
{
	struct queue a, b;
	struct noted *later = noted('b');
	uint64_t number;

	queue_init(&a, &all);
	queue_init(&b, &all);
	put(&a, noted('a'));
	number = queue_last(&a);
	queue_fini(&a); /* what it was given is done */
	said("a");
	queues_wait(&all, number);
	later->task.after = number;
	put(&b, later);
	queue_fini(&b);
	said("ab");
}
END_TEST

START_TEST(memory_is_waited_for_by_bytes)
{
	static unsigned char bytes[96];
	struct noted *reader = noted('R'), *writer = noted('W');
	struct queue q;
	pthread_t thread;

	queue_init(&q, &all);
	reader->span = (struct queue_span){bytes, bytes + 32, false};
	writer->span = (struct queue_span){bytes + 32, bytes + 64, true};
	reader->task.spans = &reader->span;
	writer->task.spans = &writer->span;
	reader->task.nspans = writer->task.nspans = 1;
	put(&q, reader);
	put(&q, writer);
	/* These would wait for ever if they waited. */
	queues_wait_for(&all, bytes + 64, 32, true);
	queues_wait_for(&all, bytes, 32, false);
	said("");
	ck_assert_int_eq(pthread_create(&thread, NULL, open_gate, NULL), 0);
	queues_wait_for(&all, bytes + 63, 1, false);
	said("RW");
	pthread_join(thread, NULL);
	queue_fini(&q);
}
END_TEST

START_TEST(a_write_waits_for_a_reader)
{
	static unsigned char bytes[8];
	struct noted *reader = noted('R');
	struct queue q;
	pthread_t thread;

	queue_init(&q, &all);
	reader->span = (struct queue_span){bytes, bytes + 8, false};
	reader->task.spans = &reader->span;
	reader->task.nspans = 1;
	put(&q, reader);
	ck_assert_int_eq(pthread_create(&thread, NULL, open_gate, NULL), 0);
	queues_wait_for(&all, bytes + 7, 8, true);
	said("R");
	pthread_join(thread, NULL);
	queue_fini(&q);
}
END_TEST

START_TEST(a_failure_drops_the_graphs_behind_it)
{
	struct noted *bad = noted('A'), *copy = noted('c');
	struct queue q;

	queue_init(&q, &all);
	bad->ret = -EIO;
	copy->task.graph = false;
	copy->task.spoil = NULL;
	put(&q, bad);
	put(&q, noted('b'));
	put(&q, copy);
	ck_assert_int_eq(queue_take_error(&q), 0); /* not yet */
	open_gate(NULL);
	queues_wait(&all, queue_last(&q));
	said("A!A!bc");
	ck_assert_int_eq(queue_take_error(&q), -EIO);
	ck_assert_int_eq(queue_take_error(&q), 0);
	put(&q, noted('d'));
	queues_drain(&all);
	said("A!A!bcd");
	queue_fini(&q);
}
END_TEST

/* Of what was given to `q` last. */
static struct noted *after(struct queue *q, char letter, bool heeds)
{
	struct noted *n = noted(letter);

	n->task.after = queue_last(q);
	n->task.heeds = heeds;
	return n;
}

START_TEST(a_failure_reaches_who_waits_and_heeds_it)
{
	struct queue a, b, c;
	struct noted *bad = noted('A');

	queue_init(&a, &all);
	queue_init(&b, &all);
	queue_init(&c, &all);
	bad->ret = -EIO;
	put(&a, bad);
	put(&b, after(&a, 'b', true));
	put(&b, noted('c'));
	open_gate(NULL);
	queues_wait(&all, queue_last(&b));
	said("A!A!b!c");
	put(&c, after(&b, 'd', false)); /* what waits for the memory only */
	queues_drain(&all);
	said("A!A!b!cd");
	ck_assert_int_eq(queue_take_error(&c), 0);
	put(&c, after(&b, 'e', true)); /* though it ended long ago */
	queues_drain(&all);
	said("A!A!b!cd!e");
	ck_assert_int_eq(queue_take_error(&a), -EIO);
	ck_assert_int_eq(queue_take_error(&b), -EIO);
	ck_assert_int_eq(queue_take_error(&c), -EIO);
	put(&b, after(&a, 'f', true)); /* all was told */
	queues_drain(&all);
	said("A!A!b!cd!ef");
	ck_assert_int_eq(queue_take_error(&b), 0);
	queue_fini(&c);
	queue_fini(&b);
	queue_fini(&a);
}
END_TEST

START_TEST(a_failure_that_nobody_asks_for_ends_with_its_queue)
{
	struct queue a, b;
	struct noted *bad = noted('a'), *later;

	queue_init(&a, &all);
	queue_init(&b, &all);
	bad->ret = -EIO;
	put(&a, bad);
	later = after(&a, 'b', true);
	queue_fini(&a);
	put(&b, later);
	queue_fini(&b);
	said("a!ab");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ggml queue");
	TCase *tc = tcase_create("tasks");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, begin, NULL);
	tcase_add_test(tc, keeps_order_beyond_its_depth);
	tcase_add_test(tc, waits_for_a_task_of_another_queue);
	tcase_add_test(tc, a_number_outlives_its_queue);
	tcase_add_test(tc, memory_is_waited_for_by_bytes);
	tcase_add_test(tc, a_write_waits_for_a_reader);
	tcase_add_test(tc, a_failure_drops_the_graphs_behind_it);
	tcase_add_test(tc, a_failure_reaches_who_waits_and_heeds_it);
	tcase_add_test(tc, a_failure_that_nobody_asks_for_ends_with_its_queue);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
