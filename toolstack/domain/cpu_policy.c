/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shaping of cpu_policy.h. Topology: all vCPUs are cores of one package; their APIC identifiers
 * are even (acpi.h), so the package has twice as many identifiers. Leaves are those of the Intel SDM
 * (volume 2, CPUID) and the AMD APM (volume 3, appendix E).
 */
#include "cpu_policy.h"

#include <string.h>

#include "acpi.h"

enum { EAX, EBX, ECX, EDX };

#define HTT      (1u << 28) /* leaf 1, EDX */
#define PAE      (1u << 6)
#define APIC     (1u << 9)
#define NX       (1u << 20) /* leaf 0x80000001, EDX */
#define CACHE_L3 3

static uint32_t *reg(xen_cpuid_leaf_t *l, unsigned int which)
{
    uint32_t *regs[] = {&l->a, &l->b, &l->c, &l->d};

    return regs[which];
}

static xen_cpuid_leaf_t *find(const xen_cpuid_leaf_t *leaves, uint32_t count, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < count; i++)
        if (leaves[i].leaf == leaf && (leaves[i].subleaf == subleaf || leaves[i].subleaf == XEN_CPUID_NO_SUBLEAF))
            return (xen_cpuid_leaf_t *)&leaves[i];
    return NULL;
}

static void field(uint32_t *r, unsigned int shift, unsigned int bits, uint32_t value)
{
    uint32_t max = (1u << bits) - 1;

    *r = (*r & ~(max << shift)) | (value < max ? value : max) << shift;
}

static void shape_topology(xen_cpuid_leaf_t *leaves, uint32_t count, unsigned int vcpus)
{
    xen_cpuid_leaf_t *l = find(leaves, count, 0, 0);
    bool amd = l && (l->d == 0x69746e65 || l->d == 0x6e65476e); /* "Auth|enti|cAMD", "Hygo|nGen|uine" */
    unsigned int bits = 0;

    while (1u << bits <= acpi_apic_id(vcpus - 1))
        bits++;
    l = find(leaves, count, 1, 0);
    if (l) {
        l->d |= HTT;
        field(&l->b, 16, 8, 1u << bits);
    }
    for (uint32_t i = 0; i < count; i++) {
        l = &leaves[i];
        if (l->leaf != 4 || !(l->a & 31))
            continue;
        field(&l->a, 26, 6, (1u << bits) - 1);
        field(&l->a, 14, 12, (l->a >> 5 & 7) >= CACHE_L3 ? (1u << bits) - 1 : 0);
    }
    l = find(leaves, count, 0x80000008, 0);
    if (l && amd) {
        field(&l->c, 0, 8, (1u << bits) - 1);
        field(&l->c, 12, 4, bits);
    }
}

static void clear(xen_cpuid_leaf_t *leaves, uint32_t count, uint32_t leaf, uint32_t edx)
{
    xen_cpuid_leaf_t *l = find(leaves, count, leaf, 0);

    if (l)
        l->d &= ~edx;
}

/* Bits come highest first: 0, 1, x (default), k and s (as the host has it). */
static int apply(xen_cpuid_leaf_t *leaves, uint32_t count, const xen_cpuid_leaf_t *host, uint32_t host_count,
                 const struct cpuid_rule *r, struct err **err)
{
    xen_cpuid_leaf_t *l = find(leaves, count, r->leaf, r->subleaf);
    const xen_cpuid_leaf_t *h = find(host, host_count, r->leaf, r->subleaf);

    if (!l)
        return err_new(err, ERR_INVAL, "cpuid: the hypervisor has no leaf %#x for guests", r->leaf);
    for (unsigned int i = 0; i < 32; i++) {
        uint32_t bit = 1u << (31 - i), *value = reg(l, r->reg);

        if (r->bits[i] == '0')
            *value &= ~bit;
        if (r->bits[i] == '1')
            *value |= bit;
        if ((r->bits[i] == 'k' || r->bits[i] == 's') && h)
            *value = (*value & ~bit) | (*reg((xen_cpuid_leaf_t *)h, r->reg) & bit);
    }
    return 0;
}

int cpu_policy_shape(xen_cpuid_leaf_t *leaves, uint32_t count, const xen_cpuid_leaf_t *host, uint32_t host_count,
                     const struct guest_config *cfg, struct err **err)
{
    shape_topology(leaves, count, cfg->max_vcpus);
    if (!cfg->hvm.pae)
        clear(leaves, count, 1, PAE);
    if (!cfg->hvm.apic)
        clear(leaves, count, 1, APIC);
    if (!cfg->hvm.nx)
        clear(leaves, count, 0x80000001, NX);
    for (unsigned int i = 0; i < cfg->nr_cpuid; i++)
        if (apply(leaves, count, host, host_count, &cfg->cpuid[i], err) < 0)
            return -1;
    return 0;
}
