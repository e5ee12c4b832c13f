/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board of an HVM guest against the data sheets: wires, 8259 pair, IO-APIC, PIT, HPET, RTC, ACPI registers, their
 * contexts; and all of them under random accesses.
 */
#include "hvm/rig.h"
#include <asm/host.h>
#include <lib/date.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arch/x86/hvm/save.h>
#include <xen/hvm/params.h>

static void start(void)
{
    rig_start(FLAGS_HVM, 2);
    for (unsigned int i = 0; i < 2; i++)
        rig_apic_set(rig_v(i), APIC_SPIV, 0x1ff);
}

static void eoi(struct vcpu *v) { rig_apic_set(v, APIC_EOI, 0); }

static int take_eoi(struct vcpu *v)
{
    int vector = rig_take(v);

    if (vector >= 0)
        eoi(v);
    return vector;
}

/* ---- 8259 pair ---- */

/* Vectors 0x20 and 0x28 as PCs have them in protected mode, everything unmasked, LINT0 open. */
static void pic_start(u8 icw4)
{
    rig_apic_set(rig_v(0), APIC_LVT_LINT0, 0x700);
    for (unsigned int i = 0; i < 2; i++) {
        u16 port = i ? 0xa0 : 0x20;

        rig_out(port, 1, 0x11);
        rig_out(port + 1, 1, i ? 0x28 : 0x20);
        rig_out(port + 1, 1, i ? 2 : 4);
        rig_out(port + 1, 1, icw4);
        rig_out(port + 1, 1, 0);
    }
}

static void pulse(unsigned int irq)
{
    hvm_isa_irq_set(rig_d, irq, true);
    hvm_isa_irq_set(rig_d, irq, false);
}

static void test_pic(void **state)
{
    struct vcpu *v;

    (void)state;
    start();
    v = rig_v(0);
    pic_start(1);
    pulse(4);
    pulse(3);
    pulse(10);
    assert_int_equal(rig_in(0x20, 1), 0x1c); /* IRR: with the cascade */
    assert_int_equal(rig_take(rig_v(1)), -1);
    assert_int_equal(rig_take(v), 0x2a); /* the second one's are between 1 and 3 */
    assert_int_equal(rig_take(v), -1);
    rig_out(0xa0, 1, 0x20);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), 0x23);
    rig_out(0x20, 1, 0x0b);
    assert_int_equal(rig_in(0x20, 1), 0x08); /* ISR */
    pulse(1);
    assert_int_equal(rig_take(v), 0x21); /* higher goes first */
    rig_out(0x20, 1, 0x63);              /* specific: 3 */
    assert_int_equal(rig_in(0x20, 1), 0x02);
    assert_int_equal(rig_take(v), -1);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), 0x24);
    rig_out(0x20, 1, 0x20);
    /* Masked: it waits in IRR. */
    rig_out(0x21, 1, 0x10);
    pulse(4);
    assert_int_equal(rig_take(v), -1);
    rig_out(0x21, 1, 0x00);
    assert_int_equal(rig_take(v), 0x24);
    /* Special mask: others than the one in service may come. */
    pulse(5);
    assert_int_equal(rig_take(v), -1);
    rig_out(0x21, 1, 0x10);
    rig_out(0x20, 1, 0x68);
    assert_int_equal(rig_take(v), 0x25);
    rig_out(0x20, 1, 0x48);
    rig_out(0x20, 1, 0x65);
    rig_out(0x20, 1, 0x64);
    rig_out(0x21, 1, 0);
    /* Rotation: after 5 comes 6 first. */
    pulse(5);
    assert_int_equal(rig_take(v), 0x25);
    rig_out(0x20, 1, 0xa0);
    pulse(5);
    pulse(6);
    pulse(0);
    assert_int_equal(rig_take(v), 0x26);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), 0x20);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), 0x25);
    rig_out(0x20, 1, 0x20);
    rig_out(0x20, 1, 0xc7); /* as it began */
    /* Polling acknowledges. */
    pulse(3);
    rig_out(0x20, 1, 0x0c);
    assert_int_equal(rig_in(0x20, 1), 0x83);
    assert_int_equal(rig_in(0x20, 1), 0x08); /* ISR is still what is read */
    rig_out(0x20, 1, 0x20);
    rig_out(0x20, 1, 0x0c);
    assert_int_equal(rig_in(0x20, 1), 0);
    rig_end();
}

