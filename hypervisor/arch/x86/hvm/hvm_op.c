/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_hvm_op: the parameters of HVM domains, and small services to their kernels (xen/hvm/hvm_op.h,
 * xen/hvm/params.h). Who may read and write which parameter, and what answers there are, is as Xen 4.17 has it.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <time/timer.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

/* ---- parameters ---- */

#define READ    0x01 /* by the guest itself */
#define WRITE   0x02
#define ONCE    0x04 /* a value other than 0 stays */
#define ABSENT  0x08 /* what we do not have can only be switched off */
#define UNKNOWN 0x10 /* taken back by the ABI */

void hvm_latch_width(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool narrow = !hvm_code64(v);

    if (d->narrow_info == narrow)
        return;
    d->narrow_info = narrow;
    arch_update_wallclock(d);
}

static int set_callback(struct domain *d, u64 value)
{
    if (d == current->domain)
        hvm_latch_width(current);
    hvm_set_callback_via(d, value);
    return 0;
}

static int set_acpi_ports(struct domain *d, u64 value)
{
    if (!(d->arch.hvm->emulation_flags & XEN_X86_EMU_PM))
        return -ENODEV;
    return value > 1 ? -EINVAL : 0;
}

static int set_fip_width(struct domain *d __unused, u64 value)
{
    return value == 0 || value == 4 || value == 8 ? 0 : -EINVAL;
}

/* 3: sleeps, with all its devices as after power-on, until 0 wakes it in its firmware. */
static int set_s_state(struct domain *d, u64 value)
{
    bool asleep = d->arch.hvm->params[HVM_PARAM_ACPI_S_STATE];
    struct vcpu *v;

    if ((value && value != 3) || d == current->domain)
        return -EINVAL;
    if (value && !asleep) {
        domain_pause(d);
        platform_domain_reset(d);
        for_each_vcpu (d, v) {
            platform_vcpu_reset(v);
            hvm_vcpu_reset_init(v);
            if (v->id)
                set_bit(_VPF_DOWN, &v->pause_flags);
        }
    } else if (!value && asleep) {
        d->vcpu[0]->arch.initialised = true;
        domain_unpause(d);
    }
    return 0;
}

static const struct param_rule {
    u8 flags;
    u8 max;                                  /* 0: any value */
    int (*set)(struct domain *d, u64 value); /* checks; NULL: any will do */
} rules[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = {READ | WRITE, .set = set_callback},
    [HVM_PARAM_STORE_PFN] = {READ},
    [HVM_PARAM_STORE_EVTCHN] = {READ | WRITE},
    [HVM_PARAM_PAE_ENABLED] = {UNKNOWN},
    [HVM_PARAM_IOREQ_PFN] = {ONCE},
    [HVM_PARAM_BUFIOREQ_PFN] = {ONCE},
    [HVM_PARAM_VIRIDIAN] = {ABSENT},
    [HVM_PARAM_TIMER_MODE] = {.max = HVMPTM_one_missed_tick_pending},
    [HVM_PARAM_DM_DOMAIN] = {UNKNOWN},
    [HVM_PARAM_ACPI_S_STATE] = {.set = set_s_state},
    [HVM_PARAM_VM86_TSS] = {READ | WRITE},
    [HVM_PARAM_CONSOLE_PFN] = {READ},
    [HVM_PARAM_CONSOLE_EVTCHN] = {READ | WRITE},
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = {READ | WRITE, .set = set_acpi_ports},
    [HVM_PARAM_MEMORY_EVENT_CR0... HVM_PARAM_BUFIOREQ_EVTCHN] = {UNKNOWN},
    [HVM_PARAM_MEMORY_EVENT_MSR] = {UNKNOWN},
    [HVM_PARAM_TRIPLE_FAULT_REASON] = {.max = SHUTDOWN_MAX},
    [HVM_PARAM_IOREQ_SERVER_PFN] = {ONCE},
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = {ONCE, .max = 64},
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = {READ | WRITE},
    [HVM_PARAM_ALTP2M] = {READ | ABSENT},
    [HVM_PARAM_X87_FIP_WIDTH] = {READ | WRITE, .set = set_fip_width},
    [HVM_PARAM_VM86_TSS_SIZED] = {READ | WRITE},
    [HVM_PARAM_MCA_CAP] = {ABSENT},
};

void hvm_params_init(struct domain *d)
{
    u64 *params = d->arch.hvm->params;

    params[HVM_PARAM_HPET_ENABLED] = !!(d->arch.hvm->emulation_flags & XEN_X86_EMU_HPET);
    params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
}

static long param_access(struct domain *d, unsigned int right, struct xen_hvm_param *a)
{
    const struct param_rule *rule = rules + a->index;
    u64 *p = d->arch.hvm->params + a->index;
    long rc;

    if (a->index >= HVM_NR_PARAMS || rule->flags & UNKNOWN)
        return -EINVAL;
    if (d == current->domain && !(rule->flags & right))
        return -EPERM;
    if (right == READ) {
        a->value = *p;
        return 0;
    }
    if (rule->flags & ONCE && *p && *p != a->value)
        return -EEXIST;
    if (rule->flags & ABSENT && a->value)
        return -EOPNOTSUPP;
    if (rule->max && a->value > rule->max)
        return -EINVAL;
    rc = rule->set ? rule->set(d, a->value) : 0;
    if (!rc)
        *p = a->value;
    return rc;
}

