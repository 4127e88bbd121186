// SPDX-License-Identifier: MIT
#include "selftest_notes.h"

#include <inttypes.h>

#define SIGNATURE_VA 0x40000000ull
#define SIGN_AT	     2048 /* in the code's buffer: behind other programs */

static void note_map(unsigned int vm, uint64_t va, uint64_t size, uint32_t flags)
{
	host_ask("note map %u %#" PRIx64 " %#" PRIx64 " %s%s", vm, va, size,
		 flags & DRM_TERN_BIND_WRITE ? "w" : "", flags & DRM_TERN_BIND_EXEC ? "x" : "");
}

void noted_bind(struct context *c, unsigned int vm, uint64_t va, uint64_t offset, uint64_t size,
		uint32_t flags)
{
	struct drm_tern_vm_bind_op op = {.flags = flags,
					 .bo_handle = c->data.handle,
					 .bo_offset = offset,
					 .va = va,
					 .size = size};

	note_map(vm, va, size, flags);
	EQUAL(try_bind(c->fd, c->vm, &op), 0);
}

void noted_unbind(struct context *c, unsigned int vm, uint64_t va, uint64_t size)
{
	unbind(c->fd, c->vm, va, size);
	host_ask("note unmap %u %#" PRIx64 " %#" PRIx64, vm, va, size);
}

void note_context(struct context *c, unsigned int vm)
{
	uint64_t at = SIGNATURE_VA + vm * (uint64_t)PAGE;
	struct image sign;

	note_map(vm, CODE_VA, c->code.size, DRM_TERN_BIND_EXEC);
	note_map(vm, DATA_VA, c->data.size, DRM_TERN_BIND_WRITE);
	noted_bind(c, vm, at, 0, PAGE, 0);
	host_ask("note sign %u %#" PRIx64, vm, at);
	image_begin(&sign);
	image_movi(&sign, 3, (int64_t)at);
	image_load(&sign, 2, 3, 0);
	image_end(&sign, (char *)c->code.map + SIGN_AT);
	EQUAL(context_wait(c, submit(c->fd, c->queue, CODE_VA + SIGN_AT, DATA_VA)), 0);
	EQUAL(queue_state(c->fd, c->queue).error, 0);
}
