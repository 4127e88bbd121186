/* SPDX-License-Identifier: MIT */
/*
 * What ggml's public headers say, as far as a backend meets it: the tensor, the properties of a
 * device, and the numbers that go with them. libggml need not be installed to build; layouts
 * that do not depend on the version of the backend interface are here, the others in abi_v3.h.
 *
 * Operators are known by the names that the host gives them, never by number: the enumeration
 * changes from release to release.
 */
#ifndef TERN_GGML_ABI_H
#define TERN_GGML_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_OFFSET(type, field, at) \
	_Static_assert(offsetof(struct type, field) == (at), #type "." #field)
#define ABI_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

#define GGML_MAX_SRC	10
#define GGML_OP_PARAMS	16
#define GGML_NAME_BYTES 64

enum ggml_tensor_flag {
	GGML_TENSOR_FLAG_OUTPUT = 2,   /* somebody reads it after the graph */
	GGML_TENSOR_FLAG_COMPUTE = 16, /* without it a node is passed over */
};

enum ggml_status {
	GGML_STATUS_ALLOC_FAILED = -2,
	GGML_STATUS_FAILED = -1,
	GGML_STATUS_SUCCESS = 0,
	GGML_STATUS_ABORTED = 1,
};

enum ggml_log_level { GGML_LOG_LEVEL_INFO = 2, GGML_LOG_LEVEL_WARN = 3, GGML_LOG_LEVEL_ERROR = 4 };
typedef void (*ggml_log_callback)(enum ggml_log_level level, const char *text, void *data);

struct ggml_backend_buffer;
struct ggml_cgraph;

struct ggml_tensor {
	int32_t type; /* enum tern_dtype has the same numbers */
	struct ggml_backend_buffer *buffer;
	int64_t ne[4];
	uint64_t nb[4];
	int32_t op;
	int32_t op_params[GGML_OP_PARAMS];
	int32_t flags;
	struct ggml_tensor *src[GGML_MAX_SRC];
	struct ggml_tensor *view_src; /* never itself a view */
	uint64_t view_offs;
	void *data;
	char name[GGML_NAME_BYTES];
	void *extra;
	char padding[8];
};
ABI_OFFSET(ggml_tensor, buffer, 8);
ABI_OFFSET(ggml_tensor, ne, 16);
ABI_OFFSET(ggml_tensor, nb, 48);
ABI_OFFSET(ggml_tensor, op, 80);
ABI_OFFSET(ggml_tensor, op_params, 84);
ABI_OFFSET(ggml_tensor, flags, 148);
ABI_OFFSET(ggml_tensor, src, 152);
ABI_OFFSET(ggml_tensor, view_src, 232);
ABI_OFFSET(ggml_tensor, view_offs, 240);
ABI_OFFSET(ggml_tensor, data, 248);
ABI_OFFSET(ggml_tensor, name, 256);
ABI_OFFSET(ggml_tensor, extra, 320);
ABI_SIZE(ggml_tensor, 336);
/* ggml_tensor_overhead(): a tensor and the object in front of it. */
#define GGML_TENSOR_OVERHEAD (32 + sizeof(struct ggml_tensor))

enum ggml_backend_buffer_usage {
	GGML_BACKEND_BUFFER_USAGE_ANY,
	GGML_BACKEND_BUFFER_USAGE_WEIGHTS,
	GGML_BACKEND_BUFFER_USAGE_COMPUTE,
};

enum ggml_backend_dev_type {
	GGML_BACKEND_DEVICE_TYPE_CPU,
	GGML_BACKEND_DEVICE_TYPE_GPU,
	GGML_BACKEND_DEVICE_TYPE_IGPU,
};

struct ggml_backend_dev_caps {
	bool async;
	bool host_buffer;
	bool buffer_from_host_ptr;
	bool events;
	bool mmap_support;
};

struct ggml_backend_dev_props {
	const char *name;
	const char *description;
	size_t memory_free;
	size_t memory_total;
	enum ggml_backend_dev_type type;
	const char *device_id; /* PCI address; NULL: unknown */
	struct ggml_backend_dev_caps caps;
};
ABI_OFFSET(ggml_backend_dev_props, memory_free, 16);
ABI_OFFSET(ggml_backend_dev_props, type, 32);
ABI_OFFSET(ggml_backend_dev_props, device_id, 40);
ABI_OFFSET(ggml_backend_dev_props, caps, 48);
ABI_SIZE(ggml_backend_dev_props, 56);

#endif
