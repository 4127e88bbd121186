// SPDX-License-Identifier: MIT
/* What each command does, against values the test computes itself. */
#include <check.h>
#include <math.h>

#include "sim_fixture.h"
#include "support/ref.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const unsigned int floats[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16};
static const unsigned int blocks[] = {
	TERN_T_Q4_0, TERN_T_Q4_1, TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_Q8_0,   TERN_T_Q2_K,
	TERN_T_Q3_K, TERN_T_Q4_K, TERN_T_Q5_K, TERN_T_Q6_K, TERN_T_IQ4_NL, TERN_T_MXFP4,
};
static const unsigned int encodings[] = {TERN_T_Q8_0, TERN_T_Q4_0, TERN_T_Q4_1,
					 TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_IQ4_NL};

static struct env e;
static uint64_t seed;

static void setup(void)
{
	env_open(&e, "ref", NULL);
	env_begin(&e);
	seed = 42;
}

static void teardown(void)
{
	env_close(&e);
}

static void fill(unsigned int type, uint64_t offset, int64_t n)
{
	ref_random_fill((enum tern_dtype)type, &seed, env_at(&e, offset), n);
}

static double read_as(unsigned int type, uint64_t offset, int64_t i)
{
	const struct tern_type_info *info = tern_type_info(type);
	double v[256];

	ref_decode((enum tern_dtype)type,
		   (char *)env_at(&e, offset) + i / info->elems * info->bytes, v, info->elems);
	return v[i % info->elems];
}

static void assert_ok(void)
{
	unsigned int code = env_run(&e);

	ck_assert_msg(!code, "%s at word %u: %llx %llx", tern_fault_name(code), e.run.fault.word,
		      (unsigned long long)e.run.fault.addr, (unsigned long long)e.run.fault.info);
}

/* ---- CP ---------------------------------------------------------------------------- */
/* Nothing stores a register, but it can say where a FENCE writes: for each bit, 1 goes to
 * the first or the second of two words. */
static void reveal(unsigned int reg, uint64_t offset)
{
	tern_emit_movi(&e.code, 60, 1);
	for (unsigned int bit = 0; bit < 64; bit++) {
		tern_emit_alu(&e.code, TERN_ALU_SHR, 61, reg, tern_imm(bit));
		tern_emit_alu(&e.code, TERN_ALU_AND, 61, 61, tern_reg(60));
		tern_emit_alu(&e.code, TERN_ALU_SHL, 61, 61, tern_imm(3));
		tern_emit_movi(&e.code, 62, (int64_t)(DATA_VA + offset + 16 * bit));
		tern_emit_alu(&e.code, TERN_ALU_ADD, 61, 61, tern_reg(62));
		tern_code_cmd(&e.code, TERN_OP_FENCE, 0, 61, 0, 0, 0, (uint64_t[]){0, 1}, 2);
	}
}

static int64_t revealed(uint64_t offset)
{
	const uint64_t *w = env_at(&e, offset);
	uint64_t v = 0;

	for (unsigned int bit = 0; bit < 64; bit++) {
		ck_assert_uint_eq(w[2 * bit] + w[2 * bit + 1], 1);
		v |= w[2 * bit + 1] << bit;
	}
	return (int64_t)v;
}

static const struct {
	unsigned int op;
	int64_t b, c, want;
} sums[] = {
	{TERN_ALU_ADD, INT64_MAX, 1, INT64_MIN},
	{TERN_ALU_SUB, 3, 5, -2},
	{TERN_ALU_MUL, -3, 5, -15},
	{TERN_ALU_DIV, -7, 2, -3},
	{TERN_ALU_REM, -7, 2, -1},
	{TERN_ALU_MIN, -1, 1, -1},
	{TERN_ALU_MAX, -1, 1, 1},
	{TERN_ALU_AND, 12, 10, 8},
	{TERN_ALU_OR, 12, 10, 14},
	{TERN_ALU_XOR, 12, 10, 6},
	{TERN_ALU_SHL, 1, 65, 2},
	{TERN_ALU_SHR, -1, 60, 15},
	{TERN_ALU_SAR, -16, 2, -4},
	{TERN_ALU_CDIV, 7, 2, 4},
};

START_TEST(computes)
{
	tern_emit_movi(&e.code, 5, sums[_i].b);
	tern_emit_movi(&e.code, 6, sums[_i].c);
	tern_emit_alu(&e.code, sums[_i].op, 7, 5, tern_reg(6));
	tern_emit_alu(&e.code, sums[_i].op, 8, 5, tern_imm(sums[_i].c));
	reveal(7, 0);
	reveal(8, 4096);
	assert_ok();
	ck_assert_int_eq(revealed(0), sums[_i].want);
	ck_assert_int_eq(revealed(4096), sums[_i].want);
}
END_TEST

