/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual platform as a whole: which devices a domain has, where the guest finds them, and what they have for a
 * vCPU that is about to run. Called by hvm/: life, entry, accesses, context.
 */
#include <arch/x86/hvm/platform/private.h>
#include <arch/x86/hvm/save.h>
#include <mm/heap.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/params.h>

/* ---- where the guest finds them ---- */

/*
 * Registers of `width` bytes side by side. An access that is wider is one for each, as the bus makes it; a narrower one
 * is for a part.
 */
static const struct device {
    u64 first; /* port, or guest physical address */
    u16 length;
    u8 width;
    register_read_t *read;
    register_write_t *write;
} devices[] = {
    {0x20, 2, 1, vpic_read, vpic_write},
    {0x40, 4, 1, vpit_read, vpit_write},
    {0x61, 1, 1, vspeaker_read, vspeaker_write},
    {0x70, 2, 1, vrtc_read, vrtc_write},
    {0xa0, 2, 1, vpic_read, vpic_write},
    {0x4d0, 2, 1, vpic_read, vpic_write},
    {0, 4, 4, vpm_read, vpm_write}, /* from their base on */
    {8, 4, 4, vpm_read, vpm_write},
    {IOAPIC_ADDRESS, PAGE_SIZE, 4, vioapic_read, vioapic_write},
    {HPET_ADDRESS, 0x400, 8, vhpet_read, vhpet_write},
};

static const struct device *device_find(const struct platform *p, u64 address)
{
    bool moved = p->d->arch.hvm->params[HVM_PARAM_ACPI_IOPORTS_LOCATION];
    u64 pm_base = moved ? ACPI_PM1A_EVT_BLK_ADDRESS_V1 : ACPI_PM1A_EVT_BLK_ADDRESS_V0;

    for (const struct device *dev = devices; p->board && dev < devices + ARRAY_SIZE(devices); dev++)
        if (address - dev->first - (dev->read == vpm_read ? pm_base : 0) < dev->length)
            return dev;
    return NULL;
}

static u64 ones(unsigned int bytes) { return ~0UL >> (64 - bytes * 8); }

static enum hvm_io_result device_access(struct vcpu *v, u64 address, unsigned int bytes, bool write, u64 *value)
{
    struct platform *p = v->domain->arch.hvm->platform;
    u64 all = 0;
    spin_guard_irqsave(&p->lock);

    for (unsigned int i = 0, n; i < bytes; i += n) {
        const struct device *dev = device_find(p, address + i);
        unsigned int at = dev ? (address + i) % dev->width : 0;

        n = dev ? min(dev->width - at, bytes - i) : 1;
        /* The HPET promises something to aligned accesses alone (IA-PC HPET 2.3). Narrow ones are among them: by the
         * two bytes of its vendor hvmloader finds it. */
        if (!dev || (dev->width == 8 && address % bytes))
            all |= ones(n) << i * 8;
        else if (write)
            dev->write(p, address + i - at, (*value >> i * 8 & ones(n)) << at * 8, ones(n) << at * 8);
        else
            all |= (dev->read(p, address + i - at) >> at * 8 & ones(n)) << i * 8;
    }
    /* While the index is beyond the RTC's registers, the device model has the CMOS. */
    if ((address & ~1UL) == 0x70 && p->rtc.hw.cmos_index >= RTC_CMOS_SIZE && (write || address & 1))
        return HVM_IO_NOBODY;
    if (!write)
        *value = all;
    return HVM_IO_DONE;
}

hvm_io_access_t *platform_port(const struct vcpu *v, u16 port)
{
    return device_find(v->domain->arch.hvm->platform, port) ? device_access : NULL;
}

