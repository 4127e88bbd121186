// SPDX-License-Identifier: MIT
/*
 * mkgguf.c - writes GGUF decoders with random weights, for benchmarks and tests.
 *
 * Speed depends on shapes and formats, not on what a model has learnt; so any
 * size and format can be measured without fetching one. The weights are random
 * blocks of the format itself, scaled such that a matrix keeps the size of its
 * input (standard deviation 1 / sqrt(row length)), hence activations stay
 * finite. The vocabulary is a valid SentencePiece one, so that stock llama.cpp
 * loads the files too. Equal arguments give equal files.
 *
 * An architecture, a size, a format is a row in the tables below.
 */
#include "mkgguf_formats.h"
#include "mkgguf_meta.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 32
#define MIN_VOCAB 512
#define CHUNK	  (1u << 20)

/* ---- tables ---- */

struct config {
	uint32_t layers, width, heads, kv_heads, head_dim, ffn, vocab, ctx, tied;
	/* OpenELM grows from the first layer to the last; 0: all layers alike. */
	uint32_t last_kv_heads, last_ffn;
	float rope_base, eps;
	uint32_t biases, rope_freqs; /* what a model may have besides */
};

struct preset {
	const char *arch, *size;
	struct config c;
};

static const struct preset presets[] = {
	{"llama", "tiny", {2, 256, 4, 2, 64, 512, 1024, 256, 1, 0, 0, 1e4f, 1e-5f, 0, 0}},
	/* Dimensions of Qwen2.5-0.5B, of Llama-3.2-1B and of Llama-3.2-3B. */
	{"llama", "0.5b", {24, 896, 14, 2, 64, 4864, 32000, 8192, 1, 0, 0, 1e4f, 1e-5f, 0, 0}},
	{"llama", "1b", {16, 2048, 32, 8, 64, 8192, 128256, 8192, 1, 0, 0, 5e5f, 1e-5f, 0, 0}},
	{"llama", "3b", {28, 3072, 24, 8, 128, 8192, 128256, 8192, 1, 0, 0, 5e5f, 1e-5f, 0, 0}},
	/* Qwen3-0.6B, OpenELM-270M. */
	{"qwen3", "tiny", {2, 256, 4, 2, 128, 512, 1024, 256, 1, 0, 0, 1e6f, 1e-6f, 0, 0}},
	{"qwen3", "0.6b", {28, 1024, 16, 8, 128, 3072, 151936, 8192, 1, 0, 0, 1e6f, 1e-6f, 0, 0}},
	{"openelm", "tiny", {3, 256, 4, 1, 64, 256, 1024, 256, 1, 2, 768, 1e4f, 1e-6f, 0, 0}},
	{"openelm", "270m", {16, 1280, 12, 3, 64, 768, 32000, 2048, 1, 5, 5120, 1e4f, 1e-6f, 0, 0}},
};

/* What a tensor's dimension is, resolved per layer. */
enum dim { D_NONE, D_WIDTH, D_Q, D_KV, D_QKV, D_HEAD, D_PAIRS, D_FFN, D_VOCAB };

/* An architecture: a name here, a bit, and its bit in the rows below. */
static const char *const archs[] = {"llama", "qwen3", "openelm"};
enum { LLAMA = 1 << 0, QWEN3 = 1 << 1, OPENELM = 1 << 2, ALL = LLAMA | QWEN3 | OPENELM };
/* A tensor only of models that do not use the embedding for the output too. */
#define UNTIED 0x80000000u
/* Tensors of models that ask for them. */
#define BIAS 0x40000000u
#define FREQ 0x20000000u

struct tensor_row {
	const char *name;
	enum dim in, out; /* out D_NONE: a vector, kept in F32 */
	uint32_t archs;
};

static const struct tensor_row once[] = {
	{"token_embd.weight", D_WIDTH, D_VOCAB, ALL},
	{"output_norm.weight", D_WIDTH, D_NONE, ALL},
	{"output.weight", D_WIDTH, D_VOCAB, ALL | UNTIED},
	{"rope_freqs.weight", D_PAIRS, D_NONE, LLAMA | FREQ},
};

