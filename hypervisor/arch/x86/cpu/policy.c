/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID policies (policy.h). Feature words and where they stand in CPUID:
 * xen/arch-x86/cpufeatureset.h. Leaves: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E; the
 * hypervisor's own: xen/arch-x86/cpuid.h.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/cpu/policy.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <feature-masks.h>
#include <mm/heap.h>
#include <xen/arch-x86/cpuid.h>

struct cpu_policy host_policy, pv_max_policy, pv_default_policy, hvm_max_policy, hvm_default_policy;

static xen_cpuid_leaf_t *find(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
    if (subleaf == XEN_CPUID_NO_SUBLEAF)
        subleaf = 0;
    for (unsigned int i = 0; i < p->nr_leaves; i++) {
        const xen_cpuid_leaf_t *l = &p->leaf[i];

        if (l->leaf == leaf && (l->subleaf == XEN_CPUID_NO_SUBLEAF || l->subleaf == subleaf))
            return (xen_cpuid_leaf_t *)l;
    }
    return NULL;
}

/* Feature word w in a policy; NULL: the policy lacks the leaf. */
static u32 *word_of(const struct cpu_policy *p, unsigned int w)
{
    const struct feature_place *f = &feature_place[w];
    xen_cpuid_leaf_t *l = f->leaf ? find(p, f->leaf, f->subleaf) : NULL;

    return l ? &l->a + f->reg : NULL;
}

static void __init add(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
    struct cpuid_regs r = cpuid_count(leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf);

    if (p->nr_leaves < POLICY_MAX_LEAVES)
        p->leaf[p->nr_leaves++] = (xen_cpuid_leaf_t){leaf, subleaf, r.a, r.b, r.c, r.d};
}

/* How many subleaves of a leaf are worth a look; 0: it has none. */
static unsigned int __init subleaves(u32 leaf)
{
    switch (leaf) {
    case 4: return 6;
    case 7: return min(cpuid_count(7, 0).a, 2U) + 1;
    case 0xb: return 2;
    case 0xd: return 63;
    default: return 0;
    }
}

static void __init host_policy_init(void)
{
    u32 max_leaf = min(boot_cpu.max_leaf, 0xdU);
    u32 max_ext = min(boot_cpu.max_ext_leaf, 0x80000021U);

    for (u32 leaf = 0; leaf <= max_leaf; leaf++) {
        unsigned int n = subleaves(leaf);

        if (!n)
            add(&host_policy, leaf, XEN_CPUID_NO_SUBLEAF);
        for (u32 i = 0; i < n; i++)
            if (leaf != 0xd || i < 2 || boot_cpu.xcr0_mask >> i & 1)
                add(&host_policy, leaf, i);
    }
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
        case 0x80000007: /* power: the words keep the invariant TSC */ l->a = l->b = l->c = 0; break;
        case 0xd:
            if (l->subleaf == 1)
                l->b = l->c = l->d = 0;
            break;
        }
        /* MONITOR, power, performance counters, and what is reserved between them. */
        if (l->leaf >= 5 && l->leaf <= 0xc && l->leaf != 7 && l->leaf != 0xb)
            l->a = l->b = l->c = l->d = 0;
    }
}

/* AMD repeats word 0 in 0x80000001.EDX, which the feature list does not name: bits both leaves share. */
#define AMD_COMMON_EDX 0x0183f3ffU

/* Words 0 to 3 are there on every 64-bit CPU. */
static void __init derive(struct cpu_policy *p, const u32 *mask)
{
    *p = host_policy;
    hide(p);
    for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
        u32 *word = word_of(p, w);

        if (word)
            *word &= mask[w];
    }
    if (boot_cpu.vendor != CPU_VENDOR_INTEL)
        *word_of(p, 2) |= *word_of(p, 0) & AMD_COMMON_EDX;
}

#define EDX_HTT          (1U << 28)
#define ECX_X2APIC       (1U << 21)
#define ECX_TSC_DEADLINE (1U << 24)
#define ECX_CMP_LEGACY   2U

void __init policy_init(void)
{
    static const u32 max_mask[CPU_FEATURE_WORDS] __initdata = PV_MAX_FEATURES;
    static const u32 default_mask[CPU_FEATURE_WORDS] __initdata = PV_DEFAULT_FEATURES;
    static const u32 hvm_max_mask[CPU_FEATURE_WORDS] __initdata = HVM_MAX_FEATURES;
    static const u32 hvm_default_mask[CPU_FEATURE_WORDS] __initdata = HVM_DEFAULT_FEATURES;

    host_policy_init();
    derive(&pv_max_policy, max_mask);
    derive(&pv_default_policy, default_mask);
    derive(&hvm_max_policy, hvm_max_mask);
    derive(&hvm_default_policy, hvm_default_mask);
    /* What an HVM guest has of us whether the machine has it or not. */
    *word_of(&hvm_max_policy, 1) |= ECX_X2APIC | ECX_TSC_DEADLINE;
    *word_of(&hvm_default_policy, 1) |= ECX_X2APIC | ECX_TSC_DEADLINE;
    /* Which bits say how many CPUs there are the toolstack decides, by how many it gives. */
    *word_of(&hvm_max_policy, 0) |= EDX_HTT;
    *word_of(&hvm_max_policy, 3) |= ECX_CMP_LEGACY;
}

