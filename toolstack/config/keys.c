/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanner that knows just enough of the grammar to find `NAME =` at the start of statements:
 * strings, comments, and brackets that let a statement run over several lines.
 */
#include "keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void keys_note(struct key_list *list, const char *name, size_t len, unsigned int line)
{
    unsigned int i;

    for (i = 0; i < list->count; i++) {
        if (strlen(list->keys[i].name) == len && !memcmp(list->keys[i].name, name, len)) {
            list->keys[i].line = line;
            return;
        }
    }
    list->keys = realloc(list->keys, (list->count + 1) * sizeof(*list->keys));
    if (!list->keys)
        abort();
    list->keys[list->count].name = strndup(name, len);
    list->keys[list->count++].line = line;
}

/* Skip a string including its quotes; backslashes protect the character after. */
static const char *skip_string(const char *p, unsigned int *line)
{
    char quote = *p++;

    for (; *p && *p != quote; p++) {
        if (*p == '\\' && p[1])
            p++;
        if (*p == '\n')
            ++*line;
    }
    return *p ? p + 1 : p;
}

/* Skip to the end of the statement that `p` is in. */
static const char *skip_statement(const char *p, unsigned int *line)
{
    int depth = 0;

    while (*p) {
        if (*p == '"' || *p == '\'') {
            p = skip_string(p, line);
            continue;
        }
        if (*p == '#') {
            p += strcspn(p, "\n");
            continue;
        }
        if (*p == '[')
            depth++;
        if (*p == ']')
            depth--;
        if (depth <= 0 && (*p == '\n' || *p == ';'))
            return p;
        if (*p == '\n')
            ++*line;
        p++;
    }
    return p;
}

void keys_scan(const char *text, struct key_list *list)
{
    unsigned int line = 1;
    const char *p = text;

    memset(list, 0, sizeof(*list));
    while (*p) {
        if (*p == '\n')
            line++;
        if (isspace((unsigned char)*p) || *p == ';') {
            p++;
            continue;
        }
        if (isalpha((unsigned char)*p) || *p == '_') {
            const char *start = p;

            while (isalnum((unsigned char)*p) || *p == '_')
                p++;
            keys_note(list, start, p - start, line);
        }
        p = skip_statement(p, &line);
    }
}

void keys_free(struct key_list *list)
{
    unsigned int i;

    for (i = 0; i < list->count; i++)
        free(list->keys[i].name);
    free(list->keys);
    memset(list, 0, sizeof(*list));
}

unsigned int keys_line(const struct key_list *list, const char *name)
{
    unsigned int i;

    for (i = 0; i < list->count; i++)
        if (!strcmp(list->keys[i].name, name))
            return list->keys[i].line;
    return 0;
}
