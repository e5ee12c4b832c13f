/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission lists of nodes: the first entry names the owner and says what everybody else may do,
 * the others say what one domain may do. Lists are shared and never changed once made.
 */
#ifndef STORED_PERMS_H
#define STORED_PERMS_H

#include "lib/daemon.h"

enum {
    PERM_NONE = 0,
    PERM_READ = 1,
    PERM_WRITE = 2,
    PERM_OWNER = 4, /* only asked for, never stored */
};

struct perm {
    int domid;
    unsigned int rights;
};

struct perms {
    unsigned int refs;
    unsigned int count;
    struct perm entry[];
};

struct perms *perms_new(unsigned int count);
struct perms *perms_single(int owner, unsigned int rights);
struct perms *perms_get(struct perms *p);
void perms_put(struct perms *p);

/* A copy of `p` with another owner. */
struct perms *perms_with_owner(const struct perms *p, int owner);

/* A copy of `p` without the entries of `domid` behind the first; NULL if there are none. */
struct perms *perms_without(const struct perms *p, int domid);

/*
 * Reads NUL-terminated strings such as "n0", "r5" (xenstore protocol, SET_PERMS). `len` bytes must
 * end with a NUL. Gives NULL if there is none or one is malformed.
 */
struct perms *perms_parse(const char *text, size_t len);

/* Writes the list as SET_PERMS takes it. */
void perms_format(const struct perms *p, struct buf *out);

/* What `domid`, acting also for `target` (-1: for nobody), may do: PERM_* bits. */
unsigned int perms_rights(const struct perms *p, int domid, int target);

#endif
