/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC by memory (xAPIC) or by MSR (x2APIC), whichever mode this vCPU is in. */
#include "guest.h"

uint32_t vcpu_apic_id[MAX_VCPUS];

static uint32_t x2_msr(unsigned int reg) { return 0x800 + (reg >> 4); }

bool lapic_x2(void) { return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC; }

void lapic_x2_enable(void) { wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC); }

void lapic_enable(void)
{
    lapic_write(LAPIC_SVR, SVR_ENABLE | 0xff);
    lapic_write(LAPIC_TPR, 0);
}

uint32_t lapic_read(unsigned int reg)
{
    if (lapic_x2())
        return (uint32_t)rdmsr(x2_msr(reg));
    return *(volatile uint32_t *)(LAPIC_BASE + reg);
}

void lapic_write(unsigned int reg, uint32_t value)
{
    if (lapic_x2())
        wrmsr(x2_msr(reg), value);
    else
        *(volatile uint32_t *)(LAPIC_BASE + reg) = value;
}

void lapic_icr(uint32_t destination, uint32_t command)
{
    if (lapic_x2()) {
        wrmsr(x2_msr(LAPIC_ICR), (uint64_t)destination << 32 | command);
    } else {
        lapic_write(LAPIC_ICR2, destination << 24);
        lapic_write(LAPIC_ICR, command);
    }
}

uint32_t lapic_id(void)
{
    uint32_t id = lapic_read(LAPIC_ID);

    return lapic_x2() ? id : id >> 24;
}
