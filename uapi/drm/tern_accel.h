/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * The ioctls of tern.ko on /dev/accel/accelN.
 *
 * DOC: Rules
 *
 * After those of panthor_drm.h:
 *
 * - Every structure is a multiple of 8 bytes, every field naturally aligned, every gap a
 *   pad field; so the layout is that of a 32-bit process too. Everything is little-endian in
 *   memory that the device shares; ioctl arguments have the CPU's byte order.
 * - pad fields, fields that a type or flag does not use, and unknown flags must be zero:
 *   -EINVAL. What an ioctl returns, padding included, is written as a whole.
 * - Structures grow at their end or into padding, and zero there means what it meant before.
 *   One longer than the kernel's is taken if what the kernel does not know is zero; else it is
 *   -E2BIG for array elements and -EINVAL for ioctl arguments. A shorter one is extended with
 *   zeros. Array elements carry their stride, query results their size.
 * - No unions. Ioctls and flags are never removed, renumbered or reused. Each addition raises
 *   drm_tern_info::driver_minor.
 * - Ids (VMs, queues) are of one open file and begin at 1; 0 is "none". So are GEM and
 *   syncobj handles, as everywhere in DRM.
 * - An ioctl that fails has changed nothing, unless its text says otherwise.
 *
 * DOC: Errors
 *
 * Every ioctl may return these, and its own text names the others:
 *
 * - -EINVAL: unknown flag or type, non-zero padding, misaligned or empty or overflowing range
 * - -EFAULT: a pointer does not lead to memory that may be read or written
 * - -ENOENT: no VM, queue, buffer or syncobj of that number in this file
 * - -ENOMEM: the kernel found no memory
 * - -ENODEV: the device is gone, or failed for good; see below
 * - -EINTR: a signal came; nothing was done, call again
 * - -E2BIG: an array of more elements than drm_tern_limits allows, or a bad stride or size
 *
 * A device that is gone refuses everything. Of one that failed for good all queues are dead, nobody
 * waits any longer, and nothing new is to be had: BO_CREATE, BO_FROM_USERPTR, the import of a
 * buffer, VM_CREATE, VM_BIND, QUEUE_CREATE, QUEUE_KICK and SUBMIT are refused. QUEUE_STATE,
 * VM_STATE and what lets go of something go on working.
 *
 * Each limit of a file has one errno that means nothing else (struct drm_tern_limits says how
 * much there is):
 *
 * - -EMFILE: buffers; -EDQUOT: bytes of buffers; -ENOBUFS: pinned user memory, RLIMIT_MEMLOCK
 * - -EUSERS: VMs; -ENOSPC: queues; -EXFULL: user-owned queues; -ENOSR: armed events
 * - -EAGAIN: jobs not yet done in a queue, or bind operations in a VM
 *
 * DOC: How a job ends
 *
 * A kernel-owned job's fences always signal, in bounded time. Their error is one of
 *
 * - 0: done, everything it wrote is visible
 * - -EIO: it faulted, see drm_tern_queue_state::fault
 * - -ETIME: it used up its step budget
 * - -ETIMEDOUT: it made no progress, whatever was reset, or did not answer preemption
 * - -ENODATA: a reset, or a sleep, found it running and not saved, and it was not to be restarted
 * - -ECANCELED: it had not begun when its queue died or was destroyed
 * - -ENODEV: the device went away
 *
 * After any of these but 0 and -ENODATA the queue is dead: later jobs are cancelled, and the
 * queue can only be asked for its state and destroyed. Its VM and other queues go on.
 * DRM_IOCTL_TERN_QUEUE_STATE tells why it is dead, and how many -ENODATA there were.
 */
#ifndef _TERN_ACCEL_H_
#define _TERN_ACCEL_H_

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include "drm.h" /* pkg-config --cflags libdrm */
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* Place new ones at the end. */
enum drm_tern_ioctl_id {
	DRM_TERN_DEV_QUERY = 0,
	DRM_TERN_BO_CREATE,
	DRM_TERN_BO_FROM_USERPTR,
	DRM_TERN_BO_MMAP_OFFSET,
	DRM_TERN_BO_SYNC,
	DRM_TERN_BO_LABEL,
	DRM_TERN_VM_CREATE,
	DRM_TERN_VM_DESTROY,
	DRM_TERN_VM_BIND,
	DRM_TERN_VM_STATE,
	DRM_TERN_QUEUE_CREATE,
	DRM_TERN_QUEUE_DESTROY,
	DRM_TERN_QUEUE_STATE,
	DRM_TERN_QUEUE_KICK,
	DRM_TERN_QUEUE_WAIT,
	DRM_TERN_SUBMIT,
	DRM_TERN_PERF,
};

/**
 * struct drm_tern_array - Array of structures that may grow.
 */
struct drm_tern_array {
	/** @stride: Bytes of one element as the caller knows it: multiple of 8, at most 4096. */
	__u32 stride;
	/** @count: Number of elements. 0: stride and pointer must be 0 too. */
	__u32 count;
	/** @pointer: Address of the first. */
	__u64 pointer;
};

