/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of HVM guests by their own addresses (guest_memory.h): the walk of their page tables (AMD APM vol. 2, 5.1 to
 * 5.6; Intel SDM vol. 3, 4.3 to 4.7), and copies.
 *
 * A guest's frame may be taken out of its map at any moment (mm/p2m.c). The current vCPU's own memory is accessed
 * through our direct map with interrupts off, each access right after its lookup: whoever takes a frame out waits for
 * all CPUs that run the domain to answer before the frame goes to anybody else. Memory of other domains is held by a
 * reference meanwhile.
 */
#include <arch/x86/cpu/features.h>
#include <arch/x86/hvm/guest_memory.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/mm/p2m.h>
#include <asm/paging.h>

/* ---- the walk ---- */

/* How a mode's tables look: levels, index bits of each, bytes of an entry. */
struct table_format {
    u8 levels, bits, bytes;
};
static const struct table_format two_levels = {2, 10, 4}, pae = {3, 9, 8}, long_mode = {4, 9, 8};

struct walk {
    const struct table_format *f;
    u64 cr0, cr4, efer, reserved;
    u32 *p[4];  /* the entries that count for accessed and dirty, from the last level on, */
    u32 low[4]; /* the low half of each as it was read, */
    unsigned int nr;
    gfn_t gfn[4]; /* where they are, */
    enum p2m_type type[4];
    u64 rights, nx; /* PTE_RW and PTE_US if all have them; PTE_NX if one has it */
};

/* Bits that must be 0 in every entry; PDPTEs of PAE were checked when CR3 was loaded. */
static u64 reserved_always(const struct walk *w)
{
    u64 mask;

    if (w->f == &two_levels)
        return 0;
    mask = (w->f == &pae ? ~PTE_NX : (1UL << 52) - 1) & ~((1UL << boot_cpu.phys_bits) - 1);
    return w->efer & EFER_NX ? mask : mask | PTE_NX;
}

/* The same for entries of higher levels. */
static __always_inline u64 reserved_above(const struct walk *w, const struct table_format *f, unsigned int level,
                                          bool large)
{
    u64 mask = w->reserved;

    if (f == &two_levels)
        return large ? 1UL << 21 : 0;
    if (f == &pae && level == 3)
        return 0;
    if (large)
        mask |= ((1UL << (12 + 9 * (level - 1))) - 1) & ~0x1fffUL;
    return level == 4 || (level == 3 && !cpu_has(PAGE1GB)) ? mask | PTE_PS : mask;
}

/* Does PTE_PS in an entry of the level say that it maps a large page? */
static __always_inline bool is_large(const struct walk *w, const struct table_format *f, unsigned int level)
{
    if (level == 1)
        return false;
    return f == &two_levels ? w->cr4 & X86_CR4_PSE : level == 2 || f == &long_mode;
}

/* The address that the last entry gives to va. */
static paddr_t leaf_address(const struct walk *w, unsigned int level, u64 e, u64 va)
{
    u64 span = PAGE_SIZE << w->f->bits * (level - 1);
    u64 base = e & PTE_ADDR;

    if (level == 2 && w->f == &two_levels) /* PSE-36 */
        base = (e & 0xffc00000) | (e >> 13 & 0xff) << 32;
    return (base & ~(span - 1)) | (va & (span - 1));
}

/* Down to the entry that maps va. 0, -EFAULT: *error has P and RSVD. Interrupts off. */
static __always_inline int walk_down(struct vcpu *v, struct walk *w, const struct table_format *f, u64 va, paddr_t *gpa,
                                     u32 *error)
{
    u64 cr3 = hvm_get_cr(v, 3);
    paddr_t table = f == &long_mode ? cr3 & PTE_ADDR : f == &pae ? cr3 & 0xffffffe0 : cr3 & 0xfffff000;

    for (unsigned int level = f->levels;; level--) {
        u64 index = va >> (12 + f->bits * (level - 1)) & ((1UL << f->bits) - 1);
        paddr_t at = table + index * f->bytes;
        void *p = p2m_pointer(v->domain, at, P2M_READ_TYPES, &w->type[w->nr]);
        u64 e = !p ? 0 : f->bytes == 8 ? READ_ONCE(*(u64 *)p) : READ_ONCE(*(u32 *)p);
        bool large = e & PTE_PS && is_large(w, f, level);

        if (!(e & PTE_P))
            return -EFAULT;
        if (unlikely(e & (level > 1 && (large || level > 2) ? reserved_above(w, f, level, large) : w->reserved))) {
            *error |= PFEC_PRESENT | PFEC_RSVD;
            return -EFAULT;
        }
        if (f != &pae || level != 3) {
            w->p[w->nr] = p;
            w->low[w->nr] = e;
            w->gfn[w->nr++] = _gfn(at >> PAGE_SHIFT);
            w->rights &= e;
            w->nx |= e;
        }
        if (level == 1 || large) {
            *gpa = leaf_address(w, level, e, va);
            return 0;
        }
        table = e & PTE_ADDR;
    }
}

