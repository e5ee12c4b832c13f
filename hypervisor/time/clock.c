/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System time for the common code. What it goes by is the architecture's affair.
 */
#include <arch/arch.h>
#include <time/timer.h>

s_time_t now(void) { return arch_read_clock(); }
