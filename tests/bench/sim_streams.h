/* SPDX-License-Identifier: MIT */
/*
 * sim_streams.h - streams of one kind of command for the model, and the kernels that do the
 * same work.
 *
 * Part of bench-sim.c; a kind is a row of the table below.
 */
#ifndef SIM_STREAMS_H
#define SIM_STREAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"
#include "simd/simd.h"

#define SITES	  16   /* commands of the kind in the loop */
#define ROUNDS	  1000 /* of the loop, per job */
#define MEM_VA	  0x10000000ull
#define MEM_BYTES (1u << 20)
#define DATA	  (256u << 10) /* offset in memory; the image stays below */
#define RESULTS	  (256u << 10) /* behind DATA: of pipelines */
#define INDICES	  (512u << 10)
#define STEP	  1280 /* from one tile to the next: no tile is larger */
#define R_MOVED	  8    /* the register that RING moves */
#define R_LOOP	  9
#define R_ANY	  10

struct tile {
	uint8_t type;
	bool spm;
	uint32_t at;
	uint16_t n0, n1;
};

struct kind {
	const char *name, *shape;
	uint8_t op; /* NOP: a pipeline */
	uint16_t flags;
	uint8_t commands; /* engine commands, of pipelines more than one */
	bool still;	  /* without a RING before it */
	struct tile t[3];
};

#define MEM(type, n0, n1)                          \
	{                                          \
		TERN_T_##type, false, DATA, n0, n1 \
	}
#define SPM(type, k, n0, n1)                           \
	{                                              \
		TERN_T_##type, true, (k) << 16, n0, n1 \
	}
#define INDEX(n)                                        \
	{                                               \
		TERN_T_I32, false, DATA + INDICES, n, 1 \
	}

/* clang-format off */
static const struct kind kinds[] = {
	{"ring", "", TERN_OP_RING, 0, 1, true, {{0}}},
	{"add", "", TERN_OP_ALU, 0, 1, true, {{0}}},
	{"tile", "address", TERN_OP_TILE, 0, 1, true, {SPM(F32, 0, 32, 1)}},
	{"branch", "taken", TERN_OP_BR, 0, 1, true, {{0}}},
	{"ldr", "8 bytes", TERN_OP_LDR, 0, 1, true, {{0}}},
	{"sync", "", TERN_OP_SYNC, 0, 1, true, {{0}}},
	{"load f32", "32 x 1", TERN_OP_LOAD, 0, 1, false, {SPM(F32, 0, 32, 1), MEM(F32, 32, 1)}},
	{"load f16 to f32", "32 x 1", TERN_OP_LOAD, 0, 1, false,
		{SPM(F32, 0, 32, 1), MEM(F16, 32, 1)}},
	{"load f32, origin", "32 x 1", TERN_OP_LOAD, TERN_DMA_ORIGIN, 1, false,
		{SPM(F32, 0, 32, 1), MEM(F32, 32, 1)}},
	{"load f32, rows", "32 x 2", TERN_OP_LOAD, TERN_DMA_ROWS, 1, false,
		{SPM(F32, 0, 32, 2), MEM(F32, 32, 8), INDEX(2)}},
	{"load q4_0", "32 x 8", TERN_OP_LOAD, 0, 1, false, {SPM(OP32, 0, 32, 8), MEM(Q4_0, 32, 8)}},
	{"load q6_k", "256 x 1", TERN_OP_LOAD, 0, 1, false,
		{SPM(OP16, 0, 256, 1), MEM(Q6_K, 256, 1)}},
	{"store f32", "32 x 1", TERN_OP_STORE, 0, 1, false, {SPM(F32, 0, 32, 1), MEM(F32, 32, 1)}},
	{"store f32 to f16", "32 x 1", TERN_OP_STORE, 0, 1, false,
		{SPM(F32, 0, 32, 1), MEM(F16, 32, 1)}},
	{"store f32, rows", "32 x 2", TERN_OP_STORE, TERN_DMA_ROWS, 1, false,
		{SPM(F32, 0, 32, 2), MEM(F32, 32, 8), INDEX(2)}},
	{"matrix int8", "32 x 1 x 8", TERN_OP_MATRIX, TERN_MATRIX_OUT, 1, false,
		{SPM(ACT, 1, 32, 1), SPM(OP32, 0, 32, 8), SPM(F32, 2, 8, 1)}},
	{"matrix int8 to f16", "32 x 1 x 8", TERN_OP_MATRIX, TERN_MATRIX_OUT, 1, false,
		{SPM(ACT, 1, 32, 1), SPM(OP32, 0, 32, 8), SPM(F16, 2, 8, 1)}},
	{"matrix f16", "32 x 1 x 8", TERN_OP_MATRIX, TERN_MATRIX_OUT, 1, false,
		{SPM(F16, 1, 32, 1), SPM(F16, 0, 32, 8), SPM(F32, 2, 8, 1)}},
	{"vector add", "32 x 1", TERN_OP_VECTOR, 0, 1, false,
		{SPM(F32, 0, 32, 1), SPM(F32, 1, 32, 1), SPM(F32, 2, 32, 1)}},
	{"load, matrix", "q4_0 256 x 4", TERN_OP_NOP, 0, 2, false,
		{SPM(OP32, 0, 256, 4), MEM(Q4_0, 256, 4)}},
	{"load, matrix, store", "q4_0 256 x 4", TERN_OP_NOP, 0, 3, false,
		{SPM(OP32, 0, 256, 4), MEM(Q4_0, 256, 4)}},
};
/* Of pipelines: what MATRIX reads and writes besides, and STORE's target. */
static const struct tile pipeline_tiles[3] = {
	SPM(ACT, 1, 256, 1), SPM(F32, 2, 4, 1), {TERN_T_F32, false, DATA + RESULTS, 4, 1}};
