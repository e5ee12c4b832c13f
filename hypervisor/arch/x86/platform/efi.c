/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EFI's variables for dom0, by the runtime services (UEFI 2.10, 8.2). A PC's clock is the CMOS's;
 * services for other things are not passed on. The services run on page tables of their own in
 * which their memory lies where the firmware put it (arch/x86/mm/efi.c), one call at a time, with
 * buffers of ours: what dom0 gives is copied in, what comes back is copied out.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/platform/efi.h>
#include <asm/paging.h>
#include <asm/phases.h>
#include <boot/boot.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <xen/platform.h>

/* Longest name in bytes and largest value that we pass on. */
#define NAME_MAX    2048UL
#define VALUE_MAX   65536UL
#define VALUE_ORDER 4

/* UEFI 2.10, 4.3 and 4.5; only what is used has a name. */
struct efi_table_header {
    u64 signature;
    u32 revision, size, crc, reserved;
};

struct efi_system_table {
    struct efi_table_header header;
    u64 vendor;
    u32 vendor_revision, pad;
    u64 consoles[6];
    u64 runtime, boot;
    u64 nr_tables, tables;
};

struct efi_runtime_services {
    struct efi_table_header header;
    u64 get_time, set_time, get_wakeup_time, set_wakeup_time;
    u64 set_virtual_map, convert_pointer;
    u64 get_variable, get_next_variable_name, set_variable;
    u64 get_next_high_monotonic_count, reset_system;
    u64 update_capsule, query_capsule, query_variable_info;
};

typedef u64 __attribute__((ms_abi)) (*efi_service)(u64, u64, u64, u64, u64);

static struct efi_system_table system_table;
static struct efi_runtime_services services;
static bool have_efi, have_services;

/* One call at a time, and one user of the buffers below; level 0: held around firmware code that
 * takes no lock of ours. */
static struct spinlock efi_lock;
static struct {
    u16 name[NAME_MAX / 2];
    struct xenpf_efi_guid guid;
    u64 words[3];
    u8 *value; /* VALUE_MAX bytes */
} buffer;

void __init efi_init(void)
{
    const struct efi_system_table *st;
    const struct efi_runtime_services *rs;

    if (!boot_info.efi_system_table)
        return;
    st = firmware_map(boot_info.efi_system_table, sizeof(*st));
    if (!st || memcmp(&st->header.signature, "IBI SYST", 8) != 0) {
        log_warning("EFI: no system table\n");
        return;
    }
    system_table = *st;
    have_efi = true;
    rs = efi_page_tables() ? firmware_map(system_table.runtime, sizeof(*rs)) : NULL;
    buffer.value = page_alloc(VALUE_ORDER);
    if (!rs || !buffer.value || memcmp(&rs->header.signature, "RUNTSERV", 8) != 0) {
        log_warning("EFI: no runtime services\n");
        return;
    }
    services = *rs;
    have_services = true;
}

/*
 * Calls a service, interrupts off. The guest's descriptor tables are in a slot that EFI's page
 * tables do not have, so this CPU uses its own meanwhile; the services may use vector registers,
 * and a stack aligned for them.
 */
static u64 __attribute__((force_align_arg_pointer)) call(u64 service, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    struct vcpu *v = current;
    unsigned long cr3 = read_cr3(), flags = irq_save();
    u64 status;

    fpu_save(v);
    __asm__ __volatile__("clts");
    gdt_load(gdt_idle_base());
    write_cr3(efi_page_tables());
    status = ((efi_service)service)(a, b, c, d, e);
    irq_disable(); /* whatever the firmware did */
    write_cr3(cr3);
    gdt_load(GDT_WINDOW((unsigned long)v->id));
    fpu_load(v);
    irq_restore(flags);
    return status;
}

/* A pointer as a service takes it. */
static u64 at(const void *p) { return (u64)p; }

/* What a variable is called: a NUL-terminated name into buffer.name, and the vendor's id. */
static long name_copy(const void __guest *name, const struct xenpf_efi_guid *vendor)
{
    buffer.guid = *vendor;
    for (unsigned int i = 0; i < NAME_MAX / 2; i++) {
        if (copy_from_guest(&buffer.name[i], (const u16 __guest *)name + i, sizeof(u16)))
            return -EFAULT;
        if (buffer.name[i] == 0)
            return 0;
    }
    return -EINVAL;
}

static long get_variable(struct xenpf_efi_runtime_call *c)
{
    u64 size = min((u64)c->u.get_variable.size, VALUE_MAX);
    long rc = name_copy(c->u.get_variable.name.p, &c->u.get_variable.vendor_guid);

    if (rc)
        return rc;
    buffer.words[0] = size;
    buffer.words[1] = 0;
    c->status = call(services.get_variable, at(buffer.name), at(&buffer.guid), at(&buffer.words[1]),
                     at(&buffer.words[0]), size ? at(buffer.value) : 0);
    c->u.get_variable.size = buffer.words[0];
    c->misc = buffer.words[1];
    if (c->status == 0 && buffer.words[0] <= size &&
        copy_to_guest(c->u.get_variable.data.p, buffer.value, buffer.words[0]))
        return -EFAULT;
    return 0;
}

static long set_variable(struct xenpf_efi_runtime_call *c)
{
    long rc;

    if (c->u.set_variable.size > VALUE_MAX)
        return -E2BIG;
    rc = name_copy(c->u.set_variable.name.p, &c->u.set_variable.vendor_guid);
    if (rc)
        return rc;
    if (copy_from_guest(buffer.value, c->u.set_variable.data.p, c->u.set_variable.size))
        return -EFAULT;
    c->status = call(services.set_variable, at(buffer.name), at(&buffer.guid), c->misc, c->u.set_variable.size,
                     at(buffer.value));
    return 0;
}

