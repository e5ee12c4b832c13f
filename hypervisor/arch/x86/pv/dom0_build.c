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
#include <mm/heap.h>
#include <xen/elfnote.h>

struct span {
    unsigned long pfn, nr; /* guest frames */
};

struct builder {
    struct domain *d;
    const struct dom0_images *images;
    unsigned long nr_pages;

    /* What the kernel's notes say. */
    u64 virt_base, paddr_offset /* of guest-physical addresses in segments */, entry, hypercall_page, init_p2m;
    bool ramdisk_by_pfn;

    /* The layout. */
    struct span kernel, ramdisk, p2m, p2m_tables, start_info, tables, stack;
    unsigned long mapped_pages; /* from pfn 0 */

    mfn_t *mfns; /* of the guest's frames; nr_pages of them, then INVALID_MFN to the end of a page */
};

#define NO_ADDRESS ~0UL

static u64 __init pfn_to_va(const struct builder *b, unsigned long pfn) { return b->virt_base + (pfn << PAGE_SHIFT); }

/* ---- memory ---- */

static void __init require(bool ok, const char *what)
{
    if (!ok)
        panic("dom0: %s", what);
}

static mfn_t __init pfn_to_mfn(const struct builder *b, unsigned long pfn) { return b->mfns[pfn]; }

static void *__init pfn_to_virt(const struct builder *b, unsigned long pfn) { return mfn_to_virt(pfn_to_mfn(b, pfn)); }

/* Copies into guest frames that need not be contiguous in the machine. NULL src: zeroes. */
static void __init fill(const struct builder *b, u64 paddr, const void *src, u64 size)
{
    for (u64 done = 0, n; done < size; done += n) {
        u64 offset = (paddr + done) & ~PAGE_MASK;
        u8 *dst = (u8 *)pfn_to_virt(b, (paddr + done) >> PAGE_SHIFT) + offset;

        n = min(size - done, PAGE_SIZE - offset);
        if (src)
            memcpy(dst, (const u8 *)src + done, n);
        else
            memset(dst, 0, n);
    }
}

static void __init allocate_memory(struct builder *b)
{
    static const char why[] = "not enough memory (dom0_mem=)";
    unsigned long room = ROUNDUP(b->nr_pages, PAGE_SIZE / sizeof(mfn_t)), pfn = 0;
    unsigned int order = HEAP_MAX_ORDER;

    b->mfns = mem_alloc_array(mfn_t, room);
    require(b->mfns, why);
    while (pfn < b->nr_pages) {
        struct frame *f;

        while (order && 1UL << order > b->nr_pages - pfn)
            order--;
        while (!(f = domain_alloc_frames(b->d, order, MEMF_NO_SCRUB)) && order)
            order--;
        require(f, why);
        for (unsigned long n = 0; n < 1UL << order; n++, pfn++) {
            b->mfns[pfn] = frame_mfn(f + n);
            arch_set_m2p(b->mfns[pfn], pfn);
        }
        softirq_run_boot();
    }
    while (pfn < room)
        b->mfns[pfn++] = INVALID_MFN;
}

/* ---- the kernel's wishes and the layout ---- */

static void __init read_notes(struct builder *b)
{
    const struct elf_image *e = &b->images->kernel;

    b->virt_base = elf_xen_note_u64(e, XEN_ELFNOTE_VIRT_BASE, NO_ADDRESS);
    b->paddr_offset = elf_xen_note_u64(e, XEN_ELFNOTE_PADDR_OFFSET, 0);
    b->entry = elf_xen_note_u64(e, XEN_ELFNOTE_ENTRY, e->entry);
    b->hypercall_page = elf_xen_note_u64(e, XEN_ELFNOTE_HYPERCALL_PAGE, NO_ADDRESS);
    b->init_p2m = elf_xen_note_u64(e, XEN_ELFNOTE_INIT_P2M, NO_ADDRESS);
    b->ramdisk_by_pfn = elf_xen_note_u64(e, XEN_ELFNOTE_MOD_START_PFN, 0);
    require(*elf_xen_note_str(e, XEN_ELFNOTE_GUEST_OS) && b->virt_base != NO_ADDRESS,
            "kernel has no notes for PV guests (CONFIG_XEN_PV)");
    require(guest_address_ok(b->virt_base) && !(b->virt_base & ~PAGE_MASK) && guest_address_ok(b->entry) &&
                (b->init_p2m == NO_ADDRESS || (guest_address_ok(b->init_p2m) && !(b->init_p2m & ~PAGE_MASK))),
            "kernel's notes name addresses that are not the guest's");
}

