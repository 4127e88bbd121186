// SPDX-License-Identifier: MIT
/* tern-run: text from a GGUF model on a Tern NPU. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { DEFAULT_CTX = 4096, MAX_BATCH = 512, DEFAULT_PREDICT = 128 };

/* ---- options ------------------------------------------------------------------- */
enum option_kind { OPT_STRING, OPT_U32, OPT_U64, OPT_F32, OPT_FLAG, OPT_HELP };

static const struct option_row {
	const char *name, *arg, *text;
	char letter;
	uint8_t kind;
	size_t at; /* offset in struct options */
	double lo, hi;
} rows[] = {
#define AT(field) offsetof(struct options, field)
	{"prompt", "TEXT", "text to continue", 'p', OPT_STRING, AT(prompt), 0, 0},
	{"predict", "N", "tokens to generate (128)", 'n', OPT_U32, AT(n_predict), 0, 1e9},
	{"device", "NAME", "accel:0, sim:ref, cpu, ... (accel; sim:ref without one)", 'd',
	 OPT_STRING, AT(device), 0, 0},
	{"threads", "N", "host threads (all cores)", 't', OPT_U32, AT(threads), 1, 1024},
	{"ctx", "N", "context, in tokens (the model's, at most 4096)", 'c', OPT_U32, AT(ctx), 2,
	 1e7},
	{"temp", "T", "temperature; 0 takes the likeliest token (0.8)", 0, OPT_F32,
	 AT(sampling.temperature), 0, 100},
	{"top-k", "K", "sample among the K likeliest; 0: all (40)", 0, OPT_U32, AT(sampling.top_k),
	 0, 1e9},
	{"top-p", "P", "... up to this probability; 1: all (0.95)", 0, OPT_F32, AT(sampling.top_p),
	 0, 1},
	{"seed", "S", "of the sampling (0)", 0, OPT_U64, AT(sampling.seed), 0, 0},
	{"stats", NULL, "print speed, shares of peak, energy", 0, OPT_FLAG, AT(stats), 0, 0},
	{"explain", NULL, "print where each operator ran, why, and its cost", 0, OPT_FLAG,
	 AT(show_explain), 0, 0},
	{"trace", "FILE", "write a trace that opens in Perfetto", 0, OPT_STRING, AT(trace), 0, 0},
	{"perplexity", "FILE", "measure the perplexity of a text instead", 0, OPT_STRING,
	 AT(perplexity), 0, 0},
	{"bench", "PLAN", "time p512,n32,r5: prefill, decode, repeats", 0, OPT_STRING, AT(bench), 0,
	 0},
	{"json", NULL, "one JSON document on standard output", 0, OPT_FLAG, AT(json), 0, 0},
	{"help", NULL, "this text", 'h', OPT_HELP, 0, 0, 0},
#undef AT
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static void usage(FILE *out)
{
	fprintf(out, "usage: tern-run MODEL.gguf -p TEXT [options]\n\n");
	for (int i = 0; i < N_ROWS; i++) {
		char left[32], letter[8] = "    ";

		if (rows[i].letter)
			snprintf(letter, sizeof(letter), "-%c, ", rows[i].letter);
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].arg ? " " : "",
			 rows[i].arg ? rows[i].arg : "");
		fprintf(out, "  %s%-20s %s\n", letter, left, rows[i].text);
	}
}

static bool set_number(const struct option_row *o, const char *text, void *at)
{
	char *end;
	double v;

	errno = 0;
	if (o->kind == OPT_U64) {
		*(uint64_t *)at = strtoull(text, &end, 0);
		return end != text && !*end && !errno && *text != '-';
	}
	v = strtod(text, &end);
	if (end == text || *end || !(v >= o->lo && v <= o->hi))
		return false;
	if (o->kind == OPT_F32)
		*(float *)at = (float)v;
	else if (v == (double)(uint32_t)v)
		*(uint32_t *)at = (uint32_t)v;
	else
		return false;
	return true;
}

/* 0: go on; else the exit status plus 1. */
static int set_option(const struct option_row *o, const char *text, struct options *opt)
{
	void *at = (char *)opt + o->at;

	switch (o->kind) {
	case OPT_HELP:
		usage(stdout);
		return 1;
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_STRING:
		*(const char **)at = text;
		return 0;
	default:
		if (set_number(o, text, at))
			return 0;
		if (o->kind == OPT_U64)
			fprintf(stderr, "tern-run: --%s %s: give a whole number\n", o->name, text);
		else
			fprintf(stderr, "tern-run: --%s %s: give a number from %g to %g\n", o->name,
				text, o->lo, o->hi);
		return 3;
	}
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	struct option longs[N_ROWS + 1] = {0};
	char shorts[2 * N_ROWS + 1] = "";
	int c, rc;

	for (int i = 0; i < N_ROWS; i++) {
		longs[i] = (struct option){
			rows[i].name, rows[i].arg ? required_argument : no_argument, NULL, 256 + i};
		if (rows[i].letter)
			snprintf(shorts + strlen(shorts), 3, "%c%s", rows[i].letter,
				 rows[i].arg ? ":" : "");
	}
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		int i = c - 256;

		for (int j = 0; c < 256 && j < N_ROWS; j++)
			if (rows[j].letter == c)
				i = j;
		if (c == '?' || i < 0) {
			fprintf(stderr, "tern-run: see tern-run --help\n");
			return 3;
		}
		rc = set_option(&rows[i], optarg, opt);
		if (rc)
			return rc;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "tern-run: name one model file: tern-run MODEL.gguf -p TEXT\n");
		return 3;
	}
	opt->model = argv[optind];
	if (!opt->prompt && !opt->perplexity && !opt->bench) {
		fprintf(stderr,
			"tern-run: give a text to continue with -p, or --perplexity FILE\n");
		return 3;
	}
	return 0;
}

