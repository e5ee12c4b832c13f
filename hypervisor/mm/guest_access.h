/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to touch guest memory by the guest's own addresses: copy in once, copy out. Current
 * vCPU only, in a context that may fault. Refuses hypervisor addresses; a fault in the guest's page
 * tables ends the copy.
 */
#ifndef MM_GUEST_ACCESS_H
#define MM_GUEST_ACCESS_H

#include <asm/guest_access.h>

/*
 * All return the number of bytes NOT copied (0: done). dst/src are guest virtual addresses of the
 * current vCPU (asm/guest_access.h says which range is allowed).
 */
size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n);
size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n);
size_t raw_clear_guest(void __guest *dst, size_t n);

/* 0 or -EFAULT. */
static __always_inline __must_check int copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    if (__builtin_constant_p(n) && n % 4 == 0 && n <= GUEST_SMALL_MAX)
        return guest_copy_in(dst, src, n);
    return raw_copy_from_guest(dst, src, n) ? -EFAULT : 0;
}

static __always_inline __must_check int copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    if (__builtin_constant_p(n) && n % 4 == 0 && n <= GUEST_SMALL_MAX)
        return guest_copy_out(dst, src, n);
    return raw_copy_to_guest(dst, src, n) ? -EFAULT : 0;
}

/* Element i of an ABI handle (XEN_GUEST_HANDLE): guest_read(&obj, handle, i), guest_write(handle,
 * i, &obj). 0 or -EFAULT. */
#define guest_read(obj, h, i)  copy_from_guest((obj), (const void __guest *)((h).p + (i)), sizeof(*(obj)))
#define guest_write(h, i, obj) copy_to_guest((void __guest *)((h).p + (i)), (obj), sizeof(*(obj)))

#endif
