// SPDX-License-Identifier: MIT
/*
 * Groups of operators whose parts read each other's results by another way than the one that
 * fusion removes. The CPU kernels run one operator at a time, so they are the reference here;
 * what each operator computes is checked elsewhere against definitions.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <tern.h>

enum { N = 256, MAX = 24 };

struct model {
	struct tern_storage_desc s[MAX];
	struct tern_tensor_desc t[MAX];
	struct tern_op_desc o[MAX];
	struct tern_graph_desc d;
	bool counts[MAX]; /* storages that hold 0, 1, 2, ... in 32 bits, not floats */
};

static struct model m;

static void begin(void)
{
	memset(&m, 0, sizeof(m));
}

/* A storage of `rows` rows of N floats. */
static uint32_t storage(int rows, uint32_t flags)
{
	m.s[m.d.nstorages] =
		(struct tern_storage_desc){.size = 4ul * N * (uint64_t)rows, .flags = flags};
	return m.d.nstorages++;
}

/* Rows [first, first + rows) of a storage. */
static uint32_t view(uint32_t s, int first, int rows)
{
	struct tern_tensor_desc t = {.storage = s, .type = TERN_F32, .ne = {N, rows, 1, 1}};

	tern_contiguous(t.type, t.ne, t.nb);
	t.offset = 4ul * N * (uint64_t)first;
	m.t[m.d.ntensors] = t;
	return m.d.ntensors++;
}

/* A contiguous tensor of those sizes, from byte `offset` of a storage. */
static uint32_t shaped(uint32_t s, uint64_t offset, enum tern_dtype type, int64_t n0, int64_t n1,
		       int64_t n2)
{
	struct tern_tensor_desc t = {
		.storage = s, .offset = offset, .type = type, .ne = {n0, n1, n2, 1}};

	tern_contiguous(t.type, t.ne, t.nb);
	m.t[m.d.ntensors] = t;
	return m.d.ntensors++;
}

static uint32_t fresh(int rows, uint32_t flags)
{
	return view(storage(rows, flags), 0, rows);
}

static struct tern_op_desc *op(enum tern_opcode code, uint32_t dst, uint32_t a, uint32_t b)
{
	struct tern_op_desc *o = &m.o[m.d.nops++];

	*o = (struct tern_op_desc){.op = code,
				   .src = {a, b, TERN_NO_TENSOR, TERN_NO_TENSOR, TERN_NO_TENSOR},
				   .dst = dst,
				   .f = {code == TERN_RMS_NORM || code == TERN_NORM ? 1e-5f : 0}};
	return o;
}

/* Deterministic values in [-0.5, 0.5). */
static void fill(float *x, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		x[i] = (float)(seed >> 8) / 16777216.0f - 0.5f;
	}
}

static void fill_counting(int32_t *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (int32_t)i;
}

