/* SPDX-License-Identifier: MIT */
/* The COMMAND register: one command under way at a time, at most one slot in the engines. */
#ifndef FIRMWARE_ENGINE_H
#define FIRMWARE_ENGINE_H

#include "hal.h"

struct engine {
	uint8_t command;  /* under way: enum tern_slot_command; or 0 */
	uint8_t slot;	  /* it acts on */
	uint8_t selected; /* COMMAND_SLOT */
	uint8_t running;  /* the slot in the engines, or NO_SLOT */
	bool asked;	  /* it has been told to leave them */
	bool stuck;	  /* neither that nor the command comes to its end; told once */
	uint64_t issued, asked_at;
	/* Progress of the running job, looked at every now and then. */
	uint64_t progress_at; /* last seen to move, or taken up */
	uint64_t look_at;     /* next */
	struct {
		uint64_t value;
		uint64_t stalled; /* ticks it ran without, in turns that are over */
	} progress[TERN_NSLOTS];
};

struct firmware;

void engine_init(struct engine *e);

void engine_issue(struct firmware *fw, enum tern_slot_command command, unsigned int slot);

/* Has the command that was under way ended? There must be one. */
bool engine_done(struct firmware *fw);

/* Registers of one slot. */
uint32_t engine_state(struct firmware *fw, unsigned int slot); /* enum tern_slot_state */
uint32_t engine_pending(struct firmware *fw, unsigned int slot);
uint32_t engine_priority(struct firmware *fw, unsigned int slot);

/* What is known of the slot's job is of another. */
void engine_forget(struct firmware *fw, unsigned int slot);

/* SLOT is in the engines; it has left them, its job over or only interrupted. */
void engine_took(struct firmware *fw, unsigned int slot);
void engine_left(struct firmware *fw, bool job_over);

/* Has the job gone without progress for too long? */
bool engine_stalled(struct firmware *fw);

/* Tells, once, of a command or a slot that does not come to its end. */
void engine_watch(struct firmware *fw);

/* When to look again at any of this, or NEVER. */
uint64_t engine_deadline(const struct firmware *fw);

#endif /* FIRMWARE_ENGINE_H */
