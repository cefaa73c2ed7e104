/* core/base/error.h: what went wrong, in words for a person, with a code for the program.
 *
 * Functions that can fail return `error *`; NULL is success. The receiver owns the error: it returns it, wraps it or
 * frees it. A layer that knows more wraps it once ("connection acme-sftp: ..."); the code of the innermost cause stays.
 */
#ifndef BANYAN_BASE_ERROR_H
#define BANYAN_BASE_ERROR_H

#include "core/base/span.h"

#include <stdint.h>

typedef enum error_code {
    ERROR_INVALID,     /* the input is wrong: syntax, value, setting */
    ERROR_NOT_FOUND,   /* the thing named does not exist */
    ERROR_CONFLICT,    /* it exists already, or stands in a state that does not allow this */
    ERROR_CHANGED,     /* it is not what the caller saw last: changed, gone, or there against expectation */
    ERROR_DENIED,      /* not allowed: credentials, permission, host key */
    ERROR_REJECTED,    /* the business content was refused: no retry */
    ERROR_LIMIT,       /* a size, count or quota is exceeded */
    ERROR_TIMEOUT,     /* not answered in time */
    ERROR_UNREACHABLE, /* network or peer failure: worth another try */
    ERROR_IO,          /* a local file operation failed */
    ERROR_FULL,        /* no space left */
    ERROR_CORRUPT,     /* stored bytes are not what was stored */
    ERROR_CRASHED,     /* a worker ended in the middle of the work */
    ERROR_UNSUPPORTED, /* known, but not done here */
    ERROR_INTERNAL,    /* a fault of ours */
} error_code;

typedef struct error error;

must_check error *error_new(error_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* From errno of a failed call: picks the code (ENOENT: not found, ENOSPC and EDQUOT: full, ...) and appends the
 * system's words. */
must_check error *error_from_errno(int number, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* Takes `cause` and puts "context: " in front of its text. NULL stays NULL. */
must_check error *error_wrap(error *cause, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Names the place ("/connections/acme/host", "line 12", "PO1.2"); keeps a place already named. Returns `err`; NULL
 * stays NULL. */
error *error_at(error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

error_code error_code_of(const error *err);
const char *error_text(const error *err);  /* one line, no newline at its end; lives as long as `err` */
const char *error_where(const error *err); /* "" when no place is known */

/* The other side said when it wants to be asked again: `ms` from now (Retry-After). Returns `err`. */
error *error_not_before(error *err, int64_t ms);
int64_t error_wait_ms(const error *err); /* 0: it did not say */

/* The code's stable name, as it stands in REST problems and logs: "invalid", "not-found", ... */
const char *error_code_name(error_code code);

/* The code of that name; ERROR_INTERNAL for an unknown one. */
error_code error_code_named(span name);

/* May the same attempt succeed later (network, time-out, space, crash)? */
bool error_is_temporary(const error *err);

void error_free(error *err); /* NULL is fine */

#endif
