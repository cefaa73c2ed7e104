/* core/facade/policy_notice.c: what an endpoint tells everybody: that it is being worked on, that it will go. */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

char *policy_http_date(int64_t wall_ms, char text[HTTP_DATE_SIZE]) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    snprintf(text, HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
        (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min, t.tm_sec);
    return text;
}

/* ---- maintenance ---- */

static void *prepare_maintenance(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    json_t *object = json_get_object(endpoint->body, "maintenance");
    return object && settings_boolean(estate_maintenance_settings, object, "enabled") ? object : NULL;
}

static policy_verdict refuse(exchange *x, void *prepared) {
    char wait[24];
    const json_t *object = prepared;
    http_response *response = answer_problem(
        503, "maintenance", "Under maintenance", settings_text(estate_maintenance_settings, object, "message"), NULL);
    snprintf(wait, sizeof wait, "%lld",
        (long long)settings_integer(estate_maintenance_settings, object, "retry_after") / 1000);
    http_response_header(response, "Retry-After", wait);
    exchange_respond(x, response);
    return POLICY_OVER;
}

const policy maintenance_policy = {.name = "maintenance", .prepare = prepare_maintenance, .on_head = refuse};

/* ---- deprecated ---- */

typedef struct notice {
    char deprecation[32], sunset[HTTP_DATE_SIZE];
    char *link;
} notice;

static int64_t date_of(const json_t *object, const char *member, const estate_endpoint *endpoint, fault_list *faults) {
    int64_t when = 0;
    const char *text = json_get_text(object, member, NULL);
    if (text) policy_fault(faults, endpoint, "deprecated", error_wrap(clock_parse(span_of(text), &when), "%s", member));
    return when;
}

static void *prepare_deprecated(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "deprecated");
    if (!object) return NULL;
    notice *n = xcalloc(1, sizeof *n);
    const char *link = json_get_text(object, "link", NULL);
    snprintf(
        n->deprecation, sizeof n->deprecation, "@%lld", (long long)date_of(object, "since", endpoint, faults) / 1000);
    if (json_object_get(object, "sunset")) policy_http_date(date_of(object, "sunset", endpoint, faults), n->sunset);
    if (link && strpbrk(link, "<> \""))
        policy_fault(faults, endpoint, "deprecated", error_new(ERROR_INVALID, "link: must be an address"));
    if (link) n->link = xasprintf("<%s>; rel=\"deprecation\"", link);
    return n;
}

static void forget_deprecated(void *prepared) {
    notice *n = prepared;
    free(n->link);
    free(n);
}

static void tell(exchange *x, void *prepared, http_response *response) {
    const notice *n = prepared;
    (void)x;
    http_response_header(response, "Deprecation", n->deprecation);
    if (n->sunset[0]) http_response_header(response, "Sunset", n->sunset);
    if (n->link) http_response_header(response, "Link", n->link);
}

const policy deprecated_policy = {
    .name = "deprecated", .prepare = prepare_deprecated, .forget = forget_deprecated, .on_answer = tell};
