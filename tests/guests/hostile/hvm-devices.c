/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HVM guest that misuses what the hypervisor plays for it: the local APIC in every form of access, memory and
 * ports where there is nothing, timers and interrupts without measure, two vCPUs at once.
 */
#include "lib/guest.h"
#include "lib/random.h"

const char test_title[] = "misuse of virtual devices";

uint64_t random_state;

#define HOLE  0x80000000ul
#define STORM 3000

static volatile unsigned int taken;

static bool take(struct regs *regs)
{
    (void)regs;
    taken++;
    lapic_eoi();
    return true;
}

/* A device interrupt may come at any vector. */
static void take_all(void)
{
    for (unsigned int v = 32; v < 256; v++)
        if (v != VECTOR_UPCALL && v != 0x80)
            trap_hook(v, take);
}

/* Any register, any value; a command goes to an APIC that is not there. */
static void apic_registers(void)
{
    random_state = 0x1357911;
    take_all();
    irqs_on();
    for (unsigned int i = 0; i < STORM; i++) {
        uint64_t r = random_next();
        unsigned int reg = (unsigned int)(r >> 32 & 0xff0);

        if (reg == LAPIC_ICR2 || reg == LAPIC_ICR)
            lapic_icr(0x50, (uint32_t)r & ~(ICR_OTHERS | ICR_LOGICAL));
        else if (r >> 60 & 1)
            lapic_write(reg, (uint32_t)r);
        else
            lapic_read(reg);
    }
    irqs_off();
    lapic_write(LAPIC_LVTT, LVT_MASKED);
    lapic_write(LAPIC_TMICT, 0);
}

static void x2apic_registers(void)
{
    random_state = 0x2468;
    take_all();
    lapic_x2_enable();
    irqs_on();
    for (unsigned int i = 0; i < STORM; i++) {
        uint64_t r = random_next();
        uint32_t msr = 0x800 + (uint32_t)(r >> 32 & 0xff);
        uint64_t value = r >> 61 & 1 ? random_next() : r & 0xffff;

        if (msr == 0x830)
            value = (value & 0xffffffff & ~(uint64_t)(ICR_OTHERS | ICR_LOGICAL)) | 0x5000ull << 32;
        if (r >> 60 & 1)
            FAULT_OF(wrmsr(msr, value));
        else
            FAULT_OF(rdmsr(msr));
    }
    irqs_off();
    wrmsr(0x832, LVT_MASKED);
}

/* Accesses that no APIC is made for: unaligned, wide, across its end, by string and vector instructions, locked. */
static void apic_accesses(void)
{
    volatile uint8_t *apic = (volatile uint8_t *)LAPIC_BASE;
    static uint8_t buffer[PAGE_SIZE];
    uint64_t value = 1;

    for (unsigned int i = 0; i < 0x40; i++) {
        FAULT_OF(__asm__ volatile(EX("mov (%1), %0") : "+r"(value) : "r"(apic + i) : "memory"));
        FAULT_OF(__asm__ volatile(EX("mov %k0, (%1)") : : "r"(0), "r"(apic + LAPIC_TPR + i) : "memory"));
        FAULT_OF(__asm__ volatile(EX("lock addq %0, (%1)") : : "r"(0l), "r"(apic + LAPIC_TPR + i) : "memory"));
        FAULT_OF(__asm__ volatile(EX("lock cmpxchg8b (%0)") : : "r"(apic + i) : "rax", "rdx", "memory"));
        FAULT_OF(__asm__ volatile(EX("movups (%0), %%xmm0") : : "r"(apic + i) : "memory"));
        FAULT_OF(__asm__ volatile(EX("movups %%xmm0, (%0)") : : "r"(apic + LAPIC_TPR + i) : "memory"));
    }
    try_read(apic + PAGE_SIZE - 3);
    try_write(apic + PAGE_SIZE - 3, 0);
    for (unsigned int size = 1; size <= 8; size *= 2) {
        const volatile uint8_t *from = apic;
        void *to = buffer;
        unsigned long n = 0x400 / size;

        if (size == 1)
            __asm__ volatile(EX("rep movsb") : "+S"(from), "+D"(to), "+c"(n) : : "memory");
        else if (size == 2)
            __asm__ volatile(EX("rep movsw") : "+S"(from), "+D"(to), "+c"(n) : : "memory");
        else if (size == 4)
            __asm__ volatile(EX("rep movsl") : "+S"(from), "+D"(to), "+c"(n) : : "memory");
        else
            __asm__ volatile(EX("rep movsq") : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    }
    FAULT_OF(__asm__ volatile(EX("fxsave (%0)") : : "r"(apic) : "memory"));
}

/* The APIC's page is asked to be elsewhere. */
static void apic_base(void)
{
    const uint64_t base = rdmsr(MSR_APIC_BASE);
    static const uint64_t wanted[] = {0xfed00000, 0x200000, 1ull << 40, 0xffffffffff000, 1ull << 52, ~0ull};

    for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++) {
        FAULT_OF(wrmsr(MSR_APIC_BASE, wanted[i] | (base & 0xfff)));
        check((rdmsr(MSR_APIC_BASE) & 0xfff) == (base & 0xfff));
        wrmsr(MSR_APIC_BASE, base);
    }
    wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_ENABLE);
    for (unsigned int reg = 0; reg < 0x400; reg += 16) {
        *(volatile uint32_t *)(LAPIC_BASE + reg) = 0xffff;
        check_eq(*(volatile uint32_t *)(LAPIC_BASE + reg), 0xffffffff);
    }
    check_eq(FAULT_VECTOR(rdmsr(0x802)), VEC_GP);
}

