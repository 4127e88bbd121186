/* SPDX-License-Identifier: MIT */
/* From doorbells to jobs: which rings to look at, which slot to run, when to take it back. */
#ifndef FIRMWARE_SLOTS_H
#define FIRMWARE_SLOTS_H

#include "hal.h"

struct slots {
	uint64_t started;
	uint64_t known;	 /* of them: priority has been read */
	uint64_t rung;	 /* of them: their rings are to be looked at */
	uint64_t query;	 /* and those that are looked at before anything else is begun */
	bool began;	 /* something was, since query was filled */
	uint64_t saved;	 /* a job of theirs is in their save area */
	uint64_t barren; /* RUN found nothing, though QUERY had */
	uint64_t lost;	 /* their job vanished from stuck engines; not run until started anew */
	uint32_t pending[TERN_NSLOTS]; /* jobs there are at least */
	uint64_t order[TERN_NSLOTS];   /* of their starts */
	uint64_t starts;
	uint64_t job_end;	    /* CLOCK of the last ... */
	uint64_t job_end_timestamp; /* ... and TIMESTAMP */
};

struct firmware;

/* False: it is started already. */
bool slots_start(struct firmware *fw, unsigned int slot);
void slots_stop(struct firmware *fw, unsigned int slot);

/* What ran is noted as over if the kernel has taken or reset it, before its slot is another's. */
void slots_settle(struct firmware *fw);

/* All started slots' rings are to be looked at. */
void slots_rescan(struct firmware *fw);

void slots_bells(struct firmware *fw, uint64_t bells);

/* Is any of SLOT's in the device's hands? */
bool slots_engaged(const struct firmware *fw, unsigned int slot);

/* Does any started slot have work, as far as is known? */
bool slots_work(const struct firmware *fw);

/* Goes as far as is possible without waiting for the device. */
void slots_pass(struct firmware *fw);

#endif /* FIRMWARE_SLOTS_H */