static void test_pic_modes(void **state)
{
    struct vcpu *v;
    struct hvm_interrupt i;

    (void)state;
    start();
    v = rig_v(0);
    /* Automatic end: nothing stays in service. */
    pic_start(3);
    pulse(9);
    pulse(1);
    assert_int_equal(rig_take(v), 0x21);
    assert_int_equal(rig_take(v), 0x29);
    rig_out(0x20, 1, 0x0b);
    assert_int_equal(rig_in(0x20, 1), 0);
    /* Levels: as long as they last. */
    pic_start(1);
    rig_out(0x4d0, 1, 0xff);
    rig_out(0x4d1, 1, 0xff);
    assert_int_equal(rig_in(0x4d0, 2), 0xdef8);
    hvm_isa_irq_set(rig_d, 11, true);
    hvm_isa_irq_set(rig_d, 11, true);
    assert_int_equal(rig_take(v), 0x2b);
    rig_out(0xa0, 1, 0x20);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), 0x2b);
    hvm_isa_irq_set(rig_d, 11, false);
    rig_out(0xa0, 1, 0x20);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(v), -1);
    /* It goes away before the CPU asks: the spurious one. */
    hvm_isa_irq_set(rig_d, 5, true);
    assert_true(platform_interrupt(v, true, &i));
    hvm_isa_irq_set(rig_d, 5, false);
    platform_interrupt_ack(v, &i);
    assert_int_equal(i.vector, 0x27);
    /* Whom it reaches: LINT0 as ExtINT, as a vector of its own, not at all, or a CPU without APIC. */
    rig_apic_set(v, APIC_LVT_LINT0, 0x10700);
    pulse(1);
    assert_int_equal(rig_take(v), -1);
    v->arch.hvm.work = 0;
    rig_apic_set(v, APIC_LVT_LINT0, 0x700);
    assert_int_equal(v->arch.hvm.work, HVM_WORK_EVENT);
    assert_int_equal(rig_take(v), 0x21);
    rig_out(0x20, 1, 0x20);
    rig_apic_set(v, APIC_LVT_LINT0, 0x10700);
    pulse(1);
    assert_int_equal(rig_take(v), -1);
    rig_v(1)->arch.hvm.work = 0;
    rig_pin(0, 0x700, 2); /* by the IO-APIC to the other CPU */
    assert_int_equal(rig_v(1)->arch.hvm.work, HVM_WORK_EVENT);
    assert_int_equal(rig_take(v), -1);
    assert_int_equal(rig_take(rig_v(1)), 0x21);
    rig_out(0x20, 1, 0x20);
    rig_pin(0, 0x10700, 2);
    rig_apic_set(v, APIC_LVT_LINT0, 0x0044);
    pulse(1);
    assert_int_equal(take_eoi(v), 0x44);
    rig_out(0x20, 1, 0x0c);
    assert_int_equal(rig_in(0x20, 1), 0x81);
    rig_out(0x20, 1, 0x20);
    rig_wrmsr(v, 0x1b, 0xfee00100);
    rig_wrmsr(rig_v(1), 0x1b, 0xfee00000);
    pulse(1);
    assert_int_equal(rig_take(rig_v(1)), -1);
    assert_int_equal(rig_take(v), 0x21);
    rig_end();
}

/* ---- wires and IO-APIC ---- */

static void test_ioapic(void **state)
{
    struct vcpu *v, *w;

    (void)state;
    start();
    v = rig_v(0);
    w = rig_v(1);
    rig_write(v, 0xfec00000, 4, 1);
    assert_int_equal(rig_read(v, 0xfec00010, 4), 0x2f0011);
    rig_write(v, 0xfec00000, 4, 0);
    rig_write(v, 0xfec00010, 4, 0xff000000);
    assert_int_equal(rig_read(v, 0xfec00010, 4), 0x0f000000);
    for (unsigned int pin = 0; pin < NR_PINS; pin++)
        assert_int_equal(rig_pin_entry(pin), 0x10000);
    rig_pin(47, 0xffffffff, 0xab);
    assert_int_equal(rig_pin_entry(47), 0xab0000000001afff);
    /* Edges: each one once, lost while masked. */
    rig_pin(4, 0x34, 2);
    hvm_isa_irq_set(rig_d, 4, true);
    hvm_isa_irq_set(rig_d, 4, true);
    assert_int_equal(take_eoi(v), -1);
    assert_int_equal(take_eoi(w), 0x34);
    assert_int_equal(take_eoi(w), -1);
    rig_pin(4, 0x10034, 2);
    pulse(4);
    rig_pin(4, 0x34, 2);
    assert_int_equal(take_eoi(w), -1);
    /* ISA irq 0 has pin 2. */
    rig_pin(2, 0x30, 0);
    pulse(0);
    assert_int_equal(take_eoi(v), 0x30);
    /* Levels: again until the line falls; remote IRR in between. */
    rig_pin(20, 0xa050, 0);
    hvm_pci_intx_set(rig_d, 1, 0, true); /* 1 * 4 + 0 + 16 */
    assert_int_equal(rig_pin_entry(20), 0xe050);
    hvm_pci_intx_set(rig_d, 8, 3, true); /* 8 * 4 + 1 + 3 */
    assert_int_equal(rig_take(v), 0x50);
    hvm_pci_intx_set(rig_d, 1, 0, false);
    eoi(v);
    assert_int_equal(rig_take(v), 0x50);
    hvm_pci_intx_set(rig_d, 8, 3, false);
    eoi(v);
    assert_int_equal(rig_pin_entry(20), 0xa050);
    assert_int_equal(rig_take(v), -1);
    /* Unmasked while asserted; made an edge to clear remote IRR. */
    rig_pin(20, 0x1a050, 0);
    hvm_pci_intx_set(rig_d, 1, 0, true);
    assert_int_equal(rig_take(v), -1);
    rig_pin(20, 0xa050, 0);
    assert_int_equal(rig_take(v), 0x50);
    rig_pin(20, 0x10050, 0);
    assert_int_equal(rig_pin_entry(20), 0x10050);
    rig_pin(20, 0xa050, 0);
    assert_int_equal(rig_pin_entry(20), 0xe050);
    eoi(v);
    hvm_pci_intx_set(rig_d, 1, 0, false);
    rig_take(v);
    eoi(v);
    /* Logical, lowest priority, NMI. */
    rig_apic_set(v, APIC_LDR, 1U << 24);
    rig_apic_set(w, APIC_LDR, 2U << 24);
    rig_pin(5, 0x835, 3);
    pulse(5);
    assert_int_equal(take_eoi(v), 0x35);
    assert_int_equal(take_eoi(w), 0x35);
    rig_apic_set(v, APIC_TPR, 0x20);
    rig_pin(5, 0x935, 3);
    pulse(5);
    assert_int_equal(take_eoi(v), -1);
    assert_int_equal(take_eoi(w), 0x35);
    rig_pin(5, 0x400, 2);
    pulse(5);
    assert_int_equal(w->arch.nmis, 1);
    rig_end();
}