static void __init kernel_extent(struct builder *b)
{
    static const char why[] = "kernel does not fit into dom0's memory (dom0_mem=)";
    u64 start = ~0UL, end = 0, limit = (u64)b->nr_pages << PAGE_SHIFT;
    struct elf_segment s;

    for (unsigned int i = 0; elf_segment(&b->images->kernel, i, &s); i++) {
        u64 pa = s.paddr - b->paddr_offset;

        require(pa <= limit && s.mem_size <= limit - pa, why);
        start = min(start, pa);
        end = max(end, pa + s.mem_size);
    }
    require(start < end, why);
    b->kernel.pfn = start >> PAGE_SHIFT;
    b->kernel.nr = DIV_ROUND_UP(end, PAGE_SIZE) - b->kernel.pfn;
}

/* Tables of levels 1 to 3 that [va, va + pages) needs. */
static unsigned long __init tables_for(u64 va, unsigned long pages)
{
    u64 last = va + (pages << PAGE_SHIFT) - 1;
    unsigned long nr = 0;

    for (unsigned int shift = PAGE_SHIFT + 9; pages && shift <= PAGE_SHIFT + 27; shift += 9)
        nr += (last >> shift) - (va >> shift) + 1;
    return nr;
}

static void __init place(struct span *s, unsigned long *next, unsigned long nr)
{
    *s = (struct span){*next, nr};
    *next += nr;
}

/* The mapped part ends at 4 MB and leaves the kernel 512 KB at least (ABI: xen.h, "bootstrap"). */
static void __init make_layout(struct builder *b)
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
    require(next <= b->nr_pages, "kernel and ramdisk do not fit into dom0's memory (dom0_mem=)");
}

/* ---- contents ---- */

static void __init load_kernel(const struct builder *b)
{
    struct elf_segment s;

    for (unsigned int i = 0; elf_segment(&b->images->kernel, i, &s); i++) {
        u64 pa = s.paddr - b->paddr_offset;

        fill(b, pa, s.data, s.file_size);
        fill(b, pa + s.file_size, NULL, s.mem_size - s.file_size);
        softirq_run_boot();
    }
}

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static bool __init in_span(const struct span *s, unsigned long pfn) { return pfn >= s->pfn && pfn < s->pfn + s->nr; }

/* An entry that maps the frame. Page tables are mapped read-only. */
static u64 __init entry_for(const struct builder *b, unsigned long pfn)
{
    bool ro = in_span(&b->tables, pfn) || in_span(&b->p2m_tables, pfn);

    return mfn_to_paddr(pfn_to_mfn(b, pfn)) | (ro ? TABLE_FLAGS & ~PTE_RW : TABLE_FLAGS);
}

/* Maps guest frames [pfn, pfn + nr) at va; tables come from *next. */
static void __init map(const struct builder *b, u64 va, unsigned long pfn, unsigned long nr, unsigned long *next)
{
    for (u64 *t = NULL; nr; nr--, pfn++, va += PAGE_SIZE) {
        if (!t || !pt_index(va, 1)) {
            t = pfn_to_virt(b, b->tables.pfn);
            for (unsigned int level = 4; level > 1; level--) {
                u64 *e = &t[pt_index(va, level)];

                if (!*e) {
                    memset(pfn_to_virt(b, *next), 0, PAGE_SIZE);
                    *e = mfn_to_paddr(pfn_to_mfn(b, (*next)++)) | TABLE_FLAGS;
                }
                t = mfn_to_virt(paddr_to_mfn(*e & PTE_ADDR));
            }
        }
        t[pt_index(va, 1)] = entry_for(b, pfn);
    }
}

