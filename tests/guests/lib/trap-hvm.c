/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of an HVM guest: GDT, one IDT for all vCPUs, a TSS for each; the event upcall by a vector
 * that needs no EOI (HVM_PARAM_CALLBACK_IRQ).  Layouts: AMD APM volume 2, chapters 4 and 8.
 */
#include "guest.h"

#define GATE_INTERRUPT 0x8e
#define DPL3           0x60
#define DF_STACK       8192ul /* offset in the stack area, below TRAP_STACK */

#ifdef __x86_64__
struct gate {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};
struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
};
#else
struct gate {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
};
struct __attribute__((packed)) tss {
    uint32_t back, esp0, ss0, others[22];
    uint16_t trap, io_map;
};
#endif

struct __attribute__((packed)) table_register {
    uint16_t limit;
    unsigned long base;
};

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[MAX_VCPUS] __attribute__((aligned(16)));
static bool idt_filled;

uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(16))) = {
    [GDT_CODE32] = 0x00cf9b000000ffff,    [GDT_CODE64] = 0x00af9b000000ffff,
    [GDT_DATA] = 0x00cf93000000ffff,      [GDT_USER_CODE32] = 0x00cffb000000ffff,
    [GDT_USER_DATA] = 0x00cff3000000ffff, [GDT_USER_CODE64] = 0x00affb000000ffff,
};

uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t attributes)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attributes & 0xf0ff) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(base >> 24) << 56;
}

void idt_set(unsigned int vector, void *entry, unsigned int selector, unsigned int type_dpl, unsigned int ist)
{
    unsigned long at = (unsigned long)entry;

    idt[vector] = (struct gate){
        .offset0 = (uint16_t)at,
        .selector = (uint16_t)selector,
        .ist = (uint8_t)ist,
        .type = (uint8_t)type_dpl,
        .offset1 = (uint16_t)(at >> 16),
#ifdef __x86_64__
        .offset2 = (uint32_t)(at >> 32),
#endif
    };
}

static void idt_fill(void)
{
    for (unsigned int v = 0; v < 256; v++) {
        bool from_user = v == VEC_BP || v == VEC_OF || v == 0x80;

        idt_set(v, trap_stubs[v], KERNEL_CS, GATE_INTERRUPT | (from_user ? DPL3 : 0), v == VEC_DF ? 1 : 0);
    }
    idt_filled = true;
}

static void tss_fill(unsigned int id)
{
    struct tss *t = &tss[id];
    unsigned int slot = GDT_TSS + id * sizeof(long) / 4;

    t->io_map = sizeof(*t);
#ifdef __x86_64__
    t->rsp[0] = (unsigned long)stacks[id] + TRAP_STACK;
    t->ist[0] = (unsigned long)stacks[id] + DF_STACK;
    gdt[slot + 1] = (unsigned long)t >> 32;
#else
    t->esp0 = (unsigned long)stacks[id] + TRAP_STACK;
    t->ss0 = KERNEL_SS;
#endif
    gdt[slot] = descriptor((uint32_t)(unsigned long)t, sizeof(*t) - 1, 0x89);
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR(slot, 0)) : "memory");
}

void trap_load(unsigned int id)
{
    struct table_register gdtr = {sizeof(gdt) - 1, (unsigned long)gdt}, idtr = {sizeof(idt) - 1, (unsigned long)idt};

    if (!idt_filled)
        idt_fill();
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr) : "memory");
    segments_reload();
    tss_fill(id);
}

unsigned long fault_address(void) { return read_cr2(); }

bool events_masked(void)
{
    unsigned long flags;

    __asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
    return !(flags & 0x200);
}

void events_mask_set(bool masked)
{
    if (masked)
        irqs_off();
    else
        irqs_on();
}

void trap_init(void)
{
    if (param_set(HVM_PARAM_CALLBACK_IRQ, (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR_UPCALL))
        test_error("the event upcall's vector was refused");
}
