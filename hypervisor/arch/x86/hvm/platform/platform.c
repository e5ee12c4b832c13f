/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual platform as a whole: which devices a domain has, where the guest finds them, and what they have for a
 * vCPU that is about to run. Called by hvm/: life, entry, accesses, context.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/private.h>
#include <arch/x86/hvm/platform/vlapic.h>
#include <arch/x86/hvm/save.h>
#include <mm/heap.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/params.h>

/* ---- where the guest finds them ---- */

/* Devices of 8 bits. */
static const struct narrow_device {
    u16 first, last;
    u32 flag;
    u8 (*read)(struct platform *p, u16 port);
    void (*write)(struct platform *p, u16 port, u8 value);
} narrow_devices[] = {
    {0x20, 0x21, XEN_X86_EMU_PIC, vpic_read, vpic_write},
    {0x40, 0x43, XEN_X86_EMU_PIT, vpit_read, vpit_write},
    {0x61, 0x61, XEN_X86_EMU_PIT, vpit_speaker_read, vpit_speaker_write},
    {0x70, 0x71, XEN_X86_EMU_RTC, vrtc_read, vrtc_write},
    {0xa0, 0xa1, XEN_X86_EMU_PIC, vpic_read, vpic_write},
    {0x4d0, 0x4d1, XEN_X86_EMU_PIC, vpic_read, vpic_write},
};

static const struct narrow_device *narrow_device(const struct platform *p, u16 port)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(narrow_devices); i++) {
        const struct narrow_device *dev = &narrow_devices[i];

        if (port >= dev->first && port <= dev->last && platform_has(p, dev->flag))
            return dev;
    }
    return NULL;
}

/* A wider access than the device's is one for each byte, as the bus makes it. */
static enum hvm_io_result narrow_port(struct vcpu *v, u64 port, unsigned int bytes, bool write, u64 *value)
{
    struct platform *p = v->domain->arch.hvm->platform;
    u64 all = 0;
    spin_guard_irqsave(&p->lock);

    for (unsigned int i = 0; i < bytes; i++) {
        const struct narrow_device *dev = narrow_device(p, port + i);

        if (dev && write)
            dev->write(p, port + i, *value >> i * 8);
        else
            all |= (dev ? dev->read(p, port + i) : 0xffUL) << i * 8;
    }
    /* While the index is beyond the RTC's registers, the device model has the CMOS. */
    if ((port & ~1UL) == 0x70 && p->rtc.hw.cmos_index >= RTC_CMOS_SIZE && (write || port & 1))
        return HVM_IO_NOBODY;
    if (!write)
        *value = all;
    return HVM_IO_DONE;
}

hvm_io_access_t *platform_port(const struct vcpu *v, u16 port)
{
    const struct platform *p = v->domain->arch.hvm->platform;
    unsigned int pm;

    if (p->flags == XEN_X86_EMU_LAPIC)
        return NULL;
    if (platform_has(p, XEN_X86_EMU_PM)) {
        pm = port - READ_ONCE(p->pm.base);
        if (pm < 4)
            return vpm_event_port;
        if (pm >= 8 && pm < 12)
            return vpm_timer_port;
    }
    return narrow_device(p, port) ? narrow_port : NULL;
}

hvm_io_access_t *platform_mmio(const struct vcpu *v, u64 gpa)
{
    const struct vlapic *l = v->arch.hvm.vlapic;
    const struct platform *p = v->domain->arch.hvm->platform;

    if ((gpa ^ l->base) >> PAGE_SHIFT == 0 && vlapic_hw_enabled(l) && !vlapic_x2(l))
        return vlapic_mmio;
    if (gpa >> PAGE_SHIFT == IOAPIC_ADDRESS >> PAGE_SHIFT && platform_has(p, XEN_X86_EMU_IOAPIC))
        return vioapic_mmio;
    if (gpa - HPET_ADDRESS < 0x400 && platform_has(p, XEN_X86_EMU_HPET) &&
        v->domain->arch.hvm->params[HVM_PARAM_HPET_ENABLED])
        return vhpet_mmio;
    return NULL;
}

/* ---- on the way into the guest ---- */

bool platform_interrupt(struct vcpu *v, struct hvm_interrupt *out)
{
    const struct hvm_domain *h = v->domain->arch.hvm;

    if (h->callback_vector && !v->arch.hvm.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending)) {
        *out = (struct hvm_interrupt){HVM_INTERRUPT_UPCALL, h->callback_vector};
        return true;
    }
    return platform_device_interrupt(v, out);
}

