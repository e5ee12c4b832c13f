/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of 8259A interrupt controllers of a PC (Intel 8259A data sheet; edge/level registers as in the PCI-ISA
 * bridges of its time): ports 0x20, 0x21, 0xa0, 0xa1 and 0x4d0, 0x4d1. The second one's output is input 2 of the first.
 * What the CPU sees of the first one's output is its local APIC's business (LINT0).
 */
#include <arch/x86/hvm/platform/private.h>

#define CASCADE 2

static const u8 elcr_writable[2] = {0xf8, 0xde}; /* timer, keyboard, cascade, RTC and FPU are edges for good */

/* The input of highest priority among these; 8: none. As its distance from the first in order. */
static unsigned int rank(const struct hvm_hw_vpic *c, u8 inputs)
{
    unsigned int first = c->priority_add & 7;

    return inputs ? ffs64((inputs | inputs << 8) >> first & 0xff) : 8;
}

static unsigned int input_of(const struct hvm_hw_vpic *c, unsigned int rank) { return (rank + c->priority_add) & 7; }

/* The input that it interrupts for; -1: none. */
static int requested(const struct hvm_hw_vpic *c)
{
    unsigned int want = rank(c, c->irr & ~c->imr);
    u8 in_service = c->isr;

    if (c->special_mask_mode)
        in_service &= ~c->imr;
    if (c->special_fully_nested_mode && c->is_master)
        in_service &= ~(1U << CASCADE);
    return want < rank(c, in_service) ? (int)input_of(c, want) : -1;
}

/* Something changed: levels, the cascade and the outputs follow. */
static void update(struct platform *p)
{
    bool was = p->pic[0].int_output;
    struct vcpu *v;

    for (int i = 1; i >= 0; i--) {
        struct hvm_hw_vpic *c = &p->pic[i];

        c->irr = (c->irr & ~c->elcr) | (p->lines >> i * 8 & c->elcr);
        if (i == 0)
            c->irr = (c->irr & ~(1U << CASCADE)) | p->pic[1].int_output << CASCADE;
        c->int_output = requested(c) >= 0;
    }
    if (p->pic[0].int_output && !was)
        for_each_vcpu (p->d, v)
            vlapic_pic_edge(v->arch.hvm.vlapic);
}

void vpic_lines(struct platform *p, u16 risen)
{
    p->pic[0].irr |= risen;
    p->pic[1].irr |= risen >> 8;
    update(p);
}

/* INTA: gives the vector. Nothing requested: input 7, which is not in service then ("default IR7"). */
static u8 acknowledge(struct hvm_hw_vpic *c)
{
    int input = requested(c);

    if (input < 0)
        return 7;
    c->irr &= ~(1U << input);
    if (!c->auto_eoi)
        c->isr |= 1U << input;
    else if (c->rotate_on_auto_eoi)
        c->priority_add = (input + 1) & 7;
    return input;
}

u8 vpic_acknowledge(struct platform *p)
{
    u8 input = acknowledge(&p->pic[0]), vector = p->pic[0].irq_base + input;

    if (input == CASCADE)
        vector = p->pic[1].irq_base + acknowledge(&p->pic[1]);
    p->pic[0].int_output = false; /* the next one is an edge of its own */
    update(p);
    return vector;
}

/* ---- what is written ---- */

static void write_icw1(struct hvm_hw_vpic *c, u8 value)
{
    *c = (struct hvm_hw_vpic){.init_state = (value & 3) << 2 | 1,
                              .irq_base = c->irq_base,
                              .is_master = c->is_master,
                              .elcr = c->elcr,
                              .int_output = c->int_output};
}

static void write_ocw2(struct hvm_hw_vpic *c, u8 value)
{
    bool rotate = value & 0x80, specific = value & 0x40, eoi = value & 0x20;
    unsigned int input = value & 7;

    if (!eoi) {
        if (rotate && specific)
            c->priority_add = (input + 1) & 7;
        else if (!specific)
            c->rotate_on_auto_eoi = rotate;
        return;
    }
    if (!specific) {
        unsigned int r = rank(c, c->isr & (c->special_mask_mode ? ~c->imr : 0xff));

        if (r == 8)
            return;
        input = input_of(c, r);
    }
    c->isr &= ~(1U << input);
    if (rotate)
        c->priority_add = (input + 1) & 7;
}

static void write_ocw3(struct hvm_hw_vpic *c, u8 value)
{
    if (value & 0x40)
        c->special_mask_mode = value >> 5;
    if (value & 0x02)
        c->readsel_isr = value;
    c->poll = value >> 2;
}

/* The initialisation words after ICW1 in their order, where ICW1 asked for them; else OCW1. */
static void write_data(struct hvm_hw_vpic *c, u8 value)
{
    bool single = c->init_state & 8, has_icw4 = c->init_state & 4;

    switch (c->init_state & 3) {
    case 0: c->imr = value; return;
    case 1:
        c->irq_base = value & 0xf8;
        c->init_state += single ? 2 : 1;
        break;
    case 2: c->init_state++; break; /* ICW3: the cascade is wired */
    case 3:
        c->special_fully_nested_mode = value >> 4;
        c->auto_eoi = value >> 1;
        c->init_state = 0;
        return;
    }
    if ((c->init_state & 3) == 3 && !has_icw4)
        c->init_state = 0;
}

static bool is_elcr(unsigned int port) { return port >= 0x4d0; }

static struct hvm_hw_vpic *chip(struct platform *p, unsigned int port)
{
    return &p->pic[is_elcr(port) ? port & 1 : port >= 0xa0];
}

u64 vpic_read(struct platform *p, unsigned int port)
{
    struct hvm_hw_vpic *c = chip(p, port);
    int input;

    if (is_elcr(port))
        return c->elcr;
    if (!c->poll)
        return port & 1 ? c->imr : c->readsel_isr ? c->isr : c->irr;
    /* The read is the acknowledgement. */
    c->poll = 0;
    input = requested(c);
    if (input < 0)
        return 0;
    acknowledge(c);
    update(p);
    return 0x80 | input;
}

void vpic_write(struct platform *p, unsigned int port, u64 value, u64 mask __unused)
{
    struct hvm_hw_vpic *c = chip(p, port);

    if (is_elcr(port))
        c->elcr = value & elcr_writable[port & 1];
    else if (port & 1)
        write_data(c, value);
    else if (value & 0x10)
        write_icw1(c, value);
    else if (value & 0x08)
        write_ocw3(c, value);
    else
        write_ocw2(c, value);
    callback_update(p); /* after an end of interrupt the flag is looked at again */
    update(p);
}

int vpic_resume(struct platform *p, unsigned int n)
{
    struct hvm_hw_vpic *c = &p->pic[n];

    c->is_master = n == 0;
    c->elcr &= elcr_writable[n];
    c->priority_add &= 7;
    c->irq_base &= 0xf8;
    c->int_output = false;
    update(p);
    return 0;
}

void vpic_init(struct platform *p)
{
    p->pic[0] = (struct hvm_hw_vpic){.is_master = true};
    p->pic[1] = (struct hvm_hw_vpic){};
}