static void test_links(void **state)
{
    (void)state;
    start();
    pic_start(1);
    rig_out(0x4d1, 1, 0x0e);
    hvm_pci_link_route(rig_d, 1, 10);
    hvm_pci_intx_set(rig_d, 1, 0, true); /* link (1 + 0) & 3 */
    hvm_pci_intx_set(rig_d, 4, 1, true);
    assert_int_equal(rig_take(rig_v(0)), 0x2a);
    hvm_pci_link_route(rig_d, 1, 11); /* asserted: it moves */
    rig_out(0xa0, 1, 0x20);
    rig_out(0x20, 1, 0x20);
    assert_int_equal(rig_take(rig_v(0)), 0x2b);
    hvm_pci_intx_set(rig_d, 1, 0, false);
    assert_true(line_asserted(rig_d->arch.hvm->platform, 11));
    hvm_pci_intx_set(rig_d, 4, 1, false);
    for (unsigned int line = 0; line < NR_PINS; line++)
        assert_false(line_asserted(rig_d->arch.hvm->platform, line));
    /* What cannot be is nothing. */
    hvm_pci_link_route(rig_d, 4, 1);
    hvm_pci_link_route(rig_d, 1, 2);
    hvm_pci_link_route(rig_d, 1, 16);
    hvm_pci_intx_set(rig_d, 32, 0, true);
    hvm_pci_intx_set(rig_d, 0, 4, true);
    hvm_isa_irq_set(rig_d, 16, true);
    hvm_isa_irq_set(rig_d, 2, true);
    for (unsigned int line = 0; line < NR_PINS; line++)
        assert_false(line_asserted(rig_d->arch.hvm->platform, line));
    assert_int_equal(rig_d->arch.hvm->platform->links.route[1], 11);
    rig_end();
}

static void test_callback(void **state)
{
    struct vcpu *v;
    u8 *pending;

    (void)state;
    start();
    v = rig_v(0);
    pending = &v->info->evtchn_upcall_pending;
    /* A vector: for every vCPU, as long as the flag is up. */
    hvm_set_callback_via(rig_d, 2UL << 56 | 0xf3);
    *pending = 1;
    platform_events_pending(v);
    assert_int_equal(rig_take(v), 0xf3);
    assert_int_equal(rig_take(v), 0xf3);
    assert_int_equal(rig_take(rig_v(1)), -1);
    *pending = 0;
    assert_int_equal(rig_take(v), -1);
    /* A vector of its own for one vCPU, by its local APIC. */
    assert_int_equal(hvm_set_upcall_vector(v, 15), -EINVAL);
    assert_int_equal(hvm_set_upcall_vector(v, 0x70), 0);
    *pending = 1;
    platform_events_pending(v);
    assert_int_equal(rig_take(v), 0x70);
    eoi(v);
    assert_int_equal(rig_take(v), -1);
    *pending = 0;
    hvm_set_upcall_vector(v, 0);
    /* PCI INTx of device 3, INTA: level. */
    rig_pin(28, 0xa051, 0);
    hvm_set_callback_via(rig_d, 1UL << 56 | 3U << 11);
    *pending = 1;
    platform_events_pending(v);
    assert_int_equal(rig_take(v), 0x51);
    eoi(v);
    assert_int_equal(rig_take(v), 0x51);
    *pending = 0;
    eoi(v);
    assert_int_equal(rig_take(v), -1);
    assert_int_equal(rig_pin_entry(28), 0xa051);
    /* A GSI as an edge: one for each time that the flag goes up. */
    rig_pin(9, 0x52, 0);
    hvm_set_callback_via(rig_d, 9);
    for (unsigned int i = 0; i < 3; i++) {
        *pending = 1;
        platform_events_pending(v);
        assert_int_equal(take_eoi(v), 0x52);
        assert_int_equal(take_eoi(v), -1);
        *pending = 0;
    }
    *pending = 1;
    platform_events_pending(v);
    take_eoi(v);
    /* Changed while asserted: the old wire falls. */
    hvm_set_callback_via(rig_d, 0);
    assert_false(line_asserted(rig_d->arch.hvm->platform, 9));
    *pending = 0;
    platform_events_pending(v);
    hvm_set_callback_via(rig_d, ~0UL);
    rig_end();
}