/* clang-format on */
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the micro-program of "vector add" ---------------------------------------------- */
#define ADD_WORDS 7
static void add_program(uint64_t w[ADD_WORDS])
{
	w[0] = tern_vinstr(TERN_V_LANES, 0, 0, 0, 0);
	w[1] = tern_vinstr(TERN_V_LD, 0, 0, 0, 0);
	w[2] = tern_vinstr(TERN_V_LD, 1, 1, 0, 0);
	w[3] = tern_vinstr(TERN_V_ADD, 0, 0, 1, 0);
	w[4] = tern_vinstr(TERN_V_ST, 2, 0, 0, 0);
	w[5] = tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0);
	w[6] = tern_vinstr(TERN_V_STOP, 0, 0, 0, 0);
}

/* ---- streams ------------------------------------------------------------------------ */
static int64_t element_step(unsigned int type)
{
	const struct tern_type_info *info = tern_type_info(type);

	return info->kind == TERN_KIND_PLAIN ? info->bytes : 0;
}

static void set_tile(struct tern_code *c, unsigned int n, const struct tile *t, bool moved)
{
	const struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_imm((int64_t)t->at + (t->spm ? 0 : (int64_t)MEM_VA)),
		[TERN_TILE_OFFS] = moved ? tern_reg(R_MOVED) : tern_imm(0),
		[TERN_TILE_SIZE0] = tern_imm(t->n0),
		[TERN_TILE_SIZE0 + 1] = tern_imm(t->n1),
		[TERN_TILE_SIZE0 + 2] = tern_imm(1),
		[TERN_TILE_SIZE0 + 3] = tern_imm(1),
		[TERN_TILE_STRIDE0] = tern_imm(element_step(t->type)),
		[TERN_TILE_STRIDE0 + 1] = tern_imm((int64_t)tern_type_row_bytes(t->type, t->n0)),
		[TERN_TILE_TYPE] = tern_imm(t->type | (t->spm ? TERN_TILE_SPM : 0)),
	};

	tern_emit_tile(c, n, (1u << TERN_TILE_NFIELDS) - 1, v);
}

/* Tiles 0..2 are the kind's, 3..5 a pipeline's. */
static void set_tiles(struct tern_code *c, const struct kind *k)
{
	for (unsigned int i = 0; i < 3; i++) {
		if (k->t[i].n0)
			set_tile(c, i, &k->t[i], i < 2 || !(k->flags & TERN_DMA_ROWS));
		if (k->op == TERN_OP_NOP)
			set_tile(c, 3 + i, &pipeline_tiles[i], true);
	}
}

