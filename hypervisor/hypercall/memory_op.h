/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of memory_op: memory_op.c, memory_reservation.c and the architecture's part.
 */
#ifndef HYPERCALL_MEMORY_OP_H
#define HYPERCALL_MEMORY_OP_H

#include <lib/types.h>
#include <xen/xen.h>

/* A continued reservation has the extents that are done above the command. */
#define MEMORY_OP_SHIFT 6
#define MEMORY_OP_MASK  ((1UL << MEMORY_OP_SHIFT) - 1)

/* memory_reservation.c. The first: how many extents are done, counting `start`, or -EPERM. */
long memory_reservation(unsigned int op, unsigned long start, void __guest *arg);
long memory_exchange(void __guest *arg);
long memory_claim(const void __guest *arg);

#endif