static long get_next_variable_name(struct xenpf_efi_runtime_call *c)
{
    u64 size = min((u64)c->u.get_next_variable_name.size, NAME_MAX);
    long rc = name_copy(c->u.get_next_variable_name.name.p, &c->u.get_next_variable_name.vendor_guid);

    if (rc)
        return rc;
    buffer.words[0] = size;
    c->status = call(services.get_next_variable_name, at(&buffer.words[0]), at(buffer.name), at(&buffer.guid), 0, 0);
    c->u.get_next_variable_name.size = buffer.words[0];
    if (c->status)
        return 0;
    c->u.get_next_variable_name.vendor_guid = buffer.guid;
    if (buffer.words[0] <= size && copy_to_guest(c->u.get_next_variable_name.name.p, buffer.name, buffer.words[0]))
        return -EFAULT;
    return 0;
}

static long query_variable_info(struct xenpf_efi_runtime_call *c)
{
    /* Only services of EFI 2.00 and later have it. */
    if (services.header.revision < 0x20000 || !services.query_variable_info)
        return -EOPNOTSUPP;
    c->status = call(services.query_variable_info, c->u.query_variable_info.attr, at(&buffer.words[0]),
                     at(&buffer.words[1]), at(&buffer.words[2]), 0);
    c->u.query_variable_info.max_store_size = buffer.words[0];
    c->u.query_variable_info.remain_store_size = buffer.words[1];
    c->u.query_variable_info.max_size = buffer.words[2];
    return 0;
}

static const struct {
    long (*fn)(struct xenpf_efi_runtime_call *c);
    u32 misc; /* bits that the caller may set */
} functions[] = {
    [XEN_EFI_get_variable] = {get_variable},
    [XEN_EFI_set_variable] = {set_variable, XEN_EFI_VARIABLE_NON_VOLATILE | XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS |
                                                XEN_EFI_VARIABLE_RUNTIME_ACCESS},
    [XEN_EFI_get_next_variable_name] = {get_next_variable_name},
    [XEN_EFI_query_variable_info] = {query_variable_info, XEN_EFI_VARINFO_BOOT_SNAPSHOT},
};

long efi_runtime_call(struct xen_platform_op *op)
{
    struct xenpf_efi_runtime_call *c = &op->u.efi_runtime_call;

    if (!have_efi)
        return -ENOSYS;
    if (!have_services || c->function >= ARRAY_SIZE(functions) || !functions[c->function].fn)
        return hypercall_unknown("efi_runtime_call", c->function, -EOPNOTSUPP);
    if (c->misc & ~functions[c->function].misc)
        return -EINVAL;
    spin_guard(&efi_lock);
    return functions[c->function].fn(c);
}

/* ---- what the tables say ---- */

static long vendor_name(union xenpf_efi_info *info)
{
    u32 room = info->vendor.bufsz, n = 0;
    const u16 *name = firmware_map(system_table.vendor, 2);

    if (room < 2 || !name)
        return -EINVAL;
    info->vendor.revision = system_table.vendor_revision;
    for (; n < room / 2 && n < 256; n++) {
        u16 c = n < room / 2 - 1 ? name[n] : 0;

        if (copy_to_guest((u16 __guest *)info->vendor.name.p + n, &c, sizeof(c)))
            return -EFAULT;
        if (c == 0)
            break;
    }
    return 0;
}

/* The region of the firmware's memory map that holds info->mem.addr. */
static long memory_info(union xenpf_efi_info *info)
{
    struct {
        u32 type, pad;
        u64 start, virt, pages, attribute;
    } const *d;
    const u8 *map = firmware_map(boot_info.efi_memmap, boot_info.efi_memmap_size);

    if (!map || boot_info.efi_desc_size < sizeof(*d))
        return -ENODATA;
    for (u32 i = 0; i + boot_info.efi_desc_size <= boot_info.efi_memmap_size; i += boot_info.efi_desc_size) {
        u64 size;

        d = (const void *)(map + i);
        size = d->pages << PAGE_SHIFT;
        if (info->mem.addr < d->start || info->mem.addr - d->start >= size)
            continue;
        info->mem.type = d->type;
        info->mem.attr = d->attribute;
        if (info->mem.addr + info->mem.size < info->mem.addr || info->mem.addr + info->mem.size > d->start + size)
            info->mem.size = d->start + size - info->mem.addr;
        return 0;
    }
    return -ESRCH;
}

long efi_firmware_info(struct xenpf_firmware_info *fw)
{
    union xenpf_efi_info *info = &fw->u.efi_info;

    if (!have_efi)
        return -ENOSYS;
    switch (fw->index) {
    case XEN_FW_EFI_VERSION: info->version = system_table.header.revision; return 0;
    case XEN_FW_EFI_RT_VERSION:
        if (!have_services)
            return -ENODATA;
        info->version = services.header.revision;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = system_table.tables;
        info->cfg.nent = system_table.nr_tables;
        return 0;
    case XEN_FW_EFI_VENDOR: return vendor_name(info);
    case XEN_FW_EFI_MEM_INFO: return memory_info(info);
    case XEN_FW_EFI_PCI_ROM:
    case XEN_FW_EFI_APPLE_PROPERTIES: return -ENODATA;
    default: return -EINVAL;
    }
}
