/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of hvm_context.h. A set of records has a header, which is taken from the domain itself,
 * and an end; registers that are not named stay zero.
 */
#include "hvm_context.h"

#include <stdlib.h>
#include <string.h>

#include <xen/hvm/save.h>

#define CR0_PE  (1u << 0)
#define CR0_ET  (1u << 4)
#define DR6_NEW 0xffff0ff0u /* Intel SDM 9.1.1: after reset */
#define DR7_NEW 0x400u

/* Type, S, DPL, P in bits 0-7, AVL, L, D, G in bits 8-11. */
#define CODE32 0xc9b
#define DATA32 0xc93
#define TSS32  0x8b

/* Write-back by default, MTRRs on (SDM 12.11.2.1); what a CPU has after reset in its PAT (12.12.4). */
#define MTRR_CAP 0x508
#define MTRR_DEF 0x806
#define PAT_NEW  0x0007040600070406ull

#define RECORD(name)                  \
    struct {                          \
        struct hvm_save_descriptor d; \
        HVM_SAVE_TYPE(name) r;        \
    }

#define DESCRIPTOR(name, which)                                                               \
    {                                                                                         \
        .typecode = HVM_SAVE_CODE(name), .instance = (which), .length = HVM_SAVE_LENGTH(name) \
    }

typedef RECORD(HEADER) header_record;

struct cpu_records {
    header_record header;
    RECORD(CPU) cpu;
    struct hvm_save_descriptor end;
};

struct mtrr_records {
    header_record header;
    RECORD(MTRR) mtrr;
    struct hvm_save_descriptor end;
};

static int header_get(struct hyp *h, uint32_t domid, header_record *to, struct err **err)
{
    uint32_t size;
    void *all;

    if (hyp_hvm_context_get(h, domid, &all, &size, err) < 0)
        return -1;
    if (size >= sizeof(*to))
        memcpy(to, all, sizeof(*to));
    free(all);
    if (size < sizeof(*to) || to->d.typecode != HVM_SAVE_CODE(HEADER))
        return err_new(err, ERR_FAIL, "the state of domain %u has no header", domid);
    return 0;
}

static void cpu_fill(HVM_SAVE_TYPE(CPU) * c, uint64_t entry, uint64_t start_info)
{
    c->cr0 = CR0_PE | CR0_ET;
    c->rip = entry;
    c->rbx = start_info;
    c->dr6 = DR6_NEW;
    c->dr7 = DR7_NEW;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = UINT32_MAX;
    c->cs_arbytes = CODE32;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = DATA32;
    c->tr_limit = 0x67;
    c->tr_arbytes = TSS32;
}

int hvm_context_start(struct hyp *h, uint32_t domid, uint64_t entry, uint64_t start_info, unsigned int vcpus,
                      bool mtrrs, struct err **err)
{
    struct mtrr_records m = {.mtrr.d = DESCRIPTOR(MTRR, 0)};
    struct cpu_records c = {.cpu.d = DESCRIPTOR(CPU, 0)};

    if (header_get(h, domid, &c.header, err) < 0)
        return -1;
    m.header = c.header;
    m.mtrr.r.msr_pat_cr = PAT_NEW;
    m.mtrr.r.msr_mtrr_cap = MTRR_CAP;
    m.mtrr.r.msr_mtrr_def_type = MTRR_DEF;
    for (; mtrrs && m.mtrr.d.instance < vcpus; m.mtrr.d.instance++)
        if (hyp_hvm_context_set(h, domid, &m, sizeof(m), err) < 0)
            return -1;
    cpu_fill(&c.cpu.r, entry, start_info);
    return hyp_hvm_context_set(h, domid, &c, sizeof(c), err);
}
