/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writable page tables (VMASST_TYPE_writable_pagetables): a guest's kernel stores to a level-1
 * table that it has mapped read-only, and the store is done for it as an update of that entry. Only
 * what kernels do to single entries is known: moves, exchanges, compare and exchange, bit
 * operations, arithmetic with a memory destination, string stores. From the page-fault handler
 * (faults.c).
 */
#include <arch/x86/emulate/decode.h>
#include <arch/x86/pv/mmu.h>
#include <lib/lib.h>

#define FLAG_CF     0x001UL
#define FLAG_PF     0x004UL
#define FLAG_AF     0x010UL
#define FLAG_ZF     0x040UL
#define FLAG_SF     0x080UL
#define FLAG_DF     0x400UL
#define FLAG_OF     0x800UL
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* The numbers of the first group of arithmetic and of the group of bit operations (SDM vol. 2,
 * appendix A, groups 1 and 8), and others between. */
enum store_op {
    OP_ADD,
    OP_OR,
    OP_ADC,
    OP_SBB,
    OP_AND,
    OP_SUB,
    OP_XOR,
    OP_CMP,
    OP_MOV,
    OP_XCHG,
    OP_CMPXCHG,
    OP_XADD,
    OP_BT,
    OP_BTS,
    OP_BTR,
    OP_BTC,
    BY_OPCODE, /* the group's operation is in bits 5..3 of the opcode, */
    BY_MODRM   /* or of ModRM */
};

/* One store: `bytes` at `ea`, from src (a value, or for bit operations a bit number). */
struct store {
    enum store_op op;
    bool string;
    unsigned int bytes;
    u64 ea, src;
};

static u64 mask_of(unsigned int bytes) { return ~0UL >> (64 - 8 * bytes); }

/* The bit number of a register operand reaches beyond the operand that the address names. */
static void bit_from_register(struct cpu_user_regs *regs, const struct insn *i, struct store *s)
{
    unsigned int bits = s->bytes * 8;
    s64 nr = *insn_reg(regs, i->reg);

    nr = s->bytes == 4 ? (s32)nr : s->bytes == 2 ? (s16)nr : nr;
    s->src = nr & (bits - 1);
    s->ea += (nr - (s64)s->src) / 8;
}

/* The stores that are known, and where the source operand is. */
enum source { IMMEDIATE, REGISTER, BIT_OF_REGISTER, STRING };
static const struct form {
    bool two_byte;
    u8 first, last, op, source;
} forms[] = {
    {false, 0x00, 0x3f, BY_OPCODE, REGISTER},    {false, 0x80, 0x83, BY_MODRM, IMMEDIATE},
    {false, 0x86, 0x87, OP_XCHG, REGISTER},      {false, 0x88, 0x89, OP_MOV, REGISTER},
    {false, 0xa4, 0xab, OP_MOV, STRING},         {false, 0xc6, 0xc7, OP_MOV, IMMEDIATE},
    {true, 0xab, 0xab, OP_BTS, BIT_OF_REGISTER}, {true, 0xb0, 0xb1, OP_CMPXCHG, REGISTER},
    {true, 0xb3, 0xb3, OP_BTR, BIT_OF_REGISTER}, {true, 0xba, 0xba, BY_MODRM, IMMEDIATE},
    {true, 0xbb, 0xbb, OP_BTC, BIT_OF_REGISTER}, {true, 0xc0, 0xc1, OP_XADD, REGISTER},
    {true, 0xc3, 0xc3, OP_MOV, REGISTER}, /* MOVNTI */
};

