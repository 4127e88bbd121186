/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * Tern instruction set: command stream, tiles, data formats, VECTOR micro-programs.
 *
 * The tables below are the contract. Encoder, decoder, validator, disassembler and
 * model are generated from them; README.md beside this file states the semantics,
 * the rounding rules, the errors and the cycle cost of each row.
 *
 * Everything is little-endian. A program image is an array of 64-bit words: a
 * struct tern_image_header, then commands, micro-programs and constants.
 * Reserved bits and fields must be zero; a non-zero one is an ILLEGAL fault.
 */
#ifndef TERN_ISA_H
#define TERN_ISA_H

/* clang-format off */

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/build_bug.h>
#define TERN_ASSERT(cond) static_assert(cond)
#else
#include <stdint.h>
#if __STDC_HOSTED__
#include <linux/types.h>
#else /* the firmware has no kernel headers, and is little-endian as all of this is */
typedef unsigned char __u8;
typedef unsigned short __u16, __le16;
typedef unsigned int __u32, __le32;
typedef unsigned long long __u64, __le64;
#endif
#define TERN_ASSERT(cond) _Static_assert(cond, #cond)
#endif

#define TERN_ISA_MAJOR		1 /* an unknown major is refused */
#define TERN_ISA_MINOR		0 /* a minor adds rows, never changes one */
#define TERN_IMAGE_MAGIC	0x4e524554u /* "TERN" */

/* ---- Limits of the architecture (not of one implementation) ------------- */
#define TERN_NREGS		64 /* CP scalar registers, 64-bit signed */
#define TERN_NTILES		32 /* tile descriptors */
#define TERN_NSEMS		64 /* semaphores per context, 8-bit counters */
#define TERN_SEM_MAX		255
#define TERN_CALL_DEPTH		8
#define TERN_NDIMS		4
#define TERN_VECTOR_TILES	8 /* tiles one VECTOR command may name */
#define TERN_VECTOR_REGS	32 /* V registers, one value per lane */
#define TERN_SCALAR_REGS	32 /* S registers of a micro-program, one value per row */
#define TERN_VECTOR_MAX_INSTRS	256
#define TERN_CMD_MAX_WORDS	12
#define TERN_MAX_SIZE		0x7fffffff /* of a tile's dimension, elements */
#define TERN_IMAGE_MAX_WORDS	(1u << 24) /* commands and micro-programs: 128 MiB */
#define TERN_GROUP		32 /* elements that share an activation scale */
#define TERN_BURST		64 /* DRAM burst, bytes */
#define TERN_NONE		0xffu /* "no tile", "no register" in a byte field */

/* Registers the CP finds set when a job starts; the others are zero. */
#define TERN_REG_ARGS		0 /* address of the job's argument block */
#define TERN_REG_IMAGE		1 /* address of word 0 of the program image */

/* ---- Queues -------------------------------------------------------------- */
/*	name	 code	what runs there */
#define TERN_ISA_QUEUES(X) \
	X(LOAD0,  0, "LOAD, stream: weights and other data no command of this job writes") \
	X(LOAD1,  1, "LOAD, dependent: gathers and data that earlier commands produce") \
	X(MATRIX, 2, "MATRIX") \
	X(VECTOR, 3, "VECTOR") \
	X(STORE,  4, "STORE") \
	X(CP,     5, "the command processor itself, as producer or consumer")
enum tern_queue {
#define X(name, code, text) TERN_Q_##name = code,
	TERN_ISA_QUEUES(X)
#undef X
	TERN_NQUEUES = 6,
	TERN_NENGINES = 5
};

/* ---- Data types ------------------------------------------------------------ */
/*
 * Codes below 64 are ggml's type numbers. Element type of a tile in DRAM: any
 * row with kind PLAIN or BLOCK. In SPM: PLAIN, or OPERAND (opaque: written by LOAD
 * or VECTOR's STQ, read by MATRIX only). RESERVED rows fault as UNIMPLEMENTED.
 *
 * elems: elements per block, a power of two; bytes: bytes per block (of OPERAND types their
 * size is the contract, their layout is not); group: elements per scale; min: 1 if values
 * carry a minimum (w = q * scale + min).
 */