/** DRM_TERN_ARRAY() - Initializer for a drm_tern_array of @n elements at @p. */
#define DRM_TERN_ARRAY(n, p)                                                                     \
	{                                                                                        \
		.stride = sizeof((p)[0]), .count = (n), .pointer = (__u64)(__UINTPTR_TYPE__)(p), \
	}

/* ---- Information ---------------------------------------------------------------- */

/**
 * enum drm_tern_query - What DRM_IOCTL_TERN_DEV_QUERY gives.
 */
enum drm_tern_query {
	/** @DRM_TERN_QUERY_INFO: struct drm_tern_info. */
	DRM_TERN_QUERY_INFO = 0,
	/** @DRM_TERN_QUERY_CAPS: struct tern_caps of <tern/hw.h>, the compiler's target. */
	DRM_TERN_QUERY_CAPS,
	/** @DRM_TERN_QUERY_LIMITS: struct drm_tern_limits. */
	DRM_TERN_QUERY_LIMITS,
	/** @DRM_TERN_QUERY_CLOCKS: struct drm_tern_clocks. */
	DRM_TERN_QUERY_CLOCKS,
};

/**
 * DRM_TERN_INFO_COHERENT - The device sees CPU caches, and memory itself, of which the kernel may
 * else show it copies (swiotlb): BO_SYNC has nothing to do.
 */
#define DRM_TERN_INFO_COHERENT (1ull << 0)
/** DRM_TERN_INFO_DOORBELL - Doorbells can be mapped; else QUEUE_KICK is the only way. */
#define DRM_TERN_INFO_DOORBELL (1ull << 1)
/**
 * DRM_TERN_INFO_USER_QUEUES - The firmware preempts, and has 4 slots or more: user-owned queues may
 * be had.
 */
#define DRM_TERN_INFO_USER_QUEUES (1ull << 2)
/** DRM_TERN_INFO_MODEL - The device is a model: its times are not the wall's. */
#define DRM_TERN_INFO_MODEL (1ull << 3)

/**
 * struct drm_tern_info - Versions and facts that do not change while the file is open.
 */
struct drm_tern_info {
	/** @driver_major: Of this header; another one is another interface. */
	__u32 driver_major;
	/** @driver_minor: Raised by every addition. */
	__u32 driver_minor;
	/** @hw_interface: Register INTERFACE, major << 16 | minor. */
	__u32 hw_interface;
	/** @fw_interface: Of <tern/fw.h> as negotiated, major << 16 | minor. */
	__u32 fw_interface;
	/** @fw_features: enum tern_fw_feature, those in use. */
	__u64 fw_features;
	/** @flags: DRM_TERN_INFO_*. */
	__u64 flags;
	/** @va_start: First device address that may be bound. */
	__u64 va_start;
	/** @va_end: The first one that may not. */
	__u64 va_end;
	/** @page_sizes: Sizes of device pages, a bit each: 4 KiB (bit 12), 2 MiB (bit 21). */
	__u64 page_sizes;
	/** @doorbell_bytes: What to map of a doorbell: a CPU page. */
	__u64 doorbell_bytes;
	/** @fw_version: For people; zeros after it. */
	__u8 fw_version[32];
	/** @fw_build: Likewise. */
	__u8 fw_build[32];
};

/**
 * struct drm_tern_limit - One limit of this file.
 */
struct drm_tern_limit {
	/** @most: How many, or how much, there may be. */
	__u64 most;
	/** @used: How many there are now. */
	__u64 used;
};

/**
 * struct drm_tern_limits - Limits of this file, and what it has used of them.
 */
struct drm_tern_limits {
	/** @buffers: Buffers but imports; -EMFILE. */
	struct drm_tern_limit buffers;
	/** @buffer_bytes: Of buffers but user memory and imports, and of save areas; -EDQUOT. */
	struct drm_tern_limit buffer_bytes;
	/** @pinned_bytes: User memory, of all of this user's processes; -ENOBUFS. */
	struct drm_tern_limit pinned_bytes;
	/** @vms: -EUSERS. */
	struct drm_tern_limit vms;
	/** @queues: Of both kinds; -ENOSPC. */
	struct drm_tern_limit queues;
	/** @user_queues: -EXFULL. */
	struct drm_tern_limit user_queues;
	/** @events: Armed by QUEUE_WAIT, or not yet read; -ENOSR. */
	struct drm_tern_limit events;
	/** @queue_jobs: Jobs not yet done, in each queue; -EAGAIN. */
	__u64 queue_jobs;
	/** @vm_binds: Asynchronous bind operations not yet done, in each VM; -EAGAIN. */
	__u64 vm_binds;
	/** @budget_usual: Steps of a job that names none. */
	__u64 budget_usual;
	/** @budget_most: Steps it may name; -EINVAL. */
	__u64 budget_most;
	/** @submit_jobs: Elements of drm_tern_submit::jobs; -E2BIG, and so below. */
	__u32 submit_jobs;
	/** @bind_ops: Elements of drm_tern_vm_bind::ops. */
	__u32 bind_ops;
	/** @syncs: Elements of an array of struct drm_tern_sync. */
	__u32 syncs;
	/** @priorities: Bits of enum drm_tern_priority that this file may use. */
	__u32 priorities;
};

