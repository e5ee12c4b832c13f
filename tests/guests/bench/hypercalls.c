/* SPDX-License-Identifier: Apache-2.0 */
/* Costs of plain hypercalls: the null call, multicalls, timers, vCPUs, events, CPU state. */
#include "bench.h"

#define TIMER_AHEAD 200000ul /* ns */

static struct multicall_entry calls[32];

static void multicalls(void)
{
    for (unsigned int i = 0; i < 32; i++)
        calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    BENCH("hc_multicall_1", hc_multicall(calls, 1));
    BENCH("hc_multicall_32", hc_multicall(calls, 32));
    BENCH_PREPARED("hc_multicall_32_per_entry", 32, , hc_multicall(calls, 32));
}

static void simple(void)
{
    static xen_extraversion_t extra;
    static xen_feature_info_t features;

    BENCH("hc_xen_version", hc_xen_version(XENVER_version, 0));
    BENCH("hc_xen_version_extra", hc_xen_version(XENVER_extraversion, &extra));
    BENCH("hc_xen_version_features", hc_xen_version(XENVER_get_features, &features));
    BENCH("hc_enosys_47", hypercall(47, 0, 0, 0, 0, 0));
    multicalls();
    BENCH("sched_yield", hc_sched_op(SCHEDOP_yield, 0));
}

static void timers(void)
{
    struct vcpu_set_singleshot_timer single = {0};
    static struct vcpu_runstate_info state;
    uint64_t far = now() + 100000000000ul;

    BENCH_PREPARED("set_timer_op", 1, far += 1000, hc_set_timer(far));
    BENCH_PREPARED("set_timer_op_stop", 1, hc_set_timer(far), hc_set_timer(0));
    BENCH_PREPARED("vcpuop_set_singleshot", 1, single.timeout_abs_ns = far += 1000,
                   hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single));
    BENCH_PREPARED("vcpuop_stop_singleshot", 1, hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single),
                   hc_vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0));
    BENCH("vcpuop_get_runstate", hc_vcpu_op(VCPUOP_get_runstate_info, 0, &state));
    BENCH("vcpuop_is_up", hc_vcpu_op(VCPUOP_is_up, 0, 0));
}

static void reset_port(evtchn_port_t port)
{
    port_clear(port);
    vcpu_info()->evtchn_pending_sel = 0;
    vcpu_info()->evtchn_upcall_pending = 0;
}

/* Where upcalls arrive; NULL: the framework's. */
static void upcall_handler(char *handler)
{
#ifdef GUEST_PV
    struct callback_register cb = {.type = CALLBACKTYPE_event,
                                   .address = (unsigned long)(handler ? handler : event_callback)};

    hc_callback_op(CALLBACKOP_register, &cb);
#else
    bench_trap(VECTOR_UPCALL, handler, 0);
#endif
}

/* Upcalls for this port go to a handler of handlers.S or hvm-handlers.S. */
static void upcalls_on(evtchn_port_t port, char *handler)
{
    bench_upcall_pending = &vcpu_info()->evtchn_upcall_pending;
    bench_pending_sel = &vcpu_info()->evtchn_pending_sel;
    bench_pending_word = &guest.shared->evtchn_pending[port / 64];
    bench_pending_mask = ~(1ul << port % 64);
    upcall_handler(handler);
    reset_port(port);
    event_unmask(port);
    events_mask_set(false);
}

static void upcalls(evtchn_port_t from, evtchn_port_t to)
{
    struct evtchn_send send = {.port = from};

    upcalls_on(to, bench_upcall);
    BENCH("evtchn_self_upcall_rt", hc_event_channel_op(EVTCHNOP_send, &send));
    upcall_handler(bench_upcall_stamp);
    for (int run = -BENCH_WARM; run < BENCH_RUNS; run++) {
        uint64_t begin;

        BENCH_BEGINS();
        begin = ticks();
        hc_event_channel_op(EVTCHNOP_send, &send);
        BENCH_ENDED();
        if (run >= 0)
            bench_samples[run] = bench_entry_ticks - begin;
    }
    bench_report("evtchn_self_upcall_entry", 1);
    events_mask_set(true);
    upcall_handler(NULL);
}

/* How long after its moment the timer's event is at the handler of a vCPU that runs. */
static void timer_event(void)
{
    evtchn_port_t port;

    check_eq(event_bind_virq(VIRQ_TIMER, 0, &port), 0);
    upcalls_on(port, bench_upcall_stamp);
    for (int run = -BENCH_WARM; run < BENCH_RUNS; run++) {
        uint64_t begin;

        bench_entry_ticks = 0;
        BENCH_BEGINS();
        begin = ticks();
        hc_set_timer(now() + TIMER_AHEAD);
        while (!bench_entry_ticks)
            barrier();
        BENCH_ENDED();
        if (run >= 0)
            bench_samples[run] = bench_entry_ticks - begin - TIMER_AHEAD;
    }
    bench_report("timer_virq_late", 1);
    events_mask_set(true);
    upcall_handler(NULL);
    check_eq(event_close(port), 0);
}

