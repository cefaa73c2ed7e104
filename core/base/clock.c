/* core/base/clock.c: see clock.h. */
#include "core/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void) {
    return read_clock(CLOCK_MONOTONIC);
}

struct timespec clock_monotonic_in(int64_t ms) {
    struct timespec then;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += ms / 1000;
    then.tv_nsec += ms % 1000 * 1000000;
    if (then.tv_nsec >= 1000000000) {
        then.tv_nsec -= 1000000000;
        then.tv_sec++;
    }
    return then;
}

char *clock_format(int64_t wall_ms, char *text) {
    int64_t milliseconds = ((wall_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - milliseconds) / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char day[24];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, CLOCK_TEXT_SIZE, "%s.%03dZ", day, (int)milliseconds);
    return text;
}

/* Takes exactly `digits` digits off the front of `text`. */
static bool take_number(span *text, size_t digits, uint64_t maximum, int *value) {
    uint64_t number;
    if (text->len < digits || !span_to_u64(span_make(text->data, digits), 0, maximum, &number)) return false;
    *value = (int)number;
    *text = span_make(text->data + digits, text->len - digits);
    return true;
}

static bool take_char(span *text, const char *any_of) {
    if (text->len == 0 || !strchr(any_of, text->data[0])) return false;
    *text = span_make(text->data + 1, text->len - 1);
    return true;
}

static bool take_date(span *text, struct tm *day) {
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, mday;
    if (!take_number(text, 4, 9999, &year) || !take_char(text, "-")) return false;
    if (!take_number(text, 2, 12, &month) || month < 1 || !take_char(text, "-")) return false;
    if (!take_number(text, 2, 31, &mday) || mday < 1 || mday > month_days[month - 1]) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && mday == 29 && !leap) return false;
    day->tm_year = year - 1900;
    day->tm_mon = month - 1;
    day->tm_mday = mday;
    return true;
}

static bool take_time(span *text, struct tm *day, int64_t *fraction_ms) {
    if (!take_char(text, "Tt ")) return false;
    if (!take_number(text, 2, 23, &day->tm_hour) || !take_char(text, ":")) return false;
    if (!take_number(text, 2, 59, &day->tm_min) || !take_char(text, ":")) return false;
    if (!take_number(text, 2, 60, &day->tm_sec)) return false;
    if (!take_char(text, ".")) return true;
    int64_t scale = 100;
    size_t digits = 0;
    for (; text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9'; digits++, scale /= 10) {
        *fraction_ms += (text->data[0] - '0') * scale;
        *text = span_make(text->data + 1, text->len - 1);
    }
    return digits > 0;
}

static bool take_offset(span *text, int64_t *offset_ms) {
    if (take_char(text, "Zz")) return true;
    int sign = text->len > 0 && text->data[0] == '-' ? -1 : 1;
    int hours, minutes;
    if (!take_char(text, "+-") || !take_number(text, 2, 23, &hours) || !take_char(text, ":")) return false;
    if (!take_number(text, 2, 59, &minutes)) return false;
    *offset_ms = sign * (hours * 60 + minutes) * 60000;
    return true;
}

error *clock_parse(span text, int64_t *wall_ms) {
    struct tm day = {.tm_isdst = 0};
    int64_t fraction_ms = 0, offset_ms = 0;
    span rest = text;
    bool good = take_date(&rest, &day);
    if (good && rest.len > 0) good = take_time(&rest, &day, &fraction_ms) && take_offset(&rest, &offset_ms);
    if (!good || rest.len > 0)
        return error_new(
            ERROR_INVALID, "\"%.*s\" is not a time such as 2026-11-23T16:15:20Z", (int)text.len, text.data);
    *wall_ms = (int64_t)timegm(&day) * 1000 + fraction_ms - offset_ms;
    return NULL;
}

error *clock_parse_duration(span text, int64_t *duration_ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    span unit = span_make(text.data + digits, text.len - digits);
    int64_t number;
    if (span_to_i64(span_make(text.data, digits), 0, INT32_MAX, &number)) {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (!span_is(unit, units[i].unit)) continue;
            *duration_ms = number * units[i].ms;
            return NULL;
        }
        if (number == 0 && unit.len == 0) {
            *duration_ms = 0;
            return NULL;
        }
    }
    return error_new(
        ERROR_INVALID, "\"%.*s\" is not a duration such as 500ms, 30s, 5m, 2h or 7d", (int)text.len, text.data);
}
