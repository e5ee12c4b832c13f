/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of HVM guests in 64-bit code: number in RAX, arguments in RDI, RSI, RDX, R10, R8, R9 (ABI:
 * xen/arch-x86/xen-x86_64.h). Those of 32-bit code are compat.c's.
 */
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/hvm.h>
#include <hypercall/hypercall.h>

int hvm_hypercall_page(struct domain *d, paddr_t gpa)
{
    u8 page[PAGE_SIZE / 32][32];

    memset(page, 0xcc, sizeof(page));
    for (unsigned int n = 0; n < ARRAY_SIZE(page); n++) {
        /* mov $n, %eax; vmcall or vmmcall; ret. IRET is no hypercall of such guests: ud2. */
        memcpy(page[n], "\xb8\0\0\0\0", 5);
        page[n][1] = n;
        memcpy(page[n] + 5, hvm->vmcall, sizeof(hvm->vmcall));
        page[n][8] = 0xc3;
        if (n == __HYPERVISOR_iret)
            memcpy(page[n], "\x0f\x0b", 2);
    }
    return hvm_copy_to_phys(d, gpa, page, sizeof(page));
}

const hypercall_fn *arch_hvm_hypercalls(void)
{
    return current->arch.hvm.compat ? compat_hypercall_table : hvm_hypercall_table;
}

bool hvm_exit_hypercall(struct vcpu *v, struct cpu_user_regs *regs, bool code64)
{
    u64 nr = regs->rax;

    if (unlikely(hvm->cpl(v))) {
        regs->rax = -EPERM;
        return true;
    }
    if (unlikely(nr >= NR_HYPERCALLS)) {
        regs->rax = -ENOSYS;
        return true;
    }
    v->arch.hvm.kept[0].va = v->arch.hvm.kept[1].va = HVM_KEEP_EMPTY;
    if (likely(code64)) {
        regs->rax = hvm_hypercall_table[nr](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9);
    } else {
        v->arch.hvm.compat = true;
        regs->rax = compat_hypercall_table[nr]((u32)regs->rbx, (u32)regs->rcx, (u32)regs->rdx, (u32)regs->rsi,
                                               (u32)regs->rdi, (u32)regs->rbp);
        v->arch.hvm.compat = false;
    }
    v->arch.hvm.kept[0].va = v->arch.hvm.kept[1].va = HVM_KEEP_NONE;
    if (likely(!v->arch.hvm.restarted))
        return true;
    v->arch.hvm.restarted = false;
    return false;
}
