/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between us and the running guest's address space (mm/guest_access.h). A PV guest's page
 * tables are the ones that are loaded, so a copy is a copy; a fault on the way goes to the fixup
 * and the rest is reported as not copied. For HVM guests hvm/guest_memory.c walks their tables.
 */
#include <arch/x86/hvm/guest_memory.h>
#include <asm/percpu.h>
#include <core/domain.h>
#include <mm/guest_access.h>

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
    if (likely(guest_start_ok((unsigned long)src)))
        return copy(dst, (const void *)src, n);
    return current->is_hvm ? hvm_copy_from_guest(dst, src, n) : n;
}

size_t raw_copy_to_guest(void __guest *dst, const void *src, size_t n)
{
    if (likely(guest_start_ok((unsigned long)dst)))
        return copy((void *)dst, src, n);
    return current->is_hvm ? hvm_copy_to_guest(dst, src, n) : n;
}

size_t raw_clear_guest(void __guest *dst, size_t n)
{
    if (unlikely(!guest_start_ok((unsigned long)dst)))
        return n; /* HVM guests have nothing to be cleared */
    __asm__ __volatile__("1: rep stosb\n"
                         "2:\n\t" EXTABLE(1b, 2b)
                         : "+c"(n), "+D"(dst)
                         : "a"(0)
                         : "memory");
    return n;
}

/* ---- the long way of the small copies: asm/guest_access.h ---- */

static DEFINE_PER_CPU(char, small_copy[GUEST_SMALL_MAX]);

static __used const char *guest_slow_fetch(const void __guest *src, size_t n)
{
    char *buffer = this_cpu(small_copy);

    return current->is_hvm && !hvm_copy_from_guest(buffer, src, n) ? buffer : NULL;
}

static __used char *guest_slow_buffer(void) { return this_cpu(small_copy); }

static __used int guest_slow_store(void __guest *dst, size_t n)
{
    return current->is_hvm && !hvm_copy_to_guest(dst, this_cpu(small_copy), n) ? 0 : -EFAULT;
}

#define STUB(name)                                                                                      \
    __asm__(".pushsection .text." name "_stub, \"ax\"\n\t.globl " name "_stub\n\t"                      \
            ".type " name "_stub, @function\n" name "_stub:\n\t"                                        \
            "push %rcx\n\tpush %rdx\n\tpush %rsi\n\tpush %rdi\n\tpush %r8\n\tpush %r9\n\tpush %r10\n\t" \
            "push %r11\n\tcall " name "\n\tpop %r11\n\tpop %r10\n\tpop %r9\n\tpop %r8\n\tpop %rdi\n\t"  \
            "pop %rsi\n\tpop %rdx\n\tpop %rcx\n\tret\n\t.size " name "_stub, . - " name "_stub\n\t.popsection")
STUB("guest_slow_fetch");
STUB("guest_slow_buffer");
STUB("guest_slow_store");
