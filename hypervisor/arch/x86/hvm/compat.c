/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of HVM guests in 32-bit code: number in EAX, arguments in EBX, ECX, EDX, ESI, EDI, EBP
 * (xen/arch-x86/xen-x86_32.h). Most structures of the ABI are the same for 32 and 64 bits and go to the same handlers.
 * The others are here, by the rules of the i386 ABI (System V, Intel386 supplement): pointers, unsigned long and
 * xen_pfn_t have 4 bytes, and so much is the alignment of 64-bit numbers.
 *
 * A structure that differs is rebuilt as a 64-bit guest would have it in the vCPU's argument page, which the handlers
 * read and write as guest memory, at addresses that 32-bit code cannot name (COMPAT_ARGS).
 */
#include <arch/arch.h>
#include <arch/x86/hvm/compat.h>
#include <arch/x86/hvm/hvm.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <hypercall/memory_op.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/version.h>

/* ---- the argument page: a structure at its start, a list behind it ---- */

#define LIST_AT  128
#define LIST_MAX ((PAGE_SIZE - LIST_AT) / 8)

static void *args_struct(void) { return current->arch.hvm.compat_args; }

static u64 *args_list(void) { return (u64 *)((u8 *)args_struct() + LIST_AT); }

#define ARGS_LIST (COMPAT_ARGS + LIST_AT)

/* fn with the structure in the argument page as its argument number `at`. */
static long with_args(void *fn, unsigned long a, unsigned long b, unsigned long c, bool *again, unsigned long out[6])
{
    out[0] = a;
    out[1] = b;
    out[2] = c;
    return hypercall_nested((hypercall_fn)fn, out, again);
}

/* The same for those that are done at once. */
static long once(void *fn, unsigned long cmd, unsigned long arg)
{
    unsigned long args[6];
    bool again;

    return with_args(fn, cmd, arg, 0, &again, args);
}

static void __guest *pointer(u32 p) { return (void __guest *)(unsigned long)p; }

/* ---- memory_op ---- */

struct compat_reservation {
    u32 extent_start, nr_extents, extent_order, mem_flags;
    u16 domid;
};
_Static_assert(sizeof(struct compat_reservation) == 20, "i386 layout");

/* Extents in rows of what the argument page holds. Translated domains are given no frame numbers back. */
static long compat_reservation(unsigned int op, u32 done, void __guest *arg)
{
    struct xen_memory_reservation *r = args_struct();
    struct compat_reservation c;

    if (copy_from_guest(&c, arg, sizeof(c)))
        return done;
    if (done > c.nr_extents)
        return -EINVAL;
    while (done < c.nr_extents) {
        u32 n = min(c.nr_extents - done, 256U), list[256];
        unsigned long args[6];
        bool again;
        long rc;

        if (copy_from_guest(list, pointer(c.extent_start + done * 4), n * 4))
            return done;
        for (u32 i = 0; i < n; i++)
            args_list()[i] = list[i];
        *r = (struct xen_memory_reservation){
            .nr_extents = n, .extent_order = c.extent_order, .mem_flags = c.mem_flags, .domid = c.domid};
        r->extent_start.p = (void *)ARGS_LIST;
        rc = with_args(do_memory_op, op, COMPAT_ARGS, 0, &again, args);
        if (!again && rc < (long)n)
            return rc < 0 && !done ? rc : done + max(rc, 0L);
        done += again ? args[0] >> MEMORY_OP_SHIFT : n;
        if (again || (done < c.nr_extents && hypercall_preempt_check()))
            return hypercall_again(2, (unsigned long)(op | done << MEMORY_OP_SHIFT), (unsigned long)arg);
    }
    return done;
}

static long compat_add_to_physmap(unsigned long cmd, void __guest *arg)
{
    struct {
        u16 domid, size;
        u32 space, idx, gpfn;
    } c;
    struct xen_add_to_physmap *x = args_struct();
    unsigned long args[6];
    bool again;
    long rc;

    if (copy_from_guest(&c, arg, sizeof(c)))
        return -EFAULT;
    *x = (struct xen_add_to_physmap){c.domid, c.size, c.space, c.idx, c.gpfn};
    rc = with_args(do_memory_op, cmd, COMPAT_ARGS, 0, &again, args);
    return again ? hypercall_again(2, args[0], (unsigned long)arg) : rc;
}

/* Rows of entries; where the errors go is the same. */
#define BATCH_MAX 128U

