/* SPDX-License-Identifier: MIT */
/* What ioctls and jobs returned in this program and its children: tests/vm/errnos.py reads it. */
#ifndef SELFTEST_ERRNOS_H
#define SELFTEST_ERRNOS_H

void errno_note(unsigned long request, int error); /* errors are positive */
void errno_note_job(int error);
void errnos_print(void);

#endif /* SELFTEST_ERRNOS_H */
