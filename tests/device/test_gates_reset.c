// SPDX-License-Identifier: GPL-2.0
/* Resets: nothing of before is left, for whoever gets the device next. By PCI (FLR) and hw.h. */
#include <check.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "host/gates_host.h"

#define SLOT 5u
#define ASID 9u
static void bind_slot(unsigned int slot)
{
	reg_set(&h, slot_reg(slot, TERN_SLOT_REG_CONTROL),
		TERN_SLOT_VALID | ASID << TERN_SLOT_ASID_SHIFT);
}

static void flr(struct host *host)
{
	uint32_t at = config_capability(host, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

	config_set(host, at, 2, PCI_EXP_DEVCTL_BCR_FLR);
	host_settle(host);
}

/* A processor writes bytes as it likes: the bit is in the second one. */
static void flr_by_a_byte(struct host *host)
{
	uint32_t at = config_capability(host, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

	config_set(host, at + 1, 1, PCI_EXP_DEVCTL_BCR_FLR >> 8);
	host_settle(host);
}

static void reset_all(struct host *host)
{
	reg_set(host, TERN_REG_RESET, TERN_RESET_ALL);
	ck_assert(reg_becomes(host, TERN_REG_RESET, UINT32_MAX, 0));
}

static const struct {
	void (*reset)(struct host *h);
	bool bus; /* configuration space too */
} resets[] = {{flr, true}, {flr_by_a_byte, true}, {reset_all, false}};

/* ---- resets ----------------------------------------------------------------------------------- */

/* What only says what the device is, or counts since power-on, or by the world's clock. */
static bool lasts(uint32_t reg)
{
	static const uint32_t lasting[] = {TERN_REG_ID,
					   TERN_REG_INTERFACE,
					   TERN_REG_STATUS,
					   TERN_REG_DMA_IDLE,
					   TERN_REG_SECURITY_VERSION,
					   TERN_REG_TCM_BYTES,
					   TERN_REG_TIMESTAMP,
					   TERN_REG_TIMESTAMP_KHZ,
					   TERN_REG_TEMPERATURE,
					   TERN_REG_ENERGY_UJ,
					   TERN_REG_ECC_CORRECTED,
					   TERN_REG_ECC_FATAL,
					   TERN_REG_INV_SPACE,
					   TERN_REG_CAPS};

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
		if (lasting[i] == reg)
			return true;
	}
	return false;
}

static const struct {
	const char *name;
	uint32_t at, bits;
} host_regs[] =
	{
#define X(name, offset, bits, access, text) {#name, TERN_REG_##name, bits},
		TERN_HW_HOST_REGS(X)
#undef X
},
  fw_regs[] =
	  {
#define X(name, offset, bits, access, text) {#name, TERN_FW_REG_##name, bits},
		  TERN_HW_FW_REGS(X)
#undef X
},
  slot_regs[] = {
#define X(name, offset, bits, access, text) {#name, TERN_SLOT_REG_##name, bits},
	  TERN_HW_SLOT_REGS(X)
#undef X
};

/* Something in every register and in TCM, the MCU at work, and all that may be enabled. */
static void fill(void)
{
	for (size_t i = 0; i < COUNT(host_regs); i++) {
		uint32_t reg = host_regs[i].at;

		if (reg == TERN_REG_RESET || reg == TERN_REG_MCU_CONTROL ||
		    reg == TERN_REG_INV_REQUEST || reg == TERN_REG_SLOT)
			continue;
		if (reg == TERN_REG_CLOCK_KHZ) { /* it may not be too high */
			reg_set(&h, reg, h.caps.clock_khz / 2);
			continue;
		}
		reg_set(&h, reg, 0x5a5a5a59);
		if (host_regs[i].bits == 64)
			reg_set(&h, reg + 4, 0x5a5a5a59);
	}
	for (unsigned int i = 0; i < TERN_NASIDS; i++)
		reg_set64(&h, TERN_REG_ASID_ROOT + i * TERN_ASID_STRIDE, 0x5a5a5a5a5a5aull);
	for (unsigned int i = 0; i < TERN_NSLOTS; i++) {
		reg_set64(&h, slot_reg(i, TERN_SLOT_REG_RING), 0x5a5a5a5a5a40ull);
		reg_set64(&h, slot_reg(i, TERN_SLOT_REG_SAVE), 0x5a5a5a5a5000ull);
		reg_set64(&h, slot_reg(i, TERN_SLOT_REG_FAULT), 0x5a5a5a5a5a40ull);
		bind_slot(i);
	}
	reg_set(&h, TERN_REG_INV_REQUEST, 1);
	for (uint32_t at = 0x8000; at < 0x9000; at += 4)
		host_write(&h, TERN_BAR_TCM, at, &at, sizeof(at));
	reg_set64(&h, TERN_FW_REG_BOOT_ARGS, 0x85a5a5a5ull);
	hart_spin(&h);
	host_bell(&h, SLOT); /* starting is a reset of the MCU, too */
	reg_set(&h, TERN_FW_REG_HOST_KICK, 1);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_TCM_LOCK), 1);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_INV_DONE), 1);
}

