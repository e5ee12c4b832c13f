/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder, PVH domains: behind the image lie the start info with its tables and the console
 * page; vCPU 0 begins in flat 32-bit protected mode with %ebx at the start info
 * (<xen/arch-x86/hvm/start_info.h>), by a record of the HVM context (<xen/arch-x86/hvm/save.h>).
 */
#include "domain-parts.h"

#define POOL_BYTES (4ul << 20)

/* The page with the start info and what it points to. */
struct start_page {
    struct hvm_start_info info;
    struct hvm_memmap_table_entry map[2];
    char cmdline[1024];
};

long domain_hvm_pool(const struct built_domain *d)
{
    struct xen_domctl op = {.u.paging_mempool.size = POOL_BYTES};

    return domctl(&op, XEN_DOMCTL_set_paging_mempool_size, d->id);
}

static long start_page_fill(const struct domain_plan *plan, const struct built_domain *d, uint64_t gfn)
{
    static struct start_page page;
    uint64_t at = gfn << PAGE_SHIFT;

    memset(&page, 0, sizeof(page));
    page.info.magic = XEN_HVM_START_MAGIC_VALUE;
    page.info.version = 1;
    page.info.cmdline_paddr = at + offsetof(struct start_page, cmdline);
    page.info.memmap_paddr = at + offsetof(struct start_page, map);
    page.info.memmap_entries = ARRAY_SIZE(page.map);
    page.map[0] = (struct hvm_memmap_table_entry){0, (uint64_t)plan->pages << PAGE_SHIFT, XEN_HVM_MEMMAP_TYPE_RAM, 0};
    page.map[1] = (struct hvm_memmap_table_entry){0xfee00000, PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_RESERVED, 0};
    format(page.cmdline, sizeof(page.cmdline), "%s", plan->args);
    return domain_page_fill(d, gfn, &page, sizeof(page));
}

static long param_set(const struct built_domain *d, uint32_t index, uint64_t value)
{
    struct xen_hvm_param param = {.domid = d->id, .index = index, .value = value};

    return hc_hvm_op(HVMOP_set_param, &param);
}

/* Flat segments of 4 GB, no paging; attributes are those of the descriptor with the limit cut out. */
static void flat_protected_mode(struct hvm_hw_cpu *cpu)
{
    cpu->cr0 = 0x11;
    cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = ~0u;
    cpu->fs_limit = cpu->gs_limit = ~0u;
    cpu->cs_sel = 0x08;
    cpu->ds_sel = cpu->es_sel = cpu->ss_sel = 0x10;
    cpu->cs_arbytes = 0xc9b;
    cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = 0xc93;
    cpu->fs_arbytes = cpu->gs_arbytes = 0xc93;
    cpu->tr_limit = 0x67;
    cpu->tr_arbytes = 0x8b;
    cpu->dr6 = 0xffff0ff0;
    cpu->dr7 = 0x400;
    cpu->rflags = 2;
}

static long start_state_set(const struct built_domain *d, uint64_t start_gfn)
{
    static struct __attribute__((packed)) {
        struct hvm_save_descriptor header_d;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor cpu_d;
        HVM_SAVE_TYPE(CPU) cpu;
        struct hvm_save_descriptor end_d;
    } records;
    struct xen_domctl op = {.u.hvmcontext.size = sizeof(records)};
    uint32_t ebx, ecx, edx;

    memset(&records, 0, sizeof(records));
    records.header_d = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER)};
    records.header.magic = HVM_FILE_MAGIC;
    records.header.version = HVM_FILE_VERSION;
    __asm__("cpuid" : "=a"(records.header.cpuid), "=b"(ebx), "=c"(ecx), "=d"(edx) : "0"(1));
    records.cpu_d = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU)};
    struct hvm_hw_cpu cpu = {.rip = d->phys32_entry, .rbx = start_gfn << PAGE_SHIFT};
    flat_protected_mode(&cpu);
    records.cpu = cpu;
    records.end_d = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END)};
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&records);
    return domctl(&op, XEN_DOMCTL_sethvmcontext, d->id);
}

long domain_hvm_finish(const struct domain_plan *plan, struct built_domain *d, uint64_t end, evtchn_port_t remote,
                       const char **step)
{
    long rc;

    if (end + 2 > plan->pages)
        return -XEN_ENOMEM;
    *step = "write the start info";
    rc = start_page_fill(plan, d, end);
    d->console_mfn = end + 1;
    d->spare_mfn = plan->pages - 1;
    if (!rc && (*step = "clear the console page"))
        rc = domain_page_fill(d, end + 1, "", 0);
    if (!rc && (*step = "set the parameters"))
        rc = param_set(d, HVM_PARAM_CONSOLE_PFN, end + 1);
    rc = rc ? rc : param_set(d, HVM_PARAM_CONSOLE_EVTCHN, remote);
    if (!rc && (*step = "set the first vCPU's state"))
        rc = start_state_set(d, end);
    return rc;
}
