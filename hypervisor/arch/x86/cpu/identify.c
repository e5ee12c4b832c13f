/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the first CPU what it is and what it can do, and works out which weaknesses of its kind need
 * help from software. The answers are in boot_cpu (features.h). What is done about weaknesses
 * stands where the work is done (entry paths, page tables); what guests get to see is policy.c's
 * business.
 */
#include <arch/x86/cpu/features.h>
#include <asm/phases.h>
#include <asm/system.h>
#include <lib/lib.h>

#define MSR_ARCH_CAPABILITIES 0x10a

struct cpu_identity boot_cpu;

static void read_words(struct cpu_identity *c)
{
    struct cpuid_regs r = cpuid_count(1, 0);
    u32 *w = c->features;

    w[0] = r.d;
    w[1] = r.c;
    if (c->max_leaf >= 7) {
        u32 subleaves;

        r = cpuid_count(7, 0);
        subleaves = r.a;
        w[5] = r.b;
        w[6] = r.c;
        w[9] = r.d;
        if (subleaves >= 1) {
            r = cpuid_count(7, 1);
            w[10] = r.a;
            w[12] = r.b;
            w[14] = r.c;
            w[15] = r.d;
        }
        if (subleaves >= 2)
            w[13] = cpuid_count(7, 2).d;
    }
    if (c->max_leaf >= 0xd)
        w[4] = cpuid_count(0xd, 1).a;
    if (c->max_ext_leaf >= 0x80000001) {
        r = cpuid_count(0x80000001, 0);
        w[2] = r.d;
        w[3] = r.c;
    }
    if (c->max_ext_leaf >= 0x80000007)
        w[7] = cpuid_count(0x80000007, 0).d;
    if (c->max_ext_leaf >= 0x80000008)
        w[8] = cpuid_count(0x80000008, 0).b;
    if (c->max_ext_leaf >= 0x80000021) {
        r = cpuid_count(0x80000021, 0);
        w[11] = r.a;
        w[18] = r.c;
    }
    if (cpu_has(ARCH_CAPS)) {
        u64 caps = rdmsr(MSR_ARCH_CAPABILITIES);

        w[16] = caps;
        w[17] = caps >> 32;
    }
}

static void read_vendor(struct cpu_identity *c)
{
    static const struct {
        const char *name;
        enum cpu_vendor vendor;
    } vendors[] = {
        {"GenuineIntel", CPU_VENDOR_INTEL},
        {"AuthenticAMD", CPU_VENDOR_AMD},
        {"HygonGenuine", CPU_VENDOR_HYGON},
    };
    struct cpuid_regs r = cpuid_count(0, 0);

    c->max_leaf = r.a;
    memcpy(c->vendor_name, &r.b, 4);
    memcpy(c->vendor_name + 4, &r.d, 4);
    memcpy(c->vendor_name + 8, &r.c, 4);
    for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++)
        if (strcmp(c->vendor_name, vendors[i].name) == 0)
            c->vendor = vendors[i].vendor;

    r = cpuid_count(0x80000000, 0);
    c->max_ext_leaf = r.a >> 16 == 0x8000 ? r.a : 0;
    for (u32 i = 0; i < 3 && c->max_ext_leaf >= 0x80000004; i++) {
        r = cpuid_count(0x80000002 + i, 0);
        memcpy(c->model_name + 16 * i, &r, 16);
    }
}

/* Family, model, stepping as the vendors compute them (SDM vol. 2, CPUID leaf 1; APM vol. 3,
 * E.3.2). */
static void read_signature(struct cpu_identity *c)
{
    struct cpuid_regs r = cpuid_count(1, 0);

    c->family = r.a >> 8 & 15;
    c->model = r.a >> 4 & 15;
    c->stepping = r.a & 15;
    if (c->family == 6 || c->family == 15)
        c->model |= (r.a >> 16 & 15) << 4;
    if (c->family == 15)
        c->family += r.a >> 20 & 255;
    c->apic_id = r.b >> 24;
    c->cache_line = (r.b >> 8 & 255) * 8;
    if (c->cache_line == 0)
        c->cache_line = 64;
}

static unsigned int bits_for(u32 count) { return count > 1 ? fls64(count - 1) + 1 : 0; }

