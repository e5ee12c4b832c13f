/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder of guests with hardware-assisted paging: PVH, which starts its kernel, and HVM, which
 * starts its firmware. Memory, image, module, ACPI tables (PVH) or table for the firmware (HVM), pages
 * for daemons and device models, CPUID policy, first vCPU. The layout is decided in hvm_layout.c; here
 * it is carried out with hypercalls.
 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/hvm_info_table.h>
#include <xen/hvm/params.h>

#include "acpi.h"
#include "cpu_policy.h"
#include "elf.h"
#include "guest_memory.h"
#include "hvm_context.h"
#include "hvm_layout.h"
#include "hvm_start.h"
#include "image.h"

/* Entries of the identity-mapping page directory: present, writable, user, accessed, dirty, 4 MB. */
#define IDENT_ENTRY   0xe7u
#define IDENT_ENTRIES 1024

struct build {
    struct hyp *h;
    struct guest_build *g;
    const struct guest_config *cfg;
    bool pvh;
    struct guest_memory m;
    struct image kernel, module;
    struct elf_kernel elf;
    struct hvm_layout l;
    uint64_t start_info;
};

static uint64_t page_up(uint64_t addr) { return (addr + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1); }

static int populate(struct build *b, struct err **err)
{
    uint64_t low = b->l.low_end >> PAGE_SHIFT, from = 0;

    if (b->l.vga_hole) {
        if (memory_populate(&b->m, 0, HVM_VGA_START >> PAGE_SHIFT, ORDER_4K, err) < 0)
            return -1;
        from = HVM_VGA_END >> PAGE_SHIFT;
    }
    if (memory_populate(&b->m, from, low, ORDER_1G, err) < 0)
        return -1;
    if (!b->l.high_end)
        return 0;
    return memory_populate(&b->m, HVM_4G >> PAGE_SHIFT, b->l.high_end >> PAGE_SHIFT, ORDER_1G, err);
}

/* PVH: ACPI tables in the hole. HVM: the table from which the firmware learns of its machine. */
static int write_tables(struct build *b, struct err **err)
{
    struct hvm_info_table info = {.signature = {'H', 'V', 'M', ' ', 'I', 'N', 'F', 'O'}, .length = sizeof(info)};
    size_t size = acpi_size(b->cfg->max_vcpus), i;
    uint8_t *blob, sum = 0;
    int rc;

    if (b->pvh) {
        blob = calloc(1, size);
        if (!blob)
            return err_sys(err, ENOMEM, "cannot make the ACPI tables");
        acpi_write(b->cfg->max_vcpus, HVM_ACPI_ADDR, blob);
        rc = memory_populate(&b->m, HVM_ACPI_ADDR >> PAGE_SHIFT, page_up(HVM_ACPI_ADDR + size) >> PAGE_SHIFT, ORDER_4K,
                             err);
        if (!rc)
            rc = memory_put(&b->m, HVM_ACPI_ADDR, blob, size, page_up(HVM_ACPI_ADDR + size), err);
        free(blob);
        return rc;
    }
    info.apic_mode = b->cfg->hvm.apic;
    info.nr_vcpus = b->cfg->max_vcpus;
    info.low_mem_pgend = b->l.low_end >> PAGE_SHIFT;
    info.high_mem_pgend = b->l.high_end >> PAGE_SHIFT;
    info.reserved_mem_pgstart = HVM_IOREQ_SERVER;
    for (i = 0; i < b->cfg->vcpus; i++)
        info.vcpu_online[i / 8] |= 1 << i % 8;
    for (i = 0; i < sizeof(info); i++)
        sum += ((uint8_t *)&info)[i];
    info.checksum = -sum;
    return memory_put(&b->m, HVM_INFO_PADDR, &info, sizeof(info), page_up(HVM_INFO_PADDR), err);
}