START_TEST(branches_and_calls)
{
	size_t top, over, function;

	/* r3 = 5 * 2 by a loop that calls "r3 += 2" */
	over = tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	function = e.code.n;
	tern_emit_alu(&e.code, TERN_ALU_ADD, 3, 3, tern_imm(2));
	tern_emit_op(&e.code, TERN_OP_RET);
	tern_code_patch(&e.code, over, e.code.n);
	tern_emit_movi(&e.code, 4, 5);
	top = e.code.n;
	tern_emit_call(&e.code, function);
	tern_emit_loop(&e.code, 4, top);
	/* a branch not taken, one taken */
	tern_emit_br(&e.code, TERN_COND_LT, 3, tern_imm(10), function);
	over = tern_emit_br(&e.code, TERN_COND_GE, 3, tern_imm(10), 0);
	tern_emit_movi(&e.code, 3, -1);
	tern_code_patch(&e.code, over, e.code.n);
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 3 */
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 6 */
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 9 >= 7: 1 */
	reveal(3, 0);
	reveal(5, 4096);
	assert_ok();
	ck_assert_int_eq(revealed(0), 10);
	ck_assert_int_eq(revealed(4096), 1);
}
END_TEST

START_TEST(loads_registers)
{
	memcpy(env_at(&e, 0), (int16_t[]){-2, 7, -300, 4}, 8);
	e.run.job.args = DATA_VA;
	tern_emit_ldr(&e.code, 10, 4, TERN_REG_ARGS, 0, 1 | TERN_LDR_SIGNED);
	tern_emit_ldr(&e.code, 20, 1, TERN_NONE, (int64_t)DATA_VA, 1);
	load(&e, spm_tile(TERN_T_I16, 64, 4, 1), mem_tile(TERN_T_I16, 0, 4, 1));
	tern_emit_ldr(&e.code, 21, 1, TERN_NONE, 68, 1 | TERN_LDR_SIGNED | TERN_LDR_SPM);
	reveal(10, 0x1000);
	reveal(12, 0x2000);
	reveal(20, 0x3000);
	reveal(21, 0x4000);
	assert_ok();
	ck_assert_int_eq(revealed(0x1000), -2);
	ck_assert_int_eq(revealed(0x2000), -300);
	ck_assert_int_eq(revealed(0x3000), 0xfffe);
	ck_assert_int_eq(revealed(0x4000), -300);
}
END_TEST

START_TEST(fences_and_stamps)
{
	uint64_t *w = env_at(&e, 0);

	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA}, 1);
	load(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 64, 1024, 1));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 8, 0x1122334455667788}, 2);
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA + 16}, 1);
	assert_ok();
	ck_assert_uint_eq(w[1], 0x1122334455667788);
	/* 4 KiB at 51.2 bytes per cycle lie between the stamps. */
	ck_assert_uint_ge(w[2], w[0] + 80);
}
END_TEST

/* ---- LOAD and STORE --------------------------------------------------------------------- */
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
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
	assert_ok();
	ref_decode(TERN_Q8_0, env_at(&e, 0x1000), v, 512);
	ref_encode(TERN_F32, v, want, 512);
	ck_assert_mem_eq(env_at(&e, 0x2000), want, 2048);
	ck_assert_double_ne(v[7], 0);
}
END_TEST

/* ---- MATRIX --------------------------------------------------------------------------------- */
/* sum over k of a[m][k] * b[n][k], both already decoded */
static void product(const double *a, const double *b, double *c, int m, int n, int k)
{
	for (int i = 0; i < m; i++) {
		for (int j = 0; j < n; j++) {
			for (int x = 0; x < k; x++)
				c[i * n + j] += a[i * k + x] * b[j * k + x];
		}
	}
}

static void assert_near(const double *want, uint64_t offset, unsigned int type, int n, double tol)
{
	double err = 0, norm = 0;

	for (int i = 0; i < n; i++) {
		double d = read_as(type, offset, i) - want[i];

		err += d * d;
		norm += want[i] * want[i];
	}
	ck_assert_double_le(err, tol * tol * norm);
}

