// SPDX-License-Identifier: GPL-2.0
/* What the MCU reaches, and whose register is whose: a program on
 * the emulated core tries each. By uapi/tern/mcu.h and hw.h. */
#include <check.h>
#include <stdlib.h>

#include "host/gates_host.h"

#define SLOT	    5u
#define ASID	    9u
#define WINDOW	    0x90000000u
#define WORD	    0x12345678u
#define LOAD_FAULT  5u
#define STORE_FAULT 7u
#define FETCH_FAULT 1u
/* A page of memory at va of a space; `word` is all it holds. */
static uint32_t *page(struct host_space *s, uint64_t va, uint64_t flags, uint32_t word)
{
	uint64_t bus = host_alloc(&h, TERN_PAGE_SIZE, TERN_PAGE_SIZE);
	uint32_t *at = host_at(&h, bus);

	for (unsigned int i = 0; i < TERN_PAGE_SIZE / 4; i++)
		at[i] = word;
	space_map(&h, s, va, bus, TERN_PAGE_SIZE, flags);
	return at;
}

static void kernel_space(void)
{
	uint64_t va;

	host_enable(&h);
	kernel_alloc(&h, TERN_PAGE_SIZE, &va);
}

/* ---- what it reaches ------------------------------------------------------------------------ */
START_TEST(window_is_address_space_0)
{
	struct hart_access a[] = {{.kind = HART_LOAD, .at = WINDOW},
				  {.kind = HART_STORE, .at = WINDOW, .value = WORD},
				  {.kind = HART_LOAD, .at = WINDOW + 0x1000},
				  {.kind = HART_STORE, .at = WINDOW + 0x1000, .value = WORD},
				  {.kind = HART_LOAD, .at = WINDOW + 0x2000},
				  {.kind = HART_STORE, .at = WINDOW + 0x2000, .value = WORD},
				  {.kind = HART_FETCH, .at = WINDOW + 0x3000},
				  {.kind = HART_LOAD, .at = WINDOW + 0x4000}};
	struct host_space *s;
	uint32_t *writable, *read_only, *other, *behind;

	kernel_space();
	s = space_create(&h, ASID);
	writable = page(h.kernel, WINDOW, TERN_PTE_WRITE, 1);
	read_only = page(h.kernel, WINDOW + 0x1000, 0, 2);
	behind = page(s, WINDOW, TERN_PTE_WRITE, 3);
	other = page(s, WINDOW + 0x2000, TERN_PTE_WRITE, 4);
	page(h.kernel, WINDOW + 0x3000, TERN_PTE_EXEC, 0x00048067); /* JR S1 */
	hart_try(&h, a, COUNT(a));
	ck_assert_uint_eq(a[0].got, 1);
	ck_assert_uint_eq(a[1].cause, 0);
	ck_assert_uint_eq(*writable, WORD);
	ck_assert_uint_eq(*behind, 3);
	ck_assert_uint_eq(a[2].got, 2);
	ck_assert_uint_eq(a[3].cause, STORE_FAULT);
	ck_assert_uint_eq(a[3].tval, WINDOW + 0x1000);
	ck_assert_uint_eq(*read_only, 2);
	ck_assert_uint_eq(a[4].cause, LOAD_FAULT);
	ck_assert_uint_eq(a[5].cause, STORE_FAULT);
	ck_assert_uint_eq(*other, 4);
	ck_assert_uint_eq(a[6].cause, FETCH_FAULT);
	ck_assert_uint_eq(a[7].cause, LOAD_FAULT);
	free(s);
}
END_TEST

/* Where there is neither TCM nor registers nor window. */
START_TEST(nothing_else_is_there)
{
	const uint32_t at[] = {reg_get(&h, TERN_REG_TCM_BYTES),
			       TERN_MCU_TCM_MAX - 4,
			       TERN_MCU_TCM_MAX,
			       TERN_MCU_REGS - 4,
			       TERN_MCU_REGS + TERN_REGS_BLOCK,
			       TERN_MCU_REGS + 0x20000,
			       TERN_MCU_WINDOW - 4};
	struct hart_access a[3 * COUNT(at)];

	for (unsigned int i = 0; i < COUNT(at); i++) {
		a[3 * i] = (struct hart_access){.kind = HART_LOAD, .at = at[i]};
		a[3 * i + 1] = (struct hart_access){.kind = HART_STORE, .at = at[i]};
		a[3 * i + 2] = (struct hart_access){.kind = HART_FETCH, .at = at[i]};
	}
	hart_try(&h, a, COUNT(a));
	for (unsigned int i = 0; i < COUNT(a); i++) {
		static const uint32_t cause[] = {LOAD_FAULT, STORE_FAULT, FETCH_FAULT};

		ck_assert_msg(a[i].cause == cause[i % 3], "%u of %#x: %u", i % 3, a[i].at,
			      a[i].cause);
		ck_assert_uint_eq(a[i].tval, a[i].at);
	}
}
END_TEST

