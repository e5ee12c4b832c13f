/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which controls VT-x runs our guests with on a CPU that says this of itself: no access to the CPU here, so that any
 * CPU's words can be tried on any machine.
 */
#ifndef ARCH_X86_HVM_VMX_CONTROLS_H
#define ARCH_X86_HVM_VMX_CONTROLS_H

#include <arch/x86/hvm/vmx/vmcs.h>
#include <asm/hvm.h>

/* MSRs as read (0 where a lesser one says that it does not exist); each control word: low half what must be 1, high
 * half what may be. */
struct vmx_capability {
    u64 feature_control, basic;
    u64 pin, primary, secondary, exit, entry;
    u64 ept_vpid;
};

struct vmx_controls {
    u32 revision; /* of the VMCS's format: its first word */
    u32 pin, primary, secondary, exit, entry;
    bool ept_2m, ept_1g;
};

/* NULL, and what to use in *out; or what the CPU or its firmware lacks. */
const char *vmx_choose_controls(const struct vmx_capability *c, struct vmx_controls *out);

/* Between attr of struct hvm_segment and the access-rights field. To the VMCS: what VM entry demands of the segment n
 * of a guest that the neutral code finds good (SDM vol. 3, 27.3.1.2) is put right: accessed, TSS busy. */
u32 vmx_rights(enum hvm_segment_name n, u16 attr);
u16 vmx_attr(enum hvm_segment_name n, u32 rights);

#endif
