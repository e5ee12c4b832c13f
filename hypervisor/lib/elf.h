/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading 64-bit ELF executables of kernels: loadable segments, Xen's notes, entry. The image is
 * not trusted: every offset is checked against its size. No state.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

struct elf_segment {
    const void *data; /* file_size bytes in the image */
    u64 file_size, mem_size, vaddr, paddr;
};

struct elf_image {
    const u8 *data;
    size_t size;
    u64 entry;
    u64 phoff;
    u16 phnum;
};

/* 0; -EINVAL with *why: not an x86-64 ELF executable, or damaged. */
int elf_open(struct elf_image *e, const void *data, size_t size, const char **why);
/* Loadable segment number n, from 0. False: there are no more. */
bool elf_segment(const struct elf_image *e, unsigned int n, struct elf_segment *out);

/* A note "Xen" of the given type (xen/elfnote.h), as a number of at most 8 bytes; absent: dflt. */
u64 elf_xen_note_u64(const struct elf_image *e, u32 type, u64 dflt);
/* The same as text; absent or not terminated: "". */
const char *elf_xen_note_str(const struct elf_image *e, u32 type);

#endif
