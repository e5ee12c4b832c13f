/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: small copies are as any others (arch/host/host.c).
 */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#define GUEST_SMALL_MAX 0

size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n);
size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n);

static inline int guest_copy_in(void *dst, const void __guest *src, size_t n)
{
    return raw_copy_from_guest(dst, src, n) ? -EFAULT : 0;
}

static inline int guest_copy_out(void __guest *dst, const void *src, size_t n)
{
    return raw_copy_to_guest(dst, src, n) ? -EFAULT : 0;
}

#endif