static const struct tensor_row per_layer[] = {
	{"attn_norm.weight", D_WIDTH, D_NONE, ALL},
	{"attn_qkv.weight", D_WIDTH, D_QKV, OPENELM},
	{"attn_q.weight", D_WIDTH, D_Q, LLAMA | QWEN3},
	{"attn_k.weight", D_WIDTH, D_KV, LLAMA | QWEN3},
	{"attn_v.weight", D_WIDTH, D_KV, LLAMA | QWEN3},
	{"attn_q_norm.weight", D_HEAD, D_NONE, QWEN3 | OPENELM},
	{"attn_k_norm.weight", D_HEAD, D_NONE, QWEN3 | OPENELM},
	{"attn_output.weight", D_Q, D_WIDTH, ALL},
	{"ffn_norm.weight", D_WIDTH, D_NONE, ALL},
	{"ffn_gate.weight", D_WIDTH, D_FFN, ALL},
	{"ffn_up.weight", D_WIDTH, D_FFN, ALL},
	{"ffn_down.weight", D_FFN, D_WIDTH, ALL},
	{"attn_q.bias", D_Q, D_NONE, LLAMA | BIAS},
	{"attn_k.bias", D_KV, D_NONE, LLAMA | BIAS},
	{"attn_v.bias", D_KV, D_NONE, LLAMA | BIAS},
	{"attn_output.bias", D_WIDTH, D_NONE, LLAMA | BIAS},
	{"ffn_gate.bias", D_FFN, D_NONE, LLAMA | BIAS},
	{"ffn_up.bias", D_FFN, D_NONE, LLAMA | BIAS},
	{"ffn_down.bias", D_WIDTH, D_NONE, LLAMA | BIAS},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the plan: every tensor of the file ---- */

struct tensor {
	char name[64];
	const struct format *format; /* NULL: F32 vector */
	float low, high;	     /* of a vector's elements */
	uint64_t ne[2], bytes, offset;
};

struct plan {
	const char *arch;
	uint32_t arch_bit;
	const struct format *format;
	struct config c;
	struct tensor *tensors;
	size_t n, room;
	size_t fell_back[COUNT(fallbacks)];
	uint64_t rng;
};

static uint32_t between(uint32_t first, uint32_t last, uint32_t layer, uint32_t layers,
			uint32_t step)
{
	double t = layers > 1 ? (double)layer / (layers - 1) : 0;

	if (!last)
		return first;
	return (uint32_t)lround((first + t * ((double)last - first)) / step) * step;
}

static uint32_t kv_heads(const struct config *c, uint32_t layer)
{
	return between(c->kv_heads, c->last_kv_heads, layer, c->layers, 1);
}

static uint32_t heads(const struct config *c, uint32_t layer)
{
	return c->heads / c->kv_heads * kv_heads(c, layer);
}

static uint32_t ffn(const struct config *c, uint32_t layer)
{
	return between(c->ffn, c->last_ffn, layer, c->layers, 256);
}

static uint64_t resolve(const struct config *c, uint32_t layer, enum dim d)
{
	switch (d) {
	case D_WIDTH:
		return c->width;
	case D_Q:
		return (uint64_t)heads(c, layer) * c->head_dim;
	case D_KV:
		return (uint64_t)kv_heads(c, layer) * c->head_dim;
	case D_QKV:
		return ((uint64_t)heads(c, layer) + 2 * kv_heads(c, layer)) * c->head_dim;
	case D_HEAD:
		return c->head_dim;
	case D_PAIRS:
		return c->head_dim / 2;
	case D_FFN:
		return ffn(c, layer);
	case D_VOCAB:
		return c->vocab;
	default:
		return 1;
	}
}

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

static const struct format *fitting_format(struct plan *p, uint64_t row)
{
	if (row % p->format->elems == 0)
		return p->format;
	for (size_t i = 0; i < COUNT(fallbacks); i++) {
		const struct format *f = find_format(fallbacks[i]);

		if (row % f->elems == 0) {
			p->fell_back[i]++;
			return f;
		}
	}
	return NULL; /* not reached: f16 fits all rows */
}

static bool wanted(const struct plan *p, uint32_t archs)
{
	return archs & p->arch_bit && !(archs & UNTIED && p->c.tied) &&
	       !(archs & BIAS && !p->c.biases) && !(archs & FREQ && !p->c.rope_freqs);
}

static void add_tensor(struct plan *p, const struct tensor_row *row, int layer)
{
	uint32_t l = layer < 0 ? 0 : (uint32_t)layer;
	struct tensor *t;

	if (!wanted(p, row->archs))
		return;
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->tensors = xalloc(realloc(p->tensors, p->room * sizeof(*p->tensors)));
	}
	t = &p->tensors[p->n++];
	memset(t, 0, sizeof(*t));
	if (layer < 0)
		snprintf(t->name, sizeof(t->name), "%s", row->name);
	else
		snprintf(t->name, sizeof(t->name), "blk.%d.%s", layer, row->name);
	t->low = row->archs & BIAS ? -2.0f : row->archs & FREQ ? 1.0f : 0.9f;
	t->high = row->archs & BIAS ? 2.0f : row->archs & FREQ ? 8.0f : 1.1f;
	t->ne[0] = resolve(&p->c, l, row->in);
	t->ne[1] = resolve(&p->c, l, row->out);
	if (row->out != D_NONE)
		t->format = fitting_format(p, t->ne[0]);
	t->bytes = t->format ? t->ne[0] / t->format->elems * t->format->bytes * t->ne[1]
			     : t->ne[0] * 4;
}

