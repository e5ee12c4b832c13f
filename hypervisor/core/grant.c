/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, the granting side: the pages that a domain shares with us, their entries in both
 * versions, what of them is in use, and the operations on a table as a whole. Mapping is in
 * grant_map.c, copying in grant_copy.c. Called by the hypercall table, the control ABI and a
 * domain's life.
 */
#include <core/grant_private.h>
#include <boot/param.h>
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

/* The entry of an HVM domain has the number that its guest knows. */
static __noinline void frame_translate(struct domain *rd, struct active *act)
{
    act->frame = mfn_x(arch_gfn_to_mfn(rd, _gfn(act->frame)));
}

/* Table locked, ref in range. */
static int pin_locked(struct domain *rd, u32 ref, domid_t user, bool write, bool copy, struct active *act)
{
    struct grant_table *gt = rd->grants;
    bool in_use = act->readers | act->writers;
    int rc;

    if (in_use && (act->domid != user || (act->length && !copy)))
        return GNTST_general_error;
    if (act->readers == 0xffff || act->writers == 0xffff)
        return GNTST_no_space;
    if (!in_use || (write && !act->writers)) {
        if (!(gt->version == 1 ? claim_v1(gt, ref, user, write, act) : claim_v2(gt, ref, user, write, copy, act)))
            return GNTST_general_error;
        act->domid = user;
        if (unlikely(rd->is_hvm) && !in_use)
            frame_translate(rd, act);
    }
    rc = grant_frame_hold(rd, act->frame, write);
    if (rc)
        unpin_locked(gt, ref, act);
    else if (write)
        act->writers++;
    else
        act->readers++;
    return rc;
}

int grant_pin(struct domain *rd, u32 ref, domid_t user, bool write, bool copy, struct active *out)
{
    struct grant_table *gt = rd->grants;
    struct active *act;
    int rc;

    spin_guard(&gt->lock);
    if (unlikely(ref >= refs_of(gt)))
        return GNTST_bad_gntref;
    act = active_of(gt, ref);
    rc = pin_locked(rd, ref, user, write, copy, act);
    *out = *act;
    return rc;
}

void grant_unpin(struct domain *rd, u32 ref, bool write)
{
    struct grant_table *gt = rd->grants;
    struct active *act;

    spin_guard(&gt->lock);
    act = active_of(gt, ref);
    if (write)
        act->writers--;
    else
        act->readers--;
    unpin_locked(gt, ref, act);
}

/* ---- the pages ---- */

static void *shared_page(struct domain *d)
{
    void *page = page_alloc(0);

    if (page)
        frame_share(page, d, true);
    return page;
}

/* Status pages for all entries of nr frames of version 2. Table locked. 0 or -ENOMEM. */
static int grow_status(struct domain *d, unsigned int nr)
{
    struct grant_table *gt = d->grants;

    while (gt->nr_status < DIV_ROUND_UP(nr * V2_PER_FRAME, STATUS_PER_FRAME)) {
        if (!(gt->status[gt->nr_status] = shared_page(d)))
            return -ENOMEM;
        gt->nr_status++;
    }
    return 0;
}

/* At least nr frames. Table locked. 0, -EINVAL over the limit, -ENOMEM. */
static int grow(struct domain *d, unsigned int nr)
{
    struct grant_table *gt = d->grants;

    if (nr > gt->max_frames)
        return -EINVAL;
    if (gt->version == 2 && grow_status(d, nr))
        return -ENOMEM;
    for (; gt->nr_frames < nr; gt->nr_frames++) {
        struct active **active = gt->active + gt->nr_frames * ACTIVE_PAGES;

        for (unsigned int i = 0; i < ACTIVE_PAGES; i++)
            if (!active[i] && !(active[i] = page_alloc(0)))
                return -ENOMEM;
        if (!(gt->shared[gt->nr_frames] = shared_page(d)))
            return -ENOMEM;
    }
    return 0;
}

int grant_table_frame(struct domain *d, unsigned long idx, bool status, mfn_t *mfn)
{
    struct grant_table *gt = d->grants;
    int rc = 0;

    spin_guard(&gt->lock);
    if (idx >= gt->max_frames || (status && gt->version != 2))
        return -EINVAL;
    if (!status)
        rc = grow(d, idx + 1);
    else if (idx >= gt->nr_status)
        rc = grow(d, idx * (STATUS_PER_FRAME / V2_PER_FRAME) + 1);
    if (!rc)
        *mfn = virt_to_mfn(status ? gt->status[idx] : gt->shared[idx]);
    return rc;
}

unsigned int grant_table_max_frames(const struct domain *d, bool status)
{
    unsigned int max = d->grants->max_frames;

    return status ? DIV_ROUND_UP(max * V2_PER_FRAME, STATUS_PER_FRAME) : max;
}

/* ---- life ---- */

int grant_domain_init(struct domain *d, int max_grant_frames, int max_maptrack_frames, unsigned int max_version)
{
    unsigned int frames = max_grant_frames < 0 ? opt_max_frames : (unsigned int)max_grant_frames;
    unsigned int maptrack = max_maptrack_frames < 0 ? opt_max_maptrack : (unsigned int)max_maptrack_frames;
    struct grant_table *gt;

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
    spin_lock_init(&gt->maptrack_lock, LOCK_MAPTRACK);
    gt->free_handle = MAPTRACK_END;
    gt->max_maptrack = maptrack;
    if (!gt->shared || !gt->status || !gt->active)
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
    for (unsigned int i = 0; i < gt->nr_maptrack; i++)
        page_free(gt->maptrack[i], 0);
    mem_free(gt->maptrack);
    mem_free(gt->shared);
    mem_free(gt->status);
    mem_free(gt->active);
    mem_free(gt);
    d->grants = NULL;
}