/* ---- operations ---- */

static const u8 mem_types[P2M_TYPES] = {[P2M_NONE] = HVMMEM_mmio_dm,
                                        [P2M_RAM_RO] = HVMMEM_ram_ro,
                                        [P2M_MMIO_DM] = HVMMEM_mmio_dm,
                                        [P2M_GRANT_RO] = HVMMEM_ram_ro}; /* the others: HVMMEM_ram_rw */

static long upcall_vector(const struct xen_hvm_evtchn_upcall_vector *a)
{
    struct vcpu *v = domain_vcpu(current->domain, a->vcpu);

    if (a->vector < 16 || !v)
        return v ? -EINVAL : -ENOENT;
    hvm_set_upcall_vector(v, a->vector);
    return 0;
}

union hvm_op_arg {
    domid_t domid; /* at the start of param, mem_type */
    struct xen_hvm_param param;
    struct xen_hvm_get_time get_time;
    struct xen_hvm_xentrace trace;
    struct xen_hvm_pagetable_dying dying;
    struct xen_hvm_get_mem_type mem_type;
    struct xen_hvm_evtchn_upcall_vector upcall;
};

/* d: the HVM domain that the argument begins with, if one does. */
static long operate(unsigned long op, struct domain *d, union hvm_op_arg *a)
{
    enum p2m_type type;

    switch (op) {
    case HVMOP_set_param: return param_access(d, WRITE, &a->param);
    case HVMOP_get_param: return param_access(d, READ, &a->param);
    case HVMOP_flush_tlbs: p2m_flush(current->domain); return 0;
    case HVMOP_pagetable_dying: return -EINVAL; /* a hint for shadow page tables, which we have not */
    case HVMOP_get_time: a->get_time.now = now(); return 0;
    case HVMOP_xentrace: return a->trace.extra_bytes > sizeof(a->trace.extra) ? -EINVAL : 0; /* nobody could read it */
    case HVMOP_get_mem_type:
        p2m_lookup(d, _gfn(a->mem_type.pfn), &type, NULL);
        a->mem_type.mem_type = mem_types[type];
        return 0;
    case HVMOP_set_evtchn_upcall_vector: return upcall_vector(&a->upcall);
    default: return 0; /* HVMOP_guest_request_vm_event: nobody listens */
    }
}

#define IN     0x1 /* the argument is read */
#define OUT    0x2 /* it is written */
#define TARGET 0x4 /* it begins with a domain */
#define OWN    0x8 /* about the caller, who has to be an HVM guest */
#define KNOWN  0x10

static const struct {
    u8 size, flags; /* of the argument; size 0: it has to be NULL */
} operations[] = {
    [HVMOP_set_param] = {sizeof(struct xen_hvm_param), KNOWN | IN | TARGET},
    [HVMOP_get_param] = {sizeof(struct xen_hvm_param), KNOWN | IN | OUT | TARGET},
    [HVMOP_flush_tlbs] = {0, KNOWN | OWN},
    [HVMOP_pagetable_dying] = {sizeof(struct xen_hvm_pagetable_dying), KNOWN | IN},
    [HVMOP_get_time] = {sizeof(struct xen_hvm_get_time), KNOWN | OUT},
    [HVMOP_xentrace] = {sizeof(struct xen_hvm_xentrace), KNOWN | IN},
    [HVMOP_get_mem_type] = {sizeof(struct xen_hvm_get_mem_type), KNOWN | IN | OUT | TARGET},
    [HVMOP_set_evtchn_upcall_vector] = {sizeof(struct xen_hvm_evtchn_upcall_vector), KNOWN | IN | OWN},
    [HVMOP_guest_request_vm_event] = {0, KNOWN},
};

long do_hvm_op(unsigned long op, void __guest *arg)
{
    unsigned int flags = op < ARRAY_SIZE(operations) ? operations[op].flags : 0, size;
    union hvm_op_arg a = {};
    domain_ref d = NULL;
    long rc;

    if (!flags)
        return hypercall_unknown("hvm_op", op, op == HVMOP_altp2m ? -EOPNOTSUPP : -ENOSYS);
    size = operations[op].size;
    if ((flags & OWN && !current->is_hvm) || (!size && arg))
        return -EINVAL;
    if (flags & IN && copy_from_guest(&a, arg, size))
        return -EFAULT;
    if (flags & TARGET) {
        rc = domain_get_target(a.domid, &d);
        if (rc || !d->is_hvm)
            return rc ? rc : -EINVAL;
    }
    rc = operate(op, d, &a);
    return rc || !(flags & OUT) ? rc : copy_to_guest(arg, &a, size);
}
