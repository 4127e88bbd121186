// SPDX-License-Identifier: MIT
/*
 * Programs linked with -Wl,--wrap=tern_transport_sim (and nothing of their own for it): where the
 * kernel's device is tested, nothing can fall back to the NPU in process.
 */
#include "lib/transport.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdlib.h>

/* The linker's names. */
int __real_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out);
int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out);

int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out)
{
	if (getenv("TERN_TEST_DEVICE"))
		return tern_fail(-ENODEV,
				 "there is no NPU in process while TERN_TEST_DEVICE is set");
	return __real_tern_transport_sim(caps, opt, out);
}
