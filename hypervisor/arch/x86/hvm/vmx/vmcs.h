/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMCS as Intel SDM vol. 3, chapters 25 to 28 and appendices A to C have it: fields, control bits, exit reasons.
 * Only what is used stands here.
 */
#ifndef ARCH_X86_HVM_VMX_VMCS_H
#define ARCH_X86_HVM_VMX_VMCS_H

/* Encodings: bits 13-14 width (16, 64, 32 bits, natural), 10-11 kind (control, information, guest, host). */
#define VMCS_VPID                   0x0000
#define VMCS_GUEST_SEL              0x0800 /* + 2 * segment, in the order ES CS SS DS FS GS LDTR TR */
#define VMCS_HOST_ES                0x0c00
#define VMCS_HOST_CS                0x0c02
#define VMCS_HOST_GS                0x0c0a
#define VMCS_HOST_TR                0x0c0c
#define VMCS_MSR_BITMAP             0x2004
#define VMCS_TSC_OFFSET             0x2010
#define VMCS_EPTP                   0x201a
#define VMCS_TSC_MULTIPLIER         0x2032
#define VMCS_GUEST_PHYSICAL         0x2400
#define VMCS_LINK                   0x2800
#define VMCS_GUEST_DEBUGCTL         0x2802
#define VMCS_GUEST_PAT              0x2804
#define VMCS_GUEST_EFER             0x2806
#define VMCS_GUEST_PDPTE            0x280a /* + 2 * n */
#define VMCS_HOST_PAT               0x2c00
#define VMCS_HOST_EFER              0x2c02
#define VMCS_PIN_CONTROLS           0x4000
#define VMCS_PRIMARY_CONTROLS       0x4002
#define VMCS_EXCEPTION_BITMAP       0x4004
#define VMCS_PF_ERROR_MASK          0x4006
#define VMCS_CR3_TARGETS            0x400a
#define VMCS_EXIT_CONTROLS          0x400c
#define VMCS_EXIT_MSR_STORES        0x400e
#define VMCS_EXIT_MSR_LOADS         0x4010
#define VMCS_ENTRY_CONTROLS         0x4012
#define VMCS_ENTRY_MSR_LOADS        0x4014
#define VMCS_ENTRY_EVENT            0x4016
#define VMCS_ENTRY_ERROR_CODE       0x4018
#define VMCS_ENTRY_INSN_LENGTH      0x401a
#define VMCS_SECONDARY_CONTROLS     0x401e
#define VMCS_PAUSE_GAP              0x4020
#define VMCS_PAUSE_WINDOW           0x4022
#define VMCS_INSN_ERROR             0x4400
#define VMCS_EXIT_REASON            0x4402
#define VMCS_EXIT_EVENT             0x4404
#define VMCS_EXIT_ERROR_CODE        0x4406
#define VMCS_IDT_EVENT              0x4408
#define VMCS_IDT_ERROR_CODE         0x440a
#define VMCS_EXIT_INSN_LENGTH       0x440c
#define VMCS_GUEST_LIMIT            0x4800 /* + 2 * segment, then GDTR, IDTR */
#define VMCS_GUEST_RIGHTS           0x4814 /* + 2 * segment */
#define VMCS_GUEST_INTERRUPTIBILITY 0x4824
#define VMCS_GUEST_ACTIVITY         0x4826
#define VMCS_GUEST_SYSENTER_CS      0x482a
#define VMCS_HOST_SYSENTER_CS       0x4c00
#define VMCS_CR0_MASK               0x6000
#define VMCS_CR4_MASK               0x6002
#define VMCS_CR0_SHADOW             0x6004
#define VMCS_CR4_SHADOW             0x6006
#define VMCS_EXIT_QUALIFICATION     0x6400
#define VMCS_GUEST_CR0              0x6800
#define VMCS_GUEST_CR3              0x6802
#define VMCS_GUEST_CR4              0x6804
#define VMCS_GUEST_BASE             0x6806 /* + 2 * segment, then GDTR, IDTR */
#define VMCS_GUEST_DR7              0x681a
#define VMCS_GUEST_RSP              0x681c
#define VMCS_GUEST_RIP              0x681e
#define VMCS_GUEST_RFLAGS           0x6820
#define VMCS_GUEST_PENDING_DEBUG    0x6822
#define VMCS_GUEST_SYSENTER_ESP     0x6824
#define VMCS_GUEST_SYSENTER_EIP     0x6826
#define VMCS_HOST_CR0               0x6c00
#define VMCS_HOST_CR3               0x6c02
#define VMCS_HOST_CR4               0x6c04
#define VMCS_HOST_FS_BASE           0x6c06
#define VMCS_HOST_GS_BASE           0x6c08
#define VMCS_HOST_TR_BASE           0x6c0a
#define VMCS_HOST_GDTR_BASE         0x6c0c
#define VMCS_HOST_IDTR_BASE         0x6c0e
#define VMCS_HOST_SYSENTER_ESP      0x6c10
#define VMCS_HOST_SYSENTER_EIP      0x6c12
#define VMCS_HOST_RSP               0x6c14
#define VMCS_HOST_RIP               0x6c16

/* Pin-based controls. */
#define PIN_EXTERNAL_INTERRUPT (1U << 0)
#define PIN_NMI                (1U << 3)
#define PIN_VIRTUAL_NMI        (1U << 5)

