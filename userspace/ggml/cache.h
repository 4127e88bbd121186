/* SPDX-License-Identifier: MIT */
/*
 * Compiled programs by the structure of their graphs, each with a session while there is room.
 *
 * The programs of one cache run one at a time, so they share one scratch, which is as large as
 * the largest of them needs (or a quarter larger than before where memory allows, so that lengths
 * which grow little by little do not end all sessions each time). Beside it a program costs its
 * image and arguments, so CACHE_PROGRAMS bounds these. A session on the kernel's device is a VM
 * and a queue, of which a file has few: where there is no more, sessions end, least recently used
 * ones first, and other caches' after all of this. A session is made again when its graph comes
 * back; the program stays.
 */
#ifndef TERN_GGML_CACHE_H
#define TERN_GGML_CACHE_H

#include <pthread.h>

#include "ggml/capture.h"
#include "ggml/report.h"

#define CACHE_PROGRAMS 48

struct cached {
	struct capture key;
	struct tern_program *prog;
	struct tern_session *session; /* NULL: ended; made again when needed */
	struct tern_binding *bound;
	struct report_times times; /* of this session */
	bool failed;		   /* its last run did: the session may be of no more use */
	uint64_t used;		   /* when, by the caches' clock */
};

struct cache {
	struct tern_device *dev;
	pthread_mutex_t *lock; /* who calls has it; it is given back while a program is compiled */
	struct cached *entries[CACHE_PROGRAMS];
	struct tern_buffer *scratch; /* NULL: no session has any */
	uint64_t *clock;	     /* look-ups, of all caches that make room for each other */
	struct report *report;	     /* told of every session that begins or ends; may be NULL */
};

/* The program of that structure. NULL: there is none that could run. */
struct cached *cache_find(struct cache *cache, const struct capture *c);
/* As that, but compiled if there is none, and perhaps without a session. 0 or a negative errno; then
 * tern_last_error() says why. As others of this cache make room, none may be running. */
int cache_compile(struct cache *cache, const struct capture *c, struct cached **out);
/* Its session, if it has none. As with cache_compile(), but the lock is kept. */
int cache_begin(struct cache *cache, struct cached *entry);
/* Point it at the memory of a capture of that structure. */
int cache_bind(struct cached *entry, const struct capture_place *places);
/* That memory goes away: no session may hold on to it, or be running. */
void cache_forget(struct cache *cache, const struct tern_buffer *buf);
/* None may be running. */
void cache_end_failed(struct cache *cache);
/* Might cache_begin(), which ended so, do better once another cache's sessions end? */
bool cache_lacks_room(int err);
/* When the session was used that has been idle for longest; UINT64_MAX: there is none. */
uint64_t cache_idle_since(const struct cache *cache);
/* End it. None may be running. */
void cache_end_oldest(struct cache *cache);
/* With the lock, too. */
void cache_fini(struct cache *cache);

#endif
