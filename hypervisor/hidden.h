/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put before every file by the makefile: all symbols are hidden, also those that are only declared,
 * so that the compiler addresses them relative to the instruction pointer and never through a
 * table.
 */
#pragma GCC visibility push(hidden)
