/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts: the vectors, their dispatch, handlers of our own, and the machine's interrupts that
 * guests own (pirqs). Implemented by arch/x86/platform/irq.c and pirq.c. Called by the entry code,
 * by the event channels and by our few drivers.
 */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

struct cpu_user_regs;
struct domain;
struct vcpu;

/*
 * 0x20..0x2f: where the masked 8259s may still spill; 0x30..0xef: devices (0x80 and 0x82 are
 * guests' traps); the highest class: between CPUs and from the local APIC.
 */
#define VECTOR_LEGACY       0x20
#define VECTOR_FIRST_DEVICE 0x30
#define VECTOR_LAST_DEVICE  0xef
#define VECTOR_TIMER        0xf8
#define VECTOR_CALL         0xf9
#define VECTOR_EVENT_CHECK  0xfb
#define VECTOR_ERROR        0xfe
#define VECTOR_SPURIOUS     0xff

/*
 * From the entry code, for vectors 32..255 that are not a guest's software interrupt:
 * regs->entry_vector. Interrupts off, any context. Softirqs that it raises are seen on the way out.
 */
void do_irq(struct cpu_user_regs *regs);

/*
 * Our own driver takes a GSI: fn(data) runs in interrupt context. Configured as the firmware says
 * (ISA: edge, high; else level, low). 0, -EBUSY when somebody has it, -ENODEV when no IO-APIC has
 * this GSI. Boot context, after irq_init.
 */
int irq_request(unsigned int gsi, void (*fn)(void *data), void *data);

/*
 * EVTCHNOP_bind_pirq: interrupts of d's pirq (as mapped by PHYSDEVOP_map_pirq or, for GSIs,
 * implicitly) go to evtchn_send_pirq(d, pirq) from now on, taken on v's CPU. Drivers of one domain
 * may share a line, domains may not. 0; -EINVAL not mapped or out of range; -EBUSY taken by others;
 * -ENOSPC no vector. No locks above LOCK_IRQ held.
 */
int pirq_guest_bind(struct vcpu *v, u32 pirq);
/* Undoes it; an interrupt in flight is finished. From closing the port. */
void pirq_guest_unbind(struct domain *d, u32 pirq);
/* The guest is ready for the next one (PHYSDEVOP_eoi). Below pirq_limit(). */
void pirq_guest_eoi(struct domain *d, u32 pirq);
/* EVTCHNOP_bind_vcpu moved the port of the pirq to v: the interrupt follows to its CPU. */
void pirq_set_affinity(struct domain *d, u32 pirq, const struct vcpu *v);
/* Domain life: how many numbers d has; gives all back. */
int pirq_domain_init(struct domain *d);
void pirq_domain_free(struct domain *d);

void irq_dump(void); /* debug key 'i' */

#endif
