/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID policies (policy.h). Feature words and where they stand in CPUID:
 * xen/arch-x86/cpufeatureset.h. Leaves: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E; the
 * hypervisor's own: xen/arch-x86/cpuid.h.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <feature-masks.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <xen/arch-x86/cpuid.h>

struct cpu_policy host_policy, pv_max_policy, pv_default_policy;

#define REG_A 0
#define REG_B 1
#define REG_C 2
#define REG_D 3

/* Where each feature word is found. */
static const struct {
    u32 leaf, subleaf;
    u8 reg;
} word_place[CPU_FEATURE_WORDS] = {
    {1, 0, REG_D},          {1, 0, REG_C}, {0x80000001, 0, REG_D}, {0x80000001, 0, REG_C},
    {0xd, 1, REG_A},        {7, 0, REG_B}, {7, 0, REG_C},          {0x80000007, 0, REG_D},
    {0x80000008, 0, REG_B}, {7, 0, REG_D}, {7, 1, REG_A},          {0x80000021, 0, REG_A},
    {7, 1, REG_B},          {7, 2, REG_D}, {7, 1, REG_C},          {7, 1, REG_D},
};
#define NR_CPUID_WORDS 16 /* later words are MSRs */

static u32 *leaf_reg(xen_cpuid_leaf_t *l, unsigned int reg)
{
    u32 *regs[] = {&l->a, &l->b, &l->c, &l->d};

    return regs[reg];
}

static const xen_cpuid_leaf_t *find(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
    for (unsigned int i = 0; i < p->nr_leaves; i++) {
        const xen_cpuid_leaf_t *l = &p->leaf[i];

        if (l->leaf == leaf && (l->subleaf == XEN_CPUID_NO_SUBLEAF || l->subleaf == subleaf))
            return l;
    }
    return NULL;
}

static void __init add(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
    struct cpuid_regs r = cpuid_count(leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf);

    if (p->nr_leaves < POLICY_MAX_LEAVES)
        p->leaf[p->nr_leaves++] = (xen_cpuid_leaf_t){leaf, subleaf, r.a, r.b, r.c, r.d};
}

static void __init add_basic(struct cpu_policy *p, u32 leaf)
{
    switch (leaf) {
    case 4:
        for (u32 i = 0; i < 6; i++)
            add(p, leaf, i);
        return;
    case 7:
        for (u32 i = 0; i <= 2 && i <= cpuid_count(7, 0).a; i++)
            add(p, leaf, i);
        return;
    case 0xb:
        add(p, leaf, 0);
        add(p, leaf, 1);
        return;
    case 0xd:
        add(p, leaf, 0);
        add(p, leaf, 1);
        for (u32 i = 2; i < 63; i++)
            if (boot_cpu.xcr0_mask >> i & 1)
                add(p, leaf, i);
        return;
    default: add(p, leaf, XEN_CPUID_NO_SUBLEAF);
    }
}

static void __init host_policy_init(void)
{
    u32 max_leaf = min(boot_cpu.max_leaf, 0xdU);
    u32 max_ext = min(boot_cpu.max_ext_leaf, 0x80000021U);

    for (u32 leaf = 0; leaf <= max_leaf; leaf++)
        add_basic(&host_policy, leaf);
    for (u32 leaf = 0x80000000; leaf <= max_ext; leaf++)
        if (leaf <= 0x80000008 || leaf >= 0x8000001c)
            add(&host_policy, leaf, XEN_CPUID_NO_SUBLEAF);
}

