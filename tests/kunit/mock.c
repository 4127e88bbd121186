// SPDX-License-Identifier: GPL-2.0
#include "mock.h"

#include <linux/module.h>
#include <linux/slab.h>

#include "tern_dump.h"
#include "tern_fw.h"
#include "tern_gem.h"

struct mock *mock;

static struct mock_queue *of(struct tern_runqueue *queue)
{
	return container_of(queue, struct mock_queue, base);
}

/* ---- Registers ------------------------------------------------------------- */

static u32 *at(const volatile void __iomem *address)
{
	size_t offset = (__force const volatile u8 *)address - (const volatile u8 *)mock->regs;

	BUG_ON(offset >= sizeof(mock->regs) || offset % 4);
	return &mock->regs[offset / 4];
}

u32 mock_read(const volatile void __iomem *address)
{
	return *at(address);
}

static u32 *reg(u32 offset)
{
	return &mock->regs[offset / 4];
}

static u32 *state(unsigned int slot)
{
	return reg(tern_slot_reg(slot, TERN_SLOT_REG_STATE));
}

static bool in_engines(unsigned int slot)
{
	return *state(slot) == TERN_SLOT_RUNNING || *state(slot) == TERN_SLOT_SAVING;
}

static bool engines_idle(void)
{
	unsigned int slot;

	for (slot = 0; slot < TERN_NSLOTS; slot++)
		if (in_engines(slot))
			return false;
	return true;
}

/* As soon as nobody is in the engines the next is. */
static void schedule_next(void)
{
	unsigned int slot = mock->next;

	if (!slot || !engines_idle() || !(mock_control(slot) & TERN_SLOT_VALID))
		return;
	*state(slot) = TERN_SLOT_RUNNING;
}

static void control(unsigned int slot, u32 value)
{
	if (value & TERN_SLOT_VALID)
		*state(slot) = value & TERN_SLOT_RESTORE ? TERN_SLOT_SAVED : TERN_SLOT_IDLE;
	else if (in_engines(slot) && !mock->sticks) {
		*state(slot) = TERN_SLOT_IDLE;
		++*reg(tern_slot_reg(slot, TERN_SLOT_REG_CYCLES));
	}
	if (!value && mock->leaves) {
		*state(mock->leaves - 1) = TERN_SLOT_IDLE;
		mock->leaves = 0;
	}
	schedule_next();
}

static void reset(u32 value)
{
	unsigned int slot;

	mock->resets[value]++;
	mock->reset_on_bus |= value == TERN_RESET_ALL && mock->master;
	if (mock->deaf & BIT(value))
		return;
	*reg(TERN_REG_RESET) = 0;
	if (value == TERN_RESET_ALL)
		*reg(TERN_REG_DMA_IDLE) = 1;
	for (slot = 0; slot < TERN_NSLOTS; slot++) {
		if (value == TERN_RESET_ALL)
			*reg(tern_slot_reg(slot, TERN_SLOT_REG_CONTROL)) = 0;
		if (value == TERN_RESET_ALL || (value == TERN_RESET_ENGINES && in_engines(slot)))
			*state(slot) = TERN_SLOT_IDLE;
	}
	if (value != TERN_RESET_MCU)
		mock->sticks = false;
}

void mock_write(u32 value, volatile void __iomem *address)
{
	u32 offset = (at(address) - mock->regs) * 4, slot = offset - TERN_REG_SLOT;

	*at(address) = value;
	if (offset == TERN_REG_RESET)
		reset(value);
	else if (offset >= TERN_REG_SLOT && slot < TERN_NSLOTS * TERN_SLOT_STRIDE &&
		 slot % TERN_SLOT_STRIDE == TERN_SLOT_REG_CONTROL)
		control(slot / TERN_SLOT_STRIDE, value);
}

u64 tern_read64(struct tern_device *tdev, u32 offset)
{
	return *reg(offset) | (u64)*reg(offset + 4) << 32;
}

int tern_poll(struct tern_device *tdev, u32 offset, u32 mask, u32 value, unsigned int timeout_us)
{
	return (*reg(offset) & mask) == value ? 0 : -ETIMEDOUT;
}

bool tern_device_gone(struct tern_device *tdev)
{
	return false;
}

/* ---- Firmware ---------------------------------------------------------------- */

