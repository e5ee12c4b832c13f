/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that take one structure (continuation.h). Called by the families: event channels, grant tables,
 * scheduling, interrupts and devices.
 */
#include <core/continuation.h>
#include <core/domain.h>
#include <mm/guest_access.h>

long operation_run(const char *family, const struct operation *ops, unsigned int nr, unsigned int cmd,
                   void __guest *arg)
{
    const struct operation *o = ops + cmd;
    u64 op[8];
    domain_ref d = NULL;
    long rc = 0;

    if (cmd >= nr || !o->fn)
        return hypercall_unknown(family, cmd, -ENOSYS);
    if (o->flags & OP_HARDWARE && !current->domain->is_hardware)
        return -EPERM;
    ASSERT(o->size <= sizeof(op));
    if (copy_from_guest(op, arg, o->size))
        return -EFAULT;
    if (o->flags & OP_DOMAIN)
        rc = domain_get_target(*(domid_t *)op, &d);
    if (!rc)
        rc = o->fn(d ? d : current->domain, op);
    if (rc == -ERESTART)
        return hypercall_again(2, (unsigned long)cmd, (unsigned long)arg);
    if (o->flags & OP_ALWAYS || (!rc && o->flags & OP_BACK))
        return copy_to_guest(arg, op, o->size) ? -EFAULT : rc;
    return rc;
}
