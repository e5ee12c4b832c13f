/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder: one function per step of making a PV domain, in the order of domain_build().  The
 * new domain's memory is laid out as VIRT_BASE + guest frame number: the image where it is linked,
 * behind it start info, store page, console page, frame list and page tables, which map up to
 * themselves; the memory beyond is left unmapped.
 * ABI: <xen/domctl.h>, <xen/xen.h> ("Start-of-day memory layout").
 */
#include <elf.h>
#include "guest.h"

#define WINDOW_PAGES 64

static uint8_t window[WINDOW_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static bool window_used[WINDOW_PAGES];
static xen_pfn_t frames[DOMAIN_PAGES_MAX];

/* Guest frame numbers of the special pages. */
struct layout {
    uint64_t start, store, console, p2m, l4, l3, l2, l1, end;
};

void *foreign_map(domid_t dom, uint64_t mfn, uint64_t flags)
{
    for (unsigned int i = 0; i < WINDOW_PAGES; i++) {
        if (window_used[i])
            continue;
        if (hc_update_va_other(window[i], pte_make(mfn, flags), UVM_FLUSH, dom))
            return NULL;
        window_used[i] = true;
        return window[i];
    }
    test_error("the window for foreign frames is full");
}

void foreign_unmap(void *at)
{
    unsigned int i = (unsigned int)(((uint8_t *)at - window[0]) / PAGE_SIZE);

    hc_update_va(window[i], 0, UVM_FLUSH);
    window_used[i] = false;
}

const void *module_find(size_t *size)
{
    *size = guest.start->mod_len;
    if (!guest.start->mod_start)
        return NULL;
    return guest.start->flags & SIF_MOD_START_PFN ? pfn_to_virt(guest.start->mod_start)
                                                  : (const void *)guest.start->mod_start;
}

long domctl(struct xen_domctl *op, unsigned int cmd, domid_t dom)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = dom;
    return hc_domctl(op);
}

bool domain_info(domid_t id, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op = {0};

    if (domctl(&op, XEN_DOMCTL_getdomaininfo, id) || op.domain != id)
        return false;
    *info = op.u.getdomaininfo;
    return true;
}

long domain_unpause(const struct built_domain *d)
{
    struct xen_domctl op = {0};

    return domctl(&op, XEN_DOMCTL_unpausedomain, d->id);
}

static long create(const struct domain_plan *plan, struct built_domain *d)
{
    struct xen_domctl op = {0};
    struct xen_domctl_createdomain *c = &op.u.createdomain;
    long rc;

    for (unsigned int i = 0; i < sizeof(c->handle); i++)
        c->handle[i] = (uint8_t)(0x40 + i);
    c->max_vcpus = plan->vcpus;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = 32;
    c->max_maptrack_frames = 64;
    c->grant_opts = XEN_DOMCTL_GRANT_version(2);
    rc = domctl(&op, XEN_DOMCTL_createdomain, 0);
    d->id = op.domain;
    if (rc)
        return rc;
    op = (struct xen_domctl){.u.max_vcpus.max = plan->vcpus};
    rc = domctl(&op, XEN_DOMCTL_max_vcpus, d->id);
    if (rc)
        return rc;
    if (plan->tsc_mode) {
        op = (struct xen_domctl){.u.tsc_info.tsc_mode = plan->tsc_mode};
        rc = domctl(&op, XEN_DOMCTL_settscinfo, d->id);
        if (rc)
            return rc;
    }
    op = (struct xen_domctl){.u.max_mem.max_memkb = plan->pages * 4 + 1024};
    return domctl(&op, XEN_DOMCTL_max_mem, d->id);
}

static long populate(const struct domain_plan *plan, const struct built_domain *d)
{
    struct xen_memory_reservation r = {.nr_extents = plan->pages, .domid = d->id};
    long rc;

    for (unsigned int i = 0; i < plan->pages; i++)
        frames[i] = i;
    set_xen_guest_handle(r.extent_start, frames);
    rc = hc_memory_op(XENMEM_populate_physmap, &r);
    return rc == (long)plan->pages ? 0 : rc < 0 ? rc : -XEN_ENOMEM;
}

