/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine's CPUs can do and which weaknesses they have: filled by cpu_identify() from
 * CPUID and IA32_ARCH_CAPABILITIES, constant afterwards. What guests are shown is policy.c's
 * business.
 */
#ifndef ARCH_X86_CPU_FEATURES_H
#define ARCH_X86_CPU_FEATURES_H

#include <xen/arch-x86/cpufeatureset.h>

/* Words as the ABI numbers them (xen/arch-x86/cpufeatureset.h). */
#define CPU_FEATURE_WORDS 19

/* Where each word stands in CPUID: leaf 0 for those that are MSRs. reg: 0 EAX .. 3 EDX. */
struct feature_place {
    u32 leaf, subleaf;
    u8 reg;
};
extern const struct feature_place feature_place[CPU_FEATURE_WORDS];

enum cpu_vendor { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD, CPU_VENDOR_HYGON };

struct cpu_identity {
    enum cpu_vendor vendor;
    char vendor_name[13], model_name[49];
    u32 family, model, stepping;
    u32 max_leaf, max_ext_leaf;
    u8 phys_bits;
    u8 cache_line;               /* bytes, CLFLUSH granularity */
    u32 apic_id;                 /* of the first CPU */
    u8 core_bits, package_shift; /* APIC id >> core_bits: core; >> package_shift: package */
    u64 xcr0_mask;               /* components that XCR0 may have; 0: no XSAVE */
    u32 xsave_size;              /* bytes for all of them */
    u32 features[CPU_FEATURE_WORDS];

    /* Weaknesses: true when software has to do something about it. */
    bool bug_meltdown;   /* user code can read supervisor pages: separate page tables */
    bool bug_l1tf;       /* non-present PTEs must not hold addresses of RAM */
    bool bug_mds;        /* VERW on the way to a guest */
    bool bug_spectre_v2; /* indirect branches need IBRS or retpolines */
    bool bug_rsb;        /* return stack must be refilled on entry */
    bool cpuid_faulting; /* MSR_PLATFORM_INFO; known when the CPU is set up */
    bool eibrs;          /* one setting of IBRS for good instead of one write per entry */
};

extern struct cpu_identity boot_cpu;

static inline bool cpu_has_bit(unsigned int nr) { return boot_cpu.features[nr / 32] >> (nr % 32) & 1; }

/* cpu_has(FSGSBASE): names of xen/arch-x86/cpufeatureset.h. */
#define cpu_has(name) cpu_has_bit(XEN_X86_FEATURE_##name)

/* Where an APIC id is: package, core in it, thread in that. */
static inline u32 topology_package(u32 apic_id) { return apic_id >> boot_cpu.package_shift; }

static inline u32 topology_core(u32 apic_id)
{
    return (apic_id & ((1U << boot_cpu.package_shift) - 1)) >> boot_cpu.core_bits;
}

static inline u32 topology_thread(u32 apic_id) { return apic_id & ((1U << boot_cpu.core_bits) - 1); }

#endif