/* Registers that hold neither feature bits nor facts that a guest may know. */
static void __init hide(struct cpu_policy *p)
{
    for (unsigned int i = 0; i < p->nr_leaves; i++) {
        xen_cpuid_leaf_t *l = &p->leaf[i];

        switch (l->leaf) {
        case 0: l->a = min(l->a, 0xdU); break;
        case 0x80000000: l->a = min(l->a, 0x80000021U); break;
        case 5: /* MONITOR */
        case 6: /* power */
        case 8:
        case 9:
        case 0xa:
        case 0xc: l->a = l->b = l->c = l->d = 0; break;
        case 0x80000007: /* power: the words keep the invariant TSC */ l->a = l->b = l->c = 0; break;
        case 0xd:
            if (l->subleaf == 0) {
                l->a = (u32)boot_cpu.xcr0_mask;
                l->d = boot_cpu.xcr0_mask >> 32;
            } else if (l->subleaf == 1) {
                l->b = l->c = l->d = 0;
            }
            break;
        }
    }
}

static void __init derive(struct cpu_policy *p, const u32 *mask)
{
    *p = host_policy;
    hide(p);
    for (unsigned int w = 0; w < NR_CPUID_WORDS; w++)
        for (unsigned int i = 0; i < p->nr_leaves; i++) {
            xen_cpuid_leaf_t *l = &p->leaf[i];
            u32 sub = l->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l->subleaf;

            if (l->leaf == word_place[w].leaf && sub == word_place[w].subleaf)
                *leaf_reg(l, word_place[w].reg) &= mask[w];
        }
}

/* AMD repeats word 0 in 0x80000001.EDX, which the feature list does not name: bits both leaves
 * share. */
#define AMD_COMMON_EDX 0x0183f3ffU

static void __init repeat_common(struct cpu_policy *p)
{
    xen_cpuid_leaf_t *l = (xen_cpuid_leaf_t *)find(p, 0x80000001, 0);
    const xen_cpuid_leaf_t *one = find(p, 1, 0);

    if (boot_cpu.vendor != CPU_VENDOR_INTEL && l && one)
        l->d |= one->d & AMD_COMMON_EDX;
}

void __init policy_init(void)
{
    static const u32 max_mask[CPU_FEATURE_WORDS] __initdata = PV_MAX_FEATURES;
    static const u32 default_mask[CPU_FEATURE_WORDS] __initdata = PV_DEFAULT_FEATURES;

    host_policy_init();
    derive(&pv_max_policy, max_mask);
    derive(&pv_default_policy, default_mask);
    repeat_common(&pv_max_policy);
    repeat_common(&pv_default_policy);
}

int policy_domain_init(struct domain *d)
{
    d->arch.policy = mem_alloc_object(struct cpu_policy);
    if (!d->arch.policy)
        return -ENOMEM;
    *d->arch.policy = pv_default_policy;
    return 0;
}

void policy_domain_free(struct domain *d)
{
    mem_free(d->arch.policy);
    d->arch.policy = NULL;
}

static bool is_feature_reg(u32 leaf, u32 subleaf, unsigned int reg)
{
    for (unsigned int w = 0; w < NR_CPUID_WORDS; w++)
        if (word_place[w].leaf == leaf && word_place[w].subleaf == subleaf && word_place[w].reg == reg)
            return true;
    return false;
}

/* Feature bits must be among those that the most generous policy has; other registers are the
 * toolstack's to choose. */
static bool leaf_within_max(const xen_cpuid_leaf_t *l)
{
    u32 sub = l->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l->subleaf;
    const xen_cpuid_leaf_t *max = find(&pv_max_policy, l->leaf, sub);
    static const xen_cpuid_leaf_t none;

    if (!max)
        max = &none;
    for (unsigned int reg = REG_A; reg <= REG_D; reg++)
        if (is_feature_reg(l->leaf, sub, reg) &&
            *leaf_reg((xen_cpuid_leaf_t *)l, reg) & ~*leaf_reg((xen_cpuid_leaf_t *)max, reg))
            return false;
    return true;
}

int policy_domain_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned int n, unsigned int *bad)
{
    struct cpu_policy *p = d->arch.policy;

    for (unsigned int i = 0; i < n; i++) {
        *bad = i;
        if (!leaf_within_max(&leaves[i]))
            return -EINVAL;
    }
    for (unsigned int i = 0; i < n; i++) {
        u32 sub = leaves[i].subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : leaves[i].subleaf;
        xen_cpuid_leaf_t *l = (xen_cpuid_leaf_t *)find(p, leaves[i].leaf, sub);

        if (l)
            *l = leaves[i];
    }
    return 0;
}

