/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of pv_layout.h. Tables of one level that cover a contiguous range are themselves
 * contiguous, highest level first; so the table for an address is found by dividing, and counting
 * and filling need no lookups.
 */
#include "pv_layout.h"

#include <stdbool.h>
#include <stddef.h>

#define PAGE        4096ull
#define ENTRIES     512
#define PTE_PRESENT 0x1ull
#define PTE_RW      0x2ull
#define PTE_USER    0x4ull
#define PTE_A_D     0x60ull
/* Kernel mappings carry no USER bit at level 1: the hypervisor adds what ring 3 needs. */
#define LEAF  (PTE_PRESENT | PTE_RW | PTE_A_D)
#define TABLE (PTE_PRESENT | PTE_RW | PTE_USER | PTE_A_D)

/* Address bits below an entry of each level, 1..4. */
static const unsigned int shift[5] = {0, 12, 21, 30, 39};

static uint64_t canonical_low(uint64_t va) { return va & ((1ull << 48) - 1); }

/* Number of tables of `level` that [va, va + pages) needs. */
static uint64_t tables_at(uint64_t va, uint64_t pages, int level)
{
    unsigned int s = shift[level] + 9;
    uint64_t first = canonical_low(va), last = first + pages * PAGE - 1;

    return (last >> s) - (first >> s) + 1;
}

/* Tables below the L4 for a range. */
static uint64_t tables_below(uint64_t va, uint64_t pages)
{
    return tables_at(va, pages, 3) + tables_at(va, pages, 2) + tables_at(va, pages, 1);
}

static uint64_t pages_of(uint64_t bytes) { return (bytes + PAGE - 1) / PAGE; }

/* The initial mapping ends on a 4 MiB boundary with 512 KiB to spare (xen.h, points 2 and 7). */
static uint64_t map_end(const struct pv_layout *l, uint64_t pfn)
{
    uint64_t end = pv_layout_virt(l, pfn) + (512 << 10);

    end = (end + (4 << 20) - 1) & ~((4ull << 20) - 1);
    return (end - l->virt_base) / PAGE;
}

static int check_addresses(const struct elf_kernel *k, const struct pv_layout *l, struct err **err)
{
    uint64_t low = canonical_low(l->virt_base);
    uint64_t hole_start = 0xffff800000000000ull, hole_end = 0xffff880000000000ull;

    if (l->virt_base & (PAGE - 1) || low + l->map_pages * PAGE > 1ull << 48)
        return err_new(err, ERR_INVAL, "the kernel's virtual base %#llx cannot be mapped", (long long)l->virt_base);
    if (l->virt_base >= hole_start && l->virt_base < hole_end)
        return err_new(err, ERR_INVAL, "the kernel's virtual base lies in the hypervisor's range");
    if (!l->p2m_own_map)
        return 0;
    if (k->init_p2m & (PAGE - 1) || (k->init_p2m >= hole_start && k->init_p2m < hole_end) ||
        canonical_low(k->init_p2m) + l->p2m_list_pages * PAGE > 1ull << 48)
        return err_new(err, ERR_INVAL, "the kernel's INIT_P2M address %#llx cannot be mapped", (long long)k->init_p2m);
    if (canonical_low(k->init_p2m) >> 39 <= (low + l->map_pages * PAGE - 1) >> 39 &&
        (canonical_low(k->init_p2m) + l->p2m_list_pages * PAGE - 1) >> 39 >= low >> 39)
        return err_new(err, ERR_INVAL, "the kernel's INIT_P2M address collides with its image");
    return 0;
}

/* Pages after the kernel that the initial mapping has to cover; tables depend on its size. */
static void place_mapped(struct pv_layout *l, uint64_t pfn)
{
    uint64_t tables = 1;

    l->start_info_pfn = pfn++;
    l->store_pfn = pfn++;
    l->console_pfn = pfn++;
    l->tables_pfn = pfn;
    for (;;) {
        uint64_t need;

        l->tables_pages = tables;
        l->stack_pfn = l->tables_pfn + tables;
        l->map_pages = map_end(l, l->stack_pfn + 1);
        need = 1 + tables_below(l->virt_base, l->map_pages);
        if (need == tables)
            return;
        tables = need;
    }
}

