/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way of an access of an HVM guest to a port, or to memory that is none: to a device of the virtual platform,
 * else to an ioreq server (ioreq.c), else to nobody. Instructions come here from IN and OUT exits and from the
 * emulator's callbacks (mmio.c).
 *
 * A server's answer takes time. The access is noted as the next of those that the instruction has done, the vCPU
 * waits, and hvm_io_resume() lets the emulator carry out the instruction (the element, under REP) from its start; what
 * it did to devices before is answered from the notes, so it happens once.
 */
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/io_private.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/platform/platform.h>
#include <core/console.h>
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

/* ---- accesses ---- */

static u64 ones(unsigned int bytes) { return ~0ULL >> (64 - 8 * bytes); }

/* A port that no device has. What a server is asked: by PCI configuration mechanism #1, the address written before
 * says which device's register is meant. */
static enum hvm_io_result port_request(struct vcpu *v, struct ioreq r)
{
    u32 *cf8 = &v->domain->arch.pci_cf8;
    char c = r.data;

    if (r.dir == IOREQ_WRITE && r.addr == PORT_CONSOLE && r.size == 1) {
        console_write_guest(v->domain, &c, 1);
        return HVM_IO_DONE;
    }
    if (r.dir == IOREQ_WRITE && r.addr == PORT_CF8 && r.size == 4)
        *cf8 = r.data;
    if ((r.addr & ~3ULL) == PORT_CFC && *cf8 & CF8_ENABLED) {
        r.type = IOREQ_TYPE_PCI_CONFIG;
        r.addr = (u64)(*cf8 >> 8 & 0xffff) << 32 | (*cf8 & 0xfc) | (r.addr & 3);
    }
    return ioreq_send(v, &r);
}

/* NOBODY: a row that cannot be had at once. */
static enum hvm_io_result access(struct vcpu *v, struct ioreq *r)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    bool port = r->type == IOREQ_TYPE_PIO;
    hvm_io_access_t *device = port ? platform_port(v, r->addr) : platform_mmio(v, r->addr);
    enum hvm_io_result result = HVM_IO_NOBODY;

    if (device && r->count > 1)
        return HVM_IO_NOBODY;
    if (device)
        result = device(v, r->addr, r->size, r->dir == IOREQ_WRITE, &r->data);
    if (result == HVM_IO_NOBODY)
        result = port && r->count == 1 ? port_request(v, *r) : ioreq_send(v, r);
    if (result == HVM_IO_RETRY) {
        io->done[io->nr_done] = *r;
        io->unfinished = true;
    }
    if (result == HVM_IO_RETRY || r->count > 1)
        return result;
    if (r->dir == IOREQ_READ)
        r->data = (result == HVM_IO_NOBODY ? ~0ULL : r->data) & ones(r->size);
    return HVM_IO_DONE;
}

static bool same_access(const struct ioreq *a, const struct ioreq *b)
{
    return a->addr == b->addr && a->size == b->size && a->dir == b->dir && a->type == b->type && a->count == b->count;
}

enum hvm_io_result hvm_insn_access(struct vcpu *v, struct ioreq *r)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    struct ioreq *d = &io->done[io->next];
    enum hvm_io_result result;

    if (io->next < io->nr_done && same_access(d, r)) {
        r->data = d->data;
        io->next++;
        return HVM_IO_DONE;
    }
    io->nr_done = io->next; /* else the guest changed the instruction meanwhile */
    if (io->next == IO_DONE_MAX)
        return HVM_IO_NOBODY;
    result = access(v, r);
    if (result == HVM_IO_DONE) {
        *d = *r;
        io->nr_done = ++io->next;
    }
    return result;
}

/* The answer of an IN goes to RAX: 32 bits clear the upper half, less leaves the rest. */
void hvm_port_insn(struct vcpu *v, u16 port, unsigned int bytes, bool write, unsigned int length)
{
    struct cpu_user_regs *regs = guest_regs();
    struct ioreq r = hvm_io_request(IOREQ_TYPE_PIO, port, bytes, write, write ? regs->rax & ones(bytes) : 0);

    hvm_io_forget(v->arch.hvm.io);
    if (access(v, &r) == HVM_IO_RETRY)
        return;
    if (!write)
        regs->rax = bytes == 4 ? r.data : (regs->rax & ~ones(bytes)) | r.data;
    hvm_insn_retired(v, length);
}

/* ---- answers ---- */

/* What v waited for is there. */
static void insn_resume(struct vcpu *v)
{
    struct hvm_vcpu_io *io = v->arch.hvm.io;
    struct ioreq *r = &io->done[io->nr_done++];

    io->unfinished = false;
    r->data = io->answer & ones(r->size);
    hvm_emulate_resume(v);
}

/* What hypercalls and devices left to be told. False: nothing. */
static bool tell_servers(struct vcpu *v)
{
    struct ioreq *news = v->arch.hvm.io->news;

    for (unsigned int i = 0; i < IO_NR_NEWS; i++) {
        struct ioreq r = news[i];

        news[i].size = 0;
        if (r.size) {
            ioreq_broadcast(v, &r);
            return true;
        }
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
        if (io->unfinished)
            insn_resume(v);
    } while (io->waiting || tell_servers(v));
    return true;
}

static void leave_news(struct vcpu *v, unsigned int which, struct ioreq r)
{
    v->arch.hvm.io->news[which] = r;
    hvm_set_work(v, HVM_WORK_IO);
}

void hvm_mapcache_invalidate(struct vcpu *v)
{
    if (ioreq_any(v->domain))
        leave_news(v, IO_NEWS_INVALIDATE, (struct ioreq){.type = IOREQ_TYPE_INVALIDATE, .size = 4, .data = ~0ULL});
}

void hvm_send_timeoffset(s64 seconds)
{
    leave_news(current, IO_NEWS_TIMEOFFSET, hvm_io_request(IOREQ_TYPE_TIMEOFFSET, 0, sizeof(seconds), true, seconds));
}
