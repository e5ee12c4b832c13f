/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC against Intel SDM vol. 3, chapter 11: what registers hold and refuse, priorities, messages of
 * all kinds, the timer's modes, and the context.
 */
#include "hvm/rig.h"
#include <arch/x86/hvm/save.h>
#include <asm/host.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define BASE    0x1b
#define X2(reg) (0x800 + (reg) / 16)

static void enable(struct vcpu *v) { rig_apic_set(v, APIC_SPIV, 0x1ff); }

static void eoi(struct vcpu *v) { rig_apic_set(v, APIC_EOI, 0); }

static void x2apic(struct vcpu *v)
{
    rig_wrmsr(v, BASE, rig_rdmsr(v, BASE) | APIC_BASE_X2APIC);
    rig_wrmsr(v, X2(APIC_SPIV), 0x1ff);
}

static int wrmsr(struct vcpu *v, u32 msr, u64 value) { return vlapic_write_msr(v, msr, value); }

static void test_reset(void **state)
{
    struct vcpu *v;

    (void)state;
    rig_start(FLAGS_PVH, 3);
    v = rig_v(2);
    assert_int_equal(rig_rdmsr(rig_v(0), BASE), 0xfee00900);
    assert_int_equal(rig_rdmsr(v, BASE), 0xfee00800);
    assert_int_equal(rig_apic(v, APIC_ID), 4U << 24);
    assert_int_equal(rig_apic(v, APIC_VERSION), 0x50014);
    assert_int_equal(rig_apic(v, APIC_SPIV), 0xff);
    assert_int_equal(rig_apic(v, APIC_DFR), 0xffffffff);
    for (unsigned int reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16)
        assert_int_equal(rig_apic(v, reg), 0x10000);
    /* Disabled by software: nothing is accepted, LVT entries stay masked. */
    vlapic_interrupt(v, 0x40);
    assert_int_equal(rig_take(v), -1);
    rig_apic_set(v, APIC_LVT_LINT0, 0x700);
    assert_int_equal(rig_apic(v, APIC_LVT_LINT0), 0x10700);
    rig_end();
}

static void test_registers(void **state)
{
    struct vcpu *v;

    (void)state;
    rig_start(FLAGS_PVH, 1);
    v = rig_v(0);
    enable(v);
    rig_apic_set(v, APIC_LVT_LINT1, 0xffffffff);
    assert_int_equal(rig_apic(v, APIC_LVT_LINT1), 0x1a7ff);
    rig_apic_set(v, APIC_LVT_TIMER, 0xffffffff);
    assert_int_equal(rig_apic(v, APIC_LVT_TIMER), 0x700ff);
    rig_apic_set(v, APIC_ID, 0x7f000000);
    assert_int_equal(rig_apic(v, APIC_ID), 0);
    rig_apic_set(v, APIC_LDR, 0x12345678);
    assert_int_equal(rig_apic(v, APIC_LDR), 0x12000000);
    rig_apic_set(v, APIC_DFR, 0);
    assert_int_equal(rig_apic(v, APIC_DFR), 0x0fffffff);
    /* Parts of a register, and what is beside it. */
    assert_int_equal(rig_read(v, 0xfee00000 + APIC_VERSION, 1), 0x14);
    assert_int_equal(rig_read(v, 0xfee00002 + APIC_VERSION, 2), 0x5);
    assert_int_equal(rig_read(v, 0xfee00004 + APIC_VERSION, 4), 0);
    /* Registers that are not there are errors, told after ESR was written. */
    rig_apic_set(v, APIC_LVT_ERROR, 0x55);
    rig_apic(v, 0x3f0);
    rig_apic_set(v, APIC_VERSION, 1);
    assert_int_equal(rig_apic(v, APIC_ESR), 0);
    rig_apic_set(v, APIC_ESR, 0);
    assert_int_equal(rig_apic(v, APIC_ESR), 0x80);
    assert_int_equal(rig_take(v), 0x55);
    rig_apic_set(v, APIC_ESR, 0);
    assert_int_equal(rig_apic(v, APIC_ESR), 0);
    /* The page is where APIC_BASE says. */
    rig_wrmsr(v, BASE, 0xfec80900);
    assert_null(platform_mmio(v, 0xfee00020));
    assert_int_equal(rig_read(v, 0xfec80000 + APIC_VERSION, 4), 0x50014);
    rig_end();
}