/* Give one page of the new domain the content, zeros behind it. */
static long page_fill(const struct built_domain *d, uint64_t pfn, const void *content, size_t size)
{
    void *at = foreign_map(d->id, frames[pfn], PTE_KRW);

    if (!at)
        return -XEN_EFAULT;
    memcpy(at, content, size);
    memset((uint8_t *)at + size, 0, PAGE_SIZE - size);
    foreign_unmap(at);
    return 0;
}

/* Copy the loadable segments; *end becomes the first guest frame behind them. */
static long load(const struct domain_plan *plan, const struct built_domain *d, uint64_t *end)
{
    const Elf64_Ehdr *header = plan->elf;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)((const uint8_t *)plan->elf + header->e_phoff);

    *end = 0;
    for (unsigned int i = 0; i < header->e_phnum; i++, ph++) {
        const uint8_t *from = (const uint8_t *)plan->elf + ph->p_offset;

        if (ph->p_type != PT_LOAD)
            continue;
        for (uint64_t off = 0; off < ph->p_memsz; off += PAGE_SIZE) {
            uint64_t left = off < ph->p_filesz ? ph->p_filesz - off : 0;
            long rc = page_fill(d, (ph->p_paddr + off) >> PAGE_SHIFT, from + off, left < PAGE_SIZE ? left : PAGE_SIZE);

            if (rc)
                return rc;
        }
        if (((ph->p_paddr + ph->p_memsz - 1) >> PAGE_SHIFT) + 1 > *end)
            *end = ((ph->p_paddr + ph->p_memsz - 1) >> PAGE_SHIFT) + 1;
    }
    return 0;
}

