/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of hvm_layout.h. Types in the map are those of the BIOS interface, as in
 * <xen/arch-x86/hvm/start_info.h>.
 */
#include "hvm_layout.h"

#include <string.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/e820.h>

#define MB (1ull << 20)

static void map_add(struct hvm_layout *l, uint64_t addr, uint64_t end, uint32_t type)
{
    if (end > addr)
        l->map[l->nr_map++] = (struct e820_entry){.addr = addr, .size = end - addr, .type = type};
}

int hvm_layout_make(struct hvm_layout *l, bool pvh, uint64_t ram, uint64_t hole, uint64_t acpi_size, struct err **err)
{
    uint64_t low_max = hole ? HVM_4G - hole : HVM_BELOW_4G_RAM_END;

    memset(l, 0, sizeof(*l));
    if (ram < 2 * MB)
        return err_new(err, ERR_INVAL, "a guest of this type needs 2 MB of memory at least");
    if (hole && (hole < HVM_BELOW_4G_MMIO_LENGTH || hole > HVM_4G - 256 * MB))
        return err_new(err, ERR_INVAL, "the hole for devices below 4 GB must be from 256 to 3840 MB");
    l->vga_hole = !pvh;
    l->low_end = ram < low_max ? ram : low_max;
    l->high_end = ram > low_max ? HVM_4G + ram - low_max : 0;
    map_add(l, pvh ? 0 : MB, l->low_end, XEN_HVM_MEMMAP_TYPE_RAM);
    if (pvh) {
        map_add(l, HVM_ACPI_ADDR, HVM_ACPI_ADDR + ((acpi_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)),
                XEN_HVM_MEMMAP_TYPE_ACPI);
        map_add(l, (uint64_t)HVM_SPECIAL_PAGING << PAGE_SHIFT, (uint64_t)HVM_SPECIAL_END << PAGE_SHIFT,
                XEN_HVM_MEMMAP_TYPE_RESERVED);
    }
    map_add(l, HVM_4G, l->high_end, XEN_HVM_MEMMAP_TYPE_RAM);
    return 0;
}