static void test_base(void **state)
{
    static const struct {
        u64 from, to;
        bool allowed;
    } moves[] = {
        {0x000, 0x800, true},  {0x000, 0x400, false}, {0x000, 0xc00, false},
        {0x800, 0x000, true},  {0x800, 0xc00, true},  {0x800, 0x400, false},
        {0xc00, 0x800, false}, {0xc00, 0x000, true},  {0xc00, 0x400, false},
    };
    struct vcpu *v;
    u64 value;

    (void)state;
    rig_start(FLAGS_PVH, 2);
    v = rig_v(1);
    for (unsigned int i = 0; i < ARRAY_SIZE(moves); i++) {
        rig_wrmsr(v, BASE, 0xfee00000);
        if (moves[i].from)
            rig_wrmsr(v, BASE, 0xfee00800);
        if (moves[i].from == 0xc00)
            rig_wrmsr(v, BASE, 0xfee00c00);
        assert_int_equal(wrmsr(v, BASE, 0xfee00000 | moves[i].to), moves[i].allowed ? 0 : -EINVAL);
        assert_int_equal(rig_rdmsr(v, BASE) & 0xc00, moves[i].allowed ? moves[i].to : moves[i].from);
    }
    rig_wrmsr(v, BASE, 0xfee00000);
    assert_false(vlapic_enabled(v));
    assert_null(platform_mmio(v, 0xfee00020));
    rig_wrmsr(v, BASE, 0xfee00800);
    for (unsigned int bit = 0; bit < 64; bit++)
        if (bit < 8 || bit == 9 || bit >= 40)
            assert_int_equal(wrmsr(v, BASE, 0xfee00800 | 1UL << bit), -EINVAL);
    assert_int_equal(vlapic_read_msr(v, X2(APIC_ID), &value), -EINVAL);
    assert_int_equal(vlapic_read_msr(v, 0x1c, &value), -EINVAL);
    assert_int_equal(wrmsr(v, 0x900, 0), -EINVAL);
    rig_end();
}

static void test_x2apic(void **state)
{
    static const u16 readable[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x10, 0x17, 0x18, 0x1f, 0x20, 0x27,
                                   0x28, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
    static const u16 writable[] = {0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x3e, 0x3f};
    struct vcpu *v;
    u64 value;

    (void)state;
    rig_start(FLAGS_PVH, 20);
    v = rig_v(19);
    x2apic(v);
    assert_null(platform_mmio(v, 0xfee00020));
    assert_int_equal(rig_rdmsr(v, X2(APIC_ID)), 38);
    assert_int_equal(rig_rdmsr(v, X2(APIC_LDR)), 2U << 16 | 1U << 6);
    for (u32 n = 0; n < 0x100; n++) {
        bool r = n > 0x10 && n < 0x28, w = false;

        for (unsigned int i = 0; i < ARRAY_SIZE(readable); i++)
            r |= n == readable[i];
        for (unsigned int i = 0; i < ARRAY_SIZE(writable); i++)
            w |= n == writable[i];
        assert_int_equal(vlapic_read_msr(v, 0x800 + n, &value), r ? 0 : -EINVAL);
        if (n == 0x30 || n == 0x3f) /* no vector 0 */
            continue;
        assert_int_equal(wrmsr(v, 0x800 + n, 0), w ? 0 : -EINVAL);
    }
    rig_wrmsr(v, X2(APIC_SPIV), 0x1ff);
    /* Reserved bits fault. */
    assert_int_equal(wrmsr(v, X2(APIC_TPR), 0x100), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_EOI), 1), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_ESR), 1), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_SPIV), 0x11ff), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_LVT_TIMER), 0x80000), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_LVT_LINT0), 0x100010700), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_LVT_LINT0), 0x15700), 0);
    assert_int_equal(rig_rdmsr(v, X2(APIC_LVT_LINT0)), 0x10700);
    assert_int_equal(wrmsr(v, X2(APIC_TIMER_INIT), 0x100000000), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_TIMER_DIVIDE), 4), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_ICR), 0x2600040), -EINVAL);
    assert_int_equal(wrmsr(v, X2(APIC_SELF_IPI), 0x141), -EINVAL);
    rig_wrmsr(v, X2(APIC_SELF_IPI), 0x41);
    assert_int_equal(rig_take(v), 0x41);
    rig_wrmsr(v, X2(APIC_ICR), 38UL << 32 | 0x42);
    assert_int_equal(rig_rdmsr(v, X2(APIC_ICR)), 38UL << 32 | 0x42);
    rig_wrmsr(v, X2(APIC_EOI), 0);
    assert_int_equal(rig_take(v), 0x42);
    rig_end();
}

