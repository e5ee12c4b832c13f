/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader told us, neutral of the protocol (Multiboot 1 or 2), and the list of boot phases.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include <lib/elf.h>
#include <xen/xen.h>

/* Types of memory ranges, numbered as in E820 (ACPI 6, table 15-1). */
enum mem_type { MEM_RAM = 1, MEM_RESERVED, MEM_ACPI, MEM_NVS, MEM_UNUSABLE };

struct mem_range {
    paddr_t start, size; /* bytes */
    u32 type;            /* enum mem_type or whatever else the firmware says */
};

#define BOOT_MAX_RANGES  256
#define BOOT_MAX_MODULES 8

struct boot_module {
    paddr_t start, size; /* bytes, in RAM that the heap does not get */
    const char *cmdline; /* without the file's name; "" when there is none */
};

struct boot_info {
    const char *loader;
    const char *cmdline;
    unsigned int nr_ranges, nr_modules;
    bool ranges_lost;                            /* more than BOOT_MAX_RANGES were given */
    struct mem_range range[BOOT_MAX_RANGES];     /* sorted, not overlapping */
    struct boot_module module[BOOT_MAX_MODULES]; /* 0: dom0's kernel, 1: its ramdisk */
    dom0_vga_console_info_t video;               /* as dom0 is told; video_type 0: none */
    paddr_t rsdp;                                /* ACPI root pointer from the loader; 0: search the BIOS area */
    paddr_t efi_system_table;                    /* 0: not booted by EFI */
    paddr_t efi_memmap;
    u32 efi_memmap_size, efi_desc_size;
};

/* Filled before the first phase; constant afterwards. */
extern struct boot_info boot_info;

/* One phase of the boot: its line on the console is "name (time since the first instruction)". */
struct boot_phase {
    const char *name;
    void (*run)(void); /* panics with the reason when the host cannot go on */
};

/* Runs all phases on the first CPU, on its own stack, and never returns: ends in the idle loop. */
void boot_start(void) __noreturn;

/* boot/dom0.c: takes a kernel image as a distribution ships it and makes dom0 of it, unpaused at
 * the end. */
void dom0_create(void);

/* dom0's kernel image: from what the distribution ships (bzImage, compressed or plain ELF) to an ELF image in memory.
 */
struct kernel_image {
    struct elf_image elf;
    void *unpacked; /* pages of ours, NULL when the image needed no unpacking */
    unsigned int order;
};

/* boot/image.c: 0, or a negative error with *why. data stays where it is and must stay there while the image is used.
 */
int kernel_image_open(struct kernel_image *k, const void *data, size_t size, const char **why);
void kernel_image_close(struct kernel_image *k);

/*
 * boot/decompress.c: unpacks `in`, which is_compressed() (gzip, xz, lzma, zstd or lz4, told by its magic), into `out`.
 * Returns the number of bytes written; -EINVAL for damaged data or when out is too small. Boot context, one caller.
 */
ssize_t decompress(const void *in, size_t in_size, void *out, size_t out_size);
/* Has it the magic of one of these formats? */
bool is_compressed(const void *in, size_t in_size);

#endif
