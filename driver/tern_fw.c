// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Firmware
 *
 * Loading, starting and asking who it is: uapi/README.md, "Boot", says the steps and the
 * barriers. The file is read once, when the device is found; a reset boots the copy again,
 * because there nothing may be allocated. Each way to fail is one line that names both
 * versions and says what to install.
 *
 * The firmware schedules, and nothing else: it cannot bind a slot or complete a job, so at
 * worst nothing happens (tern_watchdog.c).
 */
#include <linux/delay.h>
#include <linux/firmware.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <crypto/sha2.h>

#include "tern_device.h"
#include "tern_fw_image.h"
#include "tern_report.h"

static char *firmware = TERN_FW_NAME;
module_param(firmware, charp, 0444);
MODULE_PARM_DESC(firmware, "Firmware file, below the firmware search path");
MODULE_FIRMWARE(TERN_FW_NAME);

static unsigned int boot_timeout_ms = 10000;
module_param(boot_timeout_ms, uint, 0644);
MODULE_PARM_DESC(boot_timeout_ms, "Longest time from starting the firmware to its being ready");

static unsigned int preempt_us = 10000;
module_param(preempt_us, uint, 0444);
MODULE_PARM_DESC(preempt_us, "Longest time preemption may take, else the engines are reset; 100 to 10000000");

static unsigned int fw_log_level = TERN_FW_LOG_WARN;
module_param(fw_log_level, uint, 0644);
MODULE_PARM_DESC(fw_log_level,
		 "What the firmware logs from its next boot on: 0 errors, 1 warnings, 2 facts, 3 all");

#define RESET_TIMEOUT_US 1000000

#define OFFERED (TERN_FW_FEATURE_PREEMPT | TERN_FW_FEATURE_POWER | TERN_FW_FEATURE_TRACE)

/* Where in the shared area what lies; all multiples of 64. */
enum {
	AREA_INFO = 256,
	AREA_CRASH = AREA_INFO + 128,
	AREA_TO_FW = AREA_CRASH + 576,
	AREA_TO_HOST = AREA_TO_FW + 128 + TERN_TO_FW_COUNT * 64,
	AREA_LOG = AREA_TO_HOST + 128 + TERN_TO_HOST_COUNT * 64,
	AREA_TRACE = AREA_LOG + 64 + TERN_FW_LOG_COUNT * 128,
	AREA_BYTES = AREA_TRACE + 64 + TERN_FW_TRACE_COUNT * 32,
};

static_assert(sizeof(struct tern_fw_boot) <= AREA_INFO);
static_assert(sizeof(struct tern_fw_info) <= AREA_CRASH - AREA_INFO);
static_assert(sizeof(struct tern_fw_crash) <= AREA_TO_FW - AREA_CRASH);

static void *area(struct tern_device *tdev, unsigned int offset)
{
	return tdev->fw.area.cpu + offset;
}

/**
 * tern_fw_log() - The firmware's log
 * @tdev: Device
 *
 * Return: stream of struct tern_fw_log_record
 */
struct tern_fw_stream *tern_fw_log(struct tern_device *tdev)
{
	return area(tdev, AREA_LOG);
}

/**
 * tern_fw_trace() - The firmware's trace
 * @tdev: Device
 *
 * Return: stream of struct tern_fw_trace_record
 */
struct tern_fw_stream *tern_fw_trace(struct tern_device *tdev)
{
	return area(tdev, AREA_TRACE);
}

/* ---- What it says ------------------------------------------------------------ */

static void tell_record(struct tern_device *tdev, const struct tern_fw_log_record *record)
{
	char text[sizeof(record->text) + 1];

	tern_text_clean(text, sizeof(text), record->text,
			min_t(u32, record->bytes, sizeof(record->text)));
	if (record->level == TERN_FW_LOG_ERROR)
		drm_err(&tdev->drm, "firmware: %s\n", text);
	else if (record->level == TERN_FW_LOG_WARN)
		drm_warn(&tdev->drm, "firmware: %s\n", text);
	else
		drm_dbg(&tdev->drm, "firmware: %s\n", text);
}

/**
 * tern_fw_tell_log() - Pass new records of the firmware's log on to the kernel's
 * @tdev: Device
 *
 * Interrupt threads and the watchdog may come at once: who comes second leaves it to the first.
 * At most as many as the log holds, so firmware that writes all the time keeps nobody here.
 */
void tern_fw_tell_log(struct tern_device *tdev)
{
	struct tern_fw_log_record record;
	int i;

	if (test_and_set_bit_lock(0, &tdev->fw.telling))
		return;
	for (i = 0; i < TERN_FW_LOG_COUNT; i++) {
		if (!tern_stream_next(tern_fw_log(tdev), TERN_FW_LOG_COUNT, sizeof(record),
				      &tdev->fw.log, &record))
			break;
		tell_record(tdev, &record);
	}
	clear_bit_unlock(0, &tdev->fw.telling);
}

