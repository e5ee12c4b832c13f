/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of 32-bit code in HVM guests: hvm/compat.c. While one runs, hvm_vcpu.compat is set.
 */
#ifndef ARCH_X86_HVM_COMPAT_H
#define ARCH_X86_HVM_COMPAT_H

#include <hypercall/hypercall.h>
#include <lib/types.h>

/* Handlers that take 32-bit callers' arguments. */
extern const hypercall_fn compat_hypercall_table[NR_HYPERCALLS];

/* Guest addresses from here on to four times this one are hvm_compat_copy()'s. */
#define COMPAT_VIEWS (1UL << 33)

/* n bytes of what stands at va for 64-bit handlers, from or to ours: how many were not copied. */
size_t hvm_compat_copy(u64 va, void *ours, size_t n, bool write);
/* A number or such an address as the guest has it: for the arguments of a hypercall that is made again. */
u32 hvm_compat_narrow(u64 value);

#endif
