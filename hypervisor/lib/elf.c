/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF images of kernels (elf.h). Structures: System V ABI, chapters 4 and 5.
 */
#include <lib/elf.h>

struct ehdr {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct nhdr {
    u32 namesz, descsz, type;
};

#define PT_LOAD   1
#define PT_NOTE   4
#define EM_X86_64 62

int elf_open(struct elf_image *e, const void *data, size_t size, const char **why)
{
    const struct ehdr *h = data;

    *why = "not an ELF image";
    if (size < sizeof(*h) || memcmp(h->ident, "\177ELF", 4))
        return -EINVAL;
    *why = "not a 64-bit x86 image";
    if (h->ident[4] != 2 || h->ident[5] != 1 || h->machine != EM_X86_64)
        return -EINVAL;
    *why = "program headers outside of the image";
    if (h->phentsize != sizeof(struct phdr) || h->phoff > size || (size - h->phoff) / sizeof(struct phdr) < h->phnum)
        return -EINVAL;
    *e = (struct elf_image){data, size, h->entry, h->phoff, h->phnum};
    return 0;
}

/* Header i, if what it names is inside of the image. */
static bool program_header(const struct elf_image *e, unsigned int i, struct phdr *out)
{
    memcpy(out, e->data + e->phoff + i * sizeof(*out), sizeof(*out));
    return out->offset <= e->size && out->filesz <= e->size - out->offset;
}

bool elf_segment(const struct elf_image *e, unsigned int n, struct elf_segment *out)
{
    struct phdr p;

    for (unsigned int i = 0; i < e->phnum; i++) {
        if (!program_header(e, i, &p) || p.type != PT_LOAD || p.memsz < p.filesz || n--)
            continue;
        *out = (struct elf_segment){e->data + p.offset, p.filesz, p.memsz, p.vaddr, p.paddr};
        return true;
    }
    return false;
}

static bool find_note(const u8 *p, u64 left, u32 type, const void **desc, u32 *len)
{
    struct nhdr n;

    for (u64 whole; left >= sizeof(n); p += whole, left -= whole) {
        u64 name;

        memcpy(&n, p, sizeof(n));
        name = sizeof(n) + ROUNDUP((u64)n.namesz, 4);
        whole = min(name + ROUNDUP((u64)n.descsz, 4), left);
        if (name + n.descsz > left)
            return false;
        if (n.type == type && n.namesz == 4 && !memcmp(p + sizeof(n), "Xen", 4)) {
            *desc = p + name;
            *len = n.descsz;
            return true;
        }
    }
    return false;
}

static bool xen_note(const struct elf_image *e, u32 type, const void **desc, u32 *len)
{
    struct phdr p;

    for (unsigned int i = 0; i < e->phnum; i++)
        if (program_header(e, i, &p) && p.type == PT_NOTE && find_note(e->data + p.offset, p.filesz, type, desc, len))
            return true;
    return false;
}

u64 elf_xen_note_u64(const struct elf_image *e, u32 type, u64 dflt)
{
    const void *desc;
    u64 v = 0;
    u32 len;

    if (!xen_note(e, type, &desc, &len) || !len || len > 8)
        return dflt;
    memcpy(&v, desc, len);
    return v;
}

const char *elf_xen_note_str(const struct elf_image *e, u32 type)
{
    const void *desc;
    u32 len;

    if (!xen_note(e, type, &desc, &len) || !len || ((const char *)desc)[len - 1])
        return "";
    return desc;
}
