/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds dom0's first address space: memory, kernel, ramdisk, P2M list, page tables, start_info,
 * and the context of vCPU 0. What a PV kernel finds when it starts is said in xen/xen.h ("struct
 * start_info") and by the kernel's own notes (xen/elfnote.h).
 *
 * In guest frame numbers, from 0:
 *      | kernel | [P2M] | start_info | page tables | stack | room, to 4 MB | ramdisk | P2M and its
 * tables | free ...
 *      <-------------------- mapped at virt_base --------------------------->
 * A kernel that names no INIT_P2M address has the P2M within the mapped part; one that does not
 * take its ramdisk by frame number has that mapped, too. The tables are built as plain memory;
 * setting the context checks them like those of any guest.
 */
#include <arch/arch.h>
#include <arch/x86/pv/dom0_build.h>
#include <arch/x86/pv/pv.h>
#include <arch/x86/pv/types.h>
#include <asm/trapnr.h>
#include <boot/boot.h>
#include <core/domain.h>
#include <sched/softirq.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <xen/elfnote.h>

/* Runs of machine frames, in the order of guest frame numbers. */
struct extent {
    unsigned long pfn, nr;
    mfn_t mfn;
};
#define EXTENTS_ORDER 5
#define MAX_EXTENTS   ((PAGE_SIZE << EXTENTS_ORDER) / sizeof(struct extent))

struct span {
    unsigned long pfn, nr; /* guest frames */
};

struct builder {
    struct domain *d;
    const struct dom0_images *images;
    unsigned long nr_pages;

    /* What the kernel's notes say. */
    u64 virt_base, paddr_offset, entry, hypercall_page, init_p2m;
    bool ramdisk_by_pfn;

    /* The layout. */
    struct span kernel, ramdisk, p2m, p2m_tables, start_info, tables, stack;
    unsigned long mapped_pages; /* from pfn 0 */
    unsigned long next_table, next_p2m_table;
    u64 *l4;

    struct extent *extents;
    unsigned int nr_extents, last_extent;
};

static struct builder builder __initdata;

#define NO_ADDRESS ~0UL

static u64 __init pfn_to_va(const struct builder *b, unsigned long pfn) { return b->virt_base + (pfn << PAGE_SHIFT); }

/* ---- memory ---- */

static mfn_t __init pfn_to_mfn(struct builder *b, unsigned long pfn)
{
    const struct extent *e = &b->extents[b->last_extent];

    if (pfn < e->pfn || pfn >= e->pfn + e->nr)
        for (unsigned int i = 0; i < b->nr_extents; i++) {
            e = &b->extents[i];
            b->last_extent = i;
            if (pfn >= e->pfn && pfn < e->pfn + e->nr)
                break;
        }
    return mfn_add(e->mfn, pfn - e->pfn);
}

static void *__init pfn_to_virt(struct builder *b, unsigned long pfn) { return mfn_to_virt(pfn_to_mfn(b, pfn)); }

/* Copies into guest frames that need not be contiguous in the machine. NULL src: zeroes. */
static void __init fill(struct builder *b, u64 paddr, const void *src, u64 size)
{
    while (size) {
        u64 offset = paddr & ~PAGE_MASK, n = min(size, PAGE_SIZE - offset);
        u8 *dst = (u8 *)pfn_to_virt(b, paddr >> PAGE_SHIFT) + offset;

        if (src) {
            memcpy(dst, src, n);
            src = (const u8 *)src + n;
        } else {
            memset(dst, 0, n);
        }
        paddr += n;
        size -= n;
    }
}

static int __init add_extent(struct builder *b, mfn_t mfn, unsigned long nr)
{
    struct extent *e = b->nr_extents ? &b->extents[b->nr_extents - 1] : NULL;

    if (e && mfn_eq(mfn_add(e->mfn, e->nr), mfn)) {
        e->nr += nr;
        return 0;
    }
    if (b->nr_extents == MAX_EXTENTS)
        return -ENOMEM;
    b->extents[b->nr_extents] = (struct extent){e ? e->pfn + e->nr : 0, nr, mfn};
    b->nr_extents++;
    return 0;
}

static int __init allocate_memory(struct builder *b)
{
    unsigned int order = HEAP_MAX_ORDER;

    b->extents = page_alloc(EXTENTS_ORDER);
    if (!b->extents)
        return -ENOMEM;
    for (unsigned long done = 0; done < b->nr_pages; done += 1UL << order) {
        struct frame *f;

        while (order && 1UL << order > b->nr_pages - done)
            order--;
        while (!(f = domain_alloc_frames(b->d, order, MEMF_NO_SCRUB)) && order)
            order--;
        if (!f || add_extent(b, frame_mfn(f), 1UL << order))
            return -ENOMEM;
        softirq_run_boot();
    }
    for (unsigned int i = 0; i < b->nr_extents; i++)
        for (unsigned long n = 0; n < b->extents[i].nr; n++)
            arch_set_m2p(mfn_add(b->extents[i].mfn, n), b->extents[i].pfn + n);
    return 0;
}

/* ---- the kernel's wishes and the layout ---- */

static int __init read_notes(struct builder *b, const char **why)
{
    const struct elf_image *e = &b->images->kernel;

    b->virt_base = elf_xen_note_u64(e, XEN_ELFNOTE_VIRT_BASE, NO_ADDRESS);
    b->paddr_offset = elf_xen_note_u64(e, XEN_ELFNOTE_PADDR_OFFSET, 0);
    b->entry = elf_xen_note_u64(e, XEN_ELFNOTE_ENTRY, e->entry);
    b->hypercall_page = elf_xen_note_u64(e, XEN_ELFNOTE_HYPERCALL_PAGE, NO_ADDRESS);
    b->init_p2m = elf_xen_note_u64(e, XEN_ELFNOTE_INIT_P2M, NO_ADDRESS);
    b->ramdisk_by_pfn = elf_xen_note_u64(e, XEN_ELFNOTE_MOD_START_PFN, 0);
    *why = "kernel has no notes for PV guests (CONFIG_XEN_PV)";
    if (!*elf_xen_note_str(e, XEN_ELFNOTE_GUEST_OS) || b->virt_base == NO_ADDRESS)
        return -EINVAL;
    *why = "kernel's notes name addresses that are not the guest's";
    if (!guest_address_ok(b->virt_base) || b->virt_base & ~PAGE_MASK || !guest_address_ok(b->entry) ||
        (b->init_p2m != NO_ADDRESS && (!guest_address_ok(b->init_p2m) || b->init_p2m & ~PAGE_MASK)))
        return -EINVAL;
    return 0;
}

/* Where a segment goes, in guest-physical addresses. */
static u64 __init segment_paddr(const struct builder *b, const struct elf_segment *s)
{
    return s->paddr - b->paddr_offset;
}

static int __init kernel_extent(struct builder *b, const char **why)
{
    u64 start = ~0UL, end = 0, limit = (u64)b->nr_pages << PAGE_SHIFT;
    struct elf_segment s;

    *why = "kernel does not fit into dom0's memory (dom0_mem=)";
    for (unsigned int i = 0; elf_segment(&b->images->kernel, i, &s); i++) {
        u64 pa = segment_paddr(b, &s);

        if (pa > limit || s.mem_size > limit - pa)
            return -ENOMEM;
        start = min(start, pa);
        end = max(end, pa + s.mem_size);
    }
    if (start >= end)
        return -EINVAL;
    b->kernel.pfn = start >> PAGE_SHIFT;
    b->kernel.nr = DIV_ROUND_UP(end, PAGE_SIZE) - b->kernel.pfn;
    return 0;
}

/* Tables of one level that [va, va + pages) needs. */
static unsigned long __init tables_of_level(u64 va, unsigned long pages, unsigned int level)
{
    unsigned int shift = PAGE_SHIFT + 9 * level;
    u64 last = va + (pages << PAGE_SHIFT) - 1;

    return pages ? (last >> shift) - (va >> shift) + 1 : 0;
}

static unsigned long __init tables_for(u64 va, unsigned long pages)
{
    return tables_of_level(va, pages, 1) + tables_of_level(va, pages, 2) + tables_of_level(va, pages, 3);
}

static unsigned long __init place(struct span *s, unsigned long *next, unsigned long nr)
{
    s->pfn = *next;
    s->nr = nr;
    *next += nr;
    return nr;
}

/* The mapped part ends at 4 MB and leaves the kernel 512 KB at least (ABI: xen.h, "bootstrap"). */
static int __init make_layout(struct builder *b, const char **why)
{
    unsigned long ramdisk_pages = DIV_ROUND_UP(b->images->ramdisk_size, PAGE_SIZE);
    unsigned long p2m_pages = DIV_ROUND_UP(b->nr_pages * sizeof(long), PAGE_SIZE);
    unsigned long nr_tables = 4, next, end;

    do { /* the tables map themselves */
        next = b->kernel.pfn + b->kernel.nr;
        if (!b->ramdisk_by_pfn)
            place(&b->ramdisk, &next, ramdisk_pages);
        if (b->init_p2m == NO_ADDRESS)
            place(&b->p2m, &next, p2m_pages);
        place(&b->start_info, &next, 1);
        place(&b->tables, &next, nr_tables);
        place(&b->stack, &next, 1);
        end = ROUNDUP(next + 128, 1024UL);
        nr_tables = 1 + tables_for(b->virt_base, end);
    } while (nr_tables != b->tables.nr);
    b->mapped_pages = next = end;
    if (b->ramdisk_by_pfn)
        place(&b->ramdisk, &next, ramdisk_pages);
    if (b->init_p2m != NO_ADDRESS) {
        place(&b->p2m, &next, p2m_pages);
        place(&b->p2m_tables, &next, tables_for(b->init_p2m, p2m_pages));
    }
    *why = "kernel and ramdisk do not fit into dom0's memory (dom0_mem=)";
    return next <= b->nr_pages ? 0 : -ENOMEM;
}

/* ---- contents ---- */

static void __init load_kernel(struct builder *b)
{
    struct elf_segment s;

    for (unsigned int i = 0; elf_segment(&b->images->kernel, i, &s); i++) {
        u64 pa = segment_paddr(b, &s);

        fill(b, pa, s.data, s.file_size);
        fill(b, pa + s.file_size, NULL, s.mem_size - s.file_size);
        softirq_run_boot();
    }
}

static void __init load_ramdisk(struct builder *b)
{
    fill(b, (u64)b->ramdisk.pfn << PAGE_SHIFT, b->images->ramdisk, b->images->ramdisk_size);
}

static void __init fill_p2m(struct builder *b)
{
    unsigned long pfn = 0;

    for (unsigned long page = 0; page < b->p2m.nr; page++) {
        unsigned long *entry = pfn_to_virt(b, b->p2m.pfn + page);

        for (unsigned int i = 0; i < PAGE_SIZE / sizeof(long); i++, pfn++)
            entry[i] = pfn < b->nr_pages ? mfn_x(pfn_to_mfn(b, pfn)) : ~0UL;
    }
}

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static u64 *__init next_table(struct builder *b, unsigned long *next, mfn_t *mfn)
{
    u64 *t = pfn_to_virt(b, *next);

    *mfn = pfn_to_mfn(b, (*next)++);
    memset(t, 0, PAGE_SIZE);
    return t;
}

static bool __init in_span(const struct span *s, unsigned long pfn) { return pfn >= s->pfn && pfn < s->pfn + s->nr; }

/* Maps guest frames [pfn, pfn + nr) at va; tables come from *next. Page tables are mapped
 * read-only. */
static void __init map(struct builder *b, u64 va, unsigned long pfn, unsigned long nr, unsigned long *next)
{
    u64 *l1 = NULL;

    for (; nr; nr--, pfn++, va += PAGE_SIZE) {
        bool ro = in_span(&b->tables, pfn) || in_span(&b->p2m_tables, pfn);

        if (!l1 || !pt_index(va, 1)) {
            u64 *t = b->l4;

            for (unsigned int level = 4; level > 1; level--) {
                u64 *e = &t[pt_index(va, level)];
                mfn_t mfn;

                if (*e) {
                    t = mfn_to_virt(paddr_to_mfn(*e & PTE_ADDR));
                } else {
                    t = next_table(b, next, &mfn);
                    *e = mfn_to_paddr(mfn) | TABLE_FLAGS;
                }
            }
            l1 = t;
        }
        l1[pt_index(va, 1)] = mfn_to_paddr(pfn_to_mfn(b, pfn)) | (ro ? TABLE_FLAGS & ~PTE_RW : TABLE_FLAGS);
    }
}

static void __init build_tables(struct builder *b)
{
    mfn_t mfn;

    b->next_table = b->tables.pfn;
    b->next_p2m_table = b->p2m_tables.pfn;
    b->l4 = next_table(b, &b->next_table, &mfn);
    map(b, b->virt_base, 0, b->mapped_pages, &b->next_table);
    if (b->init_p2m != NO_ADDRESS)
        map(b, b->init_p2m, b->p2m.pfn, b->p2m.nr, &b->next_p2m_table);
    BUG_ON(b->next_table > b->tables.pfn + b->tables.nr);
}

static void __init fill_start_info(struct builder *b)
{
    start_info_t *si = pfn_to_virt(b, b->start_info.pfn);

    memset(si, 0, PAGE_SIZE);
    strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = b->nr_pages;
    si->shared_info = virt_to_paddr(b->d->shared_info);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = pfn_to_va(b, b->tables.pfn);
    si->nr_pt_frames = b->tables.nr;
    si->mfn_list = b->init_p2m != NO_ADDRESS ? b->init_p2m : pfn_to_va(b, b->p2m.pfn);
    if (b->init_p2m != NO_ADDRESS) {
        si->first_p2m_pfn = b->p2m.pfn;
        si->nr_p2m_frames = b->p2m.nr + b->p2m_tables.nr;
    }
    if (b->images->ramdisk_size) {
        si->mod_start = b->ramdisk_by_pfn ? b->ramdisk.pfn : pfn_to_va(b, b->ramdisk.pfn);
        si->mod_len = b->images->ramdisk_size;
        si->flags |= b->ramdisk_by_pfn ? SIF_MOD_START_PFN : 0;
    }
    strlcpy((char *)si->cmd_line, b->images->cmdline, sizeof(si->cmd_line));
    if (boot_info.video.video_type) {
        si->console.dom0.info_off = sizeof(*si);
        si->console.dom0.info_size = sizeof(boot_info.video);
        memcpy(si + 1, &boot_info.video, sizeof(boot_info.video));
    }
}

static int __init fill_hypercall_page(struct builder *b, const char **why)
{
    u64 offset = b->hypercall_page - b->virt_base;

    if (b->hypercall_page == NO_ADDRESS)
        return 0;
    *why = "kernel's hypercall page is outside of the kernel";
    if (offset & ~PAGE_MASK || !in_span(&b->kernel, offset >> PAGE_SHIFT))
        return -EINVAL;
    pv_hypercall_page_init(pfn_to_virt(b, offset >> PAGE_SHIFT));
    return 0;
}

/* ---- vCPU 0 ---- */

static int __init start_context(struct builder *b)
{
    unsigned int order = 1;
    vcpu_guest_context_t *c = page_alloc(order);
    struct vcpu *v = b->d->vcpu[0];
    mfn_t root = pfn_to_mfn(b, b->tables.pfn);
    int rc;

    _Static_assert(sizeof(*c) <= 2 * PAGE_SIZE, "context larger than its buffer");
    if (!c)
        return -ENOMEM;
    c->flags = VGCF_IN_KERNEL | VGCF_online;
    c->user_regs.rip = b->entry;
    c->user_regs.rsp = pfn_to_va(b, b->stack.pfn + 1);
    c->user_regs.rsi = pfn_to_va(b, b->start_info.pfn);
    c->user_regs.rflags = X86_EFLAGS_IF;
    c->user_regs.cs = SEL_R3_CS64;
    c->user_regs.ss = SEL_R3_DS;
    c->kernel_ss = SEL_R3_DS;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = xen_pfn_to_cr3(mfn_x(root));
    do {
        softirq_run_boot();
        rc = arch_set_guest_context(v, c);
    } while (rc == -ERESTART);
    page_free(c, order);
    if (!rc)
        rc = table_pin(mfn_frame(root), FT_L4, false);
    if (!rc)
        clear_bit(_VPF_DOWN, &v->pause_flags);
    return rc;
}

/*
 * Gives d, which has its vCPUs and no memory, nr_pages frames and everything that it starts with.
 * 0, or a negative error with *why. Boot context.
 */
int __init pv_dom0_build(struct domain *d, const struct dom0_images *images, unsigned long nr_pages, const char **why)
{
    struct builder *b = &builder;
    int rc;

    *b = (struct builder){.d = d, .images = images, .nr_pages = nr_pages};
    rc = read_notes(b, why);
    if (!rc)
        rc = kernel_extent(b, why);
    if (!rc)
        rc = make_layout(b, why);
    if (rc)
        return rc;
    *why = "not enough memory for dom0 (dom0_mem=)";
    rc = allocate_memory(b);
    if (rc)
        return rc;
    load_kernel(b);
    rc = fill_hypercall_page(b, why);
    if (rc)
        return rc;
    load_ramdisk(b);
    fill_p2m(b);
    build_tables(b);
    fill_start_info(b);
    *why = "dom0's first page tables were refused";
    rc = start_context(b);
    page_free(b->extents, EXTENTS_ORDER);
    return rc;
}
