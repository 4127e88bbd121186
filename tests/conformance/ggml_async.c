// SPDX-License-Identifier: MIT
/*
 * TERN0 through ggml's own functions: graphs in the background, events, copies in order, and what
 * becomes of a failure.
 *
 *   ggml_async
 *
 * A row per check, "ok" or "FAILED", for ggml_programs.py.
 */
#include <math.h>
#include <unistd.h>

#include "ggml_functions.h"

/* ---- a stage: out = 2^DEPTH in, the long way ----------------------------------------------- */

#define SIDE  512
#define DEPTH 4

/* in -> four products with twice the unit matrix -> out, which keep their memory. */
struct stage {
	struct context *ctx;
	void *buffer;
	struct tensor *twice, *in, *out;
	struct graph *graph;
};

static float *filled(float value)
{
	static float all[SIDE * SIDE];

	for (size_t i = 0; i < SIDE * SIDE; i++)
		all[i] = value;
	return all;
}

#define BYTES (SIDE * SIDE * sizeof(float))

static void put(struct tensor *t, float value)
{
	ggml_backend_tensor_set(t, filled(value), 0, BYTES);
}

static float first_of(const struct tensor *t)
{
	float value;

	ggml_backend_tensor_get(t, &value, BYTES - sizeof(value), sizeof(value));
	return value;
}

static struct context *context(void)
{
	return ggml_init((struct init_params){1 << 20, NULL, true});
}

static struct stage stage_new(struct backend *be)
{
	struct stage s = {.ctx = context()};
	struct tensor *t;
	float *unit = calloc(SIDE * SIDE, sizeof(*unit));

	s.twice = ggml_new_tensor_2d(s.ctx, F32, SIDE, SIDE);
	s.in = t = ggml_new_tensor_2d(s.ctx, F32, SIDE, SIDE);
	s.out = ggml_new_tensor_2d(s.ctx, F32, SIDE, SIDE);
	for (int i = 0; i < DEPTH; i++)
		t = ggml_mul_mat(s.ctx, s.twice, t);
	s.graph = ggml_new_graph(s.ctx);
	ggml_build_forward_expand(s.graph, ggml_cpy(s.ctx, t, s.out));
	s.buffer = ggml_backend_alloc_ctx_tensors(s.ctx, be);
	for (size_t i = 0; i < SIDE; i++)
		unit[i * SIDE + i] = 2;
	ggml_backend_tensor_set(s.twice, unit, 0, BYTES);
	free(unit);
	/* Compiled once, so that what follows takes as long as the job. */
	put(s.in, 1);
	ggml_backend_graph_compute_async(be, s.graph);
	ggml_backend_synchronize(be);
	return s;
}

static void stage_free(struct stage *s)
{
	ggml_backend_buffer_free(s->buffer);
	ggml_free(s->ctx);
}

/* ---- checks ------------------------------------------------------------------------------- */

static struct device *dev;

static void row(const char *what, bool passed)
{
	printf("%s\t%s\n", what, passed ? "ok" : "FAILED");
}

static void check_props(void)
{
	const size_t machine = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
	struct props props;

	ggml_backend_dev_get_props(dev, &props);
	row("the device says that it does", props.async && props.events);
	row("it is an integrated one: layers are placed on it", props.type == IGPU);
	/* The host's: all of it in process, a part that the driver sets on a card. */
	row("its memory is this machine's", 0 < props.free && props.free <= props.total &&
						    machine / 8 <= props.total &&
						    props.total <= machine);
}

/* The machine may be busy enough to run the job before this thread: then once more. */
static void check_overlap(void)
{
	struct backend *be = ggml_backend_dev_init(dev, NULL);
	struct stage s = stage_new(be);
	/* ggml's memory, which the device shares: not asked for through ggml, so not waited for */
	volatile float *last = (float *)ggml_get_data(s.out) + SIDE * SIDE - 1;
	bool early = false, right = true;

	for (int i = 1; i <= 20 && !early; i++) {
		float before = *last;

		put(s.in, (float)i + 1);
		right &= !ggml_backend_graph_compute_async(be, s.graph);
		early = *last == before;
		ggml_backend_synchronize(be);
		right &= *last == 16 * ((float)i + 1);
	}
	row("a graph is under way when graph_compute returns", early && right);
	put(s.in, 3);
	ggml_backend_graph_compute_async(be, s.graph);
	row("a read waits for the graph that writes there", first_of(s.out) == 48);
	ggml_backend_graph_compute_async(be, s.graph);
	put(s.in, 5);
	ggml_backend_synchronize(be);
	row("a write waits for the graph that reads there", first_of(s.out) == 48);
	stage_free(&s);
	ggml_backend_free(be);
}

