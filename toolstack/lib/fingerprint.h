/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fingerprint of content under a secret key. Two contents of whose making the key was no part have the same one with
 * a probability below 2^-60; whoever knows the key can make such contents, so keys stay with root. It takes
 * less than an instruction a byte, SHA-256 without help of the CPU more than ten.
 */
#ifndef ORLOP_LIB_FINGERPRINT_H
#define ORLOP_LIB_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_BLOCK 1024

/* All of it random, as read from a file of this size. */
struct fingerprint_key {
    uint64_t block[FINGERPRINT_BLOCK / sizeof(uint64_t)];
    uint64_t poly[2];
};

/* Begins as zeros. */
struct fingerprint {
    uint64_t value[2];
};

/* Take in `len` bytes. The same bytes in other pieces give another fingerprint. */
void fingerprint_add(const struct fingerprint_key *k, struct fingerprint *f, const void *data, size_t len);

#endif