static void print_record(struct drm_printer *p, const struct tern_fw_log_record *record)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	char text[sizeof(record->text) + 1];

	tern_text_clean(text, sizeof(text), record->text,
			min_t(u32, record->bytes, sizeof(record->text)));
	drm_printf(p, "%llu %s %s\n", le64_to_cpu(record->timestamp),
		   record->level < ARRAY_SIZE(levels) ? levels[record->level] : "?", text);
}

/**
 * tern_fw_print_log() - Print what the firmware's log holds
 * @tdev: Device that has not left
 * @p: Where to
 *
 * A reader of its own: whoever looks takes nothing from the kernel's log.
 */
void tern_fw_print_log(struct tern_device *tdev, struct drm_printer *p)
{
	struct tern_stream_reader reader = {};
	struct tern_fw_log_record record;
	int i;

	for (i = 0; i < TERN_FW_LOG_COUNT; i++) {
		if (!tern_stream_next(tern_fw_log(tdev), TERN_FW_LOG_COUNT, sizeof(record),
				      &reader, &record))
			break;
		print_record(p, &record);
	}
}

/**
 * tern_fw_crash() - What the firmware wrote down when it stopped
 * @tdev: Device, before its firmware boots again
 * @crash: Copy of it; nothing unless its magic is right
 */
void tern_fw_crash(struct tern_device *tdev, struct tern_fw_crash *crash)
{
	memcpy(crash, area(tdev, AREA_CRASH), sizeof(*crash));
}

/**
 * tern_fw_tell_crash() - Say why the firmware stopped, if it could write it down
 * @tdev: Device, before its firmware boots again
 */
void tern_fw_tell_crash(struct tern_device *tdev)
{
	struct tern_fw_crash crash;
	char text[sizeof(crash.message) + 1];

	tern_fw_crash(tdev, &crash);
	if (le32_to_cpu(crash.magic) != TERN_FW_CRASH_MAGIC)
		return;
	tern_text_clean(text, sizeof(text), crash.message, sizeof(crash.message));
	drm_err(&tdev->drm, "firmware crashed: mcause %#x at %#x, value %#x, slot %u: %s\n",
		le32_to_cpu(crash.mcause), le32_to_cpu(crash.mepc), le32_to_cpu(crash.mtval),
		le32_to_cpu(crash.running_slot), text);
}

/* ---- The file ------------------------------------------------------------- */

static int refuse(struct tern_device *tdev, enum tern_fw_image_error error)
{
	const struct tern_fw_header *header = tdev->fw.file;
	char file[96] = "";

	/* Before its hash is right it may say anything. */
	if (error > TERN_FW_IMAGE_HASH)
		scnprintf(file, sizeof(file),
			  "; file: firmware %u.%u, interface %u.%u, security %u",
			  le16_to_cpu(header->major), le16_to_cpu(header->minor),
			  le16_to_cpu(header->interface_major),
			  le16_to_cpu(header->interface_minor),
			  le32_to_cpu(header->security_version));
	drm_err(&tdev->drm,
		"%s refused: %s (driver: firmware %u.%u; device: interface %u.%u, security %u%s)\n",
		firmware, tern_fw_image_text(error), TERN_FW_MAJOR, TERN_FW_MINOR,
		tdev->interface >> 16, tdev->interface & 0xffff,
		tern_read(tdev, TERN_REG_SECURITY_VERSION), file);
	return -EINVAL;
}

static int check_file(struct tern_device *tdev)
{
	struct tern_fw_limits limits = {
		.tcm_bytes = min_t(u64, tern_read(tdev, TERN_REG_TCM_BYTES),
				   tdev->bar_size[TERN_REGION_TCM]),
		.interface = tdev->interface,
		.security_version = tern_read(tdev, TERN_REG_SECURITY_VERSION),
	};
	enum tern_fw_image_error error;

	if (tdev->fw.bytes > TERN_FW_HASH_START)
		sha256(tdev->fw.file + TERN_FW_HASH_START, tdev->fw.bytes - TERN_FW_HASH_START,
		       limits.sha256);
	error = tern_fw_image_check(tdev->fw.file, tdev->fw.bytes, &limits);
	return error ? refuse(tdev, error) : 0;
}