/**
 * struct drm_tern_clocks - Clocks, and two of them read together.
 */
struct drm_tern_clocks {
	/** @timestamp: Of the device, as in struct tern_profile. */
	__u64 timestamp;
	/** @monotonic_ns: CLOCK_MONOTONIC at that time. */
	__u64 monotonic_ns;
	/** @error_ns: By which the two may be apart. */
	__u64 error_ns;
	/** @timestamp_khz: Rate of timestamp. */
	__u32 timestamp_khz;
	/** @clock_khz: NPU clock now; 0 while it is suspended. */
	__u32 clock_khz;
	/** @clock_khz_most: Highest it can be. */
	__u32 clock_khz_most;
	/** @resets: Of the device since the module was loaded. */
	__u32 resets;
};

/**
 * struct drm_tern_dev_query - Arguments of DRM_IOCTL_TERN_DEV_QUERY.
 *
 * Never waits for the device or another client, nor wakes a suspended device. Except for CLOCKS
 * with a @pointer: reading them wakes the device, and waits for a reset or a change of slots.
 */
struct drm_tern_dev_query {
	/** @type: enum drm_tern_query. */
	__u32 type;
	/**
	 * @size: In: bytes at @pointer, at most 4096 (-E2BIG). Out: bytes of the structure as the
	 * kernel knows it. The smaller number of bytes is copied; if the caller's is larger the
	 * rest is zeroed.
	 */
	__u32 size;
	/** @pointer: Where to; 0: only size is returned. */
	__u64 pointer;
};

/* ---- Buffers -------------------------------------------------------------------- */

/**
 * DRM_TERN_BO_CACHED - CPU mappings are cached also where the device does not see caches;
 * then BO_SYNC belongs around what the CPU does. Without it they are write-combined there.
 */
#define DRM_TERN_BO_CACHED (1u << 0)

/**
 * struct drm_tern_bo_create - Arguments of DRM_IOCTL_TERN_BO_CREATE.
 *
 * Zeroed memory, pinned while a VM maps it. What is write-combined for the CPU is there, and
 * pinned, from the start.
 *
 * -EMFILE, -EDQUOT: limits.
 */
struct drm_tern_bo_create {
	/** @size: In: bytes, not 0. Out: rounded up to whole CPU pages. */
	__u64 size;
	/** @flags: DRM_TERN_BO_*. */
	__u32 flags;
	/**
	 * @vm_id: Only this VM will ever map it, which makes SUBMIT cheaper; it cannot be
	 * exported (-EPERM). 0: any VM.
	 */
	__u32 vm_id;
	/** @handle: Out: GEM handle; close it with DRM_IOCTL_GEM_CLOSE. */
	__u32 handle;
	/** @pad: Zero. */
	__u32 pad;
};

/** DRM_TERN_USERPTR_READONLY - The device may only read; needed for what the CPU only reads. */
#define DRM_TERN_USERPTR_READONLY (1u << 0)

/**
 * struct drm_tern_bo_from_userptr - Arguments of DRM_IOCTL_TERN_BO_FROM_USERPTR.
 *
 * Makes a buffer of memory the process has, such as a mapped file. The pages are pinned, and
 * counted against RLIMIT_MEMLOCK, until the buffer's last use ends; the buffer keeps referring
 * to these pages whatever the process maps there later. It cannot be mapped by BO_MMAP_OFFSET,
 * nor exported (-EPERM).
 *
 * -EMFILE, -ENOBUFS: limits. -EFAULT: not mapped, memory of a device, or READONLY not given and
 * either not writable or a shared mapping of a file whose file system wants to know of writes, as
 * most on disks do. -EOPNOTSUPP: memory that cannot be pinned for long: fsdax.
 */
struct drm_tern_bo_from_userptr {
	/** @address: A multiple of the CPU page size. */
	__u64 address;
	/** @size: Likewise, not 0. */
	__u64 size;
	/** @flags: DRM_TERN_USERPTR_*. */
	__u32 flags;
	/** @handle: Out: GEM handle. */
	__u32 handle;
};

/**
 * struct drm_tern_bo_mmap_offset - Arguments of DRM_IOCTL_TERN_BO_MMAP_OFFSET.
 *
 * -EPERM: user memory, or an imported buffer: map it where it is from.
 */
struct drm_tern_bo_mmap_offset {
	/** @handle: Buffer. */
	__u32 handle;
	/** @flags: Zero. */
	__u32 flags;
	/** @offset: Out: for mmap() of this file; fits the offsets of 32-bit processes. */
	__u64 offset;
};

/** DRM_TERN_SYNC_TO_DEVICE - The CPU has written: after this the device sees it. */
#define DRM_TERN_SYNC_TO_DEVICE (1u << 0)
/** DRM_TERN_SYNC_FROM_DEVICE - The CPU will read: after this it sees what the device wrote. */
#define DRM_TERN_SYNC_FROM_DEVICE (1u << 1)

/**
 * struct drm_tern_bo_sync - Arguments of DRM_IOCTL_TERN_BO_SYNC.
 *
 * Moves ownership of cached memory between CPU and device; does nothing where
 * DRM_TERN_INFO_COHERENT is set. Waits for no job: that is the caller's to do first. Lines are
 * treated as wholes: CPU and device must not use the same line at the same time. User memory and
 * DRM_TERN_BO_CACHED buffers need it; for others it is allowed and does nothing. Only being killed
 * ends it in its middle (-EINTR).
 */
