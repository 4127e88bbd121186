// SPDX-License-Identifier: MIT
/*
 * Compiled programs, preempted at every command, every third, every hundredth, give the bits
 * of programs that run through: results are compared with the reference, and with those of
 * checking mode, which is never preempted, bit by bit. The link wraps tern_transport_sim().
 */
#include "support/conformance_layer.h"
#include "support/preempt.h"

static const enum tern_dtype weights[] = {TERN_F32, TERN_F16, TERN_Q8_0, TERN_Q4_K};
static const int64_t tokens[] = {1, 5, 33};

static const struct conf_layer sizes = {
	.cache = TERN_F16,
	.d = 256,
	.ff = 512,
	.hd = 64,
	.h = 4,
	.hk = 2,
	.max = 96,
};

static void decoder_layer(enum tern_dtype type, int64_t t)
{
	static struct conf_graph g;
	struct conf_layer l = sizes;
	char title[100];

	snprintf(title, sizeof(title), "preempt %s t=%d every %u", tern_dtype_name(type), (int)t,
		 preempt_every);
	l.weights = type;
	l.t = t;
	l.n = t + 40;
	g = (struct conf_graph){.name = title, .limit = 5e-2, .devices = ON_REF | ON_FAST};
	conf_decoder_layer(&g, &l, conf_input(&g, &l));
	conf_run(&g, NULL);
}

static void layers(unsigned int every)
{
	preempt_every = every;
	preempt_count = preempt_light = 0;
	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		for (size_t t = 0; t < CONF_COUNT(tokens); t++)
			decoder_layer(weights[w], tokens[t]);
	}
	/* at YIELDs and within groups */
	ck_assert_uint_gt(preempt_light, CONF_COUNT(weights) * CONF_COUNT(tokens));
	ck_assert_uint_gt(preempt_count - preempt_light, CONF_COUNT(weights) * CONF_COUNT(tokens));
}

static void every_command(void)
{
	layers(1);
}

static void every_third(void)
{
	layers(3);
}

static void now_and_then(void)
{
	layers(100);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"every command", every_command},
		{"every third", every_third},
		{"now and then", now_and_then},
	};

	return conf_main("preempted", tests, CONF_COUNT(tests));
}
