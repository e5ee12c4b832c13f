/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of HVM guests in 32-bit code: number in EAX, arguments in EBX, ECX, EDX, ESI, EDI, EBP
 * (xen/arch-x86/xen-x86_32.h). Most structures of the ABI are the same for 32 and 64 bits. The others differ by the
 * rules of the i386 ABI (System V, Intel386 supplement): pointers, unsigned long and xen_pfn_t have 4 bytes, and so
 * much is the alignment of 64-bit numbers.
 *
 * All go to the same handlers. For a structure or list that differs the handler is given an address that 32-bit code
 * cannot name, behind which it finds the guest's memory as a 64-bit guest would have laid it out: hvm_compat_copy()
 * converts what is read and written there.
 */
#include <arch/x86/hvm/guest_memory.h>
#include <core/evtchn.h>
#include <core/grant.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <sched/sched.h>

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/version.h>

/*
 * Two ranges of such addresses: lists of numbers, each twice as long as the guest has them and twice as far from the
 * start, and the structures of hvm_vcpu.compat_view, an array of them from `base` on.
 */
#define STRUCTS   COMPAT_VIEWS
#define LISTS     (COMPAT_VIEWS * 2)
#define LISTS_END (COMPAT_VIEWS * 4)

/*
 * The fields of a structure, a character each. 2, 4, 8: so many bytes for both. L: unsigned long, a frame's number, a
 * pointer. W: a pointer to a list of L. A point: what follows, or the end, is aligned as L is.
 */
#define FIELDS_MAX 64 /* bytes of the longest structure */

/* ---- conversion ---- */

u32 hvm_compat_narrow(u64 value)
{
    const struct hvm_compat_view *v = &current->arch.hvm.compat_view;

    if (value >= LISTS && value < LISTS_END)
        return (value - LISTS) / 2;
    if (value >= STRUCTS && value < LISTS && v->wide)
        return v->base + (value - STRUCTS) / v->wide * v->narrow;
    return value;
}

/* A structure's two forms, one made from the other. What is between the fields stays. */
static void convert(struct hvm_compat_view *v, u8 *narrow, u8 *wide, bool widen)
{
    unsigned int n = 0, w = 0;

    for (const char *f = v->fields; *f; f++) {
        unsigned int wide_bytes = *f <= '8' && *f >= '2' ? *f - '0' : 8;
        unsigned int narrow_bytes = *f <= '8' && *f >= '2' ? wide_bytes : 4;
        u64 x = 0;

        n = ROUNDUP(n, min(narrow_bytes, 4U));
        w = ROUNDUP(w, wide_bytes);
        if (*f == '.')
            continue;
        memcpy(&x, widen ? narrow + n : wide + w, widen ? narrow_bytes : wide_bytes);
        if (widen && *f == 'W')
            x = LISTS + 2 * x;
        else if (!widen && narrow_bytes < wide_bytes)
            x = hvm_compat_narrow(x);
        memcpy(widen ? wide + w : narrow + n, &x, widen ? wide_bytes : narrow_bytes);
        n += narrow_bytes;
        w += wide_bytes;
    }
    v->narrow = n;
    v->wide = w;
}

size_t hvm_compat_copy(u64 va, void *ours, size_t n, bool write)
{
    struct hvm_compat_view list = {.fields = "L", .base = (va - LISTS) / 2, .narrow = 4, .wide = 8};
    struct hvm_compat_view *v = va >= LISTS ? &list : &current->arch.hvm.compat_view;
    u64 at = va >= LISTS ? 0 : va - STRUCTS;

    for (size_t part; n; at += part, ours = (u8 *)ours + part, n -= part) {
        void __guest *element = (void __guest *)(unsigned long)(u32)(v->base + at / v->wide * v->narrow);
        u8 narrow[FIELDS_MAX], wide[FIELDS_MAX] = {};

        part = min(n, (size_t)(v->wide - at % v->wide));
        if (hvm_copy_from_guest(narrow, element, v->narrow))
            return n;
        convert(v, narrow, wide, true);
        memcpy(write ? wide + at % v->wide : ours, write ? ours : wide + at % v->wide, part);
        if (!write)
            continue;
        convert(v, narrow, wide, false);
        if (hvm_copy_to_guest(element, narrow, v->narrow))
            return n;
    }
    return 0;
}

