/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case by Unicorn (QEMU's TCG as a library): what a program at CPL 3 cannot do, real mode and ports. It knows no
 * segment limits, so cases have flat segments, and in real mode those of selectors 1000 (code) and 2000 (data).
 */
#include "case.h"
#include <asm/trapnr.h>
#include <err.h>
#include <string.h>
#include <unicorn/unicorn.h>

static uc_engine *uc; /* for one mode at a time: each takes much memory */
static u32 io_hash;
static int interrupt;

static const int gregs[16] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                              UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                              UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                              UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
static const int gregs32[8] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                               UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};

static void must(uc_err e, const char *what)
{
    if (e)
        errx(1, "Unicorn: %s: %s", what, uc_strerror(e));
}

static u32 on_in(uc_engine *engine __unused, u32 port, int bytes, void *user __unused)
{
    return port_value(port) & mask_of(bytes);
}

static void on_out(uc_engine *engine __unused, u32 port, int bytes, u32 val, void *user __unused)
{
    io_hash = hash_io(io_hash, port, bytes, val & mask_of(bytes));
}

static void on_interrupt(uc_engine *engine, u32 vector, void *user __unused)
{
    interrupt = vector;
    uc_emu_stop(engine);
}

static u64 code_at(enum mode m) { return m == MODE_REAL ? 0x10000 : CODE; }

static u64 data_at(enum mode m) { return m == MODE_REAL ? 0x20000 : DATA; }

void unicorn_open(enum mode m)
{
    static const uc_mode modes[MODES] = {UC_MODE_64, UC_MODE_32, 0, UC_MODE_16};
    uc_hook h;

    must(uc_open(UC_ARCH_X86, modes[m], &uc), "open");
    must(uc_mem_map(uc, code_at(m), CODE_BYTES, UC_PROT_READ | UC_PROT_EXEC), "code");
    must(uc_mem_map(uc, data_at(m), DATA_BYTES, UC_PROT_READ | UC_PROT_WRITE), "data");
    must(uc_mem_map(uc, data_at(m) + DATA_BYTES, RO_BYTES, UC_PROT_READ), "read-only data");
    must(uc_hook_add(uc, &h, UC_HOOK_INSN, (void *)on_in, NULL, 1, 0, UC_X86_INS_IN), "IN");
    must(uc_hook_add(uc, &h, UC_HOOK_INSN, (void *)on_out, NULL, 1, 0, UC_X86_INS_OUT), "OUT");
    must(uc_hook_add(uc, &h, UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0), "interrupts");
}

void unicorn_close(void) { uc_close(uc); }

static int greg(enum mode m, unsigned int n) { return m == MODE_64 ? gregs[n] : gregs32[n]; }

static void move_system(struct state *s, bool write)
{
    static const struct {
        u8 cr, n;
        int reg;
    } regs[] = {{1, 0, UC_X86_REG_CR0}, {1, 2, UC_X86_REG_CR2}, {1, 3, UC_X86_REG_CR3}, {1, 4, UC_X86_REG_CR4},
                {0, 0, UC_X86_REG_DR0}, {0, 1, UC_X86_REG_DR1}, {0, 2, UC_X86_REG_DR2}, {0, 3, UC_X86_REG_DR3},
                {0, 6, UC_X86_REG_DR6}, {0, 7, UC_X86_REG_DR7}};

    for (unsigned int k = 0; k < ARRAY_SIZE(regs); k++) {
        u64 *p = regs[k].cr ? &s->cr[regs[k].n] : &s->dr[regs[k].n];

        if (write)
            uc_reg_write(uc, regs[k].reg, p);
        else
            uc_reg_read(uc, regs[k].reg, p);
    }
}

