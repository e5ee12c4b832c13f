/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a vector to whoever wants to know: vectors are given out per CPU, so a machine with many
 * devices does not run out of them. Edges and messages are acknowledged at once; a level interrupt
 * of a guest is masked until the guest says that it has served the device, so a slow guest holds
 * back nothing but its own line. The hardware's side is in ioapic.c and msi.c, the guests' in
 * pirq.c.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/platform/clock.h>
#include <arch/x86/platform/irq.h>
#include <asm/irq.h>
#include <asm/percpu.h>
#include <asm/phases.h>
#include <core/domain.h>

#define NR_DEVICE_VECTORS (VECTOR_LAST_DEVICE - VECTOR_FIRST_DEVICE + 1)

/* See struct irq. */
#define AT_ONCE_MOST 256
#define REST         MILLISECS(2)

#define PIC1 0x20
#define PIC2 0xa0

/* Which descriptor a device's vector belongs to on this CPU. Written under vector_lock. */
static DEFINE_PER_CPU(struct irq *[NR_DEVICE_VECTORS], vectors);
static DEFINE_SPINLOCK(vector_lock, LOCK_PLATFORM);
static u8 next_vector = VECTOR_FIRST_DEVICE;

static struct irq **vector_slot(unsigned int cpu, u8 vector)
{
    return &per_cpu(vectors, cpu)[vector - VECTOR_FIRST_DEVICE];
}

/* 0x80 and 0x82 belong to guests: they have gates that ring 3 may use. */
static bool vector_usable(unsigned int cpu, u8 vector)
{
    return vector != 0x80 && vector != 0x82 && !*vector_slot(cpu, vector);
}

/* A free vector of the CPU, the wanted one if it can be; 0: none. vector_lock held. */
static u8 vector_find(unsigned int cpu, u8 wanted)
{
    if (wanted && vector_usable(cpu, wanted))
        return wanted;
    for (unsigned int i = 0; i < NR_DEVICE_VECTORS; i++) {
        u8 v = next_vector;

        next_vector = v == VECTOR_LAST_DEVICE ? VECTOR_FIRST_DEVICE : v + 1;
        if (vector_usable(cpu, v))
            return v;
    }
    return 0;
}

/* IO-APICs and messages carry 8 bits of APIC id. */
static bool cpu_reachable(unsigned int cpu) { return cpumask_test(&cpu_online_map, cpu) && cpu_apic_id[cpu] < 255; }

static void old_place_free(struct irq *irq)
{
    if (!irq->old_vector)
        return;
    *vector_slot(irq->old_cpu, irq->old_vector) = NULL;
    irq->old_vector = 0;
}

/* It has been silent long enough. */
static void irq_rested(void *data)
{
    struct irq *irq = data;
    spin_guard_irqsave(&irq->lock);

    if (irq->guest && !irq->wants_eoi)
        irq->chip->unmask(irq);
}

void irq_init_desc(struct irq *irq, const struct irq_chip *chip)
{
    *irq = (struct irq){.chip = chip, .gsi = ~0U};
    spin_lock_init(&irq->lock, LOCK_IRQ);
    timer_init(&irq->rest, irq_rested, irq, 0);
}

int irq_place(struct irq *irq, unsigned int cpu)
{
    u8 vector = 0;
    int rc = 0;

    if (irq->vector && irq->cpu == cpu)
        return 0;
    spin_lock(&vector_lock);
    if (cpu_reachable(cpu))
        vector = vector_find(cpu, irq->vector);
    if (!vector && !irq->vector)
        for_each_online_cpu (cpu)
            if (cpu_reachable(cpu) && (vector = vector_find(cpu, 0)))
                break;
    if (vector) {
        rc = irq->old_vector ? 1 : 0;
        old_place_free(irq);
        *vector_slot(cpu, vector) = irq;
        irq->old_vector = irq->vector;
        irq->old_cpu = irq->cpu;
        irq->vector = vector;
        irq->cpu = cpu;
    }
    spin_unlock(&vector_lock);
    if (!vector)
        return irq->vector ? 0 : -ENOSPC;
    irq->chip->route(irq);
    return rc;
}

void irq_settle(struct irq *irq)
{
    spin_guard(&vector_lock);
    old_place_free(irq);
}

void irq_unplace(struct irq *irq)
{
    spin_guard(&vector_lock);
    old_place_free(irq);
    if (irq->vector)
        *vector_slot(irq->cpu, irq->vector) = NULL;
    irq->vector = 0;
}

/*
 * Tells whoever gets it, without the lock: a handler may take locks of a lower level. The same edge
 * may come again on another CPU meanwhile; whoever was told may have looked before that, so it is
 * told once more.
 */
