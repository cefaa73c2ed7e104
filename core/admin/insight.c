/* core/admin/insight.c: what the screens ask beyond the objects and messages themselves: figures over time, how
 * partners fare, a payload explained for people, a certificate before it is taken, a directory at the other end, and
 * what a user has set up for themselves. */
#include "core/admin/call.h"

#include "core/flow/keys.h"

#include <stdio.h>

enum { TEXT_ROOM = 512, LISTED = 200, PREFERENCES_BYTES_MAX = 64 * 1024, ETAG_ROOM = 32 };

/* GET /stats/history?hours=24 */
error *history_show(call *c, http_response **response) {
    char text[16];
    uint64_t hours = 24;
    json_t *history = NULL;
    const char *wanted = call_parameter(c, "hours", text, sizeof text);
    if (wanted && !span_to_u64(span_of(wanted), 1, HISTORY_HOURS_MAX, &hours))
        return error_at(error_new(ERROR_INVALID, "the hours must be from 1 to %d", HISTORY_HOURS_MAX), "?hours");
    error *err = store_history(c->admin->options.store, (int64_t)hours * 3600 * 1000, &history);
    if (!err) *response = call_json(200, history);
    return err;
}

/* GET /stats/partners: {"partners": {"acme": {"last_in", "last_out", "in", "out", "failed", "overdue"}}}; counts of the
 * last 24 hours. */
error *partners_show(call *c, http_response **response) {
    json_t *partners = NULL;
    error *err = store_partners(c->admin->options.store, &partners);
    if (!err) *response = call_json(200, json_pack("{s:o}", "partners", partners));
    return err;
}

/* GET /messages/{id}/explain?as=json: {"text", "cut"}. A translator reads the bytes: this process never does. */
error *message_explain(call *c, http_response **response) {
    const admin_options *options = &c->admin->options;
    estate *snapshot = config_estate(options->config);
    payload_view view;
    call_scope scope;
    frame reply;
    char as[TEXT_ROOM];
    json_t *answer = NULL, *message = NULL, *head = json_object();
    json_put_text(head, "as", call_parameter(c, "as", as, sizeof as));
    error *err = store_message_json(options->store, c->parts[0], &message);
    if (!err) err = store_payload_open(options->store, c->parts[0], &view);
    if (!err) {
        call_scope_begin(&scope, snapshot, options->numbers);
        scope.partner = estate_find_partner(snapshot, json_get_text(message, "partner", NULL));
        err = call_translator(options->pool, &scope, OPERATION_EXPLAIN, json_incref(head), &view, &reply, &answer);
        if (!err) frame_clear(&reply);
        call_scope_end(&scope);
        payload_view_close(&view);
    }
    if (!err) *response = call_json(200, answer);
    json_decref(message);
    json_decref(head);
    estate_release(snapshot);
    return err;
}

/* POST /certificates/inspect {"certificate": PEM, "private_key": PEM}: what they are; nothing is kept. */
error *certificate_inspect(call *c, http_response **response) {
    json_t *body = NULL;
    error *err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object");
    if (!err && !json_get_text(body, "certificate", NULL) && !json_get_text(body, "private_key", NULL))
        err = error_new(ERROR_INVALID, "send a certificate or a private key, as PEM");
    if (!err) {
        json_object_del(body, "generate");
        err = keys_complete(body);
    }
    if (!err) *response = call_json(200, json_incref(json_object_get(body, "details")));
    json_decref(body);
    return err;
}

/* POST /connections/{name}/list?pattern=: {"entries": [{"name", "size", "modified_ms"}], "more"}; nothing is claimed.
 */
error *connection_list(call *c, http_response **response) {
    const admin_options *options = &c->admin->options;
    estate *snapshot = config_estate(options->config);
    const estate_connection *connection = estate_find_connection(snapshot, c->parts[0]);
    char pattern[TEXT_ROOM];
    json_t *head = NULL, *answer = NULL;
    frame request, reply;
    error *err = connection ? call_courier_head(options->config, connection, &head)
                            : error_new(ERROR_NOT_FOUND, "there is no connection \"%s\"", c->parts[0]);
    if (!err) {
        json_put_text(head, "pattern", call_parameter(c, "pattern", pattern, sizeof pattern));
        json_object_set_new(head, "limit", json_integer(LISTED));
        call_prepare(&request, OPERATION_LIST, head, NULL);
        request.secret = true;
        err = call_courier(options->pool, connection, &request, &reply, &answer);
        if (!err) frame_clear(&reply);
    }
    if (!err) *response = call_json(200, json_incref(answer));
    json_decref(answer);
    estate_release(snapshot);
    return err;
}

/* GET /appliance: {"settings": [{"name","value","set","variable","help"}]}. They are changed in banyan.yaml or the
 * environment, and read at the start. */
error *appliance_show(call *c, http_response **response) {
    json_t *settings = json_deep_copy(c->admin->options.settings);
    *response = call_json(200, json_pack("{s:o}", "settings", settings ? settings : json_array()));
    return NULL;
}

/* GET|PUT /preferences: one JSON object a user: saved searches, columns. Only who made it reads it. */
error *preferences_show(call *c, http_response **response) {
    json_t *body = NULL;
    int64_t revision = 0;
    error *err = store_object(c->admin->options.store, "preferences", c->caller.name, &body, &revision);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
        body = json_object();
    }
    if (!err) *response = call_json(200, body);
    return err;
}

error *preferences_put(call *c, http_response **response) {
    json_t *body = NULL;
    if (http_request_body(c->request).len > PREFERENCES_BYTES_MAX)
        return error_new(ERROR_LIMIT, "preferences may have %d bytes", PREFERENCES_BYTES_MAX);
    error *err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object");
    if (!err) {
        store_change *change = store_change_new();
        store_put_object(change, "preferences", c->caller.name, -1, body, c->caller.name);
        err = store_commit(c->admin->options.store, change, NULL);
    }
    if (!err) *response = http_response_new(204);
    json_decref(body);
    return err;
}
