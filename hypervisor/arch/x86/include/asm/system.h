/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-64: interrupt flag, barriers, control and model-specific registers.
 */
#ifndef ASM_SYSTEM_H
#define ASM_SYSTEM_H

#define mb()  __asm__ __volatile__("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
#define wmb() barrier()

static inline void cpu_relax(void) { __asm__ __volatile__("pause" ::: "memory"); }

static inline unsigned long irq_flags(void)
{
    unsigned long f;

    __asm__ __volatile__("pushf; pop %0" : "=r"(f)::"memory");
    return f;
}

static inline void irq_disable(void) { __asm__ __volatile__("cli" ::: "memory"); }

static inline void irq_enable(void) { __asm__ __volatile__("sti" ::: "memory"); }

static inline bool irqs_enabled(void) { return irq_flags() & 0x200; }

static inline unsigned long irq_save(void)
{
    unsigned long f = irq_flags();

    irq_disable();
    return f;
}

static inline void irq_restore(unsigned long f)
{
    if (f & 0x200)
        irq_enable();
}

static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;

    __asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 val)
{
    __asm__ __volatile__("wrmsr" ::"c"(msr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");
}

/* False when the register does not exist (#GP, by the exception table). */
bool rdmsr_safe(u32 msr, u64 *val);

static inline u64 rdtsc(void)
{
    u32 lo, hi;

    __asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (u64)hi << 32;
}

/* Not executed before what stands before it (Intel SDM vol. 2, RDTSC; AMD APM vol. 3). */
static inline u64 rdtsc_ordered(void)
{
    __asm__ __volatile__("lfence" ::: "memory");
    return rdtsc();
}

struct cpuid_regs {
    u32 a, b, c, d;
};

static inline struct cpuid_regs cpuid_count(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;

    __asm__ __volatile__("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(subleaf));
    return r;
}

#define READ_REG(name)                                         \
    static inline unsigned long read_##name(void)              \
    {                                                          \
        unsigned long v;                                       \
        __asm__ __volatile__("mov %%" #name ", %0" : "=r"(v)); \
        return v;                                              \
    }
#define WRITE_REG(name) \
    static inline void write_##name(unsigned long v) { __asm__ __volatile__("mov %0, %%" #name ::"r"(v) : "memory"); }
READ_REG(cr0)
READ_REG(cr2)
READ_REG(cr3)
READ_REG(cr4)
WRITE_REG(cr0)
WRITE_REG(cr2)
WRITE_REG(cr3)
WRITE_REG(cr4)
#undef READ_REG
#undef WRITE_REG

static inline void invlpg(unsigned long va) { __asm__ __volatile__("invlpg %0" ::"m"(*(char *)va) : "memory"); }

#define PORT_IO(suffix, type)                                                \
    static inline type in##suffix(u16 port)                                  \
    {                                                                        \
        type v;                                                              \
        __asm__ __volatile__("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port)); \
        return v;                                                            \
    }                                                                        \
    static inline void out##suffix(u16 port, type v)                         \
    {                                                                        \
        __asm__ __volatile__("out" #suffix " %0, %1" ::"a"(v), "Nd"(port));  \
    }
PORT_IO(b, u8)
PORT_IO(w, u16)
PORT_IO(l, u32)
#undef PORT_IO

/* By size: 1, 2 or 4 bytes. */
static inline u32 io_read(u16 port, unsigned int size)
{
    return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static inline void io_write(u16 port, unsigned int size, u32 v)
{
    switch (size) {
    case 1: outb(port, v); break;
    case 2: outw(port, v); break;
    default: outl(port, v); break;
    }
}

/* DR0 to DR3. */
static inline void breakpoints_load(const unsigned long dr[4])
{
    __asm__ __volatile__("mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3" ::"r"(dr[0]), "r"(dr[1]),
                         "r"(dr[2]), "r"(dr[3]));
}

static inline void breakpoints_save(unsigned long dr[4])
{
    __asm__ __volatile__("mov %%db0, %0\n\tmov %%db1, %1\n\tmov %%db2, %2\n\tmov %%db3, %3"
                         : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

#endif
