/* SPDX-License-Identifier: MIT */
/*
 * Small programs for the model: a context with one arena of memory, an image written with
 * the encoder, and shorthands for tiles. For the tests and the bench of sim/.
 */
#ifndef TEST_SIM_FIXTURE_H
#define TEST_SIM_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"
#include "sim/sim.h"

#define MEM_VA	  0x10000000ull
#define MEM_BYTES (4u << 20)
#define IMAGE_OFF 0u
#define DATA_OFF  0x80000u /* images stay below */
#define DATA_VA	  (MEM_VA + DATA_OFF)

struct env {
	struct tern_sim *sim;
	unsigned char *mem;
	/* Limits of what translate() maps; `step` cuts it into pieces. */
	uint64_t lo, hi, step, readonly_from;
	struct tern_code code;
	uint64_t vector[1024]; /* micro-programs, placed behind the code */
	size_t nvector;
	size_t patch[64], patch_to[64], npatch;
	struct tern_image_sem sem[TERN_NSEMS];
	uint32_t spm_bytes, acc;
	struct tern_sim_run run;
};

static inline void *env_translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	struct env *e = ctx;
	uint64_t end = e->hi;

	if (va < e->lo || va >= end || (access == TERN_WRITE && va >= e->readonly_from))
		return NULL;
	if (access == TERN_WRITE && end > e->readonly_from)
		end = e->readonly_from;
	if (e->step && va - va % e->step + e->step < end)
		end = va - va % e->step + e->step;
	if (*len > end - va)
		*len = end - va;
	return e->mem + (va - MEM_VA);
}

/* caps: "small", "ref", ...; opt may be NULL */
static inline void env_open(struct env *e, const char *caps, const struct tern_sim_options *opt)
{
	struct tern_sim_options o = {.threads = 1};
	struct tern_caps c;
	char no_ops[64], err[256];

	memset(e, 0, sizeof(*e));
	ck_assert_msg(!tern_sim_parse(caps, &c, &o, no_ops, sizeof(no_ops), err, sizeof(err)), "%s",
		      err);
	if (opt)
		o = *opt;
	ck_assert_msg(!tern_sim_create(&c, &o, &e->sim, err, sizeof(err)), "%s", err);
	e->mem = aligned_alloc(4096, MEM_BYTES);
	ck_assert_ptr_nonnull(e->mem);
	memset(e->mem, 0, MEM_BYTES);
	e->lo = MEM_VA;
	e->hi = MEM_VA + MEM_BYTES;
	e->readonly_from = UINT64_MAX;
	e->spm_bytes = c.spm_bytes;
	e->acc = c.acc;
}

