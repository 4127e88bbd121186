// SPDX-License-Identifier: MIT
/*
 * Some other version of ggml, as far as a backend can see: shows the functions that
 * libggml-tern.so looks up, and a registry whose one entry begins with the version given.
 *
 *   ggml_host LIBRARY VERSION    prints "refused" or "loaded"
 *
 * With -DLACKING a function is missing, with -DOVERHEAD=N tensors are of another size.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef OVERHEAD
#define OVERHEAD 368
#endif

static int entry[16];

const char *ggml_version(void);
const char *ggml_op_desc(const void *tensor);
size_t ggml_nbytes(const void *tensor);
size_t ggml_tensor_overhead(void);
const char *ggml_type_name(int type);
void ggml_log_get(void **callback, void **data);
void *ggml_backend_buffer_init(void);
size_t ggml_backend_reg_count(void);
void *ggml_backend_reg_get(size_t index);

const char *ggml_version(void)
{
	return "9.8.7";
}

const char *ggml_op_desc(const void *tensor)
{
	(void)tensor;
	return "";
}

#ifndef LACKING
size_t ggml_nbytes(const void *tensor)
{
	(void)tensor;
	return 0;
}
#endif

size_t ggml_tensor_overhead(void)
{
	return OVERHEAD;
}

const char *ggml_type_name(int type)
{
	(void)type;
	return "";
}

void ggml_log_get(void **callback, void **data)
{
	*callback = *data = NULL;
}

void *ggml_backend_buffer_init(void)
{
	return NULL;
}

size_t ggml_backend_reg_count(void)
{
	return 1;
}

void *ggml_backend_reg_get(size_t index)
{
	return index ? NULL : entry;
}

int main(int argc, char **argv)
{
	void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	void *(*init)(void);

	if (!library) {
		fprintf(stderr, "ggml_host: %s\n", argc == 3 ? dlerror() : "LIBRARY VERSION");
		return 2;
	}
	*(void **)&init = dlsym(library, "ggml_backend_init");
	entry[0] = atoi(argv[2]);
	puts(init && init() ? "loaded" : "refused");
	return 0;
}
