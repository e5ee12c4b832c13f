/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM parameters (xen/hvm/params.h): kept in hvm_domain.params, by the rules of hvm_op.c.
 */
#ifndef ARCH_X86_HVM_PARAMS_H
#define ARCH_X86_HVM_PARAMS_H

struct domain;
struct vcpu;

/* The pages that v's domain shares with us are laid out as the code that v runs expects them: when the hypercall page
 * or the shared page is asked for, or HVM_PARAM_CALLBACK_IRQ set. v is current. */
void hvm_latch_width(struct vcpu *v);

/* Those that a new domain does not start with 0; hvm_domain.emulation_flags is set. */
void hvm_params_init(struct domain *d);

#endif
