// SPDX-License-Identifier: MIT
/* What must not change a result: checking, deferral, instruction set and threads. */
#include "sim_fixture.h"
#include "support/ref.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct env e;

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
	env_ok(&e);
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

	env_open(&e, "ref", &(struct tern_sim_options){.threads = 1, .check = true});
	env_begin(&e);
	build_layer();
	fence_everything();
	env_ok(&e);
	ck_assert(!memcmp(want, env_at(&e, 0), MEM_BYTES - DATA_OFF));
	env_close(&e);
	free(want);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_same_bits");
	TCase *t = tcase_create("same");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, same_bits_everywhere, 0, COUNT(variants));
	tcase_add_test(t, same_bits_without_deferral);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
