// SPDX-License-Identifier: MIT
/* What MATRIX and VECTOR compute, against products and sums in double. */
#include <math.h>

#include "sim_command_fixture.h"

static double read_as(unsigned int type, uint64_t offset, int64_t i)
{
	const struct tern_type_info *info = tern_type_info(type);
	double v[256];

	ref_decode((enum tern_dtype)type,
		   (char *)env_at(&e, offset) + i / info->elems * info->bytes, v, info->elems);
	return v[i % info->elems];
}

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
	env_ok(&e);
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
	env_ok(&e);
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
	env_ok(&e);
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
	env_ok(&e);
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

int main(void)
{
	Suite *s = suite_create("sim_compute");
	TCase *t = tcase_create("engines");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, multiplies_floats, 0, 9);
	tcase_add_test(t, multiplies_batches_through_accumulators);
	tcase_add_loop_test(t, multiplies_quantised, 0, COUNT(blocks));
	tcase_add_test(t, runs_micro_programs);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
