/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each CPU has of its own: a stack area between pages that are not mapped, and a copy of the
 * per-CPU variables. The first CPU uses the variables where they were linked.
 */
#include <arch/x86/entry/entry.h>
#include <arch/x86/mm/setup.h>
#include <arch/x86/mm/tables.h>
#include <asm/percpu.h>
#include <mm/heap.h>

unsigned long percpu_offset[NR_CPUS];

/* Which of the eight pages of a stack area stay unmapped: below the main stack (asm/layout.h). */
#define FIRST_GUARD_PAGE 3
#define LAST_GUARD_PAGE  4

static unsigned long area_start(unsigned int cpu) { return STACK_TOP((unsigned long)cpu) - STACK_SIZE; }

static int stack_alloc(unsigned int cpu)
{
    for (unsigned int page = 0; page < 1U << STACK_ORDER; page++) {
        struct page_table *p;

        if (page >= FIRST_GUARD_PAGE && page <= LAST_GUARD_PAGE)
            continue;
        p = table_alloc(); /* any zeroed page */
        if (!p || map_range(hyp_l4, area_start(cpu) + page * PAGE_SIZE, virt_to_paddr(p), PAGE_SIZE, MAP_RW))
            return -ENOMEM;
    }
    return 0;
}

static void cpu_info_init(unsigned int cpu)
{
    struct cpu_info *info = (struct cpu_info *)STACK_TOP((unsigned long)cpu) - 1;

    info->cpu = cpu;
    info->percpu_offset = percpu_offset[cpu];
    info->guest_hole = GUEST_HOLE_SIZE;
}

int cpu_areas_alloc(unsigned int cpu)
{
    char *copy = page_alloc(size_order(__percpu_end - __percpu_start));

    if (!copy || stack_alloc(cpu))
        return -ENOMEM;
    percpu_offset[cpu] = copy - __percpu_start;
    cpu_info_init(cpu);
    return 0;
}

/* Maps the page at va in root as it is mapped for us. */
static int map_same(struct page_table *root, unsigned long va)
{
    unsigned int level;
    u64 *e = table_entry_make(root, 4, va, 1, 0);

    if (!e)
        return -ENOMEM;
    *e = *table_entry(hyp_l4, va, &level);
    BUG_ON(level != 1);
    return 0;
}

int entry_map(struct page_table *root)
{
    unsigned long area = area_start(smp_processor_id());
    int rc = map_same(root, (unsigned long)idt);

    for (const char *p = __text_start; !rc && p < __text_entry_end; p += PAGE_SIZE)
        rc = map_same(root, (unsigned long)p);
    for (unsigned int page = 0; !rc && page < 1U << STACK_ORDER; page++)
        if (page < FIRST_GUARD_PAGE || page == (1U << STACK_ORDER) - 1)
            rc = map_same(root, area + page * PAGE_SIZE);
    return rc;
}

void __init boot_stack_init(void)
{
    if (stack_alloc(0))
        panic("no memory for the first CPU's stack");
    cpu_info_init(0);
}