void grant_dump(struct domain *d)
{
    struct grant_table *gt = d->grants;

    spin_guard(&gt->lock);
    log_info("d%u grants: version %u, %u of %u frames\n", d->id, gt->version, gt->nr_frames, gt->max_frames);
    for (u32 ref = 0; ref < refs_of(gt); ref++) {
        struct active *act = active_of(gt, ref);

        if (act->readers | act->writers)
            log_info("  ref %u: frame %#x in use by d%u, %u readers, %u writers\n", ref, act->frame, act->domid,
                     act->readers, act->writers);
    }
}

/* ---- operations on a table ---- */

/* GNTST_* of finding the domain that an operation names. */
static int target(domid_t id, struct domain **d)
{
    int rc = domain_get_target(id, d);

    return !rc ? GNTST_okay : rc == -ESRCH ? GNTST_bad_domain : GNTST_permission_denied;
}

/* The numbers that d's guest knows the first nr pages by go to it. */
static int list_frames(const struct domain *d, void **page, u32 nr, u64 __guest *list)
{
    for (u32 i = 0; i < nr; i++) {
        mfn_t mfn = virt_to_mfn(page[i]);
        u64 frame = d->is_hvm ? arch_get_m2p(mfn) : mfn_x(mfn);

        if (copy_to_guest(list + i, &frame, sizeof(frame)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static long op_setup_table(struct domain *caller __unused, void *arg)
{
    struct gnttab_setup_table *op = arg;
    domain_ref d = NULL;
    int rc;

    op->status = target(op->dom, &d);
    if (!d)
        return 0;
    spin_lock(&d->grants->lock);
    rc = grow(d, op->nr_frames);
    spin_unlock(&d->grants->lock);
    op->status =
        rc ? GNTST_general_error : list_frames(d, d->grants->shared, op->nr_frames, (u64 __guest *)op->frame_list.p);
    return 0;
}

static long op_get_status_frames(struct domain *caller __unused, void *arg)
{
    struct gnttab_get_status_frames *op = arg;
    domain_ref d = NULL;

    op->status = target(op->dom, &d);
    if (!d)
        return 0;
    if (d->grants->version != 2 || op->nr_frames > d->grants->nr_status)
        op->status = GNTST_general_error;
    else
        op->status = list_frames(d, d->grants->status, op->nr_frames, op->frame_list.p);
    return 0;
}

static long op_query_size(struct domain *caller __unused, void *arg)
{
    struct gnttab_query_size *op = arg;
    domain_ref d = NULL;

    op->status = target(op->dom, &d);
    if (d) {
        op->nr_frames = READ_ONCE(d->grants->nr_frames);
        op->max_nr_frames = d->grants->max_frames;
    }
    return 0;
}

static long op_get_version(struct domain *d, void *arg)
{
    ((struct gnttab_get_version *)arg)->version = READ_ONCE(d->grants->version);
    return 0;
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

static int change_version(struct domain *d, unsigned int to)
{
    struct grant_table *gt = d->grants;

    for (u32 ref = 0; ref < refs_of(gt); ref++)
        if (active_of(gt, ref)->readers | active_of(gt, ref)->writers)
            return -EBUSY;
    if (to == 2 && grow_status(d, gt->nr_frames))
        return -ENOMEM;
    for (unsigned int i = 0; d->is_hvm && to == 1 && i < gt->nr_status; i++)
        arch_physmap_forget(d, virt_to_mfn(gt->status[i]));
    return convert_entries(gt, to);
}

static long op_set_version(struct domain *d, void *arg)
{
    struct gnttab_set_version *op = arg;
    u32 to = op->version;
    long rc = 0;

    if (to != 1 && to != 2)
        return -EINVAL;
    if (to > d->grants->max_version)
        return -ENOSYS;
    spin_guard(&d->grants->lock);
    if (d->grants->version != to)
        rc = change_version(d, to);
    op->version = d->grants->version;
    return rc;
}

/* Those that take one structure, never a row of them. */
static const struct operation table_ops[] = {
#define OP(name, flags) [GNTTABOP_##name] = {op_##name, sizeof(struct gnttab_##name), flags}
    OP(setup_table, OP_BACK),       OP(query_size, OP_BACK),
    OP(set_version, OP_ALWAYS),     OP(get_version, OP_DOMAIN | OP_BACK),
    OP(get_status_frames, OP_BACK),
#undef OP
};

long do_grant_table_op(unsigned int cmd, void __guest *uop, unsigned int count)
{
    if ((int)count < 0)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_map_grant_ref: return grant_op_map(uop, count);
    case GNTTABOP_unmap_grant_ref: return grant_op_unmap(uop, count);
    case GNTTABOP_copy: return grant_op_copy(uop, count);
    case GNTTABOP_transfer:
    case GNTTABOP_unmap_and_replace:
    case GNTTABOP_swap_grant_ref:
    case GNTTABOP_cache_flush: return hypercall_unknown("grant_table_op", cmd, -EOPNOTSUPP);
    default:
        if (count != 1 && cmd < ARRAY_SIZE(table_ops) && table_ops[cmd].fn)
            return -EINVAL;
        return operation_run("grant_table_op", table_ops, ARRAY_SIZE(table_ops), cmd, uop);
    }
}