/* ---- device name with --threads ---------------------------------------------------- */
static const char *device_name(const struct options *opt, char *buf, size_t size)
{
	const char *name = opt->device ? opt->device : getenv("TERN_DEVICE");

	if (!name || !*name)
		name = "default";
	if (!opt->threads)
		return name;
	snprintf(buf, size, "%s%cthreads=%u", name, strchr(name, ':') ? ',' : ':', opt->threads);
	return buf;
}

/* ---- running -------------------------------------------------------------------------- */
static struct decoder *stop_target;

static void on_interrupt(int sig)
{
	(void)sig;
	run_interrupted = 1;
	if (stop_target)
		decoder_stop(stop_target);
}

static int fail_trace(struct run *r, const char *why)
{
	snprintf(r->err, sizeof(r->err), "cannot write %s: %s", r->opt->trace, why);
	return run_fail(r);
}

static int with_trace(struct run *r)
{
	const struct options *opt = r->opt;
	FILE *trace = NULL;
	int status;

	if (opt->trace) {
		trace = fopen(opt->trace, "w");
		if (!trace)
			return fail_trace(r, strerror(errno));
		if (tern_session_trace(decoder_session(r->dec), trace)) {
			fclose(trace);
			return fail_trace(r, tern_last_error());
		}
	}
	status = opt->perplexity ? run_perplexity(r) : opt->bench ? run_bench(r) : run_generate(r);
	if (trace) {
		bool bad = tern_session_trace(decoder_session(r->dec), NULL);
		bool unclosed = fclose(trace);

		/* A run that failed has said its sentence. */
		if ((bad || unclosed) && (status == 0 || status == 130))
			return fail_trace(r, bad ? tern_last_error() : strerror(errno));
	}
	return status;
}

static int with_reports(struct run *r)
{
	const struct options *opt = r->opt;
	int status = with_trace(r);

	if (status == 0 || status == 130) {
		if (opt->stats && !opt->bench)
			stats_print(r, opt->json ? stderr : stdout);
		if (opt->show_explain)
			tern_explain(decoder_session(r->dec), opt->json ? stderr : stdout,
				     opt->json);
	}
	return status;
}

static int run(struct options *opt)
{
	struct run r = {.opt = opt, .prefill = {.name = "prefill"}, .decode = {.name = "decode"}};
	struct decoder_params p;
	char name[256];
	int status;

	if (model_open(opt->model, &r.model, r.err, sizeof(r.err)))
		return run_fail(&r);
	if (!opt->ctx)
		opt->ctx = r.model->ctx_train < DEFAULT_CTX ? r.model->ctx_train : DEFAULT_CTX;
	if (opt->ctx > r.model->ctx_train)
		fprintf(stderr,
			"tern-run: warning: the model was trained with %u tokens of context; past "
			"them it makes little sense\n",
			r.model->ctx_train);
	p = (struct decoder_params){
		.device = device_name(opt, name, sizeof(name)),
		.ctx = opt->ctx,
		.batch = opt->ctx < MAX_BATCH ? opt->ctx : MAX_BATCH,
		.all_logits = opt->perplexity != NULL,
	};
	if (decoder_create(r.model, &p, &r.dec, r.err, sizeof(r.err))) {
		status = run_fail(&r);
	} else {
		stop_target = r.dec;
		status = with_reports(&r);
		stop_target = NULL;
	}
	decoder_destroy(r.dec);
	model_close(r.model);
	return status;
}

/* What the library does otherwise than was to be expected, and what to do about it. */
static void on_warning(void *ctx, enum tern_log_level level, const char *text)
{
	(void)ctx;
	fprintf(stderr, "tern-run: %s%s\n", level == TERN_LOG_WARN ? "warning: " : "", text);
}

int main(int argc, char **argv)
{
	struct options opt = {
		.n_predict = DEFAULT_PREDICT,
		.sampling = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f},
	};
	struct sigaction sa = {.sa_handler = on_interrupt};
	int rc = parse_options(argc, argv, &opt);

	sigaction(SIGINT, &sa, NULL);
	tern_set_log(on_warning, NULL, TERN_LOG_WARN);
	rc = rc ? rc - 1 : run(&opt);
	/* What was printed may still wait in the buffer. */
	if ((fflush(stdout) || ferror(stdout)) && (rc == 0 || rc == 130)) {
		fprintf(stderr, "tern-run: standard output could not be written completely: is "
				"the disk full?\n");
		return 1;
	}
	return rc;
}