START_TEST(multiplies_floats)
{
	enum { M = 5, N = 19, K = 70 };
	unsigned int type = floats[_i % 3], out = floats[_i / 3];
	static double a[M * K], b[N * K], want[M * N];

	fill(type, 0, M * K);
	fill(type, 0x8000, N * K);
	load(&e, spm_tile(type, 0, K, M), mem_tile(type, 0, K, M));
	load(&e, spm_tile(type, 0x8000, K, N), mem_tile(type, 0x8000, K, N));
	matrix(&e, 0, spm_tile(type, 0, K, M), spm_tile(type, 0x8000, K, N),
	       spm_tile(out, 0x10000, N, M));
	store(&e, spm_tile(out, 0x10000, N, M), mem_tile(out, 0x10000, N, M));
	assert_ok();
	ref_decode((enum tern_dtype)type, env_at(&e, 0), a, M * K);
	ref_decode((enum tern_dtype)type, env_at(&e, 0x8000), b, N * K);
	memset(want, 0, sizeof(want));
	product(a, b, want, M, N, K);
	assert_near(want, 0x10000, out, M * N, out == TERN_T_F32 ? 1e-6 : 1e-2);
}
END_TEST

/* KN, batches that share b, accumulators across two commands. */
START_TEST(multiplies_batches_through_accumulators)
{
	enum { M = 3, N = 10, K = 8, B = 4 };
	static double a[B * M * K], b[2 * K * N], want[B * M * N];
	struct tile ta = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, K, M, 2, 2);
	struct tile tb = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0x4000, N, K, 1, 2);
	struct tile tc = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0x8000, N, M, 2, 2);

	fill(TERN_T_F32, 0, B * M * K);
	fill(TERN_T_F32, 0x4000, 2 * K * N);
	load(&e, ta, packed_tile(TERN_T_F32, DATA_VA, K, M, 2, 2));
	load(&e, tb, packed_tile(TERN_T_F32, DATA_VA + 0x4000, N, K, 1, 2));
	matrix(&e, TERN_MATRIX_KN, ta, tb, no_tile());
	matrix(&e, TERN_MATRIX_KN | TERN_MATRIX_ACC, ta, tb, tc);
	store(&e, tc, packed_tile(TERN_T_F32, DATA_VA + 0x8000, N, M, 2, 2));
	assert_ok();
	ref_decode(TERN_F32, env_at(&e, 0), a, B * M * K);
	ref_decode(TERN_F32, env_at(&e, 0x4000), b, 2 * K * N);
	for (int i = 0; i < B * M * N; i++) {
		int batch = i / (M * N), m = i / N % M, n = i % N;

		want[i] = 0;
		for (int k = 0; k < K; k++)
			want[i] += 2 * a[(batch * M + m) * K + k] * b[(batch / 2 * K + k) * N + n];
	}
	assert_near(want, 0x8000, TERN_T_F32, B * M * N, 1e-6);
}
END_TEST

/* ACT x every block type, and the same once more with the weights settled into SPM: equal
 * bits. */
START_TEST(multiplies_quantised)
{
	enum { M = 3, N = 24, K = 512 };
	unsigned int type = blocks[_i], op = tern_type_operand(type);
	static double a[M * K], b[N * K], want[M * N];
	struct tile act = spm_tile(TERN_T_ACT, 0x8000, K, M);
	struct tile w = spm_tile(op, 0x20000, K, N);
	struct tile out = spm_tile(TERN_T_F32, 0x40000, N, M);

	fill(TERN_T_F32, 0, M * K);
	fill(type, 0x8000, N * K);
	load(&e, spm_tile(TERN_T_F32, 0, K, M), mem_tile(TERN_T_F32, 0, K, M));
	quantise(&e, act, spm_tile(TERN_T_F32, 0, K, M));
	load(&e, w, mem_tile(type, 0x8000, K, N));
	matrix(&e, 0, act, w, out);
	store(&e, out, mem_tile(TERN_T_F32, 0x40000, N, M));
	/* Overwrite the source: what the first LOAD brought must stay. */
	load(&e, spm_tile(TERN_T_F32, 0x100000, 64, 1), mem_tile(TERN_T_F32, 0x60000, 64, 1));
	store(&e, spm_tile(TERN_T_F32, 0x100000, 64, 1), mem_tile(TERN_T_F32, 0x8000, 64, 1));
	matrix(&e, 0, act, w, out);
	store(&e, out, mem_tile(TERN_T_F32, 0x41000, N, M));
	ref_decode(TERN_F32, env_at(&e, 0), a, M * K);
	ref_decode((enum tern_dtype)type, env_at(&e, 0x8000), b, N * K);
	assert_ok();
	memset(want, 0, sizeof(want));
	product(a, b, want, M, N, K);
	assert_near(want, 0x40000, TERN_T_F32, M * N, 2e-2);
	ck_assert_mem_eq(env_at(&e, 0x40000), env_at(&e, 0x41000), 4 * M * N);
}
END_TEST

