// SPDX-License-Identifier: MIT
/* Every fault that a program without checking mode can meet, with its attribution; and
 * that whatever bytes an image holds, a job ends. */
#include <check.h>

#include "sim_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct env e;
static size_t culprit; /* image word that must be named */

static void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
	e.sem[1] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1};
	e.sem[2] = (struct tern_image_sem){TERN_Q_CP, TERN_Q_STORE, 3, 1};
}

static void teardown(void)
{
	env_close(&e);
}

/* The next command is the one to blame. */
static void blame(void)
{
	culprit = e.code.n;
}

static void raw(unsigned int op, unsigned int flags, unsigned int a, unsigned int b, unsigned int c,
		uint64_t w1)
{
	blame();
	tern_code_cmd(&e.code, op, flags, a, b, c, 0, &w1, 1);
}

/* Tiles first, so that the command itself is at `culprit`. */
static void load_faulty(struct tile dst, struct tile src)
{
	set_tile(&e, 0, dst);
	set_tile(&e, 1, src);
	blame();
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
}

static void store_faulty(struct tile src, struct tile dst)
{
	set_tile(&e, 0, src);
	set_tile(&e, 1, dst);
	blame();
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, NULL);
}

static void matrix_faulty(unsigned int flags, struct tile a, struct tile b, struct tile c)
{
	set_tile(&e, 0, a);
	set_tile(&e, 1, b);
	set_tile(&e, 2, c);
	blame();
	tern_emit_matrix(&e.code, flags, 0, 1, flags & TERN_MATRIX_OUT ? 2 : TERN_NONE, NULL);
}

static void vector_faulty(struct tile t, const uint64_t *prog, size_t n)
{
	set_tile(&e, 0, t);
	blame();
	vector(&e, 1, prog, n, NULL);
}

static struct tile f32(uint64_t addr, int64_t n0, int64_t n1)
{
	return spm_tile(TERN_T_F32, addr, n0, n1);
}

static struct tile dram(int64_t n0, int64_t n1)
{
	return mem_tile(TERN_T_F32, 0, n0, n1);
}

static struct tile with_stride(struct tile t, unsigned int d, int64_t stride)
{
	t.stride[d] = stride;
	return t;
}

/* ---- the command processor ------------------------------------------------------------ */
static void unknown_op(void)
{
	raw(0x7f, 0, 0, 0, 0, 0);
}

static void reserved_flag(void)
{
	raw(TERN_OP_MOVI, 1, 0, 0, 0, 0);
}

static void tile_type_bits(void)
{
	struct tile t = f32(0, 4, 1);

	t.type |= 0x1000;
	load_faulty(t, dram(4, 1));
}

static void branches_outside(void)
{
	blame();
	tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 3);
}

static void calls_outside(void)
{
	raw(TERN_OP_CALL, 0, 0, 0, 0, 1u << 30);
}

static void calls_too_deep(void)
{
	blame();
	tern_emit_call(&e.code, e.code.n);
}

static void returns_to_nowhere(void)
{
	blame();
	tern_emit_op(&e.code, TERN_OP_RET);
}

static void divide(int64_t b, unsigned int op, int64_t c)
{
	tern_emit_movi(&e.code, 4, b);
	blame();
	tern_emit_alu(&e.code, op, 4, 4, tern_imm(c));
}

static void divides_by_zero(void)
{
	divide(1, TERN_ALU_DIV, 0);
}

static void remainder_overflows(void)
{
	divide(INT64_MIN, TERN_ALU_REM, -1);
}

static void cdiv_of_negative(void)
{
	divide(-1, TERN_ALU_CDIV, 2);
}

static void traps(void)
{
	raw(TERN_OP_TRAP, 0, 0, 0, 0, 77);
}

static void reads_unmapped_register(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 1, TERN_NONE, 64, 3);
}

static void reads_misaligned_register(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 1, TERN_NONE, (int64_t)DATA_VA + 4, 3);
}

static void reads_register_beyond_spm(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 8, TERN_NONE, 262144 - 56, 3 | TERN_LDR_SPM);
}

static void fences_unmapped(void)
{
	blame();
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){8, 1}, 2);
}

