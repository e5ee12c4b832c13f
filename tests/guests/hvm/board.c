/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that the hypervisor gives an HVM guest besides the local APIC.
 *
 * IO-APIC with its 48 pins; 8259 pair by LINT0; PIT as interrupt source through both and as counter with port 0x61;
 * HPET once, again and again, and in place of the PIT; RTC date, flags and interrupts; PM timer and PM1a registers at
 * their two places. Expectations: the data sheets (82093AA, 8259A, 8254, HPET 1.0a, MC146818A, ACPI 6.4); where they
 * leave a choice Xen 4.17.
 */
#include "lib/guest.h"

const char test_title[] = "devices of an HVM guest";

#define VECTOR_PIC  0x20 /* to 0x2f */
#define VECTOR_PIT  0x41
#define VECTOR_HPET 0x52
#define VECTOR_RTC  0x63
#define VECTOR_SCI  0x74

#define IOAPIC 0xfec00000ul
#define HPET   0xfed00000ul

static volatile unsigned int taken[256];
static uint64_t tsc_khz;

static bool interrupt(struct regs *regs)
{
    taken[regs->vector & 0xff]++;
    if (regs->vector == VECTOR_RTC) {
        outb(0x70, 0x0c);
        inb(0x71);
    }
    outw(0xb000, 0xffff);
    lapic_eoi();
    return true;
}

static bool pic_interrupt(struct regs *regs)
{
    taken[regs->vector & 0xff]++;
    if (regs->vector >= VECTOR_PIC + 8)
        outb(0xa0, 0x20);
    outb(0x20, 0x20);
    return true;
}

static uint64_t microseconds(void) { return rdtsc() * 1000 / tsc_khz; }

/* Interrupts on for so long. */
static void wait(unsigned int us)
{
    uint64_t until = microseconds() + us;

    do
        __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    while (microseconds() < until);
}

/* How often the vector came in so long. Where the emulated machine stands still, ticks are missed and not made up for:
 * bounds from below are wide. */
static unsigned int count_for(unsigned int vector, unsigned int us)
{
    wait(0);
    taken[vector] = 0;
    wait(us);
    return taken[vector];
}

/* What is started comes once; Xen loses many of the PIT. */
static void check_once(unsigned int vector, void (*start)(void), unsigned int at_least)
{
    unsigned int came = 0;

    for (unsigned int i = 0; i < 5; i++) {
        taken[vector] = 0;
        start();
        wait(200000);
        check(taken[vector] <= 1);
        came += taken[vector];
    }
    check(came >= at_least);
}

static void check_range(unsigned long value, unsigned long low, unsigned long high, const char *what)
{
    if (value < low || value > high)
        printk("%s: %lu, not %lu to %lu\n", what, value, low, high);
    check(value >= low && value <= high);
}

static uint32_t ioapic_read(unsigned int index)
{
    *(volatile uint32_t *)IOAPIC = index;
    return *(volatile uint32_t *)(IOAPIC + 0x10);
}

static void ioapic_write(unsigned int index, uint32_t value)
{
    *(volatile uint32_t *)IOAPIC = index;
    *(volatile uint32_t *)(IOAPIC + 0x10) = value;
}

static void pin(unsigned int n, uint32_t low)
{
    ioapic_write(0x11 + n * 2, 0);
    ioapic_write(0x10 + n * 2, low);
}

