/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extended state of vCPUs: x87, SSE and whatever XSAVE manages. Switched eagerly: nobody runs
 * with another's registers.
 */
#ifndef ARCH_X86_CPU_FPU_H
#define ARCH_X86_CPU_FPU_H

struct vcpu;

/* Each CPU once, with CR4 set. */
void fpu_cpu_init(void);
/* The vCPU's area, in reset state. 0 or -ENOMEM. */
int fpu_vcpu_create(struct vcpu *v);
void fpu_vcpu_free(struct vcpu *v);
/* From the context switch: registers to memory and back. fpu_load leaves CR0.TS as the guest has
 * it. */
void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
/* The guest's XSETBV: 0, or -EINVAL for a value that the CPU or the guest's policy does not allow.
 * Current vCPU. */
int fpu_set_xcr0(struct vcpu *v, u64 xcr0);
/* Legacy area of a vCPU that does not run: 512 bytes in FXSAVE format
 * (vcpu_guest_context.fpu_ctxt). */
void fpu_set_legacy(struct vcpu *v, const void *fxsave);
void fpu_get_legacy(struct vcpu *v, void *fxsave);
/* The CPU_XSAVE record of a vCPU that does not run (xen/arch-x86/hvm/save.h). save: its length, 0 without XSAVE. load:
 * of this length; 0, or -EINVAL: nothing that XRSTOR would take. */
struct hvm_hw_cpu_xsave;
int fpu_save_record(const struct vcpu *v, struct hvm_hw_cpu_xsave *out);
int fpu_load_record(struct vcpu *v, const struct hvm_hw_cpu_xsave *in, u32 length);

#endif
