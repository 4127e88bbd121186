// SPDX-License-Identifier: MIT
/*
 * Where each operator ran, why, and what it cost.
 *
 * Time is one currency: cycles of the NPU at its clock plus time in the CPU kernels. That is not
 * the wall clock of a model in process, which takes longer than the NPU it models.
 */
#include "lib/json.h"
#include "lib/session.h"
#include "isa/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 80

/* A consistent copy of what is reported on. */
struct report {
	const struct tern_program *prog;
	struct tern_stats total;
	struct tern_op_stat *ops;
	double ns_per_cycle, ns;
};

static double op_ns(const struct report *r, const struct tern_op_stat *o)
{
	return (double)o->npu.cycles * r->ns_per_cycle + (double)o->cpu_ns;
}

static double share(const struct report *r, double ns)
{
	return r->ns > 0 ? 100.0 * ns / r->ns : 0.0;
}

static bool on_npu(const struct report *r, uint32_t op)
{
	return !r->prog->part.why[op];
}

static const char *dst_name(const struct report *r, uint32_t op)
{
	const struct tern_graph *g = r->prog->graph;
	const char *name = g->tensors[g->ops[op].dst].name;

	return name ? name : "";
}

/* ---- text ------------------------------------------------------------------------------- */

/* "12.3M": five characters and the unit. */
static const char *human(uint64_t n, char buf[16])
{
	static const char units[] = " kMGTPE";
	double v = (double)n;
	int u = 0;

	while (v >= 999.5 && units[u + 1]) {
		v /= 1000;
		u++;
	}
	snprintf(buf, 16, u ? "%.*f%c" : "%.*f", u && v < 99.95 ? 1 : 0, v, units[u]);
	return buf;
}

/* The end of a name says more than its beginning; never cut inside a UTF-8 sequence. */
static void print_name(FILE *out, const char *name, int width)
{
	size_t len = strlen(name), skip = len > (size_t)width ? len - (size_t)width + 1 : 0;
	int cols = 0;
	const char *c;

	while (skip && ((unsigned char)name[skip] & 0xc0) == 0x80)
		skip++;
	if (skip)
		cols += fputc('~', out) != EOF;
	for (c = name + skip; *c; c++) {
		fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
		cols += ((unsigned char)*c & 0xc0) != 0x80;
	}
	fprintf(out, "%*s", width - cols > 0 ? width - cols : 0, "");
}

/* Numbers reasons in the order of their first operator; 0: none. */
static uint32_t reason_number(const struct report *r, uint32_t op)
{
	uint32_t i;

	for (i = 0; i < r->prog->part.nreasons; i++) {
		if (r->prog->part.reasons[i] == r->prog->part.why[op])
			return i + 1;
	}
	return 0;
}

static void print_row(const struct report *r, uint32_t op, FILE *out)
{
	const struct tern_op_desc *o = &r->prog->graph->ops[op];
	const struct tern_op_stat *s = &r->ops[op];
	uint32_t owner = tern_program_owner(r->prog, op);
	char where[16], cost[24], bytes[16];

	if (on_npu(r, op))
		snprintf(where, sizeof(where), "npu");
	else
		snprintf(where, sizeof(where), "cpu[%" PRIu32 "]", reason_number(r, op));
	if (owner != op)
		snprintf(cost, sizeof(cost), "in %" PRIu32, owner);
	else if (on_npu(r, op))
		snprintf(cost, sizeof(cost), "%" PRIu64, s->npu.cycles);
	else
		snprintf(cost, sizeof(cost), "%" PRIu64 " us", s->cpu_ns / 1000);
	fprintf(out, "%5" PRIu32 " %5" PRIu32 " %-9s ", op, o->group, tern_op_name(o->op));
	print_name(out, dst_name(r, op), 22);
	fprintf(out, " %-7s %13s", where, cost);
	if (owner == op)
		fprintf(out, " %6s %6.2f", human(s->npu.dram_bytes + s->cpu_bytes, bytes),
			share(r, op_ns(r, s)));
	fputc('\n', out);
}

