// SPDX-License-Identifier: MIT
/* The table and the JSON of --stats. */
#include <math.h>
#include <time.h>

#include "run.h"

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bytes of the UTF-8 sequence at s, of at most n; 0: it is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	static const uint32_t first[5] = {0, 0, 0x80, 0x800, 0x10000}; /* no overlong forms */
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = s[0] & (0x7fu >> len);

	if (len == 1)
		return 1;
	if (!len || len > n || s[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < first[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

/* Tokens may be parts of characters: what is not UTF-8 becomes U+FFFD. */
void json_string(FILE *out, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + n;
	size_t len;

	putc('"', out);
	for (; s < end; s += len) {
		len = utf8_len(s, (size_t)(end - s));
		if (!len) {
			fputs("\\ufffd", out);
			len = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(out, "\\%c", *s);
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(out, "\\u%04x", *s);
		} else {
			fwrite(s, 1, len, out);
		}
	}
	putc('"', out);
}

static uint64_t attr(const struct run *r, enum tern_device_attr a)
{
	uint64_t v = 0;

	tern_device_get(decoder_device(r->dec), a, &v);
	return v;
}

static uint64_t program_attr(const struct run *r, enum tern_program_attr a)
{
	uint64_t v = 0;

	tern_program_get(decoder_program(r->dec), a, &v);
	return v;
}

/* What a phase comes to; a figure that does not exist is NaN. */
struct figures {
	double host_tps, npu_tps, matrix_share, dram_share, bound, mj_per_token, npu_ms;
};

static double ratio(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static struct figures figures_of(const struct run *r, const struct phase *p)
{
	const struct tern_stats *s = &p->stats;
	double hz = 1e3 * (double)attr(r, TERN_DEVICE_CLOCK_KHZ);
	double bytes_per_cycle = (double)attr(r, TERN_DEVICE_DRAM_X256) / 256;
	double dram_cycles = ratio((double)s->graph_bytes, bytes_per_cycle);
	double cycles = (double)s->cycles, tokens = (double)p->tokens;

	return (struct figures){
		.host_tps = ratio(tokens, p->host_s),
		.npu_tps = ratio(tokens * hz, cycles),
		.npu_ms = ratio(1e3 * cycles, hz),
		.matrix_share = ratio(s->graph_mac_cycles, cycles),
		.dram_share = ratio(dram_cycles, cycles),
		.bound = ratio(s->graph_bound_cycles, cycles),
		.mj_per_token = cycles > 0 ? ratio(1e-9 * (double)s->energy_pj, tokens) : NAN,
	};
}

/* ---- table ------------------------------------------------------------------ */
static void cell(FILE *out, double v, int digits, const char *unit)
{
	char text[32];

	if (isnan(v))
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%.*f%s", digits, v, unit);
	fprintf(out, " %16s", text);
}

static void row(FILE *out, const char *name, double a, double b, int digits, const char *unit)
{
	fprintf(out, "%-34s", name);
	cell(out, a, digits, unit);
	cell(out, b, digits, unit);
	putc('\n', out);
}

void stats_print(const struct run *r, FILE *out)
{
	struct figures p = figures_of(r, &r->prefill), d = figures_of(r, &r->decode);
	const struct tern_stats *ps = &r->prefill.stats, *ds = &r->decode.stats;

	fprintf(out, "\n%-34s %16s %16s\n", tern_device_name(decoder_device(r->dec)), "prefill",
		"decode");
	row(out, "tokens", (double)r->prefill.tokens, (double)r->decode.tokens, 0, "");
	row(out, "tokens/s, NPU clock", p.npu_tps, d.npu_tps, 1, "");
	row(out, "tokens/s, host", p.host_tps, d.host_tps, 1, "");
	row(out, "share of peak MACs", 100 * p.matrix_share, 100 * d.matrix_share, 1, " %");
	row(out, "share of DRAM bandwidth", 100 * p.dram_share, 100 * d.dram_share, 1, " %");
	row(out, "bound efficiency", 100 * p.bound, 100 * d.bound, 1, " %");
	row(out, "energy per token", p.mj_per_token, d.mj_per_token, 3, " mJ");
	row(out, "NPU time", p.npu_ms, d.npu_ms, 3, " ms");
	row(out, "operators run on the NPU", (double)ps->npu_ops, (double)ds->npu_ops, 0, "");
	row(out, "operators run on the CPU", (double)ps->cpu_ops, (double)ds->cpu_ops, 0, "");
	fprintf(out, "%-34s %6u: %llu runs, %.1f ms, %.1f KiB\n", "programs compiled",
		decoder_compiled(r->dec), (unsigned long long)(ps->runs + ds->runs),
		1e-6 * (double)program_attr(r, TERN_PROGRAM_COMPILE_NS),
		(double)program_attr(r, TERN_PROGRAM_IMAGE_BYTES) / 1024);
}

/* ---- JSON --------------------------------------------------------------------- */
static void number(FILE *out, const char *name, double v, const char *after)
{
	if (isnan(v))
		fprintf(out, "\"%s\": null%s", name, after);
	else
		fprintf(out, "\"%s\": %.9g%s", name, v, after);
}

static void phase_json(const struct run *r, const struct phase *p, FILE *out)
{
	static const char *const types[4] = {"int8", "fp16", "bf16", "fp32"};
	const struct tern_stats *s = &p->stats;
	struct figures f = figures_of(r, p);

	fprintf(out, "{\"tokens\": %llu, ", (unsigned long long)p->tokens);
	number(out, "npu_tps", f.npu_tps, ", ");
	number(out, "host_tps", f.host_tps, ", ");
	number(out, "matrix_share", f.matrix_share, ", ");
	number(out, "dram_share", f.dram_share, ", ");
	number(out, "bound_efficiency", f.bound, ", ");
	number(out, "mj_per_token", f.mj_per_token, ", ");
	fprintf(out,
		"\n  \"cycles\": %llu, \"commands\": %llu, \"dram_read\": %llu, "
		"\"dram_written\": %llu, \"graph_bytes\": %llu, \"npu_ops\": %llu, "
		"\"cpu_ops\": %llu, \"runs\": %llu,\n  \"macs\": {",
		(unsigned long long)s->cycles, (unsigned long long)s->commands,
		(unsigned long long)s->dram_read, (unsigned long long)s->dram_written,
		(unsigned long long)s->graph_bytes, (unsigned long long)s->npu_ops,
		(unsigned long long)s->cpu_ops, (unsigned long long)s->runs);
	for (int i = 0; i < 4; i++)
		fprintf(out, "%s\"%s\": %llu", i ? ", " : "", types[i],
			(unsigned long long)s->macs[i]);
	fprintf(out, "}, ");
	number(out, "graph_mac_cycles", s->graph_mac_cycles, ", ");
	number(out, "graph_bound_cycles", s->graph_bound_cycles, "}");
}

void stats_json(const struct run *r, FILE *out)
{
	fprintf(out, "{\"device\": ");
	json_string(out, tern_device_name(decoder_device(r->dec)),
		    __builtin_strlen(tern_device_name(decoder_device(r->dec))));
	fprintf(out,
		", \"programs_compiled\": %u, \"compile_ms\": %.3f, \"image_bytes\": %llu,\n "
		"\"prefill\": ",
		decoder_compiled(r->dec), 1e-6 * (double)program_attr(r, TERN_PROGRAM_COMPILE_NS),
		(unsigned long long)program_attr(r, TERN_PROGRAM_IMAGE_BYTES));
	phase_json(r, &r->prefill, out);
	fprintf(out, ",\n \"decode\": ");
	phase_json(r, &r->decode, out);
	fprintf(out, "}");
}