int pv_layout_make(const struct elf_kernel *k, uint64_t nr_pages, uint64_t ramdisk_size, struct pv_layout *l,
                   struct err **err)
{
    uint64_t pfn = pages_of(k->end), ramdisk_pages = pages_of(ramdisk_size);

    *l = (struct pv_layout){.nr_pages = nr_pages, .virt_base = k->virt_base};
    l->ramdisk_size = ramdisk_size;
    l->p2m_list_pages = pages_of(nr_pages * sizeof(uint64_t));
    l->p2m_own_map = k->init_p2m != 0;
    l->ramdisk_mapped = ramdisk_size && !k->mod_start_pfn;
    /* More than the guest has, in one part, would only make the sums below hard to trust. */
    if (pfn >= nr_pages || ramdisk_pages >= nr_pages)
        goto too_small;
    if (l->ramdisk_mapped) {
        l->ramdisk_pfn = pfn;
        pfn += ramdisk_pages;
    }
    if (!l->p2m_own_map) {
        l->p2m_pfn = pfn;
        l->p2m_pages = l->p2m_list_pages;
        l->p2m_virt = pv_layout_virt(l, pfn);
        pfn += l->p2m_pages;
    }
    place_mapped(l, pfn);
    if (check_addresses(k, l, err) < 0)
        return -1;
    pfn = l->map_pages;
    if (ramdisk_size && !l->ramdisk_mapped) {
        l->ramdisk_pfn = pfn;
        pfn += ramdisk_pages;
    }
    if (l->p2m_own_map) {
        l->p2m_pfn = pfn;
        l->p2m_pages = l->p2m_list_pages + tables_below(k->init_p2m, l->p2m_list_pages);
        l->p2m_virt = k->init_p2m;
        pfn += l->p2m_pages;
    }
    l->used_pages = pfn;
    if (pfn <= nr_pages)
        return 0;
too_small:
    return err_new(err, ERR_NOMEM, "kernel and ramdisk do not fit into %llu MB: they need at least %llu MB",
                   (unsigned long long)(l->nr_pages >> 8), (unsigned long long)((pfn + ramdisk_pages) >> 8) + 1);
}

static bool is_table(const struct pv_layout *l, uint64_t pfn)
{
    return (pfn >= l->tables_pfn && pfn < l->tables_pfn + l->tables_pages) ||
           (l->p2m_own_map && pfn >= l->p2m_pfn + l->p2m_list_pages && pfn < l->p2m_pfn + l->p2m_pages);
}

/*
 * Map `pages` pages from `pfn` at `va`. `below` are the tables of levels 3, 2, 1 in that order,
 * lying from pfn `below_pfn` on.
 */
static void map_range(const struct pv_layout *l, const uint64_t *p2m, uint64_t *l4, uint64_t *below, uint64_t below_pfn,
                      uint64_t va, uint64_t pages, uint64_t pfn)
{
    uint64_t low = canonical_low(va), first[4] = {0}, i;
    int level;

    first[2] = tables_at(va, pages, 3);
    first[1] = first[2] + tables_at(va, pages, 2);
    for (i = 0; i < tables_at(va, pages, 3); i++)
        l4[((low >> shift[4]) + i) % ENTRIES] = p2m[below_pfn + i] << 12 | TABLE;
    for (level = 3; level > 1; level--) {
        uint64_t *tables = below + first[level] * ENTRIES;
        uint64_t skip = (low >> shift[level]) % ENTRIES;

        for (i = 0; i < tables_at(va, pages, level - 1); i++)
            tables[skip + i] = p2m[below_pfn + first[level - 1] + i] << 12 | TABLE;
    }
    below += first[1] * ENTRIES + (low >> shift[1]) % ENTRIES;
    for (i = 0; i < pages; i++) {
        uint64_t flags = is_table(l, pfn + i) ? LEAF & ~PTE_RW : LEAF;

        below[i] = p2m[pfn + i] << 12 | flags;
    }
}

void pv_layout_tables(const struct pv_layout *l, const uint64_t *p2m, uint64_t *main, uint64_t *own)
{
    map_range(l, p2m, main, main + ENTRIES, l->tables_pfn + 1, l->virt_base, l->map_pages, 0);
    if (own)
        map_range(l, p2m, main, own, l->p2m_pfn + l->p2m_list_pages, l->p2m_virt, l->p2m_list_pages, l->p2m_pfn);
}
