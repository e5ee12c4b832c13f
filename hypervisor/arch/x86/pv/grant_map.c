/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants in PV page tables: the entry that GNTTABOP_map_grant_ref names gets a frame of another
 * domain, and GNTTABOP_unmap_grant_ref takes it out. Reference and type of the frame are the caller's (core/grant.c)
 * until the entry is in; from then on they are what the entry holds, and they go back to the caller with the unmap.
 * (ABI: xen/grant_table.h, GNTMAP_*.)
 */
#include <arch/arch.h>
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/pv/mmu.h>
#include <lib/lib.h>
#include <xen/grant_table.h>

#define GUEST_AVAIL_SHIFT 16 /* of GNTMAP_guest_avail0 */
#define PTE_AVAIL_SHIFT   9

/* The level-1 entry that addr names, its table held. NULL: there is none. */
static u64 *grant_entry(struct table_hold *h, u64 addr, bool is_pte)
{
    unsigned long mfn = addr >> PAGE_SHIFT;
    unsigned int index = (addr & ~PAGE_MASK) / 8;

    if (is_pte ? addr & 7 : !l1_find(current, addr, &mfn, &index))
        return NULL;
    if (table_hold(h, mfn))
        return NULL;
    if (h->level == 1)
        return (u64 *)mfn_to_virt(_mfn(mfn)) + index;
    table_release(h);
    return NULL;
}

int arch_grant_map(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    struct table_hold h = TABLE_HOLD(current->domain);
    u64 *p = grant_entry(&h, host_addr, flags & GNTMAP_contains_pte);
    u64 e = mfn_to_paddr(mfn) | PTE_P | PTE_US | PTE_A | PTE_D;

    if (!p)
        return GNTST_general_error;
    if (!(flags & GNTMAP_readonly))
        e |= PTE_RW;
    e |= (u64)(flags >> GUEST_AVAIL_SHIFT & 7) << PTE_AVAIL_SHIFT;
    if (mfn_valid(mfn) && mfn_frame(mfn)->owner != current->domain->id)
        __atomic_fetch_or(&mfn_frame(mfn)->type, FT_FOREIGN, __ATOMIC_SEQ_CST);
    pte_put(__atomic_exchange_n(p, e, __ATOMIC_SEQ_CST));
    table_release(&h);
    return GNTST_okay;
}

/* Empties the entry if it maps mfn with the rights that the grant was mapped with. */
static bool grant_take_out(u64 *p, mfn_t mfn, bool writable)
{
    u64 old = READ_ONCE(*p);

    do {
        if (!(old & PTE_P) || !mfn_eq(pte_mfn(old), mfn) || !!(old & PTE_RW) != writable)
            return false;
    } while (!__atomic_compare_exchange_n(p, &old, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

int arch_grant_unmap(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    struct table_hold h = TABLE_HOLD(current->domain);
    u64 *p = grant_entry(&h, host_addr, flags & GNTMAP_contains_pte);
    bool done = p && grant_take_out(p, mfn, !(flags & GNTMAP_readonly));

    table_release(&h);
    return done ? GNTST_okay : GNTST_general_error;
}