/* ---- semaphores ----------------------------------------------------------------------------- */
static void sync_faulty(unsigned int queue, unsigned int wait, unsigned int signal, unsigned int n)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait ? (uint8_t)n : 0}},
			      .signal = {{(uint8_t)signal, signal ? (uint8_t)n : 0}}};

	blame();
	tern_emit_sync(&e.code, queue, &s);
}

static void waits_for_a_foreign_semaphore(void)
{
	sync_faulty(TERN_Q_VECTOR, 2, 0, 1);
}

static void signals_a_foreign_semaphore(void)
{
	sync_faulty(TERN_Q_MATRIX, 0, 1, 1);
}

static void uses_an_undeclared_semaphore(void)
{
	sync_faulty(TERN_Q_LOAD0, 0, 9, 1);
}

static void waits_forever(void)
{
	sync_faulty(TERN_Q_STORE, 2, 0, 4);
}

static void signals_too_much(void)
{
	sync_faulty(TERN_Q_CP, 0, 2, 253);
}

static void ends_unbalanced(void)
{
	sync_faulty(TERN_Q_STORE, 2, 0, 1);
	culprit = e.code.n; /* END */
}

/* ---- tiles ------------------------------------------------------------------------------------- */
static void spm_too_far(void)
{
	load_faulty(f32(262144 - 16, 5, 1), dram(5, 1));
}

static void spm_before_zero(void)
{
	load_faulty(with_stride(f32(16, 4, 3), 1, -16), dram(4, 3));
}

static void stride_overflows(void)
{
	load_faulty(f32(0, 4, 3), with_stride(dram(4, 3), 1, INT64_MAX - 3));
}

static void unmapped(void)
{
	struct tile t = dram(4, 1);

	t.addr = 0x1000;
	load_faulty(f32(0, 4, 1), t);
}

static void unmapped_end(void)
{
	struct tile t = dram(64, 1);

	t.addr = MEM_VA + MEM_BYTES - 128;
	load_faulty(f32(0, 64, 1), t);
}

static void read_only(void)
{
	e.readonly_from = DATA_VA;
	store_faulty(f32(0, 4, 1), dram(4, 1));
}

static void negative_size(void)
{
	load_faulty(f32(0, 4, 1), dram(-4, 1));
}

static void memory_tile_too_small(void)
{
	load_faulty(f32(0, 4, 3), dram(4, 2));
}

static void part_of_a_block(void)
{
	load_faulty(f32(0, 40, 1), mem_tile(TERN_T_Q4_0, 0, 64, 1));
}

static void overlapping_target(void)
{
	load_faulty(with_stride(f32(0, 4, 3), 1, 8), dram(4, 3));
}

static void misaligned_address(void)
{
	load_faulty(f32(2, 4, 1), dram(4, 1));
}

static void misaligned_stride(void)
{
	load_faulty(f32(0, 4, 3), with_stride(dram(4, 3), 1, 18));
}

static void no_such_type(void)
{
	load_faulty((struct tile){0, {4, 1, 1, 1}, {4, 4, 4, 4}, 200 | TERN_TILE_SPM}, dram(4, 1));
}

static void blocks_in_spm(void)
{
	load_faulty(spm_tile(TERN_T_Q4_0, 0, 32, 1), mem_tile(TERN_T_Q4_0, 0, 32, 1));
}

static void wrong_operand_type(void)
{
	load_faulty(spm_tile(TERN_T_OP16, 0, 32, 1), mem_tile(TERN_T_Q4_0, 0, 32, 1));
}

static void integers_do_not_convert(void)
{
	load_faulty(f32(0, 4, 1), mem_tile(TERN_T_I32, 0, 4, 1));
}

static void stores_operands(void)
{
	store_faulty(spm_tile(TERN_T_OP32, 0, 32, 1), mem_tile(TERN_T_Q8_0, 0, 32, 1));
}

static void both_in_memory(void)
{
	load_faulty(dram(4, 1), dram(4, 1));
}

static void reserved_format(void)
{
	load_faulty(spm_tile(TERN_T_OP32, 0, 256, 1), mem_tile(TERN_T_IQ4_XS, 0, 256, 1));
}

