/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console and the version of the hypervisor.
 *
 * A guest starts, prints through console_io and reads every xen_version sub-operation: 4.17, the
 * capability xen-3.0-x86_64, the page size, the features of a PV guest; an unknown sub-operation is
 * refused with ENOSYS, a bad pointer with EFAULT.
 */
#include "lib/guest.h"

const char test_title[] = "console and version";

static void check_strings(void)
{
    static xen_extraversion_t extra;
    static xen_capabilities_info_t caps;
    static xen_changeset_info_t changeset;
    static xen_commandline_t commandline;
    static xen_compile_info_t compile;

    check_eq(hc_xen_version(XENVER_extraversion, &extra), 0);
    check_eq(hc_xen_version(XENVER_capabilities, &caps), 0);
    check_eq(hc_xen_version(XENVER_changeset, &changeset), 0);
    check_eq(hc_xen_version(XENVER_compile_info, &compile), 0);
    check_eq(hc_xen_version(XENVER_commandline, &commandline), 0);
    check(strstr(caps, "xen-3.0-x86_64") != NULL);
    check(strlen(compile.compiler) > 0);
    printk("version 4.17%s, changeset %s\ncaps %s\ncommand line %s\ncompiler %s by %s@%s on %s\n", extra, changeset,
           caps, commandline, compile.compiler, compile.compile_by, compile.compile_domain, compile.compile_date);
}

static void check_numbers(void)
{
    xen_platform_parameters_t platform = {0};
    xen_domain_handle_t handle;
    xen_feature_info_t features = {.submap_idx = 0};

    check_eq(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
    check_eq(hc_xen_version(XENVER_pagesize, 0), 4096);
    check_eq(hc_xen_version(XENVER_platform_parameters, &platform), 0);
#ifdef __x86_64__
    check_eq(platform.virt_start, HYPERVISOR_VIRT_START);
#else
    check_eq(platform.virt_start, 0);
#endif
    check_eq(hc_xen_version(XENVER_guest_handle, &handle), 0);
    check_eq(hc_xen_version(XENVER_get_features, &features), 0);
    printk("features %x\n", features.submap);
#ifdef GUEST_PV
    check_eq(features.submap, 1 << XENFEAT_mmu_pt_update_preserve_ad | 1 << XENFEAT_highmem_assist |
                                  1 << XENFEAT_gnttab_map_avail_bits | 1 << XENFEAT_memory_op_vnode_supported |
                                  1 << XENFEAT_direct_mapped | (guest.is_dom0 ? 1 << XENFEAT_dom0 : 0));
#else
    check_eq(features.submap, 1 << XENFEAT_writable_page_tables | 1 << XENFEAT_auto_translated_physmap |
                                  1 << XENFEAT_hvm_callback_vector | 1 << XENFEAT_hvm_safe_pvclock |
                                  1 << XENFEAT_memory_op_vnode_supported | 1 << XENFEAT_not_direct_mapped);
#endif
    features = (xen_feature_info_t){.submap_idx = 1};
    check_eq(hc_xen_version(XENVER_get_features, &features), -XEN_EINVAL);
}

void test_main(void)
{
    check_strings();
    check_numbers();
    check_eq(hc_xen_version(XENVER_extraversion, BAD_POINTER), -XEN_EFAULT);
    check_eq(hc_xen_version(999, 0), -XEN_ENOSYS);
#ifdef GUEST_PV
    check(!strncmp(guest.start->magic, "xen-3.0-x86_64", 14));
#else
    check_eq(guest.boot->magic, XEN_HVM_START_MAGIC_VALUE);
#endif
}