static void test_priorities(void **state)
{
    struct vcpu *v;

    (void)state;
    rig_start(FLAGS_PVH, 1);
    v = rig_v(0);
    enable(v);
    v->arch.hvm.work = 0;
    vlapic_interrupt(v, 0x51);
    assert_int_equal(v->arch.hvm.work, HVM_WORK_EVENT);
    vlapic_interrupt(v, 0x52);
    vlapic_interrupt(v, 0x52);
    vlapic_interrupt(v, 0x3f);
    assert_int_equal(rig_take(v), 0x52);
    assert_int_equal(rig_apic(v, APIC_PPR), 0x50);
    assert_int_equal(rig_take(v), -1); /* 0x51 is of the same class */
    vlapic_interrupt(v, 0x60);
    assert_int_equal(rig_take(v), 0x60);
    assert_int_equal(rig_apic(v, APIC_ISR + 0x20), 1U << 18); /* 0x52 */
    assert_int_equal(rig_apic(v, APIC_ISR + 0x30), 1U << 0);  /* 0x60 */
    rig_apic_set(v, APIC_EOI, 0);
    assert_int_equal(rig_take(v), -1);
    rig_apic_set(v, APIC_EOI, 0);
    assert_int_equal(rig_take(v), 0x51);
    rig_apic_set(v, APIC_EOI, 0);
    /* TPR, and CR8 as another name of it; the rest of the class is masked as well. */
    rig_apic_set(v, APIC_TPR, 0x30);
    assert_int_equal(vlapic_get_cr8(v), 3);
    assert_int_equal(rig_take(v), -1);
    v->arch.hvm.work = 0;
    vlapic_set_cr8(v, 2);
    assert_int_equal(v->arch.hvm.work, HVM_WORK_EVENT);
    assert_int_equal(rig_apic(v, APIC_PPR), 0x20);
    assert_int_equal(rig_take(v), 0x3f);
    rig_apic_set(v, APIC_EOI, 0);
    rig_apic_set(v, APIC_EOI, 0); /* one too many is nothing */
    assert_int_equal(rig_apic(v, APIC_PPR), 0x20);
    /* Off: what is pending waits. */
    vlapic_interrupt(v, 0x70);
    rig_apic_set(v, APIC_SPIV, 0xff);
    assert_int_equal(rig_take(v), -1);
    enable(v);
    assert_int_equal(rig_take(v), 0x70);
    rig_end();
}

static void send(struct vcpu *from, u32 low, u32 dest)
{
    rig_apic_set(from, APIC_ICR_HIGH, dest << 24);
    rig_apic_set(from, APIC_ICR, low);
}

