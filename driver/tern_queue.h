/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_QUEUE_H
#define TERN_QUEUE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>
#include <drm/tern_accel.h>

#include <tern/hw.h>

#include "tern_mmu.h"
#include "tern_perf.h"
#include "tern_watchdog.h"

struct drm_file;
struct tern_account;
struct tern_bo;
struct tern_device;
struct tern_doorbell;
struct tern_file;
struct tern_task;
struct tern_vm;

/* Jobs a kernel-owned ring holds; those beyond wait in the scheduler. */
#define TERN_RING_COUNT 256

/**
 * struct tern_kernel_ring - What the device reads and writes of a kernel-owned queue
 */
struct tern_kernel_ring {
	/** @ring: Indices */
	struct tern_ring ring;
	/** @job: Entries */
	struct tern_job job[TERN_RING_COUNT];
};

/**
 * struct tern_queue_memory - Coherent memory of a queue
 */
struct tern_queue_memory {
	/** @fault: Record the device writes */
	struct tern_fault fault;
	/** @reserved: The ring begins at a line of its own */
	u8 reserved[24];
	/** @kernel: Ring; not there in a user-owned queue */
	struct tern_kernel_ring kernel;
};

static_assert(offsetof(struct tern_queue_memory, kernel) % 64 == 0);

/**
 * struct tern_runqueue - Jobs of one address space that run in order
 */
struct tern_runqueue {
	/** @kref: Held by the file's table, each task, each slot, each waiter */
	struct kref kref;
	/** @tdev: Device */
	struct tern_device *tdev;
	/** @vm: Address space; a reference */
	struct tern_vm *vm;
	/** @account: Its file's; a reference */
	struct tern_account *account;
	/** @sums: What it has done */
	struct tern_sums sums;
	/** @node: In struct tern_device.objects.queues */
	struct list_head node;
	/** @id: Number in its file */
	u32 id;
	/** @flags: DRM_TERN_QUEUE_* */
	u32 flags;
	/** @priority: enum drm_tern_priority, which is the slot's too */
	u32 priority;
	/** @release: Runs where waiting is allowed, once nobody has a reference */
	struct work_struct release;
	/** @rcu: The interrupt handler may still look at it */
	struct rcu_head rcu;

	/** @submit_lock: Orders numbers of jobs and pushes into the scheduler */
	struct mutex submit_lock;
	/** @sched: Scheduler of this queue alone, as the firmware schedules between queues */
	struct drm_gpu_scheduler sched;
	/** @entity: Its only entity */
	struct drm_sched_entity entity;
	/** @fence_context: Of its fences */
	u64 fence_context;

	/** @memory: Ring and fault record */
	struct tern_kmem memory;
	/** @save: Where a preempted context goes: never mapped by any VM */
	struct tern_bo *save;
	/** @save_node: Where the device finds it */
	struct drm_mm_node save_node;

	/**
	 * @doorbell: User-owned: what the process rings; NULL once it is destroyed. Protected by
	 * struct tern_user.lock
	 */
	struct tern_doorbell *doorbell;
	/** @rung: It was rung for, and has had no slot since. Protected by the same */
	bool rung;
	/** @ring_bo: User-owned: buffer with the ring; a reference, pinned */
	struct tern_bo *ring_bo;
	/** @ring_offset: Where in it */
	u64 ring_offset;
	/** @ring_va: Where the device finds it */
	u64 ring_va;

	/** @lock: Protects what follows; in interrupts */
	spinlock_t lock;
	/** @pending: Tasks in the ring, oldest first */
	struct list_head pending;
	/** @slot: Slot it holds, or -1. Written with struct tern_slots.lock, too */
	int slot;
	/** @write: Entries written into the ring */
	u64 write;
	/** @collected: Entries known to be done */
	u64 collected;
	/** @submitted: Number of the last job */
	u64 submitted;
	/** @ended: Number of the last job that ended */
	u64 ended;
	/** @reached: The same for those who wait: stands still once the queue is destroyed */
	u64 reached;
	/** @error_job: The job it died of, or 0 */
	u64 error_job;
	/** @error: Why it is dead, or 0 */
	int error;
	/** @lost: Jobs that a reset cost */
	u32 lost;
	/** @dead: It takes no more jobs */
	bool dead;
	/** @destroyed: Its file has let go of it */
	bool destroyed;
	/** @fault: That it died of; code 0 if it was none */
	struct drm_tern_fault fault;
	/** @wait: Woken whenever one of the above changes */
	wait_queue_head_t wait;

	/** @wait_node: In struct tern_slots.waiting, or tern_user.waiting, while it wants a slot */
	struct list_head wait_node;
	/** @ticket: Lower than those of who came later; 0: it wants none. With wait_lock */
	u64 ticket;
	/** @waits_since: When it got that, in jiffies */
	unsigned long waits_since;
	/** @turn: When it got its slot, was found to run there, or a reset was over */
	struct tern_since turn;
	/** @tenure: Whose is lowest begins first after a reset, as a rule who got its slot first */
	u64 tenure;
	/** @ran: It has been in the engines since, or never will be. With struct tern_slots.lock */
	bool ran;
	/** @waited_long: When it got its slot its priority did not count any more */
	bool waited_long;
	/** @restore: Its save area holds a context that goes on */
	bool restore;
	/** @interrupted: A reset found it running */
	bool interrupted;
	/** @shut: Its slot is not VALID: with the two above, how it goes on when it is again */
	bool shut;
	/** @unanswering: It was asked to leave the engines, and only a reset helped */
	bool unanswering;
	/** @leaving: Its slot is being taken away */
	bool leaving;

	/** @counted: Cycles of the slot it has that @account knows. With struct tern_slots.lock */
	u64 counted;
	/** @patience: For how long it has stood still */
	struct tern_patience patience;
};

static inline bool tern_queue_is_user(const struct tern_runqueue *queue)
{
	return queue->flags & DRM_TERN_QUEUE_USER;
}

static inline struct tern_queue_memory *tern_queue_memory(struct tern_runqueue *queue)
{
	return queue->memory.cpu;
}

static inline struct tern_ring *tern_queue_ring(struct tern_runqueue *queue)
{
	return &tern_queue_memory(queue)->kernel.ring;
}

struct tern_runqueue *tern_queue_get(struct tern_runqueue *queue);
void tern_queue_put(struct tern_runqueue *queue);
struct tern_runqueue *tern_queue_lookup(struct tern_file *file, u32 id);
void tern_queue_destroy(struct tern_runqueue *queue);

void tern_queue_push(struct tern_runqueue *queue, struct tern_task *task);
void tern_queue_collect(struct tern_runqueue *queue);
void tern_queue_die(struct tern_runqueue *queue, int error, const struct drm_tern_fault *fault);
bool tern_queue_has_begun(struct tern_runqueue *queue);
void tern_queue_skip_lost(struct tern_runqueue *queue);
void tern_queues_detach(struct tern_device *tdev);
bool tern_queue_has_work(struct tern_runqueue *queue);

int tern_ioctl_queue_create(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_queue_destroy(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_queue_state(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_QUEUE_H */
