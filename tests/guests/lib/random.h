/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that look random and are the same in each run (xorshift64). */
#ifndef GUEST_RANDOM_H
#define GUEST_RANDOM_H

extern uint64_t random_state;
static inline uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

#endif
