/* SPDX-License-Identifier: MIT */
/*
 * Bytes to graphs: every sequence of bytes names one. Mostly valid ones, of one to eight operators
 * that feed each other, because sizes, views and places follow the operator's own rules; a few
 * have single fields overwritten with hostile values.
 *
 * Input: RG_HEADER bytes (enum rg_byte), then RG_RECORD bytes per operator, read in order by the
 * function that makes it. Missing bytes are 0, and 0 always is the plain choice: a chain of
 * contiguous F32 tensors.
 */
#ifndef TEST_RANDOM_GRAPH_H
#define TEST_RANDOM_GRAPH_H

#include <tern.h>

enum {
	RG_HEADER = 24,
	RG_RECORD = 24,
	RG_OPS = 8,
	RG_TENSORS = 64,
	RG_STORAGES = 40,
	RG_SYMBOLS = 2,
	RG_RUNS = 2,
};

/* What a byte of the header decides. */
enum rg_byte {
	RG_DEVICE, /* the caller's */
	RG_FLAGS,  /* the caller's */
	RG_ROW,	   /* elements of the first tensor: row, ... */
	RG_TOKENS,
	RG_HEADS,
	RG_BATCH,
	RG_SYMBOLIC,				   /* bit per symbol: tokens and positions */
	RG_VALUE,				   /* ... of symbols: one per run and symbol */
	RG_SEED = RG_VALUE + RG_RUNS * RG_SYMBOLS, /* of the data */
	RG_SPECIAL,				   /* enum rg_special */
	RG_HOSTILE, /* three bytes for each of up to three fields; see random_graph_bad.c */
	RG_PLACE = RG_HOSTILE + 9, /* a bit per operator, and where to; see random_graph_place.c */
};

/* What the data has beside plain numbers. */
enum rg_special { RG_PLAIN, RG_ZEROS, RG_LARGE, RG_TINY, RG_NOT_FINITE, RG_SPECIALS };

/* What a bound storage is to hold before the first run. */
enum rg_fill { RG_FLOATS, RG_INDICES, RG_POSITIONS, RG_MASK, RG_CLEAR };
struct rg_content {
	enum rg_fill fill;
	enum tern_dtype type;
	int64_t limit;	   /* of indices */
	unsigned int step; /* words from one index to the next */
};

struct random_graph {
	struct tern_storage_desc storages[RG_STORAGES];
	struct tern_tensor_desc tensors[RG_TENSORS];
	struct tern_op_desc ops[RG_OPS];
	struct tern_symbol_desc symbols[RG_SYMBOLS];
	struct tern_graph_desc desc; /* of the above */
	struct rg_content content[RG_STORAGES];
	int64_t values[RG_RUNS][RG_SYMBOLS];
	enum rg_special special;
	uint64_t seed;
	bool hostile; /* fields were overwritten */
};

void random_graph(const uint8_t *data, size_t size, struct random_graph *g);
/* Fill the bytes of storage s. */
void random_graph_fill(const struct random_graph *g, uint32_t s, void *bytes);
/* As text, for whoever looks into a finding. */
void random_graph_print(const struct random_graph *g, FILE *out);

/* ---- between its files -------------------------------------------------------------- */
struct rg_bytes {
	const uint8_t *at, *end;
};
/* The next byte, below n; 0 when there is none left. */
static inline unsigned int rg_take(struct rg_bytes *b, unsigned int n)
{
	return b->at < b->end ? *b->at++ % n : 0;
}

struct rg_shape {
	int64_t ne[4];
	uint8_t sym[4];
};

enum { RG_F32 = 1, RG_FLOAT = 2, RG_HALF = 4, RG_WEIGHT = 8, RG_ENCODED = 16, RG_ANY = 32 };

/* Tensors; TERN_NO_TENSOR: it cannot be had. */
struct rg_maker {
	struct random_graph *g;
	struct rg_bytes in;
	struct rg_shape base;
	uint32_t recent[2]; /* what the last operator wrote and what it read */
};
int64_t rg_size(struct rg_maker *m); /* one of the sizes worth trying */
struct rg_shape rg_shape_of(const struct tern_tensor_desc *t);
/* The tensor itself, or a view of it that the next bytes name. */
uint32_t rg_view(struct rg_maker *m, uint32_t of);
/* A view [n,u,t,1] of it, which has the tokens in dimension 2. */
uint32_t rg_by_token(struct rg_maker *m, uint32_t of, bool swapped);
/* Of indices that are there, the first of each row: a view of shape s of rows of *of. */
uint32_t rg_first_indices(struct rg_maker *m, const struct rg_shape *s, int64_t *of);
/* A tensor that exists and holds floats: what an operator works on. */
uint32_t rg_pick(struct rg_maker *m);
/* A source of that shape: one that exists, or a new one. `types`: one of RG_F32 ... */
uint32_t rg_source(struct rg_maker *m, const struct rg_shape *s, unsigned int types);
uint32_t rg_mask(struct rg_maker *m, const struct rg_shape *s);
uint32_t rg_indices(struct rg_maker *m, const struct rg_shape *s, int64_t limit, bool wide);
uint32_t rg_positions(struct rg_maker *m, int64_t n, uint8_t sym, int64_t components);
/* Where a result goes; `like`: a source it may replace, or TERN_NO_TENSOR. */
uint32_t rg_dest(struct rg_maker *m, const struct rg_shape *s, unsigned int types, uint32_t like);
uint32_t rg_dest_typed(struct rg_maker *m, const struct rg_shape *s, enum tern_dtype type);
/* The least value a size has in any run. */
int64_t rg_least(const struct random_graph *g, int64_t n, uint8_t sym);

/* One more operator, or none. */
void rg_operator(struct rg_maker *m);
/* Move results over what is there. */
void rg_place(struct random_graph *g, struct rg_bytes *in);
/* Overwrite fields. */
void rg_spoil(struct random_graph *g, struct rg_bytes *in);

#endif
