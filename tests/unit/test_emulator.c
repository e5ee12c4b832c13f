/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator where no oracle is needed: random bytes with callbacks that answer anything (nothing breaks,
 * nothing is read beyond 15 bytes, registers change only when an instruction is done), lengths of what is only decoded,
 * ports by the TSS's map, and what its callers rely on: replay, REP in pieces, bytes at hand.
 */
#include <arch/x86/emulate/emulate.h>
#include <asm/trapnr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static u64 rnd_state = 88172645463325252UL;

static u64 rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;
    return rnd_state * 0x2545f4914f6cdd1dUL >> 8;
}

/* ---- a guest ---- */

#define CODE_AT 0x1000

static struct {
    struct emulation e;
    struct cpu_user_regs r;
    u8 code[64];
    u8 memory[0x10000];    /* linear addresses, cut to 16 bits */
    bool hostile;          /* callbacks answer anything */
    unsigned int accesses; /* since the start of the element */
    unsigned int answered; /* accesses of this element that I/O has answered; above: EMU_RETRY */
    unsigned int again;    /* elements until ops->again says no */
    bool rows;
    struct hvm_segment tr;
} g;

static int answer(struct emulation *e)
{
    if (g.hostile && rnd() % 4 == 0) {
        switch (rnd() % 3) {
        case 0: return emulate_raise(e, TRAP_PF, 0);
        case 1: return EMU_RETRY;
        default: return EMU_UNHANDLEABLE;
        }
    }
    return EMU_DONE;
}

static int on_fetch(struct emulation *e, u64 at, void *buf, unsigned int bytes)
{
    assert_true(bytes && bytes <= INSN_MAX);
    assert_true((at & ~PAGE_MASK) + bytes <= PAGE_SIZE);
    for (unsigned int n = 0; n < bytes; n++)
        ((u8 *)buf)[n] = g.code[(at + n - CODE_AT) % sizeof(g.code)];
    return answer(e);
}

/* An access that is I/O: refused until it has been answered. */
static bool refused(void) { return g.accesses++ >= g.answered; }

static int on_read(struct emulation *e, u64 at, void *buf, unsigned int bytes, enum emu_access access)
{
    int rc = answer(e);

    assert_true(bytes && bytes <= 16);
    if (access == EMU_PROBE) {
        assert_null(buf);
        return rc;
    }
    if (access != EMU_SYSTEM && refused())
        return EMU_RETRY;
    for (unsigned int n = 0; n < bytes; n++)
        ((u8 *)buf)[n] = g.memory[(u16)(at + n)];
    return rc;
}

static int on_write(struct emulation *e, u64 at, const void *buf, unsigned int bytes)
{
    int rc = answer(e);

    assert_true(bytes && bytes <= 16);
    if (rc)
        return rc;
    if (refused())
        return EMU_RETRY;
    for (unsigned int n = 0; n < bytes; n++)
        g.memory[(u16)(at + n)] = ((const u8 *)buf)[n];
    return EMU_DONE;
}

static int on_cmpxchg(struct emulation *e, u64 at, const void *old __unused, const void *new, unsigned int bytes)
{
    return on_write(e, at, new, bytes);
}

static void on_segment(struct emulation *e __unused, enum insn_seg seg, struct hvm_segment *s)
{
    *s = (struct hvm_segment){.sel = 8 * seg, .attr = seg == SEG_CS ? 0xc9b : 0xc93, .limit = ~0U};
    if (seg == SEG_TR)
        *s = g.tr;
    else if (g.hostile)
        *s = (struct hvm_segment){rnd(), rnd(), seg == SEG_CS ? ~0U : rnd(), seg == SEG_CS ? 0 : rnd()};
}

static int on_in(struct emulation *e, u16 port, unsigned int bytes, u32 *val)
{
    assert_true(bytes == 1 || bytes == 2 || bytes == 4);
    if (refused())
        return EMU_RETRY;
    *val = port;
    return answer(e);
}

