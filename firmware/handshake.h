/* SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_HANDSHAKE_H
#define FIRMWARE_HANDSHAKE_H

#include "hal.h"

struct firmware;

/* Do registers hold what is written to them, and does time pass? */
bool selftest(void);

/* Reads and judges struct tern_fw_boot, and takes from it what fw works with. */
enum tern_fw_error handshake(struct firmware *fw);

#endif /* FIRMWARE_HANDSHAKE_H */
