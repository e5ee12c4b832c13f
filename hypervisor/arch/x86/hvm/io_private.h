/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU remembers of its accesses to devices. Included by io.c, mmio.c and ioreq.c only; each vCPU changes its
 * own, except `waiting` and `answer`, which are guarded by the ioreq servers' lock.
 */
#ifndef ARCH_X86_HVM_IO_PRIVATE_H
#define ARCH_X86_HVM_IO_PRIVATE_H

#include <arch/x86/hvm/io.h>
#include <xen/xen.h>
#include <xen/hvm/ioreq.h>

/* More than any instruction that is emulated makes, but for elements of REP, each of which starts anew. */
#define IO_DONE_MAX 24

/* What servers are told when the vCPU's instruction is done. */
enum { IO_NEWS_INVALIDATE, IO_NEWS_TIMEOFFSET, IO_NR_NEWS };

struct hvm_vcpu_io {
    u8 waiting;                    /* bit n: server n owes an answer */
    bool unfinished;               /* the answer is to done[nr_done], with which the instruction goes on */
    u64 answer;                    /* of the last server that was waited for */
    struct ioreq news[IO_NR_NEWS]; /* size 0: none */

    /* What the instruction has done, in this order, with the answers as data, and how far this run of it has come. */
    unsigned int nr_done, next;
    struct ioreq done[IO_DONE_MAX];

    u8 nr_bytes, bytes[15]; /* of the instruction, where the exit gave them */
};

/* Another instruction, of which nothing is done or known yet. */
static inline void hvm_io_forget(struct hvm_vcpu_io *io) { io->nr_done = io->next = io->nr_bytes = 0; }

static inline struct ioreq hvm_io_request(u8 type, u64 addr, unsigned int bytes, bool write, u64 data)
{
    return (struct ioreq){
        .type = type, .addr = addr, .size = bytes, .count = 1, .dir = write ? IOREQ_WRITE : IOREQ_READ, .data = data};
}

/*
 * io.c: the next access that the emulated instruction makes: r->type PIO or COPY, r->data as in hvm_io_access_t; or a
 * row of r->count elements. RETRY: the emulator is to be left. NOBODY: not possible (a row: as one).
 */
enum hvm_io_result hvm_insn_access(struct vcpu *v, struct ioreq *r);

/* mmio.c: the instruction that had to wait is carried out from its start. */
void hvm_emulate_resume(struct vcpu *v);

#endif
