/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder, PVH domains: behind the image lie the start info with its tables and the console
 * page; vCPU 0 begins in flat 32-bit protected mode with %ebx at the start info
 * (<xen/arch-x86/hvm/start_info.h>), by a record of the HVM context (<xen/arch-x86/hvm/save.h>).
 */
#include "domain-parts.h"

#define POOL_BYTES    (4ul << 20)
#define SPECIAL_PAGES 8 /* start info, console, ACPI_PAGE */
#define ACPI_PAGE     2

/* ACPI 6.5, 5.2: what a kernel must find to use its local APIC. Checksums make each table's bytes add up to 0. */
struct __attribute__((packed)) acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
};

struct __attribute__((packed)) acpi_tables {
    struct __attribute__((packed)) {
        char signature[8];
        uint8_t checksum;
        char oem[6];
        uint8_t revision;
        uint32_t rsdt, length;
        uint64_t xsdt;
        uint8_t extended_checksum, reserved[3];
    } rsdp;
    struct __attribute__((packed)) {
        struct acpi_header header;
        uint64_t entry[2];
    } xsdt;
    struct __attribute__((packed)) {
        struct acpi_header header;
        uint8_t unused0[73];
        uint16_t boot_flags;
        uint8_t unused1;
        uint32_t flags;
        uint8_t unused2[24];
        uint64_t dsdt;
        uint8_t unused3[128];
    } fadt;
    struct __attribute__((packed)) {
        struct acpi_header header;
        uint32_t lapic, flags;
        uint8_t type, length, processor, apic_id;
        uint32_t enabled;
    } madt;
    struct acpi_header dsdt;
};
_Static_assert(offsetof(struct acpi_tables, madt) - offsetof(struct acpi_tables, fadt) == 276, "FADT");

#define FADT_NO_VGA_NO_CLOCK  0x24
#define FADT_HARDWARE_REDUCED (1u << 20)

static uint8_t checksum(const void *table, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += ((const uint8_t *)table)[i];
    return (uint8_t)-sum;
}

static void acpi_header(void *table, const char *signature, size_t size, uint8_t revision)
{
    struct acpi_header *h = table;

    memcpy(h->signature, signature, 4);
    h->length = (uint32_t)size;
    h->revision = revision;
    h->checksum = checksum(table, size);
}

static long acpi_fill(const struct built_domain *d, uint64_t gfn)
{
    static struct acpi_tables t;
    uint64_t at = gfn << PAGE_SHIFT;

    memset(&t, 0, sizeof(t));
    t.xsdt.entry[0] = at + offsetof(struct acpi_tables, fadt);
    t.xsdt.entry[1] = at + offsetof(struct acpi_tables, madt);
    t.fadt.boot_flags = FADT_NO_VGA_NO_CLOCK;
    t.fadt.flags = FADT_HARDWARE_REDUCED;
    t.fadt.dsdt = at + offsetof(struct acpi_tables, dsdt);
    t.madt.lapic = 0xfee00000;
    t.madt.length = 8;
    t.madt.enabled = 1;
    acpi_header(&t.xsdt, "XSDT", sizeof(t.xsdt), 1);
    acpi_header(&t.fadt, "FACP", sizeof(t.fadt), 6);
    acpi_header(&t.madt, "APIC", sizeof(t.madt), 4);
    acpi_header(&t.dsdt, "DSDT", sizeof(t.dsdt), 2);
    memcpy(t.rsdp.signature, "RSD PTR ", 8);
    t.rsdp.revision = 2;
    t.rsdp.length = sizeof(t.rsdp);
    t.rsdp.xsdt = at + offsetof(struct acpi_tables, xsdt);
    t.rsdp.checksum = checksum(&t.rsdp, 20);
    t.rsdp.extended_checksum = checksum(&t.rsdp, sizeof(t.rsdp));
    return domain_page_fill(d, gfn, &t, sizeof(t));
}

/* The page with the start info and what it points to. */
struct start_page {
    struct hvm_start_info info;
    struct hvm_memmap_table_entry map[2];
    struct hvm_modlist_entry ramdisk;
    char cmdline[1024];
};

