/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printer behind json.h. json-c's own pretty printer lays out empty objects differently.
 */
#include "json.h"

#include <string.h>

static void indent(FILE *to, int depth) { fprintf(to, "%*s", depth * 4, ""); }

static void print_string(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s; s++) {
        unsigned char c = *s;

        switch (c) {
        case '"': fputs("\\\"", to); break;
        case '\\': fputs("\\\\", to); break;
        case '\n': fputs("\\n", to); break;
        case '\r': fputs("\\r", to); break;
        case '\t': fputs("\\t", to); break;
        case '\b': fputs("\\b", to); break;
        case '\f': fputs("\\f", to); break;
        default:
            if (c < 0x20)
                fprintf(to, "\\u%04X", c);
            else
                fputc(c, to);
        }
    }
    fputc('"', to);
}

static void print_value(FILE *to, struct json_object *v, int depth)
{
    enum json_type type = json_object_get_type(v);
    size_t i, n;
    int count = 0;

    switch (type) {
    case json_type_object:
        fputs("{\n", to);
        json_object_object_foreach(v, key, child)
        {
            if (count++)
                fputs(",\n", to);
            indent(to, depth + 1);
            print_string(to, key);
            fputs(": ", to);
            print_value(to, child, depth + 1);
        }
        fputc('\n', to);
        indent(to, depth);
        fputc('}', to);
        break;
    case json_type_array:
        fputs("[\n", to);
        n = json_object_array_length(v);
        for (i = 0; i < n; i++) {
            if (i)
                fputs(",\n", to);
            indent(to, depth + 1);
            print_value(to, json_object_array_get_idx(v, i), depth + 1);
        }
        fputc('\n', to);
        indent(to, depth);
        fputc(']', to);
        break;
    case json_type_string: print_string(to, json_object_get_string(v)); break;
    default: fputs(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN), to); break;
    }
}

void json_print(FILE *to, struct json_object *value)
{
    print_value(to, value, 0);
    fputc('\n', to);
}

void json_put_str(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

void json_put_int(struct json_object *o, const char *key, int64_t value)
{
    json_object_object_add(o, key, json_object_new_int64(value));
}

struct json_object *json_put_object(struct json_object *o, const char *key)
{
    struct json_object *child = json_object_new_object();

    json_object_object_add(o, key, child);
    return child;
}
