/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random cases of what the emulator's table claims: bytes of an instruction with prefixes, and a state in which its
 * memory operand lies where something can be seen. The table says only what there is; encodings are made here.
 */
#include "case.h"
#include <asm/trapnr.h>
#include <string.h>

struct claim claims[4096];
unsigned int claims_count;

const char *op_name(enum insn_op op)
{
    static const char *const names[] = {"none",
#define X(name, flags) #name
                                        INSN_OPS(X)
#undef X
    };
    return names[op];
}

static void claim(u8 map, u8 opcode, u8 modrm, bool reg_fixed, bool modrm_fixed, u8 op, const struct insn_row *row)
{
    if (op != OP_NONE)
        claims[claims_count++] = (struct claim){map, opcode, modrm, reg_fixed, modrm_fixed, op, row};
}

void claims_make(void)
{
    for (unsigned int map = 0; map < 3; map++)
        for (unsigned int opcode = 0; opcode < 256; opcode++) {
            const struct insn_row *row = map == 0   ? &insn_one_byte[opcode]
                                         : map == 1 ? &insn_two_byte[opcode]
                                                    : insn_row_0f38(opcode);
            if (!row)
                continue;
            if (row->op < GROUP_FIRST) {
                claim(map, opcode, 0, false, false, row->op, row);
                continue;
            }
            for (unsigned int reg = 0; reg < 8; reg++)
                claim(map, opcode, reg << 3, true, false, insn_group_op(row->op, reg << 3), row);
            for (unsigned int modrm = 0xc0; row->op == GROUP7 && modrm < 0x100; modrm++)
                if (insn_op_flags[insn_group_op(GROUP7, modrm)] & OPF_LENGTH)
                    claim(map, opcode, modrm, true, true, insn_group_op(GROUP7, modrm), row);
        }
}

/* ---- values ---- */

static u64 value(void)
{
    static const u64 edges[] = {0,      1,         2,          0x7f,       0x80,       0xff,      0x7fff,
                                0x8000, 0xffff,    0x7fffffff, 0x80000000, 0xffffffff, ~0UL >> 1, 1UL << 63,
                                ~0UL,   ~0UL << 7, ~0UL << 15, ~0UL << 31, 0x100,      0x10000};

    switch (below(4)) {
    case 0: return edges[below(ARRAY_SIZE(edges))];
    case 1: return rnd() >> below(64);
    case 2: return below(64);
    default: return rnd();
    }
}

/* Somewhere in memory, mostly where it is writable, sometimes over an edge; aligned or not. */
static u64 place(bool aligned)
{
    u64 at = DATA + 0x800 + below(DATA_BYTES - 0x1000);

    if (chance(10))
        at = DATA + below(DATA_BYTES + RO_BYTES);
    else if (chance(5))
        at = (chance(50) ? RO : RO + RO_BYTES) - 20 + below(24);
    else if (chance(2))
        at = DATA - 8 + below(12);
    return aligned || chance(60) ? at & ~15UL : at;
}

/* The address in the case's segment that is this place; may be anything if it is not in it. */
static u64 offset_in(const struct tcase *c, unsigned int seg, u64 at)
{
    if (c->mode != MODE_64)
        return (u32)(at - descriptors[c->seg[seg]].base);
    return at - (seg == SEG_FS ? c->before.fs_base : seg == SEG_GS ? c->before.gs_base : 0);
}

/* ---- bytes ---- */

/* What is known while bytes are put down. */
struct draft {
    struct tcase *c;
    u8 rex, ad;
    bool opsize, locked;
    int seg;     /* by prefix; -1: none */
    u64 at;      /* where the memory operand shall be */
    int disp_at; /* position of a displacement that counts from the end, 0: none */
    u64 ea;
};

static void put(struct draft *d, u64 v, unsigned int n)
{
    memcpy(d->c->bytes + d->c->n, &v, n);
    d->c->n += n;
}

static u64 *reg(struct draft *d, unsigned int n) { return insn_reg(&d->c->before.r, n); }