static int read_file(struct tern_device *tdev)
{
	const struct firmware *file;
	int ret;

	ret = request_firmware(&file, firmware, tdev->drm.dev);
	if (ret) {
		drm_err(&tdev->drm,
			"%s cannot be read (%d): install the firmware %u.%u that belongs to this driver below /lib/firmware\n",
			firmware, ret, TERN_FW_MAJOR, TERN_FW_MINOR);
		return ret;
	}
	tdev->fw.bytes = file->size;
	tdev->fw.file = kvmemdup(file->data, file->size, GFP_KERNEL);
	release_firmware(file);
	return tdev->fw.file ? check_file(tdev) : -ENOMEM;
}

/* ---- Boot ------------------------------------------------------------------- */

/* Words, because that is what the window takes, and each goes through the CPU as one. */
static void write_section(struct tern_device *tdev, const struct tern_fw_section *section)
{
	const __le32 *from = tdev->fw.file + le32_to_cpu(section->offset);
	void __iomem *to = tdev->tcm + le32_to_cpu(section->tcm);
	u32 i, words = le32_to_cpu(section->file_bytes) / 4;

	for (i = 0; i < words; i++)
		writel_relaxed(le32_to_cpu(from[i]), to + 4 * i);
}

static void zero_tcm(struct tern_device *tdev, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i += 4)
		writel_relaxed(0, tdev->tcm + i);
}

static int write_tcm(struct tern_device *tdev)
{
	const struct tern_fw_header *header = tdev->fw.file;
	u32 i, n = le32_to_cpu(header->nsections);

	if (tern_read(tdev, TERN_REG_TCM_LOCK)) {
		drm_err(&tdev->drm, "the firmware's memory stays locked after a reset\n");
		return -EIO;
	}
	zero_tcm(tdev, min_t(u64, tern_read(tdev, TERN_REG_TCM_BYTES),
			     tdev->bar_size[TERN_REGION_TCM]));
	for (i = 0; i < n; i++)
		write_section(tdev, &header->section[i]);
	readl(tdev->tcm); /* posted writes are in */
	return 0;
}

static void fill_boot(struct tern_device *tdev)
{
	struct tern_fw_boot *boot = area(tdev, 0);
	int i;

	/* A boot with more is refused. */
	tdev->fw.param[TERN_FW_PARAM_LOG_LEVEL] =
		min_t(u32, READ_ONCE(fw_log_level), TERN_FW_LOG_DEBUG);
	memset(boot, 0, AREA_BYTES);
	boot->magic = cpu_to_le32(TERN_FW_BOOT_MAGIC);
	boot->major = cpu_to_le16(TERN_FW_MAJOR);
	boot->minor = cpu_to_le16(TERN_FW_MINOR);
	boot->area_bytes = cpu_to_le32(tdev->fw.area.size);
	boot->to_fw = cpu_to_le32(AREA_TO_FW);
	boot->to_fw_count = cpu_to_le32(TERN_TO_FW_COUNT);
	boot->to_host = cpu_to_le32(AREA_TO_HOST);
	boot->to_host_count = cpu_to_le32(TERN_TO_HOST_COUNT);
	boot->log = cpu_to_le32(AREA_LOG);
	boot->log_count = cpu_to_le32(TERN_FW_LOG_COUNT);
	boot->trace = cpu_to_le32(AREA_TRACE);
	boot->trace_count = cpu_to_le32(TERN_FW_TRACE_COUNT);
	boot->crash = cpu_to_le32(AREA_CRASH);
	boot->info = cpu_to_le32(AREA_INFO);
	boot->features = cpu_to_le64(OFFERED);
	for (i = 0; i < TERN_FW_NPARAMS; i++)
		boot->param[i] = cpu_to_le32(tdev->fw.param[i]);
	tdev->fw.log = (struct tern_stream_reader) {};
	tdev->perf.fw = (struct tern_stream_reader) {};
	bitmap_zero(tdev->perf.unstarted, TERN_NSLOTS); /* all are told anew */
	tdev->perf.clock = (struct tern_clock_pair) {};
}

static void start_mcu(struct tern_device *tdev)
{
	const struct tern_fw_header *header = tdev->fw.file;

	dma_wmb(); /* the boot area before the firmware reads it */
	tern_write64(tdev, TERN_FW_REG_BOOT_ARGS, tdev->fw.area.node.start);
	tern_write(tdev, TERN_REG_MCU_ENTRY, le32_to_cpu(header->entry));
	tern_write(tdev, TERN_REG_MCU_CONTROL, 1);
}

static const char *stage_name(u32 stage)
{
	static const char *const name[] = {
#define X(name, code, text) [code] = #name,
		TERN_FW_STAGES(X)
#undef X
	};

	return stage < ARRAY_SIZE(name) ? name[stage] : "?";
}

static const char *error_text(u32 error)
{
	static const char *const says[] = {
#define X(name, code, text) [code] = text,
		TERN_FW_ERRORS(X)
#undef X
	};

	return error < ARRAY_SIZE(says) ? says[error] : "an error this driver does not know";
}

