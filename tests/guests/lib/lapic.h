/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of an HVM guest, in either mode (AMD APM volume 2, chapter 16): a register is named
 * by its offset in the xAPIC page, whatever the mode.
 */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#define LAPIC_BASE 0xfee00000ul

#define LAPIC_ID      0x20
#define LAPIC_VERSION 0x30
#define LAPIC_TPR     0x80
#define LAPIC_PPR     0xa0
#define LAPIC_EOI     0xb0
#define LAPIC_LDR     0xd0
#define LAPIC_DFR     0xe0
#define LAPIC_SVR     0xf0
#define LAPIC_ISR     0x100
#define LAPIC_TMR     0x180
#define LAPIC_IRR     0x200
#define LAPIC_ESR     0x280
#define LAPIC_ICR     0x300
#define LAPIC_ICR2    0x310
#define LAPIC_LVTT    0x320
#define LAPIC_LVTTHMR 0x330
#define LAPIC_LVTPC   0x340
#define LAPIC_LVT0    0x350
#define LAPIC_LVT1    0x360
#define LAPIC_LVTERR  0x370
#define LAPIC_TMICT   0x380
#define LAPIC_TMCCT   0x390
#define LAPIC_TDCR    0x3e0

#define SVR_ENABLE        0x100
#define LVT_MASKED        0x10000
#define LVTT_ONESHOT      0x00000
#define LVTT_PERIODIC     0x20000
#define LVTT_TSC_DEADLINE 0x40000

#define ICR_FIXED   0x000
#define ICR_NMI     0x400
#define ICR_INIT    0x500
#define ICR_SIPI    0x600
#define ICR_LOGICAL 0x800
#define ICR_ASSERT  0x4000
#define ICR_SELF    0x40000
#define ICR_ALL     0x80000
#define ICR_OTHERS  0xc0000

#define APIC_BASE_BSP    0x100ul
#define APIC_BASE_X2APIC 0x400ul
#define APIC_BASE_ENABLE 0x800ul

bool lapic_x2(void);
void lapic_x2_enable(void);
/* Software-enable it with the spurious vector 0xff and everything unmasked by TPR. */
void lapic_enable(void);
uint32_t lapic_read(unsigned int reg);
void lapic_write(unsigned int reg, uint32_t value);
/* A command to one APIC by its physical number, or with a shorthand. */
void lapic_icr(uint32_t destination, uint32_t command);
uint32_t lapic_id(void); /* as ICR destinations have it */
static inline void lapic_eoi(void) { lapic_write(LAPIC_EOI, 0); }
/* The APIC number of a vCPU: what the hypervisor gives it, noted by each vCPU as it begins. */
extern uint32_t vcpu_apic_id[];

#endif
