// SPDX-License-Identifier: MIT
/*
 * fuzz_gguf.c - any bytes as a GGUF file: opened, read through every getter, and
 * if a vocabulary comes of it, text tokenised and turned back.
 */
#include "tools/tern-run/vocab.h"

/* Of every kind: words, digits, blanks, accents, an emoji, bad UTF-8, a control token. */
static const char sample[] =
	"Hello,  world's\n\t12345 na\xc3\xafve \xf0\x9f\x98\x80 <s> \xff\xc3 a+b";

static void read_keys(const struct gguf *g)
{
	char err[200];

	for (uint64_t i = 0; i < g->n_kv; i++) {
		const struct gguf_kv *kv = NULL;
		struct gguf_str s = {"", 0};
		uint32_t each[3];
		char key[64];
		bool flag;
		float f;

		/* Getters take C strings; longer keys are covered by the index. */
		if (g->kv[i].key.len >= sizeof(key))
			continue;
		memcpy(key, g->kv[i].key.ptr, g->kv[i].key.len);
		key[g->kv[i].key.len] = '\0';
		gguf_get_u32(g, key, each, err, sizeof(err));
		gguf_get_u32_each(g, key, each, 3, err, sizeof(err));
		gguf_get_f32(g, key, &f, err, sizeof(err));
		gguf_get_bool(g, key, &flag, err, sizeof(err));
		gguf_get_str(g, key, &s, err, sizeof(err));
		if (!gguf_get_array(g, key, GGUF_STRING, &kv, err, sizeof(err)) && kv)
			for (struct gguf_cursor c = gguf_strings(kv); gguf_next_string(&c, &s);)
				gguf_quote(s, err, sizeof(err));
	}
}

/* Touches both ends of every tensor's data. */
static unsigned int read_tensors(const struct gguf *g)
{
	unsigned int sum = 0;

	for (uint64_t i = 0; i < g->n_tensors; i++) {
		const struct gguf_tensor *t = &g->tensors[i];
		const uint8_t *data = t->data;

		if (t->nbytes)
			sum += data[0] + data[t->nbytes - 1];
	}
	return sum;
}

static void tokenise(const struct vocab *v, const char *text, size_t len, unsigned int flags)
{
	struct token_list out = {0};
	size_t room = vocab_max_piece(v);
	char *buf = malloc(room);
	char err[200];

	if (buf && !vocab_tokenize(v, text, len, flags, &out, err, sizeof(err)))
		for (size_t i = 0; i < out.n; i++)
			if (vocab_piece(v, out.ids[i], flags, buf, room) < 0)
				abort(); /* a token that is none */
	free(buf);
	token_list_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned int all = VOCAB_ADD_SPECIAL | VOCAB_PARSE_SPECIAL | VOCAB_SHOW_SPECIAL;
	size_t tail = size < 64 ? size : 64;
	struct gguf *g = NULL;
	struct vocab *v = NULL;
	char err[200];

	if (gguf_open_memory(data, size, &g, err, sizeof(err)))
		return 0;
	read_keys(g);
	read_tensors(g);
	if (!vocab_load(g, &v, err, sizeof(err))) {
		tokenise(v, sample, sizeof(sample) - 1, 0);
		tokenise(v, sample, sizeof(sample) - 1, all);
		tokenise(v, (const char *)data + size - tail, tail, all);
		vocab_free(v);
	}
	gguf_close(g);
	return 0;
}
