/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86's part of HYPERVISOR_memory_op: memory maps in the BIOS's format (the machine's for dom0, a
 * domain's own as the toolstack set it), and where the machine-to-physical table lies. The neutral
 * part is hypercall/memory_op.c. (ABI: xen/memory.h, xen/arch-x86/xen.h.)
 */
#include <arch/arch.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/tables.h>
#include <boot/boot.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <xen/memory.h>

/* ---- memory maps ---- */

/* Writes n entries to the caller's buffer, the machine's if `entries` is NULL, and tells how many;
 * -EINVAL when it is too small. */
static long map_write(void __guest *arg, const struct e820_entry *entries, unsigned int n)
{
    struct xen_memory_map map;

    if (copy_from_guest(&map, arg, sizeof(map)))
        return -EFAULT;
    if (!n)
        return -ENOSYS;
    if (map.nr_entries < n)
        return -EINVAL;
    map.nr_entries = n;
    for (unsigned int i = 0; i < n; i++) {
        const struct mem_range *r = &boot_info.range[i];
        struct e820_entry e = entries ? entries[i] : (struct e820_entry){r->start, r->size, r->type};

        if (copy_to_guest((struct e820_entry __guest *)map.buffer.p + i, &e, sizeof(e)))
            return -EFAULT;
    }
    return copy_to_guest(arg, &map, sizeof(map));
}

static long own_memory_map(void __guest *arg)
{
    struct domain *d = current->domain;

    spin_guard(&d->lock);
    return map_write(arg, d->arch.e820, d->arch.nr_e820);
}

static long set_memory_map(const void __guest *arg)
{
    struct xen_foreign_memory_map fmap;
    struct e820_entry *entries, *old;
    domain_ref d = NULL;
    long rc;

    if (copy_from_guest(&fmap, arg, sizeof(fmap)))
        return -EFAULT;
    if (fmap.map.nr_entries > E820_MAX)
        return -E2BIG;
    if (!current->domain->is_privileged)
        return -EPERM;
    rc = domain_get_target(fmap.domid, &d);
    if (rc)
        return rc;
    entries = mem_alloc_array(struct e820_entry, max(fmap.map.nr_entries, 1U));
    if (!entries)
        return -ENOMEM;
    if (copy_from_guest(entries, (const void __guest *)fmap.map.buffer.p, fmap.map.nr_entries * sizeof(*entries))) {
        mem_free(entries);
        return -EFAULT;
    }
    spin_lock(&d->lock);
    old = d->arch.e820;
    d->arch.e820 = entries;
    d->arch.nr_e820 = fmap.map.nr_entries;
    spin_unlock(&d->lock);
    mem_free(old);
    return 0;
}

void memory_map_free(struct domain *d)
{
    mem_free(d->arch.e820);
    d->arch.e820 = NULL;
    d->arch.nr_e820 = 0;
}

/* ---- the machine-to-physical table ---- */

/* Below one level-2 entry of the table: 2 MB. */
#define M2P_EXTENT (1UL << 21)

/* The frame behind an address of the guests' view of the table; 0: no RAM there. */
static unsigned long m2p_frame(unsigned long va)
{
    unsigned int level;
    u64 e = *table_entry(hyp_l4, va, &level), span = TABLE_SPAN(level) - 1;

    return e & PTE_P ? mfn_x(paddr_to_mfn((e & PTE_ADDR & ~span) | (va & span))) : 0;
}

void __init m2p_share(void)
{
    unsigned long end = M2P_RO_START + max_frame * sizeof(unsigned long);

    for (unsigned long va = M2P_RO_START; va < end; va += PAGE_SIZE) {
        unsigned long mfn = m2p_frame(va);
        struct frame *f = mfn_frame(_mfn(mfn));

        if (!mfn)
            continue;
        /* As frame_share() has read-only pages: one use of no type keeps others out. */
        f->owner = DOMID_XEN;
        f->type = FT_NONE | FT_VALIDATED | 1;
        f->refs = FR_HYPERVISOR | 1;
    }
}

static long machphys_mapping(void __guest *arg)
{
    struct xen_machphys_mapping map = {.v_start = MACH2PHYS_VIRT_START, .v_end = MACH2PHYS_VIRT_END};

    /* How much memory the machine has is dom0's to know. */
    map.max_mfn = current->domain->is_privileged ? max_frame - 1 : MACH2PHYS_NR_ENTRIES - 1;
    return copy_to_guest(arg, &map, sizeof(map));
}

static long machphys_mfn_list(void __guest *arg)
{
    unsigned long end = M2P_RO_START + max_frame * sizeof(unsigned long);
    struct xen_machphys_mfn_list list;
    unsigned int i = 0;

    if (copy_from_guest(&list, arg, sizeof(list)))
        return -EFAULT;
    for (unsigned long va = M2P_RO_START; va < end && i < list.max_extents; va += M2P_EXTENT, i++) {
        xen_pfn_t mfn = m2p_frame(va);

        if (guest_write(list.extent_start, i, &mfn))
            return -EFAULT;
    }
    list.nr_extents = i;
    return copy_to_guest(arg, &list, sizeof(list));
}

long arch_memory_op(unsigned long cmd, void __guest *arg)
{
    unsigned int op = cmd & MEMORY_OP_MASK;

    /* The machine's memory is no affair of who does not see it. */
    if (current->is_hvm &&
        (op == XENMEM_machine_memory_map || op == XENMEM_machphys_mapping || op == XENMEM_machphys_mfn_list))
        return -ENOSYS;
    switch (op) {
    case XENMEM_machine_memory_map:
        return current->domain->is_privileged ? map_write(arg, NULL, boot_info.nr_ranges) : -EPERM;
    case XENMEM_memory_map: return own_memory_map(arg);
    case XENMEM_set_memory_map: return set_memory_map(arg);
    case XENMEM_machphys_mapping: return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list: return machphys_mfn_list(arg);
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
    case XENMEM_remove_from_physmap: return physmap_op(op, cmd >> MEMORY_OP_SHIFT, arg);
    default: return hypercall_unknown("memory_op", op, -ENOSYS);
    }
}
