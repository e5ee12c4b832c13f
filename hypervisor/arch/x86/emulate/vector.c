/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves between memory and XMM registers, as programs write frame buffers with. Which bytes go, and what becomes of the
 * rest of the register, is in the table. Source: Intel SDM vol. 2, MOVAPS and others.
 */
#include <arch/x86/emulate/internal.h>
#include <arch/x86/emulate/table.h>

static unsigned int form_bytes(const struct insn *i)
{
    switch (i->sse) {
    case SSE_4: return 4;
    case SSE_INTEGER: return i->op_bytes == 8 ? 8 : 4;
    case SSE_16:
    case SSE_ALIGNED: return 16;
    default: return 8;
    }
}

int emu_sse(struct emulation *e)
{
    const struct insn *i = &e->insn;
    bool store = i->dst == O_E && i->sse != SSE_8_LOAD, part = i->sse == SSE_LOW || i->sse == SSE_HIGH;
    unsigned int bytes = form_bytes(i);
    u64 xmm[2] = {}, linear;
    int rc = emu_linear(e, i->seg, i->ea, bytes, store, &linear);

    if (!e->ops->move_xmm)
        return EMU_UNHANDLEABLE;
    if (i->sse == SSE_ALIGNED && linear & 15) /* before the segment is looked at */
        return emulate_raise(e, TRAP_GP, 0);
    if (!rc && (store || part))
        rc = e->ops->move_xmm(e, i->reg, xmm, false);
    if (rc)
        return rc;
    if (store)
        return e->ops->write(e, linear, &xmm[i->sse == SSE_HIGH], bytes);
    rc = e->ops->read(e, linear, &xmm[i->sse == SSE_HIGH], bytes, EMU_READ);
    return rc ? rc : e->ops->move_xmm(e, i->reg, xmm, true);
}
