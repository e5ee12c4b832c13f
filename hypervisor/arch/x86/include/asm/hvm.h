/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86: what only HVM and PVH domains and their vCPUs have. Each subsystem hangs a pointer of its own here; what it
 * points at is private to that subsystem.
 */
#ifndef ASM_HVM_H
#define ASM_HVM_H

#include <xen/xen.h>
#include <xen/hvm/save.h>

struct hvm_vcpu_io;
struct ioreq_servers;
struct platform;
struct svm_vmcb;
struct vlapic;
struct vmx_vcpu;

/*
 * A segment register with its hidden part. attr: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 8 AVL, 9 L, 10 D/B, 11 G (AMD APM
 * vol. 2, 15.5.1). limit is in bytes, whatever G is. For GDTR and IDTR only limit and base count. The emulator's, too.
 */
struct hvm_segment {
    u16 sel, attr;
    u32 limit;
    u64 base;
};

/* In the order of the VMCB. */
enum hvm_segment_name { HVM_ES, HVM_CS, HVM_SS, HVM_DS, HVM_FS, HVM_GS, HVM_GDTR, HVM_LDTR, HVM_IDTR, HVM_TR };

#define HVM_ATTR_TYPE  0x00f
#define HVM_ATTR_WRITE 0x002 /* data: writable. Code: readable */
#define HVM_ATTR_DOWN  0x004 /* data: expands down */
#define HVM_ATTR_CODE  0x008
#define HVM_ATTR_S     0x010
#define HVM_ATTR_DPL   0x060
#define HVM_ATTR_P     0x080
#define HVM_ATTR_L     0x200
#define HVM_ATTR_DB    0x400
#define HVM_ATTR_G     0x800

/* What is delivered to a guest. Types as Intel SDM vol. 3, 25.8.3 numbers them; AMD has the first four of them. */
enum hvm_event_type {
    HVM_EVENT_INTERRUPT = 0,
    HVM_EVENT_NMI = 2,
    HVM_EVENT_EXCEPTION = 3,
    HVM_EVENT_SOFT_INTERRUPT = 4,      /* INT n */
    HVM_EVENT_PRIV_SOFT_EXCEPTION = 5, /* ICEBP */
    HVM_EVENT_SOFT_EXCEPTION = 6,      /* INT3, INTO */
};

struct hvm_event {
    bool valid;
    u8 vector, type;
    bool has_error;
    u32 error;
    u8 length; /* of the instruction, for those that one raises */
};

/* Bits of hvm_vcpu.work: why the next entry into the guest is not the short one. Set atomically, by anybody. */
#define HVM_WORK_EVENT     0x01 /* something may be deliverable: exception, NMI, interrupt, upcall */
#define HVM_WORK_TLB       0x02 /* what the CPU remembers of the guest's translations is stale */
#define HVM_WORK_IO        0x04 /* waits for a device model */
#define HVM_WORK_RESET     0x08 /* INIT, SIPI */
#define HVM_WORK_EXCEPTION 0x10 /* hvm_vcpu.event is to be delivered; nothing else is new */

/* A translation that is kept as long as a hypercall runs (hvm/guest_memory.c): by page, [1] for writing. */
struct hvm_kept_walk {
    u64 va, gpa;
};
#define HVM_KEEP_NONE  ~0UL       /* va: no hypercall runs */
#define HVM_KEEP_EMPTY (~0UL - 1) /* va: one does, nothing is kept yet */

/* The array of structures that a hypercall of 32-bit code is about (hvm/compat.c): its layout, where it is, and the
 * length of an element as the guest and as we have it. */
struct hvm_compat_view {
    const char *fields;
    u32 base;
    u8 narrow, wide;
};

/* A page that instructions came from: where we see it, its linear address, and the tables that said so. */
struct hvm_code {
    const u8 *page;
    u64 address, cr3;
    u64 unused; /* an index is a shift */
};
#define HVM_CODE_PAGES 4
#define HVM_CODE_NONE  ~0UL /* cr3: no guest has that one */

/* The state that only an HVM vCPU has. Written by itself, or by others while it is paused, except work. */
struct hvm_vcpu {
    u8 work;
    bool step;               /* RFLAGS.TF is ours, for one instruction */
    bool restarted;          /* its hypercall is to be made again */
    struct hvm_event event;  /* to be delivered before the guest goes on: an exception, or what was interrupted */
    u64 efer;                /* as the guest sees it */
    u64 tsc_offset;          /* guest's TSC = its domain's counter (hvm/tsc.c) + this */
    struct hvm_hw_mtrr mtrr; /* and IA32_PAT */
    u64 misc_enable, misc_features, debugctl, tsc_adjust;
    u64 mcg_cap, mcg_status;
    u64 spec_ctrl;    /* as the guest wants it */
    u8 upcall_vector; /* HVMOP_set_evtchn_upcall_vector; 0: the domain's callback */

    struct vlapic *vlapic;  /* hvm/platform/ */
    struct hvm_vcpu_io *io; /* hvm/io.c: an access that waits for a device model */

    bool compat; /* in a hypercall of 32-bit code */
    struct hvm_compat_view compat_view;

    struct hvm_code code[HVM_CODE_PAGES]; /* svm/exit.c; a page's place is told by the low bits of its number */

    struct hvm_kept_walk kept[2];

    union {
        struct { /* hvm/svm/ */
            struct svm_vmcb *vmcb;
            paddr_t vmcb_pa;
            u64 asid_generation; /* of the CPU that it ran on last; 0: none */
            bool nmi_masked;     /* from the delivery of an NMI until IRET */
        } svm;
        struct vmx_vcpu *vmx; /* hvm/vmx/ */
    };
};

struct hvm_domain {
    struct platform *platform;   /* hvm/platform/ */
    u64 first_vram;              /* XEN_DMOP_track_dirty_vram: guest frames, */
    u32 nr_vram;                 /* so many, 0: none */
    struct ioreq_servers *ioreq; /* hvm/ioreq.c */
    u64 params[39];              /* HVM_PARAM_*: hvm/hvm_op.c */
    u8 callback_vector;          /* 0: not by vector */
    u32 emulation_flags;         /* XEN_X86_EMU_* */
    u64 tsc_offset;              /* that vCPUs start with: time since the domain was made */
    bool tsc_emulated;           /* it counts system time, and reading it exits; else the CPU's TSC */
    u64 tsc_scale;               /* the guest's ticks for one of those, 32.32 fixed point; 0: one */
    s_time_t tsc_start;          /* XEN_DOMCTL_settscinfo: system time when its elapsed_nsec was 0 */
};

#endif
