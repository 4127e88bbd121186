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
	const float *a; /* rows FCHUNK apart */
	int64_t k;
	struct c_at c;
	bool zero;
};

SPECIALISED void float_rows(int mr, const struct float_job *j)
{
	vf32 acc[MROWS];

#pragma GCC unroll 8
	for (int i = 0; i < mr; i++)
		acc[i] = j->zero ? (vf32){0} : load_c(j->c.p + i * j->c.ld);
	for (int64_t k = 0; k < j->k; k++) {
		vf32 b = j->b->b[k];

#pragma GCC unroll 8
		for (int i = 0; i < mr; i++)
			acc[i] = fma_lanes(splat(j->a[i * FCHUNK + k]), b, acc[i]);
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
	if (i == n)
		return;
	memcpy(copy, p + i * size, (size_t)((n - i) * size));
	v = load_lanes(type, copy);
	memcpy(dst + i, &v, (size_t)(n - i) * sizeof(float));
}

/* mr rows of A from k on, exactly; copies even of f32, for the reason given at nk_part. */
static void open_a(const struct tern_gemm *g, int64_t m, int64_t mr, int64_t k, int64_t left,
		   float *copy)
{
	const uint8_t *a = (const uint8_t *)g->a + m * g->a_stride + k * float_size(g->a_type);

	for (int64_t i = 0; i < mr; i++)
		load_row(g->a_type, a + i * g->a_stride, copy + i * FCHUNK, left);
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

/*
 * B as N x K. Rows are copied first, to f32 and apart: a power of two between them would put all
 * their lines into one set of L1, where each is needed for several loads.
 */
#define PART	    128 /* elements of a row at a time */
#define PART_STRIDE (PART * 4 + 64)

static void nk_part(const struct columns *o, const uint8_t *p, int64_t left, struct fetch *fetch,
		    vf32 *b)
{
	uint8_t copy[LANES * PART_STRIDE] __attribute__((aligned(VBYTES)));
	vu32 t[4];

	for (int64_t r = 0; r < LANES; r++) {
		float *row = (float *)(copy + r * PART_STRIDE);

		fetch_row(fetch);
		load_row(o->g->b_type, p + (r < o->nr ? r : 0) * o->g->b_stride, row, left);
		memset(row + left, 0, 16);
	}
	for (int64_t i = 0; i < left; i += 4) {
		load_dwords4(copy + 4 * i, PART_STRIDE, t);
		memcpy(b + i, t, sizeof(t));
	}
}

static void nk_chunk(const struct columns *o, int64_t k, int64_t left, struct float_panel *panel)
{
	const struct tern_gemm *g = o->g;
	int size = float_size(g->b_type);
	const uint8_t *p = (const uint8_t *)g->b + o->n * g->b_stride + (g->k0 + k) * size;
	struct fetch fetch = next_rows(o, p, left * size);

	for (int64_t i = 0; i < left; i += PART)
		nk_part(o, p + i * size, min64(left - i, PART), &fetch, panel->b + i);
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

static void float_panel(const struct columns *o, const struct tern_block_desc *t, int64_t k,
			int64_t left, struct float_panel *panel)
{
	if (t)
		block_chunk(o, t, k, left, panel);
	else if (o->g->kn)
		kn_chunk(o, k, left, panel);
	else
		nk_chunk(o, k, left, panel);
}

/* Columns of several panels, so that A is read (and converted) less often. */
#define PANELS 4
struct float_block {
	const struct tern_gemm *g;
	struct columns columns[PANELS];
	int panels;
};

static void float_chunk(const struct float_block *f, const struct float_panel *panels, int64_t k,
			int64_t left)
{
	const struct tern_gemm *g = f->g;
	float c_copy[MROWS * LANES] = {0}, a[MROWS * FCHUNK];
	struct float_job j = {.a = a, .k = left, .zero = k == 0 && !g->accumulate};
	int64_t mr;
	int fn;

	for (int64_t m = g->m0; m < g->m1; m += mr) {
		mr = row_count(g->m1 - m, &fn);
		open_a(g, m, mr, k, left, a);
		for (int i = 0; i < f->panels; i++) {
			j.b = &panels[i];
			j.c = open_c(&f->columns[i], m, mr, c_copy);
			float_fns[fn](&j);
			close_c(&f->columns[i], m, mr, c_copy);
		}
	}
}

static void gemm_floats(const struct tern_gemm *g, const struct tern_block_desc *t)
{
	struct float_panel panels[PANELS];

	for (int64_t n = g->n0; n < g->n1;) {
		struct float_block f = {.g = g};

		for (; f.panels < PANELS && n < g->n1; n += LANES)
			f.columns[f.panels++] = (struct columns){g, n, min64(g->n1 - n, LANES)};
		for (int64_t k = 0; k < g->k; k += FCHUNK) {
			int64_t left = min64(g->k - k, FCHUNK);

			for (int i = 0; i < f.panels; i++)
				float_panel(&f.columns[i], t, k, left, &panels[i]);
			float_chunk(&f, panels, k, left);
		}
	}
}
