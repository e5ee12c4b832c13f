/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of a test guest: the raw call, through the hypercall page or by the bare instruction
 * (SYSCALL of a PV guest, VMCALL or VMMCALL of an HVM guest), and one thin wrapper per call that the
 * guests use.  No policy, no error handling: what the hypervisor answered is what the caller gets.
 * All wrappers return it unchanged (negative: -XEN_Exxx).
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/kexec.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/io/console.h>

extern uint8_t hypercall_page[4096];

#ifdef __x86_64__
#define HC_REGS_DECLARE                             \
    register unsigned long r10 __asm__("r10") = a4; \
    register unsigned long r8 __asm__("r8") = a5
#define HC_REGS    "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
#define HC_CLOBBER "rcx", "r11", "memory"
#else
#define HC_REGS_DECLARE (void)0
#define HC_REGS         "+b"(a1), "+c"(a2), "+d"(a3), "+S"(a4), "+D"(a5)
#define HC_CLOBBER      "memory"
#endif

/*
 * A hypercall as <xen/arch-x86/xen-x86_64.h> and xen-x86_32.h define it.  nr must be below 64: the
 * page has no more entries.
 */
static inline long hypercall(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
                             unsigned long a5)
{
    long ret;

    HC_REGS_DECLARE;
    __asm__ volatile("call *%[entry]" : "=a"(ret), HC_REGS : [entry] "0"(hypercall_page + nr * 32) : HC_CLOBBER);
    return ret;
}

/* The same by the instruction itself, for numbers that the page has no entry for. */
static inline long hypercall_raw(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3,
                                 unsigned long a4, unsigned long a5)
{
    long ret;

    HC_REGS_DECLARE;
#ifdef GUEST_PV
    __asm__ volatile("syscall" : "=a"(ret), HC_REGS : "0"(nr) : HC_CLOBBER);
#else
    __asm__ volatile("call hypercall_insn" : "=a"(ret), HC_REGS : "0"(nr) : HC_CLOBBER);
#endif
    return ret;
}

#define HC(name, ...) HC_(__HYPERVISOR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define HC_(nr, a, b, c, d, e, ...) \
    hypercall(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), (unsigned long)(e))

#define hc_set_trap_table(t)                    HC(set_trap_table, t)
#define hc_mmu_update(r, n, done, dom)          HC(mmu_update, r, n, done, dom)
#define hc_set_gdt(frames, entries)             HC(set_gdt, frames, entries)
#define hc_stack_switch(ss, sp)                 HC(stack_switch, ss, sp)
#define hc_fpu_taskswitch(set)                  HC(fpu_taskswitch, set)
#define hc_set_debugreg(reg, val)               HC(set_debugreg, reg, val)
#define hc_get_debugreg(reg)                    HC(get_debugreg, reg)
#define hc_update_descriptor(ma, desc)          HC(update_descriptor, ma, desc)
#define hc_memory_op(cmd, arg)                  HC(memory_op, cmd, arg)
#define hc_multicall(list, n)                   HC(multicall, list, n)
#define hc_update_va(va, val, flags)            HC(update_va_mapping, va, val, flags)
#define hc_set_timer(deadline)                  HC(set_timer_op, deadline)
#define hc_xen_version(cmd, arg)                HC(xen_version, cmd, arg)
#define hc_console_io(cmd, n, buf)              HC(console_io, cmd, n, buf)
#define hc_grant_table_op(cmd, p, n)            HC(grant_table_op, cmd, p, n)
#define hc_vm_assist(cmd, type)                 HC(vm_assist, cmd, type)
#define hc_update_va_other(va, val, flags, dom) HC(update_va_mapping_otherdomain, va, val, flags, dom)
#define hc_vcpu_op(cmd, id, arg)                HC(vcpu_op, cmd, id, arg)
#define hc_set_segment_base(which, b)           HC(set_segment_base, which, b)
#define hc_mmuext_op(ops, n, done, d)           HC(mmuext_op, ops, n, done, d)
#define hc_sched_op(cmd, arg)                   HC(sched_op, cmd, arg)
#define hc_callback_op(cmd, arg)                HC(callback_op, cmd, arg)
#define hc_event_channel_op(cmd, arg)           HC(event_channel_op, cmd, arg)
#define hc_physdev_op(cmd, arg)                 HC(physdev_op, cmd, arg)
#define hc_platform_op(arg)                     HC(platform_op, arg)
#define hc_kexec_op(cmd, arg)                   HC(kexec_op, cmd, arg)
#define hc_nmi_op(cmd, arg)                     HC(nmi_op, cmd, arg)
#define hc_domctl(arg)                          HC(domctl, arg)
#define hc_sysctl(arg)                          HC(sysctl, arg)
#define hc_hvm_op(cmd, arg)                     HC(hvm_op, cmd, arg)
#define hc_dm_op(dom, n, bufs)                  HC(dm_op, dom, n, bufs)

static inline long domctl(struct xen_domctl *op, unsigned int cmd, domid_t dom)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = dom;
    return hc_domctl(op);
}

#endif
