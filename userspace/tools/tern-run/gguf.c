// SPDX-License-Identifier: MIT
/*
 * gguf.c - opening and checking a GGUF file.
 *
 * Everything is read through a bounds-checked reader, once. Counts from the
 * file are never trusted for an allocation before they were compared with what
 * the rest of the file could hold, so a lying header costs nothing.
 */
#include "gguf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing in use nests arrays at all; the bound keeps hostile files off the stack. */
#define MAX_NESTING 4
/* The least bytes a key-value pair and a tensor info can take in the file. */
#define MIN_KV_BYTES	 (8 + 4 + 1)
#define MIN_TENSOR_BYTES (8 + 4 + 4 + 8)
/* gguf.md: "keys may be up to 2^16-1 bytes"; ggml holds tensor names to 63, we do not care. */
#define MAX_NAME_BYTES	  65535
#define DEFAULT_ALIGNMENT 32
#define QUOTE_SIZE	  72

/* Fixed-size value types; 0 marks the ones that carry their own length. */
static const uint8_t value_bytes[GGUF_N_TYPES] = {
	[GGUF_U8] = 1,	[GGUF_I8] = 1,	[GGUF_U16] = 2,	 [GGUF_I16] = 2,    [GGUF_U32] = 4,
	[GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0,
	[GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

/*
 * Block layouts of ggml's types (enum ggml_type in ggml.h, struct block_* in
 * ggml-common.h). Numbers missing here were never given out; rows without a
 * size are types that ggml has withdrawn.
 */
static const struct ggml_type_info type_table[] = {
	[0] = {"F32", 1, 4},	     [1] = {"F16", 1, 2},	  [2] = {"Q4_0", 32, 18},
	[3] = {"Q4_1", 32, 20},	     [4] = {"Q4_2", 0, 0},	  [5] = {"Q4_3", 0, 0},
	[6] = {"Q5_0", 32, 22},	     [7] = {"Q5_1", 32, 24},	  [8] = {"Q8_0", 32, 34},
	[9] = {"Q8_1", 32, 36},	     [10] = {"Q2_K", 256, 84},	  [11] = {"Q3_K", 256, 110},
	[12] = {"Q4_K", 256, 144},   [13] = {"Q5_K", 256, 176},	  [14] = {"Q6_K", 256, 210},
	[15] = {"Q8_K", 256, 292},   [16] = {"IQ2_XXS", 256, 66}, [17] = {"IQ2_XS", 256, 74},
	[18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},	  [20] = {"IQ4_NL", 32, 18},
	[21] = {"IQ3_S", 256, 110},  [22] = {"IQ2_S", 256, 82},	  [23] = {"IQ4_XS", 256, 136},
	[24] = {"I8", 1, 1},	     [25] = {"I16", 1, 2},	  [26] = {"I32", 1, 4},
	[27] = {"I64", 1, 8},	     [28] = {"F64", 1, 8},	  [29] = {"IQ1_M", 256, 56},
	[30] = {"BF16", 1, 2},	     [31] = {"Q4_0_4_4", 0, 0},	  [32] = {"Q4_0_4_8", 0, 0},
	[33] = {"Q4_0_8_8", 0, 0},   [34] = {"TQ1_0", 256, 54},	  [35] = {"TQ2_0", 256, 66},
	[36] = {"IQ4_NL_4_4", 0, 0}, [37] = {"IQ4_NL_4_8", 0, 0}, [38] = {"IQ4_NL_8_8", 0, 0},
	[39] = {"MXFP4", 32, 17},    [40] = {"NVFP4", 64, 36},	  [41] = {"Q1_0", 128, 18},
};

struct reader {
	const uint8_t *pos;
	const uint8_t *end;
	char *err;
	size_t errlen;
};

/* The comma lets the compiler see that a failure is never 0. */
#define FAIL(r, rc, ...) (gguf_fail(rc, (r)->err, (r)->errlen, __VA_ARGS__), (rc))

const struct ggml_type_info *ggml_type_info(uint32_t type)
{
	if (type >= sizeof(type_table) / sizeof(type_table[0]) || !type_table[type].name)
		return NULL;
	return &type_table[type];
}

static int take(struct reader *r, uint64_t bytes, const uint8_t **p)
{
	if (bytes > (uint64_t)(r->end - r->pos))
		return FAIL(r, -EINVAL,
			    "The GGUF file ends inside its metadata: it is cut short or damaged, "
			    "fetch it again.");
	*p = r->pos;
	r->pos += bytes;
	return 0;
}

static int take_int(struct reader *r, unsigned int bytes, uint64_t *v)
{
	const uint8_t *p;
	int rc = take(r, bytes, &p);

	if (!rc)
		*v = gguf_load_le(p, bytes);
	return rc;
}

static int take_u32(struct reader *r, uint32_t *v)
{
	uint64_t wide = 0;
	int rc = take_int(r, 4, &wide);

	*v = (uint32_t)wide;
	return rc;
}

static int take_str(struct reader *r, struct gguf_str *s)
{
	const uint8_t *p = NULL;
	uint64_t len;
	int rc = take_int(r, 8, &len);

	if (!rc)
		rc = take(r, len, &p);
	if (rc)
		return rc;
	s->ptr = (const char *)p;
	s->len = (size_t)len;
	return 0;
}

static int take_name(struct reader *r, const char *what, struct gguf_str *s)
{
	int rc = take_str(r, s);

	if (rc)
		return rc;
	if (!s->len || s->len > MAX_NAME_BYTES)
		return FAIL(r, -EINVAL,
			    "A %s in the GGUF file is %zu bytes long, but 1 to %d are allowed: the "
			    "file is damaged.",
			    what, s->len, MAX_NAME_BYTES);
	return 0;
}

static int skip_elements(struct reader *r, uint32_t type, uint64_t count, int depth);

static int take_array_head(struct reader *r, uint32_t *type, uint64_t *count, int depth)
{
	int rc;

	if (depth >= MAX_NESTING)
		return FAIL(
			r, -EINVAL,
			"The GGUF metadata nests arrays more than %d deep, which no model needs: "
			"the file is damaged.",
			MAX_NESTING);
	rc = take_u32(r, type);
	return rc ? rc : take_int(r, 8, count);
}

static int skip_element(struct reader *r, uint32_t type, int depth)
{
	struct gguf_str s;
	uint32_t inner;
	uint64_t count;
	int rc;

	if (type == GGUF_STRING)
		return take_str(r, &s);
	rc = take_array_head(r, &inner, &count, depth);
	return rc ? rc : skip_elements(r, inner, count, depth + 1);
}

static int skip_elements(struct reader *r, uint32_t type, uint64_t count, int depth)
{
	const uint8_t *p;
	int rc = 0;

	if (type >= GGUF_N_TYPES)
		return FAIL(
			r, -EINVAL,
			"The GGUF metadata has a value of unknown type %u: the file is damaged or "
			"of a newer format.",
			type);
	if (value_bytes[type]) {
		if (count > UINT64_MAX / 8)
			count = UINT64_MAX / 8; /* fails in take() all the same */
		return take(r, count * value_bytes[type], &p);
	}
	/* Each element consumes at least 8 bytes, so this ends with the file. */
	for (uint64_t i = 0; i < count && !rc; i++)
		rc = skip_element(r, type, depth);
	return rc;
}

static int parse_kv(struct reader *r, struct gguf_kv *kv)
{
	int rc = take_name(r, "metadata key", &kv->key);

	if (!rc)
		rc = take_u32(r, &kv->type);
	if (rc)
		return rc;
	kv->count = 1;
	kv->elem_type = kv->type;
	if (kv->type == GGUF_ARRAY)
		rc = take_array_head(r, &kv->elem_type, &kv->count, 0);
	if (rc)
		return rc;
	kv->data = r->pos;
	rc = skip_elements(r, kv->elem_type, kv->count, 1);
	kv->end = r->pos;
	return rc;
}

static int parse_all_kv(struct gguf *g, struct reader *r)
{
	char q[QUOTE_SIZE];
	int rc;

	if (g->n_kv > (uint64_t)(r->end - r->pos) / MIN_KV_BYTES || g->n_kv > STRINDEX_MAX)
		return FAIL(
			r, -EINVAL,
			"The GGUF header promises %llu metadata entries, more than the file can "
			"hold: it is damaged.",
			(unsigned long long)g->n_kv);
	g->kv = calloc(g->n_kv ? g->n_kv : 1, sizeof(*g->kv));
	if (!g->kv || strindex_init(&g->kv_index, g->kv, sizeof(*g->kv), g->n_kv))
		return FAIL(r, -ENOMEM, "There is not enough memory for the GGUF metadata.");
	for (uint64_t i = 0; i < g->n_kv; i++) {
		rc = parse_kv(r, &g->kv[i]);
		if (rc)
			return rc;
		if (strindex_add(&g->kv_index, (uint32_t)i) != i)
			return FAIL(r, -EINVAL,
				    "The GGUF metadata has the key %s twice: the file is damaged.",
				    gguf_quote(g->kv[i].key, q, sizeof(q)));
	}
	return 0;
}

/* Elements and bytes from dimensions, each step checked against overflow. */
static int size_tensor(struct reader *r, struct gguf_tensor *t)
{
	const struct ggml_type_info *ti = ggml_type_info(t->type);
	char q[QUOTE_SIZE];
	uint64_t n = 1;

	gguf_quote(t->name, q, sizeof(q));
	if (!ti)
		return FAIL(
			r, -EINVAL,
			"Tensor %s has the unknown element type %u: the file is damaged or newer "
			"than this program.",
			q, t->type);
	if (!ti->block_elems)
		return FAIL(r, -ENOTSUP,
			    "Tensor %s has the withdrawn element type %s: convert the model again.",
			    q, ti->name);
	for (int i = 0; i < GGUF_MAX_DIMS; i++) {
		/* A signed 64-bit product is what every reader of GGUF can take. */
		if (!t->ne[i] || t->ne[i] > (uint64_t)INT64_MAX / n)
			return FAIL(r, -EINVAL,
				    "Tensor %s has impossible dimensions: the file is damaged.", q);
		n *= t->ne[i];
	}
	if (t->ne[0] % ti->block_elems)
		return FAIL(r, -EINVAL,
			    "Tensor %s has rows of %llu elements, which %s cannot store in its "
			    "blocks of "
			    "%u: the file is damaged.",
			    q, (unsigned long long)t->ne[0], ti->name, ti->block_elems);
	n /= ti->block_elems;
	if (n > (uint64_t)INT64_MAX / ti->block_bytes)
		return FAIL(r, -EINVAL, "Tensor %s has impossible dimensions: the file is damaged.",
			    q);
	t->nbytes = n * ti->block_bytes;
	return 0;
}

static int parse_tensor(struct reader *r, struct gguf_tensor *t)
{
	char q[QUOTE_SIZE];
	int rc = take_name(r, "tensor name", &t->name);

	if (!rc)
		rc = take_u32(r, &t->n_dims);
	if (rc)
		return rc;
	if (t->n_dims > GGUF_MAX_DIMS)
		return FAIL(r, -EINVAL,
			    "Tensor %s has %u dimensions, but at most %d are possible: the file is "
			    "damaged.",
			    gguf_quote(t->name, q, sizeof(q)), t->n_dims, GGUF_MAX_DIMS);
	for (uint32_t i = 0; i < GGUF_MAX_DIMS && !rc; i++) {
		t->ne[i] = 1;
		if (i < t->n_dims)
			rc = take_int(r, 8, &t->ne[i]);
	}
	if (!rc)
		rc = take_u32(r, &t->type);
	if (!rc)
		rc = take_int(r, 8, &t->offset);
	return rc ? rc : size_tensor(r, t);
}

static int parse_all_tensors(struct gguf *g, struct reader *r)
{
	char q[QUOTE_SIZE];
	int rc;

	if (g->n_tensors > (uint64_t)(r->end - r->pos) / MIN_TENSOR_BYTES ||
	    g->n_tensors > STRINDEX_MAX)
		return FAIL(
			r, -EINVAL,
			"The GGUF header promises %llu tensors, more than the file can hold: it is "
			"damaged.",
			(unsigned long long)g->n_tensors);
	g->tensors = calloc(g->n_tensors ? g->n_tensors : 1, sizeof(*g->tensors));
	if (!g->tensors ||
	    strindex_init(&g->tensor_index, g->tensors, sizeof(*g->tensors), g->n_tensors))
		return FAIL(r, -ENOMEM, "There is not enough memory for the GGUF tensor list.");
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		rc = parse_tensor(r, &g->tensors[i]);
		if (rc)
			return rc;
		if (strindex_add(&g->tensor_index, (uint32_t)i) != i)
			return FAIL(r, -EINVAL,
				    "The GGUF file has the tensor %s twice: it is damaged.",
				    gguf_quote(g->tensors[i].name, q, sizeof(q)));
	}
	return 0;
}

/* Turns offsets within the data section into checked file offsets and pointers. */
static int place_tensors(struct gguf *g, struct reader *r)
{
	uint64_t pos = (uint64_t)(r->pos - g->base);
	char q[QUOTE_SIZE];

	g->data_offset = (pos + g->alignment - 1) & ~(g->alignment - 1);
	for (uint64_t i = 0; i < g->n_tensors; i++) {
		struct gguf_tensor *t = &g->tensors[i];
		uint64_t room = g->data_offset < g->size ? g->size - g->data_offset : 0;

		if (t->offset % g->alignment)
			return FAIL(r, -EINVAL,
				    "Tensor %s begins at offset %llu, which is no multiple of the "
				    "file's "
				    "alignment %llu: the file is damaged.",
				    gguf_quote(t->name, q, sizeof(q)),
				    (unsigned long long)t->offset,
				    (unsigned long long)g->alignment);
		if (t->offset > room || t->nbytes > room - t->offset)
			return FAIL(
				r, -EINVAL,
				"The data of tensor %s reaches past the end of the file: it is cut "
				"short, fetch it again.",
				gguf_quote(t->name, q, sizeof(q)));
		t->offset += g->data_offset;
		t->data = g->base + t->offset;
	}
	return 0;
}

static int parse_header(struct gguf *g, struct reader *r)
{
	uint32_t magic = 0;
	int rc;

	if (g->size < 4 || memcmp(g->base, "GGUF", 4))
		return FAIL(r, -EINVAL, "This is not a GGUF file: it does not begin with 'GGUF'.");
	rc = take_u32(r, &magic);
	if (!rc)
		rc = take_u32(r, &g->version);
	if (rc)
		return rc;
	if (g->version && !(g->version & 0xffff))
		return FAIL(r, -ENOTSUP,
			    "This GGUF file is big-endian: convert it to little-endian.");
	if (g->version != 2 && g->version != 3)
		return FAIL(
			r, -ENOTSUP,
			"This GGUF file has format version %u, but 2 and 3 are supported: convert "
			"the model again.",
			g->version);
	rc = take_int(r, 8, &g->n_tensors);
	return rc ? rc : take_int(r, 8, &g->n_kv);
}

static int read_alignment(struct gguf *g, struct reader *r)
{
	uint32_t a = DEFAULT_ALIGNMENT;
	int rc = gguf_get_u32(g, "general.alignment", &a, r->err, r->errlen);

	if (rc)
		return rc;
	/* Both bounds: gguf.md asks for a multiple of 8; the top keeps sums small. */
	if (a < 8 || a > (1u << 30) || (a & (a - 1)))
		return FAIL(r, -EINVAL,
			    "The GGUF file asks for an alignment of %u, which is no power of two "
			    "from 8 "
			    "up: it is damaged.",
			    a);
	g->alignment = a;
	return 0;
}

static int parse(struct gguf *g, char *err, size_t errlen)
{
	struct reader r = {g->base, g->base + g->size, err, errlen};
	int rc = parse_header(g, &r);

	if (!rc)
		rc = parse_all_kv(g, &r);
	if (!rc)
		rc = read_alignment(g, &r);
	if (!rc)
		rc = parse_all_tensors(g, &r);
	return rc ? rc : place_tensors(g, &r);
}

static int open_bytes(const void *data, size_t size, bool mapped, struct gguf **out, char *err,
		      size_t errlen)
{
	struct gguf *g = calloc(1, sizeof(*g));
	int rc;

	*out = NULL;
	if (!g) {
		if (mapped)
			munmap((void *)(uintptr_t)data, size);
		return gguf_fail(-ENOMEM, err, errlen,
				 "There is not enough memory to open the model.");
	}
	g->base = data;
	g->size = size;
	g->mapped = mapped;
	rc = parse(g, err, errlen);
	if (rc) {
		gguf_close(g);
		return rc;
	}
	*out = g;
	return 0;
}

int gguf_open_memory(const void *data, size_t size, struct gguf **out, char *err, size_t errlen)
{
	return open_bytes(data, size, false, out, err, errlen);
}

static int map_file(const char *path, int fd, void **data, size_t *size, char *err, size_t errlen)
{
	struct stat st;

	if (fstat(fd, &st))
		return gguf_fail(-errno, err, errlen, "The model '%s' cannot be examined: %s.",
				 path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return gguf_fail(-EINVAL, err, errlen, "The model '%s' is not a regular file.",
				 path);
	if (!st.st_size)
		return gguf_fail(-EINVAL, err, errlen, "The model '%s' is empty.", path);
	if ((uint64_t)st.st_size > SIZE_MAX)
		return gguf_fail(-EFBIG, err, errlen,
				 "The model '%s' is too large for this machine's address space.",
				 path);
	/* Shared: a device pins these very pages; pinning a private mapping would copy them. */
	*data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (*data == MAP_FAILED)
		return gguf_fail(-errno, err, errlen, "The model '%s' cannot be mapped: %s.", path,
				 strerror(errno));
	*size = (size_t)st.st_size;
	return 0;
}

int gguf_open(const char *path, struct gguf **out, char *err, size_t errlen)
{
	/* Not to wait for whoever may write to a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *data = NULL;
	size_t size = 0;
	int rc;

	*out = NULL;
	if (fd < 0)
		return gguf_fail(-errno, err, errlen, "The model '%s' cannot be opened: %s.", path,
				 strerror(errno));
	rc = map_file(path, fd, &data, &size, err, errlen);
	close(fd);
	return rc ? rc : open_bytes(data, size, true, out, err, errlen);
}

void gguf_close(struct gguf *g)
{
	if (!g)
		return;
	strindex_free(&g->kv_index);
	strindex_free(&g->tensor_index);
	free(g->kv);
	free(g->tensors);
	if (g->mapped)
		munmap((void *)(uintptr_t)g->base, g->size);
	free(g);
}
