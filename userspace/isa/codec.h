/* SPDX-License-Identifier: MIT */
/*
 * The command set as data and code: everything here is generated from the tables of
 * <tern/isa.h>. Pure functions; thread-safe.
 */
#ifndef TERN_ISA_CODEC_H
#define TERN_ISA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <tern/hw.h>

/* ---- tables -------------------------------------------------------------- */
enum tern_field_kind {
	TERN_FIELD_Z,
	TERN_FIELD_R,
	TERN_FIELD_RN,
	TERN_FIELD_T,
	TERN_FIELD_TN,
	TERN_FIELD_N
};

struct tern_cmd_info {
	const char *name, *text;
	uint8_t op, queue, min_words, max_words;
	uint8_t kind[4]; /* enum tern_field_kind of a, b, c, d */
	uint16_t flags;	 /* mask of the defined ones */
};
/* NULL when there is no such command. */
const struct tern_cmd_info *tern_cmd_info(unsigned int op);

struct tern_type_info {
	const char *name;
	uint16_t elems, bytes; /* of a block */
	uint8_t kind;	       /* enum tern_type_kind */
	uint8_t group, has_min;
};
/* NULL when there is no such type. */
const struct tern_type_info *tern_type_info(unsigned int type);
/* Bytes of a contiguous row of n elements (n rounded up to whole blocks). */
uint64_t tern_type_row_bytes(unsigned int type, uint64_t n);
/* The operand type a BLOCK type decodes to; TERN_T_COUNT when there is none. */
unsigned int tern_type_operand(unsigned int type);

enum tern_vector_form {
	TERN_FORM_CTL,
	TERN_FORM_A0,
	TERN_FORM_A1,
	TERN_FORM_A2,
	TERN_FORM_A3,
	TERN_FORM_LD,
	TERN_FORM_ST,
	TERN_FORM_RED
};
struct tern_vector_info {
	const char *name, *text;
	uint8_t op, form, cost;
};
const struct tern_vector_info *tern_vector_info(unsigned int op);

const char *tern_queue_name(unsigned int queue);
const char *tern_fault_name(unsigned int code); /* "DEADLOCK" */
const char *tern_fault_text(unsigned int code);
unsigned int tern_fault_class_of(unsigned int code);
const char *tern_class_name(unsigned int class);
const char *tern_alu_name(unsigned int op);
const char *tern_cond_name(unsigned int cond);

/* ---- decoding ------------------------------------------------------------- */
struct tern_cmd {
	const struct tern_cmd_info *info;
	uint16_t flags;
	uint8_t op, words, a, b, c, d;
	uint64_t w[TERN_CMD_MAX_WORDS]; /* w[0] is the header */
};
/*
 * Decode and validate the command at words[0], of which `avail` words exist. Checks all
 * that does not depend on run-time values: opcode, length (exactly what flags ask for),
 * reserved bits, register, tile and semaphore numbers. Returns 0 or a tern_fault_code.
 */
int tern_cmd_decode(const uint64_t *words, size_t avail, struct tern_cmd *out);

struct tern_vinstr {
	const struct tern_vector_info *info;
	uint8_t op, d, a, b;
	uint32_t imm;
};
/* Validate a micro-program of n instructions that may name tiles 0..ntiles-1. Structure
 * (LANES/ENDL nesting, STOP), operand kinds, V read before write. 0 or a fault code;
 * *bad is the offending instruction. */
int tern_vector_check(const uint64_t *prog, size_t n, unsigned int tile_mask, size_t *bad);
void tern_vinstr_decode(uint64_t word, struct tern_vinstr *out);

/* Validate an image header and every command reachable by walking the code section
 * from first to last. 0 or a fault code with *bad the image word. */
int tern_image_check(const uint64_t *image, size_t words, size_t *bad);

/* ---- encoding ------------------------------------------------------------- */
/* A growable array of words. After an allocation failure `err` is -ENOMEM and calls
 * do nothing, so that it is checked once at the end. */
