/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, the granting side: the pages that a domain shares with us, their entries in both
 * versions, what of them is in use, and the operations on a table as a whole. Mapping is in
 * grant_map.c, copying in grant_copy.c. Called by the hypercall table, the control ABI and a
 * domain's life.
 */
#include <core/grant_private.h>
#include <boot/param.h>
#include <core/continuation.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>

#define MAX_FRAMES_LIMIT   65536U
#define MAX_MAPTRACK_LIMIT 65536U

static unsigned int opt_max_frames = 64;
static unsigned int opt_max_maptrack = 1024;
BOOT_PARAM_UINT("gnttab_max_frames", gnttab_max_frames, opt_max_frames);
BOOT_PARAM_UINT("gnttab_max_maptrack_frames", gnttab_max_maptrack_frames, opt_max_maptrack);

/* ---- peers ---- */

struct domain *grant_peer_find(struct grant_peer *p, domid_t id)
{
    struct domain *self = current->domain;

    grant_peer_put(p);
    p->d = id == self->id ? self : domain_get_by_id(id);
    p->id = id;
    return p->d;
}

/* ---- entries ---- */

/* What an entry must say. The guest may change it at any time: read once. */
static bool flags_allow(u16 flags, bool write, bool copy)
{
    return (flags & GTF_type_mask) == GTF_permit_access && !(write && (flags & GTF_readonly)) &&
           !(!copy && (flags & GTF_sub_page));
}

/* Version 1: flags and domain are one word, changed at once, so a guest that takes the grant back
 * is either too early or sees us. */
