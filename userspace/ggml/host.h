/* SPDX-License-Identifier: MIT */
/* The process that loaded the plugin: functions of its libggml, looked up by name. */
#ifndef TERN_GGML_HOST_H
#define TERN_GGML_HOST_H

#include "ggml/abi.h"

/* return type, name, parameters; of libggml-base */
#define HOST_FUNCTIONS(X)                                            \
	X(const char *, ggml_version, (void))                        \
	X(const char *, ggml_op_desc, (const struct ggml_tensor *t)) \
	X(size_t, ggml_nbytes, (const struct ggml_tensor *t))        \
	X(size_t, ggml_tensor_overhead, (void))                      \
	X(const char *, ggml_type_name, (int type))                  \
	X(void, ggml_log_get, (ggml_log_callback * callback, void **data))

struct host {
#define X(type, name, params) type(*name) params;
	HOST_FUNCTIONS(X)
#undef X
	/* To hold ours against; NULL in a host that lacks them. */
	int (*ggml_graph_n_nodes)(const struct ggml_cgraph *graph);
	struct ggml_tensor **(*ggml_graph_nodes)(const struct ggml_cgraph *graph);
	/* Returns an object that the host frees: its struct differs between versions, so v*.c
	 * call it with a type of their own. */
	void *ggml_backend_buffer_init;
	/* Of libggml; NULL where the program registers backends in another way. */
	size_t (*ggml_backend_reg_count)(void);
	void *(*ggml_backend_reg_get)(size_t index);
};
extern struct host host;

/* Look everything up. false: the process has no libggml-base, or it lacks `*missing`. */
bool host_resolve(const char **missing);

/* One line through the host's log. */
void host_log(enum ggml_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
