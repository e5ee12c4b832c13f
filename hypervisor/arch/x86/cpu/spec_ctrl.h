/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mitigations of speculative execution at the border to guests: what the CPU reports as needed,
 * unless spec-ctrl=no.
 */
#ifndef ARCH_X86_CPU_SPEC_CTRL_H
#define ARCH_X86_CPU_SPEC_CTRL_H

struct domain;
struct vcpu;

/* First CPU, after cpu_identify: decides and says so in the log. */
void spec_ctrl_init(void);
/* Each CPU: cpu_info.spec_ctrl_flags, the settings that stay, page tables for isolated guests. */
void spec_ctrl_cpu_init(void);
/* From entry.S, on the way to a guest, interrupts off. */
void spec_ctrl_exit(void);
/* An HVM vCPU comes to this CPU, or changes its SPEC_CTRL: is there something to do at each exit and entry? */
void spec_ctrl_hvm_load(const struct vcpu *v);
/* From the vendors' loops where SCF_HVM_SPEC says so: the guest came out; it goes on, interrupts off. */
void spec_ctrl_hvm_enter(void);
void spec_ctrl_hvm_exit(void);
/* Shall d run on page tables of its own (arch/x86/pv/isolate.c)? */
bool spec_ctrl_isolates(const struct domain *d);
/* Another domain comes to this CPU: what the last one trained into the branch predictors is of no
 * use to it. */
void spec_ctrl_switch(struct vcpu *next);

#endif
