/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a hypercall's number to its function, alone or in a multicall, and how a long one is taken
 * up again. entry.S calls through hypercall_table directly.
 */
#include <core/evtchn.h>
#include <core/grant.h>
#include <sched/softirq.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <sched/sched.h>

/* Numbers without a row. */
long no_such_hypercall(void) { return hypercall_unknown("hypercall", guest_regs()->rax, -ENOSYS); }

/* The rows overwrite what the range put there. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define HYPERCALL(name, fn, nargs, guests, who) [__HYPERVISOR_##name] = (hypercall_fn)(void *)(fn),
const hypercall_fn hypercall_table[NR_HYPERCALLS] = {
    [0 ... NR_HYPERCALLS - 1] = (hypercall_fn)(void *)no_such_hypercall,
#include <hypercall/table.h>
};
#undef HYPERCALL

#define HYPERCALL(name, fn, nargs, guests, who) HVM_##guests(name, fn)
#define HVM_ALL(name, fn)                       [__HYPERVISOR_##name] = (hypercall_fn)(void *)(fn),
#define HVM_PV(name, fn)
const hypercall_fn hvm_hypercall_table[NR_HYPERCALLS] = {
    [0 ... NR_HYPERCALLS - 1] = (hypercall_fn)(void *)no_such_hypercall,
#include <hypercall/table.h>
};
#undef HYPERCALL
#pragma GCC diagnostic pop

/* The entry of a multicall that this CPU is working on; NULL: none. */
static DEFINE_PER_CPU(struct multicall_entry *, multicall_current);
/* Set by hypercall_again inside a multicall. */
static DEFINE_PER_CPU(bool, multicall_again);

bool hypercall_preempt_check(void) { return softirq_pending() || vcpu_event_pending(current); }

long hypercall_again(unsigned int n, ...)
{
    struct multicall_entry *mc = this_cpu(multicall_current);
    unsigned long args[6] = {};
    va_list ap;

    va_start(ap, n);
    for (unsigned int i = 0; i < n; i++)
        args[i] = va_arg(ap, unsigned long);
    va_end(ap);
    if (mc) {
        for (unsigned int i = 0; i < n; i++)
            mc->args[i] = args[i];
        this_cpu(multicall_again) = true;
        return -ERESTART;
    }
    return arch_hypercall_restart(n, args);
}

/*
 * HYPERVISOR_multicall(entries, n): each entry's result is written back as it is done; a restart
 * happens at the entry that asked for it. 0, -EFAULT for entries that cannot be read or written,
 * -EINVAL for a nested multicall.
 */
long do_multicall(void __guest *calls, unsigned int nr)
{
    struct multicall_entry __guest *entry = calls;
    const hypercall_fn *table = current->is_hvm ? arch_hvm_hypercalls() : hypercall_table;
    struct multicall_entry mc;

    if (this_cpu(multicall_current))
        return -EINVAL;
    for (unsigned int i = 0; i < nr; i++, entry++) {
        if (i && hypercall_preempt_check())
            return hypercall_again(2, (unsigned long)entry, (unsigned long)(nr - i));
        if (copy_from_guest(&mc, entry, sizeof(mc)))
            return -EFAULT;
        this_cpu(multicall_current) = &mc;
        if (mc.op < NR_HYPERCALLS)
            mc.result = table[mc.op](mc.args[0], mc.args[1], mc.args[2], mc.args[3], mc.args[4], mc.args[5]);
        else
            mc.result = -ENOSYS;
        this_cpu(multicall_current) = NULL;
        if (unlikely(this_cpu(multicall_again))) {
            this_cpu(multicall_again) = false;
            if (copy_to_guest(entry, &mc, sizeof(mc)))
                return -EFAULT;
            return hypercall_again(2, (unsigned long)entry, (unsigned long)(nr - i));
        }
        if (copy_to_guest(&entry->result, &mc.result, sizeof(mc.result)))
            return -EFAULT;
    }
    return 0;
}

long hypercall_unknown(const char *family, unsigned long op, long err)
{
    /* One bit an operation of a family, found by a small hash: a collision costs a line in the log,
     * no more. */
    static unsigned long logged[BITS_TO_LONGS(1024)];

    if (!test_and_set_bit(((unsigned long)family * 31 + op) % 1024, logged))
        log_debug("d%d: %s operation %lu is not implemented\n", current->domain->id, family, op);
    return err;
}
