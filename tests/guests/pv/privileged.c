/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileged instructions in the guest's kernel: emulated as a PV kernel expects, or #GP.
 *
 * Control registers read as the policy says and take the changes that are allowed; MSRs of time,
 * bases and EFER read and write; unknown ones fault; CPUID by the forced-emulation prefix gives
 * Xen's leaves and a filtered feature set; ports are open to dom0 and closed to a domU; cache and
 * TLB instructions do what they may.
 */
#include "lib/guest.h"

const char test_title[] = "emulated privileged instructions";

static uint64_t value;

#define READ(insn)     FAULT_VECTOR(__asm__ volatile(EX(insn) : "=a"(value) : : "rdx", "memory"))
#define WRITE(insn, v) FAULT_VECTOR(__asm__ volatile(EX(insn) : : "a"((uint64_t)(v)) : "memory"))

static int rdmsr(uint32_t msr)
{
    uint32_t low = 0, high = 0;
    int vector = FAULT_VECTOR(__asm__ volatile(EX("rdmsr") : "+a"(low), "+d"(high) : "c"(msr)));

    value = low | (uint64_t)high << 32;
    return vector;
}

static int wrmsr(uint32_t msr, uint64_t v)
{
    return FAULT_VECTOR(__asm__ volatile(EX("wrmsr") : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr)));
}

static void check_control_registers(void)
{
    uint64_t cr4;

    check_eq(READ("mov %%cr0, %0"), NO_FAULT);
    check_eq(value & 0x80000001, 0x80000001);
    check_eq(WRITE("mov %0, %%cr0", value | 8), NO_FAULT); /* TS */
    check_eq(READ("mov %%cr0, %0"), NO_FAULT);
    check_eq(value & 8, 8);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("clts"))), NO_FAULT);
    check_eq(READ("mov %%cr0, %0"), NO_FAULT);
    check_eq(value & 8, 0);
    check_eq(WRITE("mov %0, %%cr0", value & ~0x80000000ul), VEC_GP);
    check_eq(WRITE("mov %0, %%cr2", 0x5678), NO_FAULT);
    check_eq(vcpu_info()->arch.cr2, 0x5678);
    check_eq(READ("mov %%cr2, %0"), NO_FAULT);
    check_eq(value, 0x5678);
    check_eq(READ("mov %%cr3, %0"), NO_FAULT);
    check_eq(value >> PAGE_SHIFT, virt_to_mfn(kernel_l4));
    check_eq(WRITE("mov %0, %%cr3", value), NO_FAULT);
    check_eq(WRITE("mov %0, %%cr3", 0xfffffffff000), VEC_GP);
    check_eq(READ("mov %%cr4, %0"), NO_FAULT);
    cr4 = value;
    check(cr4 & 0x20); /* PAE */
    check_eq(WRITE("mov %0, %%cr4", cr4), NO_FAULT);
    check_eq(WRITE("mov %0, %%cr4", cr4 ^ 4), NO_FAULT); /* TSD */
    check_eq(WRITE("mov %0, %%cr4", cr4), NO_FAULT);
    check_eq(READ("mov %%cr8, %0"), VEC_GP);
}

static void check_msrs(void)
{
    check_eq(rdmsr(0xc0000080), NO_FAULT); /* EFER */
    check_eq(value & 0xd01, 0xd01);
    check_eq(wrmsr(0xc0000080, value), NO_FAULT);
    check_eq(wrmsr(0xc0000100, 0x12345000), NO_FAULT); /* FS base */
    check_eq(rdmsr(0xc0000100), NO_FAULT);
    check_eq(value, 0x12345000);
    check_eq(wrmsr(0xc0000100, 0x800000000000), VEC_GP);
    check_eq(wrmsr(0xc0000101, 0x12346000), NO_FAULT);
    check_eq(wrmsr(0xc0000102, 0x12347000), NO_FAULT);
    check_eq(rdmsr(0xc0000101), NO_FAULT);
    check_eq(value, 0x12346000);
    check_eq(rdmsr(0xc0000102), NO_FAULT);
    check_eq(value, 0x12347000);
    check_eq(wrmsr(0xc0000101, 0), NO_FAULT);
    check_eq(rdmsr(0x10), NO_FAULT); /* TSC */
    check(value != 0);
    check_eq(rdmsr(0x1b), NO_FAULT);  /* APIC base */
    check_eq(rdmsr(0x277), NO_FAULT); /* PAT */
    check_eq(value, 0x050100070406);
    check_eq(rdmsr(0xdead), VEC_GP);
    check_eq(wrmsr(0xdead, 0), VEC_GP);
    check_eq(rdmsr(0x40000000), NO_FAULT);       /* the hypercall page's, see CPUID */
    check_eq(wrmsr(0xc0000082, 0x1000), VEC_GP); /* LSTAR is the hypervisor's */
}

struct leaf {
    uint32_t eax, ebx, ecx, edx;
};

static struct leaf cpuid_forced(uint32_t leaf, uint32_t sub)
{
    struct leaf l = {.eax = leaf, .ecx = sub};

