/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything of the image lies. One flat loadable piece, so that a loader that knows only the addresses of the Multiboot
 * header can load it; its start is 2 MB aligned in memory, wherever it was put, and is mapped at IMAGE_START.
 * What only the boot needs (.init, and the first part of .bss) is given to the heap afterwards. Page-aligned borders
 * let arch/x86/mm/image.c give each part its rights.
 */
#include <asm/layout.h>

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(boot_entry32)

PHDRS
{
    image PT_LOAD FLAGS(7);
    note PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = IMAGE_START;
    __image_start = .;

    .init : AT(ADDR(.init) - IMAGE_START + IMAGE_LOAD_PADDR) {
        KEEP(*(.head))
        *(.init.text .init.text.*)
        *libz.a:*(.text .text.*)
        *liblzma.a:*(.text .text.*)
        *libzstd.a:*(.text .text.*)
        *liblz4.a:*(.text .text.*)
        . = ALIGN(4096);
        __init_text_end = .;
        *(.init.data .init.data.* .init.rodata .init.rodata.*)
        *libz.a:*(.rodata .rodata.* .data .data.*)
        *liblzma.a:*(.rodata .rodata.* .data .data.*)
        *libzstd.a:*(.rodata .rodata.* .data .data.*)
        *liblz4.a:*(.rodata .rodata.* .data .data.*)
        . = ALIGN(8);
        __start_params = .;
        KEEP(*(.init.params))
        __stop_params = .;
        . = ALIGN(4096);
        __init_end = .;
    } :image

    .text : AT(ADDR(.text) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __text_start = .;
        *(.text.entry .text.entry.*)
        . = ALIGN(4096);
        __text_entry_end = .;
        *(.text .text.*)
        . = ALIGN(4096);
        __text_end = .;
    } :image

    .rodata : AT(ADDR(.rodata) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __rodata_start = .;
        *(.rodata .rodata.*)
        *(.data.rel.ro .data.rel.ro.*)
        *(.got .got.plt .igot .igot.plt)
        . = ALIGN(8);
        __start_ex_table = .;
        KEEP(*(.ex_table .ex_table.*))
        __stop_ex_table = .;
    } :image
    .note : AT(ADDR(.note) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __start_build_id = .;
        KEEP(*(.note.gnu.build-id))
        __stop_build_id = .;
    } :image :note
    .symbols : AT(ADDR(.symbols) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __start_symbols = .;
        KEEP(*(.symbols))
        __stop_symbols = .;
        . = ALIGN(4096);
        __rodata_end = .;
    } :image

    .data : AT(ADDR(.data) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __data_start = .;
        *(.data.ro_after_init .data.ro_after_init.*)
        . = ALIGN(4096);
        __ro_after_init_end = .;
        *(.data.read_mostly .data.read_mostly.*)
        . = ALIGN(64);
        *(.data.page_aligned)
        *(.data .data.*)
        . = ALIGN(16);
        __data_end = .;
    } :image

    . = ALIGN(32768);
    .bss (NOLOAD) : AT(ADDR(.bss) - IMAGE_START + IMAGE_LOAD_PADDR) {
        __bss_start = .;
        *(.bss.boot_stack) /* 32 KB aligned */
        *(.bss.init .bss.init.*)
        *libz.a:*(.bss .bss.*)
        . = ALIGN(4096);
        __init_bss_end = .;
        __percpu_start = .;
        *(.bss.percpu .bss.percpu.*)
        . = ALIGN(64);
        __percpu_end = .;
        *(.bss.page_aligned)
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
        __bss_end = .;
        __image_end = .;
    } :image

    .comment 0 : { *(.comment) }
    .debug_info 0 : { *(.debug_info) }
    .debug_abbrev 0 : { *(.debug_abbrev) }
    .debug_line 0 : { *(.debug_line) }
    .debug_line_str 0 : { *(.debug_line_str) }
    .debug_str 0 : { *(.debug_str) }
    .debug_loc 0 : { *(.debug_loc) }
    .debug_loclists 0 : { *(.debug_loclists) }
    .debug_aranges 0 : { *(.debug_aranges) }
    .debug_ranges 0 : { *(.debug_ranges) }
    .debug_rnglists 0 : { *(.debug_rnglists) }
    .debug_frame 0 : { *(.debug_frame) }
    .symtab 0 : { *(.symtab) }
    .strtab 0 : { *(.strtab) }
    .shstrtab 0 : { *(.shstrtab) }
    .rela : { *(.rela .rela.* .iplt .plt .plt.*) }
    ASSERT(SIZEOF(.rela) == 0, "the image must not need relocation")

    /DISCARD/ : {
        *(.eh_frame .eh_frame_hdr)
        *(.note.GNU-stack .note.gnu.property .note.*)
        *(.gnu.warning.*)
    }
}

/* The header must be in the first 8 KB (Multiboot 1) of the file: its segment starts in the second page at the latest. */
ASSERT(__multiboot1_header - __image_start < 4096, "Multiboot header too far from the start")
ASSERT(__bss_end - __image_start <= 8 << 20, "the boot page tables map 8 MB of image")
