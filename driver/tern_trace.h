/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events in the life of a job, for trace-cmd and perf. README.md says what each is and
 * what its fields are; names and fields stay as they are, and more may come.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tern

#if !defined(TERN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TERN_TRACE_H

#include <linux/tracepoint.h>

#include <drm/tern_accel.h>

#include "tern_device.h"
#include "tern_file.h"
#include "tern_job.h"
#include "tern_queue.h"
#include "tern_vm.h"

TRACE_DEFINE_ENUM(DRM_TERN_BIND_MAP);
TRACE_DEFINE_ENUM(DRM_TERN_BIND_REPLACE);
TRACE_DEFINE_ENUM(DRM_TERN_BIND_UNMAP);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_DOORBELL);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_RUN);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_PREEMPT);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_SAVED);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_END);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_REQUEST);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_EVENT);
TRACE_DEFINE_ENUM(TERN_FW_TRACE_POWER);
TRACE_DEFINE_ENUM(TERN_RUNG_ENGINES);
TRACE_DEFINE_ENUM(TERN_RUNG_FIRMWARE);
TRACE_DEFINE_ENUM(TERN_RUNG_POWER);
TRACE_DEFINE_ENUM(TERN_RUNG_OFF);

/* ---- Jobs of kernel-owned queues ---- */

TRACE_EVENT(tern_job_queued,
	    TP_PROTO(struct tern_runqueue *queue, u64 job),
	    TP_ARGS(queue, job),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u64, job)
			     __field(u64, context)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->job = job;
			   __entry->context = queue->fence_context;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u job=%llu fence=%llu:%llu", __get_str(dev),
		      __entry->client, __entry->queue, __entry->job, __entry->context,
		      __entry->job)
);

TRACE_EVENT(tern_job_pushed,
	    TP_PROTO(struct tern_runqueue *queue, u64 job),
	    TP_ARGS(queue, job),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u64, job)
			     __field(s32, slot)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->job = job;
			   __entry->slot = queue->slot;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u job=%llu slot=%d", __get_str(dev),
		      __entry->client, __entry->queue, __entry->job, __entry->slot)
);

TRACE_EVENT(tern_job_ended,
	    TP_PROTO(struct tern_runqueue *queue, u64 job, int error),
	    TP_ARGS(queue, job, error),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u64, job)
			     __field(s32, error)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->job = job;
			   __entry->error = error;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u job=%llu error=%d", __get_str(dev),
		      __entry->client, __entry->queue, __entry->job, __entry->error)
);

/* ---- Slots, of both kinds of queue ---- */

TRACE_EVENT(tern_slot_bound,
	    TP_PROTO(struct tern_runqueue *queue, unsigned int slot, bool restore),
	    TP_ARGS(queue, slot, restore),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u32, slot)
			     __field(u32, vm)
			     __field(u32, asid)
			     __field(u32, priority)
			     __field(bool, restore)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->slot = slot;
			   __entry->vm = queue->vm->id;
			   __entry->asid = queue->vm->space.asid;
			   __entry->priority = queue->priority;
			   __entry->restore = restore;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u slot=%u vm=%u asid=%u priority=%u restore=%d",
		      __get_str(dev), __entry->client, __entry->queue, __entry->slot, __entry->vm,
		      __entry->asid, __entry->priority, __entry->restore)
);

TRACE_EVENT(tern_slot_unbound,
	    TP_PROTO(struct tern_runqueue *queue, unsigned int slot),
	    TP_ARGS(queue, slot),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u32, slot)
			     __field(bool, saved)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->slot = slot;
			   __entry->saved = queue->restore;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u slot=%u saved=%d", __get_str(dev),
		      __entry->client, __entry->queue, __entry->slot, __entry->saved)
);

/* ---- What goes wrong ---- */

TRACE_EVENT(tern_fault,
	    TP_PROTO(struct tern_runqueue *queue, unsigned int slot,
		     const struct drm_tern_fault *fault),
	    TP_ARGS(queue, slot, fault),
	    TP_STRUCT__entry(__string(dev, dev_name(queue->tdev->drm.dev))
			     __field(u64, client)
			     __field(u32, queue)
			     __field(u32, slot)
			     __field(u32, code)
			     __field(u32, class)
			     __field(u32, engine)
			     __field(u32, word)
			     __field(u64, addr)
			     __field(u64, info)
			     __field(u64, cycle)
			     __field(u32, mark)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = queue->account->client;
			   __entry->queue = queue->id;
			   __entry->slot = slot;
			   __entry->code = fault->code;
			   __entry->class = fault->class_;
			   __entry->engine = fault->queue;
			   __entry->word = fault->word;
			   __entry->addr = fault->addr;
			   __entry->info = fault->info;
			   __entry->cycle = fault->cycle;
			   __entry->mark = fault->mark;
			   ),
	    TP_printk("dev=%s client=%llu queue=%u slot=%u code=%u class=%u engine=%u word=%u addr=%#llx info=%#llx cycle=%llu mark=%u",
		      __get_str(dev), __entry->client, __entry->queue, __entry->slot,
		      __entry->code, __entry->class, __entry->engine, __entry->word,
		      __entry->addr, __entry->info, __entry->cycle, __entry->mark)
);

