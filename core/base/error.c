/* core/base/error.c: see error.h. */
#include "core/base/error.h"

#include "core/base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct error {
    error_code code;
    char *text;
    char *where;
    int64_t wait_ms;
};

static const char *const code_names[] = {
    [ERROR_INVALID] = "invalid",
    [ERROR_NOT_FOUND] = "not-found",
    [ERROR_CONFLICT] = "conflict",
    [ERROR_CHANGED] = "changed-meanwhile",
    [ERROR_DENIED] = "denied",
    [ERROR_REJECTED] = "rejected",
    [ERROR_LIMIT] = "limit",
    [ERROR_TIMEOUT] = "timeout",
    [ERROR_UNREACHABLE] = "unreachable",
    [ERROR_IO] = "io",
    [ERROR_FULL] = "full",
    [ERROR_CORRUPT] = "corrupt",
    [ERROR_CRASHED] = "crashed",
    [ERROR_UNSUPPORTED] = "unsupported",
    [ERROR_INTERNAL] = "internal",
};

#define CODE_COUNT (sizeof code_names / sizeof *code_names)

/* Error texts travel in logs, headers and terminals: control characters become blanks, so that a text is always one
 * line. */
static char *one_line(char *text) {
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
    }
    return text;
}

static error *make(error_code code, char *text) {
    error *err = xmalloc(sizeof *err);
    *err = (error){.code = code, .text = one_line(text), .where = NULL};
    return err;
}

error *error_new(error_code code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return make(code, text);
}

static error_code code_of_errno(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR: return ERROR_NOT_FOUND;
    case EEXIST: return ERROR_CONFLICT;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: return ERROR_DENIED;
    case ENOSPC:
    case EDQUOT: return ERROR_FULL;
    case ETIMEDOUT: return ERROR_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE: return ERROR_UNREACHABLE;
    case EFBIG:
    case EMFILE:
    case ENFILE: return ERROR_LIMIT;
    default: return ERROR_IO;
    }
}

error *error_from_errno(int number, const char *format, ...) {
    char reason[128];
    va_list args;
    va_start(args, format);
    char *context = xvasprintf(format, args);
    va_end(args);
    error *err = make(code_of_errno(number), xasprintf("%s: %s", context, strerror_r(number, reason, sizeof reason)));
    free(context);
    return err;
}

error *error_wrap(error *cause, const char *format, ...) {
    if (!cause) return NULL;
    va_list args;
    va_start(args, format);
    char *context = xvasprintf(format, args);
    va_end(args);
    char *text = one_line(xasprintf("%s: %s", context, cause->text));
    free(context);
    free(cause->text);
    cause->text = text;
    return cause;
}

error *error_at(error *err, const char *format, ...) {
    if (!err || err->where) return err;
    va_list args;
    va_start(args, format);
    err->where = one_line(xvasprintf(format, args));
    va_end(args);
    return err;
}

error *error_not_before(error *err, int64_t ms) {
    err->wait_ms = ms;
    return err;
}

int64_t error_wait_ms(const error *err) {
    return err->wait_ms;
}

error_code error_code_of(const error *err) {
    return err->code;
}

const char *error_text(const error *err) {
    return err->text;
}

const char *error_where(const error *err) {
    return err->where ? err->where : "";
}

const char *error_code_name(error_code code) {
    return (size_t)code < CODE_COUNT ? code_names[code] : "internal";
}

error_code error_code_named(span name) {
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (span_is(name, code_names[i])) return (error_code)i;
    }
    return ERROR_INTERNAL;
}

bool error_is_temporary(const error *err) {
    switch (err->code) {
    case ERROR_TIMEOUT:
    case ERROR_UNREACHABLE:
    case ERROR_IO:
    case ERROR_FULL:
    case ERROR_CRASHED: return true;
    default: return false;
    }
}

void error_free(error *err) {
    if (!err) return;
    free(err->text);
    free(err->where);
    free(err);
}
