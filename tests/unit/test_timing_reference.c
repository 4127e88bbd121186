// SPDX-License-Identifier: MIT
/*
 * The event-driven walk against a slow machine that steps through time, written from the
 * README ("Time") alone: real counters for semaphores, real queues, transfers that move a little
 * in every step. It shares no code with the walk and computes in floating point.
 *
 * A step is 1/32 cycle, and each command may begin or end a step late, so both must agree
 * within a step or two per command: less than two cycles for the sets used here.
 */
#include <math.h>

#include "timing_fixture.h"

#define STEPS	 32 /* per cycle */
#define MAX_CMDS 48

/* ---- the slow machine ------------------------------------------------------------- */
struct slow_cmd {
	struct tern_rcmd c;
	double own, latency, bytes, limit; /* cycles, cycles, bytes, bytes per cycle */
	double dispatch, start, end, done, moved;
	bool started, ended, signalled;
};

struct slow {
	const struct tern_caps *caps;
	struct slow_cmd cmd[MAX_CMDS];
	int n, pushed;
	double cp_free; /* when the CP can push the next one */
	int sem[TERN_NSEMS];
	double t;
};

static double ceil_ratio(double a, double b)
{
	return ceil(a / b);
}

static void slow_dma(const struct tern_caps *caps, struct slow_cmd *s)
{
	bool store = s->c.op == TERN_OP_STORE;
	double latency = store ? K(DRAM_WRITE) : K(DRAM_READ);
	double port = (double)s->c.spm_bytes / caps->spm_dma, convert = 0;
	double outstanding = caps->dram_outstanding * 64.0 / latency;

	if (s->c.t[0].type != s->c.t[1].type)
		convert = (double)s->c.elems / (store ? caps->store_encode : caps->load_decode);
	s->bytes = 64.0 * (double)s->c.dram_bursts;
	s->own = K(DMA_ISSUE) + fmax(port, convert);
	s->limit = fmin(outstanding, s->bytes / s->own);
	s->latency = latency + K(DMA_PIPE);
}

static void slow_matrix(const struct tern_caps *caps, struct slow_cmd *s)
{
	const int64_t *a = s->c.t[0].size, *b = s->c.t[1].size;
	double quanta = ceil_ratio((double)a[1], caps->m0) * ceil_ratio((double)b[1], caps->n0);
	double div = s->c.t[1].type == TERN_T_F32 ? caps->mac_div_f32 : 1;

	s->own = K(MATRIX_ISSUE) +
		 fmax(quanta * div, K(MATRIX_CHAIN)) * ceil_ratio((double)a[0], caps->k0);
	s->latency = K(MATRIX_PIPE);
}

static void slow_costs(const struct tern_caps *caps, struct slow_cmd *s)
{
	if (s->c.empty || s->c.op == TERN_OP_SYNC) {
		s->own = 1;
	} else if (s->c.op == TERN_OP_MATRIX) {
		slow_matrix(caps, s);
	} else if (s->c.op == TERN_OP_VECTOR) {
		s->own = K(VECTOR_ISSUE) + (double)s->c.vector_cost;
		s->latency = K(VECTOR_PIPE);
	} else {
		slow_dma(caps, s);
	}
}

/* The first command of a queue that has not ended; NULL when there is none. */
static struct slow_cmd *head(struct slow *m, int queue)
{
	for (int i = 0; i < m->pushed; i++) {
		if (m->cmd[i].c.queue == queue && !m->cmd[i].ended)
			return &m->cmd[i];
	}
	return NULL;
}

static int queued(struct slow *m, int queue)
{
	int n = 0;

	for (int i = 0; i < m->pushed; i++)
		n += m->cmd[i].c.queue == queue && !m->cmd[i].ended;
	return n;
}

