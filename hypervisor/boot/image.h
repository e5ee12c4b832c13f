/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0's kernel image: from what the distribution ships (bzImage, compressed or plain ELF) to an
 * ELF image in memory.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include <lib/elf.h>

struct kernel_image {
    struct elf_image elf;
    void *unpacked; /* pages of ours, NULL when the image needed no unpacking */
    unsigned int order;
};

/* 0, or a negative error with *why. data stays where it is and must stay there while the image is
 * used. */
int kernel_image_open(struct kernel_image *k, const void *data, size_t size, const char **why);
void kernel_image_close(struct kernel_image *k);

#endif
