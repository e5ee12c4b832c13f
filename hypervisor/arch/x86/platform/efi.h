/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EFI at run time, for dom0's kernel: platform_op.c calls in. Not booted by EFI: -ENOSYS
 * throughout.
 */
#ifndef ARCH_X86_PLATFORM_EFI_H
#define ARCH_X86_PLATFORM_EFI_H

struct xen_platform_op;
struct xenpf_firmware_info;

/* XENPF_efi_runtime_call: 0 with the service's own status in the structure; -ENOSYS, -EOPNOTSUPP,
 * -EINVAL, -EFAULT, -ENOMEM. */
long efi_runtime_call(struct xen_platform_op *op);
/* XENPF_firmware_info, XEN_FW_EFI_INFO: 0, -ENOSYS, -EINVAL, -ENODATA, -EFAULT. */
long efi_firmware_info(struct xenpf_firmware_info *info);

#endif
