/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dom0 is built from.
 */
#ifndef ARCH_X86_PV_DOM0_BUILD_H
#define ARCH_X86_PV_DOM0_BUILD_H

#include <lib/elf.h>

struct dom0_images {
    struct elf_image kernel;
    const void *ramdisk; /* ramdisk_size bytes; NULL: none */
    size_t ramdisk_size;
    const char *cmdline;
};

struct domain;
void pv_dom0_build(struct domain *d, const struct dom0_images *images, unsigned long nr_pages);

#endif