/*	name	code elems bytes kind	    group min */
#define TERN_ISA_TYPES(X) \
	X(F32,	   0,   1,   4, PLAIN,	   0, 0) \
	X(F16,	   1,   1,   2, PLAIN,	   0, 0) \
	X(Q4_0,	   2,  32,  18, BLOCK,	  32, 0) \
	X(Q4_1,	   3,  32,  20, BLOCK,	  32, 1) \
	X(Q5_0,	   6,  32,  22, BLOCK,	  32, 0) \
	X(Q5_1,	   7,  32,  24, BLOCK,	  32, 1) \
	X(Q8_0,	   8,  32,  34, BLOCK,	  32, 0) \
	X(Q2_K,	  10, 256,  84, BLOCK,	  16, 1) \
	X(Q3_K,	  11, 256, 110, BLOCK,	  16, 0) \
	X(Q4_K,	  12, 256, 144, BLOCK,	  32, 1) \
	X(Q5_K,	  13, 256, 176, BLOCK,	  32, 1) \
	X(Q6_K,	  14, 256, 210, BLOCK,	  16, 0) \
	X(IQ2_XXS, 16, 256, 66, RESERVED, 32, 0) \
	X(IQ2_XS,  17, 256, 74, RESERVED, 16, 0) \
	X(IQ3_XXS, 18, 256, 98, RESERVED, 32, 0) \
	X(IQ1_S,   19, 256, 50, RESERVED, 32, 1) \
	X(IQ4_NL,  20,  32, 18, BLOCK,	  32, 0) \
	X(IQ3_S,   21, 256, 110, RESERVED, 32, 0) \
	X(IQ2_S,   22, 256, 82, RESERVED, 16, 0) \
	X(IQ4_XS,  23, 256, 136, RESERVED, 32, 0) \
	X(I8,	  24,   1,   1, PLAIN,	   0, 0) \
	X(I16,	  25,   1,   2, PLAIN,	   0, 0) \
	X(I32,	  26,   1,   4, PLAIN,	   0, 0) \
	X(I64,	  27,   1,   8, PLAIN,	   0, 0) \
	X(IQ1_M,  29, 256,  56, RESERVED, 16, 1) \
	X(BF16,	  30,   1,   2, PLAIN,	   0, 0) \
	X(TQ1_0,  34, 256,  54, RESERVED, 32, 0) \
	X(TQ2_0,  35, 256,  66, RESERVED, 32, 0) \
	X(MXFP4,  39,  32,  17, BLOCK,	  32, 0) \
	X(NVFP4,  40,  64,  36, RESERVED, 16, 0) \
	X(Q1_0,   41, 128,  18, RESERVED, 32, 0) \
	X(Q2_0,   42, 128,  34, RESERVED, 32, 0) \
	X(OP32,	  64,  32,  36, OPERAND,  32, 0) \
	X(OP32M,  65,  32,  40, OPERAND,  32, 1) \
	X(OP16,	  66,  32,  40, OPERAND,  16, 0) \
	X(OP16M,  67,  32,  48, OPERAND,  16, 1) \
	X(ACT,	  68,  32,  40, OPERAND,  32, 0)
enum tern_type {
#define X(name, code, elems, bytes, kind, group, min) TERN_T_##name = code,
	TERN_ISA_TYPES(X)
#undef X
	TERN_T_COUNT = 69
};
enum tern_type_kind {
	TERN_KIND_NONE, /* no such code */
	TERN_KIND_PLAIN,
	TERN_KIND_BLOCK,
	TERN_KIND_OPERAND,
	TERN_KIND_RESERVED,
};
/*
 * Operand tiles. Group g of row r has the bytes at addr + r * stride1 + g * bytes. It holds
 *   OP32   s8 q[32], f32 scale			OP32M  ... f32 scale, f32 min
 *   OP16   s8 q[32], f32 scale[2]		OP16M  ... f32 scale[2], f32 min[2]
 *   ACT    s8 q[32], f32 scale, s16 sum[2]	sums of q over each half group
 * in an order that is the implementation's own: only MATRIX reads it. A block type decodes to
 * the operand type of its group and min columns.
 */

