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
#include <mm/heap.h>

/* ---- handles ---- */

/* The entry of a handle that a guest named; NULL: never was one. */
static inline struct maptrack *maptrack_find(struct grant_table *gt, u32 handle)
{
    if (unlikely(handle / MAPTRACK_PER_PAGE >= READ_ONCE(gt->nr_maptrack)))
        return NULL;
    return gt->maptrack[handle / MAPTRACK_PER_PAGE] + handle % MAPTRACK_PER_PAGE;
}

/* One page of handles for a list that is empty; locked. */
static __noinline void maptrack_grow(struct grant_table *gt)
{
    u32 first = gt->nr_maptrack * MAPTRACK_PER_PAGE;
    struct maptrack *page;

    if (!gt->maptrack)
        gt->maptrack = mem_alloc_array(struct maptrack *, gt->max_maptrack);
    if (!gt->maptrack || gt->nr_maptrack == gt->max_maptrack || !(page = page_alloc(0)))
        return;
    for (u32 i = 0; i < MAPTRACK_PER_PAGE; i++)
        page[i].next = i + 1 < MAPTRACK_PER_PAGE ? first + i + 1 : MAPTRACK_END;
    gt->maptrack[gt->nr_maptrack] = page;
    __atomic_store_n(&gt->nr_maptrack, gt->nr_maptrack + 1, __ATOMIC_RELEASE);
    gt->free_handle = first;
}

/* A free handle; MAPTRACK_END: none left. */
static u32 maptrack_get(struct grant_table *gt)
{
    u32 handle;

    spin_guard(&gt->maptrack_lock);
    if (unlikely(gt->free_handle == MAPTRACK_END))
        maptrack_grow(gt);
    handle = gt->free_handle;
    if (likely(handle != MAPTRACK_END))
        gt->free_handle = maptrack_find(gt, handle)->next;
    return handle;
}

static void maptrack_put(struct grant_table *gt, u32 handle)
{
    spin_guard(&gt->maptrack_lock);
    maptrack_find(gt, handle)->next = gt->free_handle;
    gt->free_handle = handle;
}

/* ---- mapping ---- */

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
    if (unlikely(op->flags & (MT_DEVICE | MT_PTE | GNTMAP_application_map)) && d->is_hvm)
        return GNTST_general_error;
    rd = grant_peer_get(peer, op->dom);
    if (unlikely(!rd) || unlikely(domain_is_dying(rd)))
        return GNTST_bad_domain;
    handle = maptrack_get(d->grants);
    if (unlikely(handle == MAPTRACK_END))
        return GNTST_no_space;
    rc = grant_pin(rd, op->ref, d->id, write, false, &act);
    if (rc)
        goto no_pin;
    if (both && (rc = grant_frame_hold(rd, act.frame, write)))
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
    maptrack_put(d->grants, handle);
    return rc;
}

static void map_row(void *ops, unsigned int n, void *peer)
{
    for (struct gnttab_map_grant_ref *op = ops; n; n--, op++)
        op->status = map_one(op, peer);
}

long grant_op_map(void __guest *uop, unsigned int count)
{
    struct grant_peer peer = GRANT_PEER_NONE;
    long rc = grant_rows(GNTTABOP_map_grant_ref, uop, count, sizeof(struct gnttab_map_grant_ref),
                         offsetof(struct gnttab_map_grant_ref, dom), map_row, &peer);

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
static int unmap_begin(struct unmapping *u, const struct gnttab_unmap_grant_ref *op)
{
    struct maptrack *mt = maptrack_find(current->domain->grants, op->handle);
    u16 flags;
    int rc;

    *u = (struct unmapping){mt, op->handle, 0};
    if (unlikely(!mt))
        return GNTST_bad_handle;
    flags = __atomic_load_n(&mt->flags, __ATOMIC_ACQUIRE);
    if (unlikely(!(flags & (MT_HOST | MT_DEVICE))))
        return GNTST_bad_handle;
    if (op->host_addr && (flags & MT_HOST)) {
        if (!claim(mt, MT_HOST, MT_HOST_GOES))
            return GNTST_bad_handle;
        rc = arch_grant_unmap(op->host_addr, _mfn(mt->frame), flags & (MT_READONLY | MT_PTE));
        if (rc) {
            claim(mt, MT_HOST_GOES, MT_HOST);
            return rc;
        }
        u->going |= MT_HOST_GOES;
    }
    if (op->dev_bus_addr && (flags & MT_DEVICE)) {
        if (op->dev_bus_addr != (u64)mt->frame << PAGE_SHIFT)
            return GNTST_general_error;
        if (claim(mt, MT_DEVICE, MT_DEVICE_GOES))
            u->going |= MT_DEVICE_GOES;
    }
    return GNTST_okay;
}

/* Last step: references, and with the last kind of mapping the pin and the handle. */
static void unmap_finish(const struct unmapping *u, struct grant_peer *peer)
{
    struct maptrack mt;
    bool write;

    if (!u->going)
        return;
    mt = *u->mt;
    write = !(mt.flags & MT_READONLY);
    if (!(__atomic_and_fetch(&u->mt->flags, ~u->going, __ATOMIC_SEQ_CST) & MT_LIVE)) {
        /* Its frame is still referenced, so the domain is still there. */
        struct domain *rd = grant_peer_get(peer, mt.domid);

        __atomic_store_n(&u->mt->flags, 0, __ATOMIC_RELEASE);
        if (rd)
            grant_unpin(rd, mt.ref, write);
        maptrack_put(current->domain->grants, u->handle);
    }
    if (u->going & MT_HOST_GOES)
        grant_frame_put(mt.frame, write);
    if (u->going & MT_DEVICE_GOES)
        grant_frame_put(mt.frame, write);
}

static void unmap_row(void *ops, unsigned int n, void *peer)
{
    struct gnttab_unmap_grant_ref *op = ops;
    struct unmapping u[GRANT_ROW];
    u16 going = 0;

    for (unsigned int i = 0; i < n; i++) {
        op[i].status = unmap_begin(&u[i], &op[i]);
        going |= u[i].going;
    }
    if (going & MT_HOST_GOES)
        arch_flush_domain_tlb(current->domain);
    for (unsigned int i = 0; going && i < n; i++)
        unmap_finish(&u[i], peer);
}

long grant_op_unmap(void __guest *uop, unsigned int count)
{
    struct grant_peer peer = GRANT_PEER_NONE;
    long rc = grant_rows(GNTTABOP_unmap_grant_ref, uop, count, sizeof(struct gnttab_unmap_grant_ref),
                         offsetof(struct gnttab_unmap_grant_ref, handle), unmap_row, &peer);

    grant_peer_put(&peer);
    return rc;
}

/* ---- the end of a domain ---- */

/* The references of mappings in page tables go with the page tables. */
static void release_one(struct maptrack *mt)
{
    bool write = !(mt->flags & MT_READONLY);
    domain_ref rd = NULL;

    if (!(mt->flags & MT_LIVE))
        return;
    rd = domain_get_by_id(mt->domid);
    if (rd)
        grant_unpin(rd, mt->ref, write);
    if (mt->flags & MT_DEVICE)
        grant_frame_put(mt->frame, write);
    mt->flags = 0;
}

int grant_domain_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grants;
    u32 handles = gt->nr_maptrack * MAPTRACK_PER_PAGE;

    while (gt->release_next < handles) {
        release_one(maptrack_find(gt, gt->release_next++));
        if (!(gt->release_next % 64) && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
