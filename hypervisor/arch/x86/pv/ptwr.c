/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writable page tables (VMASST_TYPE_writable_pagetables): a guest's kernel stores to a level-1
 * table that it has mapped read-only, and the store is done for it as an update of that entry. Only
 * what kernels do to single entries is known: moves, exchanges, compare and exchange, bit
 * operations, arithmetic with a memory destination, string stores. From the page-fault handler
 * (faults.c).
 */
#include <arch/x86/emulate/alu.h>
#include <arch/x86/pv/mmu.h>
#include <asm/trapnr.h>
#include <lib/lib.h>

/* One store: `bytes` at `ea`, from src (a value, or for bit operations a bit number). */
struct store {
    bool string;
    unsigned int bytes;
    u64 ea, src;
};

/* The bit number of a register operand reaches beyond the operand that the address names. */
static void bit_from_register(struct cpu_user_regs *regs, const struct insn *i, struct store *s)
{
    unsigned int bits = s->bytes * 8;
    s64 nr = *insn_reg(regs, i->reg);

    nr = s->bytes == 4 ? (s32)nr : s->bytes == 2 ? (s16)nr : nr;
    s->src = nr & (bits - 1);
    s->ea += (nr - (s64)s->src) / 8;
}

/* Stores that are known: no arithmetic with carry, no comparison. */
static bool store_known(const struct insn *i)
{
    switch (i->op) {
    case OP_ADD:
    case OP_OR:
    case OP_AND:
    case OP_SUB:
    case OP_XOR:
    case OP_BTS:
    case OP_BTR:
    case OP_BTC:
    case OP_MOV:
    case OP_MOVNTI:
    case OP_XCHG:
    case OP_XADD:
    case OP_CMPXCHG: return i->dst == O_E && i->mod != 3 && i->ad_bytes == 8 && i->seg < SEG_FS;
    case OP_MOVS:
    case OP_STOS: return i->ad_bytes == 8 && i->seg < SEG_FS;
    default: return false;
    }
}

static bool store_decode(struct cpu_user_regs *regs, const struct insn *i, struct store *s)
{
    bool bits = i->op >= OP_BTS && i->op <= OP_BTC;

    if (!store_known(i))
        return false;
    *s = (struct store){i->op == OP_MOVS || i->op == OP_STOS, i->op_bytes, i->ea, i->imm};
    if (s->string) {
        s->ea = regs->rdi;
        s->src = regs->rax;
        if (i->op == OP_MOVS && copy_from_guest(&s->src, (const void __guest *)regs->rsi, s->bytes))
            return false;
    } else if (i->src == O_G && bits) {
        bit_from_register(regs, i, s);
    } else if (i->src == O_G) {
        s->src = s->bytes == 1 ? *insn_reg8(regs, i, i->reg) : *insn_reg(regs, i->reg);
    } else if (i->src != O_I) {
        return false;
    }
    s->src &= bits ? s->bytes * 8 - 1 : mask_of(s->bytes);
    return true;
}

/* ---- execution ---- */

/*
 * What the operand `old` becomes, and the flags afterwards. False: nothing is to be written (a
 * comparison that failed).
 */
static bool store_execute(const struct store *s, const struct insn *i, const struct cpu_user_regs *regs, u64 old,
                          u64 *new, u64 *flags)
{
    switch (i->op) {
    case OP_CMPXCHG: insn_alu(OP_CMP, s->bytes, regs->rax, old, 0, flags); fallthrough;
    case OP_MOV:
    case OP_MOVNTI:
    case OP_MOVS:
    case OP_STOS:
    case OP_XCHG: *new = s->src; break;
    default: *new = insn_alu(i->op == OP_XADD ? OP_ADD : i->op, s->bytes, old, s->src, 0, flags); break;
    }
    return i->op != OP_CMPXCHG || *flags & FLAG_ZF;
}

/* Registers after the store: `old` is what the operand was. */
static void store_finish(const struct store *s, struct cpu_user_regs *regs, const struct insn *i, u64 old, bool written)
{
    if (i->op == OP_XCHG || i->op == OP_XADD)
        insn_write_reg(regs, i, i->reg, s->bytes, old);
    else if (!written)
        insn_write_reg(regs, i, 0, s->bytes, old);
    if (s->string) {
        long step = regs->rflags & X86_EFLAGS_DF ? -(long)s->bytes : (long)s->bytes;

        regs->rdi += step;
        if (i->op == OP_MOVS)
            regs->rsi += step;
        if (i->rep && --regs->rcx)
            return; /* once more by itself */
    }
    regs->rip += i->length;
}

/* Any store that is known, to the entry p of the table f. Errors as l1_update; -EINVAL: it is none. */
static __noinline int store_emulate(struct cpu_user_regs *regs, unsigned long cr2, struct frame *f, u64 *p,
                                    const struct owners *o)
{
    u64 mask, flags = regs->rflags, entry = READ_ONCE(*p), old, new;
    unsigned int shift = (cr2 & 7) * 8;
    struct store s;
    struct insn i;
    bool written;

    if (!pv_fetch_insn(regs, &i) || !store_decode(regs, &i, &s) || s.ea != cr2 || (s.ea & 7) + s.bytes > 8)
        return -EINVAL;
    mask = mask_of(s.bytes);
    old = entry >> shift & mask;
    written = store_execute(&s, &i, regs, old, &new, &flags);
    if (written) {
        int rc = l1_update(f, p, entry, (entry & ~(mask << shift)) | new << shift, o, EXCHANGE_IF_SAME);

        if (rc)
            return rc;
    }
    regs->rflags = flags;
    store_finish(&s, regs, &i, old, written);
    return 0;
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
    if (likely(length))
        rc = l1_update(f, p, READ_ONCE(*p), val, &o, EXCHANGE_PLAIN);
    else
        rc = store_emulate(regs, cr2, f, p, &o);
    if (!rc)
        pv_insn_retired(v, regs, length);
    /* Interrupted, or the table or the entry is another now: the guest finds out by doing it again. */
    return !rc || rc == -ERESTART || rc == -EAGAIN;
}
