/* SPDX-License-Identifier: MIT */
/*
 * Products of floats: part of gemm_impl.h. B's panel is in f32, one row per lane; so
 * are the rows of A, exactly.
 */
struct float_panel {
	vf32 b[FCHUNK];
};

struct float_job {
	const struct float_panel *b;
	const float *a;
	int64_t a_stride, k; /* a_stride in floats */
	struct c_at c;
	bool zero;
};

INLINE void float_rows(int mr, const struct float_job *j)
{
	vf32 acc[MROWS];

#pragma GCC unroll 8
	for (int i = 0; i < mr; i++)
		acc[i] = j->zero ? (vf32){0} : load_c(j->c.p + i * j->c.ld);
	for (int64_t k = 0; k < j->k; k++) {
		vf32 b = j->b->b[k];

#pragma GCC unroll 8
		for (int i = 0; i < mr; i++)
			acc[i] = fma_lanes(splat(j->a[i * j->a_stride + k]), b, acc[i]);
	}
#pragma GCC unroll 8
	for (int i = 0; i < mr; i++)
		store_c(j->c.p + i * j->c.ld, acc[i]);
}

#define FLOAT_FN(suffix, mr, name)                             \
	static void name##_##suffix(const struct float_job *j) \
	{                                                      \
		float_rows(mr, j);                             \
	}
ROW_COUNTS(FLOAT_FN, floats)

static void (*const float_fns[5])(const struct float_job *j) = {floats_1, floats_2, floats_3,
								floats_4, floats_max};

static int float_size(unsigned int type)
{
	return type == TERN_T_F32 ? 4 : 2;
}

static vf32 load_lanes(unsigned int type, const void *p)
{
	vf32 v;

	if (type == TERN_T_F16)
		return load_halves(p);
	if (type == TERN_T_BF16)
		return (vf32)(load_words(p) << 16);
	memcpy(&v, p, sizeof(v));
	return v;
}

/* ---- A -------------------------------------------------------------------------- */
static void load_row(unsigned int type, const uint8_t *p, float *dst, int64_t n)
{
	int size = float_size(type);
	uint8_t copy[LANES * 4] = {0};
	vf32 v;
	int64_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		v = load_lanes(type, p + i * size);
		memcpy(dst + i, &v, sizeof(v));
	}
	memcpy(copy, p + i * size, (size_t)((n - i) * size));
	v = load_lanes(type, copy);
	memcpy(dst + i, &v, (size_t)(n - i) * sizeof(float));
}

/* mr rows of `k` elements; in place if they are f32 and aligned, else exact copies. */
static const float *open_a(const struct tern_gemm *g, int64_t m, int64_t mr, int64_t k,
			   int64_t left, float *copy, int64_t *stride)
{
	int size = float_size(g->a_type);
	const uint8_t *a = (const uint8_t *)g->a + m * g->a_stride + k * size;

	if (size == 4 && ((uintptr_t)a | (uintptr_t)g->a_stride) % 4 == 0) {
		*stride = g->a_stride / 4;
		return (const float *)a;
	}
	*stride = FCHUNK;
	for (int64_t i = 0; i < mr; i++)
		load_row(g->a_type, a + i * g->a_stride, copy + i * FCHUNK, left);
	return copy;
}

/* ---- B --------------------------------------------------------------------------- */
static vf32 round_to(unsigned int type, vf32 f)
{
	if (type == TERN_T_F16)
		return round_half(f);
	if (type == TERN_T_F32)
		return f;

	vu32 u = (vu32)f, nan = (vu32)((u & 0x7fffffffu) > 0x7f800000u);
	vu32 near = u + 0x7fffu + (u >> 16 & 1u);

	return (vf32)(((nan & (u | 0x400000u)) | (~nan & near)) & 0xffff0000u);
}

/* A decoded panel to f32, rounded as a_type. Scales are per 16 or 32 elements. */
static void panel_floats(const struct panel *p, const struct tern_block_desc *t,
			 unsigned int b_type, unsigned int a_type, int64_t left,
			 struct float_panel *o)
{
	int bias = act_types[b_type].bias;

