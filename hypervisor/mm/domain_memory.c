/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that domains own: given, counted, listed, taken away. A domain with frames on its list
 * holds a reference to itself, so that it lives until the last of them is gone.
 */
#include <core/domain.h>
#include <mm/heap_internal.h>

/* ---- lists ---- */

void frame_list_add_tail(u32 *first, struct frame *f)
{
    u32 mfn = mfn_x(frame_mfn(f));
    struct frame *head;

    if (*first == FRAME_NIL) {
        *first = f->next = f->prev = mfn;
        return;
    }
    head = mfn_frame(_mfn(*first));
    f->next = *first;
    f->prev = head->prev;
    mfn_frame(_mfn(head->prev))->next = mfn;
    head->prev = mfn;
}

void frame_list_add(u32 *first, struct frame *f)
{
    frame_list_add_tail(first, f);
    *first = mfn_x(frame_mfn(f));
}

void frame_list_del(u32 *first, struct frame *f)
{
    u32 mfn = mfn_x(frame_mfn(f));

    mfn_frame(_mfn(f->next))->prev = f->prev;
    mfn_frame(_mfn(f->prev))->next = f->next;
    if (*first == mfn)
        *first = f->next == mfn ? FRAME_NIL : f->next;
}

struct frame *domain_rotate_frames(struct domain *d)
{
    struct frame *f;

    if (d->first_frame == FRAME_NIL)
        return NULL;
    f = mfn_frame(_mfn(d->first_frame));
    d->first_frame = f->next;
    return f;
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
    spin_guard(&d->page_lock);
    if (pages && (d->claimed_pages || pages <= d->tot_pages || pages > d->max_pages || domain_is_dying(d)))
        return -EINVAL;
    /* Promised first and looked at then: of two at once at least one sees the other. */
    claim_set(d, pages ? pages - d->tot_pages : 0);
    if (!pages || heap_claimed_frames() <= heap_free_frames())
        return 0;
    claim_set(d, 0);
    return -ENOMEM;
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
    int rc;

    spin_guard(&d->page_lock);
    rc = listed ? account(d, n) : 0;
    for (unsigned long i = 0; rc == 0 && i < n; i++) {
        ASSERT(f[i].type == 0);
        f[i].owner = d->id;
        f[i].heap = listed ? 0 : FH_UNLISTED;
        if (listed)
            frame_list_add_tail(&d->first_frame, &f[i]);
        /* From here on others may find it. */
        __atomic_store_n(&f[i].refs, FR_ALLOCATED | 1, __ATOMIC_RELEASE);
    }
    return rc;
}

struct frame *domain_alloc_frames(struct domain *d, unsigned int order, u32 flags)
{
    struct frame *f;

    if (claims_forbid(d, 1UL << order))
        return NULL;
    f = heap_alloc(order, flags & MEMF_NO_SCRUB ? flags : flags | MEMF_ZERO);
    if (f && domain_assign_frames(d, f, order, flags)) {
        heap_free(f, order);
        return NULL;
    }
    return f;
}

void domain_unlist_frame(struct domain *d, struct frame *f)
{
    bool last;

    spin_lock(&d->page_lock);
    frame_list_del(&d->first_frame, f);
    last = --d->tot_pages == 0;
    spin_unlock(&d->page_lock);
    if (last)
        domain_put(d);
}

int domain_steal_frame(struct domain *d, struct frame *f)
{
    /* The caller's reference and the one of being allocated, no others. */
    u32 expected = FR_ALLOCATED | 2;

    if (f->owner != d->id || f->heap & FH_UNLISTED ||
        !__atomic_compare_exchange_n(&f->refs, &expected, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return -EBUSY;
    arch_frame_freed(f, d);
    domain_unlist_frame(d, f);
    arch_flush_frame_tlb(f);
    f->owner = DOMID_OWN;
    return 0;
}
