/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only an HVM guest has: its own descriptor tables, control registers, MSRs, ports, and the
 * hypervisor's CPUID leaves.  Selectors and gates are the processor's (AMD APM volume 2, chapter 4).
 */
#ifndef GUEST_HVM_H
#define GUEST_HVM_H

/* The descriptor table of all vCPUs. From GDT_FREE on it is for tests; TSS of vCPU n: GDT_TSS + n. */
enum {
    GDT_CODE32 = 1,
    GDT_CODE64,
    GDT_DATA,
    GDT_USER_CODE32,
    GDT_USER_DATA,
    GDT_USER_CODE64,
    GDT_TSS = 8,
    GDT_FREE = 16
};
#define GDT_ENTRIES          64
#define SELECTOR(index, rpl) ((index)*8 + (rpl))
#ifdef __x86_64__
#define KERNEL_CS SELECTOR(GDT_CODE64, 0)
#define USER_CS   SELECTOR(GDT_USER_CODE64, 3)
#else
#define KERNEL_CS SELECTOR(GDT_CODE32, 0)
#define USER_CS   SELECTOR(GDT_USER_CODE32, 3)
#endif
#define KERNEL_SS SELECTOR(GDT_DATA, 0)
#define USER_SS   SELECTOR(GDT_USER_DATA, 3)

extern uint64_t gdt[GDT_ENTRIES];

/* A segment descriptor; attributes are bits 8 to 23 of its upper half (type, S, DPL, P, AVL, L, D, G). */
uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t attributes);

/* Vectors of interrupts that the framework uses. */
#define VECTOR_UPCALL 0xf3

/* Where page tables and such begin the next AP, see vcpu-hvm.c. */
#define TRAMPOLINE 0x8000ul

#define CR0_PE 0x1ul
#define CR0_MP 0x2ul
#define CR0_EM 0x4ul
#define CR0_TS 0x8ul
#define CR0_NE 0x20ul
#define CR0_WP 0x10000ul
#define CR0_AM 0x40000ul
#define CR0_NW 0x20000000ul
#define CR0_CD 0x40000000ul
#define CR0_PG 0x80000000ul

#define CR4_TSD        0x4ul
#define CR4_DE         0x8ul
#define CR4_PSE        0x10ul
#define CR4_PAE        0x20ul
#define CR4_MCE        0x40ul
#define CR4_PGE        0x80ul
#define CR4_PCE        0x100ul
#define CR4_OSFXSR     0x200ul
#define CR4_OSXMMEXCPT 0x400ul
#define CR4_UMIP       0x800ul
#define CR4_LA57       0x1000ul
#define CR4_VMXE       0x2000ul
#define CR4_FSGSBASE   0x10000ul
#define CR4_PCIDE      0x20000ul
#define CR4_OSXSAVE    0x40000ul
#define CR4_SMEP       0x100000ul
#define CR4_SMAP       0x200000ul

#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER         0xc0000080
#define EFER_SCE         0x1ul
#define EFER_LME         0x100ul
#define EFER_LMA         0x400ul
#define EFER_NXE         0x800ul
#define EFER_SVME        0x1000ul

#define CR_ACCESSORS(n)                                                    \
    static inline unsigned long read_cr##n(void)                           \
    {                                                                      \
        unsigned long value;                                               \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value) : : "memory"); \
        return value;                                                      \
    }                                                                      \
    /* May fault, to use within FAULT_OF(). */                             \
    static inline void write_cr##n(unsigned long value)                    \
    {                                                                      \
        __asm__ volatile(EX("mov %0, %%cr" #n) : : "r"(value) : "memory"); \
    }
CR_ACCESSORS(0)
CR_ACCESSORS(2)
CR_ACCESSORS(3)
CR_ACCESSORS(4)

/* These may fault too; a faulting read gives 0. */
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low = 0, high = 0;

    __asm__ volatile(EX("rdmsr") : "+a"(low), "+d"(high) : "c"(msr) : "memory");
    return low | (uint64_t)high << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile(EX("wrmsr") : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define PORT_ACCESSORS(suffix, type)                                          \
    static inline type in##suffix(uint16_t port)                              \
    {                                                                         \
        type value;                                                           \
        __asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port));  \
        return value;                                                         \
    }                                                                         \
    static inline void out##suffix(uint16_t port, type value)                 \
    {                                                                         \
        __asm__ volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port)); \
    }
PORT_ACCESSORS(b, uint8_t)
PORT_ACCESSORS(w, uint16_t)
PORT_ACCESSORS(l, uint32_t)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;

    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(subleaf));
    return r;
}
/* The base of the hypervisor's leaves; ends with ERROR when there is none that says Xen. */
uint32_t xen_leaf(void);

/* The hypercall instruction of this CPU, for hypercall_raw(); true if it is VMMCALL. */
bool hypercall_by_vmmcall(void);

/* HVM_PARAM_* of this domain; what the hypervisor answered. */
long param_get(uint32_t index, uint64_t *value);
long param_set(uint32_t index, uint64_t value);

/* XENMEM_add_to_physmap and XENMEM_remove_from_physmap of this domain. */
long physmap_add(unsigned int space, unsigned long index, uint64_t gfn);
long physmap_remove(uint64_t gfn);

/* Make vCPU id's descriptor tables and such the loaded ones; called by each vCPU as it begins. */
void trap_load(unsigned int id);
/* Load the segment registers from the table; in the entry code. */
void segments_reload(void);
/* A gate of the one IDT. */
void idt_set(unsigned int vector, void *entry, unsigned int selector, unsigned int type_dpl, unsigned int ist);

/* Start vCPU id by INIT and SIPI, as vcpu_start() does by hypercall. */
void vcpu_start_sipi(unsigned int id, void (*function)(void *), void *arg);

static inline void irqs_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void irqs_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void halt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

#endif
