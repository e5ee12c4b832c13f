/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_platform_op (xen/platform.h): the machine as dom0 manages it: wall clock, memory
 * types, firmware, sleep, physical CPUs. Calls of EFI's runtime services are in efi_runtime.c.
 * Frequencies and idle states of CPUs are not managed here, and saying -ENOSYS to them is what
 * makes dom0's driver leave them alone.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/efi.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <xen/platform.h>

#define MSR_MTRR_CAP     0xfe
#define MSR_MTRR_BASE(n) (0x200 + 2 * (n))
#define MSR_MTRR_MASK(n) (0x201 + 2 * (n))
#define MTRR_VALID       (1U << 11)

static long settime32(struct xen_platform_op *op)
{
    wallclock_set(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    return 0;
}

static long settime64(struct xen_platform_op *op)
{
    if (op->u.settime64.mbz)
        return -EINVAL;
    wallclock_set(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    return 0;
}

/* A variable-range MTRR (SDM vol. 3, 12.11.2.3). */
static long read_memtype(struct xen_platform_op *op)
{
    u64 base, mask, address = (1UL << boot_cpu.phys_bits) - PAGE_SIZE;
    u32 reg = op->u.read_memtype.reg;

    if (!cpu_has(MTRR) || reg >= (rdmsr(MSR_MTRR_CAP) & 255))
        return -EINVAL;
    base = rdmsr(MSR_MTRR_BASE(reg));
    mask = rdmsr(MSR_MTRR_MASK(reg));
    op->u.read_memtype.type = base & 255;
    op->u.read_memtype.mfn = 0;
    op->u.read_memtype.nr_mfns = 0;
    if (mask & MTRR_VALID) {
        op->u.read_memtype.mfn = (base & address) >> PAGE_SHIFT;
        op->u.read_memtype.nr_mfns = (~(mask & address) & address) / PAGE_SIZE + 1;
    } else {
        op->u.read_memtype.type = 0;
    }
    return 0;
}

/* PV guests choose memory types by PAT; the MTRRs stay as the firmware set them. */
static long change_memtype(struct xen_platform_op *op)
{
    return hypercall_unknown("platform_op", op->cmd, -EOPNOTSUPP);
}

static long platform_quirk(struct xen_platform_op *op)
{
    switch (op->u.platform_quirk.quirk_id) {
    case QUIRK_NOIRQBALANCING:
    case QUIRK_IOAPIC_BAD_REGSEL:
    case QUIRK_IOAPIC_GOOD_REGSEL: return 0; /* we do as careful as the worst of them needs */
    default: return -EINVAL;
    }
}

/* What a BIOS would have to be asked in real mode is not known: the lists are empty. */
static long firmware_info(struct xen_platform_op *op)
{
    switch (op->u.firmware_info.type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO: return -ESRCH;
    case XEN_FW_EFI_INFO: return efi_firmware_info(&op->u.firmware_info);
    case XEN_FW_KBD_SHIFT_FLAGS:
        if (op->u.firmware_info.index != 0)
            return -ESRCH;
        op->u.firmware_info.u.kbd_shift_flags = 0;
        return 0;
    default: return -EINVAL;
    }
}

static long enter_acpi_sleep(struct xen_platform_op *op)
{
    const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

    if (s->sleep_state < 1 || s->sleep_state > 5 || (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED))
        return -EINVAL;
    /* To come back from the others takes bringing every CPU up again. */
    if (s->sleep_state != 5 || (s->flags & XENPF_ACPI_SLEEP_EXTENDED))
        return hypercall_unknown("enter_acpi_sleep", s->sleep_state, -EOPNOTSUPP);
    if (!acpi_info.pm1a_control.address)
        return -ENODEV;
    log_info("dom0 turns the power off\n");
    irq_disable();
    smp_stop_others(NULL);
    acpi_enter_sleep(s->val_a, s->val_b);
    panic("the machine does not turn off");
}

static bool cpu_present(u32 cpu) { return cpu < nr_cpu_ids && cpumask_test(&cpu_online_map, cpu); }

static long get_cpuinfo(struct xen_platform_op *op)
{
    struct xenpf_pcpuinfo *i = &op->u.pcpu_info;

    i->max_present = nr_cpu_ids - 1;
    if (cpu_present(i->xen_cpuid)) {
        i->apic_id = cpu_apic_id[i->xen_cpuid];
        i->acpi_id = cpu_acpi_id[i->xen_cpuid];
        i->flags = XEN_PCPU_FLAGS_ONLINE;
    } else {
        i->flags = XEN_PCPU_FLAGS_INVALID;
    }
    return 0;
}

static long get_cpu_version(struct xen_platform_op *op)
{
    struct xenpf_pcpu_version *i = &op->u.pcpu_version;
    u32 cpu = i->xen_cpuid;

    memset(i, 0, sizeof(*i));
    i->xen_cpuid = cpu;
    i->max_present = nr_cpu_ids - 1;
    if (cpu_present(cpu)) {
        memcpy(i->vendor_id, boot_cpu.vendor_name, sizeof(i->vendor_id));
        i->family = boot_cpu.family;
        i->model = boot_cpu.model;
        i->stepping = boot_cpu.stepping;
    }
    return 0;
}

static long core_parking(struct xen_platform_op *op)
{
    if (op->u.core_parking.type != XEN_CORE_PARKING_GET)
        return op->u.core_parking.type == XEN_CORE_PARKING_SET ? hypercall_unknown("platform_op", op->cmd, -EOPNOTSUPP)
                                                               : -EINVAL;
    op->u.core_parking.idle_nums = 0;
    return 0;
}

static long absent(struct xen_platform_op *op) { return hypercall_unknown("platform_op", op->cmd, -EOPNOTSUPP); }

#define OUT true /* the structure goes back to the caller */
static const struct {
    long (*fn)(struct xen_platform_op *op);
    bool out;
} operations[] = {
    [XENPF_settime32] = {settime32},
    [XENPF_settime64] = {settime64},
    [XENPF_add_memtype] = {change_memtype},
    [XENPF_del_memtype] = {change_memtype},
    [XENPF_read_memtype] = {read_memtype, OUT},
    [XENPF_microcode_update] = {absent},
    [XENPF_platform_quirk] = {platform_quirk},
    [XENPF_efi_runtime_call] = {efi_runtime_call, OUT},
    [XENPF_firmware_info] = {firmware_info, OUT},
    [XENPF_enter_acpi_sleep] = {enter_acpi_sleep},
    [XENPF_get_cpuinfo] = {get_cpuinfo, OUT},
    [XENPF_get_cpu_version] = {get_cpu_version, OUT},
    [XENPF_cpu_online] = {absent},
    [XENPF_cpu_offline] = {absent},
    [XENPF_cpu_hotadd] = {absent},
    [XENPF_mem_hotadd] = {absent},
    [XENPF_core_parking] = {core_parking, OUT},
    [XENPF_resource_op] = {absent},
    [XENPF_get_symbol] = {absent},
};

/*
 * uop: struct xen_platform_op. -EFAULT; -EPERM for any but the hardware domain; -EACCES for another
 * interface version; -ENOSYS for what is not there. Hypercall context.
 */
long do_platform_op(void __guest *uop)
{
    struct xen_platform_op op;
    long rc;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    if (!current->domain->is_hardware)
        return -EPERM;
    if (op.cmd >= ARRAY_SIZE(operations) || !operations[op.cmd].fn)
        return hypercall_unknown("platform_op", op.cmd, -ENOSYS);
    rc = operations[op.cmd].fn(&op);
    if (rc == 0 && operations[op.cmd].out && copy_to_guest(uop, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}