TRACE_EVENT(tern_reset,
	    TP_PROTO(struct tern_device *tdev, enum tern_rung rung, const char *why),
	    TP_ARGS(tdev, rung, why),
	    TP_STRUCT__entry(__string(dev, dev_name(tdev->drm.dev))
			     __field(u32, rung)
			     __string(why, why)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->rung = rung;
			   __assign_str(why);
			   ),
	    TP_printk("dev=%s rung=%s why=\"%s\"", __get_str(dev),
		      __print_symbolic(__entry->rung,
				       { TERN_RUNG_ENGINES, "engines" },
				       { TERN_RUNG_FIRMWARE, "firmware" },
				       { TERN_RUNG_POWER, "everything" },
				       { TERN_RUNG_OFF, "off" }),
		      __get_str(why))
);

/* ---- What the firmware says ---- */

TRACE_EVENT(tern_firmware,
	    TP_PROTO(struct tern_device *tdev, u32 slot, u32 kind, u64 arg, u64 time_ns),
	    TP_ARGS(tdev, slot, kind, arg, time_ns),
	    TP_STRUCT__entry(__string(dev, dev_name(tdev->drm.dev))
			     __field(u32, slot)
			     __field(u32, kind)
			     __field(u64, arg)
			     __field(u64, time_ns)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->slot = slot;
			   __entry->kind = kind;
			   __entry->arg = arg;
			   __entry->time_ns = time_ns;
			   ),
	    TP_printk("dev=%s slot=%u kind=%s arg=%llu time_ns=%llu", __get_str(dev),
		      __entry->slot,
		      __print_symbolic(__entry->kind,
				       { TERN_FW_TRACE_DOORBELL, "doorbell" },
				       { TERN_FW_TRACE_RUN, "run" },
				       { TERN_FW_TRACE_PREEMPT, "preempt" },
				       { TERN_FW_TRACE_SAVED, "saved" },
				       { TERN_FW_TRACE_END, "end" },
				       { TERN_FW_TRACE_REQUEST, "request" },
				       { TERN_FW_TRACE_EVENT, "event" },
				       { TERN_FW_TRACE_POWER, "power" }),
		      __entry->arg, __entry->time_ns)
);

/* ---- Address spaces ---- */

TRACE_EVENT(tern_vm_bind,
	    TP_PROTO(struct tern_vm *vm, u32 type, u64 va, u64 size, bool async, int error),
	    TP_ARGS(vm, type, va, size, async, error),
	    TP_STRUCT__entry(__string(dev, dev_name(vm->base.drm->dev))
			     __field(u64, client)
			     __field(u32, vm)
			     __field(u32, type)
			     __field(u64, va)
			     __field(u64, size)
			     __field(bool, async)
			     __field(s32, error)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->client = vm->client;
			   __entry->vm = vm->id;
			   __entry->type = type;
			   __entry->va = va;
			   __entry->size = size;
			   __entry->async = async;
			   __entry->error = error;
			   ),
	    TP_printk("dev=%s client=%llu vm=%u type=%s va=%#llx size=%#llx async=%d error=%d",
		      __get_str(dev), __entry->client, __entry->vm,
		      __print_symbolic(__entry->type,
				       { DRM_TERN_BIND_MAP, "map" },
				       { DRM_TERN_BIND_REPLACE, "replace" },
				       { DRM_TERN_BIND_UNMAP, "unmap" }),
		      __entry->va, __entry->size, __entry->async, __entry->error)
);

TRACE_EVENT(tern_invalidate,
	    TP_PROTO(struct tern_device *tdev, u32 asid, u64 start, u64 end, u32 seq),
	    TP_ARGS(tdev, asid, start, end, seq),
	    TP_STRUCT__entry(__string(dev, dev_name(tdev->drm.dev))
			     __field(u32, asid)
			     __field(u64, start)
			     __field(u64, end)
			     __field(u32, seq)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->asid = asid;
			   __entry->start = start;
			   __entry->end = end;
			   __entry->seq = seq;
			   ),
	    TP_printk("dev=%s asid=%u start=%#llx end=%#llx seq=%u", __get_str(dev),
		      __entry->asid, __entry->start, __entry->end, __entry->seq)
);

TRACE_EVENT(tern_invalidated,
	    TP_PROTO(struct tern_device *tdev, u32 seq, int error),
	    TP_ARGS(tdev, seq, error),
	    TP_STRUCT__entry(__string(dev, dev_name(tdev->drm.dev))
			     __field(u32, seq)
			     __field(s32, error)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->seq = seq;
			   __entry->error = error;
			   ),
	    TP_printk("dev=%s seq=%u error=%d", __get_str(dev), __entry->seq, __entry->error)
);

#endif /* TERN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tern_trace
#include <trace/define_trace.h>
