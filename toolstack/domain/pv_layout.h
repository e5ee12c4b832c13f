/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything lies in a PV guest at its start: arithmetic only, no hypercalls, so that it can
 * be tested on its own. The rules are those of <xen/xen.h>, "Start-of-day memory layout", with the
 * two relaxations that a kernel may ask for by note (P2M list and ramdisk outside of the initial
 * mapping). build_pv.c carries the plan out.
 *
 *   pfn 0 ... kernel | [ramdisk] | [P2M list] | start_info | store | console | tables | stack | pad
 *             ... | ramdisk, if it need not be mapped | P2M list and its tables, if INIT_P2M
 */
#ifndef ORLOP_DOMAIN_PV_LAYOUT_H
#define ORLOP_DOMAIN_PV_LAYOUT_H

#include <stdint.h>

#include "elf.h"
#include "lib/err.h"

struct pv_layout {
    uint64_t nr_pages;  /* the guest's pages in all */
    uint64_t virt_base; /* virtual address of pfn 0 */
    uint64_t map_pages; /* pages from pfn 0 that the initial mapping covers */
    uint64_t ramdisk_pfn, ramdisk_size;
    uint64_t p2m_pfn, p2m_pages; /* list, plus its tables when it has its own mapping */
    uint64_t p2m_list_pages;     /* list alone */
    uint64_t p2m_virt;
    bool p2m_own_map, ramdisk_mapped;
    uint64_t start_info_pfn, store_pfn, console_pfn;
    uint64_t tables_pfn, tables_pages;
    uint64_t stack_pfn;
    uint64_t used_pages; /* pfns from here on are the guest's free memory */
};

/* Lay a guest of `nr_pages` out. Fails when it does not fit or addresses collide. */
int pv_layout_make(const struct elf_kernel *k, uint64_t nr_pages, uint64_t ramdisk_size, struct pv_layout *l,
                   struct err **err);

/* Virtual address of a pfn in the initial mapping. */
static inline uint64_t pv_layout_virt(const struct pv_layout *l, uint64_t pfn) { return l->virt_base + (pfn << 12); }

/*
 * Fill the initial page tables. `p2m` has the mfn of every pfn; `main` are the tables_pages pages
 * from tables_pfn on (L4 first), `own` the tables behind the P2M list (NULL without INIT_P2M);
 * both zeroed by the caller. Page-table pages are mapped read-only.
 */
void pv_layout_tables(const struct pv_layout *l, const uint64_t *p2m, uint64_t *main, uint64_t *own);

#endif
