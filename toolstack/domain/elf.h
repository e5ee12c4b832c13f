/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a kernel's (or firmware's) ELF image: which parts to load where, and what its Xen notes
 * ask for (<xen/elfnote.h>). Nothing is loaded here. The image is untrusted: whatever a caller
 * gets from here lies inside of the file and does not overflow.
 */
#ifndef ORLOP_DOMAIN_ELF_H
#define ORLOP_DOMAIN_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define ELF_MAX_SEGMENTS 32

/* As what an image is to be started: that says which class and which notes it must have. */
enum elf_use { ELF_PV, ELF_PVH, ELF_FIRMWARE };

struct elf_segment {
    uint64_t paddr;       /* (pseudo-)physical, from 0 */
    uint64_t file_off;    /* into the image */
    uint64_t file_size;   /* bytes to copy */
    uint64_t memory_size; /* bytes it occupies; the rest is zero */
};

struct elf_kernel {
    unsigned int nr_segments;
    struct elf_segment seg[ELF_MAX_SEGMENTS];
    uint64_t start, end;     /* (pseudo-)physical, of all segments */
    uint64_t virt_base;      /* virtual address of pseudo-physical 0 */
    uint64_t entry;          /* PV: virtual. PVH, firmware: physical, in 32-bit mode without paging */
    uint64_t hypercall_page; /* virtual; 0: none wanted */
    uint64_t init_p2m;       /* virtual; 0: the P2M list is to lie in the initial mapping */
    bool mod_start_pfn;      /* takes a ramdisk outside of the initial mapping */
    char guest_os[32];
};

/*
 * Parse. Fails for what is no x86 ELF image, has not the notes that its use asks for (PV: 64-bit and
 * any Xen note; PVH: XEN_ELFNOTE_PHYS32_ENTRY; firmware: none), or has parts that lie outside of the
 * file or wrap around.
 */
int elf_parse(const uint8_t *image, size_t size, enum elf_use use, struct elf_kernel *k, struct err **err);

#endif
