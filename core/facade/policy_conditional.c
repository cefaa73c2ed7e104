/* core/facade/policy_conditional.c: conditional requests and ranges on answers that lie in memory or in a file (RFC
 * 9110 §13, §14).
 *
 * For endpoints in front of files: their answers get an entity tag, the SHA-256 of the bytes, unless they have one; one
 * that lies in a file brings it.
 */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TAG_ROOM = 128, RANGE_ROOM = 96 };

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    bool files = endpoint->legacy && !back_end_of(endpoint->legacy)->passes;
    return files || json_object_get(endpoint->body, "cache") ? (void *)(uintptr_t)endpoint : NULL;
}

/* Weak comparison, for reading (§8.8.3.2). */
static bool names_tag(span field, span tag) {
    span one;
    if (span_starts(tag, SPAN("W/"))) tag = span_make(tag.data + 2, tag.len - 2);
    if (span_is(span_trim(field), "*")) return true;
    while (field.data && span_split(&field, ',', &one)) {
        one = span_trim(one);
        if (span_starts(one, SPAN("W/"))) one = span_make(one.data + 2, one.len - 2);
        if (span_equal(one, tag)) return true;
    }
    return false;
}

/* Seconds since 1970 of an HTTP date; false for what is none, which is then ignored (§13.1.3). */
static bool date_of(span text, time_t *when) {
    char copy[48];
    struct tm parts = {.tm_year = 0};
    if (text.len == 0 || text.len >= sizeof copy) return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end) return false;
    *when = timegm(&parts);
    return true;
}

typedef enum verdict { SEND, NOT_MODIFIED, FAILED } verdict;

/* In the order of §13.2.2. */
static verdict judge(const http_request *request, span tag, span modified) {
    span match = http_request_header(request, "If-Match"), none = http_request_header(request, "If-None-Match");
    span since = http_request_header(request, "If-Modified-Since");
    span unmodified = http_request_header(request, "If-Unmodified-Since");
    time_t have = 0, wanted = 0;
    bool dated = modified.data && date_of(modified, &have);
    if (match.data) {
        if (span_starts(tag, SPAN("W/")) || !names_tag(match, tag)) return FAILED;
    } else if (unmodified.data && dated && date_of(unmodified, &wanted) && have > wanted) {
        return FAILED;
    }
    if (none.data) return names_tag(none, tag) ? NOT_MODIFIED : SEND;
    if (since.data && dated && date_of(since, &wanted) && have <= wanted) return NOT_MODIFIED;
    return SEND;
}

typedef enum range_kind { NO_RANGE, ONE_RANGE, BAD_RANGE } range_kind;

/* "bytes=a-b", "bytes=a-", "bytes=-n"; several ranges are answered whole, which is allowed (§14.2). */
static range_kind read_range(span field, uint64_t len, uint64_t *first, uint64_t *last) {
    uint64_t a = 0, b = 0;
    if (!span_starts(field, SPAN("bytes=")) || memchr(field.data, ',', field.len)) return NO_RANGE;
    span rest = span_trim(span_make(field.data + 6, field.len - 6)), from;
    if (!span_split(&rest, '-', &from) || !rest.data) return NO_RANGE;
    bool has_a = span_to_u64(from, 0, INT64_MAX, &a), has_b = span_to_u64(rest, 0, INT64_MAX, &b);
    if ((from.len > 0 && !has_a) || (rest.len > 0 && !has_b) || (!has_a && !has_b)) return NO_RANGE;
    if (!has_a) {
        if (b == 0 || len == 0) return BAD_RANGE;
        *first = b < len ? len - b : 0;
        *last = len - 1;
        return ONE_RANGE;
    }
    if (has_b && b < a) return NO_RANGE;
    if (a >= len) return BAD_RANGE;
    *first = a;
    *last = has_b && b < len ? b : len - 1;
    return ONE_RANGE;
}

static void cut(const http_request *request, http_response *response, uint64_t len, span tag) {
    span range = http_request_header(request, "Range"), only_if = http_request_header(request, "If-Range");
    uint64_t first = 0, last = 0;
    char text[RANGE_ROOM];
    http_response_header(response, "Accept-Ranges", "bytes");
    if (!range.data || !span_is(http_request_method(request), "GET")) return;
    /* Only a strong tag will do; a date is weaker than what we have. */
    if (only_if.data && (!span_equal(only_if, tag) || span_starts(tag, SPAN("W/")))) return;
    range_kind kind = read_range(range, len, &first, &last);
    if (kind == NO_RANGE) return;
    if (kind == BAD_RANGE) {
        snprintf(text, sizeof text, "bytes */%" PRIu64, len);
        http_response_turn_into_problem(
            response, 416, "range", "The range lies beyond the end", "Content-Range tells how long it is.");
        http_response_header(response, "Content-Range", text);
        return;
    }
    snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, last, len);
    http_response_cut(response, first, last - first + 1);
    http_response_set_status(response, 206);
    http_response_header(response, "Content-Range", text);
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    char made[TAG_ROOM], hex[DIGEST_HEX_SIZE];
    uint64_t len = 0;
    span body = http_response_content(response);
    bool reads = exchange_is(x, "GET") || exchange_is(x, "HEAD");
    (void)prepared;
    if (!reads || http_response_status(response) != 200 || !http_response_length(response, &len)) return;
    span tag = http_response_find(response, "ETag");
    if (!tag.data && !body.data) return;
    if (!tag.data) {
        snprintf(made, sizeof made, "\"%s\"", digest_sha256_hex(body, hex));
        http_response_header(response, "ETag", made);
        tag = span_of(made);
    } else {
        snprintf(made, sizeof made, "%.*s", (int)tag.len, tag.data);
        tag = span_of(made);
    }
    switch (judge(x->request, tag, http_response_find(response, "Last-Modified"))) {
    case NOT_MODIFIED:
        http_response_replace_body(response, NULL, 0);
        http_response_set_status(response, 304);
        http_response_drop(response, "Content-Type");
        break;
    case FAILED:
        http_response_turn_into_problem(
            response, 412, "changed-meanwhile", "It has changed meanwhile", "ETag tells what it is now.");
        break;
    case SEND: cut(x->request, response, len, tag); break;
    }
}

const policy conditional_policy = {.name = "conditional", .prepare = prepare, .on_answer = on_answer};
