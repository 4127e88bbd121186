/* SPDX-License-Identifier: MIT */
/* Being alive, being idle, being asleep. */
#ifndef FIRMWARE_POWER_H
#define FIRMWARE_POWER_H

#include "hal.h"

struct power {
	bool off;  /* suspended */
	bool halt; /* when the reply is out */
	bool idle_told;
	uint64_t idle_since; /* or NEVER: there is work */
	uint64_t beat_at;    /* next heartbeat */
	uint32_t beats;
	uint64_t timer; /* what TIMER is set to */
};

struct firmware;

void power_init(struct firmware *fw);

/* Nothing may enter the engines: they are off, or are about to be. */
bool power_held(const struct firmware *fw);
bool power_off(const struct firmware *fw);

/* The engines are empty. */
void power_suspend(struct firmware *fw);
void power_resume(struct firmware *fw);
_Noreturn void power_halt(void);

/* Heartbeat and watchdog. */
void power_tick(struct firmware *fw);

/* IDLE and ACTIVE. */
void power_idle(struct firmware *fw);

uint64_t power_deadline(const struct firmware *fw);

#endif /* FIRMWARE_POWER_H */