int policy_domain_init(struct domain *d)
{
    d->arch.policy = mem_alloc_object(struct cpu_policy);
    if (!d->arch.policy)
        return -ENOMEM;
    *d->arch.policy = d->is_hvm ? hvm_default_policy : pv_default_policy;
    return 0;
}

void policy_domain_free(struct domain *d)
{
    mem_free(d->arch.policy);
    d->arch.policy = NULL;
}

/* Feature bits must be among those that the most generous policy has; other registers are the
 * toolstack's to choose. */
static bool leaf_within_max(const struct domain *d, const xen_cpuid_leaf_t *l)
{
    u32 sub = l->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l->subleaf;

    for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
        const struct feature_place *f = &feature_place[w];
        const u32 *max;

        if (!f->leaf || f->leaf != l->leaf || f->subleaf != sub)
            continue;
        max = word_of(d->is_hvm ? &hvm_max_policy : &pv_max_policy, w);
        if ((&l->a)[f->reg] & ~(max ? *max : 0))
            return false;
    }
    return true;
}

int policy_domain_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned int n, unsigned int *bad)
{
    for (*bad = 0; *bad < n; (*bad)++)
        if (!leaf_within_max(d, &leaves[*bad]))
            return -EINVAL;
    for (unsigned int i = 0; i < n; i++) {
        xen_cpuid_leaf_t *l = find(d->arch.policy, leaves[i].leaf, leaves[i].subleaf);

        if (l)
            *l = leaves[i];
    }
    return 0;
}

void policy_features(const struct cpu_policy *p, u32 *words)
{
    for (unsigned int w = 0; w < CPU_FEATURE_WORDS; w++) {
        const u32 *word = word_of(p, w);

        if (word)
            words[w] = *word;
    }
}

bool policy_has(const struct domain *d, unsigned int feature)
{
    const u32 *word = word_of(d->arch.policy, feature / 32);

    return word && *word >> (feature % 32) & 1;
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
        r.c = v->is_hvm ? 0 : XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3:
        if (subleaf == 0) {
            r.a =
                (v->is_hvm && v->domain->arch.hvm->tsc_emulated) | (cpu_has(ITSC) ? 2 : 0) | (cpu_has(RDTSCP) ? 4 : 0);
            r.b = v->domain->arch.tsc_mode;
            r.c = v->domain->arch.tsc_khz;
            r.d = v->domain->arch.tsc_incarnation;
        } else if (subleaf == 1 && v->is_hvm) {
            r.a = v->arch.hvm.tsc_offset;
            r.b = v->arch.hvm.tsc_offset >> 32;
            r.c = v->arch.time.tsc_to_system_mul;
            r.d = v->arch.time.tsc_shift;
        } else if (subleaf == 2) {
            r.a = cpu_khz;
        }
        break;
    case 4:
        if (v->is_hvm && subleaf == 0) {
            r.a = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT;
            r.b = v->id;
            r.c = v->domain->id;
        }
        break;
    case 5: r.b = v->is_hvm ? 0 : boot_cpu.phys_bits; break;
    }
    return r;
}

#define EAX_XSAVEC  (1U << 1) /* of leaf 0xd, 1 */
#define EDX_APIC    (1U << 9)
#define EDX_MTRR    (1U << 12)
#define ECX_XSAVE   (1U << 26)
#define ECX_OSXSAVE (1U << 27)

static void dynamic(const struct vcpu *v, u32 leaf, u32 subleaf, struct cpuid_regs *r)
{
    switch (leaf) {
    case 1:
        r->b = (r->b & 0x0000ffff) | (v->id * 2) << 24 | min(v->domain->max_vcpus * 2, 255U) << 16;
        r->c &= ~ECX_OSXSAVE;
        /* A PV kernel takes OSXSAVE as our word that XSAVE is switched on. */
        if (v->is_hvm ? hvm_get_cr((struct vcpu *)v, 4) & X86_CR4_OSXSAVE : r->c & ECX_XSAVE)
            r->c |= ECX_OSXSAVE;
        if (v->is_hvm && !vlapic_enabled(v))
            r->d &= ~EDX_APIC;
        r->c |= 1U << 31;           /* runs under a hypervisor */
        if (v->domain->is_hardware) /* may know of them: XENPF_add_memtype */
            r->d |= cpu_has(MTRR) ? EDX_MTRR : 0;
        break;
    case 0xb:
        r->a = subleaf ? 8 : 1;
        r->b = subleaf ? v->domain->max_vcpus : 1;
        r->c = subleaf | (subleaf + 1) << 8;
        r->d = v->id * 2;
        break;
    case 0xd:
        if (subleaf == 0 || (subleaf == 1 && r->a & EAX_XSAVEC)) /* size for what is enabled now */
            r->b = cpuid_count(0xd, subleaf).b;
        break;
    }
}

void policy_cpuid(const struct vcpu *v, struct cpu_user_regs *regs)
{
    u32 leaf = regs->rax, subleaf = regs->rcx;
    struct cpuid_regs r = {};

    if (leaf >> 8 == 0x400000) {
        r = hypervisor_leaf(v, leaf, subleaf);
    } else {
        const xen_cpuid_leaf_t *l = find(v->domain->arch.policy, leaf, subleaf);

        if (l)
            r = (struct cpuid_regs){l->a, l->b, l->c, l->d};
        dynamic(v, leaf, subleaf, &r);
    }
    regs->rax = r.a;
    regs->rbx = r.b;
    regs->rcx = r.c;
    regs->rdx = r.d;
}
