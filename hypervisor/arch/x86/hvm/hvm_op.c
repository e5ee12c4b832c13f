/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_hvm_op: the parameters of HVM domains, and small services to their kernels (xen/hvm/hvm_op.h,
 * xen/hvm/params.h). Who may read and write which parameter, and what answers there are, is as Xen 4.17 has it.
 */
#include <arch/arch.h>
#include <arch/x86/hvm/hvm.h>
#include <arch/x86/hvm/ioreq.h>
#include <arch/x86/hvm/params.h>
#include <arch/x86/hvm/platform/platform.h>
#include <arch/x86/mm/p2m.h>
#include <hypercall/hypercall.h>
#include <lib/lib.h>
#include <mm/guest_access.h>
#include <time/timer.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

/* ---- parameters ---- */

#define READ  1 /* by the guest itself */
#define WRITE 2
#define ONCE  4 /* a value other than 0 stays */

/* Smallest 32-bit TSS; what follows are two maps: of interrupts, of ports, and a byte. */
#define TSS_MIN     104
#define TSS_MAX     (TSS_MIN + 32 + 8192 + 1)
#define TSS_DEFAULT 128

void hvm_latch_width(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool narrow = !hvm_code64(v);

    if (d->narrow_info == narrow)
        return;
    d->narrow_info = narrow;
    arch_update_wallclock(d);
}

static int set_callback(struct domain *d, u64 *value)
{
    if (d == current->domain)
        hvm_latch_width(current);
    hvm_set_callback_via(d, *value);
    return 0;
}

static int set_acpi_ports(struct domain *d, u64 *value)
{
    if (!(d->arch.hvm->emulation_flags & XEN_X86_EMU_PM))
        return -ENODEV;
    return hvm_set_acpi_ports(d, *value);
}

static int set_fip_width(struct domain *d __unused, u64 *value)
{
    return *value == 0 || *value == 4 || *value == 8 ? 0 : -EINVAL;
}

/* The same place as _SIZED, without a size. */
static int set_vm86_tss(struct domain *d, u64 *value)
{
    if (*value >> 32)
        return -EINVAL;
    d->arch.hvm->params[HVM_PARAM_VM86_TSS_SIZED] = *value ? *value | (u64)TSS_DEFAULT << 32 : 0;
    return 0;
}

static int set_vm86_tss_sized(struct domain *d, u64 *value)
{
    u64 size = *value >> 32;

    if (size < TSS_MIN)
        return -EINVAL;
    *value = min(size, (u64)TSS_MAX) << 32 | (u32)*value;
    d->arch.hvm->params[HVM_PARAM_VM86_TSS] = (u32)*value;
    return 0;
}

/* 3: sleeps, with all its devices as after power-on, until 0 wakes it in its firmware. */
static int set_s_state(struct domain *d, u64 *value)
{
    bool asleep = d->arch.hvm->params[HVM_PARAM_ACPI_S_STATE];
    struct vcpu *v;

    if ((*value && *value != 3) || d == current->domain)
        return -EINVAL;
    if (*value && !asleep) {
        domain_pause(d);
        platform_domain_reset(d);
        for_each_vcpu (d, v) {
            platform_vcpu_reset(v);
            hvm_vcpu_reset_init(v);
            if (v->id)
                set_bit(_VPF_DOWN, &v->pause_flags);
        }
    } else if (!*value && asleep) {
        d->vcpu[0]->arch.initialised = true;
        domain_unpause(d);
    }
    return 0;
}

static const struct param_rule {
    u8 flags;
    u8 max;                                   /* 0: any value */
    bool absent;                              /* what we do not have can only be switched off */
    bool unknown;                             /* taken back by the ABI */
    int (*set)(struct domain *d, u64 *value); /* checks, may change the value that is kept; NULL: any will do */
} rules[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = {READ | WRITE, .set = set_callback},
    [HVM_PARAM_STORE_PFN] = {READ},
    [HVM_PARAM_STORE_EVTCHN] = {READ | WRITE},
    [HVM_PARAM_PAE_ENABLED] = {.unknown = true},
    [HVM_PARAM_IOREQ_PFN] = {ONCE},
    [HVM_PARAM_BUFIOREQ_PFN] = {ONCE},
    [HVM_PARAM_VIRIDIAN] = {.absent = true},
    [HVM_PARAM_TIMER_MODE] = {.max = HVMPTM_one_missed_tick_pending},
    [HVM_PARAM_DM_DOMAIN] = {.unknown = true},
    [HVM_PARAM_ACPI_S_STATE] = {.set = set_s_state},
    [HVM_PARAM_VM86_TSS] = {READ | WRITE, .set = set_vm86_tss},
    [HVM_PARAM_CONSOLE_PFN] = {READ},
    [HVM_PARAM_CONSOLE_EVTCHN] = {READ | WRITE},
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = {READ | WRITE, .set = set_acpi_ports},
    [HVM_PARAM_MEMORY_EVENT_CR0... HVM_PARAM_BUFIOREQ_EVTCHN] = {.unknown = true},
    [HVM_PARAM_MEMORY_EVENT_MSR] = {.unknown = true},
    [HVM_PARAM_TRIPLE_FAULT_REASON] = {.max = SHUTDOWN_MAX},
    [HVM_PARAM_IOREQ_SERVER_PFN] = {ONCE},
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = {ONCE, .max = 64},
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = {READ | WRITE},
    [HVM_PARAM_ALTP2M] = {READ, .absent = true},
    [HVM_PARAM_X87_FIP_WIDTH] = {READ | WRITE, .set = set_fip_width},
    [HVM_PARAM_VM86_TSS_SIZED] = {READ | WRITE, .set = set_vm86_tss_sized},
    [HVM_PARAM_MCA_CAP] = {.absent = true},
};