	for (int64_t k = 0; k < left; k++) {
		vi32 q = (vi32)(p->q[k / 4] >> (unsigned int)(k % 4 * 8) & 0xffu);
		vf32 v;

		if (act_types[b_type].wide && !bias)
			q = q << 24 >> 24;
		v = __builtin_convertvector(q - bias, vf32) * p->s[k / t->group];
		o->b[k] = round_to(a_type, t->min ? v + p->m[k / t->group] : v);
	}
}

static void block_chunk(const struct columns *o, const struct tern_block_desc *t, int64_t k,
			int64_t left, struct float_panel *panel)
{
	struct panel packed;

	decode_chunk(o, t, k, left, &packed);
	panel_floats(&packed, t, o->g->b_type, o->g->a_type, left, panel);
}

/* Four dwords of all rows: 4 elements of F32, 8 of the others. */
static void split_dwords(unsigned int type, const vu32 t[4], vf32 *b)
{
	for (int i = 0; i < 4; i++) {
		if (type == TERN_T_F32) {
			b[i] = (vf32)t[i];
		} else if (type == TERN_T_F16) {
			b[2 * i] = low_half(t[i]);
			b[2 * i + 1] = high_half(t[i]);
		} else {
			b[2 * i] = (vf32)(t[i] << 16);
			b[2 * i + 1] = (vf32)(t[i] & 0xffff0000u);
		}
	}
}

/* B as N x K. The last, partial 16 bytes of a row are read from a padded copy. */
static void nk_chunk(const struct columns *o, int64_t k, int64_t left, struct float_panel *panel)
{
	const struct tern_gemm *g = o->g;
	int size = float_size(g->b_type);
	int64_t step = 16 / size, k1 = 0;
	uint8_t tail[LANES * 16] = {0};
	vu32 t[4];
	const uint8_t *p = (const uint8_t *)g->b + o->n * g->b_stride + (g->k0 + k) * size;

	for (; o->nr == LANES && k1 + step <= left; k1 += step) {
		load_dwords4(p + k1 * size, g->b_stride, t);
		split_dwords(g->b_type, t, panel->b + k1);
	}
	for (; k1 < left; k1 += step) {
		for (int64_t r = 0; r < o->nr; r++)
			memcpy(tail + 16 * r, p + r * g->b_stride + k1 * size,
			       (size_t)(min64(step, left - k1) * size));
		load_dwords4(tail, 16, t);
		split_dwords(g->b_type, t, panel->b + k1);
	}
}

/* B as K x N: rows of the panel lie in memory as they are. */
static void kn_chunk(const struct columns *o, int64_t k, int64_t left, struct float_panel *panel)
{
	const struct tern_gemm *g = o->g;
	int size = float_size(g->b_type);
	uint8_t copy[LANES * 4] = {0};
	const uint8_t *p = (const uint8_t *)g->b + (g->k0 + k) * g->b_stride + o->n * size;

	for (int64_t i = 0; i < left; i++, p += g->b_stride) {
		if (o->nr < LANES)
			memcpy(copy, p, (size_t)(o->nr * size));
		panel->b[i] = load_lanes(g->b_type, o->nr < LANES ? copy : p);
	}
}

static void float_columns(const struct columns *o, const struct tern_block_desc *t)
{
	const struct tern_gemm *g = o->g;
	struct float_panel panel;
	float c_copy[MROWS * LANES] = {0}, a_copy[MROWS * FCHUNK];
	int fn;

	for (int64_t k = 0; k < g->k; k += FCHUNK) {
		int64_t left = min64(g->k - k, FCHUNK), mr;

		if (t)
			block_chunk(o, t, k, left, &panel);
		else
			g->kn ? kn_chunk(o, k, left, &panel) : nk_chunk(o, k, left, &panel);
		for (int64_t m = g->m0; m < g->m1; m += mr) {
			struct float_job j = {
				.b = &panel, .k = left, .zero = k == 0 && !g->accumulate};

			mr = row_count(g->m1 - m, &fn);
			j.a = open_a(g, m, mr, k, left, a_copy, &j.a_stride);
			j.c = open_c(o, m, mr, c_copy);
			float_fns[fn](&j);
			close_c(o, m, mr, c_copy);
		}
	}
}