/* ---- PIT ---- */

static u16 pit_count(unsigned int n)
{
    rig_out(0x43, 1, n << 6);
    return rig_in(0x40 + n, 1) | rig_in(0x40 + n, 1) << 8;
}

static u8 pit_status(unsigned int n)
{
    rig_out(0x43, 1, 0xe0 | 2U << n);
    return rig_in(0x40 + n, 1);
}

static void pit_load(unsigned int n, u8 mode, u16 count)
{
    rig_out(0x43, 1, n << 6 | 0x30 | mode << 1);
    rig_out(0x40 + n, 1, count & 0xff);
    rig_out(0x40 + n, 1, count >> 8);
}

static void test_pit(void **state)
{
    unsigned int ticks = 0;
    struct vcpu *v;
    u16 count;

    (void)state;
    start();
    v = rig_v(0);
    rig_pin(2, 0x30, 0);
    pit_load(0, 2, 11932); /* 100 Hz */
    for (unsigned int i = 0; i < 100; i++) {
        rig_pass(MILLISECS(10));
        ticks += take_eoi(v) == 0x30;
    }
    assert_in_range(ticks, 99, 100);
    assert_int_equal(pit_status(0), 0xb4); /* output high, two bytes, mode 2 */
    pit_load(0, 0, 1193);                  /* once after 1 ms */
    assert_int_equal(pit_status(0), 0x30);
    rig_pass(MICROSECS(500));
    assert_in_range(pit_count(0), 595, 598);
    assert_int_equal(take_eoi(v), -1);
    rig_pass(MICROSECS(501));
    assert_int_equal(take_eoi(v), 0x30);
    assert_int_equal(pit_status(0), 0xb0);
    rig_pass(SECONDS(1));
    assert_int_equal(take_eoi(v), -1);
    /* A latched count stays until it is read; the low byte alone; read-back of both. */
    pit_load(2, 3, 0);
    rig_out(0x61, 1, 1);
    rig_pass(MILLISECS(1));
    rig_out(0x43, 1, 0x80);
    rig_pass(MILLISECS(1));
    count = rig_in(0x42, 1) | rig_in(0x42, 1) << 8;
    assert_in_range(count, 65536 - 2 * 1194, 65536 - 2 * 1193);
    rig_out(0x43, 1, 0x90);
    rig_out(0x42, 1, 200);
    rig_pass(MICROSECS(84)); /* 100 ticks */
    assert_in_range(rig_in(0x42, 1), 99, 101);
    rig_out(0x43, 1, 0xc8);
    assert_int_equal(rig_in(0x42, 1) & 0x3f, 0x10);
    assert_in_range(rig_in(0x42, 1), 99, 101);
    /* A guest that wants too much. */
    pit_load(0, 2, 1);
    ticks = rig_timer_runs;
    rig_pass(MILLISECS(100));
    assert_in_range(rig_timer_runs - ticks, 900, 1100);
    /* Nobody runs: it rests until somebody does. */
    rig_v(0)->is_running = rig_v(1)->is_running = false;
    ticks = rig_timer_runs;
    rig_pass(SECONDS(1));
    assert_in_range(rig_timer_runs - ticks, 0, 3);
    rig_v(1)->is_running = true;
    platform_vcpu_load(rig_v(1));
    ticks = rig_timer_runs;
    rig_pass(MILLISECS(100));
    assert_in_range(rig_timer_runs - ticks, 900, 1100);
    rig_end();
}

static void test_port61(void **state)
{
    bool seen[2] = {false, false};

    (void)state;
    start();
    /* What kernels measure the CPU by: mode 0, gate on, until OUT rises. */
    rig_out(0x61, 1, 0);
    assert_int_equal(rig_in(0x61, 1) & 3, 0);
    rig_out(0x61, 1, 1);
    pit_load(2, 0, 0xffff);
    assert_int_equal(rig_in(0x61, 1) & 0x23, 0x01);
    rig_pass(MILLISECS(54));
    assert_int_equal(rig_in(0x61, 1) & 0x20, 0);
    rig_pass(MILLISECS(1));
    assert_int_equal(rig_in(0x61, 1) & 0x20, 0x20);
    /* The gate stops the counter. */
    pit_load(2, 0, 1193);
    rig_pass(MICROSECS(500));
    rig_out(0x61, 1, 2);
    rig_pass(SECONDS(1));
    assert_in_range(pit_count(2), 595, 598);
    assert_int_equal(rig_in(0x61, 1) & 0x23, 0x02);
    rig_out(0x61, 1, 3);
    rig_pass(MICROSECS(502));
    assert_int_equal(rig_in(0x61, 1) & 0x20, 0x20);
    for (unsigned int i = 0; i < 20; i++) {
        rig_pass(MICROSECS(7));
        seen[rig_in(0x61, 1) >> 4 & 1] = true;
    }
    assert_true(seen[0] && seen[1]);
    rig_end();
}

/* ---- HPET ---- */

#define HPET(reg) (0xfed00000UL + (reg))

