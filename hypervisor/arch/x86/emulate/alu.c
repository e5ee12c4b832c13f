/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic with flags (alu.h), done by the CPU's own instruction on registers wherever that cannot fault: then
 * results and flags are right by themselves, those that are called undefined, too.
 */
#include <arch/x86/emulate/alu.h>

/* The instruction on d and s with the flags as they were: OF in AL (as 0 or 1), the others in AH, before and after. */
#define RUN(text)                                                       \
    __asm__("addb $0x7f, %%al\n\tsahf\n\t" text "\n\tlahf\n\tseto %%al" \
            : [d] "+&r"(d), "+&a"(f)                                    \
            : [s] "c"(s), [x] "r"(x)                                    \
            : "cc")

/* By operand size. */
#define SIZED(m8, m16, m32, m64) \
    switch (bytes) {             \
    case 1: RUN(m8); break;      \
    case 2: RUN(m16); break;     \
    case 4: RUN(m32); break;     \
    default: RUN(m64); break;    \
    }                            \
    break
#define BINARY(m) SIZED(m "b %b[s], %b[d]", m "w %w[s], %w[d]", m "l %k[s], %k[d]", m "q %[s], %[d]")
#define UNARY(m)  SIZED(m "b %b[d]", m "w %w[d]", m "l %k[d]", m "q %[d]")
#define SHIFT(m)  SIZED(m "b %%cl, %b[d]", m "w %%cl, %w[d]", m "l %%cl, %k[d]", m "q %%cl, %[d]")
/* Without a byte form. */
#define WIDE(m)  SIZED("", m "w %w[s], %w[d]", m "l %k[s], %k[d]", m "q %[s], %[d]")
#define FROM2(m) SIZED("", m "w %%cl, %w[x], %w[d]", m "l %%cl, %k[x], %k[d]", m "q %%cl, %[x], %[d]")

u64 insn_alu(enum insn_op op, unsigned int bytes, u64 d, u64 s, u64 x, u64 *flags)
{
    u64 f = (*flags & 0xff) << 8 | (*flags & FLAG_OF ? 1 : 0);

    switch (op) {
    case OP_ADD: BINARY("add");
    case OP_OR: BINARY("or");
    case OP_ADC: BINARY("adc");
    case OP_SBB: BINARY("sbb");
    case OP_AND: BINARY("and");
    case OP_SUB: BINARY("sub");
    case OP_XOR: BINARY("xor");
    case OP_CMP: BINARY("cmp");
    case OP_TEST: BINARY("test");
    case OP_ROL: SHIFT("rol");
    case OP_ROR: SHIFT("ror");
    case OP_RCL: SHIFT("rcl");
    case OP_RCR: SHIFT("rcr");
    case OP_SHL: SHIFT("shl");
    case OP_SHR: SHIFT("shr");
    case OP_SAR: SHIFT("sar");
    case OP_BT: WIDE("bt");
    case OP_BTS: WIDE("bts");
    case OP_BTR: WIDE("btr");
    case OP_BTC: WIDE("btc");
    case OP_INC: UNARY("inc");
    case OP_DEC: UNARY("dec");
    case OP_NOT: UNARY("not");
    case OP_NEG: UNARY("neg");
    case OP_IMUL2: WIDE("imul");
    case OP_BSF: WIDE("bsf");
    case OP_BSR: WIDE("bsr");
    case OP_TZCNT: WIDE("tzcnt"); /* on a CPU without: BSF, as its programs would see */
    case OP_LZCNT: WIDE("lzcnt");
    case OP_SHLD: FROM2("shld");
    default: FROM2("shrd");
    }
    *flags = (*flags & ~FLAGS_ARITH) | ((f >> 8 | (f & 1 ? FLAG_OF : 0)) & FLAGS_ARITH);
    return d & mask_of(bytes);
}

void insn_multiply(enum insn_op op, unsigned int bytes, u64 *lo, u64 *hi, u64 s, u64 *flags)
{
    __int128 r = op == OP_MUL ? (__int128)((unsigned __int128)*lo * s)
                              : (__int128)sign_extend(*lo, bytes) * sign_extend(s, bytes);
    bool wide;

    *lo = r & mask_of(bytes);
    *hi = (unsigned __int128)r >> (8 * bytes) & mask_of(bytes);
    wide = op == OP_MUL ? *hi != 0 : r != sign_extend(*lo, bytes);
    *flags = (*flags & ~(FLAG_CF | FLAG_OF)) | (wide ? FLAG_CF | FLAG_OF : 0);
}

bool insn_divide(enum insn_op op, unsigned int bytes, u64 *lo, u64 *hi, u64 s)
{
    unsigned __int128 n = (unsigned __int128)*hi << (8 * bytes) | *lo;
    bool minus = op == OP_IDIV && sign_extend(*hi, bytes) < 0, other = op == OP_IDIV && sign_extend(s, bytes) < 0;
    u64 q, r, mask = mask_of(bytes);

    if (minus)
        n = (-n) & ((unsigned __int128)mask << (8 * bytes) | mask);
    if (other)
        s = -s & mask;
    if ((n >> (8 * bytes)) >= s) /* or s is 0 */
        return false;
    __asm__("divq %[s]" : "=a"(q), "=d"(r) : "a"((u64)n), "d"((u64)(n >> 64)), [s] "r"(s) : "cc");
    if (op == OP_IDIV && q > (mask >> 1) + (minus != other))
        return false;
    *lo = (minus != other ? -q : q) & mask;
    *hi = (minus ? -r : r) & mask;
    return true;
}

bool insn_condition(unsigned int cc, u64 flags)
{
    bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF), yes;

    switch (cc >> 1 & 7) {
    case 0: yes = flags & FLAG_OF; break;
    case 1: yes = flags & FLAG_CF; break;
    case 2: yes = flags & FLAG_ZF; break;
    case 3: yes = flags & (FLAG_CF | FLAG_ZF); break;
    case 4: yes = flags & FLAG_SF; break;
    case 5: yes = flags & FLAG_PF; break;
    case 6: yes = less; break;
    default: yes = less || flags & FLAG_ZF; break;
    }
    return yes != (cc & 1);
}
