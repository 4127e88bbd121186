// SPDX-License-Identifier: MIT
/* What LOAD and STORE make of every format, of strides, indices and origins. */
#include <math.h>

#include "sim_command_fixture.h"

static const unsigned int encodings[] = {TERN_T_Q8_0, TERN_T_Q4_0, TERN_T_Q4_1,
					 TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_IQ4_NL};

START_TEST(copies_every_plain_type)
{
	static const unsigned int types[] = {TERN_T_F32, TERN_T_F16, TERN_T_I8,	 TERN_T_I16,
					     TERN_T_I32, TERN_T_I64, TERN_T_BF16};
	unsigned int type = types[_i];
	int64_t size = tern_type_info(type)->bytes;
	struct tile spm = packed_tile(type | TERN_TILE_SPM, 128, 5, 3, 2, 2);
	unsigned char *src = env_at(&e, 0), *dst = env_at(&e, 0x10000);

	for (int64_t i = 0; i < 60 * size; i++)
		src[i] = (unsigned char)(i * 7 + 1);
	load(&e, spm, packed_tile(type, DATA_VA, 5, 3, 2, 2));
	store(&e, spm, packed_tile(type, DATA_VA + 0x10000, 5, 3, 2, 2));
	env_ok(&e);
	ck_assert_mem_eq(src, dst, (size_t)(60 * size));
}
END_TEST

/* Element (i0, i1) of memory to (i1, i0), by strides alone, in LOAD and back in STORE. */
START_TEST(transposes_by_strides)
{
	struct tile from = mem_tile(TERN_T_F32, 0, 7, 9), back = mem_tile(TERN_T_F32, 0x1000, 9, 7);
	struct tile spm = spm_tile(TERN_T_F32, 0, 9, 7);
	const float *src = env_at(&e, 0), *dst = env_at(&e, 0x1000);

	fill(TERN_T_F32, 0, 63);
	from.size[0] = 9;
	from.size[1] = 7;
	from.stride[0] = 28;
	from.stride[1] = 4;
	load(&e, spm, from);
	store(&e, spm, back);
	env_ok(&e);
	for (int i = 0; i < 63; i++)
		ck_assert_float_eq(dst[i % 7 * 9 + i / 7], src[i]);
}
END_TEST

START_TEST(converts_floats)
{
	unsigned int from = floats[_i % 3], to = floats[_i / 3 % 3], out = floats[_i / 9];
	double v[200];
	unsigned char want[800];

	fill(from, 0, 200);
	load(&e, spm_tile(to, 0, 200, 1), mem_tile(from, 0, 200, 1));
	store(&e, spm_tile(to, 0, 200, 1), mem_tile(out, 0x1000, 200, 1));
	env_ok(&e);
	ref_decode((enum tern_dtype)from, env_at(&e, 0), v, 200);
	ref_encode((enum tern_dtype)to, v, want, 200);
	ref_decode((enum tern_dtype)to, want, v, 200);
	ref_encode((enum tern_dtype)out, v, want, 200);
	ck_assert_mem_eq(env_at(&e, 0x1000), want, tern_type_row_bytes(out, 200));
}
END_TEST

START_TEST(decodes_blocks_to_floats)
{
	unsigned int type = blocks[_i / 3], to = floats[_i % 3];
	double v[1536];
	unsigned char want[1536 * 4];
	const unsigned char *got = env_at(&e, 0x10000);
	int64_t size = tern_type_info(to)->bytes;

	fill(type, 0, 1536);
	load(&e, spm_tile(to, 4096, 512, 3), mem_tile(type, 0, 512, 3));
	store(&e, spm_tile(to, 4096, 512, 3), mem_tile(to, 0x10000, 512, 3));
	env_ok(&e);
	ref_decode((enum tern_dtype)type, env_at(&e, 0), v, 1536);
	ref_encode((enum tern_dtype)to, v, want, 1536);
	/* Decoders that fuse d * q + m may differ from the definition by a rounding. */
	for (int i = 0; i < 1536; i++) {
		double a, b;

		ref_decode((enum tern_dtype)to, got + i * size, &a, 1);
		ref_decode((enum tern_dtype)to, want + i * size, &b, 1);
		ck_assert_double_le(fabs(a - b), 1e-6 + fabs(b) * (size == 4 ? 1e-6 : 1e-2));
	}
}
END_TEST