static void events(void)
{
    evtchn_port_t from, to;
    struct evtchn_send send;
    struct evtchn_status status = {.dom = DOMID_SELF};
    struct evtchn_unmask unmask;
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    struct evtchn_close close;

    event_alloc(DOMID_SELF, DOMID_SELF, &from);
    event_bind_interdomain(DOMID_SELF, from, &to);
    send.port = from;
    status.port = from;
    unmask.port = to;
    BENCH("evtchn_status", hc_event_channel_op(EVTCHNOP_status, &status));
    port_mask(to);
    BENCH_PREPARED("evtchn_send_masked", 1, reset_port(to), hc_event_channel_op(EVTCHNOP_send, &send));
    BENCH("evtchn_send_masked_again", hc_event_channel_op(EVTCHNOP_send, &send));
    reset_port(to);
    BENCH("evtchn_unmask_idle", hc_event_channel_op(EVTCHNOP_unmask, &unmask));
    BENCH("evtchn_bind_close_ipi", {
        hc_event_channel_op(EVTCHNOP_bind_ipi, &ipi);
        close.port = ipi.port;
        hc_event_channel_op(EVTCHNOP_close, &close);
    });
    upcalls(from, to);
    if (!arg_present("wall")) /* its moment is in nanoseconds, a tick need not be one */
        timer_event();
    event_close(from);
    event_close(to);
}

#ifdef GUEST_PV
static void cpu_state(void)
{
    static uint64_t base;
    uint64_t *gdt = page_alloc();
    unsigned long frame = virt_to_mfn(gdt);

    page_make_ro(gdt);
    BENCH("stack_switch", hc_stack_switch(KERNEL_SS, stacks[0] + TRAP_STACK));
    BENCH_PREPARED("fpu_taskswitch_set", 1, hc_fpu_taskswitch(0), hc_fpu_taskswitch(1));
    BENCH_PREPARED("fpu_taskswitch_clear", 1, hc_fpu_taskswitch(1), hc_fpu_taskswitch(0));
    BENCH("set_segment_base_fs", hc_set_segment_base(SEGBASE_FS, &base));
    BENCH("set_debugreg_7", hc_set_debugreg(7, 0x400));
    BENCH("get_debugreg_7", hc_get_debugreg(7));
    BENCH("set_gdt_1frame", hc_set_gdt(&frame, 512));
    BENCH("update_descriptor", hc_update_descriptor(frame << PAGE_SHIFT | 64, 0x00cff3000000ffffull));
}

/* A second kernel table, like the first, to switch to and fro. */
static uint64_t second_l4(void)
{
    uint64_t *l4 = page_alloc();

    memcpy(l4, kernel_l4, PAGE_SIZE);
    memset(&l4[256], 0, 16 * 8);
    page_make_ro(l4);
    check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)), 0);
    return virt_to_mfn(l4);
}

/* Linux's context switch: TLS entries, the kernel's stack, the tables. */
static void context_switch(uint64_t gdt_frame)
{
    uint64_t l4[2] = {virt_to_mfn(kernel_l4), second_l4()};
    unsigned int turn = 0;
    struct mmuext_op base[2] = {
        {.cmd = MMUEXT_NEW_BASEPTR},
        {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = user_l4_install()},
    };

    BENCH_PREPARED("new_baseptr", 1, base[0].arg1.mfn = l4[++turn & 1], hc_mmuext_op(base, 1, NULL, DOMID_SELF));
    BENCH("new_user_baseptr", hc_mmuext_op(base + 1, 1, NULL, DOMID_SELF));
    BENCH_PREPARED("new_baseptr_and_user", 1, base[0].arg1.mfn = l4[++turn & 1],
                   hc_mmuext_op(base, 2, NULL, DOMID_SELF));
    calls[0] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op, .args = {(unsigned long)base, 2, 0, DOMID_SELF}};
    calls[1] = (struct multicall_entry){.op = __HYPERVISOR_stack_switch,
                                        .args = {KERNEL_SS, (unsigned long)stacks[0] + TRAP_STACK}};
    for (unsigned int i = 0; i < 3; i++)
        calls[2 + i] = (struct multicall_entry){.op = __HYPERVISOR_update_descriptor,
                                                .args = {gdt_frame << PAGE_SHIFT | (64 + i * 8), 0}};
    BENCH_PREPARED("multicall_linux_ctxsw", 1, base[0].arg1.mfn = l4[++turn & 1], hc_multicall(calls, 5));
    mmuext(MMUEXT_NEW_BASEPTR, l4[0]);
    mmuext(MMUEXT_UNPIN_TABLE, l4[1]);
    mmuext(MMUEXT_NEW_USER_BASEPTR, 0);
    mmuext(MMUEXT_UNPIN_TABLE, base[1].arg1.mfn);
}

static void bench_pv_calls(void)
{
    uint64_t *gdt = page_alloc();

    cpu_state();
    page_make_ro(gdt);
    context_switch(virt_to_mfn(gdt));
    page_make_rw(gdt);
    page_free(gdt);
}
#endif

void bench_hypercalls(void)
{
    simple();
    timers();
    events();
#ifdef GUEST_PV
    bench_pv_calls();
#endif
}
