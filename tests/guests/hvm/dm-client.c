/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the device model in pv/device-model.c: ports, memory-mapped registers and PCI configuration that it
 * answers, by all sizes, by instructions that read and write, in rows, and where nobody answers.
 */
#include "lib/guest.h"

const char test_title[] = "accesses that a device model answers";

#define PORT 0x5000
#define MMIO 0xf0000000ul
#define FREE 0xf8000000ul /* nobody's */

/* The device model's registers: a read gives the offset in each byte's low half, plus what was written. */
static volatile uint8_t *const reg8 = (void *)MMIO;
static volatile uint16_t *const reg16 = (void *)MMIO;
static volatile uint32_t *const reg32 = (void *)MMIO;
static volatile uint64_t *const reg64 = (void *)MMIO;

static void check_ports(void)
{
    for (unsigned int i = 0; i < 16; i++)
        outb(PORT + i, 0x10 + i);
    check_eq(inb(PORT + 3), 0x13);
    check_eq(inw(PORT + 4), 0x1514);
    check_eq(inl(PORT + 8), 0x1b1a1918);
    outl(PORT, 0xdeadbeef);
    outw(PORT + 4, 0x1234);
    check_eq(inl(PORT), 0xdeadbeef);
    check_eq(inl(PORT + 4), 0x17161234);
    check_eq(inl(PORT + 14), 0xffffffff); /* not all of it is the server's */
    check_eq(inb(PORT + 0x40), 0xff);
    check_eq(inl(PORT + 0x40), 0xffffffff);
}

static void check_memory(void)
{
    uint64_t value = 0x1122334455667788ul;
    uint32_t old;

    reg64[0] = value;
    check_eq(reg64[0], value);
    check_eq(reg32[1], 0x11223344);
    check_eq(reg16[1], 0x5566);
    check_eq(reg8[7], 0x11);
    reg8[0] = 0x99;
    check_eq(reg32[0], 0x55667799);
    __asm__ volatile("orl %1, %0" : "+m"(reg32[0]) : "r"(0x66) : "cc");
    check_eq(reg8[0], 0xff);
    __asm__ volatile("lock; xaddl %1, %0" : "+m"(reg32[2]), "=r"(old) : "1"(5) : "cc");
    check_eq(old, 0);
    check_eq(reg32[2], 5);
    old = 5;
    __asm__ volatile("lock; cmpxchgl %2, %0" : "+m"(reg32[2]), "+a"(old) : "r"(77) : "cc");
    check_eq(reg32[2], 77);
    __asm__ volatile("addq %1, %0" : "+m"(reg64[1]) : "r"(1ul) : "cc");
    check_eq(reg64[1], 78);
    check_eq(*(volatile uint32_t *)FREE, 0xffffffff);
    *(volatile uint32_t *)FREE = 1;
}

/* Rows: one request each where the buffer is within a page. */
static void check_rows(void)
{
    static uint8_t buffer[64] __attribute__((aligned(4096)));
    void *to = (void *)MMIO, *from = buffer;
    unsigned long n = 8;

    for (unsigned int i = 0; i < sizeof(buffer); i++)
        buffer[i] = 3 * i;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    check_eq(n, 0);
    check_eq(reg64[0], 0x15120f0c09060300ul);
    to = buffer + 16, from = (void *)MMIO, n = 2;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    check_eq(*(uint64_t *)(buffer + 16), 0x15120f0c09060300ul);
    to = (void *)MMIO, n = 4;
    __asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(0xabcd) : "memory");
    check_eq(reg64[0], 0xabcdabcdabcdabcdul);
    from = buffer, n = 5;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORT + 1) : "memory");
    check_eq(inb(PORT + 1), 12);
    to = buffer + 40, n = 6;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(PORT + 1) : "memory");
    check_eq(*(uint32_t *)(buffer + 40), 0x0c0c0c0c);
    check_eq(*(uint16_t *)(buffer + 44), 0x0c0c);
    check_eq(buffer[46], 46 * 3);
}

static void check_pci(void)
{
    outl(0xcf8, 0x80001810); /* 0:3.0, register 0x10 */
    check_eq(inl(0xcfc), 0x00031810);
    check_eq(inw(0xcfe), 0x0003);
    outl(0xcf8, 0x80002010); /* 0:4.0 */
    check_eq(inl(0xcfc), 0xffffffff);
    outl(0xcf8, 0x00001810);
    check_eq(inl(0xcfc), 0xffffffff);
}

/* An hour further, or back to midnight: of that the device model hears. */
static void set_clock(void)
{
    uint8_t hour;

    outb(0x70, 4);
    hour = inb(0x71);
    hour = hour == 0x23 ? 0 : hour % 16 == 9 ? hour + 7 : hour + 1; /* BCD */
    outb(0x71, hour);
    check_eq(inb(0x71), hour);
}

void test_main(void)
{
    set_clock();
    check_ports();
    check_memory();
    check_rows();
    check_pci();
    outb(PORT + 15, 0xee); /* the end */
}
