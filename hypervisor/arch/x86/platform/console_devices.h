/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console devices of a PC (serial.c, vga.c), as the boot meets them.
 */
#ifndef ARCH_X86_PLATFORM_CONSOLE_DEVICES_H
#define ARCH_X86_PLATFORM_CONSOLE_DEVICES_H

/* Boot: make them known to the console. */
void serial_register(void);
void vga_register(void);
/* First of the eight I/O ports of our n-th serial port, n from 0; 0: there is none (any more). */
unsigned int serial_io_base(unsigned int n);
/* Typed characters from now on: interrupts work. */
void serial_input_init(void);
/* dom0 takes the screen (unless vga=keep). */
void vga_give_up(void);

#endif
