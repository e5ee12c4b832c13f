/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's address space, built once at boot (asm/layout.h, docs/memory-map.md): the direct
 * map of all RAM, the frame table and the M2P where there is RAM, the image with its rights. Ends
 * with all free RAM in the heap.
 */
#include <arch/x86/cpu/tlb.h>
#include <arch/x86/mm/memory_map.h>
#include <arch/x86/mm/tables.h>
#include <arch/x86/mm/setup.h>
#include <boot/memmap.h>
#include <core/panic.h>
#include <mm/heap.h>

static struct page_table root __section(".bss.page_aligned") __aligned(4096);
struct page_table *hyp_l4 = &root;
paddr_t image_start_paddr;
unsigned long max_frame, ram_frames;
unsigned long *ram_map;
static paddr_t trampoline;

paddr_t image_paddr(const void *va) { return (unsigned long)va - IMAGE_START + image_start_paddr; }

paddr_t boot_trampoline_page(void) { return trampoline; }

static void __init map(unsigned long va, paddr_t pa, u64 size, u64 flags)
{
    if (map_range(hyp_l4, va, pa, size, flags))
        panic("no memory for our own page tables");
}

/* ---- the image ---- */

static void __init map_image_part(const char *start, const char *end, u64 flags)
{
    map((unsigned long)start, image_paddr(start), end - start, flags);
}

static void __init map_image(void)
{
    map_image_part(__image_start, __init_text_end, MAP_RX);
    map_image_part(__init_text_end, __init_end, MAP_RW);
    map_image_part(__text_start, __text_end, MAP_RX);
    map_image_part(__rodata_start, __rodata_end, MAP_RO);
    map_image_part(__data_start, __bss_end, MAP_RW);
}

/* ---- the direct map ---- */

/* What we read or write by the direct map besides RAM: the firmware's tables. */
static bool __init type_is_mapped(u32 type) { return type == MEM_RAM || type == MEM_ACPI || type == MEM_NVS; }

/* Our text and constants must not be writable by their address in the direct map. */
static void __init direct_map_piece(paddr_t start, paddr_t end)
{
    paddr_t ro_start = image_paddr(__text_start), ro_end = image_paddr(__rodata_end);

    if (start < ro_end && end > ro_start) {
        if (start < ro_start)
            map(DIRECT_START + start, start, ro_start - start, MAP_RW);
        start = max(start, ro_start);
        map(DIRECT_START + start, start, min(end, ro_end) - start, MAP_RO);
        start = min(end, ro_end);
    }
    if (start < end)
        map(DIRECT_START + start, start, end - start, MAP_RW);
}

/* The first MB whole (BIOS data, VGA), then every run of ranges that touch. */
static void __init map_direct(void)
{
    paddr_t start = 0, end = 0x100000;

    for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
        const struct mem_range *r = &boot_info.range[i];
        paddr_t from = ROUNDDOWN(r->start, PAGE_SIZE), to = ROUNDUP(r->start + r->size, PAGE_SIZE);

        if (!type_is_mapped(r->type) || to <= end)
            continue;
        if (from > end) {
            direct_map_piece(start, end);
            start = from;
        }
        end = to;
    }
    direct_map_piece(start, end);
}

bool direct_mapped(paddr_t pa, size_t size)
{
    paddr_t end = pa + size;

    if (end < pa)
        return false;
    if (end <= 0x100000)
        return true;
    for (unsigned int i = 0; i < boot_info.nr_ranges && pa < end; i++) {
        const struct mem_range *r = &boot_info.range[i];

        if (pa >= r->start && pa < r->start + r->size && type_is_mapped(r->type))
            pa = r->start + r->size;
    }
    return pa >= end;
}

/* ---- tables over all frames ---- */

/* Backs [va, end) with memory filled with `byte`, also so far behind for guests if not 0; whole 2 MB
 * by large pages. */
static void __init back_range(unsigned long va, unsigned long end, u8 byte, long guests)
{
    const u64 large = 1UL << 21;

    for (u64 size; va < end; va += size) {
        paddr_t pa;

        size = min(ROUNDUP(va + 1, large), end) - va;
        pa = memmap_alloc(size, size == large ? large : PAGE_SIZE, ~0UL);
        memset(paddr_to_virt(pa), byte, size);
        map(va, pa, size, MAP_RW);
        if (guests)
            map(va + guests, pa, size, MAP_RO | PTE_US); /* what their ring reads */
    }
}