/* The kernel's part of address space 0 begins right behind the window: no access may straddle. */
START_TEST(kernel_va_is_beyond_the_window)
{
	struct hart_access a[] = {{.kind = HART_LOAD, .at = 0xfffffffc},
				  {.kind = HART_LOAD, .at = 0xfffffffe},
				  {.kind = HART_LOAD_HALF, .at = 0xffffffff},
				  {.kind = HART_STORE, .at = 0xfffffffe, .value = WORD}};
	uint64_t bus;
	uint32_t *at;

	kernel_space();
	bus = host_alloc(&h, 2 * TERN_PAGE_SIZE, TERN_PAGE_SIZE);
	at = host_at(&h, bus + TERN_PAGE_SIZE);
	at[-1] = 1;
	at[0] = 0x5ec7e75e;
	space_map(&h, h.kernel, TERN_KERNEL_VA - TERN_PAGE_SIZE, bus, 2 * TERN_PAGE_SIZE,
		  TERN_PTE_WRITE);
	hart_try(&h, a, COUNT(a));
	ck_assert_uint_eq(a[0].got, 1);
	ck_assert_uint_ne(a[1].got >> 16, at[0] & 0xffff);
	ck_assert_uint_ne(a[2].got >> 8 & 0xff, at[0] & 0xff);
	ck_assert_uint_eq(at[0], 0x5ec7e75e);
}
END_TEST

/* ---- registers ---------------------------------------------------------------------------------- */
START_TEST(registers_are_words)
{
	const uint32_t at = TERN_MCU_REG(HEARTBEAT);
	struct hart_access a[] = {{.kind = HART_STORE, .at = at, .value = WORD},
				  {.kind = HART_LOAD, .at = at},
				  {.kind = HART_LOAD_HALF, .at = at},
				  {.kind = HART_STORE_BYTE, .at = at},
				  {.kind = HART_STORE, .at = at + 1},
				  {.kind = HART_LOAD, .at = at}};

	hart_try(&h, a, COUNT(a));
	ck_assert_uint_eq(a[1].got, WORD);
	ck_assert_uint_eq(a[2].cause, LOAD_FAULT);
	ck_assert_uint_eq(a[3].cause, STORE_FAULT);
	ck_assert_uint_eq(a[4].cause, STORE_FAULT);
	ck_assert_uint_eq(a[5].got, WORD);
}
END_TEST

/* Registers that the host binds slots and spaces by, as it has set them. */
static uint32_t held[0x2200 / 4];

static bool moves_by_itself(uint32_t reg)
{
	return (reg & ~4u) == TERN_REG_TIMESTAMP || reg == TERN_REG_IRQ_STATUS ||
	       reg == TERN_REG_STATUS;
}

/* The whole block but what is said to do something, from beginning to end, in both values. */
START_TEST(mcu_reaches_no_register_of_the_host)
{
	struct host_space *s;
	const uint32_t base = TERN_MCU_REGS;

	kernel_space();
	s = space_create(&h, ASID);
	reg_set64(&h, TERN_REG_SLOT + TERN_SLOT_REG_RING, 0x5a5a5a5a5a40ull);
	reg_set(&h, TERN_REG_IRQ_VECTOR, WORD);
	reg_set64(&h, TERN_FW_REG_BOOT_ARGS, 0x85a5a5a5ull);
	hart_scribble(&h, base, base + 4, 0); /* so that the program is the same */
	for (uint32_t at = 0; at < sizeof(held); at += 4)
		held[at / 4] = reg_get(&h, at);
	hart_scribble(&h, base + 0x90, base + TERN_REGS_BLOCK, UINT32_MAX);
	hart_scribble(&h, base + 0x90, base + TERN_REGS_BLOCK, 0);
	hart_scribble(&h, base + TERN_FW_REG_BOOT_ARGS - TERN_REGS_FW,
		      base + TERN_FW_REG_BOOT_ARGS - TERN_REGS_FW + 8, WORD);
	for (uint32_t at = 0; at < sizeof(held); at += 4)
		ck_assert_msg(moves_by_itself(at) || reg_get(&h, at) == held[at / 4],
			      "register %#x was %#x, is %#x", at, held[at / 4], reg_get(&h, at));
	ck_assert_uint_eq(reg_get64(&h, TERN_FW_REG_BOOT_ARGS), 0x85a5a5a5ull);
	free(s);
}
END_TEST

