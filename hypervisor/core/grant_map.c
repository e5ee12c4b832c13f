/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, the using side: mapping and unmapping by handle, and the handles themselves
 * (maptrack). The page tables are the architecture's (arch_grant_map). Called by grant.c and by the
 * end of a domain.
 *
 * A frame's references: a mapping in the page tables has one, which arch_grant_map takes over and
 * arch_grant_unmap gives back; a device mapping has one of its own, kept here. Unmapping goes in
 * three steps for a row of operations: entries out of the page tables; one TLB flush for all; only
 * then pins and references are dropped, so that nobody reaches a frame that its owner thinks is
 * free.
 */
#include <core/grant_private.h>
#include <arch/arch.h>
#include <core/continuation.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

#define ROW 16 /* operations that are copied, flushed and finished together */

/* ---- handles ---- */

int maptrack_init(struct domain *d, unsigned int max_frames)
{
    struct grant_table *gt = d->grants;

    gt->max_maptrack = max_frames;
    gt->maptrack_free = mem_alloc_array(struct maptrack_list, d->max_vcpus);
    if (!gt->maptrack_free)
        return -ENOMEM;
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        spin_lock_init(&gt->maptrack_free[i].lock, LOCK_MAPTRACK);
        gt->maptrack_free[i].head = MAPTRACK_END;
    }
    return 0;
}

void maptrack_free_all(struct domain *d)
{
    struct grant_table *gt = d->grants;

    for (unsigned int i = 0; i < gt->nr_maptrack; i++)
        page_free(gt->maptrack[i], 0);
    mem_free(gt->maptrack);
    mem_free(gt->maptrack_free);
}

/* The entry of a handle that a guest named; NULL: never was one. */
static inline struct maptrack *maptrack_find(struct grant_table *gt, u32 handle)
{
    if (unlikely(handle / MAPTRACK_PER_PAGE >= READ_ONCE(gt->nr_maptrack)))
        return NULL;
    return gt->maptrack[handle / MAPTRACK_PER_PAGE] + handle % MAPTRACK_PER_PAGE;
}

static u32 list_take(struct grant_table *gt, struct maptrack_list *l)
{
    u32 handle;

    spin_lock(&l->lock);
    handle = l->head;
    if (handle != MAPTRACK_END)
        l->head = maptrack_find(gt, handle)->next;
    spin_unlock(&l->lock);
    return handle;
}

static void list_give(struct grant_table *gt, struct maptrack_list *l, u32 first, u32 last)
{
    spin_lock(&l->lock);
    maptrack_find(gt, last)->next = l->head;
    l->head = first;
    spin_unlock(&l->lock);
}

/* One page more of handles, all on list l. 0 or -ENOMEM. */
static int maptrack_grow(struct grant_table *gt, struct maptrack_list *l)
{
    struct maptrack *page = NULL;
    u32 first;
    int rc = -ENOMEM;

    spin_lock(&gt->lock);
    if (!gt->maptrack)
        gt->maptrack = mem_alloc_array(struct maptrack *, gt->max_maptrack);
    if (gt->maptrack && gt->nr_maptrack < gt->max_maptrack)
        page = page_alloc(0);
    if (page) {
        first = gt->nr_maptrack * MAPTRACK_PER_PAGE;
        for (u32 i = 0; i < MAPTRACK_PER_PAGE; i++)
            page[i].next = first + i + 1;
        gt->maptrack[gt->nr_maptrack] = page;
        __atomic_store_n(&gt->nr_maptrack, gt->nr_maptrack + 1, __ATOMIC_RELEASE);
        rc = 0;
    }
    spin_unlock(&gt->lock);
    if (!rc)
        list_give(gt, l, first, first + MAPTRACK_PER_PAGE - 1);
    return rc;
}

/* A free handle of the current domain; MAPTRACK_END: none left. */
static u32 maptrack_get(struct domain *d)
{
    struct grant_table *gt = d->grants;
    struct maptrack_list *own = &gt->maptrack_free[current->id];
    u32 handle = list_take(gt, own);

    if (likely(handle != MAPTRACK_END))
        return handle;
    if (!maptrack_grow(gt, own))
        return list_take(gt, own);
    for (unsigned int i = 0; i < d->max_vcpus && handle == MAPTRACK_END; i++)
        handle = list_take(gt, &gt->maptrack_free[i]);
    return handle;
}

static void maptrack_put(struct domain *d, u32 handle)
{
    list_give(d->grants, &d->grants->maptrack_free[current->id], handle, handle);
}

/* ---- mapping ---- */

