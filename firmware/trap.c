// SPDX-License-Identifier: MIT
/* The end: what an exception leaves for the kernel. */
#include "firmware.h"
#include "mcu.h"

#define STACK_PAINT 0x4b415453u /* "STAK" */

static enum tern_fw_error blame = TERN_FW_ERROR_SELFTEST;
static const char *panic_message;

void hal_blame(enum tern_fw_error error)
{
	blame = error;
}

_Noreturn void hal_halt(void)
{
	for (;;)
		hal_store(HAL_REG(HALT), 1);
}

_Noreturn void mcu_panic(const char *message)
{
	panic_message = message;
	__asm__ volatile("ebreak");
	__builtin_unreachable();
}

void mcu_paint_stack(void)
{
	*mcu_stack_bottom = STACK_PAINT;
}

void mcu_check_stack(void)
{
	if (*mcu_stack_bottom != STACK_PAINT)
		mcu_panic("the stack is used up");
}

static _Noreturn void tell(enum tern_fw_stage stage, enum tern_fw_error error)
{
	firmware_stage(stage, error);
	hal_store(HAL_REG(HOST_IRQ), 1);
	hal_halt();
}

static void copy_text(char *to, const char *from, size_t size)
{
	while (size-- > 1 && *from)
		*to++ = *from++;
}

static uint32_t copy_stack(struct tern_fw_crash *c, uint32_t sp)
{
	const uint32_t *at = (const uint32_t *)(sp & ~3u);
	uint32_t n = 0;

	if (at < mcu_stack_bottom || at > mcu_stack_top)
		return 0;
	while (at + n < mcu_stack_top && n < sizeof(c->stack) / sizeof(c->stack[0])) {
		c->stack[n] = at[n];
		n++;
	}
	return n;
}

static void record(struct tern_fw_crash *to, const uint32_t *x, uint32_t mcause, uint32_t mepc,
		   uint32_t mtval)
{
	static struct tern_fw_crash c; /* not on a stack that may be the reason */

	c.mcause = mcause;
	c.mepc = mepc;
	c.mtval = mtval;
	for (unsigned int i = 0; i < 32; i++)
		c.x[i] = x[i];
	c.timestamp = hal_load64(HAL_REG(TIMESTAMP));
	c.running_slot = hal_load(HAL_REG(RUNNING_SLOT));
	c.stack_words = copy_stack(&c, x[2]);
	copy_text(c.message, panic_message ? panic_message : "exception", sizeof(c.message));
	copy_text(c.build, fw_build, sizeof(c.build));
	shared_write((__le32 *)to + 1, (__le32 *)&c + 1, sizeof(c) - 4);
	hal_fence_ww();
	shared_store(&to->magic, TERN_FW_CRASH_MAGIC);
}

_Noreturn void mcu_trap(const uint32_t *x, uint32_t mcause, uint32_t mepc, uint32_t mtval)
{
	/* Before READY it is the kernel's area, or the machine, that is not as it should be. */
	if (blame != TERN_FW_ERROR_PANIC)
		tell(TERN_FW_STATUS_STAGE(hal_load(HAL_REG(BOOT_STATUS))), blame);
	record(mcu_firmware()->crash, x, mcause, mepc, mtval);
	tell(TERN_FW_STAGE_CRASHED, TERN_FW_ERROR_PANIC);
}

_Noreturn void mcu_trap_again(void)
{
	tell(TERN_FW_STAGE_CRASHED, TERN_FW_ERROR_PANIC);
}
