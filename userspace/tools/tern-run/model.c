// SPDX-License-Identifier: MIT
/* Reading a decoder's description; every size is checked against its tensors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static const struct model_arch archs[] = {
	{.name = "llama", .rope_mode = 0},
	{.name = "qwen3", .rope_mode = 2, .qk_norm = true},
	{.name = "openelm", .rope_mode = 2, .fused_qkv = true, .qk_norm = true},
};

enum { N_ARCHS = sizeof(archs) / sizeof(archs[0]), KEY_MAX = 128, MAX_LAYERS = 1024 };

struct loader {
	struct model *m;
	char *err;
	size_t errlen;
	int rc; /* sticky */
};

static const char *key_of(const struct loader *ld, char buf[KEY_MAX], const char *key)
{
	snprintf(buf, KEY_MAX, "%s.%s", ld->m->arch->name, key);
	return buf;
}

static uint32_t need_u32(struct loader *ld, const char *key)
{
	char buf[KEY_MAX];
	uint32_t v = 0;

	if (ld->rc)
		return 0;
	ld->rc = gguf_require(ld->m->gguf, key_of(ld, buf, key), ld->err, ld->errlen);
	if (!ld->rc)
		ld->rc = gguf_get_u32(ld->m->gguf, buf, &v, ld->err, ld->errlen);
	if (!ld->rc && v == 0)
		ld->rc = gguf_fail(-EINVAL, ld->err, ld->errlen, "the model's %s is 0", buf);
	return v;
}

static uint32_t get_u32(struct loader *ld, const char *key, uint32_t v)
{
	char buf[KEY_MAX];

	if (!ld->rc)
		ld->rc = gguf_get_u32(ld->m->gguf, key_of(ld, buf, key), &v, ld->err, ld->errlen);
	return v;
}

static float get_f32(struct loader *ld, const char *key, float v)
{
	char buf[KEY_MAX];

	if (!ld->rc)
		ld->rc = gguf_get_f32(ld->m->gguf, key_of(ld, buf, key), &v, ld->err, ld->errlen);
	return v;
}

/* ---- hyper-parameters -------------------------------------------------------- */
static void find_arch(struct loader *ld)
{
	struct gguf_str name = {0};
	char quoted[64], known[128] = "";

	ld->rc = gguf_require(ld->m->gguf, "general.architecture", ld->err, ld->errlen);
	if (!ld->rc)
		ld->rc = gguf_get_str(ld->m->gguf, "general.architecture", &name, ld->err,
				      ld->errlen);
	if (ld->rc)
		return;
	for (int i = 0; i < N_ARCHS; i++) {
		if (gguf_str_eq(name, archs[i].name))
			ld->m->arch = &archs[i];
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 i ? ", " : "", archs[i].name);
	}
	if (!ld->m->arch)
		ld->rc = gguf_fail(-EOPNOTSUPP, ld->err, ld->errlen,
				   "the model's architecture %s is not supported; these are: %s",
				   gguf_quote(name, quoted, sizeof(quoted)), known);
}

static void load_rope(struct loader *ld)
{
	struct model *m = ld->m;
	struct gguf_str type = {0};
	char buf[KEY_MAX];
	float factor = get_f32(ld, "rope.scaling.factor", 1.0f);

	m->rope_dims = get_u32(ld, "rope.dimension_count", m->head_dim);
	m->rope_base = get_f32(ld, "rope.freq_base", 10000.0f);
	m->rope_ctx_orig = get_u32(ld, "rope.scaling.original_context_length", m->ctx_train);
	m->rope_scale = 1.0f;
	m->rope_attn = get_f32(ld, "rope.scaling.attn_factor", 1.0f);
	m->rope_beta_fast = 32.0f; /* YaRN's defaults, arXiv:2309.00071 */
	m->rope_beta_slow = 1.0f;
	if (!ld->rc)
		ld->rc = gguf_get_str(m->gguf, key_of(ld, buf, "rope.scaling.type"), &type, ld->err,
				      ld->errlen);
	if (ld->rc || !type.len || gguf_str_eq(type, "none"))
		return;
	if (!gguf_str_eq(type, "linear") && !gguf_str_eq(type, "yarn")) {
		ld->rc = gguf_fail(-EOPNOTSUPP, ld->err, ld->errlen,
				   "RoPE scaling %s is not supported; none, linear and yarn are",
				   gguf_quote(type, buf, sizeof(buf)));
		return;
	}
	m->rope_scale = factor > 0 ? 1.0f / factor : 1.0f;
	m->rope_ext = gguf_str_eq(type, "yarn") ? 1.0f : 0.0f;
}

