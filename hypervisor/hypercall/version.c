/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen_version and vm_assist: what a guest may ask about us, and the peculiarities it may choose.
 *
 * The version is the ABI's, because tools and kernels dispatch on it; our own name and version are
 * in extraversion.
 */
#include <boot/param.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <version.h>
#include <xen/features.h>
#include <xen/version.h>

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

static long compile_info(void __guest *arg)
{
    xen_compile_info_t info = {};

    strlcpy(info.compiler, ORLOP_COMPILER, sizeof(info.compiler));
    strlcpy(info.compile_by, ORLOP_COMPILE_BY, sizeof(info.compile_by));
    strlcpy(info.compile_domain, ORLOP_COMPILE_DOMAIN, sizeof(info.compile_domain));
    strlcpy(info.compile_date, ORLOP_COMPILE_DATE, sizeof(info.compile_date));
    return copy_to_guest(arg, &info, sizeof(info));
}

static u32 features(const struct domain *d)
{
    u32 f = 1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_highmem_assist |
            1U << XENFEAT_gnttab_map_avail_bits | 1U << XENFEAT_memory_op_vnode_supported | 1U << XENFEAT_direct_mapped;

    if (d->is_hvm)
        return 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_auto_translated_physmap |
               1U << XENFEAT_hvm_callback_vector | 1U << XENFEAT_hvm_safe_pvclock |
               1U << XENFEAT_memory_op_vnode_supported | 1U << XENFEAT_not_direct_mapped;
    if (d->vm_assist & 1UL << VMASST_TYPE_pae_extended_cr3)
        f |= 1U << XENFEAT_pae_pgdir_above_4gb;
    if (d->is_hardware)
        f |= 1U << XENFEAT_dom0;
    return f;
}

static long get_features(void __guest *arg)
{
    xen_feature_info_t fi;

    if (copy_from_guest(&fi, arg, sizeof(fi)))
        return -EFAULT;
    if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    fi.submap = features(current->domain);
    return copy_to_guest(arg, &fi, sizeof(fi));
}

extern const u8 __start_build_id[], __stop_build_id[];

/* The id stands behind the header of its ELF note: sizes of name and content, type, "GNU". */
#define NOTE_HEADER 16

static long build_id(void __guest *arg)
{
    xen_build_id_t id;
    size_t len = __stop_build_id - __start_build_id - NOTE_HEADER;

    if (!arg)
        return len;
    if (copy_from_guest(&id, arg, sizeof(id)))
        return -EFAULT;
    if (!id.len)
        return -EINVAL;
    if (len > id.len)
        return -ENOBUFS;
    return copy_to_guest((char __guest *)arg + sizeof(id), __start_build_id + NOTE_HEADER, len) ? -EFAULT : (long)len;
}

static long commandline(const struct domain *d, void __guest *arg)
{
    xen_commandline_t cmdline = "";

    strlcpy(cmdline, d->is_privileged ? boot_cmdline() : "<denied>", sizeof(cmdline));
    return copy_to_guest(arg, cmdline, sizeof(cmdline));
}

/* HYPERVISOR_xen_version(cmd, arg): XENVER_* of xen/version.h. The null hypercall of the kernels:
 * nothing is prepared before the switch. */
long do_xen_version(int cmd, void __guest *arg)
{
    static const xen_capabilities_info_t caps = "xen-3.0-x86_64 ",
                                         caps_hvm = "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";
    static const xen_platform_parameters_t params = {.virt_start = HYPERVISOR_START};
    static const xen_changeset_info_t changeset = ORLOP_CHANGESET;
    static const xen_extraversion_t extra = "-orlop-" ORLOP_VERSION;
    struct domain *d = current->domain;

    switch (cmd) {
    case XENVER_version: return VERSION_MAJOR << 16 | VERSION_MINOR;
    case XENVER_extraversion: return copy_to_guest(arg, extra, sizeof(extra));
    case XENVER_compile_info: return compile_info(arg);
    case XENVER_capabilities: return copy_to_guest(arg, arch_has_hvm() ? caps_hvm : caps, sizeof(caps));
    case XENVER_changeset: return copy_to_guest(arg, changeset, sizeof(changeset));
    case XENVER_platform_parameters: return copy_to_guest(arg, &params, sizeof(params));
    case XENVER_get_features: return get_features(arg);
    case XENVER_pagesize: return arg ? -EINVAL : (long)PAGE_SIZE;
    case XENVER_guest_handle: return copy_to_guest(arg, d->handle, sizeof(d->handle));
    case XENVER_commandline: return commandline(d, arg);
    case XENVER_build_id: return build_id(arg);
    default: return -ENOSYS;
    }
}

/* HYPERVISOR_vm_assist(cmd, type): 0, -EINVAL for a type that there is not, -ENOSYS. */
long do_vm_assist(unsigned int cmd, unsigned int type)
{
    struct domain *d = current->domain;
    unsigned long valid = d->is_hvm ? 1UL << VMASST_TYPE_runstate_update_flag : VM_ASSIST_VALID;

    if (type >= 8 * sizeof(d->vm_assist) || !(valid >> type & 1))
        return -EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable: __atomic_fetch_or(&d->vm_assist, 1UL << type, __ATOMIC_SEQ_CST); return 0;
    case VMASST_CMD_disable: __atomic_fetch_and(&d->vm_assist, ~(1UL << type), __ATOMIC_SEQ_CST); return 0;
    default: return -ENOSYS;
    }
}
