// SPDX-License-Identifier: MIT
#include "support/conformance_layer.h"

/* Sizes along dimension i that are the tokens. */
static struct conf_tensor tokens(const struct conf_layer *l, struct conf_tensor t, int dim)
{
	t.ne[dim] = l->t;
	t.sym[dim] = l->symbols ? 1 : 0;
	return t;
}

static unsigned int weight(struct conf_graph *g, enum tern_dtype type, int64_t ne0, int64_t ne1)
{
	return conf_tensor(
		g, (struct conf_tensor){
			   .type = type, .ne = {ne0, ne1}, .fill = FILL_UNIT, .role = ROLE_WEIGHT});
}

/* A result [ne0, t], and another view of the same bytes: [ne0, ne1, t] with ne0 * ne1 the same. */
static unsigned int result(struct conf_graph *g, const struct conf_layer *l, int64_t ne0)
{
	return conf_tensor(g, tokens(l, (struct conf_tensor){.ne = {ne0}, .fill = FILL_CANARY}, 1));
}

static unsigned int heads(struct conf_graph *g, const struct conf_layer *l, unsigned int of,
			  int64_t n)
{
	return conf_tensor(g, tokens(l, (struct conf_tensor){.ne = {l->hd, n}, .in = of + 1}, 2));
}

unsigned int conf_input(struct conf_graph *g, const struct conf_layer *l)
{
	return conf_tensor(g, tokens(l, (struct conf_tensor){.ne = {l->d}, .fill = FILL_UNIT}, 1));
}

unsigned int conf_norm(struct conf_graph *g, const struct conf_layer *l, unsigned int x)
{
	unsigned int w = weight(g, TERN_F32, l->d, 1), b = weight(g, TERN_F32, l->d, 1);
	unsigned int y = result(g, l, l->d);

	if (l->layer_norm)
		conf_op(g, TERN_NORM, y, CONF_SRC((int)x, (int)w, (int)b))->f[0] = 1e-5f;
	else
		conf_op(g, TERN_RMS_NORM, y, CONF_SRC((int)x, (int)w))->f[0] = 1e-5f;
	return y;
}

static unsigned int add(struct conf_graph *g, const struct conf_layer *l, unsigned int a,
			unsigned int b, int64_t rows)
{
	unsigned int y = result(g, l, rows);

	conf_op(g, TERN_BINARY, y, CONF_SRC((int)a, (int)b))->i[0] = TERN_ADD;
	return y;
}

unsigned int conf_product(struct conf_graph *g, const struct conf_layer *l, unsigned int x,
			  int64_t rows, int residual)
{
	unsigned int w = weight(g, l->weights, g->t[x].ne[0], rows), y = result(g, l, rows);

	conf_op(g, TERN_MATMUL, y, CONF_SRC((int)w, (int)x));
	if (l->bias)
		y = add(g, l, y, weight(g, TERN_F32, rows, 1), rows);
	return residual >= 0 ? add(g, l, y, (unsigned int)residual, rows) : y;
}

unsigned int conf_feed_forward(struct conf_graph *g, const struct conf_layer *l, unsigned int x)
{
	unsigned int n = conf_norm(g, l, x);
	unsigned int gate = conf_product(g, l, n, l->ff, -1), up = conf_product(g, l, n, l->ff, -1);
	unsigned int y = result(g, l, l->ff);

	conf_op(g, TERN_GLU, y, CONF_SRC((int)gate, (int)up))->i[0] =
		l->layer_norm ? TERN_GLU_GEGLU : TERN_GLU_SWIGLU;
	return conf_product(g, l, y, l->d, (int)x);
}

unsigned int conf_positions(struct conf_graph *g, const struct conf_layer *l)
{
	struct conf_tensor t = {.type = TERN_I32, .fill = FILL_POSITIONS, .arg = 5};

	return conf_tensor(g, tokens(l, t, 0));
}

unsigned int conf_rows(struct conf_graph *g, const struct conf_layer *l)
{
	struct conf_tensor t = {.type = TERN_I64, .fill = FILL_SCATTER, .arg = l->max};

	return conf_tensor(g, tokens(l, t, 0));
}

