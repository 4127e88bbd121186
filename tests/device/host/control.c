// SPDX-License-Identifier: GPL-2.0
/* The control socket, and the firmware's part played through it. */
#include "host.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char answer[256];

static void ask(struct host *h, const char *format, va_list args)
{
	vfprintf(h->control_out, format, args);
	fputc('\n', h->control_out);
	fflush(h->control_out);
}

static void next_line(struct host *h)
{
	HOST_ASSERT(fgets(answer, sizeof(answer), h->control_in) != NULL, "no answer");
	answer[strcspn(answer, "\n")] = '\0';
}

static void last_line(struct host *h, const char *format, va_list args)
{
	ask(h, format, args);
	do
		next_line(h);
	while (strncmp(answer, "ok", 2) && strncmp(answer, "error", 5));
}

static bool host_may(struct host *h, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	last_line(h, format, args);
	va_end(args);
	return !strncmp(answer, "ok", 2);
}

const char *host_control(struct host *h, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	last_line(h, format, args);
	va_end(args);
	HOST_ASSERT(!strncmp(answer, "ok", 2), "%s: %s", format, answer);
	return answer;
}

uint64_t host_stat(struct host *h, const char *name)
{
	uint64_t v = UINT64_MAX;

	fputs("stats\n", h->control_out);
	fflush(h->control_out);
	do {
		next_line(h);
		if (!strncmp(answer, name, strlen(name)) && answer[strlen(name)] == ' ')
			v = strtoull(answer + strlen(name), NULL, 10);
	} while (strcmp(answer, "ok"));
	HOST_ASSERT(v != UINT64_MAX, "no statistic %s", name);
	return v;
}

static uint32_t number(const char *line)
{
	return (uint32_t)strtoul(line + 3, NULL, 0);
}

uint32_t mcu_get(struct host *h, uint32_t reg)
{
	return number(host_control(h, "mcu %#x", reg - TERN_REGS_FW));
}

bool mcu_left(struct host *h, uint32_t reg, uint32_t v)
{
	return host_may(h, "mcu %#x", reg - TERN_REGS_FW) && number(answer) == v;
}

void mcu_set(struct host *h, uint32_t reg, uint32_t v)
{
	host_control(h, "mcu %#x %#x", reg - TERN_REGS_FW, v);
}

void mcu_command(struct host *h, unsigned int slot, uint32_t command)
{
	mcu_set(h, TERN_FW_REG_COMMAND_SLOT, slot);
	mcu_set(h, TERN_FW_REG_COMMAND, command);
}

uint32_t mcu_events(struct host *h, uint32_t wanted)
{
	uint32_t events = 0;

	for (int tries = 0; (events & wanted) != wanted; tries++) {
		uint32_t fresh = mcu_get(h, TERN_FW_REG_MCU_EVENTS);

		HOST_ASSERT(tries < HOST_WAIT, "events %#x never came, only %#x", wanted, events);
		if (fresh)
			mcu_set(h, TERN_FW_REG_MCU_EVENTS, fresh);
		else
			usleep(1000);
		events |= fresh;
	}
	return events;
}