struct drm_tern_bo_sync {
	/** @handle: Buffer. */
	__u32 handle;
	/** @flags: One or both of DRM_TERN_SYNC_*_DEVICE. */
	__u32 flags;
	/** @offset: First byte. */
	__u64 offset;
	/** @size: Bytes, not 0, inside the buffer (-EINVAL). */
	__u64 size;
};

/**
 * struct drm_tern_bo_label - Arguments of DRM_IOCTL_TERN_BO_LABEL.
 *
 * Names a buffer in debugfs and dumps.
 */
struct drm_tern_bo_label {
	/** @handle: Buffer. */
	__u32 handle;
	/** @size: Bytes at @label, at most 64 (-E2BIG); 0 removes the label. */
	__u32 size;
	/** @label: Printable ASCII, else -EINVAL; need not end in a zero byte. */
	__u64 label;
};

/* ---- Address spaces ---------------------------------------------------------------- */

/**
 * struct drm_tern_vm_create - Arguments of DRM_IOCTL_TERN_VM_CREATE.
 *
 * -EUSERS: limit.
 */
struct drm_tern_vm_create {
	/** @flags: Zero. */
	__u32 flags;
	/** @vm_id: Out. */
	__u32 vm_id;
};

/**
 * struct drm_tern_vm_destroy - Arguments of DRM_IOCTL_TERN_VM_DESTROY.
 *
 * The id is gone at once. Queues of the VM keep it alive and running until they are destroyed.
 */
struct drm_tern_vm_destroy {
	/** @vm_id: VM. */
	__u32 vm_id;
	/** @pad: Zero. */
	__u32 pad;
};

/** DRM_TERN_SYNC_SIGNAL - Signal it at the end; without: wait for it before the start. */
#define DRM_TERN_SYNC_SIGNAL (1u << 0)
/** DRM_TERN_SYNC_TIMELINE - The syncobj is used as a timeline, at @point. */
#define DRM_TERN_SYNC_TIMELINE (1u << 1)

/**
 * struct drm_tern_sync - One syncobj to wait for or to signal.
 *
 * A wait finds its fence when the ioctl runs: -EINVAL if there is none yet at that point
 * (DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT with WAIT_AVAILABLE waits for one). A signal replaces a binary
 * syncobj's fence, or adds one at a point that must lie beyond the timeline's last.
 *
 * What an earlier job of the same ioctl signals under the same @handle may be waited for: they run
 * in order. Points that were on the timeline before the ioctl come before those it adds, and are
 * waited for. A job's own signals are no answer to its waits, wherever in the array they are.
 */
struct drm_tern_sync {
	/** @flags: DRM_TERN_SYNC_SIGNAL, DRM_TERN_SYNC_TIMELINE. */
	__u32 flags;
	/** @handle: Syncobj. */
	__u32 handle;
	/** @point: Of a timeline, not 0; else 0. */
	__u64 point;
};

/**
 * enum drm_tern_bind_type - Kinds of struct drm_tern_vm_bind_op.
 */
enum drm_tern_bind_type {
	/** @DRM_TERN_BIND_MAP: Map where nothing is mapped (-EEXIST). */
	DRM_TERN_BIND_MAP = 0,
	/** @DRM_TERN_BIND_REPLACE: Map, in place of what is mapped there. */
	DRM_TERN_BIND_REPLACE,
	/** @DRM_TERN_BIND_UNMAP: Whatever is mapped there, in part or not at all, is no more. */
	DRM_TERN_BIND_UNMAP,
};

/** DRM_TERN_BIND_WRITE - The device may write; -EACCES if the buffer is read-only. */
#define DRM_TERN_BIND_WRITE (1u << 0)
/** DRM_TERN_BIND_EXEC - The device may fetch programs. What is mapped may always be read. */
#define DRM_TERN_BIND_EXEC (1u << 1)

/**
 * struct drm_tern_vm_bind_op - One change of an address space.
 */
struct drm_tern_vm_bind_op {
	/** @type: enum drm_tern_bind_type. */
	__u32 type;
	/** @flags: DRM_TERN_BIND_*; 0 for UNMAP. */
	__u32 flags;
	/** @bo_handle: Buffer; 0 for UNMAP. */
	__u32 bo_handle;
	/** @pad: Zero. */
	__u32 pad;
	/** @bo_offset: Where in it, a multiple of 4096; 0 for UNMAP. */
	__u64 bo_offset;
	/** @va: Device address, likewise, from va_start to va_end of drm_tern_info (-ERANGE). */
	__u64 va;
	/** @size: Bytes, likewise, not 0; inside the buffer (-EINVAL). */
	__u64 size;
	/** @syncs: Of struct drm_tern_sync. Without DRM_TERN_VM_BIND_ASYNC: none. */
	struct drm_tern_array syncs;
};

/** DRM_TERN_VM_BIND_ASYNC - Return at once; operations wait for and signal their syncs. */
#define DRM_TERN_VM_BIND_ASYNC (1u << 0)

