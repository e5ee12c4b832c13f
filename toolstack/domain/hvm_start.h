/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct hvm_start_info of <xen/arch-x86/hvm/start_info.h> and what it points to, as one block of
 * bytes for one physical address: the structure, the modules, the memory map, then the strings.
 */
#ifndef ORLOP_DOMAIN_HVM_START_H
#define ORLOP_DOMAIN_HVM_START_H

#include <stddef.h>
#include <stdint.h>

#include "hvm_layout.h"

struct hvm_start {
    const char *cmdline;               /* NULL: none */
    uint64_t rsdp;                     /* 0: none */
    uint64_t module_addr, module_size; /* size 0: no module */
    const char *module_cmdline;        /* NULL: none */
    const struct hvm_layout *layout;
};

/* How large the block is. */
size_t hvm_start_size(const struct hvm_start *s);

/* Write it for address `addr` to `to`, which has hvm_start_size bytes. */
void hvm_start_write(const struct hvm_start *s, uint64_t addr, uint8_t *to);

#endif
