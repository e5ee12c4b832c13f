/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables for PVH guests, which have no firmware to make them: RSDP, XSDT, FADT, MADT, DSDT as
 * one block of bytes for one physical address. HVM guests' tables are made by their firmware.
 */
#ifndef ORLOP_DOMAIN_ACPI_H
#define ORLOP_DOMAIN_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* A vCPU's local APIC: the hypervisor numbers them so. */
static inline unsigned int acpi_apic_id(unsigned int vcpu) { return vcpu * 2; }

/* How large the block is for so many vCPUs (1 to HVM_MAX_VCPUS). */
size_t acpi_size(unsigned int vcpus);

/* Write it for address `addr` to `to`, which has acpi_size bytes; the RSDP comes first. */
void acpi_write(unsigned int vcpus, uint64_t addr, uint8_t *to);

#endif
