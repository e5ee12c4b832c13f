/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console of the host: what is said goes to the devices that console= names and into a ring
 * that the control ABI reads; what is typed goes to dom0 or to our debug keys. Saying something is
 * lib/printk.h.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

/* An output device. Owned by its driver, linked by console_register. */
struct console_device {
    const char *name; /* as in console= */
    bool by_default;  /* used when there is no console= (options say that it is there) */
    /* Once, when it is chosen: false when the device is not there. */
    bool (*init)(struct console_device *dev);
    /* n bytes; a newline stands for CR LF where the device wants that. Under LOCK_CONSOLE,
     * interrupts off; polls. */
    void (*write)(struct console_device *dev, const char *text, size_t n);
    bool active;
    struct console_device *next;
};

/* Boot. */
void console_register(struct console_device *dev);
/* Switches on the devices that console= names. Boot, after the options were read. */
void console_init(void);

/* From here on dom0 is told of new text by VIRQ_CON_RING. Boot, once softirqs and event channels
 * work. */
void console_softirq_init(void);

/*
 * n bytes as they are, no prefix: dom0's output. Not into the ring: who reads that on dom0's console would read what
 * it prints itself, without end. Any context without LOCK_CONSOLE.
 */
void console_write(const char *text, size_t n);
/* n bytes of a line of d's, prefixed and filtered as a guest's; complete lines appear at once, the
 * rest when it ends. */
struct domain;
void console_write_guest(struct domain *d, const char *text, size_t n);

/* Does what a debug key says (keyhandler.c); unknown ones are told. Any context; may run for long. */
void key_handle(char key);

/* A character was typed. Interrupt context. */
void console_input(char c);
/* What was typed for dom0: up to n bytes, returns how many. */
size_t console_read_input(char *buf, size_t n);
/* From now on input goes to dom0 unless switched by hand. */
void console_give_to_dom0(void);

/*
 * The log ring, for XEN_SYSCTL_readconsole: copies up to n bytes that start at position *pos (as of
 * the whole log; moved up when they are gone already) into buf, returns how many and sets *pos
 * behind them. Any context.
 */
size_t console_ring_read(u32 *pos, char *buf, size_t n);
void console_ring_clear(void);

/* panic() is about to speak: locks of dead CPUs are ignored, filters off. */
void console_force(void);

#endif