static int not_ready(struct tern_device *tdev, u32 status)
{
	const struct tern_fw_header *header = tdev->fw.file;
	u32 error = TERN_FW_STATUS_ERROR(status);

	drm_err(&tdev->drm,
		"firmware %s (speaks %u.%u, driver %u.%u) did not start: at %s after %u ms, %s; install the firmware of this driver\n",
		header->version, le16_to_cpu(header->major), le16_to_cpu(header->minor),
		TERN_FW_MAJOR, TERN_FW_MINOR, stage_name(TERN_FW_STATUS_STAGE(status)),
		boot_timeout_ms, error ? error_text(error) : "without an error");
	return error ? -EIO : -ETIMEDOUT;
}

static int await_ready(struct tern_device *tdev)
{
	ktime_t until = ktime_add_ms(ktime_get(), boot_timeout_ms);
	bool late;
	u32 status;

	do {
		late = ktime_after(ktime_get(), until);
		status = tern_read(tdev, TERN_FW_REG_BOOT_STATUS);
		if (status == TERN_FW_STAGE_READY)
			return 0;
		if (TERN_FW_STATUS_ERROR(status))
			break;
		usleep_range(200, 1000);
	} while (!late);
	return not_ready(tdev, status);
}

/* ---- Who it is ------------------------------------------------------------- */

static int misfit(struct tern_device *tdev, const struct tern_fw_info *info, const char *what)
{
	char version[sizeof(info->version) + 1];

	tern_text_clean(version, sizeof(version), info->version, sizeof(info->version));
	drm_err(&tdev->drm, "firmware %s speaks %u.%u, driver %u.%u: %s; install the firmware of this driver\n",
		version, le16_to_cpu(info->major), le16_to_cpu(info->minor), TERN_FW_MAJOR,
		TERN_FW_MINOR, what);
	return -EPROTO;
}

/* Copied once: the firmware may write there while we look. */
static int read_info(struct tern_device *tdev)
{
	struct tern_fw_info info;
	struct tern_fw *fw = &tdev->fw;
	const char *what;

	dma_rmb(); /* BOOT_STATUS before what it announces */
	memcpy(&info, area(tdev, AREA_INFO), sizeof(info));
	what = tern_report_info(&info, OFFERED);
	if (what)
		return misfit(tdev, &info, what);
	fw->minor = le16_to_cpu(info.minor);
	if (fw->minor > TERN_FW_MINOR)
		fw->minor = TERN_FW_MINOR;
	fw->features = le64_to_cpu(info.features);
	fw->slots = le32_to_cpu(info.slots);
	tern_text_clean(fw->version, sizeof(fw->version), info.version, sizeof(info.version));
	tern_text_clean(fw->build, sizeof(fw->build), info.build, sizeof(info.build));
	return 0;
}

/**
 * tern_fw_boot() - Start the firmware on a device whose MCU was reset
 * @tdev: Device; nobody else talks to it now
 *
 * Allocates nothing: resets call it.
 *
 * Return: 0 or a negative errno, and then the log says why
 */
int tern_fw_boot(struct tern_device *tdev)
{
	int ret;

	ret = write_tcm(tdev);
	if (ret)
		return ret;
	fill_boot(tdev);
	start_mcu(tdev);
	ret = await_ready(tdev);
	if (!ret)
		ret = read_info(tdev);
	if (!ret)
		tern_ipc_open(tdev, area(tdev, AREA_TO_FW), area(tdev, AREA_TO_HOST));
	return ret;
}

static void usual_params(struct tern_fw *fw)
{
#define X(name, code, low, high, usual, text) fw->param[TERN_FW_PARAM_##name] = usual;
	TERN_FW_PARAMS(X)
#undef X
	/* The firmware refuses what lies outside of fw.h's limits. */
	fw->param[TERN_FW_PARAM_PREEMPT_US] = preempt_us;
}

/**
 * tern_fw_init() - Read the firmware and make the memory shared with it
 * @tdev: Device
 *
 * Return: 0 or a negative errno, and then the log says why
 */
int tern_fw_init(struct tern_device *tdev)
{
	int ret;

	usual_params(&tdev->fw);
	ret = read_file(tdev);
	if (!ret)
		ret = tern_kmem_alloc(tdev, &tdev->kernel.window, AREA_BYTES, &tdev->fw.area);
	if (ret)
		tern_fw_fini(tdev);
	return ret;
}

/**
 * tern_fw_fini() - Release what tern_fw_init() made
 * @tdev: Device, which is off the bus
 */
void tern_fw_fini(struct tern_device *tdev)
{
	tern_kmem_free(tdev, &tdev->fw.area);
	kvfree(tdev->fw.file);
	tdev->fw.file = NULL;
}
