/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vCPUs against each other in the same hypercalls.
 *
 * Both run random operations of one family on the same few objects: event channels being bound,
 * sent to and closed; grants being rewritten, mapped, copied and the table's version switched;
 * descriptor tables being replaced, changed and used; memory being given, taken, mapped and pinned;
 * areas being registered while they are written. What each call answers is nobody's business, only
 * that the host and its accounts stay whole: the host sees to that when the domain is gone.
 */
#include "lib/guest.h"

const char test_title[] = "races of two vCPUs";

#define ROUNDS 1000
#define AREA   0x70000000ul

typedef void step_t(uint64_t random);

static step_t *step;
static uint64_t *page[4];
static domid_t self;

static void run_steps(void *arg)
{
    uint64_t seed = (uint64_t)arg;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        step(seed >> 11);
    }
}

/* The steps on both vCPUs at once; the test must come to its end. */
static void race(step_t *what)
{
    self = domid_self();
    for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
        page[i] = page_alloc();
    map_page(AREA, virt_to_mfn(stacks), PTE_KRO);
    for (unsigned int i = 0; i < 4; i++)
        va_write((void *)(AREA + i * PAGE_SIZE), 0);
    step = what;
    check_eq(vcpu_start(1, run_steps, (void *)0x5deece66dul), 0);
    run_steps((void *)0x2545f4914f6cdd1dul);
    check(vcpu_wait(1, 60000));
}

static void event_step(uint64_t r)
{
    evtchn_port_t port = r >> 8 & 15, other;
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = r >> 16 & 1};
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

    switch (r & 7) {
    case 0: event_alloc(DOMID_SELF, DOMID_SELF, &other); break;
    case 1: event_bind_interdomain(DOMID_SELF, port, &other); break;
    case 2: event_close(port > 1 ? port : 15); break;
    case 3: event_send(port); break;
    case 4: event_unmask(port); break;
    case 5: hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind); break;
    case 6: event_bind_ipi(r >> 16 & 1, &other); break;
    default: hc_event_channel_op(EVTCHNOP_status, &status); break;
    }
}

static void events_two_level(void) { race(event_step); }

static void events_fifo(void)
{
    struct evtchn_init_control init = {.control_gfn = virt_to_mfn(page_alloc())};
    struct evtchn_expand_array expand = {.array_gfn = virt_to_mfn(page_alloc())};

    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), 0);
    init = (struct evtchn_init_control){.control_gfn = virt_to_mfn(page_alloc()), .vcpu = 1};
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &init), 0);
    check_eq(hc_event_channel_op(EVTCHNOP_expand_array, &expand), 0);
    race(event_step);
}

static void event_reset_step(uint64_t r)
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    if ((r & 0xff) == 0)
        hc_event_channel_op(EVTCHNOP_reset, &reset);
    else
        event_step(r >> 3);
}

static void events_reset(void) { race(event_reset_step); }

static void grant_step(uint64_t r)
{
    grant_ref_t ref = 8 + (r >> 8 & 3);
    uint64_t at = AREA + (r >> 12 & 3) * PAGE_SIZE;
    static struct gnttab_map_grant_ref map[2];
    struct gnttab_map_grant_ref *op = &map[vcpu_id()];
    struct gnttab_copy copy = {.len = (uint16_t)(r >> 20 & 0x1fff)};
    struct gnttab_set_version version = {.version = 1 + (r >> 30 & 1)};

    switch (r & 7) {
    case 0: grant_access(ref, self, virt_to_mfn(page[r >> 16 & 3]), r >> 18 & GTF_readonly); break;
    case 1: grant_end(ref); break;
    case 2:
    case 3:
        *op = (struct gnttab_map_grant_ref){
            .host_addr = at, .flags = GNTMAP_host_map | (r >> 19 & GNTMAP_readonly), .ref = ref, .dom = self};
        grant_map(op);
        break;
    case 4: grant_unmap(at, op->handle); break;
    case 5: grant_unmap(at, r >> 40 & 15); break;
    case 6:
        copy.source.domid = copy.dest.domid = self;
        copy.source.u.ref = ref;
        copy.dest.u.ref = 8 + (r >> 14 & 3);
        copy.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
        grant_copy(&copy);
        break;
    default:
        if (!(r >> 32 & 31)) /* slow on Xen */
            hc_grant_table_op(GNTTABOP_set_version, &version, 1);
        break;
    }
}

static void grants(void)
{
    grant_init();
    race(grant_step);
}

/* Mapped by grant, and written, remapped and cleared by page-table updates. */
static void grant_pte_step(uint64_t r)
{
    uint64_t at = AREA + (r >> 12 & 3) * PAGE_SIZE;

    switch (r & 7) {
    case 0: va_write((void *)at, 0); break;
    case 1: va_write((void *)at, pte_make(virt_to_mfn(page[r >> 16 & 3]), PTE_KRW)); break;
    case 2: pte_write(pte_maddr(pte_find(kernel_l4, AREA, 1)) + (r >> 12 & 3) * 8, 0); break;
    default: grant_step((r >> 3 & ~7ul) | (r & 1 ? 2 : 4)); break;
    }
}

static void grants_and_ptes(void)
{
    grant_init();
    for (unsigned int i = 0; i < 4; i++)
        grant_access(8 + i, domid_self(), virt_to_mfn(stacks[3]), 0);
    race(grant_pte_step);
}