/**
 * struct drm_tern_vm_bind - Arguments of DRM_IOCTL_TERN_VM_BIND.
 *
 * Operations are done in their order, also across calls: a synchronous call waits for the
 * asynchronous ones before it. Jobs see an asynchronous operation for sure if they wait for its
 * syncs; those that run meanwhile see the old or the new mapping, and fault where there is none
 * any more. When an operation is done no access under the old mapping is under way.
 *
 * Synchronous calls stop at the first operation that fails, and those before it stay done.
 * Asynchronous ones look at all arguments first, and stop only at -EEXIST and -ENOMEM: what is
 * queued by then, @done says how many, is done. One that fails later makes the VM unusable: its
 * syncs signal with the error, and SUBMIT and VM_BIND return -ENOTRECOVERABLE.
 *
 * -EEXIST, -EACCES, -ERANGE: as above. -EXDEV: the buffer is another VM's own.
 * -EAGAIN: limit. -ENOTRECOVERABLE: the VM is unusable.
 */
struct drm_tern_vm_bind {
	/** @vm_id: VM. */
	__u32 vm_id;
	/** @flags: DRM_TERN_VM_BIND_*. */
	__u32 flags;
	/** @ops: Of struct drm_tern_vm_bind_op. */
	struct drm_tern_array ops;
	/** @done: Out, also of a call that fails: operations done, or queued. */
	__u32 done;
	/** @pad: Zero. */
	__u32 pad;
};

/**
 * struct drm_tern_vm_state - Arguments of DRM_IOCTL_TERN_VM_STATE.
 */
struct drm_tern_vm_state {
	/** @vm_id: VM. */
	__u32 vm_id;
	/** @error: Out: 0, or the negative errno that made it unusable. */
	__s32 error;
	/** @mapped_bytes: Out: bytes mapped now. */
	__u64 mapped_bytes;
	/** @table_bytes: Out: memory of its page tables. */
	__u64 table_bytes;
};

/* ---- Queues -------------------------------------------------------------------------- */

/**
 * enum drm_tern_priority - Priority of a queue. Above NORMAL needs CAP_SYS_NICE (-EACCES).
 */
enum drm_tern_priority {
	/** @DRM_TERN_PRIORITY_LOW: After the others; who has waited for long comes all the same. */
	DRM_TERN_PRIORITY_LOW = 0,
	/** @DRM_TERN_PRIORITY_NORMAL: What programs take that have no reason for another. */
	DRM_TERN_PRIORITY_NORMAL,
	/** @DRM_TERN_PRIORITY_HIGH: Before the two below. */
	DRM_TERN_PRIORITY_HIGH,
	/** @DRM_TERN_PRIORITY_REALTIME: Before everybody. */
	DRM_TERN_PRIORITY_REALTIME,
};

/**
 * DRM_TERN_QUEUE_USER - The process writes jobs into a ring of its own and rings a doorbell.
 *
 * Such a queue has no fences and no budgets; it only has to answer preemption. SUBMIT is refused
 * (-EPERM). Completion is a value in memory: the program's FENCE, or the ring's own `done`.
 */
#define DRM_TERN_QUEUE_USER (1u << 0)

/**
 * struct drm_tern_queue_create - Arguments of DRM_IOCTL_TERN_QUEUE_CREATE.
 *
 * -ENOSPC, -EXFULL: limits. -EDQUOT: its save area, of struct tern_caps.save_bytes, counts among
 * the file's bytes of buffers, until it is released some time after QUEUE_DESTROY. -EACCES:
 * priority. -EOPNOTSUPP: no user-owned queues here. -ENOTRECOVERABLE: the VM is unusable.
 * -EXDEV: @ring_bo is another VM's own.
 */
struct drm_tern_queue_create {
	/** @vm_id: VM its jobs run in. */
	__u32 vm_id;
	/** @flags: DRM_TERN_QUEUE_*. */
	__u32 flags;
	/** @priority: enum drm_tern_priority. */
	__u32 priority;
	/** @queue_id: Out. */
	__u32 queue_id;
	/**
	 * @ring_bo: USER: buffer that holds the struct tern_ring of <tern/hw.h>; else 0, and so
	 * below. It stays pinned, because the kernel reads `write` before it suspends the device.
	 * User memory and imports are refused (-EINVAL), and what BO_SYNC would be needed for.
	 */
	__u32 ring_bo;
	/** @pad: Zero. */
	__u32 pad;
	/** @ring_offset: Where in it, a multiple of 64. */
	__u64 ring_offset;
	/**
	 * @ring_va: Where the VM maps that same memory, with WRITE; a multiple of 64. If it is
	 * other memory, jobs may stay undone; a ring that is malformed makes the queue fault.
	 */
	__u64 ring_va;
	/**
	 * @doorbell_offset: Out, USER: for mmap() with PROT_WRITE, MAP_SHARED and
	 * drm_tern_info::doorbell_bytes. Any 32-bit write to its first word rings. 0 without
	 * DRM_TERN_INFO_DOORBELL. The mapping may outlive the queue; then writes are lost.
	 */
	__u64 doorbell_offset;
};