static void assert_registers_reset(void)
{
	for (size_t i = 0; i < COUNT(host_regs); i++) {
		uint32_t reg = host_regs[i].at, want = 0;

		if (reg == TERN_REG_CLOCK_KHZ)
			want = h.caps.clock_khz;
		if (reg == TERN_REG_IRQ_STATUS && reg_get(&h, reg) == TERN_IRQ_RESET)
			continue; /* the only one that may be: it says so */
		if (!lasts(reg))
			ck_assert_msg(reg_get(&h, reg) == want, "%s is %#x", host_regs[i].name,
				      reg_get(&h, reg));
	}
	for (unsigned int i = 0; i < TERN_NASIDS; i++)
		ck_assert_uint_eq(reg_get64(&h, TERN_REG_ASID_ROOT + i * TERN_ASID_STRIDE), 0);
	for (unsigned int i = 0; i < TERN_NSLOTS * COUNT(slot_regs); i++) {
		uint32_t at = slot_reg(i / COUNT(slot_regs), slot_regs[i % COUNT(slot_regs)].at);

		ck_assert_msg(reg_get(&h, at) == 0, "a slot's %s is %#x",
			      slot_regs[i % COUNT(slot_regs)].name, reg_get(&h, at));
	}
	ck_assert_uint_eq(
		reg_get(&h, TERN_REG_STATUS) & (TERN_STATUS_MCU_RUNS | TERN_STATUS_POWERED), 0);
	ck_assert_uint_ge(reg_get(&h, TERN_REG_INV_SPACE), 16);
}

static void assert_firmware_registers_reset(void)
{
	for (size_t i = 0; i < COUNT(fw_regs); i++) {
		uint32_t reg = fw_regs[i].at, want = 0;

		if (reg == TERN_FW_REG_TIMESTAMP || reg == TERN_FW_REG_TIMESTAMP_KHZ ||
		    reg == TERN_FW_REG_CLOCK)
			continue;
		if (reg == TERN_FW_REG_TIMER)
			want = UINT32_MAX; /* never */
		if (reg == TERN_FW_REG_RUNNING_SLOT)
			want = TERN_NSLOTS;
		ck_assert_msg(reg_get(&h, reg) == want, "%s is %#x", fw_regs[i].name,
			      reg_get(&h, reg));
	}
}

/* Whoever gets the device next finds nothing of the one before. */
START_TEST(reset_clears_everything)
{
	uint32_t word;

	fill();
	resets[_i].reset(&h);
	if (resets[_i].bus)
		config_set(&h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_registers_reset();
	assert_firmware_registers_reset();
	for (uint32_t at = 0; at < reg_get(&h, TERN_REG_TCM_BYTES); at += 4) {
		host_read(&h, TERN_BAR_TCM, at, &word, sizeof(word));
		ck_assert_msg(word == 0, "TCM %#x holds %#x", at, word);
	}
}
END_TEST

/* TIMESTAMP, energy and errors are the world's. */
START_TEST(reset_keeps_what_counts_for_ever)
{
	uint64_t time = reg_get64(&h, TERN_REG_TIMESTAMP), later;

	host_control(&h, "ecc corrected");
	resets[_i].reset(&h);
	config_set(&h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	later = reg_get64(&h, TERN_REG_TIMESTAMP);
	ck_assert_uint_gt(later, time);
	/* It went on, it did not begin again; this takes less, however loaded the machine. */
	ck_assert_uint_lt(later - time, 20ull * 1000 * reg_get(&h, TERN_REG_TIMESTAMP_KHZ));
	ck_assert_uint_eq(reg_get(&h, TERN_REG_ECC_CORRECTED), 1);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_ID), TERN_IMAGE_MAGIC);
}
END_TEST

/* Configuration space is as after power-on; that is what the first reset is for. */
START_TEST(flr_resets_configuration)
{
	uint8_t before[256], after[256];
	uint32_t msix;

	flr(&h);
	host_read(&h, 7, 0, before, sizeof(before));
	ck_assert_uint_eq(config_get(&h, PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(config_get(&h, PCI_VENDOR_ID, 2), TERN_PCI_VENDOR);
	msix = config_capability(&h, PCI_CAP_ID_MSIX);
	for (uint32_t at = 0; at < sizeof(before); at += 4) {
		if (at != (config_capability(&h, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL))
			config_set(&h, at, 4, UINT32_MAX);
	}
	ck_assert_uint_ne(config_get(&h, PCI_BASE_ADDRESS_0, 4), before[PCI_BASE_ADDRESS_0]);
	ck_assert(config_get(&h, msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE);
	flr(&h);
	host_read(&h, 7, 0, after, sizeof(after));
	ck_assert_mem_eq(after, before, sizeof(before));
}
END_TEST

/* The table of messages: masked, and no address of whoever was here before. */
START_TEST(flr_resets_the_table_of_vectors)
{
	for (uint32_t i = 0; i < TERN_MAX_VECTORS * 4; i++)
		reg_set(&h, TERN_REGS_MSIX + 4 * i, 0xfee00000);
	flr(&h);
	config_set(&h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	for (uint32_t i = 0; i < TERN_MAX_VECTORS * 4; i++)
		ck_assert_uint_eq(reg_get(&h, TERN_REGS_MSIX + 4 * i), i % 4 == 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_reset");
	TCase *c = tcase_create("reset");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, reset_clears_everything, 0, COUNT(resets));
	tcase_add_loop_test(c, reset_keeps_what_counts_for_ever, 0, COUNT(resets));
	tcase_add_test(c, flr_resets_configuration);
	tcase_add_test(c, flr_resets_the_table_of_vectors);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
