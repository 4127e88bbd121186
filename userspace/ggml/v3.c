// SPDX-License-Identifier: MIT
/* The plugin as objects of GGML_BACKEND_API_VERSION 3. */
#include "ggml/abi_v3.h"
#include "ggml/host.h"
#include "ggml/plugin.h"

#include <stdlib.h>
#include <string.h>

#define UNUSED __attribute__((unused))

static struct ggml_backend_reg registry;
static struct ggml_backend_device device;
static struct ggml_backend_buffer_type buffer_type;

static struct plugin *plugin_of(const struct ggml_backend_device *dev)
{
	return dev->context;
}

static struct queues *queues_of(const struct ggml_backend_buffer *buf)
{
	return &plugin_of(buf->buft->device)->queues;
}

/* ---- buffers --------------------------------------------------------------------------- */

static void buffer_free(struct ggml_backend_buffer *buf)
{
	plugin_buffer_destroy(plugin_of(&device), buf->context);
}

static void *buffer_base(struct ggml_backend_buffer *buf)
{
	return ((struct plugin_buffer *)buf->context)->base;
}

/* The host's pointer, too, may be memory of the device's: as host memory, ggml copies between
 * buffers by these two. */
static void move(struct ggml_backend_buffer *buf, void *to, const void *from, size_t size)
{
	queues_wait_for(queues_of(buf), from, size, false);
	queues_wait_for(queues_of(buf), to, size, true);
	memcpy(to, from, size);
}

static void fill(struct ggml_backend_buffer *buf, void *at, uint8_t value, size_t size)
{
	queues_wait_for(queues_of(buf), at, size, true);
	memset(at, value, size);
}

static void tensor_fill(struct ggml_backend_buffer *buf, struct ggml_tensor *t, uint8_t value,
			size_t offset, size_t size)
{
	fill(buf, (char *)t->data + offset, value, size);
}

static void tensor_set(struct ggml_backend_buffer *buf, struct ggml_tensor *t, const void *data,
		       size_t offset, size_t size)
{
	move(buf, (char *)t->data + offset, data, size);
}

static void tensor_get(struct ggml_backend_buffer *buf, const struct ggml_tensor *t, void *data,
		       size_t offset, size_t size)
{
	move(buf, data, (const char *)t->data + offset, size);
}

static void buffer_clear(struct ggml_backend_buffer *buf, uint8_t value)
{
	fill(buf, buffer_base(buf), value, buf->size);
}

static struct ggml_backend_buffer *buffer_new(struct plugin_buffer *buffer, size_t size)
{
	static const struct ggml_backend_buffer_i iface = {
		.free_buffer = buffer_free,
		.get_base = buffer_base,
		.memset_tensor = tensor_fill,
		.set_tensor = tensor_set,
		.get_tensor = tensor_get,
		.clear = buffer_clear,
	};
	struct ggml_backend_buffer *(*init)(struct ggml_backend_buffer_type *,
					    struct ggml_backend_buffer_i, void *, size_t);

	if (!buffer)
		return NULL;
	memcpy(&init, &host.ggml_backend_buffer_init, sizeof(init));
	return init(&buffer_type, iface, buffer, size);
}

/* ---- the type of buffers ------------------------------------------------------------------ */

static const char *type_name(struct ggml_backend_buffer_type *buft UNUSED)
{
	return PLUGIN_DEVICE;
}

static struct ggml_backend_buffer *type_alloc(struct ggml_backend_buffer_type *buft, size_t size)
{
	return buffer_new(plugin_buffer_create(plugin_of(buft->device), size ? size : 1), size);
}

static size_t type_alignment(struct ggml_backend_buffer_type *buft UNUSED)
{
	return PLUGIN_ALIGN;
}

static bool type_is_host(struct ggml_backend_buffer_type *buft UNUSED)
{
	return true;
}

static struct ggml_backend_buffer_type buffer_type = {
	.iface = {.get_name = type_name,
		  .alloc_buffer = type_alloc,
		  .get_alignment = type_alignment,
		  .is_host = type_is_host},
	.device = &device,
};

/* ---- what graphs consist of --------------------------------------------------------------- */

static int graph_nodes(const struct ggml_cgraph *graph, struct ggml_tensor *const **nodes)
{
	*nodes = graph->nodes;
	return graph->n_nodes;
}

