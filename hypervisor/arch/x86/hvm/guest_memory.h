/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of HVM guests by their own addresses: linear ones, through the guest's page tables as its CPU would walk them,
 * and physical ones. Hypercall arguments come through mm/guest_access.h, which ends here when the caller is such a
 * guest; the emulator and the devices call here.
 */
#ifndef ARCH_X86_HVM_GUEST_MEMORY_H
#define ARCH_X86_HVM_GUEST_MEMORY_H

struct domain;
struct vcpu;

/* Besides PFEC_WRITE, PFEC_FETCH and PFEC_USER (by a program, CPL 3): the CPU's own access, to descriptors and the
 * like, which RFLAGS.AC does not excuse from SMAP. */
#define HVM_ACCESS_IMPLICIT (1U << 31)

/*
 * Where the current vCPU's linear address va leads for this access. Accessed and dirty bits are set as the CPU does. 0;
 * -EFAULT: the page fault would have this error code; -EINVAL: no canonical address. Interrupts on.
 */
int hvm_translate(struct vcpu *v, u64 va, unsigned int access, paddr_t *gpa, u32 *error);

/*
 * n bytes from or to d's physical memory at gpa, anywhere in it. d: the current domain, or one
 * that the caller holds a reference to. Interrupts on. 0; -EFAULT: not (all of it) memory that may be accessed so; what
 * came before is done.
 */
int hvm_copy_from_phys(struct domain *d, void *to, paddr_t gpa, size_t n);
int hvm_copy_to_phys(struct domain *d, paddr_t gpa, const void *from, size_t n);

/* mm/guest_access.h for the current vCPU of such a domain, at its kernel's linear addresses: bytes NOT copied. */
size_t hvm_copy_from_guest(void *to, const void __guest *from, size_t n);
size_t hvm_copy_to_guest(void __guest *to, const void *from, size_t n);

/* ---- compat.c: 32-bit callers' structures, while hvm_vcpu.compat is set ---- */

/* Guest addresses from here on to four times this one are hvm_compat_copy()'s. */
#define COMPAT_VIEWS (1UL << 33)

/* n bytes of what stands at va for 64-bit handlers, from or to ours: how many were not copied. */
size_t hvm_compat_copy(u64 va, void *ours, size_t n, bool write);
/* A number or such an address as the guest has it: for the arguments of a hypercall that is made again. */
u32 hvm_compat_narrow(u64 value);

#endif