/* ---- Tile descriptors --------------------------------------------------- */
/*
 * A tile: up to 4 sizes in elements and 4 strides in bytes (dimension 0 innermost;
 * for BLOCK and OPERAND types stride 0 must be 0 and blocks follow each other).
 * Address = ADDR + OFFS. TYPE holds a data type and the address space. Each field
 * is an immediate or a register, read when a command that names the tile is
 * dispatched. A size of 0 makes the command that names it wait and signal only.
 */
enum tern_tile_field {
	TERN_TILE_ADDR = 0,
	TERN_TILE_OFFS = 1,
	TERN_TILE_SIZE0 = 2, /* ... SIZE3 = 5 */
	TERN_TILE_STRIDE0 = 6, /* ... STRIDE3 = 9 */
	TERN_TILE_TYPE = 10,
	TERN_TILE_NFIELDS = 11
};
#define TERN_TILE_TYPE_MASK	0xffu
#define TERN_TILE_SPM		0x100u /* in SPM; clear: in the context's memory */

/* ---- Commands ---------------------------------------------------------------- */
/*
 * Word 0: op[7:0] words[15:8] flags[31:16] a[39:32] b[47:40] c[55:48] d[63:56].
 * An engine command's word 1 is its sync word (see TERN_SYNC_*).
 *
 * Kinds of a byte field: Z must be zero; R register (RN: or TERN_NONE); T tile
 * (TN: or TERN_NONE); N small number.
 *
 *	name	op  queue   words: min max  a  b  c  d	flags mask  text
 */
#define TERN_ISA_COMMANDS(X) \
	X(NOP,	  0x00, CP,	1,  1,	Z,  Z,  Z,  Z,	0x0000, "nothing") \
	X(END,	  0x01, CP,	1,  1,	Z,  Z,  Z,  Z,	0x0000, "wait for all queues; the job is done") \
	X(MOVI,	  0x02, CP,	2,  2,	R,  Z,  Z,  Z,	0x0000, "Ra = word 1") \
	X(ALU,	  0x03, CP,	1,  2,	R,  R,  RN, Z,	0x801f, "Ra = Rb op (Rc or word 1)") \
	X(BR,	  0x04, CP,	2,  3,	R,  RN, Z,  Z,	0x8007, "if Ra cond (Rb or word 2) go to here + word 1") \
	X(LOOP,	  0x05, CP,	2,  2,	R,  Z,  Z,  Z,	0x0000, "Ra -= 1; if Ra > 0 go to here + word 1") \
	X(CALL,	  0x06, CP,	2,  2,	Z,  Z,  Z,  Z,	0x0000, "push next; go to image word (word 1)") \
	X(RET,	  0x07, CP,	1,  1,	Z,  Z,  Z,  Z,	0x0000, "pop") \
	X(LDR,	  0x08, CP,	2,  2,	R,  RN, N,  Z,	0x000f, "Ra.. = c values at Rb + word 1") \
	X(SYNC,	  0x09, CP,	2,  2,	N,  Z,  Z,  Z,	0x0000, "queue a waits and signals as word 1 says") \
	X(FENCE,  0x0a, CP,	3,  3,	RN, Z,  Z,  Z,	0x0001, "all done before: write word 2 (64 bit) at Ra + word 1") \
	X(STAMP,  0x0b, CP,	2,  2,	RN, Z,  Z,  Z,	0x0000, "write the cycle counter (64 bit) at Ra + word 1") \
	X(YIELD,  0x0c, CP,	1,  1,	Z,  Z,  Z,  Z,	0x0000, "nothing in SPM or accumulators is live: a preemption need not save them") \
	X(TILE,	  0x0d, CP,	2,  12,	T,  N,  N,  Z,	0x07ff, "set fields (flags) of tile a; mask c:b says which words are registers") \
	X(RING,	  0x0e, CP,	4,  4,	R,  Z,  Z,  Z,	0x0000, "Ra += word 1; if Ra >= word 3: Ra = word 2") \
	X(TRAP,	  0x0f, CP,	2,  2,	Z,  Z,  Z,  Z,	0x0000, "fault with code word 1") \
	X(MARK,	  0x10, CP,	2,  2,	Z,  Z,  Z,  Z,	0x0000, "what follows belongs to operator word 1 in counters and traces") \
	X(LOAD,	  0x20, LOAD0,	2,  5,	T,  T,  TN, Z,	0x0007, "SPM tile a = memory tile b [rows c]") \
	X(STORE,  0x21, STORE,	2,  5,	T,  T,  TN, Z,	0x0006, "memory tile b [rows c] = SPM tile a") \
	X(MATRIX, 0x22, MATRIX,	2,  2,	T,  T,  TN, Z,	0x000f, "tile c = tile a x tile b, through the accumulators") \
	X(VECTOR, 0x23, VECTOR,	5,  5,	T,  TN, TN, TN,	0x0000, "run a micro-program over the rows of tile a")
