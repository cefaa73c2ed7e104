/* edi/value.h: values as programs want them: exact decimals, ISO dates and times. For the Lua view, JSON and explain.
 */
#ifndef BANYAN_EDI_VALUE_H
#define BANYAN_EDI_VALUE_H

#include "edi/schema.h"

enum { EDI_DECIMAL_SIZE = 64, EDI_DATE_SIZE = 32 };

/* The number as plain decimal text with "." ("-12.50", "0.5"), its digits kept: leading zeros go, trailing ones stay.
 * `implied` decimals are put in where there is no mark (X12 N2). False for what is no number or too long. */
bool edi_decimal(span value, unsigned implied, char out[EDI_DECIMAL_SIZE]);

/* CCYYMMDD or YYMMDD as "2026-01-31"; two-digit years from 70 on are 19xx. False for a date that does not exist. */
bool edi_iso_date(span value, char out[EDI_DATE_SIZE]);

/* HHMM, HHMMSS and hundredths as "12:00", "12:00:30". */
bool edi_iso_time(span value, char out[EDI_DATE_SIZE]);

/* DTM 2380 by its format code 2379: dates, times and both ("2026-01-31", "2026-01-31T12:00", with a zone where the
 * format has one); for periods (718, 719 ..) the beginning. False for formats without a point in time and for wrong
 * values. */
bool edi_formatted_date(span value, span format, char out[EDI_DATE_SIZE]);

/* How many digits a value of this format has; 0 when the format is not known here. */
size_t edi_format_length(span format);

/* Is the format one whose values we can judge as dates and times that exist? */
bool edi_format_judged(span format);

/* Does a date or period of X12 (element 1251) in this format (1250) exist? True for formats that are not known. */
bool edi_period_exists(span value, span format);

#endif
