// SPDX-License-Identifier: MIT
/*
 * vocab_text.c - from text to tokens and back, around the tokenizer proper:
 * special tokens are cut out of the text first, BOS and EOS are put around it.
 */
#include "vocab_priv.h"

/* A piece of the text, or a special token that was found between two pieces. */
struct fragment {
	size_t at, len;
	int32_t id; /* VOCAB_NO_TOKEN: text */
	int32_t next;
};

struct fragments {
	struct fragment *all; /* a chain through all[0] */
	size_t n, room;
};

static int32_t add_fragment(struct fragments *f, struct fragment add)
{
	if (tok_reserve((void **)&f->all, &f->room, f->n + 1, sizeof(*f->all)))
		return -1;
	f->all[f->n] = add;
	return (int32_t)f->n++;
}

/* Cuts the first occurrence out of fragment @i: [text] [token] [rest]. */
static int32_t cut(struct fragments *f, int32_t i, size_t at, size_t len, int32_t id)
{
	struct fragment old = f->all[i];
	int32_t rest, tok;

	rest = add_fragment(f, (struct fragment){at + len, old.at + old.len - at - len,
						 VOCAB_NO_TOKEN, old.next});
	tok = rest < 0 ? -1 : add_fragment(f, (struct fragment){at, len, id, rest});
	if (tok < 0)
		return -1;
	f->all[i].len = at - old.at;
	f->all[i].next = tok;
	return rest;
}

