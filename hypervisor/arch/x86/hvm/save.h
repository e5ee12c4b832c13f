/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of an HVM domain as the toolstack reads and writes it (xen/hvm/save.h, xen/arch-x86/hvm/save.h): a row
 * of records, each behind its descriptor, from HEADER to END. The frame and the checks are hvm/save.c's; who owns a
 * piece of state gives a row of a table for it.
 */
#ifndef ARCH_X86_HVM_SAVE_H
#define ARCH_X86_HVM_SAVE_H

#include <xen/xen.h>
#include <xen/hvm/save.h>

struct domain;
struct xen_domctl;

struct hvm_record {
    u16 typecode;   /* HVM_SAVE_CODE(...), CPU_XSAVE_CODE, CPU_MSR_CODE */
    u16 instances;  /* 0: one for each vCPU, the instance is its id */
    u32 length;     /* of the record; of one that has no fixed length, the most */
    u32 min_length; /* 0: the length is fixed; else a shorter one is taken down to this */
    /*
     * All vCPUs of d are paused. save: fills the record, which is zero before; gives its length, 0 when there is
     * nothing to be saved, or an error. load: length is within the bounds above, instance exists; 0; -EINVAL: the
     * record cannot be; -ENODEV: d has no such device; nothing has changed then.
     */
    int (*save)(struct domain *d, unsigned int instance, void *record);
    int (*load)(struct domain *d, unsigned int instance, const void *record, u32 length);
};

/* CPU, CPU_XSAVE, CPU_MSR, MTRR, VMCE_VCPU, TSC_ADJUST: hvm/context.c. The devices: hvm/platform/. */
extern const struct hvm_record cpu_records[], platform_records[];
extern const unsigned int cpu_nr_records, platform_nr_records;

/* XEN_DOMCTL_gethvmcontext, _gethvmcontext_partial, _sethvmcontext on another HVM domain. -EINVAL, -ENOSPC, -EFAULT,
 * -ENOMEM, -ENOENT as each says. */
long hvm_context_op(struct domain *d, struct xen_domctl *op);

#endif
