// SPDX-License-Identifier: GPL-2.0
/* The device's life. */
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define ROOM_TEMPERATURE 45000

uint64_t model_now(const struct model *m)
{
	return clock_host() - m->epoch;
}

void model_log(struct model *m, const char *format, ...)
{
	va_list args;

	if (!m->log)
		return;
	va_start(args, format);
	flockfile(m->log);
	fprintf(m->log, "%llu ", (unsigned long long)model_now(m));
	vfprintf(m->log, format, args);
	funlockfile(m->log);
	va_end(args);
}

/* Deadlines are of CLOCK_MONOTONIC. */
static void make_condition(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

int model_create(const struct tern_caps *caps, const struct tern_sim_options *opt,
		 struct model **out, char *err, size_t errlen)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->caps = *caps;
	m->epoch = clock_host();
	clock_start(&m->clock);
	m->clock_khz = caps->clock_khz;
	m->temperature = ROOM_TEMPERATURE;
	pthread_mutex_init(&m->lock, NULL);
	make_condition(&m->changed);
	memory_init(&m->memory);
	mmu_init(m);
	irq_init(m);
	pci_init(m);
	if (engine_create(m, opt, err, errlen)) {
		free(m);
		return -EINVAL;
	}
	if (mcu_create(m)) {
		snprintf(err, errlen, "no memory or no thread for the MCU");
		engine_destroy(m);
		free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void model_destroy(struct model *m)
{
	mcu_destroy(m);
	engine_destroy(m);
	memory_destroy(&m->memory);
	free(m);
}
