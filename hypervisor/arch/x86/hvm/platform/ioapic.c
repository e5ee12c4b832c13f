/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual IO-APIC: an Intel 82093AA (its data sheet, sections 3.0 to 3.2) with 48 pins instead of 24, as Xen's.
 * Version 0x11: no EOI register, the end of a level interrupt comes as a broadcast of the local APIC.
 */
#include <arch/x86/hvm/platform/private.h>

#define VERSION ((NR_PINS - 1) << 16 | 0x11)

enum { REG_SELECT = 0x00, REG_WINDOW = 0x10 };
enum { IDX_ID = 0, IDX_VERSION = 1, IDX_ARBITRATION = 2, IDX_TABLE = 0x10 };

#define ENTRY_WRITABLE_LOW 0x1afffU /* all but delivery status and remote IRR */
#define ENTRY_HIGH         0xff000000U

static bool pin_asserted(const struct platform *p, unsigned int pin) { return line_asserted(p, pin == 2 ? 0 : pin); }

void vioapic_deliver(struct platform *p, unsigned int pin)
{
    union vioapic_redir_entry *e = &p->ioapic.redirtbl[pin];
    u32 low = e->bits;

    if (e->fields.mask || e->fields.remote_irr)
        return;
    if (e->fields.delivery_mode > AM_LOWEST)
        low &= ~MESSAGE_LEVEL; /* NMI, INIT, ExtINT are edges (3.2.4, DELMOD) */
    e->fields.remote_irr = low & MESSAGE_LEVEL ? 1 : 0;
    platform_message(p->d, low, dest_of_8_bits(e->fields.dest_id));
}

bool vioapic_extint(const struct platform *p, unsigned int id)
{
    union vioapic_redir_entry e = {.bits = READ_ONCE(p->ioapic.redirtbl[0].bits)};

    return !e.fields.mask && e.fields.delivery_mode == AM_EXTINT && e.fields.dest_id == id;
}

void vioapic_eoi(struct domain *d, u8 vector)
{
    struct platform *p = d->arch.hvm->platform;
    spin_guard_irqsave(&p->lock);
    callback_update(p);
    for (unsigned int pin = 0; pin < NR_PINS; pin++) {
        union vioapic_redir_entry *e = &p->ioapic.redirtbl[pin];

        if (e->fields.vector != vector || !e->fields.remote_irr)
            continue;
        e->fields.remote_irr = 0;
        if (pin_asserted(p, pin))
            vioapic_deliver(p, pin);
    }
}

u64 vioapic_read(struct platform *p, unsigned int reg)
{
    const struct hvm_hw_vioapic *io = &p->ioapic;
    u32 head[] = {[IDX_ID] = io->id << 24, [IDX_VERSION] = VERSION, [IDX_ARBITRATION] = io->id << 24};
    unsigned int i = io->ioregsel - IDX_TABLE;

    if ((reg & 0xff) != REG_WINDOW)
        return (reg & 0xff) == REG_SELECT ? io->ioregsel : 0;
    if (i < NR_PINS * 2)
        return io->redirtbl[i / 2].bits >> i % 2 * 32;
    return io->ioregsel < ARRAY_SIZE(head) ? head[io->ioregsel] : 0;
}

static void entry_write(struct platform *p, unsigned int pin, bool high, u32 value)
{
    union vioapic_redir_entry *e = &p->ioapic.redirtbl[pin];
    struct vcpu *v;

    if (high) {
        e->bits = (u32)e->bits | (u64)(value & ENTRY_HIGH) << 32;
        return;
    }
    e->bits = (e->bits & ~(u64)ENTRY_WRITABLE_LOW) | (value & ENTRY_WRITABLE_LOW);
    for_each_vcpu (p->d, v)
        if (pin == 0)
            hvm_wake(v); /* what the 8259 pair has may come through now */
    if (!e->fields.trig_mode)
        e->fields.remote_irr = 0; /* the known way to clear it without an EOI register */
    else if (pin_asserted(p, pin))
        vioapic_deliver(p, pin);
}

/* The window wants all of its 32 bits. */
void vioapic_write(struct platform *p, unsigned int reg, u64 value, u64 mask)
{
    struct hvm_hw_vioapic *io = &p->ioapic;
    unsigned int i = io->ioregsel - IDX_TABLE;

    if ((reg & 0xff) == REG_SELECT && mask & 0xff)
        io->ioregsel = value & 0xff;
    if ((reg & 0xff) != REG_WINDOW || mask != 0xffffffff)
        return;
    if (i < NR_PINS * 2)
        entry_write(p, i / 2, i % 2, value);
    else if (io->ioregsel == IDX_ID)
        io->id = value >> 24 & 0xf;
}

void vioapic_init(struct platform *p)
{
    p->ioapic = (struct hvm_hw_vioapic){.base_address = IOAPIC_ADDRESS};
    for (unsigned int pin = 0; pin < NR_PINS; pin++)
        p->ioapic.redirtbl[pin].fields.mask = 1;
}

int vioapic_resume(struct platform *p, unsigned int n __unused)
{
    struct hvm_hw_vioapic *io = &p->ioapic;

    if (io->base_address != IOAPIC_ADDRESS)
        return -EINVAL;
    io->ioregsel &= 0xff;
    io->id &= 0xf;
    for (unsigned int pin = 0; pin < NR_PINS; pin++)
        io->redirtbl[pin].bits &= (u64)ENTRY_HIGH << 32 | ENTRY_WRITABLE_LOW | 1U << 14;
    return 0;
}
