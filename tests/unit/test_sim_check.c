// SPDX-License-Identifier: MIT
/*
 * Checking mode: undefined behaviour is found and both commands are named, defined
 * behaviour is left alone. And what must not change a result does not: checking,
 * deferral, instruction set and threads.
 */
#include <check.h>

#include "sim_fixture.h"
#include "support/ref.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct env e;
static const struct tern_sim_options checked = {.threads = 1, .check = true};

static void setup(void)
{
	env_open(&e, "ref", &checked);
	env_begin(&e);
}

static void teardown(void)
{
	env_close(&e);
}

enum { LOADED = 1, FREED, STORED, READ };

static void use_sems(void)
{
	e.sem[LOADED] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_STORE, 0, 1};
	e.sem[FREED] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD0, 2, 1};
	e.sem[STORED] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_CP, 0, 1};
	e.sem[READ] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD1, 0, 1};
}

static size_t load_sync(struct tile dst, struct tile src, unsigned int wait, unsigned int signal)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait != 0}},
			      .signal = {{(uint8_t)signal, signal != 0}}};
	size_t at;

	set_tile(&e, 0, dst);
	set_tile(&e, 1, src);
	at = e.code.n;
	tern_emit_load(&e.code, wait == READ, 0, 1, TERN_NONE, NULL, NULL, &s);
	return at;
}

static size_t store_sync(struct tile src, struct tile dst, unsigned int wait, unsigned int signal)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait != 0}},
			      .signal = {{(uint8_t)signal, signal != 0}}};
	size_t at;

	set_tile(&e, 0, src);
	set_tile(&e, 1, dst);
	at = e.code.n;
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, &s);
	return at;
}

static struct tile spm(uint64_t addr, int64_t n)
{
	return spm_tile(TERN_T_F32, addr, n, 1);
}

static struct tile dram(uint64_t offset, int64_t n)
{
	return mem_tile(TERN_T_F32, offset, n, 1);
}

static void assert_fault(unsigned int code, size_t word, size_t other)
{
	unsigned int got = env_run(&e);

	ck_assert_str_eq(tern_fault_name(got), tern_fault_name(code));
	ck_assert_uint_eq(e.run.fault.class, TERN_CLASS_UNDEFINED);
	ck_assert_uint_eq(e.run.fault.word, word);
	if (other)
		ck_assert_uint_eq(e.run.fault.info, other);
}

static void assert_defined(void)
{
	unsigned int got = env_run(&e);

	ck_assert_msg(!got, "%s at %u: %llx %llx", tern_fault_name(got), e.run.fault.word,
		      (unsigned long long)e.run.fault.addr, (unsigned long long)e.run.fault.info);
}

/* ---- races -------------------------------------------------------------------------- */
START_TEST(finds_a_missing_wait)
{
	size_t first, second;

	use_sems();
	first = load_sync(spm(0, 64), dram(0, 64), 0, 0);
	second = store_sync(spm(128, 4), dram(0x1000, 4), 0, 0);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

START_TEST(accepts_a_wait)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(128, 4), dram(0x1000, 4), LOADED, 0);
	assert_defined();
}
END_TEST

/* The wait is met by the first signal; the second LOAD is not ordered by it. */
START_TEST(counts_signals)
{
	size_t second, third;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	second = load_sync(spm(256, 64), dram(0, 64), 0, LOADED);
	third = store_sync(spm(256, 64), dram(0x1000, 64), LOADED, 0);
	assert_fault(TERN_FAULT_RACE, third, second);
}
END_TEST

/* A ring of two slots with credits: sound for any number of rounds. */
START_TEST(accepts_a_ring)
{
	use_sems();
	for (unsigned int i = 0; i < 9; i++) {
		load_sync(spm(i % 2 * 256, 64), dram(0, 64), FREED, LOADED);
		store_sync(spm(i % 2 * 256, 64), dram(0x1000 + 256 * i, 64), LOADED, FREED);
	}
	assert_defined();
}
END_TEST

/* The same with one slot too few: the third LOAD overwrites what nobody waited for. */
START_TEST(finds_a_ring_too_short)
{
	size_t store, load;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), FREED, LOADED);
	store = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, FREED);
	load = load_sync(spm(0, 64), dram(0, 64), FREED, LOADED);
	store_sync(spm(0, 64), dram(0x1100, 64), LOADED, FREED);
	assert_fault(TERN_FAULT_RACE, load, store);
}
END_TEST

START_TEST(finds_races_in_memory)
{
	size_t store, load;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	load = load_sync(spm(0x1000, 8), dram(0x10f8, 8), 0, 0);
	assert_fault(TERN_FAULT_RACE, load, store);
}
END_TEST