static void give_signals(struct slow *m)
{
	double last[TERN_NENGINES] = {0};

	for (int i = 0; i < m->pushed; i++) {
		struct slow_cmd *s = &m->cmd[i];

		if (!s->ended)
			continue;
		s->done = fmax(s->end + s->latency, last[s->c.queue]);
		last[s->c.queue] = s->done;
		if (s->signalled || m->t < s->done)
			continue;
		s->signalled = true;
		for (int k = 0; k < 2; k++)
			m->sem[s->c.signal[k].sem] += s->c.signal[k].n;
	}
}

static void cp_push(struct slow *m)
{
	while (m->pushed < m->n && m->t >= m->cp_free) {
		struct slow_cmd *s = &m->cmd[m->pushed];

		if (queued(m, s->c.queue) >= (int)m->caps->queue_depth)
			return; /* the CP is held */
		s->dispatch = m->t;
		m->pushed++;
		m->cp_free = m->t + K(CP_DISPATCH);
	}
}

static void start_heads(struct slow *m)
{
	for (int q = 0; q < TERN_NENGINES; q++) {
		struct slow_cmd *s = head(m, q);
		const struct tern_rsync *w = s ? s->c.wait : NULL;
		bool met;

		if (!s || s->started)
			continue;
		if (w[0].n && w[1].n && w[0].sem == w[1].sem)
			met = m->sem[w[0].sem] >= w[0].n + w[1].n;
		else
			met = m->sem[w[0].sem] >= w[0].n && m->sem[w[1].sem] >= w[1].n;
		if (!met)
			continue;
		for (int k = 0; k < 2; k++)
			m->sem[w[k].sem] -= w[k].n;
		s->started = true;
		s->start = m->t;
	}
}

