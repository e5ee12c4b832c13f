/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's surroundings: the core of HVM is replaced by what these tests look at; timers and scheduler are real.
 */
#include "rig.h"
#include <arch/x86/hvm/ioreq.h>
#include "world.h"
#include <asm/host.h>
#include <sched/sched.h>
#include <sched/softirq.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct domain *rig_d;
unsigned long rig_resets, rig_timer_runs;
int rig_sipi;

/* ---- what hvm/ and x86 give ---- */

s64 rig_clock_moved;

void hvm_send_timeoffset(s64 seconds) { rig_clock_moved = seconds; }

void hvm_wake(struct vcpu *v)
{
    hvm_set_work(v, HVM_WORK_EVENT);
    vcpu_unblock(v);
    vcpu_kick(v);
}

void hvm_vcpu_reset_init(struct vcpu *v)
{
    v->arch.initialised = false;
    rig_resets++;
}

void hvm_vcpu_sipi(struct vcpu *v, u8 vector)
{
    v->arch.initialised = true;
    rig_sipi = vector;
}

/* 3 GHz, and not from 0. */
u64 hvm_guest_tsc(const struct vcpu *v)
{
    (void)v;
    return host_time * 3 + 1000000;
}

unsigned int arch_gpaddr_bits(const struct domain *d)
{
    (void)d;
    return 40;
}

u64 arch_wallclock_base(u32 *ns)
{
    *ns = 250000000;
    return 951782399; /* 2000-02-28 23:59:59 UTC */
}

/* ---- the rig ---- */

void rig_start(u32 flags, unsigned int vcpus)
{
    world_init(1);
    host_time = SECONDS(100);
    rig_d = world_domain(5, vcpus, false);
    rig_d->arch.tsc_khz = 3000000;
    rig_d->arch.hvm = mem_alloc_object(struct hvm_domain);
    rig_d->arch.hvm->params[HVM_PARAM_HPET_ENABLED] = 1;
    assert_int_equal(platform_domain_create(rig_d, flags), 0);
    for (unsigned int i = 0; i < vcpus; i++) {
        assert_int_equal(platform_vcpu_create(rig_v(i)), 0);
        rig_v(i)->arch.initialised = true;
        rig_v(i)->is_running = true;
    }
    rig_resets = 0;
    rig_sipi = -1;
}

void rig_end(void)
{
    struct vcpu *v;

    for_each_vcpu (rig_d, v)
        platform_vcpu_free(v);
    platform_domain_free(rig_d);
    mem_free(rig_d->arch.hvm);
    world_end();
}

void rig_pass(s64 ns)
{
    s_time_t end = host_time + ns;

    while (host_cpus[0].deadline <= end) {
        host_time = max(host_time, host_cpus[0].deadline);
        rig_timer_runs++;
        softirq_raise(SOFTIRQ_TIMER);
        softirq_run();
    }
    host_time = end;
}

int rig_take(struct vcpu *v)
{
    struct hvm_interrupt i;

    if (!platform_interrupt(v, true, &i))
        return -1;
    platform_interrupt_ack(v, &i);
    return i.vector;
}

u64 rig_rdmsr(struct vcpu *v, u32 msr)
{
    u64 value = 0;

    assert_int_equal(vlapic_read_msr(v, msr, &value), 0);
    return value;
}

void rig_wrmsr(struct vcpu *v, u32 msr, u64 value) { assert_int_equal(vlapic_write_msr(v, msr, value), 0); }

u32 rig_in(u16 port, unsigned int bytes)
{
    u64 value = ~0UL;
    hvm_io_access_t *access = platform_port(rig_v(0), port);

    if (!access || access(rig_v(0), port, bytes, false, &value) == HVM_IO_NOBODY)
        value = ~0UL;
    return value & (~0U >> (32 - bytes * 8));
}

void rig_out(u16 port, unsigned int bytes, u32 value)
{
    u64 v = value;
    hvm_io_access_t *access = platform_port(rig_v(0), port);

    if (access)
        access(rig_v(0), port, bytes, true, &v);
}

u64 rig_read(struct vcpu *v, u64 gpa, unsigned int bytes)
{
    u64 value = ~0UL;
    hvm_io_access_t *access = platform_mmio(v, gpa);

    if (access)
        assert_int_equal(access(v, gpa, bytes, false, &value), HVM_IO_DONE);
    return value;
}

void rig_write(struct vcpu *v, u64 gpa, unsigned int bytes, u64 value)
{
    hvm_io_access_t *access = platform_mmio(v, gpa);

    if (access)
        assert_int_equal(access(v, gpa, bytes, true, &value), HVM_IO_DONE);
}

static void ioapic_write(unsigned int index, u32 value)
{
    rig_write(rig_v(0), 0xfec00000, 4, index);
    rig_write(rig_v(0), 0xfec00010, 4, value);
}

void rig_pin(unsigned int pin, u32 low, u32 dest)
{
    ioapic_write(0x11 + pin * 2, dest << 24);
    ioapic_write(0x10 + pin * 2, low);
}

u64 rig_pin_entry(unsigned int pin)
{
    u64 low;

    rig_write(rig_v(0), 0xfec00000, 4, 0x10 + pin * 2);
    low = rig_read(rig_v(0), 0xfec00010, 4);
    rig_write(rig_v(0), 0xfec00000, 4, 0x11 + pin * 2);
    return low | rig_read(rig_v(0), 0xfec00010, 4) << 32;
}