/* Run on a device; the bound storages' content afterwards, one after the other. */
static float *run(const char *device, size_t *count)
{
	struct tern_buffer *buf[MAX] = {0};
	struct tern_binding bind[MAX] = {0};
	struct tern_device *dev;
	struct tern_graph *g;
	struct tern_program *p;
	struct tern_session *s;
	float *all = NULL;

	m.d.storages = m.s;
	m.d.tensors = m.t;
	m.d.ops = m.o;
	*count = 0;
	ck_assert_msg(!tern_device_open(device, &dev), "%s", tern_last_error());
	ck_assert_msg(!tern_graph_create(&m.d, &g), "%s", tern_last_error());
	ck_assert_msg(!tern_compile(dev, g, &p), "%s", tern_last_error());
	ck_assert_msg(!tern_session_create(p, &s), "%s", tern_last_error());
	for (uint32_t i = 0; i < m.d.nstorages; i++) {
		if (!(m.s[i].flags & TERN_STORAGE_BOUND))
			continue;
		ck_assert(!tern_buffer_create(dev, m.s[i].size, &buf[i]));
		if (m.counts[i])
			fill_counting(tern_buffer_data(buf[i]), m.s[i].size / 4);
		else
			fill(tern_buffer_data(buf[i]), m.s[i].size / 4, i + 1);
		bind[i].buffer = buf[i];
	}
	ck_assert_msg(!tern_session_bind(s, bind, m.d.nstorages), "%s", tern_last_error());
	ck_assert_msg(!tern_session_run(s, NULL, 0), "%s: %s", device, tern_last_error());
	for (uint32_t i = 0; i < m.d.nstorages; i++) {
		if (!buf[i])
			continue;
		all = realloc(all, 4 * *count + m.s[i].size);
		memcpy(all + *count, tern_buffer_data(buf[i]), m.s[i].size);
		*count += m.s[i].size / 4;
	}
	tern_session_destroy(s);
	tern_program_destroy(p);
	tern_graph_destroy(g);
	for (uint32_t i = 0; i < m.d.nstorages; i++)
		tern_buffer_destroy(buf[i]);
	tern_device_close(dev);
	return all;
}

/* f32 products and sums of a few hundred terms: well inside 1e-9 of the energy. */
static void same_on_both(void)
{
	static const char *const devices[] = {"sim:ref", "sim:ref,check", "sim:small,check"};
	size_t n, k;
	float *want = run("cpu", &n);

	for (size_t d = 0; d < sizeof(devices) / sizeof(devices[0]); d++) {
		float *got = run(devices[d], &k);
		double diff = 0, norm = 0;

		ck_assert_uint_eq(n, k);
		for (size_t i = 0; i < n; i++) {
			double e = (double)got[i] - (double)want[i];

			diff += e * e;
			norm += (double)want[i] * (double)want[i];
		}
		ck_assert_msg(diff <= 1e-9 * norm, "%s: NMSE %g", devices[d], diff / norm);
		free(got);
	}
	free(want);
}

enum { BOUND = TERN_STORAGE_BOUND, WEIGHT = TERN_STORAGE_BOUND | TERN_STORAGE_CONST };

/* Post-norm: the product's activations are added to its result. */
START_TEST(norm_is_also_residual)
{
	int rows = _i;

	begin();
	uint32_t x = fresh(rows, BOUND), w = fresh(N, WEIGHT), n = fresh(rows, 0),
		 y = fresh(rows, 0), z = fresh(rows, BOUND);

	op(TERN_NORM, n, x, TERN_NO_TENSOR);
	op(TERN_MATMUL, y, w, n);
	op(TERN_BINARY, z, y, n);
	same_on_both();
}
END_TEST

/* The second source is the product again, by another tensor. */
START_TEST(product_added_to_itself)
{
	int rows = _i;

	begin();
	uint32_t x = fresh(rows, BOUND), w = fresh(N, WEIGHT), s = storage(rows, 0),
		 y = view(s, 0, rows), again = view(s, 0, rows), z = fresh(rows, BOUND);

	op(TERN_MATMUL, y, w, x);
	op(TERN_BINARY, z, y, again);
	same_on_both();
}
END_TEST

START_TEST(bias_is_a_row_of_the_norm)
{
	begin();
	uint32_t x = fresh(4, BOUND), w = fresh(N, WEIGHT), s = storage(4, 0), n = view(s, 0, 4),
		 row = view(s, 2, 1), y = fresh(4, 0), z = fresh(4, BOUND);

	op(TERN_RMS_NORM, n, x, TERN_NO_TENSOR);
	op(TERN_MATMUL, y, w, n);
	op(TERN_BINARY, z, y, row);
	same_on_both();
}
END_TEST

