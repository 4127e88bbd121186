// SPDX-License-Identifier: MIT
/* Device addresses: placement, guards, permissions; and that a job sees them as faults. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
#include "isa/codec.h"
#include "lib/transport.h"

/* ---- the allocator ---------------------------------------------------------------------- */

static void *fake(uintptr_t address)
{
	return (void *)address; /* never followed */
}

START_TEST(addresses_keep_the_hosts_low_bits)
{
	struct tern_va va;
	uint64_t a, b, c;

	tern_va_init(&va);
	ck_assert_int_eq(tern_va_alloc(&va, fake(0x7f0000001123), 10, &a), 0);
	ck_assert_uint_eq(a & 0xfff, 0x123);
	ck_assert_int_eq(tern_va_alloc(&va, fake(0x7f0000135020), 5ull << 20, &b), 0);
	ck_assert_uint_eq(b & 0x1fffff, 0x135020); /* large pages stay possible */
	ck_assert_int_eq(tern_va_alloc(&va, fake(0x7f0000000fff), 2, &c), 0);
	ck_assert_uint_eq(c & 0xfff, 0xfff);
	ck_assert_uint_gt(a, 0xffffffff);
	tern_va_fini(&va);
}
END_TEST

/* Thousands of allocations and frees in a fixed order; no two may come within a guard. */
START_TEST(addresses_never_meet)
{
	enum { N = 400, ROUNDS = 6000 };
	struct {
		uint64_t at, size;
	} r[N] = {{0, 0}};
	uint32_t seed = 1, i, k, round;
	struct tern_va va;

	tern_va_init(&va);
	for (round = 0; round < ROUNDS; round++) {
		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 8) % N;
		if (r[i].at) {
			tern_va_free(&va, r[i].at);
			r[i].at = 0;
			continue;
		}
		r[i].size = 1 + (seed >> 4) % (8u << 20);
		ck_assert_int_eq(tern_va_alloc(&va, fake(seed), r[i].size, &r[i].at), 0);
		ck_assert_uint_eq(r[i].at & 0xfff, seed & 0xfff);
		for (k = 0; k < N; k++) {
			if (k != i && r[k].at && r[i].at < r[k].at + r[k].size + 4096 &&
			    r[k].at < r[i].at + r[i].size + 4096)
				ck_abort_msg("%u and %u meet", i, k);
		}
	}
	tern_va_fini(&va);
}
END_TEST

START_TEST(addresses_run_out_and_come_back)
{
	const uint64_t size = 1ull << 44;
	uint64_t at[20], again;
	struct tern_va va;
	int n = 0;

	tern_va_init(&va);
	while (n < 20 && !tern_va_alloc(&va, NULL, size, &at[n]))
		n++;
	ck_assert_int_eq(n, 15); /* of 2^48 bytes, less the first pages and the guards */
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "no device address left"));
	tern_va_free(&va, at[7]);
	ck_assert_int_eq(tern_va_alloc(&va, NULL, size, &again), 0);
	ck_assert_uint_eq(again, at[7]);
	ck_assert_int_eq(tern_va_alloc(&va, NULL, 1ull << 48, &again), -ENOMEM);
	ck_assert_int_eq(tern_va_alloc(&va, NULL, UINT64_MAX, &again), -ENOMEM);
	tern_va_free(&va, 12345); /* nothing there */
	tern_va_fini(&va);
}
END_TEST

/* ---- a context's map ---------------------------------------------------------------------- */

static struct tern_mem mem_at(uint64_t va, unsigned char *host, uint64_t size, bool owned)
{
	return (struct tern_mem){.va = va, .host = host, .size = size, .owned = owned};
}

static void expect_range(struct tern_map *m, uint64_t va, uint64_t want, unsigned int access,
			 const void *host, uint64_t len)
{
	ck_assert_ptr_eq(tern_map_translate(m, va, &want, access), host);
	if (host)
		ck_assert_uint_eq(want, len);
}

