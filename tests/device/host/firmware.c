// SPDX-License-Identifier: GPL-2.0
/* Boots the firmware and speaks with it, as uapi/README.md tells. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define AREA_VA	 0x90000000ull /* in the MCU's window */
#define MESSAGES 16u
#define LOGS	 256u

/* ---- the file ---------------------------------------------------------------------------------- */
static FILE *open_image(void)
{
	static const char *const places[] = {"../firmware/tern.fw", "../../firmware/tern.fw"};
	char self[256], path[300];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f = NULL;

	REQUIRE(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < 2 && !f; i++) {
		snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		f = fopen(path, "rb");
	}
	HOST_ASSERT(f != NULL, "no firmware: run make firmware");
	return f;
}

uint32_t fw_load(struct host *h)
{
	static unsigned char file[TERN_FW_MAX_FILE];
	const struct tern_fw_header *head = (const void *)file;
	FILE *f = open_image();
	size_t n = fread(file, 1, sizeof(file), f);
	uint32_t back;

	fclose(f);
	REQUIRE(n > sizeof(*head));
	REQUIRE(head->magic == TERN_FW_MAGIC);
	REQUIRE(head->file_bytes == n);
	REQUIRE(reg_get(h, TERN_REG_TCM_LOCK) == 0);
	for (uint32_t i = 0; i < head->nsections; i++) {
		const struct tern_fw_section *s = &head->section[i];

		for (uint32_t at = 0; at < s->mem_bytes; at += 4) {
			uint32_t word = 0;

			if (at < s->file_bytes)
				memcpy(&word, file + s->offset + at, sizeof(word));
			host_write(h, TERN_BAR_TCM, s->tcm + at, &word, sizeof(word));
		}
	}
	host_read(h, TERN_BAR_TCM, head->section[0].tcm, &back, sizeof(back));
	return head->entry;
}

/* ---- boot -------------------------------------------------------------------------------------------- */
static uint32_t place(uint32_t *used, uint32_t bytes)
{
	uint32_t at = *used;

	*used = (at + bytes + 63) / 64 * 64;
	return at;
}

static void lay_out(struct tern_fw_boot *b)
{
	static const uint32_t usual[] = {
#define X(name, code, low, high, usual, text) [code] = usual,
		TERN_FW_PARAMS(X)
#undef X
	};
	uint32_t used = sizeof(*b);

	b->magic = TERN_FW_BOOT_MAGIC;
	b->major = TERN_FW_MAJOR;
	b->minor = TERN_FW_MINOR;
	b->to_fw_count = b->to_host_count = MESSAGES;
	b->log_count = LOGS;
	b->to_fw = place(&used,
			 sizeof(struct tern_fw_ring) + MESSAGES * sizeof(struct tern_fw_message));
	b->to_host = place(&used,
			   sizeof(struct tern_fw_ring) + MESSAGES * sizeof(struct tern_fw_message));
	b->log = place(&used,
		       sizeof(struct tern_fw_stream) + LOGS * sizeof(struct tern_fw_log_record));
	b->trace = place(&used, sizeof(struct tern_fw_stream));
	b->crash = place(&used, sizeof(struct tern_fw_crash));
	b->info = place(&used, sizeof(struct tern_fw_info));
	b->area_bytes = used;
	b->features = TERN_FW_FEATURE_PREEMPT | TERN_FW_FEATURE_POWER;
	memcpy(b->param, usual, sizeof(usual));
	b->param[TERN_FW_PARAM_LOG_LEVEL] = TERN_FW_LOG_DEBUG;
}

void fw_boot(struct host *h, struct host_fw *f, uint32_t entry)
{
	uint64_t bus = host_alloc(h, 16 * TERN_PAGE_SIZE, TERN_PAGE_SIZE), va;

	memset(f, 0, sizeof(*f));
	if (!h->kernel)
		kernel_alloc(h, TERN_PAGE_SIZE, &va);
	f->area = host_at(h, bus);
	memset(f->area, 0, 16 * TERN_PAGE_SIZE);
	f->boot = (void *)f->area;
	lay_out(f->boot);
	REQUIRE(f->boot->area_bytes <= 16 * TERN_PAGE_SIZE);
	f->to_fw = (void *)(f->area + f->boot->to_fw);
	f->to_host = (void *)(f->area + f->boot->to_host);
	f->info = (void *)(f->area + f->boot->info);
	f->crash = (void *)(f->area + f->boot->crash);
	space_map(h, h->kernel, AREA_VA, bus, 16 * TERN_PAGE_SIZE, TERN_PTE_WRITE);
	reg_set64(h, TERN_FW_REG_BOOT_ARGS, AREA_VA);
	reg_set(h, TERN_REG_MCU_ENTRY, entry);
	reg_set(h, TERN_REG_MCU_CONTROL, 1);
	HOST_ASSERT(reg_becomes(h, TERN_FW_REG_BOOT_STATUS, UINT32_MAX, TERN_FW_STAGE_READY),
		    "the firmware does not boot: %#x", reg_get(h, TERN_FW_REG_BOOT_STATUS));
}

/* ---- messages ------------------------------------------------------------------------------------------- */
static bool next(struct host_fw *f, struct tern_fw_message *m)
{
	for (int tries = 0; tries < HOST_WAIT * 5; tries++) {
		if (__atomic_load_n(&f->to_host->write, __ATOMIC_ACQUIRE) != f->seen) {
			*m = f->to_host->message[f->seen % MESSAGES];
			REQUIRE(m->seq == f->seen);
			__atomic_store_n(&f->to_host->read, ++f->seen, __ATOMIC_RELEASE);
			return true;
		}
		usleep(200);
	}
	return false;
}

unsigned int fw_request(struct host *h, struct host_fw *f, unsigned int type, unsigned int slot,
			uint64_t arg0, uint64_t arg1, struct tern_fw_message *reply)
{
	struct tern_fw_message m = {.seq = f->sent,
				    .type = (uint16_t)type,
				    .slot = slot,
				    .arg = {arg0, arg1}},
			       r;

	f->to_fw->message[f->sent % MESSAGES] = m;
	__atomic_store_n(&f->to_fw->write, ++f->sent, __ATOMIC_RELEASE);
	reg_set(h, TERN_FW_REG_HOST_KICK, 1);
	do
		HOST_ASSERT(next(f, &r), "no reply to request %u", type);
	while (r.type != TERN_FW_EVENT_REPLY);
	REQUIRE(r.reply_to == m.seq);
	if (reply)
		*reply = r;
	return r.status;
}

bool fw_event(struct host *h, struct host_fw *f, unsigned int type, struct tern_fw_message *out)
{
	struct tern_fw_message m;

	(void)h;
	while (next(f, &m)) {
		if (m.type != type)
			continue;
		if (out)
			*out = m;
		return true;
	}
	return false;
}

void fw_log(struct host_fw *f, FILE *out)
{
	const struct tern_fw_stream *s = (const void *)(f->area + f->boot->log);
	const struct tern_fw_log_record *r = (const void *)(s + 1);

	for (uint32_t i = 0; i < s->write; i++)
		fprintf(out, "firmware: %.*s\n", r[i % LOGS].bytes, r[i % LOGS].text);
}
