// SPDX-License-Identifier: MIT
/* Memory that the process has, wrapped: what the device sees of it, and when it is refused. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/transport.h"
#include "lib_fixture.h"

enum { PAGE = 4096, WEIGHT_BYTES = 4 * RIG_K * RIG_N };

static unsigned char *pages(size_t n)
{
	void *mem =
		mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(mem, MAP_FAILED);
	return mem;
}

/* Weights in a file mapped read-only, at an odd place: no copy, the same low bits. */
START_TEST(wrapped_memory_is_used_in_place)
{
	const size_t bytes = 4 * RIG_K * RIG_N;
	struct tern_buffer *w;
	unsigned char *mem;
	struct rig r;

	rig_open(&r, _i ? "cpu" : "sim:ref");
	mem = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	memcpy(mem + 4092, tern_buffer_data(r.buf[RIG_W]), bytes);
	ck_assert_int_eq(mprotect(mem, 3 * 4096, PROT_READ), 0);
	must(tern_buffer_wrap(r.dev, mem + 4091, bytes + 1, TERN_WRAP_READ_ONLY, &w));
	ck_assert_ptr_eq(tern_buffer_data(w), mem + 4091);
	expect_error(tern_session_bind_one(r.s, RIG_W, w, 0), -EINVAL, "elements of 4 bytes");
	must(tern_session_bind_one(r.s, RIG_W, w, 1));
	memset(tern_buffer_data(r.buf[RIG_W]), 0, bytes);
	rig_run(&r, 8);
	rig_check(&r, 8);
	expect_error(tern_session_bind_one(r.s, RIG_Y, w, 1), -EACCES, "read-only");
	tern_buffer_destroy(w);
	rig_close(&r);
	munmap(mem, 3 * 4096);
}
END_TEST

/* No privilege to pin anything, from now on. */
static void lock_nothing(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}), 0);
	if (!geteuid())
		ck_assert_int_eq(setresuid(65533, 65533, 65533), 0);
}

/* The weights come after the wrapping, and must not be missed: the kernel, which may not pin them,
 * refuses. Only of what nobody can write may the device have a copy. */
START_TEST(memory_that_may_not_be_pinned)
{
	const unsigned int flags = _i ? TERN_WRAP_READ_ONLY : 0;
	unsigned char *mem = pages(1);
	struct tern_buffer *w;
	struct rig r;
	int ret;

	rig_open(&r, "sim:ref");
	lock_nothing();
	ret = tern_buffer_wrap(r.dev, mem, PAGE, flags, &w);
	memcpy(mem, tern_buffer_data(r.buf[RIG_W]), WEIGHT_BYTES);
	memset(tern_buffer_data(r.buf[RIG_W]), 0, WEIGHT_BYTES);
	ck_assert_int_eq(ret, rig_kernel() ? -ENOBUFS : 0);
	if (ret) {
		ck_assert_ptr_nonnull(strstr(tern_last_error(), "ulimit -l"));
		ck_assert_int_eq(mprotect(mem, PAGE, PROT_READ), 0);
		must(tern_buffer_wrap(r.dev, mem, PAGE, TERN_WRAP_READ_ONLY, &w));
	}
	must(tern_session_bind_one(r.s, RIG_W, w, 0));
	rig_run(&r, RIG_TOKENS);
	rig_check(&r, RIG_TOKENS);
	tern_buffer_destroy(w);
	rig_close(&r);
	munmap(mem, PAGE);
}
END_TEST

START_TEST(who_may_write)
{
	static const unsigned char constant[2 * PAGE];
	unsigned char *mem = pages(5);

	ck_assert(!tern_host_writes(constant, sizeof(constant)));
	ck_assert(tern_host_writes(mem, 5 * PAGE));
	mprotect(mem + PAGE, 3 * PAGE, PROT_READ);
	ck_assert(!tern_host_writes(mem + PAGE, 3 * PAGE));
	ck_assert(!tern_host_writes(mem + PAGE + 5, 1));
	ck_assert(tern_host_writes(mem + PAGE, 3 * PAGE + 1));
	ck_assert(tern_host_writes(mem + PAGE - 1, 2));
	mprotect(mem + 2 * PAGE, PAGE, PROT_READ | PROT_EXEC); /* three mappings, none writable */
	ck_assert(!tern_host_writes(mem + PAGE, 3 * PAGE));
	mprotect(mem + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	ck_assert(tern_host_writes(mem + PAGE, 3 * PAGE));
	munmap(mem + 2 * PAGE, PAGE); /* whatever comes there */
	ck_assert(tern_host_writes(mem + PAGE, 3 * PAGE));
	ck_assert(!tern_host_writes(mem + PAGE, PAGE));
	munmap(mem, 5 * PAGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wrapped memory");
	TCase *t = tcase_create("wrap");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, wrapped_memory_is_used_in_place, 0, 2);
	tcase_add_loop_test(t, memory_that_may_not_be_pinned, 0, 2);
	tcase_add_test(t, who_may_write);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
