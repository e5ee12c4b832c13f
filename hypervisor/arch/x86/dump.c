/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU was doing, for people: registers, the current vCPU, and the addresses of code on the
 * stack. Used by panic and debug keys. Takes no locks.
 */
#include <arch/arch.h>
#include <arch/x86/cpu/smp.h>
#include <arch/x86/hvm/hvm.h>
#include <core/domain.h>
#include <core/panic.h>
#include <version.h>

#define BACKTRACE_MAX 24

static bool on_own_stack(unsigned long sp)
{
    unsigned long top = (unsigned long)cpu_info();

    return sp < top && sp >= ROUNDDOWN(top, STACK_SIZE) && sp % sizeof(long) == 0;
}

/* Does a CALL end just before addr (AMD APM vol. 3, CALL): near relative, or indirect by register
 * or memory? */
static bool behind_call(unsigned long addr)
{
    const u8 *p = (const u8 *)addr;

    if (!is_code(addr - 8) || !is_code(addr))
        return false;
    if (p[-5] == 0xe8)
        return true;
    for (int n = 2; n <= 7; n++)
        if (p[-n] == 0xff && (p[-n + 1] >> 3 & 7) == 2)
            return true;
    return false;
}

/*
 * There are no frame pointers: every word of the stack that is an address behind a call is shown,
 * so some lines may be left over from earlier calls. Ends at the page's end where the next one is a
 * guard.
 */
static void dump_stack(unsigned long sp)
{
    const unsigned long *end = (const unsigned long *)ROUNDDOWN((unsigned long)cpu_info(), 8);
    const unsigned long *p = (const unsigned long *)sp;
    unsigned int shown = 0;
    char name[96];

    if (!on_own_stack(sp))
        return;
    /* The small stacks at the bottom of the area are one page each. */
    if (sp < (unsigned long)end - 3 * PAGE_SIZE)
        end = (const unsigned long *)ROUNDUP(sp + 1, PAGE_SIZE);
    for (; p < end && shown < BACKTRACE_MAX; p++) {
        if (!behind_call(*p))
            continue;
        log_error("   [%p] %s\n", (void *)*p, symbol_format(name, sizeof(name), *p));
        shown++;
    }
}

static void dump_current(void)
{
    const struct vcpu *v = current;

    if (!v)
        log_error("CPU %u: no vCPU yet\n", smp_processor_id());
    else if (v->is_idle)
        log_error("CPU %u: idle\n", smp_processor_id());
    else
        log_error("CPU %u: d%uv%u\n", smp_processor_id(), v->domain->id, v->id);
}

/* Registers, current vCPU and backtrace of this CPU. No locks. */
static void dump_cpu(const struct cpu_user_regs *regs)
{
    char name[96];

    dump_current();
    log_error("rip %04x:%p %s\n", regs->cs, (void *)regs->rip,
              regs->cs & 3 ? "(guest)" : symbol_format(name, sizeof(name), regs->rip));
    log_error("rsp %04x:%p  rflags %#lx\n", regs->ss, (void *)regs->rsp, regs->rflags);
    log_error("rax %p  rbx %p  rcx %p\n", (void *)regs->rax, (void *)regs->rbx, (void *)regs->rcx);
    log_error("rdx %p  rsi %p  rdi %p\n", (void *)regs->rdx, (void *)regs->rsi, (void *)regs->rdi);
    log_error("rbp %p  r8  %p  r9  %p\n", (void *)regs->rbp, (void *)regs->r8, (void *)regs->r9);
    log_error("r10 %p  r11 %p  r12 %p\n", (void *)regs->r10, (void *)regs->r11, (void *)regs->r12);
    log_error("r13 %p  r14 %p  r15 %p\n", (void *)regs->r13, (void *)regs->r14, (void *)regs->r15);
    log_error("cr0 %#lx  cr2 %#lx  cr3 %#lx  cr4 %#lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
    if (!(regs->cs & 3))
        dump_stack(regs->rsp);
}

void arch_dump_guest(struct vcpu *v)
{
    static const char segment[] = "ESCSSSDSFSGSGDLDIDTR";
    const struct cpu_user_regs *r = v == current ? guest_regs() : &v->arch.regs;

    log_info("d%dv%u rip %04x:%016lx rflags %08lx rsp %04x:%016lx\n", v->domain->id, v->id, r->cs, (long)r->rip,
             (long)r->rflags, r->ss, (long)r->rsp);
    log_info("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (long)r->rax, (long)r->rbx, (long)r->rcx, (long)r->rdx);
    log_info("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", (long)r->rsi, (long)r->rdi, (long)r->rbp, (long)r->r8);
    log_info("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", (long)r->r9, (long)r->r10, (long)r->r11, (long)r->r12);
    log_info("r13 %016lx r14 %016lx r15 %016lx\n", (long)r->r13, (long)r->r14, (long)r->r15);
    if (!v->is_hvm) {
        log_info("cr3 %016lx, %s mode\n", v->arch.cr3, v->arch.pv.kernel_mode ? "kernel" : "user");
        return;
    }
    log_info("cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %lx dr7 %lx\n", (long)hvm_get_cr(v, 0),
             (long)hvm_get_cr(v, 2), (long)hvm_get_cr(v, 3), (long)hvm_get_cr(v, 4), (long)v->arch.hvm.efer,
             (long)hvm->get_dr(v, 7));
    for (enum hvm_segment_name n = HVM_ES; n <= HVM_TR; n++) {
        struct hvm_segment s;

        hvm->get_segment(v, n, &s);
        log_info("  %c%c %04x attributes %03x limit %08x base %016lx\n", segment[2 * n], segment[2 * n + 1], s.sel,
                 s.attr, s.limit, (long)s.base);
    }
    hvm->dump(v);
}

void arch_panic_dump(void)
{
    const struct cpu_user_regs *regs = panic_registers();

    log_error("Orlop %s (%s)\n", ORLOP_VERSION, ORLOP_CHANGESET);
    if (regs) {
        dump_cpu(regs);
    } else {
        dump_current();
        dump_stack((unsigned long)__builtin_frame_address(0));
    }
    smp_stop_others(dump_cpu);
}
