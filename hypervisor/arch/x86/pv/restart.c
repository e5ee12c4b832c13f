/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest enters its hypercall again: the instruction pointer goes back to the SYSCALL, or is not
 * moved on; the arguments go into their registers.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/guest_memory.h>
#include <core/domain.h>

#define SYSCALL_LENGTH 2

long arch_hypercall_restart(unsigned int n, const unsigned long *args)
{
    struct cpu_user_regs *r = guest_regs();
    u64 *reg[] = {&r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9};
    u64 *compat_reg[] = {&r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp};
    bool compat = current->is_hvm && current->arch.hvm.compat;

    if (current->is_hvm)
        current->arch.hvm.restarted = true;
    else
        r->rip -= SYSCALL_LENGTH;
    while (n--)
        *(compat ? compat_reg[n] : reg[n]) = compat ? hvm_compat_narrow(args[n]) : args[n];
    return r->rax;
}