static void make_plan(struct plan *p)
{
	uint64_t at = 0;

	for (size_t i = 0; i < COUNT(once); i++)
		add_tensor(p, &once[i], -1);
	for (uint32_t l = 0; l < p->c.layers; l++)
		for (size_t i = 0; i < COUNT(per_layer); i++)
			add_tensor(p, &per_layer[i], (int)l);
	for (size_t i = 0; i < p->n; i++) {
		p->tensors[i].offset = at;
		at += (p->tensors[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	}
	for (size_t i = 0; i < COUNT(fallbacks); i++)
		if (p->fell_back[i])
			fprintf(stderr,
				"mkgguf: %zu tensors are %s, for their rows are no multiple of "
				"%s's "
				"blocks of %u\n",
				p->fell_back[i], fallbacks[i], p->format->name, p->format->elems);
}

/* ---- metadata ---- */

static const char *arch_key(const struct plan *p, const char *what)
{
	static char key[96];

	snprintf(key, sizeof(key), "%s.%s", p->arch, what);
	return key;
}

/* One number where all layers are alike, else one per layer. */
static void kv_per_layer(struct buffer *b, const struct plan *p, const char *what,
			 uint32_t (*of)(const struct config *, uint32_t))
{
	if (!p->c.last_kv_heads && !p->c.last_ffn) {
		kv_u32(b, arch_key(p, what), of(&p->c, 0));
		return;
	}
	put_array(b, arch_key(p, what), T_I32, p->c.layers);
	for (uint32_t l = 0; l < p->c.layers; l++)
		put_le(b, of(&p->c, l), 4);
}

static void put_dimensions(struct buffer *b, const struct plan *p)
{
	kv_u32(b, arch_key(p, "context_length"), p->c.ctx);
	kv_u32(b, arch_key(p, "embedding_length"), p->c.width);
	kv_u32(b, arch_key(p, "block_count"), p->c.layers);
	kv_per_layer(b, p, "feed_forward_length", ffn);
	kv_per_layer(b, p, "attention.head_count", heads);
	kv_per_layer(b, p, "attention.head_count_kv", kv_heads);
	kv_u32(b, arch_key(p, "attention.key_length"), p->c.head_dim);
	kv_u32(b, arch_key(p, "attention.value_length"), p->c.head_dim);
	kv_f32(b, arch_key(p, "attention.layer_norm_rms_epsilon"), p->c.eps);
	kv_u32(b, arch_key(p, "rope.dimension_count"), p->c.head_dim);
	kv_f32(b, arch_key(p, "rope.freq_base"), p->c.rope_base);
	kv_u32(b, arch_key(p, "vocab_size"), p->c.vocab);
}

static void put_tensor_info(struct buffer *b, const struct tensor *t)
{
	put_str(b, t->name);
	put_le(b, t->format ? 2 : 1, 4);
	put_le(b, t->ne[0], 8);
	if (t->format)
		put_le(b, t->ne[1], 8);
	put_le(b, t->format ? t->format->ggml_type : 0, 4);
	put_le(b, t->offset, 8);
}

static void write_head(FILE *f, const struct plan *p)
{
	static const uint8_t zero[ALIGNMENT];
	struct buffer meta = {0}, head = {0};

	kv_str(&meta, "general.architecture", p->arch);
	kv_str(&meta, "general.name", "random weights");
	kv_u32(&meta, "general.file_type", p->format->file_type);
	kv_u32(&meta, "general.quantization_version", 2);
	put_dimensions(&meta, p);
	put_vocabulary(&meta, p->c.vocab);
	put(&head, "GGUF", 4);
	put_le(&head, 3, 4);
	put_le(&head, p->n, 8);
	put_le(&head, meta.n_kv, 8);
	put(&head, meta.p, meta.n);
	for (size_t i = 0; i < p->n; i++)
		put_tensor_info(&head, &p->tensors[i]);
	put(&head, zero, (ALIGNMENT - head.n % ALIGNMENT) % ALIGNMENT);
	write_or_die(f, head.p, head.n);
	free(meta.p);
	free(head.p);
}

/* ---- weights ---- */

static void write_blocks(FILE *f, struct plan *p, const struct tensor *t, uint8_t *buf)
{
	const struct format *fm = t->format;
	double deviation = 1 / sqrt((double)t->ne[0]);
	uint64_t left = t->bytes / fm->bytes, n = CHUNK / fm->bytes;
	struct block_scales scales;

	make_block_scales(fm, deviation, &scales);
	for (; left; left -= n) {
		n = n < left ? n : left;
		fill_blocks(fm, &p->rng, deviation, &scales, buf, n);
		write_or_die(f, buf, n * fm->bytes);
	}
}

static void write_vector(FILE *f, struct plan *p, const struct tensor *t)
{
	struct buffer b = {0};

	for (uint64_t i = 0; i < t->ne[0]; i++)
		put_f32(&b,
			t->low + (t->high - t->low) * (float)(random64(&p->rng) >> 40) * 0x1p-24f);
	write_or_die(f, b.p, b.n);
	free(b.p);
}

static void write_tensors(FILE *f, struct plan *p)
{
	static const uint8_t zero[ALIGNMENT];
	uint8_t *buf = xalloc(malloc(CHUNK + 8));

	for (size_t i = 0; i < p->n; i++) {
		const struct tensor *t = &p->tensors[i];

		if (t->format)
			write_blocks(f, p, t, buf);
		else
			write_vector(f, p, t);
		write_or_die(f, zero, (ALIGNMENT - t->bytes % ALIGNMENT) % ALIGNMENT);
	}
	free(buf);
}

/* ---- command line ---- */

static int usage(void)
{
	fputs("usage: mkgguf --type f16|q4_0|q8_0|q4_k|q6_k -o FILE [--arch NAME] [--size NAME]\n"
	      "              [--seed N] [--layers N] [--width N] [--heads N] [--kv-heads N]\n"
	      "              [--head-dim N] [--ffn N] [--vocab N] [--ctx N] [--tied 0|1]\n"
	      "              [--biases 0|1] [--rope-freqs 0|1]\n"
	      "Numbers replace those of the size. Sizes:",
	      stderr);
	for (size_t i = 0; i < COUNT(presets); i++)
		fprintf(stderr, " %s:%s", presets[i].arch, presets[i].size);
	fputs("\n", stderr);
	return 2;
}

enum { O_ARCH = 1, O_SIZE, O_TYPE, O_SEED, O_NUMBER };

static const struct option options[] = {
	{"arch", 1, 0, O_ARCH},		{"size", 1, 0, O_SIZE},
	{"type", 1, 0, O_TYPE},		{"seed", 1, 0, O_SEED},
	{"layers", 1, 0, O_NUMBER},	{"width", 1, 0, O_NUMBER},
	{"heads", 1, 0, O_NUMBER},	{"kv-heads", 1, 0, O_NUMBER},
	{"head-dim", 1, 0, O_NUMBER},	{"ffn", 1, 0, O_NUMBER},
	{"vocab", 1, 0, O_NUMBER},	{"ctx", 1, 0, O_NUMBER},
	{"tied", 1, 0, O_NUMBER},	{"biases", 1, 0, O_NUMBER},
	{"rope-freqs", 1, 0, O_NUMBER}, {0},
};

static const struct {
	const char *option;
	size_t at;
	uint32_t least;
} numbers[] = {
	{"layers", offsetof(struct config, layers), 1},
	{"width", offsetof(struct config, width), 1},
	{"heads", offsetof(struct config, heads), 1},
	{"kv-heads", offsetof(struct config, kv_heads), 1},
	{"head-dim", offsetof(struct config, head_dim), 2},
	{"ffn", offsetof(struct config, ffn), 1},
	{"vocab", offsetof(struct config, vocab), MIN_VOCAB},
	{"ctx", offsetof(struct config, ctx), 1},
	{"tied", offsetof(struct config, tied), 0},
	{"biases", offsetof(struct config, biases), 0},
	{"rope-freqs", offsetof(struct config, rope_freqs), 0},
};

struct request {
	const char *arch, *size, *type, *file;
	uint64_t seed;
	const char *given[COUNT(numbers)];
};

static void remember_number(struct request *r, const char *option, const char *value)
{
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (!strcmp(numbers[i].option, option))
			r->given[i] = value;
}

static bool parse_options(int argc, char **argv, struct request *r)
{
	int c, which = 0;

	while ((c = getopt_long(argc, argv, "o:", options, &which)) != -1) {
		if (c == O_ARCH)
			r->arch = optarg;
		else if (c == O_SIZE)
			r->size = optarg;
		else if (c == O_TYPE)
			r->type = optarg;
		else if (c == O_SEED)
			r->seed = strtoull(optarg, NULL, 0);
		else if (c == O_NUMBER)
			remember_number(r, options[which].name, optarg);
		else if (c == 'o')
			r->file = optarg;
		else
			return false;
	}
	return optind == argc && r->file && r->type;
}

static bool apply_numbers(const struct request *r, struct config *c)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		unsigned long v;
		uint32_t narrow;
		char *end;

		if (!r->given[i])
			continue;
		v = strtoul(r->given[i], &end, 10);
		if (*end || v < numbers[i].least || v > 1u << 20) {
			fprintf(stderr, "mkgguf: --%s takes a number from %u to %u\n",
				numbers[i].option, numbers[i].least, 1u << 20);
			return false;
		}
		narrow = (uint32_t)v;
		memcpy((char *)c + numbers[i].at, &narrow, sizeof(narrow));
	}
	if (c->heads % c->kv_heads) {
		fputs("mkgguf: --heads must be a multiple of --kv-heads\n", stderr);
		return false;
	}
	return true;
}