static int on_out(struct emulation *e, u16 port __unused, unsigned int bytes, u32 val)
{
    assert_true(bytes == 1 || bytes == 2 || bytes == 4);
    assert_true(bytes == 4 || val >> (8 * bytes) == 0);
    return refused() ? EMU_RETRY : answer(e);
}

static int on_read_system(struct emulation *e, unsigned int n, u64 *val)
{
    assert_true(n <= 8);
    *val = 0;
    return answer(e);
}

static int on_write_system(struct emulation *e, unsigned int n, u64 val __unused)
{
    assert_true(n <= 8);
    return answer(e);
}

static int on_invlpg(struct emulation *e, u64 at __unused) { return answer(e); }

static int on_move_xmm(struct emulation *e, unsigned int n, u64 val[2], bool write)
{
    assert_true(n < 16);
    if (!write)
        val[0] = val[1] = n;
    return answer(e);
}

static bool on_again(struct emulation *e __unused)
{
    g.accesses = 0;
    if (!g.hostile)
        g.answered = 0; /* the next element's answers are others */
    return g.again && --g.again;
}

static int on_rep(struct emulation *e, const struct emu_rep *rep, u64 *count)
{
    assert_true(*count && rep->bytes);
    if (!g.rows)
        return EMU_UNHANDLEABLE;
    *count = 1 + rnd() % *count;
    return answer(e);
}

static const struct emulation_ops ops = {
    on_fetch,        on_read,        on_write,        on_cmpxchg, on_segment,  on_in,    on_out, on_read_system,
    on_write_system, on_read_system, on_write_system, on_invlpg,  on_move_xmm, on_again, on_rep,
};

static void guest(unsigned int code_bytes, const void *bytes, size_t n)
{
    memset(&g, 0, sizeof(g));
    memset(g.code, 0x90, sizeof(g.code));
    memcpy(g.code, bytes, n);
    g.r.rip = CODE_AT;
    g.r.rflags = 0x202;
    g.answered = ~0U;
    g.again = ~0U;
    g.e = (struct emulation){.ops = &ops, .regs = &g.r, .code_bytes = code_bytes};
}

static int run(void)
{
    g.accesses = 0;
    g.e.insn = (struct insn){};
    return emulate(&g.e);
}

#define GUEST(code_bytes, ...) guest(code_bytes, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* ---- robustness ---- */

static void random_bytes(void **state __unused)
{
    static const u8 modes[] = {2, 4, 8};
    unsigned int done = 0;

    for (unsigned int n = 0; n < 400000; n++) {
        struct cpu_user_regs before;
        u64 code[2] = {rnd(), rnd()};
        int rc;

        if (n % 3 == 0) /* more of the two-byte map */
            code[0] = (code[0] & ~0xffUL) | 0x0f;
        guest(modes[n % 3], code, 15);
        for (unsigned int k = 0; k < 16; k++)
            *insn_reg(&g.r, k) = rnd() >> rnd() % 56;
        g.r.rcx &= 0x3f;
        g.hostile = n & 1;
        g.rows = n & 2;
        g.again = 1 + rnd() % 8;
        g.e.cpl = n & 4 ? 3 : 0;
        g.e.real_mode = !g.e.cpl && modes[n % 3] == 2;
        g.r.rflags |= rnd() & 0xdd5;
        before = g.r;
        rc = run();
        assert_in_range(rc, EMU_DONE, EMU_UNHANDLEABLE);
        if (rc != EMU_DONE && !(g.e.insn.op >= OP_MOVS && g.e.insn.op <= OP_OUTS)) {
            g.r.rflags = before.rflags; /* CPUs differ in what a failed comparison leaves */
            assert_memory_equal(&g.r, &before, sizeof(before));
        }
        assert_true(g.e.insn.fetched <= INSN_MAX);
        done += rc == EMU_DONE;
    }
    assert_true(done > 20000);
}