static bool access_allowed(const struct walk *w, unsigned int access)
{
    bool user_page = w->rights & PTE_US;

    if (access & PFEC_WRITE && !(w->rights & PTE_RW) && (access & PFEC_USER || w->cr0 & X86_CR0_WP))
        return false;
    if (access & PFEC_FETCH && w->nx & PTE_NX && w->efer & EFER_NX)
        return false;
    if (access & PFEC_USER)
        return user_page;
    if (!user_page)
        return true;
    if (access & PFEC_FETCH)
        return !(w->cr4 & X86_CR4_SMEP);
    return !(w->cr4 & X86_CR4_SMAP) || (guest_regs()->rflags & X86_EFLAGS_AC && !(access & HVM_ACCESS_IMPLICIT));
}

/* Accessed in all entries, dirty in the last. 0; -EAGAIN: look again, *dirty becomes memory that is written to. */
static int set_accessed(const struct walk *w, bool write, gfn_t *dirty)
{
    for (unsigned int i = 0; i < w->nr; i++) {
        u32 old = w->low[i], new = old | PTE_A | (write && i == w->nr - 1 ? PTE_D : 0);

        if (old == new || w->type[i] == P2M_RAM_RO || w->type[i] == P2M_GRANT_RO)
            continue;
        if (w->type[i] == P2M_LOGDIRTY) {
            *dirty = w->gfn[i];
            return -EAGAIN;
        }
        if (!__atomic_compare_exchange_n(w->p[i], &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return -EAGAIN;
    }
    return 0;
}

static int translate(struct vcpu *v, u64 cr0, u64 va, unsigned int access, paddr_t *gpa, u32 *error, gfn_t *dirty)
{
    struct walk w;
    int rc;

    w.cr0 = cr0;
    w.cr4 = hvm_get_cr(v, 4);
    w.efer = v->arch.hvm.efer;
    w.nr = 0;
    w.rights = PTE_RW | PTE_US;
    w.nx = 0;
    w.f = w.efer & EFER_LMA ? &long_mode : w.cr4 & X86_CR4_PAE ? &pae : &two_levels;
    if (w.f != &long_mode)
        va = (u32)va;
    else if ((s64)(va << 16) >> 16 != (s64)va)
        return -EINVAL;
    w.reserved = reserved_always(&w);
    *error = access & (PFEC_WRITE | PFEC_USER);
    if (access & PFEC_FETCH && ((w.efer & EFER_NX && w.cr4 & X86_CR4_PAE) || w.cr4 & X86_CR4_SMEP))
        *error |= PFEC_FETCH;
    /* A copy of the code for the mode that is met most. */
    rc = w.f == &long_mode ? walk_down(v, &w, &long_mode, va, gpa, error) : walk_down(v, &w, w.f, va, gpa, error);
    if (rc)
        return rc;
    if (!access_allowed(&w, access)) {
        *error |= PFEC_PRESENT;
        return -EFAULT;
    }
    return set_accessed(&w, access & PFEC_WRITE, dirty);
}

int hvm_translate(struct vcpu *v, u64 va, unsigned int access, paddr_t *gpa, u32 *error)
{
    u64 cr0 = hvm_get_cr(v, 0);
    int rc;

    if (!(cr0 & X86_CR0_PG)) {
        *gpa = (u32)va;
        return 0;
    }
    do {
        gfn_t dirty = _gfn(~0UL);
        unsigned long flags = irq_save();

        rc = translate(v, cr0, va, access, gpa, error, &dirty);
        irq_restore(flags);
        if (unlikely(gfn_x(dirty) != ~0UL))
            p2m_mark_dirty(v->domain, dirty);
    } while (unlikely(rc == -EAGAIN));
    return rc;
}

/* ---- copies ---- */

/* Within a page of the current domain. 0 or -EFAULT. */
static int copy_own(struct domain *d, bool write, paddr_t gpa, void *ours, size_t n)
{
    for (;;) {
        unsigned long flags = irq_save();
        enum p2m_type type;
        void *p = p2m_pointer(d, gpa, write ? P2M_WRITE_TYPES : P2M_READ_TYPES, &type);

        if (likely(p))
            memcpy(write ? p : ours, write ? ours : p, n);
        irq_restore(flags);
        if (likely(p) || type != P2M_LOGDIRTY)
            return p ? 0 : -EFAULT;
        p2m_mark_dirty(d, _gfn(gpa >> PAGE_SHIFT));
    }
}

static int copy_foreign(struct domain *d, bool write, paddr_t gpa, void *ours, size_t n)
{
    struct frame *f = p2m_get_frame(d, _gfn(gpa >> PAGE_SHIFT), write);
    char *p;

    if (!f)
        return -EFAULT;
    p = (char *)mfn_to_virt(frame_mfn(f)) + (gpa & ~PAGE_MASK);
    memcpy(write ? p : ours, write ? ours : p, n);
    frame_put(f);
    return 0;
}

/*
 * hvm_translate for the kernel of the current vCPU, with what the last one of the same hypercall found: the CPU, too,
 * may remember a translation as long as an instruction takes. Only addresses are kept, no way into memory.
 */
static int translate_kept(struct vcpu *v, u64 va, bool write, paddr_t *gpa)
{
    struct hvm_kept_walk *k = &v->arch.hvm.kept[write];
    u32 error;
    int rc;

    if ((va & PAGE_MASK) == k->va) {
        *gpa = k->gpa | (va & ~PAGE_MASK);
        return 0;
    }
    rc = hvm_translate(v, va, write ? PFEC_WRITE : 0, gpa, &error);
    if (!rc && k->va != HVM_KEEP_NONE) {
        k->va = va & PAGE_MASK;
        k->gpa = *gpa & PAGE_MASK;
    }
    return rc;
}

/* At linear addresses of the current vCPU's kernel, or physical ones of d: how many bytes were not copied. */
static __always_inline size_t copy(struct domain *d, bool linear, bool write, u64 address, void *ours, size_t n)
{
    struct vcpu *v = current;

    for (size_t part; n; address += part, ours = (char *)ours + part, n -= part) {
        paddr_t gpa = address;

        part = min(n, PAGE_SIZE - (address & ~PAGE_MASK));
        if (linear && translate_kept(v, address, write, &gpa))
            return n;
        if (d == v->domain ? copy_own(d, write, gpa, ours, part) : copy_foreign(d, write, gpa, ours, part))
            return n;
    }
    return 0;
}

int hvm_copy_from_phys(struct domain *d, void *to, paddr_t gpa, size_t n)
{
    return copy(d, false, false, gpa, to, n) ? -EFAULT : 0;
}

int hvm_copy_to_phys(struct domain *d, paddr_t gpa, const void *from, size_t n)
{
    return copy(d, false, true, gpa, (void *)from, n) ? -EFAULT : 0;
}

/* Is it one of the addresses that handlers know a 32-bit caller's structures by? */
static bool is_view(u64 va)
{
    return unlikely(current->arch.hvm.compat) && va >= COMPAT_VIEWS && va < 4 * COMPAT_VIEWS;
}

size_t hvm_copy_from_guest(void *to, const void __guest *from, size_t n)
{
    return is_view((u64)from) ? hvm_compat_copy((u64)from, to, n, false)
                              : copy(current->domain, true, false, (u64)from, to, n);
}

size_t hvm_copy_to_guest(void __guest *to, const void *from, size_t n)
{
    return is_view((u64)to) ? hvm_compat_copy((u64)to, (void *)from, n, true)
                            : copy(current->domain, true, true, (u64)to, (void *)from, n);
}
