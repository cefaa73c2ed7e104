/* core/facade/repeat.c: see repeat.h. */
#include "core/facade/repeat.h"

#include "core/facade/pass.h"

#include <stdio.h>
#include <stdlib.h>

void repeat_first_call(exchange *x) {
    if (x->called_ms || !x->target) return;
    x->called_ms = clock_monotonic_ms();
    if (x->endpoint->repeat.times > 0) guard_earn_repeat(x->target->connection, x->endpoint->repeat.budget);
}

int64_t repeat_time_left(const exchange *x) {
    if (x->repeats == 0) return x->endpoint->timeout_ms;
    int64_t left = x->called_ms + x->endpoint->timeout_ms - clock_monotonic_ms();
    return left > 0 ? left : 1;
}

/* Half of it is left to chance, so that those who failed together do not come back together. */
static int64_t next_wait(const exchange *x) {
    int64_t wait_ms = x->endpoint->repeat.first_ms << x->repeats, half = wait_ms / 2;
    return wait_ms - (int64_t)arc4random_uniform((uint32_t)half + 1);
}

static bool may_go_twice(const exchange *x) {
    bool whole = x->body_there || !http_request_has_body(x->request);
    const relay_request request = pass_describe(x, x->target);
    return whole && relay_is_repeatable(&request);
}

static bool once_more(exchange *x, int64_t at_least_ms, int64_t *wait_ms) {
    if (x->repeats >= x->endpoint->repeat.times || !may_go_twice(x) || later_is_over(x->services->later)) return false;
    *wait_ms = next_wait(x);
    if (*wait_ms < at_least_ms) *wait_ms = at_least_ms;
    bool in_time = clock_monotonic_ms() + *wait_ms < x->called_ms + x->endpoint->timeout_ms;
    if (!in_time || !guard_spend_repeat(x->target->connection)) return false;
    x->repeats++;
    return true;
}

bool repeat_after_failure(exchange *x, const error *failure, int64_t *wait_ms) {
    error_code code = error_code_of(failure);
    return (code == ERROR_UNREACHABLE || code == ERROR_TIMEOUT) && once_more(x, 0, wait_ms);
}

/* Who says when he wants to be asked again is not asked before (RFC 9110 §10.2.3); a date is taken for too late. */
bool repeat_after_status(exchange *x, int status, span retry_after, int64_t *wait_ms) {
    uint64_t seconds = 0;
    if (status < 502 || status > 504) return false;
    if (retry_after.data && !span_to_u64(span_trim(retry_after), 0, 86400, &seconds)) return false;
    return once_more(x, (int64_t)seconds * 1000, wait_ms);
}

const char *repeat_words(const exchange *x, char text[REPEAT_WORDS_SIZE]) {
    text[0] = '\0';
    if (x->repeats) snprintf(text, REPEAT_WORDS_SIZE, " at call %d", x->repeats + 1);
    return text;
}