/* The guest frame that the note HYPERCALL_PAGE names: the first page of the image, see guest.lds. */
static long hypercall_page_fill(const struct domain_plan *plan, const struct built_domain *d)
{
    const Elf64_Ehdr *header = plan->elf;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)((const uint8_t *)plan->elf + header->e_phoff);
    struct xen_domctl op = {.u.hypercall_init.gmfn = frames[ph->p_paddr >> PAGE_SHIFT]};

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
    table[511] = pte_make(frames[l->l3], PTE_TABLE);
    rc = page_fill(d, l->l4, table, PAGE_SIZE);
    memset(table, 0, sizeof(table));
    table[510] = pte_make(frames[l->l2], PTE_TABLE);
    rc = rc ? rc : page_fill(d, l->l3, table, PAGE_SIZE);
    memset(table, 0, sizeof(table));
    for (unsigned int i = 0; i < l1s; i++)
        table[i] = pte_make(frames[l->l1 + i], PTE_TABLE);
    rc = rc ? rc : page_fill(d, l->l2, table, PAGE_SIZE);
    for (unsigned int i = 0; !rc && i < l1s; i++) {
        for (unsigned int j = 0; j < 512; j++) {
            uint64_t pfn = i * 512 + j;
            bool is_table = pfn >= l->l4 && pfn < l->end;

            table[j] = pfn < l->end ? pte_make(frames[pfn], is_table ? PTE_KRO : PTE_KRW) : 0;
        }
        rc = page_fill(d, l->l1 + i, table, PAGE_SIZE);
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

static long specials_fill(const struct domain_plan *plan, struct built_domain *d, const struct layout *l)
{
    static start_info_t start;
    struct xen_domctl_getdomaininfo info;
    evtchn_port_t remote;
    long rc = event_alloc(d->id, DOMID_SELF, &remote);

    rc = rc ? rc : event_bind_interdomain(d->id, remote, &d->console_port);
    if (rc || !domain_info(d->id, &info))
        return rc ? rc : -XEN_ESRCH;
    memset(&start, 0, sizeof(start));
    memcpy(start.magic, "xen-3.0-x86_64", 15);
    start.nr_pages = plan->pages;
    start.shared_info = info.shared_info_frame << PAGE_SHIFT;
    start.store_mfn = frames[l->store];
    start.console.domU.mfn = frames[l->console];
    start.console.domU.evtchn = remote;
    start.pt_base = (unsigned long)pfn_to_virt(l->l4);
    start.nr_pt_frames = l->end - l->l4;
    start.mfn_list = (unsigned long)pfn_to_virt(l->p2m);
    format((char *)start.cmd_line, sizeof(start.cmd_line), "%s", plan->args);
    rc = page_fill(d, l->start, &start, sizeof(start));
    rc = rc ? rc : page_fill(d, l->store, "", 0);
    rc = rc ? rc : page_fill(d, l->console, "", 0);
    for (uint64_t i = 0; !rc && i < l->l4 - l->p2m; i++)
        rc = page_fill(d, l->p2m + i, &frames[i * 512], PAGE_SIZE);
    rc = rc ? rc : events_mask(d, info.shared_info_frame);
    d->console_mfn = frames[l->console];
    d->l4_mfn = frames[l->l4];
    d->spare_mfn = frames[plan->pages - 1];
    d->console = rc ? NULL : foreign_map(d->id, d->console_mfn, PTE_KRW);
    return rc ? rc : d->console ? 0 : -XEN_EFAULT;
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

long domain_build(const struct domain_plan *plan, struct built_domain *d)
{
    struct layout l = {0};
    uint64_t end = 0;
    const char *step = "create";
    long rc;

    memset(d, 0, sizeof(*d));
    rc = create(plan, d);
    if (!rc && (step = "populate"))
        rc = populate(plan, d);
    if (!rc && (step = "load the image"))
        rc = load(plan, d, &end);
    if (!rc && (step = "fill the hypercall page"))
        rc = hypercall_page_fill(plan, d);
    lay_out(plan, end, &l);
    if (!rc && l.end > plan->pages)
        rc = -XEN_ENOMEM;
    if (!rc && (step = "write the page tables"))
        rc = tables_fill(d, &l);
    if (!rc && (step = "write the special pages"))
        rc = specials_fill(plan, d, &l);
    if (!rc && (step = "set the first vCPU's state"))
        rc = start_state_set(plan, d, &l);
    if (rc) {
        printk("Building a domain failed at the step \"%s\": %ld\n", step, rc);
        if (d->id)
            domain_destroy(d);
    }
    return rc;
}

bool domain_destroy(struct built_domain *d)
{
    struct xen_domctl_getdomaininfo info;
    struct xen_domctl op = {0};
    uint64_t end = now() + 10000000000ul;
    long rc;

    if (d->console)
        foreign_unmap(d->console);
    d->console = NULL;
    if (d->console_port)
        event_close(d->console_port);
    do
        rc = domctl(&op, XEN_DOMCTL_destroydomain, d->id);
    while (rc == -XEN_EAGAIN && now() < end);
    check_eq(rc, 0);
    while (domain_info(d->id, &info) && now() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return !domain_info(d->id, &info);
}

bool domain_console_line(struct built_domain *d, char *line, size_t size)
{
    struct xencons_interface *ring = d->console;
    XENCONS_RING_IDX cons = ring->out_cons, prod = ring->out_prod;
    bool complete = false;

    mb();
    if (prod - cons > sizeof(ring->out))
        cons = prod; /* a guest may write what it likes there */
    while (cons != prod && !complete) {
        char c = ring->out[MASK_XENCONS_IDX(cons++, ring->out)];

        complete = c == '\n' || d->line_used == sizeof(d->line) - 1;
        if (c != '\n')
            d->line[d->line_used++] = c;
    }
    mb();
    ring->out_cons = cons;
    if (complete) {
        format(line, size, "%.*s", (int)d->line_used, d->line);
        d->line_used = 0;
    }
    return complete;
}
