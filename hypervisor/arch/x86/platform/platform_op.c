/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_platform_op (xen/platform.h): the machine as dom0 manages it: wall clock,
 * firmware, sleep, physical CPUs. Calls of EFI's runtime services are in efi.c. Frequencies and idle
 * states of CPUs are not managed here, and saying -ENOSYS to them is what makes dom0's driver leave
 * them alone; memory types are chosen by PAT, the MTRRs stay as the firmware set them.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/efi.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <xen/platform.h>

static long settime64(struct xen_platform_op *op)
{
    if (op->u.settime64.mbz)
        return -EINVAL;
    wallclock_set(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    return 0;
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

static long get_cpuinfo(struct xen_platform_op *op)
{
    struct xenpf_pcpuinfo *i = &op->u.pcpu_info;

    i->max_present = nr_cpu_ids - 1;
    i->flags = XEN_PCPU_FLAGS_INVALID;
    if (i->xen_cpuid < nr_cpu_ids && cpumask_test(&cpu_online_map, i->xen_cpuid)) {
        i->apic_id = cpu_apic_id[i->xen_cpuid];
        i->acpi_id = cpu_acpi_id[i->xen_cpuid];
        i->flags = XEN_PCPU_FLAGS_ONLINE;
    }
    return 0;
}

static long (*const operations[])(struct xen_platform_op *op) = {
    [XENPF_settime64] = settime64,         [XENPF_efi_runtime_call] = efi_runtime_call,
    [XENPF_firmware_info] = firmware_info, [XENPF_enter_acpi_sleep] = enter_acpi_sleep,
    [XENPF_get_cpuinfo] = get_cpuinfo,
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
    if (op.cmd >= ARRAY_SIZE(operations) || !operations[op.cmd])
        return hypercall_unknown("platform_op", op.cmd, -ENOSYS);
    rc = operations[op.cmd](&op);
    if (rc == 0 && copy_to_guest(uop, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}
