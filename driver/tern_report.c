// SPDX-License-Identifier: GPL-2.0
/*
 * May it be believed what device and firmware report: of themselves, of jobs, of faults? Pure: also
 * compiled in user space. What lies in memory that they write is copied once, by the caller.
 */
#include "tern_report.h"

#define SAVE_MOST (256u << 20)

/**
 * tern_report_caps() - May a device's capabilities be?
 * @caps: Capabilities
 *
 * Only what the driver uses itself; the rest is between the device and compilers.
 *
 * Return: true if so
 */
bool tern_report_caps(const struct tern_caps *caps)
{
	return caps->save_bytes >= sizeof(struct tern_save_area) && caps->save_bytes <= SAVE_MOST;
}

/**
 * tern_report_doorbells() - Can each slot's doorbell be mapped by itself?
 * @stride: From one to the next, as the device says
 * @page: Size of the CPU's pages, a power of two
 * @region: Bytes of the region they are in
 *
 * Return: true if so
 */
bool tern_report_doorbells(__u32 stride, __u64 page, __u64 region)
{
	return stride >= page && !(stride & (stride - 1)) && (__u64)stride * TERN_NSLOTS <= region;
}

/**
 * tern_report_info() - Does a firmware that has booted fit?
 * @info: What it says of itself, a copy
 * @offered: enum tern_fw_feature that it may use
 *
 * Return: NULL, or why not
 */
const char *tern_report_info(const struct tern_fw_info *info, __u64 offered)
{
	__u32 slots = le32_to_cpu(info->slots);

	if (le16_to_cpu(info->major) != TERN_FW_MAJOR)
		return "another major version";
	if (le64_to_cpu(info->features) & ~offered)
		return "it takes features that were not offered";
	if (!slots || slots > TERN_NSLOTS)
		return "a number of slots that cannot be";
	return NULL;
}

/**
 * tern_report_done() - Can that many jobs of a ring be done?
 * @done: What the ring says
 * @collected: How many were, when it was last looked at
 * @write: How many were ever put into it
 *
 * Return: true if so
 */
bool tern_report_done(__u64 done, __u64 collected, __u64 write)
{
	return collected <= done && done <= write;
}

/**
 * tern_report_fault() - Read a record of a fault
 * @in: Record, a copy
 * @out: What user space is told; undefined if the record makes no sense
 *
 * Only what the table of hw.h knows is passed on.
 *
 * Return: true if it makes sense
 */
bool tern_report_fault(const struct tern_fault *in, struct drm_tern_fault *out)
{
	static const __u8 class_of[] = {
#define X(name, code, class, text) [code] = TERN_CLASS_##class,
		TERN_HW_FAULTS(X)
#undef X
	};

	*out = (struct drm_tern_fault) {
		.code = le16_to_cpu(in->code),
		.queue = in->queue,
		.word = le32_to_cpu(in->word),
		.addr = le64_to_cpu(in->addr),
		.info = le64_to_cpu(in->info),
		.cycle = le64_to_cpu(in->cycle),
		.mark = le32_to_cpu(in->mark),
	};
	if (out->code >= sizeof(class_of) || !class_of[out->code] || out->queue >= 8)
		return false;
	out->class_ = class_of[out->code];
	return true;
}
