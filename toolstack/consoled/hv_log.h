/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own log, kept in a file.
 */
#ifndef CONSOLED_HV_LOG_H
#define CONSOLED_HV_LOG_H

#include "lib/daemon.h"

/* Begins DIR/hypervisor.log. Gives the local port of VIRQ_CON_RING, or -1 with errno set. */
int hv_log_start(const char *dir, bool stamps);

/* Appends what is new in the hypervisor's ring. */
void hv_log_collect(void);

void hv_log_reopen(void);

#endif
