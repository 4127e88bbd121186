// SPDX-License-Identifier: MIT
#include "support/preempt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"
#include "lib/transport.h"

unsigned int preempt_every;
uint64_t preempt_count, preempt_light;

/* ---- whoever runs in between -------------------------------------------------------------- */
#define INTRUDER_VA 0x7000000000ull
#define LOUD	    0x5a5a5a5a

static uint64_t intruder[16384];

static void *own_memory(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	(void)ctx;
	(void)access;
	if (va < INTRUDER_VA || va >= INTRUDER_VA + sizeof(intruder))
		return NULL;
	if (*len > INTRUDER_VA + sizeof(intruder) - va)
		*len = INTRUDER_VA + sizeof(intruder) - va;
	return (unsigned char *)intruder + (va - INTRUDER_VA);
}

static void tile(struct tern_code *c, unsigned int n, unsigned int type, uint64_t addr, int64_t n0,
		 int64_t n1)
{
	const struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_imm((int64_t)addr), [TERN_TILE_SIZE0] = tern_imm(n0),
		[TERN_TILE_SIZE0 + 1] = tern_imm(n1),	    [TERN_TILE_SIZE0 + 2] = tern_imm(1),
		[TERN_TILE_SIZE0 + 3] = tern_imm(1),	    [TERN_TILE_STRIDE0] = tern_imm(4),
		[TERN_TILE_STRIDE0 + 1] = tern_imm(4 * n0), [TERN_TILE_TYPE] = tern_imm(type),
	};

	tern_emit_tile(c, n, 0x7ff, v);
}

/* Fills SPM with loud bytes, and multiplies some of them into the accumulators. */
static void write_intruder(const struct tern_caps *caps)
{
	struct tern_image_header h = {.magic = TERN_IMAGE_MAGIC,
				      .major = TERN_ISA_MAJOR,
				      .entry = TERN_IMAGE_HEADER_WORDS,
				      .spm_bytes = caps->spm_bytes,
				      .acc = caps->acc,
				      .sem = {{TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1}}};
	const int64_t row = 8192, rows = caps->spm_bytes / (4 * row);
	const struct tern_sync loaded = {.signal = {{0, 1}}}, full = {.wait = {{0, 1}}};
	struct tern_code c = {0};

	for (unsigned int i = 0; i < TERN_IMAGE_HEADER_WORDS; i++)
		tern_code_word(&c, 0);
	for (int64_t r = 0; r < rows; r++) {
		tile(&c, 0, TERN_T_F32 | TERN_TILE_SPM, (uint64_t)(4 * row * r), row, 1);
		tile(&c, 1, TERN_T_F32, INTRUDER_VA + 65536, row, 1);
		tern_emit_load(&c, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
	}
	tern_emit_sync(&c, TERN_Q_LOAD0, &loaded);
	tile(&c, 2, TERN_T_F32 | TERN_TILE_SPM, 0, 8, 32);
	tern_emit_matrix(&c, 0, 2, 2, TERN_NONE, &full);
	tern_emit_op(&c, TERN_OP_END);
	h.words = h.code_words = h.vector_words = (uint32_t)c.n;
	ck_assert_uint_le(8 * c.n, 65536);
	memcpy(intruder, c.w, 8 * c.n);
	memcpy(intruder, &h, sizeof(h));
	memset((unsigned char *)intruder + 65536, LOUD & 0xff, sizeof(intruder) - 65536);
	tern_code_fini(&c);
}

static void intrude(struct tern_sim *sim)
{
	struct tern_sim_run run = {.job.image = INTRUDER_VA, .mem = {own_memory, NULL}};

	write_intruder(tern_sim_caps(sim));
	ck_assert_int_eq(tern_sim_run(sim, &run), 0);
	ck_assert_msg(!run.fault.code, "intruder: fault %u at %u, %#llx", run.fault.code,
		      run.fault.word, (unsigned long long)run.fault.addr);
}

/* ---- preempting --------------------------------------------------------------------------- */
struct boundaries {
	unsigned int seen;
};

static enum tern_sim_attend attend(void *ctx)
{
	struct boundaries *b = ctx;

	return preempt_every && ++b->seen > preempt_every ? TERN_SIM_PREEMPT : TERN_SIM_GO_ON;
}

int preempt_run(struct tern_sim *sim, struct tern_sim_run *run, void *save)
{
	static const volatile int always = 1;
	struct boundaries b;
	int err;

	run->stop = &always;
	run->attend = attend;
	run->host_ctx = &b;
	run->save = save;
	run->resume = false;
	for (;;) {
		b.seen = 0;
		err = tern_sim_run(sim, run);
		if (err || !run->preempted)
			return err;
		preempt_count++;
		preempt_light += !(((struct tern_save_area *)save)->flags & TERN_SAVE_ENGINES);
		intrude(sim);
		run->resume = true;
	}
}

/* ---- the transport ---------------------------------------------------------------------------- */
struct preempting {
	struct tern_transport base;
	struct tern_va va;
	struct tern_sim *sim;
	void *save;
};

struct tern_context {
	struct preempting *owner;
	struct tern_map map;
};

static struct preempting *of(struct tern_transport *t)
{
	return (struct preempting *)t;
}

static void destroy(struct tern_transport *t)
{
	struct preempting *p = of(t);

	tern_sim_destroy(p->sim);
	tern_va_fini(&p->va);
	free(p->save);
	free(p);
}

static int alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem)
{
	return tern_host_alloc(&of(t)->va, size, mem);
}

static int wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
		struct tern_mem *mem)
{
	return tern_host_wrap(&of(t)->va, host, size, read_only, mem);
}

static void release(struct tern_transport *t, struct tern_mem *mem)
{
	tern_host_free(&of(t)->va, mem);
}

static int context_create(struct tern_transport *t, size_t nops, struct tern_context **out)
{
	(void)nops;
	*out = calloc(1, sizeof(**out));
	(*out)->owner = of(t);
	return 0;
}

static void context_destroy(struct tern_context *c)
{
	if (c)
		tern_map_fini(&c->map);
	free(c);
}

static int map(struct tern_context *c, const struct tern_mapping *list, size_t n)
{
	return tern_map_set(&c->map, list, n);
}

static int run(struct tern_context *c, struct tern_run *run)
{
	struct tern_sim_run r = {
		.job = run->job,
		.mem = {.translate = tern_map_translate, .ctx = &c->map},
		.event = run->tracer ? run->tracer->event : NULL,
		.event_ctx = run->tracer ? run->tracer->ctx : NULL,
		.ops = run->ops,
		.nops = run->nops,
	};
	int ret = preempt_run(c->owner->sim, &r, c->owner->save);

	run->counters = r.counters;
	run->fault = r.fault;
	return ret;
}

int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out);

int __wrap_tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
			      struct tern_transport **out)
{
	static const struct tern_transport_ops ops = {
		.destroy = destroy,
		.alloc = alloc,
		.wrap = wrap,
		.free = release,
		.context_create = context_create,
		.context_destroy = context_destroy,
		.map = map,
		.run = run,
	};
	struct preempting *p = calloc(1, sizeof(*p));
	char err[256] = "";

	p->base.ops = &ops;
	ck_assert_msg(!tern_sim_create(caps, opt, &p->sim, err, sizeof(err)), "%s", err);
	p->save = malloc(caps->save_bytes);
	tern_va_init(&p->va);
	*out = &p->base;
	return 0;
}