/* What the handler is given for the structure at p; fields NULL: it is the same for both. */
static void __guest *view(const char *fields, u32 p)
{
    struct hvm_compat_view *v = &current->arch.hvm.compat_view;
    u8 nothing[FIELDS_MAX] = {};

    if (!fields)
        return (void __guest *)(unsigned long)p;
    *v = (struct hvm_compat_view){.fields = fields, .base = p};
    convert(v, nothing, nothing, true); /* for the lengths */
    return (void __guest *)STRUCTS;
}

/* ---- hypercalls that have structures of both kinds: by operation ---- */

static const char *const memory_ops[] = {
    [XENMEM_increase_reservation] = "WL442.",
    [XENMEM_decrease_reservation] = "WL442.",
    [XENMEM_populate_physmap] = "WL442.",
    [XENMEM_maximum_ram_page] = "2", /* asks for nothing */
    [XENMEM_current_reservation] = "2",
    [XENMEM_maximum_reservation] = "2",
    [XENMEM_maximum_gpfn] = "2",
    [XENMEM_add_to_physmap] = "224LL",
    [XENMEM_add_to_physmap_batch] = "2222WWL",
    [XENMEM_remove_from_physmap] = "2L",
    [XENMEM_memory_map] = "4L",
};
static const char *const grant_ops[] = {
    [GNTTABOP_setup_table] = "242W",
    [GNTTABOP_get_status_frames] = "422L", /* its list is of 64-bit numbers for both */
    [GNTTABOP_copy] = "L22L22.222.",
};
static const char *const sched_ops[] = {[SCHEDOP_poll] = "L48"};
static const char *const vcpu_ops[] = {
    [VCPUOP_get_runstate_info] = "488888",
    [VCPUOP_register_runstate_memory_area] = "L",
    [VCPUOP_register_vcpu_time_memory_area] = "L",
    [VCPUOP_set_singleshot_timer] = "84.",
};

#define FIELDS(ops, op) ((op) < ARRAY_SIZE(ops) ? (ops)[op] : NULL)

static long compat_memory_op(u32 cmd, u32 arg)
{
    const char *fields = FIELDS(memory_ops, cmd & MEMORY_OP_MASK);

    return fields ? do_memory_op(cmd, view(fields, arg))
                  : hypercall_unknown("32-bit memory_op", cmd & MEMORY_OP_MASK, -ENOSYS);
}

static long compat_grant_table_op(u32 cmd, u32 uop, u32 count)
{
    return do_grant_table_op(cmd, view(FIELDS(grant_ops, cmd), uop), count);
}

static long compat_sched_op(u32 cmd, u32 arg) { return do_sched_op(cmd, view(FIELDS(sched_ops, cmd), arg)); }

static long compat_vcpu_op(u32 cmd, u32 id, u32 arg) { return do_vcpu_op(cmd, id, view(FIELDS(vcpu_ops, cmd), arg)); }

/* ---- the others ---- */

/* All fields of its entries are L. */
static long compat_multicall(u32 calls, u32 nr) { return do_multicall((void __guest *)(LISTS + 2UL * calls), nr); }

static long compat_xen_version(int cmd, void __guest *arg)
{
    u32 start = 0; /* a translated guest has no addresses of ours in its own */

    return cmd == XENVER_platform_parameters ? copy_to_guest(arg, &start, sizeof(start)) : do_xen_version(cmd, arg);
}

static long compat_set_timer_op(u32 low, u32 high) { return do_set_timer_op((s_time_t)high << 32 | low); }

/* ---- dispatch ---- */

/* The rows overwrite what the range put there, and those that 32-bit callers have otherwise overwrite rows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define HYPERCALL(name, fn, nargs, guests, who) HVM_##guests(name, fn)
#define HVM_ALL(name, fn)                       [__HYPERVISOR_##name] = (hypercall_fn)(void *)(fn),
#define HVM_PV(name, fn)
#define ROW(name) HVM_ALL(name, compat_##name)
const hypercall_fn compat_hypercall_table[NR_HYPERCALLS] = {
    [0 ... NR_HYPERCALLS - 1] = (hypercall_fn)(void *)no_such_hypercall,
#include <hypercall/table.h>
    ROW(memory_op) ROW(grant_table_op) ROW(sched_op) ROW(vcpu_op) ROW(multicall) ROW(xen_version) ROW(set_timer_op)};
#pragma GCC diagnostic pop