/* Semaphores as a compiler uses them: filled and free, between each two engines. */
static const struct tern_image_sem sems[] = {
	{TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1},
	{TERN_Q_MATRIX, TERN_Q_LOAD0, 8, 1},
	{TERN_Q_MATRIX, TERN_Q_STORE, 0, 1},
	{TERN_Q_STORE, TERN_Q_MATRIX, 2, 1},
};

static void emit_pipeline(struct tern_code *c, const struct kind *k)
{
	const struct tern_sync load = {.wait = {{1, 1}}, .signal = {{0, 1}}};
	const struct tern_sync two = {.wait = {{0, 1}}, .signal = {{1, 1}}};
	const struct tern_sync three = {.wait = {{0, 1}, {3, 1}}, .signal = {{1, 1}, {2, 1}}};
	const struct tern_sync store = {.wait = {{2, 1}}, .signal = {{3, 1}}};

	tern_emit_load(c, false, 0, 1, TERN_NONE, NULL, NULL, &load);
	tern_emit_matrix(c, TERN_MATRIX_OUT, 3, 0, 4, k->commands > 2 ? &three : &two);
	if (k->commands > 2)
		tern_emit_store(c, 4, 5, TERN_NONE, NULL, &store);
}

static void emit_scalar(struct tern_code *c, const struct kind *k)
{
	const struct tern_val v[TERN_TILE_NFIELDS] = {[TERN_TILE_ADDR] = tern_reg(R_ANY)};

	if (k->op == TERN_OP_RING)
		tern_emit_ring(c, R_MOVED, STEP, 0, SITES * STEP);
	else if (k->op == TERN_OP_ALU)
		tern_emit_alu(c, TERN_ALU_ADD, R_ANY, R_ANY, tern_imm(1));
	else if (k->op == TERN_OP_TILE)
		tern_emit_tile(c, 0, 1u << TERN_TILE_ADDR, v);
	else if (k->op == TERN_OP_BR)
		tern_emit_br(c, TERN_COND_LE, R_ANY, tern_imm(0), c->n + 3);
	else if (k->op == TERN_OP_LDR)
		tern_emit_ldr(c, R_ANY, 1, TERN_REG_ARGS, 0, 3);
	else
		tern_emit_sync(c, TERN_Q_MATRIX, NULL);
}

static void emit(struct tern_code *c, const struct kind *k)
{
	uint8_t none[8], tiles[8] = {0, 1, 2};
	const uint8_t *origin = k->flags & TERN_DMA_ORIGIN ? none : NULL;
	unsigned int rows = k->flags & TERN_DMA_ROWS ? 2 : TERN_NONE;

	memset(none, TERN_NONE, sizeof(none));
	memset(tiles + 3, TERN_NONE, sizeof(tiles) - 3);
	if (!k->still)
		tern_emit_ring(c, R_MOVED, STEP, 0, SITES * STEP);
	if (k->op == TERN_OP_LOAD)
		tern_emit_load(c, false, 0, 1, rows, origin, NULL, NULL);
	else if (k->op == TERN_OP_STORE)
		tern_emit_store(c, 0, 1, rows, origin, NULL);
	else if (k->op == TERN_OP_MATRIX)
		tern_emit_matrix(c, k->flags, 0, 1, 2, NULL);
	else if (k->op == TERN_OP_VECTOR)
		tern_emit_vector(c, tiles, none, 0, ADD_WORDS, NULL);
	else if (k->op == TERN_OP_NOP)
		emit_pipeline(c, k);
	else
		emit_scalar(c, k);
}

/* Every VECTOR runs the micro-program behind the code. */
static void append_program(struct tern_code *c)
{
	size_t code = c->n;
	uint64_t w[ADD_WORDS];

	for (size_t i = TERN_IMAGE_HEADER_WORDS; i < code; i += c->w[i] >> 8 & 0xff)
		if ((c->w[i] & 0xff) == TERN_OP_VECTOR)
			tern_code_patch_abs(c, i, code);
	add_program(w);
	for (size_t i = 0; i < ADD_WORDS; i++)
		tern_code_word(c, w[i]);
}

