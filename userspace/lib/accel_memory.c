// SPDX-License-Identifier: MIT
/* Buffers of the kernel driver: its own memory, and memory the process has. */
#include "lib/accel.h"
#include "lib/log.h"
#include "graph/graph.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void close_bo(const struct accel *a, uint32_t bo)
{
	struct drm_gem_close c = {.handle = bo};

	accel_ioctl(a, DRM_IOCTL_GEM_CLOSE, &c);
}

/* Why there is no buffer of `size` bytes, and what to do about it. */
static int no_buffer(int err, uint64_t size)
{
	const char *remedy = "";

	if (err == -EMFILE)
		remedy = "; destroy buffers";
	else if (err == -EDQUOT)
		remedy = "; destroy buffers, or raise the module's parameter buffer_percent";
	else if (err == -ENOBUFS)
		remedy = "; raise the limit of locked memory (ulimit -l, or LimitMEMLOCK=), or "
			 "copy it into a buffer of the device";
	else if (err == -EFAULT)
		remedy = "; only mapped memory can be wrapped, and unless it is wrapped as "
			 "read-only it has to be writable and no shared mapping of a file";
	else if (err == -EOPNOTSUPP)
		remedy = "; copy it into a buffer of the device";
	return tern_fail(err, "the kernel gives no buffer of %llu bytes: %s%s",
			 (unsigned long long)size, strerror(-err), remedy);
}

static void *map_bo(const struct accel *a, uint32_t bo, uint64_t size)
{
	struct drm_tern_bo_mmap_offset m = {.handle = bo};
	void *p;

	if (accel_ioctl(a, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &m))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, (off_t)m.offset);
	return p == MAP_FAILED ? NULL : p;
}

int accel_alloc_bo(struct tern_transport *t, uint64_t size, uint32_t flags, struct tern_mem *mem)
{
	struct accel *a = accel_of(t);
	struct drm_tern_bo_create b = {.size = size, .flags = flags};
	int ret = accel_ioctl(a, DRM_IOCTL_TERN_BO_CREATE, &b);

	if (ret)
		return no_buffer(ret, size);
	*mem = (struct tern_mem){.size = size, .bo_size = b.size, .owned = true, .bo = b.handle};
	mem->host = map_bo(a, b.handle, b.size);
	if (!mem->host)
		ret = tern_fail(-ENOMEM, "no address of this process for %llu bytes",
				(unsigned long long)size);
	/* No address of the host's to follow: large pages of the buffer begin at its start. */
	if (!ret)
		ret = tern_va_alloc(&a->va, NULL, size, &mem->va);
	mem->bo_va = mem->va;
	if (ret)
		accel_free(t, mem);
	return ret;
}

int accel_alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem)
{
	return accel_alloc_bo(t, size, DRM_TERN_BO_CACHED, mem);
}

/* The kernel may not pin this memory, but neither the device nor the host writes to it: read it
 * once. The host keeps its own mapping. */
static int copy_instead(struct tern_transport *t, int why, void *host, uint64_t size,
			struct tern_mem *mem)
{
	int ret = accel_alloc(t, size, mem);

	if (ret)
		return ret;
	tern_log(
		TERN_LOG_WARN, "%llu bytes were copied, because the kernel may not pin them (%s)%s",
		(unsigned long long)size, strerror(-why),
		why == -ENOBUFS ? ": raise the limit of locked memory (ulimit -l, or LimitMEMLOCK=)"
				: "");
	memcpy(mem->host, host, size);
	munmap(mem->host, mem->bo_size);
	mem->host = host;
	mem->owned = false;
	mem->read_only = true;
	return 0;
}

int accel_wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
	       struct tern_mem *mem)
{
	struct accel *a = accel_of(t);
	const uint64_t lo = (uintptr_t)host & ~(a->cpu_page - 1);
	const uint64_t hi = ((uintptr_t)host + size + a->cpu_page - 1) & ~(a->cpu_page - 1);
	struct drm_tern_bo_from_userptr u = {
		.address = lo,
		.size = hi - lo,
		.flags = read_only ? DRM_TERN_USERPTR_READONLY : 0,
	};
	int ret = accel_ioctl(a, DRM_IOCTL_TERN_BO_FROM_USERPTR, &u);

	if (read_only && (ret == -ENOBUFS || ret == -EOPNOTSUPP) && !tern_host_writes(host, size))
		return copy_instead(t, ret, host, size, mem);
	if (ret)
		return no_buffer(ret, size);
	*mem = (struct tern_mem){
		.host = host, .size = size, .read_only = read_only, .bo = u.handle};
	ret = tern_va_alloc(&a->va, host, size, &mem->va);
	mem->bo_va = mem->va - ((uintptr_t)host - lo);
	if (ret)
		accel_free(t, mem);
	return ret;
}

void accel_free(struct tern_transport *t, struct tern_mem *mem)
{
	struct accel *a = accel_of(t);

	if (mem->va)
		tern_va_free(&a->va, mem->va);
	if (mem->owned && mem->host)
		munmap(mem->host, mem->bo_size);
	if (mem->bo)
		close_bo(a, mem->bo);
	*mem = (struct tern_mem){0};
}