/* The ramdisk or the BIOS, then the start information that names it, behind the kernel or firmware. */
static int write_start_info(struct build *b, struct err **err)
{
    struct hvm_start s = {.layout = &b->l,
                          .cmdline = b->pvh ? b->cfg->cmdline : NULL,
                          .rsdp = b->pvh ? HVM_ACPI_ADDR : 0,
                          .module_addr = page_up(b->elf.end),
                          .module_size = b->module.size,
                          .module_cmdline = b->pvh ? NULL : "firmware"};
    size_t size = hvm_start_size(&s);
    uint8_t *blob = calloc(1, size);
    int rc = 0;

    if (!blob)
        return err_sys(err, ENOMEM, "cannot make the start information");
    b->start_info = page_up(s.module_addr + s.module_size);
    hvm_start_write(&s, b->start_info, blob);
    if (page_up(b->start_info + size) > b->l.low_end)
        rc = err_new(err, ERR_INVAL, "kernel and ramdisk need %llu MB, more than the guest has below 4 GB",
                     (unsigned long long)(b->start_info + size) >> 20);
    if (!rc && s.module_size)
        rc = memory_put(&b->m, s.module_addr, b->module.data, s.module_size, b->start_info, err);
    if (!rc)
        rc = memory_put(&b->m, b->start_info, blob, size, page_up(b->start_info + size), err);
    free(blob);
    return rc;
}

