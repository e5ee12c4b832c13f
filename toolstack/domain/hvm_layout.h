/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie in the physical memory of a PVH or HVM guest: RAM below and above the hole for
 * devices, the pages shared with daemons and device models, PVH's ACPI tables. Arithmetic only;
 * build_hvm.c carries it out.
 */
#ifndef ORLOP_DOMAIN_HVM_LAYOUT_H
#define ORLOP_DOMAIN_HVM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/hyp_hvm.h"

/*
 * Pages for others, at the addresses that stock tools use (observed; a guest finds them by HVM
 * parameters). Those from IOREQ_SERVER on are for further device models.
 */
enum hvm_special {
    HVM_SPECIAL_PAGING = 0xfeff8,
    HVM_SPECIAL_ACCESS,
    HVM_SPECIAL_SHARING,
    HVM_SPECIAL_BUFIOREQ,
    HVM_SPECIAL_STORE,
    HVM_SPECIAL_IOREQ,
    HVM_SPECIAL_IDENT_PT,
    HVM_SPECIAL_CONSOLE,
    HVM_SPECIAL_END,
    HVM_IOREQ_SERVER_PAGES = 8,
    HVM_IOREQ_SERVER = HVM_SPECIAL_PAGING - HVM_IOREQ_SERVER_PAGES,
};

/* PVH's ACPI tables, in the hole. */
#define HVM_ACPI_ADDR 0xfc000000ull
/* RAM ends here below 4 GB unless mmio_hole= says otherwise (<xen/hvm/e820.h>). */
#define HVM_VGA_START 0xa0000ull
#define HVM_VGA_END   0xc0000ull
#define HVM_4G        (1ull << 32)

#define HVM_MAP_ENTRIES 6

struct hvm_layout {
    uint64_t low_end;  /* RAM is [0, low_end) and [4 GB, high_end) */
    uint64_t high_end; /* 0: none above 4 GB */
    bool vga_hole;     /* HVM: none between HVM_VGA_START and HVM_VGA_END */
    unsigned int nr_map;
    struct e820_entry map[HVM_MAP_ENTRIES];
};

/*
 * Lay `ram` bytes out around a hole of `hole` bytes below 4 GB (0: the usual one). A PVH guest's map
 * tells of its ACPI tables (`acpi_size` bytes, 0: none); HVM's is for its firmware, of RAM above 1 MB.
 */
int hvm_layout_make(struct hvm_layout *l, bool pvh, uint64_t ram, uint64_t hole, uint64_t acpi_size, struct err **err);

#endif