static void test_hpet(void **state)
{
    struct vcpu *v;
    u64 t;

    (void)state;
    start();
    v = rig_v(0);
    assert_int_equal(rig_read(v, HPET(0), 8), 16000000UL << 32 | 0x8086a201);
    assert_int_equal(rig_read(v, HPET(4), 4), 16000000);
    assert_int_equal(rig_read(v, HPET(0x100), 8), 0x00f0000000000030);
    rig_pass(SECONDS(1));
    assert_int_equal(rig_read(v, HPET(0xf0), 8), 0);
    rig_write(v, HPET(0xf0), 8, 0xfffffff0);
    rig_write(v, HPET(0x10), 4, 1);
    rig_pass(160);
    assert_int_equal(rig_read(v, HPET(0xf0), 8), 0xfffffffa);
    rig_write(v, HPET(0xf0), 8, 5); /* it counts: not taken */
    rig_pass(160);
    assert_int_equal(rig_read(v, HPET(0xf4), 4), 1);
    /* Once, edge, pin 21. */
    rig_pin(21, 0x55, 0);
    rig_write(v, HPET(0x100), 4, 21 << 9 | 4);
    t = rig_read(v, HPET(0xf0), 8);
    rig_write(v, HPET(0x108), 8, t + 62500); /* 1 ms */
    rig_pass(MICROSECS(999));
    assert_int_equal(take_eoi(v), -1);
    rig_pass(MICROSECS(2));
    assert_int_equal(take_eoi(v), 0x55);
    rig_pass(SECONDS(1));
    assert_int_equal(take_eoi(v), -1);
    /* Level, pin 22: until the status is cleared. */
    rig_pin(22, 0x8056, 0);
    rig_write(v, HPET(0x120), 4, 22 << 9 | 4 | 2);
    rig_write(v, HPET(0x128), 8, rig_read(v, HPET(0xf0), 8) + 1000);
    rig_pass(MICROSECS(17));
    assert_int_equal(rig_read(v, HPET(0x20), 4), 2);
    assert_int_equal(take_eoi(v), 0x56);
    assert_int_equal(rig_take(v), 0x56);
    rig_write(v, HPET(0x20), 4, 1);
    assert_int_equal(rig_read(v, HPET(0x20), 4), 2);
    rig_write(v, HPET(0x20), 4, 2);
    eoi(v);
    assert_int_equal(take_eoi(v), -1);
    /* Pins that it does not have. */
    rig_write(v, HPET(0x140), 4, 5 << 9 | 4);
    rig_write(v, HPET(0x148), 8, rig_read(v, HPET(0xf0), 8) + 1000);
    rig_pass(MICROSECS(17));
    rig_end();
}

static void test_hpet_periodic(void **state)
{
    unsigned int ticks = 0;
    struct vcpu *v;
    u64 t;

    (void)state;
    start();
    v = rig_v(0);
    rig_pin(2, 0x30, 0);
    pit_load(0, 2, 11932);
    rig_write(v, HPET(0x10), 8, 3); /* legacy replacement: the PIT is silent */
    rig_pass(MILLISECS(100));
    assert_int_equal(take_eoi(v), -1);
    /* As Linux does it: SET_VALUE, first comparator, then the period; 32 bits. */
    rig_write(v, HPET(0x100), 4, 0x14c);
    t = rig_read(v, HPET(0xf0), 4) & 0xffffffff;
    rig_write(v, HPET(0x108), 4, t + 62500);
    rig_write(v, HPET(0x108), 4, 62500);
    for (unsigned int i = 0; i < 1000; i++) {
        rig_pass(MILLISECS(1));
        ticks += take_eoi(v) == 0x30;
    }
    assert_in_range(ticks, 998, 1000);
    assert_in_range(rig_read(v, HPET(0x108), 4) - rig_read(v, HPET(0xf0), 4), 0, 62500);
    /* Missed ones are not made up for. */
    rig_pass(MILLISECS(20));
    assert_int_equal(take_eoi(v), 0x30);
    assert_int_equal(take_eoi(v), -1);
    /* Too fast. */
    rig_write(v, HPET(0x108), 4, 1);
    ticks = rig_timer_runs;
    rig_pass(MILLISECS(100));
    assert_in_range(rig_timer_runs - ticks, 900, 1200);
    /* Halted. */
    rig_write(v, HPET(0x10), 8, 0);
    while (take_eoi(v) >= 0)
        ;
    rig_pass(MILLISECS(5));
    assert_int_equal(take_eoi(v), 0x30); /* the PIT is back */
    t = rig_read(v, HPET(0xf0), 8);
    rig_pass(MILLISECS(1));
    assert_int_equal(rig_read(v, HPET(0xf0), 8), t);
    /* Absent, if the toolstack says so. */
    rig_d->arch.hvm->params[HVM_PARAM_HPET_ENABLED] = 0;
    assert_null(platform_mmio(v, HPET(0)));
    rig_end();
}

/* ---- RTC ---- */

static u8 cmos(u8 reg)
{
    rig_out(0x70, 1, reg);
    return rig_in(0x71, 1);
}

static void cmos_set(u8 reg, u8 value)
{
    rig_out(0x70, 1, reg);
    rig_out(0x71, 1, value);
}