/* Primary processor-based controls. */
#define CPU1_INTERRUPT_WINDOW (1U << 2)
#define CPU1_TSC_OFFSET       (1U << 3)
#define CPU1_HLT              (1U << 7)
#define CPU1_INVLPG           (1U << 9)
#define CPU1_MWAIT            (1U << 10)
#define CPU1_RDPMC            (1U << 11)
#define CPU1_RDTSC            (1U << 12)
#define CPU1_CR3_LOAD         (1U << 15)
#define CPU1_CR3_STORE        (1U << 16)
#define CPU1_CR8_LOAD         (1U << 19)
#define CPU1_CR8_STORE        (1U << 20)
#define CPU1_NMI_WINDOW       (1U << 22)
#define CPU1_MOV_DR           (1U << 23)
#define CPU1_ALL_IO           (1U << 24)
#define CPU1_MSR_BITMAP       (1U << 28)
#define CPU1_MONITOR          (1U << 29)
#define CPU1_SECONDARY        (1U << 31)

/* Secondary processor-based controls. */
#define CPU2_EPT                (1U << 1)
#define CPU2_RDTSCP             (1U << 3)
#define CPU2_VPID               (1U << 5)
#define CPU2_WBINVD             (1U << 6)
#define CPU2_UNRESTRICTED_GUEST (1U << 7)
#define CPU2_PAUSE_LOOP         (1U << 10)
#define CPU2_INVPCID            (1U << 12)
#define CPU2_TSC_SCALING        (1U << 25)

/* Exit and entry controls. */
#define EXIT_SAVE_DEBUG  (1U << 2)
#define EXIT_HOST_64     (1U << 9)
#define EXIT_LOAD_PAT    (1U << 19)
#define EXIT_LOAD_EFER   (1U << 21)
#define ENTRY_LOAD_DEBUG (1U << 2)
#define ENTRY_LONG_MODE  (1U << 9)
#define ENTRY_LOAD_PAT   (1U << 14)
#define ENTRY_LOAD_EFER  (1U << 15)

/* What IA32_VMX_EPT_VPID_CAP says. */
#define EPT_CAP_4_LEVELS         (1UL << 6)
#define EPT_CAP_WRITE_BACK       (1UL << 14)
#define EPT_CAP_2M               (1UL << 16)
#define EPT_CAP_1G               (1UL << 17)
#define EPT_CAP_INVEPT           (1UL << 20)
#define EPT_CAP_INVEPT_ONE       (1UL << 25)
#define EPT_CAP_INVVPID          (1UL << 32)
#define EPT_CAP_INVVPID_ONE      (1UL << 41)
#define EPTP_WRITE_BACK_4_LEVELS (6 | 3 << 3)

/* Access rights of a segment: as in descriptors, but AVL to G stand four bits higher than in the VMCB. */
#define RIGHTS_L        (1U << 13)
#define RIGHTS_UNUSABLE (1U << 16)

/* Interruptibility. */
#define BLOCKED_BY_STI    1
#define BLOCKED_BY_MOV_SS 2
#define BLOCKED_BY_NMI    8

#define PENDING_DEBUG_BS (1UL << 14)
#define DR6_ACCESS       (1UL << 13)
#define DR7_GD           (1UL << 13)
#define DR7_ENABLED      0xff

#define ENTRY_FAILED (1U << 31)

#ifndef __ASSEMBLER__
enum vmx_exit_reason {
    VMEXIT_EXCEPTION = 0,
    VMEXIT_INTERRUPT = 1,
    VMEXIT_TRIPLE_FAULT = 2,
    VMEXIT_INTERRUPT_WINDOW = 7,
    VMEXIT_NMI_WINDOW = 8,
    VMEXIT_TASK_SWITCH = 9,
    VMEXIT_CPUID = 10,
    VMEXIT_GETSEC = 11,
    VMEXIT_HLT = 12,
    VMEXIT_INVD = 13,
    VMEXIT_RDPMC = 15,
    VMEXIT_RDTSC = 16,
    VMEXIT_VMCALL = 18,
    VMEXIT_VMCLEAR = 19,
    VMEXIT_VMXON = 27,
    VMEXIT_CR = 28,
    VMEXIT_DR = 29,
    VMEXIT_IO = 30,
    VMEXIT_RDMSR = 31,
    VMEXIT_WRMSR = 32,
    VMEXIT_BAD_STATE = 33,
    VMEXIT_MWAIT = 36,
    VMEXIT_MONITOR = 39,
    VMEXIT_PAUSE = 40,
    VMEXIT_EPT_VIOLATION = 48,
    VMEXIT_EPT_MISCONFIGURATION = 49,
    VMEXIT_INVEPT = 50,
    VMEXIT_RDTSCP = 51,
    VMEXIT_INVVPID = 53,
    VMEXIT_WBINVD = 54,
    VMEXIT_XSETBV = 55,
    VMEXIT_REASONS = 70,
};
#endif

/* Capability MSRs (SDM vol. 3, appendix A). */
#define MSR_FEATURE_CONTROL  0x3a
#define MSR_VMX_BASIC        0x480
#define MSR_VMX_CR0_FIXED0   0x486
#define MSR_VMX_SECONDARY    0x48b
#define MSR_VMX_EPT_VPID     0x48c
#define MSR_VMX_TRUE_PIN     0x48d
#define MSR_VMX_TRUE_PRIMARY 0x48e
#define MSR_VMX_TRUE_EXIT    0x48f
#define MSR_VMX_TRUE_ENTRY   0x490

#define FEATURE_CONTROL_LOCKED 1
#define FEATURE_CONTROL_VMX    4

#endif
