/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an access of an HVM guest to a port or to memory that is none goes: to a device of the virtual platform, to an
 * ioreq server, or to nobody; and the end of instructions that had to wait for an answer (io.h). Instructions other
 * than IN and OUT are in mmio.c.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io_private.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <core/console.h>
#include <lib/lib.h>
#include <mm/heap.h>
#include <sched/softirq.h>

#define PORT_CONSOLE 0xe9 /* a guest's first words, as emulators have them */
#define PORT_CF8     0xcf8
#define PORT_CFC     0xcfc
#define CF8_ENABLED  0x80000000U

int hvm_io_vcpu_create(struct vcpu *v)
{
    v->arch.hvm.io = mem_alloc_object(struct hvm_vcpu_io);
    return v->arch.hvm.io ? ioreq_vcpu_create(v) : -ENOMEM;
}

void hvm_io_vcpu_free(struct vcpu *v)
{
    mem_free(v->arch.hvm.io);
    v->arch.hvm.io = NULL;
}

/* ---- single accesses ---- */

static u64 ones(unsigned int bytes) { return ~0ULL >> (64 - 8 * bytes); }

/* What a server says of a single access, or nobody. */
static enum hvm_io_result ask_servers(struct vcpu *v, struct ioreq *r, bool mem_type)
{
    enum hvm_io_result result = ioreq_send(v, r, mem_type);

    if (result == HVM_IO_NOBODY && r->dir == IOREQ_READ)
        r->data = ones(r->size);
    return result == HVM_IO_RETRY ? HVM_IO_RETRY : HVM_IO_DONE;
}

/* PCI configuration mechanism #1: the address written before says which device's register is meant. */
static void port_request(const struct vcpu *v, struct ioreq *r)
{
    u32 cf8 = v->domain->arch.pci_cf8;

    if ((r->addr & ~3ULL) != PORT_CFC || !(cf8 & CF8_ENABLED))
        return;
    r->type = IOREQ_TYPE_PCI_CONFIG;
    r->addr = (u64)(cf8 >> 8 & 0xffff) << 32 | (cf8 & 0xfc) | (r->addr & 3);
}

enum hvm_io_result hvm_port_io(struct vcpu *v, u16 port, unsigned int bytes, bool write, u32 *value)
{
    hvm_io_access_t *device = platform_port(v, port);
    struct ioreq r = {.type = IOREQ_TYPE_PIO, .addr = port, .size = bytes, .count = 1};
    enum hvm_io_result result;

    r.dir = write ? IOREQ_WRITE : IOREQ_READ;
    r.data = write ? *value & ones(bytes) : 0;
    result = device ? device(v, port, bytes, write, &r.data) : HVM_IO_NOBODY;
    if (result == HVM_IO_NOBODY && write && port == PORT_CONSOLE && bytes == 1) {
        char c = r.data;

        console_write_guest(v->domain, &c, 1);
        return HVM_IO_DONE;
    }
    if (result == HVM_IO_NOBODY) {
        if (write && port == PORT_CF8 && bytes == 4)
            v->domain->arch.pci_cf8 = r.data;
        port_request(v, &r);
        result = ask_servers(v, &r, false);
    }
    if (!write)
        *value = r.data & ones(bytes);
    return result;
}

enum hvm_io_result hvm_mmio(struct vcpu *v, u64 gpa, unsigned int bytes, bool write, u64 *value)
{
    hvm_io_access_t *device = platform_mmio(v, gpa);
    struct ioreq r = {.type = IOREQ_TYPE_COPY, .addr = gpa, .size = bytes, .count = 1};
    enum hvm_io_result result;
    enum p2m_type type;

    r.dir = write ? IOREQ_WRITE : IOREQ_READ;
    r.data = write ? *value & ones(bytes) : 0;
    result = device ? device(v, gpa, bytes, write, &r.data) : HVM_IO_NOBODY;
    if (result == HVM_IO_NOBODY) {
        p2m_lookup(v->domain, _gfn(gpa >> PAGE_SHIFT), &type, NULL);
        result = ask_servers(v, &r, type == P2M_IOREQ_SERVER);
    }
    if (!write)
        *value = r.data & ones(bytes);
    return result;
}

/* ---- instructions ---- */

/* The answer of an IN goes to RAX: 32 bits clear the upper half, less leaves the rest. */
static void set_rax(struct cpu_user_regs *regs, unsigned int bytes, u64 value)
{
    regs->rax = bytes == 4 ? (u32)value : (regs->rax & ~ones(bytes)) | (value & ones(bytes));
}

static void port_insn_done(struct vcpu *v, unsigned int bytes, bool write, unsigned int length, u64 value)
{
    if (!write)
        set_rax(guest_regs(), bytes, value);
    hvm_insn_retired(v, length);
}

void hvm_port_insn(struct vcpu *v, u16 port, unsigned int bytes, bool write, unsigned int length)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    u32 value = guest_regs()->rax;

    if (hvm_port_io(v, port, bytes, write, &value) == HVM_IO_DONE) {
        port_insn_done(v, bytes, write, length, value);
        return;
    }
    io->step = IO_PORT_INSN;
    io->pending = (struct io_access){.bytes = bytes, .write = write};
    io->length = length;
}

/* What v waited for is there. */
static void step_finish(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    u8 step = io->step;

    io->step = IO_NOTHING;
    if (step == IO_PORT_INSN)
        port_insn_done(v, io->pending.bytes, io->pending.write, io->length, io->answer);
    else if (step == IO_EMULATE)
        hvm_emulate_resume(v);
}

/* What hypercalls and devices left to be told. False: nothing. */
static bool tell_servers(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;

    if (io->invalidate) {
        io->invalidate = false;
        ioreq_broadcast(v, &(struct ioreq){.type = IOREQ_TYPE_INVALIDATE, .size = 4, .data = ~0ULL});
        return true;
    }
    if (io->timeoffset) {
        struct ioreq r = {.type = IOREQ_TYPE_TIMEOFFSET, .size = 8, .count = 1, .data = io->timeoffset};

        io->timeoffset = 0;
        ioreq_broadcast(v, &r);
        return true;
    }
    return false;
}

bool hvm_io_resume(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;

    __atomic_fetch_and(&v->arch.hvm.work, (u8)~HVM_WORK_IO, __ATOMIC_SEQ_CST);
    do {
        if (!ioreq_answered(v)) {
            set_bit(_VPF_IO, &v->pause_flags);
            /* The bit first, then the look: who answers after the look finds the bit and wakes. */
            if (!ioreq_answered(v)) {
                hvm_set_work(v, HVM_WORK_IO);
                softirq_raise(SOFTIRQ_SCHEDULE);
                return false;
            }
        }
        clear_bit(_VPF_IO, &v->pause_flags);
        step_finish(v);
    } while (io->waiting || tell_servers(v));
    return true;
}
