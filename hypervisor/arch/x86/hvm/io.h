/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and memory-mapped registers of HVM guests: how a device is reached, whether it lives in the hypervisor
 * (hvm/platform/) or behind an ioreq server (hvm/ioreq.c).
 */
#ifndef ARCH_X86_HVM_IO_H
#define ARCH_X86_HVM_IO_H

#include <lib/types.h>

struct vcpu;

enum hvm_io_result {
    HVM_IO_DONE,   /* a read's value is there */
    HVM_IO_RETRY,  /* the device model has it: the vCPU waits, the same access is made again afterwards */
    HVM_IO_NOBODY, /* not this device's after all: others are asked, in the end a read gives all ones */
};

/*
 * One access of 1, 2, 4 or 8 bytes by the current vCPU at a port or guest physical address that the device claimed.
 * *value: what is written, upper bytes zero; on a read the device sets it likewise. No locks; does not block.
 */
typedef enum hvm_io_result hvm_io_access_t(struct vcpu *v, u64 address, unsigned int bytes, bool write, u64 *value);

#endif
