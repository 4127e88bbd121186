// SPDX-License-Identifier: MIT
/* Nothing of libggml is linked, so that one file serves whichever version loads it. */
#include "ggml/host.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

struct host host;

/* A host that was itself opened with RTLD_LOCAL (a Python module) keeps its libraries out of
 * the global scope, but they are loaded, and can be had by name. */
static void *find(const char *symbol, const char *library)
{
	void *found = dlsym(RTLD_DEFAULT, symbol), *handle;

	if (found)
		return found;
	handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return NULL;
	found = dlsym(handle, symbol);
	dlclose(handle);
	return found;
}

bool host_resolve(const char **missing)
{
	static const struct {
		const char *name;
		void **at;
		const char *library;
		bool needed;
	} wanted[] = {
#define BASE		      "libggml-base.so.0"
#define X(type, name, params) {#name, (void **)&host.name, BASE, true},
		HOST_FUNCTIONS(X)
#undef X
			{"ggml_backend_buffer_init", &host.ggml_backend_buffer_init, BASE, true},
		{"ggml_graph_n_nodes", (void **)&host.ggml_graph_n_nodes, BASE, false},
		{"ggml_graph_nodes", (void **)&host.ggml_graph_nodes, BASE, false},
		{"ggml_backend_reg_count", (void **)&host.ggml_backend_reg_count, "libggml.so.0",
		 false},
		{"ggml_backend_reg_get", (void **)&host.ggml_backend_reg_get, "libggml.so.0",
		 false},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].at = find(wanted[i].name, wanted[i].library);
		*missing = wanted[i].name;
		if (!*wanted[i].at && wanted[i].needed)
			return false;
	}
	return true;
}

void host_log(enum ggml_log_level level, const char *format, ...)
{
	ggml_log_callback callback = NULL;
	char text[640];
	void *data = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = snprintf(text, sizeof(text) - 1, "ggml-tern: ");
	vsnprintf(text + n, sizeof(text) - 1 - (size_t)n, format, args);
	va_end(args);
	for (n = 0; text[n];)
		n++;
	text[n] = '\n';
	text[n + 1] = '\0';
	if (host.ggml_log_get)
		host.ggml_log_get(&callback, &data);
	if (callback)
		callback(level, text, data);
	else
		fputs(text, stderr);
}
