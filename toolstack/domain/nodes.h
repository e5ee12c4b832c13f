/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's own nodes in the store (its devices' nodes are device.h's business): what Linux, the
 * daemons and stock tools expect to find, with libxl's owners and readers. create.c and destroy.c
 * call in.
 */
#ifndef ORLOP_DOMAIN_NODES_H
#define ORLOP_DOMAIN_NODES_H

#include "build.h"
#include "domain.h"

/* Name, memory, vCPUs, control nodes; /vm/UUID and /libxl/N. All in one transaction. */
int nodes_write(struct ctx *c, uint32_t domid, const struct guest_config *cfg, struct err **err);

/* Make the guest known to the store daemon, and its console to the console daemon. */
int nodes_introduce(struct ctx *c, const struct guest_build *g, struct err **err);

/* Remove all of it. */
void nodes_remove(struct ctx *c, uint32_t domid);

#endif