static long compat_physmap_batch(u32 done, void __guest *arg)
{
    struct {
        u16 domid, space, size, foreign_domid;
        u32 idxs, gpfns, errs;
    } c;
    struct xen_add_to_physmap_batch *x = args_struct();

    if (copy_from_guest(&c, arg, sizeof(c)))
        return -EFAULT;
    for (u32 n; done < c.size; done += n) {
        u32 idxs[BATCH_MAX], gpfns[BATCH_MAX];
        unsigned long args[6];
        bool again;
        long rc;

        n = min(c.size - done, BATCH_MAX);
        if (copy_from_guest(idxs, pointer(c.idxs + 4 * done), 4 * n) ||
            copy_from_guest(gpfns, pointer(c.gpfns + 4 * done), 4 * n))
            return -EFAULT;
        for (u32 i = 0; i < n; i++) {
            args_list()[i] = idxs[i];
            args_list()[BATCH_MAX + i] = gpfns[i];
        }
        *x = (struct xen_add_to_physmap_batch){.domid = c.domid, .space = c.space, .size = n};
        x->u.foreign_domid = c.foreign_domid;
        x->idxs.p = (void *)ARGS_LIST;
        x->gpfns.p = (void *)(ARGS_LIST + BATCH_MAX * 8);
        x->errs.p = (void *)pointer(c.errs + 4 * done);
        rc = with_args(do_memory_op, XENMEM_add_to_physmap_batch, COMPAT_ARGS, 0, &again, args);
        if (again)
            n = args[0] >> MEMORY_OP_SHIFT;
        else if (rc)
            return rc;
        if (again || hypercall_preempt_check())
            return hypercall_again(2, (unsigned long)(XENMEM_add_to_physmap_batch | (done + n) << MEMORY_OP_SHIFT),
                                   (unsigned long)arg);
    }
    return 0;
}

static long compat_remove_from_physmap(void __guest *arg)
{
    struct {
        u16 domid, pad;
        u32 gpfn;
    } c;
    struct xen_remove_from_physmap *x = args_struct();

    if (copy_from_guest(&c, arg, sizeof(c)))
        return -EFAULT;
    *x = (struct xen_remove_from_physmap){c.domid, c.gpfn};
    return once(do_memory_op, XENMEM_remove_from_physmap, COMPAT_ARGS);
}

static long compat_memory_map(void __guest *arg)
{
    struct {
        u32 nr_entries, buffer;
    } c;
    struct xen_memory_map *x = args_struct();
    long rc;

    if (copy_from_guest(&c, arg, sizeof(c)))
        return -EFAULT;
    x->nr_entries = c.nr_entries;
    x->buffer.p = (void *)pointer(c.buffer);
    rc = once(do_memory_op, XENMEM_memory_map, COMPAT_ARGS);
    c.nr_entries = x->nr_entries;
    return rc ?: copy_to_guest(arg, &c, sizeof(c));
}

static long compat_memory_op(unsigned long cmd, void __guest *arg)
{
    unsigned int op = cmd & MEMORY_OP_MASK;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap: return compat_reservation(op, cmd >> MEMORY_OP_SHIFT, arg);
    case XENMEM_add_to_physmap: return compat_add_to_physmap(cmd, arg);
    case XENMEM_add_to_physmap_batch: return compat_physmap_batch(cmd >> MEMORY_OP_SHIFT, arg);
    case XENMEM_remove_from_physmap: return compat_remove_from_physmap(arg);
    case XENMEM_memory_map: return compat_memory_map(arg);
    case XENMEM_maximum_ram_page:
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn: return do_memory_op(cmd, arg);
    default: return hypercall_unknown("32-bit memory_op", op, -ENOSYS);
    }
}

/* ---- grant_table_op ---- */

struct compat_frame_list { /* both operations: {dom, nr_frames, status} or {nr_frames, dom, status}, then the list */
    u32 head[3], frame_list;
};

