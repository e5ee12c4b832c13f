/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_vcpu_op: a domain's own vCPUs: starting and stopping them, their timers, and the areas
 * of guest memory that are kept up to date for them (xen/vcpu.h). Called from the hypercall table.
 */
#include <hypercall/hypercall.h>
#include <mm/guest_access.h>
#include <mm/heap.h>
#include <sched/sched.h>
#include <xen/hvm/hvm_vcpu.h>

#define PERIOD_MIN MILLISECS(1)

/* The context is larger than what a stack should hold. -EEXIST: initialised already, and that is
 * once for all. */
static long op_initialise(struct vcpu *v, void __guest *arg)
{
    struct vcpu_guest_context *c;
    long rc;

    c = mem_alloc_object(struct vcpu_guest_context);
    if (!c)
        return -ENOMEM;
    rc = copy_from_guest(c, arg, v->is_hvm ? sizeof(struct vcpu_hvm_context) : sizeof(*c));
    if (!rc) {
        spin_guard(&v->domain->lock);
        rc = arch_vcpu_initialised(v) ? -EEXIST : arch_set_guest_context(v, c);
    }
    mem_free(c);
    return rc;
}

static long op_up(struct vcpu *v)
{
    if (!arch_vcpu_initialised(v))
        return -EINVAL;
    if (test_and_clear_bit(_VPF_DOWN, &v->pause_flags))
        vcpu_wake(v);
    return 0;
}

/* A domain whose last vCPU goes down has powered off. */
static long op_down(struct vcpu *v)
{
    struct vcpu *other;

    for_each_vcpu (v->domain, other)
        if (other != v && !test_bit(_VPF_DOWN, &other->pause_flags)) {
            if (!test_and_set_bit(_VPF_DOWN, &v->pause_flags))
                vcpu_sleep_nosync(v);
            return 0;
        }
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
    return 0;
}

static long op_set_periodic(struct vcpu *v, void __guest *arg)
{
    struct vcpu_set_periodic_timer op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.period_ns < (u64)PERIOD_MIN || op.period_ns > STIME_MAX >> 1)
        return -EINVAL;
    WRITE_ONCE(v->periodic_period, op.period_ns);
    timer_set(&v->periodic_timer, now() + op.period_ns);
    return 0;
}

static long op_stop_periodic(struct vcpu *v)
{
    WRITE_ONCE(v->periodic_period, 0);
    timer_stop(&v->periodic_timer);
    return 0;
}

/* VCPU_SSHOTTMR_future may be ignored, and is: a deadline in the past fires at once. */
static long op_singleshot(int cmd, struct vcpu *v, void __guest *arg)
{
    struct vcpu_set_singleshot_timer op;

    if (v != current)
        return -EINVAL;
    if (cmd == VCPUOP_stop_singleshot_timer) {
        timer_stop(&v->singleshot_timer);
        return 0;
    }
    if (copy_from_guest(&op, arg, sizeof(op)))
        return -EFAULT;
    timer_migrate(&v->singleshot_timer, smp_processor_id());
    timer_set(&v->singleshot_timer, min(op.timeout_abs_ns, (u64)STIME_MAX));
    return 0;
}

static __noinline long op_register(int cmd, struct vcpu *v, void __guest *arg)
{
    union {
        struct vcpu_register_vcpu_info info;
        struct vcpu_register_runstate_memory_area runstate;
        struct vcpu_register_time_memory_area time;
    } op;
    struct vcpu_runstate_info r;

    if (copy_from_guest(&op, arg, cmd == VCPUOP_register_vcpu_info ? sizeof(op.info) : sizeof(op.time)))
        return -EFAULT;
    if (cmd == VCPUOP_register_vcpu_info)
        return vcpu_register_info(v, op.info.mfn, op.info.offset);
    if (cmd == VCPUOP_register_vcpu_time_memory_area) {
        arch_set_time_area(v, op.time.addr.v);
        return 0;
    }
    v->runstate_guest = op.runstate.addr.v;
    if (v == current) {
        vcpu_runstate_publish(v);
        return 0;
    }
    vcpu_runstate_get(v, &r);
    return copy_to_guest(op.runstate.addr.v, &r, sizeof(r));
}

long do_vcpu_op(int cmd, unsigned int vcpuid, void __guest *arg)
{
    struct domain *d = current->domain;
    struct vcpu *v = domain_vcpu(d, vcpuid);
    struct vcpu_runstate_info r;
    long rc;

    if (!v)
        return -ENOENT;
    switch (cmd) {
    case VCPUOP_initialise:
        rc = op_initialise(v, arg);
        return rc == -ERESTART ? hypercall_again(3, (unsigned long)cmd, (unsigned long)vcpuid, (unsigned long)arg) : rc;
    case VCPUOP_up: return op_up(v);
    case VCPUOP_down: return op_down(v);
    case VCPUOP_is_up: return !test_bit(_VPF_DOWN, &v->pause_flags);
    case VCPUOP_get_runstate_info: vcpu_runstate_get(v, &r); return copy_to_guest(arg, &r, sizeof(r));
    case VCPUOP_set_periodic_timer: return op_set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer: return op_stop_periodic(v);
    case VCPUOP_set_singleshot_timer:
    case VCPUOP_stop_singleshot_timer: return op_singleshot(cmd, v, arg);
    case VCPUOP_register_vcpu_info:
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_register_vcpu_time_memory_area: return op_register(cmd, v, arg);
    case VCPUOP_get_physid: return -EINVAL; /* for vCPUs that are pinned for good, which we have none of */
    case VCPUOP_send_nmi:
        if (arg)
            return -EINVAL;
        arch_vcpu_nmi(v);
        return 0;
    default: return hypercall_unknown("vcpu_op", cmd, -ENOSYS);
    }
}
