/* SPDX-License-Identifier: MIT */
/* What only exists on the MCU itself. */
#ifndef FIRMWARE_MCU_H
#define FIRMWARE_MCU_H

#include "hal.h"

struct firmware;

/* From boot.S and firmware.ld. */
extern uint32_t mcu_stack_bottom[], mcu_stack_top[];

struct firmware *mcu_firmware(void);

/* Tells of an exception, and halts. X: the 32 registers as they were. */
_Noreturn void mcu_trap(const uint32_t *x, uint32_t mcause, uint32_t mepc, uint32_t mtval);
/* Another one, while it tells. */
_Noreturn void mcu_trap_again(void);

_Noreturn void mcu_panic(const char *message);

/* Panics if the stack has grown to its bottom. */
void mcu_paint_stack(void);
void mcu_check_stack(void);

#endif /* FIRMWARE_MCU_H */
