// SPDX-License-Identifier: MIT
/*
 * fuzz_driver.c - what device, firmware and processes may say, to the driver's own validators: the
 * pure files of driver/. What they let pass is held against the limits once more, computed here; the
 * page tables against an array that says what is mapped.
 *
 * Input: a byte that says to whom, and what.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/tern_fw_image.h"
#include "driver/tern_fw_log.h"
#include "driver/tern_pt.h"
#include "driver/tern_report.h"
#include "driver/tern_ring.h"
#include "driver/tern_uapi_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static void take_bytes(struct input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
}

static uint64_t take(struct input *in, size_t n)
{
	uint64_t value = 0;

	take_bytes(in, &value, n);
	return value;
}

#define MUST(cond)                                                                     \
	do {                                                                           \
		if (!(cond)) {                                                         \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                       \
		}                                                                      \
	} while (0)

static int within(uint64_t start, uint64_t size, uint64_t end)
{
	return start <= end && size <= end - start;
}

/* ---- Firmware: its file, its ring, its log ---- */
#define TCM_BYTES 0x40000u

/* Four bytes, or a small multiple of four, as they have to be. */
static uint32_t number(struct input *in)
{
	uint8_t how = (uint8_t)take(in, 1);

	return how < 16 ? (uint32_t)take(in, 4) : 4 * how;
}

static void section(struct input *in, struct tern_fw_section *s)
{
	s->offset = (uint32_t)sizeof(struct tern_fw_header) + number(in);
	s->file_bytes = number(in);
	s->tcm = number(in) << take(in, 1) % 12;
	s->mem_bytes = s->file_bytes + number(in);
	s->flags = (uint32_t)take(in, 1) % 8;
}

static void image_passed(const struct tern_fw_header *header, size_t size)
{
	MUST(header->nsections <= TERN_FW_MAX_SECTIONS);
	for (uint32_t i = 0; i < header->nsections; i++) {
		const struct tern_fw_section *s = &header->section[i];

		MUST(within(s->offset, s->file_bytes, size));
		MUST(within(s->tcm, s->mem_bytes, TCM_BYTES));
		MUST(s->file_bytes <= s->mem_bytes);
		for (uint32_t k = 0; k < i; k++)
			MUST(s->tcm + s->mem_bytes <= header->section[k].tcm ||
			     header->section[k].tcm + header->section[k].mem_bytes <= s->tcm);
	}
	MUST(header->entry < TCM_BYTES);
}

static void image(struct input *in)
{
	struct tern_fw_limits limits = {.tcm_bytes = TCM_BYTES,
					.interface = TERN_INTERFACE_MAJOR << 16,
					.security_version = 1};
	size_t size = sizeof(struct tern_fw_header) + 4 * take(in, 1);
	struct tern_fw_header *header = calloc(1, size);
	uint8_t sections = (uint8_t)take(in, 1) % (TERN_FW_MAX_SECTIONS + 2);

	*header = (struct tern_fw_header){.magic = TERN_FW_MAGIC,
					  .header_version = TERN_FW_HEADER_VERSION,
					  .file_bytes = (uint32_t)size,
					  .major = TERN_FW_MAJOR,
					  .interface_major = TERN_INTERFACE_MAJOR,
					  .security_version = 1,
					  .nsections = sections,
					  .entry = number(in)};
	for (unsigned int i = 0; i < sections && i < TERN_FW_MAX_SECTIONS; i++)
		section(in, &header->section[i]);
	for (uint8_t n = (uint8_t)take(in, 1) % 4; n; n--) /* anything anywhere */
		((uint8_t *)header)[take(in, 2) % sizeof(*header)] = (uint8_t)take(in, 1);
	memcpy(limits.sha256, header->sha256, sizeof(limits.sha256));
	if (tern_fw_image_check(header, size, &limits) == TERN_FW_IMAGE_NONE)
		image_passed(header, size);
	free(header);
}

