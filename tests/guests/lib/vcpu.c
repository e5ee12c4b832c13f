/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPUs of a test guest, what all types have; and reading time (<xen/xen.h>, struct vcpu_time_info). */
#include "guest.h"

uint8_t stacks[MAX_VCPUS][STACK_SIZE] __attribute__((aligned(32768)));

struct vcpu_info *vcpu_info(void) { return &guest.shared->vcpu_info[vcpu_id()]; }

struct vcpu *vcpu_of(unsigned int id) { return (struct vcpu *)stacks[id]; }

void vcpu_main(struct vcpu *v)
{
    v->function(v->arg);
    v->finished = true;
    for (;;) /* somebody may call it up again */
        hc_vcpu_op(VCPUOP_down, v->id, 0);
}

bool vcpu_wait(unsigned int id, unsigned int ms)
{
    uint64_t end = now() + ms * 1000000ull;

    while (!vcpu_of(id)->finished) {
        if (now() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    while (hc_vcpu_op(VCPUOP_is_up, id, 0) == 1 && now() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return true;
}

uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

uint64_t now(void)
{
    volatile struct vcpu_time_info *t = &vcpu_info()->time;
    uint64_t result;
    uint32_t version;

    do {
        uint64_t delta;

        version = t->version & ~1u;
        barrier();
        delta = rdtsc() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        result =
            t->system_time + (delta >> 32) * t->tsc_to_system_mul + ((delta & 0xffffffff) * t->tsc_to_system_mul >> 32);
        barrier();
    } while (version != t->version);
    return result;
}

void delay_us(unsigned int us)
{
    uint64_t end = now() + us * 1000ul;

    while (now() < end)
        cpu_relax();
}
