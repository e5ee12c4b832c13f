/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls that set registers which ring 3 cannot: CR0.TS, debug registers, segment bases.
 */
#include <arch/x86/pv/pv.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <hypercall/hypercall.h>

/* HYPERVISOR_fpu_taskswitch(set): the guest's CR0.TS. 0. */
long do_fpu_taskswitch(int set)
{
    if (set) {
        current->arch.pv.ctrlreg[0] |= X86_CR0_TS;
        write_cr0(read_cr0() | X86_CR0_TS);
    } else {
        current->arch.pv.ctrlreg[0] &= ~(u64)X86_CR0_TS;
        __asm__ __volatile__("clts");
    }
    return 0;
}

#define DR7_ENABLE_MASK   0xffUL
#define DR7_GENERAL       (1UL << 13) /* general detect: would fault our own accesses */
#define DR7_RESERVED_ZERO 0xffffffff0000d800UL
#define DR7_RESERVED_ONE  0x400UL
#define DR6_RESERVED_ONE  0xffff0ff0UL
#define DR6_RESERVED_ZERO 0xffffffff00001000UL

/* Breakpoint n's kind and length in DR7 (Intel SDM vol. 3, 17.2.4). */
#define DR7_RW(dr7, n) ((dr7) >> (16 + 4 * (n)) & 3)
#define RW_IO          2

/* As long as no breakpoint is enabled, the CPU's registers are what they are. */
void pv_load_debug(const struct vcpu *v)
{
    if (!(v->arch.dr[7] & DR7_ENABLE_MASK))
        return;
    breakpoints_load(v->arch.dr);
    __asm__ __volatile__("mov %0, %%db7" ::"r"(v->arch.dr[7]));
}

void pv_save_debug(const struct vcpu *v)
{
    if (v->arch.dr[7] & DR7_ENABLE_MASK)
        __asm__ __volatile__("mov %0, %%db7" ::"r"(DR7_RESERVED_ONE));
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
    if (v == current)
        pv_save_debug(v);
    v->arch.dr[7] = value;
    if (v == current)
        pv_load_debug(v);
    return 0;
}

/* DR4 and DR5 are DR6 and DR7, unless the guest's CR4.DE says that they are none. -ENODEV. */
static int debug_register(const struct vcpu *v, unsigned int reg)
{
    if ((reg & ~1U) == 4)
        return v->arch.pv.ctrlreg[4] & X86_CR4_DE ? -ENODEV : (int)reg + 2;
    return reg < 8 ? (int)reg : -ENODEV;
}

int pv_set_debugreg(struct vcpu *v, unsigned int number, unsigned long value)
{
    int reg = debug_register(v, number);

    if (reg < 0)
        return reg;
    if (reg == 7)
        return set_dr7(v, value);
    if (reg == 6)
        value = (value & ~DR6_RESERVED_ZERO) | DR6_RESERVED_ONE;
    else if (!guest_address_ok(value))
        return -EPERM;
    v->arch.dr[reg] = value;
    if (v == current && reg < 4)
        pv_load_debug(v);
    return 0;
}

/* HYPERVISOR_set_debugreg(reg, value): 0, -EPERM for an address of ours, -ENODEV, -EINVAL. */
long do_set_debugreg(int reg, unsigned long value) { return pv_set_debugreg(current, reg, value); }

/* HYPERVISOR_get_debugreg(reg): the value, or -ENODEV / -EINVAL. */
unsigned long do_get_debugreg(int number)
{
    int reg = debug_register(current, number);

    return reg < 0 ? (unsigned long)reg : current->arch.dr[reg] | (reg == 7 ? DR7_RESERVED_ONE : 0);
}

int pv_set_base(struct vcpu *v, u32 msr, u64 base)
{
    struct pv_vcpu *pv = &v->arch.pv;

    if (!address_canonical(base))
        return -EINVAL;
    *(msr == MSR_FS_BASE ? &pv->fs_base : msr == MSR_GS_BASE ? &pv->gs_base_kernel : &pv->gs_base_user) = base;
    wrmsr(msr, base);
    return 0;
}

/* HYPERVISOR_set_segment_base(which, base), in the kernel's mode: 0 or -EINVAL. */
long do_set_segment_base(unsigned int which, unsigned long base)
{
    switch (which) {
    case SEGBASE_FS: return pv_set_base(current, MSR_FS_BASE, base);
    case SEGBASE_GS_USER: return pv_set_base(current, MSR_KERNEL_GS_BASE, base);
    case SEGBASE_GS_KERNEL: return pv_set_base(current, MSR_GS_BASE, base);
    case SEGBASE_GS_USER_SEL: return pv_load_user_gs(base & 0xffff);
    default: return -EINVAL;
    }
}
