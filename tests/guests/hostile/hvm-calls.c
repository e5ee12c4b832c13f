/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HVM guest that misuses hypercalls and its physmap: calls from ring 3, bad pointers and numbers, frames taken
 * from under page tables, code and what the hypervisor writes to, the hypercall page in strange places, contexts of
 * vCPUs that no processor runs with.
 */
#include "lib/guest.h"
#include "lib/random.h"

const char test_title[] = "misuse of hypercalls and the physmap";

uint64_t random_state;

#define AREA 0x4000000000ul
#define HOLE 0x80000000ul

/* VMMCALL and VMCALL in user mode, all numbers: refused, or an exception, but never carried out. */
static void ring3(void)
{
    uint8_t *code = page_alloc();

    memcpy(code, (uint8_t[]){0x0f, 0x01, hypercall_by_vmmcall() ? 0xd9 : 0xc1, 0xcd, 0x80}, 5);
    map_page(AREA, virt_to_mfn(code), PTE_KRW);
    for (unsigned int nr = 0; nr < 64; nr++) {
        struct regs r = {.rip = AREA, .rsp = AREA + PAGE_SIZE, .rax = nr};

        user_run(&r);
        check_eq(r.vector, 0x80);
        check_eq((long)r.rax, -XEN_EPERM);
    }
}

static const uint64_t bad_pointers[] = {
    HOLE, HOLE + 4092, 8, 0x800000000000, 0xfffffffffffffff8, 0x8000000000000000, 0x123400000000, 1,
};

static const struct {
    unsigned int nr, at;
    unsigned long args[5];
} pointer_calls[] = {
    {__HYPERVISOR_memory_op, 1, {XENMEM_add_to_physmap, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_remove_from_physmap, 0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_add_to_physmap_batch, 0}},
    {__HYPERVISOR_xen_version, 1, {XENVER_extraversion, 0}},
    {__HYPERVISOR_xen_version, 1, {XENVER_get_features, 0}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_map_grant_ref, 0, 4}},
    {__HYPERVISOR_grant_table_op, 1, {GNTTABOP_copy, 0, 4}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_send, 0}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_init_control, 0}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_poll, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_initialise, 1, 0}},
    {__HYPERVISOR_hvm_op, 1, {HVMOP_get_param, 0}},
    {__HYPERVISOR_hvm_op, 1, {HVMOP_set_param, 0}},
    {__HYPERVISOR_hvm_op, 1, {HVMOP_set_evtchn_upcall_vector, 0}},
    {__HYPERVISOR_multicall, 0, {0, 4}},
};

/* Where nothing is mapped: -EFAULT. Where there is no memory behind a mapping: that, or what zeros or ones mean. */
static void pointers(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(pointer_calls); i++)
        for (unsigned int j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
            unsigned long a[5];
            long rc;

            memcpy(a, pointer_calls[i].args, sizeof(a));
            a[pointer_calls[i].at] = bad_pointers[j];
            rc = hypercall(pointer_calls[i].nr, a[0], a[1], a[2], a[3], a[4]);
            check_eq(rc, -XEN_EFAULT);
        }
}

static void numbers(void)
{
    struct xen_hvm_param param = {.domid = 0, .index = HVM_PARAM_CALLBACK_IRQ};
    struct xen_add_to_physmap add = {.domid = 0, .space = XENMAPSPACE_gmfn};
    uint64_t gfn = spare_pfn();

    /* Xen says -EINVAL (dom0 has no parameters) and -EACCES */
    check(hc_hvm_op(HVMOP_get_param, &param) < 0);
    check(hc_hvm_op(HVMOP_set_param, &param) < 0);
    check(hc_memory_op(XENMEM_add_to_physmap, &add) < 0);
    check(hc_memory_op(XENMEM_acquire_resource, 8) < 0);
    check(hc_dm_op(DOMID_SELF, 0, 0) < 0);
    check(hc_dm_op(0, 1, 8) < 0);
    check(physmap_add(XENMAPSPACE_gmfn, gfn, 1ull << 40) < 0);
    check(physmap_add(XENMAPSPACE_gmfn, gfn, ~0ull) < 0);
    check(physmap_add(XENMAPSPACE_gmfn, ~0ull, gfn) < 0);
    check(physmap_add(XENMAPSPACE_gmfn, 1ull << 40, gfn) < 0);
    check(physmap_add(XENMAPSPACE_shared_info, 0, ~0ull) < 0);
    check(physmap_add(XENMAPSPACE_grant_table, 0, 1ull << 44) < 0);
    check(physmap_remove(1ull << 40) < 0);
    check(physmap_remove(~0ull) < 0);
    check(param_set(HVM_PARAM_ALTP2M, 1) < 0);
    check(param_set(HVM_PARAM_NESTEDHVM, 1) < 0);
    check(param_set(HVM_PARAM_TRIPLE_FAULT_REASON, 99) < 0);
    check(param_set(HVM_PARAM_ACPI_S_STATE, 3) <= 0);
}