static void too_long(void **state __unused)
{
    u8 code[20];

    memset(code, 0x66, sizeof(code));
    guest(8, code, sizeof(code));
    assert_int_equal(run(), EMU_EXCEPTION);
    assert_int_equal(g.e.exception.vector, TRAP_GP);
    assert_true(g.e.exception.has_error);
    assert_int_equal(g.e.insn.fetched, INSN_MAX);
}

/* ---- decoding only ---- */

static void lengths(void **state __unused)
{
    static const struct {
        u8 op, length, code[6];
    } known[] = {
        {OP_CPUID, 2, {0x0f, 0xa2}},
        {OP_RDMSR, 2, {0x0f, 0x32}},
        {OP_WRMSR, 2, {0x0f, 0x30}},
        {OP_RDTSC, 2, {0x0f, 0x31}},
        {OP_RDTSCP, 3, {0x0f, 0x01, 0xf9}},
        {OP_RDPMC, 2, {0x0f, 0x33}},
        {OP_HLT, 1, {0xf4}},
        {OP_PAUSE, 2, {0xf3, 0x90}},
        {OP_PAUSE, 1, {0x90}},
        {OP_VMMCALL, 3, {0x0f, 0x01, 0xd9}},
        {OP_VMCALL, 3, {0x0f, 0x01, 0xc1}},
        {OP_XSETBV, 3, {0x0f, 0x01, 0xd1}},
        {OP_MONITOR, 3, {0x0f, 0x01, 0xc8}},
        {OP_MWAIT, 3, {0x0f, 0x01, 0xc9}},
        {OP_INVD, 2, {0x0f, 0x08}},
        {OP_WBINVD, 2, {0x0f, 0x09}},
        {OP_INVLPGA, 3, {0x0f, 0x01, 0xdf}},
        {OP_CLI, 1, {0xfa}},
        {OP_STI, 2, {0x66, 0xfb}},
        {OP_INT, 1, {0xcc}},
        {OP_INT, 2, {0xcd, 0x80}},
        {OP_INT, 1, {0xf1}},
        {OP_CPUID, 4, {0x66, 0x2e, 0x0f, 0xa2}},
    };
    static const u8 modes[] = {2, 4, 8};

    for (unsigned int n = 0; n < 3 * ARRAY_SIZE(known); n++) {
        guest(modes[n % 3], known[n / 3].code, sizeof(known[0].code));
        assert_int_equal(emulate_decode(&g.e), EMU_DONE);
        assert_int_equal(g.e.insn.op, known[n / 3].op);
        assert_int_equal(g.e.insn.length, known[n / 3].length);
        assert_int_equal(run(), EMU_UNHANDLEABLE);
    }
}

/* Bytes that the CPU gave are not fetched again, and an instruction over two pages is fetched in two pieces. */
static void bytes_at_hand(void **state __unused)
{
    GUEST(8, 0xf4);
    g.e.insn.bytes[0] = 0xb0; /* MOV AL, 42 */
    g.e.insn.bytes[1] = 0x2a;
    g.e.insn.fetched = 2;
    assert_int_equal(emulate(&g.e), EMU_DONE);
    assert_int_equal(g.r.rax, 0x2a);

    GUEST(8, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8);
    memmove(g.code + 0x3c, g.code, 4);
    memmove(g.code, g.code + 4, 6);
    g.r.rip = CODE_AT + 0xffc;
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rax, 0x0807060504030201);
}

/* ---- what callers rely on ---- */