static int power(enum tern_fw_request type, struct tern_message *reply)
{
	bool suspend = type == TERN_FW_SUSPEND;

	mock->suspends += suspend;
	mock->resumes += !suspend;
	reply->status = suspend && mock->busy ? TERN_FW_STATUS_BUSY : TERN_FW_STATUS_OK;
	if (suspend && mock->writes_meanwhile)
		mock->writes_meanwhile->work = true;
	return suspend ? mock->answer : mock->resume_answer;
}

int tern_ipc_ask(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0, u64 arg1,
		 struct tern_message *reply)
{
	if (type == TERN_FW_SUSPEND || type == TERN_FW_RESUME)
		return power(type, reply);
	if (type != TERN_FW_SLOT_STOP)
		return -EINVAL;
	mock->stopped[slot]++;
	mock->aborted[slot] += arg0 == TERN_FW_STOP_ABORT;
	if (!mock->answer && *state(slot) == TERN_SLOT_RUNNING)
		*state(slot) = mock->stopped_state;
	return mock->answer;
}

int tern_ipc_send(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0, u64 arg1)
{
	if (type == TERN_FW_SLOT_START) {
		mock->started[slot]++;
		mock->started_as[slot] = ++mock->starts;
	}
	if (mock->breaks)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware broke the protocol");
	return 0;
}

int tern_fw_boot(struct tern_device *tdev)
{
	mock->boots_seen++;
	mock_set64(TERN_FW_REG_CLOCK, tern_read64(tdev, TERN_FW_REG_CLOCK) + mock->boot_takes);
	return mock->boots ? 0 : -EIO;
}

/* ---- Queues -------------------------------------------------------------------- */

struct tern_runqueue *tern_queue_get(struct tern_runqueue *queue)
{
	kref_get(&queue->kref);
	return queue;
}

static void last_put(struct kref *kref)
{
	WARN(1, "a queue was put once too often");
}

void tern_queue_put(struct tern_runqueue *queue)
{
	kref_put(&queue->kref, last_put);
}

bool tern_queue_has_work(struct tern_runqueue *queue)
{
	return of(queue)->work && !queue->dead;
}

void tern_queue_die(struct tern_runqueue *queue, int error, const struct drm_tern_fault *fault)
{
	mock->died_in_engines |= mock->master && queue->slot >= 0 && in_engines(queue->slot);
	if (!queue->dead)
		of(queue)->died = error;
	if (!queue->dead && fault)
		queue->fault = *fault;
	queue->dead = true;
}

bool tern_queue_has_begun(struct tern_runqueue *queue)
{
	return true;
}

void tern_queue_skip_lost(struct tern_runqueue *queue)
{
	of(queue)->skipped++;
}

void tern_asid_put(struct tern_device *tdev, struct tern_space *space)
{
	mock->released_too_early |= mock->master && !tdev->ready;
}

int tern_asid_get(struct tern_device *tdev, struct tern_space *space)
{
	return space->asid;
}

static void master(struct tern_device *tdev, bool on)
{
	mock->master = on;
}

static int halt(struct tern_device *tdev)
{
	mock->halted++;
	if (!mock->halts)
		*reg(TERN_REG_DMA_IDLE) = 1;
	return mock->halts;
}

static const struct tern_door door = {.name = "mock", .master = master, .halt = halt};

/* Pages go back then. */
void tern_mmu_stop(struct tern_device *tdev)
{
	mock->released_too_early |= !*reg(TERN_REG_DMA_IDLE) && !tdev->loose;
	mock->stops++;
}

/* ---- What nothing follows from ------------------------------------------------- */

void tern_queue_collect(struct tern_runqueue *queue)
{
}
void tern_save_clear(struct tern_bo *bo)
{
}
void tern_ipc_pardon(struct tern_device *tdev)
{
	mock->pardons++;
}

void tern_ipc_close(struct tern_device *tdev)
{
}
void tern_fw_tell_crash(struct tern_device *tdev)
{
}
void tern_irq_look(struct tern_device *tdev)
{
}
void tern_irq_start(struct tern_device *tdev)
{
}
void tern_irq_stop(struct tern_device *tdev)
{
}
void tern_mmu_start(struct tern_device *tdev)
{
}
int tern_mmu_forget_all(struct tern_device *tdev)
{
	return 0;
}
void tern_perf_drain(struct tern_device *tdev)
{
}
void tern_perf_changes_hands(struct tern_device *tdev, unsigned int slot)
{
}
void tern_perf_note_busy(struct tern_device *tdev)
{
}
void tern_perf_bound(struct tern_runqueue *queue, unsigned int slot)
{
}
void tern_perf_ran(struct tern_runqueue *queue, u64 cycles)
{
}
void tern_perf_event(struct tern_runqueue *queue, enum drm_tern_perf_kind kind, u64 job, u64 arg)
{
}
void tern_dump_fault(struct tern_runqueue *queue, const struct drm_tern_fault *fault)
{
}
void tern_dump_reset(struct tern_device *tdev, const char *why)
{
}

