// SPDX-License-Identifier: MIT
/* What ggml's loader calls. Nothing else of this library is visible. */
#include "ggml/host.h"
#include "ggml/plugin.h"

__attribute__((visibility("default"))) void *ggml_backend_init(void);
__attribute__((visibility("default"))) int ggml_backend_score(void);

/* A row per version of the backend interface, newest first. */
static const struct version {
	int api;
	void *(*registry)(struct plugin *p);
} versions[] = {
	{3, plugin_registry_v3},
};
#define NVERSIONS (sizeof(versions) / sizeof(versions[0]))

/*
 * The host states its version nowhere but in the entries it has registered, whose first member
 * it is in every version. 0: there is none yet, so it has to judge by ours.
 */
static int host_api(void)
{
	const int *first;

	if (!host.ggml_backend_reg_count || !host.ggml_backend_reg_get ||
	    !host.ggml_backend_reg_count())
		return 0;
	first = host.ggml_backend_reg_get(0);
	return first ? *first : 0;
}

static const struct version *choose(int api)
{
	for (size_t i = 0; i < NVERSIONS; i++) {
		if (!api || versions[i].api == api)
			return &versions[i];
	}
	return NULL;
}

void *ggml_backend_init(void)
{
	const struct version *version;
	const char *missing;
	struct plugin *p;
	int api;

	if (!host_resolve(&missing)) {
		host_log(GGML_LOG_LEVEL_ERROR,
			 "this program has no libggml-base, or one without %s(): not loaded",
			 missing);
		return NULL;
	}
	api = host_api();
	version = choose(api);
	if (!version) {
		host_log(GGML_LOG_LEVEL_ERROR,
			 "ggml %s has version %d of the backend interface, this library knows %d "
			 "to %d: install the libggml-tern.so of this ggml",
			 host.ggml_version(), api, versions[NVERSIONS - 1].api, versions[0].api);
		return NULL;
	}
	if (host.ggml_tensor_overhead() != GGML_TENSOR_OVERHEAD) {
		host_log(GGML_LOG_LEVEL_ERROR,
			 "tensors of ggml %s take %zu bytes with what goes before them, this "
			 "library "
			 "knows %zu: install the libggml-tern.so of this ggml",
			 host.ggml_version(), host.ggml_tensor_overhead(), GGML_TENSOR_OVERHEAD);
		return NULL;
	}
	p = plugin_get();
	return p ? version->registry(p) : NULL;
}

int ggml_backend_score(void)
{
	return 1;
}
