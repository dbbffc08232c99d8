/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Writes JSON with its indentation, commas and escapes. */
#include "json.h"

#include <math.h>

static void
quote(struct json *json, const char *text)
{
	putc('"', json->file);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ')
			fprintf(json->file, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			fprintf(json->file, "\\%c", c);
		else
			putc(c, json->file);
	}
	putc('"', json->file);
}

static void
next_line(struct json *json)
{
	putc('\n', json->file);
	for (unsigned i = 0; i < json->depth; i++)
		putc(' ', json->file);
}

/* Write what comes before a value: comma, indentation and key. */
static void
begin(struct json *json, const char *key)
{
	if (json->any)
		putc(',', json->file);
	if (json->depth != 0)
		next_line(json);
	json->any = true;
	if (key != NULL) {
		quote(json, key);
		fputs(": ", json->file);
	}
}

static void
open_with(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	putc(bracket, json->file);
	json->depth++;
	json->any = false;
}

static void
close_with(struct json *json, char bracket)
{
	json->depth--;
	if (json->any)
		next_line(json);
	putc(bracket, json->file);
	json->any = true;
	if (json->depth == 0)
		putc('\n', json->file);
}

void
json_object(struct json *json, const char *key)
{
	open_with(json, key, '{');
}

void
json_object_end(struct json *json)
{
	close_with(json, '}');
}

void
json_array(struct json *json, const char *key)
{
	open_with(json, key, '[');
}

void
json_array_end(struct json *json)
{
	close_with(json, ']');
}

void
json_string(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	quote(json, value);
}

void
json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->file);
}

void
json_integer(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->file, "%llu", (unsigned long long)value);
}

/* JSON has no infinity and no NaN, so they become null. */
void
json_number(struct json *json, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(json, key);
		return;
	}
	begin(json, key);
	fprintf(json->file, "%.6g", value);
}

void
json_null(struct json *json, const char *key)
{
	begin(json, key);
	fputs("null", json->file);
}

void
json_pair(struct json *json, double first, uint64_t second)
{
	begin(json, NULL);
	fprintf(json->file, "[%.6g, %llu]", first,
	    (unsigned long long)second);
}
