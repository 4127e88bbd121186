/* SPDX-License-Identifier: MIT */
/*
 * Conformance of every way to run an operator: a case is data, built into a graph through
 * <tern.h>, run on a list of devices and compared with the reference (ref.h).
 *
 * What is compared, after each run of each device:
 *  - results with the reference, within a limit that follows from the types (conf_limit):
 *    mean over the tensor, and each element by itself;
 *  - bytes that no operator may write with what they were;
 *  - results of the variants of sim:ref with each other, bit by bit.
 *
 * TERN_CONF_CASE=text and TERN_CONF_DEVICE=text run only what contains the text,
 * TERN_CONF_VERBOSE=1 prints every case with its error.
 */
#ifndef TEST_CONFORMANCE_H
#define TEST_CONFORMANCE_H

#include <check.h>
#include "support/ref.h"

#define CONF_COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { CONF_TENSORS = 128, CONF_OPS = 48, CONF_SYMBOLS = 2, CONF_RUNS = 12 };

/* How a tensor lies in its storage. */
enum conf_layout {
	PLAIN,
	PADDED, /* a gap after each row and each matrix, and before the first */
	SWAP12, /* memory order 0 2 1 3: heads beside each other in a token */
	SWAP01, /* transposed; no block types */
	STEP2,	/* every second element; no block types */
	CONF_LAYOUTS,
	SAME = CONF_LAYOUTS, /* rows of one element that repeats; sources only, no block types */
};

enum conf_fill {
	FILL_AUTO,	/* around 1, one in 97 elements an outlier of up to 16 */
	FILL_UNIT,	/* -1 to 1 */
	FILL_WIDE,	/* -20 to 20 */
	FILL_POSITIVE,	/* 0.05 to 4 */
	FILL_DISTINCT,	/* no two elements of a row are equal; whole numbers / 16 */
	FILL_ROWS,	/* whole numbers from 0 below arg */
	FILL_SCATTER,	/* the same, no two equal along dimension 0 */
	FILL_POSITIONS, /* arg, arg + 1, ... */
	FILL_MASK,	/* 0, sometimes -inf or a bias; element 0 of a row is seen */
	FILL_CANARY,	/* what is written before it is read: loud bytes */
};

enum conf_role {
	ROLE_AUTO,   /* bound, or scratch when an operator writes and another reads it */
	ROLE_WEIGHT, /* constant, in memory the device may only read, aligned as in a GGUF */
	ROLE_STATE,  /* bound, though written and read: a cache */
};

struct conf_tensor {
	enum tern_dtype type;
	int64_t ne[4]; /* 0: 1 */
	enum conf_layout layout;
	enum conf_fill fill;
	int64_t arg;
	enum conf_role role;
	uint8_t sym[4];	  /* 1 + symbol */
	unsigned int in;  /* 1 + tensor whose storage it is a view of */
	uint64_t offset;  /* bytes; views only */
	uint8_t last_sym; /* 1 + symbol: offset += (value - 1) * last_mul */
	int64_t last_mul;
};

/* Devices of a run. */
enum {
	ON_SMALL = 1 << 0,
	ON_REF = 1 << 1,
	ON_LARGE = 1 << 2,
	ON_CPU = 1 << 3,
	ON_FAST = 1 << 4,    /* sim:ref without checking: deferred and fused */
	ON_THREADS = 1 << 5, /* the same with two threads */
	ON_SCALAR = 1 << 6,  /* sim:ref by instruction set */
	ON_AVX2 = 1 << 7,
	ON_AVX512 = 1 << 8,
	ON_MASKED = 1 << 9, /* conf_graph.masked */
	ON_MOST = ON_SMALL | ON_REF | ON_LARGE | ON_CPU | ON_FAST | ON_THREADS,
	ON_SIMD = ON_SCALAR | ON_AVX2 | ON_AVX512,
};

/* Operators in order. Filled by hand, or by conf_tensor() and conf_op(). */
struct conf_graph {
	const char *name; /* NULL: made from the operator */
	struct conf_tensor t[CONF_TENSORS];
	struct tern_op_desc ops[CONF_OPS];
	unsigned int nt, nops;
	int64_t bound[CONF_SYMBOLS]; /* 0: no such symbol */
	int64_t runs[CONF_RUNS][CONF_SYMBOLS];
	unsigned int nruns;   /* 0: once, no symbols */
	double limit;	      /* NMSE; 0: conf_limit() of the worst operator */
	bool exact;	      /* equal, not only near */
	bool keep;	      /* every result is KEEP, so nothing can be fused away */
	bool constant;	      /* the values of the only run instead of symbols, strides as before */
	bool may_fall_back;   /* runs on the CPU without failing the case */
	unsigned int devices; /* 0: ON_MOST */
	const char *masked;   /* device of ON_MASKED */
};