/* Interrupts as fast as the timer can: the guest comes to nothing else on Xen. */
static void timer_storm(void)
{
    uint64_t end = now() + 300000000;

    printk(CASE_MAY_DIE_MARK "\n");
    take_all();
    lapic_enable();
    lapic_write(LAPIC_TDCR, 0xb);
    lapic_write(LAPIC_LVTT, LVTT_PERIODIC | 0x41);
    lapic_write(LAPIC_TMICT, 1);
    irqs_on();
    while (now() < end)
        halt();
    lapic_write(LAPIC_LVTT, LVT_MASKED);
    lapic_write(LAPIC_TMICT, 0);
    printk("%u interrupts\n", taken);
    test_done();
}

/* All ports, all sizes. What answers is named; the rest reads as ones. The debug console's port is left alone. */
static void ports(void)
{
    unsigned int answers = 0;

    for (unsigned int port = 0; port < 0x10000; port++) {
        if (port >= 0xe6 && port <= 0xec)
            continue;
        outb((uint16_t)port, 0);
        if (inb((uint16_t)port) != 0xff && answers++ < 40)
            printk("port %x answers\n", port);
        if (port & 0xff)
            continue;
        outw((uint16_t)port, 0x1234);
        outl((uint16_t)port, 0x12345678);
        check_eq(inw((uint16_t)(port + 0x20)) | 0, inw((uint16_t)(port + 0x20)));
        inl((uint16_t)(port + 0x40));
    }
    inl(0xffff);
    printk("%u ports answer\n", answers);
}

/* Strings between memory, no memory and ports, long and backwards. */
static void strings(void)
{
    uint8_t *page = page_alloc();
    void *to;
    const void *from;
    unsigned long n;

#define MOVE(insn, a, b, count)                                    \
    (to = (void *)(a), from = (const void *)(b), n = (count),      \
     FAULT_VECTOR(__asm__ volatile(EX(insn)                        \
                                   : "+D"(to), "+S"(from), "+c"(n) \
                                   : "d"(0x5000), "a"(0)           \
                                   : "memory")))
    check_eq(MOVE("rep movsb", page, HOLE, 4096), NO_FAULT);
    check(page[0] == 0xff && page[4095] == 0xff);
    check_eq(MOVE("rep movsl", HOLE, page, 1024), NO_FAULT);
    check_eq(MOVE("rep movsq", HOLE + 0x10000, HOLE, 4096), NO_FAULT);
    check_eq(MOVE("rep movsb", HOLE + 1, HOLE, 5000), NO_FAULT);
    check_eq(MOVE("std; rep movsb; cld", page + 4095, HOLE + 4095, 4096), NO_FAULT);
    check_eq(MOVE("rep stosl", HOLE + 3, 0, 3000), NO_FAULT);
    memset(page, 0, PAGE_SIZE);
    check_eq(MOVE("rep insb", page, 0, 4096), NO_FAULT);
    check(page[0] == 0xff && page[4095] == 0xff);
    check_eq(MOVE("rep insl", HOLE, 0, 1000), NO_FAULT);
    check_eq(MOVE("rep outsb", 0, page, 4096), NO_FAULT);
    check_eq(MOVE("rep outsw", 0, HOLE + 1, 3000), NO_FAULT);
    check_eq(n, 0);
    check_eq(MOVE("rep insb", 0x123400000000, 0, 10), VEC_PF);
    check_eq(n, 10);
    check_eq(MOVE("rep outsb", 0, 0x123400000000, 10), VEC_PF);
}

