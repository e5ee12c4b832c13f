/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a new, empty domain with a guest, up to the point where it can be unpaused. create.c
 * calls in. What goes wrong leaves the domain to its maker to destroy.
 */
#ifndef ORLOP_DOMAIN_BUILD_H
#define ORLOP_DOMAIN_BUILD_H

#include <stdint.h>

#include "config/config.h"
#include "lib/hyp.h"

struct guest_build {
    /* Set by the caller. */
    uint32_t domid;
    const struct guest_config *cfg;
    uint32_t store_port, console_port;   /* event channels of the guest */
    uint32_t store_domid, console_domid; /* who maps the two rings */
    /* Given back: where the rings are, machine frames (PV) or guest frames (PVH, HVM). */
    uint64_t store_frame, console_frame;
};

/* Load the files named in the configuration, lay the guest out and build it. */
int pv_build(struct hyp *h, struct guest_build *g, struct err **err);
int hvm_build(struct hyp *h, struct guest_build *g, struct err **err);

/* The two rings are also in the first grants, for daemons that map by grant. */
int build_seed_grants(struct hyp *h, const struct guest_build *g, struct err **err);

#endif
