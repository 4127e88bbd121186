// SPDX-License-Identifier: MIT
/* The device and its buffers. */
#include "ggml/plugin.h"
#include "ggml/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct plugin plugin = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.queues = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void tell(void *ctx, enum tern_log_level level, const char *text)
{
	(void)ctx;
	host_log(level == TERN_LOG_ERROR ? GGML_LOG_LEVEL_ERROR : GGML_LOG_LEVEL_WARN, "%s", text);
}

static void open_device(void)
{
	uint64_t npu = 0, mac = 0, khz = 0;

	tern_set_log(tell, NULL, TERN_LOG_WARN);
	if (tern_device_open(NULL, &plugin.dev)) {
		host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
		return;
	}
	tern_device_get(plugin.dev, TERN_DEVICE_IS_NPU, &npu);
	tern_device_get(plugin.dev, TERN_DEVICE_MAC_INT8, &mac);
	tern_device_get(plugin.dev, TERN_DEVICE_CLOCK_KHZ, &khz);
	if (!npu) {
		host_log(GGML_LOG_LEVEL_ERROR,
			 "device %s has no NPU, and what runs on the CPU ggml does itself: set "
			 "TERN_DEVICE to another",
			 tern_device_name(plugin.dev));
		tern_device_close(plugin.dev);
		plugin.dev = NULL;
		return;
	}
	snprintf(plugin.description, sizeof(plugin.description),
		 "Tern NPU (%s, %llu int8 MAC/cycle, %llu MHz)", tern_device_name(plugin.dev),
		 (unsigned long long)mac, (unsigned long long)khz / 1000);
	plugin.report = report_open(plugin.dev);
}

struct plugin *plugin_get(void)
{
	pthread_once(&once, open_device);
	return plugin.dev ? &plugin : NULL;
}

void plugin_memory(size_t *free, size_t *total)
{
	uint64_t left = 0, most = 0;

	if (tern_device_get(plugin.dev, TERN_DEVICE_MEMORY_FREE, &left) ||
	    tern_device_get(plugin.dev, TERN_DEVICE_MEMORY, &most))
		host_log(GGML_LOG_LEVEL_WARN, "%s", tern_last_error());
	*free = left;
	*total = most;
}

bool plugin_supports(struct plugin *p, const struct ggml_tensor *node)
{
	const char *why = NULL;

	if (node_supported(p->dev, node, &why))
		return true;
	report_refused(p->report, node, why);
	/* ggml places a new graph, and will run this node on the host, in place. */
	queues_drain(&p->queues);
	return false;
}

bool plugin_make_room(struct plugin *p)
{
	struct cache *idle = NULL;

	queues_drain(&p->queues);
	for (struct stream *s = p->streams; s; s = s->next) {
		if (cache_idle_since(&s->cache) < (idle ? cache_idle_since(idle) : UINT64_MAX))
			idle = &s->cache;
	}
	if (idle)
		cache_end_oldest(idle);
	return idle;
}

/* ---- buffers ----------------------------------------------------------------------------- */

static struct plugin_buffer *finish(struct plugin_buffer *buffer, int ret)
{
	if (ret) {
		host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
		free(buffer);
		return NULL;
	}
	buffer->base = tern_buffer_data(buffer->buf);
	buffer->size = tern_buffer_size(buffer->buf);
	return buffer;
}

static struct plugin_buffer *begin(void)
{
	struct plugin_buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer)
		host_log(GGML_LOG_LEVEL_ERROR, "no memory to describe a buffer");
	return buffer;
}

struct plugin_buffer *plugin_buffer_create(struct plugin *p, uint64_t size)
{
	struct plugin_buffer *buffer = begin();

	return buffer ? finish(buffer, tern_buffer_create(p->dev, size, &buffer->buf)) : NULL;
}

struct plugin_buffer *plugin_buffer_wrap(struct plugin *p, void *mem, uint64_t size)
{
	struct plugin_buffer *buffer = begin();
	int ret;

	if (!buffer)
		return NULL;
	/* A mapped file may be read-only, and ggml does not say: then the first fails at once, or for
	 * its size; the second takes or copies it only if nobody can write there. Trying read-only
	 * first would save nothing: the kernel copies a private mapping that is pinned for
	 * long in either way, and a shared one (llama.cpp's) in neither. */
	ret = tern_buffer_wrap(p->dev, mem, size, 0, &buffer->buf);
	if (ret == -EFAULT || ret == -ENOBUFS || ret == -EOPNOTSUPP)
		ret = tern_buffer_wrap(p->dev, mem, size, TERN_WRAP_READ_ONLY, &buffer->buf);
	return finish(buffer, ret);
}

void plugin_buffer_destroy(struct plugin *p, struct plugin_buffer *buffer)
{
	struct stream *s;

	pthread_mutex_lock(&p->lock);
	queues_drain(&p->queues);
	for (s = p->streams; s; s = s->next)
		cache_forget(&s->cache, buffer->buf);
	pthread_mutex_unlock(&p->lock);
	tern_buffer_destroy(buffer->buf);
	free(buffer);
}
