/* SPDX-License-Identifier: MIT */
/*
 * The backend interface of ggml at GGML_BACKEND_API_VERSION 3, which no installed header states:
 * tables of functions and the objects that carry them. Optional entries may be NULL. Where ggml
 * takes a pointer that this backend does not look into, it is a void pointer here.
 */
#ifndef TERN_GGML_ABI_V3_H
#define TERN_GGML_ABI_V3_H

#include "ggml/abi.h"

#define GGML_BACKEND_API_VERSION_3 3

struct ggml_backend_buffer_type;
struct ggml_backend_device;
struct ggml_backend_reg;
struct ggml_backend;
struct ggml_backend_event;

/* ---- memory ----------------------------------------------------------------------- */
struct ggml_backend_buffer_type_i {
	const char *(*get_name)(struct ggml_backend_buffer_type *buft);
	struct ggml_backend_buffer *(*alloc_buffer)(struct ggml_backend_buffer_type *buft,
						    size_t size);
	void *alloc_buffer_n; /* optional */
	size_t (*get_alignment)(struct ggml_backend_buffer_type *buft);
	void *get_max_size;	/* optional: no limit */
	void *get_alloc_size;	/* optional: the tensor's bytes */
	void *get_alloc_size_n; /* optional */
	bool (*is_host)(struct ggml_backend_buffer_type *buft);
};
struct ggml_backend_buffer_type {
	struct ggml_backend_buffer_type_i iface;
	struct ggml_backend_device *device;
	void *context;
};
ABI_OFFSET(ggml_backend_buffer_type_i, is_host, 0x38);
ABI_OFFSET(ggml_backend_buffer_type, device, 0x40);
ABI_SIZE(ggml_backend_buffer_type, 0x50);

struct ggml_backend_buffer_i {
	void (*free_buffer)(struct ggml_backend_buffer *buf);
	void *(*get_base)(struct ggml_backend_buffer *buf);
	void *init_tensor; /* optional */
	void (*memset_tensor)(struct ggml_backend_buffer *buf, struct ggml_tensor *t, uint8_t value,
			      size_t offset, size_t size);
	void (*set_tensor)(struct ggml_backend_buffer *buf, struct ggml_tensor *t, const void *data,
			   size_t offset, size_t size);
	void (*get_tensor)(struct ggml_backend_buffer *buf, const struct ggml_tensor *t, void *data,
			   size_t offset, size_t size);
	void *set_tensor_2d; /* optional */
	void *get_tensor_2d; /* optional */
	bool (*cpy_tensor)(struct ggml_backend_buffer *buf, const struct ggml_tensor *src,
			   struct ggml_tensor *dst);
	void (*clear)(struct ggml_backend_buffer *buf, uint8_t value);
	void *reset; /* optional */
};
struct ggml_backend_buffer {
	struct ggml_backend_buffer_i iface;
	struct ggml_backend_buffer_type *buft;
	void *context;
	size_t size;
	enum ggml_backend_buffer_usage usage;
};
ABI_OFFSET(ggml_backend_buffer_i, clear, 0x48);
ABI_OFFSET(ggml_backend_buffer, buft, 0x58);
ABI_OFFSET(ggml_backend_buffer, usage, 0x70);

/* ---- streams of graphs ---------------------------------------------------------------- */
struct ggml_backend_i {
	const char *(*get_name)(struct ggml_backend *be);
	void (*free)(struct ggml_backend *be);
	/* optional, as are all up to synchronize */
	void (*set_tensor_async)(struct ggml_backend *be, struct ggml_tensor *t, const void *data,
				 size_t offset, size_t size);
	void (*get_tensor_async)(struct ggml_backend *be, const struct ggml_tensor *t, void *data,
				 size_t offset, size_t size);
	void *set_tensor_2d_async;
	void *get_tensor_2d_async;
	bool (*cpy_tensor_async)(struct ggml_backend *from, struct ggml_backend *to,
				 const struct ggml_tensor *src, struct ggml_tensor *dst);
	void (*synchronize)(struct ggml_backend *be);
	void *graph_plan_create; /* not used by ggml, as the next three */
	void *graph_plan_free;
	void *graph_plan_update;
	void *graph_plan_compute;
	enum ggml_status (*graph_compute)(struct ggml_backend *be, struct ggml_cgraph *graph);
	/* optional, as are the others */
	void (*event_record)(struct ggml_backend *be, struct ggml_backend_event *event);
	void (*event_wait)(struct ggml_backend *be, struct ggml_backend_event *event);
	void *graph_optimize;
};
struct ggml_backend {
	const uint8_t (*guid)[16];
	struct ggml_backend_i iface;
	struct ggml_backend_device *device;
	void *context;
};
struct ggml_backend_event {
	struct ggml_backend_device *device;
	void *context;
};
ABI_OFFSET(ggml_backend, iface.cpy_tensor_async, 0x38);
ABI_OFFSET(ggml_backend, iface.graph_compute, 0x68);
ABI_OFFSET(ggml_backend, iface.event_wait, 0x78);
ABI_OFFSET(ggml_backend, device, 0x88);
ABI_SIZE(ggml_backend, 0x98);