static bool choose(const struct request *r, struct plan *p)
{
	const struct preset *preset = NULL;

	for (size_t i = 0; i < COUNT(archs); i++)
		if (!strcmp(archs[i], r->arch))
			p->arch_bit = 1u << i;
	for (size_t i = 0; i < COUNT(presets); i++)
		if (!strcmp(presets[i].arch, r->arch) && !strcmp(presets[i].size, r->size))
			preset = &presets[i];
	p->format = find_format(r->type);
	if (!p->arch_bit || !preset || !p->format)
		return false;
	p->arch = r->arch;
	p->c = preset->c;
	p->rng = r->seed;
	return true;
}

int main(int argc, char **argv)
{
	struct request r = {.arch = "llama", .size = "tiny", .seed = 1};
	struct plan p = {0};
	FILE *f;

	if (!parse_options(argc, argv, &r) || !choose(&r, &p))
		return usage();
	if (!apply_numbers(&r, &p.c))
		return 2;
	make_plan(&p);
	f = fopen(r.file, "wb");
	if (!f) {
		fprintf(stderr, "mkgguf: '%s' cannot be written: %s\n", r.file, strerror(errno));
		return 1;
	}
	write_head(f, &p);
	write_tensors(f, &p);
	if (fclose(f)) {
		fprintf(stderr, "mkgguf: writing '%s' failed: %s\n", r.file, strerror(errno));
		return 1;
	}
	free(p.tensors);
	return 0;
}
