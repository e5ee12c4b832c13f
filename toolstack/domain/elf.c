/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser behind elf.h. Notes are taken from PT_NOTE segments, and from SHT_NOTE sections when
 * there is none (older kernels have only those).
 */
#include "elf.h"

#include <elf.h>
#include <string.h>

#include <xen/elfnote.h>

struct notes {
    bool any, has_entry, has_paddr_offset;
    uint64_t paddr_offset;
};

static bool inside(uint64_t off, uint64_t len, uint64_t size) { return off <= size && len <= size - off; }

static uint64_t note_number(const uint8_t *desc, uint32_t len)
{
    uint64_t v = 0;

    /* Little-endian, of 1, 2, 4 or 8 bytes. */
    memcpy(&v, desc, len < 8 ? len : 8);
    return v;
}

static void note_take(struct elf_kernel *k, struct notes *n, uint32_t type, const uint8_t *desc, uint32_t len)
{
    uint64_t v = note_number(desc, len);

    n->any = true;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        k->entry = v;
        n->has_entry = true;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE: k->hypercall_page = v; break;
    case XEN_ELFNOTE_VIRT_BASE: k->virt_base = v; break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        n->paddr_offset = v;
        n->has_paddr_offset = true;
        break;
    case XEN_ELFNOTE_INIT_P2M: k->init_p2m = v; break;
    case XEN_ELFNOTE_MOD_START_PFN: k->mod_start_pfn = v != 0; break;
    case XEN_ELFNOTE_GUEST_OS:
        if (len > sizeof(k->guest_os) - 1)
            len = sizeof(k->guest_os) - 1;
        memcpy(k->guest_os, desc, len);
        break;
    default: break;
    }
}

/* Walk the notes in [off, off+len), which lies inside of the image. */
static void notes_walk(const uint8_t *image, uint64_t off, uint64_t len, struct elf_kernel *k, struct notes *n)
{
    while (len >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr h;
        uint64_t name, desc;

        memcpy(&h, image + off, sizeof(h));
        name = (h.n_namesz + 3ull) & ~3ull;
        desc = (h.n_descsz + 3ull) & ~3ull;
        if (name + desc > len - sizeof(h))
            break;
        if (h.n_namesz == 4 && !memcmp(image + off + sizeof(h), "Xen", 4))
            note_take(k, n, h.n_type, image + off + sizeof(h) + name, h.n_descsz);
        off += sizeof(h) + name + desc;
        len -= sizeof(h) + name + desc;
    }
}

static void section_notes(const uint8_t *image, size_t size, const Elf64_Ehdr *eh, struct elf_kernel *k,
                          struct notes *n)
{
    uint64_t i;

    if (eh->e_shentsize != sizeof(Elf64_Shdr) || !inside(eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr), size))
        return;
    for (i = 0; i < eh->e_shnum; i++) {
        Elf64_Shdr sh;

        memcpy(&sh, image + eh->e_shoff + i * sizeof(sh), sizeof(sh));
        if (sh.sh_type == SHT_NOTE && inside(sh.sh_offset, sh.sh_size, size))
            notes_walk(image, sh.sh_offset, sh.sh_size, k, n);
    }
}

static int segment_take(struct elf_kernel *k, const Elf64_Phdr *ph, size_t size, struct err **err)
{
    struct elf_segment *s = &k->seg[k->nr_segments];

    if (!ph->p_memsz)
        return 0;
    if (k->nr_segments == ELF_MAX_SEGMENTS)
        return err_new(err, ERR_INVAL, "it has more than %d parts to load", ELF_MAX_SEGMENTS);
    if (!inside(ph->p_offset, ph->p_filesz, size) || ph->p_filesz > ph->p_memsz)
        return err_new(err, ERR_INVAL, "a part to load lies outside of the file");
    s->paddr = ph->p_paddr;
    s->file_off = ph->p_offset;
    s->file_size = ph->p_filesz;
    s->memory_size = ph->p_memsz;
    k->nr_segments++;
    return 0;
}

/* Turn ELF physical addresses into pseudo-physical ones, and find the extent of all. */
static int segments_place(struct elf_kernel *k, const struct notes *n, struct err **err)
{
    unsigned int i;

    k->start = UINT64_MAX;
    for (i = 0; i < k->nr_segments; i++) {
        struct elf_segment *s = &k->seg[i];

        s->paddr -= n->paddr_offset;
        /* Nothing near the end of what a PV guest can have, so that sums cannot wrap. */
        if (s->paddr >> 46 || s->memory_size >> 46)
            return err_new(err, ERR_INVAL, "a part to load has an impossible address");
        if (s->paddr < k->start)
            k->start = s->paddr;
        if (s->paddr + s->memory_size > k->end)
            k->end = s->paddr + s->memory_size;
    }
    if (!k->nr_segments)
        return err_new(err, ERR_INVAL, "it has nothing to load");
    return 0;
}

int elf_parse(const uint8_t *image, size_t size, struct elf_kernel *k, struct err **err)
{
    struct notes n = {0};
    Elf64_Ehdr eh;
    uint64_t i;

    memset(k, 0, sizeof(*k));
    if (size < sizeof(eh))
        return err_new(err, ERR_INVAL, "the ELF image is cut short");
    memcpy(&eh, image, sizeof(eh));
    if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
        eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64)
        return err_new(err, ERR_INVAL, "it is not a 64-bit x86 ELF image");
    if (eh.e_phentsize != sizeof(Elf64_Phdr) || !inside(eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr), size))
        return err_new(err, ERR_INVAL, "its program headers lie outside of the file");
    for (i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;

        memcpy(&ph, image + eh.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD && segment_take(k, &ph, size, err) < 0)
            return -1;
        if (ph.p_type == PT_NOTE && inside(ph.p_offset, ph.p_filesz, size))
            notes_walk(image, ph.p_offset, ph.p_filesz, k, &n);
    }
    if (!n.any)
        section_notes(image, size, &eh, k, &n);
    if (!n.any)
        return err_new(err, ERR_INVAL, "it has no Xen notes: not a kernel for PV guests");
    if (!n.has_entry)
        k->entry = eh.e_entry;
    return segments_place(k, &n, err);
}
