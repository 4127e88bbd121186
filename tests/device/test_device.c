// SPDX-License-Identifier: GPL-2.0
/* The device on its bus: what it says it is, its gates, a job with the firmware's part played
 * by the test, and one with the firmware itself. */
#include <check.h>
#include <linux/pci_regs.h>
#include <stdlib.h>

#include "host/host.h"
#include "sim_fixture.h"

#define SLOT 5u
#define ASID 9u

static struct host h;
static struct env e; /* the same program in process */

static void setup(void)
{
	host_open(&h, &(struct host_options){0});
	env_open(&e, "small", NULL);
	env_begin(&e);
}

static void teardown(void)
{
	env_close(&e);
	ck_assert_int_eq(host_close(&h), 0);
}

/* ---- identity -------------------------------------------------------------------------------- */
START_TEST(identity)
{
	ck_assert_uint_eq(config_get(&h, PCI_VENDOR_ID, 2), TERN_PCI_VENDOR);
	ck_assert_uint_eq(config_get(&h, PCI_DEVICE_ID, 2), TERN_PCI_DEVICE);
	ck_assert_uint_eq(config_get(&h, PCI_CLASS_REVISION, 4) >> 8, TERN_PCI_CLASS);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_ID), TERN_IMAGE_MAGIC);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_INTERFACE), 1 << 16 | 1);
	ck_assert_mem_eq(&h.caps, tern_sim_caps(e.sim), sizeof(h.caps));
}
END_TEST

/* Writing ones to a BAR shows its size. */
START_TEST(bars_are_64_bit_and_sized)
{
	static const struct {
		unsigned int bar;
		uint64_t size;
	} want[] = {{TERN_BAR_REGS, 0x40000}, {TERN_BAR_DOORBELL, 64 * 65536}, {TERN_BAR_TCM, 0}};

	for (size_t i = 0; i < 3; i++) {
		uint32_t at = PCI_BASE_ADDRESS_0 + 4 * want[i].bar;
		uint64_t size = want[i].size ? want[i].size : reg_get(&h, TERN_REG_TCM_BYTES);
		uint64_t v;

		ck_assert_uint_eq(config_get(&h, at, 4) & 0xf, PCI_BASE_ADDRESS_MEM_TYPE_64);
		config_set(&h, at, 4, UINT32_MAX);
		config_set(&h, at + 4, 4, UINT32_MAX);
		v = config_get(&h, at, 4) | (uint64_t)config_get(&h, at + 4, 4) << 32;
		ck_assert_uint_eq(~(v & ~0xfull) + 1, size);
	}
}
END_TEST

/* ---- a job -------------------------------------------------------------------------------------- */
/* Rows there and back through SPM, turned around on the way, and a word by FENCE. */
#define ROWS 16
#define COLS 64
#define OUT  0x20000u
#define FLAG 0x40000u

static void copy_program(void)
{
	const struct tern_sync loaded = {.signal = {{0, 1}}}, full = {.wait = {{0, 1}}};
	struct tile there = mem_tile(TERN_T_F32, OUT, COLS, ROWS);
	float *in = env_at(&e, 0);

	e.sem[0] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_STORE, 0, 1};
	for (int i = 0; i < ROWS * COLS; i++)
		in[i] = (float)(i * 7 % 1001 - 500);
	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, COLS, ROWS));
	set_tile(&e, 1, mem_tile(TERN_T_F32, 0, COLS, ROWS));
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &loaded);
	there.addr += (ROWS - 1) * 4 * COLS; /* the last row first */
	there.stride[1] = -4 * COLS;
	set_tile(&e, 1, there);
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, &full);
	tern_emit_movi(&e.code, 7, (int64_t)(DATA_VA + FLAG));
	tern_code_cmd(&e.code, TERN_OP_FENCE, TERN_FENCE_IRQ, 7, 0, 0, 0,
		      (uint64_t[]){0, 0x1122334455667788}, 2);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static struct host_space *space_of_env(uint64_t *bus)
{
	struct host_space *s = space_create(&h, ASID);

	*bus = host_alloc(&h, MEM_BYTES, 2u << 20);
	memcpy(host_at(&h, *bus), e.mem, MEM_BYTES);
	space_map(&h, s, MEM_VA, *bus, DATA_OFF, TERN_PTE_EXEC);
	space_map(&h, s, DATA_VA, *bus + DATA_OFF, MEM_BYTES - DATA_OFF, TERN_PTE_WRITE);
	return s;
}

/* What the in-process model makes of the same memory. */
static void assert_same(uint64_t bus)
{
	const float *out = env_at(&e, OUT), *in = env_at(&e, 0);

	ck_assert_uint_eq(env_start(&e), 0);
	ck_assert_mem_eq(host_at(&h, bus), e.mem, MEM_BYTES);
	for (int r = 0; r < ROWS; r++)
		ck_assert_mem_eq(out + r * COLS, in + (ROWS - 1 - r) * COLS, 4 * COLS);
}

START_TEST(job_of_a_kernel_queue)
{
	const struct tern_job job = {.image = MEM_VA + IMAGE_OFF};
	struct host_queue q;
	struct host_space *s;
	uint64_t bus;

	copy_program();
	host_enable(&h);
	s = space_of_env(&bus);
	queue_create(&h, &q, SLOT, s, 0, 8);
	queue_bind(&h, &q, 0);
	ck_assert_uint_eq(queue_run(&h, &q, &job), 0);
	ck_assert_uint_eq(q.ring->fetched, 1);
	ck_assert_uint_eq(q.ring->done, 1);
	assert_same(bus);
	ck_assert_uint_eq(reg_get(&h, TERN_REG_IRQ_STATUS) & (TERN_IRQ_JOB | TERN_IRQ_FENCE),
			  TERN_IRQ_JOB | TERN_IRQ_FENCE);
	ck_assert_uint_gt(host_interrupts(&h, 0, 1000), 0);
	ck_assert_uint_eq(host_stat(&h, "jobs"), 1);
	free(s);
}
END_TEST

START_TEST(job_with_firmware)
{
	const struct tern_job job = {.image = MEM_VA + IMAGE_OFF};
	struct host_queue q;
	struct host_space *s;
	struct host_fw fw;
	uint64_t bus;

	copy_program();
	host_enable(&h);
	fw_boot(&h, &fw, fw_load(&h));
	ck_assert_uint_eq(reg_get(&h, TERN_REG_TCM_LOCK), 1);
	s = space_of_env(&bus);
	queue_create(&h, &q, SLOT, s, 0, 8);
	queue_bind(&h, &q, 0);
	ck_assert_uint_eq(fw_request(&h, &fw, TERN_FW_SLOT_START, SLOT, 0, 0, NULL),
			  TERN_FW_STATUS_OK);
	for (unsigned int i = 0; i < 20; i++) {
		queue_push(&h, &q, &job);
		ck_assert(queue_done(&h, &q, i + 1));
	}
	assert_same(bus);
	free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device");
	TCase *bus = tcase_create("bus"), *jobs = tcase_create("jobs");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(bus, setup, teardown);
	tcase_add_test(bus, identity);
	tcase_add_test(bus, bars_are_64_bit_and_sized);
	suite_add_tcase(suite, bus);
	tcase_add_checked_fixture(jobs, setup, teardown);
	tcase_add_test(jobs, job_of_a_kernel_queue);
	tcase_add_test(jobs, job_with_firmware);
	suite_add_tcase(suite, jobs);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