/* Sets the low `ad` bytes of a register. */
static void set_reg(struct draft *d, unsigned int n, u64 v)
{
    u64 m = mask_of(d->ad);

    *reg(d, n) = (*reg(d, n) & ~m) | (v & m);
}

static void prefixes(struct draft *d, const struct claim *k)
{
    static const u8 segs[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    u8 order[8], n = 0;
    enum mode m = d->c->mode;

    d->ad = m == MODE_64 ? 8 : m == MODE_32 ? 4 : 2;
    d->seg = -1;
    if (chance(30)) {
        order[n++] = 0x66;
        d->opsize = true;
    }
    if (chance(20)) {
        order[n++] = 0x67;
        d->ad = d->ad == 4 ? 2 : 4;
    }
    if (chance(25)) {
        d->seg = below(6);
        order[n++] = segs[d->seg];
    }
    if (chance(insn_op_flags[k->op] & OPF_LOCK ? 30 : 2)) {
        order[n++] = 0xf0;
        d->locked = true;
    }
    if (chance(k->op >= OP_MOVS && k->op <= OP_OUTS                    ? 60
               : k->op == OP_SSE || k->op == OP_BSF || k->op == OP_BSR ? 50
                                                                       : 3))
        order[n++] = chance(50) ? 0xf2 : 0xf3;
    while (n) { /* in any order */
        unsigned int pick = below(n);

        put(d, order[pick], 1);
        order[pick] = order[--n];
    }
    if (m == MODE_64 && chance(60)) {
        d->rex = 0x40 | below(16);
        put(d, d->rex, 1);
    }
    if (m == MODE_64 && d->seg >= 0 && d->seg < SEG_FS)
        d->seg = -1;
}

static unsigned int segment_of(const struct draft *d, unsigned int by_default)
{
    return d->seg < 0 ? by_default : (unsigned int)d->seg;
}

/* A 16-bit address (SDM vol. 2, table 2-1). */
static void memory16(struct draft *d, u8 modrm)
{
    static const u8 base[8] = {3, 3, 5, 5, 6, 7, 5, 3}, index[8] = {6, 7, 6, 7};
    unsigned int rm = modrm & 7, mod = modrm >> 6;
    bool only_disp = rm == 6 && mod == 0, stack = base[rm] == 5 && !only_disp;
    u64 disp = rnd();

    d->ea = offset_in(d->c, segment_of(d, stack ? SEG_SS : SEG_DS), d->at);
    if (only_disp) {
        put(d, d->ea, 2);
        return;
    }
    put(d, disp, mod);
    disp = mod == 0 ? 0 : mod == 1 ? (u64)(s8)disp : disp;
    set_reg(d, base[rm], d->ea - disp - (rm < 4 ? *reg(d, index[rm]) : 0));
}

static void memory(struct draft *d, u8 modrm)
{
    unsigned int rm = modrm & 7, mod = modrm >> 6, base = rm, index = 4, scale = 0;
    u64 disp = chance(50) ? (u64)(s64)(s32)rnd() : below(256);

    if (rm == 4) {
        u8 sib = rnd();

        put(d, sib, 1);
        base = sib & 7;
        index = (sib >> 3 & 7) | (d->rex & 2) << 2;
        scale = sib >> 6;
    }
    if (base == 5 && mod == 0) {
        d->ea = offset_in(d->c, segment_of(d, SEG_DS), d->at);
        if (index != 4)
            set_reg(d, index, below(64));
        if (rm != 4 && d->c->mode == MODE_64)
            d->disp_at = d->c->n;
        put(d, d->ea - (index != 4 ? *reg(d, index) << scale : 0), 4);
        return;
    }
    put(d, disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
    disp = mod == 1 ? (u64)(s8)disp : mod == 2 ? (u64)(s32)disp : 0;
    base |= (d->rex & 1) << 3;
    d->ea = offset_in(d->c, segment_of(d, base == 4 || base == 5 ? SEG_SS : SEG_DS), d->at);
    if (index == base)
        set_reg(d, base, (d->ea - disp) / (1 + (1 << scale)));
    else
        set_reg(d, base, d->ea - disp - (index != 4 ? *reg(d, index) << scale : 0));
}

static void put_modrm(struct draft *d, const struct claim *k)
{
    u8 modrm = rnd();

    if (k->modrm_fixed)
        modrm = k->modrm;
    else if (k->reg_fixed)
        modrm = (modrm & 0xc7) | k->modrm;
    if (!k->modrm_fixed && (insn_op_flags[k->op] & OPF_MEMORY || chance(60)) && modrm >= 0xc0)
        modrm -= 0x40 * (1 + below(3));
    put(d, modrm, 1);
    if (modrm >= 0xc0 || k->row->what & W_REG)
        return;
    if (d->ad == 2)
        memory16(d, modrm);
    else
        memory(d, modrm);
}

static void immediate(struct draft *d, const struct claim *k, bool wide)
{
    unsigned int v = wide ? 8 : (d->c->mode == MODE_64 || d->c->mode == MODE_32) != d->opsize ? 4 : 2;
    unsigned int what = k->row->what;

    if (k->row->op == GROUP3 && k->op == OP_TEST)
        what |= what & W_BYTE ? W_IMM8 : W_IMMZ;
    switch (what & W_IMM) {
    case W_IMM8: put(d, value(), 1); break;
    case W_IMMZ: put(d, value(), v == 2 ? 2 : 4); break;
    case W_IMMV: put(d, value(), v); break;
    case W_OFFSET: put(d, offset_in(d->c, segment_of(d, SEG_DS), d->at), d->ad); break;
    }
}

/* ---- states ---- */

static void segments(struct tcase *c)
{
    static const u8 data[] = {D_FLAT, D_DATA,   D_DATA, D_DATA16, D_DATA16, D_READ_ONLY,
                              D_DOWN, D_DOWN16, D_ODD,  D_CODE32, D_NULL};
    static const u8 stacks[] = {D_FLAT, D_DATA, D_DATA, D_DATA16, D_DATA16, D_DOWN, D_DOWN16, D_ODD};

    for (unsigned int n = 0; n < 6; n++)
        c->seg[n] = c->mode == MODE_REAL ? D_REAL_DATA : c->mode == MODE_64 ? D_NULL : data[below(ARRAY_SIZE(data))];
    if (c->mode == MODE_64) {
        c->seg[SEG_CS] = D_CODE64;
        c->seg[SEG_SS] = D_STACK64;
    } else if (c->mode == MODE_REAL)
        c->seg[SEG_CS] = D_REAL_CODE;
    else {
        c->seg[SEG_CS] = c->mode == MODE_16 ? D_CODE16 : chance(80) ? D_CODE32 : D_EXECUTE;
        c->seg[SEG_SS] = stacks[below(ARRAY_SIZE(stacks))];
    }
}

static void registers(struct tcase *c)
{
    struct cpu_user_regs *r = &c->before.r;
    u64 rip = chance(85) ? 0x100 + below(0x800) : chance(80) ? 0x1000 - 1 - below(14) : CODE_BYTES - 1 - below(14);

    c->linear_rip = CODE + rip;
    for (unsigned int n = 0; n < 16; n++)
        *insn_reg(r, n) = value();
    c->before.fs_base = chance(90) ? DATA - below(0x10000) : (u64)((s64)rnd() >> 17);
    c->before.gs_base = chance(90) ? DATA - below(0x10000) : DATA;
    r->rip = c->mode == MODE_64 ? CODE + rip : c->linear_rip - descriptors[c->seg[SEG_CS]].base;
    r->rflags = 0x202 | (rnd() & (FLAGS_ARITH | X86_EFLAGS_DF));
    r->rsp = offset_in(c, SEG_SS, place(false));
    for (unsigned int n = 0; n < 32; n++)
        c->before.xmm[n / 2][n & 1] = rnd();
}

/* Values without which an operation would hardly ever show what it can. */
static void suit(struct draft *d, const struct claim *k, const u8 *data)
{
    struct cpu_user_regs *r = &d->c->before.r;
    u64 at = d->at - DATA;

    if (k->op >= OP_BT && k->op <= OP_BTC)
        for (unsigned int n = 0; n < 16; n++)
            *reg(d, n) = chance(90) ? (u64)(s64)(s16)rnd() >> 1 : value();
    if ((k->op == OP_CMPXCHG || k->op == OP_CMPXCHG8B) && chance(60) && at < DATA_BYTES) {
        memcpy(&r->rax, data + at, 8);
        memcpy(&r->rdx, data + at + (d->rex & 8 ? 8 : 4), 8);
    }
    if ((k->op == OP_DIV || k->op == OP_IDIV) && chance(70))
        r->rdx = chance(50) ? 0 : chance(50) ? ~0UL : below(256);
    if (k->op >= OP_MOVS && k->op <= OP_OUTS) {
        set_reg(d, 6, offset_in(d->c, segment_of(d, SEG_DS), place(false)));
        set_reg(d, 7, offset_in(d->c, SEG_ES, place(false)));
        set_reg(d, 1, below(40));
        if (chance(20)) /* compare with what is there */
            memcpy(&r->rax, data + below(DATA_BYTES), 8);
    }
    if (k->op == OP_XLAT)
        set_reg(d, 3, offset_in(d->c, segment_of(d, SEG_DS), d->at));
    if ((k->op == OP_CALL || k->op == OP_JMP) && chance(80))
        for (unsigned int n = 0; n < 16; n++)
            if (n != 4)
                *reg(d, n) = d->c->mode == MODE_64 ? CODE + 0x1400 + below(0x800) : 0x1400 + below(0x800);
}

/* Control registers: what may change without leaving the mode. LMSW, too: of its operand in a register. */
static void system_values(struct draft *d, const struct claim *k, u8 modrm)
{
    static const u64 change[9] = {[0] = 0x0a, [2] = ~0UL, [3] = 0xfffff000, [4] = 0x0c, [8] = 0xf};
    unsigned int n = (modrm >> 3 & 7) | (d->rex & 4) << 1;
    u64 *r = reg(d, (modrm & 7) | (d->rex & 1) << 3);

    unicorn_system(d->c->mode, &d->c->before);
    for (unsigned int dr = 0; dr < 4; dr++)
        d->c->before.dr[dr] = rnd() & 0x7fffffff;
    d->c->before.cr[2] = rnd() & 0x7fffffff;
    if (k->op == OP_WRITE_CR && n < ARRAY_SIZE(change))
        *r = d->c->before.cr[n] ^ (rnd() & change[n]);
    if (k->op == OP_WRITE_DR)
        *r &= 0x7fffffff;
}

void generate(struct tcase *c, const struct claim *k, enum mode mode, bool privileged, const u8 *data)
{
    struct draft d = {.c = c};

    memset(c, 0, sizeof(*c));
    c->mode = mode;
    c->cpl = privileged ? 0 : 3;
    segments(c);
    if (privileged && mode == MODE_32) {
        memset(c->seg, D_FLAT, 6);
        c->seg[SEG_CS] = D_CODE_FLAT;
    }
    registers(c);
    prefixes(&d, k);
    d.at = place(false);
    if (d.locked || k->op == OP_XCHG) /* a locked access over two cache lines costs other programs dearly */
        d.at &= ~15UL;
    suit(&d, k, data);
    put(&d, 0x380f, k->map); /* 0F, 0F 38 */
    put(&d, k->opcode, 1);
    if (k->row->what & W_MODRM)
        put_modrm(&d, k);
    if (privileged)
        system_values(&d, k, c->bytes[c->n - 1]);
    immediate(&d, k, d.rex & 8);
    if (d.disp_at) {
        u32 disp = d.ea - (c->before.r.rip + c->n);

        memcpy(c->bytes + d.disp_at, &disp, 4);
    }
    if (mode != MODE_64)
        for (unsigned int n = 0; n < 16; n++)
            *insn_reg(&c->before.r, n) = n < 8 ? (u32)*insn_reg(&c->before.r, n) : 0;
}