static void ring(struct input *in)
{
	enum { COUNT = 8 };
	struct tern_fw_ring *r = calloc(1, sizeof(*r) + COUNT * sizeof(r->message[0]));
	uint32_t read = (uint32_t)take(in, 4), taken = 0, written = (uint32_t)take(in, 1) % 16;
	struct tern_message message;

	r->write = read + written;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct tern_fw_message *m = &r->message[(read + i) % COUNT];

		m->seq = read + i + !take(in, 1);
		m->type = (uint16_t)take(in, 1) % 16;
		m->status = (uint16_t)take(in, 1) % 12;
		m->slot = (uint32_t)take(in, 1) % 80;
		m->reply_to = (uint32_t)take(in, 1);
	}
	while (tern_ring_next(r, COUNT, read + taken, &message) == TERN_RING_MESSAGE) {
		MUST(message.slot < TERN_NSLOTS);
		MUST(++taken <= COUNT && written <= COUNT);
	}
	free(r);
}

static void stream(struct input *in)
{
	enum { COUNT = 16, BYTES = 64 };
	struct tern_fw_stream *s = calloc(1, sizeof(*s) + COUNT * BYTES);
	struct tern_stream_reader reader = {.next = (uint32_t)take(in, 4)};
	uint32_t first = reader.next, read = 0;
	char record[BYTES], text[BYTES];

	take_bytes(in, s, sizeof(*s) + COUNT * BYTES);
	while (tern_stream_next(s, COUNT, BYTES, &reader, record)) {
		MUST(++read <= COUNT);
		MUST(tern_text_clean(text, sizeof(text), record + 4, BYTES - 4) < sizeof(text));
	}
	/* Nothing comes twice, and nothing is forgotten. */
	MUST(reader.next == s->write && read + reader.lost == s->write - first);
	free(s);
}

/* ---- Reports ---- */
static void info(struct input *in)
{
	struct tern_fw_info said;
	uint64_t offered = take(in, 1);

	take_bytes(in, &said, sizeof(said));
	said.major %= 4;
	said.features &= 15;
	said.slots %= 128;
	if (tern_report_info(&said, offered))
		return;
	MUST(said.major == TERN_FW_MAJOR && (said.features | offered) == offered);
	MUST(said.slots >= 1 && said.slots <= TERN_NSLOTS);
}

static void caps(struct input *in)
{
	struct tern_caps said;
	uint64_t page = 4096ull << take(in, 1) % 5;
	uint32_t stride = (1u << take(in, 1) % 32) + (uint32_t)take(in, 1) % 16 / 8;
	uint64_t region = (uint64_t)stride * (take(in, 1) % 128) + take(in, 1);

	take_bytes(in, &said, sizeof(said));
	if (tern_report_caps(&said))
		MUST(said.save_bytes / sizeof(struct tern_save_area) && said.save_bytes <= 1 << 28);
	if (tern_report_doorbells(stride, page, region))
		for (uint64_t slot = 0; slot < TERN_NSLOTS; slot++)
			MUST(!(slot * stride % page) && within(slot * stride, page, region));
}

/* However often it is asked, no job ends twice, none that was not begun, none is left out. */
static void done(struct input *in)
{
	uint64_t collected = take(in, 8), write = collected, ended = collected;

	while (in->left) {
		uint64_t said = collected + (uint64_t)(int8_t)take(in, 1);

		if (write < UINT64_MAX - 256)
			write += take(in, 1);
		if (!tern_report_done(said, collected, write))
			continue;
		MUST(said >= collected);
		for (; collected < said; collected++)
			MUST(ended++ < write);
	}
	MUST(collected == ended && ended <= write);
}

static void fault(struct input *in)
{
	static const char *const known[] = {
#define X(name, code, class, text) [code] = text,
		TERN_HW_FAULTS(X)
#undef X
	};
	struct drm_tern_fault told;
	struct tern_fault said;

	take_bytes(in, &said, sizeof(said));
	said.code %= 80;
	if (!tern_report_fault(&said, &told))
		return;
	MUST(said.code < sizeof(known) / sizeof(known[0]) && known[said.code]);
	MUST(told.code == said.code && told.class_ && told.queue < 8 && !told.pad);
	MUST(told.addr == said.addr && told.info == said.info && told.word == said.word);
}

/* ---- Processes ---- */
static void array_is_sane(const struct drm_tern_array *array, uint32_t most, size_t least)
{
	MUST(array->count <= most);
	MUST(!array->count || (array->stride >= least && array->stride <= 4096));
}

