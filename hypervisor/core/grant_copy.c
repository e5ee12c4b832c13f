/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GNTTABOP_copy: bytes between two frames, each named by its number (of the caller's own) or by a
 * reference that was granted to the caller. A row of operations mostly names the same frames again
 * and again: what the last operation held is kept for the next. Called by grant.c.
 */
#include <core/grant_private.h>
#include <core/continuation.h>
#include <lib/lib.h>
#include <mm/guest_access.h>

#define ROW 16

/* One side of a copy, as long as it is held. */
struct side {
    struct grant_peer peer; /* whose reference it is */
    bool held, by_ref, write;
    domid_t domid; /* as the guest named it */
    u64 name;      /* reference or frame number */
    u32 frame;
    u16 start, length; /* the granted part; length 0: all */
    u8 *va;
};

static void side_drop(struct side *s)
{
    if (!s->held)
        return;
    s->held = false;
    if (s->by_ref)
        grant_unpin(s->peer.d, (u32)s->name, s->write);
    grant_frame_put(s->frame, s->write);
}

static int hold_ref(struct side *s, u32 ref)
{
    struct domain *d = current->domain;
    struct domain *rd = grant_peer_get(&s->peer, s->domid == DOMID_SELF ? d->id : s->domid);
    struct active act;
    int rc;

    if (!rd)
        return GNTST_bad_domain;
    rc = grant_pin(rd, ref, d->id, s->write, true, &act);
    if (rc)
        return rc;
    s->frame = act.frame;
    s->start = act.start;
    s->length = act.length;
    return GNTST_okay;
}

static int hold_frame(struct side *s, u64 mfn)
{
    struct frame *f;

    if (s->domid != DOMID_SELF)
        return GNTST_permission_denied;
    f = mfn_get(_mfn(mfn), current->domain);
    if (!f)
        return GNTST_bad_page;
    if (s->write && frame_get_type(f, FT_WRITABLE)) {
        frame_put(f);
        return GNTST_general_error;
    }
    s->frame = mfn;
    s->start = s->length = 0;
    return GNTST_okay;
}

/* Holds what p names, unless that is held already. GNTST_*. */
static int side_take(struct side *s, const struct gnttab_copy_ptr *p, bool by_ref)
{
    u64 name = by_ref ? p->u.ref : p->u.gmfn;
    int rc;

    if (s->held && s->by_ref == by_ref && s->domid == p->domid && s->name == name)
        return GNTST_okay;
    side_drop(s);
    s->by_ref = by_ref;
    s->domid = p->domid;
    s->name = name;
    rc = by_ref ? hold_ref(s, p->u.ref) : hold_frame(s, name);
    if (rc)
        return rc;
    s->va = mfn_to_virt(_mfn(s->frame));
    s->held = true;
    return GNTST_okay;
}

static bool part_allows(const struct side *s, unsigned int offset, unsigned int len)
{
    return !s->length || (offset >= s->start && offset + len <= s->start + s->length);
}

static int copy_one(const struct gnttab_copy *op, struct side *from, struct side *to)
{
    int rc;

    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    rc = side_take(from, &op->source, op->flags & GNTCOPY_source_gref);
    if (!rc)
        rc = side_take(to, &op->dest, op->flags & GNTCOPY_dest_gref);
    if (rc)
        return rc;
    if (!part_allows(from, op->source.offset, op->len) || !part_allows(to, op->dest.offset, op->len))
        return GNTST_general_error;
    memcpy(to->va + op->dest.offset, from->va + op->source.offset, op->len);
    return GNTST_okay;
}

#define COPY_ANSWER 32
_Static_assert(offsetof(struct gnttab_copy, len) == COPY_ANSWER, "status comes behind");

long grant_op_copy(struct gnttab_copy __guest *uop, unsigned int count)
{
    struct gnttab_copy op[ROW];
    struct side from = {.peer = GRANT_PEER_NONE}, to = {.peer = GRANT_PEER_NONE, .write = true};
    long rc = 0;

    if (likely(count == 1)) {
        if (copy_from_guest(op, uop, sizeof(op[0])))
            return -EFAULT;
        op[0].status = copy_one(op, &from, &to);
        rc = copy_to_guest((char __guest *)uop + COPY_ANSWER, (char *)op + COPY_ANSWER, sizeof(op[0]) - COPY_ANSWER);
        count = 0;
    }
    while (count) {
        unsigned int n = min(count, (unsigned int)ROW);

        if (copy_from_guest(op, uop, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        for (unsigned int i = 0; i < n; i++)
            op[i].status = copy_one(&op[i], &from, &to);
        if (copy_to_guest(uop, op, n * sizeof(op[0]))) {
            rc = -EFAULT;
            break;
        }
        uop += n;
        count -= n;
        if (count && hypercall_preempt_check()) {
            rc = hypercall_again(3, (unsigned long)GNTTABOP_copy, (unsigned long)uop, (unsigned long)count);
            break;
        }
    }
    side_drop(&from);
    side_drop(&to);
    grant_peer_put(&from.peer);
    grant_peer_put(&to.peer);
    return rc;
}