/* Forget the program, keep the device and the memory. */
static inline void env_begin(struct env *e)
{
	e->code.n = 0;
	e->nvector = e->npatch = 0;
	memset(e->sem, 0, sizeof(e->sem));
	for (unsigned int i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(&e->code, 0);
}

static inline void env_close(struct env *e)
{
	tern_code_fini(&e->code);
	tern_sim_destroy(e->sim);
	free(e->mem);
}

static inline struct tern_image_header *env_header(struct env *e)
{
	return (struct tern_image_header *)(void *)(e->mem + IMAGE_OFF);
}

/* Place the image in memory. */
static inline void env_link(struct env *e)
{
	size_t code = e->code.n;
	struct tern_image_header h = {.magic = TERN_IMAGE_MAGIC,
				      .major = TERN_ISA_MAJOR,
				      .entry = TERN_IMAGE_HEADER_WORDS,
				      .code_words = (uint32_t)code,
				      .words = (uint32_t)(code + e->nvector),
				      .vector_words = (uint32_t)(code + e->nvector),
				      .spm_bytes = e->spm_bytes,
				      .acc = e->acc};

	for (size_t i = 0; i < e->npatch; i++)
		tern_code_patch_abs(&e->code, e->patch[i], code + e->patch_to[i]);
	ck_assert_int_eq(e->code.err, 0);
	ck_assert_uint_le(8 * h.words, DATA_OFF);
	memcpy(h.sem, e->sem, sizeof(h.sem));
	memcpy(e->code.w, &h, sizeof(h));
	memcpy(e->mem + IMAGE_OFF, e->code.w, 8 * code);
	memcpy(e->mem + IMAGE_OFF + 8 * code, e->vector, 8 * e->nvector);
}

/* Run what is in memory; returns the fault code. */
static inline unsigned int env_start(struct env *e)
{
	e->run.job.image = MEM_VA + IMAGE_OFF;
	e->run.mem = (struct tern_sim_mem){env_translate, e};
	ck_assert_int_eq(tern_sim_run(e->sim, &e->run), 0);
	return e->run.fault.code;
}

/* Append END, link, run. */
static inline unsigned int env_run(struct env *e)
{
	tern_emit_op(&e->code, TERN_OP_END);
	env_link(e);
	return env_start(e);
}

/* The same, of a program that must not fault. */
static inline void env_ok(struct env *e)
{
	unsigned int code = env_run(e);

	ck_assert_msg(!code, "%s at word %u: %llx %llx", tern_fault_name(code), e->run.fault.word,
		      (unsigned long long)e->run.fault.addr, (unsigned long long)e->run.fault.info);
}

static inline void *env_at(struct env *e, uint64_t offset)
{
	return e->mem + DATA_OFF + offset;
}

/* ---- tiles ---------------------------------------------------------------------- */
struct tile {
	uint64_t addr;
	int64_t size[4], stride[4];
	unsigned int type; /* with TERN_TILE_SPM */
};

/* Strides of a tile without gaps. */
static inline struct tile packed_tile(unsigned int type, uint64_t addr, int64_t n0, int64_t n1,
				      int64_t n2, int64_t n3)
{
	struct tile t = {addr, {n0, n1, n2, n3}, {0}, type};
	const struct tern_type_info *info = tern_type_info(type & TERN_TILE_TYPE_MASK);

	t.stride[0] = info->kind == TERN_KIND_PLAIN ? info->bytes : 0;
	t.stride[1] = (int64_t)tern_type_row_bytes(type & TERN_TILE_TYPE_MASK, (uint64_t)n0);
	t.stride[2] = t.stride[1] * n1;
	t.stride[3] = t.stride[2] * n2;
	return t;
}

static inline struct tile spm_tile(unsigned int type, uint64_t addr, int64_t n0, int64_t n1)
{
	return packed_tile(type | TERN_TILE_SPM, addr, n0, n1, 1, 1);
}

static inline struct tile mem_tile(unsigned int type, uint64_t offset, int64_t n0, int64_t n1)
{
	return packed_tile(type, DATA_VA + offset, n0, n1, 1, 1);
}

static inline void set_tile(struct env *e, unsigned int n, struct tile t)
{
	struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_imm((int64_t)t.addr),
		[TERN_TILE_TYPE] = tern_imm((int64_t)t.type),
	};

	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		v[TERN_TILE_SIZE0 + d] = tern_imm(t.size[d]);
		v[TERN_TILE_STRIDE0 + d] = tern_imm(t.stride[d]);
	}
	tern_emit_tile(&e->code, n, 0x7ff, v);
}

/* ---- engine commands through tiles 0.. ------------------------------------------------ */
static inline void load(struct env *e, struct tile dst, struct tile src)
{
	set_tile(e, 0, dst);
	set_tile(e, 1, src);
	tern_emit_load(&e->code, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
}

static inline void store(struct env *e, struct tile src, struct tile dst)
{
	set_tile(e, 0, src);
	set_tile(e, 1, dst);
	tern_emit_store(&e->code, 0, 1, TERN_NONE, NULL, NULL);
}

/* out.addr UINT64_MAX: none */
static inline void matrix(struct env *e, unsigned int flags, struct tile a, struct tile b,
			  struct tile out)
{
	bool has_out = out.addr != UINT64_MAX;

	set_tile(e, 0, a);
	set_tile(e, 1, b);
	if (has_out)
		set_tile(e, 2, out);
	tern_emit_matrix(&e->code, flags, 0, 1, has_out ? 2 : TERN_NONE, NULL);
}

static inline struct tile no_tile(void)
{
	return (struct tile){.addr = UINT64_MAX};
}

/* A VECTOR command over tiles 0..ntiles-1, which are set already. */
static inline void vector(struct env *e, unsigned int ntiles, const uint64_t *prog, size_t n,
			  const struct tern_sync *s)
{
	uint8_t tiles[8], regs[8];

	for (unsigned int i = 0; i < 8; i++) {
		tiles[i] = (uint8_t)(i < ntiles ? i : TERN_NONE);
		regs[i] = TERN_NONE;
	}
	e->patch_to[e->npatch] = e->nvector;
	e->patch[e->npatch++] = tern_emit_vector(&e->code, tiles, regs, 0, (unsigned int)n, s);
	memcpy(e->vector + e->nvector, prog, n * sizeof(*prog));
	e->nvector += n;
}

/* f32 in SPM from memory: quantise to ACT with STQ. */
static inline void quantise(struct env *e, struct tile act, struct tile f32)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STQ, 1, 0, 0, 0),   tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};

	set_tile(e, 0, f32);
	set_tile(e, 1, act);
	vector(e, 2, prog, sizeof(prog) / sizeof(prog[0]), NULL);
}

#endif