static void rotate(struct conf_graph *g, const struct conf_layer *l, unsigned int from,
		   unsigned int to, unsigned int positions)
{
	struct tern_op_desc *op = conf_op(g, TERN_ROPE, to, CONF_SRC((int)from, (int)positions));

	op->i[TERN_ROPE_I_DIMS] = (int32_t)l->hd;
	op->i[TERN_ROPE_I_MODE] = l->neox ? 2 : 0;
	op->f[TERN_ROPE_F_BASE] = 10000;
	op->f[TERN_ROPE_F_SCALE] = 1;
	op->f[TERN_ROPE_F_ATTN] = 1;
}

/* Each head normalised and rotated; returns [hd, n, t]. */
static unsigned int rotated(struct conf_graph *g, const struct conf_layer *l, unsigned int x,
			    int64_t n, unsigned int positions)
{
	unsigned int w = weight(g, TERN_F32, l->hd, 1), xh = heads(g, l, x, n);
	unsigned int y = result(g, l, l->hd * n), z = result(g, l, l->hd * n);
	unsigned int yh = heads(g, l, y, n), zh = heads(g, l, z, n);

	conf_op(g, TERN_RMS_NORM, yh, CONF_SRC((int)xh, (int)w))->f[0] = 1e-6f;
	rotate(g, l, yh, zh, positions);
	return zh;
}

static unsigned int cache(struct conf_graph *g, const struct conf_layer *l)
{
	return conf_tensor(g, (struct conf_tensor){.type = l->cache,
						   .ne = {l->hd * l->hk, l->max},
						   .fill = FILL_UNIT,
						   .role = ROLE_STATE});
}

static unsigned int flat(struct conf_graph *g, const struct conf_layer *l, unsigned int of,
			 int64_t rows)
{
	return conf_tensor(g, tokens(l, (struct conf_tensor){.ne = {rows}, .in = of + 1}, 1));
}

unsigned int conf_cache_keys(struct conf_graph *g, const struct conf_layer *l, unsigned int k,
			     unsigned int positions, unsigned int rows)
{
	unsigned int c = cache(g, l), r = rotated(g, l, k, l->hk, positions);

	conf_op(g, TERN_SET_ROWS, c, CONF_SRC((int)flat(g, l, r, l->hd * l->hk), (int)rows));
	return c;
}

/* What attention reads of a cache: [hd, n, hk]. */
static unsigned int cached(struct conf_graph *g, const struct conf_layer *l, unsigned int c)
{
	struct conf_tensor t = {.type = l->cache, .in = c + 1, .layout = SWAP12};

	t.ne[0] = l->hd;
	t.ne[1] = l->n;
	t.ne[2] = l->hk;
	t.sym[1] = l->symbols ? 2 : 0;
	return conf_tensor(g, t);
}

static unsigned int attention(struct conf_graph *g, const struct conf_layer *l, unsigned int q,
			      unsigned int k, unsigned int v)
{
	unsigned int y = result(g, l, l->hd * l->h), yh = heads(g, l, y, l->h), qt;
	struct conf_tensor t = {.ne = {l->hd, 1, l->h}, .in = q + 1, .layout = SWAP12};
	struct tern_op_desc *op;

	qt = conf_tensor(g, tokens(l, t, 1));
	op = conf_op(g, TERN_ATTENTION, yh,
		     CONF_SRC((int)qt, (int)cached(g, l, k), (int)cached(g, l, v)));
	op->i[TERN_ATTENTION_I_CAUSAL] = 1;
	op->f[TERN_ATTENTION_F_SCALE] = 0.125f;
	return y;
}

unsigned int conf_decoder_layer(struct conf_graph *g, const struct conf_layer *l, unsigned int x)
{
	unsigned int positions = conf_positions(g, l), rows = conf_rows(g, l);
	unsigned int n = conf_norm(g, l, x), vc = cache(g, l), kc, q, k, v;

	q = conf_product(g, l, n, l->hd * l->h, -1);
	k = conf_product(g, l, n, l->hd * l->hk, -1);
	v = conf_product(g, l, n, l->hd * l->hk, -1);
	q = rotated(g, l, q, l->h, positions);
	kc = conf_cache_keys(g, l, k, positions, rows);
	conf_op(g, TERN_SET_ROWS, vc, CONF_SRC((int)v, (int)rows));
	x = conf_product(g, l, attention(g, l, q, kc, vc), l->d, (int)x);
	return conf_feed_forward(g, l, x);
}
