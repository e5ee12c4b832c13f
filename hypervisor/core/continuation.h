/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code that works for a hypercall asks of the dispatcher: to be taken up again, whether it is
 * time to, and to note what we do not have. Implemented by hypercall/dispatch.c.
 */
#ifndef CORE_CONTINUATION_H
#define CORE_CONTINUATION_H

#include <lib/types.h>

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

#endif
