/* core/facade/prefer.c: see prefer.h. */
#include "core/facade/prefer.h"

int64_t prefer_wait(const http_request *request) {
    size_t fields;
    const http_field *all_fields = http_request_headers(request, &fields);
    for (size_t i = 0; i < fields; i++) {
        span rest = all_fields[i].value, one;
        if (!http_name_equal(all_fields[i].name, SPAN("Prefer"))) continue;
        while (rest.data && span_split(&rest, ',', &one)) {
            span preference;
            uint64_t seconds;
            span_split(&one, ';', &preference);
            preference = span_trim(preference);
            if (span_is(preference, "respond-async")) return 0;
            if (span_starts(preference, SPAN("wait=")) &&
                span_to_u64(span_make(preference.data + 5, preference.len - 5), 0, 86400, &seconds))
                return (int64_t)seconds;
        }
    }
    return -1;
}