static void __init build_tables(const struct builder *b)
{
    unsigned long next = b->tables.pfn + 1, next_p2m = b->p2m_tables.pfn;

    memset(pfn_to_virt(b, b->tables.pfn), 0, PAGE_SIZE);
    map(b, b->virt_base, 0, b->mapped_pages, &next);
    if (b->init_p2m != NO_ADDRESS)
        map(b, b->init_p2m, b->p2m.pfn, b->p2m.nr, &next_p2m);
    BUG_ON(next > b->tables.pfn + b->tables.nr);
}

static void __init fill_start_info(const struct builder *b)
{
    start_info_t *si = pfn_to_virt(b, b->start_info.pfn);

    memset(si, 0, PAGE_SIZE);
    *si = (start_info_t){.magic = "xen-3.0-x86_64",
                         .nr_pages = b->nr_pages,
                         .shared_info = virt_to_paddr(b->d->shared_info),
                         .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
                         .pt_base = pfn_to_va(b, b->tables.pfn),
                         .nr_pt_frames = b->tables.nr,
                         .mfn_list = b->init_p2m != NO_ADDRESS ? b->init_p2m : pfn_to_va(b, b->p2m.pfn)};
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

static void __init fill_hypercall_page(const struct builder *b)
{
    u64 offset = b->hypercall_page - b->virt_base;

    if (b->hypercall_page == NO_ADDRESS)
        return;
    require(!(offset & ~PAGE_MASK) && in_span(&b->kernel, offset >> PAGE_SHIFT),
            "kernel's hypercall page is outside of the kernel");
    pv_hypercall_page_init(pfn_to_virt(b, offset >> PAGE_SHIFT));
}

/* ---- vCPU 0 ---- */

static void __init start_context(const struct builder *b)
{
    static vcpu_guest_context_t c __initdata;
    struct vcpu *v = b->d->vcpu[0];
    mfn_t root = pfn_to_mfn(b, b->tables.pfn);
    int rc;

    c.flags = VGCF_IN_KERNEL | VGCF_online;
    c.user_regs.rip = b->entry;
    c.user_regs.rsp = c.kernel_sp = pfn_to_va(b, b->stack.pfn + 1);
    c.user_regs.rsi = pfn_to_va(b, b->start_info.pfn);
    c.user_regs.rflags = X86_EFLAGS_IF;
    c.user_regs.cs = SEL_R3_CS64;
    c.user_regs.ss = SEL_R3_DS;
    c.ctrlreg[3] = xen_pfn_to_cr3(mfn_x(root));
    do {
        softirq_run_boot();
        rc = arch_set_guest_context(v, &c);
    } while (rc == -ERESTART);
    require(!rc && !table_pin(root, b->d, FT_L4, false), "first page tables were refused");
    clear_bit(_VPF_DOWN, &v->pause_flags);
}

/* Gives d, which has its vCPUs and no memory, nr_pages frames and everything that it starts with.
 * Panics if it cannot. Boot context. */
void __init pv_dom0_build(struct domain *d, const struct dom0_images *images, unsigned long nr_pages)
{
    struct builder b = {.d = d, .images = images, .nr_pages = nr_pages};

    read_notes(&b);
    kernel_extent(&b);
    make_layout(&b);
    allocate_memory(&b);
    load_kernel(&b);
    fill_hypercall_page(&b);
    fill(&b, (u64)b.ramdisk.pfn << PAGE_SHIFT, images->ramdisk, images->ramdisk_size);
    fill(&b, (u64)b.p2m.pfn << PAGE_SHIFT, b.mfns, (u64)b.p2m.nr << PAGE_SHIFT);
    build_tables(&b);
    fill_start_info(&b);
    start_context(&b);
    mem_free(b.mfns);
}
