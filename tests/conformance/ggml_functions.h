/* SPDX-License-Identifier: MIT */
/*
 * ggml's public functions, looked up by name in a process that loads an unmodified libggml: it is
 * not installed where this is built, so what is used of its headers is said here.
 */
#ifndef GGML_FUNCTIONS_H
#define GGML_FUNCTIONS_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor; /* ggml's objects, as pointers */
struct backend;
struct device;
struct event;
struct context;
struct graph;
struct sched;

struct init_params {
	size_t bytes;
	void *memory;
	bool no_alloc;
};
struct props { /* struct ggml_backend_dev_props */
	const char *name, *description;
	size_t free, total;
	int type;
	const char *id;
	bool async, host_buffer, from_host_ptr, events, mmap_support;
};

enum { F32 = 0, I32 = 26 }; /* enum ggml_type */
enum { IGPU = 2 };	    /* enum ggml_backend_dev_type */

#define FUNCTIONS(X)                                                                            \
	X(void, ggml_backend_load_all, (void))                                                  \
	X(struct device *, ggml_backend_dev_by_name, (const char *))                            \
	X(void, ggml_backend_dev_get_props, (struct device *, struct props *))                  \
	X(struct backend *, ggml_backend_dev_init, (struct device *, const char *))             \
	X(void, ggml_backend_free, (struct backend *))                                          \
	X(void, ggml_backend_synchronize, (struct backend *))                                   \
	X(int, ggml_backend_graph_compute_async, (struct backend *, struct graph *))            \
	X(void *, ggml_backend_alloc_ctx_tensors, (struct context *, struct backend *))         \
	X(void, ggml_backend_buffer_free, (void *))                                             \
	X(void, ggml_backend_tensor_set, (struct tensor *, const void *, size_t, size_t))       \
	X(void, ggml_backend_tensor_get, (const struct tensor *, void *, size_t, size_t))       \
	X(void, ggml_backend_tensor_copy, (const struct tensor *, struct tensor *))             \
	X(void, ggml_backend_tensor_set_async,                                                  \
	  (struct backend *, struct tensor *, const void *, size_t, size_t))                    \
	X(void, ggml_backend_tensor_get_async,                                                  \
	  (struct backend *, const struct tensor *, void *, size_t, size_t))                    \
	X(void, ggml_backend_tensor_copy_async,                                                 \
	  (struct backend *, struct backend *, const struct tensor *, struct tensor *))         \
	X(struct event *, ggml_backend_event_new, (struct device *))                            \
	X(void, ggml_backend_event_free, (struct event *))                                      \
	X(void, ggml_backend_event_record, (struct event *, struct backend *))                  \
	X(void, ggml_backend_event_wait, (struct backend *, struct event *))                    \
	X(void, ggml_backend_event_synchronize, (struct event *))                               \
	X(struct context *, ggml_init, (struct init_params))                                    \
	X(void, ggml_free, (struct context *))                                                  \
	X(struct tensor *, ggml_new_tensor_2d, (struct context *, int, int64_t, int64_t))       \
	X(struct tensor *, ggml_mul_mat, (struct context *, struct tensor *, struct tensor *))  \
	X(struct tensor *, ggml_get_rows, (struct context *, struct tensor *, struct tensor *)) \
	X(struct tensor *, ggml_scale, (struct context *, struct tensor *, float))              \
	X(struct tensor *, ggml_cpy, (struct context *, struct tensor *, struct tensor *))      \
	X(struct graph *, ggml_new_graph, (struct context *))                                   \
	X(void, ggml_build_forward_expand, (struct graph *, struct tensor *))                   \
	X(void *, ggml_get_data, (const struct tensor *))                                       \
	X(void, ggml_set_input, (struct tensor *))                                              \
	X(void, ggml_set_output, (struct tensor *))                                             \
	X(struct backend *, ggml_backend_init_by_type, (int, const char *))                     \
	X(struct sched *, ggml_backend_sched_new,                                               \
	  (struct backend **, void *, int, size_t, bool, bool))                                 \
	X(void, ggml_backend_sched_free, (struct sched *))                                      \
	X(void, ggml_backend_sched_reset, (struct sched *))                                     \
	X(bool, ggml_backend_sched_alloc_graph, (struct sched *, struct graph *))               \
	X(int, ggml_backend_sched_graph_compute_async, (struct sched *, struct graph *))        \
	X(void, ggml_backend_sched_synchronize, (struct sched *))                               \
	X(int, ggml_backend_sched_get_n_copies, (struct sched *))

#define X(type, name, params) static type(*name) params;
FUNCTIONS(X)
#undef X

static void *look_up(const char *name)
{
	void *at = dlsym(RTLD_DEFAULT, name);

	if (!at) {
		fprintf(stderr, "this ggml has no %s()\n", name);
		exit(1);
	}
	return at;
}

static void load_ggml(void)
{
	if (!dlopen("libggml.so.0", RTLD_NOW | RTLD_GLOBAL) ||
	    !dlopen("libggml-base.so.0", RTLD_NOW | RTLD_GLOBAL)) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
#define X(type, name, params)                   \
	{                                       \
		void *at = look_up(#name);      \
		memcpy(&name, &at, sizeof(at)); \
	}
	FUNCTIONS(X)
#undef X
}

#endif
