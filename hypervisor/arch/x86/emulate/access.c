/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an emulated instruction reaches memory and ports: segments, their limits and rights, the stack, the I/O map of
 * the TSS. Sources: Intel SDM vol. 3, chapters 3.4, 5 (protection) and vol. 1, 19.5 (I/O permission); AMD APM vol.
 * 2, 4.
 */
#include <arch/x86/emulate/internal.h>

#define TSS_IO_MAP   102   /* offset of the offset of the I/O map */
#define TSS_TYPES_32 0x800 /* set of types: busy 32-bit or 64-bit TSS */

/* Is seg:ea, `bytes` long, inside, and may it be accessed so? */
static bool segment_allows(const struct emulation *e, const struct hvm_segment *s, u64 ea, unsigned int bytes,
                           bool write)
{
    bool code = s->attr & HVM_ATTR_CODE;

    if (!e->real_mode) {
        if (!(s->attr & HVM_ATTR_P) || !(s->attr & HVM_ATTR_S))
            return false;
        if (write ? code || !(s->attr & HVM_ATTR_WRITE) : code && !(s->attr & HVM_ATTR_WRITE))
            return false;
        if (!code && s->attr & HVM_ATTR_DOWN)
            return ea > s->limit && ea + bytes - 1 <= (s->attr & HVM_ATTR_DB ? 0xffffffff : 0xffff);
    }
    return ea + bytes - 1 <= s->limit;
}

int emu_linear(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, bool write, u64 *linear)
{
    struct hvm_segment s = {};

    if (e->code_bytes != 8 || seg >= SEG_FS)
        e->ops->segment(e, seg, &s);
    *linear = s.base + ea;
    if (e->code_bytes == 8) {
        if (emu_canonical(*linear) && emu_canonical(*linear + bytes - 1))
            return EMU_DONE;
    } else {
        *linear = (u32)*linear;
        if (segment_allows(e, &s, ea, bytes, write))
            return EMU_DONE;
    }
    return emulate_raise(e, seg == SEG_SS ? TRAP_SS : TRAP_GP, 0);
}

int emu_read(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, enum emu_access access, u64 *val)
{
    u64 linear;
    int rc = emu_linear(e, seg, ea, bytes, access != EMU_READ, &linear);

    *val = 0;
    return rc ? rc : e->ops->read(e, linear, val, bytes, access);
}

int emu_write(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, u64 val)
{
    u64 linear;
    int rc = emu_linear(e, seg, ea, bytes, true, &linear);

    return rc ? rc : e->ops->write(e, linear, &val, bytes);
}

int emu_write_locked(struct emulation *e, enum insn_seg seg, u64 ea, unsigned int bytes, u64 old, u64 new)
{
    u64 linear;
    int rc = emu_linear(e, seg, ea, bytes, true, &linear);

    return rc ? rc : e->ops->cmpxchg(e, linear, &old, &new, bytes);
}

/* ---- the stack ---- */

static unsigned int stack_bytes(struct emulation *e)
{
    struct hvm_segment ss;

    if (e->code_bytes == 8)
        return 8;
    e->ops->segment(e, SEG_SS, &ss);
    return ss.attr & HVM_ATTR_DB ? 4 : 2;
}

u64 emu_stack_moved(struct emulation *e, s64 by) { return (e->regs->rsp + by) & mask_of(stack_bytes(e)); }

void emu_set_stack(struct emulation *e, u64 sp) { insn_write_reg(e->regs, &e->insn, 4, stack_bytes(e), sp); }

int emu_push(struct emulation *e, u64 val)
{
    u64 sp = emu_stack_moved(e, -(s64)e->insn.op_bytes);
    int rc = emu_write(e, SEG_SS, sp, e->insn.op_bytes, val);

    if (!rc)
        emu_set_stack(e, sp);
    return rc;
}

/* ---- ports ---- */

int emu_io_permitted(struct emulation *e, u16 port, unsigned int bytes)
{
    struct hvm_segment tr;
    u16 at = 0, bits = 0;
    int rc;

    if (e->real_mode || (e->cpl <= (e->regs->rflags & X86_EFLAGS_IOPL) >> 12 && !(e->regs->rflags & X86_EFLAGS_VM)))
        return EMU_DONE;
    e->ops->segment(e, SEG_TR, &tr);
    if (!(tr.attr & HVM_ATTR_P) || !(1 << (tr.attr & HVM_ATTR_TYPE) & TSS_TYPES_32) || tr.limit <= TSS_IO_MAP)
        return emulate_raise(e, TRAP_GP, 0);
    rc = e->ops->read(e, tr.base + TSS_IO_MAP, &at, 2, EMU_SYSTEM);
    if (rc)
        return rc;
    if (at + port / 8 + 1U > tr.limit)
        return emulate_raise(e, TRAP_GP, 0);
    rc = e->ops->read(e, tr.base + at + port / 8, &bits, 2, EMU_SYSTEM);
    if (rc)
        return rc;
    return bits >> (port & 7) & ((1 << bytes) - 1) ? emulate_raise(e, TRAP_GP, 0) : EMU_DONE;
}
