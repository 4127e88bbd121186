// SPDX-License-Identifier: GPL-2.0
/* What the device lets through on its bus, from the host's side: power states, accesses
 * that are none, doorbells, messages. By PCI and uapi/tern. */
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

static uint64_t bells(void)
{
	return mcu_get(&h, TERN_FW_REG_DOORBELLS) | (uint64_t)mcu_get(&h, TERN_FW_REG_DOORBELLS + 4)
							    << 32;
}

/* ---- power states and decoding ---------------------------------------------------------------- */
static void decode_off(struct host *host)
{
	config_set(host, PCI_COMMAND, 2, 0);
	host_settle(host);
}

static void decode_on(struct host *host)
{
	config_set(host, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	host_settle(host);
}

static void into_d3(struct host *host)
{
	power_state(host, 3);
}

static void into_d0(struct host *host)
{
	power_state(host, 0);
}

/* It answers in configuration space only, and forgets nothing. */
static const struct {
	void (*off)(struct host *h), (*on)(struct host *h);
} deaf[] = {{into_d3, into_d0}, {decode_off, decode_on}};

START_TEST(deaf_bars)
{
	static const unsigned int bars[] = {TERN_BAR_REGS, TERN_BAR_DOORBELL, TERN_BAR_TCM};
	uint32_t word = 0x12345678;

	reg_set(&h, TERN_REG_MCU_ENTRY, 0x1230);
	host_write(&h, TERN_BAR_TCM, 0, &word, sizeof(word));
	bind_slot(SLOT);
	deaf[_i].off(&h);
	ck_assert_uint_eq(config_get(&h, PCI_VENDOR_ID, 2), TERN_PCI_VENDOR);
	for (size_t i = 0; i < COUNT(bars); i++) {
		host_read(&h, bars[i], 0, &word, sizeof(word));
		ck_assert_uint_eq(word, UINT32_MAX);
	}
	reg_set(&h, TERN_REG_MCU_ENTRY, 0x4560);
	word = 0;
	host_write(&h, TERN_BAR_TCM, 0, &word, sizeof(word));
	host_bell(&h, SLOT);
	deaf[_i].on(&h);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_MCU_ENTRY), 0x1230);
	host_read(&h, TERN_BAR_TCM, 0, &word, sizeof(word));
	ck_assert_uint_eq(word, 0x12345678);
	ck_assert_uint_eq(bells(), 0);
	ck_assert_uint_eq(reg_get(&h, slot_reg(SLOT, TERN_SLOT_REG_CONTROL)) & TERN_SLOT_VALID,
			  TERN_SLOT_VALID);
}
END_TEST

/* ---- accesses that are none ----------------------------------------------------------------------- */
#define REGS 0x40000u

static const struct {
	unsigned int bar;
	int64_t at; /* negative: from the end */
	uint32_t len;
} odd[] = {
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY, 1},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY + 3, 1},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY, 2},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY + 1, 4},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY + 2, 4},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY - 4, 8},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY, 3},
	{TERN_BAR_REGS, TERN_REG_MCU_ENTRY, 16},
	{TERN_BAR_REGS, -2, 4},
	{TERN_BAR_REGS, -4, 8},
	{TERN_BAR_REGS, REGS, 4},
	{TERN_BAR_REGS, 1ll << 32, 4},
	{TERN_BAR_REGS, INT64_MAX - 3, 4},
	{TERN_BAR_TCM, -2, 4},
	{TERN_BAR_TCM, -4, 8},
	{TERN_BAR_TCM, 1ll << 32, 4},
	{TERN_BAR_TCM, INT64_MAX - 3, 4},
	{TERN_BAR_DOORBELL, -2, 4},
	{TERN_BAR_DOORBELL, 1ll << 32, 4},
	{1, 0, 4},
	{3, 0, 4},
	{5, 0, 4},
};

static uint64_t bar_size(unsigned int bar)
{
	return bar == TERN_BAR_REGS	  ? REGS
	       : bar == TERN_BAR_TCM	  ? reg_get(&h, TERN_REG_TCM_BYTES)
	       : bar == TERN_BAR_DOORBELL ? (uint64_t)TERN_NSLOTS * h.caps.doorbell_stride
					  : 0;
}

/* All ones when read; when written nothing happens, to their neighbours neither. */
START_TEST(odd_access)
{
	uint64_t at = (uint64_t)odd[_i].at;
	unsigned char data[16], ones[16];
	uint32_t edge = 0x12345678, tcm = reg_get(&h, TERN_REG_TCM_BYTES);

	if (odd[_i].at < 0)
		at += bar_size(odd[_i].bar);
	memset(ones, 0xff, sizeof(ones));
	reg_set(&h, TERN_REG_MCU_ENTRY, 0x1230);
	host_write(&h, TERN_BAR_TCM, 0, &edge, sizeof(edge));
	host_write(&h, TERN_BAR_TCM, tcm - 4, &edge, sizeof(edge));
	bind_slot(TERN_NSLOTS - 1);
	bind_slot(0);
	host_read(&h, odd[_i].bar, at, data, odd[_i].len);
	ck_assert_mem_eq(data, ones, odd[_i].len);
	memset(data, 0, sizeof(data));
	host_write(&h, odd[_i].bar, at, data, odd[_i].len);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_MCU_ENTRY), 0x1230);
	for (int end = 0; end < 2; end++) {
		host_read(&h, TERN_BAR_TCM, end ? tcm - 4 : 0, &edge, sizeof(edge));
		ck_assert_uint_eq(edge, 0x12345678);
	}
	ck_assert_uint_eq(bells(), 0);
}
END_TEST