static void check_copies(void)
{
	struct backend *be = ggml_backend_dev_init(dev, NULL);
	struct stage s = stage_new(be);
	float got[3], value;
	bool right = true;

	for (int i = 0; i < 3; i++) {
		value = (float)i;
		ggml_backend_tensor_set_async(be, s.in, &value, BYTES - sizeof(value),
					      sizeof(value));
		value = -1; /* set took it already */
		ggml_backend_graph_compute_async(be, s.graph);
		ggml_backend_tensor_get_async(be, s.out, &got[i], BYTES - sizeof(value),
					      sizeof(value));
	}
	ggml_backend_synchronize(be);
	for (int i = 0; i < 3; i++)
		right &= got[i] == 16 * (float)i;
	row("copies and graphs keep their order", right);
	stage_free(&s);
	ggml_backend_free(be);
}

/* Between tensors of the device ggml copies as from and to the host. */
static void check_copies_at_once(void)
{
	struct backend *be = ggml_backend_dev_init(dev, NULL),
		       *idle = ggml_backend_dev_init(dev, NULL);
	struct stage s = stage_new(be), other = stage_new(idle);
	bool copied = true, got = true, set = true;

	for (int i = 1; i <= 5; i++) {
		put(s.in, (float)i);
		ggml_backend_graph_compute_async(be, s.graph);
		ggml_backend_tensor_copy(s.out, other.in);
		copied &= first_of(other.in) == 16 * (float)i;
		put(other.in, 0);
		ggml_backend_graph_compute_async(be, s.graph);
		ggml_backend_tensor_get(other.in, ggml_get_data(s.in), 0, BYTES);
		ggml_backend_synchronize(be);
		got &= first_of(s.out) == 16 * (float)i && first_of(s.in) == 0;
		put(s.in, (float)i + 10);
		ggml_backend_graph_compute_async(be, s.graph);
		ggml_backend_tensor_set_async(idle, other.in, ggml_get_data(s.out), 0, BYTES);
		ggml_backend_synchronize(idle);
		set &= first_of(other.in) == 16 * ((float)i + 10);
	}
	row("a copy from tensor to tensor waits for who writes the first", copied);
	row("a read into a tensor waits for who reads that", got);
	row("an asynchronous write takes a tensor when it is written", set);
	stage_free(&s);
	stage_free(&other);
	ggml_backend_free(be);
	ggml_backend_free(idle);
}

/* What b read before a copied over it. */
static float copy_after(struct backend *a, struct backend *b, struct stage *x, struct stage *y)
{
	float got = 0;

	put(y->in, 7);
	for (int n = 0; n < 6; n++)
		ggml_backend_graph_compute_async(b, y->graph);
	ggml_backend_tensor_get_async(b, y->out, &got, BYTES - sizeof(got), sizeof(got));
	ggml_backend_tensor_copy_async(a, b, x->out, y->in);
	ggml_backend_graph_compute_async(b, y->graph);
	ggml_backend_synchronize(b);
	return got;
}

/* A long queue on one backend; the other one starts from what comes last. */
static void check_events(void)
{
	struct backend *a = ggml_backend_dev_init(dev, NULL), *b = ggml_backend_dev_init(dev, NULL);
	struct event *event = ggml_backend_event_new(dev);
	struct stage x = stage_new(a), y = stage_new(b);
	bool waited = true, copied = true, kept = true, host = true;

	for (int i = 1; i <= 3; i++) {
		put(x.in, (float)i);
		put(y.in, 0);
		for (int n = 0; n < 6; n++)
			ggml_backend_graph_compute_async(a, x.graph);
		ggml_backend_tensor_copy_async(a, b, x.out, y.in);
		ggml_backend_graph_compute_async(b, y.graph);
		ggml_backend_synchronize(b);
		copied &= first_of(y.out) == 256 * (float)i;
		kept &= copy_after(a, b, &x, &y) == 16 * 7 && first_of(y.out) == 256 * (float)i;
		/* Only the first of a's graphs may write y's input, and b's has to wait for it. */
		put(y.in, 0);
		ggml_backend_graph_compute_async(a, x.graph);
		ggml_backend_tensor_copy_async(a, a, x.out, y.in);
		ggml_backend_event_record(event, a);
		ggml_backend_event_wait(b, event);
		ggml_backend_graph_compute_async(b, y.graph);
		ggml_backend_synchronize(b);
		waited &= first_of(y.out) == 256 * (float)i;
		put(x.in, (float)i + 10);
		ggml_backend_graph_compute_async(a, x.graph);
		ggml_backend_event_record(event, a);
		ggml_backend_event_synchronize(event);
		host &= *((float *)ggml_get_data(x.out) + SIDE * SIDE - 1) == 16 * ((float)i + 10);
	}
	row("a copy orders two backends", copied);
	row("a copy waits for who reads what it overwrites", kept);
	row("an event orders two backends", waited);
	row("the host waits for an event", host);
	stage_free(&x);
	stage_free(&y);
	ggml_backend_event_free(event);
	ggml_backend_free(a);
	ggml_backend_free(b);
}