static bool claim_v1(struct grant_table *gt, u32 ref, domid_t user, bool write, struct active *act)
{
    struct grant_entry_v1 *e = entry_v1(gt, ref);
    u32 *word = (u32 *)e, old = __atomic_load_n(word, __ATOMIC_SEQ_CST), new;

    do {
        if ((old >> 16) != user || !flags_allow((u16)old & ~GTF_sub_page, write, false))
            return false;
        new = old | GTF_reading | (write ? GTF_writing : 0);
    } while (!__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (!(act->readers | act->writers)) {
        act->frame = READ_ONCE(e->frame);
        act->start = 0;
        act->length = 0;
    }
    return true;
}

/* Version 2: first say that it is in use, then look whether it is still granted; the guest does
 * both the other way round. */
static bool claim_v2(struct grant_table *gt, u32 ref, domid_t user, bool write, bool copy, struct active *act)
{
    union grant_entry_v2 *e = entry_v2(gt, ref);
    grant_status_t *status = status_of(gt, ref);
    u16 use = GTF_reading | (write ? GTF_writing : 0), before, flags, length;
    u64 frame;

    before = __atomic_fetch_or(status, use, __ATOMIC_SEQ_CST);
    flags = __atomic_load_n(&e->hdr.flags, __ATOMIC_SEQ_CST);
    frame = READ_ONCE(e->full_page.frame);
    length = flags & GTF_sub_page ? READ_ONCE(e->sub_page.length) : 0;
    /* A part of length 0 grants nothing. */
    if (READ_ONCE(e->hdr.domid) != user || !flags_allow(flags, write, copy) || ((flags & GTF_sub_page) && !length)) {
        __atomic_fetch_and(status, ~(use & ~before), __ATOMIC_SEQ_CST);
        return false;
    }
    if (!(act->readers | act->writers)) {
        act->frame = frame >> 32 ? FRAME_NIL : (u32)frame;
        act->start = flags & GTF_sub_page ? READ_ONCE(e->sub_page.page_off) : 0;
        act->length = length;
    }
    return true;
}

static void flags_clear(struct grant_table *gt, u32 ref, u16 flags)
{
    if (gt->version == 1)
        __atomic_fetch_and(&entry_v1(gt, ref)->flags, ~flags, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(status_of(gt, ref), ~flags, __ATOMIC_SEQ_CST);
}

/* Table locked. What is no longer in use is told to the guest. */
static void unpin_locked(struct grant_table *gt, u32 ref, struct active *act)
{
    u16 flags = (act->writers ? 0 : GTF_writing) | (act->writers | act->readers ? 0 : GTF_reading);

    if (flags)
        flags_clear(gt, ref, flags);
}

/* Table locked, ref in range. */
static int pin_locked(struct domain *rd, u32 ref, domid_t user, bool write, bool copy, struct active *act)
{
    struct grant_table *gt = rd->grants;
    bool in_use = act->readers | act->writers;
    struct frame *f;
    int rc = GNTST_okay;

    if (in_use && (act->domid != user || (act->length && !copy)))
        return GNTST_general_error;
    if (act->readers == 0xffff || act->writers == 0xffff)
        return GNTST_no_space;
    if (!in_use || (write && !act->writers)) {
        if (!(gt->version == 1 ? claim_v1(gt, ref, user, write, act) : claim_v2(gt, ref, user, write, copy, act)))
            return GNTST_general_error;
        act->domid = user;
    }
    f = mfn_get(_mfn(act->frame), rd);
    if (unlikely(!f)) {
        rc = GNTST_bad_page;
    } else if (write && frame_get_type(f, FT_WRITABLE)) {
        frame_put(f);
        rc = GNTST_general_error;
    }
    if (rc) {
        unpin_locked(gt, ref, act);
        return rc;
    }
    if (write)
        act->writers++;
    else
        act->readers++;
    return GNTST_okay;
}

int grant_pin(struct domain *rd, u32 ref, domid_t user, bool write, bool copy, struct active *out)
{
    struct grant_table *gt = rd->grants;
    int rc = GNTST_bad_gntref;

    spin_lock(&gt->lock);
    if (likely(ref < refs_of(gt))) {
        struct active *act = active_of(gt, ref);

        rc = pin_locked(rd, ref, user, write, copy, act);
        *out = *act;
    }
    spin_unlock(&gt->lock);
    return rc;
}

void grant_unpin(struct domain *rd, u32 ref, bool write)
{
    struct grant_table *gt = rd->grants;
    struct active *act;

    spin_lock(&gt->lock);
    act = active_of(gt, ref);
    if (write)
        act->writers--;
    else
        act->readers--;
    unpin_locked(gt, ref, act);
    spin_unlock(&gt->lock);
}

/* ---- the pages ---- */

/* Status pages for all entries of version 2. Table locked. 0 or -ENOMEM. */
static int grow_status(struct domain *d)
{
    struct grant_table *gt = d->grants;
    unsigned int need = DIV_ROUND_UP(gt->nr_frames * V2_PER_FRAME, STATUS_PER_FRAME);

    while (gt->nr_status < need) {
        void *page = page_alloc(0);

        if (!page)
            return -ENOMEM;
        frame_share(page, d, true);
        gt->status[gt->nr_status++] = page;
    }
    return 0;
}

/* At least nr frames. Table locked. 0, -EINVAL over the limit, -ENOMEM. */
static int grow(struct domain *d, unsigned int nr)
{
    struct grant_table *gt = d->grants;

    if (nr > gt->max_frames)
        return -EINVAL;
    while (gt->nr_frames < nr) {
        struct active **active = gt->active + gt->nr_frames * ACTIVE_PAGES;
        void *page;

        for (unsigned int i = 0; i < ACTIVE_PAGES; i++)
            if (!active[i] && !(active[i] = page_alloc(0)))
                return -ENOMEM;
        page = page_alloc(0);
        if (!page)
            return -ENOMEM;
        frame_share(page, d, true);
        gt->shared[gt->nr_frames] = page;
        gt->nr_frames++;
        if (gt->version == 2 && grow_status(d)) {
            gt->shared[--gt->nr_frames] = NULL;
            frame_unshare(page);
            return -ENOMEM;
        }
    }
    return 0;
}

int grant_table_frame(struct domain *d, unsigned long idx, bool status, mfn_t *mfn)
{
    struct grant_table *gt = d->grants;
    int rc = -EINVAL;

    spin_lock(&gt->lock);
    if (status) {
        unsigned long per = STATUS_PER_FRAME / V2_PER_FRAME;

        if (gt->version == 2 && idx < gt->max_frames)
            rc = idx < gt->nr_status ? 0 : grow(d, idx * per + 1);
        if (!rc)
            *mfn = virt_to_mfn(gt->status[idx]);
    } else if (idx < gt->max_frames) {
        rc = grow(d, idx + 1);
        if (!rc)
            *mfn = virt_to_mfn(gt->shared[idx]);
    }
    spin_unlock(&gt->lock);
    return rc;
}

/* ---- life ---- */

int grant_domain_init(struct domain *d, int max_grant_frames, int max_maptrack_frames, unsigned int max_version)
{
    unsigned int frames = max_grant_frames < 0 ? opt_max_frames : (unsigned int)max_grant_frames;
    unsigned int maptrack = max_maptrack_frames < 0 ? opt_max_maptrack : (unsigned int)max_maptrack_frames;
    struct grant_table *gt;
    int rc;

    if (max_version > 2 || frames > MAX_FRAMES_LIMIT || maptrack > MAX_MAPTRACK_LIMIT)
        return -EINVAL;
    gt = mem_alloc_object(struct grant_table);
    if (!gt)
        return -ENOMEM;
    d->grants = gt;
    spin_lock_init(&gt->lock, LOCK_GRANT);
    gt->version = 1;
    gt->max_version = max_version ? max_version : 2;
    gt->max_frames = frames;
    gt->shared = mem_alloc_array(void *, frames);
    gt->status = mem_alloc_array(void *, frames);
    gt->active = mem_alloc_array(struct active *, frames * ACTIVE_PAGES);
    rc = maptrack_init(d, maptrack);
    if (rc || !gt->shared || !gt->status || !gt->active)
        return -ENOMEM;
    return frames ? grow(d, 1) : 0;
}

void grant_domain_free(struct domain *d)
{
    struct grant_table *gt = d->grants;

    if (!gt)
        return;
    for (unsigned int i = 0; i < gt->nr_frames; i++)
        frame_unshare(gt->shared[i]);
    for (unsigned int i = 0; i < gt->nr_status; i++)
        frame_unshare(gt->status[i]);
    for (unsigned int i = 0; gt->active && i < gt->max_frames * ACTIVE_PAGES; i++)
        if (gt->active[i])
            page_free(gt->active[i], 0);
    maptrack_free_all(d);
    mem_free(gt->shared);
    mem_free(gt->status);
    mem_free(gt->active);
    mem_free(gt);
    d->grants = NULL;
}

void grant_dump(struct domain *d)
{
    struct grant_table *gt = d->grants;

    spin_lock(&gt->lock);
    log_info("d%u grants: version %u, %u of %u frames\n", d->id, gt->version, gt->nr_frames, gt->max_frames);
    for (u32 ref = 0; ref < refs_of(gt); ref++) {
        struct active *act = active_of(gt, ref);

        if (act->readers | act->writers)
            log_info("  ref %u: frame %#x in use by d%u, %u readers, %u writers\n", ref, act->frame, act->domid,
                     act->readers, act->writers);
    }
    spin_unlock(&gt->lock);
}

/* ---- operations on a table ---- */

/* The domain that an operation names, with a reference: oneself, or any for a privileged caller.
 * GNTST_*. */
static int target(domid_t id, struct domain **out)
{
    struct domain *d = domain_get_by_id_or_self(id);

    *out = NULL;
    if (!d)
        return GNTST_bad_domain;
    if (d != current->domain && !current->domain->is_privileged) {
        domain_put(d);
        return GNTST_permission_denied;
    }
    *out = d;
    return GNTST_okay;
}

static long op_setup_table(struct gnttab_setup_table __guest *uop)
{
    struct gnttab_setup_table op;
    struct domain *d;
    int rc;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    op.status = target(op.dom, &d);
    if (d) {
        spin_lock(&d->grants->lock);
        rc = grow(d, op.nr_frames);
        spin_unlock(&d->grants->lock);
        if (rc)
            op.status = GNTST_general_error;
        for (unsigned int i = 0; !op.status && i < op.nr_frames; i++) {
            xen_pfn_t frame = mfn_x(virt_to_mfn(d->grants->shared[i]));

            if (guest_write(op.frame_list, i, &frame))
                op.status = GNTST_bad_virt_addr;
        }
        domain_put(d);
    }
    return copy_to_guest(uop, &op, sizeof(op));
}

static long op_get_status_frames(struct gnttab_get_status_frames __guest *uop)
{
    struct gnttab_get_status_frames op;
    struct domain *d;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    op.status = target(op.dom, &d);
    if (d) {
        if (d->grants->version != 2 || op.nr_frames > d->grants->nr_status)
            op.status = GNTST_general_error;
        for (unsigned int i = 0; !op.status && i < op.nr_frames; i++) {
            u64 frame = mfn_x(virt_to_mfn(d->grants->status[i]));

            if (guest_write(op.frame_list, i, &frame))
                op.status = GNTST_bad_virt_addr;
        }
        domain_put(d);
    }
    return copy_to_guest(uop, &op, sizeof(op));
}

static long op_query_size(struct gnttab_query_size __guest *uop)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    op.status = target(op.dom, &d);
    if (d) {
        op.nr_frames = READ_ONCE(d->grants->nr_frames);
        op.max_nr_frames = d->grants->max_frames;
        domain_put(d);
    }
    return copy_to_guest(uop, &op, sizeof(op));
}

static long op_get_version(struct gnttab_get_version __guest *uop)
{
    struct gnttab_get_version op;
    struct domain *d;
    int rc;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    rc = target(op.dom, &d);
    if (rc)
        return rc == GNTST_bad_domain ? -ESRCH : -EPERM;
    op.version = READ_ONCE(d->grants->version);
    domain_put(d);
    return copy_to_guest(uop, &op, sizeof(op));
}

/* The first entries, which tools may have set up, are carried over; all others are gone. Table
 * locked. */
static int convert_entries(struct grant_table *gt, unsigned int to)
{
    struct grant_entry_v1 kept[GNTTAB_NR_RESERVED_ENTRIES] = {};

    for (u32 ref = 0; gt->nr_frames && ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
        if (gt->version == 1) {
            kept[ref] = *entry_v1(gt, ref);
        } else {
            union grant_entry_v2 e = *entry_v2(gt, ref);

            if ((e.hdr.flags & GTF_type_mask) == GTF_invalid)
                continue;
            if ((e.hdr.flags & GTF_type_mask) != GTF_permit_access || (e.hdr.flags & GTF_sub_page) ||
                e.full_page.frame >> 32)
                return -ERANGE;
            kept[ref] = (struct grant_entry_v1){e.hdr.flags, e.hdr.domid, e.full_page.frame};
        }
    }
    for (unsigned int i = 0; i < gt->nr_frames; i++)
        memset(gt->shared[i], 0, PAGE_SIZE);
    for (unsigned int i = 0; i < gt->nr_status; i++)
        memset(gt->status[i], 0, PAGE_SIZE);
    gt->version = to;
    for (u32 ref = 0; gt->nr_frames && ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
        if (to == 1) {
            *entry_v1(gt, ref) = kept[ref];
        } else {
            entry_v2(gt, ref)->full_page.frame = kept[ref].frame;
            entry_v2(gt, ref)->hdr = (struct grant_entry_header){kept[ref].flags, kept[ref].domid};
        }
    }
    return 0;
}

static long op_set_version(struct gnttab_set_version __guest *uop)
{
    struct grant_table *gt = current->domain->grants;
    struct gnttab_set_version op;
    long rc = 0;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    if (op.version != 1 && op.version != 2)
        return -EINVAL;
    if (op.version > gt->max_version)
        return -ENOSYS;
    spin_lock(&gt->lock);
    if (gt->version != op.version) {
        for (u32 ref = 0; !rc && ref < refs_of(gt); ref++)
            if (active_of(gt, ref)->readers | active_of(gt, ref)->writers)
                rc = -EBUSY;
        if (!rc && op.version == 2)
            rc = grow_status(current->domain);
        if (!rc)
            rc = convert_entries(gt, op.version);
    }
    op.version = gt->version;
    spin_unlock(&gt->lock);
    if (copy_to_guest(uop, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}

static int swap_refs(struct grant_table *gt, u32 a, u32 b)
{
    struct active *aa, *ab;

    if (a >= refs_of(gt) || b >= refs_of(gt))
        return GNTST_bad_gntref;
    aa = active_of(gt, a);
    ab = active_of(gt, b);
    if (aa->readers | aa->writers | ab->readers | ab->writers)
        return GNTST_eagain;
    if (gt->version == 1) {
        struct grant_entry_v1 e = *entry_v1(gt, a);

        *entry_v1(gt, a) = *entry_v1(gt, b);
        *entry_v1(gt, b) = e;
    } else {
        union grant_entry_v2 e = *entry_v2(gt, a);

        *entry_v2(gt, a) = *entry_v2(gt, b);
        *entry_v2(gt, b) = e;
    }
    return GNTST_okay;
}

static long op_swap(struct gnttab_swap_grant_ref __guest *uop, unsigned int count)
{
    struct grant_table *gt = current->domain->grants;
    struct gnttab_swap_grant_ref op;

    for (unsigned int i = 0; i < count; i++) {
        if (i && hypercall_preempt_check())
            return hypercall_again(3, (unsigned long)GNTTABOP_swap_grant_ref, (unsigned long)(uop + i),
                                   (unsigned long)(count - i));
        if (copy_from_guest(&op, uop + i, sizeof(op)))
            return -EFAULT;
        spin_lock(&gt->lock);
        op.status = op.ref_a == op.ref_b && op.ref_a < refs_of(gt) ? GNTST_okay : swap_refs(gt, op.ref_a, op.ref_b);
        spin_unlock(&gt->lock);
        if (copy_to_guest(uop + i, &op, sizeof(op)))
            return -EFAULT;
    }
    return 0;
}

/* Those that take one structure, never a row of them. */
static long op_single(unsigned int cmd, void __guest *uop, unsigned int count)
{
    if (count != 1)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_setup_table: return op_setup_table(uop);
    case GNTTABOP_query_size: return op_query_size(uop);
    case GNTTABOP_set_version: return op_set_version(uop);
    case GNTTABOP_get_version: return op_get_version(uop);
    default: return op_get_status_frames(uop);
    }
}

long do_grant_table_op(unsigned int cmd, void __guest *uop, unsigned int count)
{
    if ((int)count < 0)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_map_grant_ref: return grant_op_map(uop, count);
    case GNTTABOP_unmap_grant_ref: return grant_op_unmap(uop, count);
    case GNTTABOP_unmap_and_replace: return grant_op_unmap_replace(uop, count);
    case GNTTABOP_copy: return grant_op_copy(uop, count);
    case GNTTABOP_setup_table:
    case GNTTABOP_query_size:
    case GNTTABOP_set_version:
    case GNTTABOP_get_version:
    case GNTTABOP_get_status_frames: return op_single(cmd, uop, count);
    case GNTTABOP_swap_grant_ref: return op_swap(uop, count);
    case GNTTABOP_transfer:
    case GNTTABOP_cache_flush: return hypercall_unknown("grant_table_op", cmd, -EOPNOTSUPP);
    default: return hypercall_unknown("grant_table_op", cmd, -ENOSYS);
    }
}
