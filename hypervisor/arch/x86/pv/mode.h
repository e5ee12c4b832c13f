/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a guest's user mode to its kernel and back: page tables and GS base. In line, for the two
 * paths that live on it: frames on the kernel's stack (bounce.c) and IRET (callback.c).
 */
#ifndef ARCH_X86_PV_MODE_H
#define ARCH_X86_PV_MODE_H

#include <asm/system.h>
#include <core/domain.h>

/* The current vCPU only; the root of the mode that it goes to exists. */
static __always_inline void pv_toggle_mode(struct vcpu *v)
{
    bool kernel = !v->arch.pv.kernel_mode;

    v->arch.pv.kernel_mode = kernel;
    v->arch.cr3 = mfn_to_paddr(kernel ? v->arch.guest_table : v->arch.guest_table_user);
    __asm__ __volatile__("swapgs");
    write_cr3(v->arch.cr3);
    if (unlikely(v->arch.pv.runstate_pending) && kernel)
        v->arch.pv.exit_work |= EXIT_WORK_RUNSTATE;
}

#endif
