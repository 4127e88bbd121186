# SPDX-License-Identifier: GPL-2.0
# What tern_compat.h has to be told of a kernel, as neither its version nor a macro says it.

# Since 6.15, and since some 6.12.x.
ccflags-y += $(if $(shell grep '^struct drm_sched_init_args {' \
	$(srctree)/include/drm/gpu_scheduler.h),-DTERN_SCHED_INIT_ARGS)
