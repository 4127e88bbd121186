// SPDX-License-Identifier: MIT
/* The kernel's side, and the passing of time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_fake_internal.h"

#define MAX_PASSES 10000 /* in no time: the firmware does not come to rest */

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct tern_fw_boot *b;

	if (!f)
		abort();
	fake_now = f;
	f->khz = 1000;
	f->now = 1000;
	f->running = NO_SLOT;
	f->command_end = f->timer = f->watchdog = NEVER;
	f->area_bytes = FAKE_BYTES;
	f->area = aligned_alloc(4096, FAKE_BYTES); /* for mprotect() */
	f->boot_args = FAKE_AREA;
	b = f->boot = (struct tern_fw_boot *)f->area;
	if (!b)
		abort();
	memset(f->area, 0, FAKE_BYTES);
	*b = (struct tern_fw_boot){.magic = TERN_FW_BOOT_MAGIC,
				   .major = TERN_FW_MAJOR,
				   .area_bytes = FAKE_BYTES,
				   .to_fw = 0x1000,
				   .to_fw_count = 16,
				   .to_host = 0x2000,
				   .to_host_count = 16,
				   .log = 0x3000,
				   .log_count = 16,
				   .trace = 0x4000,
				   .trace_count = 64,
				   .crash = 0x8000,
				   .info = 0x9000,
				   .features = 7,
#define X(name, code, low, high, usual, text) .param[code] = usual,
				   TERN_FW_PARAMS(X)
#undef X
	};
	return f;
}

void fake_free(struct fake *f)
{
	free(f->area);
	free(f);
	fake_now = NULL;
}

uint32_t fake_boot(struct fake *f)
{
	if (!setjmp(f->stop))
		firmware_boot(&f->fw);
	f->beat = f->now;
	f->longest_beat = 0;
	f->awake = true;
	return f->boot_status;
}

struct fake *fake_booted(void)
{
	struct fake *f = fake_new();

	if (fake_boot(f) != TERN_FW_STAGE_READY)
		abort();
	return f;
}

/* One pass; it may also end in a halt. */
static void run_mcu(struct fake *f)
{
	f->awake = false;
	if (!setjmp(f->stop))
		f->awake = firmware_pass(&f->fw);
}

static bool is_awake(const struct fake *f)
{
	return !f->halted && (f->awake || f->events || f->bells || f->kick);
}

void fake_until(struct fake *f, uint64_t time)
{
	unsigned int passes = 0;
	uint64_t at = f->now;

	for (;;) {
		fake_settle(f);
		if (is_awake(f)) {
			passes = f->now == at ? passes + 1 : 0;
			at = f->now;
			if (passes == MAX_PASSES)
				fake_violation("it never sleeps");
			run_mcu(f);
			if (f->now < time || passes)
				continue;
		}
		if (f->now >= time)
			break;
		f->now = fake_next_event(f) < time ? fake_next_event(f) : time;
	}
}

void fake_for(struct fake *f, uint64_t ticks)
{
	fake_until(f, f->now + ticks);
}

/* ---- Slots ------------------------------------------------------------------------------ */

void fake_bind(struct fake *f, unsigned int slot, unsigned int priority)
{
	f->slot[slot] = (struct fake_slot){.valid = true, .priority = priority};
}

void fake_submit(struct fake *f, unsigned int slot, uint64_t jobs, uint64_t length)
{
	if (!f->slot[slot].jobs)
		f->slot[slot].waits = f->now;
	f->slot[slot].jobs += jobs;
	f->slot[slot].length = length;
	fake_ring(f, slot);
}

void fake_ring(struct fake *f, unsigned int slot)
{
	f->bells |= SLOT_BIT(slot);
}

enum tern_fw_status fake_start(struct fake *f, unsigned int slot)
{
	return (enum tern_fw_status)fake_ask(f, TERN_FW_SLOT_START, slot, 0, 0).status;
}

void fake_busy(struct fake *f, unsigned int slot, unsigned int priority)
{
	fake_bind(f, slot, priority);
	if (fake_start(f, slot) != TERN_FW_STATUS_OK)
		abort();
	fake_submit(f, slot, 1, 1ull << 60);
}

/* ---- Messages ------------------------------------------------------------------------------ */

static void *place(struct fake *f, uint32_t offset)
{
	return f->area + offset;
}

struct tern_fw_ring *fake_to_fw(struct fake *f)
{
	return place(f, f->boot->to_fw);
}

struct tern_fw_ring *fake_to_host(struct fake *f)
{
	return place(f, f->boot->to_host);
}

struct tern_fw_stream *fake_log(struct fake *f)
{
	return place(f, f->boot->log);
}

struct tern_fw_stream *fake_trace(struct fake *f)
{
	return place(f, f->boot->trace);
}

void fake_kick(struct fake *f)
{
	f->kick = 1;
}

void fake_post(struct fake *f, struct tern_fw_message m)
{
	struct tern_fw_ring *r = fake_to_fw(f);

	m.seq = f->sent;
	r->message[f->sent & (f->boot->to_fw_count - 1)] = m;
	r->write = ++f->sent;
	fake_kick(f);
}

bool fake_take(struct fake *f, struct tern_fw_message *m)
{
	struct tern_fw_ring *r = fake_to_host(f);
	bool full = r->write - f->taken == f->boot->to_host_count;

	if (r->write - f->taken > f->boot->to_host_count)
		fake_violation("more messages than there is room for");
	if (r->write == f->taken)
		return false;
	*m = r->message[f->taken & (f->boot->to_host_count - 1)];
	if (m->seq != f->taken || !m->type || m->type >= IPC_NEVENTS || m->slot >= TERN_NSLOTS)
		fake_violation("a message that makes no sense");
	if (m->type != TERN_FW_EVENT_REPLY && (m->status || m->reply_to))
		fake_violation("an event with a status");
	r->read = ++f->taken;
	f->last[m->type] = *m;
	f->count[m->type]++;
	if (full)
		fake_kick(f);
	return true;
}

void fake_take_all(struct fake *f)
{
	struct tern_fw_message m;

	while (fake_take(f, &m))
		;
}

struct tern_fw_message fake_ask(struct fake *f, enum tern_fw_request type, uint32_t slot,
				uint64_t arg0, uint64_t arg1)
{
	const struct tern_fw_message *reply = &f->last[TERN_FW_EVENT_REPLY];
	unsigned int before;

	fake_take_all(f);
	before = f->count[TERN_FW_EVENT_REPLY];
	fake_post(f, (struct tern_fw_message){
			     .type = (__le16)type, .slot = slot, .arg = {arg0, arg1}});
	for (unsigned int i = 0; i < 1000 && f->count[TERN_FW_EVENT_REPLY] == before; i++) {
		fake_for(f, i ? f->khz : 0);
		fake_take_all(f);
	}
	if (f->count[TERN_FW_EVENT_REPLY] != before + 1 || reply->reply_to != f->sent - 1)
		fake_violation("a request without its reply");
	return *reply;
}

void fake_set(struct fake *f, enum tern_fw_param which, uint32_t value)
{
	if (fake_ask(f, TERN_FW_SET_PARAM, 0, which, value).status != TERN_FW_STATUS_OK)
		abort();
}

bool fake_logged(struct fake *f, const char *text)
{
	const struct tern_fw_log_record *r = (const void *)(fake_log(f) + 1);
	char copy[sizeof(r->text) + 1] = "";

	for (unsigned int i = 0; i < f->boot->log_count; i++) {
		memcpy(copy, r[i].text, r[i].bytes);
		copy[r[i].bytes] = 0;
		if (strstr(copy, text))
			return true;
	}
	return false;
}
