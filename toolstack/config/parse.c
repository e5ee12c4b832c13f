/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking values by key (parse.h).
 */
#include "parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "file:line: key" in front of what is already in the chain. */
int parse_at(struct parse *p, const char *key)
{
    return err_wrap(p->err, "%s:%u: %s", p->file, keys_line(&p->keys, key), key);
}

int parse_bad(struct parse *p, const char *key, const char *why)
{
    err_new(p->err, ERR_NONSPECIFIC, "%s", why);
    return parse_at(p, key);
}

/* 1 taken, 0 not set, -1 complained. */
int parse_string(struct parse *p, const char *key, char **to)
{
    const char *s;
    int rc = xlu_cfg_get_string(p->x, key, &s, 1);

    if (rc == ESRCH)
        return 0;
    if (rc)
        return parse_bad(p, key, "must be a single value, not a list");
    free(*to);
    *to = strdup(s);
    return 1;
}

int parse_long(struct parse *p, const char *key, long min, long max, long *to)
{
    char why[96];
    long v;
    int rc = xlu_cfg_get_long(p->x, key, &v, 1);

    if (rc == ESRCH)
        return 0;
    if (!rc && v >= min && v <= max) {
        *to = v;
        return 1;
    }
    if (rc == EINVAL)
        return parse_bad(p, key, "is not a valid number");
    snprintf(why, sizeof(why), "must be from %ld to %ld", min, max);
    return parse_bad(p, key, why);
}

int parse_bool(struct parse *p, const char *key, bool *to)
{
    long v;
    int rc = parse_long(p, key, 0, 1, &v);

    if (rc > 0)
        *to = v;
    return rc;
}

int parse_strings(struct parse *p, const char *key, char ***to, unsigned int *count)
{
    XLU_ConfigList *list;
    int entries, i, rc = xlu_cfg_get_list(p->x, key, &list, &entries, 1);

    if (rc == ESRCH)
        return 0;
    if (rc) {
        *to = calloc(1, sizeof(**to));
        rc = parse_string(p, key, *to);
        *count = rc > 0;
        return rc;
    }
    *to = calloc(entries + 1, sizeof(**to));
    for (i = 0; i < entries; i++) {
        const char *item = xlu_cfg_get_listitem(list, i);

        if (!item)
            return parse_bad(p, key, "must be a list of strings");
        (*to)[(*count)++] = strdup(item);
    }
    return 1;
}

int parse_choice(struct parse *p, const char *key, const char *const *names, unsigned int count, unsigned int *to)
{
    char *v = NULL, why[128];
    int rc = parse_string(p, key, &v);

    for (unsigned int i = 0; rc > 0 && i < count; i++) {
        if (!strcmp(v, names[i])) {
            free(v);
            *to = i;
            return 1;
        }
    }
    if (rc > 0) {
        snprintf(why, sizeof(why), "`%.60s' is not known or not supported by this version", v);
        rc = parse_bad(p, key, why);
    }
    free(v);
    return rc;
}

int parse_refused(struct parse *p, const struct refused_key *list, unsigned int count, const char *nothing)
{
    for (unsigned int i = 0; i < count; i++) {
        const char *s;
        long v;
        int entries;

        if (!keys_line(&p->keys, list[i].key))
            continue;
        if (!xlu_cfg_get_list(p->x, list[i].key, NULL, &entries, 1) && !entries)
            continue;
        if (!xlu_cfg_get_string(p->x, list[i].key, &s, 1) && (!*s || (nothing && !strcmp(s, nothing))))
            continue;
        if (!xlu_cfg_get_long(p->x, list[i].key, &v, 1) && !v)
            continue;
        return parse_bad(p, list[i].key, list[i].why);
    }
    return 0;
}
