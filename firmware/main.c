// SPDX-License-Identifier: MIT
#include "firmware.h"
#include "mcu.h"

static struct firmware firmware;

struct firmware *mcu_firmware(void)
{
	return &firmware;
}

_Noreturn void mcu_main(void)
{
	mcu_paint_stack();
	firmware_boot(&firmware);
	for (;;) {
		bool again = firmware_pass(&firmware);

		mcu_check_stack();
		if (!again)
			__asm__ volatile("wfi");
	}
}