/* Upcalls by lines that this guest does not have, and by vectors that no event may have. */
static void callbacks(void)
{
    static const uint64_t values[] = {0x0200000000000000, 0x0200000000000005, 0x02000000000000ff, 0x0000000000000009,
                                      0x0000000000ffffff, 0x0100000000001803, 0x0300000000000001, 0xff00000000000001};
    evtchn_port_t a, b;

    check_eq(event_alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    check_eq(event_bind_interdomain(DOMID_SELF, a, &b), 0);
    event_unmask(b);
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        param_set(HVM_PARAM_CALLBACK_IRQ, values[i]);
        event_send(a);
        cpuid(0, 0);
    }
    param_set(HVM_PARAM_CALLBACK_IRQ, (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR_UPCALL);
}

/* The page of hypercalls over everything: code, tables, the shared page, nothing. */
static void hypercall_pages(void)
{
    uint32_t msr = cpuid(xen_leaf() + 2, 0).ebx;
    uint64_t *page = page_alloc();

    check_eq(FAULT_VECTOR(wrmsr(msr, HOLE)), VEC_GP);
    check_eq(FAULT_VECTOR(wrmsr(msr, 1ull << 45)), VEC_GP);
    check_eq(FAULT_VECTOR(wrmsr(msr, ~0ull)), VEC_GP);
    check_eq(FAULT_VECTOR(wrmsr(msr, (unsigned long)page | 1)), VEC_GP); /* there is one page only */
    check_eq(page[0], 0);
    check_eq(FAULT_VECTOR(wrmsr(msr, (unsigned long)page)), NO_FAULT);
    check(page[0] != 0);
    FAULT_OF(wrmsr(msr, LAPIC_BASE));
    FAULT_OF(wrmsr(msr, (unsigned long)guest.shared));
    check_eq(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
}

/* What the hypervisor writes to is taken away. */
static void areas_gone(void)
{
    static struct vcpu_runstate_info runstate __attribute__((aligned(4096)));
    static uint8_t filler[PAGE_SIZE] __attribute__((aligned(4096), used));
    struct vcpu_register_runstate_memory_area rs = {.addr.v = &runstate};
    struct vcpu_register_time_memory_area ta;
    struct vcpu_register_vcpu_info vi = {0};
    uint64_t *page = page_alloc(), *control = page_alloc();
    struct evtchn_init_control fifo = {.control_gfn = virt_to_mfn(control)};
    struct sched_poll poll = {0};

    ta.addr.v = (void *)page;
    check_eq(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &rs), 0);
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &ta), 0);
    vi.mfn = virt_to_mfn(page_alloc());
    check_eq(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &vi), 0);
    check_eq(hc_event_channel_op(EVTCHNOP_init_control, &fifo), 0);
    check_eq(physmap_remove(virt_to_mfn(&runstate)), 0);
    check_eq(physmap_remove(virt_to_mfn(page)), 0);
    physmap_remove(vi.mfn);
    physmap_remove(virt_to_mfn(control));
    for (unsigned int i = 0; i < 20; i++) {
        poll.timeout = now() + 1000000;
        hc_sched_op(SCHEDOP_poll, &poll);
    }
}