/* Interleaved rows share no byte. */
START_TEST(respects_gaps)
{
	struct tile even = mem_tile(TERN_T_F32, 0x1000, 4, 8),
		    odd = mem_tile(TERN_T_F32, 0x1010, 4, 8);

	use_sems();
	even.stride[1] = odd.stride[1] = 32;
	load_sync(spm_tile(TERN_T_F32, 0, 4, 8), mem_tile(TERN_T_F32, 0, 4, 8), 0, LOADED);
	store_sync(spm_tile(TERN_T_F32, 0, 4, 8), even, LOADED, 0);
	load_sync(spm_tile(TERN_T_F32, 0x1000, 4, 8), odd, 0, 0);
	assert_defined();
}
END_TEST

START_TEST(orders_the_cp)
{
	struct tern_sync wait = {.wait = {{STORED, 1}}};
	size_t ldr;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, STORED);
	tern_emit_sync(&e.code, TERN_Q_CP, &wait);
	tern_emit_ldr(&e.code, 9, 1, TERN_NONE, (int64_t)DATA_VA + 0x1000, 3);
	/* What is dispatched after the CP's wait is ordered too. */
	load_sync(spm(0x1000, 64), dram(0x1000, 64), 0, 0);
	ldr = e.code.n;
	tern_emit_ldr(&e.code, 9, 1, TERN_NONE, 0x1000, 3 | TERN_LDR_SPM);
	assert_fault(TERN_FAULT_RACE, ldr, 0);
}
END_TEST

START_TEST(orders_by_fence)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 0x2000, 1}, 2);
	load_sync(spm(0, 64), dram(0x1000, 64), 0, 0);
	assert_defined();
}
END_TEST

/* An order that goes through a third queue. */
START_TEST(orders_transitively)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, READ);
	load_sync(spm(0, 64), dram(0x2000, 64), READ, 0);
	assert_defined();
}
END_TEST

/* ---- contents --------------------------------------------------------------------------- */
START_TEST(finds_uninitialised_reads)
{
	size_t at;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	at = store_sync(spm(0, 65), dram(0x1000, 65), LOADED, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
	ck_assert_uint_eq(e.run.fault.addr, 256);
}
END_TEST

START_TEST(finds_empty_accumulators)
{
	struct tile a = spm_tile(TERN_T_F32, 0, 8, 2), b = spm_tile(TERN_T_F32, 1024, 8, 2);
	size_t at;

	load(&e, a, mem_tile(TERN_T_F32, 0, 8, 2));
	load(&e, b, mem_tile(TERN_T_F32, 0, 8, 2));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 0x2000, 1}, 2);
	matrix(&e, 0, a, b, no_tile());
	matrix(&e, TERN_MATRIX_ACC, a, b, spm_tile(TERN_T_F32, 4096, 2, 2));
	matrix(&e, TERN_MATRIX_ACC, a, b, no_tile());
	at = e.code.n - 2;
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

START_TEST(finds_opaque_reads)
{
	size_t at;

	use_sems();
	load_sync(spm_tile(TERN_T_OP32, 0, 64, 1), mem_tile(TERN_T_Q4_0, 0, 64, 1), 0, LOADED);
	at = store_sync(spm(0, 4), dram(0x1000, 4), LOADED, 0);
	assert_fault(TERN_FAULT_OPAQUE, at, 0);
}
END_TEST

/* Two passes over a row: the second reads what the first wrote. */
START_TEST(accepts_what_a_program_wrote_itself)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};

	set_tile(&e, 0, spm_tile(TERN_T_I32, 0, 40, 3));
	vector(&e, 1, prog, COUNT(prog), NULL);
	assert_defined();
}
END_TEST

/* Rows of three, 8 bytes apart, that begin 12 bytes apart: bytes 4 to 7 are in none. */
START_TEST(knows_gaps_between_interleaved_rows)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};
	struct tile rows = spm_tile(TERN_T_I32, 0, 3, 2);
	size_t at;

	rows.stride[0] = 8;
	rows.stride[1] = 12;
	set_tile(&e, 0, rows);
	vector(&e, 1, prog, COUNT(prog), NULL);
	at = store_sync(spm(0, 2), dram(0x1000, 2), 0, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
	ck_assert_uint_eq(e.run.fault.addr, 4);
}
END_TEST

