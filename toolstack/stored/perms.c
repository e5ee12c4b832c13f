/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission lists: making, reading, printing, asking. Which right an operation needs is not
 * decided here but in nodes.c. Called from there, from the tree and from the journal.
 */
#include "perms.h"

#include <stdlib.h>
#include <string.h>

static const char letters[] = "nrwb"; /* indexed by PERM_READ | PERM_WRITE */

struct perms *perms_new(unsigned int count)
{
    struct perms *p = xcalloc(1, sizeof(*p) + count * sizeof(p->entry[0]));

    p->refs = 1;
    p->count = count;
    return p;
}

struct perms *perms_single(int owner, unsigned int rights)
{
    struct perms *p = perms_new(1);

    p->entry[0] = (struct perm){.domid = owner, .rights = rights};
    return p;
}

struct perms *perms_get(struct perms *p)
{
    if (p)
        p->refs++;
    return p;
}

void perms_put(struct perms *p)
{
    if (p && --p->refs == 0)
        free(p);
}

struct perms *perms_with_owner(const struct perms *p, int owner)
{
    struct perms *copy = perms_new(p->count);

    memcpy(copy->entry, p->entry, p->count * sizeof(p->entry[0]));
    copy->entry[0].domid = owner;
    return copy;
}

struct perms *perms_without(const struct perms *p, int domid)
{
    struct perms *copy;
    unsigned int i, n = 1;

    for (i = 1; i < p->count && p->entry[i].domid != domid; i++)
        ;
    if (i >= p->count)
        return NULL;
    copy = perms_new(p->count);
    copy->entry[0] = p->entry[0];
    for (i = 1; i < p->count; i++)
        if (p->entry[i].domid != domid)
            copy->entry[n++] = p->entry[i];
    copy->count = n;
    return copy;
}

static bool perm_parse(const char *text, struct perm *out)
{
    const char *letter = *text ? strchr(letters, *text) : NULL;
    char *end;
    long domid;

    if (!letter || !text[1])
        return false;
    domid = strtol(text + 1, &end, 10);
    if (*end || end == text + 1)
        return false;
    *out = (struct perm){.domid = (int)domid, .rights = letter - letters};
    return true;
}

struct perms *perms_parse(const char *text, size_t len)
{
    unsigned int count = 0, i;
    struct perms *p;
    size_t at;

    if (!len || text[len - 1] != '\0')
        return NULL;
    for (at = 0; at < len; at++)
        count += text[at] == '\0';
    p = perms_new(count);
    for (at = 0, i = 0; i < count; i++) {
        if (!perm_parse(text + at, &p->entry[i])) {
            perms_put(p);
            return NULL;
        }
        at += strlen(text + at) + 1;
    }
    return p;
}

void perms_format(const struct perms *p, struct buf *out)
{
    unsigned int i;

    for (i = 0; i < p->count; i++) {
        buf_addf(out, "%c%d", letters[p->entry[i].rights & 3], p->entry[i].domid);
        buf_add(out, "", 1);
    }
}

unsigned int perms_rights(const struct perms *p, int domid, int target)
{
    unsigned int i;
    int owner = p->entry[0].domid;

    if (domid == 0 || owner == domid || (target >= 0 && owner == target))
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    for (i = 1; i < p->count; i++)
        if (p->entry[i].domid == domid || (target >= 0 && p->entry[i].domid == target))
            return p->entry[i].rights;
    return p->entry[0].rights;
}
