/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor is written in: the integer types, the compiler's helpers, error numbers, bits, strings and
 * messages. Put before every file by the makefile, so that none includes it or its parts; all other headers are
 * included by who uses them.
 */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <lib/bitops.h>
#include <lib/errno.h>
#include <lib/printk.h>
#include <lib/string.h>
#include <lib/types.h>

#endif
