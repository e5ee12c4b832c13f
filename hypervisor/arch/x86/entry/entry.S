/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way into the hypervisor and out of it again: system calls (hypercalls and those that a guest's user program makes), exceptions,
 * interrupts, and the way back to a PV guest. The C handlers are in traps.c and arch/x86/pv; nothing is decided here that could be
 * decided there.
 *
 * On entry from a guest the CPU is on its stack area (asm/layout.h), and the registers are pushed so that they form
 * struct cpu_info.guest_regs at the area's top:
 *
 *      top -> +------------------------+
 *             | cpu_info: cpu, vcpu .. |
 *             | gs fs ds es            |  saved at a context switch only
 *     rsp0 -> +------------------------+
 *             | ss rsp rflags cs rip   |  by the CPU, or by the syscall stub
 *             | error_code, vector     |
 *             | rdi rsi rdx rcx rax    |
 *             | r8 r9 r10 r11          |
 *             | rbx rbp r12 .. r15     |
 *      rsp -> +------------------------+
 *
 * Clobbers on the way to C: %rax, %rbx (then: the current vCPU), flags. The way out restores all from the frame.
 */
#include <arch/x86/entry/frame.h>
#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/layout.h>
#include <asm/trapnr.h>

        .section .text.entry, "ax", @progbits

/* Mitigations on entry from a guest: cpu/spec_ctrl.c decides which. All registers but %rax live. */
.macro SPEC_ENTRY
        FILL_RSB_IF SCF_RSB
        testb   $SCF_ENTRY_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jz      .Lspec_done\@
        jns     .Lspec_ibrs\@
        /* An isolated guest's own root, in which all of ours is mapped. */
        mov     CPUINFO_root_cr3(%rsp), %rax
        mov     %rax, %cr3
        testb   $SCF_IBRS_ENTRY, CPUINFO_spec_ctrl_flags(%rsp)
        jz      .Lspec_done\@
.Lspec_ibrs\@:
        call    spec_ctrl_enter
.Lspec_done\@:
.endm

/* The frame is complete. %rbx: the current vCPU. */
.macro FROM_GUEST
        SPEC_ENTRY
        mov     CPUINFO_current_vcpu(%rsp), %rbx
.endm

/* \fn(vCPU, registers), and back to the guest. */
.macro HANDLER fn
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        call    \fn
        jmp     ret_to_guest
.endm

/* SPEC_CTRL = IBRS. Keeps the argument registers of a hypercall: the frame has the originals. */
SYM_CODE(spec_ctrl_enter)
        mov     $MSR_SPEC_CTRL, %ecx
        mov     $SPEC_CTRL_IBRS, %eax
        xor     %edx, %edx
        wrmsr
        mov     8 + UREGS_rcx(%rsp), %rcx
        mov     8 + UREGS_rdx(%rsp), %rdx
        ret

/* ---- SYSCALL ------------------------------------------------------------------------------------------------ */

/*
 * SYSCALL does not change stacks. Each CPU's LSTAR points at a stub of its own, which knows where its stack is.
 * (Intel SDM vol. 2, SYSCALL: RCX = return RIP, R11 = RFLAGS.)
 */
.macro SYSCALL_STUBS name, common
        .balign 32
SYM_CODE(\name)
        .set    cpu, 0
        .rept   NR_CPUS
        .balign 32
        mov     %rsp, (__image_start + STACK_TOP_OFFSET + cpu * 2 * STACK_SIZE - CPUINFO_sizeof + CPUINFO_scratch)(%rip)
        lea     (__image_start + STACK_TOP_OFFSET + cpu * 2 * STACK_SIZE - CPUINFO_sizeof + UREGS_es)(%rip), %rsp
        jmp     \common
        .set    cpu, cpu + 1
        .endr
.endm
        .set    STACK_TOP_OFFSET, STACKS_START - IMAGE_START + STACK_SIZE

SYSCALL_STUBS lstar_stubs, entry_syscall64
SYSCALL_STUBS cstar_stubs, entry_syscall32

.macro SYSCALL_FRAME cs
        pushq   $SEL_R3_DS
        pushq   CPUINFO_scratch - UREGS_ss(%rsp)
        pushq   %r11
        pushq   $\cs
        pushq   %rcx
        pushq   $0
        movl    $TRAP_SYSCALL, 4(%rsp)
        SAVE_REGS
        FROM_GUEST
        sti
.endm

SYM_CODE(entry_syscall64)
        SYSCALL_FRAME SEL_R3_CS64
        cmpb    $0, VCPU_kernel_mode(%rbx)
        je      user_syscall

        /* A hypercall: number in %rax, arguments in %rdi %rsi %rdx %r10 %r8 %r9 (ABI: arch-x86/xen-x86_64.h). */
        mov     UREGS_rax(%rsp), %rax
        cmp     $NR_HYPERCALLS, %rax
        jae     bad_hypercall
        mov     %r10, %rcx
        lea     hypercall_table(%rip), %r10
        call    *(%r10, %rax, 8)
        mov     %rax, UREGS_rax(%rsp)
        jmp     ret_to_guest

bad_hypercall:
        movq    $-ENOSYS, UREGS_rax(%rsp)
        jmp     ret_to_guest

user_syscall:
        HANDLER pv_user_syscall

SYM_CODE(entry_syscall32)
        SYSCALL_FRAME SEL_R3_CS32
        HANDLER pv_user_syscall32

/* SYSENTER saves nothing: the guest kernel knows its user's RIP and RSP by convention. RSP is ours by MSR. */
SYM_CODE(entry_sysenter)
        pushq   $SEL_R3_DS
        pushq   $0
        pushfq
        orl     $X86_EFLAGS_IF, (%rsp)
        pushq   $3
        pushq   $0
        pushq   $0
        movl    $TRAP_SYSCALL, 4(%rsp)
        SAVE_REGS
        andl    $~(X86_EFLAGS_NT | X86_EFLAGS_TF), UREGS_eflags(%rsp)
        pushq   $2
        popfq
        FROM_GUEST
        sti
        HANDLER pv_user_sysenter

/* ---- back to the guest -------------------------------------------------------------------------------------- */

/* %rbx: current vCPU, %rsp: guest_regs. Looks at softirqs, then at events, then leaves. */
SYM_CODE(ret_to_guest)
        cli
        mov     CPUINFO_percpu_offset(%rsp), %rax
        lea     percpu_softirq_pending(%rip), %rcx
        cmpl    $0, (%rcx, %rax)
        jne     guest_softirq
        mov     VCPU_info(%rbx), %rax
        cmpb    $0, VCPUINFO_upcall_pending(%rax)
        jne     guest_event
no_event:
        cmpb    $0, VCPU_exit_work(%rbx)
        jne     guest_exit_work

restore_guest:
        testb   $SCF_EXIT_MASK, CPUINFO_spec_ctrl_flags(%rsp)
        jz      spec_exit_done
        jns     spec_exit_msrs
        /*
         * An isolated guest's copy of its root is mostly that of the last time, and still good. From the load of CR3 on only this
         * section and the top page of the stack area are mapped.
         */
        mov     VCPU_cr3(%rbx), %rax
        cmp     %rax, CPUINFO_root_cr3(%rsp)
        jne     spec_exit_copy
        mov     VCPU_domain(%rbx), %rax
        mov     DOMAIN_root_version(%rax), %rax
        cmp     %rax, CPUINFO_root_version(%rsp)
        jne     spec_exit_copy
        mov     CPUINFO_copy_cr3(%rsp), %r12
spec_exit_cr3:
        testb   $(SCF_EXIT_MASK & ~SCF_XPTI), CPUINFO_spec_ctrl_flags(%rsp)
        jz      1f
        call    spec_ctrl_exit
1:      mov     %r12, %cr3
spec_exit_done:
        testl   $TRAP_SYSCALL, UREGS_entry_vector(%rsp)
        jz      iret_guest
        /* SYSRET to a non-canonical address would fault in ring 0 on some CPUs: such a frame takes IRET. */
        mov     UREGS_rip(%rsp), %rax
        sar     $47, %rax
        add     $1, %rax
        cmp     $1, %rax
        ja      iret_guest
        RESTORE_REGS
        mov     8(%rsp), %rcx
        mov     24(%rsp), %r11
        mov     32(%rsp), %rsp
        sysretq

iret_guest:
        RESTORE_REGS
        add     $8, %rsp
SYM_CODE(iret_instruction)
        iretq
        EXTABLE(iret_instruction, iret_failed)

guest_softirq:
        sti
        call    softirq_run
        jmp     ret_to_guest

guest_event:
        cmpb    $0, VCPUINFO_upcall_mask(%rax)
        jne     no_event
        HANDLER pv_deliver_events

guest_exit_work:
        HANDLER pv_exit_work

spec_exit_copy:
        call    isolate_root
        mov     %rax, %r12
        jmp     spec_exit_cr3
spec_exit_msrs:
        call    spec_ctrl_exit
        jmp     spec_exit_done

/*
 * The guest's frame was refused by IRET. hypervisor_exception() sent us here with the guest's registers and %rsp at the
 * frame, and left vector and error code in cpu_info.scratch: rebuild guest_regs, let the guest's kernel have the fault.
 */
SYM_CODE(iret_failed)
        pushq   CPUINFO_scratch - UREGS_rip(%rsp)
        SAVE_REGS
        FROM_GUEST
        sti
        HANDLER pv_iret_failed

/* void reset_stack_to_guest(struct vcpu *v): a context switch ends here. */
SYM_CODE(reset_stack_to_guest)
        mov     %rdi, %rbx
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPUINFO_sizeof(%rax), %rsp
        jmp     ret_to_guest

/* void reset_stack_to_idle(void) */
SYM_CODE(reset_stack_to_idle)
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPUINFO_sizeof - 8(%rax), %rsp
        sti
        xor     %ebp, %ebp
        call    idle_loop
        ud2

/* ---- the entries of the IDT but for those that are named below ------------------------------------------------------- */

/* 256 stubs of 16 bytes: the frame becomes complete, where the CPU pushed no error code. */
        .balign 16
SYM_CODE(vector_stubs)
        .set    vector, 0
        .rept   256
        .balign 16
        .if     vector >= 32 || !(TRAP_HAVE_ERROR_CODE >> (vector & 31) & 1)
        pushq   $0
        .endif
        movl    $vector, 4(%rsp)
        .if     vector < 32
        jmp     handle_exception
        .else
        jmp     handle_irq
        .endif
        .set    vector, vector + 1
        .endr

/* ---- exceptions ------------------------------------------------------------------------------------------------ */

SYM_CODE(handle_exception)
        SAVE_REGS
        cld
        testb   $3, UREGS_cs(%rsp)
        jz      exception_in_hypervisor
        FROM_GUEST
        sti
        mov     UREGS_entry_vector(%rsp), %eax
        lea     guest_exception_table(%rip), %rcx
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        call    *(%rcx, %rax, 8)
        jmp     ret_to_guest

exception_in_hypervisor:
        call    whole_tables
        mov     %rsp, %rdi
        call    hypervisor_exception
back_to_hypervisor:
        test    %r12, %r12
        jz      restore_hypervisor
        call    isolate_root
        mov     %rax, %cr3
restore_hypervisor:
        RESTORE_REGS
        add     $8, %rsp
        iretq

/*
 * An exception in ring 0, on any stack of the area. The first instructions after a guest and the last before it run on the copy of
 * its root: then its own root is loaded, and %r12 says that the copy is to be loaded again (brought up to date: what another
 * CPU asked for meanwhile must not be lost). All others have %r12 = 0.
 */
whole_tables:
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        mov     %cr3, %r12
        and     $~0x1000, %r12
        cmp     1 - CPUINFO_sizeof + CPUINFO_root_copies(%rax), %r12
        jne     1f
        mov     1 - CPUINFO_sizeof + CPUINFO_root_cr3(%rax), %rax
        mov     %rax, %cr3
        ret
1:      xor     %r12d, %r12d
        ret

/* CR2 is read before anything can fault again. */
SYM_CODE(entry_pf)
        movl    $14, 4(%rsp)
        SAVE_REGS
        cld
        testb   $3, UREGS_cs(%rsp)
        jz      pf_in_hypervisor
        FROM_GUEST
        mov     %cr2, %rdx
        sti
        HANDLER guest_page_fault

pf_in_hypervisor:
        call    whole_tables
        mov     %cr2, %rsi
        mov     %rsp, %rdi
        call    hypervisor_page_fault
        jmp     back_to_hypervisor

/* INT 0x80 is a gate that ring 3 may use: the usual system call of 32-bit programs. */
SYM_CODE(entry_int80)
        pushq   $0
        movl    $0x80, 4(%rsp)
        SAVE_REGS
        cld
        FROM_GUEST
        sti
        HANDLER pv_int80

/*
 * NMI, #DB, #DF, #MC have stacks of their own: they may come when %rsp is still the guest's. Coming from a guest, the
 * frame moves to where the guest's registers belong, and the handler runs like any other.
 */
.macro IST_ENTRY name, vector, has_error_code, guest_handler
SYM_CODE(entry_\name)
        .if !\has_error_code
        pushq   $0
        .endif
        movl    $\vector, 4(%rsp)
        SAVE_REGS
        cld
        testb   $3, UREGS_cs(%rsp)
        jz      exception_in_hypervisor
        mov     %rsp, %rsi
        mov     %rsp, %rdi
        or      $(STACK_SIZE - 1), %rdi
        lea     1 - CPUINFO_sizeof(%rdi), %rdi
        mov     %rdi, %rsp
        mov     $(UREGS_es / 8), %ecx
        rep     movsq
        FROM_GUEST
        HANDLER \guest_handler
.endm

        IST_ENTRY nmi, 2, 0, guest_nmi
        IST_ENTRY db, 1, 0, guest_debug
        IST_ENTRY mc, 18, 0, guest_machine_check

SYM_CODE(entry_df)
        movl    $8, 4(%rsp)
        SAVE_REGS
        cld
        call    whole_tables
        mov     %rsp, %rdi
        call    double_fault
        ud2

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

        .balign 16
SYM_CODE(handle_irq)
        SAVE_REGS
        cld
        testb   $3, UREGS_cs(%rsp)
        jz      irq_in_hypervisor
        FROM_GUEST
        mov     %rsp, %rdi
        call    do_irq
        jmp     ret_to_guest
irq_in_hypervisor:
        mov     %rsp, %rdi
        call    do_irq
        jmp     restore_hypervisor