hvm_io_access_t *platform_mmio(const struct vcpu *v, u64 gpa)
{
    const struct vlapic *l = v->arch.hvm.vlapic;

    if ((gpa ^ l->hw.apic_base_msr) >> PAGE_SHIFT == 0 && vlapic_hw_enabled(l) && !vlapic_x2(l))
        return vlapic_mmio;
    if (gpa < IOAPIC_ADDRESS || (gpa >= HPET_ADDRESS && !v->domain->arch.hvm->params[HVM_PARAM_HPET_ENABLED]))
        return NULL;
    return device_find(v->domain->arch.hvm->platform, gpa) ? device_access : NULL;
}

/* ---- on the way into the guest ---- */

bool platform_interrupt(struct vcpu *v, bool upcalls, struct hvm_interrupt *out)
{
    struct vlapic *l = v->arch.hvm.vlapic;
    const struct hvm_domain *h = v->domain->arch.hvm;
    int vector = h->callback_vector;

    if (upcalls && vector && !v->arch.hvm.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending))
        *out = (struct hvm_interrupt){HVM_INTERRUPT_UPCALL, vector};
    else if (READ_ONCE(h->platform->pic[0].int_output) && vlapic_extint(l))
        *out = (struct hvm_interrupt){HVM_INTERRUPT_PIC, 0};
    else if ((vector = vlapic_pending(l)) >= 0)
        *out = (struct hvm_interrupt){HVM_INTERRUPT_LAPIC, vector};
    else
        return false;
    return true;
}

void platform_interrupt_ack(struct vcpu *v, struct hvm_interrupt *i)
{
    struct platform *p = v->domain->arch.hvm->platform;

    if (i->source == HVM_INTERRUPT_LAPIC) {
        vlapic_take(v->arch.hvm.vlapic, i->vector);
    } else if (i->source == HVM_INTERRUPT_PIC) {
        spin_guard_irqsave(&p->lock);
        i->vector = vpic_acknowledge(p);
    }
}

void platform_vcpu_load(struct vcpu *v)
{
    struct platform *p = v->domain->arch.hvm->platform;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see vtimer_softirq */
    vtimer_resume(&v->arch.hvm.vlapic->timer);
    for (unsigned int i = 0; i < NR_TIMERS && p->board; i++)
        vtimer_resume(&p->timers[i]);
}

/* ---- life ---- */

void platform_domain_reset(struct domain *d)
{
    static device_init_t *const inits[] = {vioapic_init, vpic_init, vpit_init, vhpet_init, vrtc_init, vpm_init};
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    p->own_wires = 0;
    lines_update(p);
    for (unsigned int i = 0; i < ARRAY_SIZE(inits); i++)
        inits[i](p);
}

int platform_domain_create(struct domain *d, u32 emulation_flags)
{
    static vtimer_fired_t *const fired[NR_TIMERS] = {
        [TIMER_PIT] = vpit_fired, [TIMER_RTC_PERIODIC] = vrtc_periodic_fired,  [TIMER_RTC_UPDATE] = vrtc_update_fired,
        [TIMER_PM] = vpm_fired,   [TIMER_HPET... NR_TIMERS - 1] = vhpet_fired,
    };
    struct platform *p = mem_alloc_object(struct platform);

    if (!p)
        return -ENOMEM;
    p->d = d;
    p->board = emulation_flags & XEN_X86_EMU_IOAPIC;
    spin_lock_init(&p->lock, LOCK_VPLATFORM);
    d->arch.hvm->platform = p;
    for (unsigned int i = 0; i < NR_TIMERS; i++)
        vtimer_init(&p->timers[i], d, NULL, &p->lock, fired[i]);
    platform_domain_reset(d);
    return 0;
}

void platform_domain_free(struct domain *d)
{
    struct platform *p = d->arch.hvm->platform;

    if (!p)
        return;
    for (unsigned int i = 0; i < NR_TIMERS; i++)
        timer_kill(&p->timers[i].timer);
    d->arch.hvm->platform = NULL;
    mem_free(p);
}

