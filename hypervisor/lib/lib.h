/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nearly every file of the hypervisor uses, in one line: types, the compiler's helpers, error
 * numbers, bits, strings and messages. Headers include the single ones that they need.
 */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <lib/bitops.h>
#include <lib/errno.h>
#include <lib/printk.h>
#include <lib/string.h>
#include <lib/types.h>

#endif
