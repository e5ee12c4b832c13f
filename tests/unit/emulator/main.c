/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator against the CPU of this machine and against Unicorn: random cases of all that the table claims.
 *
 *   emulator [--cases N] [--seed S] [--unicorn N] [--op NAME] [--list]
 *
 * --cases: by the bare CPU, 16-, 32- and 64-bit code at CPL 3. --unicorn: what is only for CPL 0, ports, and real mode.
 * Prints a line per difference, with all that is needed to look at it; ends with 1 if there was one.
 */
#include "case.h"
#include <asm/trapnr.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_SHOWN 20

static u8 memory[DATA_BYTES + RO_BYTES];
static struct insn decoded;
static struct outcome ours, theirs;
static bool replayed;
static unsigned long compared[256], unhandled[256], done[256], differences;

/* How far a shift or rotation went. */
static unsigned int shift_count(const struct tcase *c, const struct insn *i)
{
    u64 count = i->src == O_I ? (u64)i->imm : i->src == O_CL ? c->before.r.rcx : 1;

    return count & (i->op_bytes == 8 ? 63 : 31);
}

/* Flags that are compared after an operation: those that it leaves undefined are not. */
static u64 flags_defined(const struct tcase *c, const struct insn *i)
{
    switch (i->op) {
    case OP_MUL:
    case OP_IMUL:
    case OP_IMUL2:
    case OP_IMUL3: return FLAG_CF | FLAG_OF;
    case OP_DIV:
    case OP_IDIV: return 0;
    case OP_BSF:
    case OP_BSR: return FLAG_ZF;
    case OP_TZCNT:
    case OP_LZCNT: return FLAG_CF | FLAG_ZF;
    case OP_ROL ... OP_SAR:
    case OP_SHLD:
    case OP_SHRD: return shift_count(c, i) > 1 ? FLAGS_ARITH & ~FLAG_OF : FLAGS_ARITH;
    default: return FLAGS_ARITH;
    }
}

/* General register n, as far as it is compared. */
static u64 register_of(const struct tcase *c, const struct outcome *o, unsigned int n)
{
    u64 v = *insn_reg((struct cpu_user_regs *)&o->after.r, n);
    bool string = n == 1 || n == 6 || n == 7;

    /* REP with 32-bit addresses in 64-bit code that does nothing, or faults: whether the upper halves of RCX, RSI and
     * RDI are cleared differs from instruction to instruction and from CPU to CPU. */
    if (c->mode == MODE_64 && string && decoded.rep && decoded.ad_bytes == 4)
        return ours.rc == EMU_EXCEPTION || !(u32)c->before.r.rcx ? (u32)v : v;
    return v;
}

/* The address where the instruction's end or target could not be fetched: the CPU tells that as an exception of the
 * next. */
static bool next_fetch_failed(const struct tcase *c)
{
    if (ours.rc != EMU_DONE || theirs.rc != EMU_EXCEPTION || theirs.after.r.rip != ours.after.r.rip)
        return false;
    if (theirs.by_unicorn)
        return decoded.op == OP_CALL || decoded.op == OP_JMP;
    if (c->mode != MODE_64 && theirs.vector == TRAP_GP)
        return ours.after.r.rip > descriptors[c->seg[SEG_CS]].limit;
    return theirs.vector == TRAP_PF && theirs.error & PFEC_FETCH;
}

static const char *differ(const struct tcase *c)
{
    u64 flags = flags_defined(c, &decoded) | X86_EFLAGS_DF;
    bool fetch_failed = next_fetch_failed(c);

    if (ours.rc == EMU_EXCEPTION && theirs.rc == EMU_EXCEPTION && theirs.by_unicorn) {
        flags = 0; /* that there is one, and that nothing changed: what kind, Unicorn hardly tells */
    } else if (ours.rc == EMU_EXCEPTION && theirs.rc == EMU_EXCEPTION) {
        if (ours.vector != theirs.vector)
            return "vector";
        if (TRAP_HAVE_ERROR_CODE >> ours.vector & 1 && ours.error != theirs.error)
            return "error code";
        if (ours.vector == TRAP_PF && ours.cr2 != theirs.cr2)
            return "address of the fault";
        /* A comparison under REP that faults restores the flags; run in several goes, those of the last go. */
        flags = replayed && decoded.rep ? 0 : FLAGS_ARITH | X86_EFLAGS_DF;
    } else if (ours.rc != theirs.rc && !fetch_failed) {
        return ours.rc == EMU_DONE ? "no exception of ours" : "an exception of ours";
    }
    if (ours.after.r.rip != theirs.after.r.rip)
        return "rip";
    for (unsigned int n = 0; n < 16; n++)
        if (register_of(c, &ours, n) != register_of(c, &theirs, n))
            return "a general register";
    if ((ours.after.r.rflags ^ theirs.after.r.rflags) & flags)
        return "flags";
    if (memcmp(ours.after.xmm, theirs.after.xmm, sizeof(ours.after.xmm)))
        return "an XMM register";
    if (memcmp(ours.after.cr, theirs.after.cr, sizeof(ours.after.cr)) ||
        memcmp(ours.after.dr, theirs.after.dr, sizeof(ours.after.dr)))
        return "a control or debug register";
    /* Unicorn leaves the part of a store that lies before the page that is missing. */
    if (memcmp(ours.data, theirs.data, DATA_BYTES) && !(theirs.by_unicorn && ours.rc == EMU_EXCEPTION))
        return "memory";
    return ours.io_hash != theirs.io_hash ? "ports" : NULL;
}