static int cut_everywhere(struct fragments *f, const char *text, struct gguf_str what, int32_t id)
{
	for (int32_t i = 0; i >= 0;) {
		const struct fragment *p = &f->all[i];
		const char *hit = NULL;

		if (p->id == VOCAB_NO_TOKEN && p->len >= what.len)
			hit = memmem(text + p->at, p->len, what.ptr, what.len);
		i = p->next;
		if (!hit)
			continue;
		i = cut(f, (int32_t)(p - f->all), (size_t)(hit - text), what.len, id);
		if (i < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Same result as looking for each token in turn; most are not in the text at all. */
static int cut_special(const struct vocab *v, struct fragments *f, const char *text, size_t len,
		       bool control)
{
	bool has[256] = {false};
	int rc = 0;

	for (size_t i = 0; i < len; i++)
		has[(unsigned char)text[i]] = true;
	for (uint32_t i = 0; i < v->n_special && !rc; i++) {
		const struct token *t = &v->tokens[v->special[i]];

		if (!control && t->kind != TOKEN_USER_DEFINED)
			continue;
		if (t->text.len > len || !has[(unsigned char)t->text.ptr[0]] ||
		    !memmem(text, len, t->text.ptr, t->text.len))
			continue;
		rc = cut_everywhere(f, text, t->text, v->special[i]);
	}
	return rc;
}

static int tokenize_text(const struct vocab *v, const char *text, size_t len, bool prefix,
			 struct token_list *out, char *err, size_t errlen)
{
	char *spaced;
	int rc;

	if (!prefix)
		return v->ops->tokenize(v, text, len, out, err, errlen);
	spaced = malloc(len + 1);
	if (!spaced)
		return -ENOMEM;
	spaced[0] = ' ';
	memcpy(spaced + 1, text, len);
	rc = v->ops->tokenize(v, spaced, len + 1, out, err, errlen);
	free(spaced);
	return rc;
}

static int tokenize_fragments(const struct vocab *v, const struct fragments *f, const char *text,
			      struct token_list *out, char *err, size_t errlen)
{
	bool after_special = true; /* so is the beginning */
	int rc = 0;

	for (int32_t i = 0; i >= 0 && !rc; i = f->all[i].next) {
		const struct fragment *p = &f->all[i];

		if (p->id != VOCAB_NO_TOKEN) {
			rc = token_list_push(out, p->id);
			after_special = true;
		} else if (p->len) {
			rc = tokenize_text(v, text + p->at, p->len,
					   v->add_space_prefix && after_special, out, err, errlen);
			after_special = false;
		}
	}
	return rc;
}

static int tokenize_around(const struct vocab *v, const struct fragments *f, const char *text,
			   bool special, struct token_list *out, char *err, size_t errlen)
{
	int rc = 0;

	if (special && v->add_bos)
		rc = token_list_push(out, v->bos);
	if (!rc)
		rc = tokenize_fragments(v, f, text, out, err, errlen);
	if (!rc && special && v->add_eos)
		rc = token_list_push(out, v->eos);
	return rc;
}

int vocab_tokenize(const struct vocab *v, const char *text, size_t len, unsigned int flags,
		   struct token_list *out, char *err, size_t errlen)
{
	struct fragments f = {0};
	int rc = 0;

	/* A third of what 32 bits hold: escaping a space takes three bytes. */
	if (len > INT32_MAX / 4)
		return gguf_fail(-E2BIG, err, errlen,
				 "The text has %zu bytes, but at most %d can be tokenised at once: "
				 "split it.",
				 len, INT32_MAX / 4);
	/* Replaced where there is more to say. */
	gguf_fail(0, err, errlen, "There is not enough memory to tokenise the text.");
	if (add_fragment(&f, (struct fragment){0, len, VOCAB_NO_TOKEN, -1}) < 0)
		return -ENOMEM;
	if (len)
		rc = cut_special(v, &f, text, len, flags & VOCAB_PARSE_SPECIAL);
	if (!rc)
		rc = tokenize_around(v, &f, text, flags & VOCAB_ADD_SPECIAL, out, err, errlen);
	if (!rc)
		gguf_fail(0, err, errlen, "%s", "");
	free(f.all);
	return rc;
}

/* ---- back to text ---- */

size_t vocab_max_piece(const struct vocab *v)
{
	return v->max_text ? v->max_text : 1;
}

/* "<0xNN>", or the byte itself in vocabularies that have it so. */
static size_t decode_byte(struct gguf_str text, char *buf)
{
	char hex[3] = {0}, *end;

	if (text.len == 6 && !memcmp(text.ptr, "<0x", 3)) {
		memcpy(hex, text.ptr + 3, 2);
		buf[0] = (char)strtoul(hex, &end, 16);
		if (end == hex + 2)
			return 1;
	}
	memcpy(buf, text.ptr, text.len);
	return text.len;
}

int vocab_piece(const struct vocab *v, int32_t id, unsigned int flags, char *buf, size_t size)
{
	const struct token *t;

	if (id < 0 || (uint32_t)id >= v->n_tokens)
		return -EINVAL;
	t = &v->tokens[id];
	if (t->kind == TOKEN_UNUSED || t->kind == TOKEN_UNDEFINED)
		return 0;
	if ((t->kind == TOKEN_CONTROL || t->kind == TOKEN_UNKNOWN) && !(flags & VOCAB_SHOW_SPECIAL))
		return 0;
	/* The stored text is never shorter than what it decodes to. */
	if (t->text.len > size)
		return -ENOSPC;
	if (t->kind == TOKEN_NORMAL)
		return (int)v->ops->decode(v, t->text, buf);
	if (t->kind == TOKEN_BYTE)
		return (int)decode_byte(t->text, buf);
	memcpy(buf, t->text.ptr, t->text.len);
	return (int)t->text.len;
}

ptrdiff_t vocab_detokenize(const struct vocab *v, const int32_t *ids, size_t n, unsigned int flags,
			   char *buf, size_t size)
{
	/* The space stands after BOS and at the beginning alike. */
	bool strip = v->add_space_prefix;
	char *piece = malloc(vocab_max_piece(v));
	size_t used = 0;
	ptrdiff_t rc = piece ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && rc >= 0; i++) {
		int len = vocab_piece(v, ids[i], flags, piece, vocab_max_piece(v));
		int from = strip && len > 0 && piece[0] == ' ';

		if (len < 0) {
			rc = len;
			break;
		}
		if ((size_t)(len - from) > size - used) {
			rc = -ENOSPC;
			break;
		}
		memcpy(buf + used, piece + from, (size_t)(len - from));
		used += (size_t)(len - from);
		if (v->tokens[ids[i]].kind != TOKEN_CONTROL)
			strip = false;
	}
	free(piece);
	return rc < 0 ? rc : (ptrdiff_t)used;
}