static void descriptor_step(uint64_t r)
{
    uint64_t *table = page[r >> 8 & 3];
    unsigned long frame = virt_to_mfn(table);
    struct mmuext_op ldt = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)table, .arg2.nr_ents = r >> 16 & 512};
    uint64_t value = r & 64 ? 0x00cff3000000ffffull : r;

    switch (r & 7) {
    case 0: va_protect(table, PTE_KRO); break;
    case 1: va_protect(table, PTE_KRW); break;
    case 2: hc_set_gdt(&frame, 512); break;
    case 3: hc_mmuext_op(&ldt, 1, NULL, DOMID_SELF); break;
    case 4:
    case 5: hc_update_descriptor((frame << PAGE_SHIFT) + (r >> 20 & 0xf8), value); break;
    default:
        (void)FAULT_VECTOR(__asm__ volatile(EX("mov %0, %%fs") : : "r"((unsigned int)(r >> 20 & 0xfc) | 3)));
        break;
    }
}

static bool no_segments(struct regs *regs)
{
    (void)regs;
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    return true;
}

static void descriptors(void)
{
    trap_hook(VEC_FAILSAFE, no_segments);
    race(descriptor_step);
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
}

static void memory_step(uint64_t r)
{
    static xen_pfn_t lists[2][4];
    xen_pfn_t *list = lists[vcpu_id()];
    struct xen_memory_reservation op = {.nr_extents = 1 + (r >> 8 & 3), .domid = DOMID_SELF};
    uint64_t *p2m = (uint64_t *)guest.start->mfn_list, pfn = guest.start->nr_pages - 1 - (r >> 12 & 15);

    set_xen_guest_handle(op.extent_start, list);
    switch (r & 7) {
    case 0:
    case 1:
        for (unsigned int i = 0; i < 4; i++)
            list[i] = p2m[pfn - i];
        hc_memory_op(XENMEM_decrease_reservation, &op);
        break;
    case 2:
    case 3:
        for (unsigned int i = 0; i < 4; i++)
            list[i] = pfn - i;
        if (hc_memory_op(XENMEM_populate_physmap, &op) == (long)op.nr_extents)
            for (unsigned int i = 0; i < op.nr_extents; i++)
                p2m[pfn - i] = list[i];
        break;
    case 4: va_write((void *)(AREA + (r >> 20 & 3) * PAGE_SIZE), pte_make(p2m[pfn], PTE_KRW)); break;
    case 5: va_write((void *)(AREA + (r >> 20 & 3) * PAGE_SIZE), 0); break;
    case 6: mmuext(MMUEXT_PIN_L1_TABLE + (r >> 20 & 3), p2m[pfn]); break;
    default: mmuext(MMUEXT_UNPIN_TABLE, p2m[pfn]); break;
    }
}

static void memory(void) { race(memory_step); }

static void area_step(uint64_t r)
{
    static struct vcpu_runstate_info runstate[4] __attribute__((aligned(64)));
    static struct vcpu_time_info times[4] __attribute__((aligned(64)));
    struct vcpu_register_runstate_memory_area state = {.addr.v = &runstate[r >> 8 & 3]};
    struct vcpu_register_time_memory_area time = {.addr.v = &times[r >> 8 & 3]};
    struct vcpu_runstate_info got;

    switch (r & 7) {
    case 0: hc_vcpu_op(VCPUOP_register_runstate_memory_area, r >> 12 & 1, &state); break;
    case 1: hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, r >> 12 & 1, &time); break;
    case 2: hc_vcpu_op(VCPUOP_get_runstate_info, r >> 12 & 1, &got); break;
    case 3: hc_vm_assist(r >> 13 & 1, VMASST_TYPE_runstate_update_flag); break;
    case 4: hc_set_timer(now() + (r >> 12 & 0xffff)); break;
    case 5: hc_vcpu_op(VCPUOP_up, r >> 12 & 1, 0); break;
    case 6: hc_sched_op(SCHEDOP_yield, 0); break;
    default: hc_stack_switch(KERNEL_SS, stacks[vcpu_id()] + TRAP_STACK); break;
    }
}

static void areas(void) { race(area_step); }

/* Both vCPUs on and off their tables, which the other one pins and unpins. */
static void base_step(uint64_t r)
{
    uint64_t l4 = virt_to_mfn(page[r >> 8 & 1]);

    switch (r & 3) {
    case 0: mmuext(MMUEXT_NEW_BASEPTR, l4); break;
    case 1: mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(kernel_l4)); break;
    case 2: mmuext(r & 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_UNPIN_TABLE, l4); break;
    default: mmuext(MMUEXT_NEW_USER_BASEPTR, r & 4 ? l4 : 0); break;
    }
}

static void base_pointers(void)
{
    self = domid_self();
    for (unsigned int i = 0; i < 2; i++) {
        page[i] = page_alloc();
        memcpy(page[i], kernel_l4, PAGE_SIZE);
        memset(&page[i][256], 0, 16 * 8);
        page_make_ro(page[i]);
    }
    step = base_step;
    check_eq(vcpu_start(1, run_steps, (void *)99), 0);
    run_steps((void *)77);
    mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(kernel_l4));
    check(vcpu_wait(1, 60000));
}

void test_main(void)
{
    static const struct test_case cases[] = {
        {"events, two-level", events_two_level, false},
        {"events, FIFO", events_fifo, false},
        {"events with resets", events_reset, false},
        {"grants", grants, false},
        {"grants and page tables", grants_and_ptes, false},
        {"descriptor tables", descriptors, false},
        {"memory given and taken", memory, false},
        {"areas, timers, states", areas, false},
        {"base pointers", base_pointers, false},
    };

    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    cases_run(cases, ARRAY_SIZE(cases));
}
