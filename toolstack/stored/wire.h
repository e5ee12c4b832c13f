/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of messages and paths (xs_wire.h, XenStore protocol): names of errors, strings in a
 * payload, what is a valid path and what it means for the one who says it. No state.
 */
#ifndef STORED_WIRE_H
#define STORED_WIRE_H

#include "lib/daemon.h"

#include <errno.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

/* The name under which an errno value goes over the wire; "EINVAL" for one that has none. */
const char *wire_error_name(int err);

/* The name of a message type, for logs. */
const char *wire_type_name(uint32_t type);

/*
 * Sets up to `max` pointers to the NUL-terminated strings of a payload of `len` bytes (which has
 * a further NUL behind it) and gives how many there are, those that did not fit included.
 */
unsigned int wire_strings(const char *body, size_t len, const char *argv[], unsigned int max);

/* A domain id as the protocol has it: atoi-like, 0 for anything odd. */
int wire_domid(const char *text);

/*
 * Makes `name` absolute: relative ones mean /local/domain/DOMID/name. Gives a string to free, or
 * NULL if it is no valid path. Names that begin with '@' are taken only where `special` says so.
 */
char *wire_path(const char *name, int domid, bool special);

#endif
