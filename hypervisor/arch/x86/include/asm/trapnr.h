/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of exceptions, bits of EFLAGS, CR0, CR4 and of page-fault error codes, and the registers
 * of the entry path. Sources: Intel SDM vol. 3, chapters 2, 4.7 and 6; vol. 4. Usable from
 * assembly.
 */
#ifndef ASM_TRAPNR_H
#define ASM_TRAPNR_H

#define TRAP_DE  0
#define TRAP_DB  1
#define TRAP_NMI 2
#define TRAP_BP  3
#define TRAP_OF  4
#define TRAP_BR  5
#define TRAP_UD  6
#define TRAP_NM  7
#define TRAP_DF  8
#define TRAP_TS  10
#define TRAP_NP  11
#define TRAP_SS  12
#define TRAP_GP  13
#define TRAP_PF  14
#define TRAP_MF  16
#define TRAP_AC  17
#define TRAP_MC  18
#define TRAP_XM  19
#define TRAP_CP  21

/* Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP. */
#define TRAP_HAVE_ERROR_CODE 0x227d00

/* In guest_regs.entry_vector: came by SYSCALL or SYSENTER, so RCX and R11 need not survive and
 * SYSRET may end it. */
#define TRAP_SYSCALL 0x100

#define X86_EFLAGS_MBS  0x00000002
#define X86_EFLAGS_TF   0x00000100
#define X86_EFLAGS_IF   0x00000200
#define X86_EFLAGS_DF   0x00000400
#define X86_EFLAGS_IOPL 0x00003000
#define X86_EFLAGS_NT   0x00004000
#define X86_EFLAGS_RF   0x00010000
#define X86_EFLAGS_VM   0x00020000
#define X86_EFLAGS_AC   0x00040000
#define X86_EFLAGS_VIF  0x00080000
#define X86_EFLAGS_VIP  0x00100000

#define PFEC_PRESENT 1
#define PFEC_WRITE   2
#define PFEC_USER    4
#define PFEC_RSVD    8
#define PFEC_FETCH   16

#define X86_CR0_PE 0x00000001
#define X86_CR0_MP 0x00000002
#define X86_CR0_EM 0x00000004
#define X86_CR0_TS 0x00000008
#define X86_CR0_ET 0x00000010
#define X86_CR0_NE 0x00000020
#define X86_CR0_WP 0x00010000
#define X86_CR0_AM 0x00040000
#define X86_CR0_NW 0x20000000
#define X86_CR0_CD 0x40000000
#define X86_CR0_PG 0x80000000

#define X86_CR4_TSD        0x00000004
#define X86_CR4_DE         0x00000008
#define X86_CR4_PSE        0x00000010
#define X86_CR4_PAE        0x00000020
#define X86_CR4_MCE        0x00000040
#define X86_CR4_PGE        0x00000080
#define X86_CR4_OSFXSR     0x00000200
#define X86_CR4_OSXMMEXCPT 0x00000400
#define X86_CR4_UMIP       0x00000800
#define X86_CR4_VMXE       0x00002000
#define X86_CR4_FSGSBASE   0x00010000
#define X86_CR4_PCIDE      0x00020000
#define X86_CR4_OSXSAVE    0x00040000
#define X86_CR4_SMEP       0x00100000
#define X86_CR4_SMAP       0x00200000

#define MSR_TSC            0x10
#define MSR_PLATFORM_ID    0x17
#define MSR_APIC_BASE      0x1b
#define MSR_SPEC_CTRL      0x48
#define MSR_PRED_CMD       0x49
#define SPEC_CTRL_IBRS     1
#define SPEC_CTRL_STIBP    2
#define SPEC_CTRL_SSBD     4
#define MSR_UCODE_REV      0x8b
#define MSR_PLATFORM_INFO  0xce
#define MSR_FLUSH_CMD      0x10b
#define MSR_MISC_FEATURES  0x140
#define MSR_SYSENTER_CS    0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_MCG_CAP        0x179
#define MSR_MCG_STATUS     0x17a
#define MSR_MISC_ENABLE    0x1a0
#define MSR_PAT            0x277
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC         0x800      /* to 0x8ff */
#define MSR_HYPERCALL_PAGE 0x40000000 /* Xen's own: CPUID 0x40000002 */
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX        0xc0000103
#define MSR_K8_SYSCFG      0xc0010010
#define MSR_K8_HWCR        0xc0010015

/* CPUID of ring 3 can be (MSR_PLATFORM_INFO), is (MSR_MISC_FEATURES) answered by #GP. */
#define PLATFORM_CPUID_FAULTING (1UL << 31)
#define MISC_CPUID_FAULTING     1UL

#define EFER_SCE 0x001
#define EFER_LME 0x100
#define EFER_LMA 0x400
#define EFER_NX  0x800

/* cpu_info.spec_ctrl_flags */
#define SCF_RSB        0x01 /* refill the return stack on entry from a guest */
#define SCF_IBRS_ENTRY 0x02 /* SPEC_CTRL.IBRS on entry, the guest's value on exit */
#define SCF_VERW       0x04 /* clear the CPU's buffers on exit to a guest */
#define SCF_HVM_RSB    0x10 /* refill the return stack when an HVM guest exits */
#define SCF_HVM_SPEC   0x20 /* the current HVM guest's SPEC_CTRL is not ours */
#define SCF_HVM_L1D    0x40 /* empty the L1 data cache when an HVM guest is entered */
/* The guest runs on a copy of its root that shows next to nothing of ours. entry.S knows it for the sign. */
#define SCF_XPTI           0x80
#define SCF_HVM_ENTRY_MASK SCF_HVM_SPEC
#define SCF_HVM_EXIT_MASK  (SCF_HVM_SPEC | SCF_VERW | SCF_HVM_L1D)
#define SCF_ENTRY_MASK     (SCF_IBRS_ENTRY | SCF_XPTI)
#define SCF_EXIT_MASK      (SCF_IBRS_ENTRY | SCF_VERW | SCF_XPTI)

#define NR_HYPERCALLS 64

#endif
