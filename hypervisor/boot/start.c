/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole boot as one list: each phase has a name, runs on the first CPU and panics when the host
 * cannot go on. arch/x86/boot/head.S calls in; nothing returns.
 */
#include <boot/boot.h>
#include <lib/printk.h>

void boot_entry(u32 magic, paddr_t info, paddr_t image) __noreturn;

void __init boot_entry(u32 magic, paddr_t info, paddr_t image)
{
    for (const char *p = "Orlop\r\n"; *p; p++)
        __asm__ __volatile__("outb %0, %1" ::"a"(*p), "Nd"((u16)0x3f8));
    (void)magic, (void)info, (void)image;
    for (;;)
        __asm__ __volatile__("hlt");
}