/**
 * struct drm_tern_queue_destroy - Arguments of DRM_IOCTL_TERN_QUEUE_DESTROY.
 *
 * Returns at once. What runs is stopped, what waits is cancelled, all fences signal: that of a job
 * which still waits for others' fences (drm_tern_submit) once these have.
 */
struct drm_tern_queue_destroy {
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @pad: Zero. */
	__u32 pad;
};

/**
 * struct drm_tern_fault - What the hardware says of a fault: struct tern_fault of <tern/hw.h>.
 */
struct drm_tern_fault {
	/** @code: enum tern_fault_code. 0: there is no record. */
	__u16 code;
	/** @class_: enum tern_fault_class. */
	__u8 class_;
	/** @queue: enum tern_queue, the engine concerned. */
	__u8 queue;
	/** @word: Word of the image, of the command. */
	__u32 word;
	/** @addr: Address or value concerned. */
	__u64 addr;
	/** @info: Second value. */
	__u64 info;
	/** @cycle: Since the job's begin. */
	__u64 cycle;
	/** @mark: Operator. */
	__u32 mark;
	/** @pad: Zero. */
	__u32 pad;
};

/** DRM_TERN_QUEUE_DEAD - It takes no more jobs: drm_tern_queue_state::error says why. */
#define DRM_TERN_QUEUE_DEAD (1u << 0)
/** DRM_TERN_QUEUE_BUSY - It has jobs that are not done. */
#define DRM_TERN_QUEUE_BUSY (1u << 1)

/**
 * struct drm_tern_queue_state - Arguments of DRM_IOCTL_TERN_QUEUE_STATE.
 */
struct drm_tern_queue_state {
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @state: Out: DRM_TERN_QUEUE_DEAD, DRM_TERN_QUEUE_BUSY. */
	__u32 state;
	/** @submitted: Out: number of the last job; jobs count from 1. */
	__u64 submitted;
	/** @done: Out: number of the last job that ended, however it did. */
	__u64 done;
	/**
	 * @error_job: Out: the job that the queue died of; 0: none, because it lives, or no job's
	 * waits were over, or it is user-owned.
	 */
	__u64 error_job;
	/** @error: Out: why it is dead, as for that job (DOC: How a job ends); 0: it lives. */
	__s32 error;
	/** @lost: Out: jobs that ended with -ENODATA, of which no queue dies. */
	__u32 lost;
	/** @fault: Out: that it died of, if the hardware made a record. */
	struct drm_tern_fault fault;
};

/**
 * struct drm_tern_queue_kick - Arguments of DRM_IOCTL_TERN_QUEUE_KICK.
 *
 * Rings the doorbell of a user-owned queue (else -EPERM). 0 also when the queue has to wait for
 * its turn: its ring is looked at then. -EIO: the queue is dead.
 */
struct drm_tern_queue_kick {
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @pad: Zero. */
	__u32 pad;
};

/** DRM_TERN_WAIT_EVENT - Return at once; a struct drm_tern_event tells when the wait is over. */
#define DRM_TERN_WAIT_EVENT (1u << 0)

/**
 * struct drm_tern_queue_wait - Arguments of DRM_IOCTL_TERN_QUEUE_WAIT.
 *
 * Waits until a 64-bit value in memory has reached @value: (__s64)(memory - value) >= 0. The
 * memory is looked at when a FENCE or a job of the queue raises the interrupt
 * (TERN_FENCE_IRQ, TERN_JOB_IRQ), and at the beginning: a value that changes without one may
 * go unseen until the timeout, when it is looked at once more. For a kernel-owned queue @bo_handle
 * and @offset are 0 and @value is a job's number.
 *
 * 0: reached. Of a kernel-owned queue that says that the job has ended, however it did: whether
 * well, QUEUE_STATE tells. The errors are those of a wait whose value is not reached:
 *
 * - -ETIMEDOUT: not by @timeout_ns
 * - -EIO: the queue died, and will not reach it; jobs it had been given still end, so a
 *   wait for one of them returns 0
 * - -ENODATA: since the wait began a reset cost the queue a job, maybe the one that would have
 *   written the value; those behind it still run, so for them call again
 * - -ECANCELED: the queue was destroyed
 * - -EINTR: the timeout is absolute, so call again
 *
 * -ENOSR: limit. -EINVAL: also a buffer that is user memory or imported, or that BO_SYNC would be
 * needed for.
 */
struct drm_tern_queue_wait {
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @flags: DRM_TERN_WAIT_*. */
	__u32 flags;
	/** @bo_handle: Buffer that holds the value. */
	__u32 bo_handle;
	/** @pad: Zero. */
	__u32 pad;
	/** @offset: Where in it, a multiple of 8. */
	__u64 offset;
	/** @value: To be reached. */
	__u64 value;
	/** @timeout_ns: CLOCK_MONOTONIC; in the past: look once; the largest: for ever. */
	__s64 timeout_ns;
	/** @user_data: Comes back in the event; 0 without WAIT_EVENT. */
	__u64 user_data;
};

/** DRM_TERN_EVENT_WAIT - Type of struct drm_tern_event. */
#define DRM_TERN_EVENT_WAIT 0x80000000u

