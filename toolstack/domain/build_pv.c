/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PV builder: memory, image, start_info, rings, page tables, shared info, first vCPU, in that
 * order. The layout is decided in pv_layout.c; here it is carried out with hypercalls. The state
 * a 64-bit PV guest starts with is that of <xen/xen.h> ("Start-of-day memory layout") and
 * <xen/arch-x86/xen.h> (struct vcpu_guest_context).
 */
#include "build_pv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/grant_table.h>

#include "elf.h"
#include "pv_layout.h"

/* 2 MiB extents, as large as the hypervisor lets tools ask for. */
#define BIG_ORDER 9
/* Pages in one hypercall, 32 MiB: dom0's kernel cannot schedule while a call is under way. */
#define BATCH_PAGES 8192
/* Pages mapped at a time while copying into the guest. */
#define CHUNK 4096

struct build {
    struct hyp *h;
    struct pv_guest *g;
    struct image kernel, ramdisk;
    struct elf_kernel elf;
    struct pv_layout l;
    xen_pfn_t *p2m;
};

/* Populate pfns [from, to) in extents of 2^order pages as far as it goes; the pfn reached. */
static int64_t populate_run(struct build *b, uint64_t from, uint64_t to, unsigned int order, struct err **err)
{
    uint64_t size = 1ull << order, batch = BATCH_PAGES >> order;
    xen_pfn_t *ext = calloc(batch, sizeof(*ext));
    int64_t reached = -1;

    if (!ext)
        return err_sys(err, ENOMEM, "cannot populate the guest");
    while (from + size <= to) {
        unsigned long n = (to - from) / size, i, j;
        long got;

        if (n > batch)
            n = batch;
        for (i = 0; i < n; i++)
            ext[i] = from + i * size;
        got = hyp_populate(b->h, b->g->domid, ext, n, order, err);
        if (got < 0)
            goto out;
        for (i = 0; i < (unsigned long)got; i++)
            for (j = 0; j < size; j++)
                b->p2m[from + i * size + j] = ext[i] + j;
        from += got * size;
        if ((unsigned long)got < n)
            break;
    }
    reached = from;
out:
    free(ext);
    return reached;
}

static int populate(struct build *b, struct err **err)
{
    uint64_t nr = b->g->nr_pages;
    int64_t at;

    b->p2m = calloc(nr, sizeof(*b->p2m));
    if (!b->p2m)
        return err_sys(err, ENOMEM, "cannot hold the frame list of %llu pages", (unsigned long long)nr);
    /* What is not to be had in one piece comes page by page. */
    at = populate_run(b, 0, nr, BIG_ORDER, err);
    if (at >= 0 && (uint64_t)at < nr)
        at = populate_run(b, at, nr, 0, err);
    if (at < 0)
        return -1;
    if ((uint64_t)at < nr)
        return err_new(err, ERR_NOMEM, "the host has no memory left: %llu of %llu MB were free",
                       (unsigned long long)at >> 8, (unsigned long long)nr >> 8);
    return 0;
}

static void *map(struct build *b, uint64_t pfn, uint64_t pages, struct err **err)
{
    return hyp_map(b->h, b->g->domid, b->p2m + pfn, pages, err);
}

/*
 * Write `size` bytes at pseudo-physical `addr` and zeros from there to `end`. Bytes before `addr`
 * in its first page are left alone.
 */
static int put(struct build *b, uint64_t addr, const uint8_t *data, uint64_t size, uint64_t end, struct err **err)
{
    uint64_t stop = addr + size;

    while (addr < end) {
        uint64_t pfn = addr / PAGE_SIZE, last = (end - 1) / PAGE_SIZE, n = last - pfn + 1;
        uint64_t here, upto;
        uint8_t *p;

        if (n > CHUNK)
            n = CHUNK;
        upto = (pfn + n) * PAGE_SIZE < end ? (pfn + n) * PAGE_SIZE : end;
        p = map(b, pfn, n, err);
        if (!p)
            return -1;
        here = addr < stop ? (stop < upto ? stop : upto) - addr : 0;
        memcpy(p + addr % PAGE_SIZE, data, here);
        memset(p + addr % PAGE_SIZE + here, 0, upto - addr - here);
        hyp_unmap(b->h, p, n);
        data += here;
        addr = upto;
    }
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct elf_segment *x = a, *y = b;

    return x->paddr < y->paddr ? -1 : x->paddr > y->paddr;
}

