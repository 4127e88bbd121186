/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_FW_IMAGE_H
#define TERN_FW_IMAGE_H

#include "tern_pure.h"
#include <tern/fw.h>

/*
 * Each way in which a firmware file is refused, and the sentence the log gets.
 */
#define TERN_FW_IMAGE_ERRORS(X) \
	X(NONE, "the file is good") \
	X(SHORT, "the file is shorter than its header: install it again") \
	X(MAGIC, "the file is no Tern firmware: install it again") \
	X(HEADER, "the file has a header this driver does not know: update the driver") \
	X(LENGTH, "the file is truncated or has something appended: install it again") \
	X(HASH, "the file is damaged, its SHA-256 does not match: install it again") \
	X(SIGNATURE, "the file is signed in a way this driver does not know: update the driver") \
	X(MAJOR, "the firmware speaks another major version: install that of this driver") \
	X(INTERFACE, "the firmware is for other hardware: install that of this device") \
	X(SECURITY, "the device accepts only newer firmware: install a newer one") \
	X(SECTIONS, "the file names too many sections: install it again") \
	X(RANGE, "a section lies outside the file or the device's memory: install it again") \
	X(OVERLAP, "two sections overlap: install it again") \
	X(ENTRY, "the entry lies in no executable section: install it again") \
	X(RESERVED, "a reserved field is not zero: update the driver")

enum tern_fw_image_error {
#define X(name, text) TERN_FW_IMAGE_##name,
	TERN_FW_IMAGE_ERRORS(X)
#undef X
};

/**
 * struct tern_fw_limits - What the device and the loader allow of a firmware file
 */
struct tern_fw_limits {
	/** @tcm_bytes: Size of the MCU's memory, register TCM_BYTES */
	__u32 tcm_bytes;
	/** @interface: What there is, register INTERFACE */
	__u32 interface;
	/** @security_version: Lowest one to be started, register SECURITY_VERSION */
	__u32 security_version;
	/** @sha256: Of the file from TERN_FW_HASH_START to its end, as computed */
	__u8 sha256[32];
};

enum tern_fw_image_error tern_fw_image_check(const void *file, size_t bytes,
					     const struct tern_fw_limits *limits);
const char *tern_fw_image_text(enum tern_fw_image_error error);

#endif /* TERN_FW_IMAGE_H */