void run_unicorn(const struct tcase *c, const u8 *data, bool jump, struct outcome *o)
{
    static u8 breaks[CODE_BYTES];
    unsigned int count = c->mode == MODE_64 ? 16 : 8, sel;
    u64 begin = code_at(c->mode) + (c->linear_rip - CODE);
    uc_err e;

    memset(breaks, BREAK, sizeof(breaks));
    memcpy(breaks + (c->linear_rip - CODE), c->bytes, min((u64)c->n, CODE_BYTES - (c->linear_rip - CODE)));
    must(uc_mem_write(uc, code_at(c->mode), breaks, CODE_BYTES), "write code");
    uc_ctl_remove_cache(uc, code_at(c->mode), code_at(c->mode) + CODE_BYTES);
    must(uc_mem_write(uc, data_at(c->mode), data, DATA_BYTES + RO_BYTES), "write data");
    for (unsigned int n = 0; n < count; n++)
        uc_reg_write(uc, greg(c->mode, n), insn_reg((struct cpu_user_regs *)&c->before.r, n));
    uc_reg_write(uc, UC_X86_REG_EFLAGS, &c->before.r.rflags);
    if (c->mode == MODE_REAL) {
        static const int segs[] = {UC_X86_REG_ES, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

        for (unsigned int n = 0; n < ARRAY_SIZE(segs); n++) {
            sel = 0x2000;
            uc_reg_write(uc, segs[n], &sel);
        }
        sel = 0x1000;
        uc_reg_write(uc, UC_X86_REG_CS, &sel);
    }
    move_system((struct state *)&c->before, true);
    if (c->mode == MODE_64) {
        uc_reg_write(uc, UC_X86_REG_FS_BASE, &c->before.fs_base);
        uc_reg_write(uc, UC_X86_REG_GS_BASE, &c->before.gs_base);
    }
    io_hash = 0;
    interrupt = -1;
    /* To the end of the instruction, which REP and its elements reach last; a jump is one step. */
    e = jump ? uc_emu_start(uc, begin, ~0UL, 0, 1) : uc_emu_start(uc, begin, begin + c->n, 0, 0);
    o->after = c->before;
    for (unsigned int n = 0; n < count; n++) {
        *insn_reg(&o->after.r, n) = 0;
        uc_reg_read(uc, greg(c->mode, n), insn_reg(&o->after.r, n));
    }
    o->after.r.rip = o->after.r.rflags = 0;
    uc_reg_read(uc, c->mode == MODE_64 ? UC_X86_REG_RIP : UC_X86_REG_EIP, &o->after.r.rip);
    if (c->mode == MODE_REAL)
        o->after.r.rip = (u16)o->after.r.rip; /* Unicorn gives the linear address, or not */
    uc_reg_read(uc, UC_X86_REG_EFLAGS, &o->after.r.rflags);
    move_system(&o->after, false);
    must(uc_mem_read(uc, data_at(c->mode), o->data, DATA_BYTES), "read data");
    /* Of #DE nothing is told but that nothing was done. */
    o->rc = e || interrupt >= 0 || o->after.r.rip == c->before.r.rip ? EMU_EXCEPTION : EMU_DONE;
    o->vector = interrupt >= 0 ? interrupt : e == UC_ERR_INSN_INVALID ? TRAP_UD : TRAP_PF;
    o->error = 0;
    o->cr2 = 0;
    o->io_hash = io_hash;
    o->by_unicorn = true;
}

void unicorn_system(enum mode mode, struct state *s)
{
    static struct state start[MODES];

    if (!start[mode].cr[0]) {
        move_system(&start[mode], false);
        start[mode].cr[0] |= X86_CR0_ET;
    }
    memcpy(s->cr, start[mode].cr, sizeof(s->cr));
    memcpy(s->dr, start[mode].dr, sizeof(s->dr));
}

bool unicorn_known_fault(const struct tcase *c, const struct insn *i, const struct outcome *ours)

{
    /* LOCK where it may not be is no #UD. The bare CPU's cases have it. */
    if (i->lock && ours->rc == EMU_EXCEPTION && ours->vector == TRAP_UD)
        return true;
    /* There are no segment limits and rights. The bare CPU's cases have them. */
    if (c->mode != MODE_64 && ours->rc == EMU_EXCEPTION && (ours->vector == TRAP_GP || ours->vector == TRAP_SS))
        return true;
    /* BSWAP of 16 bits swaps 32. */
    if (i->op == OP_BSWAP && i->op_bytes == 2)
        return true;
    /* LOCK NEG has the flags of NOT. */
    if (i->lock && i->op == OP_NEG)
        return true;
    /* CMPXCHG8B of what is not equal does not look whether it could write. */
    if (i->op == OP_CMPXCHG8B && ours->rc == EMU_EXCEPTION)
        return true;
    /* SMSW leaves bits 16 to 31 of a register; they are undefined. */
    if (i->op == OP_SMSW && i->mod == 3 && i->op_bytes > 2)
        return true;
    /* MOVBE obeys CR0 as if it were SSE, and is only there on some CPUs. */
    if (i->op == OP_MOVBE)
        return true;
    /* The second number of TEST in group 3 is not known. */
    if (i->op == OP_TEST && i->src == O_I && i->dst == O_E && (i->reg & 7) == 1)
        return true;
    /* CR8 cannot be looked at; DR4 to DR7 are more than what is written to them, and that is not the emulator's
     * business. */
    if (i->op >= OP_READ_CR && i->op <= OP_WRITE_DR && (i->op <= OP_WRITE_CR ? i->reg == 8 : i->reg >= 4))
        return true;
    return false;
}
