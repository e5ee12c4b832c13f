/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder, what all types of guests have in common: creation, memory, the image, the console,
 * the end.  What is particular is in domain-pv.c and domain-hvm.c; an image with the note
 * PHYS32_ENTRY becomes a PVH domain.  ABI: <xen/domctl.h>, <xen/elfnote.h>.
 */
#include <elf.h>
#include <xen/elfnote.h>
#include "domain-parts.h"

#define WINDOW_PAGES 64

static uint8_t window[WINDOW_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static bool window_used[WINDOW_PAGES];
xen_pfn_t domain_frames[DOMAIN_PAGES_MAX];

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
    if (d->phys32_entry) {
        c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        c->arch.emulation_flags = plan->board ? XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI : XEN_X86_EMU_LAPIC;
    }
    rc = domctl(&op, XEN_DOMCTL_createdomain, 0);
    d->id = op.domain;
    if (rc)
        return rc;
    op = (struct xen_domctl){.u.max_vcpus.max = plan->vcpus};
    rc = domctl(&op, XEN_DOMCTL_max_vcpus, d->id);
    if (rc)
        return rc;
    if (plan->tsc_mode || plan->tsc_khz) {
        op = (struct xen_domctl){
            .u.tsc_info = {plan->tsc_mode, plan->tsc_khz, plan->tsc_incarnation, 0, plan->tsc_elapsed}};
        rc = domctl(&op, XEN_DOMCTL_settscinfo, d->id);
        if (rc)
            return rc;
    }
    op = (struct xen_domctl){.u.max_mem.max_memkb = plan->pages * 4 + 1024};
    return domctl(&op, XEN_DOMCTL_max_mem, d->id);
}

static long populate(const struct domain_plan *plan, const struct built_domain *d)
{
    struct xen_memory_reservation r = {.domid = d->id};
    long rc;

    if (d->phys32_entry) { /* large pages, as tools do it */
        static xen_pfn_t first[DOMAIN_PAGES_MAX / 512];

        r.extent_order = 9;
        r.nr_extents = plan->pages / 512;
        for (unsigned int i = 0; i < r.nr_extents; i++)
            first[i] = i * 512;
        set_xen_guest_handle(r.extent_start, first);
    } else {
        r.nr_extents = plan->pages;
        set_xen_guest_handle(r.extent_start, domain_frames);
    }
    for (unsigned int i = 0; i < plan->pages; i++)
        domain_frames[i] = i;
    rc = hc_memory_op(XENMEM_populate_physmap, &r);
    return rc == (long)r.nr_extents ? 0 : rc < 0 ? rc : -XEN_ENOMEM;
}

long domain_page_fill(const struct built_domain *d, uint64_t pfn, const void *content, size_t size)
{
    void *at = foreign_map(d->id, domain_frames[pfn], PTE_KRW);

    if (!at)
        return -XEN_EFAULT;
    memcpy(at, content, size);
    memset((uint8_t *)at + size, 0, PAGE_SIZE - size);
    foreign_unmap(at);
    return 0;
}

/* The descriptor of a Xen note of the image, or NULL. */
static const void *note_find(const struct domain_plan *plan, uint32_t type)
{
    const uint8_t *elf = plan->elf;
    struct segment s;

    for (unsigned int i = 0; domain_segment(plan, i, &s); i++) {
        const uint8_t *at = elf + s.offset, *end = at + s.file_size;

        while (s.type == PT_NOTE && at + sizeof(Elf64_Nhdr) < end) {
            const Elf64_Nhdr *note = (const Elf64_Nhdr *)at;
            const uint8_t *desc = at + sizeof(*note) + ((note->n_namesz + 3) & ~3u);

            if (note->n_type == type && !memcmp(at + sizeof(*note), "Xen", 4))
                return desc;
            at = desc + ((note->n_descsz + 3) & ~3u);
        }
    }
    return NULL;
}

bool domain_segment(const struct domain_plan *plan, unsigned int i, struct segment *s)
{
    const uint8_t *elf = plan->elf;

    if (elf[EI_CLASS] == ELFCLASS64) {
        const Elf64_Ehdr *header = plan->elf;
        const Elf64_Phdr *ph = (const Elf64_Phdr *)(elf + header->e_phoff) + i;

        *s = (struct segment){ph->p_type, ph->p_offset, ph->p_paddr, ph->p_filesz, ph->p_memsz};
        return i < header->e_phnum;
    }
    const Elf32_Ehdr *header = plan->elf;
    const Elf32_Phdr *ph = (const Elf32_Phdr *)(elf + header->e_phoff) + i;

    *s = (struct segment){ph->p_type, ph->p_offset, ph->p_paddr, ph->p_filesz, ph->p_memsz};
    return i < header->e_phnum;
}

/* Copy the loadable segments; *end becomes the first guest frame behind them. */
static long load(const struct domain_plan *plan, const struct built_domain *d, uint64_t *end)
{
    struct segment s;

    *end = 0;
    for (unsigned int i = 0; domain_segment(plan, i, &s); i++) {
        const uint8_t *from = (const uint8_t *)plan->elf + s.offset;

        if (s.type != PT_LOAD)
            continue;
        for (uint64_t off = 0; off < s.size; off += PAGE_SIZE) {
            uint64_t left = off < s.file_size ? s.file_size - off : 0;
            long rc =
                domain_page_fill(d, (s.paddr + off) >> PAGE_SHIFT, from + off, left < PAGE_SIZE ? left : PAGE_SIZE);

            if (rc)
                return rc;
        }
        if (((s.paddr + s.size - 1) >> PAGE_SHIFT) + 1 > *end)
            *end = ((s.paddr + s.size - 1) >> PAGE_SHIFT) + 1;
    }
    return 0;
}

long domain_build(const struct domain_plan *plan, struct built_domain *d)
{
    const uint32_t *entry = note_find(plan, XEN_ELFNOTE_PHYS32_ENTRY);
    const char *step = "create";
    evtchn_port_t remote;
    uint64_t end = 0;
    long rc;

    memset(d, 0, sizeof(*d));
    d->phys32_entry = entry ? *entry : 0;
    rc = create(plan, d);
    if (!rc && entry && (step = "set the pool for paging"))
        rc = domain_hvm_pool(d);
    if (!rc && (step = "populate"))
        rc = populate(plan, d);
    if (!rc && (step = "load the image"))
        rc = load(plan, d, &end);
    if (!rc && (step = "make the console's event channel"))
        rc = event_alloc(d->id, DOMID_SELF, &remote);
    rc = rc ? rc : event_bind_interdomain(d->id, remote, &d->console_port);
    if (!rc)
        rc = entry ? domain_hvm_finish(plan, d, end, remote, &step) : domain_pv_finish(plan, d, end, remote, &step);
    if (!rc && (step = "map the console"))
        rc = (d->console = foreign_map(d->id, d->console_mfn, PTE_KRW)) ? 0 : -XEN_EFAULT;
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
        if (c != '\n' && c != '\r')
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