/* With the entry pinned and one reference held: the second one, where both kinds are wanted. */
static int second_reference(struct domain *rd, u32 frame, bool write)
{
    struct frame *f = mfn_get(_mfn(frame), rd);

    if (!f)
        return GNTST_general_error;
    if (write && frame_get_type(f, FT_WRITABLE)) {
        frame_put(f);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

static int map_one(struct gnttab_map_grant_ref *op, struct grant_peer *peer)
{
    struct domain *d = current->domain, *rd;
    bool write = !(op->flags & GNTMAP_readonly);
    bool both = (op->flags & MT_HOST) && (op->flags & MT_DEVICE);
    struct maptrack *mt;
    struct active act;
    u32 handle;
    int rc;

    if (!(op->flags & (MT_HOST | MT_DEVICE)))
        return GNTST_bad_gntref;
    rd = grant_peer_get(peer, op->dom);
    if (unlikely(!rd) || unlikely(domain_is_dying(rd)))
        return GNTST_bad_domain;
    handle = maptrack_get(d);
    if (unlikely(handle == MAPTRACK_END))
        return GNTST_no_space;
    rc = grant_pin(rd, op->ref, d->id, write, false, &act);
    if (rc)
        goto no_pin;
    if (both && (rc = second_reference(rd, act.frame, write)))
        goto no_map;
    if ((op->flags & MT_HOST) && (rc = arch_grant_map(op->host_addr, _mfn(act.frame), op->flags))) {
        if (both)
            grant_frame_put(act.frame, write);
        goto no_map;
    }
    mt = maptrack_find(d->grants, handle);
    mt->ref = op->ref;
    mt->domid = op->dom;
    mt->frame = act.frame;
    __atomic_store_n(&mt->flags, op->flags & (MT_HOST | MT_DEVICE | MT_READONLY | MT_PTE), __ATOMIC_RELEASE);
    op->handle = handle;
    op->dev_bus_addr = (u64)act.frame << PAGE_SHIFT;
    return GNTST_okay;
no_map:
    grant_unpin(rd, op->ref, write);
    grant_frame_put(act.frame, write);
no_pin:
    maptrack_put(d, handle);
    return rc;
}

/* What we answer stands at the end of the structures: from here on it is written back. */
#define MAP_ANSWER   16
#define UNMAP_ANSWER 16
_Static_assert(offsetof(struct gnttab_map_grant_ref, dom) == MAP_ANSWER, "status comes behind");
_Static_assert(offsetof(struct gnttab_unmap_grant_ref, handle) == UNMAP_ANSWER, "status comes behind");

long grant_op_map(struct gnttab_map_grant_ref __guest *uop, unsigned int count)
{
    struct gnttab_map_grant_ref op[ROW];
    struct grant_peer peer = GRANT_PEER_NONE;
    long rc = 0;

    if (likely(count == 1)) {
        if (copy_from_guest(op, uop, sizeof(op[0])))
            return -EFAULT;
        op[0].status = map_one(op, &peer);
        grant_peer_put(&peer);
        return copy_to_guest((char __guest *)uop + MAP_ANSWER, (char *)op + MAP_ANSWER, sizeof(op[0]) - MAP_ANSWER);
    }
    while (count) {
        unsigned int n = min(count, (unsigned int)ROW);

        if (copy_from_guest(op, uop, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        for (unsigned int i = 0; i < n; i++)
            op[i].status = map_one(&op[i], &peer);
        if (copy_to_guest(uop, op, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        uop += n;
        count -= n;
        if (count && hypercall_preempt_check()) {
            rc = hypercall_again(3, (unsigned long)GNTTABOP_map_grant_ref, (unsigned long)uop, (unsigned long)count);
            break;
        }
    }
    grant_peer_put(&peer);
    return rc;
}

/* ---- unmapping ---- */

/* One operation between its first and its last step. */
struct unmapping {
    struct maptrack *mt;
    u32 handle;
    u16 going; /* MT_*_GOES that were set; 0: nothing to finish */
};

/* Takes the bit of one kind away from the others: false when it is not there. */
static bool claim(struct maptrack *mt, u16 kind, u16 goes)
{
    u16 old = __atomic_load_n(&mt->flags, __ATOMIC_ACQUIRE);

    do {
        if (!(old & kind))
            return false;
    } while (!__atomic_compare_exchange_n(&mt->flags, &old, (old & ~kind) | goes, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

/* First step. GNTST_*. */
static int unmap_begin(struct unmapping *u, u64 host_addr, u64 dev_bus_addr, u64 new_addr, u32 handle)
{
    struct maptrack *mt = maptrack_find(current->domain->grants, handle);
    u16 flags;
    int rc;

    u->going = 0;
    u->mt = mt;
    u->handle = handle;
    if (unlikely(!mt))
        return GNTST_bad_handle;
    flags = __atomic_load_n(&mt->flags, __ATOMIC_ACQUIRE);
    if (unlikely(!(flags & (MT_HOST | MT_DEVICE))))
        return GNTST_bad_handle;
    if (host_addr && (flags & MT_HOST)) {
        if (!claim(mt, MT_HOST, MT_HOST_GOES))
            return GNTST_bad_handle;
        rc = arch_grant_unmap(host_addr, _mfn(mt->frame), new_addr, flags & (MT_READONLY | MT_PTE));
        if (rc) {
            claim(mt, MT_HOST_GOES, MT_HOST);
            return rc;
        }
        u->going |= MT_HOST_GOES;
    }
    if (dev_bus_addr && (flags & MT_DEVICE)) {
        if (dev_bus_addr != (u64)mt->frame << PAGE_SHIFT)
            return GNTST_general_error;
        if (claim(mt, MT_DEVICE, MT_DEVICE_GOES))
            u->going |= MT_DEVICE_GOES;
    }
    return GNTST_okay;
}

/*
 * Last step: references, and with the last kind of mapping the pin and the handle.
 */
static void unmap_finish(struct unmapping *u, struct grant_peer *peer)
{
    struct maptrack *mt = u->mt;
    bool write;
    u32 frame, ref;
    domid_t domid;
    u16 left;

    if (!u->going)
        return;
    write = !(mt->flags & MT_READONLY);
    frame = mt->frame;
    ref = mt->ref;
    domid = mt->domid;
    left = __atomic_and_fetch(&mt->flags, ~u->going, __ATOMIC_SEQ_CST);
    if (!(left & MT_LIVE)) {
        /* Its frame is still referenced, so the domain is still there. */
        struct domain *rd = grant_peer_get(peer, domid);

        __atomic_store_n(&mt->flags, 0, __ATOMIC_RELEASE);
        if (rd)
            grant_unpin(rd, ref, write);
        maptrack_put(current->domain, u->handle);
    }
    if (u->going & MT_HOST_GOES)
        grant_frame_put(frame, write);
    if (u->going & MT_DEVICE_GOES)
        grant_frame_put(frame, write);
}

static void unmap_finish_row(struct unmapping *u, unsigned int n, struct grant_peer *peer)
{
    u16 going = 0;

    for (unsigned int i = 0; i < n; i++)
        going |= u[i].going;
    if (going & MT_HOST_GOES)
        arch_flush_domain_tlb(current->domain);
    for (unsigned int i = 0; going && i < n; i++)
        unmap_finish(&u[i], peer);
}

long grant_op_unmap(struct gnttab_unmap_grant_ref __guest *uop, unsigned int count)
{
    struct gnttab_unmap_grant_ref op[ROW];
    struct unmapping u[ROW];
    struct grant_peer peer = GRANT_PEER_NONE;
    long rc = 0;

    if (likely(count == 1)) {
        if (copy_from_guest(op, uop, sizeof(op[0])))
            return -EFAULT;
        op[0].status = unmap_begin(u, op[0].host_addr, op[0].dev_bus_addr, 0, op[0].handle);
        unmap_finish_row(u, 1, &peer);
        grant_peer_put(&peer);
        return copy_to_guest((char __guest *)uop + UNMAP_ANSWER, (char *)op + UNMAP_ANSWER,
                             sizeof(op[0]) - UNMAP_ANSWER);
    }
    while (count) {
        unsigned int n = min(count, (unsigned int)ROW);

        if (copy_from_guest(op, uop, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        for (unsigned int i = 0; i < n; i++)
            op[i].status = unmap_begin(&u[i], op[i].host_addr, op[i].dev_bus_addr, 0, op[i].handle);
        unmap_finish_row(u, n, &peer);
        if (copy_to_guest(uop, op, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        uop += n;
        count -= n;
        if (count && hypercall_preempt_check()) {
            rc = hypercall_again(3, (unsigned long)GNTTABOP_unmap_grant_ref, (unsigned long)uop, (unsigned long)count);
            break;
        }
    }
    grant_peer_put(&peer);
    return rc;
}

long grant_op_unmap_replace(struct gnttab_unmap_and_replace __guest *uop, unsigned int count)
{
    struct gnttab_unmap_and_replace op;
    struct grant_peer peer = GRANT_PEER_NONE;
    struct unmapping u;
    long rc = 0;

    for (unsigned int i = 0; i < count && !rc; i++) {
        if (i && hypercall_preempt_check()) {
            rc = hypercall_again(3, (unsigned long)GNTTABOP_unmap_and_replace, (unsigned long)(uop + i),
                                 (unsigned long)(count - i));
            break;
        }
        if (copy_from_guest(&op, uop + i, sizeof(op))) {
            rc = -EFAULT;
            break;
        }
        op.status = unmap_begin(&u, op.host_addr, 0, op.new_addr, op.handle);
        unmap_finish_row(&u, 1, &peer);
        rc = copy_to_guest(uop + i, &op, sizeof(op));
    }
    grant_peer_put(&peer);
    return rc;
}

/* ---- the end of a domain ---- */

/* The references of mappings in page tables go with the page tables. */
static void release_one(struct domain *d, u32 handle)
{
    struct maptrack *mt = maptrack_find(d->grants, handle);
    bool write = !(mt->flags & MT_READONLY);
    struct domain *rd;

    if (!(mt->flags & MT_LIVE))
        return;
    rd = domain_get_by_id(mt->domid);
    if (rd) {
        grant_unpin(rd, mt->ref, write);
        domain_put(rd);
    }
    if (mt->flags & MT_DEVICE)
        grant_frame_put(mt->frame, write);
    mt->flags = 0;
}

int grant_domain_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grants;
    u32 handles = gt->nr_maptrack * MAPTRACK_PER_PAGE;

    while (gt->release_next < handles) {
        release_one(d, gt->release_next++);
        if (!(gt->release_next % 64) && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
