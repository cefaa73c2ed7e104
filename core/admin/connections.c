/* core/admin/connections.c: putting a payload through a connection by hand, and testing one. */
#include "core/admin/call.h"
#include "core/base/base64.h"
#include "core/base/memory.h"
#include "core/flow/exchange.h"

#include <stdlib.h>

enum { TEXT_ROOM = 512, ANSWER_BYTES_MAX = 16 * 1024 * 1024, SHOWN_BYTES_MAX = 1024 * 1024 };

/* POST /connections/{name}/send?filename=&path=&direction=in: the body is the payload. */
error *connection_send(call *c, http_response **response) {
    char filename[TEXT_ROOM], path[TEXT_ROOM], direction[TEXT_ROOM], type[TEXT_ROOM], id[ID_SIZE];
    payload bytes = {.bytes = NULL};
    json_t *message = NULL;
    span body = http_request_body(c->request), content_type = http_request_header(c->request, "Content-Type");
    const char *wanted = call_parameter(c, "direction", direction, sizeof direction);
    size_t type_len = content_type.len < sizeof type ? content_type.len : 0;
    if (type_len) memcpy(type, content_type.data, type_len);
    type[type_len] = '\0';
    const engine_posting posting = {
        .connection = c->parts[0],
        .filename = call_parameter(c, "filename", filename, sizeof filename),
        .path = call_parameter(c, "path", path, sizeof path),
        .content_type = type_len ? type : NULL,
        .who = c->caller.name,
        .incoming = wanted && strcmp(wanted, "in") == 0,
    };
    payload_writer *spill = c->spill;
    c->spill = NULL;
    error *err = spill ? payload_finish(spill, &bytes)
                       : payload_of(c->admin->options.store, body.data ? body : SPAN(""), &bytes);
    if (!err && wanted && !posting.incoming && strcmp(wanted, "out") != 0)
        err = error_at(error_new(ERROR_INVALID, "\"%s\" is no direction: it is in or out", wanted), "?direction");
    if (!err) err = engine_post(c->admin->options.engine, &posting, &bytes, id);
    if (!err) err = store_message_json(c->admin->options.store, id, &message);
    if (!err) *response = call_json(202, message);
    payload_free(&bytes);
    return err;
}

/* POST /connections/{name}/test?exchange=false: as a list of checks, in words. Where receipts are exchanged a small
 * document is sent, unless `exchange` says no. */
error *connection_test(call *c, http_response **response) {
    bool exchange = true;
    const admin_options *options = &c->admin->options;
    estate *snapshot = config_estate(options->config);
    const estate_connection *connection = estate_find_connection(snapshot, c->parts[0]);
    error *err = call_flag(c, "exchange", &exchange);
    if (!err && (!connection || !connection->trust))
        err = connection_probe(c, response);
    else if (!err)
        *response = call_json(200, exchange_test(options->engine, snapshot, connection, exchange));
    estate_release(snapshot);
    return err;
}

/* Keys, names and the way to the partner's server, without sending anything; the first thing that is wrong. */
static http_response *probe_exchange(engine *e, const estate *snapshot, const estate_connection *connection) {
    json_t *result = exchange_test(e, snapshot, connection, false);
    const json_t *checks = json_get_array(result, "checks");
    for (size_t i = 0; i < json_array_size(checks) && !json_object_get(result, "error"); i++) {
        const json_t *check = json_array_get(checks, i);
        if (!json_get_bool(check, "good", true)) json_put_text(result, "error", json_get_text(check, "text", ""));
    }
    return call_json(200, result);
}

/* POST /connections/{name}/probe: reaches the peer, logs in, sees the directory; says in words what does not work. */
error *connection_probe(call *c, http_response **response) {
    const admin_options *options = &c->admin->options;
    estate *snapshot = config_estate(options->config);
    const estate_connection *connection = estate_find_connection(snapshot, c->parts[0]);
    json_t *head = NULL, *answer = NULL;
    frame request, reply;
    if (connection && connection->trust) {
        *response = probe_exchange(options->engine, snapshot, connection);
        estate_release(snapshot);
        return NULL;
    }
    error *err = connection ? call_courier_head(options->config, connection, &head)
                            : error_new(ERROR_NOT_FOUND, "there is no connection \"%s\"", c->parts[0]);
    if (!err) {
        call_prepare(&request, OPERATION_PROBE, head, NULL);
        request.secret = true;
        error *fault = call_courier(options->pool, connection, &request, &reply, &answer);
        if (!fault) frame_clear(&reply);
        json_t *result = json_pack("{s:b}", "works", fault == NULL);
        if (fault) {
            json_put_text(result, "code", error_code_name(error_code_of(fault)));
            json_put_text(result, "error", error_text(fault));
        }
        *response = call_json(200, result);
        error_free(fault);
        json_decref(answer);
    }
    estate_release(snapshot);
    return err;
}