static void test_date(void **state)
{
    (void)state;
    for (u64 t = 0; t < 8000000000; t += 12345677) {
        struct date d = date_from_seconds(t);

        assert_int_equal(date_to_seconds(&d), t);
        assert_in_range(d.month, 1, 12);
        assert_in_range(d.day, 1, 31);
        assert_int_equal(d.weekday, (t / 86400 + 4) % 7);
    }
    assert_int_equal(date_from_seconds(951782400).month, 2); /* the leap day of 2000 */
    assert_int_equal(date_from_seconds(951782400).day, 29);
    assert_int_equal(date_from_seconds(4107542400).year, 2100);
    assert_int_equal(date_from_seconds(4107542400).month, 3); /* no such day in 2100 */
}

static void test_date_of_registers(void **state)
{
    const u8 night[] = {[RTC_SECONDS] = 0x59, [RTC_MINUTES] = 0x07, [RTC_HOURS] = 0x12,
                        [RTC_DAY] = 0x31,     [RTC_MONTH] = 0x12,   [RTC_YEAR] = 0x69};
    const u8 evening[] = {[RTC_HOURS] = 0x80 | 11, [RTC_DAY] = 10, [RTC_MONTH] = 8, [RTC_YEAR] = 70};
    struct date d = date_from_rtc(night, 0);

    (void)state;
    assert_int_equal(date_to_seconds(&d), 3155673600 + 7 * 60 + 59); /* 2069-12-31 00:07:59 */
    assert_int_equal(date_from_rtc(night, RTC_B_24H).hour, 12);
    d = date_from_rtc(evening, RTC_B_BINARY);
    assert_int_equal(d.hour, 23);
    assert_int_equal(d.year, 1970);
    assert_int_equal(rtc_decode(0x20, 0), 20);
    assert_int_equal(rtc_decode(20, RTC_B_BINARY), 20);
}

static void test_rtc_time(void **state)
{
    u64 byte;

    (void)state;
    start();
    /* 2000-02-28 23:59:59.25 and 100 s. */
    assert_int_equal(cmos(0x0d), 0x80);
    assert_int_equal(cmos(0x0b), 0x02);
    assert_int_equal(cmos(0x0a), 0x26);
    assert_int_equal(cmos(0x00), 0x39);
    assert_int_equal(cmos(0x02), 0x01);
    assert_int_equal(cmos(0x04), 0x00);
    assert_int_equal(cmos(0x06), 0x03); /* Tuesday */
    assert_int_equal(cmos(0x07), 0x29);
    assert_int_equal(cmos(0x08), 0x02);
    assert_int_equal(cmos(0x09), 0x00);
    rig_d->time_offset_seconds = 7200;
    assert_int_equal(cmos(0x04), 0x02);
    /* Binary, 12 hours. */
    rig_d->time_offset_seconds = 3600 * 13;
    cmos_set(0x0b, 0x04);
    assert_int_equal(cmos(0x04), 0x81);
    assert_int_equal(cmos(0x00), 39);
    rig_d->time_offset_seconds = 0;
    assert_int_equal(cmos(0x04), 12); /* midnight */
    /* Set, with SET held: time stands, then goes on from there. */
    cmos_set(0x0b, 0x86);
    rig_pass(SECONDS(5));
    assert_int_equal(cmos(0x00), 39);
    cmos_set(0x00, 58);
    cmos_set(0x02, 59);
    cmos_set(0x04, 23);
    cmos_set(0x07, 31);
    cmos_set(0x08, 12);
    cmos_set(0x09, 26);
    rig_clock_moved = 0;
    cmos_set(0x0b, 0x06);
    assert_int_equal(rig_clock_moved, date_to_seconds(&(struct date){2026, 12, 31, 23, 59, 58, 0}) -
                                          date_to_seconds(&(struct date){2000, 2, 29, 0, 1, 44, 0}));
    cmos_set(0x0b, 0x02);
    assert_int_equal(cmos(0x00), 0x58);
    rig_pass(SECONDS(2));
    assert_int_equal(cmos(0x09), 0x27);
    assert_int_equal(cmos(0x08), 0x01);
    assert_int_equal(cmos(0x00), 0x00);
    /* Without SET at once. */
    cmos_set(0x02, 0x30);
    rig_pass(SECONDS(60));
    assert_int_equal(cmos(0x02), 0x31);
    /* UIP just before the update. */
    assert_int_equal(cmos(0x0a) & 0x80, 0);
    rig_pass(MILLISECS(750) - MICROSECS(100));
    assert_int_equal(cmos(0x0a) & 0x80, 0x80);
    /* What lies behind is another's. */
    rig_out(0x70, 1, 14);
    byte = 0;
    assert_int_equal(platform_port(rig_v(0), 0x71)(rig_v(0), 0x71, 1, false, &byte), HVM_IO_NOBODY);
    byte = 0x8f;
    assert_int_equal(platform_port(rig_v(0), 0x70)(rig_v(0), 0x70, 1, true, &byte), HVM_IO_NOBODY);
    /* Index and data in one. */
    rig_out(0x70, 2, 0x5501);
    assert_int_equal(cmos(0x01), 0x55);
    rig_end();
}

