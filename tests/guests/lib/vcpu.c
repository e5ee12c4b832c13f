/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting vCPUs and reading time.  A vCPU's context is made as the PV ABI wants it
 * (<xen/arch-x86/xen.h>, struct vcpu_guest_context); trap handling is that of vCPU 0.
 */
#include "guest.h"

uint8_t stacks[MAX_VCPUS][STACK_SIZE] __attribute__((aligned(32768)));

extern char vcpu_entry[];
void vcpu_main(struct vcpu *v);

struct vcpu_info *vcpu_info(void) { return &guest.shared->vcpu_info[vcpu_id()]; }

static struct vcpu *vcpu_of(unsigned int id) { return (struct vcpu *)stacks[id]; }

void vcpu_init(void)
{
    for (unsigned int id = 0; id < MAX_VCPUS; id++)
        vcpu_of(id)->id = id;
    check_eq(hc_stack_switch(KERNEL_SS, stacks[0] + TRAP_STACK), 0);
}

void vcpu_main(struct vcpu *v)
{
    v->function(v->arg);
    v->finished = true;
    for (;;) /* somebody may call it up again */
        hc_vcpu_op(VCPUOP_down, v->id, 0);
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

bool vcpu_wait(unsigned int id, unsigned int ms)
{
    uint64_t end = now() + ms * 1000000ul;

    while (!vcpu_of(id)->finished) {
        if (now() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    while (hc_vcpu_op(VCPUOP_is_up, id, 0) == 1 && now() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return true;
}

uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

uint64_t now(void)
{
    volatile struct vcpu_time_info *t = &vcpu_info()->time;
    uint64_t result;
    uint32_t version;

    do {
        uint64_t delta;

        version = t->version & ~1u;
        barrier();
        delta = rdtsc() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        result = t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        barrier();
    } while (version != t->version);
    return result;
}

void delay_us(unsigned int us)
{
    uint64_t end = now() + us * 1000ul;

    while (now() < end)
        cpu_relax();
}
