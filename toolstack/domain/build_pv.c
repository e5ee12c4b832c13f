/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PV builder: memory, image, start_info, rings, page tables, shared info, first vCPU, in that
 * order. The layout is decided in pv_layout.c; here it is carried out with hypercalls. The state
 * a 64-bit PV guest starts with is that of <xen/xen.h> ("Start-of-day memory layout") and
 * <xen/arch-x86/xen.h> (struct vcpu_guest_context).
 */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"
#include "guest_memory.h"
#include "image.h"
#include "pv_layout.h"

struct build {
    struct hyp *h;
    struct guest_build *g;
    struct guest_memory m;
    struct image kernel, ramdisk;
    struct elf_kernel elf;
    struct pv_layout l;
};

static int populate(struct build *b, struct err **err)
{
    b->m.p2m = calloc(b->l.nr_pages, sizeof(*b->m.p2m));
    if (!b->m.p2m)
        return err_sys(err, ENOMEM, "cannot hold the frame list of %llu pages", (unsigned long long)b->l.nr_pages);
    return memory_populate(&b->m, 0, b->l.nr_pages, ORDER_2M, err);
}

static int load_rest(struct build *b, struct err **err)
{
    const struct pv_layout *l = &b->l;
    uint64_t pages;

    if (l->ramdisk_size) {
        pages = (l->ramdisk_size + PAGE_SIZE - 1) / PAGE_SIZE;
        if (memory_put(&b->m, l->ramdisk_pfn * PAGE_SIZE, b->ramdisk.data, l->ramdisk_size,
                       (l->ramdisk_pfn + pages) * PAGE_SIZE, err) < 0)
            return err_wrap(err, "cannot load the ramdisk");
    }
    if (memory_put(&b->m, l->p2m_pfn * PAGE_SIZE, b->m.p2m, l->nr_pages * sizeof(*b->m.p2m),
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
    si.store_mfn = b->m.p2m[l->store_pfn];
    si.store_evtchn = b->g->store_port;
    si.console.domU.mfn = b->m.p2m[l->console_pfn];
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
    if (b->g->cfg->cmdline)
        snprintf((char *)si.cmd_line, sizeof(si.cmd_line), "%s", b->g->cfg->cmdline);
    /* start_info, store ring and console ring lie together and begin as zeros. */
    return memory_put(&b->m, l->start_info_pfn * PAGE_SIZE, &si, sizeof(si), l->tables_pfn * PAGE_SIZE, err);
}

static int write_tables(struct build *b, struct err **err)
{
    const struct pv_layout *l = &b->l;
    uint64_t own_pages = l->p2m_pages - l->p2m_list_pages;
    uint64_t *main, *own = NULL;
    int rc = -1;

    main = memory_map(&b->m, l->tables_pfn, l->tables_pages, err);
    if (l->p2m_own_map)
        own = memory_map(&b->m, l->p2m_pfn + l->p2m_list_pages, own_pages, err);
    if (main && (own || !l->p2m_own_map)) {
        memset(main, 0, l->tables_pages * PAGE_SIZE);
        if (own)
            memset(own, 0, own_pages * PAGE_SIZE);
        pv_layout_tables(l, b->m.p2m, main, own);
        rc = 0;
    }
    /* Our mappings are writable: they have to go before the frames can become page tables. */
    hyp_unmap(b->h, main, l->tables_pages);
    hyp_unmap(b->h, own, own_pages);
    if (rc < 0)
        return err_wrap(err, "cannot write the page tables");
    return hyp_mmuext(b->h, b->g->domid, MMUEXT_PIN_L4_TABLE, b->m.p2m[l->tables_pfn], err);
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
    c->ctrlreg[3] = xen_pfn_to_cr3(b->m.p2m[l->tables_pfn]);
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
    return hyp_hypercall_page(b->h, b->g->domid, b->m.p2m[pfn], err);
}

static int build(struct build *b, struct err **err)
{
    struct xen_domctl_getdomaininfo info;

    if (populate(b, err) < 0)
        return -1;
    if (memory_load_elf(&b->m, &b->elf, &b->kernel, err) < 0 || load_rest(b, err) < 0 ||
        write_hypercall_page(b, err) < 0)
        return -1;
    if (hyp_domain_info(b->h, b->g->domid, &info, err) <= 0)
        return err_wrap(err, "the domain is gone");
    if (write_start_info(b, info.shared_info_frame, err) < 0 || write_tables(b, err) < 0 ||
        write_shared_info(b, info.shared_info_frame, err) < 0)
        return -1;
    b->g->store_frame = b->m.p2m[b->l.store_pfn];
    b->g->console_frame = b->m.p2m[b->l.console_pfn];
    if (build_seed_grants(b->h, b->g, err) < 0)
        return -1;
    return start_vcpu(b, err);
}

int pv_build(struct hyp *h, struct guest_build *g, struct err **err)
{
    const struct guest_config *cfg = g->cfg;
    struct build b = {.h = h, .g = g, .m = {.h = h, .domid = g->domid, .zeroed = hyp_zeroes_memory(h)}};
    uint64_t nr_pages = cfg->memory_kb >> (PAGE_SHIFT - 10);
    int rc = -1;

    if (cfg->cmdline && strlen(cfg->cmdline) >= MAX_GUEST_CMDLINE)
        return err_new(err, ERR_INVAL, "the kernel command line is longer than %d", MAX_GUEST_CMDLINE - 1);
    if (image_open_kernel(cfg->kernel, &b.kernel, err) < 0)
        return -1;
    if (cfg->ramdisk && image_open(cfg->ramdisk, &b.ramdisk, err) < 0)
        goto out;
    if (elf_parse(b.kernel.data, b.kernel.size, ELF_PV, &b.elf, err) < 0 ||
        pv_layout_make(&b.elf, nr_pages, b.ramdisk.size, &b.l, err) < 0) {
        err_wrap(err, "cannot use kernel %s", cfg->kernel);
        goto out;
    }
    rc = build(&b, err);
out:
    free(b.m.p2m);
    image_close(&b.ramdisk);
    image_close(&b.kernel);
    return rc;
}