static void index_out_of_range(bool scatter, int32_t bad)
{
	memcpy(env_at(&e, 0x800), (int32_t[]){1, bad}, 8);
	set_tile(&e, 0, f32(0, 4, 2));
	set_tile(&e, 1, dram(4, 3));
	set_tile(&e, 2, mem_tile(TERN_T_I32, 0x800, 2, 1));
	blame();
	if (scatter)
		tern_emit_store(&e.code, 0, 1, 2, NULL, NULL);
	else
		tern_emit_load(&e.code, true, 0, 1, 2, NULL, NULL, NULL);
}

static void gather_index_too_large(void)
{
	index_out_of_range(false, 3);
}

static void scatter_index_negative(void)
{
	index_out_of_range(true, -1);
}

static void origin_inside_a_block(void)
{
	static const uint8_t origin[4] = {9, TERN_NONE, TERN_NONE, TERN_NONE};

	tern_emit_movi(&e.code, 9, 16);
	set_tile(&e, 0, f32(0, 32, 1));
	set_tile(&e, 1, mem_tile(TERN_T_Q4_0, 0, 64, 1));
	blame();
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, origin, NULL, NULL);
}

/* ---- MATRIX and VECTOR ------------------------------------------------------------------------------ */
static void inner_sizes_differ(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 9, 2), f32(4096, 2, 2));
}

static void result_of_wrong_size(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 8, 2), f32(4096, 2, 3));
}

static void batches_do_not_divide(void)
{
	struct tile a = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 8, 2, 3, 1);
	struct tile b = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 1024, 8, 2, 2, 1);

	matrix_faulty(0, a, b, f32(0, 1, 1));
}

static void mixed_operands(void)
{
	matrix_faulty(0, f32(0, 8, 2), spm_tile(TERN_T_F16, 1024, 8, 2), f32(0, 1, 1));
}

static void operand_times_float(void)
{
	matrix_faulty(0, spm_tile(TERN_T_ACT, 0, 32, 2), f32(1024, 32, 2), f32(0, 1, 1));
}

static void strided_operand(void)
{
	matrix_faulty(0, with_stride(f32(0, 8, 2), 0, 8), f32(1024, 8, 2), f32(0, 1, 1));
}

static void result_on_operand(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 8, 2), f32(32, 2, 2));
}

static void too_many_outputs(void)
{
	matrix_faulty(0, f32(0, 4, 65), f32(16384, 4, 64), f32(0, 1, 1));
}

static void malformed_micro_program(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0)};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
}

static void micro_program_outside(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
	e.patch_to[0] = 1; /* one word too far */
}

static void lane_index_outside(void)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_IADD, 1, 0, TERN_V_IMM, 1),
		tern_vinstr(TERN_V_LDX, 2, 0, 1, 0),
		tern_vinstr(TERN_V_ST, 0, 2, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
}

static void vector_on_operands(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	vector_faulty(spm_tile(TERN_T_OP32, 0, 32, 1), prog, COUNT(prog));
}

/* ---- budgets ------------------------------------------------------------------------------------------- */
static void loops_forever(void)
{
	e.run.job.budget = 5000;
	blame();
	tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), e.code.n);
}

static void one_huge_command(void)
{
	e.run.job.budget = 100000;
	/* 2^31 rows that all read the same bytes */
	matrix_faulty(
		TERN_MATRIX_OUT,
		with_stride(packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 16384, 1 << 10, 1, 1), 1, 0),
		with_stride(packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 16384, 16, 1, 1), 1, 0),
		spm_tile(TERN_T_F32, 131072, 16, 1 << 10));
}

static void stopped(void)
{
	static const volatile int stop = 1;

	e.run.stop = &stop;
	blame();
	tern_emit_op(&e.code, TERN_OP_NOP);
}

