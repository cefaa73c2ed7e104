/* core/script/decimal.c: see decimal.h. */
#include "core/script/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned __int128 u128;

/* 10^36: the first magnitude that has too many digits. */
static const u128 limit = (u128)1000000000000000000 * 1000000000000000000;

static error *too_long(void) {
    return error_new(ERROR_LIMIT, "a decimal number may have %d digits at most", DECIMAL_DIGITS_MAX);
}

static u128 power_of_ten(int exponent) {
    u128 power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static u128 magnitude(decimal value) {
    return value.coefficient < 0 ? (u128)-value.coefficient : (u128)value.coefficient;
}

/* Makes a value of sign, digits and scale; trailing zeros give way when there are too many digits. */
static error *make(bool negative, u128 digits, int scale, decimal *out) {
    while ((scale > DECIMAL_DIGITS_MAX || digits >= limit) && scale > 0 && digits % 10 == 0) {
        digits /= 10;
        scale--;
    }
    if (scale > DECIMAL_DIGITS_MAX || digits >= limit) return too_long();
    *out = (decimal){.coefficient = negative ? -(__int128)digits : (__int128)digits, .scale = scale};
    return NULL;
}

decimal decimal_of_integer(int64_t value) {
    return (decimal){.coefficient = value, .scale = 0};
}

static error *not_a_number(span text) {
    return error_new(ERROR_INVALID, "'%.*s' is not a decimal number", text.len > 60 ? 60 : (int)text.len, text.data);
}

error *decimal_parse(span text, decimal *out) {
    span rest = text;
    bool negative = false, point = false;
    u128 digits = 0;
    int count = 0, scale = 0;
    if (rest.len > 0 && (rest.data[0] == '-' || rest.data[0] == '+')) {
        negative = rest.data[0] == '-';
        rest = span_make(rest.data + 1, rest.len - 1);
    }
    for (; rest.len > 0; rest = span_make(rest.data + 1, rest.len - 1)) {
        char c = rest.data[0];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            if (digits >= limit) return too_long();
            digits = digits * 10 + (unsigned)(c - '0');
            count++;
            scale += point;
            if (scale > 4 * DECIMAL_DIGITS_MAX) return too_long();
        } else {
            break;
        }
    }
    if (count == 0) return not_a_number(text);
    int64_t exponent = 0;
    if (rest.len > 1 && (rest.data[0] == 'e' || rest.data[0] == 'E')) {
        span number = span_make(rest.data + 1, rest.len - 1);
        if (number.len > 1 && number.data[0] == '+' && number.data[1] != '-')
            number = span_make(number.data + 1, number.len - 1);
        if (!span_to_i64(number, -1000000, 1000000, &exponent)) return not_a_number(text);
        rest.len = 0;
    }
    if (rest.len > 0) return not_a_number(text);
    if (digits == 0 && exponent > 0) exponent = 0;
    int64_t moved = scale - exponent;
    for (; moved < 0; moved++) {
        if (digits >= limit) return too_long();
        digits *= 10;
    }
    if (digits == 0 && moved > DECIMAL_DIGITS_MAX) moved = DECIMAL_DIGITS_MAX;
    if (moved > 4 * DECIMAL_DIGITS_MAX) return too_long();
    return make(negative, digits, (int)moved, out);
}

error *decimal_of_double(double value, decimal *out) {
    char text[40];
    if (!isfinite(value)) return error_new(ERROR_INVALID, "infinity and NaN are no decimal numbers");
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) break;
    }
    return decimal_parse(span_of(text), out);
}

double decimal_to_double(decimal value) {
    char text[DECIMAL_TEXT_SIZE];
    return strtod(decimal_text(value, text), NULL);
}

bool decimal_to_integer(decimal value, int64_t *out) {
    if (value.scale == 0 && value.coefficient <= INT64_MAX && value.coefficient >= INT64_MIN) {
        *out = (int64_t)value.coefficient;
        return true;
    }
    __int128 whole = value.coefficient, unit = (__int128)power_of_ten(value.scale);
    if (whole % unit != 0) return false;
    whole /= unit;
    if (whole > INT64_MAX || whole < INT64_MIN) return false;
    *out = (int64_t)whole;
    return true;
}