/* Wraps at spaces; a longer word is cut. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
	int room = COLUMNS - indent;

	while (*text) {
		int len = (int)strlen(text), cut = len;

		if (len > room) {
			for (cut = room; cut > 0 && text[cut] != ' '; cut--)
				;
			cut = cut ? cut : room;
		}
		fprintf(out, "%.*s\n", cut, text);
		text += cut;
		text += strspn(text, " ");
		if (*text)
			fprintf(out, "%*s", indent, "");
	}
}

static void print_reasons(const struct report *r, FILE *out)
{
	uint32_t i;

	if (r->prog->part.nreasons)
		fprintf(out, "\nWhy operators ran on the CPU:\n");
	for (i = 0; i < r->prog->part.nreasons; i++) {
		char number[16];

		snprintf(number, sizeof(number), "[%" PRIu32 "]", i + 1);
		fprintf(out, "%6s ", number);
		print_wrapped(out, r->prog->part.reasons[i], 7);
	}
}

static void print_text(const struct report *r, FILE *out)
{
	const struct tern_stats *t = &r->total;
	char bytes[16];
	uint32_t i;

	fprintf(out, "%5s %5s %-9s %-22s %-7s %13s %6s %6s\n", "op", "group", "operator", "tensor",
		"where", "cycles", "bytes", "time%");
	for (i = 0; i < r->prog->graph->nops; i++)
		print_row(r, i, out);
	fprintf(out,
		"\n%" PRIu64 " runs: %" PRIu64 " operators on the NPU in %" PRIu64
		" cycles, %" PRIu64 " on the CPU in %" PRIu64 " us;\n",
		t->runs, t->npu_ops, t->cycles, t->cpu_ops, t->cpu_ns / 1000);
	fprintf(out, "%s bytes through the NPU's DRAM port.\n",
		human(t->dram_read + t->dram_written, bytes));
	print_reasons(r, out);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_op(const struct report *r, uint32_t op, FILE *out)
{
	const struct tern_op_desc *o = &r->prog->graph->ops[op];
	const struct tern_op_stat *s = &r->ops[op];
	uint32_t owner = tern_program_owner(r->prog, op);
	int q;

	fprintf(out,
		"%s\n{\"op\":%" PRIu32 ",\"group\":%" PRIu32 ",\"operator\":\"%s\",\"tensor\":",
		op ? "," : "", op, o->group, tern_op_name(o->op));
	tern_json_string(out, dst_name(r, op));
	fprintf(out, ",\"where\":\"%s\",\"segment\":%" PRIu32, on_npu(r, op) ? "npu" : "cpu",
		tern_program_segment(r->prog, op));
	if (!on_npu(r, op)) {
		fputs(",\"why\":", out);
		tern_json_string(out, r->prog->part.why[op]);
	}
	if (owner != op)
		fprintf(out, ",\"fused_into\":%" PRIu32, owner);
	fprintf(out,
		",\"cycles\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"macs\":%" PRIu64 ",\"commands\":%" PRIu64 ",\"busy\":{",
		s->npu.cycles, s->cpu_ns, s->npu.dram_bytes + s->cpu_bytes, s->npu.macs,
		s->npu.commands);
	for (q = 0; q < TERN_NENGINES; q++)
		fprintf(out, "%s\"%s\":%" PRIu64, q ? "," : "", tern_queue_name((unsigned int)q),
			s->npu.busy[q]);
	fprintf(out, "},\"share\":%.6f}", share(r, op_ns(r, s)) / 100.0);
}

static void print_json(const struct report *r, FILE *out)
{
	const struct tern_stats *t = &r->total;
	uint32_t i;

	fputs("{\"device\":", out);
	tern_json_string(out, r->prog->dev->name);
	fprintf(out,
		",\"clock_khz\":%" PRIu32 ",\"runs\":%" PRIu64 ",\"npu_ops\":%" PRIu64
		",\"cpu_ops\":%" PRIu64 ",\"cycles\":%" PRIu64 ",\"cpu_ns\":%" PRIu64
		",\"host_ns\":%" PRIu64 ",\"dram_read\":%" PRIu64 ",\"dram_written\":%" PRIu64
		",\"energy_pj\":%" PRIu64 ",\n\"operators\":[",
		r->prog->dev->target.caps.clock_khz, t->runs, t->npu_ops, t->cpu_ops, t->cycles,
		t->cpu_ns, t->host_ns, t->dram_read, t->dram_written, t->energy_pj);
	for (i = 0; i < r->prog->graph->nops; i++)
		json_op(r, i, out);
	fputs("\n]}\n", out);
}

/* ---- both ------------------------------------------------------------------------------- */

static int take_report(const struct tern_session *s, struct report *r)
{
	uint32_t clock_khz = s->prog->dev->target.caps.clock_khz, i;
	size_t size = s->prog->graph->nops * sizeof(*r->ops);
	pthread_mutex_t *lock = (pthread_mutex_t *)&s->lock; /* the session is const to its user */

	r->prog = s->prog;
	r->ns_per_cycle = clock_khz ? 1e6 / clock_khz : 0;
	r->ns = 0;
	r->ops = malloc(size + 1);
	if (!r->ops)
		return tern_fail(-ENOMEM, "no memory to report on %u operators",
				 s->prog->graph->nops);
	pthread_mutex_lock(lock);
	r->total = s->stats;
	memcpy(r->ops, s->ops, size);
	pthread_mutex_unlock(lock);
	for (i = 0; i < s->prog->graph->nops; i++)
		r->ns += op_ns(r, &r->ops[i]);
	return 0;
}

int tern_explain(const struct tern_session *s, FILE *out, bool json)
{
	struct report r = {0};
	int ret;

	if (!s || !out)
		return tern_fail(-EINVAL, "tern_explain: s and out must not be NULL");
	ret = take_report(s, &r);
	if (ret)
		return ret;
	if (json)
		print_json(&r, out);
	else
		print_text(&r, out);
	free(r.ops);
	return ferror(out) ? tern_fail(-EIO, "the report could not be written") : 0;
}