static void shared_page_gone(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    physmap_remove(virt_to_mfn(guest.shared));
    physmap_add(XENMAPSPACE_gmfn, spare_pfn(), virt_to_pfn(guest.shared));
    for (unsigned int i = 0; i < 100; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    test_done();
}

/* The root table goes, or code, or the hypercall page. */
static void page_table_gone(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    physmap_remove(read_cr3() >> PAGE_SHIFT);
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
    test_done();
}

static void code_gone(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    physmap_remove(virt_to_pfn(code_gone));
    test_done();
}

static void hypercall_page_gone(void)
{
    printk(CASE_MAY_DIE_MARK "\n");
    physmap_remove(virt_to_pfn(hypercall_page));
    test_done();
}

/* The APIC's page becomes memory, and memory becomes the shared page's second place. */
static void over_the_apic(void)
{
    uint64_t gfn = spare_pfn();

    printk(CASE_MAY_DIE_MARK "\n");
    physmap_add(XENMAPSPACE_gmfn, gfn, LAPIC_BASE >> PAGE_SHIFT);
    lapic_write(LAPIC_TPR, 0x30);
    lapic_read(LAPIC_TPR);
    physmap_add(XENMAPSPACE_shared_info, 0, LAPIC_BASE >> PAGE_SHIFT);
    physmap_add(XENMAPSPACE_grant_table, 0, LAPIC_BASE >> PAGE_SHIFT);
    lapic_read(LAPIC_ID);
    test_done();
}

/* Moves, removals and populations of any frames above the image, and what is read there. */
static void physmap_churn(void)
{
    uint64_t end = spare_pfn(), first = end - 512;
    static xen_pfn_t list[4];

    random_state = 0xabc;
    for (unsigned int i = 0; i < 3000; i++) {
        uint64_t r = random_next(), a = first + (r & 511), b = first + (r >> 10 & 511);
        struct xen_memory_reservation res = {.nr_extents = 1, .domid = DOMID_SELF};

        list[0] = a;
        set_xen_guest_handle(res.extent_start, list);
        switch (r >> 60) {
        case 0:
        case 1: physmap_add(XENMAPSPACE_gmfn, a, b); break;
        case 2: physmap_remove(a); break;
        case 3: hc_memory_op(XENMEM_decrease_reservation, &res); break;
        case 4:
        case 5:
        case 6: hc_memory_op(XENMEM_populate_physmap, &res); break;
        case 7: physmap_add(XENMAPSPACE_grant_table, r >> 20 & 3, a); break;
        case 8: physmap_add(XENMAPSPACE_gmfn, a, 0x80000 + (r >> 20 & 0xfffff)); break;
        default: try_write(pfn_to_virt(a), r); break;
        }
    }
}

/* Contexts that VCPUOP_initialise is to refuse, and one that it may take. */
static void bad_contexts(void)
{
    struct vcpu_hvm_context c = {.mode = 7};

    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
    c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_64B};
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL); /* neither LME nor paging */
    c.cpu_regs.x86_64.cr0 = CR0_PE | CR0_PG;
    c.cpu_regs.x86_64.cr4 = CR4_PAE;
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
    c.cpu_regs.x86_64.efer = EFER_LME | EFER_LMA | EFER_SVME;
    c.cpu_regs.x86_64.cr3 = read_cr3();
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
    c = (struct vcpu_hvm_context){.mode = VCPU_HVM_MODE_32B};
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL); /* no segments */
    c.cpu_regs.x86_32.cs_ar = 0xc9b;
    c.cpu_regs.x86_32.ds_ar = c.cpu_regs.x86_32.es_ar = c.cpu_regs.x86_32.ss_ar = 0xc93;
    c.cpu_regs.x86_32.tr_ar = 0x8b;
    c.cpu_regs.x86_32.eip = ~0u; /* beyond the limit of CS */
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
    c.pad = 1;
    check_eq(hc_vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
    check_eq(hc_vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
}

/* Random calls; those that stop the domain are left out. */
static void random_calls(void)
{
    static uint64_t scratch[2 * PAGE_SIZE / 8] __attribute__((aligned(4096)));

    printk(CASE_MAY_DIE_MARK "\n");
    random_state = 0x1234567;
    for (unsigned int i = 0; i < 5000; i++) {
        unsigned int nr = random_next() % 64;
        uint64_t a[5];

        for (unsigned int j = 0; j < 5; j++) {
            uint64_t r = random_next();

            a[j] = r >> 62 == 0   ? r & 31
                   : r >> 62 == 1 ? (uint64_t)scratch + (r & 0xff8)
                   : r >> 62 == 2 ? DOMID_SELF
                                  : bad_pointers[r % ARRAY_SIZE(bad_pointers)];
            scratch[random_next() % 512] = r >> 20 & 1 ? r & 0xfff : r;
        }
        if (nr == __HYPERVISOR_sched_op || nr == __HYPERVISOR_multicall || nr == __HYPERVISOR_sched_op_compat)
            continue;
        hypercall(nr, a[0], a[1], a[2], a[3], a[4]);
    }
    printk("survived\n");
    test_done();
}

static const struct test_case cases[] = {
    {"calls from ring 3", ring3, false},
    {"bad pointers", pointers, false},
    {"bad numbers", numbers, false},
    {"strange callbacks", callbacks, false},
    {"hypercall pages", hypercall_pages, false},
    {"registered areas that go", areas_gone, false},
    {"the shared page goes", shared_page_gone, false},
    {"page tables go", page_table_gone, false},
    {"code goes", code_gone, false},
    {"the hypercall page goes", hypercall_page_gone, false},
    {"memory over the APIC", over_the_apic, false},
    {"the physmap in a whirl", physmap_churn, false},
    {"bad contexts of vCPUs", bad_contexts, false},
    {"random calls", random_calls, false},
};

void test_main(void) { cases_run(cases, ARRAY_SIZE(cases)); }
