/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of ours that may fault, and where to go on then. The table is made by EXTABLE()
 * (asm/asm.h); it is short and looked at only after a fault, so it is searched from end to end.
 */
#include <arch/x86/entry/entry.h>
#include <lib/lib.h>

struct ex_entry {
    s32 insn, fixup; /* relative to the field itself */
};

extern struct ex_entry __start_ex_table[], __stop_ex_table[];

unsigned long extable_find(unsigned long rip)
{
    for (const struct ex_entry *e = __start_ex_table; e < __stop_ex_table; e++)
        if ((unsigned long)&e->insn + e->insn == rip)
            return (unsigned long)&e->fixup + e->fixup;
    return 0;
}
