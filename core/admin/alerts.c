/* core/admin/alerts.c: what somebody should look at now, and whether those who are told of it hear it. */
#include "core/flow/alerts.h"
#include "core/admin/call.h"
#include "core/flow/notify.h"

/* GET /alerts */
error *alert_list(call *c, http_response **response) {
    json_t *items = NULL;
    error *err = alerts_list(c->admin->options.engine, &items);
    if (!err) *response = call_json(200, json_pack("{s:o}", "items", items));
    return err;
}

/* POST /notifications/{name}/test: {"message": id}, whose timeline tells how it went. */
error *notification_test(call *c, http_response **response) {
    char id[ID_SIZE];
    error *err = notify_test(c->admin->options.engine, c->parts[0], c->caller.name, id);
    if (!err) *response = call_json(202, json_pack("{s:s}", "message", id));
    return err;
}
