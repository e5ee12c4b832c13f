/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI registers that are the hypervisor's (ACPI specification 6.4, 4.8): PM1a event block and PM timer, at one of
 * two places (platform.c). PM1a control, where a guest enters sleeping states, and GPE0 are the device model's.
 * The system control interrupt is ISA irq 9, which the device model may assert as well.
 */
#include <arch/x86/hvm/platform/private.h>

#define PM_TIMER_HZ 3579545U
#define SCI_LINE    9

#define STS_TIMER   (1U << 0)
#define STS_GLOBAL  (1U << 5)
#define STS_POWER   (1U << 8)
#define STS_SLEEP   (1U << 9)
#define SCI_SOURCES (STS_TIMER | STS_GLOBAL | STS_POWER | STS_SLEEP)
#define STS_ALL     (0xcf31U) /* that exist; all are cleared by writing ones */
#define EN_ALL      (SCI_SOURCES | 1U << 10)

struct hvm_hw_pmtimer *vpm_state(struct platform *p)
{
    u64 ticks = ns_to_ticks(now(), PM_TIMER_HZ);

    p->pm.hw.tmr_val += ticks - p->pm.at;
    p->pm.at = ticks;
    return &p->pm.hw;
}

static void update_sci(struct platform *p)
{
    own_line_set(p, SCI_LINE, p->pm.hw.pm1a_sts & p->pm.hw.pm1a_en & SCI_SOURCES);
}

/* The timer's highest bit changes next. */
static void arm(struct platform *p)
{
    u32 left = 0x80000000U - (vpm_state(p)->tmr_val & 0x7fffffff);

    vtimer_arm(&p->timers[TIMER_PM], p->board, ticks_to_ns(p->pm.at + left, PM_TIMER_HZ) + 1000, 0);
}

void vpm_fired(struct vtimer *t)
{
    struct platform *p = t->domain->arch.hvm->platform;

    p->pm.hw.pm1a_sts |= STS_TIMER;
    update_sci(p);
    arm(p);
}

/* The pair of status (low half) and enable, or the timer. */
u64 vpm_read(struct platform *p, unsigned int reg)
{
    const struct hvm_hw_pmtimer *pm = vpm_state(p);

    return reg & 8 ? pm->tmr_val : (u32)pm->pm1a_en << 16 | pm->pm1a_sts;
}

void vpm_write(struct platform *p, unsigned int reg, u64 value, u64 mask)
{
    struct hvm_hw_pmtimer *pm = &p->pm.hw;

    if (reg & 8)
        return;
    pm->pm1a_sts &= ~(value & STS_ALL);
    pm->pm1a_en = ((pm->pm1a_en & ~(mask >> 16)) | value >> 16) & EN_ALL;
    update_sci(p);
}

int hvm_acpi_button(struct domain *d, bool sleep)
{
    struct platform *p = d->arch.hvm->platform;

    if (!p->board)
        return -ENODEV;
    spin_guard_irqsave(&p->lock);
    p->pm.hw.pm1a_sts |= sleep ? STS_SLEEP : STS_POWER;
    update_sci(p);
    return 0;
}

int vpm_resume(struct platform *p, unsigned int n __unused)
{
    p->pm.hw.pm1a_sts &= STS_ALL;
    p->pm.hw.pm1a_en &= EN_ALL;
    update_sci(p);
    arm(p);
    return 0;
}

void vpm_init(struct platform *p)
{
    vpm_state(p); /* the timer begins with 0 now */
    p->pm.hw = (struct hvm_hw_pmtimer){};
    vpm_resume(p, 0);
}