/* Which vCPUs have the vector, as bits; they take and end it. */
static unsigned int receivers(void)
{
    unsigned int set = 0;
    struct vcpu *v;

    for_each_vcpu (rig_d, v) {
        if (rig_take(v) < 0)
            continue;
        set |= 1U << v->id;
        if (rig_rdmsr(v, BASE) & APIC_BASE_X2APIC)
            rig_wrmsr(v, X2(APIC_EOI), 0);
        else
            rig_apic_set(v, APIC_EOI, 0);
    }
    return set;
}

static void test_destinations(void **state)
{
    struct vcpu *v;

    (void)state;
    rig_start(FLAGS_PVH, 4);
    for_each_vcpu (rig_d, v) {
        enable(v);
        rig_apic_set(v, APIC_LDR, 1U << (24 + v->id));
    }
    v = rig_v(1);
    send(v, 0x40, 4);
    assert_int_equal(receivers(), 1U << 2);
    send(v, 0x40, 3); /* nobody */
    send(v, 0x40, 8);
    assert_int_equal(receivers(), 0);
    send(v, 0x40, 0xff);
    assert_int_equal(receivers(), 0xf);
    send(v, 0x840, 0x0a); /* flat */
    assert_int_equal(receivers(), 0xa);
    send(v, 0x40 | 1U << 18, 0); /* self */
    assert_int_equal(receivers(), 0x2);
    send(v, 0x40 | 2U << 18, 0);
    assert_int_equal(receivers(), 0xf);
    send(v, 0x40 | 3U << 18, 0);
    assert_int_equal(receivers(), 0xd);
    /* Clusters: two of two. */
    for_each_vcpu (rig_d, v) {
        rig_apic_set(v, APIC_DFR, 0);
        rig_apic_set(v, APIC_LDR, (v->id / 2 << 4 | 1U << v->id % 2) << 24);
    }
    v = rig_v(1);
    send(v, 0x840, 0x13);
    assert_int_equal(receivers(), 0xc);
    send(v, 0x840, 0x01);
    assert_int_equal(receivers(), 0x1);
    /* Lowest priority goes to one only: not to the busy one. */
    rig_apic_set(rig_v(2), APIC_TPR, 0x30);
    for (unsigned int i = 0; i < 4; i++) {
        send(v, 0x940, 0x13);
        assert_int_equal(receivers(), 0x8);
    }
    rig_apic_set(rig_v(2), APIC_TPR, 0);
    send(v, 0x940, 0x13);
    send(v, 0x940, 0x13);
    assert_int_equal(receivers(), 0xc);
    /* One in x2APIC mode is reached by the same names as long as they fit. */
    x2apic(rig_v(3));
    send(v, 0x40, 6);
    send(v, 0x840, 0x40);
    assert_int_equal(receivers(), 0x8);
    rig_wrmsr(rig_v(3), X2(APIC_ICR), 0xffUL << 32 | 0x40); /* no broadcast there */
    assert_int_equal(receivers(), 0);
    rig_wrmsr(rig_v(3), X2(APIC_ICR), 0xffffffffUL << 32 | 0x40);
    assert_int_equal(receivers(), 0xf);
    rig_end();
}

static void test_errors(void **state)
{
    struct vcpu *v;

    (void)state;
    rig_start(FLAGS_PVH, 2);
    v = rig_v(0);
    enable(v);
    send(v, 0x0f, 0);
    rig_apic_set(v, APIC_ESR, 0);
    assert_int_equal(rig_apic(v, APIC_ESR), 0x20);
    hvm_msi(rig_d, 0xfee00000, 0x0f);
    rig_apic_set(v, APIC_ESR, 0);
    assert_int_equal(rig_apic(v, APIC_ESR), 0x40);
    assert_int_equal(hvm_msi(rig_d, 0xfee00000, 0x400), -EINVAL);
    assert_int_equal(hvm_msi(rig_d, 0xfee02000, 0x140), -ESRCH);
    assert_int_equal(hvm_msi(rig_d, 0xfee00000, 0x8045), 0);
    assert_int_equal(rig_apic(v, APIC_TMR + 0x20), 1U << 5);
    assert_int_equal(rig_take(v), 0x45);
    rig_apic_set(v, APIC_EOI, 0);
    hvm_msi(rig_d, 0xfee00000, 0x45);
    assert_int_equal(rig_apic(v, APIC_TMR + 0x20), 0);
    rig_end();
}