static const struct {
	uint32_t at, bits;
} fw_regs[] = {
#define X(name, offset, bits, access, text) {TERN_FW_REG_##name, bits},
	TERN_HW_FW_REGS(X)
#undef X
};

static bool for_the_host(uint32_t reg)
{
	return reg == TERN_FW_REG_BOOT_ARGS || reg == TERN_FW_REG_HOST_KICK;
}

static bool counts(uint32_t reg)
{
	return reg == TERN_FW_REG_TIMESTAMP || reg == TERN_FW_REG_CLOCK ||
	       reg == TERN_FW_REG_WATCHDOG;
}

static uint64_t value_of(size_t i)
{
	return fw_regs[i].bits == 64 ? reg_get64(&h, fw_regs[i].at) : reg_get(&h, fw_regs[i].at);
}

static void write_by_host(uint32_t v)
{
	for (size_t i = 0; i < COUNT(fw_regs); i++) {
		if (for_the_host(fw_regs[i].at))
			continue;
		reg_set(&h, fw_regs[i].at, v);
		if (fw_regs[i].bits == 64)
			reg_set(&h, fw_regs[i].at + 4, v);
	}
	host_settle(&h);
}

/* It may read all, and write two; what clears by being written does not clear for it either. */
START_TEST(host_writes_no_register_of_the_firmware)
{
	static const uint32_t values[] = {UINT32_MAX, 0, SLOT, TERN_SLOT_RUN};
	uint64_t was[COUNT(fw_regs)];

	reg_set(&h, TERN_REG_SLOT + SLOT * TERN_SLOT_STRIDE, TERN_SLOT_VALID | ASID << 8);
	host_bell(&h, SLOT);
	mcu_set(&h, TERN_FW_REG_COMMAND_SLOT, SLOT);
	mcu_set(&h, TERN_FW_REG_COMMAND, TERN_SLOT_PREEMPT); /* of an idle one: only an event */
	mcu_set(&h, TERN_FW_REG_BOOT_STATUS, 7);
	mcu_set(&h, TERN_FW_REG_HEARTBEAT, 8);
	mcu_set(&h, TERN_FW_REG_POWER, TERN_POWER_RETENTION);
	mcu_set(&h, TERN_FW_REG_WATCHDOG, 100000000);
	reg_set(&h, TERN_FW_REG_HOST_KICK, 1);
	reg_set(&h, TERN_REG_IRQ_STATUS, UINT32_MAX);
	for (size_t i = 0; i < COUNT(fw_regs); i++)
		was[i] = value_of(i);
	ck_assert_uint_eq(reg_get(&h, TERN_FW_REG_DOORBELLS), 1u << SLOT);
	ck_assert_uint_eq(reg_get(&h, TERN_FW_REG_MCU_EVENTS), TERN_EVENT_COMMAND);
	for (size_t v = 0; v < COUNT(values); v++) {
		write_by_host(values[v]);
		for (size_t i = 0; i < COUNT(fw_regs); i++)
			ck_assert_msg(counts(fw_regs[i].at) || value_of(i) == was[i],
				      "register %#x", fw_regs[i].at);
	}
	ck_assert_uint_gt(reg_get(&h, TERN_FW_REG_WATCHDOG), 1000000); /* on, and not set anew */
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS), 0);	       /* HOST_IRQ, HALT */
}
END_TEST

/* What the host says of itself it cannot take back: the MCU does. */
START_TEST(host_kick_is_set_by_one_and_cleared_by_the_other)
{
	reg_set(&h, TERN_FW_REG_HOST_KICK, 1);
	reg_set(&h, TERN_FW_REG_HOST_KICK, 0);
	host_settle(&h);
	ck_assert_uint_eq(mcu_get(&h, TERN_FW_REG_HOST_KICK), 1);
	mcu_set(&h, TERN_FW_REG_HOST_KICK, 1);
	ck_assert_uint_eq(mcu_get(&h, TERN_FW_REG_HOST_KICK), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gates_mcu");
	TCase *c = tcase_create("mcu");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, window_is_address_space_0);
	tcase_add_test(c, nothing_else_is_there);
	tcase_add_test(c, kernel_va_is_beyond_the_window);
	tcase_add_test(c, registers_are_words);
	tcase_add_test(c, mcu_reaches_no_register_of_the_host);
	tcase_add_test(c, host_writes_no_register_of_the_firmware);
	tcase_add_test(c, host_kick_is_set_by_one_and_cleared_by_the_other);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
