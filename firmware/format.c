// SPDX-License-Identifier: MIT
#include "format.h"

struct out {
	char *at;
	size_t used, size;
};

static void put(struct out *o, char c)
{
	if (o->used < o->size)
		o->at[o->used++] = c;
}

static void put_string(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

static void put_number(struct out *o, unsigned int value, unsigned int base)
{
	char digits[10]; /* of 2^32 - 1 */
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put(o, digits[--n]);
}

size_t format_text(char *out, size_t size, const char *format, va_list args)
{
	struct out o = {out, 0, size};

	for (; *format; format++) {
		if (*format != '%') {
			put(&o, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(&o, va_arg(args, const char *));
			break;
		case 'u':
			put_number(&o, va_arg(args, unsigned int), 10);
			break;
		case 'x':
			put_number(&o, va_arg(args, unsigned int), 16);
			break;
		default:
			put(&o, '%');
		}
	}
	return o.used;
}