/* ---- VECTOR ------------------------------------------------------------------------------------ */
START_TEST(runs_micro_programs)
{
	enum { N = 100, ROWS = 7 };
	/* soft-max without its maximum: e^x / sum */
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(TERN_V_EXP, 1, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 1, 1, 0, 0),
		tern_vinstr(TERN_V_RSUM, TERN_V_S0 + 9, 1, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_RCP, TERN_V_S0 + 10, TERN_V_S0 + 9, 0, 0),
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LD, 0, 1, 0, 0),
		tern_vinstr(TERN_V_MUL, 1, 0, TERN_V_S0 + 10, 0),
		tern_vinstr(TERN_V_ST, 1, 1, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};
	struct tile in = spm_tile(TERN_T_F32, 0, N, ROWS),
		    out = spm_tile(TERN_T_F32, 0x8000, N, ROWS);

	fill(TERN_T_F32, 0, N * ROWS);
	load(&e, in, mem_tile(TERN_T_F32, 0, N, ROWS));
	set_tile(&e, 0, in);
	set_tile(&e, 1, out);
	vector(&e, 2, prog, COUNT(prog), NULL);
	store(&e, out, mem_tile(TERN_T_F32, 0x8000, N, ROWS));
	assert_ok();
	for (int r = 0; r < ROWS; r++) {
		double sum = 0;

		for (int i = 0; i < N; i++)
			sum += exp(read_as(TERN_T_F32, 0, r * N + i));
		for (int i = 0; i < N; i++)
			ck_assert_double_eq_tol(read_as(TERN_T_F32, 0x8000, r * N + i),
						exp(read_as(TERN_T_F32, 0, r * N + i)) / sum, 1e-6);
	}
}
END_TEST

/* ---- between jobs ---------------------------------------------------------------------------------- */
START_TEST(clears_spm_between_jobs)
{
	fill(TERN_T_F32, 0, 1024);
	load(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0, 1024, 1));
	store(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0x2000, 1024, 1));
	assert_ok();
	ck_assert_mem_eq(env_at(&e, 0x2000), env_at(&e, 0), 4096);
	env_begin(&e);
	store(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0x2000, 1024, 1));
	assert_ok();
	for (int i = 0; i < 4096; i++)
		ck_assert_int_eq(((char *)env_at(&e, 0x2000))[i], 0);
}
END_TEST

START_TEST(zero_size_only_waits)
{
	fill(TERN_T_F32, 0, 4);
	/* Nothing of this is looked at: type, place, alignment. */
	load(&e, (struct tile){3, {0, 1, 1, 1}, {1, 1, 1, 1}, 200},
	     (struct tile){~0ull, {1, 1, 1, 1}, {1, 1, 1, 1}, 201});
	assert_ok();
}
END_TEST

static TCase *tcase(const char *name)
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	return t;
}

int main(void)
{
	Suite *s = suite_create("sim");
	TCase *cp = tcase("cp"), *dma = tcase("dma"), *engines = tcase("engines");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(cp, computes, 0, COUNT(sums));
	tcase_add_test(cp, branches_and_calls);
	tcase_add_test(cp, loads_registers);
	tcase_add_test(cp, fences_and_stamps);
	tcase_add_test(cp, clears_spm_between_jobs);
	tcase_add_test(cp, zero_size_only_waits);
	tcase_add_loop_test(dma, copies_every_plain_type, 0, 7);
	tcase_add_test(dma, transposes_by_strides);
	tcase_add_loop_test(dma, converts_floats, 0, 27);
	tcase_add_loop_test(dma, decodes_blocks_to_floats, 0, 3 * COUNT(blocks));
	tcase_add_loop_test(dma, encodes_blocks, 0, 3 * COUNT(encodings));
	tcase_add_loop_test(dma, gathers_rows, 0, 4);
	tcase_add_loop_test(dma, scatters_rows, 0, 4);
	tcase_add_test(dma, fills_outside);
	tcase_add_test(dma, clips_stores);
	tcase_add_test(dma, crosses_translations);
	tcase_add_loop_test(engines, multiplies_floats, 0, 9);
	tcase_add_test(engines, multiplies_batches_through_accumulators);
	tcase_add_loop_test(engines, multiplies_quantised, 0, COUNT(blocks));
	tcase_add_test(engines, runs_micro_programs);
	suite_add_tcase(s, cp);
	suite_add_tcase(s, dma);
	suite_add_tcase(s, engines);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