/* setup_table gives numbers of 4 bytes, get_status_frames of 8; the rest of the structures is the same. */
static long compat_setup_table(void __guest *uop, unsigned int count)
{
    struct compat_frame_list c;
    struct gnttab_setup_table *s = args_struct();
    u32 frames;
    long rc;

    if (count != 1 || copy_from_guest(&c, uop, sizeof(c)))
        return count == 1 ? -EFAULT : -EINVAL;
    memcpy(s, c.head, sizeof(c.head));
    s->frame_list.p = (void *)ARGS_LIST;
    frames = min(s->nr_frames, (u32)LIST_MAX);
    rc = once(do_grant_table_op, GNTTABOP_setup_table, COMPAT_ARGS);
    for (u32 i = 0; !rc && s->status == GNTST_okay && i < frames; i++) {
        u32 gfn = args_list()[i];

        if (copy_to_guest(pointer(c.frame_list + 4 * i), &gfn, sizeof(gfn)))
            return -EFAULT;
    }
    memcpy(c.head, s, sizeof(c.head));
    return rc ?: copy_to_guest(uop, &c, sizeof(c));
}

static long compat_status_frames(void __guest *uop, unsigned int count)
{
    struct {
        u32 nr_frames;
        u16 dom;
        s16 status;
        u32 frame_list;
    } c;
    gnttab_get_status_frames_t *s = args_struct();
    long rc;

    if (count != 1 || copy_from_guest(&c, uop, sizeof(c)))
        return count == 1 ? -EFAULT : -EINVAL;
    *s = (gnttab_get_status_frames_t){.nr_frames = c.nr_frames, .dom = c.dom};
    s->frame_list.p = (void *)pointer(c.frame_list);
    rc = once(do_grant_table_op, GNTTABOP_get_status_frames, COMPAT_ARGS);
    c.status = s->status;
    return rc ?: copy_to_guest(uop, &c, sizeof(c));
}

struct compat_copy {
    struct compat_copy_end {
        u32 name; /* a grant, or a frame number */
        u16 domid, offset;
    } source, dest;
    u16 len, flags;
    s16 status;
};
_Static_assert(sizeof(struct compat_copy) == 24, "i386 layout");

/* Up to a page's worth of native ones at a time. */
#define COPIES_MAX ((PAGE_SIZE - LIST_AT) / sizeof(gnttab_copy_t))

static long compat_copy(struct compat_copy __guest *uop, unsigned int count)
{
    gnttab_copy_t *n = args_struct();

    for (unsigned int done = 0; done < count;) {
        unsigned int some = min(count - done, (unsigned int)COPIES_MAX);
        unsigned long args[6];
        struct compat_copy c;
        bool again;
        long rc;

        for (unsigned int i = 0; i < some; i++) {
            if (copy_from_guest(&c, uop + done + i, sizeof(c)))
                return -EFAULT;
            memset(&n[i], 0, sizeof(n[i]));
            n[i].source.u.gmfn = c.source.name;
            n[i].source.domid = c.source.domid;
            n[i].source.offset = c.source.offset;
            n[i].dest.u.gmfn = c.dest.name;
            n[i].dest.domid = c.dest.domid;
            n[i].dest.offset = c.dest.offset;
            n[i].len = c.len;
            n[i].flags = c.flags;
        }
        rc = with_args(do_grant_table_op, GNTTABOP_copy, COMPAT_ARGS, some, &again, args);
        if (again)
            some = (args[1] - COMPAT_ARGS) / sizeof(n[0]);
        else if (rc)
            return rc;
        for (unsigned int i = 0; i < some; i++)
            if (copy_to_guest(&uop[done + i].status, &n[i].status, sizeof(n[i].status)))
                return -EFAULT;
        done += some;
        if (again || (done < count && hypercall_preempt_check()))
            return hypercall_again(3, (unsigned long)GNTTABOP_copy, (unsigned long)(uop + done),
                                   (unsigned long)(count - done));
    }
    return 0;
}

static long compat_grant_table_op(unsigned int cmd, void __guest *uop, unsigned int count)
{
    switch (cmd) {
    case GNTTABOP_setup_table: return compat_setup_table(uop, count);
    case GNTTABOP_get_status_frames: return compat_status_frames(uop, count);
    case GNTTABOP_copy: return compat_copy(uop, count);
    default: return do_grant_table_op(cmd, uop, count);
    }
}

/* ---- the small ones ---- */

static long compat_xen_version(int cmd, void __guest *arg)
{
    u32 start = 0; /* a translated guest has no addresses of ours in its own */

    return cmd == XENVER_platform_parameters ? copy_to_guest(arg, &start, sizeof(start)) : do_xen_version(cmd, arg);
}

static long compat_set_timer_op(u32 low, u32 high) { return do_set_timer_op((s_time_t)high << 32 | low); }