struct tern_code {
	uint64_t *w;
	size_t n, cap;
	int err;
};
void tern_code_fini(struct tern_code *c);
size_t tern_code_word(struct tern_code *c, uint64_t w); /* append; index of the word */
/* Append a command: header from the arguments, then `extra` words. Returns its index. */
size_t tern_code_cmd(struct tern_code *c, unsigned int op, unsigned int flags, unsigned int a,
		     unsigned int b, unsigned int cc, unsigned int d, const uint64_t *extra,
		     unsigned int nextra);

/* An immediate or a register. */
struct tern_val {
	int64_t v;
	bool reg;
};
static inline struct tern_val tern_imm(int64_t v)
{
	return (struct tern_val){v, false};
}
static inline struct tern_val tern_reg(unsigned int r)
{
	return (struct tern_val){r, true};
}

/* Waits and signals of an engine command. */
struct tern_sync {
	struct {
		uint8_t sem, n;
	} wait[2], signal[2];
};
uint64_t tern_sync_word(const struct tern_sync *s); /* NULL: 0 */

/* One call per command; branch targets are image words (label - own index is encoded). */
void tern_emit_movi(struct tern_code *c, unsigned int rd, int64_t imm);
void tern_emit_alu(struct tern_code *c, unsigned int op, unsigned int rd, unsigned int ra,
		   struct tern_val b);
/* Returns the index to patch with tern_code_patch once the target is known. */
size_t tern_emit_br(struct tern_code *c, unsigned int cond, unsigned int ra, struct tern_val b,
		    size_t target);
size_t tern_emit_loop(struct tern_code *c, unsigned int rd, size_t target);
void tern_code_patch(struct tern_code *c, size_t at, size_t target);
void tern_emit_call(struct tern_code *c, size_t target);
void tern_emit_op(struct tern_code *c, unsigned int op); /* NOP END RET YIELD */
void tern_emit_ldr(struct tern_code *c, unsigned int rd, unsigned int count, unsigned int rbase,
		   int64_t offset, unsigned int flags);
void tern_emit_sync(struct tern_code *c, unsigned int queue, const struct tern_sync *s);
void tern_emit_ring(struct tern_code *c, unsigned int rd, int64_t step, int64_t base, int64_t end);
void tern_emit_mark(struct tern_code *c, uint64_t op_id);
void tern_emit_trap(struct tern_code *c, uint64_t code);
/* Set the fields of `mask` (bits of enum tern_tile_field), vals indexed by field. */
void tern_emit_tile(struct tern_code *c, unsigned int tile, unsigned int mask,
		    const struct tern_val vals[TERN_TILE_NFIELDS]);
/* rows: index tile or TERN_NONE; origin: four register numbers or NULL; fill: 4 floats or NULL */
void tern_emit_load(struct tern_code *c, bool dep, unsigned int dst, unsigned int src,
		    unsigned int rows, const uint8_t *origin, const float *fill,
		    const struct tern_sync *s);
void tern_emit_store(struct tern_code *c, unsigned int src, unsigned int dst, unsigned int rows,
		     const uint8_t *origin, const struct tern_sync *s);
void tern_emit_matrix(struct tern_code *c, unsigned int flags, unsigned int a, unsigned int b,
		      unsigned int out, const struct tern_sync *s);
/* tiles: 8 tile numbers; sregs: 8 register numbers for S0..S7; prog: image word (patchable at
 * the returned index with tern_code_patch_abs). */
size_t tern_emit_vector(struct tern_code *c, const uint8_t tiles[TERN_VECTOR_TILES],
			const uint8_t sregs[8], size_t prog, unsigned int ninstr,
			const struct tern_sync *s);
void tern_code_patch_abs(struct tern_code *c, size_t at,
			 uint64_t word); /* word 3 of VECTOR, word 1 of CALL */
/* One micro-instruction; c is the third operand of FMA and SEL (put in imm[7:0]). */
uint64_t tern_vinstr(unsigned int op, unsigned int d, unsigned int a, unsigned int b, uint32_t imm);

/* ---- disassembly ------------------------------------------------------------ */
/* Print an image to `out`: header, semaphores, commands with labels, micro-programs,
 * size of the constants; json: one JSON document. Never reads past `words`. Returns 0 or the
 * fault code at which it had to stop (already printed). */
int tern_disasm(FILE *out, const uint64_t *image, size_t words, bool json);

#endif