static void test_rtc_interrupts(void **state)
{
    struct vcpu *v;
    unsigned int n;

    (void)state;
    start();
    v = rig_v(0);
    rig_pin(8, 0x38, 0);
    /* Flags are there for those who ask, too. */
    cmos(0x0c);
    rig_pass(SECONDS(2));
    assert_int_equal(cmos(0x0c), 0x50);
    assert_int_equal(cmos(0x0c), 0x00);
    /* 8192 Hz; the next comes after the flags were read. */
    cmos_set(0x0a, 0x23);
    cmos_set(0x0b, 0x42);
    rig_pass(MILLISECS(1));
    assert_int_equal(take_eoi(v), 0x38);
    rig_pass(MILLISECS(1));
    assert_int_equal(take_eoi(v), -1);
    assert_int_equal(cmos(0x0c) & 0xef, 0xc0);
    rig_pass(MICROSECS(123));
    assert_int_equal(take_eoi(v), 0x38);
    cmos_set(0x0a, 0x21); /* 256 Hz */
    cmos(0x0c);
    n = 0;
    for (unsigned int i = 0; i < 1000; i++) {
        rig_pass(MILLISECS(1));
        if (take_eoi(v) == 0x38) {
            n++;
            cmos(0x0c);
        }
    }
    assert_in_range(n, 254, 257);
    /* Each second. */
    cmos_set(0x0b, 0x12);
    cmos(0x0c);
    n = 0;
    for (unsigned int i = 0; i < 50; i++) {
        rig_pass(MILLISECS(100));
        if (take_eoi(v) == 0x38) {
            n++;
            assert_int_equal(cmos(0x0c) & 0x90, 0x90);
        }
    }
    assert_int_equal(n, 5);
    /* Alarm at second 30 of any minute and hour. */
    cmos_set(0x0b, 0x22);
    cmos_set(0x01, 0x30);
    cmos_set(0x03, 0xff);
    cmos_set(0x05, 0xc0);
    cmos(0x0c);
    n = 0;
    for (unsigned int i = 0; i < 180; i++) {
        rig_pass(SECONDS(1));
        if (take_eoi(v) == 0x38) {
            n++;
            assert_int_equal(cmos(0x00), 0x30);
            assert_int_equal(cmos(0x0c) & 0xa0, 0xa0);
        }
    }
    assert_int_equal(n, 3);
    cmos_set(0x0b, 0x02);
    n = rig_timer_runs;
    rig_pass(SECONDS(100));
    assert_in_range(rig_timer_runs - n, 0, 3); /* nobody asked for interrupts */
    rig_end();
}

/* ---- ACPI ---- */

static void test_pm(void **state)
{
    struct vcpu *v;
    u32 t;

    (void)state;
    start();
    v = rig_v(0);
    rig_pin(9, 0x8039, 0);
    assert_int_equal(rig_in(0xb008, 4), 0xffffffff);
    rig_d->arch.hvm->params[HVM_PARAM_ACPI_IOPORTS_LOCATION] = 1;
    t = rig_in(0xb008, 4);
    rig_pass(SECONDS(1));
    assert_in_range(rig_in(0xb008, 4) - t, 3579544, 3579546);
    assert_int_equal(rig_in(0xb004, 2), 0xffff); /* the device model's */
    assert_int_equal(rig_in(0x1f48, 4), 0xffffffff);
    assert_int_equal(hvm_acpi_button(rig_d, false), 0);
    assert_int_equal(rig_in(0xb000, 2), 0x100);
    assert_int_equal(rig_take(v), -1);
    rig_out(0xb002, 2, 0xffff);
    assert_int_equal(rig_in(0xb002, 2), 0x721);
    assert_int_equal(rig_take(v), 0x39);
    rig_out(0xb000, 2, 0x100);
    eoi(v);
    assert_int_equal(rig_take(v), -1);
    assert_int_equal(rig_in(0xb000, 4), 0x7210000);
    hvm_acpi_button(rig_d, true);
    assert_int_equal(rig_in(0xb001, 1), 2);
    rig_out(0xb001, 1, 2);
    take_eoi(v);
    /* The timer's highest bit. */
    rig_pass(SECONDS(600));
    assert_int_equal(rig_in(0xb000, 2), 1);
    assert_int_equal(rig_take(v), 0x39);
    rig_out(0xb000, 2, 0xffff);
    eoi(v);
    /* The line is shared with the device model's GPE. */
    hvm_isa_irq_set(rig_d, 9, true);
    assert_int_equal(rig_take(v), 0x39);
    hvm_acpi_button(rig_d, false);
    hvm_isa_irq_set(rig_d, 9, false);
    eoi(v);
    assert_int_equal(rig_take(v), 0x39);
    rig_end();
    rig_start(FLAGS_PVH, 1);
    assert_int_equal(hvm_acpi_button(rig_d, false), -ENODEV);
    for (u32 port = 0; port < 0x10000; port++)
        assert_null(platform_port(rig_v(0), port));
    assert_null(platform_mmio(rig_v(0), 0xfec00000));
    rig_end();
}

/* ---- everything ---- */

static u64 random64(void) { return (u64)rand() << 42 ^ (u64)rand() << 21 ^ rand(); }

static u64 random_value(void) { return random64() >> rand() % 64; }

