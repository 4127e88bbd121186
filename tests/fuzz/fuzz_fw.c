// SPDX-License-Identifier: MIT
/*
 * fuzz_fw.c - a hostile kernel, hostile programs and a moody device against the firmware. The
 * fake stops it at whatever mcu.h does not allow; at the end, whatever came before, it must
 * still answer a PING, have kept its heartbeat, and its watchdog must not have barked.
 *
 * Input: a byte of flags, with FLAG_BOOT a struct tern_fw_boot; then actions: a byte that says
 * which, and their operands.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/fw_fake.h"

#define FLAG_BOOT  1u /* the kernel boots it with what the input says */
#define FLAG_RACE  2u /* memory changes at every barrier */
#define FLAG_TICK  4u /* loads take time */
#define FLAG_CLOCK 8u /* 1 GHz */

#define MAX_ACTIONS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct input {
	const uint8_t *at;
	size_t left;
	uint32_t lcg;	/* where FLAG_RACE strikes */
	bool read_lied; /* our read index was nonsense: what lies in the ring is anything */
} in;

static void take_bytes(void *to, size_t n)
{
	size_t have = n < in.left ? n : in.left;

	memset(to, 0, n);
	memcpy(to, in.at, have);
	in.at += have;
	in.left -= have;
}

static uint64_t take(size_t n)
{
	uint64_t v = 0;

	take_bytes(&v, n);
	return v;
}

/* ---- Actions -------------------------------------------------------------------------- */

static void scribble(struct fake *f)
{
	uint32_t at = (uint32_t)take(3) % (FAKE_BYTES - sizeof(struct tern_fw_boot));

	f->area[sizeof(struct tern_fw_boot) + at] = (char)take(1);
	in.read_lied = true;
}

static void raw_message(struct fake *f)
{
	struct tern_fw_message m;

	take_bytes(&m, sizeof(m));
	fake_post(f, m);
}

static void wrong_seq(struct fake *f)
{
	raw_message(f);
	fake_to_fw(f)->message[(f->sent - 1) % f->boot->to_fw_count].seq = (uint32_t)take(4);
}

static void request(struct fake *f)
{
	struct tern_fw_message m = {.type = (__le16)take(1), .slot = (uint32_t)take(1)};

	m.arg[0] = take(1);
	m.arg[1] = take(4);
	fake_post(f, m);
}

static void start(struct fake *f)
{
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_SLOT_START,
					      .slot = (uint32_t)take(1) % TERN_NSLOTS});
}

static void write_index(struct fake *f)
{
	fake_to_fw(f)->write = f->sent = (uint32_t)take(4);
	fake_kick(f);
}

static void read_index(struct fake *f)
{
	fake_to_host(f)->read = (uint32_t)take(4);
	in.read_lied = true;
}

static void bells(struct fake *f)
{
	f->bells |= take(8);
}

static void wait(struct fake *f)
{
	fake_for(f, take(2) * (f->khz / 1000));
}

static void bind(struct fake *f)
{
	unsigned int slot = (unsigned int)take(1) % TERN_NSLOTS;
	uint64_t how = take(1);

	if (f->running == slot)
		return; /* as the kernel does: not before STATE says so */
	fake_bind(f, slot, how & 3);
	f->slot[slot].user = how & 4;
	f->slot[slot].hangs = how & 8;
	f->slot[slot].idles = how & 16;
	f->slot[slot].faults = how & 32;
	f->slot[slot].lies = how & 64 ? 3 : 0;
}

static void submit(struct fake *f)
{
	unsigned int slot = (unsigned int)take(1) % TERN_NSLOTS;
	uint64_t jobs = take(1);

	fake_submit(f, slot, jobs, take(2));
}

static void unbind(struct fake *f)
{
	fake_unbind(f, (unsigned int)take(1) % TERN_NSLOTS);
}

static void speeds(struct fake *f)
{
	f->query_ticks = take(1);
	f->run_ticks = take(1);
	f->drain_ticks = take(1);
	f->save_ticks = take(2);
	f->abort_ticks = take(1);
}

/*
 * What there is, unless it was made to overwrite that. How far it got then only the firmware
 * knows: it keeps count for itself, and the index in memory, its alone to write, may be scribble.
 */
static void collect(struct fake *f)
{
	if (in.read_lied) {
		f->taken = f->fw.ipc.write;
		fake_to_host(f)->write = fake_to_host(f)->read = f->taken;
		in.read_lied = false;
		fake_kick(f);
	}
	fake_take_all(f);
}

static void (*const actions[])(struct fake *f) = {
	raw_message, wrong_seq, request, start,	 write_index, read_index, bells,
	wait,	     bind,	submit,	 unbind, speeds,      collect,	  fake_reset_engines,
	fake_kick,   scribble,
};

/* ---- One input --------------------------------------------------------------------------- */

static void race(struct fake *f)
{
	in.lcg = in.lcg * 1664525u + 1013904223u;
	if (in.lcg >> 30)
		return;
	((char *)fake_to_fw(f))[(in.lcg >> 8) % (64 * f->boot->to_fw_count)] ^= (char)in.lcg;
}

/* The kernel comes to its senses, the engines are reset: the firmware must be as new. */
static void must_answer(struct fake *f)
{
	struct tern_fw_ring *r = fake_to_fw(f);

	f->at_fence = NULL;
	f->query_ticks = f->run_ticks = f->drain_ticks = f->save_ticks = f->abort_ticks = 0;
	for (unsigned int i = 0; i < TERN_NSLOTS; i++)
		f->slot[i].hangs = false;
	fake_reset_engines(f);
	in.read_lied = true;
	collect(f);
	fake_for(f, 1);
	r->write = r->read = f->sent = f->fw.ipc.read;
	for (unsigned int i = 0; i < 3; i++) { /* replies that were held */
		collect(f);
		fake_for(f, f->khz);
		fake_reset_engines(f);
	}
	r->write = r->read = f->sent = f->fw.ipc.read;
	if (f->halted)
		return;
	if (fake_ask(f, TERN_FW_PING, 0, 42, 0).arg[0] != 42)
		fake_violation("it does not answer");
}

static bool may_halt(const struct fake *f)
{
	return f->boot_status == TERN_FW_STAGE_STOPPED;
}

static void act(struct fake *f)
{
	for (unsigned int i = 0; i < MAX_ACTIONS && in.left && !f->halted; i++)
		actions[take(1) % (sizeof(actions) / sizeof(actions[0]))](f);
	if (!f->halted)
		must_answer(f);
	if (f->barked || (f->halted && !may_halt(f)))
		fake_violation("it died");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *f = fake_new();
	unsigned int flags;

	in = (struct input){.at = data, .left = size, .lcg = (uint32_t)size};
	flags = (unsigned int)take(1);
	if (flags & FLAG_BOOT)
		take_bytes(f->boot, sizeof(*f->boot));
	f->tick = !!(flags & FLAG_TICK);
	f->khz = flags & FLAG_CLOCK ? 1000000 : 1000;
	if (fake_boot(f) == TERN_FW_STAGE_READY) {
		f->at_fence = flags & FLAG_RACE ? race : NULL;
		act(f);
	} else if (!f->halted) {
		fake_violation("neither READY nor halted");
	}
	fake_free(f);
	return 0;
}
