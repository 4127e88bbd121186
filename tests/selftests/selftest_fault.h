/* SPDX-License-Identifier: MIT */
/*
 * Two contexts and a device that goes wrong: `a` is who it happens to, `b` stands by and must not
 * notice more than it has to.
 */
#ifndef SELFTEST_FAULT_H
#define SELFTEST_FAULT_H

#include "selftest_host.h"

struct scene {
	struct context a, b;
	uint32_t resets; /* when it was opened */
	uint32_t behind; /* syncobj that the short job behind the endless one signals; 0: none */
};

/* Each has run a job, and so has a slot. */
void scene_open(struct scene *scene);
/* A job of `context` writes a value and nothing else; how it ended: 0 or an error. */
int run_short(struct context *context);
/* All of `b` works as before, and so does a context made now; `resets` have happened since,
 * ANY: some, PERHAPS: some or none. */
void scene_close(struct scene *scene, uint32_t resets);
#define ANY	UINT32_MAX
#define PERHAPS (UINT32_MAX - 1)

/* A job of `a` that has begun and does not end, a short one behind it, and one of `b`. */
void start_endless(struct scene *scene);
/* They ended so: the endless one, the one behind, that of `b`. */
void check_ended(struct scene *scene, int endless, int behind, int other);

uint32_t resets(int fd);
void await_reset(int fd, uint32_t before);

/* The device is off: all is refused, and says so until the driver finds it again. */
void check_off(struct scene *scene);
void drop_scene(struct scene *scene);
void driver_unbind(void);
void driver_bind(void);

/* The card leaves its bus, and is found again by a scan of it. */
void card_remove(void);
void card_find(void);

#endif /* SELFTEST_FAULT_H */