static void show_outcome(const char *who, const struct tcase *c, const struct outcome *o)
{
    static const char *const names[16] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di",
                                          "8",  "9",  "10", "11", "12", "13", "14", "15"};
    u64 was, is;

    printf("  %s: %s", who, o->rc == EMU_DONE ? "done" : o->rc == EMU_EXCEPTION ? "exception" : "?");
    if (o->rc == EMU_EXCEPTION)
        printf(" %u error %#x cr2 %#lx", o->vector, o->error, o->cr2);
    printf(" rip %lx flags %lx", o->after.r.rip, o->after.r.rflags);
    for (unsigned int n = 0; n < 16; n++) {
        was = *insn_reg((struct cpu_user_regs *)&c->before.r, n);
        is = *insn_reg((struct cpu_user_regs *)&o->after.r, n);
        if (was != is)
            printf(" r%s %lx->%lx", names[n], was, is);
    }
    for (unsigned int n = 0; n < DATA_BYTES; n++)
        if (o->data[n] != memory[n])
            printf(" [%lx] %02x->%02x", DATA + n, memory[n], o->data[n]);
    printf("\n");
}

static void show(const struct tcase *c, const char *what, u64 seed)
{
    static const char *const modes[] = {"64-bit", "32-bit", "16-bit", "real mode"};

    if (differences++ >= DIFFERENCES_SHOWN)
        return;
    printf("DIFFERENCE %s: %s in %s:", what, op_name(decoded.op), modes[c->mode]);
    for (unsigned int n = 0; n < c->n; n++)
        printf(" %02x", c->bytes[n]);
    printf(" (seed %#lx)\n  before: rip %lx flags %lx ea %lx seg %u descriptors %u %u %u %u %u %u;", seed,
           c->before.r.rip, c->before.r.rflags, decoded.ea, decoded.seg, c->seg[0], c->seg[1], c->seg[2], c->seg[3],
           c->seg[4], c->seg[5]);
    for (unsigned int n = 0; n < 16; n++)
        printf(" %lx", *insn_reg((struct cpu_user_regs *)&c->before.r, n));
    printf("\n");
    show_outcome("ours  ", c, &ours);
    show_outcome("theirs", c, &theirs);
}

static void fill_memory(void)
{
    for (unsigned int n = 0; n < sizeof(memory); n += 8) {
        u64 v = chance(30) ? rnd() >> below(64) : rnd();

        if (chance(10)) /* somewhere to jump to */
            v = chance(50) ? CODE + 0x1400 + below(0x800) : 0x1400 + below(0x800) + ((u64)below(0x1000) << 16);
        memcpy(memory + n, &v, 8);
    }
}

/* Operations that this machine's operating system answers in the CPU's place, or that would leave the program. */
static bool by_native(const struct claim *k) { return !(insn_op_flags[k->op] & OPF_LENGTH) && k->op != OP_SMSW; }

static bool by_unicorn(const struct claim *k, enum mode mode)
{
    if (insn_op_flags[k->op] & OPF_LENGTH)
        return false;
    return mode == MODE_REAL ? k->op != OP_SSE
                             : insn_op_flags[k->op] & OPF_SYSTEM || (k->op >= OP_INS && k->op <= OP_SMSW);
}

/* One case of claim k, by both. Nothing to compare where ours does not claim it (a prefix may make it something else).
 */
