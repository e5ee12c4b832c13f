/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall page of a 64-bit PV guest: entry n, 32 bytes each, makes hypercall n (ABI:
 * arch-x86/xen-x86_64.h).
 */
#include <arch/x86/pv/pv.h>
#include <lib/lib.h>

void pv_hypercall_page_init(void *page)
{
    /* push %rcx; push %r11; mov $n, %eax; syscall; pop %r11; pop %rcx; ret */
    static const u8 entry[] = {0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    /* IRET does not come back: push %rcx; push %r11; push %rax; mov $23, %eax; syscall */
    static const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05};

    memset(page, 0xcc, PAGE_SIZE);
    for (unsigned int n = 0; n < PAGE_SIZE / 32; n++) {
        u8 *p = (u8 *)page + n * 32;

        memcpy(p, entry, sizeof(entry));
        p[4] = n;
    }
    memcpy((u8 *)page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}
