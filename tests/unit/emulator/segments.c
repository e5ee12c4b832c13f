/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of the emulator's test: a row for each kind that instructions treat differently.
 */
#include "case.h"

#define PRESENT3 (HVM_ATTR_P | HVM_ATTR_S | 0x60)
#define RW       (PRESENT3 | 3)
#define CODE_RX  (PRESENT3 | HVM_ATTR_CODE | 3)

/* Selectors are those of LDT entries, by number. */
#define SEL(n) ((n) << 3 | 7)

const struct hvm_segment descriptors[DESCRIPTORS] = {
    [D_NULL] = {0, 0, 0, 0},
    [D_CODE64] = {0x33, CODE_RX | HVM_ATTR_L, 0xffffffff, 0},
    [D_CODE32] = {SEL(D_CODE32), CODE_RX | HVM_ATTR_DB, CODE_BYTES - 1, CODE},
    [D_CODE16] = {SEL(D_CODE16), CODE_RX, CODE_BYTES - 1, CODE},
    [D_FLAT] = {SEL(D_FLAT), RW | HVM_ATTR_DB | HVM_ATTR_G, 0xffffffff, 0},
    [D_DATA] = {SEL(D_DATA), RW | HVM_ATTR_DB, DATA_BYTES - 1, DATA},
    [D_DATA16] = {SEL(D_DATA16), RW, DATA_BYTES - 0x11, DATA},
    [D_READ_ONLY] = {SEL(D_READ_ONLY), PRESENT3 | 1 | HVM_ATTR_DB, DATA_BYTES - 1, DATA},
    [D_DOWN] = {SEL(D_DOWN), RW | HVM_ATTR_DOWN | HVM_ATTR_DB, 0xfff, DATA},
    [D_DOWN16] = {SEL(D_DOWN16), RW | HVM_ATTR_DOWN, 0x7ff, DATA - 0xe000},
    [D_ODD] = {SEL(D_ODD), RW | HVM_ATTR_DB, 0x2345, DATA + 0x123},
    [D_EXECUTE] = {SEL(D_EXECUTE), PRESENT3 | HVM_ATTR_CODE | 1 | HVM_ATTR_DB, CODE_BYTES - 1, CODE},
    [D_STACK64] = {0x2b, RW, 0xffffffff, 0},
    [D_CODE_FLAT] = {0x8, CODE_RX | HVM_ATTR_DB | HVM_ATTR_G, 0xffffffff, 0},
    [D_REAL_CODE] = {0x1000, CODE_RX & ~0x60, 0xffff, CODE},
    [D_REAL_DATA] = {0x2000, RW & ~0x60, 0xffff, DATA},
};

u64 rnd_state;
