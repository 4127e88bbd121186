// SPDX-License-Identifier: MIT
/*
 * vocab.c - loading a vocabulary, finding special tokens in a text, and turning
 * tokens back into bytes. The tokenizers proper are tok_spm.c and tok_bpe.c.
 *
 * Left out: the WordPiece, unigram and RWKV tokenizers, and the white-space
 * stripping around special tokens that llama.cpp does for Phi-3 and Jina, for
 * no architecture that tern-run builds uses them.
 */
#include "vocab_priv.h"

#include <limits.h>
#include <math.h>

static const struct tok_ops *const tokenizers[] = {&tok_spm_ops, &tok_bpe_ops};

/*
 * Texts that end generation: files name only one EOS, but chat models have
 * several, and those that fill gaps in code end with separators.
 */
static const char *const eog_texts[] = {
	"<|eot_id|>",	"<|im_end|>",	"<|end|>",    "<|return|>",	 "<|call|>",
	"<|eom_id|>",	"<EOT>",	"_<EOT>",     "<end_of_turn>",	 "<|endoftext|>",
	"<|file_sep|>", "<|fim_pad|>",	"<fim-pad>",  "<|end_of_text|>", "<end_of_utterance>",
	"<PAD>",	"<|fim_repo|>", "<fim-repo>", "<|repo_name|>",	 "<REPO>",
};

/* Metadata that names further tokens which end generation. */
static const char *const eog_keys[] = {
	"tokenizer.ggml.eos_token_id",
	"tokenizer.ggml.eot_token_id",
	"tokenizer.ggml.eom_token_id",
};

#define FAIL(rc, ...) (gguf_fail(rc, err, errlen, __VA_ARGS__), (rc))

int token_list_push(struct token_list *l, int32_t id)
{
	int rc = tok_reserve((void **)&l->ids, &l->room, l->n + 1, sizeof(*l->ids));

	if (!rc)
		l->ids[l->n++] = id;
	return rc;
}

void token_list_free(struct token_list *l)
{
	free(l->ids);
	memset(l, 0, sizeof(*l));
}

uint32_t vocab_size(const struct vocab *v)
{
	return v->n_tokens;
}

int32_t vocab_bos(const struct vocab *v)
{
	return v->bos;
}

int32_t vocab_eos(const struct vocab *v)
{
	return v->eos;
}

bool vocab_adds_bos(const struct vocab *v)
{
	return v->add_bos;
}

static bool is_token(const struct vocab *v, int32_t id)
{
	return id >= 0 && (uint32_t)id < v->n_tokens;
}

bool vocab_is_eog(const struct vocab *v, int32_t id)
{
	return is_token(v, id) && v->tokens[id].eog;
}

int32_t vocab_find(const struct vocab *v, const char *text, size_t len)
{
	uint32_t id = strindex_find(&v->index, text, len);

	return id == STRINDEX_NONE ? VOCAB_NO_TOKEN : (int32_t)id;
}

struct gguf_str vocab_text(const struct vocab *v, int32_t id)
{
	return is_token(v, id) ? v->tokens[id].text : (struct gguf_str){"", 0};
}

/* ---- loading ---- */

struct token_arrays {
	const struct gguf_kv *texts, *scores, *kinds;
};

static int find_arrays(const struct gguf *g, struct token_arrays *a, char *err, size_t errlen)
{
	int rc = gguf_require(g, "tokenizer.ggml.tokens", err, errlen);

	if (!rc)
		rc = gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &a->texts, err,
				    errlen);
	if (!rc)
		rc = gguf_get_array(g, "tokenizer.ggml.scores", GGUF_F32, &a->scores, err, errlen);
	if (!rc)
		rc = gguf_get_array(g, "tokenizer.ggml.token_type", GGUF_I32, &a->kinds, err,
				    errlen);
	if (rc)
		return rc;
	if (!a->texts->count || a->texts->count > STRINDEX_MAX)
		return FAIL(-EINVAL,
			    "The model's vocabulary has %llu tokens: convert the model again.",
			    (unsigned long long)a->texts->count);
	if ((a->scores && a->scores->count != a->texts->count) ||
	    (a->kinds && a->kinds->count != a->texts->count))
		return FAIL(
			-EINVAL,
			"The model's vocabulary has not as many scores or types as tokens: convert "
			"the model again.");
	return 0;
}

