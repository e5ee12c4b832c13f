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
    bool any, has_entry, has_phys32;
    uint64_t paddr_offset, phys32_entry;
};

/* An image with the headers of either class widened to those of 64 bits. */
struct elf {
    const uint8_t *image;
    size_t size;
    bool is64;
    Elf64_Ehdr eh;
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
    case XEN_ELFNOTE_PADDR_OFFSET: n->paddr_offset = v; break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        n->phys32_entry = v;
        n->has_phys32 = true;
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

/* Both classes have the same fields in another order; names do the work. */
static void ehdr_widen(const Elf32_Ehdr *n, Elf64_Ehdr *w)
{
    w->e_machine = n->e_machine;
    w->e_entry = n->e_entry;
    w->e_phoff = n->e_phoff;
    w->e_phnum = n->e_phnum;
    w->e_phentsize = n->e_phentsize;
    w->e_shoff = n->e_shoff;
    w->e_shnum = n->e_shnum;
    w->e_shentsize = n->e_shentsize;
}

/* The i-th program header; the table was checked to lie inside. */
static Elf64_Phdr phdr_get(const struct elf *f, uint64_t i)
{
    Elf64_Phdr w;
    Elf32_Phdr n;

    if (f->is64) {
        memcpy(&w, f->image + f->eh.e_phoff + i * sizeof(w), sizeof(w));
        return w;
    }
    memcpy(&n, f->image + f->eh.e_phoff + i * sizeof(n), sizeof(n));
    return (Elf64_Phdr){
        .p_type = n.p_type, .p_offset = n.p_offset, .p_paddr = n.p_paddr, .p_filesz = n.p_filesz, .p_memsz = n.p_memsz};
}

static void section_notes(const struct elf *f, struct elf_kernel *k, struct notes *n)
{
    uint64_t i, entry = f->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

    if (f->eh.e_shentsize != entry || !inside(f->eh.e_shoff, f->eh.e_shnum * entry, f->size))
        return;
    for (i = 0; i < f->eh.e_shnum; i++) {
        const uint8_t *at = f->image + f->eh.e_shoff + i * entry;
        Elf64_Shdr w;
        Elf32_Shdr s;

        if (f->is64) {
            memcpy(&w, at, sizeof(w));
        } else {
            memcpy(&s, at, sizeof(s));
            w = (Elf64_Shdr){.sh_type = s.sh_type, .sh_offset = s.sh_offset, .sh_size = s.sh_size};
        }
        if (w.sh_type == SHT_NOTE && inside(w.sh_offset, w.sh_size, f->size))
            notes_walk(f->image, w.sh_offset, w.sh_size, k, n);
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

static int header_open(struct elf *f, enum elf_use use, struct err **err)
{
    Elf32_Ehdr narrow;

    if (f->size < sizeof(f->eh))
        return err_new(err, ERR_INVAL, "the ELF image is cut short");
    memcpy(&f->eh, f->image, sizeof(f->eh));
    memcpy(&narrow, f->image, sizeof(narrow));
    f->is64 = f->eh.e_ident[EI_CLASS] == ELFCLASS64;
    if (!f->is64)
        ehdr_widen(&narrow, &f->eh);
    if (memcmp(f->eh.e_ident, ELFMAG, SELFMAG) || f->eh.e_ident[EI_DATA] != ELFDATA2LSB ||
        f->eh.e_machine != (f->is64 ? EM_X86_64 : EM_386) || (use == ELF_PV && !f->is64))
        return err_new(err, ERR_INVAL, "it is not a%s x86 ELF image", use == ELF_PV ? " 64-bit" : "n");
    if (f->eh.e_phentsize != (f->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
        !inside(f->eh.e_phoff, (uint64_t)f->eh.e_phnum * f->eh.e_phentsize, f->size))
        return err_new(err, ERR_INVAL, "its program headers lie outside of the file");
    return 0;
}

/* What the use asks for, and where to start by it. */
static int use_check(struct elf_kernel *k, const struct elf *f, struct notes *n, enum elf_use use, struct err **err)
{
    if (use == ELF_PV && !n->any)
        return err_new(err, ERR_INVAL, "it has no Xen notes: not a kernel for PV guests");
    if (use == ELF_PVH && !n->has_phys32)
        return err_new(err, ERR_INVAL, "it has no Xen note PHYS32_ENTRY: not a kernel for PVH guests");
    if (use != ELF_PV)
        n->paddr_offset = 0;
    if (use == ELF_PVH)
        k->entry = n->phys32_entry;
    else if (use == ELF_FIRMWARE || !n->has_entry)
        k->entry = f->eh.e_entry;
    return 0;
}

int elf_parse(const uint8_t *image, size_t size, enum elf_use use, struct elf_kernel *k, struct err **err)
{
    struct elf f = {.image = image, .size = size};
    struct notes n = {0};
    uint64_t i;

    memset(k, 0, sizeof(*k));
    if (header_open(&f, use, err) < 0)
        return -1;
    for (i = 0; i < f.eh.e_phnum; i++) {
        Elf64_Phdr ph = phdr_get(&f, i);

        if (ph.p_type == PT_LOAD && segment_take(k, &ph, size, err) < 0)
            return -1;
        if (ph.p_type == PT_NOTE && inside(ph.p_offset, ph.p_filesz, size))
            notes_walk(image, ph.p_offset, ph.p_filesz, k, &n);
    }
    if (!n.any)
        section_notes(&f, k, &n);
    if (use_check(k, &f, &n, use, err) < 0)
        return -1;
    return segments_place(k, &n, err);
}
