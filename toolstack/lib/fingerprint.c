/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two universal hashes on top of each other, as in VMAC (Krovetz and Dai, 2007): NH (Black et al., UMAC, 1999) makes
 * 128 bits of each block, two polynomials over the integers modulo 2^61 - 1 take those in. Collisions: 2^-64 in NH; n
 * words of 56 bits have the same polynomial for at most n of the 2^60 keys, and both have to.
 */
#include "fingerprint.h"

#include <string.h>

#define PRIME (((uint64_t)1 << 61) - 1)
#define WORD  (((uint64_t)1 << 56) - 1)
/* Keys have a bit less, so that sums that are reduced only in part stay below 2^62. */
#define POLY_KEY (PRIME >> 1)

typedef unsigned __int128 u128;

static void poly_add(const struct fingerprint_key *k, struct fingerprint *f, uint64_t word)
{
    for (int i = 0; i < 2; i++) {
        u128 v = (u128)f->value[i] * (k->poly[i] & POLY_KEY) + word;

        f->value[i] = ((uint64_t)v & PRIME) + (uint64_t)(v >> 61);
    }
}

static void block_add(const struct fingerprint_key *k, struct fingerprint *f, const uint8_t *at)
{
    u128 sum = 0;

#pragma GCC unroll 8
    for (size_t i = 0; i < FINGERPRINT_BLOCK / sizeof(uint64_t); i += 2) {
        uint64_t pair[2];

        memcpy(pair, at + i * sizeof(uint64_t), sizeof(pair));
        sum += (u128)(pair[0] + k->block[i]) * (pair[1] + k->block[i + 1]);
    }
    poly_add(k, f, (uint64_t)sum & WORD);
    poly_add(k, f, (uint64_t)(sum >> 56) & WORD);
    poly_add(k, f, (uint64_t)(sum >> 112));
}

void fingerprint_add(const struct fingerprint_key *k, struct fingerprint *f, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t left = len;

    for (; left >= FINGERPRINT_BLOCK; left -= FINGERPRINT_BLOCK, at += FINGERPRINT_BLOCK)
        block_add(k, f, at);
    if (left) {
        uint8_t last[FINGERPRINT_BLOCK] = {0};

        memcpy(last, at, left);
        block_add(k, f, last);
    }
    /* Zeros that were there are told from those that were filled in. */
    poly_add(k, f, len & WORD);
}
