/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that domains get, give back and exchange: XENMEM_increase_reservation,
 * _decrease_reservation, _populate_physmap, _exchange, _claim_pages. Frames come from and go to
 * mm/heap.h; a frame that is given back while it is in use stays until its last use ends.
 */
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <xen/memory.h>

/* The largest extents that may be asked for, as in Xen: a large one is hard to find, and nothing
 * interrupts the search. */
#define ORDER_DOMU 9
#define ORDER_PRIV HEAP_MAX_ORDER

static unsigned int order_limit(void) { return current->domain->is_privileged ? ORDER_PRIV : ORDER_DOMU; }

static u32 heap_flags(unsigned int mem_flags)
{
    unsigned int bits = XENMEMF_get_address_bits(mem_flags);
    u32 flags = bits && bits < 52 ? MEMF_BITS(bits) : 0;

    if (mem_flags >> 8 & 0xff)
        flags |= MEMF_NODE(XENMEMF_get_node(mem_flags));
    return mem_flags & XENMEMF_exact_node_request ? flags | MEMF_EXACT_NODE : flags;
}

/* ---- reservations ---- */

static bool extent_give(struct domain *d, const struct xen_memory_reservation *r, unsigned long i, bool populate)
{
    xen_pfn_t gpfn = 0, mfn;
    struct frame *f;

    if (populate && guest_read(&gpfn, r->extent_start, i))
        return false;
    f = domain_alloc_frames(d, r->extent_order, heap_flags(r->mem_flags));
    if (!f)
        return false;
    if (d->is_hvm) /* its number of the frame is its own affair */
        return !populate || !arch_physmap_populate(d, _gfn(gpfn), f, r->extent_order);
    mfn = mfn_x(frame_mfn(f));
    if (populate)
        for (unsigned long j = 0; j < 1UL << r->extent_order; j++)
            arch_set_m2p(_mfn(mfn + j), gpfn + j);
    if (!populate && !r->extent_start.p)
        return true;
    return !guest_write(r->extent_start, i, &mfn);
}

/* d's own hold of the frame goes; it is freed when nothing else holds it. */
static bool frame_give_back(struct domain *d, mfn_t mfn)
{
    struct frame *f = mfn_get(mfn, d);
    bool was;

    if (!f)
        return false;
    was = frame_release(f);
    if (was)
        arch_set_m2p(mfn, ~0UL);
    frame_put(f);
    return was;
}

#define TAKE_ROW 16

/*
 * n extents from i on are given up, until one cannot be: how many were. n is 1 but for domains with a physical map,
 * where what the CPUs remember of it is forgotten once for a row of up to TAKE_ROW.
 */
static unsigned int extents_take(struct domain *d, const struct xen_memory_reservation *r, unsigned long i,
                                 unsigned int n)
{
    xen_pfn_t gfns[TAKE_ROW];

    if (n == 1 ? guest_read(gfns, r->extent_start, i)
               : copy_from_guest(gfns, (const void __guest *)(r->extent_start.p + i), n * sizeof(gfns[0])))
        return 0;
    if (d->is_hvm)
        return arch_physmap_decrease(d, gfns, n, r->extent_order);
    for (unsigned long j = 0; j < 1UL << r->extent_order; j++)
        if (!frame_give_back(d, _mfn(gfns[0] + j)))
            return 0;
    return 1;
}

long memory_reservation(unsigned int op, unsigned long start, void __guest *arg)
{
    struct xen_memory_reservation r;
    domain_ref d = NULL;
    unsigned int n = 0, done = 0;
    unsigned long i;
    int rc;

    if (copy_from_guest(&r, arg, sizeof(r)) || r.nr_extents > ~0UL >> MEMORY_OP_SHIFT || start >= r.nr_extents ||
        r.extent_order > order_limit())
        return start;
    rc = domain_get_target(r.domid, &d);
    if (rc)
        return rc == -ESRCH ? (long)start : rc;
    for (i = start; i < r.nr_extents && done == n; i += done) {
        if (i > start && hypercall_preempt_check())
            return hypercall_again(2, op | i << MEMORY_OP_SHIFT, arg);
        n = op == XENMEM_decrease_reservation && d->is_hvm ? min(r.nr_extents - i, TAKE_ROW + 0UL) : 1;
        done = op == XENMEM_decrease_reservation ? extents_take(d, &r, i, n)
                                                 : extent_give(d, &r, i, op == XENMEM_populate_physmap);
    }
    return i;
}

/* ---- exchange ---- */

/* The next of the frames that are between two owners; NULL: no more. */
static struct frame *list_take(u32 *first)
{
    struct frame *f = *first == FRAME_NIL ? NULL : mfn_frame(_mfn(*first));

    if (f)
        frame_list_del(first, f);
    return f;
}

/* What was stolen goes back to d as it was; to the heap if d ends meanwhile. */
static void list_return(struct domain *d, u32 *frames)
{
    struct frame *f;

    while ((f = list_take(frames)) != NULL)
        if (domain_assign_frames(d, f, 0, 0))
            heap_free(f, 0);
}