/* 64 bits are two words, the low one first: the high half takes effect. */
START_TEST(wide_access)
{
	uint64_t root = 0x123456789001ull, back;
	uint32_t at = TERN_REG_ASID_ROOT + ASID * TERN_ASID_STRIDE, half = 0x77;

	host_write(&h, TERN_BAR_REGS, at, &root, sizeof(root));
	host_read(&h, TERN_BAR_REGS, at, &back, sizeof(back));
	ck_assert_uint_eq(back, root);
	reg_set(&h, at, half);
	ck_assert_uint_eq(reg_get64(&h, at), root);
}
END_TEST

/* ---- doorbells ------------------------------------------------------------------------------------- */
START_TEST(bell_of_a_slot_that_is_not_open)
{
	for (unsigned int slot = 0; slot < TERN_NSLOTS; slot++)
		host_bell(&h, slot);
	ck_assert_uint_eq(bells(), 0);
	bind_slot(SLOT);
	ck_assert_uint_eq(bells(), 0); /* nor is it kept for whoever comes */
	for (unsigned int slot = 0; slot < TERN_NSLOTS; slot++)
		host_bell(&h, slot);
	host_settle(&h);
	ck_assert_uint_eq(bells(), 1ull << SLOT);
	reg_set(&h, slot_reg(SLOT, TERN_SLOT_REG_CONTROL), 0);
	host_settle(&h);
	ck_assert_uint_eq(bells(), 0);
}
END_TEST

/* Any 32-bit write to the slot's page, and no other. */
START_TEST(what_rings)
{
	const uint64_t page = (uint64_t)SLOT * h.caps.doorbell_stride;
	const struct {
		uint64_t at;
		uint32_t len;
		bool rings;
	} writes[] = {{0, 1, false}, {0, 2, false}, {2, 4, false},
		      {0, 8, false}, {4, 4, true},  {h.caps.doorbell_stride - 4, 4, true}};
	uint64_t data = 0;

	bind_slot(SLOT);
	for (size_t i = 0; i < COUNT(writes); i++) {
		host_write(&h, TERN_BAR_DOORBELL, page + writes[i].at, &data, writes[i].len);
		host_settle(&h);
		ck_assert_uint_eq(bells(), (uint64_t)writes[i].rings << SLOT);
		mcu_set(&h, TERN_FW_REG_DOORBELLS, UINT32_MAX);
		mcu_set(&h, TERN_FW_REG_DOORBELLS + 4, UINT32_MAX);
	}
	host_read(&h, TERN_BAR_DOORBELL, page, &data, 4);
	ck_assert_uint_eq(data, 0);
}
END_TEST

/* ---- messages ---------------------------------------------------------------------------------------- */
/* A message is a write to memory like any other. The cause stays, also one that a message would
 * have cleared, and interrupts when it is enabled anew. */
START_TEST(no_message_through_a_closed_gate)
{
	const struct gate *g = &gates[_i % NGATES];
	uint32_t automatic = _i / NGATES ? TERN_IRQ_ECC : 0;

	host_enable(&h);
	reg_set(&h, TERN_REG_IRQ_AUTO, automatic);
	host_settle(&h);
	host_interrupts(&h, 0, 0);
	g->close(&h);
	host_control(&h, "ecc fatal");
	ck_assert_uint_eq(host_interrupts(&h, 0, 50), 0);
	g->open(&h);
	ck_assert_uint_eq(host_interrupts(&h, 0, 50), 0);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS), TERN_IRQ_ECC);
	reg_set(&h, TERN_REG_IRQ_ENABLE, 0);
	reg_set(&h, TERN_REG_IRQ_ENABLE, UINT32_MAX);
	ck_assert_uint_eq(host_interrupts(&h, 0, HOST_WAIT), 1);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS), automatic ? 0 : TERN_IRQ_ECC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_bus");
	TCase *c = tcase_create("bus");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, deaf_bars, 0, COUNT(deaf));
	tcase_add_loop_test(c, odd_access, 0, COUNT(odd));
	tcase_add_test(c, wide_access);
	tcase_add_test(c, bell_of_a_slot_that_is_not_open);
	tcase_add_test(c, what_rings);
	tcase_add_loop_test(c, no_message_through_a_closed_gate, 0, 2 * NGATES);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
