/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PV's part of a domain's and vCPU's life, and the context that a vCPU starts with.
 */
#include <arch/x86/cpu/fpu.h>
#include <arch/x86/cpu/spec_ctrl.h>
#include <arch/x86/pv/pv.h>
#include <asm/paging.h>
#include <asm/trapnr.h>
#include <core/domain.h>
#include <mm/heap.h>
#include <xen/callback.h>
#include <xen/domctl.h>

int pv_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    if (config->flags & XEN_DOMCTL_CDF_hap || config->arch.emulation_flags & ~XEN_X86_EMU_PIT ||
        config->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX)
        return -EINVAL;
    d->arch.isolated = spec_ctrl_isolates(d);
    return perdomain_create(d);
}

void pv_domain_free(struct domain *d) { perdomain_free(d); }

int pv_vcpu_create(struct vcpu *v)
{
    v->arch.pv.kernel_mode = true;
    v->arch.pv.traps = page_alloc(0);
    v->arch.pv.gdt_ldt_ptes = perdomain_ptes(v->domain, v->id);
    if (!v->arch.pv.traps || !v->arch.pv.gdt_ldt_ptes)
        return -ENOMEM;
    pv_gdt_init(v);
    return 0;
}

void pv_vcpu_free(struct vcpu *v)
{
    if (v->arch.pv.traps)
        page_free(v->arch.pv.traps, 0);
    v->arch.pv.traps = NULL;
}

int pv_vcpu_reset(struct vcpu *v)
{
    int rc;

    pv_drop_gdt(v);
    pv_drop_ldt(v);
    rc = pv_vcpu_set_roots(v, INVALID_MFN, INVALID_MFN);
    if (!rc)
        v->arch.initialised = false;
    return rc;
}

/* ---- the hypercall page: entry n, 32 bytes each, makes hypercall n (ABI: arch-x86/xen-x86_64.h) ---- */

void pv_hypercall_page_init(void *page)
{
    /* push %rcx; push %r11; mov $n, %eax; syscall; pop %r11; pop %rcx; ret */
    static const u8 entry[] = {0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    /* IRET does not come back: push %rcx; push %r11; push %rax; mov $23, %eax; syscall */
    static const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05};

    memset(page, 0xcc, PAGE_SIZE);
    for (unsigned int n = 0; n < PAGE_SIZE / 32; n++) {
        u8 *p = (u8 *)page + n * 32;

        memcpy(p, entry, sizeof(entry));
        p[4] = n;
    }
    memcpy((u8 *)page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}

/* ---- the ABI's vcpu_guest_context ---- */

static void fix_registers(struct vcpu *v)
{
    struct cpu_user_regs *r = &v->arch.regs;

    r->cs = pv_fix_selector(r->cs);
    r->ss = pv_fix_selector(r->ss);
    v->arch.pv.iopl = r->rflags >> 12 & 3;
    r->rflags &= ~(u64)(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_NT);
    r->rflags |= X86_EFLAGS_IF | X86_EFLAGS_MBS;
    r->entry_vector = r->error_code = 0;
}

/* Addresses that we would let the guest run at, or use on its behalf. */
static bool addresses_ok(const vcpu_guest_context_t *c)
{
    for (unsigned int i = 0; i < 256; i++)
        if (!address_canonical(c->trap_ctxt[i].address))
            return false;
    if (c->ldt_ents && (!guest_address_ok(c->ldt_base) || c->ldt_ents > 8192 || c->ldt_base & ~PAGE_MASK))
        return false;
    return c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY && address_canonical(c->event_callback_eip) &&
           address_canonical(c->failsafe_callback_eip) && address_canonical(c->syscall_callback_eip);
}

static mfn_t context_root(unsigned long cr3) { return cr3 ? _mfn(xen_cr3_to_pfn(cr3)) : INVALID_MFN; }

/* The mode that it starts in needs page tables. */
static int take_tables(struct vcpu *v, const vcpu_guest_context_t *c)
{
    int rc;

    if (!c->ctrlreg[3] || (!c->ctrlreg[1] && !(c->flags & VGCF_in_kernel)))
        return -EINVAL;
    rc = pv_set_gdt(v, c->gdt_frames, c->gdt_ents);
    if (rc)
        return rc;
    v->arch.pv.ldt_base = c->ldt_base;
    v->arch.pv.ldt_entries = c->ldt_ents;
    return pv_vcpu_set_roots(v, context_root(c->ctrlreg[3]), context_root(c->ctrlreg[1]));
}

static void take_registers(struct vcpu *v, const vcpu_guest_context_t *c)
{
    struct pv_vcpu *pv = &v->arch.pv;

    v->arch.regs = c->user_regs;
    fix_registers(v);
    pv->kernel_mode = c->flags & VGCF_in_kernel;
    memcpy(pv->traps, c->trap_ctxt, sizeof(c->trap_ctxt));
    pv->kernel_sp = c->kernel_sp;
    pv->callback[CALLBACKTYPE_event].address = c->event_callback_eip;
    pv->callback[CALLBACKTYPE_failsafe] =
        (struct pv_callback){c->failsafe_callback_eip, c->flags & VGCF_failsafe_disables_events};
    pv->callback[CALLBACKTYPE_syscall] =
        (struct pv_callback){c->syscall_callback_eip, c->flags & VGCF_syscall_disables_events};
    pv->fs_base = c->fs_base;
    pv->gs_base_kernel = c->gs_base_kernel;
    pv->gs_base_user = c->gs_base_user;
    pv->ctrlreg[0] = c->ctrlreg[0] & X86_CR0_TS;
    pv->ctrlreg[4] = c->ctrlreg[4] & (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE);
    if (c->flags & VGCF_I387_VALID)
        fpu_set_legacy(v, c->fpu_ctxt.x);
    for (unsigned int i = 0; i < 8; i++)
        if (i != 4 && i != 5)
            pv_set_debugreg(v, i, c->debugreg[i]);
}

int pv_set_guest_context(struct vcpu *v, const void *context)
{
    const vcpu_guest_context_t *c = context;
    int rc;

    if (!addresses_ok(c))
        return -EINVAL;
    rc = take_tables(v, c);
    if (rc)
        return rc;
    take_registers(v, c);
    v->arch.cr3 = mfn_to_paddr(v->arch.pv.kernel_mode ? v->arch.guest_table : v->arch.guest_table_user);
    if (v->id == 0)
        v->domain->vm_assist = c->vm_assist & VM_ASSIST_VALID;
    v->arch.initialised = true;
    return 0;
}
