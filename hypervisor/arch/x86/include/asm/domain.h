/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86: what a domain and a vCPU are made of besides the neutral parts.
 */
#ifndef ASM_DOMAIN_H
#define ASM_DOMAIN_H

#include <asm/hvm.h>
#include <lib/cpumask.h>
#include <xen/xen.h>

struct cpu_policy;
struct e820_entry;
struct frame;
struct p2m;
struct pirq_table;

/* Where its kernel is entered, 0: nowhere, and whether events are masked by that. */
struct pv_callback {
    unsigned long address;
    bool masks_events;
};

/* The state that only a 64-bit PV vCPU has. Written by itself, or by others while it is paused. */
struct pv_vcpu {
    struct trap_info *traps; /* [256], one page */

    unsigned int gdt_entries; /* in frames with FT_SEGDESC references, as the window shows them */
    unsigned int ldt_entries;
    unsigned long ldt_base;  /* guest virtual */
    u64 *gdt_ldt_ptes;       /* the L1 table of its window in the per-domain slot: [32] */
    unsigned int ldt_mapped; /* LDT pages mapped so far: undone when CR3 or LDT change */

    unsigned long kernel_sp;
    unsigned long ctrlreg[8]; /* CR0 and CR4 as the guest sees them */

    struct pv_callback callback[8]; /* CALLBACKTYPE_*; the NMI's is in the trap table */

    bool kernel_mode;      /* which page tables and GS base are in use */
    u8 exit_work;          /* EXIT_WORK_*: to be done on the way out; atomic bits */
    bool nmi_masked;       /* until IRET */
    bool cpuid_faulting;   /* MSR_MISC_FEATURES: CPUID of its programs is a #GP */
    bool runstate_pending; /* the guest's runstate area waits for kernel mode to be written */
    unsigned long fs_base, gs_base_kernel, gs_base_user;

    u8 iopl;                 /* of PHYSDEVOP_set_iopl: ring 3 and 1 both compare with it */
    const u8 __guest *iobmp; /* PHYSDEVOP_set_iobitmap */
    unsigned int iobmp_limit;
};

/* Bits of pv_vcpu.exit_work. */
#define EXIT_WORK_NMI      1
#define EXIT_WORK_RUNSTATE 4 /* in kernel mode again: its runstate area can be written */
#define EXIT_WORK_FAILSAFE                                                                    \
    2 /* a selector could not be loaded: those in the frame are told to the failsafe callback \
       */

struct arch_vcpu {
    struct cpu_user_regs regs; /* while it is not running; running: at the top of the CPU's stack */
    union {
        struct pv_vcpu pv;
        struct hvm_vcpu hvm;
    };

    /* Page tables: each holds a typed reference. */
    mfn_t guest_table, guest_table_user; /* INVALID_MFN: none */
    struct frame *puts_pending[3];       /* tables whose last put was interrupted: arch/x86/pv/mmu.h */
    unsigned long cr3;                   /* what is loaded for the current mode */

    unsigned long dr[8];
    void *xsave_area;     /* 64-byte aligned; FXSAVE format first */
    u64 xcr0, xcr0_accum; /* as set by the guest; every component ever enabled */
    bool initialised;     /* has a context: roots, registers */

    u64 tsc_aux;
    struct vcpu_time_info time;                /* last written, to see whether it changed */
    struct vcpu_time_info __guest *time_guest; /* VCPUOP_register_vcpu_time_memory_area */
};

struct arch_domain {
    /*
     * CPUs whose TLB may hold mappings of its page tables: a CPU is put in before it loads one of
     * them into CR3 and taken out after it loaded another domain's (atomic bits). Flushes for the
     * domain go to these.
     */
    struct cpumask dirty_cpus;

    struct p2m *p2m;        /* HVM: guest frames to machine frames (arch/x86/mm/p2m.h); NULL: PV */
    struct hvm_domain *hvm; /* NULL: PV */

    bool isolated;                   /* runs on copies of its roots (arch/x86/pv/isolate.c) */
    u64 root_version;                /* changes with each of its roots */
    struct page_table *perdomain_l3; /* the L3 behind slot 260 of each of its L4 tables */
    /* The memory map that the toolstack gave it (XENMEM_set_memory_map); guarded by the domain's
     * lock. */
    struct e820_entry *e820;
    unsigned int nr_e820;

    struct cpu_policy *policy; /* what CPUID and MSRs show it; arch/x86/cpu/policy.c */

    /* Interrupts of the machine that are its: pirq number -> binding. */
    struct pirq_table *pirqs; /* private to arch/x86/platform/pirq.c; NULL: has none */
    u32 pci_cf8;              /* the address register of PCI configuration mechanism #1 as it wrote it */
    u8 cmos_index;            /* the same for the CMOS */

    struct rangeset *ioport_caps;
    u32 tsc_khz;
    u32 tsc_mode;
    u32 tsc_incarnation; /* of settscinfo, and one: how often it was taken from host to host */
};

#endif