START_TEST(encodes_blocks)
{
	unsigned int type = encodings[_i / 3], from = floats[_i % 3];
	double v[192];
	unsigned char want[400];

	fill(from, 0, 192);
	load(&e, spm_tile(from, 0, 64, 3), mem_tile(from, 0, 64, 3));
	store(&e, spm_tile(from, 0, 64, 3), mem_tile(type, 0x1000, 64, 3));
	env_ok(&e);
	ref_decode((enum tern_dtype)from, env_at(&e, 0), v, 192);
	ref_encode((enum tern_dtype)type, v, want, 192);
	ck_assert_mem_eq(env_at(&e, 0x1000), want, tern_type_row_bytes(type, 192));
}
END_TEST

static void rows_program(unsigned int index_type, bool index_in_spm, bool scatter)
{
	static const int64_t rows[] = {4, 0, 4, 2, 1, 3};
	struct tile index = packed_tile(index_type, DATA_VA + 0x800, 3, 2, 1, 1);
	struct tile spm = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 256, 4, 3, 2, 1);
	struct tile mem = packed_tile(TERN_T_F32, DATA_VA, 4, 5, 2, 1);

	for (int i = 0; i < 6; i++) {
		if (index_type == TERN_T_I64)
			((int64_t *)env_at(&e, 0x800))[i] = rows[i];
		else
			((int32_t *)env_at(&e, 0x800))[i] = (int32_t)rows[i];
	}
	if (index_in_spm) {
		struct tile copy = packed_tile(index_type | TERN_TILE_SPM, 64, 3, 2, 1, 1);

		load(&e, copy, index);
		index = copy;
	}
	if (scatter)
		load(&e, spm, packed_tile(TERN_T_F32, DATA_VA + 0x1000, 4, 3, 2, 1));
	set_tile(&e, 0, spm);
	set_tile(&e, 1, mem);
	set_tile(&e, 2, index);
	if (scatter) {
		tern_emit_store(&e.code, 0, 1, 2, NULL, NULL);
		return;
	}
	tern_emit_load(&e.code, true, 0, 1, 2, NULL, NULL, NULL);
	store(&e, spm, packed_tile(TERN_T_F32, DATA_VA + 0x1000, 4, 3, 2, 1));
}

START_TEST(gathers_rows)
{
	const float *src = env_at(&e, 0), *got = env_at(&e, 0x1000);
	static const int want[] = {4, 0, 4, 5 + 2, 5 + 1, 5 + 3};

	fill(TERN_T_F32, 0, 40);
	rows_program(_i & 1 ? TERN_T_I32 : TERN_T_I64, _i & 2, false);
	env_ok(&e);
	for (int i = 0; i < 24; i++)
		ck_assert_float_eq(got[i], src[want[i / 4] * 4 + i % 4]);
}
END_TEST

START_TEST(scatters_rows)
{
	const float *src = env_at(&e, 0x1000), *got = env_at(&e, 0);
	/* Row 4 of plane 0 is written twice: the later one stays. */
	static const int from[] = {1, -1, -1, -1, 2, -1, 4, 3, 5, -1};

	fill(TERN_T_F32, 0x1000, 24);
	rows_program(_i & 1 ? TERN_T_I32 : TERN_T_I64, _i & 2, true);
	env_ok(&e);
	for (int i = 0; i < 40; i++)
		ck_assert_float_eq(got[i], from[i / 4] < 0 ? 0 : src[from[i / 4] * 4 + i % 4]);
}
END_TEST

