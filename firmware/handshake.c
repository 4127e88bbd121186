// SPDX-License-Identifier: MIT
#include "handshake.h"

#include "firmware.h"

#define FEATURES (TERN_FW_FEATURE_PREEMPT | TERN_FW_FEATURE_POWER | TERN_FW_FEATURE_TRACE)

/* A part of the kernel's area. */
struct part {
	uint32_t offset;
	uint64_t bytes;
};
enum { BOOT, TO_FW, TO_HOST, LOG, CRASH, INFO, TRACE, NPARTS };

static void find_parts(const struct tern_fw_boot *b, struct part *p)
{
	const uint64_t ring = sizeof(struct tern_fw_ring), stream = sizeof(struct tern_fw_stream);

	p[BOOT] = (struct part){0, sizeof(*b)};
	p[TO_FW] = (struct part){b->to_fw,
				 ring + (uint64_t)b->to_fw_count * sizeof(struct tern_fw_message)};
	p[TO_HOST] = (struct part){b->to_host, ring + (uint64_t)b->to_host_count *
							       sizeof(struct tern_fw_message)};
	p[LOG] = (struct part){b->log,
			       stream + (uint64_t)b->log_count * sizeof(struct tern_fw_log_record)};
	p[CRASH] = (struct part){b->crash, sizeof(struct tern_fw_crash)};
	p[INFO] = (struct part){b->info, sizeof(struct tern_fw_info)};
	p[TRACE] = (struct part){b->trace, stream + (uint64_t)b->trace_count *
							    sizeof(struct tern_fw_trace_record)};
}

static bool is_count(uint32_t count, uint32_t low, uint32_t high)
{
	return count >= low && count <= high && !(count & (count - 1));
}

static bool overlap(const struct part *a, const struct part *b)
{
	return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static bool parts_fit(const struct part *p, unsigned int n, uint32_t area_bytes)
{
	for (unsigned int i = 0; i < n; i++) {
		if (p[i].offset % 64 || p[i].offset + p[i].bytes > area_bytes)
			return false;
		for (unsigned int j = 0; j < i; j++) {
			if (overlap(&p[i], &p[j]))
				return false;
		}
	}
	return true;
}

/* What a later minor may have put there means nothing to this one. */
static bool reserved_is_zero(const struct tern_fw_boot *b)
{
	uint32_t sum = b->reserved0;

	for (unsigned int i = 0; i < sizeof(b->reserved1) / sizeof(b->reserved1[0]); i++)
		sum |= b->reserved1[i];
	return !sum || b->minor > TERN_FW_MINOR;
}

static bool layout_fits(const struct tern_fw_boot *b, const struct part *p, uint32_t address)
{
	if (!is_count(b->to_fw_count, 8, 1024) || !is_count(b->to_host_count, 8, 1024) ||
	    !is_count(b->log_count, 8, 4096))
		return false;
	if (b->trace_count && !is_count(b->trace_count, 8, 65536))
		return false;
	if (b->area_bytes > UINT32_MAX - address + 1ull)
		return false;
	return reserved_is_zero(b) && parts_fit(p, b->trace_count ? NPARTS : TRACE, b->area_bytes);
}

/* Meets now, and not in the middle of a job, what the kernel has not mapped with WRITE. */
static void *touch(uint32_t area, const struct part *p)
{
	char *at = hal_window(area + p->offset, (uint32_t)p->bytes);

	for (uint32_t done = 0; done < p->bytes; done += TERN_PAGE_SIZE)
		shared_store((__le32 *)(at + done), 0);
	shared_store((__le32 *)(at + p->bytes - 4), 0);
	return at;
}

static void take_parts(struct firmware *fw, const struct tern_fw_boot *b, const struct part *p,
		       uint32_t area)
{
	struct ipc *ipc = &fw->ipc;

	/* The kernel may have written requests already. */
	ipc->to_fw = hal_window(area + p[TO_FW].offset, (uint32_t)p[TO_FW].bytes);
	ipc->to_host = touch(area, &p[TO_HOST]);
	ipc->to_fw_count = b->to_fw_count;
	ipc->to_host_count = b->to_host_count;
	fw->log = (struct stream){touch(area, &p[LOG]), b->log_count, 0};
	fw->crash = touch(area, &p[CRASH]);
	if (fw->features & TERN_FW_FEATURE_TRACE)
		fw->trace = (struct stream){touch(area, &p[TRACE]), b->trace_count, 0};
}

static bool take_params(struct firmware *fw, const struct tern_fw_boot *b)
{
	fw->params.khz = hal_load(HAL_REG(TIMESTAMP_KHZ));
	for (unsigned int i = 0; i < TERN_FW_NPARAMS; i++) {
		if (!params_set(&fw->params, i, b->param[i]))
			return false;
	}
	for (unsigned int i = TERN_FW_NPARAMS; i < sizeof(b->param) / sizeof(b->param[0]); i++) {
		if (b->param[i] && b->minor <= TERN_FW_MINOR)
			return false;
	}
	firmware_params_changed(fw);
	return true;
}

/* Without a ring there is nothing to trace to, whatever was offered. */
static bool take_features(struct firmware *fw, const struct tern_fw_boot *b)
{
	uint64_t ours = FEATURES & ~(b->trace_count ? 0ull : TERN_FW_FEATURE_TRACE);

	fw->features = b->features & ours;
	return !(b->required & ~fw->features);
}

static void tell_info(const struct firmware *fw, uint32_t area, const struct part *p)
{
	struct tern_fw_info info = {
		.major = TERN_FW_MAJOR,
		.minor = TERN_FW_MINOR,
		.security_version = TERN_FW_SECURITY,
		.features = fw->features,
		.slots = TERN_NSLOTS,
	};

	for (unsigned int i = 0; i < sizeof(info.version); i++) {
		info.version[i] = fw_version[i];
		info.build[i] = fw_build[i];
	}
	shared_write(touch(area, p), &info, sizeof(info));
}

static enum tern_fw_error judge(struct firmware *fw, const struct tern_fw_boot *b, uint32_t area)
{
	struct part parts[NPARTS];

	if (b->major != TERN_FW_MAJOR)
		return TERN_FW_ERROR_MAJOR;
	if (!take_features(fw, b))
		return TERN_FW_ERROR_FEATURES;
	hal_blame(TERN_FW_ERROR_LAYOUT);
	find_parts(b, parts);
	if (!layout_fits(b, parts, area))
		return TERN_FW_ERROR_LAYOUT;
	if (!take_params(fw, b))
		return TERN_FW_ERROR_CONFIG;
	take_parts(fw, b, parts, area);
	tell_info(fw, area, &parts[INFO]);
	return TERN_FW_ERROR_NONE;
}

enum tern_fw_error handshake(struct firmware *fw)
{
	uint64_t args = hal_load64(HAL_REG(BOOT_ARGS));
	struct tern_fw_boot boot;

	hal_blame(TERN_FW_ERROR_MAGIC);
	if (args < TERN_MCU_WINDOW || args > UINT32_MAX - sizeof(boot) || args % 8)
		return TERN_FW_ERROR_MAGIC;
	shared_read(&boot, hal_window((uint32_t)args, sizeof(boot)), sizeof(boot));
	if (boot.magic != TERN_FW_BOOT_MAGIC)
		return TERN_FW_ERROR_MAGIC;
	firmware_stage(TERN_FW_STAGE_HANDSHAKE, TERN_FW_ERROR_NONE);
	return judge(fw, &boot, (uint32_t)args);
}
