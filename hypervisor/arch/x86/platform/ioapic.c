/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IO-APICs (Intel 82093AA data sheet; Intel SDM vol. 3, 11.8): the lines' redirection entries. Each
 * line has a struct irq here; who gets it is decided in irq.c and pirq.c.
 */
#include <arch/x86/cpu/apic.h>
#include <arch/x86/platform/acpi.h>
#include <arch/x86/platform/irq.h>
#include <asm/paging.h>
#include <mm/heap.h>

#define IOREGSEL 0x00
#define IOWIN    0x10
#define IOEOI    0x40 /* 82093AA's successors: ends what was sent with this vector */

#define IOAPIC_VERSION  1
#define IOAPIC_RTE(pin) (0x10 + 2 * (pin))

#define RTE_LOW    (1U << 13)
#define RTE_LEVEL  (1U << 15)
#define RTE_MASKED (1U << 16)

struct ioapic {
    volatile u32 *regs;
    paddr_t base;
    unsigned int gsi_base, nr_pins;
    bool has_eoi; /* IOEOI is there */
};

struct line {
    struct irq irq;
    struct ioapic *ioapic;
    u8 pin;
    bool low;
    u32 rte; /* low half as last written */
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static struct line *lines; /* by GSI; without an IO-APIC: not there */
static unsigned int nr_lines;
/* Register index and data are two accesses. */
static DEFINE_SPINLOCK(ioapic_lock, LOCK_PLATFORM);

static u32 reg_read(struct ioapic *io, unsigned int reg)
{
    io->regs[IOREGSEL / 4] = reg;
    return io->regs[IOWIN / 4];
}

static void reg_write(struct ioapic *io, unsigned int reg, u32 value)
{
    io->regs[IOREGSEL / 4] = reg;
    io->regs[IOWIN / 4] = value;
}

static struct line *line_of(struct irq *irq) { return container_of(irq, struct line, irq); }

static void rte_write(struct line *l, u32 low)
{
    spin_guard_irqsave(&ioapic_lock);
    l->rte = low;
    reg_write(l->ioapic, IOAPIC_RTE(l->pin), low);
}

static void line_mask(struct irq *irq) { rte_write(line_of(irq), line_of(irq)->rte | RTE_MASKED); }

static void line_unmask(struct irq *irq) { rte_write(line_of(irq), line_of(irq)->rte & ~RTE_MASKED); }

/*
 * Masked while the halves do not fit together. An edge that comes right then is lost by the hardware's design. A
 * level interrupt that is on its way with the old vector would be ended by that vector later, which the entry does not
 * have any more, and the line would wait for its end for ever: it is ended here, and comes once more if it is still
 * there.
 */
static void line_route(struct irq *irq)
{
    struct line *l = line_of(irq);
    u32 low = irq->vector | (l->low ? RTE_LOW : 0) | (irq->level ? RTE_LEVEL : 0);

    spin_guard_irqsave(&ioapic_lock);
    reg_write(l->ioapic, IOAPIC_RTE(l->pin), l->rte | RTE_MASKED);
    if (irq->level && (u8)l->rte != irq->vector && l->ioapic->has_eoi)
        l->ioapic->regs[IOEOI / 4] = (u8)l->rte;
    reg_write(l->ioapic, IOAPIC_RTE(l->pin) + 1, cpu_apic_id[irq->cpu] << 24);
    l->rte = low | (l->rte & RTE_MASKED);
    reg_write(l->ioapic, IOAPIC_RTE(l->pin), l->rte);
}

static const struct irq_chip ioapic_chip = {
    .name = "IO-APIC", .mask = line_mask, .unmask = line_unmask, .route = line_route};

unsigned int nr_gsis(void) { return nr_lines; }

struct irq *irq_of_gsi(unsigned int gsi) { return gsi < nr_lines && lines[gsi].ioapic ? &lines[gsi].irq : NULL; }

int gsi_configure(unsigned int gsi, bool level, bool low)
{
    struct irq *irq = irq_of_gsi(gsi);

    if (!irq)
        return -ENODEV;
    spin_guard_irqsave(&irq->lock);
    if (irq->fn || irq->guest)
        return irq->level == level && line_of(irq)->low == low ? 0 : -EBUSY;
    irq->level = level;
    line_of(irq)->low = low;
    return 0;
}

int ioapic_read_register(paddr_t base, u32 reg, u32 *value)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (ioapics[i].base == base) {
            spin_guard_irqsave(&ioapic_lock);
            *value = reg_read(&ioapics[i], reg & 0xff);
            return 0;
        }
    return -EINVAL;
}

static void __init lines_add(struct ioapic *io)
{
    for (unsigned int pin = 0; pin < io->nr_pins; pin++) {
        struct line *l = &lines[io->gsi_base + pin];

        if (l->ioapic)
            continue;
        irq_init_desc(&l->irq, &ioapic_chip);
        l->irq.gsi = io->gsi_base + pin;
        l->ioapic = io;
        l->pin = pin;
        /* PCI's way for the high ones, ISA's for the low ones, until somebody knows better. */
        l->irq.level = l->low = l->irq.gsi >= 16;
        rte_write(l, RTE_MASKED);
    }
}

/* MADT: flags are MPS INTI flags, 0 meaning what the bus has (ISA: edge, high). */
static void __init overrides_apply(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_overrides; i++) {
        u16 flags = acpi_info.override[i].flags;

        gsi_configure(acpi_info.override[i].gsi, (flags >> 2 & 3) == 3, (flags & 3) == 3);
    }
}

void __init ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++) {
        struct ioapic *io = &ioapics[nr_ioapics];
        u32 version;

        io->base = acpi_info.ioapic[i].address;
        io->gsi_base = acpi_info.ioapic[i].gsi_base;
        io->regs = device_map(io->base, PAGE_SIZE);
        if (!io->regs || reg_read(io, IOAPIC_VERSION) == ~0U || io->gsi_base > 4096) {
            log_warning("IO-APIC at %#lx does not answer\n", io->base);
            continue;
        }
        version = reg_read(io, IOAPIC_VERSION);
        io->nr_pins = (version >> 16 & 255) + 1;
        io->has_eoi = (version & 255) >= 0x20;
        nr_lines = max(nr_lines, io->gsi_base + io->nr_pins);
        nr_ioapics++;
    }
    lines = mem_alloc_array(struct line, max(nr_lines, 1U));
    if (!lines)
        panic("no memory for interrupt lines");
    for (unsigned int i = 0; i < nr_ioapics; i++)
        lines_add(&ioapics[i]);
    overrides_apply();
    log_info("IO-APIC: %u with %u lines\n", nr_ioapics, nr_lines);
}
