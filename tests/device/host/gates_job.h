/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs of one access each, for the tests of what the device lets them reach. Included once by each. */
#ifndef DEVICE_GATES_JOB_H
#define DEVICE_GATES_JOB_H

#include <stdlib.h>

#include "gates.h"
#include "sim_fixture.h"

#define SLOT   5u
#define ASID   9u
#define THERE  0x40000u /* in the data: what a program reaches for */
#define BYTES  (16u << 20)
#define WINDOW 0x90000000u /* where the MCU sees what share_page() shares */

static struct host h;
static struct env e;
static struct host_queue q;
static struct host_space *s;
static uint64_t bus; /* of MEM_VA */

static void setup(void)
{
	host_open(&h, &(struct host_options){.bytes = BYTES});
	env_open(&e, "small", NULL);
	env_begin(&e);
}

static void teardown(void)
{
	free(s);
	env_close(&e);
	ck_assert_int_eq(host_close(&h), 0);
}

/* ---- the MCU ----------------------------------------------------------------------------- */
static void share_page(uint64_t at)
{
	uint64_t va;

	host_enable(&h);
	kernel_alloc(&h, TERN_PAGE_SIZE, &va);
	space_map(&h, h.kernel, WINDOW, at, TERN_PAGE_SIZE, TERN_PTE_WRITE);
}

/* ---- programs, of one access each -------------------------------------------------------------- */
static struct tile target(void)
{
	return mem_tile(TERN_T_F32, THERE, 16, 4);
}

static struct tile scratch(void)
{
	return spm_tile(TERN_T_F32, 0, 16, 4);
}

static void by_load0(void)
{
	load(&e, scratch(), target());
}

static void by_load1(void)
{
	set_tile(&e, 0, scratch());
	set_tile(&e, 1, target());
	tern_emit_load(&e.code, true, 0, 1, TERN_NONE, NULL, NULL, NULL);
}

static void by_store(void)
{
	store(&e, scratch(), target());
}

static void by_ldr(void)
{
	tern_emit_movi(&e.code, 7, (int64_t)(DATA_VA + THERE));
	tern_emit_ldr(&e.code, 8, 1, 7, 0, 3);
}

static void by_fence(void)
{
	tern_emit_movi(&e.code, 7, (int64_t)(DATA_VA + THERE));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, 7, 0, 0, 0, (uint64_t[]){0, 0x1122334455667788},
		      2);
}

static void by_stamp(void)
{
	tern_emit_movi(&e.code, 7, (int64_t)(DATA_VA + THERE));
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, 7, 0, 0, 0, (uint64_t[]){0}, 1);
}

static const struct {
	void (*emit)(void);
	enum tern_queue source;
	bool write;
} programs[] = {
	{by_load0, TERN_Q_LOAD0, false}, {by_load1, TERN_Q_LOAD1, false},
	{by_store, TERN_Q_STORE, true},	 {by_ldr, TERN_Q_CP, false},
	{by_fence, TERN_Q_CP, true},	 {by_stamp, TERN_Q_CP, true},
};
#define NPROGRAMS (sizeof(programs) / sizeof(programs[0]))

/* The program in a context of its own, whose page THERE lies at `there` on the bus; 0: where the
 * others are. */
static void prepare(uint64_t there)
{
	const uint64_t at = DATA_OFF + THERE;

	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	host_enable(&h);
	s = space_create(&h, ASID);
	bus = host_alloc(&h, MEM_BYTES, TERN_PAGE_SIZE);
	memcpy(host_at(&h, bus), e.mem, MEM_BYTES);
	space_map(&h, s, MEM_VA, bus, DATA_OFF, TERN_PTE_EXEC);
	space_map(&h, s, DATA_VA, bus + DATA_OFF, THERE, TERN_PTE_WRITE);
	space_map(&h, s, DATA_VA + THERE, there ? there : bus + at, TERN_PAGE_SIZE, TERN_PTE_WRITE);
	queue_create(&h, &q, SLOT, s, 0, 8);
	queue_bind(&h, &q, 0);
	mcu_set(&h, TERN_FW_REG_POWER, TERN_POWER_ON);
}

static const struct tern_job job = {.image = MEM_VA + IMAGE_OFF};

#endif
