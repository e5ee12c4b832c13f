/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the domain builder share; included by domain*.c only. */
#ifndef GUEST_DOMAIN_PARTS_H
#define GUEST_DOMAIN_PARTS_H

#include "guest.h"

/* A program header of either ELF class. */
struct segment {
    uint32_t type;
    uint64_t offset, paddr, file_size, size;
};
bool domain_segment(const struct domain_plan *plan, unsigned int i, struct segment *s);

/* By guest frame number: the machine frames of a PV domain, the guest frames of an HVM domain. */
extern xen_pfn_t domain_frames[DOMAIN_PAGES_MAX];

/* Give one page of the new domain the content, zeros behind it. */
long domain_page_fill(const struct built_domain *d, uint64_t pfn, const void *content, size_t size);

/* The pool that the hypervisor takes the tables of guest frames from. */
long domain_hvm_pool(const struct built_domain *d);
/*
 * What follows on the loaded image, whose first free guest frame is end: special pages, console_mfn,
 * the first vCPU. remote is the domain's port of its console. *step says what was tried.
 */
long domain_pv_finish(const struct domain_plan *plan, struct built_domain *d, uint64_t end, evtchn_port_t remote,
                      const char **step);
long domain_hvm_finish(const struct domain_plan *plan, struct built_domain *d, uint64_t end, evtchn_port_t remote,
                       const char **step);

#endif
