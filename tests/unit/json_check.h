/* SPDX-License-Identifier: MIT */
/* Is a text one JSON document? A checker, not a parser: RFC 8259 without the values. */
#ifndef TEST_JSON_CHECK_H
#define TEST_JSON_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline const char *json_value(const char *s);

static inline const char *json_space(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static inline const char *json_text(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s == '\\' && !strchr("\"\\/bfnrtu", *++s))
			return NULL;
	}
	return s + 1;
}

static inline const char *json_number(const char *s)
{
	const char *start = s;

	s += *s == '-';
	if (*s == '0' && isdigit((unsigned char)s[1]))
		return NULL;
	s += strspn(s, "0123456789");
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	if (*s == 'e' || *s == 'E') {
		s++;
		s += strspn(s, "+-");
		s += strspn(s, "0123456789");
	}
	return s > start && isdigit((unsigned char)s[-1]) ? s : NULL;
}

/* The inside of {} or [] and its end. */
static inline const char *json_list(const char *s, char end)
{
	s = json_space(s);
	if (*s == end)
		return s + 1;
	for (;;) {
		if (end == '}') {
			s = json_text(json_space(s));
			s = s ? json_space(s) : NULL;
			if (!s || *s++ != ':')
				return NULL;
		}
		s = json_value(s);
		if (!s)
			return NULL;
		s = json_space(s);
		if (*s == end)
			return s + 1;
		if (*s++ != ',')
			return NULL;
	}
}

static inline const char *json_value(const char *s)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t i;

	s = json_space(s);
	if (*s == '{' || *s == '[')
		return json_list(s + 1, *s == '{' ? '}' : ']');
	if (*s == '"')
		return json_text(s);
	for (i = 0; i < 3; i++) {
		if (!strncmp(s, words[i], strlen(words[i])))
			return s + strlen(words[i]);
	}
	return json_number(s);
}

static inline bool json_ok(const char *text)
{
	const char *end = json_value(text);

	return end && !*json_space(end);
}

#endif
