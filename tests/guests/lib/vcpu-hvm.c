/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting vCPUs of an HVM guest: by VCPUOP_initialise with a context that begins where vCPU 0's
 * kernel runs (<xen/hvm/hvm_vcpu.h>), or by INIT and SIPI through a copy of the real-mode code in
 * the entry file at TRAMPOLINE.
 */
#include "guest.h"

extern char vcpu_entry[], trampoline[], trampoline_end[];
extern volatile unsigned int trampoline_id;

void vcpu_init(void)
{
    for (unsigned int id = 0; id < MAX_VCPUS; id++)
        vcpu_of(id)->id = id;
    vcpu_apic_id[0] = lapic_id();
}

static void vcpu_prepare(unsigned int id, void (*function)(void *), void *arg)
{
    struct vcpu *v = vcpu_of(id);

    v->function = function;
    v->arg = arg;
    v->finished = false;
}

/* By VCPUOP_initialise: rdi of long mode, or the stack, says who it is. */
static void context_fill(struct vcpu_hvm_context *c, unsigned int id)
{
    memset(c, 0, sizeof(*c));
#ifdef __x86_64__
    c->mode = VCPU_HVM_MODE_64B;
    c->cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){
        .rip = (unsigned long)vcpu_entry,
        .rsp = (unsigned long)stacks[id] + STACK_SIZE,
        .rdi = id,
        .rflags = 2,
        .cr0 = read_cr0(),
        .cr3 = read_cr3(),
        .cr4 = read_cr4(),
        .efer = rdmsr(MSR_EFER),
    };
#else
    c->mode = VCPU_HVM_MODE_32B;
    c->cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){
        .eip = (unsigned long)vcpu_entry,
        .esp = (unsigned long)stacks[id] + STACK_SIZE,
        .edi = id,
        .eflags = 2,
        .cr0 = read_cr0(),
        .cr3 = read_cr3(),
        .cr4 = read_cr4(),
        .cs_limit = ~0u,
        .ds_limit = ~0u,
        .ss_limit = ~0u,
        .es_limit = ~0u,
        .tr_limit = 0x67,
        .cs_ar = 0xc9b,
        .ds_ar = 0xc93,
        .ss_ar = 0xc93,
        .es_ar = 0xc93,
        .tr_ar = 0x8b,
    };
#endif
}

long vcpu_start(unsigned int id, void (*function)(void *), void *arg)
{
    struct vcpu_hvm_context context;
    long rc;

    vcpu_prepare(id, function, arg);
    context_fill(&context, id);
    rc = hc_vcpu_op(VCPUOP_initialise, id, &context);
    return rc ? rc : hc_vcpu_op(VCPUOP_up, id, 0);
}

void vcpu_start_sipi(unsigned int id, void (*function)(void *), void *arg)
{
    vcpu_prepare(id, function, arg);
    memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
    trampoline_id = id;
    vcpu_apic_id[id] = id * 2;
    lapic_icr(vcpu_apic_id[id], ICR_INIT | ICR_ASSERT);
    lapic_icr(vcpu_apic_id[id], ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> PAGE_SHIFT);
}

/* Called by the entry code of a second vCPU. */
void vcpu_begin(unsigned int id);
void vcpu_begin(unsigned int id)
{
    trap_load(id);
    vcpu_apic_id[id] = lapic_id();
    vcpu_main(vcpu_of(id));
}
