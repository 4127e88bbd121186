// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Jobs
 *
 * SUBMIT makes a task per job: everything is allocated and looked up there, and after the last
 * thing that can fail the tasks are armed, their fences published, and pushed.
 *
 * The scheduler runs a task when its waits are over. run_job copies the entry into the ring and
 * rings the bell, or asks for a slot: no allocation, no reservation lock, no waiting. It is
 * called for every task, also of a queue that is dead: there it cancels. So each fence
 * ends with an errno of tern_accel.h, and no task is left when the scheduler goes.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>

#include "tern_array.h"
#include "tern_compat.h"
#include "tern_device.h"
#include "tern_file.h"
#include "tern_job.h"
#include "tern_queue.h"
#include "tern_sync.h"
#include "tern_trace.h"
#include "tern_uapi_check.h"
#include "tern_vm.h"

/* ---- What the scheduler calls -------------------------------------------- */

static struct tern_task *to_task(struct drm_sched_job *job)
{
	return container_of(job, struct tern_task, base);
}

static struct dma_fence *run_job(struct drm_sched_job *job)
{
	struct tern_task *task = to_task(job);
	bool cookie = dma_fence_begin_signalling();

	tern_fence_runs(task->fence);
	tern_queue_push(task->queue, task);
	dma_fence_end_signalling(cookie);
	return dma_fence_get(&task->fence->base);
}

static void task_free(struct tern_task *task)
{
	if (task->inited)
		drm_sched_job_cleanup(&task->base);
	if (task->number)
		dma_fence_put(&task->fence->base);
	else
		tern_fence_free(task->fence);
	if (task->awake)
		tern_pm_put(task->queue->tdev);
	tern_queue_put(task->queue);
	kfree(task);
}

static void free_job(struct drm_sched_job *job)
{
	task_free(to_task(job));
}

const struct drm_sched_backend_ops tern_sched_ops = {
	.run_job = run_job,
	.free_job = free_job,
};

/* ---- SUBMIT ----------------------------------------------------------------- */

/**
 * struct submission - One call of SUBMIT
 */
struct submission {
	/** @queue: Queue; a reference */
	struct tern_runqueue *queue;
	/** @jobs: As user space gave them */
	struct drm_tern_job *jobs;
	/** @task: Task of each */
	struct tern_task **task;
	/** @signals: What their fences go to, in order */
	struct tern_sync_signals signals;
	/** @count: Number of jobs */
	u32 count;
	/** @ready: Number of tasks made */
	u32 ready;
};

static void fill_entry(struct tern_job *entry, const struct drm_tern_job *job)
{
	*entry = (struct tern_job) {
		.image = cpu_to_le64(job->image),
		.args = cpu_to_le64(job->args),
		.budget = cpu_to_le64(job->budget ?: TERN_BUDGET_USUAL),
		.profile = cpu_to_le64(job->profile),
	};
}

static int init_sched_job(struct tern_task *task, struct drm_file *file)
{
	int ret = tern_sched_job_init(&task->base, &task->queue->entity, file->driver_priv,
				      file->client_id);

	task->inited = !ret;
	return ret;
}

static struct tern_task *make_task(struct tern_runqueue *queue, const struct drm_tern_job *job,
				   struct drm_file *file)
{
	struct tern_task *task = kzalloc(sizeof(*task), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!task)
		return ERR_PTR(-ENOMEM);
	task->queue = tern_queue_get(queue);
	INIT_LIST_HEAD(&task->node);
	task->restartable = job->flags & DRM_TERN_JOB_RESTARTABLE;
	fill_entry(&task->entry, job);
	task->fence = tern_fence_alloc();
	ret = task->fence ? init_sched_job(task, file) : -ENOMEM;
	if (ret) {
		task_free(task);
		return ERR_PTR(ret);
	}
	return task;
}

static int add_job(struct submission *submission, struct drm_file *file)
{
	u32 i = submission->ready;
	struct drm_tern_job *job = &submission->jobs[i];
	struct tern_task *task;
	int ret = tern_check_job(job);

	if (ret)
		return ret;
	task = make_task(submission->queue, job, file);
	if (IS_ERR(task))
		return PTR_ERR(task);
	submission->task[i] = task;
	submission->ready++;
	return tern_sync_parse(file, &job->syncs, &task->base, &submission->signals, i);
}

