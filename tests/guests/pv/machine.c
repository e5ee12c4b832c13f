/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints how much of the machine's memory the hypervisor has for itself, in kB: what neither is free nor belongs to
 * dom0, the only domain. For ./bench; its line "memory" in the index says how large the machine is.
 */
#include "lib/guest.h"

const char test_title[] = "the hypervisor's own memory";

void test_main(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    struct xen_domctl_getdomaininfo info = {0};
    uint64_t ours;

    check_eq(hc_sysctl(&op), 0);
    check(domain_info(0, &info));
    ours = op.u.physinfo.total_pages - op.u.physinfo.free_pages - op.u.physinfo.scrub_pages - info.tot_pages;
    printk("total %lu free %lu dom0 %lu\n", op.u.physinfo.total_pages, op.u.physinfo.free_pages, info.tot_pages);
    printk("bench hypervisor_memory_kb %lu\n", ours * 4);
}