/* One product's result is the other's bias or residual. */
START_TEST(sibling_is_added)
{
	int rows = _i;

	begin();
	uint32_t x = fresh(rows, BOUND), w0 = fresh(N, WEIGHT), w1 = fresh(N, WEIGHT),
		 y0 = fresh(rows, BOUND), y1 = fresh(rows, 0), z = fresh(rows, BOUND);

	op(TERN_MATMUL, y0, w0, x);
	op(TERN_MATMUL, y1, w1, x);
	op(TERN_BINARY, z, y1, y0);
	same_on_both();
}
END_TEST

START_TEST(norm_scale_is_a_row_of_the_sum)
{
	begin();
	uint32_t x = fresh(4, BOUND), b = fresh(4, BOUND), s = storage(4, 0), sum = view(s, 0, 4),
		 row = view(s, 1, 1), z = fresh(4, BOUND);

	op(TERN_BINARY, sum, x, b);
	op(TERN_RMS_NORM, z, sum, row);
	same_on_both();
}
END_TEST

/* The gate is read once more after the unit. */
START_TEST(gate_is_read_again)
{
	begin();
	uint32_t x = fresh(5, BOUND), w0 = fresh(N, WEIGHT), w1 = fresh(N, WEIGHT), g = fresh(5, 0),
		 u = fresh(5, 0), a = fresh(5, 0), z = fresh(5, BOUND);

	op(TERN_MATMUL, g, w0, x);
	op(TERN_MATMUL, u, w1, x);
	op(TERN_GLU, a, g, u)->i[0] = TERN_GLU_SWIGLU;
	op(TERN_BINARY, z, a, g);
	same_on_both();
}
END_TEST

/* The residual stream is updated in place, and normalised from there. */
START_TEST(residual_in_place)
{
	begin();
	uint32_t s = storage(7, BOUND), x = view(s, 0, 7), w0 = fresh(N, WEIGHT),
		 w1 = fresh(N, WEIGHT), n = fresh(7, 0), y = fresh(7, 0), z = fresh(7, BOUND);

	op(TERN_RMS_NORM, n, x, TERN_NO_TENSOR);
	op(TERN_MATMUL, y, w0, n);
	op(TERN_BINARY, x, y, x)->i[0] = TERN_ADD;
	op(TERN_RMS_NORM, n, x, TERN_NO_TENSOR);
	op(TERN_MATMUL, z, w1, n);
	same_on_both();
}
END_TEST

/* A result takes the bytes of the norm, which the next product then reads. */
START_TEST(norm_is_overwritten_between_products)
{
	begin();
	uint32_t x = fresh(5, BOUND), w0 = fresh(N, WEIGHT), w1 = fresh(N, WEIGHT), n = fresh(5, 0),
		 y = fresh(5, 0), z = fresh(5, BOUND);

	op(TERN_RMS_NORM, n, x, TERN_NO_TENSOR);
	op(TERN_MATMUL, y, w0, n);
	op(TERN_BINARY, n, y, x);
	op(TERN_MATMUL, z, w1, n);
	same_on_both();
}
END_TEST

/* ---- the last result takes bytes that nobody reads after the group, but the group does ---- */
enum { HEAD = 64, HEADS = N / HEAD, TOKENS = 700 }; /* more than any chunk holds */

static void rope(uint32_t dst, uint32_t x, uint32_t positions)
{
	struct tern_op_desc *o = op(TERN_ROPE, dst, x, positions);

	o->i[TERN_ROPE_I_DIMS] = HEAD;
	o->f[TERN_ROPE_F_BASE] = 1e4f;
	o->f[TERN_ROPE_F_SCALE] = o->f[TERN_ROPE_F_ATTN] = 1;
}

static uint32_t counting(void)
{
	uint32_t s = storage(TOKENS * 4 / N + 1, BOUND);

	m.counts[s] = true;
	return s;
}

