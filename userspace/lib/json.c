// SPDX-License-Identifier: MIT
/* Names come from model files: nothing about their bytes is certain. */
#include "lib/json.h"

#include <stddef.h>

/* Bytes of the UTF-8 sequence at `s`; 0: it is none. */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead, len, second_min; /* of E0 and F0: no overlong forms */
	} forms[] = {
		{0x80, 0x00, 1, 0},
		{0xe0, 0xc0, 2, 0},
		{0xf0, 0xe0, 3, 0xa0},
		{0xf8, 0xf0, 4, 0x90},
	};
	size_t f, i;

	for (f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		if ((s[0] & forms[f].mask) == forms[f].lead)
			break;
	}
	if (f == sizeof(forms) / sizeof(forms[0]) || s[0] == 0xc0 || s[0] == 0xc1 || s[0] > 0xf4)
		return 0;
	for (i = 1; i < forms[f].len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if (s[0] == forms[f].lead && forms[f].len > 2 && s[1] < forms[f].second_min)
		return 0;
	if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* surrogates; above U+10FFFF */
	return forms[f].len;
}

void tern_json_string(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)(text ? text : "");
	size_t len;

	fputc('"', out);
	for (; *s; s += len) {
		len = utf8_len(s);
		if (!len) {
			fputs("\\ufffd", out);
			len = 1;
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(out, "\\u%04x", *s);
		} else if (*s == '"' || *s == '\\') {
			fprintf(out, "\\%c", *s);
		} else {
			fwrite(s, 1, len, out);
		}
	}
	fputc('"', out);
}
