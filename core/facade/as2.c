/* core/facade/as2.c: see as2.h. The HTTP side of AS2: heads, bodies, answers; the meaning of it is core/flow's. */
#include "core/facade/as2.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"

#include "adapters/as2/as2.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { BODY_IN_MEMORY = 64 * 1024, STRANGER_BODY_MAX = 64 * 1024 * 1024 };

typedef struct inbound {
    const as2_services *services;
    estate *estate;
    http_request *request;
    exchange_request exchange;
    char from[AS2_NAME_ROOM], to[AS2_NAME_ROOM];
    json_t *headers;
    char *peer;
    int waste;       /* where the body of a stranger goes; -1 */
    as2_part *part;  /* of a large message that may be gone on with; NULL: none */
    uint64_t offset; /* bytes that came by an earlier request */
} inbound;

static void inbound_free(void *owner, http_outcome outcome) {
    inbound *in = owner;
    (void)outcome;
    payload_abandon(in->exchange.spill);
    if (in->part) as2_part_leave(in->services->parts, in->part);
    if (in->waste >= 0) close(in->waste);
    json_decref(in->headers);
    estate_release(in->estate);
    free(in->peer);
    free(in);
}

static const char page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>AS2</title>"
    "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>"
    "<h1>This is an AS2 endpoint</h1><p>Trading partners send their messages and receipts here with POST (RFC 4130). "
    "It works: if you see this page, the address is right.</p></html>\n";

static http_response *friendly_page(void) {
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type", "text/html; charset=utf-8");
    http_response_secure(response, "default-src 'none'; style-src 'unsafe-inline'");
    http_response_body_static(response, SPAN(page));
    return response;
}

/* ---- the head ---- */

static json_t *list_headers(const http_request *request) {
    size_t count;
    const http_field *fields = http_request_headers(request, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        static const char hidden[] = "Authorization";
        json_t *pair = json_array();
        bool secret = fields[i].name.len == sizeof hidden - 1 && strncasecmp(fields[i].name.data, hidden, 13) == 0;
        json_array_append_new(pair, json_from_span(fields[i].name));
        json_array_append_new(pair, secret ? json_string("(hidden)") : json_from_span(fields[i].value));
        json_array_append_new(list, pair);
    }
    return list;
}

/* A name that stands twice, quoted and bare, is one name; two different ones are none (I03). */
static bool read_name(const http_request *request, const char *field, char name[AS2_NAME_ROOM]) {
    size_t count;
    const http_field *fields = http_request_headers(request, &count);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        char again[AS2_NAME_ROOM];
        if (!http_name_equal(fields[i].name, span_of(field))) continue;
        if (!as2_name_read(fields[i].value, again)) return false;
        if (found && strcmp(again, name) != 0) return false;
        memcpy(name, again, AS2_NAME_ROOM);
        found = true;
    }
    return found;
}

/* Some products quote a name again that they took quoted from our own message (pyas2lib 1.4 in asynchronous receipts).
 */
static const estate_connection *find_exchange(inbound *in) {
    const estate_connection *found = estate_find_exchange(in->estate, "as2", in->from, in->to);
    char from[AS2_NAME_ROOM], to[AS2_NAME_ROOM];
    if (found || !as2_name_read(span_of(in->from), from) || !as2_name_read(span_of(in->to), to)) return found;
    found = estate_find_exchange(in->estate, "as2", from, to);
    if (!found) return NULL;
    memcpy(in->from, from, sizeof from);
    memcpy(in->to, to, sizeof to);
    return found;
}

/* ---- the answer ---- */

