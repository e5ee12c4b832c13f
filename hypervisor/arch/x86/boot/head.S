/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the loader to C: the Multiboot 1 and 2 headers, the 32-bit entry that both use, first page tables, long mode.
 * Works wherever the image was put (2 MB aligned, below 4 GB): all addresses are taken relative to %ebp, the image's physical start.
 * The first page tables map 4 GB of memory at its own address and at DIRECT_START, and 8 MB of image at IMAGE_START;
 * arch/x86/mm/ builds the lasting ones. Calls boot_entry() (boot/start.c).
 */
#include <asm/asm-offsets.h>
#include <asm/layout.h>

/* A difference to a label of the section itself is all that the assembler can leave to the linker. */
#define REL(sym)  (sym - head_start)
#define PHYS(sym) (sym - head_start + IMAGE_LOAD_PADDR)

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, addresses in the header (ELF64 is not known to all loaders) */
#define MB2_MAGIC 0xe85250d6

#define PTE_P  0x001
#define PTE_RW 0x002
#define PTE_PS 0x080

#define BOOT_CS32 0x08
#define BOOT_CS64 0x10
#define BOOT_DS   0x18

        .section .head, "ax"
        .code32
        .globl __multiboot1_header, boot_entry32
        .balign 4096
head_start: /* the first byte of the image: __image_start */
/* Multiboot specification 0.6.96, section 3.1 */
__multiboot1_header:
        .long MB1_MAGIC
        .long MB1_FLAGS
        .long -(MB1_MAGIC + MB1_FLAGS)
        .long PHYS(__multiboot1_header)
        .long PHYS(head_start)
        .long PHYS(__data_end)
        .long PHYS(__bss_end)
        .long PHYS(boot_entry32)

/* Multiboot2 specification 2.0, section 3.1; each tag is 8-byte aligned. */
        .balign 8
multiboot2_header:
        .long MB2_MAGIC
        .long 0 /* i386, protected mode */
        .long multiboot2_end - multiboot2_header
        .long -(MB2_MAGIC + 0 + (multiboot2_end - multiboot2_header))
        /* modules page aligned */
        .balign 8
        .short 6, 0
        .long 8
        /* a text console is fine */
        .balign 8
        .short 4, 1
        .long 12
        .long 2
        /* any frame buffer, optional */
        .balign 8
        .short 5, 1
        .long 20
        .long 0, 0, 0
        /* may be put anywhere below 4 GB, 2 MB aligned, low preferred */
        .balign 8
        .short 10, 1
        .long 24
        .long IMAGE_LOAD_PADDR, 0xffffffff, 0x200000, 1
        .balign 8
        .short 0, 0
        .long 8
multiboot2_end:

        .balign 16
/* %eax: loader's magic, %ebx: its information; paging off; no stack. */
boot_entry32:
        cli
        cld
        /* Where are we? A call needs one word of stack: the first of the loader's information, put back at once. */
        mov     (%ebx), %edx
        lea     4(%ebx), %esp
        call    1f
1:      pop     %ebp
        mov     %edx, (%ebx)
        sub     $REL(1b), %ebp
        mov     %eax, %edi /* magic */

        rdtsc
        mov     %eax, %esi
        mov     %edx, %esp

        /* .bss: the loader cleared it, except those that do not. */
        mov     %edi, REL(boot_magic)(%ebp)
        lea     REL(__bss_start)(%ebp), %edi
        mov     $REL(__bss_end), %ecx
        sub     $REL(__bss_start), %ecx
        shr     $2, %ecx
        xor     %eax, %eax
        rep stosl
        mov     %esi, REL(boot_tsc)(%ebp)
        mov     %esp, REL(boot_tsc) + 4(%ebp)
        lea     REL(boot_stack_end)(%ebp), %esp
        mov     %ebx, %edi

        call    check_cpu
        call    build_tables

        /* Long mode: AMD APM vol. 2, 14.6.2 / Intel SDM vol. 3, 9.8.5. */
        mov     %cr4, %eax
        or      $0x20, %eax /* PAE */
        mov     %eax, %cr4
        lea     REL(boot_l4)(%ebp), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x900, %eax /* LME, NXE */
        wrmsr
        mov     $0x80010033, %eax /* PG WP NE ET MP PE */
        mov     %eax, %cr0

        lea     REL(boot_gdt)(%ebp), %eax
        mov     %eax, REL(boot_gdtr) + 2(%ebp)
        lgdt    REL(boot_gdtr)(%ebp)
        lea     REL(entry64_low)(%ebp), %eax
        push    $BOOT_CS64
        push    %eax
        lret

