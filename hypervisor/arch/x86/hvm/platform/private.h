/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a domain and how they reach each other: private to hvm/platform/. The state of one is its record of
 * the HVM context, and what that leaves out.
 *
 * Functions that take a struct platform are called under its lock unless said otherwise.
 */
#ifndef ARCH_X86_HVM_PLATFORM_PRIVATE_H
#define ARCH_X86_HVM_PLATFORM_PRIVATE_H

#include <arch/x86/cpu/apic.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>
#include <time/timer.h>
#include <xen/hvm/save.h>

/* ---- vtimer.c ---- */

/*
 * A timer of a virtual device. It is guarded by the device's own lock, and follows one policy for ticks that came too
 * late to be told one by one: time goes on, the ones missed are not made up for (HVMPTM_no_missed_ticks_pending).
 *
 * What a guest can make the host do by timers is bounded: a periodic one has a shortest period, and it rests while
 * nobody runs whom it is for. One that fires wakes whom it is for, if that one wants to hear of it, and goes on when he
 * has a CPU again: so a guest pays for its ticks by its own time, however many vCPUs and timers it has.
 */

/* No guest has ticks from one source closer than this: 10 kHz is more than any real one asks for (RTC: 8192 Hz). */
#define VTIMER_MIN_PERIOD MICROSECS(100)

struct vtimer;
typedef void vtimer_fired_t(struct vtimer *t); /* under its lock, from the timer softirq */

struct vtimer {
    struct timer timer;
    struct domain *domain;
    struct vcpu *v;        /* whom it is for; NULL: all of the domain */
    struct spinlock *lock; /* guards what follows; taken with interrupts off */
    vtimer_fired_t *fired;
    s_time_t due, period; /* system time; period 0: once */
    bool armed, resting;
};

void vtimer_init(struct vtimer *t, struct domain *d, struct vcpu *v, struct spinlock *lock, vtimer_fired_t *fired);
/* On the CPU where the vCPU is (vCPU 0, if it is for all) fires at `due`, then every `period` (0: not again), which is
 * raised to VTIMER_MIN_PERIOD; or not any more, if it is not wanted. Under its lock. */
void vtimer_arm(struct vtimer *t, bool wanted, s_time_t due, s_time_t period);
/* One for whom it is has got a CPU: goes on if it rested. Behind a full barrier after is_running was set. */
void vtimer_resume(struct vtimer *t);

/* ---- the devices ---- */

#define NR_PINS VIOAPIC_NUM_PINS

#define IOAPIC_ADDRESS 0xfec00000UL
#define HPET_ADDRESS   0xfed00000UL

#define HPET_CONFIG_ENABLE 1UL
#define HPET_CONFIG_LEGACY 2UL

/* Timers of the devices but the local APICs'. */
enum { TIMER_PIT, TIMER_RTC_PERIODIC, TIMER_RTC_UPDATE, TIMER_PM, TIMER_HPET, NR_TIMERS = TIMER_HPET + HPET_TIMER_NUM };

struct platform {
    struct domain *d;
    bool board;               /* it has the devices of a PC; else only the local APICs */
    unsigned int lowest_turn; /* vCPU to be asked first by the next lowest-priority message */
    struct spinlock lock;     /* guards all below; interrupts off */

    /* lines.c */
    struct hvm_hw_isa_irqs isa; /* asserted by device models */
    struct hvm_hw_pci_irqs pci; /* device * 4 + intx */
    struct hvm_hw_pci_link links;
    u64 own_wires; /* lines that devices here assert */
    bool callback_is_intx, callback_asserted;
    u8 callback_wire; /* line (0: none), or device * 4 + intx */
    u64 lines;        /* what follows: those that anybody asserts */

    struct hvm_hw_vioapic ioapic;
    struct hvm_hw_vpic pic[2];
    struct {
        struct hvm_hw_pit hw;
        s_time_t loaded[3]; /* when it began to count */
        u64 stopped;        /* ticks that channel 2 counted before its gate stopped it */
    } pit;
    struct {
        struct hvm_hw_hpet hw;
        u64 at; /* tick of system time up to which hw is */
    } hpet;
    struct {
        struct hvm_hw_rtc hw;
        s_time_t read_c; /* when register C was read last */
    } rtc;
    struct {
        struct hvm_hw_pmtimer hw;
        u64 at; /* tick of system time that tmr_val belongs to */
    } pm;
    struct vtimer timers[NR_TIMERS];
};

/* A clock of hz that started with system time. No lock. */
static inline u64 ns_to_ticks(u64 ns, u32 hz) { return ns / 1000000000 * hz + ns % 1000000000 * hz / 1000000000; }
static inline u64 ticks_to_ns(u64 ticks, u32 hz) { return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz; }

/*
 * lines.c. A line is where devices pull: numbers below 16 are ISA irqs, which reach the 8259 pair as well, the others
 * IO-APIC pins alone. Only line 0 has another pin than its number: 2, where a PC has its timer.
 *
 * A source of lines changed: controllers are told of what follows.
 */
