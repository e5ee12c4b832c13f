/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message types, strings and paths: see wire.h. Everything here looks at bytes that a guest chose;
 * called from connection.c and request.c.
 */
#include "wire.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"

const char *wire_error_name(int err)
{
    size_t i;

    for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (xsd_errors[i].errnum == err)
            return xsd_errors[i].errstring;
    return "EINVAL";
}

const char *wire_type_name(uint32_t type)
{
    static const char *const names[XS_TYPE_COUNT] = {
        [XS_CONTROL] = "CONTROL",
        [XS_DIRECTORY] = "DIRECTORY",
        [XS_READ] = "READ",
        [XS_GET_PERMS] = "GET_PERMS",
        [XS_WATCH] = "WATCH",
        [XS_UNWATCH] = "UNWATCH",
        [XS_TRANSACTION_START] = "TRANSACTION_START",
        [XS_TRANSACTION_END] = "TRANSACTION_END",
        [XS_INTRODUCE] = "INTRODUCE",
        [XS_RELEASE] = "RELEASE",
        [XS_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
        [XS_WRITE] = "WRITE",
        [XS_MKDIR] = "MKDIR",
        [XS_RM] = "RM",
        [XS_SET_PERMS] = "SET_PERMS",
        [XS_WATCH_EVENT] = "WATCH_EVENT",
        [XS_ERROR] = "ERROR",
        [XS_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
        [XS_RESUME] = "RESUME",
        [XS_SET_TARGET] = "SET_TARGET",
        [XS_RESET_WATCHES] = "RESET_WATCHES",
        [XS_DIRECTORY_PART] = "DIRECTORY_PART",
    };

    return type < XS_TYPE_COUNT && names[type] ? names[type] : "unknown";
}

unsigned int wire_strings(const char *body, size_t len, const char *argv[], unsigned int max)
{
    unsigned int count = 0;
    size_t at = 0;

    while (at < len) {
        const char *end = memchr(body + at, '\0', len - at);

        if (!end)
            break;
        if (count < max)
            argv[count] = body + at;
        count++;
        at = end - body + 1;
    }
    return count;
}

int wire_domid(const char *text) { return (int)strtol(text, NULL, 10); }

static bool path_chars_ok(const char *name)
{
    for (; *name; name++)
        if (!isascii(*name) || (!isalnum((unsigned char)*name) && !strchr("-/_@", *name)))
            return false;
    return true;
}

char *wire_path(const char *name, int domid, bool special)
{
    size_t len = strlen(name);
    char *path;

    if (!len || len > quotas[QUOTA_PATH_MAX].limit || len > XENSTORE_REL_PATH_MAX || !path_chars_ok(name))
        return NULL;
    if (name[0] == '@')
        return special ? xstrdup(name) : NULL;
    if (strstr(name, "//") || (len > 1 && name[len - 1] == '/'))
        return NULL;
    if (name[0] == '/')
        return xstrdup(name);
    path = xmalloc(len + 32);
    snprintf(path, len + 32, "/local/domain/%d/%s", domid, name);
    return path;
}
