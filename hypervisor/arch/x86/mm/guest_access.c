/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between us and the running guest's address space (mm/guest_access.h). The guest's page
 * tables are the ones that are loaded, so a copy is a copy; a fault on the way goes to the fixup
 * and the rest is reported as not copied.
 */
#include <arch/x86/pv/pv.h>
#include <mm/guest_access.h>

/* All of [va, va + n) in the guest's part of the address space. A hole between the two canonical
 * halves faults by itself. */
static bool range_ok(const void __guest *p, size_t n)
{
    unsigned long va = (unsigned long)p, end = va + n;

    return end >= va && (end <= HYPERVISOR_START || va >= HYPERVISOR_END);
}

static __always_inline size_t copy(void *dst, const void *src, size_t n)
{
    size_t words = n / 8, tail = n % 8;

    __asm__ __volatile__("1: rep movsq\n\t"
                         "mov %[tail], %%rcx\n\t"
                         "2: rep movsb\n\t"
                         "jmp 4f\n"
                         "3: lea (%[tail], %%rcx, 8), %%rcx\n"
                         "4:\n\t" EXTABLE(1b, 3b) EXTABLE(2b, 4b)
                         : "+c"(words), "+D"(dst), "+S"(src)
                         : [tail] "r"(tail)
                         : "memory");
    return words;
}

size_t raw_copy_from_guest(void *dst, const void __guest *src, size_t n)
{
    return likely(range_ok(src, n)) ? copy(dst, (const void *)src, n) : n;
}

size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    return likely(range_ok(dst, n)) ? copy((void *)dst, src, n) : n;
}

size_t raw_clear_guest(void __guest *dst, size_t n)
{
    if (!range_ok(dst, n))
        return n;
    __asm__ __volatile__("1: rep stosb\n"
                         "2:\n\t" EXTABLE(1b, 2b)
                         : "+c"(n), "+D"(dst)
                         : "a"(0)
                         : "memory");
    return n;
}
