/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC inside: private to hvm/platform/. vlapic.c has the registers and what is accepted,
 * vlapic_ipi.c who is meant by a message, vlapic_timer.c the timer.
 *
 * No lock guards the registers: all but IRR, TMR and the errors are changed by the vCPU itself (or while it is paused);
 * those three by atomic operations of anybody. The timer has a lock, because it fires on its own.
 */
#ifndef ARCH_X86_HVM_PLATFORM_VLAPIC_H
#define ARCH_X86_HVM_PLATFORM_VLAPIC_H

#include <arch/x86/cpu/apic.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/hvm/platform/vtimer.h>
#include <xen/hvm/save.h>

#define APIC_BASE_BSP    (1UL << 8)
#define APIC_BASE_X2APIC (1UL << 10)
#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_ADDR   0xfee00000UL

/* Delivery modes of messages, LVT entries and IO-APIC pins. */
enum apic_mode { AM_FIXED, AM_LOWEST, AM_SMI, AM_REMOTE_READ, AM_NMI, AM_INIT, AM_STARTUP, AM_EXTINT };

#define APIC_DEST_ALL 0xffffffffU

struct apic_message {
    u32 dest; /* APIC id, or set of them; APIC_DEST_ALL: every one */
    u8 vector, mode;
    bool logical, level;
};

struct vlapic {
    struct vcpu *v;
    struct hvm_hw_lapic hw;
    u32 regs[256]; /* the page's first KB: register at offset n is regs[n / 4] */
    u8 irr_words;  /* words of IRR that may have a bit set; atomic */
    u8 isr_words;  /* words of ISR that have */
    u8 start;      /* VLAPIC_START_*, atomic */
    u8 sipi_vector;
    u32 errors; /* to be shown by ESR when it is written next; atomic */

    struct spinlock lock; /* the timer */
    struct vtimer timer;
    s_time_t timer_began; /* when the count was TIMER_INIT */
};

#define VLAPIC_START_INIT 1
#define VLAPIC_START_SIPI 2

static inline u32 vlapic_reg(const struct vlapic *l, unsigned int reg) { return READ_ONCE(l->regs[reg / 4]); }
static inline bool vlapic_x2(const struct vlapic *l) { return l->hw.apic_base_msr & APIC_BASE_X2APIC; }
static inline bool vlapic_hw_enabled(const struct vlapic *l) { return l->hw.apic_base_msr & APIC_BASE_ENABLE; }
/* By the spurious-interrupt register as well: accepts interrupts. */
static inline bool vlapic_sw_enabled(const struct vlapic *l)
{
    return vlapic_hw_enabled(l) && vlapic_reg(l, APIC_SPIV) & APIC_SPIV_ENABLE;
}
/* vlapic.c */
void vlapic_accept(struct vlapic *l, u8 vector, bool level);
/* Sets ESR bits, and tells of it if the guest wants to be told. */
void vlapic_error(struct vlapic *l, u32 bits);
void vlapic_init_regs(struct vlapic *l);
/* The highest vector in IRR that may be delivered now, -1: none. */
int vlapic_pending(struct vlapic *l);
void vlapic_take(struct vlapic *l, u8 vector);
/* LINT0 shows this CPU the interrupts of the 8259 pair: as ExtINT / as an interrupt of its own. */
bool vlapic_extint(const struct vlapic *l);
void vlapic_pic_edge(struct vlapic *l);
hvm_io_access_t vlapic_mmio;

/* vlapic_ipi.c */
/* 0; -ESRCH: lowest priority, and nobody there is to take it. Any context. */
int platform_message(struct domain *d, const struct apic_message *m);
void vlapic_icr_written(struct vlapic *l, u32 low, u32 dest);

/* vlapic_timer.c; the current vCPU's, or a paused one's */
void vlapic_timer_setup(struct vlapic *l);
unsigned int vlapic_timer_divisor(const struct vlapic *l);
u32 vlapic_timer_count(const struct vlapic *l);
void vlapic_timer_write(struct vlapic *l, unsigned int reg, u32 value); /* LVT_TIMER, TIMER_INIT, TIMER_DIVIDE */
void vlapic_deadline_write(struct vlapic *l, u64 tsc);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_resume(struct vlapic *l); /* after regs and deadline were loaded */

#endif
