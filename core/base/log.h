/* core/base/log.h: one line a fact, on standard error.
 *
 * Text for a terminal, JSON for a collector. A line never holds a payload or a secret: callers log names, ids, sizes
 * and error texts. Control characters in values are escaped, long values cut. Safe from any thread; a line is one
 * write(2), never blocking on a lock held across I/O.
 */
#ifndef BANYAN_BASE_LOG_H
#define BANYAN_BASE_LOG_H

#include "core/base/error.h"

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } log_level;

/* `process` names the process in each line ("desk", "translator"); static text. Call before threads start. */
void log_setup(const char *process, log_level threshold, bool as_json);

/* What log_setup was told, for processes that are started later and shall log alike. */
log_level log_threshold(void);
bool log_is_json(void);

void log_line(log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* Logs "context: text (where)" and frees the error; NULL logs nothing. */
void log_failure(log_level level, const char *context, error *take);

#endif