/* Stops with a word on the first serial port when this is no 64-bit CPU with no-execute pages. Keeps %edi, %ebp. */
check_cpu:
        mov     $0x80000000, %eax
        cpuid
        cmp     $0x80000001, %eax
        jb      1f
        mov     $0x80000001, %eax
        cpuid
        and     $0x20100000, %edx /* LM, NX */
        cmp     $0x20100000, %edx
        jne     1f
        ret
1:      lea     REL(no_cpu_text)(%ebp), %esi
        mov     $0x3f8, %dx
2:      lodsb
        test    %al, %al
        jz      3f
        out     %al, %dx
        jmp     2b
3:      hlt
        jmp     3b
no_cpu_text:
        .asciz "Orlop needs a 64-bit CPU with no-execute pages\r\n"

/* Fills the table `to` (relative to the image) with count entries, the first %eax, each step more. */
.macro FILL_TABLE to, count, step
        lea     REL(\to)(%ebp), %esi
        mov     $\count, %ecx
1:      mov     %eax, (%esi)
        add     $\step, %eax
        add     $8, %esi
        loop    1b
.endm

/* Keeps %edi, %ebp. */
build_tables:
        /* four tables of 2 MB pages: the first 4 GB */
        mov     $PTE_P | PTE_RW | PTE_PS, %eax
        FILL_TABLE boot_l2, 2048, 0x200000
        lea     REL(boot_l2) + PTE_P + PTE_RW(%ebp), %eax
        FILL_TABLE boot_l3, 4, 0x1000
        /* the image: 8 MB from wherever it is */
        lea     PTE_P + PTE_RW + PTE_PS(%ebp), %eax
        FILL_TABLE boot_l2_image, 4, 0x200000
        lea     REL(boot_l2_image) + PTE_P + PTE_RW(%ebp), %eax
        mov     %eax, REL(boot_l3_image)(%ebp) /* IMAGE_START is 512 GB aligned */
        lea     REL(boot_l3) + PTE_P + PTE_RW(%ebp), %eax
        mov     %eax, REL(boot_l4)(%ebp)
        mov     %eax, REL(boot_l4) + ((DIRECT_START >> 39) & 511) * 8(%ebp)
        lea     REL(boot_l3_image) + PTE_P + PTE_RW(%ebp), %eax
        mov     %eax, REL(boot_l4) + ((IMAGE_START >> 39) & 511) * 8(%ebp)
        ret

        .code64
entry64_low:
        movabs  $entry64, %rax
        jmp     *%rax
entry64:
        mov     $BOOT_DS, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        /* The same GDT by its lasting address. */
        lea     boot_gdt(%rip), %rax
        mov     %rax, boot_gdtr + 2(%rip)
        lgdt    boot_gdtr(%rip)
        lea     boot_stack_end - CPUINFO_sizeof(%rip), %rsp
        and     $-16, %rsp
        mov     %edi, %esi             /* information */
        mov     boot_magic(%rip), %edi /* magic */
        mov     %ebp, %edx             /* where the image lies */
        xor     %ebp, %ebp
        call    boot_entry
        ud2

        .text
/* void boot_switch_stack(void *top, void (*fn)(void)): goes on in fn, which does not return, on another stack. */
        .globl boot_switch_stack
boot_switch_stack:
        mov     %rdi, %rsp
        and     $-16, %rsp
        xor     %ebp, %ebp
        call    *%rsi
        ud2

        .section .init.data, "aw"
        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00cf9b000000ffff /* code 32 */
        .quad 0x00af9b000000ffff /* code 64 */
        .quad 0x00cf93000000ffff /* data */
boot_gdt_end:
boot_gdtr:
        .short boot_gdt_end - boot_gdt - 1
        .quad 0
        .balign 8
boot_magic:
        .long 0

/* The link script aligns it to STACK_SIZE (cpu_info() works on it): an alignment here would move the file's first segment. */
        .section .bss.boot_stack, "aw", @nobits
boot_stack:
        .fill STACK_SIZE
boot_stack_end:

        .section .bss.init, "aw", @nobits
        .balign 4096
boot_l4:
        .fill 4096
boot_l3:
        .fill 4096
boot_l2:
        .fill 4 * 4096
boot_l3_image:
        .fill 4096
boot_l2_image:
        .fill 4096

/* The time stamp counter at the first instruction. */
        .section .bss.boot_tsc, "aw", @nobits
        .globl boot_tsc
        .balign 8
boot_tsc:
        .quad 0