static void test_start(void **state)
{
    struct vcpu *v, *ap;

    (void)state;
    rig_start(FLAGS_PVH, 2);
    v = rig_v(0);
    ap = rig_v(1);
    enable(v);
    send(v, 0x400, 2);
    assert_int_equal(ap->arch.nmis, 1);
    /* It runs: a SIPI is not for it. */
    send(v, 0x607, 2);
    assert_int_equal(ap->arch.hvm.work & HVM_WORK_RESET, 0);
    send(v, 0x8500, 2); /* de-assert */
    assert_int_equal(ap->arch.hvm.work & HVM_WORK_RESET, 0);
    enable(ap);
    send(v, 0xc500, 2);
    assert_int_equal(ap->arch.hvm.work & HVM_WORK_RESET, HVM_WORK_RESET);
    platform_vcpu_entry(ap);
    assert_int_equal(rig_resets, 1);
    assert_true(ap->pause_flags & VPF_DOWN);
    assert_int_equal(rig_apic(ap, APIC_SPIV), 0xff);
    assert_int_equal(ap->arch.hvm.work & HVM_WORK_RESET, 0);
    send(v, 0x612, 2);
    assert_false(ap->pause_flags & VPF_DOWN);
    platform_vcpu_entry(ap);
    assert_int_equal(rig_sipi, 0x12);
    assert_int_equal(rig_resets, 1);
    send(v, 0x613, 2); /* the second one, as everybody sends it */
    platform_vcpu_entry(ap);
    assert_int_equal(rig_sipi, 0x12);
    /* Both before it looks. */
    send(v, 0x4500, 2);
    send(v, 0x634, 2);
    platform_vcpu_entry(ap);
    assert_int_equal(rig_sipi, 0x34);
    assert_int_equal(rig_resets, 2);
    assert_false(ap->pause_flags & VPF_DOWN);
    rig_end();
}

