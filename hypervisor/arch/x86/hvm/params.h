/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HVM parameters (xen/hvm/params.h): kept in hvm_domain.params, by the rules of hvm_op.c.
 */
#ifndef ARCH_X86_HVM_PARAMS_H
#define ARCH_X86_HVM_PARAMS_H

struct domain;

/* Those that a new domain does not start with 0; hvm_domain.emulation_flags is set. */
void hvm_params_init(struct domain *d);

#endif
