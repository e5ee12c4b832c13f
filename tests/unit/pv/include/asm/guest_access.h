/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small copies are as any others here (machine.c).
 */
#include <arch/host/include/asm/guest_access.h>
