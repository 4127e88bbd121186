// SPDX-License-Identifier: GPL-2.0
/* User-owned queues that wait for a turn. */
#include "mock.h"

#include "tern_user.c"

struct tern_doorbell *tern_doorbell_create(struct tern_runqueue *queue, struct drm_file *file,
					   u64 *offset)
{
	return NULL;
}
void tern_doorbell_revoke(struct tern_doorbell *doorbell)
{
}
void tern_doorbell_zap(struct tern_doorbell *doorbell)
{
}
struct tern_runqueue *tern_queue_lookup(struct tern_file *file, u32 id)
{
	return NULL;
}
int tern_check_ring_bo(const struct drm_tern_queue_create *args, __u64 bo_size)
{
	return 0;
}
int tern_bo_check_vm(const struct tern_bo *bo, struct tern_vm *vm)
{
	return 0;
}

/* Nobody is given a turn: that is up to whoever is inside of the device. */
static struct tern_runqueue *user_queue(void)
{
	mock->tdev.drm.unplugged = true;
	mock_queue(0)->flags = DRM_TERN_QUEUE_USER;
	return mock_queue(0);
}

static void fail(void)
{
	mutex_lock(&mock->tdev.slots.lock);
	tern_device_fail(&mock->tdev);
	mutex_unlock(&mock->tdev.slots.lock);
}

static void who_waits_when_it_fails_is_let_go_of(struct kunit *test)
{
	struct tern_runqueue *queue = user_queue();

	tern_user_want(queue);
	KUNIT_EXPECT_EQ(test, kref_read(&queue->kref), 2);
	fail();
	KUNIT_EXPECT_EQ(test, kref_read(&queue->kref), 1);
}

static void nobody_waits_once_it_has_failed(struct kunit *test)
{
	struct tern_runqueue *queue = user_queue();

	fail();
	tern_user_want(queue);
	KUNIT_EXPECT_EQ(test, kref_read(&queue->kref), 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(who_waits_when_it_fails_is_let_go_of),
	KUNIT_CASE(nobody_waits_once_it_has_failed),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_user",
	.init = mock_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
