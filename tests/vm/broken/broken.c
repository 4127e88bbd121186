// SPDX-License-Identifier: GPL-2.0
/*
 * Does on purpose what the debugging kernel has to find: a lane that says nothing about this
 * module says nothing about any other. Each bug is written to the parameter "bug".
 */
#include <linux/dma-fence.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

/* Two locks in one order, then in the other: no deadlock yet, but one day. */
static void lock_in_both_orders(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

/*
 * Many, because the allocator's own arrays of objects (sheaves) keep old pointers to the last few
 * it has handed out, and kmemleak takes these for references.
 */
static void leak(void)
{
	void *object;
	int i;

	for (i = 0; i < 512; i++) {
		object = kmalloc(192, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(object);
	}
}

static void use_after_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	kfree(object);
	OPTIMIZER_HIDE_VAR(object);
	pr_info("broken: reads %d\n", READ_ONCE(object[8]));
}

static void out_of_bounds(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(object[64], 1);
	kfree(object);
}

static void out_of_bounds_vmalloc(void)
{
	char *object = vmalloc(64);

	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(object[64], 1);
	vfree(object);
}

/*
 * Memory that the allocator may have to wait for, on the way to the end of a fence that it may wait
 * for itself. Only the kernel teaches lockdep the latter, at boot (dma_resv_lockdep()): if it did
 * not, dma_fence_begin_signalling() in a driver would be of no use either.
 */
static void alloc_while_signalling(void)
{
	bool cookie = dma_fence_begin_signalling();
	void *object = kmalloc(64, GFP_KERNEL);

	dma_fence_end_signalling(cookie);
	kfree(object);
}

static const struct {
	const char *name;
	void (*commit)(void);
} bugs[] = {
	{"lock-order", lock_in_both_orders},
	{"leak", leak},
	{"use-after-free", use_after_free},
	{"out-of-bounds", out_of_bounds},
	{"out-of-bounds-vmalloc", out_of_bounds_vmalloc},
	{"alloc-while-signalling", alloc_while_signalling},
};

static int set_bug(const char *value, const struct kernel_param *param)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (sysfs_streq(value, bugs[i].name)) {
			bugs[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops bug_ops = {.set = set_bug};

module_param_cb(bug, &bug_ops, NULL, 0200);
MODULE_PARM_DESC(bug, "lock-order, leak, use-after-free, out-of-bounds, out-of-bounds-vmalloc or "
		      "alloc-while-signalling, done once written");
MODULE_DESCRIPTION("Bugs that a debugging kernel has to find");
MODULE_LICENSE("GPL");