/* Empty pages for those outside, and the parameters by which everyone finds them. */
static int set_special_pages(struct build *b, struct err **err)
{
    const struct {
        uint32_t param;
        uint64_t value;
        bool hvm_only;
    } params[] = {{HVM_PARAM_STORE_PFN, HVM_SPECIAL_STORE, false},
                  {HVM_PARAM_STORE_EVTCHN, b->g->store_port, false},
                  {HVM_PARAM_CONSOLE_PFN, HVM_SPECIAL_CONSOLE, false},
                  {HVM_PARAM_CONSOLE_EVTCHN, b->g->console_port, false},
                  {HVM_PARAM_BUFIOREQ_PFN, HVM_SPECIAL_BUFIOREQ, true},
                  {HVM_PARAM_IOREQ_PFN, HVM_SPECIAL_IOREQ, true},
                  {HVM_PARAM_IOREQ_SERVER_PFN, HVM_IOREQ_SERVER, true},
                  {HVM_PARAM_NR_IOREQ_SERVER_PAGES, HVM_IOREQ_SERVER_PAGES, true},
                  {HVM_PARAM_PAGING_RING_PFN, HVM_SPECIAL_PAGING, false},
                  {HVM_PARAM_MONITOR_RING_PFN, HVM_SPECIAL_ACCESS, false},
                  {HVM_PARAM_SHARING_RING_PFN, HVM_SPECIAL_SHARING, false},
                  {HVM_PARAM_IDENT_PT, (uint64_t)HVM_SPECIAL_IDENT_PT << PAGE_SHIFT, false}};
    uint64_t first = b->pvh ? (uint64_t)HVM_SPECIAL_PAGING : (uint64_t)HVM_IOREQ_SERVER;
    uint32_t ident[IDENT_ENTRIES];

    for (uint32_t i = 0; i < IDENT_ENTRIES; i++)
        ident[i] = i << 22 | IDENT_ENTRY;
    if (memory_populate(&b->m, first, HVM_SPECIAL_END, ORDER_4K, err) < 0 ||
        memory_put(&b->m, first << PAGE_SHIFT, NULL, 0, (uint64_t)HVM_SPECIAL_END << PAGE_SHIFT, err) < 0 ||
        memory_put(&b->m, (uint64_t)HVM_SPECIAL_IDENT_PT << PAGE_SHIFT, ident, sizeof(ident),
                   (uint64_t)(HVM_SPECIAL_IDENT_PT + 1) << PAGE_SHIFT, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        if (!(b->pvh && params[i].hvm_only) &&
            hyp_hvm_param_set(b->h, b->g->domid, params[i].param, params[i].value, err) < 0)
            return -1;
    b->g->store_frame = HVM_SPECIAL_STORE;
    b->g->console_frame = HVM_SPECIAL_CONSOLE;
    return build_seed_grants(b->h, b->g, err);
}

static int set_cpu_policy(struct build *b, struct err **err)
{
    xen_cpuid_leaf_t *leaves = NULL, *host = NULL;
    uint32_t count, host_count;
    int rc = -1;

    if (hyp_cpu_policy_host(b->h, XEN_SYSCTL_cpu_policy_hvm_default, &leaves, &count, err) == 0 &&
        hyp_cpu_policy_host(b->h, XEN_SYSCTL_cpu_policy_host, &host, &host_count, err) == 0 &&
        cpu_policy_shape(leaves, count, host, host_count, b->cfg, err) == 0)
        rc = hyp_cpu_policy_set(b->h, b->g->domid, leaves, count, err);
    free(leaves);
    free(host);
    return rc;
}

/* What the hypervisor's own devices of the guest are like. */
static int set_platform(struct build *b, struct err **err)
{
    const struct hvm_config *c = &b->cfg->hvm;

    if (hyp_hvm_param_set(b->h, b->g->domid, HVM_PARAM_TIMER_MODE, c->timer_mode, err) < 0)
        return -1;
    if (b->pvh)
        return 0;
    if (hyp_hvm_param_set(b->h, b->g->domid, HVM_PARAM_HPET_ENABLED, c->hpet, err) < 0)
        return -1;
    return hyp_hvm_param_set(b->h, b->g->domid, HVM_PARAM_VPT_ALIGN, c->vpt_align, err);
}

/*
 * Page tables take 8 bytes a page (2 kB for each MB) and a top for each vCPU's own use; this is twice
 * that and what stock tools give: 4 kB for each MB and 1 MB for each vCPU.
 */
static uint64_t paging_pool(const struct guest_config *cfg)
{
    uint64_t kb = cfg->max_vcpus * 1024ull + (cfg->max_memory_kb >> 10) * 4;

    return ((kb + 1023) & ~1023ull) << 10;
}

static int build(struct build *b, struct err **err)
{
    if (set_platform(b, err) < 0 || hyp_paging_pool_set(b->h, b->g->domid, paging_pool(b->cfg), err) < 0 ||
        set_cpu_policy(b, err) < 0 || populate(b, err) < 0)
        return -1;
    if (b->elf.end > b->l.low_end)
        return err_new(err, ERR_INVAL, "the kernel needs %llu MB", (unsigned long long)b->elf.end >> 20);
    if (memory_load_elf(&b->m, &b->elf, &b->kernel, err) < 0 || write_start_info(b, err) < 0 ||
        write_tables(b, err) < 0 || hyp_memory_map_set(b->h, b->g->domid, b->l.map, b->l.nr_map, err) < 0 ||
        set_special_pages(b, err) < 0)
        return -1;
    return hvm_context_start(b->h, b->g->domid, b->elf.entry, b->start_info, b->cfg->max_vcpus, b->pvh, err);
}

int hvm_build(struct hyp *h, struct guest_build *g, struct err **err)
{
    const struct guest_config *cfg = g->cfg;
    struct build b = {.h = h, .g = g, .cfg = cfg, .pvh = cfg->type == GUEST_PVH};
    const char *kernel = b.pvh ? cfg->kernel : HVM_LOADER, *module = b.pvh ? cfg->ramdisk : cfg->hvm.bios_path;
    uint64_t ram = (cfg->memory_kb - cfg->hvm.video_kb) << 10;
    int rc = -1;

    b.m = (struct guest_memory){.h = h, .domid = g->domid, .zeroed = hyp_zeroes_memory(h)};
    if (image_open_kernel(kernel, &b.kernel, err) < 0)
        return -1;
    if (module && image_open(module, &b.module, err) < 0)
        goto out;
    if (elf_parse(b.kernel.data, b.kernel.size, b.pvh ? ELF_PVH : ELF_FIRMWARE, &b.elf, err) < 0) {
        err_wrap(err, "cannot use kernel %s", kernel);
        goto out;
    }
    rc = hvm_layout_make(&b.l, b.pvh, ram, cfg->hvm.mmio_hole_kb << 10, b.pvh ? acpi_size(cfg->max_vcpus) : 0, err);
    if (!rc)
        rc = build(&b, err);
out:
    image_close(&b.module);
    image_close(&b.kernel);
    return rc;
}
