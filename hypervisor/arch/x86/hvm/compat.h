/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of 32-bit code in HVM guests: hvm/compat.c.
 */
#ifndef ARCH_X86_HVM_COMPAT_H
#define ARCH_X86_HVM_COMPAT_H

#include <hypercall/hypercall.h>
#include <lib/types.h>

struct cpu_user_regs;
struct vcpu;

/* While hvm_vcpu.compat is set, guest addresses of the page from here on mean hvm_vcpu.compat_args. */
#define COMPAT_ARGS (1UL << 32)

/* The handler for 32-bit callers, which takes their arguments. */
hypercall_fn compat_function(u32 nr);

/* What the current vCPU asks for in EAX, EBX ... EBP: the result for EAX. Restarts as arch_hypercall_restart() has it.
 */
long hvm_compat_hypercall(struct vcpu *v, struct cpu_user_regs *regs);

#endif
