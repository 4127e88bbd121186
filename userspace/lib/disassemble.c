// SPDX-License-Identifier: MIT
/* Programs for people: every NPU segment of a blob, or an image as it is. */
#include "lib/blob.h"
#include "isa/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Images in files are little-endian and aligned to nothing. */
static int print_image(FILE *out, const unsigned char *image, size_t words, bool json)
{
	uint64_t *copy = calloc(words + 1, sizeof(*copy));
	size_t i;
	int fault;

	if (!copy)
		return tern_fail(-ENOMEM, "no memory for an image of %zu words", words);
	for (i = 0; i < words; i++)
		copy[i] = tern_get64(image + 8 * i);
	fault = tern_disasm(out, copy, words, json);
	free(copy);
	if (!fault)
		return 0;
	return tern_fail(-EBADMSG, "the image breaks a rule: %s (%s)",
			 tern_fault_name((unsigned int)fault),
			 tern_fault_text((unsigned int)fault));
}

static void text_arg(FILE *out, size_t i, const struct tern_arg *a)
{
	fprintf(out, "  arg %3zu = ", i);
	if (a->storage >= 0)
		fprintf(out, "storage %" PRId32 " + ", a->storage);
	else if (a->storage == TERN_ARG_SCRATCH)
		fprintf(out, "job scratch + ");
	else if (a->storage == TERN_ARG_IMAGE)
		fprintf(out, "image + ");
	fprintf(out, "%" PRId64, a->offset);
	if (a->sym)
		fprintf(out, " + (symbol %d + %" PRId32 ") * %" PRId64, a->sym - 1, a->bias,
			a->mul);
	fputc('\n', out);
}

static void json_arg(FILE *out, size_t i, const struct tern_arg *a)
{
	fprintf(out, "%s{\"storage\":%" PRId32 ",\"offset\":%" PRId64, i ? "," : "", a->storage,
		a->offset);
	if (a->sym)
		fprintf(out, ",\"symbol\":%d,\"bias\":%" PRId32 ",\"mul\":%" PRId64, a->sym - 1,
			a->bias, a->mul);
	fputc('}', out);
}

static void print_args(FILE *out, const struct tern_blob *b, const struct tern_blob_segment *s,
		       bool json)
{
	size_t i;

	for (i = 0; i < s->nargs; i++) {
		const struct tern_arg a = tern_blob_arg(b, s->args + (uint32_t)i);

		if (json)
			json_arg(out, i, &a);
		else
			text_arg(out, i, &a);
	}
}

static int print_segment(FILE *out, const struct tern_blob *b, uint32_t i, bool json, bool *first)
{
	struct tern_blob_segment s;
	int ret = tern_blob_segment(b, i, &s);

	if (ret || !s.npu)
		return ret;
	fprintf(out,
		json ? "%s\n{\"segment\":%u,\"first\":%u,\"operators\":%u,\"scratch\":%" PRIu64
		       ",\"args\":["
		     : "%ssegment %u: from operator %u, %u operators, %" PRIu64
		       " bytes of scratch\n",
		*first ? "" : (json ? "," : "\n"), i, s.first, s.n, s.scratch);
	*first = false;
	print_args(out, b, &s, json);
	if (json)
		fputs("],\"image\":", out);
	ret = print_image(out, s.image, s.words, json);
	if (json)
		fputc('}', out);
	return ret;
}

static int print_blob(FILE *out, const void *data, size_t size, bool json)
{
	struct tern_blob b;
	bool first = true;
	uint32_t i;
	int ret = tern_blob_open(data, size, &b);

	if (ret)
		return ret;
	if (json)
		fputs("{\"segments\":[", out);
	for (i = 0; i < b.section[TERN_BLOB_SEGMENTS].n && !ret; i++)
		ret = print_segment(out, &b, i, json, &first);
	if (json)
		fputs("]}\n", out);
	else if (first)
		fputs("no NPU segments: all operators run on the CPU\n", out);
	return ret;
}

int tern_disassemble(FILE *out, const void *blob, size_t size, bool json)
{
	int ret;

	if (!out || !blob)
		return tern_fail(-EINVAL, "tern_disassemble: out and blob must not be NULL");
	if (size >= 8 && !memcmp(blob, TERN_BLOB_MAGIC, 8))
		ret = print_blob(out, blob, size, json);
	else if (size >= 4 && tern_get32(blob) == TERN_IMAGE_MAGIC)
		ret = print_image(out, blob, size / 8, json);
	else
		return tern_fail(-EINVAL, "these %zu bytes are neither a program blob nor an image",
				 size);
	if (!ret && ferror(out))
		ret = tern_fail(-EIO, "the listing could not be written");
	return ret;
}
