/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: physical interrupts that guests own: the part that the event channels call (see the x86
 * twin for what each must do).
 */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

struct domain;
struct vcpu;

#define HOST_PIRQS 32U

int pirq_guest_bind(struct vcpu *v, u32 pirq);
void pirq_guest_unbind(struct domain *d, u32 pirq);
void pirq_guest_eoi(struct domain *d, u32 pirq);
void pirq_set_affinity(struct domain *d, u32 pirq, const struct vcpu *v);

/* For tests: who has the interrupt, and how often it was made ready again. */
extern struct domain *host_pirq_owner[HOST_PIRQS];
extern unsigned long host_pirq_eois[HOST_PIRQS];

#endif