/* How an APIC id splits into thread, core and package (SDM vol. 3, 9.9; APM vol. 3, E.4.7). */
static void read_topology(struct cpu_identity *c)
{
    u32 logical = cpuid_count(1, 0).b >> 16 & 255;

    if (c->max_leaf >= 0xb && cpuid_count(0xb, 0).b) {
        c->apic_id = cpuid_count(0xb, 0).d;
        c->core_bits = cpuid_count(0xb, 0).a & 31;
        c->package_shift = cpuid_count(0xb, 1).a & 31;
        return;
    }
    if (!cpu_has(HTT))
        return;
    if (c->vendor == CPU_VENDOR_INTEL) {
        u32 cores = c->max_leaf >= 4 ? (cpuid_count(4, 0).a >> 26) + 1 : 1;

        c->package_shift = bits_for(logical);
        c->core_bits = c->package_shift - min((unsigned int)c->package_shift, bits_for(cores));
    } else if (c->max_ext_leaf >= 0x80000008) {
        u32 sizes = cpuid_count(0x80000008, 0).c;

        c->package_shift = sizes >> 12 & 15 ? sizes >> 12 & 15 : bits_for((sizes & 255) + 1);
        if (cpu_has(TOPOEXT) && c->max_ext_leaf >= 0x8000001e)
            c->core_bits = bits_for((cpuid_count(0x8000001e, 0).b >> 8 & 255) + 1);
    }
}

static void read_sizes(struct cpu_identity *c)
{
    c->phys_bits = 36;
    c->virt_bits = 48;
    if (c->max_ext_leaf >= 0x80000008) {
        u32 a = cpuid_count(0x80000008, 0).a;

        c->phys_bits = a & 255;
        c->virt_bits = a >> 8 & 255;
    }
    if (cpu_has(XSAVE) && c->max_leaf >= 0xd) {
        struct cpuid_regs r = cpuid_count(0xd, 0);

        c->xcr0_mask = r.a | (u64)r.d << 32;
        c->xsave_size = r.c;
    }
}

/*
 * What is not said to be immune is weak, except that AMD's CPUs never had the first three (AMD:
 * Software techniques for managing speculation, 2023) and Intel's first Atoms (in-order) have none
 * of them.
 */
static void find_weaknesses(struct cpu_identity *c)
{
    bool intel = c->vendor == CPU_VENDOR_INTEL;
    bool in_order = intel && c->family == 6 &&
                    (c->model == 0x1c || c->model == 0x26 || c->model == 0x27 || c->model == 0x35 || c->model == 0x36);

    if (in_order)
        return;
    c->bug_sysret = c->vendor != CPU_VENDOR_AMD && c->vendor != CPU_VENDOR_HYGON;
    c->bug_meltdown = intel && !cpu_has(RDCL_NO);
    c->bug_l1tf = intel && !cpu_has(RDCL_NO);
    c->bug_mds = intel && !cpu_has(MDS_NO);
    c->bug_spectre_v2 = true;
    c->bug_ssb = !cpu_has(INTEL_SSB_NO) && !cpu_has(SSB_NO);
    c->eibrs = cpu_has(EIBRS) || cpu_has(AUTO_IBRS) || cpu_has(IBRS_ALWAYS);
    c->bug_rsb = !(cpu_has(EIBRS) && cpu_has(PBRSB_NO)) && !cpu_has(AUTO_IBRS);
}

void cpu_identify(void)
{
    struct cpu_identity *c = &boot_cpu;

    read_vendor(c);
    read_signature(c);
    read_words(c);
    read_topology(c);
    read_sizes(c);
    if (!cpu_has(NX) || !cpu_has(SYSCALL) || !cpu_has(FXSR) || !cpu_has(SSE2) || !cpu_has(PGE) || !cpu_has(APIC) ||
        !cpu_has(TSC))
        panic("this CPU lacks NX, SYSCALL, SSE2, global pages, a local APIC or a TSC");
    find_weaknesses(c);
    log_info("CPU: %s, %s family %u model %u stepping %u, %u/%u address bits\n",
             c->model_name + (c->model_name[0] == ' '), c->vendor_name, c->family, c->model, c->stepping, c->phys_bits,
             c->virt_bits);
}