static long compat_sched_op(int cmd, void __guest *arg)
{
    struct {
        u32 ports, nr_ports;
        u64 timeout;
    } c;
    struct sched_poll *poll = args_struct();

    if (cmd != SCHEDOP_poll)
        return do_sched_op(cmd, arg);
    if (copy_from_guest(&c, arg, sizeof(c)))
        return -EFAULT;
    poll->ports.p = (void *)pointer(c.ports);
    poll->nr_ports = c.nr_ports;
    poll->timeout = c.timeout;
    return once(do_sched_op, SCHEDOP_poll, COMPAT_ARGS);
}

/* A run state has its 64-bit numbers right behind the 32-bit state. */
static long compat_get_runstate(unsigned int id, void __guest *arg)
{
    struct vcpu_runstate_info *r = args_struct();
    unsigned long args[6];
    u32 out[11];
    bool again;
    long rc = with_args(do_vcpu_op, VCPUOP_get_runstate_info, id, COMPAT_ARGS, &again, args);

    out[0] = r->state;
    memcpy(out + 1, &r->state_entry_time, 10 * sizeof(u32));
    return rc ?: copy_to_guest(arg, out, sizeof(out));
}

/* Structures that end with a pointer in 8 bytes, of which 4 are written, or in 4 that 64-bit code pads. */
static long compat_vcpu_op(int cmd, unsigned int id, void __guest *arg)
{
    u32 *words = args_struct();
    unsigned long args[6];
    size_t bytes;
    bool again;

    switch (cmd) {
    case VCPUOP_get_runstate_info: return compat_get_runstate(id, arg);
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_register_vcpu_time_memory_area: bytes = 4; break;
    case VCPUOP_set_singleshot_timer: bytes = 12; break;
    default: return do_vcpu_op(cmd, id, arg);
    }
    memset(words, 0, 16);
    if (copy_from_guest(words, arg, bytes))
        return -EFAULT;
    return with_args(do_vcpu_op, cmd, id, COMPAT_ARGS, &again, args);
}

/* ---- dispatch ---- */

struct compat_multicall {
    u32 op, result, args[6];
};

static long compat_multicall(struct compat_multicall __guest *entry, unsigned int nr)
{
    struct compat_multicall c;

    if (hypercall_is_nested())
        return -EINVAL;
    for (unsigned int i = 0; i < nr; i++, entry++) {
        unsigned long args[6];
        bool again;

        if (i && hypercall_preempt_check())
            return hypercall_again(2, (unsigned long)entry, (unsigned long)(nr - i));
        if (copy_from_guest(&c, entry, sizeof(c)))
            return -EFAULT;
        for (unsigned int k = 0; k < 6; k++)
            args[k] = c.args[k];
        c.result = hypercall_nested(compat_function(c.op), args, &again);
        for (unsigned int k = 0; again && k < 6; k++)
            c.args[k] = args[k];
        if (again ? copy_to_guest(entry, &c, sizeof(c)) : copy_to_guest(&entry->result, &c.result, sizeof(c.result)))
            return -EFAULT;
        if (again)
            return hypercall_again(2, (unsigned long)entry, (unsigned long)(nr - i));
    }
    return 0;
}

/* Those that 32-bit callers have otherwise. */
static const hypercall_fn compat_table[NR_HYPERCALLS] = {
#define ROW(name) [__HYPERVISOR_##name] = (hypercall_fn)(void *)compat_##name
    ROW(memory_op), ROW(grant_table_op), ROW(xen_version), ROW(set_timer_op),
    ROW(sched_op),  ROW(vcpu_op),        ROW(multicall),
#undef ROW
};

hypercall_fn compat_function(u32 nr)
{
    nr = min(nr, NR_HYPERCALLS - 1U); /* the last one is none */
    return compat_table[nr] ?: hvm_hypercall_table[nr];
}

long hvm_compat_hypercall(struct vcpu *v, struct cpu_user_regs *r)
{
    long rc;

    if (!v->arch.hvm.compat_args && !(v->arch.hvm.compat_args = page_alloc(0)))
        return -ENOMEM;
    v->arch.hvm.compat = true;
    rc = compat_function(r->rax)((u32)r->rbx, (u32)r->rcx, (u32)r->rdx, (u32)r->rsi, (u32)r->rdi, (u32)r->rbp);
    v->arch.hvm.compat = false;
    return rc;
}
