/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of one disk and of one vif specification (xl-disk-configuration(5),
 * xl-network-configuration(5)). config.c calls in.
 */
#ifndef ORLOP_CONFIG_DEVICES_H
#define ORLOP_CONFIG_DEVICES_H

#include "config.h"

/* Complaints carry no place; the caller puts file and line in front. */
int disk_parse(const char *spec, struct disk_config *d, struct err **err);
/* Unknown settings are warned about on `warn`, after `where`, and ignored, like xl does. */
int nic_parse(const char *spec, FILE *warn, const char *where, struct nic_config *n, struct err **err);

void disk_free(struct disk_config *d);
void nic_free(struct nic_config *n);

#endif