/*
 * Copy the kernel's parts. Each is followed by zeros to where the next begins: that covers both
 * its own zero-filled tail and the gap, which a guest may take for zero, too.
 */
static int load_kernel(struct build *b, struct err **err)
{
    struct elf_segment *s = b->elf.seg;
    unsigned int n = b->elf.nr_segments, i;

    qsort(s, n, sizeof(*s), by_address);
    for (i = 0; i < n; i++) {
        uint64_t end = s[i].paddr + s[i].memory_size;

        if (i + 1 < n && s[i + 1].paddr < end)
            return err_new(err, ERR_INVAL, "parts of the kernel overlap");
        if (i + 1 < n)
            end = s[i + 1].paddr;
        if (put(b, s[i].paddr, b->kernel.data + s[i].file_off, s[i].file_size, end, err) < 0)
            return err_wrap(err, "cannot load the kernel");
    }
    return 0;
}

static int load_rest(struct build *b, struct err **err)
{
    const struct pv_layout *l = &b->l;
    uint64_t pages;

    if (l->ramdisk_size) {
        pages = (l->ramdisk_size + PAGE_SIZE - 1) / PAGE_SIZE;
        if (put(b, l->ramdisk_pfn * PAGE_SIZE, b->ramdisk.data, l->ramdisk_size, (l->ramdisk_pfn + pages) * PAGE_SIZE,
                err) < 0)
            return err_wrap(err, "cannot load the ramdisk");
    }
    if (put(b, l->p2m_pfn * PAGE_SIZE, (uint8_t *)b->p2m, l->nr_pages * sizeof(*b->p2m),
            (l->p2m_pfn + l->p2m_list_pages) * PAGE_SIZE, err) < 0)
        return err_wrap(err, "cannot write the frame list");
    return 0;
}

static int write_start_info(struct build *b, uint64_t shared_info_mfn, struct err **err)
{
    const struct pv_layout *l = &b->l;
    struct start_info si = {0};

    /* Kernels look for "xen-3" here; the platform is the third part. */
    snprintf(si.magic, sizeof(si.magic), "xen-3.0-x86_64");
    si.nr_pages = l->nr_pages;
    si.shared_info = shared_info_mfn << PAGE_SHIFT;
    si.store_mfn = b->p2m[l->store_pfn];
    si.store_evtchn = b->g->store_port;
    si.console.domU.mfn = b->p2m[l->console_pfn];
    si.console.domU.evtchn = b->g->console_port;
    si.pt_base = pv_layout_virt(l, l->tables_pfn);
    si.nr_pt_frames = l->tables_pages;
    si.mfn_list = l->p2m_virt;
    si.first_p2m_pfn = l->p2m_pfn;
    si.nr_p2m_frames = l->p2m_pages;
    if (l->ramdisk_size) {
        si.mod_len = l->ramdisk_size;
        si.mod_start = l->ramdisk_mapped ? pv_layout_virt(l, l->ramdisk_pfn) : l->ramdisk_pfn;
        si.flags |= l->ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
    }
    if (b->g->cmdline)
        snprintf((char *)si.cmd_line, sizeof(si.cmd_line), "%s", b->g->cmdline);
    /* start_info, store ring and console ring lie together and begin as zeros. */
    return put(b, l->start_info_pfn * PAGE_SIZE, (uint8_t *)&si, sizeof(si), l->tables_pfn * PAGE_SIZE, err);
}

static int write_tables(struct build *b, struct err **err)
{
    const struct pv_layout *l = &b->l;
    uint64_t own_pages = l->p2m_pages - l->p2m_list_pages;
    uint64_t *main, *own = NULL;
    int rc = -1;

    main = map(b, l->tables_pfn, l->tables_pages, err);
    if (l->p2m_own_map)
        own = map(b, l->p2m_pfn + l->p2m_list_pages, own_pages, err);
    if (main && (own || !l->p2m_own_map)) {
        memset(main, 0, l->tables_pages * PAGE_SIZE);
        if (own)
            memset(own, 0, own_pages * PAGE_SIZE);
        pv_layout_tables(l, b->p2m, main, own);
        rc = 0;
    }
    /* Our mappings are writable: they have to go before the frames can become page tables. */
    hyp_unmap(b->h, main, l->tables_pages);
    hyp_unmap(b->h, own, own_pages);
    if (rc < 0)
        return err_wrap(err, "cannot write the page tables");
    return hyp_mmuext(b->h, b->g->domid, MMUEXT_PIN_L4_TABLE, b->p2m[l->tables_pfn], err);
}