static void bind_op(struct input *in)
{
	struct drm_tern_vm_bind_op op;
	uint64_t bo_size = take(in, 5) & ~4095ull;

	take_bytes(in, &op, sizeof(op));
	if (tern_check_bind_op(&op, take(in, 1) & 1))
		return;
	MUST(op.size && within(op.va, op.size, 1ull << TERN_VA_BITS) && op.va >= 4096);
	MUST(!((op.va | op.size | op.bo_offset) % 4096) && !op.pad);
	array_is_sane(&op.syncs, 64, sizeof(struct drm_tern_sync));
	if (!tern_check_bind_bo(&op, bo_size))
		MUST(within(op.bo_offset, op.size, bo_size));
}

static void queue(struct input *in)
{
	struct drm_tern_queue_create args;
	uint64_t bo_size = take(in, 5);

	take_bytes(in, &args, sizeof(args));
	if (tern_check_queue_create(&args))
		return;
	MUST(args.priority < 4 && !args.pad);
	if (args.flags && !tern_check_ring_bo(&args, bo_size))
		MUST(within(args.ring_offset, sizeof(struct tern_ring), bo_size) &&
		     !(args.ring_offset % 64));
}

static void wait(struct input *in)
{
	struct drm_tern_queue_wait args;
	uint64_t bo_size = take(in, 5);

	take_bytes(in, &args, sizeof(args));
	if (!tern_check_wait(&args, true) && !tern_check_wait_bo(&args, bo_size))
		MUST(within(args.offset, 8, bo_size) && !(args.offset % 8));
}

static void submit(struct input *in)
{
	struct drm_tern_submit args;
	struct drm_tern_job job;

	take_bytes(in, &args, sizeof(args));
	take_bytes(in, &job, sizeof(job));
	if (!tern_check_submit(&args)) {
		MUST(args.jobs.count);
		array_is_sane(&args.jobs, 256, sizeof(job));
	}
	if (tern_check_job(&job))
		return;
	MUST(!(job.image % 64) && !(job.profile % 64) && job.budget <= 1ull << 44 && !job.pad);
	array_is_sane(&job.syncs, 64, sizeof(struct drm_tern_sync));
}

static void buffers(struct input *in)
{
	struct drm_tern_bo_from_userptr user;
	struct drm_tern_bo_create create;
	struct drm_tern_bo_sync sync;
	struct drm_tern_bo_label label;
	char text[64];
	uint64_t bo_size = take(in, 5);

	take_bytes(in, &user, sizeof(user));
	take_bytes(in, &create, sizeof(create));
	take_bytes(in, &sync, sizeof(sync));
	take_bytes(in, &label, sizeof(label));
	take_bytes(in, text, sizeof(text));
	if (!tern_check_userptr(&user, 4096))
		MUST(user.size && !((user.address | user.size) % 4096) &&
		     user.address + user.size > user.address);
	if (!tern_check_bo_create(&create))
		MUST(create.size && create.size <= 1ull << TERN_VA_BITS && !create.pad);
	if (!tern_check_bo_sync(&sync, bo_size))
		MUST(sync.size && within(sync.offset, sync.size, bo_size));
	if (!tern_check_label(&label))
		MUST(label.size <= sizeof(text));
	if (!tern_check_label_text(text, sizeof(text)))
		for (size_t i = 0; i < sizeof(text); i++)
			MUST(!text[i] || (text[i] >= ' ' && text[i] <= '~'));
}

static void perf(struct input *in)
{
	struct drm_tern_perf args;

	take_bytes(in, &args, sizeof(args));
	args.op %= 8;
	if (tern_check_perf(&args))
		return;
	MUST(args.op <= DRM_TERN_PERF_TRACE_STOP);
	MUST(args.op != DRM_TERN_PERF_TRACE_START || (args.size && args.size <= 65536));
	MUST(args.op != DRM_TERN_PERF_TRACE_READ || args.stride >= 32);
}

/* ---- Page tables ---- */
#define REGIONS 4u /* of 2 MiB, on both sides of a border of 1 GiB */
#define PAGES	(REGIONS * 512)
#define BASE	((1ull << 30) - 2 * TERN_HUGE_SIZE)