void lines_update(struct platform *p);
/* Of these lines the devices of the hypervisor assert those. */
void own_lines_set(struct platform *p, u64 lines, u64 asserted);
/* A device of the hypervisor pulls its line, or gives it up. */
static inline void own_line_set(struct platform *p, unsigned int line, bool level)
{
    own_lines_set(p, 1UL << line, (u64)level << line);
}
/* A rising edge and no more: the controllers of edge interrupts keep it. */
void own_line_pulse(struct platform *p, u64 line);
/* The wire of the event callback is as vCPU 0's pending flag says. */
void callback_update(struct platform *p);
static inline bool line_asserted(const struct platform *p, unsigned int line) { return p->lines >> line & 1; }

/* ioapic.c */
void vioapic_deliver(struct platform *p, unsigned int pin); /* its line is asserted */
/* Whether pin 0 passes the 8259 pair's output on to the local APIC with this number. Without locks. */
bool vioapic_extint(const struct platform *p, unsigned int id);
/* A local APIC broadcasts the end of a level interrupt. Takes the lock. */
void vioapic_eoi(struct domain *d, u8 vector);

/* pic.c */
void vpic_lines(struct platform *p, u16 risen); /* some changed; those that rose */
u8 vpic_acknowledge(struct platform *p);

/* pit.c, hpet.c, rtc.c, pm.c. Timer 0 and 1 of the HPET took the lines of PIT and RTC. */
static inline bool vhpet_legacy(const struct platform *p) { return p->hpet.hw.config & HPET_CONFIG_LEGACY; }
vtimer_fired_t vpit_fired, vhpet_fired, vrtc_periodic_fired, vrtc_update_fired, vpm_fired;

/* As after power-on. */
typedef void device_init_t(struct platform *p);
device_init_t vpic_init, vioapic_init, vpit_init, vhpet_init, vrtc_init, vpm_init;

/* Registers as platform.c's table has them. reg: low bits of the address; a write has bits only where mask has. */
typedef u64 register_read_t(struct platform *p, unsigned int reg);
typedef void register_write_t(struct platform *p, unsigned int reg, u64 value, u64 mask);
register_read_t vpic_read, vpit_read, vspeaker_read, vrtc_read, vpm_read, vioapic_read, vhpet_read;
register_write_t vpic_write, vpit_write, vspeaker_write, vrtc_write, vpm_write, vioapic_write, vhpet_write;

/* The state brought up to date, where it is not always. */
struct hvm_hw_lapic *vlapic_state(struct platform *p, unsigned int n);
struct hvm_hw_lapic_regs *vlapic_regs_state(struct platform *p, unsigned int n);
struct hvm_hw_rtc *vrtc_state(struct platform *p);
struct hvm_hw_hpet *vhpet_state(struct platform *p);
struct hvm_hw_pmtimer *vpm_state(struct platform *p);

/* A record was loaded into the state of instance n. -EINVAL: it cannot be, nothing else has changed. */
typedef int record_resume_t(struct platform *p, unsigned int n);
record_resume_t vlapic_resume, vlapic_regs_resume, lines_resume, vioapic_resume, vpic_resume, vpit_resume, vrtc_resume,
    vhpet_resume, vpm_resume;

/* ---- the local APIC: vlapic.c has the registers and what is accepted, vlapic_ipi.c who is meant by a message,
 * vlapic_timer.c the timer ---- */

/*
 * No lock guards the registers: all but IRR, TMR and the errors are changed by the vCPU itself (or while it is paused);
 * those three by atomic operations of anybody. The timer has a lock, because it fires on its own.
 */

#define APIC_BASE_BSP    (1UL << 8)
#define APIC_BASE_X2APIC (1UL << 10)
#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_ADDR   0xfee00000UL

/* Delivery modes of messages, LVT entries and IO-APIC pins. */
enum apic_mode { AM_FIXED, AM_LOWEST, AM_SMI, AM_REMOTE_READ, AM_NMI, AM_INIT, AM_STARTUP, AM_EXTINT };

/* A message: ICR, redirection entries and MSI's data have it in the same bits. */
#define MESSAGE_MODE(low) ((low) >> 8 & 7)
#define MESSAGE_LOGICAL   (1U << 11)
#define MESSAGE_LEVEL     (1U << 15)
/* dest: APIC id, or set of them; of 8 bits, all ones mean all. */
#define DEST_ALL 0xffffffffU
static inline u32 dest_of_8_bits(u8 dest) { return dest == 0xff ? DEST_ALL : dest; }

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
int platform_message(struct domain *d, u32 low, u32 dest);
void vlapic_icr_written(struct vlapic *l, u32 low, u32 dest);

/* vlapic_timer.c; the current vCPU's, or a paused one's */
vtimer_fired_t vlapic_timer_fired;
unsigned int vlapic_timer_divisor(const struct vlapic *l);
u32 vlapic_timer_count(const struct vlapic *l);
void vlapic_timer_write(struct vlapic *l, unsigned int reg, u32 value); /* LVT_TIMER, TIMER_INIT, TIMER_DIVIDE */
void vlapic_deadline_write(struct vlapic *l, u64 tsc);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_resume(struct vlapic *l); /* after regs and deadline were loaded */

#endif
