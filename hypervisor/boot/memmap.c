/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's memory map put in order, and memory taken from it before there is a heap: page
 * tables, the frame table, stacks. Called by the loader's parsers and arch/x86/mm/ during boot
 * only, on one CPU.
 */
#include <boot/memmap.h>

#define PADDR_END (1UL << 52)
#define LOW_END   0x100000UL

/* The higher, the less usable; what the firmware calls by another number is reserved. */
static unsigned int type_rank(u32 type)
{
    static const u8 rank[] = {3, [MEM_RAM] = 0, [MEM_RESERVED] = 3, [MEM_ACPI] = 1, [MEM_NVS] = 2, [MEM_UNUSABLE] = 4};

    return type < ARRAY_SIZE(rank) ? rank[type] : 3;
}

/* ACPI 6.4, table 15-374: what we and guests know how to treat; loaders have more numbers of their
 * own. */
static u32 type_known(u32 type) { return type <= MEM_UNUSABLE || type == 7 || type == 12 ? type : MEM_RESERVED; }

static paddr_t range_end(const struct mem_range *r)
{
    return r->size > PADDR_END - r->start ? PADDR_END : r->start + r->size;
}

/* Type at address pa, 0 for none, and *next: the next address above pa where it may be another. */
static u32 type_at(const struct mem_range *in, unsigned int nr, paddr_t pa, paddr_t *next)
{
    u32 type = 0;

    *next = PADDR_END;
    for (unsigned int i = 0; i < nr; i++) {
        paddr_t start = in[i].start, end;

        if (start >= PADDR_END || in[i].size == 0)
            continue;
        end = range_end(&in[i]);
        if (start > pa) {
            *next = min(*next, start);
        } else if (end > pa) {
            *next = min(*next, end);
            if (type == 0 || type_rank(in[i].type) > type_rank(type))
                type = type_known(in[i].type);
        }
    }
    return type;
}

/* Appends, RAM only where it makes whole pages. */
static int range_append(struct mem_range *out, unsigned int n, unsigned int max, paddr_t start, paddr_t end, u32 type)
{
    if (type == MEM_RAM) {
        start = ROUNDUP(start, PAGE_SIZE);
        end = ROUNDDOWN(end, PAGE_SIZE);
    }
    if (start >= end)
        return n;
    if (n && out[n - 1].type == type && out[n - 1].start + out[n - 1].size == start) {
        out[n - 1].size += end - start;
        return n;
    }
    if (n == max)
        return -E2BIG;
    out[n] = (struct mem_range){.start = start, .size = end - start, .type = type};
    return n + 1;
}

int memmap_sanitise(const struct mem_range *in, unsigned int nr, struct mem_range *out, unsigned int max)
{
    paddr_t pa = 0, next, start = 0;
    u32 type, run = 0;
    int n = 0;

    for (; pa < PADDR_END && n >= 0; pa = next) {
        type = type_at(in, nr, pa, &next);
        if (type == run)
            continue;
        if (run)
            n = range_append(out, n, max, start, pa, run);
        run = type;
        start = pa;
    }
    if (run && n >= 0)
        n = range_append(out, n, max, start, PADDR_END, run);
    return n;
}

/* ---- memory before the heap ---- */

struct span {
    paddr_t start, end;
};

/* The RAM that is free, in whole pages, sorted and disjoint; some spans may be empty. */
#define MAX_SPANS (BOOT_MAX_RANGES + 128)
static struct span spans[MAX_SPANS] __initdata;
static unsigned int nr_spans __initdata;
static u64 taken;

void __init memmap_start(void)
{
    for_each_ram (r)
        spans[nr_spans++] = (struct span){max(r->start, PAGE_SIZE), r->start + r->size};
}

void __init memmap_reserve(paddr_t start, u64 size)
{
    paddr_t end = ROUNDUP(start + size, PAGE_SIZE);

    start = ROUNDDOWN(start, PAGE_SIZE);
    for (unsigned int i = 0; i < nr_spans; i++) {
        struct span *s = &spans[i], above = {max(s->start, end), s->end};

        if (s->end <= start || s->start >= end)
            continue;
        s->end = max(s->start, start);
        if (above.start >= above.end)
            continue;
        if (nr_spans == MAX_SPANS)
            panic("more than %u pieces of free memory", MAX_SPANS);
        memmove(s + 2, s + 1, (nr_spans++ - i - 1) * sizeof(*s));
        spans[++i] = above;
    }
}

/* The highest place for size bytes in [low, high). */
static paddr_t __init take(u64 size, u64 align, paddr_t low, paddr_t high)
{
    for (unsigned int i = nr_spans; i > 0; i--) {
        paddr_t from = max(spans[i - 1].start, low), to = min(spans[i - 1].end, high);
        paddr_t place = to > size ? ROUNDDOWN(to - size, align) : 0;

        if (place >= from) {
            memmap_reserve(place, size);
            return place;
        }
    }
    panic("no %lu kB of memory below %#lx", size >> 10, high);
}

paddr_t __init memmap_alloc(u64 size, u64 align, paddr_t limit)
{
    size = ROUNDUP(size, PAGE_SIZE);
    taken += size;
    return take(size, align, LOW_END, limit);
}

paddr_t __init memmap_alloc_low_page(void) { return take(PAGE_SIZE, PAGE_SIZE, 0, 0xa0000); }

void __init memmap_hand_over(void (*fn)(mfn_t start, mfn_t end))
{
    for (unsigned int i = 0; i < nr_spans; i++) {
        paddr_t from = max(spans[i].start, LOW_END);

        if (from < spans[i].end)
            fn(paddr_to_mfn(from), paddr_to_mfn(spans[i].end));
    }
    nr_spans = 0;
}

u64 memmap_ram(void)
{
    u64 sum = 0;

    for_each_ram (r)
        sum += r->size;
    return sum;
}

paddr_t memmap_ram_end(void)
{
    paddr_t end = 0;

    for_each_ram (r)
        end = r->start + r->size;
    return end;
}

u64 memmap_taken(void) { return taken; }