/* ---- YIELD ------------------------------------------------------------------------------- */
/* The LOAD may well be under way at the YIELD, and the STORE waits for it: lost nonetheless. */
START_TEST(forgets_at_yield)
{
	size_t at;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	at = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

START_TEST(forgets_accumulators_at_yield)
{
	const struct tern_sync loaded = {.wait = {{LOADED, 1}}};
	size_t at;

	e.sem[LOADED] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1};
	for (unsigned int i = 0; i < 2; i++) {
		load_sync(spm_tile(TERN_T_F32, 1024 * i, 8, 2), mem_tile(TERN_T_F32, 0, 8, 2), 0,
			  LOADED);
		at = e.code.n;
		tern_emit_matrix(&e.code, i ? TERN_MATRIX_ACC : 0, 0, 0, TERN_NONE, &loaded);
		tern_emit_op(&e.code, TERN_OP_YIELD);
	}
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

/* Queues run ahead across it, each as far as semaphores let it. */
START_TEST(yield_orders_nothing_in_spm)
{
	size_t first, second;

	use_sems();
	first = load_sync(spm(0, 64), dram(0, 64), 0, 0);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	set_tile(&e, 0, spm(0, 64));
	set_tile(&e, 1, dram(0, 64));
	second = e.code.n;
	tern_emit_load(&e.code, true, 0, 1, TERN_NONE, NULL, NULL, NULL);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

START_TEST(yield_orders_nothing_in_memory)
{
	size_t first, second;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	first = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	second = load_sync(spm(256, 64), dram(0x1000, 64), 0, 0);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

/* Each round reads what it wrote itself; slots and credits go round across the YIELDs. What
 * a STORE under way has yet to read is not lost to it. */
START_TEST(accepts_a_ring_across_yields)
{
	float *in = env_at(&e, 0);

	use_sems();
	for (unsigned int i = 0; i < 9 * 64; i++)
		in[i] = (float)i;
	for (unsigned int i = 0; i < 9; i++) {
		load_sync(spm(i % 2 * 256, 64), dram(256 * i, 64), FREED, LOADED);
		store_sync(spm(i % 2 * 256, 64), dram(0x1000 + 256 * i, 64), LOADED, FREED);
		tern_emit_op(&e.code, TERN_OP_YIELD);
	}
	assert_defined();
	ck_assert_mem_eq(env_at(&e, 0x1000), in, 9 * 64 * sizeof(float));
}
END_TEST

/* ---- what must not change a result ------------------------------------------------------------ */
enum { M = 33, N = 96, K = 512, SLOTS = 2 };

/*
 * A small layer without semaphores: activations quantised, several weights through a
 * ring of slots of different shapes, one source overwritten while its LOAD is pending, a
 * weight read as data too, results stored in f32 and f16.
 */
static void build_layer(void)
{
	static const unsigned int types[] = {TERN_T_Q4_0, TERN_T_Q6_K, TERN_T_Q4_K, TERN_T_Q8_0};
	uint64_t seed = 7;
	struct tile x = spm_tile(TERN_T_F32, 0, K, M), act = spm_tile(TERN_T_ACT, 0x20000, K, M);

	ref_random_fill(TERN_F32, &seed, env_at(&e, 0), K * M);
	load(&e, x, mem_tile(TERN_T_F32, 0, K, M));
	quantise(&e, act, x);
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int type = types[i % COUNT(types)];
		uint64_t at = 0x40000 + 0x20000 * i, slot = 0x40000 + i % SLOTS * 0x20000;
		int64_t n = N - 8 * (i / 3);
		struct tile w = spm_tile(tern_type_operand(type), slot, K, n), part = w;
		struct tile out = spm_tile(i % 2 ? TERN_T_F16 : TERN_T_F32, 0x90000, n - 16, M);

		ref_random_fill((enum tern_dtype)type, &seed, env_at(&e, at), K * N);
		load(&e, w, mem_tile(type, at, K, n));
		if (i == 4) /* its source changes before it is read */
			store(&e, spm_tile(TERN_T_F32, 0, 256, 1),
			      mem_tile(TERN_T_F32, at + 0x800, 256, 1));
		if (i == 5) /* part of the slot is overwritten */
			load(&e, spm_tile(TERN_T_OP32, slot + 36 * 16, K, 1),
			     mem_tile(TERN_T_Q8_0, 0xa0000, K, 1));
		part.addr += 16 * (uint64_t)w.stride[1];
		part.size[1] -= 16;
		matrix(&e, 0, act, part, out);
		store(&e, out,
		      mem_tile(out.type & TERN_TILE_TYPE_MASK, 0x180000 + 0x8000 * i, n - 16, M));
	}
	/* f16 weights, used in place, K halves through the accumulators */
	ref_random_fill(TERN_F16, &seed, env_at(&e, 0x300000), K * N);
	load(&e, spm_tile(TERN_T_F16, 0, K, M), mem_tile(TERN_T_F32, 0, K, M));
	load(&e, spm_tile(TERN_T_F16, 0x40000, K, N), mem_tile(TERN_T_F16, 0x300000, K, N));
	for (unsigned int half = 0; half < 2; half++) {
		struct tile a = spm_tile(TERN_T_F16, half * K, K, M), b = a;

		a.size[0] = b.size[0] = K / 2;
		b.addr += 0x40000;
		b.size[1] = N;
		matrix(&e, half ? TERN_MATRIX_ACC : 0, a, b,
		       half ? spm_tile(TERN_T_BF16, 0x90000, N, M) : no_tile());
	}
	store(&e, spm_tile(TERN_T_BF16, 0x90000, N, M), mem_tile(TERN_T_BF16, 0x1d0000, N, M));
	store(&e, spm_tile(TERN_T_F16, 0x40000, K, N), mem_tile(TERN_T_F16, 0x200000, K, N));
}

static const struct tern_sim_options variants[] = {
	{.threads = 1, .simd = "scalar", .no_timing = true},
	{.threads = 1},
	{.threads = 2},
	{.threads = 3, .simd = "scalar"},
	{.threads = 8, .no_timing = true},
};

static void *layer_result(const struct tern_sim_options *opt)
{
	void *copy = malloc(MEM_BYTES - DATA_OFF);

	env_open(&e, "ref", opt);
	env_begin(&e);
	build_layer();
	assert_defined();
	memcpy(copy, env_at(&e, 0), MEM_BYTES - DATA_OFF);
	env_close(&e);
	return copy;
}

START_TEST(same_bits_everywhere)
{
	void *want = layer_result(&variants[0]), *got = layer_result(&variants[_i]);

	ck_assert(!memcmp(want, got, MEM_BYTES - DATA_OFF));
	free(want);
	free(got);
}
END_TEST

/* Copy one command; where it lands matters to VECTOR only, whose program is patched in. */
static void copy_command(const struct tern_code *from, size_t at)
{
	uint64_t w = from->w[at];

	for (size_t p = 0; p < e.npatch; p++) {
		if (e.patch[p] == at)
			e.patch[p] = e.code.n;
	}
	tern_code_cmd(&e.code, w & 0xff, w >> 16 & 0xffff, w >> 32 & 0xff, w >> 40 & 0xff,
		      w >> 48 & 0xff, w >> 56, from->w + at + 1, (unsigned int)(w >> 8 & 0xff) - 1);
}

/* Put a FENCE behind every engine command: that orders a program without semaphores. */
static void fence_everything(void)
{
	struct tern_code plain = e.code;
	const uint64_t words[2] = {MEM_VA + DATA_OFF - 8, 1};

	memset(&e.code, 0, sizeof(e.code));
	for (size_t i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(&e.code, 0);
	for (size_t at = TERN_IMAGE_HEADER_WORDS; at < plain.n; at += plain.w[at] >> 8 & 0xff) {
		copy_command(&plain, at);
		if ((plain.w[at] & 0xff) >= TERN_OP_LOAD)
			tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0, words, 2);
	}
	tern_code_fini(&plain);
}

/* Checking mode executes every LOAD at once, so it shows that deferral changes nothing. */
START_TEST(same_bits_without_deferral)
{
	void *want = layer_result(&variants[1]);

	env_open(&e, "ref", &checked);
	env_begin(&e);
	build_layer();
	fence_everything();
	assert_defined();
	ck_assert(!memcmp(want, env_at(&e, 0), MEM_BYTES - DATA_OFF));
	env_close(&e);
	free(want);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_check");
	TCase *t = tcase_create("undefined"), *same = tcase_create("same");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, finds_a_missing_wait);
	tcase_add_test(t, accepts_a_wait);
	tcase_add_test(t, counts_signals);
	tcase_add_test(t, accepts_a_ring);
	tcase_add_test(t, finds_a_ring_too_short);
	tcase_add_test(t, finds_races_in_memory);
	tcase_add_test(t, respects_gaps);
	tcase_add_test(t, orders_the_cp);
	tcase_add_test(t, orders_by_fence);
	tcase_add_test(t, orders_transitively);
	tcase_add_test(t, finds_uninitialised_reads);
	tcase_add_test(t, knows_gaps_between_interleaved_rows);
	tcase_add_test(t, forgets_at_yield);
	tcase_add_test(t, forgets_accumulators_at_yield);
	tcase_add_test(t, yield_orders_nothing_in_spm);
	tcase_add_test(t, yield_orders_nothing_in_memory);
	tcase_add_test(t, accepts_a_ring_across_yields);
	tcase_add_test(t, finds_empty_accumulators);
	tcase_add_test(t, finds_opaque_reads);
	tcase_add_test(t, accepts_what_a_program_wrote_itself);
	tcase_set_timeout(same, 300);
	tcase_add_loop_test(same, same_bits_everywhere, 0, COUNT(variants));
	tcase_add_test(same, same_bits_without_deferral);
	suite_add_tcase(s, t);
	suite_add_tcase(s, same);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
