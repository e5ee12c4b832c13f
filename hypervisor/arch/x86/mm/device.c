/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of devices in their slot of the address space, given out from its start to its end once:
 * there is room for 2^27 pages.
 */
#include <arch/x86/mm/tables.h>
#include <asm/mm.h>
#include <lib/spinlock.h>

/* The last kind of lock that may be taken before the heap's. */
static DEFINE_SPINLOCK(device_lock, LOCK_IRQ);
static unsigned long next_va = DEVICE_START;

void *device_map(paddr_t pa, size_t size)
{
    paddr_t first = ROUNDDOWN(pa, PAGE_SIZE), last = ROUNDUP(pa + size, PAGE_SIZE);
    u64 align = last - first >= 1UL << 21 ? 1UL << 21 : PAGE_SIZE;
    unsigned long va;

    if (size == 0 || pa + size < pa)
        return NULL;
    spin_guard_irqsave(&device_lock);
    /* The same place within 2 MB, so that large pages can be used. */
    va = ROUNDUP(next_va, align) + (first & (align - 1));
    if (va + (last - first) > DEVICE_END)
        return NULL;
    next_va = va + (last - first);
    return map_range(hyp_l4, va, first, last - first, MAP_DEVICE) ? NULL : (void *)(va + (pa - first));
}

void device_unmap(void *va, size_t size)
{
    unsigned long first = ROUNDDOWN((unsigned long)va, PAGE_SIZE);
    unsigned long last = ROUNDUP((unsigned long)va + size, PAGE_SIZE);

    spin_guard_irqsave(&device_lock);
    unmap_range(hyp_l4, first, last - first);
}

const void *firmware_map(paddr_t pa, size_t size)
{
    return direct_mapped(pa, size) ? paddr_to_virt(pa) : device_map(pa, size);
}
