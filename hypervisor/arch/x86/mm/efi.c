/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables for calling EFI runtime services: the regions that the firmware marked for runtime
 * lie at their own addresses, since we never gave them others (UEFI 2.10, 2.3.4 and 7.2), and our
 * slots are as everywhere. Who calls is hypercall/platform_op's part.
 */
#include <arch/x86/mm/setup.h>
#include <arch/x86/mm/tables.h>
#include <asm/mm.h>
#include <boot/boot.h>

/* UEFI 2.10, 7.2.3 (EFI_MEMORY_DESCRIPTOR). */
struct efi_desc {
    u32 type, pad;
    u64 start, virt, pages, attribute;
};
#define EFI_RUNTIME_CODE     5
#define EFI_MEMORY_MAPPED_IO 11
#define EFI_MEMORY_WB        (1UL << 3)
#define EFI_MEMORY_RUNTIME   (1UL << 63)

static struct page_table *efi_root;

paddr_t efi_page_tables(void) { return efi_root ? virt_to_paddr(efi_root) : 0; }

/* Lower half only: that is where physical addresses are. */
static bool __init region_map(const struct efi_desc *d)
{
    u64 flags = PTE_P | PTE_RW | PTE_A | PTE_D, size = d->pages << PAGE_SHIFT;

    if (d->pages == 0 || d->pages > 1UL << 28 || d->start % PAGE_SIZE || d->start + size > 1UL << 47)
        return false;
    if (d->type != EFI_RUNTIME_CODE)
        flags |= PTE_NX;
    if (d->type == EFI_MEMORY_MAPPED_IO || !(d->attribute & EFI_MEMORY_WB))
        flags |= PTE_PCD | PTE_PWT;
    if (map_range(efi_root, d->start, d->start, size, flags))
        panic("no memory for the page tables of EFI");
    return true;
}

void __init efi_tables_init(void)
{
    const char *map, *end;
    unsigned int regions = 0;

    if (!boot_info.efi_system_table || !boot_info.efi_memmap || boot_info.efi_desc_size < sizeof(struct efi_desc))
        return;
    map = firmware_map(boot_info.efi_memmap, boot_info.efi_memmap_size);
    efi_root = table_alloc();
    if (!map || !efi_root)
        panic("no memory for the page tables of EFI");
    for (unsigned int i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        efi_root->e[i] = hyp_l4->e[i];
    end = map + boot_info.efi_memmap_size;
    for (; (size_t)(end - map) >= boot_info.efi_desc_size; map += boot_info.efi_desc_size) {
        const struct efi_desc *d = (const void *)map;

        if (d->attribute & EFI_MEMORY_RUNTIME)
            regions += region_map(d);
    }
    log_info("EFI: %u runtime regions mapped\n", regions);
}