static uint64_t model[PAGES]; /* entry of each page, or 0 */

static struct tern_pt *table_new(int leaf)
{
	struct tern_pt *table = calloc(1, sizeof(*table));

	table->entry = aligned_alloc(TERN_PAGE_SIZE, TERN_PAGE_SIZE);
	memset(table->entry, 0, TERN_PAGE_SIZE);
	if (!leaf)
		table->child = calloc(TERN_PT_ENTRIES, sizeof(struct tern_pt *));
	table->dma = (uintptr_t)table->entry;
	return table;
}

static void tables_free(struct tern_pt *list)
{
	while (list) {
		struct tern_pt *table = list;

		list = table->next;
		free(table->entry);
		free(table->child);
		free(table);
	}
}

static void tree_free(struct tern_pt *table)
{
	for (int i = 0; table->child && i < TERN_PT_ENTRIES; i++)
		if (table->child[i])
			tree_free(table->child[i]);
	table->next = NULL;
	tables_free(table);
}

/* As the device does: only by entries. */
static uint64_t walk(const struct tern_pt *root, uint64_t va)
{
	const __le64 *entry = root->entry;
	uint64_t e = 0;

	for (int level = 3; level >= 0; level--) {
		e = entry[va >> (12 + 9 * level) & 511];
		if (!(e & TERN_PTE_VALID))
			return 0;
		if (e & TERN_PTE_LEAF)
			return level ? e + (va & (TERN_HUGE_SIZE - 1) & ~4095ull) : e;
		entry = (const __le64 *)(uintptr_t)(e & ~4095ull);
	}
	return e;
}

/* One change, with exactly the tables that were said to be needed. */
static void change(struct input *in, struct tern_pt *root)
{
	uint8_t how = (uint8_t)take(in, 1);
	uint64_t first = take(in, 2) % PAGES, pages = 1 + take(in, 2) % (PAGES - first);
	uint64_t va, size, dma = take(in, 3) << 12;
	struct tern_pt_stock stock = {0};
	struct tern_pt_need need = {0};
	struct tern_pt_update update = {.root = root, .stock = &stock};
	uint64_t flags = how & 2 ? TERN_PTE_WRITE : 0;

	if (how & 4) { /* whole regions: large pages */
		first &= ~511ull;
		pages = (pages + 511) & ~511ull;
		dma &= ~(TERN_HUGE_SIZE - 1);
	}
	va = BASE + (first << 12);
	size = pages << 12;
	if (how & 1) {
		tern_pt_need_map(&need, va, dma, size);
		tern_pt_need_range(&need, va, size);
	} else {
		tern_pt_need_unmap(&need, va, size);
	}
	for (; need.leaves; need.leaves--) {
		struct tern_pt *table = table_new(1);

		table->next = stock.leaf;
		stock.leaf = table;
	}
	for (; need.dirs; need.dirs--) {
		struct tern_pt *table = table_new(0);

		table->next = stock.dir;
		stock.dir = table;
	}
	if (how & 1)
		tern_pt_map(&update, va, dma, size, flags);
	else
		tern_pt_unmap(&update, va, size);
	for (uint64_t i = 0; i < pages; i++)
		model[first + i] =
			how & 1 ? (dma + (i << 12)) | flags | TERN_PTE_VALID | TERN_PTE_LEAF : 0;
	tables_free(stock.leaf);
	tables_free(stock.dir);
	tables_free(update.freed); /* what still leads there is a use after free from now on */
}

static void page_tables(struct input *in)
{
	struct tern_pt *root = table_new(0);

	memset(model, 0, sizeof(model));
	for (int i = 0; i < 12 && in->left; i++) {
		change(in, root);
		for (uint64_t page = 0; page < PAGES; page++)
			MUST(walk(root, BASE + (page << 12)) == model[page]);
	}
	tree_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const judges[])(struct input *) = {
		image,	 ring, stream,	    bind_op, queue, wait, submit,
		buffers, perf, page_tables, info,    caps,  done, fault,
	};
	struct input in = {data, size};

	judges[take(&in, 1) % (sizeof(judges) / sizeof(judges[0]))](&in);
	return 0;
}
