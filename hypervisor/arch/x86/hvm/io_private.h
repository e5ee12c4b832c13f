/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU remembers of its accesses to devices. Included by io.c, mmio.c and ioreq.c only; each vCPU changes its
 * own, except `waiting`, which is guarded by the ioreq servers' lock.
 */
#ifndef ARCH_X86_HVM_IO_PRIVATE_H
#define ARCH_X86_HVM_IO_PRIVATE_H

#include <arch/x86/hvm/io.h>
#include <asm/domain.h>

/* One access that an instruction makes. */
struct io_access {
    u64 address; /* guest physical, or a port */
    u64 value;   /* the answer, or what was written; for a row of elements how many were done */
    u32 count;   /* 0: a single one */
    u8 bytes;
    bool write, port;
};

/* More than any instruction that is emulated makes, but for elements of REP, each of which starts anew. */
#define IO_DONE_MAX 24

enum io_step { IO_NOTHING, IO_PORT_INSN, IO_EMULATE };

struct hvm_vcpu_io {
    u8 waiting;               /* bit n: server n owes an answer */
    u8 step;                  /* IO_*: what to do when it is there */
    u8 length;                /* IO_PORT_INSN: of the instruction */
    bool invalidate;          /* the mapcaches of the device models are to be told of, still */
    s64 timeoffset;           /* seconds; 0: nothing to tell */
    u64 answer;               /* of the last server that was waited for */
    struct io_access pending; /* what is waited for */

    /* IO_EMULATE: what the instruction has done, in this order, and how far this run of it has come. */
    unsigned int nr_done, next;
    struct io_access done[IO_DONE_MAX];

    u8 nr_bytes, bytes[15]; /* of the instruction, where the exit gave them */
};

/* mmio.c: the instruction that hvm_emulate() left goes on, with the answer. */
void hvm_emulate_resume(struct vcpu *v);

#endif
