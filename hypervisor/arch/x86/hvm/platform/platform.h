/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual platform of HVM and PVH guests as the rest of the hypervisor sees it: local APIC, IO-APIC, 8259 pair,
 * PIT, HPET, RTC, power management registers, and the wires between them. A domain has all of them, or the local APICs
 * alone: XEN_X86_EMU_* says it when it is created. Everything else of a machine is a device model's (hvm/ioreq.c).
 *
 * Inside, devices are plain state machines (private.h): time comes from arch_read_clock(), interrupts go to a virtual
 * local APIC or to the 8259 pair, and vCPUs are woken by hvm_wake(). One lock per domain (LOCK_VPLATFORM) guards all
 * devices but the local APICs; interrupts are off under it, so wires may be driven in any context.
 */
#ifndef ARCH_X86_HVM_PLATFORM_PLATFORM_H
#define ARCH_X86_HVM_PLATFORM_PLATFORM_H

#include <arch/x86/hvm/io.h>

/* ---- life ---- */

/* The devices of d (XEN_X86_EMU_*: all or LAPIC alone, checked by the caller), before its vCPUs: at most 128, as an
 * APIC id is twice a vCPU's number. 0 or -ENOMEM. */
int platform_domain_create(struct domain *d, u32 emulation_flags);
/* From the end of the domain, no vCPU runs any more: timers stop for good, memory goes back. Also after a failed
 * creation, and twice. */
void platform_domain_free(struct domain *d);
int platform_vcpu_create(struct vcpu *v); /* 0 or -ENOMEM */
void platform_vcpu_free(struct vcpu *v);
/* v's local APIC becomes as after power-on (a domain's soft reset, S3). v is paused or current. */
void platform_vcpu_reset(struct vcpu *v);
/* S3: all devices become as after power-on. All vCPUs are paused. */
void platform_domain_reset(struct domain *d);

/* ---- on the way into the guest ---- */

/* v was given a CPU: what of its timers rested meanwhile goes on. Interrupts off. */
void platform_vcpu_load(struct vcpu *v);
/*
 * First thing on the way in, before softirqs are looked at: carries out INIT and SIPI that others sent v. After INIT v
 * is VPF_DOWN and SOFTIRQ_SCHEDULE is raised. v is current, interrupts on.
 */
void platform_vcpu_entry(struct vcpu *v);

enum hvm_interrupt_source {
    HVM_INTERRUPT_UPCALL, /* callback vector: events are pending in vcpu_info */
    HVM_INTERRUPT_PIC,    /* the 8259 pair by way of LINT0: the vector is known after _ack only */
    HVM_INTERRUPT_LAPIC,
};
struct hvm_interrupt {
    u8 source; /* HVM_INTERRUPT_* */
    u8 vector;
};

/*
 * Is there an external interrupt for v that its priority registers let through, or an upcall if those are asked for?
 * EFLAGS.IF and shadows are the caller's business. v is current or does not run; interrupts on or off.
 */
bool platform_interrupt(struct vcpu *v, bool upcalls, struct hvm_interrupt *out);
/* The CPU takes it: i->vector is what to inject, now for certain. v is current. */
void platform_interrupt_ack(struct vcpu *v, struct hvm_interrupt *i);

/* ---- the local APIC's registers that are no memory ---- */

/* Is v's local APIC enabled in MSR_APIC_BASE (CPUID leaf 1, EDX.APIC)? */
bool vlapic_enabled(const struct vcpu *v);
/* IA32_APIC_BASE, IA32_TSC_DEADLINE, 0x800-0x8ff. v is current. 0; -EINVAL: #GP. */
int vlapic_read_msr(struct vcpu *v, u32 msr, u64 *value);
int vlapic_write_msr(struct vcpu *v, u32 msr, u64 value);
/* CR8: bits 7:4 of the task priority. The writer checked that it is below 16. */
unsigned int vlapic_get_cr8(const struct vcpu *v);
void vlapic_set_cr8(struct vcpu *v, unsigned int cr8);

/* ---- interrupts from devices; any context that may take LOCK_VPLATFORM, interrupts on or off ---- */

/* Wires. An irq of the ISA bus (0-15) also reaches the IO-APIC (irq 0: pin 2). Driving a wire twice the same way is
 * no second time. */
void hvm_isa_irq_set(struct domain *d, unsigned int irq, bool level);
/* device 0-31 of bus 0, intx 0-3: reaches its own IO-APIC pin (16-47) and one of four links. */
void hvm_pci_intx_set(struct domain *d, unsigned int device, unsigned int intx, bool level);
/* Link 0-3 goes to this ISA irq, 0: nowhere. */
void hvm_pci_link_route(struct domain *d, unsigned int link, u8 irq);
/* A message-signalled interrupt, as written to memory (Intel SDM vol. 3, "Message Signalled Interrupts"). 0, -EINVAL:
 * its delivery mode is none of MSI. */
int hvm_msi(struct domain *d, u64 address, u32 data);
/* An edge into v's local APIC; vector 16-255. */
void vlapic_interrupt(struct vcpu *v, u8 vector);

/* HVM_PARAM_CALLBACK_IRQ: how events are told (xen/hvm/params.h). What cannot be: not at all. */
void hvm_set_callback_via(struct domain *d, u64 via);
/* HVMOP_set_evtchn_upcall_vector: v is told of events by this vector of its local APIC; 0: as the others. -EINVAL:
 * 1-15. */
int hvm_set_upcall_vector(struct vcpu *v, u8 vector);
/* vcpu_info.evtchn_upcall_pending of v was set. Any context. */
void platform_events_pending(struct vcpu *v);

/* XEN_DOMCTL_sendtrigger: the buttons. -ENODEV: d has no power management registers. */
int hvm_acpi_button(struct domain *d, bool sleep);

/* ---- accesses by the guest ---- */

/* Who has this port or guest physical address in the hypervisor; NULL: nobody. v is current. */
hvm_io_access_t *platform_port(const struct vcpu *v, u16 port);
hvm_io_access_t *platform_mmio(const struct vcpu *v, u64 gpa);

#endif
