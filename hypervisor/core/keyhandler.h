/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug keys: one character, one function that prints something. Typed on the serial line or sent
 * by XEN_SYSCTL_debug_keys.
 */
#ifndef CORE_KEYHANDLER_H
#define CORE_KEYHANDLER_H

/* Boot. help: one line, constant. */
void register_key(char key, void (*fn)(void), const char *help);
/* Does what the key says; unknown keys are told. Any context; the functions may run for long. */
void key_handle(char key);

/* The key 'h'. Boot, before anything else is registered. */
void keyhandler_init(void);

#endif
