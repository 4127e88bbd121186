/* SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_FIRMWARE_H
#define FIRMWARE_FIRMWARE_H

#include "engine.h"
#include "hal.h"
#include "ipc.h"
#include "log.h"
#include "params.h"
#include "power.h"
#include "request.h"
#include "sched.h"
#include "slots.h"

/* All there is to know; one of these on the MCU, one per test on a host. */
struct firmware {
	uint64_t now;	   /* CLOCK when this pass began */
	uint32_t events;   /* TERN_EVENT_*, cleared in the device, not dealt with yet */
	bool again;	   /* this pass left something to do */
	uint64_t features; /* taken */
	struct params params;
	struct stream log, trace;
	struct ipc ipc;
	struct request request;
	struct engine engine;
	struct sched sched;
	struct slots slots;
	struct power power;
	struct tern_fw_crash *crash; /* NULL before the handshake */
};

/* The build: what tells it from others, patched into the image by mkimage. */
extern const char fw_version[32], fw_build[32];

/* From STARTED to READY; on an error BOOT_STATUS tells, and the MCU halts. */
void firmware_boot(struct firmware *fw);

/* Deals with all there is to deal with now; to be called again when the device interrupts.
 * True: at once. */
bool firmware_pass(struct firmware *fw);

/* MCU_EVENTS, read and cleared, into fw->events. */
void firmware_take_events(struct firmware *fw);

/* A parameter has changed: the copies that others work with. */
void firmware_params_changed(struct firmware *fw);

void firmware_stage(enum tern_fw_stage stage, enum tern_fw_error error);

#endif /* FIRMWARE_FIRMWARE_H */
