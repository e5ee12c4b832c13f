/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and memory-mapped registers of HVM guests: how a device is reached, whether it lives in the hypervisor
 * (hvm/platform/) or behind an ioreq server (hvm/ioreq.c). Where nobody has anything, reads give all ones.
 *
 * An access that a device model has to answer takes the vCPU off its CPU (VPF_IO). What is left of the instruction is
 * done by hvm_io_resume() before the guest runs again or is given any event, so nobody ever sees half of it.
 */
#ifndef ARCH_X86_HVM_IO_H
#define ARCH_X86_HVM_IO_H

struct vcpu;

enum hvm_io_result {
    HVM_IO_DONE,   /* a read's value is there */
    HVM_IO_RETRY,  /* the device model has it: the vCPU waits for the answer */
    HVM_IO_NOBODY, /* not this device's after all: others are asked, in the end a read gives all ones */
};

/*
 * One access of 1, 2, 4 or 8 bytes by the current vCPU at a port or guest physical address that the device claimed.
 * *value: what is written, upper bytes zero; on a read the device sets it likewise. No locks; does not block.
 */
typedef enum hvm_io_result hvm_io_access_t(struct vcpu *v, u64 address, unsigned int bytes, bool write, u64 *value);

/* ---- life ---- */

/* What a vCPU remembers of its accesses. 0 or -ENOMEM. */
int hvm_io_vcpu_create(struct vcpu *v);
void hvm_io_vcpu_free(struct vcpu *v);

/* ---- exits; v is current, regs are guest_regs(), interrupts on, no locks ---- */

/*
 * IN or OUT (not the string forms) of 1, 2 or 4 bytes: RAX gets the answer, and the instruction of `length` bytes is
 * retired, now or in hvm_io_resume().
 */
void hvm_port_insn(struct vcpu *v, u16 port, unsigned int bytes, bool write, unsigned int length);

/*
 * The instruction at RIP is carried out by the emulator: it accessed memory that is a device's or nobody's, is INS or
 * OUTS, or is one of which the exit tells too little. Exceptions that it raises are injected; what cannot be emulated
 * is #UD for the guest. insn: as many of its bytes as the exit gave (n), or NULL.
 */
void hvm_emulate(struct vcpu *v, const u8 *insn, unsigned int n);

/* What the instruction at RIP is. False: not to be read, or none that is known. */
struct insn;
bool hvm_decode(struct vcpu *v, struct insn *insn);

/*
 * HVM_WORK_IO is set: before interrupts are looked at on the way into the guest. True: the guest may go on. False: v
 * waits for its device model, SOFTIRQ_SCHEDULE is raised.
 */
bool hvm_io_resume(struct vcpu *v);

#endif
