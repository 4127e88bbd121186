// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Address spaces
 *
 * A VM is not an ASID: there are 63 numbers for any number of VMs, and a VM has one only while
 * queues of it hold slots, or until somebody else needs it. So page tables are written
 * without asking whether the device looks at them.
 *
 * Invalidation. Entries are cleared, then tern_space_invalidate() asks the device, by registers
 * and without the firmware, and returns when INV_DONE says that walks are finished and
 * writes under the old entries have drained. Only then pages, tables and numbers are given
 * back. A device that does not answer is reset, rung by rung, and at the top of the ladder it
 * is off the bus; so the answer is always yes, in bounded time.
 *
 * Barriers. dma_wmb() in tern_pt.c between entries and what follows; the writel() of
 * INV_REQUEST orders entries in coherent memory before the request.
 *
 * Left out on purpose: page faults that the kernel would repair, a shrinker, notifiers. What is
 * mapped is pinned.
 */
#include "tern_device.h"
#include "tern_trace.h"

/* An acknowledgement that has not come by then will not come: reset. */
#define INVALIDATE_TIMEOUT_MS 1000
/* Reads of INV_DONE before sleeping: most acknowledgements are there at the first. */
#define INVALIDATE_POLLS 3

/* ---- Invalidation ------------------------------------------------------------ */

/* Is request @a not after request @b? Numbers wrap. */
static bool not_after(u32 a, u32 b)
{
	return (s32)(b - a) >= 0;
}

/* Has the device acknowledged @seq? Asks it, unless an earlier answer says so. */
static bool acknowledged(struct tern_device *tdev, u32 seq)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	bool yes;

	spin_lock_irqsave(&mmu->lock, flags);
	if (!mmu->off && !not_after(seq, mmu->done)) {
		u32 done = tern_read(tdev, TERN_REG_INV_DONE);

		/* All ones, or a number nobody asked for: no answer. */
		if (not_after(mmu->done, done) && not_after(done, mmu->asked))
			mmu->done = done;
	}
	yes = mmu->off || not_after(seq, mmu->done);
	spin_unlock_irqrestore(&mmu->lock, flags);
	return yes;
}

static bool await(struct tern_device *tdev, u32 seq)
{
	int i;

	for (i = 0; i < INVALIDATE_POLLS; i++)
		if (acknowledged(tdev, seq))
			return true;
	return wait_event_timeout(tdev->mmu.wait, acknowledged(tdev, seq),
				  msecs_to_jiffies(INVALIDATE_TIMEOUT_MS)) > 0;
}

static int climb_until_acknowledged(struct tern_device *tdev, u32 seq)
{
	enum tern_rung rung;

	for (rung = TERN_RUNG_ENGINES; rung <= TERN_RUNG_OFF; rung++) {
		if (acknowledged(tdev, seq))
			break;
		tern_reset_locked(tdev, rung, "an invalidation was not acknowledged");
	}
	return tdev->ready ? 0 : -ENODEV; /* off the bus it reaches nothing, and is of no use */
}

/*
 * Waits for the device; up the ladder until it answers or is off the bus. If somebody else has
 * taken it from memory since @stops, whether it comes back is known to who has the lock.
 */
static int await_or_reset(struct tern_device *tdev, u32 seq, unsigned int stops, bool locked)
{
	int ret;

	if (await(tdev, seq) && READ_ONCE(tdev->mmu.stops) == stops)
		return 0;
	if (locked)
		return climb_until_acknowledged(tdev, seq);
	mutex_lock(&tdev->slots.lock);
	ret = climb_until_acknowledged(tdev, seq);
	mutex_unlock(&tdev->slots.lock);
	return ret;
}

/* With the lock held. True: asked, wait for *@seq. */
static bool try_ask(struct tern_device *tdev, unsigned int asid, u64 first, u64 last, u32 *seq)
{
	struct tern_mmu *mmu = &tdev->mmu;

	if (mmu->asked - mmu->done >= mmu->space_for)
		return false;
	tern_write64(tdev, TERN_REG_INV_START, first);
	tern_write64(tdev, TERN_REG_INV_END, last);
	tern_write(tdev, TERN_REG_INV_ASID, asid);
	*seq = ++mmu->asked;
	trace_tern_invalidate(tdev, asid, first, last, *seq);
	tern_write(tdev, TERN_REG_INV_REQUEST, *seq);
	return true;
}

static int invalidate(struct tern_device *tdev, struct tern_space *space, u64 va, u64 size,
		      bool locked)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	unsigned int stops;
	bool asked = false;
	u32 seq = 0;
	int ret;

	do {
		spin_lock_irqsave(&mmu->lock, flags);
		/* Without a number it has no translations that could be stale. */
		if (mmu->off || (!space->asid && space != &tdev->kernel.space)) {
			spin_unlock_irqrestore(&mmu->lock, flags);
			return 0;
		}
		asked = try_ask(tdev, space->asid, va, va + size - 1, &seq);
		if (!asked)
			seq = mmu->done + 1;
		stops = mmu->stops;
		spin_unlock_irqrestore(&mmu->lock, flags);
		ret = await_or_reset(tdev, seq, stops, locked);
		if (asked)
			trace_tern_invalidated(tdev, seq, ret);
	} while (!asked && !ret);
	return ret;
}

/**
 * tern_space_invalidate() - Make the device forget a range, and wait until it has
 * @tdev: Device; struct tern_slots.lock is not held
 * @space: Address space, whose entries have been written
 * @va: First address
 * @size: Bytes
 *
 * Return: 0, or -ENODEV if the device had to be taken off the bus for it; pages and tables may be
 * released in either case
 */
