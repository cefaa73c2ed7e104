/* core/admin/connections.c: putting a payload through a connection by hand, and testing one. */
#include "core/admin/call.h"
#include "core/flow/exchange.h"

enum { TEXT_ROOM = 512 };

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
    error *err = store_admit(c->admin->options.store, body.len);
    if (!err) err = payload_of(c->admin->options.store, body.data ? body : SPAN(""), &bytes);
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