static const struct {
	void (*build)(void);
	unsigned int code, queue;
} cases[] = {
	{unknown_op, TERN_FAULT_ILLEGAL, TERN_Q_CP},
	{reserved_flag, TERN_FAULT_ILLEGAL, TERN_Q_CP},
	{tile_type_bits, TERN_FAULT_ILLEGAL, TERN_Q_LOAD0},
	{branches_outside, TERN_FAULT_FETCH, TERN_Q_CP},
	{calls_outside, TERN_FAULT_FETCH, TERN_Q_CP},
	{calls_too_deep, TERN_FAULT_STACK, TERN_Q_CP},
	{returns_to_nowhere, TERN_FAULT_STACK, TERN_Q_CP},
	{divides_by_zero, TERN_FAULT_ARITH, TERN_Q_CP},
	{remainder_overflows, TERN_FAULT_ARITH, TERN_Q_CP},
	{cdiv_of_negative, TERN_FAULT_ARITH, TERN_Q_CP},
	{traps, TERN_FAULT_TRAP, TERN_Q_CP},
	{reads_unmapped_register, TERN_FAULT_TRANSLATION, TERN_Q_CP},
	{reads_misaligned_register, TERN_FAULT_ALIGN, TERN_Q_CP},
	{reads_register_beyond_spm, TERN_FAULT_SPM_RANGE, TERN_Q_CP},
	{fences_unmapped, TERN_FAULT_TRANSLATION, TERN_Q_CP},
	{waits_for_a_foreign_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_VECTOR},
	{signals_a_foreign_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_MATRIX},
	{uses_an_undeclared_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_LOAD0},
	{waits_forever, TERN_FAULT_DEADLOCK, TERN_Q_STORE},
	{signals_too_much, TERN_FAULT_SEM_OVERFLOW, TERN_Q_CP},
	{ends_unbalanced, TERN_FAULT_SEM_END, TERN_Q_CP},
	{spm_too_far, TERN_FAULT_SPM_RANGE, TERN_Q_LOAD0},
	{spm_before_zero, TERN_FAULT_SPM_RANGE, TERN_Q_LOAD0},
	{stride_overflows, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{unmapped, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{unmapped_end, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{read_only, TERN_FAULT_TRANSLATION, TERN_Q_STORE},
	{negative_size, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{memory_tile_too_small, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{part_of_a_block, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{overlapping_target, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{misaligned_address, TERN_FAULT_ALIGN, TERN_Q_LOAD0},
	{misaligned_stride, TERN_FAULT_ALIGN, TERN_Q_LOAD0},
	{no_such_type, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{blocks_in_spm, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{wrong_operand_type, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{integers_do_not_convert, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{stores_operands, TERN_FAULT_TYPE, TERN_Q_STORE},
	{both_in_memory, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{reserved_format, TERN_FAULT_UNIMPLEMENTED, TERN_Q_LOAD0},
	{gather_index_too_large, TERN_FAULT_INDEX, TERN_Q_LOAD1},
	{scatter_index_negative, TERN_FAULT_INDEX, TERN_Q_STORE},
	{origin_inside_a_block, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{inner_sizes_differ, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{result_of_wrong_size, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{batches_do_not_divide, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{mixed_operands, TERN_FAULT_TYPE, TERN_Q_MATRIX},
	{operand_times_float, TERN_FAULT_TYPE, TERN_Q_MATRIX},
	{strided_operand, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{result_on_operand, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{too_many_outputs, TERN_FAULT_ACC_RANGE, TERN_Q_MATRIX},
	{malformed_micro_program, TERN_FAULT_VECTOR_PROGRAM, TERN_Q_VECTOR},
	{micro_program_outside, TERN_FAULT_FETCH, TERN_Q_VECTOR},
	{lane_index_outside, TERN_FAULT_INDEX, TERN_Q_VECTOR},
	{vector_on_operands, TERN_FAULT_TYPE, TERN_Q_VECTOR},
	{loops_forever, TERN_FAULT_BUDGET, TERN_Q_CP},
	{one_huge_command, TERN_FAULT_BUDGET, TERN_Q_MATRIX},
	{stopped, TERN_FAULT_ABORT, TERN_Q_CP},
};

START_TEST(names_the_fault)
{
	unsigned int code;

	cases[_i].build();
	code = env_run(&e);
	ck_assert_msg(code == cases[_i].code, "case %d: %s, not %s (%llx %llx)", _i,
		      tern_fault_name(code), tern_fault_name(cases[_i].code),
		      (unsigned long long)e.run.fault.addr, (unsigned long long)e.run.fault.info);
	ck_assert_uint_eq(e.run.fault.class, tern_fault_class_of(code));
	ck_assert_uint_eq(e.run.fault.queue, cases[_i].queue);
	/* A stop is seen at any command. */
	if (code != TERN_FAULT_ABORT)
		ck_assert_uint_eq(e.run.fault.word, culprit);
}
END_TEST

START_TEST(runs_off_the_end)
{
	tern_emit_op(&e.code, TERN_OP_NOP);
	env_link(&e);
	ck_assert_uint_eq(env_start(&e), TERN_FAULT_FETCH);
	ck_assert_uint_eq(e.run.fault.word, TERN_IMAGE_HEADER_WORDS + 1);
}
END_TEST

START_TEST(tells_the_trap_code)
{
	traps();
	ck_assert_uint_eq(env_run(&e), TERN_FAULT_TRAP);
	ck_assert_uint_eq(e.run.fault.info, 77);
}
END_TEST

/* ---- headers ---------------------------------------------------------------------------------------------- */
static void bad_magic(struct tern_image_header *h)
{
	h->magic++;
}

static void bad_major(struct tern_image_header *h)
{
	h->major++;
}

static void later_minor(struct tern_image_header *h)
{
	h->minor++;
}

static void entry_in_header(struct tern_image_header *h)
{
	h->entry = 1;
}

static void entry_behind_code(struct tern_image_header *h)
{
	h->entry = h->code_words;
}

static void sections_out_of_order(struct tern_image_header *h)
{
	h->vector_words = h->code_words - 1;
}

static void sections_behind_the_end(struct tern_image_header *h)
{
	h->words = h->vector_words - 1;
}

static void too_much_spm(struct tern_image_header *h)
{
	h->spm_bytes = 262145;
}

static void too_many_accumulators(struct tern_image_header *h)
{
	h->acc = 4097;
}

static void producer_unknown(struct tern_image_header *h)
{
	h->sem[0] = (struct tern_image_sem){6, 0, 0, 1};
}

static void unused_with_value(struct tern_image_header *h)
{
	h->sem[0].initial = 1;
}

static void (*const headers[])(struct tern_image_header *) = {
	bad_magic,
	bad_major,
	later_minor,
	entry_in_header,
	entry_behind_code,
	sections_out_of_order,
	sections_behind_the_end,
	too_much_spm,
	too_many_accumulators,
	producer_unknown,
	unused_with_value,
};

START_TEST(refuses_headers)
{
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	headers[_i](env_header(&e));
	ck_assert_uint_eq(env_start(&e), TERN_FAULT_IMAGE);
}
END_TEST

/* What a job may say besides image, arguments and budget. */
static const struct {
	struct tern_job job;
	unsigned int fault;
} jobs[] = {
	{{.flags = 0}, TERN_FAULT_NONE},
	{{.flags = TERN_JOB_IRQ}, TERN_FAULT_NONE},
	{{.flags = TERN_JOB_IRQ << 1}, TERN_FAULT_IMAGE},
	{{.flags = 1ull << 63}, TERN_FAULT_IMAGE},
	{{.profile = TERN_BURST}, TERN_FAULT_NONE}, /* the model's caller profiles */
	{{.profile = 8}, TERN_FAULT_IMAGE},
	{{.reserved = {1, 0, 0}}, TERN_FAULT_IMAGE},
	{{.reserved = {0, 0, 1}}, TERN_FAULT_IMAGE},
};

START_TEST(refuses_jobs)
{
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	e.run.job = jobs[_i].job;
	ck_assert_uint_eq(env_start(&e), jobs[_i].fault);
}
END_TEST

START_TEST(wants_the_whole_image)
{
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	/* Constants that nobody reads, but that are not there. */
	env_header(&e)->words = MEM_BYTES / 8 + 1;
	ck_assert_uint_eq(env_start(&e), TERN_FAULT_TRANSLATION);
	env_header(&e)->words = MEM_BYTES / 8;
	ck_assert_uint_eq(env_start(&e), TERN_FAULT_NONE);
}
END_TEST

/* ---- any bytes ------------------------------------------------------------------------------------------------ */
static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Words that get past the first checks more often than random ones do. */
static void random_command(uint64_t *s)
{
	static const uint8_t types[] = {0, 1, 2, 8, 12, 14, 24, 26, 27, 30, 39, 64, 65, 66, 67, 68};
	const struct tern_cmd_info *info;
	uint64_t extra[TERN_CMD_MAX_WORDS];
	unsigned int n;

	if (rnd(s) % 3) {
		bool spm = rnd(s) % 4;
		struct tile t = packed_tile(
			types[rnd(s) % COUNT(types)] | (spm ? TERN_TILE_SPM : 0),
			(spm ? 0 : DATA_VA) + rnd(s) % 4096 * 4, 1 + (int64_t)(rnd(s) % 4) * 32,
			1 + (int64_t)(rnd(s) % 9), 1 + (int64_t)(rnd(s) % 2), 1);

		if (rnd(s) % 8 == 0)
			t.stride[rnd(s) % 4] = (int64_t)rnd(s) >> rnd(s) % 64;
		if (rnd(s) % 16 == 0)
			t.size[rnd(s) % 4] = (int64_t)rnd(s) >> rnd(s) % 64;
		set_tile(&e, rnd(s) % 3, t);
		return;
	}
	do
		info = tern_cmd_info(rnd(s) % 0x24);
	while (!info);
	for (unsigned int i = 0; i < TERN_CMD_MAX_WORDS; i++)
		extra[i] = rnd(s) % 4 ? 0 : rnd(s) >> rnd(s) % 64;
	if (info->queue != TERN_Q_CP)
		extra[0] = 0;
	n = info->min_words - 1u + (unsigned int)(rnd(s) % 2) * (info->max_words - info->min_words);
	tern_code_cmd(&e.code, info->op, (unsigned int)rnd(s) & info->flags, rnd(s) % 3, rnd(s) % 3,
		      rnd(s) % 2 ? rnd(s) % 3 : TERN_NONE, 0, extra, n);
}

START_TEST(ends_whatever_the_image)
{
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t s = (uint64_t)_i * 1000003 + i + 1;
		unsigned int code;

		env_begin(&e);
		e.run.job.budget = 20000;
		e.step = rnd(&s) % 4 ? 0 : 64u << rnd(&s) % 8;
		for (unsigned int n = 0; n < 40; n++) {
			if (_i % 2)
				random_command(&s);
			else
				tern_code_word(&e.code, rnd(&s) >> rnd(&s) % 64);
		}
		code = env_run(&e);
		ck_assert_str_ne(tern_fault_name(code), "?");
	}
}
END_TEST

START_TEST(ends_whatever_the_header)
{
	uint64_t s = 99;

	for (unsigned int i = 0; i < 2000; i++) {
		uint32_t *w;

		env_begin(&e);
		e.run.job.budget = 20000;
		tern_emit_op(&e.code, TERN_OP_END);
		env_link(&e);
		w = (uint32_t *)(void *)env_header(&e);
		w[rnd(&s) % 72] = (uint32_t)(rnd(&s) >> rnd(&s) % 64);
		env_start(&e);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_faults");
	TCase *t = tcase_create("faults"), *random = tcase_create("random");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_the_fault, 0, COUNT(cases));
	tcase_add_test(t, runs_off_the_end);
	tcase_add_test(t, tells_the_trap_code);
	tcase_add_loop_test(t, refuses_headers, 0, COUNT(headers));
	tcase_add_loop_test(t, refuses_jobs, 0, COUNT(jobs));
	tcase_add_test(t, wants_the_whole_image);
	tcase_add_checked_fixture(random, setup, teardown);
	tcase_set_timeout(random, 300);
	tcase_add_loop_test(random, ends_whatever_the_image, 0, 20);
	tcase_add_test(random, ends_whatever_the_header);
	suite_add_tcase(s, t);
	suite_add_tcase(s, random);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
