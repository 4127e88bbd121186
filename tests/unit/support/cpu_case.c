// SPDX-License-Identifier: MIT
#include "cpu_case.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/kernels.h"

static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))
static struct tern_cpu *pools[LEVELS][2]; /* of one and two threads */

void cpu_case_setup(void)
{
	for (size_t l = 0; l < LEVELS; l++)
		for (unsigned int t = 0; t < 2 && tern_simd_get(levels[l]); t++)
			ck_assert_int_eq(tern_cpu_create_level(t + 1, levels[l], &pools[l][t]), 0);
}

void cpu_case_teardown(void)
{
	for (size_t l = 0; l < LEVELS; l++)
		for (int t = 0; t < 2; t++)
			tern_cpu_destroy(pools[l][t]);
}

void cpu_case_stretch(struct ref_memory *m, double factor, double offset)
{
	struct ref_tensor t = ref_memory_get(m);

	for (int64_t i = 0; i < ref_count(t.ne); i++)
		t.v[i] = t.v[i] * factor + offset;
	ref_memory_set(m, &t);
	ref_free(&t);
}

double cpu_case_allowed(enum tern_dtype type)
{
	return type == TERN_F32 ? 1e-12 : type == TERN_F16 ? 1e-6 : 1e-4;
}

static struct tern_cpu_tensor view(const struct ref_memory *m)
{
	struct tern_cpu_tensor t = {.type = m->type, .data = m->data};

	memcpy(t.ne, m->ne, sizeof(t.ne));
	memcpy(t.nb, m->nb, sizeof(t.nb));
	return t;
}

static void describe(const struct cpu_case *c, const char *level, char *text, size_t size)
{
	const struct ref_memory *d = &c->dst, *s = &c->src[0];

	snprintf(text, size,
		 "%s %s: %s %lldx%lldx%lldx%lld -> %s %lldx%lldx%lldx%lld, i %d %d f %g %g, nb0 "
		 "%llu%s",
		 level, tern_op_name(c->op.op), ref_type(s->type)->name, (long long)s->ne[0],
		 (long long)s->ne[1], (long long)s->ne[2], (long long)s->ne[3],
		 ref_type(d->type)->name, (long long)d->ne[0], (long long)d->ne[1],
		 (long long)d->ne[2], (long long)d->ne[3], c->op.i[0], c->op.i[1],
		 (double)c->op.f[0], (double)c->op.f[1], (unsigned long long)s->nb[0],
		 c->in_place ? ", in place" : "");
}

static int run(const struct cpu_case *c, struct tern_cpu *cpu)
{
	struct tern_cpu_tensor src[TERN_MAX_SRC], dst = view(&c->dst);

	for (int i = 0; i < TERN_MAX_SRC; i++)
		src[i] = view(&c->src[i]);
	return tern_cpu_run(cpu, &c->op, src, &dst, NULL);
}

static struct ref_tensor reference(const struct cpu_case *c)
{
	struct ref_tensor src[TERN_MAX_SRC] = {{.v = NULL}}, want = ref_memory_get(&c->dst);

	for (int i = 0; i < TERN_MAX_SRC; i++)
		if (c->src[i].data)
			src[i] = ref_memory_get(&c->src[i]);
	/* blocks that are moved whole, or not touched, must not be encoded once more */
	if (c->op.op == TERN_SET_ROWS)
		ref_round(&src[0], c->dst.type);
	ref_run(&c->op, src, &want);
	if (ref_type(c->dst.type)->elems == 1 ||
	    (c->op.op == TERN_COPY && c->src[0].type != c->dst.type))
		ref_round(&want, c->dst.type);
	for (int i = 0; i < TERN_MAX_SRC; i++)
		ref_free(&src[i]);
	return want;
}

static void judge(const struct cpu_case *c, const struct ref_tensor *want, const char *what)
{
	struct ref_tensor got = ref_memory_get(&c->dst);
	const struct ref_error e = ref_compare(want, &got);

	ck_assert_msg(e.nmse <= c->nmse && !e.mismatches,
		      "%s: NMSE %g (allowed %g), %lld mismatches; element %lld is %.9g, not %.9g",
		      what, e.nmse, c->nmse, (long long)e.mismatches, (long long)e.worst,
		      got.v[e.worst], want->v[e.worst]);
	ck_assert_msg(ref_memory_gaps_intact(&c->dst), "%s: wrote outside of the destination",
		      what);
	ref_free(&got);
}

static void finish(struct cpu_case *c)
{
	for (int i = 0; i < TERN_MAX_SRC; i++)
		ref_memory_free(&c->src[i]);
	if (!c->in_place)
		ref_memory_free(&c->dst);
}

static void check_level(struct cpu_case *c, size_t level, const struct ref_tensor *want)
{
	uint8_t *first = malloc(c->dst.size);
	char what[256];

	describe(c, levels[level], what, sizeof(what));
	for (int t = 0; t < 2; t++) {
		const int rc = run(c, pools[level][t]);

		ck_assert_msg(rc == 0, "%s: %d, %s", what, rc, tern_last_error());
		judge(c, want, what);
		if (t)
			ck_assert_msg(!memcmp(first, c->dst.base, c->dst.size),
				      "%s: depends on the number of threads", what);
		memcpy(first, c->dst.base, c->dst.size);
		ref_memory_restore(&c->dst);
	}
	free(first);
}

void cpu_case_check(struct cpu_case *c)
{
	struct ref_tensor want;

	if (c->in_place)
		c->dst = c->src[0];
	want = reference(c);
	for (size_t l = 0; l < LEVELS; l++)
		if (pools[l][0])
			check_level(c, l, &want);
	ref_free(&want);
	finish(c);
}

void cpu_case_expect_error(struct cpu_case *c, int code)
{
	for (size_t l = 0; l < LEVELS; l++) {
		if (!pools[l][0])
			continue;
		ck_assert_int_eq(run(c, pools[l][0]), code);
		ck_assert_str_ne(tern_last_error(), "");
		ck_assert(!memcmp(c->dst.base, c->dst.before, c->dst.size));
	}
	finish(c);
}
