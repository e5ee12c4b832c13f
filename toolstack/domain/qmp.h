/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of QEMU's machine protocol (QMP): one connection, one command at a time, over the socket
 * that the device model of a guest listens on. devmodel.c and cdrom.c call in.
 */
#ifndef ORLOP_DOMAIN_QMP_H
#define ORLOP_DOMAIN_QMP_H

#include <stdint.h>

#include "lib/err.h"

struct json_object;
struct qmp;

/* Where the device model of a domain listens; the caller frees. */
char *qmp_path(uint32_t domid);

/* A connection to it; -1 with errno, ENOENT or ECONNREFUSED as long as it does not listen. */
int qmp_connect(uint32_t domid);

/* Agree on capabilities over a connection, which is taken over; QEMU has `seconds` to answer, which it does once its
 * machine is complete. qmp_open() does both. */
struct qmp *qmp_greet(uint32_t domid, int fd, unsigned int seconds, struct err **err);
struct qmp *qmp_open(uint32_t domid, unsigned int seconds, struct err **err);
void qmp_close(struct qmp *q);

/*
 * Run a command. `arguments` (may be NULL) is taken over; `fd` is passed along when not -1. `result`
 * (may be NULL) receives what it returned, for the caller to put. Fails with QEMU's own words.
 */
int qmp_run(struct qmp *q, const char *command, struct json_object *arguments, int fd, struct json_object **result,
            struct err **err);

#endif
