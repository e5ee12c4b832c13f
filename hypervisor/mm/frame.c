/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to frames: taking, dropping, and what happens when the last one goes. Types are
 * arch/x86/pv/types.c; where frames come from is mm/domain_memory.c.
 */
#include <core/domain.h>
#include <mm/frame.h>
#include <mm/heap_internal.h>

struct domain *frame_owner(const struct frame *f)
{
    u32 refs = READ_ONCE(f->refs);

    if (!(refs & FR_COUNT) || f->owner >= DOMID_FIRST_RESERVED)
        return NULL;
    return domain_peek(f->owner);
}

static __always_inline bool ref_get(struct frame *f)
{
    u32 refs = READ_ONCE(f->refs);

    do {
        if (unlikely(!(refs & FR_COUNT) || (refs & FR_COUNT) == FR_COUNT))
            return false;
    } while (!__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

bool frame_get_any(struct frame *f) { return ref_get(f); }

bool frame_get(struct frame *f, const struct domain *d)
{
    if (unlikely(!ref_get(f)))
        return false;
    /* The owner cannot change while we hold the reference. */
    if (likely(f->owner == d->id))
        return true;
    frame_put(f);
    return false;
}

struct frame *mfn_get(mfn_t mfn, const struct domain *d)
{
    if (!mfn_valid(mfn) || !frame_get(mfn_frame(mfn), d))
        return NULL;
    return mfn_frame(mfn);
}

/* Nobody has it any more: back to the heap, and out of its owner's account. */
static __noinline void frame_last(struct frame *f)
{
    struct domain *d = f->owner < DOMID_FIRST_RESERVED ? domain_peek(f->owner) : NULL;

    ASSERT((f->type & FT_COUNT) == 0);
    arch_frame_freed(f, d);
    if (f->refs & FR_HYPERVISOR) {
        /* frame_unshare() settled the account. */
        f->refs = 0;
        page_free(mfn_to_virt(frame_mfn(f)), 0);
        return;
    }
    BUG_ON(!d);
    if (!(f->heap & FH_UNLISTED))
        domain_unlist_frame(d, f);
    f->heap = 0;
    f->refs = 0;
    heap_free(f, 0);
}

void frame_put(struct frame *f)
{
    u32 refs = __atomic_sub_fetch(&f->refs, 1, __ATOMIC_RELEASE);

    if (unlikely(!(refs & FR_COUNT))) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        frame_last(f);
    }
}

bool frame_release(struct frame *f)
{
    u32 refs = READ_ONCE(f->refs);

    do {
        if (!(refs & FR_ALLOCATED))
            return false;
        ASSERT((refs & FR_COUNT) > 1);
    } while (!__atomic_compare_exchange_n(&f->refs, &refs, (refs & ~FR_ALLOCATED) - 1, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

void frame_share(void *page, struct domain *d, bool writable)
{
    struct frame *f = virt_frame(page);

    arch_set_m2p(frame_mfn(f), ~0UL);
    f->owner = d->id;
    /* One use as a type keeps the other kind of mapping out: read-only frames can never become
     * writable. */
    f->type = (writable ? FT_SHARED : FT_NONE) | FT_VALIDATED | 1;
    __atomic_store_n(&f->refs, FR_HYPERVISOR | 1, __ATOMIC_RELEASE);
}

void frame_unshare(void *page)
{
    struct frame *f = virt_frame(page);

    /* Mappings that others hold stay good; nobody can make new ones, also not a later domain with
     * the same number. */
    f->owner = DOMID_OWN;
    __atomic_fetch_sub(&f->type, 1, __ATOMIC_SEQ_CST);
    frame_put(f);
}