static http_response *response_of(const exchange_reply *reply) {
    http_response *response = http_response_new(reply->status);
    for (size_t i = 0; i < json_array_size(reply->headers); i++) {
        const json_t *pair = json_array_get(reply->headers, i);
        http_response_header(
            response, json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
    }
    if (reply->body) http_response_body_copy(response, span_of(reply->body));
    return response;
}

static http_response *refusal(error *take) {
    error_code code = error_code_of(take);
    bool ours = code == ERROR_INTERNAL || code == ERROR_INVALID;
    log_warning("an AS2 message could not be taken: %s", error_text(take));
    error_free(take);
    http_response *response = answer_problem(503, "unavailable", "The message could not be taken now",
        ours ? "Something is wrong here; the operator has been told. Try again later with the same Message-ID."
             : "Try again later with the same Message-ID.",
        NULL);
    http_response_header(response, "Retry-After", "60");
    return response;
}

static void work(void *owner) {
    inbound *in = owner;
    exchange_reply reply = {.status = 0};
    error *err = exchange_take(in->services->engine, &in->exchange, &reply);
    http_response *response = err ? refusal(err) : response_of(&reply);
    exchange_reply_free(&reply);
    http_respond(in->request, response);
}

/* ---- the body ---- */

static void after_body(http_request *request, void *owner) {
    inbound *in = owner;
    span body = http_request_body(request);
    in->exchange.body = body.data ? body : SPAN("");
    in->exchange.size = in->offset + http_request_body_size(request);
    if (in->part) {
        in->exchange.spill = as2_part_complete(in->services->parts, in->part, &in->exchange.fd);
        in->part = NULL;
    }
    blocking_run(in->services->threads, work, in);
}

static int open_spill(void *owner) {
    inbound *in = owner;
    int fd = -1;
    if (!in->exchange.known) {
        in->waste = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return in->waste;
    }
    if (in->part) return as2_part_file(in->part);
    error *err = payload_begin_file(in->services->store, &in->exchange.spill, &fd);
    in->exchange.fd = fd;
    log_failure(LOG_ERROR, "an AS2 message cannot be kept", err);
    return fd;
}

static void take_body(inbound *in) {
    uint64_t maximum =
        in->exchange.known ? (uint64_t)as2_integer(in->exchange.connection->settings, "max_size") : STRANGER_BODY_MAX;
    const http_body_plan plan = {.maximum = maximum > in->offset ? maximum - in->offset : 0,
        .memory = in->part ? 0 : BODY_IN_MEMORY,
        .spill = open_spill,
        .complete = after_body};
    http_take_body(in->request, &plan);
}

static uint64_t announced_size(const http_request *request) {
    uint64_t size = 0;
    return span_to_u64(span_trim(http_request_header(request, "Content-Length")), 0, INT64_MAX, &size) ? size : 0;
}

/* ---- large messages that go on where they broke off (draft-harding-as2-restart-02 §3) */

static span tag_of(const http_request *request) {
    span tag = span_trim(http_request_header(request, "ETag"));
    return tag.len <= AS2_TAG_MAX ? tag : span_make(NULL, 0);
}

static bool may_restart(const estate_connection *connection) {
    return strcmp(as2_text(connection->settings, "restart"), "never") != 0;
}

/* "bytes 500-999/1000", where the unit may be left out: all that is missing from 500 on. */
static bool read_range(span value, uint64_t length, uint64_t *offset) {
    uint64_t first, last, total;
    span text, from, to;
    value = span_trim(value);
    if (span_starts(value, SPAN("bytes"))) value = span_trim(span_make(value.data + 5, value.len - 5));
    if (!span_split(&value, '/', &text) || !span_split(&text, '-', &from) || !span_split(&text, '/', &to)) return false;
    if (!span_to_u64(span_trim(from), 0, INT64_MAX, &first) || !span_to_u64(span_trim(to), 0, INT64_MAX, &last) ||
        !span_to_u64(span_trim(value), 1, INT64_MAX, &total))
        return false;
    *offset = first;
    return first <= last && last + 1 == total && last - first + 1 == length;
}

static http_response *bad_range(const inbound *in, span tag) {
    char range[64];
    http_response *response = answer_problem(416, "invalid", "The transfer cannot go on there",
        "Ask with HEAD and the same ETag how many bytes there are, or send the whole message.", NULL);
    snprintf(range, sizeof range, "bytes */%llu",
        (unsigned long long)as2_parts_received(in->services->parts, in->exchange.connection->name, tag));
    http_response_header(response, "Content-Range", range);
    return response;
}

/* Is this a transfer that can be gone on with, or one that goes on? An answer when it cannot be taken. */
static http_response *begin_part(inbound *in) {
    const char *connection = in->exchange.connection->name;
    span tag = tag_of(in->request), range = http_request_header(in->request, "Content-Range");
    int64_t length = http_request_body_length(in->request);
    bool named = in->exchange.known && may_restart(in->exchange.connection) && tag.len > 0;
    if (range.data && (!named || length < 0 || !read_range(range, (uint64_t)length, &in->offset)))
        return bad_range(in, tag);
    if (!named || (!range.data && length >= 0 && length <= BODY_IN_MEMORY)) return NULL;
    error *err = as2_parts_take(in->services->parts, connection, tag, in->offset, &in->part);
    if (!err) return NULL;
    if (error_code_of(err) != ERROR_NOT_FOUND) return refusal(err);
    error_free(err);
    return bad_range(in, tag);
}

/* HEAD with the tag of a transfer: how many bytes of it have come. */
static http_response *tell_received(inbound *in, span tag) {
    const estate_connection *connection = NULL;
    if (read_name(in->request, "AS2-From", in->from) && read_name(in->request, "AS2-To", in->to))
        connection = find_exchange(in);
    char *text = xspandup(tag);
    http_response *response = http_response_new(200);
    http_response_header(response, "ETag", text);
    http_response_header(response, "EDIINT-Features", "AS2-Restart");
    http_response_body_size_only(
        response, as2_parts_received(in->services->parts, connection ? connection->name : NULL, tag));
    free(text);
    return response;
}

/* ---- the request ---- */

static inbound *inbound_new(const as2_services *services, estate *snapshot, http_request *request) {
    inbound *in = xcalloc(1, sizeof *in);
    in->waste = -1;
    in->services = services;
    in->request = request;
    in->estate = estate_hold(snapshot);
    in->peer = xspandup(http_request_peer(request));
    in->headers = list_headers(request);
    http_own(request, in, inbound_free, NULL);
    return in;
}

/* Bytes that are no message yet make room for one. */
static error *admit(const inbound *in, uint64_t size) {
    error *err = store_admit(in->services->store, size);
    if (!err || error_code_of(err) != ERROR_FULL || !as2_parts_give_up(in->services->parts)) return err;
    error_free(err);
    return store_admit(in->services->store, size);
}

static void take_post(inbound *in) {
    if (!read_name(in->request, "AS2-From", in->from) || !read_name(in->request, "AS2-To", in->to)) {
        http_respond(
            in->request, answer_problem(400, "invalid", "This is no AS2 message",
                             "AS2-From and AS2-To must stand once each, with 1 to 128 printable characters.", NULL));
        return;
    }
    const estate_connection *connection = find_exchange(in);
    bool known = connection != NULL;
    if (!connection) connection = estate_find_exchange(in->estate, "as2", NULL, in->to);
    if (!connection) connection = estate_find_exchange(in->estate, "as2", NULL, NULL);
    if (!connection) {
        http_respond(in->request,
            answer_problem(404, "not-found", "There is no such resource", "No AS2 connection is configured.", NULL));
        return;
    }
    error *err = known && !connection->enabled ? error_new(ERROR_UNREACHABLE, "the connection is switched off")
                                               : admit(in, known ? announced_size(in->request) : 0);
    if (err) {
        http_respond(in->request, refusal(err));
        return;
    }
    if (!known) log_warning("an AS2 message from %.128s to %.128s: no connection has these names", in->from, in->to);
    in->exchange = (exchange_request){
        .estate = in->estate,
        .connection = connection,
        .known = known,
        .from = in->from,
        .to = in->to,
        .headers = in->headers,
        .peer = in->peer,
        .fd = -1,
    };
    http_response *refused = begin_part(in);
    if (refused)
        http_respond(in->request, refused);
    else
        take_body(in);
}

void as2_start(const as2_services *services, estate *snapshot, http_request *request) {
    span method = http_request_method(request), tag = tag_of(request);
    if (span_is(method, "HEAD") && tag.len > 0) {
        http_respond(request, tell_received(inbound_new(services, snapshot, request), tag));
    } else if (span_is(method, "GET") || span_is(method, "HEAD")) {
        http_respond(request, friendly_page());
    } else if (!span_is(method, "POST")) {
        http_response *response = answer_problem(
            405, "method-not-allowed", "Not with this method", "Messages and receipts come with POST.", NULL);
        http_response_header(response, "Allow", "GET, POST");
        http_respond(request, response);
    } else {
        take_post(inbound_new(services, snapshot, request));
    }
}