static bool store_decode(struct cpu_user_regs *regs, const struct insn *i, struct store *s)
{
    const struct form *f = forms;

    if (!i->mode64 || i->ad_bytes != 8 || i->seg != SEG_DEFAULT || i->mod == 3)
        return false;
    while (f->two_byte != i->two_byte || i->opcode < f->first || i->opcode > f->last)
        if (++f == forms + ARRAY_SIZE(forms))
            return false;
    *s = (struct store){f->op, f->source == STRING, i->op_bytes, i->ea, i->imm};
    if (!(i->opcode & 1) && i->opcode != 0xba)
        s->bytes = 1;
    if (f->op == BY_OPCODE)
        s->op = i->opcode >> 3;
    else if (f->op == BY_MODRM)
        s->op = (i->two_byte ? OP_MOV : OP_ADD) + (i->reg & 7);
    if (f->source == REGISTER) {
        s->src = s->bytes == 1 ? *insn_reg8(regs, i, i->reg) : *insn_reg(regs, i->reg);
    } else if (f->source == BIT_OF_REGISTER) {
        bit_from_register(regs, i, s);
    } else if (f->source == STRING) {
        s->ea = regs->rdi;
        s->src = regs->rax;
        if (i->opcode < 0xaa && copy_from_guest(&s->src, (const void __guest *)regs->rsi, s->bytes))
            return false;
    }
    s->src &= mask_of(s->bytes);
    if (f->op == BY_MODRM && i->two_byte && s->op <= OP_BT)
        return false;
    return s->op != OP_ADC && s->op != OP_SBB && s->op != OP_CMP;
}

/* ---- execution ---- */

/* Flags that the result of an operation of `bytes` sets, besides CF and OF. */
static u64 result_flags(u64 a, u64 b, u64 r, unsigned int bytes)
{
    return (__builtin_parity(r & 0xff) ? 0 : FLAG_PF) | ((a ^ b ^ r) & FLAG_AF) | (r ? 0 : FLAG_ZF) |
           (r >> (8 * bytes - 1) & 1 ? FLAG_SF : 0);
}

/* *r = a + b, or a - b. */
static u64 sum_flags(u64 a, u64 b, bool minus, u64 *r, unsigned int bytes)
{
    u64 of;

    *r = (minus ? a - b : a + b) & mask_of(bytes);
    of = minus ? (a ^ b) & (a ^ *r) : (a ^ *r) & (b ^ *r);
    return result_flags(a, b, *r, bytes) | ((minus ? a < b : *r < a) ? FLAG_CF : 0) |
           (of >> (8 * bytes - 1) & 1 ? FLAG_OF : 0);
}

/*
 * What the operand `old` becomes, and the flags afterwards. False: nothing is to be written (a
 * comparison that failed).
 */
static bool store_execute(const struct store *s, const struct cpu_user_regs *regs, u64 old, u64 *new, u64 *flags)
{
    u64 keep = *flags & ~FLAGS_ARITH, bit, unused;

    switch (s->op) {
    case OP_MOV:
    case OP_XCHG: *new = s->src; return true;
    case OP_ADD:
    case OP_XADD: *flags = keep | sum_flags(old, s->src, false, new, s->bytes); return true;
    case OP_SUB: *flags = keep | sum_flags(old, s->src, true, new, s->bytes); return true;
    case OP_OR: *new = old | s->src; break;
    case OP_AND: *new = old & s->src; break;
    case OP_XOR: *new = old ^ s->src; break;
    case OP_CMPXCHG:
        *new = s->src;
        *flags = keep | sum_flags(regs->rax & mask_of(s->bytes), old, true, &unused, s->bytes);
        return *flags & FLAG_ZF;
    default: /* bit operations */
        bit = 1UL << (s->src & (s->bytes * 8 - 1));
        *flags = (*flags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
        *new = s->op == OP_BTS ? old | bit : s->op == OP_BTR ? old & ~bit : old ^ bit;
        return true;
    }
    *flags = keep | (result_flags(*new, 0, *new, s->bytes) & ~FLAG_AF);
    return true;
}

/* Registers after the store: `old` is what the operand was. */
static void store_finish(const struct store *s, struct cpu_user_regs *regs, const struct insn *i, u64 old, bool written)
{
    if (s->op == OP_XCHG || s->op == OP_XADD)
        insn_write_reg(regs, i, i->reg, s->bytes, old);
    else if (s->op == OP_CMPXCHG && !written)
        insn_write_reg(regs, i, 0, s->bytes, old);
    if (s->string) {
        long step = regs->rflags & FLAG_DF ? -(long)s->bytes : (long)s->bytes;

        regs->rdi += step;
        if (i->opcode < 0xaa)
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
    written = store_execute(&s, regs, old, &new, &flags);
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
