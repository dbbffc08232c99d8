/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Writes JSON and takes care of indentation, commas and escapes.  Every call
 * names the key, or passes NULL inside an array.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *file;
	unsigned depth;
	bool any;		/* a value precedes the next one */
};

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

void json_string(struct json *json, const char *key, const char *value);
void json_bool(struct json *json, const char *key, bool value);
void json_integer(struct json *json, const char *key, uint64_t value);
void json_number(struct json *json, const char *key, double value);
void json_null(struct json *json, const char *key);

/* An array of two numbers, on one line. */
void json_pair(struct json *json, double first, uint64_t second);

#endif