static int load_token(struct vocab *v, const struct token_arrays *a, uint32_t i, char *err,
		      size_t errlen)
{
	struct token *t = &v->tokens[i];
	int32_t kind = a->kinds ? gguf_array_i32(a->kinds, i) : TOKEN_NORMAL;

	t->score = a->scores ? gguf_array_f32(a->scores, i) : 0.0f;
	t->kind = kind >= 0 && kind <= TOKEN_BYTE ? (uint8_t)kind : TOKEN_UNDEFINED;
	if (isnan(t->score))
		return FAIL(-EINVAL, "The score of token %u is not a number: the file is damaged.",
			    i);
	if (t->text.len > v->max_text)
		v->max_text = t->text.len;
	return 0;
}

static int load_tokens(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	struct token_arrays a = {0};
	struct gguf_cursor c;
	uint32_t twice;
	char q[72];
	int rc = find_arrays(g, &a, err, errlen);

	if (rc)
		return rc;
	v->n_tokens = (uint32_t)a.texts->count;
	v->tokens = calloc(v->n_tokens, sizeof(*v->tokens));
	if (!v->tokens || strindex_init(&v->index, v->tokens, sizeof(*v->tokens), v->n_tokens))
		return FAIL(-ENOMEM, "There is not enough memory for the vocabulary.");
	c = gguf_strings(a.texts);
	for (uint32_t i = 0; i < v->n_tokens && !rc; i++) {
		gguf_next_string(&c, &v->tokens[i].text);
		rc = load_token(v, &a, i, err, errlen);
	}
	if (rc)
		return rc;
	/* Empty texts are padding that no text can produce; there may be many. */
	twice = strindex_add_all(&v->index, v->n_tokens);
	if (twice != STRINDEX_NONE)
		return FAIL(
			-EINVAL,
			"The model's vocabulary has the token %s twice: convert the model again.",
			gguf_quote(v->tokens[twice].text, q, sizeof(q)));
	/* Pieces are counted in an int, and merging in 32 bits. */
	if (v->max_text > INT_MAX / 8)
		return FAIL(-EINVAL,
			    "The model's vocabulary has a token of %zu bytes: the file is damaged.",
			    v->max_text);
	return 0;
}

/* A default that the vocabulary is too small for means: there is none. */
static int load_id(const struct vocab *v, const struct gguf *g, const char *key, int32_t *id,
		   char *err, size_t errlen)
{
	uint32_t val = UINT32_MAX;
	int rc = gguf_get_u32(g, key, &val, err, errlen);

	if (rc)
		return rc;
	if (!gguf_find(g, key)) {
		if (!is_token(v, *id))
			*id = VOCAB_NO_TOKEN;
		return 0;
	}
	if (val >= v->n_tokens)
		return FAIL(
			-EINVAL,
			"The GGUF metadata key '%s' names token %u of %u: convert the model again.",
			key, val, v->n_tokens);
	*id = (int32_t)val;
	return 0;
}

static int load_ids(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	int rc = load_id(v, g, "tokenizer.ggml.bos_token_id", &v->bos, err, errlen);

	if (!rc)
		rc = load_id(v, g, "tokenizer.ggml.eos_token_id", &v->eos, err, errlen);
	if (!rc)
		rc = load_id(v, g, "tokenizer.ggml.unknown_token_id", &v->unk, err, errlen);
	if (!rc)
		rc = gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, err, errlen);
	if (!rc)
		rc = gguf_get_bool(g, "tokenizer.ggml.add_eos_token", &v->add_eos, err, errlen);
	if (!rc && v->ops->add_space_prefix)
		rc = gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, err,
				   errlen);
	if (rc)
		return rc;
	if (v->add_bos && v->bos == VOCAB_NO_TOKEN)
		return FAIL(-EINVAL, "The model wants a BOS token in front, but names none: "
				     "convert the model again.");
	if (v->add_eos && v->eos == VOCAB_NO_TOKEN)
		return FAIL(-EINVAL, "The model wants an EOS token at the end, but names none: "
				     "convert the model "
				     "again.");
	return 0;
}