static int extent_steal(struct domain *d, const struct xen_memory_reservation *in, unsigned long i, u32 *frames)
{
    xen_pfn_t gmfn;

    if (guest_read(&gmfn, in->extent_start, i))
        return -EFAULT;
    for (unsigned long j = 0; j < 1UL << in->extent_order; j++) {
        struct frame *f = mfn_get(_mfn(gmfn + j), d);

        if (!f)
            return -EINVAL;
        if (domain_steal_frame(d, f)) {
            frame_put(f);
            return -EINVAL;
        }
        frame_list_add(frames, f);
    }
    return 0;
}

/* One new extent becomes d's and takes the place that the guest names. */
static int extent_install(struct domain *d, const struct xen_memory_reservation *out, unsigned long i, struct frame *f)
{
    xen_pfn_t mfn = mfn_x(frame_mfn(f)), gpfn;
    int rc;

    if (domain_assign_frames(d, f, out->extent_order, 0)) {
        heap_free(f, out->extent_order);
        return -EINVAL;
    }
    rc = guest_read(&gpfn, out->extent_start, i);
    if (rc)
        return rc;
    for (unsigned long j = 0; j < 1UL << out->extent_order; j++)
        arch_set_m2p(_mfn(mfn + j), gpfn + j);
    return guest_write(out->extent_start, i, &mfn);
}

/*
 * One chunk: as many extents of the smaller order as make one of the larger. Nothing is given up
 * before everything that comes for it is there.
 */
static int chunk_exchange(struct domain *d, const struct xen_memory_exchange *ex, unsigned long chunk,
                          unsigned int in_order, unsigned int out_order)
{
    u32 old = FRAME_NIL, new = FRAME_NIL;
    struct frame *f;
    int rc = 0;

    for (unsigned long i = 0; !rc && i < 1UL << in_order; i++)
        rc = extent_steal(d, &ex->in, (chunk << in_order) + i, &old);
    for (unsigned long i = 0; !rc && i < 1UL << out_order; i++) {
        f = heap_alloc(ex->out.extent_order, heap_flags(ex->out.mem_flags) | MEMF_ZERO);
        if (f)
            frame_list_add(&new, f);
        else
            rc = -ENOMEM;
    }
    if (rc) {
        while ((f = list_take(&new)) != NULL)
            heap_free(f, ex->out.extent_order);
        list_return(d, &old);
        return rc;
    }
    while ((f = list_take(&old)) != NULL) {
        arch_set_m2p(frame_mfn(f), ~0UL);
        heap_free(f, 0);
    }
    for (unsigned long i = 0; (f = list_take(&new)) != NULL; i++) {
        int err = extent_install(d, &ex->out, (chunk << out_order) + i, f);

        if (err)
            rc = err;
    }
    return rc;
}

static int exchange_check(const struct xen_memory_exchange *ex)
{
    unsigned int limit = order_limit();

    if (ex->in.extent_order > HEAP_MAX_ORDER || ex->out.extent_order > HEAP_MAX_ORDER)
        return -EPERM;
    if (ex->nr_exchanged > ex->in.nr_extents || ex->in.domid != ex->out.domid || ex->in.nr_extents > ~0UL >> 32 ||
        ex->out.nr_extents > ~0UL >> 32 ||
        ex->in.nr_extents << ex->in.extent_order != ex->out.nr_extents << ex->out.extent_order)
        return -EINVAL;
    return ex->in.extent_order > limit || ex->out.extent_order > limit ? -EPERM : 0;
}

long memory_exchange(void __guest *arg)
{
    struct xen_memory_exchange ex;
    unsigned int in_order, out_order;
    unsigned long i, first;
    domain_ref d = NULL;
    long rc;

    if (copy_from_guest(&ex, arg, sizeof(ex)))
        return -EFAULT;
    rc = exchange_check(&ex);
    if (rc)
        return rc;
    in_order = ex.in.extent_order < ex.out.extent_order ? ex.out.extent_order - ex.in.extent_order : 0;
    out_order = ex.out.extent_order < ex.in.extent_order ? ex.in.extent_order - ex.out.extent_order : 0;
    rc = domain_get_target(ex.in.domid, &d);
    if (rc)
        return rc;
    if (d->is_hvm)
        return -EOPNOTSUPP;
    first = ex.nr_exchanged >> in_order;
    for (i = first; !rc && i < ex.in.nr_extents >> in_order; i++) {
        rc = i > first && hypercall_preempt_check() ? -ERESTART : chunk_exchange(d, &ex, i, in_order, out_order);
        if (rc)
            break;
    }
    ex.nr_exchanged = i << in_order;
    if (copy_to_guest(arg, &ex, sizeof(ex)))
        rc = -EFAULT;
    return rc == -ERESTART ? hypercall_again(2, (unsigned long)XENMEM_exchange, arg) : rc;
}

/* ---- claims ---- */

long memory_claim(const void __guest *arg)
{
    struct xen_memory_reservation r;
    domain_ref d = NULL;
    long rc;

    if (!current->domain->is_privileged)
        return -EPERM;
    if (copy_from_guest(&r, arg, sizeof(r)))
        return -EFAULT;
    if (r.extent_start.p || r.extent_order || r.mem_flags)
        return -EINVAL;
    rc = domain_get_target(r.domid, &d);
    return rc ? rc : domain_claim(d, r.nr_extents);
}
