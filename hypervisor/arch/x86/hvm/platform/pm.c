/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI registers that are the hypervisor's (ACPI specification 6.4, 4.8): PM1a event block and PM timer, at one of
 * two places (xen/hvm/ioreq.h). PM1a control, where a guest enters sleeping states, and GPE0 are the device model's.
 * The system control interrupt is ISA irq 9, which the device model may assert as well.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <xen/hvm/ioreq.h>

#define PM_TIMER_HZ 3579545U
#define SCI_LINE    9

#define STS_TIMER  (1U << 0)
#define STS_GLOBAL (1U << 5)
#define STS_POWER  (1U << 8)
#define STS_SLEEP  (1U << 9)
#define STS_ALL    (0xcf31U) /* that exist; all are cleared by writing ones */
#define EN_ALL     (STS_TIMER | STS_GLOBAL | STS_POWER | STS_SLEEP | 1U << 10)

static u64 ticks_now(void) { return ns_to_ticks(now(), PM_TIMER_HZ); }

static void update_sci(struct platform *p)
{
    own_line_set(p, SCI_LINE, p->pm.hw.pm1a_sts & p->pm.hw.pm1a_en & (STS_TIMER | STS_GLOBAL | STS_POWER | STS_SLEEP));
}

/* The timer's highest bit changes next. */
static void arm(struct platform *p)
{
    u64 t = ticks_now();
    u32 left = 0x80000000U - ((u32)(t + p->pm.hw.tmr_val) & 0x7fffffff);

    vtimer_start(&p->pm.timer, ticks_to_ns(t + left, PM_TIMER_HZ) + 1000, 0);
}

static void fired(struct vtimer *t)
{
    struct platform *p = container_of(t, struct platform, pm.timer);

    p->pm.hw.pm1a_sts |= STS_TIMER;
    update_sci(p);
    arm(p);
}

/* 1 to 4 bytes of the pair of status (low half) and enable. */
enum hvm_io_result vpm_event_port(struct vcpu *v, u64 port, unsigned int bytes, bool write, u64 *value)
{
    struct platform *p = v->domain->arch.hvm->platform;
    unsigned int shift = (port - p->pm.base) * 8;
    u32 mask = (bytes >= 4 ? ~0U : (1U << bytes * 8) - 1) << shift, written = (u32)*value << shift & mask;
    spin_guard_irqsave(&p->lock);

    if (!write) {
        *value = ((u32)p->pm.hw.pm1a_en << 16 | p->pm.hw.pm1a_sts) >> shift & mask >> shift;
        return HVM_IO_DONE;
    }
    p->pm.hw.pm1a_sts &= ~(written & STS_ALL);
    p->pm.hw.pm1a_en = ((p->pm.hw.pm1a_en & ~(mask >> 16)) | written >> 16) & EN_ALL;
    update_sci(p);
    return HVM_IO_DONE;
}

enum hvm_io_result vpm_timer_port(struct vcpu *v, u64 port, unsigned int bytes, bool write, u64 *value)
{
    struct platform *p = v->domain->arch.hvm->platform;
    u32 count = ticks_now() + READ_ONCE(p->pm.hw.tmr_val);

    if (!write)
        *value = count >> (port & 3) * 8 & (bytes >= 4 ? ~0U : (1U << bytes * 8) - 1);
    return HVM_IO_DONE;
}

int hvm_acpi_button(struct domain *d, bool sleep)
{
    struct platform *p = d->arch.hvm->platform;

    if (!platform_has(p, XEN_X86_EMU_PM))
        return -ENODEV;
    spin_guard_irqsave(&p->lock);
    p->pm.hw.pm1a_sts |= sleep ? STS_SLEEP : STS_POWER;
    update_sci(p);
    return 0;
}

int hvm_set_acpi_ports(struct domain *d, u64 version)
{
    struct platform *p = d->arch.hvm->platform;

    if (!platform_has(p, XEN_X86_EMU_PM))
        return -ENODEV;
    if (version > 1)
        return -EINVAL;
    WRITE_ONCE(p->pm.base, version ? ACPI_PM1A_EVT_BLK_ADDRESS_V1 : ACPI_PM1A_EVT_BLK_ADDRESS_V0);
    return 0;
}

void vpm_init(struct platform *p)
{
    p->pm.hw = (struct hvm_hw_pmtimer){.tmr_val = -ticks_now()};
    if (!p->pm.timer.fired) {
        p->pm.base = ACPI_PM1A_EVT_BLK_ADDRESS_V0;
        vtimer_init(&p->pm.timer, p->d, NULL, &p->lock, fired);
    }
    update_sci(p);
    arm(p);
}

void vpm_out(struct platform *p, unsigned int n __unused, void *record)
{
    struct hvm_hw_pmtimer *r = record;

    *r = p->pm.hw;
    r->tmr_val += ticks_now();
}

int vpm_in(struct platform *p, unsigned int n __unused, const void *record)
{
    const struct hvm_hw_pmtimer *r = record;

    p->pm.hw.tmr_val = r->tmr_val - ticks_now();
    p->pm.hw.pm1a_sts = r->pm1a_sts & STS_ALL;
    p->pm.hw.pm1a_en = r->pm1a_en & EN_ALL;
    update_sci(p);
    arm(p);
    return 0;
}