void hvm_params_init(struct domain *d)
{
    u64 *params = d->arch.hvm->params;

    params[HVM_PARAM_HPET_ENABLED] = !!(d->arch.hvm->emulation_flags & XEN_X86_EMU_HPET);
    params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
}

static int param_set(struct domain *d, u32 index, u64 value)
{
    const struct param_rule *rule = &rules[index];
    u64 *p = &d->arch.hvm->params[index];
    int rc;

    if (d == current->domain && !(rule->flags & WRITE))
        return -EPERM;
    if (rule->flags & ONCE && *p && *p != value)
        return -EEXIST;
    if ((rule->max && value > rule->max) || (rule->absent && value))
        return rule->absent ? -EOPNOTSUPP : -EINVAL;
    rc = rule->set ? rule->set(d, &value) : 0;
    if (!rc)
        *p = value;
    return rc;
}

static long op_param(unsigned long op, void __guest *arg)
{
    struct xen_hvm_param a;
    domain_ref d = NULL;
    int rc;

    if (copy_from_guest(&a, arg, sizeof(a)))
        return -EFAULT;
    if (a.index >= HVM_NR_PARAMS || rules[a.index].unknown)
        return -EINVAL;
    rc = domain_get_target(a.domid, &d);
    if (rc)
        return rc;
    if (!d->is_hvm)
        return -EINVAL;
    if (op == HVMOP_set_param)
        return param_set(d, a.index, a.value);
    if (d == current->domain && !(rules[a.index].flags & READ))
        return -EPERM;
    a.value = d->arch.hvm->params[a.index];
    return copy_to_guest(arg, &a, sizeof(a));
}

/* ---- the rest ---- */

static long op_flush_tlbs(const void __guest *arg)
{
    if (!current->is_hvm || arg)
        return -EINVAL;
    p2m_flush(current->domain);
    return 0;
}

static long op_get_time(void __guest *arg)
{
    struct xen_hvm_get_time t = {.now = now()};

    return copy_to_guest(arg, &t, sizeof(t));
}

/* There is no trace that anybody could read. */
static long op_xentrace(const void __guest *arg)
{
    struct xen_hvm_xentrace t;

    if (copy_from_guest(&t, arg, sizeof(t)))
        return -EFAULT;
    return t.extra_bytes > sizeof(t.extra) ? -EINVAL : 0;
}

/* A hint for shadow page tables, which we have not. */
static long op_pagetable_dying(const void __guest *arg)
{
    struct xen_hvm_pagetable_dying a;

    return copy_from_guest(&a, arg, sizeof(a)) ? -EFAULT : -EINVAL;
}

static long op_get_mem_type(void __guest *arg)
{
    static const u8 mem_type[P2M_TYPES] = {
        [P2M_NONE] = HVMMEM_mmio_dm,        [P2M_RAM_RO] = HVMMEM_ram_ro,   [P2M_MMIO_DM] = HVMMEM_mmio_dm,
        [P2M_MMIO_DIRECT] = HVMMEM_mmio_dm, [P2M_GRANT_RO] = HVMMEM_ram_ro,
    }; /* the others: HVMMEM_ram_rw */
    struct xen_hvm_get_mem_type a;
    enum p2m_type type;
    domain_ref d = NULL;
    int rc;

    if (copy_from_guest(&a, arg, sizeof(a)))
        return -EFAULT;
    rc = domain_get_target(a.domid, &d);
    if (rc)
        return rc;
    if (!d->is_hvm)
        return -EINVAL;
    p2m_lookup(d, _gfn(a.pfn), &type, NULL);
    a.mem_type = mem_type[type];
    return copy_to_guest(arg, &a, sizeof(a));
}

static long op_upcall_vector(const void __guest *arg)
{
    struct xen_hvm_evtchn_upcall_vector a;
    struct vcpu *v;

    if (!current->is_hvm)
        return -EINVAL;
    if (copy_from_guest(&a, arg, sizeof(a)))
        return -EFAULT;
    v = domain_vcpu(current->domain, a.vcpu);
    if (a.vector < 16 || !v)
        return v ? -EINVAL : -ENOENT;
    hvm_set_upcall_vector(v, a.vector);
    return 0;
}

long do_hvm_op(unsigned long op, void __guest *arg)
{
    switch (op) {
    case HVMOP_set_param:
    case HVMOP_get_param: return op_param(op, arg);
    case HVMOP_flush_tlbs: return op_flush_tlbs(arg);
    case HVMOP_pagetable_dying: return op_pagetable_dying(arg);
    case HVMOP_get_time: return op_get_time(arg);
    case HVMOP_xentrace: return op_xentrace(arg);
    case HVMOP_get_mem_type: return op_get_mem_type(arg);
    case HVMOP_set_evtchn_upcall_vector: return op_upcall_vector(arg);
    case HVMOP_guest_request_vm_event: return arg ? -EINVAL : 0; /* nobody listens */
    case HVMOP_altp2m: return -EOPNOTSUPP;
    default: return hypercall_unknown("hvm_op", op, -ENOSYS);
    }
}
