// SPDX-License-Identifier: MIT
/* The register tables of hw.h and mcu.h: ascending, apart from each other, and inside their blocks. */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <tern/mcu.h>

struct reg {
	const char *name, *access;
	uint32_t offset, bytes;
};

#define ROW(n, off, bits, acc, text) {#n, #acc, off, (bits) / 8},
static const struct reg host[] = {TERN_HW_HOST_REGS(ROW)};
static const struct reg slot[] = {TERN_HW_SLOT_REGS(ROW)};
static const struct reg fw[] = {TERN_HW_FW_REGS(ROW)};
#undef ROW
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Bytes an entry covers: arrays say their stride and length elsewhere. */
static uint32_t extent(const struct reg *r)
{
	if (r->offset == TERN_REG_CAPS && r->bytes == 4)
		return sizeof(struct tern_caps);
	if (r->offset == TERN_REG_BUSY)
		return TERN_NQUEUES * TERN_BUSY_STRIDE;
	if (r->offset == TERN_REG_SLOT)
		return TERN_NSLOTS * TERN_SLOT_STRIDE;
	if (r->offset == TERN_REG_ASID_ROOT)
		return TERN_NASIDS * TERN_ASID_STRIDE;
	return r->bytes;
}

static void check_table(const struct reg *r, size_t n, bool arrays, uint32_t limit)
{
	uint32_t end = 0;

	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(r[i].offset >= end, "%s overlaps the register before it", r[i].name);
		ck_assert_msg(r[i].offset % r[i].bytes == 0, "%s", r[i].name);
		ck_assert_msg(strstr("RO RW WO W1C", r[i].access), "%s", r[i].name);
		end = r[i].offset + (arrays ? extent(&r[i]) : r[i].bytes);
	}
	ck_assert_uint_le(end, limit);
}

START_TEST(registers_do_not_overlap)
{
	check_table(host, COUNT(host), true, TERN_REGS_BLOCK);
	check_table(slot, COUNT(slot), false, TERN_SLOT_STRIDE);
	check_table(fw, COUNT(fw), false, TERN_REGS_BLOCK);
}
END_TEST

START_TEST(blocks_fill_the_register_bar)
{
	ck_assert_uint_eq(TERN_REG_ID, 0);
	ck_assert_uint_eq(TERN_FW_REG_BOOT_ARGS, 0x10000);
	ck_assert_uint_le(TERN_REGS_MSIX + TERN_REGS_BLOCK, 0x40000);
}
END_TEST

START_TEST(irq_causes_are_single_bits_with_room_for_their_vectors)
{
	uint32_t all = 0;

#define X(name, bit, text)                                    \
	ck_assert_uint_eq(all &(uint32_t)TERN_IRQ_##name, 0); \
	all |= (uint32_t)TERN_IRQ_##name;
	TERN_HW_IRQS(X)
#undef X
	ck_assert_uint_lt(all, 1u << 16); /* two bits each in IRQ_VECTOR */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hw");
	TCase *t = tcase_create("registers");
	SRunner *r;
	int failed;

	tcase_add_test(t, registers_do_not_overlap);
	tcase_add_test(t, blocks_fill_the_register_bar);
	tcase_add_test(t, irq_causes_are_single_bits_with_room_for_their_vectors);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
