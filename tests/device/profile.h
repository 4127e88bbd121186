/* SPDX-License-Identifier: GPL-2.0 */
/* struct tern_profile: what a job leaves for who profiles it. Under the model's lock. */
#ifndef DEVICE_PROFILE_H
#define DEVICE_PROFILE_H

struct model;

/* Prepare the run; not 0: a fault, the job does not start. */
int profile_open(struct model *m);
/* Write what the run counted; may turn success into a fault. */
void profile_close(struct model *m);

#endif
