/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports, and instructions on control and debug registers, for CPUs whose exits do not tell the operands. Sources: Intel
 * SDM vol. 2, AMD APM vol. 3.
 */
#include <arch/x86/emulate/internal.h>

int emu_port(struct emulation *e)
{
    const struct insn *i = &e->insn;
    unsigned int bytes = min(i->op_bytes, (u8)4);
    u16 port = i->opcode & 8 ? e->regs->rdx : (u8)i->imm;
    u32 val = 0;
    int rc;

    if (!e->ops->in)
        return EMU_UNHANDLEABLE;
    rc = emu_io_permitted(e, port, bytes);
    if (rc)
        return rc;
    if (i->op == OP_OUT)
        return e->ops->out(e, port, bytes, e->regs->rax & mask_of(bytes));
    rc = e->ops->in(e, port, bytes, &val);
    if (!rc)
        insn_write_reg(e->regs, i, 0, bytes, val);
    return rc;
}

/* MOV between general and control or debug registers: the former is ModRM's rm, always whole. */
static int move_cr_dr(struct emulation *e)
{
    const struct insn *i = &e->insn;
    u64 *reg = insn_reg(e->regs, i->rm), val = *reg & mask_of(i->op_bytes);
    int rc;

    switch (i->op) {
    case OP_READ_CR: rc = e->ops->read_cr(e, i->reg, &val); break;
    case OP_WRITE_CR: return e->ops->write_cr(e, i->reg, val);
    case OP_READ_DR: rc = e->ops->read_dr(e, i->reg, &val); break;
    default: return e->ops->write_dr(e, i->reg, val);
    }
    if (!rc)
        insn_write_reg(e->regs, i, i->rm, i->op_bytes, val);
    return rc;
}

bool emu_no_such_register(const struct insn *i)
{
    return i->op <= OP_WRITE_CR ? i->reg > 8 || !(1 << i->reg & 0x11d) : i->reg > 7;
}

/* SMSW, LMSW, CLTS: parts of CR0. */
static int machine_status(struct emulation *e)
{
    const struct insn *i = &e->insn;
    u64 cr0, cr4 = 0, val;
    int rc = e->ops->read_cr(e, 0, &cr0);

    if (!rc && i->op == OP_SMSW && e->cpl)
        rc = e->ops->read_cr(e, 4, &cr4);
    if (rc)
        return rc;
    if (cr4 & X86_CR4_UMIP)
        return emulate_raise(e, TRAP_GP, 0);
    if (i->op == OP_CLTS)
        return e->ops->write_cr(e, 0, cr0 & ~(u64)X86_CR0_TS);
    if (i->op == OP_SMSW) {
        if (emu_in_memory(i, O_E))
            return emu_write(e, i->seg, i->ea, 2, cr0);
        insn_write_reg(e->regs, i, i->rm, i->op_bytes, cr0);
        return EMU_DONE;
    }
    rc = emu_value(e, O_E, 2, EMU_READ, &val);
    /* LMSW sets PE, cannot clear it. */
    return rc ? rc : e->ops->write_cr(e, 0, (cr0 & ~(u64)0xe) | (val & 0xf));
}

/* MOV to and from CR, DR; SMSW, LMSW, CLTS; INVLPG; XLAT. */
int emu_system(struct emulation *e)
{
    const struct insn *i = &e->insn;
    struct hvm_segment s = {};
    u64 val;
    int rc;

    if (i->op == OP_XLAT) {
        u64 ea = (e->regs->rbx + (u8)e->regs->rax) & mask_of(i->ad_bytes);

        rc = emu_read(e, i->seg, ea, 1, EMU_READ, &val);
        if (!rc)
            insn_write_reg(e->regs, i, 0, 1, val);
        return rc;
    }
    if (i->op == OP_READ_DR || i->op == OP_WRITE_DR ? !e->ops->read_dr
        : i->op == OP_INVLPG                        ? !e->ops->invlpg
                                                    : !e->ops->read_cr)
        return EMU_UNHANDLEABLE;
    if (i->op <= OP_WRITE_DR)
        return move_cr_dr(e);
    if (i->op != OP_INVLPG)
        return machine_status(e);
    if (e->code_bytes != 8 || i->seg >= SEG_FS)
        e->ops->segment(e, i->seg, &s);
    return e->ops->invlpg(e, e->code_bytes == 8 ? s.base + i->ea : (u32)(s.base + i->ea));
}
