/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's way through an instruction (emulate.h): fetch, decode, what every instruction is asked, hand over to
 * its family.
 */
#include <arch/x86/emulate/internal.h>

int emulate_raise(struct emulation *e, u8 vector, u32 error)
{
    e->exception.vector = vector;
    e->exception.has_error = !e->real_mode && TRAP_HAVE_ERROR_CODE >> vector & 1;
    e->exception.error = error;
    return EMU_EXCEPTION;
}

/* More bytes of code behind those that are there, as far as the page and the segment go. */
static int fetch_more(struct emulation *e)
{
    struct insn *i = &e->insn;
    u64 at = e->regs->rip + i->fetched, linear;
    unsigned int bytes = INSN_MAX - i->fetched;
    struct hvm_segment cs;
    int rc;

    if (!bytes)
        return emulate_raise(e, TRAP_GP, 0); /* longer than an instruction may be */
    if (e->code_bytes == 8) {
        rc = emu_linear(e, SEG_CS, at, 1, false, &linear);
        if (rc)
            return rc;
    } else {
        e->ops->segment(e, SEG_CS, &cs);
        if (at > cs.limit)
            return emulate_raise(e, TRAP_GP, 0);
        bytes = min((u64)bytes, cs.limit - at + 1);
        linear = (u32)(cs.base + at);
    }
    bytes = min((u64)bytes, PAGE_SIZE - (linear & ~PAGE_MASK));
    rc = e->ops->fetch(e, linear, i->bytes + i->fetched, bytes);
    i->fetched += rc ? 0 : bytes;
    return rc;
}

int emulate_decode(struct emulation *e)
{
    struct insn *i = &e->insn;
    size_t decoded = offsetof(struct insn, fetched) + 1;
    enum insn_status status = INSN_SHORT;

    for (;;) {
        if (i->fetched) {
            memset((char *)i + decoded, 0, sizeof(*i) - decoded);
            status = insn_decode(i, e->code_bytes, e->regs);
        }
        if (status != INSN_SHORT)
            return status == INSN_OK ? EMU_DONE : EMU_UNHANDLEABLE;
        int rc = fetch_more(e);

        if (rc)
            return rc;
    }
}

int emu_retire(struct emulation *e)
{
    e->regs->rip += e->insn.length;
    if (e->code_bytes != 8)
        e->regs->rip = (u32)e->regs->rip;
    e->regs->rflags &= ~(u64)X86_EFLAGS_RF;
    return EMU_DONE;
}

int emulate(struct emulation *e)
{
    int rc = emulate_decode(e);

    return rc ? rc : emulate_decoded(e);
}

int emulate_decoded(struct emulation *e)
{
    const struct insn *i = &e->insn;
    unsigned int flags = insn_op_flags[i->op];
    int rc;

    if (flags & OPF_LENGTH)
        return EMU_UNHANDLEABLE;
    if (i->lock && !(flags & OPF_LOCK && emu_in_memory(i, i->dst)))
        return emulate_raise(e, TRAP_UD, 0);
    if (i->op >= OP_READ_CR && i->op <= OP_WRITE_DR && emu_no_such_register(i))
        return emulate_raise(e, TRAP_UD, 0);
    if (flags & OPF_SYSTEM && e->cpl)
        return emulate_raise(e, TRAP_GP, 0);
    switch (i->op) {
    case OP_ADD ... OP_CMPXCHG: rc = emu_general(e); break;
    case OP_CMPXCHG8B: rc = emu_cmpxchg8b(e); break;
    case OP_MUL ... OP_IDIV: rc = emu_multiply_divide(e); break;
    case OP_PUSH ... OP_JMP: return emu_stack(e);
    case OP_SSE: rc = emu_sse(e); break;
    case OP_MOVS ... OP_OUTS: return emu_string(e);
    case OP_IN ... OP_OUT: rc = emu_port(e); break;
    default: rc = emu_system(e); break;
    }
    return rc ? rc : emu_retire(e);
}
