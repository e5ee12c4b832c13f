/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a new, empty domain with a paravirtualized guest, up to the point where it can be
 * unpaused. create.c calls in. What goes wrong leaves the domain to its maker to destroy.
 */
#ifndef ORLOP_DOMAIN_BUILD_PV_H
#define ORLOP_DOMAIN_BUILD_PV_H

#include <stdint.h>

#include "image.h"
#include "lib/hyp.h"

struct pv_guest {
    /* Set by the caller. */
    uint32_t domid;
    uint64_t nr_pages;
    const char *kernel, *ramdisk, *cmdline; /* ramdisk and cmdline may be NULL */
    uint32_t store_port, console_port;      /* event channels of the guest */
    uint32_t store_domid, console_domid;    /* who maps the two rings */
    /* Given back. */
    uint64_t store_mfn, console_mfn;
};

/* Load the files named in `g`, lay the guest out and build it. */
int pv_build(struct hyp *h, struct pv_guest *g, struct err **err);

#endif
