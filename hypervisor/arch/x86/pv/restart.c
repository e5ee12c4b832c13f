/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest enters its hypercall again: the instruction pointer goes back to the SYSCALL, or is not
 * moved on; the arguments go into their registers.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/compat.h>
#include <core/domain.h>

#define SYSCALL_LENGTH 2

long arch_hypercall_restart(unsigned int n, const unsigned long *args)
{
    struct cpu_user_regs *r = guest_regs();

    if (current->is_hvm)
        current->arch.hvm.restarted = true;
    else
        r->rip -= SYSCALL_LENGTH;
    if (current->is_hvm && current->arch.hvm.compat) {
        u64 *reg[] = {&r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp};

        while (n--)
            *reg[n] = hvm_compat_narrow(args[n]);
        return r->rax;
    }
    switch (n) {
    case 6: r->r9 = args[5]; fallthrough;
    case 5: r->r8 = args[4]; fallthrough;
    case 4: r->r10 = args[3]; fallthrough;
    case 3: r->rdx = args[2]; fallthrough;
    case 2: r->rsi = args[1]; fallthrough;
    case 1: r->rdi = args[0]; fallthrough;
    default: return r->rax;
    }
}
