/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder, PV domains.  The new domain's memory is laid out as VIRT_BASE + guest frame number:
 * the image where it is linked, behind it start info, store page, console page, frame list and page
 * tables, which map up to themselves; the memory beyond is left unmapped.
 * ABI: <xen/domctl.h>, <xen/xen.h> ("Start-of-day memory layout").
 */
#include <elf.h>
#include "domain-parts.h"

/* Guest frame numbers of the special pages. */
struct layout {
    uint64_t start, store, console, p2m, l4, l3, l2, l1, end;
};

/* The guest frame that the note HYPERCALL_PAGE names: the first page of the image, see guest.lds. */
static long hypercall_page_fill(const struct domain_plan *plan, const struct built_domain *d)
{
    struct segment s;
    struct xen_domctl op = {0};

    domain_segment(plan, 0, &s);
    op.u.hypercall_init.gmfn = domain_frames[s.paddr >> PAGE_SHIFT];
    return domctl(&op, XEN_DOMCTL_hypercall_init, d->id);
}

static void lay_out(const struct domain_plan *plan, uint64_t end, struct layout *l)
{
    l->start = end;
    l->store = end + 1;
    l->console = end + 2;
    l->p2m = end + 3;
    l->l4 = l->p2m + (plan->pages * 8 + PAGE_SIZE - 1) / PAGE_SIZE;
    l->l3 = l->l4 + 1;
    l->l2 = l->l3 + 1;
    l->l1 = l->l2 + 1;
    l->end = l->l1 + (plan->pages + 511) / 512;
}

static long tables_fill(const struct built_domain *d, const struct layout *l)
{
    static uint64_t table[512];
    unsigned int l1s = (unsigned int)(l->end - l->l1);
    long rc = 0;

    memset(table, 0, sizeof(table));
    table[511] = pte_make(domain_frames[l->l3], PTE_TABLE);
    rc = domain_page_fill(d, l->l4, table, PAGE_SIZE);
    memset(table, 0, sizeof(table));
    table[510] = pte_make(domain_frames[l->l2], PTE_TABLE);
    rc = rc ? rc : domain_page_fill(d, l->l3, table, PAGE_SIZE);
    memset(table, 0, sizeof(table));
    for (unsigned int i = 0; i < l1s; i++)
        table[i] = pte_make(domain_frames[l->l1 + i], PTE_TABLE);
    rc = rc ? rc : domain_page_fill(d, l->l2, table, PAGE_SIZE);
    for (unsigned int i = 0; !rc && i < l1s; i++) {
        for (unsigned int j = 0; j < 512; j++) {
            uint64_t pfn = i * 512 + j;
            bool is_table = pfn >= l->l4 && pfn < l->end;

            table[j] = pfn < l->end ? pte_make(domain_frames[pfn], is_table ? PTE_KRO : PTE_KRW) : 0;
        }
        rc = domain_page_fill(d, l->l1 + i, table, PAGE_SIZE);
    }
    return rc;
}

/* All vCPUs begin with upcalls masked, as tools leave it. */
static long events_mask(const struct built_domain *d, uint64_t shared_info_frame)
{
    shared_info_t *shared = foreign_map(d->id, shared_info_frame, PTE_KRW);

    if (!shared)
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < ARRAY_SIZE(shared->vcpu_info); i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    foreign_unmap(shared);
    return 0;
}

static long specials_fill(const struct domain_plan *plan, struct built_domain *d, const struct layout *l,
                          evtchn_port_t remote)
{
    static start_info_t start;
    struct xen_domctl_getdomaininfo info;
    long rc;

    if (!domain_info(d->id, &info))
        return -XEN_ESRCH;
    memset(&start, 0, sizeof(start));
    memcpy(start.magic, "xen-3.0-x86_64", 15);
    start.nr_pages = plan->pages;
    start.shared_info = info.shared_info_frame << PAGE_SHIFT;
    start.store_mfn = domain_frames[l->store];
    start.console.domU.mfn = domain_frames[l->console];
    start.console.domU.evtchn = remote;
    start.pt_base = (unsigned long)pfn_to_virt(l->l4);
    start.nr_pt_frames = l->end - l->l4;
    start.mfn_list = (unsigned long)pfn_to_virt(l->p2m);
    format((char *)start.cmd_line, sizeof(start.cmd_line), "%s", plan->args);
    rc = domain_page_fill(d, l->start, &start, sizeof(start));
    rc = rc ? rc : domain_page_fill(d, l->store, "", 0);
    rc = rc ? rc : domain_page_fill(d, l->console, "", 0);
    for (uint64_t i = 0; !rc && i < l->l4 - l->p2m; i++)
        rc = domain_page_fill(d, l->p2m + i, &domain_frames[i * 512], PAGE_SIZE);
    rc = rc ? rc : events_mask(d, info.shared_info_frame);
    d->console_mfn = domain_frames[l->console];
    d->l4_mfn = domain_frames[l->l4];
    d->spare_mfn = domain_frames[plan->pages - 1];
    return rc;
}

static long start_state_set(const struct domain_plan *plan, const struct built_domain *d, const struct layout *l)
{
    static vcpu_guest_context_t context;
    const Elf64_Ehdr *header = plan->elf;
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = d->l4_mfn};
    struct xen_domctl op = {0};
    long rc = hc_mmuext_op(&pin, 1, NULL, d->id);

    if (rc)
        return rc;
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = header->e_entry;
    context.user_regs.rsi = (unsigned long)pfn_to_virt(l->start);
    context.user_regs.rflags = 0x200;
    context.user_regs.cs = KERNEL_CS;
    context.user_regs.ss = KERNEL_SS;
    context.kernel_ss = KERNEL_SS;
    context.ctrlreg[3] = d->l4_mfn << PAGE_SHIFT;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
    return domctl(&op, XEN_DOMCTL_setvcpucontext, d->id);
}

long domain_pv_finish(const struct domain_plan *plan, struct built_domain *d, uint64_t end, evtchn_port_t remote,
                      const char **step)
{
    struct layout l = {0};
    long rc;

    *step = "fill the hypercall page";
    rc = hypercall_page_fill(plan, d);
    lay_out(plan, end, &l);
    if (!rc && l.end > plan->pages)
        rc = -XEN_ENOMEM;
    if (!rc && (*step = "write the page tables"))
        rc = tables_fill(d, &l);
    if (!rc && (*step = "write the special pages"))
        rc = specials_fill(plan, d, &l, remote);
    if (!rc && (*step = "set the first vCPU's state"))
        rc = start_state_set(plan, d, &l);
    return rc;
}