bool platform_device_interrupt(struct vcpu *v, struct hvm_interrupt *out)
{
    struct vlapic *l = v->arch.hvm.vlapic;
    const struct hvm_domain *h = v->domain->arch.hvm;
    int vector;

    if (READ_ONCE(h->platform->pic[0].int_output) && vlapic_extint(l)) {
        *out = (struct hvm_interrupt){HVM_INTERRUPT_PIC, 0};
        return true;
    }
    vector = vlapic_pending(l);
    if (vector < 0)
        return false;
    *out = (struct hvm_interrupt){HVM_INTERRUPT_LAPIC, vector};
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

static void for_each_vtimer(struct platform *p, void (*fn)(struct vtimer *t))
{
    fn(&p->pit.timer);
    fn(&p->rtc.periodic);
    fn(&p->rtc.update);
    fn(&p->pm.timer);
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        fn(&p->hpet.timers[n].timer);
}

void platform_vcpu_load(struct vcpu *v)
{
    struct platform *p = v->domain->arch.hvm->platform;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see vtimer_softirq */
    vtimer_resume(&v->arch.hvm.vlapic->timer);
    if (p->flags != XEN_X86_EMU_LAPIC)
        for_each_vtimer(p, vtimer_resume);
}

/* ---- interrupts from elsewhere ---- */

int hvm_msi(struct domain *d, u64 address, u32 data)
{
    struct apic_message m = {
        .dest = address >> 12 & 0xff,
        .vector = data,
        .mode = data >> 8 & 7,
        .logical = address & 1U << 2,
        .level = data & 1U << 15,
    };

    if (m.mode > AM_LOWEST)
        return -EINVAL;
    if (m.dest == 0xff)
        m.dest = APIC_DEST_ALL;
    return platform_message(d, &m);
}

/* ---- life ---- */

static void devices_init(struct platform *p)
{
    p->own_wires = 0;
    lines_update(p);
    vioapic_init(p);
    vpic_init(p);
    if (platform_has(p, XEN_X86_EMU_PIT))
        vpit_init(p);
    if (platform_has(p, XEN_X86_EMU_HPET))
        vhpet_init(p);
    if (platform_has(p, XEN_X86_EMU_RTC))
        vrtc_init(p);
    if (platform_has(p, XEN_X86_EMU_PM))
        vpm_init(p);
}

int platform_domain_create(struct domain *d, u32 emulation_flags)
{
    struct platform *p = mem_alloc_object(struct platform);

    if (!p)
        return -ENOMEM;
    p->d = d;
    p->flags = emulation_flags & ~XEN_X86_EMU_USE_PIRQ;
    spin_lock_init(&p->lock, LOCK_VPLATFORM);
    d->arch.hvm->platform = p;
    spin_guard_irqsave(&p->lock);
    devices_init(p);
    return 0;
}

void platform_domain_free(struct domain *d)
{
    struct platform *p = d->arch.hvm->platform;

    if (!p)
        return;
    for_each_vtimer(p, vtimer_kill);
    d->arch.hvm->platform = NULL;
    mem_free(p);
}

int platform_vcpu_create(struct vcpu *v)
{
    struct vlapic *l = mem_alloc_object(struct vlapic);

    if (!l)
        return -ENOMEM;
    l->v = v;
    vlapic_timer_setup(l);
    v->arch.hvm.vlapic = l;
    platform_vcpu_reset(v);
    return 0;
}

void platform_vcpu_free(struct vcpu *v)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    if (!l)
        return;
    vtimer_kill(&l->timer);
    v->arch.hvm.vlapic = NULL;
    mem_free(l);
}

void platform_vcpu_reset(struct vcpu *v)
{
    struct vlapic *l = v->arch.hvm.vlapic;

    l->base = APIC_BASE_ADDR | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
    l->start = 0;
    vlapic_init_regs(l);
}

void platform_domain_reset(struct domain *d)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);

    devices_init(p);
}

/* ---- context ---- */

/* What all records have in common, and a row for each: code, functions, how many (0: one for each vCPU), whose. */
#define RECORDS(X)                                   \
    X(PIC, vpic, 2, XEN_X86_EMU_PIC)                 \
    X(IOAPIC, vioapic, 1, XEN_X86_EMU_IOAPIC)        \
    X(LAPIC, vlapic, 0, XEN_X86_EMU_LAPIC)           \
    X(LAPIC_REGS, vlapic_regs, 0, XEN_X86_EMU_LAPIC) \
    X(PCI_IRQ, pci_wires, 1, XEN_X86_EMU_LAPIC)      \
    X(ISA_IRQ, isa_wires, 1, XEN_X86_EMU_LAPIC)      \
    X(PCI_LINK, pci_links, 1, XEN_X86_EMU_LAPIC)     \
    X(PIT, vpit, 1, XEN_X86_EMU_PIT)                 \
    X(RTC, vrtc, 1, XEN_X86_EMU_RTC)                 \
    X(HPET, vhpet, 1, XEN_X86_EMU_HPET)              \
    X(PMTIMER, vpm, 1, XEN_X86_EMU_PM)

#define RECORD_FUNCTIONS(code, name, instances, flag)                                                 \
    static int name##_save(struct domain *d, unsigned int n, void *record)                            \
    {                                                                                                 \
        struct platform *p = d->arch.hvm->platform;                                                   \
        spin_guard_irqsave(&p->lock);                                                                 \
                                                                                                      \
        if (!platform_has(p, flag))                                                                   \
            return 0;                                                                                 \
        name##_out(p, n, record);                                                                     \
        return HVM_SAVE_LENGTH(code);                                                                 \
    }                                                                                                 \
    static int name##_load(struct domain *d, unsigned int n, const void *record, u32 length __unused) \
    {                                                                                                 \
        struct platform *p = d->arch.hvm->platform;                                                   \
        spin_guard_irqsave(&p->lock);                                                                 \
                                                                                                      \
        return platform_has(p, flag) ? name##_in(p, n, record) : -ENODEV;                             \
    }
RECORDS(RECORD_FUNCTIONS)

#define RECORD_ROW(code, name, instances, flag) \
    {HVM_SAVE_CODE(code), instances, HVM_SAVE_LENGTH(code), 0, name##_save, name##_load},
const struct hvm_record platform_records[] = {RECORDS(RECORD_ROW)};
const unsigned int platform_nr_records = ARRAY_SIZE(platform_records);
