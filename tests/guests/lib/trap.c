/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where all traps and callbacks of a test guest arrive: hooks first, then the end of a run of user
 * mode, then expected faults; what is left is an ERROR.  The stubs are in entry-pv64.S.
 */
#include "guest.h"

struct fault last_fault = {.vector = NO_FAULT};
uint64_t failsafe_selectors[4];

static trap_hook_t *hooks[VEC_COUNT];

extern struct extable_entry {
    uint64_t at, to;
} _extable_start[], _extable_end[];

void user_switch(struct regs *regs, uint64_t *save);
void user_return(uint64_t saved) __attribute__((noreturn));
void trap_dispatch(struct regs *regs);

void trap_hook(unsigned int vector, trap_hook_t *hook) { hooks[vector] = hook; }

void regs_dump(const struct regs *r)
{
    printk("vector %ld error %lx rip %lx cs %lx rflags %lx rsp %lx ss %lx\n", r->vector, r->error, r->rip, r->cs,
           r->rflags, r->rsp, r->ss);
    printk("rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx\n", r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi,
           r->rbp);
    printk("r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx cr2 %lx\n", r->r8, r->r9, r->r10, r->r11,
           r->r12, r->r13, r->r14, r->r15, guest.shared->vcpu_info[vcpu_id()].arch.cr2);
}

static bool extable_fixup(struct regs *regs)
{
    for (struct extable_entry *e = _extable_start; e < _extable_end; e++) {
        if (e->at != regs->rip && !(e->to == regs->rip && regs->vector <= VEC_OF))
            continue;
        last_fault = (struct fault){
            .vector = (int)regs->vector,
            .error = (uint32_t)regs->error,
            .cr2 = guest.shared->vcpu_info[vcpu_id()].arch.cr2,
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

    if (hooks[regs->vector] && hooks[regs->vector](regs))
        return;
    if ((regs->cs & 3) == 3 && v->user_regs) {
        *v->user_regs = *regs;
        v->user_regs = NULL;
        vcpu_info()->evtchn_upcall_mask = v->user_mask;
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
        regs->cs = FLAT_USER_CS;
    if (!regs->ss)
        regs->ss = FLAT_USER_SS;
    if (!regs->rflags)
        regs->rflags = 0x202;
    v->user_mask = vcpu_info()->evtchn_upcall_mask;
    v->user_regs = regs;
    user_switch(regs, &v->user_save);
}

void trap_entry(struct trap_info *info, unsigned int vector, unsigned int flags)
{
    info->vector = (uint8_t)vector;
    info->flags = (uint8_t)flags;
    info->cs = KERNEL_CS;
    info->address = (unsigned long)trap_stubs[vector];
}

static void callback_register(unsigned int type, char *entry)
{
    struct callback_register cb = {.type = (uint16_t)type, .address = (unsigned long)entry};

    if (type == CALLBACKTYPE_failsafe || type == CALLBACKTYPE_syscall)
        cb.flags = CALLBACKF_mask_events;
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
}

void trap_init(void)
{
    static struct trap_info table[40];
    unsigned int n = 0;

    for (unsigned int vector = 0; vector < 32; vector++) {
        bool from_user = vector == VEC_BP || vector == VEC_OF;

        if (vector != 2)
            trap_entry(&table[n++], vector, from_user ? 3 : 0);
    }
    trap_entry(&table[n++], 0x80, 3);
    check_eq(hc_set_trap_table(table), 0);
    callback_register(CALLBACKTYPE_event, event_callback);
    callback_register(CALLBACKTYPE_failsafe, failsafe_callback);
    callback_register(CALLBACKTYPE_syscall, syscall_callback);
    callback_register(CALLBACKTYPE_nmi, nmi_callback);
}