enum tern_op {
#define X(name, op, queue, lo, hi, a, b, c, d, flags, text) TERN_OP_##name = op,
	TERN_ISA_COMMANDS(X)
#undef X
};

/* ALU: flags[4:0] operation, bit 15 second operand is word 1. */
#define TERN_ISA_ALU(X) \
	X(ADD, 0, "b + c, wraps") X(SUB, 1, "b - c, wraps") X(MUL, 2, "b * c, wraps") \
	X(DIV, 3, "towards zero; c = 0 or overflow faults") X(REM, 4, "sign of b") \
	X(MIN, 5, "signed") X(MAX, 6, "signed") X(AND, 7, "") X(OR, 8, "") X(XOR, 9, "") \
	X(SHL, 10, "by c mod 64") X(SHR, 11, "logical") X(SAR, 12, "arithmetic") \
	X(CDIV, 13, "ceil(b / c) for b >= 0, c > 0; else faults")
enum tern_alu {
#define X(name, code, text) TERN_ALU_##name = code,
	TERN_ISA_ALU(X)
#undef X
	TERN_ALU_COUNT
};
#define TERN_F_IMM		0x8000u

/* BR: flags[2:0] condition (signed), bit 15 compare with word 2. */
#define TERN_ISA_CONDS(X) \
	X(EQ, 0) X(NE, 1) X(LT, 2) X(LE, 3) X(GT, 4) X(GE, 5) X(ALWAYS, 6)
enum tern_cond {
#define X(name, code) TERN_COND_##name = code,
	TERN_ISA_CONDS(X)
#undef X
	TERN_COND_COUNT
};

/* LDR: flags[1:0] log2 of bytes, then: */
#define TERN_LDR_SIGNED		0x4u
#define TERN_LDR_SPM		0x8u
#define TERN_LDR_MAX		8
#define TERN_FENCE_IRQ		0x1u

/*
 * LOAD and STORE. ROWS: tile c holds i32 or i64 indices that replace the coordinate
 * along dimension 1 of the memory tile (one per row of dimension 1; its dimensions 1
 * and 2 follow dimensions 2 and 3, size 1 broadcasts); an index outside
 * [0, size1) faults. The index tile may be in SPM or in memory.
 * ORIGIN adds three words: word 2 four register numbers (bytes 0-3, TERN_NONE = 0; the
 * rest 0): where in the memory tile coordinate 0 of the SPM tile lies, any sign.
 * Words 3, 4: f32 fill constants of dimensions 0..3. LOAD gives elements outside the
 * memory tile the fill of the lowest dimension that is outside; STORE skips them.
 * Without ORIGIN the memory tile's sizes must be at least the SPM tile's.
 */
#define TERN_LOAD_DEP		0x1u /* queue LOAD1 */
#define TERN_DMA_ROWS		0x2u
#define TERN_DMA_ORIGIN		0x4u

/*
 * MATRIX. a: [K, M, b2, b3], b: [K, N, b2, b3] or with KN [N, K, b2, b3],
 * c: [N, M, b2, b3] f32, f16 or bf16 in SPM. b's sizes 2 and 3 divide a's (size ratio r:
 * batch i of a uses batch i / r of b). Without ACC sums start at zero, with it at
 * the accumulators; without OUT they stay there. ACC or no OUT: at most `acc` outputs.
 */
#define TERN_MATRIX_ACC		0x1u
#define TERN_MATRIX_OUT		0x2u
#define TERN_MATRIX_KN		0x4u
#define TERN_MATRIX_RESERVED	0x8u

/*
 * VECTOR: word 2 bytes 0-3 tiles 4..7 (TERN_NONE: absent), bits 47:32 instruction
 * count, the rest zero; word 3 image word of the micro-program; word 4 eight register
 * numbers whose low 32 bits start S0..S7 (TERN_NONE: zero).
 */