unsigned int conf_tensor(struct conf_graph *g, struct conf_tensor t);
/* Appends d = op(s...); sources end with -1, some may be CONF_ABSENT. Parameters are the
 * caller's to set. */
struct tern_op_desc *conf_op(struct conf_graph *g, enum tern_opcode op, unsigned int dst,
			     const int *src);
#define CONF_ABSENT   (-2)
#define CONF_SRC(...) ((const int[]){__VA_ARGS__, -1})

/* One operator. Sources without sizes are absent. */
struct conf_case {
	enum tern_opcode op;
	struct conf_tensor s[TERN_MAX_SRC], d;
	int32_t i[8];
	float f[6];
	uint64_t types;	   /* bit per type: run with each that the sizes allow; 0: as it is */
	unsigned int vary; /* tensors that get it: bit per source, bit 5: d; 0: s[0] */
	bool in_place;	   /* d is s[0] */
	bool exact, may_fall_back;
	double limit;
	unsigned int devices;
	int64_t bound[CONF_SYMBOLS]; /* of symbols; the second is at least the first */
};

/* Run everywhere, compare, note failures. digests, may be NULL: per run, of what sim:ref left
 * in bound storages; equal for equal bits. */
void conf_run(const struct conf_graph *g, uint64_t *digests);
void conf_run_case(const struct conf_case *c);
void conf_run_cases(const struct conf_case *c, size_t n);
#define CONF_RUN(table) conf_run_cases(table, CONF_COUNT(table))

/* NMSE that the types of an operator allow, see conformance_limits.c. */
double conf_limit(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors);

/* Sets of types. */
#define CONF_BIT(type) (1ull << TERN_##type)
#define CONF_FLOATS    (CONF_BIT(F32) | CONF_BIT(F16) | CONF_BIT(BF16))
#define CONF_SMALL     (CONF_BIT(I8) | CONF_BIT(I16))
#define CONF_BLOCKS                                                                           \
	(CONF_BIT(Q4_0) | CONF_BIT(Q4_1) | CONF_BIT(Q5_0) | CONF_BIT(Q5_1) | CONF_BIT(Q8_0) | \
	 CONF_BIT(Q2_K) | CONF_BIT(Q3_K) | CONF_BIT(Q4_K) | CONF_BIT(Q5_K) | CONF_BIT(Q6_K) | \
	 CONF_BIT(IQ4_NL) | CONF_BIT(MXFP4))
#define CONF_WEIGHTS (CONF_FLOATS | CONF_BLOCKS)
/* Of which one is enough where all blocks take the same way: plain, with minimum, K, codebook. */
#define CONF_SAMPLE                                                                        \
	(CONF_FLOATS | CONF_BIT(Q8_0) | CONF_BIT(Q4_0) | CONF_BIT(Q5_1) | CONF_BIT(Q4_K) | \
	 CONF_BIT(Q6_K) | CONF_BIT(MXFP4))
/* Those that are written: ggml's reference quantisers. */
#define CONF_ENCODED                                                                          \
	(CONF_BIT(Q4_0) | CONF_BIT(Q4_1) | CONF_BIT(Q5_0) | CONF_BIT(Q5_1) | CONF_BIT(Q8_0) | \
	 CONF_BIT(IQ4_NL))

/* ---- a test program ------------------------------------------------------------- */
/*
 * int main(void) { return conf_main("name", tests, n); }
 * Each function is a test of its own; it fails when a case in it failed. At the end a table
 * says where operators ran.
 */
struct conf_test {
	const char *name;
	void (*run)(void);
};
int conf_main(const char *suite, const struct conf_test *tests, unsigned int n);

/* ---- between the files of the harness ---------------------------------------------- */
__attribute__((format(printf, 3, 4))) void conf_fail(const char *name, const char *device,
						     const char *fmt, ...);
void conf_note(const char *name, const char *device, double nmse, double limit);
/* Before a case runs on a device: named when the program dies in it. */
void conf_now(const char *name, const char *device);
bool conf_wanted(const char *name, const char *device);
/* Where an operator of a case runs: why NULL: NPU. */
void conf_placed(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors,
		 const char *why);
/* Must this combination of operator and format be on the NPU? */
bool conf_must(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors);
void conf_describe(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors, char *buf,
		   size_t len);

/* Sizes with 0 made 1; bytes and first element of a tensor with that layout. */
uint64_t conf_place(const struct conf_tensor *t, int64_t ne[4], uint64_t nb[4], uint64_t *offset);
void conf_fill(const struct conf_tensor *t, const struct tern_tensor_desc *d, uint64_t *seed,
	       void *storage);

#endif
