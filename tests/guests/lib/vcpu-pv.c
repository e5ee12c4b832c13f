/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting vCPUs of a PV guest.  A context is made as the PV ABI wants it (<xen/arch-x86/xen.h>,
 * struct vcpu_guest_context); trap handling is that of vCPU 0.
 */
#include "guest.h"

extern char vcpu_entry[];

void vcpu_init(void)
{
    for (unsigned int id = 0; id < MAX_VCPUS; id++)
        vcpu_of(id)->id = id;
    check_eq(hc_stack_switch(KERNEL_SS, stacks[0] + TRAP_STACK), 0);
}

static uint64_t read_cr3(void)
{
    uint64_t cr3;

    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    return cr3;
}

void vcpu_context_fill(struct vcpu_guest_context *c, unsigned int id)
{
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (unsigned long)vcpu_entry;
    c->user_regs.rsp = (unsigned long)stacks[id] + STACK_SIZE;
    c->user_regs.rdi = (unsigned long)vcpu_of(id);
    c->user_regs.cs = KERNEL_CS;
    c->user_regs.ss = KERNEL_SS;
    c->user_regs.rflags = 0x200;
    c->kernel_ss = KERNEL_SS;
    c->kernel_sp = (unsigned long)stacks[id] + TRAP_STACK;
    c->ctrlreg[3] = read_cr3();
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_entry(&c->trap_ctxt[vector], vector, vector == VEC_BP || vector == VEC_OF ? 3 : 0);
    trap_entry(&c->trap_ctxt[0x80], 0x80, 3);
    c->event_callback_eip = (unsigned long)event_callback;
    c->failsafe_callback_eip = (unsigned long)failsafe_callback;
    c->syscall_callback_eip = (unsigned long)syscall_callback;
}

long vcpu_start(unsigned int id, void (*function)(void *), void *arg)
{
    static struct vcpu_guest_context context;
    struct vcpu *v = vcpu_of(id);
    long rc;

    v->function = function;
    v->arg = arg;
    v->finished = false;
    vcpu_context_fill(&context, id);
    guest.shared->vcpu_info[id].evtchn_upcall_mask = 1;
    rc = hc_vcpu_op(VCPUOP_initialise, id, &context);
    return rc ? rc : hc_vcpu_op(VCPUOP_up, id, 0);
}