int platform_vcpu_create(struct vcpu *v)
{
    struct vlapic *l = mem_alloc_object(struct vlapic);

    if (!l)
        return -ENOMEM;
    l->v = v;
    spin_lock_init(&l->lock, LOCK_VLAPIC);
    vtimer_init(&l->timer, v->domain, v, &l->lock, vlapic_timer_fired);
    v->arch.hvm.vlapic = l;
    platform_vcpu_reset(v);
    return 0;
}

void platform_vcpu_free(struct vcpu *v)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    if (!l)
        return;
    timer_kill(&l->timer.timer);
    v->arch.hvm.vlapic = NULL;
    mem_free(l);
}

void platform_vcpu_reset(struct vcpu *v)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    l->hw.apic_base_msr = APIC_BASE_ADDR | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
    l->start = 0;
    vlapic_init_regs(l);
}

/* ---- context ---- */

/* A row for each record: how many of it (0: one for each vCPU), if it exists, where the state is, who is told of a
 * load. */
#define RECORDS(X)                                                      \
    X(PIC, 2, p->board, &p->pic[n], vpic_resume)                        \
    X(IOAPIC, 1, p->board, &p->ioapic, vioapic_resume)                  \
    X(LAPIC, 0, true, vlapic_state(p, n), vlapic_resume)                \
    X(LAPIC_REGS, 0, true, vlapic_regs_state(p, n), vlapic_regs_resume) \
    X(PCI_IRQ, 1, true, &p->pci, lines_resume)                          \
    X(ISA_IRQ, 1, true, &p->isa, lines_resume)                          \
    X(PCI_LINK, 1, true, &p->links, lines_resume)                       \
    X(PIT, 1, p->board, &p->pit.hw, vpit_resume)                        \
    X(RTC, 1, p->board, vrtc_state(p), vrtc_resume)                     \
    X(HPET, 1, p->board, vhpet_state(p), vhpet_resume)                  \
    X(PMTIMER, 1, p->board, vpm_state(p), vpm_resume)

/* NULL: the domain has no such device. */
typedef void *record_state_t(struct platform *p, unsigned int n);

static int record_save(struct domain *d, unsigned int n, void *record, u32 length, record_state_t *state)
{
    struct platform *p = d->arch.hvm->platform;
    const void *s;
    spin_guard_irqsave(&p->lock);

    s = state(p, n);
    if (s)
        memcpy(record, s, length);
    return s ? length : 0;
}

static int record_load(struct domain *d, unsigned int n, const void *record, u32 length, record_state_t *state,
                       record_resume_t *resume)
{
    struct platform *p = d->arch.hvm->platform;
    u8 before[sizeof(struct hvm_hw_hpet)]; /* the largest */
    void *s;
    int rc;
    spin_guard_irqsave(&p->lock);

    s = state(p, n);
    if (!s)
        return -ENODEV;
    memcpy(before, s, length);
    memcpy(s, record, length);
    rc = resume(p, n);
    if (rc)
        memcpy(s, before, length);
    return rc;
}

#define RECORD_FUNCTIONS(code, instances, exists, state, resume)                             \
    static void *code##_state(struct platform *p, unsigned int n __unused)                   \
    {                                                                                        \
        HVM_SAVE_TYPE(code) *s = exists ? state : NULL;                                      \
        return s;                                                                            \
    }                                                                                        \
    static int code##_save(struct domain *d, unsigned int n, void *record)                   \
    {                                                                                        \
        return record_save(d, n, record, HVM_SAVE_LENGTH(code), code##_state);               \
    }                                                                                        \
    static int code##_load(struct domain *d, unsigned int n, const void *record, u32 length) \
    {                                                                                        \
        return record_load(d, n, record, length, code##_state, resume);                      \
    }
RECORDS(RECORD_FUNCTIONS)

#define RECORD_ROW(code, instances, ...) \
    {HVM_SAVE_CODE(code), instances, HVM_SAVE_LENGTH(code), 0, code##_save, code##_load},
const struct hvm_record platform_records[] = {RECORDS(RECORD_ROW)};
const unsigned int platform_nr_records = ARRAY_SIZE(platform_records);
