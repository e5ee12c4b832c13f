/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar, for real-time clocks: the machine's and the guests'. Years begin in March here, so that the leap day
 * comes last; 400 of them have 146097 days.
 */
#include <lib/date.h>

#define DAYS_TO_1970 719468 /* from 0000-03-01 */

u64 date_to_seconds(const struct date *d)
{
    unsigned int year = d->year, month = d->month;
    u64 days;

    if (month <= 2) {
        month += 12;
        year--;
    }
    days = 365UL * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + d->day;
    days -= DAYS_TO_1970 + 1; /* the first of a month is day 1 */
    return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

struct date date_from_seconds(u64 seconds)
{
    u64 days = seconds / 86400 + DAYS_TO_1970, rest = seconds % 86400, era = days / 146097;
    unsigned int of_era = days % 146097;
    unsigned int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned int of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

    return (struct date){
        .year = era * 400 + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
        .weekday = (seconds / 86400 + 4) % 7, /* 1970-01-01 was a Thursday */
    };
}

unsigned int rtc_decode(u8 value, u8 b) { return b & RTC_B_BINARY ? value : (value >> 4) * 10 + (value & 15); }

struct date date_from_rtc(const u8 registers[RTC_DATE_SIZE], u8 b)
{
    unsigned int hour = rtc_decode(registers[RTC_HOURS] & (b & RTC_B_24H ? 0xff : 0x7f), b);
    unsigned int year = rtc_decode(registers[RTC_YEAR], b);

    return (struct date){
        .year = year + (year < 70 ? 2000 : 1900),
        .month = rtc_decode(registers[RTC_MONTH], b),
        .day = rtc_decode(registers[RTC_DAY], b),
        .hour = b & RTC_B_24H ? hour : hour % 12 + (registers[RTC_HOURS] & 0x80 ? 12 : 0),
        .minute = rtc_decode(registers[RTC_MINUTES], b),
        .second = rtc_decode(registers[RTC_SECONDS], b),
    };
}
