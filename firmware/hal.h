/* SPDX-License-Identifier: MIT */
/*
 * All that the firmware asks of the machine it runs on: registers, barriers, addresses of the
 * window. On the MCU these are loads, stores and fences; the tests bring a machine of their own
 * (tests/unit/support/fw_fake.c), and everything but boot.S, main.c, trap.c, tcm.c is tested so.
 */
#ifndef FIRMWARE_HAL_H
#define FIRMWARE_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/fw.h>

#define HAL_REG(name) (TERN_FW_REG_##name - TERN_REGS_FW)

#if __STDC_HOSTED__

uint32_t hal_load(uint32_t reg);
void hal_store(uint32_t reg, uint32_t value);
/* Where ADDRESS of WINDOW lies; does not return if not all of BYTES is mapped. */
void *hal_window(uint32_t address, uint32_t bytes);
void hal_fence(void);
_Noreturn void hal_halt(void);
/* An exception from here on is told by BOOT_STATUS with this error. */
void hal_blame(enum tern_fw_error error);

#define hal_fence_ww() hal_fence()
#define hal_fence_rr() hal_fence()
#define hal_fence_rw() hal_fence()
#define hal_fence_wo() hal_fence()
#define hal_fence_oi() hal_fence()

#else

static inline uint32_t hal_load(uint32_t reg)
{
	return *(volatile uint32_t *)(TERN_MCU_REGS + reg);
}

static inline void hal_store(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(TERN_MCU_REGS + reg) = value;
}

/* What is not mapped is an access fault at the first touch. */
static inline void *hal_window(uint32_t address, uint32_t bytes)
{
	(void)bytes;
	return (void *)address;
}

#define HAL_FENCE(before, after) __asm__ volatile("fence " #before "," #after ::: "memory")
#define hal_fence_ww()		 HAL_FENCE(w, w)
#define hal_fence_rr()		 HAL_FENCE(r, r)
#define hal_fence_rw()		 HAL_FENCE(r, w)
#define hal_fence_wo()		 HAL_FENCE(w, o)
/* Clear, then look: neither a register nor memory may be read before the clearing is done. */
#define hal_fence_oi()		 HAL_FENCE(o, ir)

_Noreturn void hal_halt(void);
void hal_blame(enum tern_fw_error error);

#endif

/* Low half first, both ways: that is what latches and what takes effect. */
static inline uint64_t hal_load64(uint32_t reg)
{
	uint32_t low = hal_load(reg);

	return low | (uint64_t)hal_load(reg + 4) << 32;
}

static inline void hal_store64(uint32_t reg, uint64_t value)
{
	hal_store(reg, (uint32_t)value);
	hal_store(reg + 4, (uint32_t)(value >> 32));
}

/* Words of memory that somebody else reads and writes too. */
static inline uint32_t shared_load(const __le32 *at)
{
	return *(const volatile __le32 *)at;
}

static inline void shared_store(__le32 *at, uint32_t value)
{
	*(volatile __le32 *)at = value;
}

/* Whole words, each read or written once, of whatever type they are part of. */
typedef __le32 __attribute__((may_alias)) shared_word;

static inline void shared_read(void *to, const void *from, size_t bytes)
{
	const volatile shared_word *f = from;
	shared_word *t = to;

	for (size_t i = 0; i < bytes / 4; i++)
		t[i] = f[i];
}

static inline void shared_write(void *to, const void *from, size_t bytes)
{
	volatile shared_word *t = to;
	const shared_word *f = from;

	for (size_t i = 0; i < bytes / 4; i++)
		t[i] = f[i];
}

#endif /* FIRMWARE_HAL_H */