/* SPM tile 6 x 5 x 1 laid over a memory tile 4 x 3 at origin (-1, -1). */
START_TEST(fills_outside)
{
	static const uint8_t origin[4] = {30, 30, TERN_NONE, TERN_NONE};
	static const float fills[4] = {1000, 2000, 3000, 4000};
	const float *src = env_at(&e, 0), *got = env_at(&e, 0x1000);

	fill(TERN_T_F32, 0, 12);
	tern_emit_movi(&e.code, 30, -1);
	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, 6, 5));
	set_tile(&e, 1, mem_tile(TERN_T_F32, 0, 4, 3));
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, origin, fills, NULL);
	store(&e, spm_tile(TERN_T_F32, 0, 6, 5), mem_tile(TERN_T_F32, 0x1000, 6, 5));
	env_ok(&e);
	for (int y = 0; y < 5; y++) {
		for (int x = 0; x < 6; x++) {
			bool in0 = x >= 1 && x < 5, in1 = y >= 1 && y < 4;
			float want = !in0 ? 1000 : !in1 ? 2000 : src[(y - 1) * 4 + x - 1];

			ck_assert_float_eq(got[y * 6 + x], want);
		}
	}
}
END_TEST

START_TEST(clips_stores)
{
	static const uint8_t origin[4] = {30, 31, TERN_NONE, TERN_NONE};
	const float *src = env_at(&e, 0), *got = env_at(&e, 0x1000);

	fill(TERN_T_F32, 0, 20);
	tern_emit_movi(&e.code, 30, -2);
	tern_emit_movi(&e.code, 31, 1);
	load(&e, spm_tile(TERN_T_F32, 0, 5, 4), mem_tile(TERN_T_F32, 0, 5, 4));
	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, 5, 4));
	set_tile(&e, 1, mem_tile(TERN_T_F32, 0x1000, 4, 3));
	tern_emit_store(&e.code, 0, 1, TERN_NONE, origin, NULL);
	env_ok(&e);
	for (int y = 0; y < 3; y++) {
		for (int x = 0; x < 4; x++) {
			bool inside = x + 2 < 5 && y >= 1;

			ck_assert_float_eq(got[y * 4 + x], inside ? src[(y - 1) * 5 + x + 2] : 0);
		}
	}
}
END_TEST

/* Every command works when memory comes in pieces of 64 bytes. */
START_TEST(crosses_translations)
{
	double v[512];
	unsigned char want[2048];

	e.step = 64;
	fill(TERN_T_Q4_K, 0, 512);
	load(&e, spm_tile(TERN_T_F32, 0, 512, 1), mem_tile(TERN_T_Q4_K, 0, 512, 1));
	store(&e, spm_tile(TERN_T_F32, 0, 512, 1), mem_tile(TERN_T_Q8_0, 0x1000, 512, 1));
	load(&e, spm_tile(TERN_T_F32, 0, 512, 1), mem_tile(TERN_T_Q8_0, 0x1000, 512, 1));
	store(&e, spm_tile(TERN_T_F32, 0, 512, 1), mem_tile(TERN_T_F32, 0x2000, 512, 1));
	env_ok(&e);
	ref_decode(TERN_Q8_0, env_at(&e, 0x1000), v, 512);
	ref_encode(TERN_F32, v, want, 512);
	ck_assert_mem_eq(env_at(&e, 0x2000), want, 2048);
	ck_assert_double_ne(v[7], 0);
}
END_TEST

START_TEST(zero_size_only_waits)
{
	fill(TERN_T_F32, 0, 4);
	/* Nothing of this is looked at: type, place, alignment. */
	load(&e, (struct tile){3, {0, 1, 1, 1}, {1, 1, 1, 1}, 200},
	     (struct tile){~0ull, {1, 1, 1, 1}, {1, 1, 1, 1}, 201});
	env_ok(&e);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_move");
	TCase *t = tcase_create("dma");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, copies_every_plain_type, 0, 7);
	tcase_add_test(t, transposes_by_strides);
	tcase_add_loop_test(t, converts_floats, 0, 27);
	tcase_add_loop_test(t, decodes_blocks_to_floats, 0, 3 * COUNT(blocks));
	tcase_add_loop_test(t, encodes_blocks, 0, 3 * COUNT(encodings));
	tcase_add_loop_test(t, gathers_rows, 0, 4);
	tcase_add_loop_test(t, scatters_rows, 0, 4);
	tcase_add_test(t, fills_outside);
	tcase_add_test(t, clips_stores);
	tcase_add_test(t, crosses_translations);
	tcase_add_test(t, zero_size_only_waits);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