static void test_timer(void **state)
{
    struct vcpu *v;
    unsigned long n;

    (void)state;
    rig_start(FLAGS_PVH, 1);
    v = rig_v(0);
    enable(v);
    /* Once: 1000 counts of 16 cycles. */
    rig_apic_set(v, APIC_TIMER_DIVIDE, 3);
    rig_apic_set(v, APIC_LVT_TIMER, 0x40);
    rig_apic_set(v, APIC_TIMER_INIT, 1000);
    rig_pass(MICROSECS(40));
    assert_int_equal(rig_apic(v, APIC_TIMER_COUNT), 750);
    rig_pass(MICROSECS(119));
    assert_int_equal(rig_take(v), -1);
    rig_pass(MICROSECS(2));
    assert_int_equal(rig_take(v), 0x40);
    rig_apic_set(v, APIC_EOI, 0);
    assert_int_equal(rig_apic(v, APIC_TIMER_COUNT), 0);
    rig_pass(SECONDS(1));
    assert_int_equal(rig_take(v), -1);
    /* The divisor changes on the way: the count goes on from where it was. */
    rig_apic_set(v, APIC_TIMER_INIT, 1000);
    rig_pass(MICROSECS(80));
    rig_apic_set(v, APIC_TIMER_DIVIDE, 0xb); /* 1 */
    assert_int_equal(rig_apic(v, APIC_TIMER_COUNT), 500);
    rig_pass(MICROSECS(5));
    assert_int_equal(rig_take(v), 0x40);
    rig_apic_set(v, APIC_EOI, 0);
    /* Again and again, 1 ms; what was missed is not made up for. */
    rig_apic_set(v, APIC_LVT_TIMER, 0x20041);
    rig_apic_set(v, APIC_TIMER_INIT, 100000);
    for (unsigned int i = 0; i < 5; i++) {
        rig_pass(MILLISECS(1));
        assert_int_equal(rig_take(v), 0x41);
        rig_apic_set(v, APIC_EOI, 0);
    }
    rig_pass(MICROSECS(10250));
    assert_int_equal(rig_apic(v, APIC_TIMER_COUNT), 75000);
    assert_int_equal(rig_take(v), 0x41);
    rig_apic_set(v, APIC_EOI, 0);
    assert_int_equal(rig_take(v), -1);
    /* Masked it counts and is silent; 0 stops it. */
    rig_apic_set(v, APIC_LVT_TIMER, 0x30041);
    rig_pass(MILLISECS(3));
    assert_int_equal(rig_take(v), -1);
    rig_apic_set(v, APIC_TIMER_INIT, 0);
    n = rig_timer_runs;
    rig_pass(SECONDS(1));
    assert_in_range(rig_timer_runs - n, 0, 1);
    /* 10 ns: the guest gets what is sane. */
    rig_apic_set(v, APIC_LVT_TIMER, 0x20041);
    rig_apic_set(v, APIC_TIMER_INIT, 1);
    n = rig_timer_runs;
    rig_pass(MILLISECS(100));
    assert_in_range(rig_timer_runs - n, 900, 1100);
    /* While the vCPU does not run, one tick is told, which wakes it; they go on when it has a CPU again. */
    v->is_running = false;
    while (rig_take(v) >= 0)
        eoi(v);
    n = rig_timer_runs;
    rig_pass(SECONDS(1));
    assert_in_range(rig_timer_runs - n, 0, 3);
    assert_int_equal(rig_take(v), 0x41);
    v->is_running = true;
    platform_vcpu_load(v);
    n = rig_timer_runs;
    rig_pass(MILLISECS(10));
    assert_in_range(rig_timer_runs - n, 90, 110);
    rig_end();
}

static void test_deadline(void **state)
{
    struct vcpu *v;
    u64 tsc;

    (void)state;
    rig_start(FLAGS_PVH, 1);
    v = rig_v(0);
    enable(v);
    rig_wrmsr(v, 0x6e0, 12345); /* not in this mode */
    assert_int_equal(rig_rdmsr(v, 0x6e0), 0);
    rig_apic_set(v, APIC_LVT_TIMER, 0x40042);
    rig_apic_set(v, APIC_TIMER_INIT, 1000);
    assert_int_equal(rig_apic(v, APIC_TIMER_INIT), 0);
    tsc = hvm_guest_tsc(v) + 3 * MILLISECS(5);
    rig_wrmsr(v, 0x6e0, tsc);
    assert_int_equal(rig_rdmsr(v, 0x6e0), tsc);
    rig_pass(MILLISECS(5) - 10);
    assert_int_equal(rig_take(v), -1);
    rig_pass(20);
    assert_int_equal(rig_take(v), 0x42);
    assert_int_equal(rig_rdmsr(v, 0x6e0), 0);
    rig_apic_set(v, APIC_EOI, 0);
    rig_wrmsr(v, 0x6e0, 1); /* long ago */
    rig_pass(0);
    assert_int_equal(rig_take(v), 0x42);
    rig_apic_set(v, APIC_EOI, 0);
    rig_wrmsr(v, 0x6e0, ~0UL); /* far away */
    rig_pass(SECONDS(1000));
    assert_int_equal(rig_take(v), -1);
    rig_wrmsr(v, 0x6e0, hvm_guest_tsc(v) + 1000000);
    rig_wrmsr(v, 0x6e0, 0);
    rig_pass(SECONDS(1));
    assert_int_equal(rig_take(v), -1);
    /* Another mode disarms it. */
    rig_wrmsr(v, 0x6e0, hvm_guest_tsc(v) + 1000000);
    rig_apic_set(v, APIC_LVT_TIMER, 0x42);
    assert_int_equal(rig_rdmsr(v, 0x6e0), 0);
    rig_pass(SECONDS(1));
    assert_int_equal(rig_take(v), -1);
    rig_end();
}