static void pit_load(unsigned int channel, unsigned int mode, unsigned int count)
{
    outb(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    outb((uint16_t)(0x40 + channel), (uint8_t)count);
    outb((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static unsigned int pit_read(unsigned int channel)
{
    unsigned int low;

    outb(0x43, (uint8_t)(channel << 6));
    low = inb((uint16_t)(0x40 + channel));
    return low | (unsigned int)inb((uint16_t)(0x40 + channel)) << 8;
}

/* The TSC's rate by channel 2, as kernels find it out. */
static void check_pit_counter(void)
{
    uint64_t from;
    unsigned int first;

    outb(0x61, 1);
    check_eq(inb(0x61) & 3, 1);
    pit_load(2, 0, 59659); /* 50 ms */
    check_eq(inb(0x61) & 0x20, 0);
    from = rdtsc();
    while (!(inb(0x61) & 0x20))
        cpu_relax();
    tsc_khz = (rdtsc() - from) / 50; /* high rather than low: what is to come in a time has more of it */
    printk("TSC %lu kHz\n", tsc_khz);
    check(tsc_khz > 10000);
    pit_load(2, 2, 60000);
    first = pit_read(2);
    wait(1000);
    check(pit_read(2) != first && first <= 60000);
    outb(0x43, 0xe8); /* read-back: status of channel 2 */
    check_eq(inb(0x42) & 0x3f, 0x34);
    outb(0x61, 0);
    check_eq(inb(0x61) & 3, 0);
}

static void check_ioapic(void)
{
    check_eq(ioapic_read(1), 0x2f0011);
    for (unsigned int n = 0; n < 48; n++)
        check_eq(ioapic_read(0x10 + n * 2) & 0x10000, 0x10000);
    pin(40, 0x1ffff);
    check_eq(ioapic_read(0x10 + 80), 0x1afff);
    ioapic_write(0x11 + 80, 0xffffffff);
    check_eq(ioapic_read(0x11 + 80) >> 24, 0xff);
    pin(40, 0x10000);
    ioapic_write(0, 0x05000000);
    check_eq(ioapic_read(0), 0x05000000);
    check_eq(*(volatile uint8_t *)(IOAPIC + 0x00), 0);
    /* The PIT's pin: 100 Hz, not while masked. */
    pit_load(0, 2, 11932);
    check_eq(count_for(VECTOR_PIT, 30000), 0);
    pin(2, VECTOR_PIT);
    check_range(count_for(VECTOR_PIT, 300000), 3, 40, "PIT interrupts in 300 ms");
    pin(2, 0x10000 | VECTOR_PIT);
    check_eq(count_for(VECTOR_PIT, 30000), 0);
}

static void pit_once(void) { pit_load(0, 0, 60000); }

static void check_pit_once(void)
{
    pin(2, VECTOR_PIT);
    outb(0x43, 0x30); /* it stops until it is loaded */
    wait(20000);
    check_once(VECTOR_PIT, pit_once, 0);
    pin(2, 0x10000);
}

static void pic_init(uint8_t mask)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, VECTOR_PIC);
    outb(0xa1, VECTOR_PIC + 8);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, mask);
    outb(0xa1, 0xff);
    check_eq(inb(0x21), mask);
    check_eq(inb(0xa1), 0xff);
}

static void check_pic(void)
{
    pic_init(0xfe);
    pit_load(0, 2, 11932);
    wait(20000);
    check_eq(taken[VECTOR_PIC], 0);
    lapic_write(LAPIC_LVT0, 0x700);
    check_range(count_for(VECTOR_PIC, 300000), 3, 40, "PIT interrupts by the 8259 in 300 ms");
    taken[VECTOR_PIC] = 0;
    for (unsigned int i = 0; i < 5; i++)
        halt();
    check_range(taken[VECTOR_PIC], 1, 5, "interrupts that end HLT");
    outb(0x21, 0xff);
    check_eq(count_for(VECTOR_PIC, 30000), 0);
    outb(0x20, 0x0b);
    check_eq(inb(0x20), 0); /* ISR */
    /* Edge or level. */
    outb(0x4d0, 0xff);
    outb(0x4d1, 0xff);
    check_eq(inb(0x4d0), 0xf8);
    check_eq(inb(0x4d1), 0xde);
    outb(0x4d0, 0);
    outb(0x4d1, 0);
    lapic_write(LAPIC_LVT0, LVT_MASKED);
    pit_load(0, 0, 0);
}

static uint64_t hpet_read(unsigned int reg) { return *(volatile uint64_t *)(HPET + reg); }
static void hpet_write(unsigned int reg, uint64_t value) { *(volatile uint64_t *)(HPET + reg) = value; }

static void hpet_once(void) { hpet_write(0x108, hpet_read(0xf0) + 50000000000000ul / (hpet_read(0) >> 32)); }

static void check_hpet(void)
{
    uint64_t id = hpet_read(0), per_ms, first;

    printk("HPET %lx, timer 0 %lx\n", id, hpet_read(0x100));
    check_eq((uint32_t)id, 0x8086a201);
    check_eq(*(volatile uint32_t *)(HPET + 4), id >> 32);
    check_eq(*(volatile uint16_t *)(HPET + 2), 0x8086); /* as hvmloader looks for it */
    check_eq(*(volatile uint8_t *)(HPET + 1), id >> 8 & 0xff);
    per_ms = 1000000000000ul / (id >> 32);
    check_eq(hpet_read(0x10), 0);
    hpet_write(0xf0, 5);
    check_eq(hpet_read(0xf0), 5);
    hpet_write(0x10, 1);
    first = hpet_read(0xf0);
    wait(200000);
    check_range((hpet_read(0xf0) - first) / per_ms, 150, 1000, "ms by the HPET");
    /* Once, by pin 20. */
    pin(20, VECTOR_HPET);
    hpet_once(); /* before it is enabled: Xen takes a comparator behind the counter for due */
    hpet_write(0x100, 20 << 9 | 4);
    wait(200000);
    check_once(VECTOR_HPET, hpet_once, 2);
    hpet_write(0x100, 0);
    pin(20, 0x10000);
    /* Again and again, in the PIT's place. */
    hpet_write(0x10, 3);
    pin(2, VECTOR_PIT);
    hpet_write(0x100, 0x4c);
    hpet_write(0x108, hpet_read(0xf0) + per_ms * 10);
    hpet_write(0x108, per_ms * 10);
    check_range(count_for(VECTOR_PIT, 300000), 3, 40, "HPET interrupts in 300 ms");
    hpet_write(0x100, 0);
    hpet_write(0x10, 0);
    pin(2, 0x10000);
    first = hpet_read(0xf0);
    wait(1000);
    check_eq(hpet_read(0xf0), first);
}

static uint8_t cmos_read(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static void cmos_write(uint8_t reg, uint8_t value)
{
    outb(0x70, reg);
    outb(0x71, value);
}

static void check_rtc(void)
{
    uint8_t second;

    printk("RTC %x-%x-%x %x:%x:%x, A %x B %x D %x\n", cmos_read(9), cmos_read(8), cmos_read(7), cmos_read(4),
           cmos_read(2), cmos_read(0), cmos_read(10), cmos_read(11), cmos_read(13));
    check_eq(cmos_read(13), 0x80);
    check_eq(cmos_read(11), 2);
    /* Set, held, released. */
    cmos_write(11, 0x82);
    cmos_write(0, 0x58);
    cmos_write(2, 0x59);
    cmos_write(4, 0x23);
    cmos_write(7, 0x31);
    cmos_write(8, 0x12);
    cmos_write(9, 0x26);
    wait(2100000);
    check_eq(cmos_read(0), 0x58);
    cmos_write(11, 0x02);
    wait(2100000);
    second = cmos_read(0);
    check(second <= 3);
    check_eq(cmos_read(2), 0);
    check_eq(cmos_read(4), 0);
    check_eq(cmos_read(7), 1);
    check_eq(cmos_read(8), 1);
    check_eq(cmos_read(9), 0x27);
    /* 64 Hz, then each second. */
    pin(8, VECTOR_RTC);
    cmos_write(10, 0x2a);
    cmos_write(11, 0x42);
    cmos_read(12);
    check_range(count_for(VECTOR_RTC, 500000), 4, 48, "RTC interrupts in 500 ms at 64 Hz");
    cmos_write(11, 0x12);
    cmos_read(12);
    check_range(count_for(VECTOR_RTC, 3000000), 1, 4, "RTC updates in 3 s");
    cmos_write(11, 0x02);
    cmos_read(12);
    check_eq(count_for(VECTOR_RTC, 1100000), 0);
    pin(8, 0x10000);
}

static void check_pm(void)
{
    uint32_t first;

    check_eq(inl(0xb008), 0xffffffff);
    first = inl(0x1f48);
    check(inl(0x1f48) != 0xffffffff);
    wait(200000);
    check_range((inl(0x1f48) - first) / 3580, 150, 1000, "ms by the PM timer");
    check_eq(param_set(HVM_PARAM_ACPI_IOPORTS_LOCATION, 2), -XEN_EINVAL);
    check_eq(param_set(HVM_PARAM_ACPI_IOPORTS_LOCATION, 1), 0);
    first = inl(0xb008);
    wait(200000);
    check_range((inl(0xb008) - first) / 3580, 150, 1000, "ms by the PM timer");
    check_eq(inl(0x1f48), 0xffffffff);
    check_eq(inw(0xb004), 0xffff); /* PM1a control is a device model's */
    check_eq(inw(0xb000), 0);
    outw(0xb002, 0x0121);
    check_eq(inw(0xb002), 0x0121);
    check_eq(inl(0xb000), 0x01210000);
    outw(0xb002, 0);
}

void test_main(void)
{
    for (unsigned int vector = VECTOR_PIC; vector < VECTOR_PIC + 16; vector++)
        trap_hook(vector, pic_interrupt);
    trap_hook(VECTOR_PIT, interrupt);
    trap_hook(VECTOR_HPET, interrupt);
    trap_hook(VECTOR_RTC, interrupt);
    trap_hook(VECTOR_SCI, interrupt);
    tsc_khz = 1000000;
    lapic_enable();
    check_pit_counter();
    check_ioapic();
    check_pit_once();
    check_pic();
    check_hpet();
    check_rtc();
    check_pm();
}