/* Heads of tokens, rotated over the scales that each token has. */
START_TEST(rotation_over_the_scales_of_its_norm)
{
	begin();
	uint32_t x = shaped(storage(TOKENS, BOUND), 0, TERN_F32, HEAD, HEADS, TOKENS),
		 s = storage(TOKENS + 8, BOUND), pos = counting(),
		 scale = shaped(s, 0, TERN_F32, HEAD, 1, TOKENS),
		 n = shaped(storage(TOKENS, 0), 0, TERN_F32, HEAD, HEADS, TOKENS),
		 y = shaped(s, (uint64_t)_i * N, TERN_F32, HEAD, HEADS, TOKENS);

	op(TERN_RMS_NORM, n, x, scale);
	rope(y, n, shaped(pos, 0, TERN_I32, TOKENS, 1, 1));
	same_on_both();
}
END_TEST

START_TEST(rows_set_over_the_scales_of_their_norm)
{
	begin();
	uint32_t x = fresh(TOKENS, BOUND), n = fresh(TOKENS, 0), s = storage(TOKENS + 1, BOUND),
		 rows = counting();

	op(TERN_RMS_NORM, n, x, view(s, 0, TOKENS));
	op(TERN_SET_ROWS, view(s, 1, TOKENS), n, shaped(rows, 0, TERN_I32, TOKENS, 1, 1));
	same_on_both();
}
END_TEST

START_TEST(rows_set_over_the_positions_of_their_rotation)
{
	begin();
	uint32_t x = shaped(storage(TOKENS, BOUND), 0, TERN_F32, HEAD, HEADS, TOKENS),
		 s = storage(TOKENS, BOUND), rows = counting(), turned = storage(TOKENS, 0),
		 y = shaped(turned, 0, TERN_F32, HEAD, HEADS, TOKENS);

	m.counts[s] = true;
	rope(y, x, shaped(s, 0, TERN_I32, TOKENS, 1, 1));
	op(TERN_SET_ROWS, view(s, 0, TOKENS), view(turned, 0, TOKENS),
	   shaped(rows, 0, TERN_I32, TOKENS, 1, 1));
	same_on_both();
}
END_TEST

/*
 * Results that lie where those of groups before lay (lib/layout.c): of sums with norms, of
 * products, and of what the two leave between them, so long that the engines are at different
 * ends of them.
 */
START_TEST(scratch_is_used_again)
{
	int rows = _i;

	begin();
	uint32_t x = fresh(rows, BOUND), last = x;

	for (int i = 0; i < 3; i++) {
		uint32_t w = fresh(N, WEIGHT), sum = fresh(rows, 0), norm = fresh(rows, 0),
			 half = fresh(rows, 0), y = fresh(rows, i < 2 ? 0 : BOUND);

		op(TERN_BINARY, sum, last, x)->i[0] = TERN_ADD;
		op(TERN_RMS_NORM, norm, sum, TERN_NO_TENSOR);
		op(TERN_SCALE, half, norm, TERN_NO_TENSOR)->f[0] = 0.5f;
		op(TERN_MATMUL, y, w, half);
		last = y;
	}
	same_on_both();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fusion and aliasing");
	TCase *c = tcase_create("groups");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(c, norm_is_also_residual, 1, 4);
	tcase_add_loop_test(c, product_added_to_itself, 1, 4);
	tcase_add_test(c, bias_is_a_row_of_the_norm);
	tcase_add_loop_test(c, sibling_is_added, 1, 4);
	tcase_add_test(c, norm_scale_is_a_row_of_the_sum);
	tcase_add_test(c, gate_is_read_again);
	tcase_add_test(c, residual_in_place);
	tcase_add_test(c, norm_is_overwritten_between_products);
	tcase_add_loop_test(c, rotation_over_the_scales_of_its_norm, 0, 3);
	tcase_add_test(c, rows_set_over_the_scales_of_their_norm);
	tcase_add_test(c, rows_set_over_the_positions_of_their_rotation);
	tcase_add_loop_test(c, scratch_is_used_again, 1, 2);
	tcase_add_loop_test(c, scratch_is_used_again, 600, 601);
	suite_add_tcase(s, c);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
