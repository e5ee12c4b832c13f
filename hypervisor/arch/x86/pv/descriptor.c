/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GDT and LDT of PV guests: HYPERVISOR_set_gdt, HYPERVISOR_update_descriptor, MMUEXT_SET_LDT and
 * the fault that brings in a page of the LDT. The CPU reads descriptors through the vCPU's window
 * in the per-domain slot; frames that it shows are counted as FT_SEGDESC, so their contents were
 * checked here and change only through here. Loading GDTR and LDTR is the entry code's.
 */
#include <arch/arch.h>
#include <arch/x86/entry/entry.h>
#include <arch/x86/pv/mmu.h>
#include <sched/softirq.h>

/* Bits of a descriptor (AMD APM vol. 2, 4.7 and 4.8). */
#define DESC_ACCESSED (1UL << 40)
#define DESC_TYPE     (15UL << 40)
#define DESC_S        (1UL << 44) /* code or data, not a system descriptor */
#define DESC_DPL(n)   ((u64)(n) << 45)
#define DESC_P        (1UL << 47)

/* The window is for us only; the CPU sets accessed bits in it. Not global: it differs from domain
 * to domain. */
#define WINDOW_RIGHTS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define LDT_FIRST     16

/* May a guest have this descriptor? *desc is changed to what it gets instead where that does no
 * harm. */
static bool descriptor_fix(u64 *desc)
{
    if (!(*desc & DESC_P))
        return true; /* faults when used */
    if (!(*desc & DESC_S))
        return !(*desc & DESC_TYPE); /* gates, TSS and LDT lead to ring 0; type 0 is reserved */
    *desc |= DESC_DPL(3) | DESC_ACCESSED;
    return true;
}

bool descriptors_fit(u64 *page)
{
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*page); i++) {
        u64 desc = page[i];

        if (!descriptor_fix(&desc))
            return false;
        if (desc != page[i])
            page[i] = desc;
    }
    return true;
}

/* ---- windows ---- */

static void window_put(u64 *pte)
{
    struct frame *f = mfn_frame(pte_mfn(*pte));

    *pte = 0;
    frame_put_and_type(f);
}

/* The windows of v changed. Elsewhere it is not loaded, and loading it empties the TLB. */
static void window_flush(const struct vcpu *v)
{
    if (v == current)
        flush_tlb_local();
}

/*
 * Behind the guest's own descriptors lie empty ones, up to ours: a selector from there is a #GP of
 * the guest's, not a page fault at an address of ours.
 */
static const u64 empty_descriptors[512] __aligned(PAGE_SIZE);

static u64 empty_pte(void) { return virt_to_paddr(empty_descriptors) | (WINDOW_RIGHTS & ~PTE_RW); }

void pv_gdt_init(struct vcpu *v)
{
    for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        v->arch.pv.gdt_ldt_ptes[i] = empty_pte();
}

void pv_drop_gdt(struct vcpu *v)
{
    u64 *pte = v->arch.pv.gdt_ldt_ptes;

    if (!pte)
        return;
    for (unsigned int i = 0; i < DIV_ROUND_UP(v->arch.pv.gdt_entries, 512U); i++) {
        window_put(&pte[i]);
        pte[i] = empty_pte();
    }
    v->arch.pv.gdt_entries = 0;
}

int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
    unsigned int n = DIV_ROUND_UP(entries, 512U), i;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -EINVAL;
    for (i = 0; i < n; i++) {
        struct frame *f;

        if (!frame_take(_mfn(frames[i]), v->domain, FT_SEGDESC, false, &f))
            continue;
        while (i--)
            frame_put_and_type(mfn_frame(_mfn(frames[i])));
        return -EINVAL;
    }
    pv_drop_gdt(v);
    for (i = 0; i < n; i++)
        v->arch.pv.gdt_ldt_ptes[i] = mfn_to_paddr(_mfn(frames[i])) | WINDOW_RIGHTS;
    v->arch.pv.gdt_entries = entries;
    window_flush(v);
    return 0;
}

long do_set_gdt(const void __guest *uframes, unsigned int entries)
{
    unsigned long frames[FIRST_RESERVED_GDT_PAGE];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -EINVAL;
    if (copy_from_guest(frames, uframes, DIV_ROUND_UP(entries, 512U) * sizeof(frames[0])))
        return -EFAULT;
    return pv_set_gdt(current, frames, entries);
}

/* ---- LDT: pages are brought in when the CPU looks for them ---- */

void pv_drop_ldt(struct vcpu *v)
{
    u64 *pte = v->arch.pv.gdt_ldt_ptes;

    if (!v->arch.pv.ldt_mapped)
        return;
    v->arch.pv.ldt_mapped = 0;
    for (unsigned int i = LDT_FIRST; i < LDT_FIRST + 16; i++)
        if (pte[i])
            window_put(&pte[i]);
    window_flush(v);
}

int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries)
{
    if ((base & ~PAGE_MASK) || entries > 8192 || (entries && !guest_address_ok(base)))
        return -EINVAL;
    if (v->arch.pv.ldt_base == base && v->arch.pv.ldt_entries == entries)
        return 0;
    pv_drop_ldt(v);
    v->arch.pv.ldt_base = base;
    v->arch.pv.ldt_entries = entries;
    ldt_load(LDT_WINDOW(v->id), entries);
    return 0;
}

static bool ldt_map(struct vcpu *v, unsigned int page)
{
    u64 e = l1_read(v, v->arch.pv.ldt_base + page * PAGE_SIZE);
    struct frame *f;

    if (!(e & PTE_P) || frame_take(pte_mfn(e), v->domain, FT_SEGDESC, false, &f))
        return false;
    v->arch.pv.gdt_ldt_ptes[LDT_FIRST + page] = (e & PTE_ADDR) | WINDOW_RIGHTS;
    v->arch.pv.ldt_mapped++;
    return true;
}

bool pv_ldt_fault(struct vcpu *v, unsigned long cr2)
{
    unsigned long offset = cr2 - LDT_WINDOW(v->id);
    bool off = !irqs_enabled(), done;

    if (offset >= v->arch.pv.ldt_entries * 8UL || v->arch.pv.gdt_ldt_ptes[LDT_FIRST + offset / PAGE_SIZE])
        return false;
    /*
     * The fault may come from our return to the guest with interrupts off; the frame's old use may
     * have to be flushed from other CPUs, which may wait for us. What an interrupt leaves to do
     * meanwhile comes back as one after the return.
     */
    if (off)
        irq_enable();
    done = ldt_map(v, offset / PAGE_SIZE);
    if (off) {
        irq_disable();
        if (softirq_pending())
            arch_send_event_check(smp_processor_id());
    }
    return done;
}

/* ---- one descriptor ---- */

long do_update_descriptor(u64 gaddr, u64 desc)
{
    struct frame *f;
    long rc = -EINVAL;

    if ((gaddr & 7) || !descriptor_fix(&desc))
        return -EINVAL;
    f = mfn_get(paddr_to_mfn(gaddr), current->domain);
    if (!f)
        return -EINVAL;
    if (!type_get(f, (READ_ONCE(f->type) & FT_MASK) == FT_SEGDESC ? FT_SEGDESC : FT_WRITABLE, false)) {
        WRITE_ONCE(*(u64 *)paddr_to_virt(gaddr), desc);
        type_put(f, false);
        rc = 0;
    }
    frame_put(f);
    return rc;
}