/* ---- devices --------------------------------------------------------------------------- */
struct ggml_backend_device_i {
	const char *(*get_name)(struct ggml_backend_device *dev);
	const char *(*get_description)(struct ggml_backend_device *dev);
	void (*get_memory)(struct ggml_backend_device *dev, size_t *free, size_t *total);
	enum ggml_backend_dev_type (*get_type)(struct ggml_backend_device *dev);
	void (*get_props)(struct ggml_backend_device *dev, struct ggml_backend_dev_props *props);
	struct ggml_backend *(*init_backend)(struct ggml_backend_device *dev, const char *params);
	struct ggml_backend_buffer_type *(*get_buffer_type)(struct ggml_backend_device *dev);
	void *get_host_buffer_type; /* optional */
	struct ggml_backend_buffer *(*buffer_from_host_ptr)(struct ggml_backend_device *dev,
							    void *ptr, size_t size,
							    size_t max_tensor_size);
	bool (*supports_op)(struct ggml_backend_device *dev, const struct ggml_tensor *op);
	bool (*supports_buft)(struct ggml_backend_device *dev,
			      struct ggml_backend_buffer_type *buft);
	void *offload_op; /* optional */
	/* optional, as are the other two */
	struct ggml_backend_event *(*event_new)(struct ggml_backend_device *dev);
	void (*event_free)(struct ggml_backend_device *dev, struct ggml_backend_event *event);
	void (*event_synchronize)(struct ggml_backend_device *dev,
				  struct ggml_backend_event *event);
};
struct ggml_backend_device {
	struct ggml_backend_device_i iface;
	struct ggml_backend_reg *reg;
	void *context;
};
ABI_OFFSET(ggml_backend_device_i, supports_op, 0x48);
ABI_SIZE(ggml_backend_device, 0x88);

struct ggml_backend_reg_i {
	const char *(*get_name)(struct ggml_backend_reg *reg);
	size_t (*get_device_count)(struct ggml_backend_reg *reg);
	struct ggml_backend_device *(*get_device)(struct ggml_backend_reg *reg, size_t index);
	void *(*get_proc_address)(struct ggml_backend_reg *reg, const char *name);
};
struct ggml_backend_reg {
	int api_version; /* first in every version of the interface */
	struct ggml_backend_reg_i iface;
	void *context;
};
ABI_OFFSET(ggml_backend_reg, iface, 8);
ABI_SIZE(ggml_backend_reg, 0x30);

/* ---- graphs ------------------------------------------------------------------------------ */
/* A set of tensors: slot = (address >> 4) % size, then upwards; `used` is a bitmap. */
struct ggml_hash_set {
	size_t size;
	const uint32_t *used;
	struct ggml_tensor **keys;
};
struct ggml_cgraph {
	int size, n_nodes, n_leafs;
	struct ggml_tensor **nodes;
	struct ggml_tensor **grads, **grad_accs, **leafs;
	const int32_t *use_counts; /* per slot of the set; of the whole graph, not the split */
	struct ggml_hash_set visited;
};
ABI_OFFSET(ggml_cgraph, n_nodes, 4);
ABI_OFFSET(ggml_cgraph, nodes, 16);
ABI_OFFSET(ggml_cgraph, use_counts, 48);
ABI_OFFSET(ggml_cgraph, visited, 56);

#endif
