/* SPDX-License-Identifier: MIT */
/* Compiled programs by the structure of their graphs; the least recently used make room. */
#ifndef TERN_GGML_CACHE_H
#define TERN_GGML_CACHE_H

#include "ggml/capture.h"
#include "ggml/report.h"

#define CACHE_PROGRAMS 48

struct cached {
	struct capture key;
	struct tern_program *prog;
	struct tern_session *session; /* NULL: its memory went away; made again when needed */
	struct tern_binding *bound;
	struct report_times times;
	bool failed;   /* its last run did: the session may be of no more use */
	uint64_t used; /* when, in look-ups */
};

struct cache {
	struct tern_device *dev;
	struct cached *entries[CACHE_PROGRAMS];
	uint64_t clock;
	struct report *report; /* told of every session that begins or ends; may be NULL */
};

/* The program of that structure. NULL: there is none that could run. */
struct cached *cache_find(struct cache *cache, const struct capture *c);
/* Compile it. 0 or a negative errno; then tern_last_error() says why. As another makes room, none
 * may be running. */
int cache_make(struct cache *cache, const struct capture *c, struct cached **out);
/* Point it at the memory of a capture of that structure. */
int cache_bind(struct cached *entry, const struct capture_place *places);
/* That memory goes away: no session may hold on to it, or be running. */
void cache_forget(struct cache *cache, const struct tern_buffer *buf);
/* None may be running. */
void cache_end_failed(struct cache *cache);
void cache_fini(struct cache *cache);

#endif
