/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that domains own: given, counted, listed, taken away. A domain with frames on its list
 * holds a reference to itself, so that it lives until the last of them is gone.
 */
#include <arch/arch.h>
#include <core/domain.h>
#include <lib/lib.h>
#include <mm/heap_internal.h>

void frame_list_add(struct domain *d, struct frame *f)
{
    u32 mfn = mfn_x(frame_mfn(f));

    f->next = FRAME_NIL;
    f->prev = d->last_frame;
    if (d->last_frame == FRAME_NIL)
        d->first_frame = mfn;
    else
        mfn_frame(_mfn(d->last_frame))->next = mfn;
    d->last_frame = mfn;
}

void frame_list_del(struct domain *d, struct frame *f)
{
    if (f->prev == FRAME_NIL)
        d->first_frame = f->next;
    else
        mfn_frame(_mfn(f->prev))->next = f->next;
    if (f->next == FRAME_NIL)
        d->last_frame = f->prev;
    else
        mfn_frame(_mfn(f->next))->prev = f->prev;
    f->next = f->prev = FRAME_NIL;
}

struct frame *domain_first_frame(struct domain *d)
{
    return d->first_frame == FRAME_NIL ? NULL : mfn_frame(_mfn(d->first_frame));
}

struct frame *domain_rotate_frames(struct domain *d)
{
    struct frame *f = domain_first_frame(d);

    if (f) {
        frame_list_del(d, f);
        frame_list_add(d, f);
    }
    return f;
}

struct frame *domain_next_frame(const struct frame *f)
{
    return f->next == FRAME_NIL ? NULL : mfn_frame(_mfn(f->next));
}

/* ---- claims ---- */

static unsigned long claimed_total;

/* d->claimed_pages becomes n. Under d->page_lock. */
static void claim_set(struct domain *d, unsigned long n)
{
    __atomic_fetch_add(&claimed_total, n - d->claimed_pages, __ATOMIC_SEQ_CST);
    d->claimed_pages = n;
}

int domain_claim(struct domain *d, unsigned long pages)
{
    int rc = 0;

    spin_lock(&d->page_lock);
    if (!pages) {
        claim_set(d, 0);
    } else if (d->claimed_pages || pages <= d->tot_pages || pages > d->max_pages || domain_is_dying(d)) {
        rc = -EINVAL;
    } else {
        /* Promised first and looked at then: of two at once at least one sees the other. */
        claim_set(d, pages - d->tot_pages);
        if (heap_claimed_frames() > heap_free_frames()) {
            claim_set(d, 0);
            rc = -ENOMEM;
        }
    }
    spin_unlock(&d->page_lock);
    return rc;
}

unsigned long heap_claimed_frames(void) { return READ_ONCE(claimed_total); }

/* Would n frames for d take what others were promised? */
static bool claims_forbid(const struct domain *d, unsigned long n)
{
    unsigned long others = READ_ONCE(claimed_total) - READ_ONCE(d->claimed_pages);

    return unlikely(others) && heap_free_frames() < others + n;
}

/* ---- giving and taking ---- */

/* Counts n more frames to d if it may have them. Under d->page_lock. */
static int account(struct domain *d, unsigned long n)
{
    if (domain_is_dying(d))
        return -EINVAL;
    if (d->tot_pages + n > d->max_pages || d->tot_pages + n < n)
        return -E2BIG;
    if (d->tot_pages == 0 && !domain_get(d))
        return -EINVAL;
    d->tot_pages += n;
    if (unlikely(d->claimed_pages))
        claim_set(d, d->claimed_pages - min(n, d->claimed_pages));
    return 0;
}

int domain_assign_frames(struct domain *d, struct frame *f, unsigned int order, u32 flags)
{
    unsigned long n = 1UL << order;
    bool listed = !(flags & MEMF_NO_REFCOUNT);
    int rc = 0;

    spin_lock(&d->page_lock);
    if (listed)
        rc = account(d, n);
    for (unsigned long i = 0; rc == 0 && i < n; i++) {
        ASSERT(f[i].type == 0);
        f[i].owner = d->id;
        f[i].heap = listed ? 0 : FH_UNLISTED;
        if (listed)
            frame_list_add(d, &f[i]);
        /* From here on others may find it. */
        __atomic_store_n(&f[i].refs, FR_ALLOCATED | 1, __ATOMIC_RELEASE);
    }
    spin_unlock(&d->page_lock);
    return rc;
}

struct frame *domain_alloc_frames(struct domain *d, unsigned int order, u32 flags)
{
    struct frame *f;

    if (claims_forbid(d, 1UL << order))
        return NULL;
    f = flags & MEMF_NO_SCRUB ? heap_alloc(order, flags) : heap_alloc_zeroed(order, flags);
    if (f && domain_assign_frames(d, f, order, flags)) {
        heap_free(f, order);
        return NULL;
    }
    return f;
}

int domain_steal_frame(struct domain *d, struct frame *f)
{
    /* The caller's reference and the one of being allocated, no others. */
    u32 expected = FR_ALLOCATED | 2;
    bool drop;

    if (f->owner != d->id || f->heap & FH_UNLISTED ||
        !__atomic_compare_exchange_n(&f->refs, &expected, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return -EBUSY;
    arch_frame_freed(f, d);
    spin_lock(&d->page_lock);
    frame_list_del(d, f);
    drop = --d->tot_pages == 0;
    spin_unlock(&d->page_lock);
    arch_flush_frame_tlb(f);
    f->owner = DOMID_OWN;
    if (drop)
        domain_put(d);
    return 0;
}