static int mark_eog(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	if (v->eos != VOCAB_NO_TOKEN)
		v->tokens[v->eos].eog = true;
	for (size_t i = 0; i < sizeof(eog_keys) / sizeof(eog_keys[0]); i++) {
		int32_t id = VOCAB_NO_TOKEN;
		int rc = load_id(v, g, eog_keys[i], &id, err, errlen);

		if (rc)
			return rc;
		if (id != VOCAB_NO_TOKEN)
			v->tokens[id].eog = true;
	}
	for (size_t i = 0; i < sizeof(eog_texts) / sizeof(eog_texts[0]); i++) {
		int32_t id = vocab_find(v, eog_texts[i], strlen(eog_texts[i]));

		if (id == VOCAB_NO_TOKEN)
			continue;
		v->tokens[id].eog = true;
		/* Some converters forget; as plain text these are never meant. */
		v->tokens[id].kind = TOKEN_CONTROL;
	}
	return 0;
}

static bool is_special(const struct token *t)
{
	return t->text.len && (t->kind == TOKEN_CONTROL || t->kind == TOKEN_USER_DEFINED ||
			       t->kind == TOKEN_UNKNOWN);
}

struct by_length {
	size_t len;
	int32_t id;
};

/* Longest first, so that a token is never cut by another that it contains. */
static int compare_length(const void *a, const void *b)
{
	const struct by_length *x = a, *y = b;

	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static int collect_special(struct vocab *v, char *err, size_t errlen)
{
	struct by_length *found;
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->n_tokens; i++)
		n += is_special(&v->tokens[i]);
	found = calloc(n + 1, sizeof(*found));
	v->special = calloc(n + 1, sizeof(*v->special));
	if (!found || !v->special) {
		free(found);
		return FAIL(-ENOMEM, "There is not enough memory for the vocabulary.");
	}
	for (uint32_t i = 0; i < v->n_tokens; i++)
		if (is_special(&v->tokens[i]))
			found[v->n_special++] =
				(struct by_length){v->tokens[i].text.len, (int32_t)i};
	qsort(found, n, sizeof(*found), compare_length);
	for (uint32_t i = 0; i < n; i++)
		v->special[i] = found[i].id;
	free(found);
	return 0;
}

static int choose_tokenizer(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	struct gguf_str model = {"", 0};
	char q[72];
	int rc = gguf_require(g, "tokenizer.ggml.model", err, errlen);

	if (!rc)
		rc = gguf_get_str(g, "tokenizer.ggml.model", &model, err, errlen);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(tokenizers) / sizeof(tokenizers[0]); i++)
		if (gguf_str_eq(model, tokenizers[i]->model))
			v->ops = tokenizers[i];
	if (!v->ops)
		return FAIL(-ENOTSUP,
			    "The model uses the tokenizer %s, but only 'llama' (SentencePiece) and "
			    "'gpt2' "
			    "(byte-level BPE) are supported: choose another model.",
			    gguf_quote(model, q, sizeof(q)));
	v->bos = v->ops->bos;
	v->eos = v->ops->eos;
	v->unk = v->ops->unk;
	v->add_bos = v->ops->add_bos;
	v->add_space_prefix = v->ops->add_space_prefix;
	return 0;
}

int vocab_load(const struct gguf *g, struct vocab **out, char *err, size_t errlen)
{
	struct vocab *v = calloc(1, sizeof(*v));
	int rc;

	*out = NULL;
	if (!v)
		return FAIL(-ENOMEM, "There is not enough memory for the vocabulary.");
	rc = choose_tokenizer(v, g, err, errlen);
	if (!rc)
		rc = load_tokens(v, g, err, errlen);
	/* Before the ids: a pre-tokenizer has a say in add_bos, the file the last word. */
	if (!rc)
		rc = v->ops->load(v, g, err, errlen);
	if (!rc)
		rc = load_ids(v, g, err, errlen);
	if (!rc)
		rc = mark_eog(v, g, err, errlen);
	if (!rc)
		rc = collect_special(v, err, errlen);
	if (rc) {
		vocab_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

void vocab_free(struct vocab *v)
{
	if (!v)
		return;
	if (v->ops)
		v->ops->unload(v);
	strindex_free(&v->index);
	free(v->tokens);
	free(v->special);
	free(v);
}