/* Sync word: up to two waits and two signals; a count of 0 means none. */
#define TERN_SYNC_WAIT0_SHIFT	0
#define TERN_SYNC_WAIT1_SHIFT	14
#define TERN_SYNC_SIGNAL0_SHIFT	28
#define TERN_SYNC_SIGNAL1_SHIFT	42
#define TERN_SYNC_FIELD(sem, n)	((__u64)(((sem) & 0x3fu) | (((__u32)(n) & 0xffu) << 6)))
#define TERN_SYNC_SEM(f)	((__u32)(f) & 0x3fu)
#define TERN_SYNC_COUNT(f)	(((__u32)(f) >> 6) & 0xffu)
#define TERN_SYNC_MASK		0x00ffffffffffffffull

/* ---- VECTOR micro-instructions --------------------------------------------- */
/*
 * 64 bits: op[7:0] d[15:8] a[23:16] b[31:24] imm[63:32]. Operands: 0..31 V registers,
 * 32..63 S registers, 64 the immediate (f32 or i32 bits). FMA and SEL take a third
 * operand from imm[7:0] (V or S). A micro-program runs once per row (coordinates of
 * dimensions 1..3 of tile a). LANES..ENDL encloses instructions that run for every element of the
 * row; outside, only S registers and immediates may be named. Registers keep their value
 * inside a row only. Inside LANES a V register must be written before it is read.
 *
 * form: A0 d; A1 d,a; A2 d,a,b; A3 d,a,b,c; LD d <- tile a; ST tile d <- a;
 * RED S d <- V a; CTL control; cost: cycles per `lanes` elements.
 *
 *	name	op  form cost	text */
