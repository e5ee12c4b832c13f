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

/* ---- dates as a real-time clock has them (Motorola MC146818A) ---- */

enum { RTC_SECONDS, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_WEEKDAY = 6, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_DATE_SIZE };
#define RTC_B_24H    0x02
#define RTC_B_BINARY 0x04 /* else each register is two decimal digits */

/* A register's number, by register B. */
unsigned int rtc_decode(u8 value, u8 b);
/* The registers' date in the years 1970 to 2069; nobody has looked whether there is such a date. */
struct date date_from_rtc(const u8 registers[RTC_DATE_SIZE], u8 b);

#endif