/* Backs a table of `size` bytes a frame at base wherever there is RAM, in pieces of `grain` bytes. */
static void __init back_table(unsigned long base, unsigned int size, unsigned long grain, u8 byte, long guests)
{
    unsigned long done = base;

    for_each_ram (r) {
        unsigned long from = ROUNDDOWN(base + (r->start >> PAGE_SHIFT) * size, grain);
        unsigned long to = ROUNDUP(base + ((r->start + r->size) >> PAGE_SHIFT) * size, grain);

        from = max(from, done);
        if (from >= to)
            continue;
        back_range(from, to, byte, guests);
        done = to;
    }
}

static void __init set_bits(unsigned long from, unsigned long to)
{
    for (; from < to && from % BITS_PER_LONG; from++)
        __set_bit(from, ram_map);
    for (; from + BITS_PER_LONG <= to; from += BITS_PER_LONG)
        ram_map[BIT_WORD(from)] = ~0UL;
    for (; from < to; from++)
        __set_bit(from, ram_map);
}

static void __init mark_ram(void)
{
    u64 bytes = BITS_TO_LONGS(max_frame) * sizeof(long);
    paddr_t pa = memmap_alloc(bytes, PAGE_SIZE, ~0UL);

    ram_map = paddr_to_virt(pa);
    memset(ram_map, 0, ROUNDUP(bytes, PAGE_SIZE));
    for_each_ram (r)
        set_bits(r->start >> PAGE_SHIFT, (r->start + r->size) >> PAGE_SHIFT);
}

/* ---- phases ---- */

/* Slots whose level-3 tables guests copy entries to must have them from the start. */
static void __init fill_slots(void)
{
    for (unsigned int slot = HYPERVISOR_FIRST_SLOT; slot <= 261; slot++) {
        struct page_table *l3;

        if (slot == PERDOMAIN_SLOT || hyp_l4->e[slot])
            continue;
        l3 = table_alloc();
        hyp_l4->e[slot] = virt_to_paddr(l3) | PTE_P | PTE_RW | PTE_A | (slot == HYPERVISOR_FIRST_SLOT ? PTE_US : 0);
    }
}

void __init memory_init(void)
{
    paddr_t reach = DIRECT_END - DIRECT_START;

    for_each_ram (r) {
        if (r->start + r->size > reach) {
            log_warning("memory from %#lx on is out of reach and not used\n", max(r->start, reach));
            if (r->start < reach)
                r->size = reach - r->start;
            else
                r->type = MEM_UNUSABLE;
        }
    }
    max_frame = memmap_ram_end() >> PAGE_SHIFT;
    ram_frames = memmap_ram() >> PAGE_SHIFT;
    fill_slots();
    map_image();
    map_direct();
    trampoline = memmap_alloc_low_page();
    map(trampoline, trampoline, PAGE_SIZE, MAP_RX & ~PTE_G);
    write_cr3(virt_to_paddr(hyp_l4));
    mark_ram();
    back_table(FRAME_TABLE_START, sizeof(struct frame), PAGE_SIZE, 0, 0);
    /* Toolstacks map it by extents of 2 MB that lie in one piece (XENMEM_machphys_mfn_list). */
    back_table(M2P_RW_START, sizeof(unsigned long), 1UL << 21, 0xff, M2P_RO_START - M2P_RW_START);
    m2p_share();
    log_info("memory: %lu MB of RAM up to %#lx\n", memmap_ram() >> 20, memmap_ram_end());
}

void __init memory_heap_init(void)
{
    tables_use_heap();
    memmap_hand_over(heap_add);
}

static u64 free_image_part(const char *start, const char *end)
{
    unmap_range(hyp_l4, (unsigned long)start, end - start);
    heap_add(paddr_to_mfn(image_paddr(start)), paddr_to_mfn(image_paddr(end)));
    return end - start;
}

void memory_boot_done(void)
{
    u64 image = __bss_end - __image_start, used;

    symbols_forget_init();
    image -= free_image_part(__image_start, __init_end);
    image -= free_image_part(__bss_start, __init_bss_end);
    /* In place, entry by entry: other CPUs read what lies there all the while. */
    map_range(hyp_l4, (unsigned long)__data_start, image_paddr(__data_start), __ro_after_init_end - __data_start,
              MAP_RO);
    flush_tlb_all_mask(&cpu_online_map);
    used = memmap_taken() + image + heap_own_frames() * PAGE_SIZE;
    log_info("memory: %lu MB found, %lu MB free, Orlop itself uses %lu kB\n", memmap_ram() >> 20,
             heap_free_frames() >> (20 - PAGE_SHIFT), used >> 10);
}