static int graph_uses(const struct ggml_cgraph *graph, const struct ggml_tensor *node)
{
	const struct ggml_hash_set *set = &graph->visited;
	size_t first, i;

	if (!set->size || !graph->use_counts)
		return -1;
	first = i = ((uintptr_t)node >> 4) % set->size;
	while (set->used[i / 32] >> i % 32 & 1) {
		if (set->keys[i] == node)
			return graph->use_counts[i];
		i = (i + 1) % set->size;
		if (i == first)
			break;
	}
	return -1;
}

/* ggml_cgraph is none of the interface, and has changed without a new version of that: ask those who
 * know. The set, of which nobody tells, is no smaller than what is in it, nor an address. */
static bool graph_is_known(const struct ggml_cgraph *graph)
{
	const size_t slots = graph->visited.size;

	if (host.ggml_graph_n_nodes && host.ggml_graph_n_nodes(graph) != graph->n_nodes)
		return false;
	if (host.ggml_graph_nodes && host.ggml_graph_nodes(graph) != graph->nodes)
		return false;
	return !slots || (slots >= (size_t)graph->n_nodes && slots <= UINT32_MAX);
}

static struct plugin_buffer *graph_buffer(const struct ggml_backend_buffer *buf)
{
	return buf->buft == &buffer_type ? buf->context : NULL;
}

static enum ggml_backend_buffer_usage graph_usage(const struct ggml_backend_buffer *buf)
{
	return buf->usage;
}

static const struct ggml_tensor *graph_next(const struct ggml_cgraph *graph, size_t *at)
{
	const struct ggml_hash_set *set = &graph->visited;
	uint32_t word;

	while (*at < set->size) {
		word = set->used[*at / 32] >> *at % 32;
		if (word) {
			*at += (size_t)__builtin_ctz(word) + 1;
			return set->keys[*at - 1];
		}
		*at += 32 - *at % 32;
	}
	return NULL;
}

/* ---- streams --------------------------------------------------------------------------------- */

static const char *stream_name(struct ggml_backend *be UNUSED)
{
	return PLUGIN_DEVICE;
}

static void stream_free(struct ggml_backend *be)
{
	stream_destroy(be->context);
	free(be);
}

static void stream_synchronize(struct ggml_backend *be)
{
	stream_wait(be->context);
}

static void stream_set_tensor(struct ggml_backend *be, struct ggml_tensor *t, const void *data,
			      size_t offset, size_t size)
{
	stream_set(be->context, (char *)t->data + offset, data, size);
}

static void stream_get_tensor(struct ggml_backend *be, const struct ggml_tensor *t, void *data,
			      size_t offset, size_t size)
{
	stream_get(be->context, (const char *)t->data + offset, data, size);
}

static bool in_device(const struct ggml_tensor *t)
{
	return graph_buffer((t->view_src ? t->view_src : t)->buffer);
}

/* What another backend does, streams here cannot be ordered with: false, and ggml waits. */
static bool stream_copy_tensor(struct ggml_backend *from, struct ggml_backend *to,
			       const struct ggml_tensor *src, struct ggml_tensor *dst)
{
	return from->device == &device && to->device == &device && in_device(src) &&
	       in_device(dst) &&
	       stream_copy(from->context, to->context, src->data, dst->data, host.ggml_nbytes(src));
}

/* An event is what the stream was given last when it was recorded. */
struct event {
	struct ggml_backend_event base;
	uint64_t number;
};

static void stream_record(struct ggml_backend *be, struct ggml_backend_event *event)
{
	((struct event *)event)->number = queue_last(&((struct stream *)be->context)->queue);
}

static void stream_wait_event(struct ggml_backend *be, struct ggml_backend_event *event)
{
	stream_await(be->context, ((struct event *)event)->number);
}

static enum ggml_status stream_graph(struct ggml_backend *be, struct ggml_cgraph *graph)
{
	if (graph_is_known(graph))
		return stream_compute(be->context, graph);
	host_log(GGML_LOG_LEVEL_ERROR,
		 "graphs of ggml %s are not laid out as this library knows them: install the "
		 "libggml-tern.so of this ggml",
		 host.ggml_version());
	return GGML_STATUS_FAILED;
}

static struct ggml_backend *stream_new(struct ggml_backend_device *dev, const char *params UNUSED)
{
	/* Random; what identifies the kind of backend to ggml. */
	static const uint8_t guid[16] = {0x2b, 0xd1, 0x6e, 0x0c, 0x97, 0x54, 0x4f, 0x3a,
					 0x8c, 0x70, 0x1e, 0xe5, 0xa9, 0x33, 0xf8, 0x46};
	static const struct graph_access access = {graph_nodes, graph_uses, graph_buffer,
						   graph_usage, graph_next};
	struct ggml_backend *be = calloc(1, sizeof(*be));

