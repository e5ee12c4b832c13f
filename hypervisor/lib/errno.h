/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error numbers of the ABI (xen/errno.h), under their short names.
 */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define XEN_ERRNO(name, value) name = (value),
enum errno_value {
#include <xen/errno.h>
};

/* The caller asks for a continuation; never seen by a guest (outside the ABI's range). */
#define ERESTART 512

#endif