/* ---- a call by hand ---- */

/* The body as people read it: a text, or base64 where it is none; of a long one the beginning. */
static error *show_body(json_t *answer) {
    buf bytes = BUF_MAX(ANSWER_BYTES_MAX);
    bool whole = base64_read(json_get_span(answer, "body"), &bytes);
    error *err = whole ? NULL : error_new(ERROR_INTERNAL, "the answer came damaged");
    span all = buf_span(&bytes), shown = all.len > SHOWN_BYTES_MAX ? span_make(all.data, SHOWN_BYTES_MAX) : all;
    json_object_set_new(answer, "size", json_integer((json_int_t)all.len));
    json_object_set_new(answer, "cut", json_boolean(shown.len < all.len));
    json_object_del(answer, "body");
    if (whole && span_is_utf8(shown)) {
        json_put_span(answer, "body", shown);
    } else if (whole) {
        buf text = BUF_MAX(SHOWN_BYTES_MAX * 2);
        base64_write(shown, &text);
        json_put_span(answer, "base64", buf_span(&text));
        buf_free(&text);
    }
    buf_free(&bytes);
    return err;
}

/* The request as scripts make it, from {"method","path","headers","content_type","body": text}. */
static json_t *request_of(const call *c, const json_t *body) {
    static const char *const copied[] = {"method", "path", "content_type"};
    json_t *request = json_pack("{s:s}", "connection", c->parts[0]), *headers = json_get_object(body, "headers");
    span text = json_get_span(body, "body");
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        json_put_text(request, copied[i], json_get_text(body, copied[i], NULL));
    if (headers) json_object_set(request, "headers", headers);
    if (text.len > 0) {
        buf encoded = BUF_MAX(ANSWER_BYTES_MAX);
        base64_write(text, &encoded);
        json_put_span(request, "body", buf_span(&encoded));
        buf_free(&encoded);
    }
    return request;
}

/* Whoever may only look after messages calls nothing that may change something. Each such call is told in the audit. */
static error *may_call(call *c, const json_t *body) {
    const char *method = json_get_text(body, "method", "GET");
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) return NULL;
    if (c->caller.role < ROLE_DEVELOPER)
        return error_new(ERROR_DENIED, "calls that may change something are for developers: %s is one", method);
    char *object = xasprintf("connections/%s", c->parts[0]);
    json_t *detail = json_pack("{s:s, s:s}", "method", method, "path", json_get_text(body, "path", ""));
    store_change *change = store_change_new();
    store_audit(change, c->caller.name, "call by hand", object, detail);
    json_decref(detail);
    free(object);
    return store_commit(c->admin->options.store, change, NULL);
}

/* POST /connections/{name}/call {"method"?,"path","headers"?,"content_type"?,"body"?}: {"status","content_type",
 * "headers","body" or "base64","size","cut"}, or {"error"} when nothing answered. On connections of files GET reads
 * the file of that path and claims nothing. */
error *connection_call(call *c, http_response **response) {
    static const char *const known[] = {"method", "path", "headers", "content_type", "body", NULL};
    json_t *body = NULL, *answer = NULL;
    estate *snapshot = config_estate(c->admin->options.config);
    const estate_connection *connection = estate_find_connection(snapshot, c->parts[0]);
    error *err = connection ? call_body_json(c, &body)
                            : error_new(ERROR_NOT_FOUND, "there is no connection \"%s\"", c->parts[0]);
    if (!err && connection->adapter->pack)
        err = error_new(ERROR_UNSUPPORTED, "a connection of the kind %s exchanges messages and is not called",
            connection->adapter->kind);
    if (!err) err = call_members(body, known);
    if (!err) err = may_call(c, body);
    if (!err) {
        json_t *request = request_of(c, body);
        err = engine_call_other(c->admin->options.engine, request, connection->timeout_ms, &answer);
        json_decref(request);
    }
    if (!err && !json_object_get(answer, "error")) err = show_body(answer);
    if (!err) *response = call_json(200, json_incref(answer));
    json_decref(answer);
    json_decref(body);
    estate_release(snapshot);
    return err;
}
