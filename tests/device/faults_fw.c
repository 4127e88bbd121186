// SPDX-License-Identifier: GPL-2.0
#include "faults_fw.h"

#include <stddef.h>
#include <string.h>

#include "model.h"

struct to_host {
	uint64_t ring; /* address */
	uint32_t count, write;
	struct tern_fw_message last;
};

static uint64_t message_at(const struct to_host *t, uint32_t index)
{
	return t->ring + offsetof(struct tern_fw_ring, message) +
	       (index & (t->count - 1)) * sizeof(t->last);
}

static bool find(struct model *m, struct to_host *t)
{
	uint64_t at = m->mcu.boot_args;
	struct tern_fw_boot boot;

	if (!mmu_read(m, 0, at, &boot, sizeof(boot)) || boot.magic != TERN_FW_BOOT_MAGIC ||
	    !boot.to_host_count)
		return false;
	t->ring = at + boot.to_host;
	t->count = boot.to_host_count;
	return mmu_read(m, 0, t->ring, &t->write, sizeof(t->write)) && t->write &&
	       mmu_read(m, 0, message_at(t, t->write - 1), &t->last, sizeof(t->last));
}

static void set_write(struct model *m, struct to_host *t, uint32_t v)
{
	mmu_write(m, 0, t->ring, &v, sizeof(v));
}

/* One record more in the log, whose text is longer than a record and does not end. */
static void write_long_record(struct model *m)
{
	struct tern_fw_log_record record = {.level = TERN_FW_LOG_ERROR, .bytes = UINT8_MAX};
	struct tern_fw_boot boot;
	uint64_t log, at;
	uint32_t write;

	if (!mmu_read(m, 0, m->mcu.boot_args, &boot, sizeof(boot)) || !boot.log_count)
		return;
	log = m->mcu.boot_args + boot.log;
	if (!mmu_read(m, 0, log, &write, sizeof(write)))
		return;
	at = log + sizeof(struct tern_fw_stream) +
	     (uint64_t)(write & (boot.log_count - 1)) * sizeof(record);
	record.seq = ++write;
	memset(record.text, 'x', sizeof(record.text));
	mmu_write(m, 0, at, &record, sizeof(record));
	mmu_write(m, 0, log, &write, sizeof(write));
}

void faults_tamper(struct model *m)
{
	struct faults *f = &m->faults;
	struct to_host t;

	if (faults_take(f, FAULT_BAD_SIZE))
		write_long_record(m);
	if (!(faults_on(f, FAULT_BAD_INDEX) || faults_on(f, FAULT_BAD_MESSAGE) ||
	      faults_on(f, FAULT_REPLAY)) ||
	    !find(m, &t))
		return;
	/* Whoever lies goes on lying: the next true message would hide it from a slow reader. */
	if (faults_on(f, FAULT_BAD_MESSAGE)) {
		t.last.type = 0xffff;
		t.last.slot = 0x80000000u;
		mmu_write(m, 0, message_at(&t, t.write - 1), &t.last, sizeof(t.last));
	}
	if (faults_on(f, FAULT_REPLAY)) {
		mmu_write(m, 0, message_at(&t, t.write), &t.last, sizeof(t.last));
		set_write(m, &t, t.write + 1);
	}
	if (faults_on(f, FAULT_BAD_INDEX))
		set_write(m, &t, t.write + 0x10000);
}