static void irq_call(struct irq *irq)
{
    irq->in_progress = true;
    do {
        struct domain *guest = irq->guest;
        u32 pirq = irq->pirq;
        bool wants_eoi = irq->wants_eoi;
        void (*fn)(void *) = irq->fn;
        void *data = irq->data;

        irq->again = false;
        spin_unlock(&irq->lock);
        if (guest)
            pirq_deliver(guest, pirq, wants_eoi);
        else if (fn)
            fn(data);
        spin_lock(&irq->lock);
    } while (irq->again);
    WRITE_ONCE(irq->in_progress, false);
}

static void irq_handle(struct irq *irq, u8 vector)
{
    spin_lock(&irq->lock);
    irq->count++;
    if (irq->old_vector && irq->vector == vector && irq->cpu == smp_processor_id())
        irq_settle(irq);
    if (irq->level && irq->guest) {
        bool again = irq->guest == current->domain && guest_regs()->rip == irq->eoi_rip;

        irq->chip->mask(irq);
        irq->wants_eoi = true;
        irq->at_once = again ? irq->at_once + 1 : 0;
    }
    /* A level line of ours stays in service until the handler has quietened the device. */
    if (!irq->level || !irq->fn)
        apic_eoi();
    if (irq->in_progress)
        irq->again = true;
    else if (irq->guest || irq->fn)
        irq_call(irq);
    if (irq->level && irq->fn)
        apic_eoi();
    spin_unlock(&irq->lock);
}

void irq_guest_eoi(struct irq *irq)
{
    irq->wants_eoi = false;
    irq->eoi_rip = guest_regs()->rip;
    if (irq->at_once < AT_ONCE_MOST) {
        irq->chip->unmask(irq);
        return;
    }
    irq->at_once = 0;
    timer_set(&irq->rest, now() + REST);
}

static void device_interrupt(u8 vector)
{
    struct irq *irq = this_cpu(vectors)[vector - VECTOR_FIRST_DEVICE];

    if (likely(irq))
        irq_handle(irq, vector);
    else if (apic_vector_in_service(vector))
        apic_eoi();
}

static void apic_error_interrupt(void)
{
    u32 error;

    apic_write(APIC_ESR, 0);
    error = apic_read(APIC_ESR);
    apic_eoi();
    log_warning("APIC error %#x on CPU%u\n", error, smp_processor_id());
}

void do_irq(struct cpu_user_regs *regs)
{
    u8 vector = regs->entry_vector;

    if (vector >= VECTOR_FIRST_DEVICE && vector <= VECTOR_LAST_DEVICE) {
        device_interrupt(vector);
        return;
    }
    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        lapic_timer_interrupt();
        break;
    case VECTOR_EVENT_CHECK: apic_eoi(); break; /* the way out looks at what is pending */
    case VECTOR_CALL:
        apic_eoi();
        smp_call_interrupt();
        break;
    case VECTOR_ERROR: apic_error_interrupt(); break;
    default: break; /* spurious ones, of the APIC or an 8259: no EOI */
    }
}

int irq_request(unsigned int gsi, void (*fn)(void *data), void *data)
{
    struct irq *irq = irq_of_gsi(gsi);
    int rc;

    if (!irq)
        return -ENODEV;
    spin_guard_irqsave(&irq->lock);
    rc = irq->fn || irq->guest ? -EBUSY : irq_place(irq, 0);
    if (rc)
        return rc;
    irq->data = data;
    irq->fn = fn;
    irq->chip->unmask(irq);
    return 0;
}

/* Both 8259s to vectors that are nobody's, and all lines off (Intel 8259A data sheet,
 * initialisation words). */
static void __init pic_shut(void)
{
    for (unsigned int slave = 0; slave < 2; slave++) {
        u16 pic = slave ? PIC2 : PIC1;

        outb(pic, 0x11);
        outb(pic + 1, VECTOR_LEGACY + 8 * slave);
        outb(pic + 1, slave ? 2 : 4); /* the line between the two */
        outb(pic + 1, 1);
        outb(pic + 1, 0xff);
    }
}

void __init irq_init(void)
{
    pic_shut();
    ioapic_init();
}

void irq_dump(void)
{
    unsigned int cpu;

    for_each_online_cpu (cpu)
        for (unsigned int v = VECTOR_FIRST_DEVICE; v <= VECTOR_LAST_DEVICE; v++) {
            const struct irq *irq = *vector_slot(cpu, v);

            if (irq && irq->vector == v && irq->cpu == cpu)
                log_info("CPU%u vector %#x: %s %d %s%s, %lu so far, %s %u\n", cpu, v, irq->chip->name, (int)irq->gsi,
                         irq->level ? "level" : "edge", irq->wants_eoi ? ", waits for EOI" : "", irq->count,
                         irq->guest ? "guest's pirq" : "ours", irq->pirq);
        }
}
