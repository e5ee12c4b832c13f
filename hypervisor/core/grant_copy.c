/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GNTTABOP_copy: bytes between two frames, each named by its number (of the caller's own) or by a
 * reference that was granted to the caller. A row of operations mostly names the same frames again
 * and again: what the last operation held is kept for the next. Called by grant.c.
 */
#include <core/grant_private.h>

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
    struct domain *d = current->domain;

    if (s->domid != DOMID_SELF)
        return GNTST_permission_denied;
    if (unlikely(d->is_hvm))
        mfn = mfn_x(arch_gfn_to_mfn(d, _gfn(mfn)));
    s->frame = mfn;
    s->start = s->length = 0;
    return grant_frame_hold(d, mfn, s->write);
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

static void copy_row(void *ops, unsigned int n, void *sides)
{
    for (struct gnttab_copy *op = ops; n; n--, op++)
        op->status = copy_one(op, sides, (struct side *)sides + 1);
}

long grant_op_copy(void __guest *uop, unsigned int count)
{
    struct side sides[] = {{.peer = GRANT_PEER_NONE}, {.peer = GRANT_PEER_NONE, .write = true}};
    long rc = grant_rows(GNTTABOP_copy, uop, count, sizeof(struct gnttab_copy), offsetof(struct gnttab_copy, len),
                         copy_row, sides);

    for (struct side *s = sides; s < sides + ARRAY_SIZE(sides); s++) {
        side_drop(s);
        grant_peer_put(&s->peer);
    }
    return rc;
}
