/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The iret hypercall, the failsafe callback, and the other callbacks' registration.
 *
 * iret restores what its frame says and no more: privileged flag bits are filtered, the upcall mask
 * follows IF; selectors of user code that cannot be loaded raise the failsafe callback with the
 * four selectors in its frame, or a fault at the first use; callbacks can be registered,
 * unregistered, and refused where the address is not canonical.
 */
#include "lib/guest.h"

const char test_title[] = "iret, failsafe, callbacks";

#define CODE  0x400000ul
#define STACK 0x402000ul

static struct regs r;

static void run_flags(uint64_t rflags)
{
    memset(&r, 0, sizeof(r));
    r.rip = CODE;
    r.rsp = STACK + PAGE_SIZE;
    r.rflags = rflags;
    user_run(&r);
    check_eq(r.vector, VEC_UD);
    check_eq(r.rip, CODE);
}

static void check_flags(void)
{
    run_flags(0x202);
    check_eq(r.rflags & 0x2fffff, 0x202); /* RF aside, which TCG does not set on faults */
    run_flags(0x202 | 0x8d5);             /* all of the arithmetic ones */
    check_eq(r.rflags & 0x8d5, 0x8d5);
    run_flags(0x202 | 0x40000); /* AC */
    check_eq(r.rflags & 0x40000, 0x40000);
    run_flags(0x202 | 0x200000); /* ID */
    check_eq(r.rflags & 0x200000, 0x200000);
    run_flags(0x202 | 0x3000); /* IOPL 3 */
    check_eq(r.rflags & 0x3000, 0);
    run_flags(0x202 | 0x4000); /* NT */
    check_eq(r.rflags & 0x200, 0x200);
    run_flags(0x202 | 0x20000); /* VM */
    check_eq(r.rflags & 0x20000, 0);
    run_flags(0x202 | 0x180000); /* VIF, VIP */
    check_eq(r.rflags & 0x180000, 0);
    run_flags(0x2); /* user mode with events masked is the kernel's own affair */
    check_eq(r.rflags & 0x200, 0);
}

static volatile unsigned int got_failsafe;

static bool on_failsafe(struct regs *regs)
{
    uint64_t zero = 0;

    got_failsafe++;
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(zero));
    (void)regs;
    return true;
}

static void other(void *arg) { (void)arg; }

/* Put a selector into the GDT, load it, take it away, and see what the switch to another context
 * does. */
static void check_failsafe(void)
{
    uint64_t *gdt = page_alloc();
    unsigned long frame = virt_to_mfn(gdt);

    gdt[8] = 0x00cff3000000ffffull;
    page_make_ro(gdt);
    check_eq(hc_set_gdt(&frame, 512), 0);
    trap_hook(VEC_FAILSAFE, on_failsafe);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(8 * 8 + 3));
    check_eq(hc_update_descriptor(virt_to_mfn(gdt) << PAGE_SHIFT | 64, 0), 0);
    /* the hypervisor reloads them when this vCPU comes back after another one */
    check_eq(vcpu_start(1, other, NULL), 0);
    check(vcpu_wait(1, 60000));
    check_eq(got_failsafe, 1);
    check_eq(failsafe_selectors[0] & 0xffff, 8 * 8 + 3);
    check_eq(failsafe_selectors[1] & 0xffff, 8 * 8 + 3);
    check_eq(failsafe_selectors[2] & 0xffff, 8 * 8 + 3);
    check_eq(failsafe_selectors[3] & 0xffff, 8 * 8 + 3);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    check_eq(hc_set_gdt(&frame, 0), 0);
}

/* Selectors of the frame that iret cannot load: the guest's kernel gets the fault,
 * as of user mode. */
static void check_bad_selectors(void)
{
    static const struct {
        uint64_t cs, ss, error;
    } bad[] = {{0x7773, FLAT_USER_SS, 0x7770}, {FLAT_USER_CS, 0x7773, 0x7770}, {0xe008 | 3, FLAT_USER_SS, 0xe008}};

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        memset(&r, 0, sizeof(r));
        r.rip = CODE;
        r.rsp = STACK + PAGE_SIZE;
        r.cs = bad[i].cs;
        r.ss = bad[i].ss;
        user_run(&r);
        check_eq(r.vector, VEC_GP);
        check_eq(r.error, bad[i].error);
        check_eq(r.rip, CODE);
        check_eq(r.cs & 0xffff, bad[i].cs);
        check_eq(r.ss & 0xffff, bad[i].ss);
    }
}

static void check_callbacks(void)
{
    struct callback_register cb = {.type = CALLBACKTYPE_event, .address = 0x800000000000};
    struct callback_unregister un = {.type = CALLBACKTYPE_nmi};

    check_eq(hc_callback_op(CALLBACKOP_register, &cb), -XEN_EINVAL);
    cb.type = CALLBACKTYPE_syscall;
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), -XEN_EINVAL);
    cb.type = 77;
    cb.address = (unsigned long)event_callback;
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), -XEN_ENOSYS);
    cb.type = CALLBACKTYPE_syscall32;
    check_eq(hc_callback_op(CALLBACKOP_register, &cb), 0);
    check_eq(hc_callback_op(CALLBACKOP_unregister, &un), 0);
    un.type = CALLBACKTYPE_event;
    check_eq(hc_callback_op(CALLBACKOP_unregister, &un), -XEN_EINVAL);
    un.type = 77;
    check_eq(hc_callback_op(CALLBACKOP_unregister, &un), -XEN_ENOSYS);
    check_eq(hc_callback_op(77, &un), -XEN_ENOSYS);
    check_eq(hc_callback_op(CALLBACKOP_register, 8), -XEN_EFAULT);
}

static void check_trap_table(void)
{
    struct trap_info t[2] = {{.vector = 3, .flags = 3, .cs = KERNEL_CS, .address = 0x800000000000}};

    check_eq(hc_set_trap_table(t), -XEN_EINVAL);
    t[0].address = HYPERVISOR_VIRT_START; /* canonical, but not the guest's to run */
    check_eq(hc_set_trap_table(t), 0);
    trap_entry(&t[0], 3, 3);
    check_eq(hc_set_trap_table(t), 0);
    t[0].cs = 0x8; /* made ring 3 */
    check_eq(hc_set_trap_table(t), 0);
    trap_entry(&t[0], 3, 3);
    check_eq(hc_set_trap_table(t), 0);
    check_eq(hc_set_trap_table(8), -XEN_EFAULT);
}

static void check_stack_switch(void)
{
    check_eq(hc_stack_switch(0, stacks[0] + TRAP_STACK), 0);
    check_eq(hc_stack_switch(KERNEL_SS, stacks[0] + TRAP_STACK), 0);
    check_eq(hc_stack_switch(KERNEL_SS, HYPERVISOR_VIRT_START), 0);
    check_eq(hc_stack_switch(KERNEL_SS, stacks[0] + TRAP_STACK), 0);
}

void test_main(void)
{
    uint8_t *code = page_alloc();

    code[0] = 0x0f;
    code[1] = 0x0b;
    map_page(CODE, virt_to_mfn(code), PTE_KRO);
    map_page(STACK, virt_to_mfn(page_alloc()), PTE_KRW);
    user_l4_install();
    check_flags();
    check_failsafe();
    check_bad_selectors();
    check_callbacks();
    check_trap_table();
    check_stack_switch();
}
