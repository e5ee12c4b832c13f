/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing JSON in the layout that xl's users know (and some scripts cut apart by line): four
 * spaces a level, one element a line, an empty line inside of an empty object. Values are json-c
 * objects.
 */
#ifndef ORLOP_LIB_JSON_H
#define ORLOP_LIB_JSON_H

#include <stdio.h>
#include <json-c/json.h>

/* Print a value and a newline. */
void json_print(FILE *to, struct json_object *value);

/* Shorthands for building objects; the object takes the value over. */
void json_put_str(struct json_object *o, const char *key, const char *value);
void json_put_int(struct json_object *o, const char *key, int64_t value);
struct json_object *json_put_object(struct json_object *o, const char *key);

#endif
