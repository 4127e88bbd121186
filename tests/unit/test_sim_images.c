// SPDX-License-Identifier: MIT
/* Images and jobs that are refused; and that whatever bytes an image holds, a job ends. */
#include <check.h>

#include "sim_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct env e;

static void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
}

static void teardown(void)
{
	env_close(&e);
}

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
	Suite *s = suite_create("sim_images");
	TCase *t = tcase_create("images"), *random = tcase_create("random");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
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
