/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions of every CPU but the first. smp.c copies trampoline_start..trampoline_end to a page below 1 MB, where
 * a STARTUP interrupt makes a CPU begin in real mode with %cs = page / 16. It goes straight to long mode with the
 * hypervisor's page tables (the page lies there at its own address), finds its number by its APIC id and its stack by its
 * number, and calls ap_start().
 */
#include <asm/asm-offsets.h>
#include <asm/layout.h>

#define REL(sym) (sym - trampoline_start)

#define EFER_MSR 0xc0000080
#define EFER_LME_NXE 0x900
#define CR0_VALUE 0x80050033 /* PG AM WP NE ET MP PE */
#define CR4_VALUE 0xa0       /* PGE PAE; traps_cpu_init adds the rest */

#define NR_CPUS 256

        .section .rodata.trampoline, "a"
        .globl trampoline_start, trampoline_end, trampoline_base, trampoline_cr3
        .balign 16
        .code16
trampoline_start:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        mov     REL(trampoline_base), %ebx
        /* Addresses of the descriptor table and of the 64-bit code; every CPU writes the same values. */
        lea     REL(gdt)(%ebx), %eax
        mov     %eax, REL(gdtr) + 2
        lea     REL(entry64)(%ebx), %eax
        mov     %eax, REL(jump)
        lgdtl   REL(gdtr)

        mov     $CR4_VALUE, %eax
        mov     %eax, %cr4
        mov     REL(trampoline_cr3), %eax
        mov     %eax, %cr3
        mov     $EFER_MSR, %ecx
        xor     %edx, %edx
        mov     $EFER_LME_NXE, %eax
        wrmsr
        /* Paging and protection at once: long mode is active with the next far jump (AMD APM vol. 2, 14.6.1). */
        mov     $CR0_VALUE, %eax
        mov     %eax, %cr0
        ljmpl   *REL(jump)

        .code64
entry64:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss

        /* The APIC id: leaf 0xb where it is there and filled, else leaf 1. */
        cpuid
        cmp     $0xb, %eax
        jb      1f
        mov     $0xb, %eax
        xor     %ecx, %ecx
        cpuid
        test    %ebx, %ebx
        jnz     2f
1:      mov     $1, %eax
        cpuid
        mov     %ebx, %edx
        shr     $24, %edx
2:
        movabs  $cpu_apic_id, %rsi
        mov     $1, %ecx
3:      cmp     %edx, (%rsi, %rcx, 4)
        je      4f
        inc     %ecx
        cmp     $NR_CPUS, %ecx
        jne     3b
        /* Nobody waits for this one. */
5:      cli
        hlt
        jmp     5b

4:      /* STACK_TOP(cpu) - sizeof(struct cpu_info) */
        mov     %rcx, %rax
        imul    $2 * STACK_SIZE, %rax, %rax
        movabs  $STACKS_START + STACK_SIZE - CPUINFO_sizeof, %rsp
        add     %rax, %rsp
        mov     %ecx, %edi
        xor     %ebp, %ebp
        movabs  $ap_start, %rax
        call    *%rax
        ud2

        .balign 8
gdt:    .quad 0
        .quad 0x00af9b000000ffff /* 64-bit code */
gdt_end:
gdtr:   .word gdt_end - gdt - 1
        .long 0
        .balign 4
jump:   .long 0
        .word 8
        .balign 4
trampoline_base:
        .long 0
trampoline_cr3:
        .long 0
trampoline_end:

        .section .note.GNU-stack, "", @progbits
