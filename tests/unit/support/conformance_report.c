// SPDX-License-Identifier: MIT
/*
 * Failures and the table of what ran where. Tests run in children (Check forks), so both are
 * kept in memory that all share.
 */
#include "support/conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TYPES = 64, MAX_SHOWN = 40, TIMEOUT_SECONDS = 900 };

struct cell {
	unsigned int npu, cpu;
	char why[160]; /* of the first that was not on the NPU */
};

static struct shared {
	struct cell cell[TERN_OP_COUNT][TYPES];
	unsigned int failures, comparisons;
	char name[400], device[64]; /* what is under way */
} * shared;

/* ---- what has to be on the NPU --------------------------------------------------------- */
/* All that a dense decoder needs and more: by the type that names the case, see type_of(). A
 * case that is special beyond its type says may_fall_back. */
static const uint64_t must[TERN_OP_COUNT] = {
	[TERN_MATMUL] = CONF_WEIGHTS,
	[TERN_GET_ROWS] = CONF_WEIGHTS,
	[TERN_SET_ROWS] = CONF_FLOATS | CONF_ENCODED,
	[TERN_RMS_NORM] = CONF_FLOATS,
	[TERN_NORM] = CONF_FLOATS,
	[TERN_L2_NORM] = CONF_FLOATS,
	[TERN_ROPE] = CONF_FLOATS,
	[TERN_SOFT_MAX] = CONF_FLOATS,
	[TERN_ATTENTION] = CONF_WEIGHTS,
	[TERN_GLU] = CONF_FLOATS,
	[TERN_UNARY] = CONF_FLOATS,
	[TERN_BINARY] = CONF_FLOATS,
	[TERN_SCALE] = CONF_FLOATS,
	[TERN_CLAMP] = CONF_FLOATS,
	[TERN_COPY] = CONF_WEIGHTS | CONF_SMALL,
	[TERN_CONCAT] = CONF_WEIGHTS | CONF_SMALL,
	[TERN_REPEAT] = CONF_FLOATS | CONF_SMALL,
	[TERN_SUM_ROWS] = CONF_FLOATS,
	[TERN_MEAN] = CONF_FLOATS,
	[TERN_ARGMAX] = CONF_FLOATS,
	[TERN_TOP_K] = CONF_FLOATS,
	[TERN_ARGSORT] = CONF_FLOATS,
	[TERN_MATMUL_ID] = CONF_WEIGHTS,
	[TERN_ADD_ID] = CONF_FLOATS,
};

static enum tern_dtype type_of(const struct tern_op_desc *op, const struct tern_tensor_desc *t)
{
	switch (op->op) {
	case TERN_SET_ROWS:
		return t[op->dst].type;
	case TERN_ATTENTION:
		return t[op->src[1]].type;
	default:
		return t[op->src[0]].type;
	}
}

bool conf_must(const struct tern_op_desc *op, const struct tern_tensor_desc *t)
{
	return must[op->op] >> type_of(op, t) & 1;
}

/* ---- cases ------------------------------------------------------------------------------- */
void conf_describe(const struct tern_op_desc *op, const struct tern_tensor_desc *t, char *buf,
		   size_t len)
{
	size_t n = (size_t)snprintf(buf, len, "%s(%d,%d %g)", tern_op_name(op->op), op->i[0],
				    op->i[1], (double)op->f[0]);

	for (int s = 0; s <= TERN_MAX_SRC && n < len; s++) {
		uint32_t i = s < TERN_MAX_SRC ? op->src[s] : op->dst;

		if (i == TERN_NO_TENSOR)
			continue;
		n += (size_t)snprintf(
			buf + n, len - n, "%s%s[%d,%d,%d,%d]%s", s < TERN_MAX_SRC ? " " : " -> ",
			tern_dtype_name(t[i].type), (int)t[i].ne[0], (int)t[i].ne[1],
			(int)t[i].ne[2], (int)t[i].ne[3],
			t[i].nb[1] == tern_dtype_row_bytes(t[i].type, (uint64_t)t[i].ne[0]) ? ""
											    : "'");
	}
}

void conf_fail(const char *name, const char *device, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&shared->failures, 1, __ATOMIC_RELAXED) > MAX_SHOWN)
		return;
	printf("%s @ %s: ", name, device);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

void conf_note(const char *name, const char *device, double nmse, double limit)
{
	shared->comparisons++;
	if (getenv("TERN_CONF_VERBOSE"))
		printf("%s @ %s: nmse %.2g of %.2g\n", name, device, nmse, limit);
}

void conf_now(const char *name, const char *device)
{
	snprintf(shared->name, sizeof(shared->name), "%s", name ? name : "");
	snprintf(shared->device, sizeof(shared->device), "%s", device ? device : "");
}

bool conf_wanted(const char *name, const char *device)
{
	const char *cases = getenv("TERN_CONF_CASE"), *devices = getenv("TERN_CONF_DEVICE");

	return (!cases || strstr(name, cases)) && (!devices || !device || strstr(device, devices));
}

void conf_placed(const struct tern_op_desc *op, const struct tern_tensor_desc *t, const char *why)
{
	struct cell *c = &shared->cell[op->op][type_of(op, t)];

	c->npu += !why;
	c->cpu += why != NULL;
	if (why && !c->why[0])
		snprintf(c->why, sizeof(c->why), "%s", why);
}

/* ---- the table ----------------------------------------------------------------------------- */
static void print_row(const char *name, const char *type, const struct cell *c)
{
	const char *text = strstr(c->why, ": "); /* the operator's name is in the row already */

	printf("%-10s %-6s %6u %6u  %.47s\n", name, type, c->npu, c->cpu, text ? text + 2 : c->why);
}

/* A row for all formats that are nowhere refused, and one for each that is. */
static void print_operator(int op)
{
	struct cell good = {0};

	for (int t = 0; t < TYPES; t++)
		good.npu += shared->cell[op][t].cpu ? 0 : shared->cell[op][t].npu;
	if (good.npu)
		print_row(tern_op_name((enum tern_opcode)op), "", &good);
	for (int t = 0; t < TYPES; t++)
		if (shared->cell[op][t].cpu)
			print_row(tern_op_name((enum tern_opcode)op),
				  tern_dtype_name((enum tern_dtype)t), &shared->cell[op][t]);
}

static void print_table(void)
{
	printf("\n%-10s %-6s %6s %6s  %s\n", "operator", "format", "NPU", "CPU",
	       "why the first of them is not on the NPU");
	for (int op = 0; op < TERN_OP_COUNT; op++)
		print_operator(op);
	printf("%u tensors compared\n", shared->comparisons);
	if (shared->name[0])
		printf("died in %s @ %s\n", shared->name, shared->device);
	fflush(stdout);
}

/* ---- the program ----------------------------------------------------------------------------- */
static const struct conf_test *tests;

START_TEST(run_one)
{
	unsigned int before = shared->failures;

	tests[_i].run();
	ck_assert_msg(shared->failures == before, "%s: %u failures", tests[_i].name,
		      shared->failures - before);
}
END_TEST

int conf_main(const char *name, const struct conf_test *list, unsigned int n)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	TCase *tc = tcase_create("cases");
	int failed;

	tests = list;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		abort();
	tcase_set_timeout(tc, TIMEOUT_SECONDS);
	tcase_add_loop_test(tc, run_one, 0, (int)n);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	print_table();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	munmap(shared, sizeof(*shared));
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
