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

#define MSR_ARCH_CAPABILITIES 0x10a

struct cpu_identity boot_cpu;

enum { EAX, EBX, ECX, EDX };

const struct feature_place feature_place[CPU_FEATURE_WORDS] = {
    {1, 0, EDX},
    {1, 0, ECX},
    {0x80000001, 0, EDX},
    {0x80000001, 0, ECX},
    {0xd, 1, EAX},
    {7, 0, EBX},
    {7, 0, ECX},
    {0x80000007, 0, EDX},
    {0x80000008, 0, EBX},
    {7, 0, EDX},
    {7, 1, EAX},
    {0x80000021, 0, EAX},
    {7, 1, EBX},
    {7, 2, EDX},
    {7, 1, ECX},
    {7, 1, EDX},
    [18] = {0x80000021, 0, ECX},
};

static void read_words(struct cpu_identity *c)
{
    for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
        const struct feature_place *p = &feature_place[w];
        u32 max_leaf = p->leaf >> 31 ? c->max_ext_leaf : c->max_leaf;

        if (p->leaf && p->leaf <= max_leaf && (p->leaf != 7 || p->subleaf <= cpuid_count(7, 0).a)) {
            struct cpuid_regs r = cpuid_count(p->leaf, p->subleaf);

            c->features[w] = (&r.a)[p->reg];
        }
    }
    if (cpu_has(ARCH_CAPS)) {
        u64 caps = rdmsr(MSR_ARCH_CAPABILITIES);

        c->features[16] = caps;
        c->features[17] = caps >> 32;
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

/*
 * How an APIC id splits into thread, core and package (SDM vol. 3, 9.9; APM vol. 3, E.4.7). A CPU of the days before
 * leaf 0xb shows its threads as cores.
 */
static void read_topology(struct cpu_identity *c)
{
    if (c->max_leaf >= 0xb && cpuid_count(0xb, 0).b) {
        c->apic_id = cpuid_count(0xb, 0).d;
        c->core_bits = cpuid_count(0xb, 0).a & 31;
        c->package_shift = cpuid_count(0xb, 1).a & 31;
    } else if (cpu_has(HTT)) {
        u32 logical = cpuid_count(1, 0).b >> 16 & 255;

        c->package_shift = logical > 1 ? fls64(logical - 1) + 1 : 0;
    }
}

static void read_sizes(struct cpu_identity *c)
{
    c->phys_bits = c->max_ext_leaf >= 0x80000008 ? cpuid_count(0x80000008, 0).a & 255 : 36;
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
    c->bug_meltdown = intel && !cpu_has(RDCL_NO);
    c->bug_l1tf = intel && !cpu_has(RDCL_NO);
    c->bug_mds = intel && !cpu_has(MDS_NO);
    c->bug_spectre_v2 = true;
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
    log_info("CPU: %s, %s family %u model %u stepping %u, %u address bits\n", c->model_name + (c->model_name[0] == ' '),
             c->vendor_name, c->family, c->model, c->stepping, c->phys_bits);
}