START_TEST(maps_translate_what_is_allowed)
{
	static unsigned char a[8192], b[100];
	struct tern_mem ma = mem_at(0x100000, a, 5000, true), mb = mem_at(0x200010, b, 100, false);
	const struct tern_mapping list[] = {{&mb, TERN_READ}, {&ma, TERN_READ}, {&ma, TERN_WRITE}};
	struct tern_map m = {0};

	ck_assert_int_eq(tern_map_set(&m, list, 3), 0);
	/* owned memory in whole pages, wrapped memory to the byte */
	expect_range(&m, 0x100000, 100, TERN_READ, a, 100);
	expect_range(&m, 0x100000, UINT64_MAX, TERN_READ | TERN_WRITE, a, 8192);
	expect_range(&m, 0x101fff, 2, TERN_WRITE, a + 8191, 1);
	expect_range(&m, 0x102000, 1, TERN_READ, NULL, 0);
	expect_range(&m, 0xfffff, 1, TERN_READ, NULL, 0);
	expect_range(&m, 0x200010, 4096, TERN_READ, b, 100);
	expect_range(&m, 0x200073, 4096, TERN_READ, b + 99, 1);
	expect_range(&m, 0x200074, 1, TERN_READ, NULL, 0);
	expect_range(&m, 0x20000f, 1, TERN_READ, NULL, 0);
	/* permissions: written nowhere but in a, executed nowhere */
	expect_range(&m, 0x200010, 1, TERN_WRITE, NULL, 0);
	expect_range(&m, 0x100000, 1, TERN_EXEC, NULL, 0);
	expect_range(&m, 0x100000, 1, TERN_READ | TERN_EXEC, NULL, 0);
	expect_range(&m, 0, 1, TERN_READ, NULL, 0);
	expect_range(&m, UINT64_MAX, 1, TERN_READ, NULL, 0);
	ck_assert_int_eq(tern_map_set(&m, list, 0), 0);
	expect_range(&m, 0x100000, 1, TERN_READ, NULL, 0);
	tern_map_fini(&m);
}
END_TEST

/* ---- faults of jobs -------------------------------------------------------------------------- */