/* ---- For tests ------------------------------------------------------------------ */

struct tern_runqueue *mock_queue(unsigned int i)
{
	return &mock->queue[i].base;
}

/* Queue I has got SLOT so long ago, has run there and has work. */
void mock_hold(unsigned int i, unsigned int slot, long ms_ago)
{
	struct tern_slots *slots = &mock->tdev.slots;

	mock->queue[i].work = true;
	mutex_lock(&slots->lock);
	WARN_ON(tern_slot_bind_locked(mock_queue(i), slot));
	mutex_unlock(&slots->lock);
	mock_queue(i)->turn.at = jiffies - ms_ago * HZ / 1000;
	mock_queue(i)->ran = true;
	mock->started[slot] = 0;
}

void mock_state(unsigned int slot, enum tern_slot_state value)
{
	*state(slot) = value;
}

void mock_set64(u32 offset, u64 value)
{
	*reg(offset) = (u32)value;
	*reg(offset + 4) = value >> 32;
}

u32 mock_control(unsigned int slot)
{
	return *reg(tern_slot_reg(slot, TERN_SLOT_REG_CONTROL));
}

static void queue_init(struct mock_queue *queue, unsigned int i)
{
	struct tern_runqueue *base = &queue->base;

	kref_init(&base->kref);
	base->tdev = &mock->tdev;
	base->vm = &queue->vm;
	base->vm->space.asid = i + 1;
	base->memory.cpu = &queue->memory;
	base->priority = DRM_TERN_PRIORITY_NORMAL;
	base->slot = -1;
	spin_lock_init(&base->lock);
	INIT_LIST_HEAD(&base->wait_node);
	init_waitqueue_head(&base->wait);
	list_add_tail(&base->node, &mock->tdev.objects.queues);
}

int mock_init(struct kunit *test)
{
	struct tern_device *tdev;
	unsigned int i;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return -ENOMEM;
	mock->boots = mock->master = true;
	mock->stopped_state = TERN_SLOT_SAVED;
	tdev = &mock->tdev;
	tdev->door = &door;
	tdev->regs = (void __iomem *)mock->regs;
	tdev->ready = true;
	tdev->timestamp_khz = 1000;
	*reg(TERN_REG_DMA_IDLE) = 1;
	tdev->wq = alloc_ordered_workqueue("tern-kunit", 0);
	if (!tdev->wq)
		return -ENOMEM;
	INIT_LIST_HEAD(&tdev->objects.queues);
	tdev->cleanup_wq = tdev->wq;
	tern_user_init(tdev);
	tern_slots_init(tdev);
	tern_reset_init(tdev);
	tern_watchdog_init(tdev);
	tdev->slots.count = MOCK_SLOTS;
	tdev->slots.user_first = MOCK_SLOTS - 1;
	tdev->fw.param[TERN_FW_PARAM_STARVATION_US] = 1000000;
	for (i = 0; i < MOCK_QUEUES; i++)
		queue_init(&mock->queue[i], i);
	return 0;
}

/* A look at slots may ask for a reset, each rung for the next, and every reset for a look. */
void mock_settle(void)
{
	unsigned int i;

	for (i = 0; i < 2 * (TERN_RUNG_OFF + 1); i++)
		flush_workqueue(mock->tdev.wq);
}

/* Nobody may know the queues any more: a reference too many is a leak. */
void mock_exit(struct kunit *test)
{
	struct tern_device *tdev = &mock->tdev;
	unsigned int i;

	mutex_lock(&tdev->slots.lock);
	tern_device_fail(tdev);
	mutex_unlock(&tdev->slots.lock);
	mock_settle();
	tern_user_stop(tdev);
	cancel_delayed_work_sync(&tdev->slots.turn);
	cancel_delayed_work_sync(&tdev->watchdog.work);
	destroy_workqueue(tdev->wq);
	for (i = 0; i < MOCK_QUEUES; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&mock_queue(i)->kref), 1);
	KUNIT_EXPECT_FALSE(test, mock->released_too_early);
	KUNIT_EXPECT_FALSE(test, mock->died_in_engines);
	kfree(mock);
}

MODULE_DESCRIPTION("Tests of tern's slots, watchdog, recovery and power without a device");
MODULE_LICENSE("GPL");