static const struct hvm_record *record(u16 code)
{
    for (unsigned int i = 0; i < platform_nr_records; i++)
        if (platform_records[i].typecode == code)
            return &platform_records[i];
    abort();
}

static void test_context(void **state)
{
    struct hvm_hw_lapic hw;
    struct hvm_hw_lapic_regs regs, again;
    struct vcpu *v, *w;

    (void)state;
    rig_start(FLAGS_PVH, 2);
    v = rig_v(0);
    w = rig_v(1);
    enable(w);
    x2apic(v);
    rig_wrmsr(v, X2(APIC_LVT_TIMER), 0x20043);
    rig_wrmsr(v, X2(APIC_TIMER_INIT), 1000000);
    vlapic_interrupt(v, 0x61);
    vlapic_interrupt(v, 0x62);
    rig_take(v);
    rig_pass(MILLISECS(5));
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC))->save(rig_d, 0, &hw), sizeof(hw));
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC_REGS))->save(rig_d, 0, &regs), sizeof(regs));
    platform_vcpu_reset(v);
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC))->load(rig_d, 0, &hw, sizeof(hw)), 0);
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC_REGS))->load(rig_d, 0, &regs, sizeof(regs)), 0);
    record(HVM_SAVE_CODE(LAPIC_REGS))->save(rig_d, 0, &again);
    assert_memory_equal(&regs, &again, sizeof(regs));
    assert_int_equal(rig_take(v), -1);
    rig_wrmsr(v, X2(APIC_EOI), 0);
    assert_int_equal(rig_take(v), 0x61);
    rig_wrmsr(v, X2(APIC_EOI), 0);
    rig_pass(MILLISECS(15) + 1);
    assert_int_equal(rig_take(v), 0x43);
    /* A deadline that was waited for. */
    rig_wrmsr(v, X2(APIC_LVT_TIMER), 0x40044);
    rig_wrmsr(v, 0x6e0, hvm_guest_tsc(v) + 3000000);
    record(HVM_SAVE_CODE(LAPIC))->save(rig_d, 0, &hw);
    record(HVM_SAVE_CODE(LAPIC_REGS))->save(rig_d, 0, &regs);
    platform_vcpu_reset(v);
    record(HVM_SAVE_CODE(LAPIC))->load(rig_d, 0, &hw, sizeof(hw));
    record(HVM_SAVE_CODE(LAPIC_REGS))->load(rig_d, 0, &regs, sizeof(regs));
    rig_wrmsr(v, X2(APIC_EOI), 0);
    rig_pass(MILLISECS(1) + 1);
    assert_int_equal(rig_take(v), 0x44);
    /* A record that no APIC can have. */
    hw.apic_base_msr = 0xfee00400;
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC))->load(rig_d, 0, &hw, sizeof(hw)), -EINVAL);
    assert_int_equal(rig_rdmsr(v, BASE), 0xfee00d00);
    /* Garbage is cut down to what can be. */
    memset(&regs, 0xff, sizeof(regs));
    assert_int_equal(record(HVM_SAVE_CODE(LAPIC_REGS))->load(rig_d, 1, &regs, sizeof(regs)), 0);
    assert_int_equal(rig_apic(w, APIC_ID), 2U << 24);
    assert_int_equal(rig_apic(w, APIC_ISR), 0xffff0000);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),    cmocka_unit_test(test_registers),  cmocka_unit_test(test_base),
        cmocka_unit_test(test_x2apic),   cmocka_unit_test(test_priorities), cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_start),      cmocka_unit_test(test_timer),
        cmocka_unit_test(test_deadline), cmocka_unit_test(test_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
