/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants in PV page tables: the entry that GNTTABOP_map_grant_ref names gets a frame of another
 * domain, and GNTTABOP_unmap_grant_ref takes it out. Reference and type of the frame are the caller's (core/grant.c)
 * until the entry is in; from then on they are what the entry holds, and they go back to the caller with the unmap.
 * For an HVM domain the place is a guest physical address, in its physical map. (ABI: xen/grant_table.h, GNTMAP_*.)
 */
#include <arch/arch.h>
#include <arch/x86/mm/p2m.h>
#include <arch/x86/pv/mmu.h>
#include <xen/grant_table.h>

#define GUEST_AVAIL_SHIFT 16 /* of GNTMAP_guest_avail0 */
#define PTE_AVAIL_SHIFT   9

/* The level-1 entry that addr names, its table locked: grant_exchange() ends that. NULL: there is
 * none. */
static u64 *grant_entry(u64 addr, bool is_pte)
{
    u64 *p = is_pte ? (addr & 7 ? NULL : paddr_to_virt(addr)) : l1_find(current, addr);
    struct frame *f = p ? l1_table(is_pte ? paddr_to_mfn(addr) : virt_to_mfn(p), current->domain) : NULL;

    return f && l1_lock_of(f, current->domain) ? p : NULL;
}

static u64 grant_exchange(u64 *p, u64 new)
{
    u64 old = __atomic_exchange_n(p, new, __ATOMIC_SEQ_CST);

    l1_unlock(virt_frame(p));
    return old;
}

int arch_grant_map(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    u64 *p, e = mfn_to_paddr(mfn) | PTE_P | PTE_US | PTE_A | PTE_D;

    if (unlikely(current->domain->is_hvm))
        return p2m_put_grant(current->domain, _gfn(host_addr >> PAGE_SHIFT), mfn, flags & GNTMAP_readonly)
                   ? GNTST_general_error
                   : GNTST_okay;
    p = grant_entry(host_addr, flags & GNTMAP_contains_pte);
    if (!p)
        return GNTST_general_error;
    if (!(flags & GNTMAP_readonly))
        e |= PTE_RW;
    e |= (u64)(flags >> GUEST_AVAIL_SHIFT & 7) << PTE_AVAIL_SHIFT;
    if (mfn_valid(mfn) && mfn_frame(mfn)->owner != current->domain->id)
        __atomic_fetch_or(&mfn_frame(mfn)->type, FT_FOREIGN, __ATOMIC_SEQ_CST);
    pte_put(grant_exchange(p, e));
    return GNTST_okay;
}

/* Only if the entry maps mfn with the rights that the grant was mapped with. */
int arch_grant_unmap(u64 host_addr, mfn_t mfn, unsigned int flags)
{
    u64 *p, e;
    bool same;

    if (unlikely(current->domain->is_hvm))
        return p2m_take_grant(current->domain, _gfn(host_addr >> PAGE_SHIFT), mfn, flags & GNTMAP_readonly)
                   ? GNTST_okay
                   : GNTST_general_error;
    p = grant_entry(host_addr, flags & GNTMAP_contains_pte);
    if (!p)
        return GNTST_general_error;
    e = READ_ONCE(*p);
    same = (e & PTE_P) && mfn_eq(pte_mfn(e), mfn) && !!(e & PTE_RW) == !(flags & GNTMAP_readonly);
    if (same)
        grant_exchange(p, 0);
    else
        l1_unlock(virt_frame(p));
    return same ? GNTST_okay : GNTST_general_error;
}
