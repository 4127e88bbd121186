// SPDX-License-Identifier: MIT
/* The contracts of kernel, firmware and device: numbers that must not move, and rules of tables. */
#include "uapi_layout.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- ioctls ------------------------------------------------------------------------ */

/* An ABI: direction, number and size make the number that a program compiled today uses. */
static const struct {
	const char *name;
	unsigned long number;
	unsigned int nr, dir, size;
} ioctls[] = {
#define ROW(name, nr, dir, size)                            \
	{                                                   \
#name, DRM_IOCTL_TERN_##name, nr, dir, size \
	}
#define IN   _IOC_WRITE /* the kernel reads it */
#define BOTH (_IOC_READ | _IOC_WRITE)
	ROW(DEV_QUERY, 0x40, BOTH, 16),
	ROW(BO_CREATE, 0x41, BOTH, 24),
	ROW(BO_FROM_USERPTR, 0x42, BOTH, 24),
	ROW(BO_MMAP_OFFSET, 0x43, BOTH, 16),
	ROW(BO_SYNC, 0x44, IN, 24),
	ROW(BO_LABEL, 0x45, IN, 16),
	ROW(VM_CREATE, 0x46, BOTH, 8),
	ROW(VM_DESTROY, 0x47, IN, 8),
	ROW(VM_BIND, 0x48, BOTH, 32),
	ROW(VM_STATE, 0x49, BOTH, 24),
	ROW(QUEUE_CREATE, 0x4a, BOTH, 48),
	ROW(QUEUE_DESTROY, 0x4b, IN, 8),
	ROW(QUEUE_STATE, 0x4c, BOTH, 80),
	ROW(QUEUE_KICK, 0x4d, IN, 8),
	ROW(QUEUE_WAIT, 0x4e, IN, 48),
	ROW(SUBMIT, 0x4f, BOTH, 32),
	ROW(PERF, 0x50, BOTH, 32),
#undef ROW
};

START_TEST(ioctl_numbers_stay)
{
	for (size_t i = 0; i < COUNT(ioctls); i++) {
		const char *name = ioctls[i].name;

		ck_assert_msg(_IOC_TYPE(ioctls[i].number) == 'd', "%s", name);
		ck_assert_msg(_IOC_NR(ioctls[i].number) == ioctls[i].nr, "%s: number", name);
		ck_assert_msg(_IOC_DIR(ioctls[i].number) == ioctls[i].dir, "%s: direction", name);
		ck_assert_msg(_IOC_SIZE(ioctls[i].number) == ioctls[i].size, "%s: size", name);
		ck_assert_msg(ioctls[i].size % 8 == 0, "%s: not whole 8 bytes", name);
	}
}
END_TEST

START_TEST(arrays_carry_their_stride)
{
	struct drm_tern_job jobs[3];
	struct drm_tern_array a = DRM_TERN_ARRAY(COUNT(jobs), jobs);

	ck_assert_uint_eq(a.stride, 56);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_uint_eq(a.pointer, (uintptr_t)jobs);
}
END_TEST

/* ---- firmware ----------------------------------------------------------------------- */

struct code {
	const char *name;
	unsigned int code;
};

static void check_codes(const char *table, const struct code *c, size_t n, unsigned int from)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(c[i].code == from + i, "%s: %s breaks the row", table, c[i].name);
}

/* Tables are indexed by their codes, so they have no holes. */
START_TEST(codes_have_no_holes)
{
#define X(name, code, ...) {#name, code},
	static const struct code stages[] = {TERN_FW_STAGES(X)}, errors[] = {TERN_FW_ERRORS(X)},
				 params[] = {TERN_FW_PARAMS(X)}, requests[] = {TERN_FW_REQUESTS(X)},
				 events[] = {TERN_FW_EVENTS(X)}, status[] = {TERN_FW_STATUSES(X)},
				 traces[] = {TERN_FW_TRACES(X)}, features[] = {TERN_FW_FEATURES(X)};
#undef X

	check_codes("stages", stages, COUNT(stages), 0);
	check_codes("errors", errors, COUNT(errors), 0);
	check_codes("params", params, COUNT(params), 0);
	check_codes("requests", requests, COUNT(requests), 1);
	check_codes("events", events, COUNT(events), 1);
	check_codes("statuses", status, COUNT(status), 0);
	check_codes("traces", traces, COUNT(traces), 1);
	check_codes("features", features, COUNT(features), 0);
	ck_assert_uint_lt(COUNT(stages), 1u << 16);
	ck_assert_uint_eq(COUNT(params), TERN_FW_NPARAMS);
}
END_TEST

START_TEST(parameters_lie_within_their_limits)
{
	static const struct {
		const char *name;
		uint64_t low, high, usual;
	} p[] = {
#define X(name, code, low, high, usual, text) {#name, low, high, usual},
		TERN_FW_PARAMS(X)
#undef X
	};

	for (size_t i = 0; i < COUNT(p); i++) {
		ck_assert_msg(p[i].low <= p[i].usual && p[i].usual <= p[i].high, "%s", p[i].name);
		ck_assert_msg(p[i].high <= UINT32_MAX, "%s does not fit its field", p[i].name);
	}
	/* A stuck engine is told before the watchdog or the slowest heartbeat asks. */
	ck_assert_uint_lt(p[TERN_FW_PARAM_PREEMPT_US].usual, p[TERN_FW_PARAM_HEARTBEAT_US].usual);
	ck_assert_uint_lt(p[TERN_FW_PARAM_HEARTBEAT_US].usual, p[TERN_FW_PARAM_WATCHDOG_US].usual);
	ck_assert_uint_lt(p[TERN_FW_PARAM_SLICE_US].usual, p[TERN_FW_PARAM_STARVATION_US].usual);
}
END_TEST

/* ---- the MCU's memory ------------------------------------------------------------------- */

START_TEST(the_mcu_cannot_reach_what_only_the_kernel_may_write)
{
	uint64_t window_end = 1ull << 32; /* a hart of 32 bits */

	ck_assert_uint_ge(TERN_KERNEL_VA, window_end);
	ck_assert_uint_le(TERN_MCU_TCM + TERN_MCU_TCM_MAX, TERN_MCU_REGS);
	ck_assert_uint_le(TERN_MCU_REGS + TERN_REGS_BLOCK, TERN_MCU_WINDOW);
	ck_assert_uint_lt(TERN_FW_MAX_FILE, TERN_MCU_WINDOW);
	ck_assert_uint_eq(TERN_MCU_REG(HOST_KICK), 0x40000010);
}
END_TEST

START_TEST(doorbells_of_two_slots_never_share_a_page)
{
	static const uint32_t stride[] = {
#define X(name, small, ref, large, text) small, ref, large,
		TERN_HW_CAPS(X)
#undef X
	};
	size_t at = offsetof(struct tern_caps, doorbell_stride) / sizeof(uint32_t) * 3;

	for (size_t i = at; i < at + 3; i++)
		ck_assert_uint_ge(stride[i], 65536); /* the largest page of arm64 */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("uapi");
	TCase *t = tcase_create("contracts");
	SRunner *r;
	int failed;

	tcase_add_test(t, ioctl_numbers_stay);
	tcase_add_test(t, arrays_carry_their_stride);
	tcase_add_test(t, codes_have_no_holes);
	tcase_add_test(t, parameters_lie_within_their_limits);
	tcase_add_test(t, the_mcu_cannot_reach_what_only_the_kernel_may_write);
	tcase_add_test(t, doorbells_of_two_slots_never_share_a_page);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