	if (!be)
		return NULL;
	be->guid = &guid;
	be->iface.get_name = stream_name;
	be->iface.free = stream_free;
	be->iface.synchronize = stream_synchronize;
	be->iface.graph_compute = stream_graph;
	be->iface.set_tensor_async = stream_set_tensor;
	be->iface.get_tensor_async = stream_get_tensor;
	be->iface.cpy_tensor_async = stream_copy_tensor;
	be->iface.event_record = stream_record;
	be->iface.event_wait = stream_wait_event;
	be->device = dev;
	be->context = stream_create(plugin_of(dev), &access);
	if (be->context)
		return be;
	free(be);
	return NULL;
}

/* ---- the device -------------------------------------------------------------------------------- */

static const char *device_name(struct ggml_backend_device *dev UNUSED)
{
	return PLUGIN_DEVICE;
}

static const char *device_description(struct ggml_backend_device *dev)
{
	return plugin_of(dev)->description;
}

static void device_memory(struct ggml_backend_device *dev UNUSED, size_t *free, size_t *total)
{
	plugin_memory(free, total);
}

/* It works in the host's memory; layers are placed on it as on a discrete one. */
static enum ggml_backend_dev_type device_type(struct ggml_backend_device *dev UNUSED)
{
	return GGML_BACKEND_DEVICE_TYPE_IGPU;
}

static void device_props(struct ggml_backend_device *dev, struct ggml_backend_dev_props *props)
{
	*props = (struct ggml_backend_dev_props){
		.name = device_name(dev),
		.description = device_description(dev),
		.type = device_type(dev),
		.caps = {.async = true,
			 .buffer_from_host_ptr = true,
			 .events = true,
			 .mmap_support = true},
	};
	plugin_memory(&props->memory_free, &props->memory_total);
}

static struct ggml_backend_buffer_type *device_buffers(struct ggml_backend_device *dev UNUSED)
{
	return &buffer_type;
}

static struct ggml_backend_buffer *device_wrap(struct ggml_backend_device *dev, void *ptr,
					       size_t size, size_t max_tensor_size UNUSED)
{
	return buffer_new(plugin_buffer_wrap(plugin_of(dev), ptr, size), size);
}

static bool device_supports(struct ggml_backend_device *dev, const struct ggml_tensor *node)
{
	return plugin_supports(plugin_of(dev), node);
}

static bool device_takes(struct ggml_backend_device *dev UNUSED,
			 struct ggml_backend_buffer_type *buft)
{
	return buft == &buffer_type;
}

static struct ggml_backend_event *event_new(struct ggml_backend_device *dev)
{
	struct event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	event->base.device = dev;
	return &event->base;
}

static void event_free(struct ggml_backend_device *dev UNUSED, struct ggml_backend_event *event)
{
	free((struct event *)event);
}

static void event_wait(struct ggml_backend_device *dev, struct ggml_backend_event *event)
{
	queues_wait(&plugin_of(dev)->queues, ((struct event *)event)->number);
}

static struct ggml_backend_device device = {
	.iface = {.get_name = device_name,
		  .get_description = device_description,
		  .get_memory = device_memory,
		  .get_type = device_type,
		  .get_props = device_props,
		  .init_backend = stream_new,
		  .get_buffer_type = device_buffers,
		  .buffer_from_host_ptr = device_wrap,
		  .supports_op = device_supports,
		  .supports_buft = device_takes,
		  .event_new = event_new,
		  .event_free = event_free,
		  .event_synchronize = event_wait},
	.reg = &registry,
};

/* ---- the registry entry -------------------------------------------------------------------------- */

static const char *registry_name(struct ggml_backend_reg *reg UNUSED)
{
	return PLUGIN_NAME;
}

static size_t registry_count(struct ggml_backend_reg *reg UNUSED)
{
	return 1;
}

static struct ggml_backend_device *registry_device(struct ggml_backend_reg *reg UNUSED,
						   size_t index)
{
	return index ? NULL : &device;
}

static void *registry_function(struct ggml_backend_reg *reg UNUSED, const char *name UNUSED)
{
	return NULL;
}

static struct ggml_backend_reg registry = {
	.api_version = GGML_BACKEND_API_VERSION_3,
	.iface = {registry_name, registry_count, registry_device, registry_function},
};

void *plugin_registry_v3(struct plugin *p)
{
	device.context = p;
	return &registry;
}