int tern_space_invalidate(struct tern_device *tdev, struct tern_space *space, u64 va, u64 size)
{
	return invalidate(tdev, space, va, size, false);
}

/* ---- Numbers ------------------------------------------------------------------ */

static void write_root(struct tern_device *tdev, unsigned int asid, struct tern_space *space)
{
	u64 root = space ? space->root->dma | TERN_PTE_VALID : 0;

	tern_write64(tdev, TERN_REG_ASID_ROOT + asid * TERN_ASID_STRIDE, root);
}

/* A free number, or that of the space without users that was not used for longest. */
static unsigned int choose_asid(struct tern_mmu *mmu)
{
	unsigned int asid, best = 0;

	for (asid = 1; asid < TERN_NASIDS; asid++) {
		struct tern_space *space = mmu->space[asid];

		if (!space)
			return asid;
		if (!space->users && (!best || space->last_used < mmu->space[best]->last_used))
			best = asid;
	}
	return best;
}

/**
 * tern_asid_drop() - Take an address space's number away
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space that no slot uses
 *
 * Return: 0 or -ENODEV; it has no number in either case
 */
int tern_asid_drop(struct tern_device *tdev, struct tern_space *space)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned int asid = space->asid;
	unsigned long flags;
	int ret;

	if (!asid)
		return 0;
	spin_lock_irqsave(&mmu->lock, flags);
	if (!mmu->off)
		write_root(tdev, asid, NULL);
	spin_unlock_irqrestore(&mmu->lock, flags);
	ret = invalidate(tdev, space, 0, 0, true); /* everything */

	spin_lock_irqsave(&mmu->lock, flags);
	if (mmu->off)
		__set_bit(asid, mmu->stale);
	mmu->space[asid] = NULL;
	space->asid = 0;
	spin_unlock_irqrestore(&mmu->lock, flags);
	return ret;
}

/**
 * tern_asid_get() - Give an address space a number for one slot more
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space
 *
 * Return: the number, or a negative errno
 */
int tern_asid_get(struct tern_device *tdev, struct tern_space *space)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	unsigned int asid;
	int ret;

	lockdep_assert_held(&tdev->slots.lock);
	if (!space->asid) {
		asid = choose_asid(mmu);
		/* Not more slots than numbers (share_slots()): somebody has no users. */
		if (!asid)
			return -ENOSPC;
		if (mmu->space[asid]) {
			ret = tern_asid_drop(tdev, mmu->space[asid]);
			if (ret)
				return ret;
		}
		spin_lock_irqsave(&mmu->lock, flags);
		mmu->space[asid] = space;
		space->asid = asid;
		write_root(tdev, asid, space);
		spin_unlock_irqrestore(&mmu->lock, flags);
	}
	space->users++;
	space->last_used = ++mmu->clock;
	return space->asid;
}

/**
 * tern_asid_put() - One slot less uses an address space
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space
 */
void tern_asid_put(struct tern_device *tdev, struct tern_space *space)
{
	lockdep_assert_held(&tdev->slots.lock);
	space->users--;
}

/* ---- Life ------------------------------------------------------------------- */

/**
 * tern_mmu_start() - The device was reset and may reach memory: tell it what there is
 * @tdev: Device
 *
 * Roots and invalidations are lost with a full reset, and so are translations: what was asked
 * before has been answered by it, whatever INV_DONE says now. After a sleep roots may have
 * changed.
 */
void tern_mmu_start(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	unsigned int asid;

	spin_lock_irqsave(&mmu->lock, flags);
	mmu->done = mmu->asked;
	mmu->space_for = max(tern_read(tdev, TERN_REG_INV_SPACE), 1U);
	mmu->off = false;
	for (asid = 0; asid < TERN_NASIDS; asid++)
		write_root(tdev, asid, mmu->space[asid]);
	spin_unlock_irqrestore(&mmu->lock, flags);
	wake_up_all(&mmu->wait);
}

/**
 * tern_mmu_forget_all() - Back from a sleep, in which entries and spaces went without invalidations
 * @tdev: Device; struct tern_slots.lock is held
 *
 * Return: 0 or -ENODEV
 */
int tern_mmu_forget_all(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned int asid;
	int ret = 0;

	for (asid = 0; asid < TERN_NASIDS && !ret; asid++) {
		struct tern_space gone = {.asid = asid}, *space = mmu->space[asid];

		if (space || test_bit(asid, mmu->stale))
			ret = invalidate(tdev, space ?: &gone, 0, 0, true);
	}
	if (!ret)
		bitmap_zero(mmu->stale, TERN_NASIDS);
	return ret;
}

/**
 * tern_mmu_stop() - The device cannot reach memory: whoever waits for it need not
 * @tdev: Device, with DMA disabled, or reset, or gone
 */
void tern_mmu_stop(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;

	spin_lock_irqsave(&mmu->lock, flags);
	mmu->off = true;
	mmu->stops++;
	spin_unlock_irqrestore(&mmu->lock, flags);
	wake_up_all(&mmu->wait);
}

/**
 * tern_mmu_init() - Before anything else of this file
 * @tdev: Device
 *
 * Return: 0
 */
int tern_mmu_init(struct tern_device *tdev)
{
	spin_lock_init(&tdev->mmu.lock);
	init_waitqueue_head(&tdev->mmu.wait);
	tdev->mmu.off = true;
	return 0;
}
