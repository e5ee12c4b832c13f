/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID shows to guests: one table of leaves per domain, made from what the machine has and
 * what a guest of its kind may use, readable and settable by the control ABI. The leaves that
 * depend on the vCPU or on our own interface are worked out when asked.
 */
#ifndef ARCH_X86_CPU_POLICY_H
#define ARCH_X86_CPU_POLICY_H

#include <asm/system.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/xen.h>

struct domain;
struct vcpu;

#define POLICY_MAX_LEAVES 64

struct cpu_policy {
    unsigned int nr_leaves;
    xen_cpuid_leaf_t leaf[POLICY_MAX_LEAVES]; /* by rising (leaf, subleaf); no hypervisor leaves */
};

/* Boot, after cpu_identify: the policies of the host and of guests of each kind (the most, and the default). */
void policy_init(void);
extern struct cpu_policy host_policy, pv_max_policy, pv_default_policy, hvm_max_policy, hvm_default_policy;

/* Its feature words, CPU_FEATURE_WORDS of them. */
void policy_features(const struct cpu_policy *p, u32 *words);

/* d->arch.policy becomes a copy of the default. 0 or -ENOMEM. */
int policy_domain_init(struct domain *d);
void policy_domain_free(struct domain *d);
/* Replaces it: each leaf must be within pv_max_policy or hvm_max_policy. 0; -EINVAL with *bad the index of the leaf
 * that is not. Paused domain. */
int policy_domain_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned int n, unsigned int *bad);

/* CPUID as v sees it, by RAX and RCX. v is current. */
void policy_cpuid(const struct vcpu *v, struct cpu_user_regs *regs);
/* A feature of xen/arch-x86/cpufeatureset.h, by number. */
bool policy_has(const struct domain *d, unsigned int feature);
#define guest_cpu_has(d, name) policy_has(d, XEN_X86_FEATURE_##name)

#endif
