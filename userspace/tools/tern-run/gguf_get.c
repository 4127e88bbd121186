// SPDX-License-Identifier: MIT
/*
 * gguf_get.c - look-ups in an open GGUF file, and the sentences about it.
 */
#include "gguf.h"

#include <stdarg.h>
#include <stdio.h>

#define FAIL(rc, ...) gguf_fail(rc, err, errlen, __VA_ARGS__)

static const char *const value_names[GGUF_N_TYPES] = {
	[GGUF_U8] = "u8",	  [GGUF_I8] = "i8",	  [GGUF_U16] = "u16", [GGUF_I16] = "i16",
	[GGUF_U32] = "u32",	  [GGUF_I32] = "i32",	  [GGUF_F32] = "f32", [GGUF_BOOL] = "bool",
	[GGUF_STRING] = "string", [GGUF_ARRAY] = "array", [GGUF_U64] = "u64", [GGUF_I64] = "i64",
	[GGUF_F64] = "f64",
};

int gguf_fail(int rc, char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	if (err && errlen) {
		va_start(ap, fmt);
		vsnprintf(err, errlen, fmt, ap);
		va_end(ap);
	}
	return rc;
}

const char *gguf_quote(struct gguf_str s, char *buf, size_t size)
{
	const size_t around = sizeof("'...'");
	size_t n = 0, keep = s.len;

	if (size < around)
		return "''";
	if (keep > size - around)
		keep = size - around;
	buf[n++] = '\'';
	for (size_t i = 0; i < keep; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		/* A file's text must not reach a terminal as escape codes. */
		buf[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	snprintf(buf + n, size - n, "%s'", keep < s.len ? "..." : "");
	return buf;
}

bool gguf_str_eq(struct gguf_str s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.ptr, text, s.len);
}

const struct gguf_kv *gguf_find(const struct gguf *g, const char *key)
{
	uint32_t i = strindex_find(&g->kv_index, key, strlen(key));

	return i == STRINDEX_NONE ? NULL : &g->kv[i];
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name)
{
	uint32_t i = strindex_find(&g->tensor_index, name, strlen(name));

	return i == STRINDEX_NONE ? NULL : &g->tensors[i];
}

int gguf_require(const struct gguf *g, const char *key, char *err, size_t errlen)
{
	if (gguf_find(g, key))
		return 0;
	return FAIL(
		-ENOENT,
		"The GGUF file lacks the metadata key '%s', which this model needs: convert the "
		"model again.",
		key);
}

/* Width in bytes of an integer type, negative when signed, 0 when it is none. */
static int int_width(uint32_t type)
{
	static const int8_t width[GGUF_N_TYPES] = {
		[GGUF_U8] = 1,	[GGUF_I8] = -1,	 [GGUF_U16] = 2, [GGUF_I16] = -2,
		[GGUF_U32] = 4, [GGUF_I32] = -4, [GGUF_U64] = 8, [GGUF_I64] = -8,
	};

	return type < GGUF_N_TYPES ? width[type] : 0;
}

/* False when the stored integer is negative or above 32 bits. */
static bool load_u32(const uint8_t *p, int width, uint32_t *val)
{
	unsigned int bytes = (unsigned int)(width < 0 ? -width : width);
	uint64_t v = gguf_load_le(p, bytes);

	if (v > UINT32_MAX || (width < 0 && v >> (8 * bytes - 1)))
		return false;
	*val = (uint32_t)v;
	return true;
}

static int wrong_type(const char *key, const char *want, const struct gguf_kv *kv, char *err,
		      size_t errlen)
{
	bool array = kv->type == GGUF_ARRAY;

	return FAIL(-EINVAL,
		    "The GGUF metadata key '%s' should hold %s, but holds %s%s: convert the model "
		    "again.",
		    key, want, array ? "an array of " : "", value_names[kv->elem_type]);
}

static int out_of_range(const char *key, char *err, size_t errlen)
{
	return FAIL(-EINVAL,
		    "The GGUF metadata key '%s' holds a number outside 0 to 4294967295: convert "
		    "the model "
		    "again.",
		    key);
}

int gguf_get_u32(const struct gguf *g, const char *key, uint32_t *val, char *err, size_t errlen)
{
	const struct gguf_kv *kv = gguf_find(g, key);

	if (!kv)
		return 0;
	if (!int_width(kv->type))
		return wrong_type(key, "an integer", kv, err, errlen);
	return load_u32(kv->data, int_width(kv->type), val) ? 0 : out_of_range(key, err, errlen);
}

int gguf_get_u32_each(const struct gguf *g, const char *key, uint32_t *vals, uint32_t n, char *err,
		      size_t errlen)
{
	const struct gguf_kv *kv = gguf_find(g, key);
	int width;

	if (!kv)
		return 0;
	width = int_width(kv->elem_type);
	if (!width)
		return wrong_type(key, "integers", kv, err, errlen);
	if (kv->type == GGUF_ARRAY && kv->count != n)
		return FAIL(-EINVAL,
			    "The GGUF metadata key '%s' holds %llu values, but the model has %u "
			    "layers: convert "
			    "the model again.",
			    key, (unsigned long long)kv->count, n);
	for (uint32_t i = 0; i < n; i++) {
		size_t at = kv->type == GGUF_ARRAY ? (size_t)i * (size_t)abs(width) : 0;

		if (!load_u32(kv->data + at, width, &vals[i]))
			return out_of_range(key, err, errlen);
	}
	return 0;
}

static float load_f32(const uint8_t *p)
{
	uint32_t bits = (uint32_t)gguf_load_le(p, 4);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

int gguf_get_f32(const struct gguf *g, const char *key, float *val, char *err, size_t errlen)
{
	const struct gguf_kv *kv = gguf_find(g, key);
	uint64_t bits;
	double d;

	if (!kv)
		return 0;
	if (kv->type == GGUF_F32) {
		*val = load_f32(kv->data);
		return 0;
	}
	if (kv->type != GGUF_F64)
		return wrong_type(key, "a floating-point number", kv, err, errlen);
	bits = gguf_load_le(kv->data, 8);
	memcpy(&d, &bits, sizeof(d));
	*val = (float)d;
	return 0;
}

int gguf_get_bool(const struct gguf *g, const char *key, bool *val, char *err, size_t errlen)
{
	const struct gguf_kv *kv = gguf_find(g, key);

	if (!kv)
		return 0;
	if (kv->type != GGUF_BOOL)
		return wrong_type(key, "a bool", kv, err, errlen);
	if (*kv->data > 1)
		return FAIL(-EINVAL,
			    "The GGUF metadata key '%s' holds a bool of %u: the file is damaged.",
			    key, *kv->data);
	*val = *kv->data;
	return 0;
}

int gguf_get_str(const struct gguf *g, const char *key, struct gguf_str *val, char *err,
		 size_t errlen)
{
	const struct gguf_kv *kv = gguf_find(g, key);
	struct gguf_cursor c;

	if (!kv)
		return 0;
	if (kv->type != GGUF_STRING)
		return wrong_type(key, "a string", kv, err, errlen);
	c = gguf_strings(kv);
	gguf_next_string(&c, val);
	return 0;
}

int gguf_get_array(const struct gguf *g, const char *key, enum gguf_type elem_type,
		   const struct gguf_kv **kv, char *err, size_t errlen)
{
	const struct gguf_kv *found = gguf_find(g, key);
	char want[32];

	if (!found)
		return 0;
	if (found->type != GGUF_ARRAY || found->elem_type != (uint32_t)elem_type) {
		snprintf(want, sizeof(want), "an array of %s", value_names[elem_type]);
		return wrong_type(key, want, found, err, errlen);
	}
	*kv = found;
	return 0;
}

float gguf_array_f32(const struct gguf_kv *kv, uint64_t i)
{
	return load_f32(kv->data + 4 * i);
}

int32_t gguf_array_i32(const struct gguf_kv *kv, uint64_t i)
{
	return (int32_t)(uint32_t)gguf_load_le(kv->data + 4 * i, 4);
}

struct gguf_cursor gguf_strings(const struct gguf_kv *kv)
{
	return (struct gguf_cursor){kv->data, kv->count};
}

bool gguf_next_string(struct gguf_cursor *c, struct gguf_str *s)
{
	if (!c->left)
		return false;
	/* Opening has walked these lengths, so they are inside the file. */
	s->len = (size_t)gguf_load_le(c->pos, 8);
	s->ptr = (const char *)c->pos + 8;
	c->pos += 8 + s->len;
	c->left--;
	return true;
}
