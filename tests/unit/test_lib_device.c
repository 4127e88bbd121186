// SPDX-License-Identifier: MIT
/* libtern's devices and buffers: what each is and says, and each refusal. */
#include "lib_fixture.h"

#include <unistd.h>

/* ---- devices ------------------------------------------------------------------------ */

START_TEST(devices_are_named)
{
	static const struct {
		const char *name, *text;
		int code;
	} bad[] = {
		{"gpu", "there is no device 'gpu'", -ENODEV},
		{"", "there is no device", -ENODEV},
		{"simm:ref", "there is no device", -ENODEV},
		{"accel:x", "it takes a number", -EINVAL},
		{"accel:64", "it takes a number", -EINVAL},
		{"accel:0,threads=0", "'threads=0' is unknown", -EINVAL},
		{"accel:0,queue=mine", "queue=kernel or queue=user", -EINVAL},
		{"accel:63", "there is no NPU at /dev/accel/accel63", -ENODEV},
		{"default:accel", "", -EINVAL},
		{"cpu:4", "takes threads=N", -EINVAL},
		{"cpu:threads=", "not a number", -EINVAL},
		{"cpu:threads=0", "from 1 to", -EINVAL},
		{"cpu:threads=9999", "from 1 to", -EINVAL},
		{"cpu:threads=2x", "not a number", -EINVAL},
		{"sim:medium", "device sim", -EINVAL},
		{"sim:mac=7", "device sim", -EINVAL},
		{"sim:ref,no=softmux", "no=softmux: there is no such operator", -EINVAL},
		{"sim:ref,no=rope+", "", 0},
	};
	struct tern_device *dev;
	size_t i;

	unsetenv("TERN_DEVICE");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ret;

		if (!bad[i].code) {
			rig_device(bad[i].name, &dev);
			tern_device_close(dev);
			continue;
		}
		ret = tern_device_open(bad[i].name[0] ? bad[i].name : "?", &dev);
		expect_error(ret, bad[i].code, bad[i].text);
		ck_assert_ptr_null(dev);
	}
	if (rig_kernel())
		expect_error(tern_device_open("accel:0,no=softmux", &dev), -EINVAL, "no=softmux");
	expect_error(tern_device_open("cpu", NULL), -EINVAL, "NULL");
	tern_device_close(NULL);
	ck_assert_ptr_null(tern_device_name(NULL));
}
END_TEST

START_TEST(the_environment_names_the_default)
{
	struct tern_device *dev;
	uint64_t v = 9;

	unsetenv("TERN_DEVICE");
	must(tern_device_open(NULL, &dev));
	ck_assert_str_eq(tern_device_name(dev), rig_kernel() ? "accel" : "sim:ref");
	must(tern_device_get(dev, TERN_DEVICE_MAC_INT8, &v));
	ck_assert_uint_eq(v, 4096);
	must(tern_device_get(dev, TERN_DEVICE_CLOCK_KHZ, &v));
	ck_assert_uint_eq(v, 1000000);
	must(tern_device_get(dev, TERN_DEVICE_SPM_BYTES, &v));
	ck_assert_uint_eq(v, 2 << 20);
	must(tern_device_get(dev, TERN_DEVICE_DRAM_X256, &v));
	ck_assert_uint_eq(v, 13107);
	tern_device_close(dev);
	setenv("TERN_DEVICE", "cpu:threads=3", 1);
	must(tern_device_open(NULL, &dev));
	must(tern_device_get(dev, TERN_DEVICE_IS_NPU, &v));
	ck_assert_uint_eq(v, 0);
	must(tern_device_get(dev, TERN_DEVICE_THREADS, &v));
	ck_assert_uint_eq(v, 3);
	expect_error(tern_device_get(dev, (enum tern_device_attr)99, &v), -EINVAL, "99 is unknown");
	expect_error(tern_device_get(dev, TERN_DEVICE_THREADS, NULL), -EINVAL, "NULL");
	tern_device_close(dev);
	unsetenv("TERN_DEVICE");
}
END_TEST

/* What there is can be had, and a byte more cannot: on the kernel's device, whose file has a limit
 * below the machine's memory. */
START_TEST(memory_is_told_as_it_is)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size = 64 << 20;
	const uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * page;
	uint64_t most = 0, left = 0;
	struct tern_buffer *buffer;
	struct tern_device *dev;

	must(tern_device_open(rig_kernel() ? rig_kernel() : "sim:ref", &dev));
	must(tern_device_get(dev, TERN_DEVICE_MEMORY, &most));
	must(tern_device_get(dev, TERN_DEVICE_MEMORY_FREE, &left));
	ck_assert_uint_gt(left, 0);
	ck_assert_uint_le(left, most);
	ck_assert_uint_le(most, machine);
	if (rig_kernel()) {
		ck_assert_uint_lt(most, machine);
		ck_assert_int_eq(tern_buffer_create(dev, most + page, &buffer), -EDQUOT);
	}
	must(tern_buffer_create(dev, size, &buffer));
	must(tern_device_get(dev, TERN_DEVICE_MEMORY_FREE, &left));
	if (rig_kernel())
		ck_assert_uint_le(left, most - size);
	tern_buffer_destroy(buffer);
	tern_device_close(dev);
}
END_TEST