/* A job that loads 64 floats from args[0] and stores them at args[1]. */
static size_t copy_image(uint64_t *out)
{
	struct tern_image_header h = {.magic = TERN_IMAGE_MAGIC,
				      .major = TERN_ISA_MAJOR,
				      .entry = TERN_IMAGE_HEADER_WORDS,
				      .spm_bytes = 256};
	struct tern_val v[TERN_TILE_NFIELDS] = {{0, false}};
	const struct tern_sync load = {.signal[0] = {0, 1}}, store = {.wait[0] = {0, 1}};
	struct tern_code c = {0};
	size_t i, n;

	for (i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(&c, 0);
	tern_emit_ldr(&c, 8, 2, 0, 0, 3);
	v[TERN_TILE_SIZE0] = tern_imm(64);
	for (i = 1; i < 4; i++)
		v[TERN_TILE_SIZE0 + i] = tern_imm(1);
	v[TERN_TILE_STRIDE0] = tern_imm(4);
	v[TERN_TILE_TYPE] = tern_imm(TERN_T_F32);
	v[TERN_TILE_ADDR] = tern_reg(8);
	tern_emit_tile(&c, 0, 0x7ff, v);
	v[TERN_TILE_ADDR] = tern_reg(9);
	tern_emit_tile(&c, 1, 0x7ff, v);
	v[TERN_TILE_ADDR] = tern_imm(0);
	v[TERN_TILE_TYPE] = tern_imm(TERN_T_F32 | TERN_TILE_SPM);
	tern_emit_tile(&c, 2, 0x7ff, v);
	tern_emit_load(&c, true, 2, 0, TERN_NONE, NULL, NULL, &load);
	tern_emit_store(&c, 2, 1, TERN_NONE, NULL, &store);
	tern_emit_op(&c, TERN_OP_END);
	h.words = h.code_words = h.vector_words = (uint32_t)c.n;
	h.sem[0] = (struct tern_image_sem){TERN_Q_LOAD1, TERN_Q_STORE, 0, 1};
	memcpy(c.w, &h, sizeof(h));
	n = c.n;
	ck_assert_int_eq(c.err, 0);
	memcpy(out, c.w, n * sizeof(*out));
	tern_code_fini(&c);
	return n;
}

/* What the job may do to each of its four pieces of memory, and how it ends. */
enum { IMAGE, ARGS, FROM, TO, NPIECES };
#define R TERN_READ
#define W TERN_WRITE
#define X TERN_EXEC
static const struct {
	unsigned int access[NPIECES];
	int64_t shift_from, shift_to;
	unsigned int fault, queue;
} jobs[] = {
	{{R | X, R, R, R | W}, 0, 0, TERN_FAULT_NONE, 0},
	{{R | X, R, R, W}, 0, 0, TERN_FAULT_NONE, 0},
	{{R, R, R, W}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_CP}, /* not executable */
	{{R | X, 0, R, W}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_CP},
	{{R | X, R, 0, W}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_LOAD1},
	{{R | X, R, W, W}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_LOAD1},
	{{R | X, R, R, R}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_STORE}, /* read-only */
	{{R | X, R, R, 0}, 0, 0, TERN_FAULT_TRANSLATION, TERN_Q_STORE},
	{{R | X, R, R, W}, 4096 - 256, 0, TERN_FAULT_NONE, 0},
	{{R | X, R, R, W},
	 4096 - 252,
	 0,
	 TERN_FAULT_TRANSLATION,
	 TERN_Q_LOAD1}, /* into the guard */
	{{R | X, R, R, W}, 0, -4, TERN_FAULT_TRANSLATION, TERN_Q_STORE},
	{{R | X, R, R, W}, 0, 4096 - 252, TERN_FAULT_TRANSLATION, TERN_Q_STORE},
};

static struct tern_transport *open_sim(void)
{
	struct tern_sim_options opt = {0};
	struct tern_transport *t;
	struct tern_caps caps;
	char no_ops[16], err[256];

	ck_assert_int_eq(tern_sim_parse("small,threads=1", &caps, &opt, no_ops, sizeof(no_ops), err,
					sizeof(err)),
			 0);
	ck_assert_int_eq(tern_transport_sim(&caps, &opt, &t), 0);
	return t;
}

START_TEST(jobs_fault_where_memory_ends)
{
	struct tern_transport *t = open_sim();
	struct tern_mem mem[NPIECES];
	struct tern_mapping list[NPIECES];
	struct tern_context *ctx;
	uint64_t *args;
	size_t i, n = 0;

	for (i = 0; i < NPIECES; i++) {
		ck_assert_int_eq(t->ops->alloc(t, 4096, &mem[i]), 0);
		if (jobs[_i].access[i])
			list[n++] = (struct tern_mapping){&mem[i], jobs[_i].access[i]};
	}
	copy_image((uint64_t *)(void *)mem[IMAGE].host);
	args = (uint64_t *)(void *)mem[ARGS].host;
	args[0] = mem[FROM].va + (uint64_t)jobs[_i].shift_from;
	args[1] = mem[TO].va + (uint64_t)jobs[_i].shift_to;
	for (i = 0; i < 4096; i++)
		mem[FROM].host[i] = (unsigned char)i;

	struct tern_run run = {.job = {.image = mem[IMAGE].va, .args = mem[ARGS].va}};

	ck_assert_int_eq(t->ops->context_create(t, 0, &ctx), 0);
	ck_assert_int_eq(t->ops->map(ctx, list, n), 0);
	ck_assert_int_eq(t->ops->run(ctx, &run), 0);
	ck_assert_msg(run.fault.code == jobs[_i].fault, "%s", tern_fault_name(run.fault.code));
	if (run.fault.code)
		ck_assert_uint_eq(run.fault.queue, jobs[_i].queue);
	else
		ck_assert_mem_eq(mem[TO].host, mem[FROM].host + jobs[_i].shift_from, 256);
	t->ops->context_destroy(ctx);
	for (i = 0; i < NPIECES; i++)
		t->ops->free(t, &mem[i]);
	t->ops->destroy(t);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("device memory");
	TCase *t = tcase_create("addresses");

	tcase_add_test(t, addresses_keep_the_hosts_low_bits);
	tcase_add_test(t, addresses_never_meet);
	tcase_add_test(t, addresses_run_out_and_come_back);
	tcase_add_test(t, maps_translate_what_is_allowed);
	suite_add_tcase(s, t);
	t = tcase_create("jobs");
	tcase_add_loop_test(t, jobs_fault_where_memory_ends, 0,
			    (int)(sizeof(jobs) / sizeof(jobs[0])));
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
