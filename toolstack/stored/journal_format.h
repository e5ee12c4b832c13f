/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of the journal, shared by its writer and its reader and nobody else. Numbers are in the
 * machine's order: the file never leaves the machine.
 */
#ifndef STORED_JOURNAL_FORMAT_H
#define STORED_JOURNAL_FORMAT_H

#include "lib/daemon.h"

#define JOURNAL_GROUP_HEADER 8 /* u32 length of the records, u32 hash of them */

/* A record is one of these letters and its fields; a string is u32 length and bytes. */
enum {
    JOURNAL_NODE = 'N',     /* path, value, u32 count, count times (u32 domid, u32 rights) */
    JOURNAL_REMOVE = 'R',   /* path */
    JOURNAL_DOMAIN = 'D',   /* u32 domid, u64 mfn, u32 port, u32 shutdown, u32 target */
    JOURNAL_RELEASE = 'X',  /* u32 domid */
    JOURNAL_WATCH = 'W',    /* u32 domid, path as given, token */
    JOURNAL_UNWATCH = 'U',  /* u32 domid, path as given, token */
    JOURNAL_RESET = 'Z',    /* u32 domid: no watches any more */
    JOURNAL_TX_OPEN = 'B',  /* u32 domid, u32 id */
    JOURNAL_TX_CLOSE = 'E', /* u32 domid, u32 id */
    JOURNAL_REPLY = 'L',    /* u32 domid, u32 ring index behind the request, message */
    JOURNAL_INPUT = 'i',    /* u32 domid, u32 ring index behind them, bytes of a long request */
    JOURNAL_OUTPUT = 'o',   /* u32 domid, u32 ring index of the first, bytes still to be sent */
};

uint32_t journal_hash(const char *data, size_t len);

/* The first line of the file: the format, and the boot of this machine that it belongs to. */
void journal_magic(struct buf *out);

#endif
