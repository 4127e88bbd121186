/* SPDX-License-Identifier: MIT */
#ifndef TERN_LIB_JSON_H
#define TERN_LIB_JSON_H

#include <stdio.h>

/* Write text as a JSON string; NULL becomes "". What is not UTF-8 becomes U+FFFD. */
void tern_json_string(FILE *out, const char *text);

#endif
