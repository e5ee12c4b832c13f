/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a domain and how they reach each other: private to hvm/platform/. Where the record of the HVM context
 * is a good form for a device's state, it is the state.
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

/*
 * A line is where devices pull: numbers below 16 are ISA irqs, which reach the 8259 pair as well, the others IO-APIC
 * pins alone. Only line 0 has another pin than its number: 2, where a PC has its timer.
 */
static inline unsigned int line_pin(unsigned int line) { return line ? line : 2; }

struct vpit_channel_time {
    s_time_t loaded; /* when it began to count */
    u64 stopped;     /* ticks counted before the gate stopped it */
};

struct vpit {
    struct hvm_hw_pit hw;
    struct vpit_channel_time time[3];
    struct vtimer timer; /* channel 0 */
};

struct vhpet_timer {
    u64 config, cmp, period;
    struct vtimer timer;
};

struct vhpet {
    u64 config, isr;
    u64 counter; /* main counter; while it counts: what is to be added to system time */
    struct vhpet_timer timers[HPET_TIMER_NUM];
};

struct vrtc {
    struct hvm_hw_rtc hw;
    s_time_t read_c; /* when register C was read last */
    struct vtimer periodic, update;
};

struct vpm {
    struct hvm_hw_pmtimer hw; /* tmr_val: what is to be added to the ticks of system time */
    u16 base;                 /* first port */
    struct vtimer timer;      /* TMR_STS is next set */
};

struct platform {
    struct domain *d;
    u32 flags;                /* XEN_X86_EMU_* */
    unsigned int lowest_turn; /* vCPU to be asked first by the next lowest-priority message */
    struct spinlock lock;     /* guards all below; interrupts off */

    /* lines.c */
    unsigned long isa_wires;   /* irqs that device models assert */
    unsigned long own_wires;   /* lines that devices here assert */
    unsigned long pci_intx[2]; /* device * 4 + intx */
    u8 link_route[4];
    bool callback_is_intx, callback_asserted;
    u8 callback_wire; /* line (0: none), or device * 4 + intx */
    u64 lines;        /* what follows: those that anybody asserts */

    struct hvm_hw_vioapic ioapic;
    struct hvm_hw_vpic pic[2];
    struct vpit pit;
    struct vhpet hpet;
    struct vrtc rtc;
    struct vpm pm;
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
hvm_io_access_t vioapic_mmio;

/* pic.c */
void vpic_init(struct platform *p);
void vpic_line(struct platform *p, unsigned int irq); /* it rose or fell */
u8 vpic_acknowledge(struct platform *p);
u8 vpic_read(struct platform *p, u16 port);
void vpic_write(struct platform *p, u16 port, u8 value);

/* pit.c, hpet.c, rtc.c, pm.c: _init also as after power-on */
void vpit_init(struct platform *p);
void vhpet_init(struct platform *p);
void vrtc_init(struct platform *p);
void vpm_init(struct platform *p);
/* Timer 0 and 1 of the HPET took the lines of PIT and RTC. */
bool vhpet_legacy(const struct platform *p);
hvm_io_access_t vhpet_mmio, vpm_event_port, vpm_timer_port;
u8 vpit_read(struct platform *p, u16 port), vpit_speaker_read(struct platform *p, u16 port);
void vpit_write(struct platform *p, u16 port, u8 value), vpit_speaker_write(struct platform *p, u16 port, u8 value);
u8 vrtc_read(struct platform *p, u16 port);
void vrtc_write(struct platform *p, u16 port, u8 value);

/* Records of the HVM context: _out fills one, _in takes one or answers -EINVAL and leaves all as it was. */
#define DECLARE_RECORD(name)                                                  \
    void name##_out(struct platform *p, unsigned int instance, void *record); \
    int name##_in(struct platform *p, unsigned int instance, const void *record)
DECLARE_RECORD(vlapic);
DECLARE_RECORD(vlapic_regs);
DECLARE_RECORD(vioapic);
DECLARE_RECORD(vpic);
DECLARE_RECORD(pci_wires);
DECLARE_RECORD(isa_wires);
DECLARE_RECORD(pci_links);
DECLARE_RECORD(vpit);
DECLARE_RECORD(vrtc);
DECLARE_RECORD(vhpet);
DECLARE_RECORD(vpm);

#endif
