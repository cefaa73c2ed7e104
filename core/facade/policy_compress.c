/* core/facade/policy_compress.c: gzip for answers of text (RFC 9110 §8.4.1.3).
 *
 * An answer that holds a secret beside something an attacker can choose tells the secret by its size (BREACH), so that
 * `auto` leaves alone what is answered to callers with credentials. Only what lies in memory and is worth it is
 * compressed, at a level that keeps a server loop busy for about a millisecond at most.
 */
#include "core/base/memory.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/http/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { LEAST_BYTES = 1024, MOST_BYTES = 128 * 1024, LEVEL = 3, GZIP_WINDOW = 15 + 16 };

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    const char *how = json_get_text(endpoint->body, "compress", "auto");
    return strcmp(how, "off") == 0 ? NULL : (void *)(uintptr_t)endpoint;
}

static bool is_text(span type) {
    static const char *const parts[] = {"text/", "json", "xml", "javascript", "edi", "yaml"};
    char start[64] = "";
    size_t len = type.len < sizeof start - 1 ? type.len : sizeof start - 1;
    memcpy(start, type.data ? type.data : "", len);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(start, parts[i])) return true;
    return false;
}

static bool is_worth_it(const http_response *response) {
    span body = http_response_content(response);
    return body.data && body.len >= LEAST_BYTES && body.len <= MOST_BYTES &&
           is_text(http_response_find(response, "Content-Type")) &&
           !http_response_find(response, "Content-Encoding").data &&
           !http_response_find(response, "Content-Range").data;
}

static bool compress_body(http_response *response) {
    span body = http_response_content(response);
    z_stream z = {.zalloc = NULL};
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    size_t room = deflateBound(&z, body.len);
    char *packed = xmalloc(room);
    z.next_in = (Bytef *)(uintptr_t)body.data;
    z.avail_in = (uInt)body.len;
    z.next_out = (Bytef *)packed;
    z.avail_out = (uInt)room;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < body.len;
    size_t len = z.total_out;
    deflateEnd(&z);
    if (done)
        http_response_replace_body(response, packed, len);
    else
        free(packed);
    return done;
}

/* The same resource, other bytes: a strong tag would promise too much (RFC 9110 §8.8.1). */
static void weaken(http_response *response) {
    char weak[256];
    span tag = http_response_find(response, "ETag");
    if (!tag.data || span_starts(tag, SPAN("W/"))) return;
    snprintf(weak, sizeof weak, "W/%.*s", (int)tag.len, tag.data);
    http_response_drop(response, "ETag");
    http_response_header(response, "ETag", weak);
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    const estate_endpoint *endpoint = prepared;
    if (!is_worth_it(response)) return;
    http_response_header(response, "Vary", "Accept-Encoding");
    bool always = strcmp(json_get_text(endpoint->body, "compress", "auto"), "always") == 0;
    bool has_credentials = x->caller || http_request_header(x->request, "Authorization").data ||
                           http_request_header(x->request, "Cookie").data;
    if (has_credentials && !always) return;
    if (!http_takes_gzip(http_request_header(x->request, "Accept-Encoding")) || !compress_body(response)) return;
    http_response_header(response, "Content-Encoding", "gzip");
    weaken(response);
}

const policy compress_policy = {.name = "compress", .prepare = prepare, .on_answer = on_answer};
