/* SPDX-License-Identifier: MIT */
/*
 * A small program from device to session: y = (w (2 x + 1 + b)) / 2, in whole numbers small
 * enough that every order of summation gives the same floats.
 *
 * Tests name the NPU "sim:ref". With TERN_TEST_DEVICE=accel:0 in the environment that is the
 * kernel's device instead, and there is none in process (support/no_sim.c): the same tests of
 * the other transport. What it cannot be told, another configuration or checking, is a test
 * left out, which says so; tests/vm/units.py knows which those are.
 */
#ifndef TEST_LIB_FIXTURE_H
#define TEST_LIB_FIXTURE_H

#include "graph_fixture.h"

#define RIG_K	   32
#define RIG_N	   16
#define RIG_TOKENS 8

/* Storages, and tensors of the same number. */
enum { RIG_X, RIG_B, RIG_W, RIG_Y, RIG_A, RIG_C, RIG_P, RIG_NSTORAGES };

static inline struct gb *rig_graph(void)
{
	const uint32_t weight = TERN_STORAGE_BOUND | TERN_STORAGE_CONST;
	const enum tern_dtype f = TERN_F32;
	struct gb *g = gb_new();
	struct tern_op_desc *op;
	uint32_t t;

	gb_symbol(g, "tokens", RIG_TOKENS);
	gb_tensor(g, f, TERN_STORAGE_BOUND, "x", RIG_K, RIG_TOKENS, 1, 1);
	gb_tensor(g, f, weight, "b", RIG_K, 1, 1, 1);
	gb_tensor(g, f, weight, "w", RIG_K, RIG_N, 1, 1);
	gb_tensor(g, f, TERN_STORAGE_BOUND, "y", RIG_N, RIG_TOKENS, 1, 1);
	gb_tensor(g, f, TERN_STORAGE_KEEP, "a", RIG_K, RIG_TOKENS, 1, 1);
	gb_tensor(g, f, 0, "c", RIG_K, RIG_TOKENS, 1, 1);
	gb_tensor(g, f, 0, "p", RIG_N, RIG_TOKENS, 1, 1);
	for (t = 0; t < RIG_NSTORAGES; t++) {
		if (t != RIG_B && t != RIG_W)
			g->tensors[t].ne_sym[1] = 1;
	}
	op = gb_op(g, TERN_SCALE, RIG_A, RIG_X, NONE, NONE);
	op->f[0] = 2.0f;
	op->f[1] = 1.0f;
	gb_op(g, TERN_BINARY, RIG_C, RIG_A, RIG_B, NONE)->i[0] = TERN_ADD;
	gb_op(g, TERN_MATMUL, RIG_P, RIG_W, RIG_C, NONE)->group = 7;
	gb_op(g, TERN_SCALE, RIG_Y, RIG_P, NONE, NONE)->f[0] = 0.5f;
	return g;
}

/* Integers from -4 to 4; a fixed sequence. */
static inline float rig_number(uint32_t i)
{
	return (float)((int)((i * 2654435761u) >> 16) % 9 - 4);
}

struct rig {
	struct tern_device *dev;
	struct tern_program *prog;
	struct tern_session *s;
	struct tern_buffer *buf[4]; /* of the bound storages, which are the first four */
};

static inline void must(int ret)
{
	ck_assert_msg(!ret, "%d: %s", ret, tern_last_error());
}

static inline struct tern_program *rig_compile(struct tern_device *dev)
{
	struct gb *g = rig_graph();
	struct tern_graph *graph = gb_create(g);
	struct tern_program *prog;

	must(tern_compile(dev, graph, &prog));
	tern_graph_destroy(graph);
	free(g);
	return prog;
}

static inline void rig_bind(struct rig *r)
{
	static const uint64_t sizes[4] = {4 * RIG_K * RIG_TOKENS, 4 * RIG_K, 4 * RIG_K * RIG_N,
					  4 * RIG_N * RIG_TOKENS};
	struct tern_binding bind[RIG_NSTORAGES] = {0};
	uint32_t i, k;

	for (i = 0; i < 4; i++) {
		float *f;

		must(tern_buffer_create(r->dev, sizes[i], &r->buf[i]));
		f = tern_buffer_data(r->buf[i]);
		for (k = 0; k < sizes[i] / 4 && i != RIG_Y; k++)
			f[k] = rig_number(k + 1000 * i);
		bind[i].buffer = r->buf[i];
	}
	must(tern_session_bind(r->s, bind, RIG_NSTORAGES));
}

static inline const char *rig_kernel(void)
{
	return getenv("TERN_TEST_DEVICE");
}

/* What is to be opened where a test says `name`; NULL: nothing can be. Until the next call. */
static inline const char *rig_name(const char *name)
{
	static _Thread_local char text[256];
	size_t len;

	if (!rig_kernel() || strncmp(name, "sim:", 4))
		return name;
	snprintf(text, sizeof(text), "%s", rig_kernel());
	for (name += 4; *name; name += len + (name[len] == ',')) {
		len = strcspn(name, ",");
		if (!strncmp(name, "no=", 3) || !strncmp(name, "threads=", 8))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%.*s",
				 (int)len, name);
		else if (len != 3 || strncmp(name, "ref", 3))
			return NULL;
	}
	return text;
}

static inline bool rig_leave_out(const char *test, int i, const char *name)
{
	if (rig_name(name))
		return false;
	printf("# left out: %s %d: %s\n", test, i, name);
	fflush(stdout);
	return true;
}
/* At the begin of a test that needs the device `name`, if there may be none. */
#define RIG_NEEDS(name)                                  \
	do {                                             \
		if (rig_leave_out(__func__, _i, (name))) \
			return;                          \
	} while (0)

static inline void rig_device(const char *name, struct tern_device **dev)
{
	ck_assert_msg(rig_name(name) != NULL, "%s: RIG_NEEDS is missing", name);
	must(tern_device_open(rig_name(name), dev));
}

static inline void rig_open(struct rig *r, const char *device)
{
	rig_device(device, &r->dev);
	r->prog = rig_compile(r->dev);
	must(tern_session_create(r->prog, &r->s));
	rig_bind(r);
}

static inline void rig_close(struct rig *r)
{
	int i;

	tern_session_destroy(r->s);
	tern_program_destroy(r->prog);
	for (i = 0; i < 4; i++)
		tern_buffer_destroy(r->buf[i]);
	tern_device_close(r->dev);
}

static inline float rig_expect(uint32_t n, uint32_t token)
{
	float sum = 0;
	uint32_t k;

	for (k = 0; k < RIG_K; k++)
		sum += rig_number(k + n * RIG_K + 1000 * RIG_W) *
		       (2 * rig_number(k + token * RIG_K) + 1 + rig_number(k + 1000 * RIG_B));
	return sum / 2;
}

/* Rows of tokens that ran hold the result, the others what was there. */
static inline void rig_check(const struct rig *r, int64_t tokens)
{
	const float *y = tern_buffer_data(r->buf[RIG_Y]);
	uint32_t n, t;

	for (t = 0; t < RIG_TOKENS; t++) {
		for (n = 0; n < RIG_N; n++)
			ck_assert_float_eq(y[t * RIG_N + n], t < tokens ? rig_expect(n, t) : 0.0f);
	}
}

static inline void rig_run(struct rig *r, int64_t tokens)
{
	must(tern_session_run(r->s, &tokens, 1));
}

static inline uint64_t rig_attr(const struct rig *r, enum tern_program_attr attr)
{
	uint64_t v = 0;

	must(tern_program_get(r->prog, attr, &v));
	return v;
}

#endif
