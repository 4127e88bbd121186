// SPDX-License-Identifier: MIT
/*
 * The last error of a thread, and logging. Both are all the state the library has outside
 * its handles.
 */
#include "lib/log.h"
#include "graph/graph.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#define MESSAGE_MAX 1024

static _Thread_local char last_error[MESSAGE_MAX];

const char *tern_last_error(void)
{
	return last_error;
}

int tern_fail(int code, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	/* Formatted aside: a caller may put the previous message into the new one. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(last_error, text, strlen(text) + 1);
	return code;
}

static struct {
	pthread_mutex_t lock;
	tern_log_fn fn;
	void *ctx;
	atomic_int up_to; /* -1: nobody listens */
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .up_to = -1};

void tern_set_log(tern_log_fn fn, void *ctx, enum tern_log_level up_to)
{
	pthread_mutex_lock(&logger.lock);
	logger.fn = fn;
	logger.ctx = ctx;
	atomic_store(&logger.up_to, fn ? (int)up_to : -1);
	pthread_mutex_unlock(&logger.lock);
}

void tern_log(enum tern_log_level level, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	tern_log_fn fn;
	va_list ap;
	void *ctx;

	if ((int)level > atomic_load_explicit(&logger.up_to, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	/* The callback runs unlocked, so that it may call tern_set_log() itself. */
	pthread_mutex_lock(&logger.lock);
	fn = logger.fn;
	ctx = logger.ctx;
	pthread_mutex_unlock(&logger.lock);
	if (fn)
		fn(ctx, level, text);
}
