/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD-V's control block: AMD APM vol. 2, appendix B (layout) and C (exit codes), 15.15.3 (clean bits).
 */
#ifndef ARCH_X86_HVM_SVM_VMCB_H
#define ARCH_X86_HVM_SVM_VMCB_H

#include <asm/hvm.h>

struct svm_vmcb {
    /* One bit an exit code below 0xc0: CR accesses, DR accesses, exceptions, instructions and interrupts. */
    u32 intercept[6];
    u8 reserved018[0x3c - 0x18];
    u16 pause_threshold, pause_count;
    u64 iopm_pa, msrpm_pa;
    s64 tsc_offset;
    u32 asid;
    u8 tlb_control, reserved05d[3];
    u64 vintr;  /* VINTR_* */
    u64 shadow; /* bit 0: interrupt shadow */
    u64 exit_code, exit_info1, exit_info2;
    u64 exit_int_info; /* HVM_EVENT_INFO_*, the error code in the upper half */
    u64 nested;        /* bit 0: nested paging */
    u8 reserved098[0xa8 - 0x98];
    u64 event; /* the same */
    u64 ncr3;
    u64 virt_ext;
    u32 clean, reserved0c4;
    u64 next_rip;
    u8 insn_count, insn[15];
    u8 reserved0e0[0x400 - 0xe0];

    struct hvm_segment segment[10]; /* enum hvm_segment_name */
    u8 reserved4a0[0x4cb - 0x4a0];
    u8 cpl;
    u32 reserved4cc;
    u64 efer;
    u8 reserved4d8[0x548 - 0x4d8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 reserved580[0x5d8 - 0x580];
    u64 rsp;
    u8 reserved5e0[0x5f8 - 0x5e0];
    u64 rax;
    u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    u64 cr2;
    u8 reserved648[0x668 - 0x648];
    u64 pat, debugctl;
    u8 reserved678[0x1000 - 0x678];
};
_Static_assert(__builtin_offsetof(struct svm_vmcb, asid) == 0x58, "VMCB: ASID");
_Static_assert(__builtin_offsetof(struct svm_vmcb, event) == 0xa8, "VMCB: EVENTINJ");
_Static_assert(__builtin_offsetof(struct svm_vmcb, next_rip) == 0xc8, "VMCB: nRIP");
_Static_assert(__builtin_offsetof(struct svm_vmcb, efer) == 0x4d0, "VMCB: EFER");
_Static_assert(__builtin_offsetof(struct svm_vmcb, rsp) == 0x5d8, "VMCB: RSP");
_Static_assert(__builtin_offsetof(struct svm_vmcb, pat) == 0x668, "VMCB: G_PAT");
_Static_assert(sizeof(struct svm_vmcb) == 4096, "VMCB: size");

/* Exit codes. Those below 0xc0 are bits of intercept[], too. */
#define EXIT_READ_CR(n)   (0x00 + (n))
#define EXIT_WRITE_CR(n)  (0x10 + (n))
#define EXIT_READ_DR(n)   (0x20 + (n))
#define EXIT_WRITE_DR(n)  (0x30 + (n))
#define EXIT_EXCEPTION(n) (0x40 + (n))
#define EXIT_INTR         0x60
#define EXIT_NMI          0x61
#define EXIT_INIT         0x63
#define EXIT_VINTR        0x64
#define EXIT_RDTSC        0x6e
#define EXIT_RDPMC        0x6f
#define EXIT_CPUID        0x72
#define EXIT_IRET         0x74
#define EXIT_INVD         0x76
#define EXIT_PAUSE        0x77
#define EXIT_HLT          0x78
#define EXIT_INVLPGA      0x7a
#define EXIT_IOIO         0x7b
#define EXIT_MSR          0x7c
#define EXIT_TASK_SWITCH  0x7d
#define EXIT_FERR         0x7e
#define EXIT_SHUTDOWN     0x7f
#define EXIT_VMRUN        0x80
#define EXIT_VMMCALL      0x81
#define EXIT_VMLOAD       0x82
#define EXIT_VMSAVE       0x83
#define EXIT_STGI         0x84
#define EXIT_CLGI         0x85
#define EXIT_SKINIT       0x86
#define EXIT_RDTSCP       0x87
#define EXIT_WBINVD       0x89
#define EXIT_MONITOR      0x8a
#define EXIT_MWAIT        0x8b
#define EXIT_MWAIT_ARMED  0x8c
#define EXIT_XSETBV       0x8d
#define EXIT_RDPRU        0x8e
#define EXIT_INVLPGB      0xa0
#define EXIT_MCOMMIT      0xa3
#define EXIT_NR           0xa5
#define EXIT_NPF          0x400

#define VINTR_IRQ        (1UL << 8)
#define VINTR_PRIORITY   (15UL << 16)
#define VINTR_IGNORE_TPR (1UL << 20)
#define VINTR_MASKING    (1UL << 24)
#define VINTR_WINDOW     (VINTR_IRQ | VINTR_PRIORITY | VINTR_IGNORE_TPR)

#define TLB_FLUSH_NOTHING 0
#define TLB_FLUSH_ALL     1
#define TLB_FLUSH_ASID    3

/* What the CPU may keep from the last run of this VMCB; a bit is cleared when the fields were written. */
#define CLEAN_INTERCEPTS (1U << 0) /* and TSC offset, PAUSE filter */
#define CLEAN_ASID       (1U << 2)
#define CLEAN_VINTR      (1U << 3)
#define CLEAN_NESTED     (1U << 4) /* and G_PAT */
#define CLEAN_CR         (1U << 5) /* CR0, CR3, CR4, EFER */
#define CLEAN_DR         (1U << 6)
#define CLEAN_TABLES     (1U << 7) /* GDTR, IDTR */
#define CLEAN_SEGMENTS   (1U << 8) /* CS, SS, DS, ES, CPL */
#define CLEAN_CR2        (1U << 9)
#define CLEAN_ALL        0x3ff

#define SHADOW_ACTIVE 1UL

#endif