static void one(const struct claim *k, enum mode mode, bool unicorn)
{
    u64 seed = rnd_state;
    struct tcase c;
    const char *what;

    generate(&c, k, mode, unicorn, memory);
    replayed = chance(20);
    run_emulated(&c, memory, replayed, &ours, &decoded);
    if (ours.rc == EMU_UNHANDLEABLE) {
        unhandled[k->op]++;
        return;
    }
    if ((decoded.op == OP_CALL || decoded.op == OP_JMP) && ours.rc == EMU_DONE &&
        ours.after.r.rip - c.before.r.rip < c.n)
        return; /* into its own bytes: they, too, would be carried out, or it would never end */
    if (unicorn) {
        if (unicorn_known_fault(&c, &decoded, &ours))
            return;
        if ((ours.after.cr[0] ^ c.before.cr[0]) & X86_CR0_PE)
            return; /* LMSW to protected mode: what Unicorn then does is another mode */
        run_unicorn(&c, memory, decoded.op == OP_CALL || decoded.op == OP_JMP, &theirs);
    } else {
        memcpy(native_data, memory, sizeof(memory));
        run_native(&c, &theirs);
    }
    compared[decoded.op]++;
    done[decoded.op] += ours.rc == EMU_DONE;
    what = differ(&c);
    if (what)
        show(&c, what, seed);
    memcpy(memory, ours.data, DATA_BYTES);
}

/* Cases in one of the modes. */
static void run(unsigned long cases, const enum mode *modes, unsigned int count, bool unicorn, const char *only)
{
    for (unsigned long tries = 0, n = 0; n < cases; tries++) {
        const struct claim *k = &claims[below(claims_count)];
        enum mode mode = modes[below(count)];

        if (tries % 1000 == 0)
            fill_memory();
        if ((only && strcmp(only, op_name(k->op))) || !(unicorn ? by_unicorn(k, mode) : by_native(k)))
            continue;
        one(k, mode, unicorn);
        n++;
    }
}

static void run_all(unsigned long cases, unsigned long unicorn, const char *only)
{
    static const enum mode natives[] = {MODE_64, MODE_64, MODE_32, MODE_16}, unicorns[] = {MODE_64, MODE_32, MODE_REAL};

    native_init();
    fill_memory();
    run(cases, natives, ARRAY_SIZE(natives), false, only);
    for (unsigned int n = 0; unicorn && n < ARRAY_SIZE(unicorns); n++) {
        unicorn_open(unicorns[n]);
        run(unicorn / ARRAY_SIZE(unicorns), &unicorns[n], 1, true, only);
        unicorn_close();
    }
}

/* What is claimed: a line per operation with its opcodes, /n for ModRM's reg field, +ModRM for a whole one. */
static void list(void)
{
    static const char *const maps[] = {"", "0f", "0f38"};

    for (unsigned int op = 1; op <= OP_INVLPGA; op++) {
        printf("%s", op_name(op));
        for (unsigned int n = 0; n < claims_count; n++) {
            const struct claim *k = &claims[n];

            if (k->op != op)
                continue;
            printf(" %s%02x", maps[k->map], k->opcode);
            if (k->modrm_fixed)
                printf("+%02x", k->modrm);
            else if (k->reg_fixed)
                printf("/%u", k->modrm >> 3);
        }
        printf("%s\n", op == OP_TZCNT || op == OP_LZCNT || op == OP_PAUSE ? " by prefix" : "");
    }
}

static int verdict(bool verbose, bool all)
{
    unsigned long total = 0;

    for (unsigned int op = 1; op <= OP_INVLPGA; op++) {
        total += compared[op];
        if (verbose)
            printf("%-10s %8lu compared, %8lu done, %8lu not claimed\n", op_name(op), compared[op], done[op],
                   unhandled[op]);
        if (all && !(insn_op_flags[op] & OPF_LENGTH) && !done[op]) {
            printf("DIFFERENCE: %s was never carried out\n", op_name(op));
            differences++;
        }
    }
    printf("emulator: %lu cases compared, %lu differences\n", total, differences);
    return differences != 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"cases", 1, NULL, 'c'}, {"seed", 1, NULL, 's'}, {"unicorn", 1, NULL, 'u'},
                                            {"op", 1, NULL, 'o'},    {"list", 0, NULL, 'l'}, {"verbose", 0, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    unsigned long cases = 300000, unicorn = 20000;
    const char *only = NULL;
    bool verbose = false;
    int o;

    rnd_state = 1;
    claims_make();
    while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (o) {
        case 'c': cases = strtoul(optarg, NULL, 0); break;
        case 's': rnd_state = strtoul(optarg, NULL, 0) * 2 + 1; break;
        case 'u': unicorn = strtoul(optarg, NULL, 0); break;
        case 'o': only = optarg; break;
        case 'v': verbose = true; break;
        case 'l': list(); return 0;
        default: return 2;
        }
    }
    run_all(cases, unicorn, only);
    return verdict(verbose, !only && cases >= 100000 && unicorn >= 4000);
}
