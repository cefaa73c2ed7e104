/* core/admin/offers.c: certificates offered to partners and by them. */
#include "core/flow/offers.h"
#include "core/admin/call.h"
#include "core/base/clock.h"

/* GET /certificate-offers */
error *offer_list(call *c, http_response **response) {
    json_t *offers = NULL;
    error *err = offers_list(c->admin->options.store, &offers);
    if (!err)
        *response = call_json(200, json_pack("{s:o}", "items", offers));
    else
        json_decref(offers);
    return err;
}

/* A body may be left out where all of its members may. */
static error *body_or_nothing(call *c, json_t **body) {
    *body = NULL;
    if (http_request_body(c->request).len > 0) {
        error *err = call_body_json(c, body);
        if (err) return err;
    } else {
        *body = json_object();
    }
    if (json_is_object(*body)) return NULL;
    json_decref(*body);
    *body = NULL;
    return error_new(ERROR_INVALID, "the body must be an object");
}

/* POST /connections/{name}/offer: {"certificate", "uses", "respond_by"} */
error *offer_send(call *c, http_response **response) {
    json_t *body = NULL, *offer = NULL;
    error *err = body_or_nothing(c, &body);
    offer_order order = {.connection = c->parts[0], .who = c->caller.name};
    if (!err) {
        const char *by = json_get_text(body, "respond_by", NULL);
        order.certificate = json_get_text(body, "certificate", NULL);
        order.uses = json_get_array(body, "uses");
        if (!order.certificate) err = error_new(ERROR_INVALID, "certificate: the name of the one to offer is missing");
        if (!err && by) err = error_wrap(clock_parse(span_of(by), &order.respond_by_ms), "respond_by");
    }
    if (!err) err = offers_send(c->admin->options.engine, &order, &offer);
    if (!err) *response = call_json(202, offer);
    json_decref(body);
    return err;
}

static error *decide(call *c, bool accept, http_response **response) {
    json_t *body = NULL, *offer = NULL;
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = body_or_nothing(c, &body);
    const offer_decision decision = {
        .id = c->parts[0],
        .who = c->caller.name,
        .accept = accept,
        .reason = accept ? NULL : json_get_text(body, "reason", NULL),
        .name = json_get_text(body, "name", NULL),
        .valid_from = json_get_text(body, "valid_from", NULL),
    };
    if (!err) err = offers_decide(c->admin->options.engine, &decision, &offer, &faults);
    if (!err && faults.count > 0)
        *response = call_faults(&faults);
    else if (!err)
        *response = call_json(200, json_incref(offer));
    fault_list_free(&faults);
    json_decref(offer);
    json_decref(body);
    return err;
}

/* POST /certificate-offers/{id}/accept: {"name", "valid_from"} */
error *offer_accept(call *c, http_response **response) {
    return decide(c, true, response);
}

/* POST /certificate-offers/{id}/refuse: {"reason"} */
error *offer_refuse(call *c, http_response **response) {
    return decide(c, false, response);
}