static void hole_storm(void)
{
    random_state = 0x77;
    for (unsigned int i = 0; i < STORM; i++) {
        uint64_t r = random_next();
        volatile uint8_t *at = (volatile uint8_t *)(HOLE + (r & 0x3ffffff8)); /* within a page */

        switch (r >> 60) {
        case 0: check_eq(*at, 0xff); break;
        case 1: check_eq(*(volatile uint16_t *)at, 0xffff); break;
        case 2: check_eq(*(volatile uint32_t *)at, 0xffffffff); break;
        case 3: check_eq(*(volatile uint64_t *)at, ~0ul); break;
        case 4: *at = (uint8_t)r; break;
        case 5: *(volatile uint64_t *)at = r; break;
        case 6: __asm__ volatile("lock incl %0" : "+m"(*(volatile uint32_t *)at)); break;
        case 7: __asm__ volatile("movzbl %0, %%eax; movsbq %0, %%rax" : : "m"(*at) : "rax"); break;
        case 8: __asm__ volatile("btsl $3, %0" : "+m"(*(volatile uint32_t *)at) : : "cc"); break;
        case 9: FAULT_OF(__asm__ volatile(EX("movups (%0), %%xmm1") : : "r"(at) : "memory")); break;
        default: __asm__ volatile("addl $1, %0" : "+m"(*(volatile uint32_t *)at) : : "cc"); break;
        }
    }
}

static volatile bool go, stop;

static void second_storm(void *arg)
{
    (void)arg;
    lapic_enable();
    irqs_on();
    go = true;
    while (!stop)
        lapic_icr(vcpu_apic_id[0], ICR_FIXED | ICR_ASSERT | 0x51);
    irqs_off();
}

/* Each floods the other with interrupts. */
static void ipi_storm(void)
{
    take_all();
    lapic_enable();
    if (vcpu_start(1, second_storm, NULL))
        test_skip("two vCPUs are needed");
    while (!go)
        cpu_relax();
    irqs_on();
    for (unsigned int i = 0; i < STORM; i++)
        lapic_icr(vcpu_apic_id[1], ICR_FIXED | ICR_ASSERT | 0x61);
    stop = true;
    check(vcpu_wait(1, 20000));
    irqs_off();
    check(taken > 100);
}

static void nothing(void *arg) { (void)arg; }

/* INIT and SIPI to the other vCPU, at any moment of its life. */
static void init_storm(void)
{
    random_state = 99;
    for (unsigned int i = 0; i < 200; i++) {
        uint64_t r = random_next();

        vcpu_start_sipi(1, nothing, NULL);
        for (unsigned int j = 0; j < (r & 0xfff); j++)
            cpu_relax();
        if (r >> 40 & 1)
            lapic_icr(2, ICR_SIPI | ICR_ASSERT | (uint32_t)(TRAMPOLINE >> PAGE_SHIFT));
        lapic_icr(2, ICR_INIT | ICR_ASSERT);
    }
    vcpu_start_sipi(1, nothing, NULL);
    check(vcpu_wait(1, 20000));
}

/* A second vCPU begins where there is no code. */
static void sipi_nowhere(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    lapic_icr(2, ICR_INIT | ICR_ASSERT);
    lapic_icr(2, ICR_SIPI | ICR_ASSERT | 0xa0);
    delay_us(20000);
    test_done();
}

/* Events without end to oneself, with upcalls let through. */
static void event_storm(void)
{
    evtchn_port_t a, b;

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, a, &b), 0);
    port_clear(b);
    check_eq(event_unmask(b), 0);
    events_on();
    for (unsigned int i = 0; i < STORM; i++)
        event_send(a);
    events_off();
    check_eq(event_count(b), STORM);
}

static const struct test_case cases[] = {
    {"any value in any register of the APIC", apic_registers, false},
    {"the same by MSR", x2apic_registers, false},
    {"accesses that no APIC is made for", apic_accesses, false},
    {"the APIC's base", apic_base, false},
    {"a storm of timer interrupts", timer_storm, false},
    {"all ports", ports, false},
    {"strings over no memory and ports", strings, false},
    {"a storm over no memory", hole_storm, false},
    {"two vCPUs that interrupt each other", ipi_storm, false},
    {"INIT and SIPI without measure", init_storm, false},
    {"a start where there is no code", sipi_nowhere, false},
    {"a storm of events", event_storm, false},
};

void test_main(void) { cases_run(cases, ARRAY_SIZE(cases)); }