static void random_access(void)
{
    static const u16 bases[] = {0x20, 0x40, 0x61, 0x70, 0xa0, 0x4d0, 0x1f40, 0xb000};
    static const u64 pages[] = {0xfec00000, 0xfed00000, 0xfee00000};
    struct vcpu *v = rig_v(rand() % 2);
    unsigned int bytes = 1U << rand() % 4;
    u64 gpa = pages[rand() % 3] + rand() % 0x400;

    switch (rand() % 12) {
    case 0:
    case 1: rig_out(bases[rand() % ARRAY_SIZE(bases)] + rand() % 12, min(bytes, 4U), random_value()); break;
    case 2: rig_in(bases[rand() % ARRAY_SIZE(bases)] + rand() % 12, min(bytes, 4U)); break;
    case 3:
    case 4: rig_write(v, gpa & ~15UL, 4, random_value()); break;
    case 5: rig_write(v, gpa, bytes, random_value()); break;
    case 6: rig_read(v, gpa, bytes); break;
    case 7: vlapic_write_msr(v, 0x800 + rand() % 0x40, random_value()); break;
    case 8:
        if (rand() % 8)
            vlapic_write_msr(v, 0x6e0, hvm_guest_tsc(v) + (random_value() >> 8));
        else
            vlapic_write_msr(v, 0x1b, 0xfee00000 | (rand() & 0xd00));
        break;
    case 9: hvm_isa_irq_set(rig_d, rand() % 17, true); break;
    case 10: hvm_isa_irq_set(rig_d, rand() % 17, false); break;
    case 11: hvm_msi(rig_d, 0xfee00000 | (random64() & 0xff00c), random_value()); break;
    }
}

static void random_event(void)
{
    switch (rand() % 8) {
    case 0: hvm_pci_intx_set(rig_d, rand() % 33, rand() % 5, true); break;
    case 1: hvm_pci_intx_set(rig_d, rand() % 33, rand() % 5, false); break;
    case 2: hvm_pci_link_route(rig_d, rand() % 5, rand() % 17); break;
    case 3: hvm_set_callback_via(rig_d, (u64)(rand() % 4) << 56 | random_value() >> 8); break;
    case 4: hvm_set_upcall_vector(rig_v(rand() % 2), random64()); break;
    case 5:
        rig_v(0)->info->evtchn_upcall_pending = rand() % 2;
        platform_events_pending(rig_v(rand() % 2));
        break;
    case 6: hvm_acpi_button(rig_d, rand() % 2); break;
    case 7: rig_d->arch.hvm->params[HVM_PARAM_ACPI_IOPORTS_LOCATION] = rand() % 2; break;
    }
}

/* No access, however wild, breaks anything or makes the host's timers run wild. */
static void test_random(void **state)
{
    unsigned long runs;
    s_time_t began;

    (void)state;
    srand(4);
    for (unsigned int round = 0; round < 60; round++) {
        start();
        began = host_time;
        runs = rig_timer_runs;
        for (unsigned int i = 0; i < 4000; i++) {
            struct vcpu *v = rig_v(i % 2);

            random_access();
            if (rand() % 4 == 0)
                random_event();
            rig_take(v);
            if (v->arch.hvm.work & HVM_WORK_RESET)
                platform_vcpu_entry(v);
            rig_pass(rand() % 20000);
        }
        /* Seven periodic ones at 10 kHz, and what was set anew by each access. */
        assert_true(rig_timer_runs - runs < (u64)(host_time - began) / VTIMER_MIN_PERIOD * 9 + 2 * 4000);
        rig_end();
    }
}

/* A context that was saved and loaded is the same; a wild one is refused or made harmless. */
static void test_context(void **state)
{
    static u64 before[512], after[512];

    (void)state;
    srand(7);
    for (unsigned int round = 0; round < 40; round++) {
        start();
        for (unsigned int i = 0; i < 300; i++)
            random_access();
        for (unsigned int i = 0; i < platform_nr_records; i++) {
            const struct hvm_record *r = &platform_records[i];

            for (unsigned int n = 0; n < (r->instances ?: 2); n++) {
                memset(before, 0, sizeof(before));
                memset(after, 0, sizeof(after));
                assert_int_equal(r->save(rig_d, n, before), r->length);
                assert_int_equal(r->load(rig_d, n, before, r->length), 0);
                assert_int_equal(r->save(rig_d, n, after), r->length);
                assert_memory_equal(before, after, r->length);
            }
        }
        for (unsigned int i = 0; i < 300; i++) {
            const struct hvm_record *r = &platform_records[rand() % platform_nr_records];
            int rc;

            for (unsigned int n = 0; n < ARRAY_SIZE(before); n++)
                before[n] = random_value();
            rc = r->load(rig_d, rand() % (r->instances ?: 2), before, r->length);
            assert_true(rc == 0 || rc == -EINVAL);
            random_access();
            rig_take(rig_v(0));
            rig_pass(rand() % 100000);
        }
        rig_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pic),
        cmocka_unit_test(test_pic_modes),
        cmocka_unit_test(test_ioapic),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_callback),
        cmocka_unit_test(test_pit),
        cmocka_unit_test(test_port61),
        cmocka_unit_test(test_hpet),
        cmocka_unit_test(test_hpet_periodic),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_date_of_registers),
        cmocka_unit_test(test_rtc_time),
        cmocka_unit_test(test_rtc_interrupts),
        cmocka_unit_test(test_pm),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