/**
 * struct drm_tern_event - What read() of the file gives, and poll() announces, for WAIT_EVENT.
 */
struct drm_tern_event {
	/** @base: Type and length. */
	struct drm_event base;
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @error: 0, or as QUEUE_WAIT would have returned. */
	__s32 error;
	/** @user_data: Of the wait. */
	__u64 user_data;
	/** @value: In memory, last seen. */
	__u64 value;
};

/* ---- Jobs ------------------------------------------------------------------------------ */

/**
 * DRM_TERN_JOB_RESTARTABLE - May be run again from its start if it is interrupted and cannot be
 * saved, as by a reset: it overwrites nothing it reads. Without it, or the ninth time, such a job
 * ends with -ENODATA.
 */
#define DRM_TERN_JOB_RESTARTABLE (1u << 0)

/**
 * struct drm_tern_job - One run of a program: struct tern_job of <tern/hw.h>, and its syncs.
 *
 * Addresses are the VM's. They are not looked at here: one that is wrong faults.
 */
struct drm_tern_job {
	/** @image: Program image, 64-byte aligned (-EINVAL), bound with EXEC. */
	__u64 image;
	/** @args: Value of R0, by convention the address of the argument block. */
	__u64 args;
	/** @budget: Steps; 0: drm_tern_limits::budget_usual. More than budget_most: -EINVAL. */
	__u64 budget;
	/** @profile: struct tern_profile, 64-byte aligned (-EINVAL), bound with WRITE; or 0. */
	__u64 profile;
	/** @flags: DRM_TERN_JOB_*. */
	__u32 flags;
	/** @pad: Zero. */
	__u32 pad;
	/** @syncs: Of struct drm_tern_sync. */
	struct drm_tern_array syncs;
};

/**
 * struct drm_tern_submit - Arguments of DRM_IOCTL_TERN_SUBMIT.
 *
 * Puts jobs into a kernel-owned queue: all of them, or none. They run in order, each after its
 * waits; a job begins when the one before it has ended. Buffers the VM maps are kept
 * until then, and exported ones get the fence.
 *
 * -EPERM: a user-owned queue. -EIO: the queue is dead. -EAGAIN: limit.
 * -ENOTRECOVERABLE: the VM is unusable.
 */
struct drm_tern_submit {
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @flags: Zero. */
	__u32 flags;
	/** @jobs: Of struct drm_tern_job. */
	struct drm_tern_array jobs;
	/** @last_job: Out: number of the last of them in its queue. */
	__u64 last_job;
};

/* ---- Performance -------------------------------------------------------------------------- */

/**
 * enum drm_tern_perf_op - What DRM_IOCTL_TERN_PERF does.
 */
enum drm_tern_perf_op {
	/** @DRM_TERN_PERF_QUEUE: struct drm_tern_perf_counters of queue @id. */
	DRM_TERN_PERF_QUEUE = 0,
	/** @DRM_TERN_PERF_FILE: The same of all queues this file has, or had. */
	DRM_TERN_PERF_FILE,
	/** @DRM_TERN_PERF_DEVICE: Of all files, with energy; needs CAP_PERFMON (-EACCES). */
	DRM_TERN_PERF_DEVICE,
	/** @DRM_TERN_PERF_TRACE_START: Record events of this file's queues; -EBUSY: it does. */
	DRM_TERN_PERF_TRACE_START,
	/** @DRM_TERN_PERF_TRACE_READ: Array of struct drm_tern_perf_event; -ENODATA: none is on. */
	DRM_TERN_PERF_TRACE_READ,
	/** @DRM_TERN_PERF_TRACE_STOP: Stop, and forget what was not read; -ENODATA: none is on. */
	DRM_TERN_PERF_TRACE_STOP,
};

/**
 * struct drm_tern_perf_counters - Sums since the queue, file or module began.
 *
 * Jobs of user-owned queues pass the kernel by: of those only cycles and bound are known.
 */
struct drm_tern_perf_counters {
	/** @jobs: That ended well. */
	__u64 jobs;
	/** @errors: That ended otherwise. */
	__u64 errors;
	/** @cycles: They ran, in NPU cycles, as of the last one that left the device. */
	__u64 cycles;
	/** @busy: DEVICE: cycles each engine worked, per enum tern_queue; else 0. */
	__u64 busy[8];
	/** @energy_uj: DEVICE: microjoule since power-on; else 0. */
	__u64 energy_uj;
	/** @bound: Times a queue was given a slot. */
	__u64 bound;
};

/**
 * enum drm_tern_perf_kind - Events of a trace.
 */
enum drm_tern_perf_kind {
	/** @DRM_TERN_PERF_SUBMITTED: SUBMIT took the job. */
	DRM_TERN_PERF_SUBMITTED = 0,
	/** @DRM_TERN_PERF_READY: Its waits are over, it is in the ring. */
	DRM_TERN_PERF_READY,
	/** @DRM_TERN_PERF_ENDED: The interrupt was handled, fences signal. arg: error. */
	DRM_TERN_PERF_ENDED,
	/** @DRM_TERN_PERF_BOUND: The queue got a slot. arg: which. */
	DRM_TERN_PERF_BOUND,
	/** @DRM_TERN_PERF_UNBOUND: It lost it. */
	DRM_TERN_PERF_UNBOUND,
	/** @DRM_TERN_PERF_FW: The firmware did something. arg: enum tern_fw_trace. */
	DRM_TERN_PERF_FW,
};

