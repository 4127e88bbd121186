/* SPDX-License-Identifier: MIT */
/*
 * model.h - a decoder as its GGUF describes it: sizes, per-layer sizes, weights.
 *
 * An architecture is one row of a table: metadata prefix, RoPE pairing, tensor layout.
 */
#ifndef TERN_RUN_MODEL_H
#define TERN_RUN_MODEL_H

#include "gguf.h"
#include "vocab.h"

struct model_arch {
	const char *name; /* general.architecture and the prefix of its keys */
	int rope_mode;	  /* enum tern_rope_param: 0 normal, 2 NeoX */
	bool fused_qkv;	  /* attn_qkv.weight instead of three matrices */
	bool qk_norm;	  /* attn_q_norm and attn_k_norm are required */
};

struct model_layer {
	uint32_t heads, kv_heads, ffn;
	const struct gguf_tensor *attn_norm, *ffn_norm;
	const struct gguf_tensor *qkv, *q, *k, *v, *o;
	const struct gguf_tensor *q_bias, *k_bias, *v_bias, *o_bias;
	const struct gguf_tensor *q_norm, *k_norm;
	const struct gguf_tensor *gate, *up, *down;
	const struct gguf_tensor *gate_bias, *up_bias, *down_bias;
};

struct model {
	struct gguf *gguf;
	struct vocab *vocab;
	const struct model_arch *arch;
	uint32_t n_layers, width, n_vocab, ctx_train;
	uint32_t head_dim, v_dim; /* of keys and queries; of values */
	uint32_t rope_dims, rope_ctx_orig;
	float eps, rope_base, rope_scale, rope_ext, rope_attn, rope_beta_fast, rope_beta_slow;
	const struct gguf_tensor *embd, *out_norm, *output, *rope_freqs;
	struct model_layer *layers;
};

/* Open and check a model file. 0 or -errno with one sentence in err. */
int model_open(const char *path, struct model **out, char *err, size_t errlen);
void model_close(struct model *m);

#endif
