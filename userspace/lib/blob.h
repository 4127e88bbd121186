/* SPDX-License-Identifier: MIT */
/*
 * Program blobs: the file format of saved programs.
 *
 * Little-endian. A header, a table of sections, the sections; images begin at multiples of
 * 64 bytes so that a tool can find them by their magic. Everything that is read is
 * checked: a damaged blob is refused by its checksum, a hostile one (whose checksum is
 * right) by the same rules that a graph of a caller has to keep.
 */
#ifndef TERN_LIB_BLOB_H
#define TERN_LIB_BLOB_H

#include "lib/program.h"

#define TERN_BLOB_MAGIC	    "TERNPROG" /* 8 bytes */
#define TERN_BLOB_VERSION   2u
#define TERN_BLOB_ALIGN	    64u
#define TERN_BLOB_NO_STRING UINT32_MAX
#define TERN_BLOB_NCAPS	    (sizeof(struct tern_caps) / sizeof(uint32_t))

/* Header: offsets of its fields. The table of sections follows. */
enum {
	TERN_BLOB_AT_VERSION = 8,
	TERN_BLOB_AT_CRC = 12,	    /* of the whole blob with this field 0 */
	TERN_BLOB_AT_SIZE = 16,	    /* 64 bits: of the whole blob */
	TERN_BLOB_AT_COMPILER = 24, /* TERN_COMPILER_FINGERPRINT */
	TERN_BLOB_AT_NPU = 28,
	TERN_BLOB_AT_NO_OPS = 32, /* 64 bits */
	TERN_BLOB_AT_NCAPS = 40,
	TERN_BLOB_AT_NSECTIONS = 44,
	TERN_BLOB_AT_CAPS = 48,
	TERN_BLOB_AT_SECTIONS = TERN_BLOB_AT_CAPS + 4 * TERN_BLOB_NCAPS,
};
/* A section in the table: u32 records, u32 bytes per record, u64 offset. */
#define TERN_BLOB_SECTION_BYTES 16u

/* Sections in file order: name, bytes per record. Records are written and read field by
 * field in blob_save.c and blob_load.c. */
#define TERN_BLOB_SECTIONS(X)                                                                     \
	X(STRINGS, 1)	/* NUL-terminated; records name them by offset */                         \
	X(STORAGES, 16) /* u64 size, u32 flags, u32 name */                                       \
	X(TENSORS, 104) /* u32 storage, type; i64 ne[4]; u64 nb[4], offset; i64 mul; ... */       \
	X(OPS, 100)	/* u32 op, src[5], dst; i32 i[8]; f32 f[6]; u32 group, why, fused, 0 */   \
	X(SYMBOLS, 16)	/* i64 max; u32 name, 0 */                                                \
	X(SEGMENTS,                                                                               \
	  48)	    /* u32 npu, first, n, args; u64 image offset, words, scratch; u32 nargs, 0 */ \
	X(ARGS, 32) /* i32 storage; u32 sym; i32 bias; u32 0; i64 offset, mul */                  \
	X(IMAGES, 1)
enum tern_blob_section {
#define X(name, bytes) TERN_BLOB_##name,
	TERN_BLOB_SECTIONS(X)
#undef X
		TERN_BLOB_NSECTIONS
};
#define TERN_BLOB_HEADER_BYTES \
	(TERN_BLOB_AT_SECTIONS + TERN_BLOB_NSECTIONS * TERN_BLOB_SECTION_BYTES)

/* ---- little-endian memory ----------------------------------------------------------- */
static inline void tern_put32(unsigned char *p, uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static inline void tern_put64(unsigned char *p, uint64_t v)
{
	tern_put32(p, (uint32_t)v);
	tern_put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t tern_get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t tern_get64(const unsigned char *p)
{
	return tern_get32(p) | (uint64_t)tern_get32(p + 4) << 32;
}

/* ---- an opened blob -------------------------------------------------------------------- */
struct tern_blob {
	const unsigned char *data;
	size_t size;
	struct tern_blob_view {
		const unsigned char *at;
		uint32_t n; /* records */
	} section[TERN_BLOB_NSECTIONS];
};
/* What is true of a blob whatever it was made for: size, version, checksum, sections. */
int tern_blob_open(const void *data, size_t size, struct tern_blob *out);

/* An NPU segment as the blob holds it; checked against the sections. */
struct tern_blob_segment {
	bool npu;
	uint32_t first, n, args, nargs;
	const unsigned char *image;
	uint64_t words, scratch;
};
int tern_blob_segment(const struct tern_blob *b, uint32_t i, struct tern_blob_segment *out);

/* Argument i of the blob, as it stands there: indices are not checked. */
struct tern_arg tern_blob_arg(const struct tern_blob *b, uint32_t i);

/* The checksum a blob of these bytes must carry. For writers, tests and fuzzers. */
uint32_t tern_blob_crc(const void *data, size_t size);

#endif
