/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a domain and how they reach each other: private to hvm/platform/. The state of one is its record of
 * the HVM context, and what that leaves out.
 *
 * Functions that take a struct platform are called under its lock unless said otherwise.
 */
#ifndef ARCH_X86_HVM_PLATFORM_PRIVATE_H
#define ARCH_X86_HVM_PLATFORM_PRIVATE_H

#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/hvm/platform/vtimer.h>
#include <lib/lib.h>
#include <xen/hvm/save.h>

#define NR_PINS VIOAPIC_NUM_PINS

#define IOAPIC_ADDRESS 0xfec00000UL
#define HPET_ADDRESS   0xfed00000UL

#define HPET_CONFIG_ENABLE 1UL
#define HPET_CONFIG_LEGACY 2UL

/*
 * A line is where devices pull: numbers below 16 are ISA irqs, which reach the 8259 pair as well, the others IO-APIC
 * pins alone. Only line 0 has another pin than its number: 2, where a PC has its timer.
 */
static inline unsigned int line_pin(unsigned int line) { return line ? line : 2; }

/* Timers of the devices but the local APICs'. */
enum { TIMER_PIT, TIMER_RTC_PERIODIC, TIMER_RTC_UPDATE, TIMER_PM, TIMER_HPET, NR_TIMERS = TIMER_HPET + HPET_TIMER_NUM };

struct platform {
    struct domain *d;
    u32 flags;                /* XEN_X86_EMU_* */
    unsigned int lowest_turn; /* vCPU to be asked first by the next lowest-priority message */
    struct spinlock lock;     /* guards all below; interrupts off */

    /* lines.c */
    struct hvm_hw_isa_irqs isa; /* asserted by device models */
    struct hvm_hw_pci_irqs pci; /* device * 4 + intx */
    struct hvm_hw_pci_link links;
    unsigned long own_wires; /* lines that devices here assert */
    bool callback_is_intx, callback_asserted;
    u8 callback_wire; /* line (0: none), or device * 4 + intx */
    u64 lines;        /* what follows: those that anybody asserts */

    struct hvm_hw_vioapic ioapic;
    struct hvm_hw_vpic pic[2];
    struct {
        struct hvm_hw_pit hw;
        s_time_t loaded[3]; /* when it began to count */
        u64 stopped[3];     /* ticks counted before the gate stopped it */
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
        u64 at;   /* tick of system time that tmr_val belongs to */
        u16 base; /* first port */
    } pm;
    struct vtimer timers[NR_TIMERS];
};

static inline bool platform_has(const struct platform *p, u32 flag) { return p->flags & flag; }

/* A clock of hz that started with system time. No lock. */
static inline u64 ns_to_ticks(u64 ns, u32 hz) { return ns / 1000000000 * hz + ns % 1000000000 * hz / 1000000000; }
static inline u64 ticks_to_ns(u64 ticks, u32 hz) { return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz; }

/* lines.c: a source of lines changed: controllers are told of what follows. */
void lines_update(struct platform *p);
/* A device of the hypervisor pulls its line, or gives it up. */
void own_line_set(struct platform *p, unsigned int line, bool level);
/* A rising edge and no more: the controllers of edge interrupts keep it. */
void own_line_pulse(struct platform *p, unsigned int line);
/* The wire of the event callback is as vCPU 0's pending flag says. */
void callback_update(struct platform *p);
static inline bool line_asserted(const struct platform *p, unsigned int line) { return p->lines >> line & 1; }

/* ioapic.c */
void vioapic_init(struct platform *p);
void vioapic_line(struct platform *p, unsigned int line); /* it rose */
/* Whether pin 0 passes the 8259 pair's output on to the local APIC with this number. Without locks. */
bool vioapic_extint(const struct platform *p, unsigned int id);
/* A local APIC broadcasts the end of a level interrupt. Takes the lock. */
void vioapic_eoi(struct domain *d, u8 vector);

/* pic.c */
void vpic_init(struct platform *p);
void vpic_line(struct platform *p, unsigned int irq); /* it rose or fell */
u8 vpic_acknowledge(struct platform *p);

/* pit.c, hpet.c, rtc.c, pm.c: _init also as after power-on */
void vpit_init(struct platform *p);
void vhpet_init(struct platform *p);
void vrtc_init(struct platform *p);
void vpm_init(struct platform *p);
/* Timer 0 and 1 of the HPET took the lines of PIT and RTC. */
static inline bool vhpet_legacy(const struct platform *p) { return p->hpet.hw.config & HPET_CONFIG_LEGACY; }

/* A timer fired. */
void vpit_fired(struct vtimer *t);
void vrtc_periodic_fired(struct vtimer *t);
void vrtc_update_fired(struct vtimer *t);
void vpm_fired(struct vtimer *t);
void vhpet_fired(struct vtimer *t);

/* Registers as platform.c's table has them. reg: low bits of the address; a write has bits only where mask has. */
#define DECLARE_REGISTERS(name)                            \
    u64 name##_read(struct platform *p, unsigned int reg); \
    void name##_write(struct platform *p, unsigned int reg, u64 value, u64 mask)
DECLARE_REGISTERS(vpic);
DECLARE_REGISTERS(vpit);
DECLARE_REGISTERS(vspeaker);
DECLARE_REGISTERS(vrtc);
DECLARE_REGISTERS(vpm);
DECLARE_REGISTERS(vioapic);
DECLARE_REGISTERS(vhpet);

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

#endif
