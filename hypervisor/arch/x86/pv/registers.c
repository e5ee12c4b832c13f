/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls that set registers which ring 3 cannot: CR0.TS, debug registers, segment bases.
 */
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>

/* HYPERVISOR_fpu_taskswitch(set): the guest's CR0.TS. 0. */
long do_fpu_taskswitch(int set)
{
    struct vcpu *v = current;

    if (set) {
        v->arch.pv.ctrlreg[0] |= X86_CR0_TS;
        write_cr0(read_cr0() | X86_CR0_TS);
    } else {
        v->arch.pv.ctrlreg[0] &= ~(u64)X86_CR0_TS;
        __asm__ __volatile__("clts");
    }
    return 0;
}

#define DR7_ENABLE_MASK   0xffUL
#define DR7_LOCAL_EXACT   0x300UL
#define DR7_GENERAL       (1UL << 13) /* general detect: would fault our own accesses */
#define DR7_RESERVED_ZERO 0xffffffff0000d800UL
#define DR7_RESERVED_ONE  0x400UL
#define DR6_RESERVED_ONE  0xffff0ff0UL
#define DR6_RESERVED_ZERO 0xffffffff00001000UL

/* Breakpoint n's kind and length in DR7 (Intel SDM vol. 3, 17.2.4). */
#define DR7_RW(dr7, n) ((dr7) >> (16 + 4 * (n)) & 3)
#define RW_IO          2

static void load_address(int n, unsigned long va)
{
    switch (n) {
    case 0: __asm__ __volatile__("mov %0, %%db0" ::"r"(va)); break;
    case 1: __asm__ __volatile__("mov %0, %%db1" ::"r"(va)); break;
    case 2: __asm__ __volatile__("mov %0, %%db2" ::"r"(va)); break;
    default: __asm__ __volatile__("mov %0, %%db3" ::"r"(va)); break;
    }
}

/* Breakpoints on ports need CR4.DE in force while we run, too: they are refused. */
static int set_dr7(struct vcpu *v, unsigned long value)
{
    if (value & DR7_GENERAL)
        return -EPERM;
    value = (value & ~DR7_RESERVED_ZERO) | DR7_RESERVED_ONE;
    for (int n = 0; n < 4; n++)
        if (value >> (2 * n) & 3 && DR7_RW(value, n) == RW_IO)
            return -EPERM;
    if (value & DR7_ENABLE_MASK && !(v->arch.dr[7] & DR7_ENABLE_MASK))
        for (int n = 0; n < 4; n++)
            load_address(n, v->arch.dr[n]);
    v->arch.dr[7] = value;
    if (v == current)
        __asm__ __volatile__("mov %0, %%db7" ::"r"(value & DR7_ENABLE_MASK ? value : DR7_RESERVED_ONE));
    return 0;
}

int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value)
{
    switch (reg) {
    case 0 ... 3:
        if (!guest_address_ok(value))
            return -EPERM;
        v->arch.dr[reg] = value;
        if (v == current && v->arch.dr[7] & DR7_ENABLE_MASK)
            load_address(reg, value);
        return 0;
    case 4:
        if (v->arch.pv.ctrlreg[4] & X86_CR4_DE)
            return -ENODEV;
        fallthrough; /* DR4 is DR6 */
    case 6: v->arch.dr[6] = (value & ~DR6_RESERVED_ZERO) | DR6_RESERVED_ONE; return 0;
    case 5:
        if (v->arch.pv.ctrlreg[4] & X86_CR4_DE)
            return -ENODEV;
        fallthrough; /* DR5 is DR7 */
    case 7: return set_dr7(v, value);
    default: return -ENODEV;
    }
}

/* HYPERVISOR_set_debugreg(reg, value): 0, -EPERM for an address of ours, -ENODEV, -EINVAL. */
long do_set_debugreg(int reg, unsigned long value) { return pv_set_debugreg(current, reg, value); }

/* HYPERVISOR_get_debugreg(reg): the value, or -ENODEV / -EINVAL. */
unsigned long do_get_debugreg(int reg)
{
    struct vcpu *v = current;

    switch (reg) {
    case 0 ... 3:
    case 6: return v->arch.dr[reg];
    case 7: return v->arch.dr[7] | DR7_RESERVED_ONE;
    case 4:
    case 5: return v->arch.pv.ctrlreg[4] & X86_CR4_DE ? (unsigned long)-ENODEV : v->arch.dr[reg + 2];
    default: return -ENODEV;
    }
}

/* HYPERVISOR_set_segment_base(which, base), in the kernel's mode: 0 or -EINVAL. */
long do_set_segment_base(unsigned int which, unsigned long base)
{
    struct vcpu *v = current;

    if (which != SEGBASE_GS_USER_SEL && !address_canonical(base))
        return -EINVAL;
    switch (which) {
    case SEGBASE_FS:
        v->arch.pv.fs_base = base;
        wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        v->arch.pv.gs_base_user = base;
        wrmsr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        v->arch.pv.gs_base_kernel = base;
        wrmsr(MSR_GS_BASE, base);
        return 0;
    case SEGBASE_GS_USER_SEL: return pv_load_user_gs(base & 0xffff);
    default: return -EINVAL;
    }
}
