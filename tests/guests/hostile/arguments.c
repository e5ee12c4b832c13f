/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad arguments for every hypercall.
 *
 * Pointers into the hypervisor, across the end of the guest's half, unaligned, overlapping, not
 * mapped and read-only; counts without measure; batches that hold themselves; numbers of domains,
 * CPUs and ports that are not there; and thousands of calls with random registers. No answer is a
 * crash of the host, and nothing of the hypervisor's memory is read or written on the way.
 */
#include "lib/guest.h"

const char test_title[] = "bad arguments";

static const uint64_t bad_pointers[] = {
    HYPERVISOR_VIRT_START,
    HYPERVISOR_VIRT_START + 8,
    0xffff82d040200000,      /* the hypervisor's text, as on Xen */
    0xffff830000000000,      /* its direct map */
    HYPERVISOR_VIRT_END - 8, /* across its end */
    HYPERVISOR_VIRT_END - PAGE_SIZE,
    0x800000000000,     /* not canonical */
    0x7ffffffffff8,     /* across the end of the lower half */
    0xfffffffffffffff8, /* across the end of everything */
    0x8000000000000000,
    0x700000000000, /* not mapped */
    1,
};

/* Calls that take a pointer as their n-th argument, and the rest of the arguments that make them
 * use it. */
static const struct pointer_call {
    unsigned int nr, at;
    unsigned long args[5];
} pointer_calls[] = {
    {__HYPERVISOR_set_trap_table, 0, {0}},
    {__HYPERVISOR_mmu_update, 0, {0, 4, 0, DOMID_SELF}},
    {__HYPERVISOR_set_gdt, 0, {0, 512}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_decrease_reservation, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_populate_physmap, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_exchange, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_machphys_mapping, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_machphys_mfn_list, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_current_reservation, 0}},
    {__HYPERVISOR_multicall, 0, {0, 4}},
    {__HYPERVISOR_xen_version, 1, {XENVER_extraversion, 0}},
    {__HYPERVISOR_xen_version, 1, {XENVER_get_features, 0}},
    {__HYPERVISOR_xen_version, 1, {XENVER_compile_info, 0}},
    {__HYPERVISOR_console_io, 2, {CONSOLEIO_write, 4096, 0}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_map_grant_ref, 0, 4}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_unmap_grant_ref, 0, 4}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_copy, 0, 4}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_setup_table, 0, 1}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_query_size, 0, 1}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_initialise, 1, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_set_singleshot_timer, 0, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_register_vcpu_info, 1, 0}},
    {__HYPERVISOR_mmuext_op, 0, {0, 4, 0, DOMID_SELF}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_poll, 0}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_watchdog, 0}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_remote_shutdown, 0}},
    {__HYPERVISOR_callback_op, 1, {CALLBACKOP_register, 0}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_send, 0}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_status, 0}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_alloc_unbound, 0}},
    {__HYPERVISOR_physdev_op, 1, {PHYSDEVOP_set_iopl, 0}},
    {__HYPERVISOR_physdev_op, 1, {PHYSDEVOP_irq_status_query, 0}},
    {__HYPERVISOR_domctl, 0, {0}},
    {__HYPERVISOR_sysctl, 0, {0}},
    {__HYPERVISOR_platform_op, 0, {0}},
    {__HYPERVISOR_nmi_op, 1, {XENNMI_register_callback, 0}},
};

static void pointers(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(pointer_calls); i++) {
        const struct pointer_call *call = &pointer_calls[i];

        for (unsigned int j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
            unsigned long a[5];

            memcpy(a, call->args, sizeof(a));
            a[call->at] = bad_pointers[j];
            hypercall(call->nr, a[0], a[1], a[2], a[3], a[4]);
        }
    }
    trap_init();
    hc_set_gdt(0, 0);
}

/* Results come back as EFAULT, to the places named, for the calls whose only fault is the pointer. */
static void pointer_errors(void)
{
    static const struct pointer_call sure[] = {
        {__HYPERVISOR_mmu_update, 0, {0, 4, 0, DOMID_SELF}},
        {__HYPERVISOR_multicall, 0, {0, 4}},
        {__HYPERVISOR_xen_version, 1, {XENVER_extraversion, 0}},
        {__HYPERVISOR_mmuext_op, 0, {0, 4, 0, DOMID_SELF}},
        {__HYPERVISOR_sched_op, 1, {SCHEDOP_poll, 0}},
        {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_send, 0}},
        {__HYPERVISOR_callback_op, 1, {CALLBACKOP_register, 0}},
        {__HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0, 0}},
        {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_map_grant_ref, 0, 4}},
        {__HYPERVISOR_memory_op, 1, {XENMEM_machphys_mapping, 0}},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(sure); i++)
        for (unsigned int j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
            unsigned long a[5];
            long rc;

            memcpy(a, sure[i].args, sizeof(a));
            a[sure[i].at] = bad_pointers[j];
            rc = hypercall(sure[i].nr, a[0], a[1], a[2], a[3], a[4]);
            if (rc != -XEN_EFAULT)
                printk("call %u at %lx: %ld\n", sure[i].nr, bad_pointers[j], rc);
        }
}