/* ggml's scheduler with copies of its inputs, as llama.cpp uses it for a pipeline of devices: it
 * records an event behind every graph and waits for it before it writes that copy again. */
enum { GRAPHS = 12 };

static void check_scheduler(void)
{
	struct backend *both[] = {ggml_backend_dev_init(dev, NULL),
				  ggml_backend_init_by_type(0, NULL)};
	struct stage s = stage_new(both[0]);
	struct sched *sched = ggml_backend_sched_new(both, NULL, 2, 64, true, false);
	bool right = ggml_backend_sched_get_n_copies(sched) > 1;
	struct context *ctx[GRAPHS];
	float got[GRAPHS];

	for (int i = 0; i < GRAPHS; i++) {
		struct tensor *in, *out;
		struct graph *graph;

		ctx[i] = context();
		in = out = ggml_new_tensor_2d(ctx[i], F32, SIDE, SIDE);
		ggml_set_input(in);
		for (int n = 0; n < DEPTH; n++)
			out = ggml_mul_mat(ctx[i], s.twice, out);
		ggml_set_output(out);
		graph = ggml_new_graph(ctx[i]);
		ggml_build_forward_expand(graph, out);
		ggml_backend_sched_reset(sched);
		right &= ggml_backend_sched_alloc_graph(sched, graph);
		put(in, (float)i);
		right &= !ggml_backend_sched_graph_compute_async(sched, graph);
		ggml_backend_tensor_get_async(both[0], out, &got[i], BYTES - sizeof(*got),
					      sizeof(*got));
	}
	ggml_backend_sched_synchronize(sched);
	for (int i = 0; i < GRAPHS; i++) {
		right &= got[i] == 16 * (float)i;
		ggml_free(ctx[i]);
	}
	row("ggml's scheduler keeps graphs apart by events", right);
	ggml_backend_sched_free(sched);
	stage_free(&s);
	ggml_backend_free(both[0]);
	ggml_backend_free(both[1]);
}

/* What graphs under way read is freed: that waits for them, and they end as they would have. */
static void check_free(void)
{
	struct backend *be = ggml_backend_dev_init(dev, NULL);
	struct stage from = stage_new(be), to = stage_new(be);
	volatile float *last = (float *)ggml_get_data(to.in) + SIDE * SIDE - 1;
	struct context *ctx = context();
	struct graph *graph = ggml_new_graph(ctx);

	ggml_build_forward_expand(graph, ggml_cpy(ctx, from.out, to.in));
	put(to.in, 0);
	put(from.in, 9);
	for (int n = 0; n < 12; n++)
		ggml_backend_graph_compute_async(be, from.graph);
	ggml_backend_graph_compute_async(be, graph);
	ggml_backend_buffer_free(from.buffer);
	row("a buffer is freed after the graphs that use it", *last == 16 * 9);
	ggml_free(ctx);
	ggml_free(from.ctx);
	stage_free(&to);
	ggml_backend_free(be);
}

/* out = 2 table[number]; the device finds a row that the table does not have when it gathers. */
struct lookup {
	struct context *ctx;
	void *buffer;
	struct tensor *number, *out;
	struct graph *graph;
};

static void choose(struct lookup *l, int number)
{
	ggml_backend_tensor_set(l->number, &number, 0, sizeof(number));
}

static struct lookup lookup_new(struct backend *be)
{
	struct lookup l = {.ctx = context()};
	struct tensor *table = ggml_new_tensor_2d(l.ctx, F32, 32, 4);

	l.number = ggml_new_tensor_2d(l.ctx, I32, 1, 1);
	l.out = ggml_scale(l.ctx, ggml_get_rows(l.ctx, table, l.number), 2);
	l.graph = ggml_new_graph(l.ctx);
	ggml_build_forward_expand(l.graph, l.out);
	l.buffer = ggml_backend_alloc_ctx_tensors(l.ctx, be);
	ggml_backend_tensor_set(table, filled(3), 0, 32 * 4 * sizeof(float));
	choose(&l, 1);
	ggml_backend_graph_compute_async(be, l.graph);
	return l;
}

static void lookup_free(struct lookup *l)
{
	ggml_backend_buffer_free(l->buffer);
	ggml_free(l->ctx);
}