long domain_hvm_pool(const struct built_domain *d)
{
    struct xen_domctl op = {.u.paging_mempool.size = POOL_BYTES};

    return domctl(&op, XEN_DOMCTL_set_paging_mempool_size, d->id);
}

/* ram: its size in pages; our own kernels know that the special pages are not free. */
static long start_page_fill(const struct domain_plan *plan, const struct built_domain *d, uint64_t gfn, uint64_t ram,
                            uint64_t ramdisk)
{
    static struct start_page page;
    uint64_t at = gfn << PAGE_SHIFT;

    memset(&page, 0, sizeof(page));
    page.info.magic = XEN_HVM_START_MAGIC_VALUE;
    page.info.version = 1;
    page.info.cmdline_paddr = at + offsetof(struct start_page, cmdline);
    page.info.memmap_paddr = at + offsetof(struct start_page, map);
    page.info.memmap_entries = ARRAY_SIZE(page.map);
    page.map[0] = (struct hvm_memmap_table_entry){0, ram << PAGE_SHIFT, XEN_HVM_MEMMAP_TYPE_RAM, 0};
    page.map[1] = (struct hvm_memmap_table_entry){0xfee00000, PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_RESERVED, 0};
    if (plan->ramdisk) {
        page.info.rsdp_paddr = at + ACPI_PAGE * PAGE_SIZE;
        page.info.nr_modules = 1;
        page.info.modlist_paddr = at + offsetof(struct start_page, ramdisk);
        page.ramdisk.paddr = ramdisk << PAGE_SHIFT;
        page.ramdisk.size = plan->ramdisk_size;
    }
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

static long start_state_set(const struct domain_plan *plan, const struct built_domain *d, uint64_t start_gfn)
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
    cpu.tsc = plan->tsc_elapsed / 1000000 * plan->tsc_khz;
    records.cpu = cpu;
    records.end_d = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END)};
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&records);
    return domctl(&op, XEN_DOMCTL_sethvmcontext, d->id);
}

static long ramdisk_fill(const struct domain_plan *plan, const struct built_domain *d, uint64_t gfn)
{
    const uint8_t *from = plan->ramdisk;
    long rc = 0;

    for (size_t off = 0; !rc && off < plan->ramdisk_size; off += PAGE_SIZE) {
        size_t left = plan->ramdisk_size - off;

        rc = domain_page_fill(d, gfn + off / PAGE_SIZE, from + off, left < PAGE_SIZE ? left : PAGE_SIZE);
    }
    return rc;
}

long domain_hvm_finish(const struct domain_plan *plan, struct built_domain *d, uint64_t end, evtchn_port_t remote,
                       const char **step)
{
    uint64_t ram = plan->pages, ramdisk = 0;
    long rc = 0;

    if (plan->ramdisk) { /* and the special pages behind what the kernel may take for its own */
        ram -= SPECIAL_PAGES;
        ramdisk = ram - (plan->ramdisk_size + PAGE_SIZE - 1) / PAGE_SIZE;
        *step = "write the ramdisk";
        rc = end > ramdisk ? -XEN_ENOMEM : ramdisk_fill(plan, d, ramdisk);
        rc = rc ? rc : acpi_fill(d, ram + ACPI_PAGE);
        end = ram;
    }
    if (rc || end + 2 > plan->pages)
        return rc ? rc : -XEN_ENOMEM;
    *step = "write the start info";
    rc = start_page_fill(plan, d, end, ram, ramdisk);
    d->console_mfn = end + 1;
    d->spare_mfn = plan->pages - 1;
    if (!rc && (*step = "clear the console page"))
        rc = domain_page_fill(d, end + 1, "", 0);
    if (!rc && (*step = "set the parameters"))
        rc = param_set(d, HVM_PARAM_CONSOLE_PFN, end + 1);
    rc = rc ? rc : param_set(d, HVM_PARAM_CONSOLE_EVTCHN, remote);
    if (!rc && (*step = "set the first vCPU's state"))
        rc = start_state_set(plan, d, end);
    return rc;
}
