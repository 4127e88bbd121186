// SPDX-License-Identifier: MIT
/* What holds for every program blob, before anybody asks what it is for. */
#include "lib/blob.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

static const struct {
	const char *name;
	uint32_t bytes;
} sections[TERN_BLOB_NSECTIONS] = {
#define X(name, bytes) {#name, bytes},
	TERN_BLOB_SECTIONS(X)
#undef X
};

uint32_t tern_blob_crc(const void *data, size_t size)
{
	static const unsigned char zeros[4];
	const unsigned char *p = data;
	const size_t tail = TERN_BLOB_AT_CRC + 4;
	uLong crc = crc32_z(0, p, TERN_BLOB_AT_CRC);

	crc = crc32_z(crc, zeros, sizeof(zeros));
	return (uint32_t)crc32_z(crc, p + tail, size - tail);
}

static int check_header(const unsigned char *p, size_t size)
{
	uint32_t version;

	if (size < TERN_BLOB_HEADER_BYTES || memcmp(p, TERN_BLOB_MAGIC, 8))
		return tern_fail(-EINVAL, "this is not a program blob: it does not begin as one");
	version = tern_get32(p + TERN_BLOB_AT_VERSION);
	if (version != TERN_BLOB_VERSION)
		return tern_fail(
			-EPROTO,
			"the program blob has version %u, this library reads version %u: compile "
			"it again",
			version, TERN_BLOB_VERSION);
	if (tern_get64(p + TERN_BLOB_AT_SIZE) != size)
		return tern_fail(
			-EINVAL,
			"the program blob says it has %llu bytes, but there are %zu: it is cut "
			"off or has something appended",
			(unsigned long long)tern_get64(p + TERN_BLOB_AT_SIZE), size);
	if (tern_get32(p + TERN_BLOB_AT_CRC) != tern_blob_crc(p, size))
		return tern_fail(-EBADMSG,
				 "the program blob is damaged: its checksum does not match");
	if (tern_get32(p + TERN_BLOB_AT_NCAPS) != TERN_BLOB_NCAPS ||
	    tern_get32(p + TERN_BLOB_AT_NSECTIONS) != TERN_BLOB_NSECTIONS)
		return tern_fail(-EINVAL, "the program blob's header is malformed");
	return 0;
}

static int open_section(struct tern_blob *b, uint32_t i)
{
	const unsigned char *s = b->data + TERN_BLOB_AT_SECTIONS + TERN_BLOB_SECTION_BYTES * i;
	uint64_t n = tern_get32(s), at = tern_get64(s + 8);

	if (tern_get32(s + 4) != sections[i].bytes || at < TERN_BLOB_HEADER_BYTES || at > b->size ||
	    at % TERN_BLOB_ALIGN || n > (b->size - at) / sections[i].bytes)
		return tern_fail(-EINVAL, "section %s of the program blob does not fit into it",
				 sections[i].name);
	b->section[i] = (struct tern_blob_view){b->data + at, (uint32_t)n};
	return 0;
}

int tern_blob_open(const void *data, size_t size, struct tern_blob *out)
{
	const struct tern_blob_view *strings = &out->section[TERN_BLOB_STRINGS];
	uint32_t i;
	int ret = check_header(data, size);

	*out = (struct tern_blob){.data = data, .size = size};
	for (i = 0; i < TERN_BLOB_NSECTIONS && !ret; i++)
		ret = open_section(out, i);
	if (!ret && strings->n && strings->at[strings->n - 1])
		ret = tern_fail(-EINVAL, "the program blob's strings do not end");
	return ret;
}

int tern_blob_segment(const struct tern_blob *b, uint32_t i, struct tern_blob_segment *out)
{
	const struct tern_blob_view *images = &b->section[TERN_BLOB_IMAGES];
	const unsigned char *s =
		b->section[TERN_BLOB_SEGMENTS].at + sections[TERN_BLOB_SEGMENTS].bytes * i;
	uint64_t at = tern_get64(s + 16), nargs = b->section[TERN_BLOB_ARGS].n;

	*out = (struct tern_blob_segment){
		.npu = tern_get32(s),
		.first = tern_get32(s + 4),
		.n = tern_get32(s + 8),
		.args = tern_get32(s + 12),
		.words = tern_get64(s + 24),
		.scratch = tern_get64(s + 32),
		.nargs = tern_get32(s + 40),
	};
	if (tern_get32(s) > 1 || at % TERN_BLOB_ALIGN || at > images->n ||
	    out->words > (images->n - at) / sizeof(uint64_t) || out->args > nargs ||
	    out->nargs > nargs - out->args)
		return tern_fail(-EINVAL, "segment %u of the program blob is malformed", i);
	out->image = images->at + at;
	return 0;
}

struct tern_arg tern_blob_arg(const struct tern_blob *b, uint32_t i)
{
	const unsigned char *r =
		b->section[TERN_BLOB_ARGS].at + (size_t)sections[TERN_BLOB_ARGS].bytes * i;

	return (struct tern_arg){
		.storage = (int32_t)tern_get32(r),
		.sym = r[4],
		.bias = (int32_t)tern_get32(r + 8),
		.offset = (int64_t)tern_get64(r + 16),
		.mul = (int64_t)tern_get64(r + 24),
	};
}