/**
 * struct drm_tern_perf_event - One event of a trace.
 */
struct drm_tern_perf_event {
	/** @time_ns: CLOCK_MONOTONIC. */
	__u64 time_ns;
	/** @job: Its number in its queue; 0: of none. */
	__u64 job;
	/** @queue_id: Queue. */
	__u32 queue_id;
	/** @kind: enum drm_tern_perf_kind. */
	__u32 kind;
	/** @arg: As the kind says. */
	__u64 arg;
};

/**
 * struct drm_tern_perf - Arguments of DRM_IOCTL_TERN_PERF; since driver_minor 1.
 *
 * A trace keeps the oldest events, and those that find no room are lost and counted. Events of the
 * kernel are in the order of their times. Those of the firmware are found out later: they come
 * behind, and only the kinds DOORBELL to END, of slots while this file's queues have them. A call
 * that fails has taken none. Closing the file stops it.
 *
 * -EACCES, -EBUSY, -ENODATA: as enum drm_tern_perf_op says. -E2BIG: too many events, or a size or
 * stride that is bad. It may wait for a reset that is under way, and PERF_DEVICE wakes the device.
 */
struct drm_tern_perf {
	/** @op: enum drm_tern_perf_op. */
	__u32 op;
	/** @id: PERF_QUEUE: queue; else 0. */
	__u32 id;
	/**
	 * @size: In: bytes at @pointer; TRACE_START: events to keep, 1 to 65536 (-E2BIG). Out:
	 * bytes of the structure as the kernel knows it; TRACE_READ: bytes of events given.
	 */
	__u32 size;
	/** @stride: TRACE_READ: size of an event as the caller knows it, 32 or more; else 0. */
	__u32 stride;
	/**
	 * @pointer: Where to; 0 for TRACE_START and TRACE_STOP. Counters: as of
	 * drm_tern_dev_query.
	 */
	__u64 pointer;
	/** @lost: Out, TRACE_READ: events that found no room since the last read; else 0. */
	__u64 lost;
};

/* ---- Numbers --------------------------------------------------------------------------------- */

#define DRM_IOCTL_TERN(access, id, type) \
	DRM_##access(DRM_COMMAND_BASE + DRM_TERN_##id, struct drm_tern_##type)

#define DRM_IOCTL_TERN_DEV_QUERY       DRM_IOCTL_TERN(IOWR, DEV_QUERY, dev_query)
#define DRM_IOCTL_TERN_BO_CREATE       DRM_IOCTL_TERN(IOWR, BO_CREATE, bo_create)
#define DRM_IOCTL_TERN_BO_FROM_USERPTR DRM_IOCTL_TERN(IOWR, BO_FROM_USERPTR, bo_from_userptr)
#define DRM_IOCTL_TERN_BO_MMAP_OFFSET  DRM_IOCTL_TERN(IOWR, BO_MMAP_OFFSET, bo_mmap_offset)
#define DRM_IOCTL_TERN_BO_SYNC	       DRM_IOCTL_TERN(IOW, BO_SYNC, bo_sync)
#define DRM_IOCTL_TERN_BO_LABEL	       DRM_IOCTL_TERN(IOW, BO_LABEL, bo_label)
#define DRM_IOCTL_TERN_VM_CREATE       DRM_IOCTL_TERN(IOWR, VM_CREATE, vm_create)
#define DRM_IOCTL_TERN_VM_DESTROY      DRM_IOCTL_TERN(IOW, VM_DESTROY, vm_destroy)
#define DRM_IOCTL_TERN_VM_BIND	       DRM_IOCTL_TERN(IOWR, VM_BIND, vm_bind)
#define DRM_IOCTL_TERN_VM_STATE	       DRM_IOCTL_TERN(IOWR, VM_STATE, vm_state)
#define DRM_IOCTL_TERN_QUEUE_CREATE    DRM_IOCTL_TERN(IOWR, QUEUE_CREATE, queue_create)
#define DRM_IOCTL_TERN_QUEUE_DESTROY   DRM_IOCTL_TERN(IOW, QUEUE_DESTROY, queue_destroy)
#define DRM_IOCTL_TERN_QUEUE_STATE     DRM_IOCTL_TERN(IOWR, QUEUE_STATE, queue_state)
#define DRM_IOCTL_TERN_QUEUE_KICK      DRM_IOCTL_TERN(IOW, QUEUE_KICK, queue_kick)
#define DRM_IOCTL_TERN_QUEUE_WAIT      DRM_IOCTL_TERN(IOW, QUEUE_WAIT, queue_wait)
#define DRM_IOCTL_TERN_SUBMIT	       DRM_IOCTL_TERN(IOWR, SUBMIT, submit)
#define DRM_IOCTL_TERN_PERF	       DRM_IOCTL_TERN(IOWR, PERF, perf)

#if defined(__cplusplus)
}
#endif

#endif /* _TERN_ACCEL_H_ */