/* Answers go into no read-only page, and arguments come from the page boundary's both sides. */
static void boundaries(void)
{
    uint64_t *ro = page_alloc();
    static uint8_t two[2 * PAGE_SIZE] __attribute__((aligned(4096)));
    struct mmu_update *across = (struct mmu_update *)(two + PAGE_SIZE - 8);

    page_make_ro(ro);
    check_eq(hc_xen_version(XENVER_extraversion, ro), -XEN_EFAULT);
    check_eq(hc_vcpu_op(VCPUOP_get_runstate_info, 0, ro), -XEN_EFAULT);
    check_eq(hc_xen_version(XENVER_extraversion, kernel_l4), -XEN_EFAULT);
    check_eq(hc_memory_op(XENMEM_machphys_mapping, ro), -XEN_EFAULT);
    across->ptr = 0xfffffffff000;
    across->val = 0;
    check_eq(hc_mmu_update(across, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    check_eq(va_write(two + PAGE_SIZE, 0), 0);
    check_eq(hc_mmu_update(across, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    check_eq(hc_xen_version(XENVER_extraversion, two + PAGE_SIZE - 4), -XEN_EFAULT);
}

/* Room for lists whose end is the end of what is mapped. */
static uint8_t brink[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static void *at_the_brink(size_t size)
{
    check_eq(va_write(brink + PAGE_SIZE, 0), 0);
    return memset(brink + PAGE_SIZE - size, 0, size);
}

/* Counts beyond all measure: as far as the list goes, or not at all, but never for ever. */
static void counts(void)
{
    static const unsigned long many[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, ~0ul, 1ul << 30};
    unsigned int done;

    for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
        struct mmu_update *updates = at_the_brink(4 * sizeof(*updates));
        struct mmuext_op *ops = at_the_brink(4 * sizeof(*ops));
        struct multicall_entry *calls;
        void *list;

        check(hc_mmu_update(updates, many[i], &done, DOMID_SELF) <= 0);
        for (unsigned int j = 0; j < 4; j++)
            ops[j].cmd = MMUEXT_TLB_FLUSH_LOCAL;
        check(hc_mmuext_op(ops, many[i], &done, DOMID_SELF) <= 0);
        calls = at_the_brink(4 * sizeof(*calls));
        for (unsigned int j = 0; j < 4; j++)
            calls[j] = (struct multicall_entry){.op = 60};
        check(hc_multicall(calls, many[i]) <= 0);
        list = at_the_brink(8 * 8);
        check(hc_set_gdt(list, many[i]) != 0 || (uint32_t)many[i] == 0);
        hc_console_io(CONSOLEIO_write, many[i], list);
        hc_grant_table_op(GNTTABOP_map_grant_ref, list, many[i]);
        hc_grant_table_op(GNTTABOP_copy, list, many[i]);
        hc_grant_table_op(GNTTABOP_unmap_grant_ref, list, many[i]);
    }
}

/* Lists that overlap with what they change. */
static void overlaps(void)
{
    static struct mmu_update updates[4];
    static struct multicall_entry calls[4];

    updates[0] = (struct mmu_update){.ptr = 0xfffffffff000};
    check_eq(hc_mmu_update(updates, 4, updates, DOMID_SELF), -XEN_EINVAL);
    calls[0] =
        (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_extraversion, (unsigned long)calls}};
    calls[1] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(unsigned long)calls, 2}};
    check_eq(hc_multicall(calls, 2), 0);
}

/* Reservations of any number of extents, from everywhere in the list, of any order. */
static void extents(void)
{
    static xen_pfn_t list[8];
    static const unsigned int ops[] = {XENMEM_decrease_reservation, XENMEM_populate_physmap,
                                       XENMEM_increase_reservation};
    static const unsigned long counts[] = {9, 0x10000, 0x7fffffff, 1ul << 32, ~0ul >> 6, ~0ul};

    for (unsigned int o = 0; o < 3; o++)
        for (unsigned int c = 0; c < ARRAY_SIZE(counts); c++)
            for (unsigned int order = 0; order < 64; order += 9) {
                struct xen_memory_reservation r = {.nr_extents = counts[c], .extent_order = order, .domid = DOMID_SELF};

                for (unsigned int i = 0; i < 8; i++)
                    list[i] = ~0ul - i;
                set_xen_guest_handle(r.extent_start, list);
                if (ops[o] == XENMEM_decrease_reservation || order > 20)
                    check(hc_memory_op(ops[o], &r) <= 8);
                hc_memory_op(ops[o] | 0x3ffffffu << 6, &r);
            }
}

static void exchange(void)
{
    static xen_pfn_t in[4], out[4];
    struct xen_memory_exchange ex = {0};

    ex.in.domid = ex.out.domid = DOMID_SELF;
    set_xen_guest_handle(ex.in.extent_start, in);
    set_xen_guest_handle(ex.out.extent_start, out);
    for (unsigned int i = 0; i < 64; i++) {
        ex.in.nr_extents = i & 1 ? ~0ul : 1ul << i;
        ex.out.nr_extents = i & 2 ? ~0ul : 1ul << i;
        ex.in.extent_order = i & 4 ? i : 0;
        ex.out.extent_order = i & 8 ? i : 0;
        ex.nr_exchanged = i & 16 ? ~0ul : i;
        in[0] = in[1] = in[2] = in[3] = virt_to_mfn(kernel_l4);
        check(hc_memory_op(XENMEM_exchange, &ex) <= 0);
    }
    /* a page table of ours for another page */
    memset(&ex, 0, sizeof(ex));
    ex.in.domid = ex.out.domid = DOMID_SELF;
    ex.in.nr_extents = ex.out.nr_extents = 1;
    in[0] = virt_to_mfn(pte_of(in));
    out[0] = 5;
    set_xen_guest_handle(ex.in.extent_start, in);
    set_xen_guest_handle(ex.out.extent_start, out);
    check_eq(hc_memory_op(XENMEM_exchange, &ex), -XEN_EINVAL);
    /* answers into the hypervisor's memory */
    in[0] = pfn_to_mfn(spare_pfn());
    set_xen_guest_handle(ex.out.extent_start, (xen_pfn_t *)0xffff82d040200000);
    check(hc_memory_op(XENMEM_exchange, &ex) < 0);
}

/* What a domU may not do to others, or to the machine. */
static void not_allowed(void)
{
    static const unsigned int domctls[] = {
        XEN_DOMCTL_createdomain,      XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,     XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_setvcpucontext,
        XEN_DOMCTL_getvcpucontext,    XEN_DOMCTL_max_mem,       XEN_DOMCTL_iomem_permission,
        XEN_DOMCTL_ioport_permission, XEN_DOMCTL_getvcpuinfo,   XEN_DOMCTL_getpageframeinfo3,
        XEN_DOMCTL_hypercall_init,    XEN_DOMCTL_settscinfo};
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = 0x1000};
    struct gnttab_setup_table setup = {.dom = 0, .nr_frames = 1};
    static xen_pfn_t frames[4];
    evtchn_port_t port;

    for (unsigned int d = 0; d < 2; d++)
        for (unsigned int i = 0; i < ARRAY_SIZE(domctls); i++) {
            static struct xen_domctl op;
            long rc;

            memset(&op, 0, sizeof(op));
            rc = domctl(&op, domctls[i], d ? domid_self() : 0);
            if (rc != -XEN_EPERM)
                printk("domctl %u: %ld\n", domctls[i], rc);
            check(rc < 0);
        }
    check_eq(hc_mmuext_op(&pin, 1, NULL, 0), -XEN_EPERM);
    check_eq(hc_update_va_other(0x40000000, 0x1000067, UVM_FLUSH, 0), -XEN_EPERM);
    set_xen_guest_handle(setup.frame_list, frames);
    check_eq(hc_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    check_eq(setup.status, GNTST_permission_denied);
    check_eq(event_alloc(0, DOMID_SELF, &port), -XEN_EPERM);
}

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Mostly small numbers and pointers into the guest, sometimes anything. */
static uint64_t random_argument(uint8_t *scratch)
{
    uint64_t r = random_next();

    switch (r >> 60) {
    case 0:
    case 1:
    case 2: return r & 15;
    case 3: return r & 255;
    case 4: return DOMID_SELF;
    case 5: return bad_pointers[(r & 0xff) % ARRAY_SIZE(bad_pointers)];
    case 6: return r;
    case 7: return pfn_to_mfn(r % guest.start->nr_pages);
    case 8: return r & 0xffffffff;
    default: return (uint64_t)scratch + (r & 0xff8);
    }
}

/* What a random call may be: the mild ones leave this domain as it is. */
enum wildness { MILD, WILD, ANY };

/* Calls that end this domain, or the run of calls, by their nature. */
static bool too_deadly(unsigned int nr, uint64_t a1, enum wildness how)
{
    switch (nr) {
    case __HYPERVISOR_iret:
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_stack_switch: return how != ANY;
    case __HYPERVISOR_sched_op: return how != ANY && a1 != SCHEDOP_yield;
    case __HYPERVISOR_multicall:
    case __HYPERVISOR_mmuext_op:
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_nmi_op:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_set_debugreg:
    case __HYPERVISOR_set_gdt:
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain: return how == MILD;
    default: return false;
    }
}

static void random_calls(uint64_t seed, unsigned int count, enum wildness how)
{
    static uint8_t scratch[2 * PAGE_SIZE] __attribute__((aligned(4096)));
    unsigned int made = 0;

    random_state = seed;
    for (unsigned int i = 0; i < count; i++) {
        unsigned int nr = random_next() % 64;
        uint64_t a[5];

        for (unsigned int j = 0; j < 5; j++)
            a[j] = random_argument(scratch);
        for (unsigned int j = 0; j < 64; j++)
            ((uint64_t *)scratch)[j + (random_next() & 447)] = random_argument(scratch);
        if (too_deadly(nr, a[0], how))
            continue;
        hypercall(nr, a[0], a[1], a[2], a[3], a[4]);
        made++;
    }
    printk("%u random calls\n", made);
}

static void random_mild_1(void) { random_calls(0x1234567, 10000, MILD); }

static void random_mild_2(void) { random_calls(0xfeedbeef, 10000, MILD); }

/* Anything goes: the domain may live or die; it says so before. */
static void random_wild(uint64_t seed, enum wildness how)
{
    printk(CASE_MAY_DIE_MARK "\n");
    random_calls(seed, 5000, how);
    test_done();
}

#define WILD_CASE(n, seed, how) \
    static void random_wild_##n(void) { random_wild(seed, how); }
WILD_CASE(1, 1, WILD)
WILD_CASE(2, 0xabcdef, WILD)
WILD_CASE(3, 0x5555555, WILD)
WILD_CASE(4, 0x777777777777, WILD)
WILD_CASE(5, 0x31415926535, WILD)
WILD_CASE(6, 0x27182818284, WILD)
WILD_CASE(7, 0x16180339887, ANY)
WILD_CASE(8, 0x14142135623, ANY)

/* All ports, all grant references, and all of the map track, until there are no more. */
static void exhaustion(void)
{
    static evtchn_port_t port;
    domid_t self = domid_self();
    struct gnttab_map_grant_ref op = {.flags = GNTMAP_host_map | GNTMAP_readonly, .ref = 8, .dom = self};
    unsigned int n = 0;
    long rc = 0;

    grant_init();
    grant_access(8, self, virt_to_mfn(page_alloc()), 0);
    map_page(0x50000000, virt_to_mfn(stacks), PTE_KRO);
    while (n < 200000) {
        op.host_addr = 0x50000000 + (n & 511) * PAGE_SIZE;
        op.handle = 0;
        rc = grant_map(&op);
        if (rc)
            break;
        n++;
    }
    printk("%u grant mappings, then %ld\n", n, rc);
    check(rc != 0);
    for (n = 0; n < 5000 && !(rc = event_alloc(DOMID_SELF, 0, &port)); n++)
        ;
    check_eq(rc, -XEN_ENOSPC);
    for (n = 0; n < 5000; n++)
        event_close(n);
}

static void timers(void)
{
    static const uint64_t when[] = {1, ~0ul, 1ul << 63, (1ul << 63) - 1, 1ul << 62, 0x7fffffff};
    struct vcpu_set_singleshot_timer single = {0};
    struct vcpu_set_periodic_timer periodic = {0};

    for (unsigned int i = 0; i < ARRAY_SIZE(when); i++) {
        hc_set_timer(when[i]);
        single.timeout_abs_ns = when[i];
        hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single);
        periodic.period_ns = when[i];
        hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic);
    }
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    hc_set_timer(0);
}

void test_main(void)
{
    static const struct test_case cases[] = {
        {"pointers", pointers, false},
        {"errors of pointers", pointer_errors, false},
        {"boundaries", boundaries, false},
        {"counts", counts, false},
        {"overlaps", overlaps, false},
        {"extents", extents, false},
        {"exchange", exchange, false},
        {"what is not allowed", not_allowed, false},
        {"random calls, mild, 1", random_mild_1, false},
        {"random calls, mild, 2", random_mild_2, false},
        {"random calls, wild, 1", random_wild_1, false},
        {"random calls, wild, 2", random_wild_2, false},
        {"random calls, wild, 3", random_wild_3, false},
        {"random calls, wild, 4", random_wild_4, false},
        {"random calls, wild, 5", random_wild_5, false},
        {"random calls, wild, 6", random_wild_6, false},
        {"random calls, any, 1", random_wild_7, false},
        {"random calls, any, 2", random_wild_8, false},
        {"exhaustion", exhaustion, false},
        {"timers", timers, false},
    };

    cases_run(cases, ARRAY_SIZE(cases));
}