void policy_features(const struct cpu_policy *p, u32 *words)
{
    for (unsigned int w = 0; w < NR_CPUID_WORDS; w++) {
        const xen_cpuid_leaf_t *l = find(p, word_place[w].leaf, word_place[w].subleaf);

        if (l)
            words[w] = *leaf_reg((xen_cpuid_leaf_t *)l, word_place[w].reg);
    }
}

bool policy_has(const struct domain *d, unsigned int feature)
{
    unsigned int w = feature / 32;
    const xen_cpuid_leaf_t *l;

    if (w >= NR_CPUID_WORDS)
        return false;
    l = find(d->arch.policy, word_place[w].leaf, word_place[w].subleaf);
    return l && *leaf_reg((xen_cpuid_leaf_t *)l, word_place[w].reg) >> (feature % 32) & 1;
}

/* Ours: 0x40000000.. (xen/arch-x86/cpuid.h). */
static struct cpuid_regs hypervisor_leaf(const struct vcpu *v, u32 leaf, u32 subleaf)
{
    struct cpuid_regs r = {};

    switch (leaf - 0x40000000) {
    case 0:
        r = (struct cpuid_regs){0x40000000 + XEN_CPUID_MAX_NUM_LEAVES, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                XEN_CPUID_SIGNATURE_EDX};
        break;
    case 1: r.a = 4 << 16 | 17; break;
    case 2:
        r.a = 1;
        r.b = 0x40000000;
        r.c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3:
        if (subleaf == 0) {
            r.a = (cpu_has(ITSC) ? 2 : 0) | (cpu_has(RDTSCP) ? 4 : 0);
            r.b = v->domain->arch.tsc_mode;
            r.c = v->domain->arch.tsc_khz;
        } else if (subleaf == 2) {
            r.a = v->domain->arch.tsc_khz;
        }
        break;
    case 5: r.b = boot_cpu.phys_bits; break;
    }
    return r;
}

#define EDX_MTRR (1U << 12)

static u32 host_has_mtrr(void) { return cpu_has(MTRR) ? EDX_MTRR : 0; }

static void dynamic(const struct vcpu *v, u32 leaf, u32 subleaf, struct cpuid_regs *r)
{
    switch (leaf) {
    case 1:
        r->b = (r->b & 0x0000ffff) | (v->id * 2) << 24 | min(v->domain->max_vcpus * 2, 255U) << 16;
        r->c &= ~(1U << 27);
        if (r->c & 1U << 26) /* a PV kernel takes OSXSAVE as our word that XSAVE is switched on */
            r->c |= 1U << 27;
        r->c |= 1U << 31;           /* runs under a hypervisor */
        if (v->domain->is_hardware) /* may know of them: XENPF_add_memtype */
            r->d |= host_has_mtrr();
        break;
    case 0xb:
        r->a = subleaf ? 8 : 1;
        r->b = subleaf ? v->domain->max_vcpus : 1;
        r->c = subleaf | (subleaf + 1) << 8;
        r->d = v->id * 2;
        break;
    case 0xd:
        if (subleaf == 0) /* size for what is enabled now */
            r->b = cpuid_count(0xd, 0).b;
        break;
    }
}

struct cpuid_regs policy_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf)
{
    const struct cpu_policy *p = v->domain->arch.policy;
    const xen_cpuid_leaf_t *l;
    struct cpuid_regs r = {};

    if (leaf >> 8 == 0x400000)
        return hypervisor_leaf(v, leaf, subleaf);
    l = find(p, leaf, subleaf);
    if (l)
        r = (struct cpuid_regs){l->a, l->b, l->c, l->d};
    dynamic(v, leaf, subleaf, &r);
    return r;
}