/* Fair shares by raising a common level until DRAM is full: 60 halvings. */
static double level(struct slow_cmd *const moving[], int n, double rate)
{
	double lo = 0, hi = rate;

	for (int i = 0; n > 1 && i < 60; i++) {
		double mid = (lo + hi) / 2, sum = 0;

		for (int k = 0; k < n; k++)
			sum += fmin(mid, moving[k]->limit);
		if (sum < rate)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

static void run_engines(struct slow *m)
{
	static const int sharers[] = {TERN_Q_LOAD0, TERN_Q_LOAD1, TERN_Q_STORE};
	struct slow_cmd *moving[3];
	double dt = 1.0 / STEPS, common;
	int n = 0;

	for (int i = 0; i < 3; i++) {
		struct slow_cmd *s = head(m, sharers[i]);

		if (s && s->started && s->bytes > 0)
			moving[n++] = s;
	}
	common = n ? level(moving, n, m->caps->dram_x256 / 256.0) : 0;
	for (int i = 0; i < n; i++)
		moving[i]->moved += fmin(common, moving[i]->limit) * dt;
	m->t += dt;
	for (int q = 0; q < TERN_NENGINES; q++) {
		struct slow_cmd *s = head(m, q);

		if (!s || !s->started)
			continue;
		s->ended = s->bytes > 0 ? s->moved >= s->bytes - 1e-6
					: m->t >= s->start + s->own - 1e-6;
		s->end = m->t;
	}
}

static double slow_run(struct slow *m)
{
	double last = 0;
	bool left = true;

	m->cp_free = K(CP_DISPATCH);
	while (left) {
		give_signals(m);
		cp_push(m);
		start_heads(m);
		run_engines(m);
		left = m->pushed < m->n;
		for (int q = 0; q < TERN_NENGINES; q++)
			left |= head(m, q) != NULL;
		if (m->t > 1e5)
			ck_abort_msg("the slow machine hangs");
	}
	give_signals(m);
	for (int i = 0; i < m->n; i++)
		last = fmax(last, m->cmd[i].done);
	return last;
}

/* ---- random streams -------------------------------------------------------------------- */
static uint64_t state;

static unsigned int pick(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)((state >> 20) % n);
}

/* Semaphore p * 5 + c goes from queue p to queue c. */
static unsigned int sem_of(unsigned int producer, unsigned int consumer)
{
	return producer * TERN_NENGINES + consumer;
}

static struct tern_rcmd random_work(unsigned int queue)
{
	static const unsigned int types[] = {TERN_T_OP32, TERN_T_F32};
	uint64_t bytes = 64 * (1 + pick(200));
	struct tern_rcmd c;

	switch (queue) {
	case TERN_Q_MATRIX:
		return matrix_cmd(types[pick(2)], 32 * (1 + pick(4)), 1 + pick(9), 1 + pick(20), 0,
				  0);
	case TERN_Q_VECTOR:
		return vector_cmd(1 + pick(150), 0, 0);
	case TERN_Q_STORE:
		c = store_cmd(bytes, 0, 0);
		break;
	default:
		c = load_cmd(queue, bytes, 0, 0);
	}
	if (pick(3) == 0) { /* held up by its decoder or encoder, or by its port */
		c.t[0].type = TERN_T_F32;
		c.elems = bytes * (1 + pick(3));
		c.spm_bytes = bytes * (1 + pick(8));
	}
	return c;
}

/* A command that waits only for what commands before it have signalled. */
static struct tern_rcmd random_cmd(int shadow[TERN_NSEMS])
{
	unsigned int queue = pick(TERN_NENGINES);
	struct tern_rcmd c = random_work(queue);

	if (pick(8) == 0)
		c.empty = true;
	for (int k = 0; k < 2; k++) {
		unsigned int in = sem_of(pick(TERN_NENGINES), queue);
		unsigned int out = sem_of(queue, pick(TERN_NENGINES));

		if (shadow[in] > 0 && pick(4)) {
			c.wait[k] = (struct tern_rsync){(uint8_t)in,
							1 + pick((unsigned int)shadow[in])};
			shadow[in] -= c.wait[k].n;
		}
		c.signal[k] = (struct tern_rsync){(uint8_t)out, pick(4)};
	}
	for (int k = 0; k < 2; k++) /* after the waits: it cannot wait for itself */
		shadow[c.signal[k].sem] += c.signal[k].n;
	return c;
}

static void random_stream(struct slow *m)
{
	int shadow[TERN_NSEMS] = {0};

	for (unsigned int p = 0; p < TERN_NENGINES; p++) {
		for (unsigned int c = 0; c < TERN_NENGINES; c++) {
			unsigned int initial = pick(3);

			use_sem(sems, sem_of(p, c), p, c, initial);
			shadow[sem_of(p, c)] = m->sem[sem_of(p, c)] = (int)initial;
		}
	}
	m->n = 8 + (int)pick(MAX_CMDS - 8);
	for (int i = 0; i < m->n; i++) {
		m->cmd[i].c = random_cmd(shadow);
		m->cmd[i].c.word = (uint32_t)i;
		slow_costs(m->caps, &m->cmd[i]);
	}
}

/* ---- the comparison ------------------------------------------------------------------------ */
static void compare(const struct slow *m, double slow_end)
{
	start();
	for (int i = 0; i < m->n; i++)
		push(m->cmd[i].c);
	ck_cycles_within(finish(), slow_end, 2);
	ck_assert_uint_eq(nevents, (unsigned int)m->n);
	for (unsigned int i = 0; i < nevents; i++) {
		const struct slow_cmd *s = &m->cmd[events[i].word];

		ck_cycles_within(events[i].dispatch, s->dispatch, 2);
		ck_cycles_within(events[i].start, s->start, 2);
		ck_cycles_within(events[i].end, s->done, 2);
	}
}

START_TEST(walk_agrees_with_the_slow_machine)
{
	static struct slow m;

	memset(&m, 0, sizeof(m));
	memset(sems, 0, sizeof(sems));
	state = 0x9e3779b97f4a7c15ull * (uint64_t)(_i + 1);
	m.caps = &caps;
	caps.queue_depth = 1 + pick(5);
	caps.dram_x256 = 256 * (16 + pick(100));
	restart_with(&caps);
	random_stream(&m);
	compare(&m, slow_run(&m));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timing_reference");
	TCase *t = tcase_create("random streams");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, walk_agrees_with_the_slow_machine, 0, 150);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
