/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writable page tables (VMASST_TYPE_writable_pagetables): a guest's kernel stores to a level-1
 * table that it has mapped read-only, and the store is done for it as an update of that entry: a
 * plain move of a whole one here, all else by the emulator. From the page-fault handler (faults.c).
 */
#include <arch/x86/emulate/emulate.h>
#include <arch/x86/pv/mmu.h>

/* A store that the emulator carries out: to the entry p of the table f. */
struct store {
    struct emulation e;
    struct frame *f;
    u64 *p, va; /* of the entry */
    u64 entry;  /* as it was looked at; stored if it still is */
};

static struct store *store_of(struct emulation *e) { return container_of(e, struct store, e); }

static bool in_entry(const struct store *s, u64 linear, unsigned int bytes)
{
    return linear - s->va < 8 && linear - s->va + bytes <= 8;
}

static int store_read(struct emulation *e, u64 linear, void *buf, unsigned int bytes, enum emu_access access)
{
    const struct store *s = store_of(e);

    if (!in_entry(s, linear, bytes))
        return pv_emulated_read(e, linear, buf, bytes, access);
    memcpy(buf, (const u8 *)&s->entry + (linear - s->va), bytes);
    return EMU_DONE;
}

static int store_write(struct emulation *e, u64 linear, const void *buf, unsigned int bytes)
{
    struct domain *d = current->domain;
    struct store *s = store_of(e);
    struct owners o = {d, d};
    u64 new = s->entry;
    int rc;

    if (!in_entry(s, linear, bytes))
        return EMU_UNHANDLEABLE;
    memcpy((u8 *)&new + (linear - s->va), buf, bytes);
    rc = l1_update(s->f, s->p, s->entry, new, &o, EXCHANGE_IF_SAME);
    return !rc ? EMU_DONE : rc == -ERESTART || rc == -EAGAIN ? EMU_RETRY : EMU_UNHANDLEABLE;
}

/* Every write is one of these: it counts only if the entry is as it was. */
static int store_cmpxchg(struct emulation *e, u64 linear, const void *old __unused, const void *new, unsigned int bytes)
{
    return store_write(e, linear, new, bytes);
}

static const struct emulation_ops store_ops = {
    .read = store_read,
    .write = store_write,
    .cmpxchg = store_cmpxchg,
    .segment = pv_emulated_segment,
};

/* Any store that the emulator knows, but of selectors, which it is not told. */
static __noinline bool store_emulate(struct vcpu *v, struct cpu_user_regs *regs, unsigned long cr2, struct frame *f,
                                     u64 *p)
{
    struct store s = {.e = {.ops = &store_ops, .regs = regs, .code_bytes = pv_code_bytes(regs->cs)},
                      .f = f,
                      .p = p,
                      .va = cr2 & ~7UL,
                      .entry = READ_ONCE(*p)};

    return pv_fetch_insn(regs, &s.e.insn) && s.e.insn.src != O_S && pv_emulate(v, &s.e);
}

/*
 * "mov %r64, (%r64)" or with an 8-bit displacement, which nearly all stores of whole entries are,
 * without the decoder: its length, and the value; 0: it is something else, or does not store at
 * cr2.
 */
static unsigned int whole_move(struct cpu_user_regs *regs, unsigned long cr2, u64 *val)
{
    unsigned int rex, modrm;
    u64 ea;
    u8 b[4];

    if (regs->cs != SEL_R3_CS64 || (cr2 & 7) || raw_copy_from_guest(b, (const void __guest *)regs->rip, sizeof(b)))
        return 0;
    rex = b[0];
    modrm = b[2];
    /* REX.W without .X, MOV r to r/m, mod 0 or 1; not RSP or R12 (a SIB byte), not RIP-relative. */
    if ((rex & 0xfa) != 0x48 || b[1] != 0x89 || modrm >> 7 || (modrm & 7) == 4 || (modrm & 0xc7) == 5)
        return 0;
    ea = *insn_reg(regs, (rex & 1) << 3 | (modrm & 7)) + (modrm >> 6 ? (s8)b[3] : 0);
    *val = *insn_reg(regs, (rex & 4) << 1 | (modrm >> 3 & 7));
    return ea != cr2 ? 0 : modrm >> 6 ? 4 : 3;
}

bool pv_ptwr_fault(struct cpu_user_regs *regs, unsigned long cr2)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    struct owners o = {d, d};
    unsigned int length;
    struct frame *f;
    u64 e, val, *p;
    int rc;

    if (!(d->vm_assist >> VMASST_TYPE_writable_pagetables & 1) && !d->is_hardware)
        return false;
    e = l1_read(v, cr2);
    f = (e & (PTE_P | PTE_RW)) == PTE_P ? l1_table(pte_mfn(e), d) : NULL;
    if (!f)
        return false;
    if (pv_finish_puts(v))
        return true; /* the guest comes again */
    p = (u64 *)mfn_to_virt(pte_mfn(e)) + (cr2 & ~PAGE_MASK) / 8;
    length = whole_move(regs, cr2, &val);
    if (unlikely(!length))
        return store_emulate(v, regs, cr2, f, p);
    rc = l1_update(f, p, READ_ONCE(*p), val, &o, EXCHANGE_PLAIN);
    if (!rc)
        pv_insn_retired(v, regs, length);
    /* Interrupted, or the table or the entry is another now: the guest finds out by doing it again. */
    return !rc || rc == -ERESTART || rc == -EAGAIN;
}