/* Each access answers only after the earlier ones were repeated: the instruction happens once, whole. */
static void replay(void **state __unused)
{
    GUEST(8, 0xf0, 0x48, 0x0f, 0xc1, 0x03); /* LOCK XADD [RBX], RAX */
    g.r.rbx = 0x100;
    g.r.rax = 5;
    g.memory[0x100] = 7;
    for (g.answered = 0; g.answered < 2; g.answered++) {
        assert_int_equal(run(), EMU_RETRY);
        assert_int_equal(g.r.rip, CODE_AT);
        assert_int_equal(g.r.rax, 5);
        assert_int_equal(g.memory[0x100], 7);
    }
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rip, CODE_AT + 5);
    assert_int_equal(g.r.rax, 7);
    assert_int_equal(g.memory[0x100], 12);
}

static void rep_in_pieces(void **state __unused)
{
    GUEST(4, 0xf3, 0xa4); /* REP MOVSB */
    g.r.rsi = 0x200;
    g.r.rdi = 0x300;
    g.r.rcx = 3;
    memcpy(g.memory + 0x200, "abc", 3);
    g.answered = 2;
    assert_int_equal(run(), EMU_RETRY); /* the first element is done, the second waits */
    assert_int_equal(g.r.rcx, 2);
    assert_int_equal(g.r.rip, CODE_AT);
    g.answered = ~0U;
    g.again = 1;
    assert_int_equal(run(), EMU_DONE); /* an interrupt waits after the second */
    assert_int_equal(g.r.rcx, 1);
    assert_int_equal(g.r.rip, CODE_AT);
    assert_true(g.r.rflags & X86_EFLAGS_RF);
    g.answered = ~0U;
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rip, CODE_AT + 2);
    assert_false(g.r.rflags & X86_EFLAGS_RF);
    assert_memory_equal(g.memory + 0x300, "abc", 3);

    GUEST(4, 0xf3, 0xaa); /* REP STOSB, single-stepped: an element at a time */
    g.r.rcx = 2;
    g.r.rflags |= X86_EFLAGS_TF;
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rcx, 1);
    assert_int_equal(g.r.rip, CODE_AT);
}

static void ports(void **state __unused)
{
    GUEST(4, 0xe5, 0x64); /* IN EAX, 64h */
    g.e.cpl = 3;
    g.tr = (struct hvm_segment){.attr = 0x8b, .limit = 0x88 + 0x20, .base = 0x400};
    g.memory[0x400 + 102] = 0x88;
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rax, 0x64);
    g.memory[0x400 + 0x88 + 0x64 / 8] = 0x80; /* the last of the four ports */
    g.r.rip = CODE_AT;
    assert_int_equal(run(), EMU_EXCEPTION);
    assert_int_equal(g.e.exception.vector, TRAP_GP);
    g.r.rflags |= X86_EFLAGS_IOPL;
    assert_int_equal(run(), EMU_DONE);
    g.r.rip = CODE_AT;
    g.r.rflags &= ~(u64)X86_EFLAGS_IOPL;
    g.memory[0x400 + 0x88 + 0x64 / 8] = 0;
    g.tr.limit = 0x88 + 0x64 / 8; /* the map ends before the byte behind */
    assert_int_equal(run(), EMU_EXCEPTION);
    g.tr.limit = 0x88 + 0x64 / 8 + 1;
    assert_int_equal(run(), EMU_DONE);
}

static void privilege(void **state __unused)
{
    GUEST(8, 0x0f, 0x22, 0xd8); /* MOV CR3, RAX */
    g.e.cpl = 3;
    assert_int_equal(run(), EMU_EXCEPTION);
    assert_int_equal(g.e.exception.vector, TRAP_GP);
    g.e.cpl = 0;
    assert_int_equal(run(), EMU_DONE);
    assert_int_equal(g.r.rip, CODE_AT + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes),  cmocka_unit_test(too_long),  cmocka_unit_test(lengths),
        cmocka_unit_test(bytes_at_hand), cmocka_unit_test(replay),    cmocka_unit_test(rep_in_pieces),
        cmocka_unit_test(ports),         cmocka_unit_test(privilege),
    };

    return cmocka_run_group_tests_name("emulator", tests, NULL, NULL);
}
