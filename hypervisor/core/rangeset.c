/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of ranges (rangeset.h), kept as the sorted list of numbers at which membership changes: the
 * first range begins at edge[0] and ends before edge[1], and so on. A domain has a few; most have
 * none.
 */
#include <core/rangeset.h>
#include <lib/spinlock.h>
#include <mm/heap.h>

struct rangeset {
    struct spinlock lock;
    unsigned int nr;
    unsigned long *edge;
};

struct rangeset *rangeset_new(void)
{
    struct rangeset *r = mem_alloc_object(struct rangeset);

    if (r)
        spin_lock_init(&r->lock, LOCK_PAGES);
    return r;
}

void rangeset_free(struct rangeset *r)
{
    if (!r)
        return;
    mem_free(r->edge);
    mem_free(r);
}

/* How many edges are at or below n: odd when n is in the set. */
static unsigned int edges_up_to(const struct rangeset *r, unsigned long n)
{
    unsigned int i = 0;

    while (i < r->nr && r->edge[i] <= n)
        i++;
    return i;
}

/* [first, last] in the set or out of it; nothing is above a `last` of ~0. */
static int change(struct rangeset *r, unsigned long first, unsigned long last, bool in)
{
    unsigned int before, after, nr;
    unsigned long *edge;

    if (first > last)
        return -EINVAL;
    spin_guard(&r->lock);
    before = first ? edges_up_to(r, first - 1) : 0;
    after = edges_up_to(r, last + 1 ? last + 1 : last);
    edge = mem_alloc_array(unsigned long, r->nr + 2);
    if (!edge)
        return -ENOMEM;
    memcpy(edge, r->edge, before * sizeof(*edge));
    nr = before;
    if (before % 2 != in)
        edge[nr++] = first;
    if (last + 1 && after % 2 != in)
        edge[nr++] = last + 1;
    memcpy(edge + nr, r->edge + after, (r->nr - after) * sizeof(*edge));
    r->nr = nr + r->nr - after;
    mem_free(r->edge);
    r->edge = edge;
    return 0;
}

int rangeset_add(struct rangeset *r, unsigned long first, unsigned long last) { return change(r, first, last, true); }

int rangeset_remove(struct rangeset *r, unsigned long first, unsigned long last)
{
    return change(r, first, last, false);
}

bool rangeset_contains(struct rangeset *r, unsigned long first, unsigned long last)
{
    unsigned int i;

    if (!r)
        return false;
    spin_guard(&r->lock);
    i = edges_up_to(r, first);
    return i % 2 && (i == r->nr || last < r->edge[i]);
}

bool rangeset_overlaps(struct rangeset *r, unsigned long first, unsigned long last)
{
    unsigned int i;

    spin_guard(&r->lock);
    i = edges_up_to(r, first);
    return i % 2 || (i < r->nr && last >= r->edge[i]);
}

unsigned int rangeset_count(struct rangeset *r)
{
    spin_guard(&r->lock);
    return (r->nr + 1) / 2;
}
