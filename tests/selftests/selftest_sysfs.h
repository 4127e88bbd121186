/* SPDX-License-Identifier: MIT */
/* What the device tells in sysfs: dumps, sensors, sleep. */
#ifndef SELFTEST_SYSFS_H
#define SELFTEST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

/* Of another class of /sys/class, the device's own: "hwmon3"; NULL if there is none. */
const char *sibling(const char *class_, const char *back_link);

/* No dump is kept, so that the next one will be. */
void dump_clear(void);
/* The device's dump, once there is one; skips the test if the kernel keeps none. */
const char *dump_text(void);

/* A sensor's value; skips the test if the kernel shows none. */
const char *sensor_path(const char *name);
long sensor(const char *name);

/* Runtime power management. */
void device_may_sleep(bool may);
bool device_asleep(void);
void await_sleep(void);
long awake_ms(void); /* since the driver has the device; it grows with each time it wakes */

/* The bus resets the device under the driver; skips the test if it has no reset. */
void reset_by_bus(void);

#endif /* SELFTEST_SYSFS_H */