static void load_sizes(struct loader *ld)
{
	struct model *m = ld->m;
	uint32_t *tmp, heads0;
	char buf[KEY_MAX];

	m->n_layers = need_u32(ld, "block_count");
	m->width = need_u32(ld, "embedding_length");
	m->ctx_train = need_u32(ld, "context_length");
	m->eps = get_f32(ld, "attention.layer_norm_rms_epsilon", 1e-5f);
	if (!ld->rc && m->n_layers > MAX_LAYERS)
		ld->rc = gguf_fail(-EINVAL, ld->err, ld->errlen,
				   "the model says it has %u layers; at most %d are supported",
				   m->n_layers, MAX_LAYERS);
	if (ld->rc)
		return;
	m->layers = calloc(m->n_layers, sizeof(*m->layers));
	tmp = calloc(3ul * m->n_layers, sizeof(*tmp));
	if (!m->layers || !tmp) {
		free(tmp);
		ld->rc = gguf_fail(-ENOMEM, ld->err, ld->errlen, "out of memory");
		return;
	}
	static const char *const keys[3] = {"attention.head_count", "attention.head_count_kv",
					    "feed_forward_length"};

	for (int i = 0; i < 3 && !ld->rc; i++) {
		uint32_t *v = tmp + (size_t)i * m->n_layers;

		if (i == 1) /* absent: no grouped queries */
			memcpy(v, tmp, m->n_layers * sizeof(*v));
		else
			ld->rc = gguf_require(m->gguf, key_of(ld, buf, keys[i]), ld->err,
					      ld->errlen);
		if (!ld->rc)
			ld->rc = gguf_get_u32_each(m->gguf, key_of(ld, buf, keys[i]), v,
						   m->n_layers, ld->err, ld->errlen);
	}
	for (uint32_t i = 0; i < m->n_layers && !ld->rc; i++) {
		struct model_layer *l = &m->layers[i];

		l->heads = tmp[i];
		l->kv_heads = tmp[m->n_layers + i];
		l->ffn = tmp[2 * m->n_layers + i];
		if (!l->heads || !l->kv_heads || !l->ffn || l->heads % l->kv_heads)
			ld->rc =
				gguf_fail(-EINVAL, ld->err, ld->errlen,
					  "layer %u has %u heads, %u key heads and %u feed-forward "
					  "units; none may be 0 and key heads must divide heads",
					  i, l->heads, l->kv_heads, l->ffn);
	}
	heads0 = tmp[0];
	free(tmp);
	if (ld->rc)
		return;
	m->head_dim = get_u32(ld, "attention.key_length", m->width / heads0);
	m->v_dim = get_u32(ld, "attention.value_length", m->head_dim);
	load_rope(ld);
	if (!ld->rc && (!m->head_dim || m->head_dim > 4096 || m->v_dim != m->head_dim ||
			m->rope_dims > m->head_dim || m->rope_dims % 2))
		ld->rc = gguf_fail(-EINVAL, ld->err, ld->errlen,
				   "heads of %u keys, %u values and %u rotated dimensions are not "
				   "supported",
				   m->head_dim, m->v_dim, m->rope_dims);
}

/* ---- weights -------------------------------------------------------------------- */
static bool usable(uint32_t type)
{
	static const uint32_t types[] = {GGML_F32,  GGML_F16,  GGML_BF16, GGML_Q4_0,   GGML_Q4_1,
					 GGML_Q5_0, GGML_Q5_1, GGML_Q8_0, GGML_Q2_K,   GGML_Q3_K,
					 GGML_Q4_K, GGML_Q5_K, GGML_Q6_K, GGML_IQ4_NL, GGML_MXFP4};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i] == type)
			return true;
	return false;
}

