/* core/admin/switches.c: the strangler switches: how both sides of an endpoint fare, and turning them. */
#include "core/admin/call.h"

#include "core/base/memory.h"

enum { REASON_BYTES_MAX = 500 };

error *switch_list(call *c, http_response **response) {
    *response = call_json(200, json_pack("{s:o}", "items", switches_list(c->admin->options.switches)));
    return NULL;
}

static error *answer(error *err, json_t *take, http_response **response) {
    if (!err) *response = call_json(200, take);
    return err;
}

error *switch_show(call *c, http_response **response) {
    json_t *report = NULL;
    error *err = switches_report(c->admin->options.switches, c->parts[0], &report);
    return answer(err, report, response);
}

/* The "reason" of a body; NULL when it tells none. */
static error *reason_of(const json_t *body, const char **reason) {
    *reason = json_get_text(body, "reason", NULL);
    if (*reason && strlen(*reason) > REASON_BYTES_MAX)
        return error_at(error_new(ERROR_INVALID, "a reason has at most %d bytes", REASON_BYTES_MAX), "/reason");
    return NULL;
}

/* {"modern": "25%", "reason": "…"} */
error *switch_put(call *c, http_response **response) {
    json_t *body = NULL, *report = NULL;
    const char *reason = NULL;
    int share = 0;
    error *err = call_body_json(c, &body);
    if (!err && !json_object_get(body, "modern"))
        err = error_new(ERROR_INVALID, "modern: which share of the requests? For example {\"modern\": \"25%%\"}");
    if (!err) err = error_wrap(traffic_parse_share(json_object_get(body, "modern"), &share), "modern");
    if (!err && share > TRAFFIC_WHOLE) err = error_new(ERROR_INVALID, "modern: must not be over 100%%");
    if (!err) err = reason_of(body, &reason);
    if (!err) err = switches_set(c->admin->options.switches, c->parts[0], share, c->caller.name, reason);
    if (!err) err = switches_report(c->admin->options.switches, c->parts[0], &report);
    json_decref(body);
    return answer(err, report, response);
}

error *switch_back(call *c, http_response **response) {
    json_t *body = NULL, *report = NULL;
    const char *reason = NULL;
    error *err = http_request_body_size(c->request) ? call_body_json(c, &body) : NULL;
    if (!err) err = reason_of(body, &reason);
    if (!err) err = switches_back(c->admin->options.switches, c->parts[0], c->caller.name, reason);
    if (!err) err = switches_report(c->admin->options.switches, c->parts[0], &report);
    json_decref(body);
    return answer(err, report, response);
}

error *switch_history(call *c, http_response **response) {
    json_t *lines = NULL;
    error *err = switches_history(c->admin->options.switches, c->parts[0], &lines);
    return answer(err, err ? NULL : json_pack("{s:o}", "items", lines), response);
}

error *switch_differences(call *c, http_response **response) {
    json_t *found = NULL;
    error *err = switches_differences(c->admin->options.switches, c->parts[0], &found);
    return answer(err, found, response);
}

error *switch_forget(call *c, http_response **response) {
    error *err = switches_forget(c->admin->options.switches, c->parts[0], c->caller.name);
    if (!err) *response = http_response_new(204);
    return err;
}
