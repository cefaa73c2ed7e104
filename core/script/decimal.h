/* core/script/decimal.h: exact decimal numbers of up to 36 digits: money, quantities, prices.
 *
 * A number is coefficient / 10^scale and keeps its scale: 19.90 stays 19.90. Sums and products are exact or fail;
 * quotients are rounded half to even where they do not end. Pure functions; plain data.
 */
#ifndef BANYAN_CORE_SCRIPT_DECIMAL_H
#define BANYAN_CORE_SCRIPT_DECIMAL_H

#include "core/base/error.h"

enum { DECIMAL_DIGITS_MAX = 36, DECIMAL_TEXT_SIZE = 48, DECIMAL_QUOTIENT_SCALE = 12 };

typedef struct decimal {
    __int128 coefficient; /* fewer than 10^36 in magnitude */
    int scale;            /* 0..36: digits behind the point */
} decimal;

typedef enum decimal_rounding {
    ROUND_HALF_UP,   /* away from zero at the half: what invoices do */
    ROUND_HALF_EVEN, /* to the even neighbour at the half: what banks do */
    ROUND_DOWN,      /* towards zero */
    ROUND_UP,        /* away from zero */
    ROUND_FLOOR,
    ROUND_CEILING
} decimal_rounding;

/* "-12.50", "5", ".5", "1E3": digits with at most one point and an exponent; no blanks, no grouping. */
must_check error *decimal_parse(span text, decimal *out);
decimal decimal_of_integer(int64_t value);

/* The shortest text that reads back as this double; fails on infinities and NaN. */
must_check error *decimal_of_double(double value, decimal *out);
double decimal_to_double(decimal value);
bool decimal_to_integer(decimal value, int64_t *out); /* false unless it is whole and in range */

/* Plain notation, never an exponent. */
const char *decimal_text(decimal value, char text[DECIMAL_TEXT_SIZE]);

must_check error *decimal_add(decimal a, decimal b, decimal *out);
must_check error *decimal_subtract(decimal a, decimal b, decimal *out);
must_check error *decimal_multiply(decimal a, decimal b, decimal *out);

/* Exact when the quotient ends within 12 digits behind the point (or the operands' own scale, if that is more), else
 * rounded there. */
must_check error *decimal_divide(decimal a, decimal b, decimal *out);

/* The quotient at exactly this scale. */
must_check error *decimal_divide_to(decimal a, decimal b, int scale, decimal_rounding rounding, decimal *out);

/* The whole quotient rounded down, and what remains (with the sign of b), as Lua's // and %. */
must_check error *decimal_divide_whole(decimal a, decimal b, decimal *quotient, decimal *remainder);

/* To `scale` digits behind the point (negative: to tens, hundreds ...), zeros added where there are fewer. */
must_check error *decimal_round(decimal value, int scale, decimal_rounding rounding, decimal *out);

int decimal_compare(decimal a, decimal b); /* -1, 0, 1 by value: 1.0 equals 1.00 */

/* "half-up", "half-even", "down", "up", "floor", "ceiling". */
bool decimal_rounding_named(span name, decimal_rounding *out);

#endif