/* The image: ROUNDS times SITES commands of the kind. */
static void build_stream(const struct kind *k, unsigned char *image)
{
	struct tern_image_header h = {.magic = TERN_IMAGE_MAGIC,
				      .major = TERN_ISA_MAJOR,
				      .entry = TERN_IMAGE_HEADER_WORDS,
				      .spm_bytes = 256 << 10,
				      .acc = 1024};
	struct tern_code c = {0};
	size_t top;

	for (unsigned int i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(&c, 0);
	set_tiles(&c, k);
	tern_emit_movi(&c, R_LOOP, ROUNDS);
	top = c.n;
	for (unsigned int i = 0; i < SITES; i++)
		emit(&c, k);
	tern_emit_loop(&c, R_LOOP, top);
	tern_emit_op(&c, TERN_OP_END);
	h.code_words = (uint32_t)c.n;
	append_program(&c);
	h.vector_words = h.words = (uint32_t)c.n;
	memcpy(h.sem, sems, sizeof(sems));
	if (c.err || 8 * c.n > DATA) {
		fprintf(stderr, "bench-sim: %s: no room for its image\n", k->name);
		exit(1);
	}
	memcpy(c.w, &h, sizeof(h));
	memcpy(image, c.w, 8 * c.n);
	tern_code_fini(&c);
}

/* ---- the same work without the model ------------------------------------------------- */
static void run_product(const struct tern_simd *simd, const struct tile *a, const struct tile *b,
			const struct tile *c, unsigned char *at)
{
	static float sums[64];
	const struct tern_gemm g = {
		.a_type = a->type,
		.b_type = b->type,
		.k = a->n0,
		.m1 = a->n1,
		.n1 = b->n1,
		.a = at + (128 << 10),
		.a_stride = (int64_t)tern_type_row_bytes(a->type, a->n0),
		.b = at,
		.b_stride = (int64_t)tern_type_row_bytes(b->type, b->n0),
		.c = sums,
		.ldc = b->n1,
	};

	simd->gemm(&g);
	if (c->type != TERN_T_F32)
		simd->from_f32(c->type, sums, at + (192 << 10), c->n0);
}

static void run_add(const struct tern_simd *simd, const struct kind *k, unsigned char *at)
{
	uint64_t prog[ADD_WORDS], bad;
	struct tern_vrun r = {.prog = prog, .n = ADD_WORDS, .row1 = 1};

	add_program(prog);
	for (unsigned int i = 0; i < 3; i++)
		r.t[i] = (struct tern_vtile){.base = at + (i << 16),
					     .size = {k->t[i].n0, 1, 1, 1},
					     .stride = {element_step(k->t[i].type)},
					     .type = k->t[i].type,
					     .present = true};
	simd->vector(&r, &bad);
}

/* LOAD and STORE. */
static void run_move(const struct tern_simd *simd, const struct kind *k, unsigned char *at)
{
	const struct tile *to = &k->t[k->op == TERN_OP_STORE], *from = &k->t[k->op == TERN_OP_LOAD];
	const struct tile *shape = &k->t[0];
	unsigned char *out = at + (128 << 10);
	int64_t n = (int64_t)shape->n0 * shape->n1;

	if (from->type == to->type)
		memcpy(out, at, tern_type_row_bytes(from->type, (uint64_t)n));
	else if (tern_type_info(to->type)->kind == TERN_KIND_OPERAND)
		simd->decode_operand(from->type, at, out, n);
	else if (to->type == TERN_T_F32)
		simd->to_f32(from->type, at, (float *)(void *)out, n);
	else
		simd->from_f32(to->type, (const float *)(const void *)at, out, n);
}

/* Once what one round of a kind computes; `at` holds operands. */
static void run_kernel(const struct tern_simd *simd, const struct kind *k, unsigned char *at)
{
	if (k->op == TERN_OP_LOAD || k->op == TERN_OP_STORE)
		run_move(simd, k, at);
	else if (k->op == TERN_OP_MATRIX)
		run_product(simd, &k->t[0], &k->t[1], &k->t[2], at);
	else if (k->op == TERN_OP_VECTOR)
		run_add(simd, k, at);
	else if (k->op == TERN_OP_NOP)
		run_product(simd, &pipeline_tiles[0], &k->t[1], &pipeline_tiles[1], at);
}

#endif