static int add_jobs(struct submission *submission, struct drm_file *file)
{
	int ret;

	while (submission->ready < submission->count) {
		ret = add_job(submission, file);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_queue(struct submission *submission)
{
	struct tern_runqueue *queue = submission->queue;
	u64 open;

	if (READ_ONCE(queue->dead) || READ_ONCE(queue->destroyed))
		return queue->tdev->ready ? -EIO : -ENODEV;
	open = queue->submitted - READ_ONCE(queue->ended);
	return open + submission->count > TERN_QUEUE_JOBS ? -EAGAIN : 0;
}

/* Nothing fails from here on. */
static void push_all(struct submission *submission, struct drm_exec *exec)
{
	struct tern_runqueue *queue = submission->queue;
	struct tern_task *task = NULL;
	u32 i;

	for (i = 0; i < submission->count; i++) {
		task = submission->task[i];
		tern_pm_hold(queue->tdev);
		task->awake = true;
		task->number = ++queue->submitted;
		tern_fence_init(task->fence, queue->fence_context, task->number);
		drm_sched_job_arm(&task->base);
		trace_tern_job_queued(queue, task->number);
		tern_perf_event(queue, DRM_TERN_PERF_SUBMITTED, task->number, 0);
		tern_sync_publish(&submission->signals, i, &task->fence->base);
	}
	/* The last fence stands for those before it: they end in order. */
	tern_vm_add_fence(queue->vm, exec, &task->fence->base);
	for (i = 0; i < submission->count; i++)
		drm_sched_entity_push_job(&submission->task[i]->base);
	submission->ready = 0; /* they are the scheduler's now */
}

static int push_locked(struct submission *submission)
{
	struct drm_gpuvm_exec exec = {
		.vm = &submission->queue->vm->base,
		.flags = DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		.num_fences = 1,
	};
	int ret = check_queue(submission);

	if (ret)
		return ret;
	ret = drm_gpuvm_exec_lock(&exec);
	if (ret)
		return ret;
	push_all(submission, &exec.exec);
	drm_gpuvm_exec_unlock(&exec);
	return 0;
}

static int push(struct submission *submission, u64 *last)
{
	struct tern_runqueue *queue = submission->queue;
	int ret = mutex_lock_interruptible(&queue->submit_lock);

	if (ret)
		return ret;
	ret = push_locked(submission);
	*last = queue->submitted;
	mutex_unlock(&queue->submit_lock);
	return ret;
}

/* Waking may wait and allocate, so it is done here and not in run_job. */
static int push_awake(struct submission *submission, u64 *last)
{
	struct tern_device *tdev = submission->queue->tdev;
	int ret;

	if (READ_ONCE(submission->queue->vm->error))
		return -ENOTRECOVERABLE; /* a device that has failed is not the first reason */
	ret = tern_pm_get(tdev);
	if (ret)
		return ret;
	ret = push(submission, last);
	tern_pm_put(tdev);
	return ret;
}

static int submit(struct submission *submission, struct drm_tern_submit *args,
		  struct drm_file *file)
{
	int ret;

	ret = TERN_ARRAY_COPY(submission->jobs, &args->jobs);
	if (ret)
		return ret;
	submission->task = kvcalloc(submission->count, sizeof(*submission->task),
				    GFP_KERNEL_ACCOUNT);
	if (!submission->task)
		return -ENOMEM;
	ret = add_jobs(submission, file);
	if (!ret)
		ret = push_awake(submission, &args->last_job);
	return ret;
}

static void submission_fini(struct submission *submission)
{
	while (submission->ready)
		task_free(submission->task[--submission->ready]);
	tern_sync_signals_fini(&submission->signals);
	kvfree(submission->task);
	kvfree(submission->jobs);
	tern_queue_put(submission->queue);
}

/**
 * tern_ioctl_submit() - DRM_IOCTL_TERN_SUBMIT
 * @drm: Device
 * @data: struct drm_tern_submit
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_submit *args = data;
	struct submission submission = { .count = args->jobs.count };
	int ret = tern_check_submit(args);

	if (ret)
		return ret;
	submission.queue = tern_queue_lookup(file->driver_priv, args->queue_id);
	if (!submission.queue)
		return -ENOENT;
	tern_sync_signals_init(&submission.signals);
	if (tern_queue_is_user(submission.queue))
		ret = -EPERM;
	else
		ret = submit(&submission, args, file);
	submission_fini(&submission);
	return ret;
}