/* As a program with a pipeline asks: the status, and what comes back. */
static int ask(struct backend *be, struct lookup *l, float *got)
{
	int status = ggml_backend_graph_compute_async(be, l->graph);

	ggml_backend_tensor_get_async(be, l->out, got, 0, sizeof(*got));
	return status;
}

static void check_failure(void)
{
	struct backend *be = ggml_backend_dev_init(dev, NULL);
	struct lookup l = lookup_new(be);
	bool none = true, told = true, well = true;
	float got[3];

	for (int i = 0; i < 6; i++) {
		choose(&l, 1000);
		told &= ask(be, &l, &got[0]) == (i ? -1 : 0);
		ggml_backend_synchronize(be);
		none &= isnan(got[0]);
	}
	row("a failure is told by the next graph_compute, then by its own", told);
	row("a graph that failed has no results", none);
	choose(&l, 1);
	for (int i = 0; i < 3; i++)
		well &= !ask(be, &l, &got[i]);
	ggml_backend_synchronize(be);
	row("what comes then runs", well && got[0] == 6 && got[1] == 6 && got[2] == 6);
	choose(&l, 1000);
	well = !ask(be, &l, &got[0]);
	ggml_backend_synchronize(be);
	choose(&l, 2);
	row("a failure later is told as the first one was",
	    well && isnan(got[0]) && ask(be, &l, &got[1]) == -1 && !ask(be, &l, &got[2]));
	ggml_backend_synchronize(be);
	row("and what comes then runs", got[2] == 6);
	lookup_free(&l);
	ggml_backend_free(be);
}

/* a fails, and b goes on from its result: by a copy or, with an event, after a's own copy. */
static bool failure_reaches(struct backend *a, struct backend *b, struct event *event)
{
	struct lookup l = lookup_new(a);
	struct context *ctx = context();
	struct tensor *in = ggml_new_tensor_2d(ctx, F32, 32, 1), *out = ggml_scale(ctx, in, 10);
	struct graph *graph = ggml_new_graph(ctx);
	int first, second, third;
	bool none, well;
	void *buffer;
	float got;

	ggml_build_forward_expand(graph, out);
	buffer = ggml_backend_alloc_ctx_tensors(ctx, b);
	ggml_backend_tensor_set(out, filled(7), 0, 32 * sizeof(float));
	choose(&l, 1000);
	ggml_backend_graph_compute_async(a, l.graph);
	ggml_backend_tensor_copy_async(a, event ? a : b, l.out, in);
	if (event) {
		ggml_backend_event_record(event, a);
		ggml_backend_event_wait(b, event);
	}
	/* One of these tells, as the machine has it: the second, or the first is not begun. */
	first = ggml_backend_graph_compute_async(b, graph);
	ggml_backend_synchronize(b);
	second = ggml_backend_graph_compute_async(b, graph);
	ggml_backend_synchronize(b);
	ggml_backend_tensor_get(out, &got, 0, sizeof(got));
	none = isnan(got);
	choose(&l, 1);
	well = ggml_backend_graph_compute_async(a, l.graph) == -1; /* of its own */
	well &= !ggml_backend_graph_compute_async(a, l.graph);
	ggml_backend_tensor_copy_async(a, b, l.out, in);
	third = ggml_backend_graph_compute_async(b, graph);
	ggml_backend_synchronize(b);
	ggml_backend_tensor_get(out, &got, 0, sizeof(got));
	ggml_backend_buffer_free(buffer);
	ggml_free(ctx);
	lookup_free(&l);
	return first + second == -1 && none && well && !third && got == 60;
}

static void check_failure_across(void)
{
	struct backend *a = ggml_backend_dev_init(dev, NULL), *b = ggml_backend_dev_init(dev, NULL);
	struct event *event = ggml_backend_event_new(dev);
	bool copies = true, events = true;

	for (int i = 0; i < 5; i++) {
		copies &= failure_reaches(a, b, NULL);
		events &= failure_reaches(a, b, event);
	}
	row("a copy takes a failure along", copies);
	row("an event takes a failure along", events);
	ggml_backend_event_free(event);
	ggml_backend_free(a);
	ggml_backend_free(b);
}

int main(void)
{
	load_ggml();
	ggml_backend_load_all();
	dev = ggml_backend_dev_by_name("TERN0");
	if (!dev) {
		fprintf(stderr, "ggml has no TERN0\n");
		return 1;
	}
	check_props();
	check_overlap();
	check_copies();
	check_copies_at_once();
	check_events();
	check_scheduler();
	check_free();
	check_failure();
	check_failure_across();
	return 0;
}
