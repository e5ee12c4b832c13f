/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of tools and of a dom0's platform code: who may, and what the simple ones answer.
 *
 * domctl, sysctl and platform_op want their interface version; domains and CPUs are listed; console
 * output is taken and bad pointers refused; kexec is refused cleanly; physdev answers its queries;
 * a domU is refused all that is dom0's; vm_assist takes what it knows; numbers without a call are
 * ENOSYS.
 */
#include "lib/guest.h"

const char test_title[] = "control calls";

static void check_domctl(void)
{
    static struct xen_domctl op;

    op = (struct xen_domctl){0};
    if (!guest.is_dom0) {
        check_eq(domctl(&op, XEN_DOMCTL_getdomaininfo, 0), -XEN_EPERM);
        check_eq(domctl(&op, XEN_DOMCTL_pausedomain, 0), -XEN_EPERM);
        check_eq(domctl(&op, XEN_DOMCTL_destroydomain, domid_self()), -XEN_EPERM);
        check_eq(domctl(&op, XEN_DOMCTL_createdomain, 0), -XEN_EPERM);
        return;
    }
    check_eq(domctl(&op, XEN_DOMCTL_getdomaininfo, 0), 0);
    check_eq(op.domain, 0);
    check_eq(op.u.getdomaininfo.flags & XEN_DOMINF_running, XEN_DOMINF_running);
    check_eq(op.u.getdomaininfo.tot_pages, guest.start->nr_pages);
    check(op.u.getdomaininfo.nr_online_vcpus >= 1);
    check_eq(domctl(&op, XEN_DOMCTL_pausedomain, 0x1234), -XEN_ESRCH);
    check_eq(domctl(&op, XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL); /* oneself */
    check_eq(domctl(&op, XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
    check_eq(domctl(&op, 999, 0), -XEN_ENOSYS);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
    op.cmd = XEN_DOMCTL_getdomaininfo;
    check_eq(hc_domctl(&op), -XEN_EACCES);
    check_eq(hc_domctl(BAD_POINTER), -XEN_EFAULT);
}

static long sysctl(struct xen_sysctl *op, unsigned int cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc_sysctl(op);
}

static void check_sysctl(void)
{
    static struct xen_sysctl op;
    static xen_domctl_getdomaininfo_t list[4];
    static char text[64];

    op = (struct xen_sysctl){0};
    if (!guest.is_dom0) {
        check_eq(sysctl(&op, XEN_SYSCTL_physinfo), -XEN_EPERM);
        return;
    }
    check_eq(sysctl(&op, XEN_SYSCTL_physinfo), 0);
    check(op.u.physinfo.nr_cpus >= 1);
    check(op.u.physinfo.total_pages > 1000);
    check(op.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    op = (struct xen_sysctl){.u.getdomaininfolist.max_domains = 4};
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, list);
    check_eq(sysctl(&op, XEN_SYSCTL_getdomaininfolist), 0);
    check_eq(op.u.getdomaininfolist.num_domains, 1);
    check_eq(list[0].domain, 0);
    op = (struct xen_sysctl){.u.readconsole.count = sizeof(text)};
    set_xen_guest_handle(op.u.readconsole.buffer, text);
    check_eq(sysctl(&op, XEN_SYSCTL_readconsole), 0);
    check_eq(op.u.readconsole.count, sizeof(text));
    op = (struct xen_sysctl){0};
    check_eq(sysctl(&op, 999), -XEN_ENOSYS);
    op.interface_version = 0;
    op.cmd = XEN_SYSCTL_physinfo;
    check_eq(hc_sysctl(&op), -XEN_EACCES);
    check_eq(hc_sysctl(BAD_POINTER), -XEN_EFAULT);
}

static void check_platform(void)
{
    static struct xen_platform_op op;

    op = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo, .interface_version = XENPF_INTERFACE_VERSION};
    if (!guest.is_dom0) {
        check_eq(hc_platform_op(&op), -XEN_EPERM);
        return;
    }
    check_eq(hc_platform_op(&op), 0);
    check_eq(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, XEN_PCPU_FLAGS_ONLINE);
    op.u.pcpu_info.xen_cpuid = 5000;
    check_eq(hc_platform_op(&op), 0);
    check_eq(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    op.cmd = 999;
    check_eq(hc_platform_op(&op), -XEN_ENOSYS);
    op.interface_version = 0;
    check_eq(hc_platform_op(&op), -XEN_EACCES);
}

static void check_console(void)
{
    char text[8];

    if (!guest.is_dom0) {
        long rc = hc_console_io(CONSOLEIO_write, 3, "abc");

        check(rc == 0 || rc == -XEN_EPERM);
        check_eq(hc_console_io(CONSOLEIO_read, 8, text), -XEN_EPERM);
        return;
    }
    check_eq(hc_console_io(CONSOLEIO_write, 0, ""), 0);
    check_eq(hc_console_io(CONSOLEIO_write, 4, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_console_io(CONSOLEIO_read, 8, text), 0);
    check_eq(hc_console_io(77, 0, text), -XEN_ENOSYS);
}

#ifdef GUEST_HVM
static void check_physdev(void)
{
    struct physdev_apic apic = {.apic_physbase = 0x1000};

    check_eq(hc_physdev_op(77, &apic), -XEN_ENOSYS);
    check_eq(hc_physdev_op(PHYSDEVOP_apic_read, &apic), -XEN_ENOSYS);
}
#else
static void check_physdev(void)
{
    struct physdev_irq irq = {.irq = 0};
    struct physdev_apic apic = {.apic_physbase = 0x1000};
    struct physdev_set_iobitmap map = {.nr_ports = 65537};
    struct physdev_irq_status_query status = {.irq = 9};

    check_eq(hc_physdev_op(77, &irq), -XEN_ENOSYS);
    check_eq(hc_physdev_op(PHYSDEVOP_set_iobitmap, &map), -XEN_EINVAL);
    map.nr_ports = 0;
    check_eq(hc_physdev_op(PHYSDEVOP_set_iobitmap, &map), 0);
    check_eq(hc_physdev_op(PHYSDEVOP_apic_read, &apic), guest.is_dom0 ? -XEN_EINVAL : -XEN_EPERM);
    if (!guest.is_dom0)
        return;
    apic.apic_physbase = 0xfec00000;
    apic.reg = 1;
    check_eq(hc_physdev_op(PHYSDEVOP_apic_read, &apic), 0);
    check_eq(apic.value >> 16 & 0xff, 23);
    check_eq(hc_physdev_op(PHYSDEVOP_irq_status_query, &status), 0);
    check_eq(hc_physdev_op(PHYSDEVOP_irq_status_query, BAD_POINTER), -XEN_EFAULT);
}
#endif

static void check_others(void)
{
    static const unsigned int gone[] = {11, 27, 43, 44, 45, 46, 47, 56, 62, 63};

    for (unsigned int i = 0; i < ARRAY_SIZE(gone); i++)
        check_eq(hypercall(gone[i], 0, 0, 0, 0, 0), -XEN_ENOSYS);
    check_eq(hypercall_raw(1000, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    check_eq(hypercall_raw(~0ul, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    check(hc_kexec_op(KEXEC_CMD_kexec_load, BAD_POINTER) < 0);
#ifdef GUEST_PV
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments), 0);
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
    check_eq(hc_vm_assist(77, 0), -XEN_ENOSYS);
#else
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments), -XEN_EINVAL);
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), -XEN_EINVAL);
    check_eq(hc_vm_assist(77, 0), -XEN_EINVAL);
    check_eq(hc_vm_assist(77, VMASST_TYPE_runstate_update_flag), -XEN_ENOSYS);
#endif
    check_eq(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    check_eq(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
    check_eq(hc_vm_assist(VMASST_CMD_enable, 77), -XEN_EINVAL);
    check_eq(hc_nmi_op(77, 0), -XEN_ENOSYS);
}

void test_main(void)
{
    check_domctl();
    check_sysctl();
    check_platform();
    check_console();
    check_physdev();
    check_others();
}
