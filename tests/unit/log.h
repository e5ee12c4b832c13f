/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See log.c: `if (setjmp(log_panic) == 0) ...` before what must panic.
 */
#ifndef UNIT_LOG_H
#define UNIT_LOG_H

#include <setjmp.h>

extern jmp_buf log_panic;
extern unsigned int log_messages;

#endif
