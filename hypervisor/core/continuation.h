/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code that works for a hypercall asks of the dispatcher: to be taken up again, whether it is
 * time to, and to note what we do not have. Implemented by hypercall/dispatch.c.
 */
#ifndef CORE_CONTINUATION_H
#define CORE_CONTINUATION_H

struct domain;

/*
 * A long operation gives way: `return hypercall_again(n, arg0, ... arg[n-1])` makes the guest enter
 * this hypercall once more with these arguments, after softirqs and events were looked at. Returns
 * a value that the caller must hand up unchanged; works inside a multicall as well. This is the
 * only place that turns "again" into a continuation.
 */
long hypercall_again(unsigned int n, ...);

/* Long enough? True when this CPU has softirqs to do or the current vCPU has an event to take. */
bool hypercall_preempt_check(void);

/* Counts an operation that we do not have and logs the first time, at debug level. Returns err for
 * `return`. */
long hypercall_unknown(const char *family, unsigned long op, long err);

/* ---- families of operations that take one structure each (core/operation.c) ---- */

/* Flags: the structure goes back to the guest when all went well; whatever comes of it; it begins with the id of the
 * domain that is meant (domain_get_target), else that is the caller; it is for the hardware domain only. */
#define OP_BACK     1
#define OP_ALWAYS   2
#define OP_DOMAIN   4
#define OP_HARDWARE 8

struct operation {
    long (*fn)(struct domain *d, void *op); /* op: our copy */
    u8 size, flags;                         /* size: up to 64 bytes */
};

/* Operation cmd of the family, for the current guest. What fn returns; -ENOSYS, -EFAULT, -ESRCH, -EPERM. When fn wants
 * to be called again (-ERESTART), the hypercall with the arguments (cmd, arg) is made again. */
long operation_run(const char *family, const struct operation *ops, unsigned int nr, unsigned int cmd,
                   void __guest *arg);

#endif