/* A tensor of the given shape (ne1 0: a vector of f32). `opt`: may be absent. */
static const struct gguf_tensor *weight(struct loader *ld, bool opt, uint64_t ne0, uint64_t ne1,
					const char *name)
{
	const struct gguf_tensor *t;

	if (ld->rc)
		return NULL;
	t = gguf_find_tensor(ld->m->gguf, name);
	if (!t) {
		if (!opt)
			ld->rc = gguf_fail(-ENOENT, ld->err, ld->errlen,
					   "the model has no tensor \"%s\", which %s needs", name,
					   ld->m->arch->name);
		return NULL;
	}
	if (t->ne[0] != ne0 || t->ne[1] != (ne1 ? ne1 : 1) || t->ne[2] != 1 || t->ne[3] != 1)
		ld->rc = gguf_fail(
			-EINVAL, ld->err, ld->errlen,
			"tensor \"%s\" is %llu x %llu, but the metadata asks for %llu x %llu", name,
			(unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
			(unsigned long long)ne0, (unsigned long long)(ne1 ? ne1 : 1));
	else if (ne1 ? !usable(t->type) : t->type != GGML_F32)
		ld->rc = gguf_fail(-EOPNOTSUPP, ld->err, ld->errlen,
				   "tensor \"%s\" has type %s, which is not supported here", name,
				   ggml_type_info(t->type) ? ggml_type_info(t->type)->name : "?");
	return ld->rc ? NULL : t;
}

/* The same for "blk.N.NAME". */
static const struct gguf_tensor *layer_weight(struct loader *ld, bool opt, uint64_t ne0,
					      uint64_t ne1, uint32_t layer, const char *name)
{
	char buf[KEY_MAX];

	snprintf(buf, sizeof(buf), "blk.%u.%s", layer, name);
	return weight(ld, opt, ne0, ne1, buf);
}

static void load_attention(struct loader *ld, uint32_t i)
{
	struct model *m = ld->m;
	struct model_layer *l = &m->layers[i];
	uint64_t w = m->width, q = (uint64_t)l->heads * m->head_dim,
		 kv = (uint64_t)l->kv_heads * m->head_dim;
	bool norms = !m->arch->qk_norm;

	l->attn_norm = layer_weight(ld, false, w, 0, i, "attn_norm.weight");
	if (m->arch->fused_qkv) {
		l->qkv = layer_weight(ld, false, w, q + 2 * kv, i, "attn_qkv.weight");
	} else {
		l->q = layer_weight(ld, false, w, q, i, "attn_q.weight");
		l->k = layer_weight(ld, false, w, kv, i, "attn_k.weight");
		l->v = layer_weight(ld, false, w, kv, i, "attn_v.weight");
		l->q_bias = layer_weight(ld, true, q, 0, i, "attn_q.bias");
		l->k_bias = layer_weight(ld, true, kv, 0, i, "attn_k.bias");
		l->v_bias = layer_weight(ld, true, kv, 0, i, "attn_v.bias");
	}
	l->o = layer_weight(ld, false, q, w, i, "attn_output.weight");
	l->o_bias = layer_weight(ld, true, w, 0, i, "attn_output.bias");
	l->q_norm = layer_weight(ld, norms, m->head_dim, 0, i, "attn_q_norm.weight");
	l->k_norm = layer_weight(ld, norms, m->head_dim, 0, i, "attn_k_norm.weight");
}

static void load_ffn(struct loader *ld, uint32_t i)
{
	struct model *m = ld->m;
	struct model_layer *l = &m->layers[i];

	l->ffn_norm = layer_weight(ld, false, m->width, 0, i, "ffn_norm.weight");
	l->gate = layer_weight(ld, false, m->width, l->ffn, i, "ffn_gate.weight");
	l->up = layer_weight(ld, false, m->width, l->ffn, i, "ffn_up.weight");
	l->down = layer_weight(ld, false, l->ffn, m->width, i, "ffn_down.weight");
	l->gate_bias = layer_weight(ld, true, l->ffn, 0, i, "ffn_gate.bias");
	l->up_bias = layer_weight(ld, true, l->ffn, 0, i, "ffn_up.bias");
	l->down_bias = layer_weight(ld, true, m->width, 0, i, "ffn_down.bias");
}

static void load_weights(struct loader *ld)
{
	struct model *m = ld->m;

	m->n_vocab = vocab_size(m->vocab);
	m->embd = weight(ld, false, m->width, m->n_vocab, "token_embd.weight");
	m->out_norm = weight(ld, false, m->width, 0, "output_norm.weight");
	m->output = weight(ld, true, m->width, m->n_vocab, "output.weight");
	if (!m->output)
		m->output = m->embd; /* tied */
	m->rope_freqs = weight(ld, true, m->rope_dims / 2, 0, "rope_freqs.weight");
	for (uint32_t i = 0; i < m->n_layers; i++) {
		load_attention(ld, i);
		load_ffn(ld, i);
	}
}

int model_open(const char *path, struct model **out, char *err, size_t errlen)
{
	struct model *m = calloc(1, sizeof(*m));
	struct loader ld = {.m = m, .err = err, .errlen = errlen};

	if (!m)
		return gguf_fail(-ENOMEM, err, errlen, "out of memory");
	ld.rc = gguf_open(path, &m->gguf, err, errlen);
	if (!ld.rc)
		find_arch(&ld);
	if (!ld.rc)
		ld.rc = vocab_load(m->gguf, &m->vocab, err, errlen);
	if (!ld.rc)
		load_sizes(&ld);
	if (!ld.rc)
		load_weights(&ld);
	if (ld.rc) {
		model_close(m);
		return ld.rc;
	}
	*out = m;
	return 0;
}

void model_close(struct model *m)
{
	if (!m)
		return;
	vocab_free(m->vocab);
	if (m->gguf)
		gguf_close(m->gguf);
	free(m->layers);
	free(m);
}
