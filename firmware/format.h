/* SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_FORMAT_H
#define FIRMWARE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* %s, %u, %x and %%; what does not fit is cut off, no zero is put at the end. Returns the bytes. */
size_t format_text(char *out, size_t size, const char *format, va_list args);

#endif /* FIRMWARE_FORMAT_H */
