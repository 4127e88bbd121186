// SPDX-License-Identifier: MIT
#include "log.h"

#include "firmware.h"
#include "format.h"

/* RECORD begins with its seq, which is written by itself: 0 while the rest is not whole. */
static void append(struct stream *s, const void *record, size_t bytes)
{
	char *at = (char *)(s->head + 1) + bytes * (s->written & (s->count - 1));
	__le32 *seq = (__le32 *)at;

	shared_store(seq, 0);
	hal_fence_ww();
	shared_write(seq + 1, (const shared_word *)record + 1, bytes - sizeof(*seq));
	hal_fence_ww();
	shared_store(seq, ++s->written);
	hal_fence_ww();
	shared_store(&s->head->write, s->written);
}

void log_text(struct firmware *fw, enum tern_fw_log_level level, const char *format, ...)
{
	struct tern_fw_log_record r = {.level = (__u8)level};
	va_list args;

	if (!fw->log.head || fw->ipc.closed || level > fw->params.value[TERN_FW_PARAM_LOG_LEVEL])
		return;
	r.timestamp = hal_load64(HAL_REG(TIMESTAMP));
	va_start(args, format);
	r.bytes = (__u8)format_text(r.text, sizeof(r.text), format, args);
	va_end(args);
	append(&fw->log, &r, sizeof(r));
	if (level <= TERN_FW_LOG_WARN) {
		hal_fence_wo();
		hal_store(HAL_REG(HOST_IRQ), 1);
	}
}

void trace(struct firmware *fw, enum tern_fw_trace kind, unsigned int slot, uint64_t arg)
{
	struct tern_fw_trace_record r = {.kind = (__le16)kind, .slot = (__le16)slot, .arg = arg};

	if (!fw->trace.head || fw->ipc.closed)
		return;
	r.timestamp = hal_load64(HAL_REG(TIMESTAMP));
	append(&fw->trace, &r, sizeof(r));
}
