/* SPDX-License-Identifier: MIT */
/*
 * The backend without ggml's interface around it: one device, buffers, streams of graphs. v*.c
 * dress this in the objects of one version of the interface each.
 */
#ifndef TERN_GGML_PLUGIN_H
#define TERN_GGML_PLUGIN_H

#include <pthread.h>

#include "ggml/cache.h"
#include "ggml/queue.h"

#define PLUGIN_NAME   "TERN" /* the registry entry */
#define PLUGIN_DEVICE "TERN0"
#define PLUGIN_ALIGN  64 /* of tensors: a DRAM burst */

struct plugin {
	struct tern_device *dev;
	char description[128];
	struct report *report;
	struct stream *streams;
	struct queues queues;
	uint64_t clock; /* of the streams' caches */
	/* Of the streams' caches: who has it may look for programs and end sessions. Nobody waits for
	 * the queue of one stream while he has it, or compiles, for all others would wait too; but
	 * plugin_make_room() and plugin_buffer_destroy() wait for all. */
	pthread_mutex_t lock;
};

/* Opens the device ($TERN_DEVICE, else what tern_device_open(NULL) takes) once. NULL: it cannot be, which is logged. */
struct plugin *plugin_get(void);
void plugin_memory(size_t *free, size_t *total);
/* End the session of any stream that has been idle for longest; the caller holds the lock. false:
 * there is none. */
bool plugin_make_room(struct plugin *p);
bool plugin_supports(struct plugin *p, const struct ggml_tensor *node);

/* NULL: no memory, or the kernel does not let the device have it, which is logged. */
struct plugin_buffer *plugin_buffer_create(struct plugin *p, uint64_t size);
struct plugin_buffer *plugin_buffer_wrap(struct plugin *p, void *mem, uint64_t size);
void plugin_buffer_destroy(struct plugin *p, struct plugin_buffer *buffer);

/* What ggml calls a backend: does what it is given, in order, in the background. */
struct stream {
	struct plugin *plugin;
	struct stream *next;
	struct queue queue;
	const struct graph_access *access;
	struct cache cache;
	bool careful;		/* a graph failed: one at a time, until one did not */
	struct capture capture; /* of the graph at hand; kept for its arrays */
};
struct stream *stream_create(struct plugin *p, const struct graph_access *access);
void stream_destroy(struct stream *s);
/* A graph that fails in the background is logged then, and the next one is refused. Those after
 * it are waited for, until one has succeeded. */
enum ggml_status stream_compute(struct stream *s, const struct ggml_cgraph *graph);
void stream_wait(struct stream *s);
/* Copies in the stream's order. The bytes to `set` are the caller's again at once, the room for
 * those to `get` when the stream was waited for. */
void stream_set(struct stream *s, void *to, const void *from, size_t size);
void stream_get(struct stream *s, const void *from, void *to, size_t size);
/* When both streams have come to it, and before they go on. false: not done. */
bool stream_copy(struct stream *src, struct stream *dst, const void *from, void *to, size_t size);
/* What comes is not begun before that task (queue.h). */
void stream_await(struct stream *s, uint64_t number);

/* One function per version of the interface: the registry entry of that version. */
void *plugin_registry_v3(struct plugin *p);

#endif
