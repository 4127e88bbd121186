/* SPDX-License-Identifier: MIT */
/*
 * Between the plugin and the library: sessions, memory and compilations are counted, and refused
 * as the kernel does where a test says so. For programs linked with --wrap of these functions.
 */
#ifndef TERN_TESTS_GGML_WRAP_H
#define TERN_TESTS_GGML_WRAP_H

#include <errno.h>
#include <limits.h>

#include "ggml_fixture.h"
#include "graph/graph.h"

/* ---- sessions ------------------------------------------------------------------------------ */
static struct {
	unsigned int live, most; /* with `most` of them, one more is -EUSERS */
	unsigned int begun, failures;
	int error;	       /* of the next `failures` */
	unsigned int unlocked; /* ended, though others might have ended them just then */
} sessions;

/* Whoever ends sessions has it, whoever compiles does not. */
static pthread_mutex_t *lock;

static inline bool is_unlocked(void)
{
	bool unlocked = !pthread_mutex_trylock(lock);

	if (unlocked)
		pthread_mutex_unlock(lock);
	return unlocked;
}

int __real_tern_session_create_in(struct tern_program *prog, struct tern_buffer *scratch,
				  struct tern_session **out);
int __wrap_tern_session_create_in(struct tern_program *prog, struct tern_buffer *scratch,
				  struct tern_session **out);
void __real_tern_session_destroy(struct tern_session *s);
void __wrap_tern_session_destroy(struct tern_session *s);

int __wrap_tern_session_create_in(struct tern_program *prog, struct tern_buffer *scratch,
				  struct tern_session **out)
{
	int ret = 0;

	*out = NULL;
	if (sessions.failures) {
		sessions.failures--;
		ret = sessions.error;
	} else if (sessions.live == sessions.most) {
		ret = -EUSERS;
	}
	if (ret)
		return tern_fail(ret, "no session for this test");
	ret = __real_tern_session_create_in(prog, scratch, out);
	sessions.live += !ret;
	sessions.begun += !ret;
	return ret;
}

void __wrap_tern_session_destroy(struct tern_session *s)
{
	sessions.live -= s != NULL;
	sessions.unlocked += is_unlocked();
	__real_tern_session_destroy(s);
}

static int run_error; /* of the next run */

int __real_tern_session_run(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols);
int __wrap_tern_session_run(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols);

int __wrap_tern_session_run(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols)
{
	int ret = run_error;

	run_error = 0;
	return ret ? tern_fail(ret, "no run for this test")
		   : __real_tern_session_run(s, symbols, nsymbols);
}

/* ---- memory -------------------------------------------------------------------------------- */
static uint64_t largest_buffer; /* a larger one is -ENOMEM */

int __real_tern_buffer_create(struct tern_device *dev, uint64_t size, struct tern_buffer **out);
int __wrap_tern_buffer_create(struct tern_device *dev, uint64_t size, struct tern_buffer **out);

int __wrap_tern_buffer_create(struct tern_device *dev, uint64_t size, struct tern_buffer **out)
{
	if (size > largest_buffer)
		return tern_fail(-ENOMEM, "no buffer for this test");
	return __real_tern_buffer_create(dev, size, out);
}

/* ---- compiling ----------------------------------------------------------------------------- */
static struct {
	unsigned int times, locked; /* nobody may have the lock meanwhile */
	unsigned int failures;
	int error;		 /* of the next `failures` */
	void (*meanwhile)(void); /* before each of these */
} compiled;

int __real_tern_compile(struct tern_device *dev, const struct tern_graph *graph,
			struct tern_program **out);
int __wrap_tern_compile(struct tern_device *dev, const struct tern_graph *graph,
			struct tern_program **out);

int __wrap_tern_compile(struct tern_device *dev, const struct tern_graph *graph,
			struct tern_program **out)
{
	compiled.times++;
	compiled.locked += !is_unlocked();
	if (compiled.failures) {
		compiled.failures--;
		if (compiled.meanwhile)
			compiled.meanwhile();
		return tern_fail(compiled.error, "no program for this test");
	}
	return __real_tern_compile(dev, graph, out);
}

/* ---- a test of its own, and graphs for it ---------------------------------------------------- */

static inline void begin_on(pthread_mutex_t *mutex)
{
	largest_buffer = UINT64_MAX;
	run_error = 0;
	sessions = (__typeof__(sessions)){.most = UINT_MAX};
	compiled = (__typeof__(compiled)){0};
	setup();
	lock = mutex;
}

static inline void end_of_sessions(void)
{
	ck_assert_uint_eq(compiled.locked, 0);
	teardown();
	ck_assert_uint_eq(sessions.live, 0);
	ck_assert_uint_eq(sessions.unlocked, 0);
}

/* x, -x, x, -x ...: its beginnings are the structures 0 .. n-1, which all need two rows of scratch. */
enum { SHORTEST = 4 };

static inline void chain(int n)
{
	struct ggml_tensor *t = leaf(b.cache);

	for (int i = 0; i < n - 1 + SHORTEST; i++)
		t = node(OP_NEG, t, NULL);
}

#endif