    __asm__ volatile("ud2a; .ascii \"xen\"; cpuid" : "+a"(l.eax), "=b"(l.ebx), "+c"(l.ecx), "=d"(l.edx));
    return l;
}

static void check_cpuid(void)
{
    struct leaf l = cpuid_forced(0x40000000, 0);

    check(l.eax >= 0x40000003 && l.eax <= 0x40000010);
    check(l.ebx == 0x566e6558 && l.ecx == 0x65584d4d && l.edx == 0x4d4d566e);
    l = cpuid_forced(0x40000001, 0);
    check_eq(l.eax, 4 << 16 | 17);
    l = cpuid_forced(0x40000002, 0);
    check_eq(l.eax, 1);          /* hypercall pages */
    check_eq(l.ebx, 0x40000000); /* their MSR */
    check_eq(l.edx, 0);
    check_eq(l.ecx & 1, 1); /* MMU_PT_UPDATE_PRESERVE_AD */
    l = cpuid_forced(0x40000003, 0);
    printk("time: %x %x %x %x\n", l.eax, l.ebx, l.ecx, l.edx);
    l = cpuid_forced(0x40000005, 0);
    printk("pv: %x %x %x %x\n", l.eax, l.ebx, l.ecx, l.edx);
    l = cpuid_forced(1, 0);
    check_eq(l.ecx >> 31, 1);                 /* a hypervisor is there */
    check_eq(l.ecx >> 5 & 1, 0);              /* no VMX */
    check_eq(l.ecx >> 3 & 1, 0);              /* no MONITOR */
    check_eq(l.edx >> 3 & 1, 0);              /* no PSE */
    check_eq(l.edx >> 13 & 1, 0);             /* no PGE */
    check_eq(l.edx >> 12 & 1, guest.is_dom0); /* MTRR */
    check_eq(l.edx >> 25 & 3, 3);             /* SSE, SSE2 */
    l = cpuid_forced(7, 0);
    check_eq(l.ebx >> 7 & 1, 0);  /* SMEP */
    check_eq(l.ebx >> 20 & 1, 0); /* SMAP */
    check_eq(l.ecx >> 3 & 1, 0);  /* PKU */
    l = cpuid_forced(0x80000001, 0);
    check_eq(l.ecx >> 2 & 1, 0);  /* SVM */
    check_eq(l.edx >> 26 & 1, 0); /* 1 GB pages */
    check_eq(l.edx >> 29 & 1, 1); /* long mode */
    check_eq(l.edx >> 11 & 1, 1); /* syscall */
}

static int inb(uint16_t port) { return FAULT_VECTOR(__asm__ volatile(EX("inb %%dx, %%al") : "=a"(value) : "d"(port))); }

static int outb(uint16_t port, uint8_t byte)
{
    return FAULT_VECTOR(__asm__ volatile(EX("outb %%al, %%dx") : : "a"(byte), "d"(port)));
}

/* What is not the domain's reads as all ones and takes no write, without a fault. */
static void check_closed(uint16_t port)
{
    value = 0;
    check_eq(inb(port), NO_FAULT);
    check_eq(value & 0xff, 0xff);
}

static void check_ports(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};

    check_eq(outb(0x80, 0x12), VEC_GP); /* the kernel is ring 1 to the I/O privilege */
    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    check_eq(outb(0x80, 0x12), NO_FAULT);
    check_closed(0x3f8); /* the hypervisor's serial port */
    check_closed(0x20);  /* the PIC */
    check_closed(0x40);  /* the PIT */
    check_eq(inb(0x61), NO_FAULT);
    if (guest.is_dom0) {
        check_eq(outb(0x70, 0x0d), NO_FAULT);
        check_eq(inb(0x71), NO_FAULT); /* the RTC: valid RAM and time */
        check_eq(value & 0x80, 0x80);
        check_eq(inb(0x64), NO_FAULT); /* the keyboard controller: idle */
        check(!(value & 2));
    } else {
        check_closed(0x71);
        check_closed(0x64);
        check_closed(0xcf8);
    }
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("inl %%dx, %%eax") : "=a"(value) : "d"(0xcf8))), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("insb") : : "D"(&value), "d"(0x80) : "memory")), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("in $0x80, %%eax") : "=a"(value))), NO_FAULT);
    iopl.iopl = 0;
    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    check_eq(inb(0x71), VEC_GP);
}

static void check_iopl(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};

    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("cli"))), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("sti"))), NO_FAULT);
    iopl.iopl = 0;
    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("cli"))), VEC_GP);
    iopl.iopl = 4;
    check_eq(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
}

static void check_others(void)
{
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("wbinvd"))), NO_FAULT);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("hlt"))), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("lgdt (%0)") : : "r"(stacks))), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("ltr %w0") : : "r"(8))), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("lldt %w0") : : "r"(8))), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("swapgs"))), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("rdpmc") : : "c"(0) : "rax", "rdx")), VEC_GP);
    check_eq(FAULT_VECTOR(__asm__ volatile(EX("rdtsc") : : : "rax", "rdx")), NO_FAULT);
}

void test_main(void)
{
    check_control_registers();
    check_msrs();
    check_cpuid();
    check_ports();
    check_iopl();
    check_others();
}
