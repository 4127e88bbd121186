// SPDX-License-Identifier: MIT
/* Row kernels of numbers near the end of binary32. */
#include "rows_fixture.h"

/* What is nearly x, or nearly 0, is so up to the end of binary32. */
START_TEST(functions_of_large_numbers)
{
	static const enum tern_unary fns[] = {TERN_GELU, TERN_GELU_ERF, TERN_GELU_QUICK,
					      TERN_SILU, TERN_RELU,	TERN_HARDSWISH};
	const float ends[] = {0x1.8p127f, -0x1.8p127f};
	struct fx f;
	int x, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 77, 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, 77, 1, 1, 1);
	memcpy(f.data[0], ends, sizeof(ends));
	fx_op(&f, TERN_UNARY, d, x, FX_NONE, FX_NONE)->i[0] = fns[_i];
	fx_run(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rows, where binary32 ends");
	TCase *tc = tcase_create("maps");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, functions_of_large_numbers, 0, 6);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
