// SPDX-License-Identifier: GPL-2.0
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model.h"
#include "socket.h"
#include "stats.h"

struct control {
	struct model *m;
	int fd;
};

/* ---- faults ------------------------------------------------------------------------------------- */
static const char *const fault_names[] = {
#define X(name, command, text) [FAULT_##name] = command,
	DEVICE_FAULTS(X)
#undef X
};

/* What is already under way must notice. */
static void applied(struct model *m, enum device_fault which, uint32_t times)
{
	pthread_mutex_lock(&m->lock);
	if (which == FAULT_ACK_DELAY && !times)
		mmu_waited(m, WAIT_FAULT);
	if (which == FAULT_GONE || which == FAULT_DMA_ERROR || which == FAULT_DMA_ERROR_KERNEL)
		gate_changed(m); /* what was looked up before does not count */
	if (m->engine.running)
		engine_attend(m);
	mcu_wake(m);
	pthread_mutex_unlock(&m->lock);
}

/* "lost-irq", "lost-irq 3", "lost-irq on", "lost-irq off" */
static bool inject(struct model *m, const char *name, const char *arg)
{
	uint32_t times = 1;

	for (unsigned int i = 0; i < FAULT_COUNT; i++) {
		if (strcmp(name, fault_names[i]))
			continue;
		if (arg)
			times = !strcmp(arg, "on") ? UINT32_MAX : (uint32_t)strtoul(arg, NULL, 0);
		else if (i == FAULT_GONE || i == FAULT_HANG || i == FAULT_MCU_SILENT ||
			 i == FAULT_OLDER)
			times = UINT32_MAX; /* states: once makes no sense */
		faults_set(&m->faults, (enum device_fault)i, times);
		applied(m, (enum device_fault)i, times);
		return true;
	}
	return false;
}

/* ---- commands: print the answer ------------------------------------------------------------------- */
static void temperature(struct model *m, const char *arg, FILE *out)
{
	bool over, was;

	pthread_mutex_lock(&m->lock);
	m->temperature = (int32_t)strtol(arg, NULL, 0);
	over = m->temperature > OVER_TEMPERATURE;
	was = m->over_temperature;
	m->over_temperature = over;
	pthread_mutex_unlock(&m->lock);
	if (over != was)
		irq_raise(m, TERN_IRQ_THERMAL);
	fprintf(out, "ok\n");
}

static void ecc(struct model *m, const char *arg, FILE *out)
{
	bool fatal = !strcmp(arg, "fatal");

	pthread_mutex_lock(&m->lock);
	if (fatal)
		m->ecc_fatal++;
	else
		m->ecc_corrected++;
	pthread_mutex_unlock(&m->lock);
	if (fatal)
		irq_raise(m, TERN_IRQ_ECC);
	fprintf(out, "ok\n");
}

/* The MCU's registers, for tests that play the firmware: "mcu OFFSET [VALUE]". */
static void play_mcu(struct model *m, const char *arg, FILE *out)
{
	char *end;
	uint32_t reg = TERN_REGS_FW + (uint32_t)strtoul(arg, &end, 0), v = 0;

	pthread_mutex_lock(&m->lock);
	if (m->mcu.running)
		fprintf(out, "error: the MCU runs a program of its own\n");
	else if (*end == ' ')
		fw_reg_write(m, reg, (uint32_t)strtoul(end, NULL, 0), true);
	else
		v = fw_reg_read(m, reg, true);
	if (!m->mcu.running)
		fprintf(out, "ok %#" PRIx32 "\n", v);
	pthread_mutex_unlock(&m->lock);
}

/* Has a fault that was to happen so often happened? */
static void used(struct model *m, const char *arg, FILE *out)
{
	for (unsigned int i = 0; i < FAULT_COUNT; i++) {
		if (strcmp(arg, fault_names[i]))
			continue;
		if (faults_on(&m->faults, (enum device_fault)i))
			fprintf(out, "error: %s has not happened, or not so often\n", arg);
		else
			fprintf(out, "ok\n");
		return;
	}
	fprintf(out, "error: no fault \"%s\"\n", arg);
}

/* What the checker of the log has to know and the device cannot: bindings. */
static void note(struct model *m, const char *arg, FILE *out)
{
	mmu_log_again(m);
	model_log(m, "note %s\n", arg);
	fprintf(out, "ok\n");
}

static void statistics(struct model *m, const char *arg, FILE *out)
{
	(void)arg;
	stats_print(m, out);
	fprintf(out, "ok\n");
}

/* What the host has cost itself, in one line. */
static void traffic(struct model *m, const char *arg, FILE *out)
{
	uint64_t interrupts;

	(void)arg;
	pthread_mutex_lock(&m->irq.lock);
	interrupts = m->irq.delivered;
	pthread_mutex_unlock(&m->irq.lock);
	fprintf(out,
		"ok reads %" PRIu64 " writes %" PRIu64 " doorbells %" PRIu64 " interrupts %" PRIu64
		"\n",
		(uint64_t)m->traffic.reads, (uint64_t)m->traffic.writes, (uint64_t)m->traffic.bells,
		interrupts);
}

/* "lie SEED RATE": one word in RATE is not true; "lie 0 0": all are. How many were not so far. */
static void lie(struct model *m, const char *arg, FILE *out)
{
	unsigned long long seed = 0, rate = 0;

	if (sscanf(arg, "%llu %llu", &seed, &rate) != 2) {
		fprintf(out, "error: lie SEED RATE\n");
		return;
	}
	pthread_mutex_lock(&m->lock);
	fprintf(out, "ok %" PRIu64 "\n", m->lies.told);
	lies_set(m, seed, rate);
	pthread_mutex_unlock(&m->lock);
}

static const struct {
	const char *name;
	void (*run)(struct model *m, const char *arg, FILE *out);
} commands[] = {
	{"temperature", temperature}, /* millidegree Celsius */
	{"ecc", ecc},		      /* corrected, fatal */
	{"mcu", play_mcu},
	{"used", used},
	{"note", note}, /* into the log */
	{"stats", statistics},
	{"traffic", traffic},
	{"lie", lie},
};

static void execute(struct model *m, char *line, FILE *out)
{
	char *arg = strchr(line, ' ');

	if (arg)
		*arg++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(line, commands[i].name)) {
			commands[i].run(m, arg ? arg : "", out);
			return;
		}
	}
	fprintf(out, inject(m, line, arg) ? "ok\n" : "error: no command \"%s\"\n", line);
}

/* ---- the socket ----------------------------------------------------------------------------------- */
static void converse(struct control *c, int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[256];

	while (in && out && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\r\n")] = '\0';
		execute(c->m, line, out);
		fflush(out);
	}
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

static void *serve(void *arg)
{
	struct control *c = arg;

	for (;;) {
		int fd = accept(c->fd, NULL, NULL);

		if (fd < 0 && errno != EINTR)
			return NULL;
		if (fd >= 0)
			converse(c, fd);
	}
}

int control_start(struct model *m, const char *path)
{
	static struct control c;
	pthread_t thread;

	c.m = m;
	c.fd = socket_listen(path);
	if (c.fd < 0)
		return c.fd;
	return pthread_create(&thread, NULL, serve, &c) ? -EAGAIN : 0;
}