const char *decimal_text(decimal value, char text[DECIMAL_TEXT_SIZE]) {
    char reversed[DECIMAL_TEXT_SIZE];
    u128 digits = magnitude(value);
    int count = 0, length = 0;
    do {
        if (count == value.scale && value.scale > 0) reversed[length++] = '.';
        if (digits <= UINT64_MAX) { /* what fits a register divides far faster */
            reversed[length++] = (char)('0' + (int)((uint64_t)digits % 10));
            digits = (uint64_t)digits / 10;
        } else {
            reversed[length++] = (char)('0' + (int)(digits % 10));
            digits /= 10;
        }
        count++;
    } while (digits > 0 || count <= value.scale);
    if (value.coefficient < 0) reversed[length++] = '-';
    for (int i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    text[length] = '\0';
    return text;
}

/* Multiplies the magnitude by ten until the scale is reached; zero needs no room. */
static error *align(decimal value, int scale, u128 *digits) {
    *digits = magnitude(value);
    for (int i = value.scale; i<scale && * digits> 0; i++) {
        if (*digits >= limit) return too_long();
        *digits *= 10;
    }
    return NULL;
}

error *decimal_add(decimal a, decimal b, decimal *out) {
    int scale = a.scale > b.scale ? a.scale : b.scale;
    u128 left, right;
    error *err = align(a, scale, &left);
    if (!err) err = align(b, scale, &right);
    if (err) return err;
    if ((a.coefficient < 0) == (b.coefficient < 0)) return make(a.coefficient < 0, left + right, scale, out);
    if (left >= right) return make(a.coefficient < 0, left - right, scale, out);
    return make(b.coefficient < 0, right - left, scale, out);
}

error *decimal_subtract(decimal a, decimal b, decimal *out) {
    b.coefficient = -b.coefficient;
    return decimal_add(a, b, out);
}

error *decimal_multiply(decimal a, decimal b, decimal *out) {
    u128 left = magnitude(a), right = magnitude(b), product;
    int scale = a.scale + b.scale;
    while (__builtin_mul_overflow(left, right, &product)) { /* zeros at the end carry nothing */
        if (a.scale > 0 && left % 10 == 0) {
            left /= 10;
            a.scale--;
        } else if (b.scale > 0 && right % 10 == 0) {
            right /= 10;
            b.scale--;
        } else {
            return too_long();
        }
        scale--;
    }
    return make((a.coefficient < 0) != (b.coefficient < 0), product, scale, out);
}

/* Should the magnitude grow by one, given what was cut off? `cut` compares the rest with the half: -1, 0, 1. */
static bool rounds_away(decimal_rounding rounding, bool negative, bool odd, bool inexact, int cut) {
    if (!inexact) return false;
    switch (rounding) {
    case ROUND_HALF_UP: return cut >= 0;
    case ROUND_HALF_EVEN: return cut > 0 || (cut == 0 && odd);
    case ROUND_DOWN: return false;
    case ROUND_UP: return true;
    case ROUND_FLOOR: return negative;
    case ROUND_CEILING: return !negative;
    }
    return false;
}

error *decimal_divide_to(decimal a, decimal b, int scale, decimal_rounding rounding, decimal *out) {
    u128 dividend = magnitude(a), divisor = magnitude(b);
    bool negative = (a.coefficient < 0) != (b.coefficient < 0);
    if (divisor == 0) return error_new(ERROR_INVALID, "a decimal number was divided by zero");
    if (scale < 0 || scale > DECIMAL_DIGITS_MAX)
        return error_new(ERROR_INVALID, "the scale of a quotient is 0 to %d", DECIMAL_DIGITS_MAX);
    /* dividend/10^a.scale : divisor/10^b.scale at `scale` digits is dividend * 10^shift : divisor. */
    int shift = scale + b.scale - a.scale;
    bool lost = false;
    for (; shift < 0; shift++) {
        if (divisor >= limit) { /* then the quotient is 0 and a rest */
            lost = lost || dividend != 0;
            dividend = 0;
        } else {
            divisor *= 10;
        }
    }
    u128 quotient = dividend / divisor, rest = dividend % divisor;
    for (; shift > 0; shift--) { /* schoolbook: rest < 10^37, so ten times it still fits */
        if (quotient >= limit) return too_long();
        quotient = quotient * 10 + rest * 10 / divisor;
        rest = rest * 10 % divisor;
    }
    int cut = lost ? -1 : rest > divisor - rest ? 1 : rest == divisor - rest ? 0 : -1;
    if (rounds_away(rounding, negative, quotient % 2 != 0, lost || rest != 0, cut)) quotient++;
    return make(negative, quotient, scale, out);
}

error *decimal_divide(decimal a, decimal b, decimal *out) {
    int least = a.scale > b.scale ? a.scale : b.scale;
    int scale = least > DECIMAL_QUOTIENT_SCALE ? least : DECIMAL_QUOTIENT_SCALE;
    error *err = decimal_divide_to(a, b, scale, ROUND_HALF_EVEN, out);
    if (err) return err;
    while (out->scale > least && out->coefficient % 10 == 0) {
        out->coefficient /= 10;
        out->scale--;
    }
    return NULL;
}

error *decimal_divide_whole(decimal a, decimal b, decimal *quotient, decimal *remainder) {
    error *err = decimal_divide_to(a, b, 0, ROUND_FLOOR, quotient);
    if (err) return err;
    decimal product = {0, 0};
    err = decimal_multiply(*quotient, b, &product);
    return err ? err : decimal_subtract(a, product, remainder);
}

error *decimal_round(decimal value, int scale, decimal_rounding rounding, decimal *out) {
    if (scale > DECIMAL_DIGITS_MAX || scale <= -DECIMAL_DIGITS_MAX)
        return error_new(
            ERROR_INVALID, "numbers are rounded to %d to %d digits", 1 - DECIMAL_DIGITS_MAX, DECIMAL_DIGITS_MAX);
    if (scale >= value.scale) {
        u128 digits;
        error *err = align(value, scale, &digits);
        return err ? err : make(value.coefficient < 0, digits, scale, out);
    }
    if (scale >= 0) return decimal_divide_to(value, decimal_of_integer(1), scale, rounding, out);
    decimal unit = {0, 0}, tens = {0, 0};
    error *err = make(false, power_of_ten(-scale), 0, &unit);
    if (!err) err = decimal_divide_to(value, unit, 0, rounding, &tens);
    return err ? err : decimal_multiply(tens, unit, out);
}

int decimal_compare(decimal a, decimal b) {
    if ((a.coefficient < 0) != (b.coefficient < 0)) return a.coefficient < 0 ? -1 : 1;
    u128 left = magnitude(a), right = magnitude(b), left_unit = power_of_ten(a.scale),
         right_unit = power_of_ten(b.scale);
    int sign = a.coefficient < 0 ? -1 : 1;
    if (left / left_unit != right / right_unit) return left / left_unit < right / right_unit ? -sign : sign;
    left = left % left_unit * power_of_ten(DECIMAL_DIGITS_MAX - a.scale); /* fractions at the same, largest scale */
    right = right % right_unit * power_of_ten(DECIMAL_DIGITS_MAX - b.scale);
    return left == right ? 0 : left < right ? -sign : sign;
}

bool decimal_rounding_named(span name, decimal_rounding *out) {
    static const char *const names[] = {[ROUND_HALF_UP] = "half-up",
        [ROUND_HALF_EVEN] = "half-even",
        [ROUND_DOWN] = "down",
        [ROUND_UP] = "up",
        [ROUND_FLOOR] = "floor",
        [ROUND_CEILING] = "ceiling"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!span_is(name, names[i])) continue;
        *out = (decimal_rounding)i;
        return true;
    }
    return false;
}