START_TEST(operators_are_asked_for)
{
	struct gb *g = rig_graph();
	struct tern_device *npu, *cpu, *masked;

	rig_device("sim:ref", &npu);
	rig_device("sim:ref,no=soft-max+Scale", &masked);
	must(tern_device_open("cpu", &cpu));
	must(tern_op_supported(npu, &g->ops[0], g->tensors));
	must(tern_op_supported(npu, &g->ops[2], g->tensors));
	must(tern_op_supported(masked, &g->ops[2], g->tensors));
	ck_assert_int_eq(tern_op_supported(masked, &g->ops[0], g->tensors), -EOPNOTSUPP);
	ck_assert_int_eq(tern_op_supported(cpu, &g->ops[0], g->tensors), -EOPNOTSUPP);
	ck_assert_str_ne(tern_last_error(), "");
	g->ops[0].src[0] = NONE;
	expect_error(tern_op_supported(npu, &g->ops[0], g->tensors), -EINVAL, "lacks a source");
	expect_error(tern_op_supported(NULL, &g->ops[0], g->tensors), -EINVAL, "NULL");
	expect_error(tern_op_supported(npu, NULL, g->tensors), -EINVAL, "NULL");
	expect_error(tern_op_supported(npu, &g->ops[0], NULL), -EINVAL, "NULL");
	tern_device_close(npu);
	tern_device_close(masked);
	tern_device_close(cpu);
	free(g);
}
END_TEST

/* Nobody checked these descriptors before: each absurd one is refused, none is computed with. */
START_TEST(absurd_operators_are_refused)
{
	static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX, 1ll << 47, 1ll << 46};
	static const uint64_t bytes[] = {UINT64_MAX, UINT64_MAX - 3, 1ull << 63, 1ull << 47};
	struct tern_device *npu;
	uint32_t op, t, d, i;
	int ret;

	rig_device("sim:ref", &npu);
	for (op = 0; op < 4; op++) {
		struct gb *g = rig_graph();
		struct tern_op_desc o = g->ops[op];

		for (t = 0; t < RIG_NSTORAGES; t++) {
			struct tern_tensor_desc good = g->tensors[t];
			bool used = t == o.src[0] || t == o.src[1] || t == o.dst;

			for (i = 0; i < 6 * 4; i++) {
				g->tensors[t].ne[i % 4] = sizes[i / 4];
				ret = tern_op_supported(npu, &o, g->tensors);
				ck_assert_int_eq(ret, used ? -EINVAL : 0);
				g->tensors[t] = good;
			}
			for (i = 0; i < 4 && used; i++) {
				g->tensors[t].offset = bytes[i];
				ck_assert_int_eq(tern_op_supported(npu, &o, g->tensors), -EINVAL);
				g->tensors[t] = good;
				for (d = 0; d < 2; d++) {
					if (good.ne[d] == 1)
						continue;
					g->tensors[t].nb[d] = bytes[i];
					ret = tern_op_supported(npu, &o, g->tensors);
					ck_assert_int_eq(ret, -EINVAL);
					g->tensors[t] = good;
				}
			}
		}
		g->tensors[o.dst].nb[1] = 0;
		expect_error(tern_op_supported(npu, &o, g->tensors), -EINVAL, "overlap each other");
		free(g);
	}
	tern_device_close(npu);
}
END_TEST

/* ---- buffers ---------------------------------------------------------------------------- */

START_TEST(buffers_are_zeroed_pages)
{
	struct tern_device *dev;
	struct tern_buffer *b;
	unsigned char *p;
	int i;

	rig_device(_i ? "cpu" : "sim:ref", &dev);
	must(tern_buffer_create(dev, 5000, &b));
	ck_assert_uint_eq(tern_buffer_size(b), 5000);
	p = tern_buffer_data(b);
	ck_assert_uint_eq((uintptr_t)p % 4096, 0);
	for (i = 0; i < 5000; i++)
		ck_assert_uint_eq(p[i], 0);
	/* The device lives as long as its buffers. */
	tern_device_close(dev);
	p[4999] = 1;
	tern_buffer_destroy(b);
	tern_buffer_destroy(NULL);
	ck_assert_ptr_null(tern_buffer_data(NULL));
	ck_assert_uint_eq(tern_buffer_size(NULL), 0);
}
END_TEST

START_TEST(buffers_are_refused)
{
	struct tern_device *dev;
	struct tern_buffer *b;
	char mem[16];

	rig_device("sim:ref", &dev);
	expect_error(tern_buffer_create(dev, 0, &b), -EINVAL, "at least one byte");
	ck_assert_ptr_null(b);
	expect_error(tern_buffer_create(dev, UINT64_MAX, &b), -ENOMEM, "48-bit");
	expect_error(tern_buffer_create(NULL, 1, &b), -EINVAL, "NULL");
	expect_error(tern_buffer_create(dev, 1, NULL), -EINVAL, "NULL");
	expect_error(tern_buffer_wrap(dev, NULL, 1, 0, &b), -EINVAL, "no memory to wrap");
	expect_error(tern_buffer_wrap(dev, mem, 0, 0, &b), -EINVAL, "no memory to wrap");
	expect_error(tern_buffer_wrap(dev, mem, 16, 6, &b), -EINVAL, "flags 0x6");
	expect_error(tern_buffer_wrap(dev, mem, UINT64_MAX, 0, &b), -EINVAL, "end of memory");
	expect_error(tern_buffer_wrap(dev, mem, 1, 0, NULL), -EINVAL, "NULL");
	tern_device_close(dev);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("libtern: devices");
	TCase *t = tcase_create("devices and buffers");

	tcase_add_test(t, devices_are_named);
	tcase_add_test(t, the_environment_names_the_default);
	tcase_add_test(t, memory_is_told_as_it_is);
	tcase_add_test(t, operators_are_asked_for);
	tcase_add_test(t, absurd_operators_are_refused);
	tcase_add_loop_test(t, buffers_are_zeroed_pages, 0, 2);
	tcase_add_test(t, buffers_are_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