/* The shared page belongs to the domain but is not part of its memory. Upcalls begin masked. */
static int write_shared_info(struct build *b, uint64_t mfn, struct err **err)
{
    xen_pfn_t frame = mfn;
    struct shared_info *s = hyp_map(b->h, b->g->domid, &frame, 1, err);
    unsigned int i;

    if (!s)
        return err_wrap(err, "cannot reach the shared info page");
    memset(s, 0, PAGE_SIZE);
    for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    hyp_unmap(b->h, s, 1);
    return 0;
}

static int start_vcpu(struct build *b, struct err **err)
{
    const struct pv_layout *l = &b->l;
    struct vcpu_guest_context *c = calloc(1, sizeof(*c));
    int rc;

    if (!c)
        return err_sys(err, ENOMEM, "cannot set up the first vCPU");
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = b->elf.entry;
    c->user_regs.rsp = pv_layout_virt(l, l->stack_pfn + 1);
    c->user_regs.rsi = pv_layout_virt(l, l->start_info_pfn);
    c->user_regs.rflags = 1 << 9; /* IF: PV guests cannot clear it */
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ds = FLAT_KERNEL_DS;
    c->user_regs.es = FLAT_KERNEL_DS;
    c->user_regs.fs = FLAT_KERNEL_DS;
    c->user_regs.gs = FLAT_KERNEL_DS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = c->user_regs.ss;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = xen_pfn_to_cr3(b->p2m[l->tables_pfn]);
    rc = hyp_set_vcpu_context(b->h, b->g->domid, 0, c, err);
    free(c);
    return rc;
}

static int write_hypercall_page(struct build *b, struct err **err)
{
    uint64_t pfn = (b->elf.hypercall_page - b->elf.virt_base) / PAGE_SIZE;

    if (!b->elf.hypercall_page)
        return 0;
    if (b->elf.hypercall_page < b->elf.virt_base || pfn >= b->l.nr_pages)
        return err_new(err, ERR_INVAL, "the kernel's hypercall page lies outside of the guest");
    return hyp_hypercall_page(b->h, b->g->domid, b->p2m[pfn], err);
}

/* The two rings are also in the first grants, for daemons that map by grant. */
static int seed_grants(struct build *b, struct err **err)
{
    struct pv_guest *g = b->g;

    if (hyp_grant_seed(b->h, g->domid, GNTTAB_RESERVED_CONSOLE, g->console_domid, g->console_mfn, err) < 0)
        return -1;
    return hyp_grant_seed(b->h, g->domid, GNTTAB_RESERVED_XENSTORE, g->store_domid, g->store_mfn, err);
}

static int build(struct build *b, struct err **err)
{
    struct xen_domctl_getdomaininfo info;

    if (populate(b, err) < 0)
        return -1;
    if (load_kernel(b, err) < 0 || load_rest(b, err) < 0 || write_hypercall_page(b, err) < 0)
        return -1;
    if (hyp_domain_info(b->h, b->g->domid, &info, err) <= 0)
        return err_wrap(err, "the domain is gone");
    if (write_start_info(b, info.shared_info_frame, err) < 0 || write_tables(b, err) < 0 ||
        write_shared_info(b, info.shared_info_frame, err) < 0)
        return -1;
    b->g->store_mfn = b->p2m[b->l.store_pfn];
    b->g->console_mfn = b->p2m[b->l.console_pfn];
    if (seed_grants(b, err) < 0)
        return -1;
    return start_vcpu(b, err);
}

int pv_build(struct hyp *h, struct pv_guest *g, struct err **err)
{
    struct build b = {.h = h, .g = g};
    int rc = -1;

    if (g->cmdline && strlen(g->cmdline) >= MAX_GUEST_CMDLINE)
        return err_new(err, ERR_INVAL, "the kernel command line is longer than %d", MAX_GUEST_CMDLINE - 1);
    if (image_open_kernel(g->kernel, &b.kernel, err) < 0)
        return -1;
    if (g->ramdisk && image_open(g->ramdisk, &b.ramdisk, err) < 0)
        goto out;
    if (elf_parse(b.kernel.data, b.kernel.size, &b.elf, err) < 0 ||
        pv_layout_make(&b.elf, g->nr_pages, b.ramdisk.size, &b.l, err) < 0) {
        err_wrap(err, "cannot use kernel %s", g->kernel);
        goto out;
    }
    rc = build(&b, err);
out:
    free(b.p2m);
    image_close(&b.ramdisk);
    image_close(&b.kernel);
    return rc;
}
