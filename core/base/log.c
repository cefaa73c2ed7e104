/* core/base/log.c: see log.h. */
#include "core/base/log.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *process_name = "banyan";
static log_level lowest = LOG_INFO;
static bool json_lines = false;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_setup(const char *process, log_level threshold, bool as_json) {
    process_name = process;
    lowest = threshold;
    json_lines = as_json;
}

log_level log_threshold(void) {
    return lowest;
}

bool log_is_json(void) {
    return json_lines;
}

/* Bytes of the well-formed character that `text` begins with, 0 when it begins with none. */
static size_t character(const char *text) {
    size_t left = strnlen(text, 4);
    for (size_t n = 1; n <= left; n++) {
        if (span_is_utf8(span_make(text, n))) return n;
    }
    return 0;
}

/* Escapes into `out` (of `room` bytes, terminated), cutting what does not fit, never inside a character. In text mode
 * quotes and backslashes stay readable. */
static void escape(char *out, size_t room, const char *text) {
    size_t n = 0, len;
    for (; *text && n + 8 < room; text += len) {
        unsigned char c = (unsigned char)*text;
        len = character(text);
        if (len == 0) {
            len = 1;
            n += (size_t)snprintf(out + n, room - n, "\\ufffd");
        } else if (c < 0x20 || c == 0x7F) {
            n += (size_t)snprintf(out + n, room - n, "\\u%04x", c);
        } else {
            if (json_lines && (c == '"' || c == '\\')) out[n++] = '\\';
            memcpy(out + n, text, len);
            n += len;
        }
    }
    out[n] = '\0';
}

void log_line(log_level level, const char *format, ...) {
    if (level < lowest) return;
    char time_text[CLOCK_TEXT_SIZE], safe[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 256];
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    escape(safe, sizeof safe, text);
    free(text);
    clock_format(clock_wall_ms(), time_text);
    const char *level_name = level_names[level];
    int length = json_lines ? snprintf(line, sizeof line,
                                  "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"pid\":%d,\"text\":\"%s\"}\n",
                                  time_text, level_name, process_name, (int)getpid(), safe)
                            : snprintf(line, sizeof line, "%s %-7s %s[%d] %s\n", time_text, level_name, process_name,
                                  (int)getpid(), safe);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)length);
    (void)ignored;
}

void log_failure(log_level level, const char *context, error *take) {
    if (!take) return;
    const char *where = error_where(take);
    log_line(level, "%s: %s%s%s%s", context, error_text(take), *where ? " (" : "", where, *where ? ")" : "");
    error_free(take);
}