#define TERN_ISA_VECTOR(X) \
	X(STOP,	  0x00, CTL, 0, "end of the row") \
	X(LANES,  0x01, CTL, 0, "begin a loop over the elements; imm: tile whose size 0 is the length") \
	X(ENDL,	  0x02, CTL, 0, "end of the loop") \
	X(LD,	  0x08, LD, 1, "d = element i of this row of tile a as f32 (integers: as i32)") \
	X(ST,	  0x09, ST, 1, "element i of this row of tile d = a, rounded to its type") \
	X(STQ,	  0x0a, ST, 2, "quantise a in groups of 32 into ACT tile d") \
	X(LDS,	  0x0b, LD, 1, "S d = element imm of this row of tile a") \
	X(STS,	  0x0c, ST, 1, "element imm of this row of tile d = S a") \
	X(LDX,	  0x0d, LD, 2, "d = element V b (i32) of this row of tile a; outside the row faults") \
	X(LANE,	  0x10, A0, 1, "d = element index (i32)") \
	X(ROW,	  0x11, A0, 1, "S d = row coordinate of dimension imm (1..3) (i32)") \
	X(MOV,	  0x12, A1, 1, "d = a") \
	X(ADD,	  0x20, A2, 1, "a + b") \
	X(SUB,	  0x21, A2, 1, "a - b") \
	X(MUL,	  0x22, A2, 1, "a * b") \
	X(DIV,	  0x23, A2, 4, "a / b, IEEE") \
	X(FMA,	  0x24, A3, 1, "a * b + c, one rounding") \
	X(MIN,	  0x25, A2, 1, "a < b ? a : b") \
	X(MAX,	  0x26, A2, 1, "a > b ? a : b") \
	X(NEG,	  0x27, A1, 1, "flip the sign bit") \
	X(ABS,	  0x28, A1, 1, "clear the sign bit") \
	X(FLOOR,  0x29, A1, 1, "towards minus infinity") \
	X(CEIL,	  0x2a, A1, 1, "towards plus infinity") \
	X(RND,	  0x2b, A1, 1, "to nearest even integer") \
	X(TRUNC,  0x2c, A1, 1, "towards zero") \
	X(RNDA,	  0x2d, A1, 1, "to nearest, halves away from zero") \
	X(EXP,	  0x30, A1, 4, "e^a, README: transcendental functions") \
	X(LOG,	  0x31, A1, 4, "natural logarithm") \
	X(SIN,	  0x32, A1, 4, "sine, radians") \
	X(COS,	  0x33, A1, 4, "cosine, radians") \
	X(TANH,	  0x34, A1, 4, "hyperbolic tangent") \
	X(ERF,	  0x35, A1, 4, "error function") \
	X(SQRT,	  0x36, A1, 4, "IEEE square root") \
	X(RSQRT,  0x37, A1, 4, "1 / sqrt(a), two IEEE roundings") \
	X(RCP,	  0x38, A1, 4, "1 / a, IEEE") \
	X(LT,	  0x40, A2, 1, "a < b ? -1 : 0 (i32 mask)") \
	X(LE,	  0x41, A2, 1, "a <= b") \
	X(EQ,	  0x42, A2, 1, "a == b") \
	X(SEL,	  0x43, A3, 1, "a (i32) != 0 ? b : c") \
	X(IADD,	  0x50, A2, 1, "i32, wraps") \
	X(ISUB,	  0x51, A2, 1, "i32, wraps") \
	X(IMUL,	  0x52, A2, 1, "i32, low half") \
	X(IMIN,	  0x53, A2, 1, "i32") \
	X(IMAX,	  0x54, A2, 1, "i32") \
	X(ILT,	  0x55, A2, 1, "a < b ? -1 : 0, i32") \
	X(IEQ,	  0x56, A2, 1, "a == b ? -1 : 0, i32") \
	X(AND,	  0x57, A2, 1, "bits") \
	X(OR,	  0x58, A2, 1, "bits") \
	X(XOR,	  0x59, A2, 1, "bits") \
	X(SHL,	  0x5a, A2, 1, "i32, by b mod 32") \
	X(SHR,	  0x5b, A2, 1, "u32, by b mod 32") \
	X(SAR,	  0x5c, A2, 1, "i32, by b mod 32") \
	X(I2F,	  0x5d, A1, 1, "i32 to f32, nearest even") \
	X(F2I,	  0x5e, A1, 1, "f32 to i32 towards zero, saturating, NaN 0") \
	X(RSUM,	  0x60, RED, 1, "sum over the row, 16 partial sums") \
	X(RMAX,	  0x61, RED, 1, "maximum over the row, from -inf") \
	X(RMIN,	  0x62, RED, 1, "minimum over the row, from +inf") \
	X(RAMAX,  0x63, RED, 1, "index of the first maximum (i32); NaN never wins; none: 0") \
	X(RISUM,  0x64, RED, 1, "i32 sum over the row, wraps") \
	X(SHIFT,  0x70, LD, 1, "d = element i + imm of this row of tile a, 0 outside") \
	X(SCAN,	  0x71, A1, 4, "inclusive prefix sum of a over the row, left to right") \
	X(CMPX,	  0x72, ST, 2, "compare-exchange step imm of a bitonic sort of tile d's row, keys; payload tile a") \
	X(PACK,	  0x73, ST, 2, "append a where V b != 0 to tile d's row; count in S imm")
enum tern_vector_op {
#define X(name, op, form, cost, text) TERN_V_##name = op,
	TERN_ISA_VECTOR(X)
#undef X
};
#define TERN_V_S0		32u /* operand number of S0 */
#define TERN_V_IMM		64u /* operand number of the immediate */

/* ---- Program image -------------------------------------------------------- */
/* Who may touch a semaphore, and where it starts and must end. */
struct tern_image_sem {
	__u8 producer; /* enum tern_queue */
	__u8 consumer;
	__u8 initial;
	__u8 used; /* 0: any use faults */
};
TERN_ASSERT(sizeof(struct tern_image_sem) == 4);

struct tern_image_header {
	__u32 magic; /* TERN_IMAGE_MAGIC */
	__u16 major, minor; /* of the ISA it was written for */
	__u32 words; /* of the image, header included */
	__u32 entry; /* image word of the first command */
	__u32 code_words; /* commands lie in [header, code_words); CALL and BR stay there */
	__u32 vector_words; /* micro-programs lie in [code_words, vector_words), then constants */
	__u32 spm_bytes; /* SPM the program uses, from address 0 */
	__u32 acc; /* accumulators the program uses */
	struct tern_image_sem sem[TERN_NSEMS];
};
#define TERN_IMAGE_HEADER_WORDS	36u
TERN_ASSERT(sizeof(struct tern_image_header) == 8 * TERN_IMAGE_HEADER_WORDS);

#endif /* TERN_ISA_H */
