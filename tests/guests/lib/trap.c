/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where all traps and callbacks of a test guest arrive: hooks first, then the end of a run of user
 * mode, then expected faults; what is left is an ERROR.  The stubs are in the entry code.
 */
#include "guest.h"

struct fault last_fault = {.vector = NO_FAULT};

static trap_hook_t *hooks[VEC_COUNT];

extern struct extable_entry {
    unsigned long at, to;
} _extable_start[], _extable_end[];

void user_switch(struct regs *regs, unsigned long *save);
void user_return(unsigned long saved) __attribute__((noreturn));
void trap_dispatch(struct regs *regs);

void trap_hook(unsigned int vector, trap_hook_t *hook) { hooks[vector] = hook; }

void regs_dump(const struct regs *r)
{
    const unsigned long *word = (const unsigned long *)r;
    static const char *const names[] = {
#ifdef __x86_64__
        "r15", "r14", "r13", "r12", "rbp",    "rbx",   "r11", "r10", "r9",     "r8",  "rax",
        "rcx", "rdx", "rsi", "rdi", "vector", "error", "rip", "cs",  "rflags", "rsp", "ss",
#else
        "edi", "esi", "ebp", "-", "ebx", "edx", "ecx", "eax", "vector", "error", "eip", "cs", "eflags", "esp", "ss",
#endif
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        printk("%s %lx%s", names[i], word[i], i % 8 == 7 ? "\n" : " ");
    printk("cr2 %lx\n", fault_address());
}

static bool extable_fixup(struct regs *regs)
{
    for (struct extable_entry *e = _extable_start; e < _extable_end; e++) {
        if (e->at != regs->rip && !(e->to == regs->rip && regs->vector <= VEC_OF))
            continue;
        last_fault = (struct fault){
            .vector = (int)regs->vector,
            .error = (uint32_t)regs->error,
            .cr2 = fault_address(),
            .rip = regs->rip,
        };
        regs->rip = e->to;
        return true;
    }
    return false;
}

void trap_dispatch(struct regs *regs)
{
    struct vcpu *v = this_vcpu();

#ifdef GUEST_HVM
    if (regs->vector == VECTOR_UPCALL)
        regs->vector = VEC_EVENT;
#endif
    if (hooks[regs->vector] && hooks[regs->vector](regs))
        return;
    if ((regs->cs & 3) == 3 && v->user_regs) {
        *v->user_regs = *regs;
        v->user_regs = NULL;
        events_mask_set(v->user_mask);
        user_return(v->user_save);
    }
    if (regs->vector == VEC_EVENT) {
        event_dispatch();
        return;
    }
    if ((regs->cs & 3) != 3 && extable_fixup(regs))
        return;
    printk("Unexpected trap on vCPU %u\n", vcpu_id());
    regs_dump(regs);
    test_error("unexpected trap");
}

void user_run(struct regs *regs)
{
    struct vcpu *v = this_vcpu();

    if (!regs->cs)
        regs->cs = USER_CS;
    if (!regs->ss)
        regs->ss = USER_SS;
    if (!regs->rflags)
        regs->rflags = 0x202;
    v->user_mask = events_masked();
    v->user_regs = regs;
    user_switch(regs, &v->user_save);
}
