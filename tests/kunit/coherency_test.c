// SPDX-License-Identifier: GPL-2.0
/* BO_SYNC: which lines the DMA layer is told of, and how long at a stretch. */
#include <linux/dma-mapping.h>
#include <linux/sched/signal.h>

#include "mock.h"

/* Behind an IOMMU the DMA layer finds one page by an address, and takes what follows for its own. */
static struct {
	u64 begin, bytes;
	unsigned int to_device, from_device;
	bool strays;			/* beyond the page, or not where the last one ended */
	unsigned int pauses, killed_at; /* in that pause; 0: never */
} synced;

static void note(dma_addr_t dma, size_t size)
{
	synced.strays |= offset_in_page(dma) + size > PAGE_SIZE;
	synced.strays |= dma != synced.begin + synced.bytes;
	synced.bytes += size;
}

static void to_device(struct device *dev, dma_addr_t dma, size_t size)
{
	note(dma, size);
	synced.to_device++;
}

static void from_device(struct device *dev, dma_addr_t dma, size_t size)
{
	note(dma, size);
	synced.from_device++;
}

#define dma_sync_single_for_device(dev, dma, size, dir) to_device(dev, dma, size)
#define dma_sync_single_for_cpu(dev, dma, size, dir)	from_device(dev, dma, size)

#undef cond_resched
#define cond_resched()		  (synced.pauses++)
#define fatal_signal_pending(who) (synced.killed_at == synced.pauses)

#include "tern_coherency.c"

int tern_check_bo_sync(const struct drm_tern_bo_sync *args, __u64 bo_size)
{
	return 0;
}
static void sync(struct kunit *test, u64 dma, u64 size, u32 flags)
{
	struct tern_bo *bo = kunit_kzalloc(test, sizeof(*bo), GFP_KERNEL);
	struct sync_context context = {.bo = bo, .flags = flags};

	KUNIT_ASSERT_NOT_NULL(test, bo);
	bo->base.base.dev = &mock->tdev.drm;
	memset(&synced, 0, sizeof(synced));
	synced.begin = dma;
	sync_run(&context, 0, dma, size);
	KUNIT_EXPECT_FALSE(test, synced.strays);
	KUNIT_EXPECT_EQ(test, synced.bytes, size);
}

static void each_page_by_itself(struct kunit *test)
{
	sync(test, 16 * PAGE_SIZE, 3 * PAGE_SIZE, DRM_TERN_SYNC_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, synced.to_device, 3);
	KUNIT_EXPECT_EQ(test, synced.from_device, 0);
}

static void parts_of_pages_at_both_ends(struct kunit *test)
{
	sync(test, 17 * PAGE_SIZE - 64, PAGE_SIZE + 128, DRM_TERN_SYNC_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, synced.from_device, 3);
}

static void less_than_a_page(struct kunit *test)
{
	sync(test, 16 * PAGE_SIZE + 128, 64, DRM_TERN_SYNC_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, synced.to_device, 1);
}

#define STRETCHES(n) ((n)*1024 * PAGE_SIZE)

/* In two runs, neither of which ends with a stretch. */
static int sync_much(struct kunit *test, unsigned int killed_at)
{
	struct tern_bo *bo = kunit_kzalloc(test, sizeof(*bo), GFP_KERNEL);
	struct sync_context context = {.bo = bo, .flags = DRM_TERN_SYNC_TO_DEVICE};
	u64 first = STRETCHES(2) - PAGE_SIZE;

	KUNIT_ASSERT_NOT_NULL(test, bo);
	bo->base.base.dev = &mock->tdev.drm;
	memset(&synced, 0, sizeof(synced));
	synced.killed_at = killed_at;
	sync_run(&context, 0, 0, first);
	sync_run(&context, first, first, STRETCHES(2) + PAGE_SIZE);
	return context.ret;
}

static void others_run_meanwhile(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sync_much(test, 0), 0);
	KUNIT_EXPECT_EQ(test, synced.bytes, STRETCHES(4));
	KUNIT_EXPECT_EQ(test, synced.pauses, 4);
}

static void who_is_killed_stops(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sync_much(test, 2), -EINTR);
	KUNIT_EXPECT_EQ(test, synced.bytes, STRETCHES(2));
	KUNIT_EXPECT_EQ(test, sync_much(test, 1), -EINTR);
	KUNIT_EXPECT_EQ(test, synced.bytes, STRETCHES(1));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_page_by_itself), KUNIT_CASE(parts_of_pages_at_both_ends),
	KUNIT_CASE(less_than_a_page),	 KUNIT_CASE(others_run_meanwhile),
	KUNIT_CASE(who_is_killed_stops), {},
};

static struct kunit_suite suite = {
	.name = "tern_coherency",
	.init = mock_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
