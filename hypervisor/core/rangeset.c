/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of ranges (rangeset.h): a sorted list, no two ranges touching. A domain has a few; most have
 * none.
 */
#include <core/rangeset.h>
#include <lib/lib.h>
#include <lib/list.h>
#include <lib/spinlock.h>
#include <mm/heap.h>

struct range {
    struct list link;
    unsigned long first, last;
};

struct rangeset {
    struct spinlock lock;
    struct list ranges;
};

struct rangeset *rangeset_new(void)
{
    struct rangeset *r = mem_alloc_object(struct rangeset);

    if (r) {
        spin_lock_init(&r->lock, LOCK_PAGES);
        list_init(&r->ranges);
    }
    return r;
}

void rangeset_free(struct rangeset *r)
{
    struct range *e, *tmp;

    if (!r)
        return;
    list_for_each_safe (e, tmp, &r->ranges, link)
        mem_free(e);
    mem_free(r);
}

static void drop(struct range *e)
{
    list_del(&e->link);
    mem_free(e);
}

int rangeset_add(struct rangeset *r, unsigned long first, unsigned long last)
{
    struct range *n, *e, *tmp;

    if (first > last)
        return -EINVAL;
    n = mem_alloc_object(struct range);
    if (!n)
        return -ENOMEM;
    n->first = first;
    n->last = last;
    spin_lock(&r->lock);
    list_for_each_safe (e, tmp, &r->ranges, link) {
        if (e->last < n->first && e->last + 1 != n->first)
            continue;
        if (e->first > n->last && e->first - 1 != n->last)
            break;
        n->first = min(n->first, e->first);
        n->last = max(n->last, e->last);
        drop(e);
    }
    list_for_each (e, &r->ranges, link)
        if (e->first > n->last)
            break;
    list_add_tail(&n->link, &e->link);
    spin_unlock(&r->lock);
    return 0;
}

/* A hole inside a range makes two of it: `spare` becomes the second. True when it was used. */
static bool cut(struct range *e, unsigned long first, unsigned long last, struct range *spare)
{
    if (e->first < first && e->last > last) {
        spare->first = last + 1;
        spare->last = e->last;
        e->last = first - 1;
        list_add(&spare->link, &e->link);
        return true;
    }
    if (e->first >= first && e->last <= last)
        drop(e);
    else if (e->first < first)
        e->last = first - 1;
    else
        e->first = last + 1;
    return false;
}

int rangeset_remove(struct rangeset *r, unsigned long first, unsigned long last)
{
    struct range *spare, *e, *tmp;
    bool used = false;

    if (first > last)
        return -EINVAL;
    spare = mem_alloc_object(struct range);
    if (!spare)
        return -ENOMEM;
    spin_lock(&r->lock);
    list_for_each_safe (e, tmp, &r->ranges, link)
        if (e->last >= first && e->first <= last)
            used |= cut(e, first, last, spare);
    spin_unlock(&r->lock);
    if (!used)
        mem_free(spare);
    return 0;
}

bool rangeset_contains(struct rangeset *r, unsigned long first, unsigned long last)
{
    bool found = false;
    struct range *e;

    if (!r)
        return false;
    spin_lock(&r->lock);
    list_for_each (e, &r->ranges, link)
        if (e->first <= first && e->last >= last) {
            found = true;
            break;
        }
    spin_unlock(&r->lock);
    return found;
}
