/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates of the Gregorian calendar, and seconds since the start of 1970 without leap seconds.
 */
#ifndef LIB_DATE_H
#define LIB_DATE_H

struct date {
    unsigned int year, month, day; /* 1-12, 1-31 */
    unsigned int hour, minute, second;
    unsigned int weekday; /* 0: Sunday; not looked at by date_to_seconds */
};

/* Any small values will do: what is too much in one field goes to the next. Year from 1. */
u64 date_to_seconds(const struct date *d);
struct date date_from_seconds(u64 seconds);

#endif
