/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which memory of an HVM domain was written: for migration and for device models that show a frame buffer. No bitmap is
 * kept: RAM that is looked at becomes P2M_LOGDIRTY, which the CPU may not write, and the first write makes it P2M_RAM
 * again (p2m_mark_dirty, from the nested fault or from our own copies). So P2M_RAM is what was written since.
 */
#include <arch/x86/mm/p2m_private.h>

static void set_bits(u8 *bitmap, unsigned long first, unsigned long n)
{
    for (; n; first++, n--)
        bitmap[first / 8] |= 1U << first % 8;
}

/* Locked. The extent at gfn, within n frames: how many of them it has, from gfn on. -ENOMEM. */
static long extent_scan(struct p2m *p2m, unsigned long gfn, unsigned long n, enum p2m_dirty_op op, bool *was)
{
    enum p2m_type from = op == P2M_DIRTY_STOP ? P2M_LOGDIRTY : P2M_RAM;
    enum p2m_type to = op == P2M_DIRTY_STOP ? P2M_RAM : P2M_LOGDIRTY;
    unsigned int level;
    u64 e = p2m_entry_read(p2m, gfn, &level), *p;

    *was = entry_type(e) == P2M_RAM;
    if (op != P2M_DIRTY_PEEK && entry_type(e) == from) {
        while (gfn & (p2m_span(level) - 1) || n < p2m_span(level))
            level--;
        p = p2m_entry_find(p2m, gfn, &level, true);
        if (!p)
            return -ENOMEM;
        entry_retype(p2m, p, level, to);
    }
    return min(p2m_span(level) - (gfn & (p2m_span(level) - 1)), n);
}

int p2m_dirty_scan(struct domain *d, gfn_t first, unsigned long n, enum p2m_dirty_op op, u8 *bitmap)
{
    struct p2m *p2m = d->arch.p2m;
    long step;
    bool was;

    if (bitmap)
        memset(bitmap, 0, DIV_ROUND_UP(n, 8));
    for (unsigned long i = 0; i < n; i += step) {
        spin_lock(&p2m->lock);
        step = extent_scan(p2m, gfn_x(first) + i, n - i, op, &was);
        spin_unlock(&p2m->lock);
        if (step < 0)
            return step;
        if (was && bitmap)
            set_bits(bitmap, i, step);
    }
    return 0;
}
