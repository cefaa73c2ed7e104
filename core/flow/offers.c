/* core/flow/offers.c: see offers.h. */
#include "core/flow/offers.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/certs_only.h"
#include "core/crypto/keypair.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { TEXT_MAX = 256 * 1024, NAME_ROOM = 65, DEFAULT_DAYS = 30 };
static const int64_t day_ms = 24 * 3600 * 1000;
static const char kind[] = "certificate_offers";

bool offers_are_in(const json_t *documents) {
    const char *type = json_get_text(json_array_get(documents, 0), "content_type", "");
    return strncasecmp(type, OFFERS_CONTENT_TYPE, sizeof OFFERS_CONTENT_TYPE - 1) == 0;
}

error *offers_list(store *s, json_t **offers) {
    json_t *objects = NULL;
    error *err = store_objects(s, kind, &objects);
    *offers = json_array();
    for (size_t i = json_array_size(objects); i-- > 0;) /* ids grow with time */
        json_array_append(*offers, json_object_get(json_array_get(objects, i), "body"));
    json_decref(objects);
    return err;
}

static void put_offer(store_change *change, const json_t *offer, int64_t revision, const char *who) {
    store_put_object(change, kind, json_get_text(offer, "id", ""), revision, offer, who);
}

/* ---- what is sent: written, never read here */

static void add_escaped(buf *xml, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': buf_add_text(xml, "&lt;"); break;
        case '>': buf_add_text(xml, "&gt;"); break;
        case '&': buf_add_text(xml, "&amp;"); break;
        case '"': buf_add_text(xml, "&quot;"); break;
        default: buf_add_char(xml, (unsigned char)*text < ' ' ? ' ' : *text);
        }
    }
}

static void add_element(buf *xml, const char *name, const char *text) {
    buf_printf(xml, "<%s>", name);
    add_escaped(xml, text);
    buf_printf(xml, "</%s>\n", name);
}

static void open_message(buf *xml, const char *root, const char *request_id, const estate_connection *connection) {
    char now[CLOCK_TEXT_SIZE];
    buf_printf(xml,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"urn:ietf:params:xml:ns:ediintcertificateexchange\" "
        "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" requestId=\"",
        root);
    add_escaped(xml, request_id);
    buf_add_text(xml, "\">\n<TradingPartnerInfo>\n<Name qualifier=\"AS2\">");
    add_escaped(xml, connection->station->as2_id);
    buf_add_text(xml, "</Name>\n");
    add_element(xml, "MessageOriginated", clock_format(clock_wall_ms(), now));
    buf_add_text(xml, "</TradingPartnerInfo>\n");
}

static void add_identifier(buf *xml, const char *name, const char *issuer, const char *serial) {
    buf_printf(xml, "<%s>\n", name);
    add_element(xml, "ds:X509IssuerName", issuer);
    add_element(xml, "ds:X509SerialNumber", serial);
    buf_printf(xml, "</%s>\n", name);
}

static error *write_request(const json_t *offer, const estate_connection *connection, const char *response_url,
    const char *content_id, buf *xml) {
    const json_t *uses = json_get_array(offer, "uses");
    char *serial = NULL;
    error *err = certificate_serial(json_get_span(offer, "certificate"), &serial);
    if (err) return err;
    open_message(xml, "EDIINTCertificateExchangeRequest", json_get_text(offer, "request_id", ""), connection);
    buf_add_text(xml, "<TrustRequest>\n");
    for (size_t i = 0; i < json_array_size(uses); i++)
        add_element(xml, "CertUsage", json_string_value(json_array_get(uses, i)));
    add_element(xml, "RespondByDate", json_get_text(offer, "respond_by", ""));
    add_element(xml, "ResponseURL", response_url);
    buf_add_text(xml, "<EndEntity>\n");
    add_identifier(xml, "CertificateIdentifier", json_get_text(offer, "issuer", ""), serial);
    add_element(xml, "CertificateContentID", content_id);
    buf_add_text(xml, "</EndEntity>\n</TrustRequest>\n</EDIINTCertificateExchangeRequest>\n");
    free(serial);
    return buf_check(xml, "the offer");
}

static error *write_response(
    const json_t *offer, const estate_connection *connection, bool accept, const char *reason, buf *xml) {
    char *serial = NULL;
    error *err = certificate_serial(json_get_span(offer, "certificate"), &serial);
    if (err) return err;
    open_message(xml, "EDIINTCertificateExchangeResponse", json_get_text(offer, "request_id", ""), connection);
    buf_add_text(xml, "<TrustResponse>\n");
    add_element(xml, "CertStatus", accept ? "Accepted" : "Rejected");
    if (!accept && reason && *reason) add_element(xml, "ReasonForRejection", reason);
    add_identifier(xml, "CertificateReference", json_get_text(offer, "issuer", ""), serial);
    buf_add_text(xml, "</TrustResponse>\n</EDIINTCertificateExchangeResponse>\n");
    free(serial);
    return buf_check(xml, "the answer");
}

/* The XML, and the certificates when there are any, as one multipart/related message on its way. */
static error *post_message(engine *e, const estate_connection *connection, span xml, span certificates,
    const char *content_id, const char *who, char id[ID_SIZE]) {
    char boundary[ID_SIZE + 8], start[ID_SIZE], type[256];
    buf body = BUF_MAX(TEXT_MAX);
    payload bytes = {.bytes = NULL};
    snprintf(boundary, sizeof boundary, "=_cem_%s", id_new(start));
    snprintf(type, sizeof type, "multipart/related; boundary=\"%s\"; type=\"" OFFERS_CONTENT_TYPE "\"; start=\"<%s>\"",
        boundary, start);
    buf_printf(&body, "--%s\r\nContent-Type: " OFFERS_CONTENT_TYPE "\r\nContent-ID: <%s>\r\n\r\n", boundary, start);
    buf_add(&body, xml);
    if (certificates.len > 0) {
        buf_printf(&body,
            "\r\n--%s\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-ID: <%s>\r\n"
            "Content-Transfer-Encoding: binary\r\n\r\n",
            boundary, content_id);
        buf_add(&body, certificates);
    }
    buf_printf(&body, "\r\n--%s--\r\n", boundary);
    const engine_posting posting = {
        .connection = connection->name, .content_type = type, .filename = "certificates.cem", .who = who};
    error *err = buf_check(&body, "the message");
    if (!err) err = payload_of(e->options.store, buf_span(&body), &bytes);
    if (!err) err = engine_post(e, &posting, &bytes, id);
    payload_free(&bytes);
    buf_free(&body);
    return err;
}

static const estate_connection *find_exchange(const estate *snapshot, const char *name, error **err) {
    const estate_connection *connection = estate_find_connection(snapshot, name);
    if (!connection || !connection->trust) {
        *err = error_new(ERROR_NOT_FOUND, "there is no AS2 connection \"%s\"", name);
        return NULL;
    }
    const char *sign = as2_text(connection->settings, "sign");
    if (!sign || strcmp(sign, "none") != 0) return connection;
    *err = error_new(
        ERROR_INVALID, "connection %s does not sign, and only a signed message about certificates is believed", name);
    return NULL;
}

/* Only what we can sign or decrypt with is ours to offer. */
static error *fill_own(engine *e, const estate_connection *connection, const char *name, json_t *offer) {
    static const char *const members[] = {
        "subject", "issuer", "serial", "fingerprint", "key", "not_before", "not_after", NULL};
    json_t *body = NULL;
    int64_t revision;
    bool ours = false;
    error *err = store_object(e->options.store, "certificates", name, &body, &revision);
    if (err) return err;
    const json_t *keys = json_get_array(connection->trust, "keys"), *details = json_get_object(body, "details");
    for (size_t i = 0; i < json_array_size(keys); i++)
        ours |= strcmp(json_get_text(json_array_get(keys, i), "name", ""), name) == 0;
    if (!ours || !json_get_text(body, "certificate", NULL))
        err = error_new(ERROR_INVALID,
            "%s is not among the keys of station %s; add it there first (with a valid_from in the future), so that "
            "what "
            "the partner encrypts with it can be read",
            name, connection->station->name);
    for (size_t i = 0; members[i] && !err; i++)
        if (json_object_get(details, members[i]))
            json_object_set(offer, members[i], json_object_get(details, members[i]));
    if (!err) json_object_set(offer, "certificate", json_object_get(body, "certificate"));
    json_decref(body);
    return err;
}

static json_t *new_offer(const char *direction, const estate_connection *connection, const char *request_id) {
    char id[ID_SIZE], now[CLOCK_TEXT_SIZE];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", id_new(id), "direction", direction, "connection",
        connection->name, "partner", connection->partner->name, "request_id", request_id, "status", "waiting", "at",
        clock_format(clock_wall_ms(), now));
}

static error *check_uses(const json_t *uses) {
    static const char *const known[] = {"digitalSignature", "keyEncipherment", "tlsClient", "tlsServer"};
    for (size_t i = 0; i < json_array_size(uses); i++) {
        const char *use = json_string_value(json_array_get(uses, i));
        bool found = false;
        for (size_t k = 0; use && k < sizeof known / sizeof *known; k++)
            found |= strcmp(use, known[k]) == 0;
        if (!found)
            return error_new(
                ERROR_INVALID, "uses: one of digitalSignature, keyEncipherment, tlsClient, tlsServer is meant");
    }
    return NULL;
}

static error *send_offer(engine *e, const estate_connection *connection, const offer_order *order, json_t *offer) {
    char content_id[ID_SIZE], message[ID_SIZE];
    const char *said = as2_text(connection->settings, "mdn_url"), *ours = atomic_load(&e->public_url);
    char *url = said ? xstrdup(said) : xasprintf("%s/as2", ours ? ours : "");
    buf xml = BUF_MAX(TEXT_MAX), der = BUF_MAX(TEXT_MAX);
    id_new(content_id);
    error *err = write_request(offer, connection, url, content_id, &xml);
    if (!err) err = certs_only_write(json_get_span(offer, "certificate"), &der);
    if (!err) err = post_message(e, connection, buf_span(&xml), buf_span(&der), content_id, order->who, message);
    if (!err) {
        store_change *change = store_change_new();
        json_put_text(offer, "message", message);
        put_offer(change, offer, 0, order->who);
        store_audit(change, order->who, "offer certificate", order->connection, offer);
        err = store_commit(e->options.store, change, NULL);
    }
    buf_free(&xml);
    buf_free(&der);
    free(url);
    return err;
}

error *offers_send(engine *e, const offer_order *order, json_t **offer) {
    char request_id[ID_SIZE], by[CLOCK_TEXT_SIZE];
    error *err = check_uses(order->uses);
    if (err) return err;
    estate *snapshot = config_estate(e->options.config);
    const estate_connection *connection = find_exchange(snapshot, order->connection, &err);
    if (connection) {
        int64_t respond_by = order->respond_by_ms ? order->respond_by_ms : clock_wall_ms() + DEFAULT_DAYS * day_ms;
        *offer = new_offer("out", connection, id_new(request_id));
        json_put_text(*offer, "name", order->certificate);
        json_put_text(*offer, "respond_by", clock_format(respond_by, by));
        json_object_set_new(*offer, "uses",
            json_array_size(order->uses) > 0 ? json_copy((json_t *)(uintptr_t)order->uses)
                                             : json_pack("[s, s]", "digitalSignature", "keyEncipherment"));
        err = fill_own(e, connection, order->certificate, *offer);
        if (!err) err = send_offer(e, connection, order, *offer);
        if (err) {
            json_decref(*offer);
            *offer = NULL;
        }
    }
    estate_release(snapshot);
    return err;
}

/* ---- what a person decides */

/* "both", "sign" or "encrypt", as certificates say what they are for. */
static const char *use_of(const json_t *uses) {
    bool sign = false, encrypt = false;
    for (size_t i = 0; i < json_array_size(uses); i++) {
        const char *use = json_string_value(json_array_get(uses, i));
        sign |= use && strcmp(use, "digitalSignature") == 0;
        encrypt |= use && strcmp(use, "keyEncipherment") == 0;
    }
    return sign == encrypt ? "both" : sign ? "sign" : "encrypt";
}

static void default_name(const json_t *offer, char name[NAME_ROOM]) {
    const char *serial = json_get_text(offer, "serial", "");
    size_t len = strlen(serial);
    snprintf(name, NAME_ROOM, "%.50s-%s", json_get_text(offer, "partner", ""), len > 8 ? serial + len - 8 : serial);
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
}

/* One more certificate of the partner's, in one change of the configuration. */
static error *install(engine *e, const offer_decision *decision, json_t *offer, fault_list *faults) {
    char made[NAME_ROOM];
    int64_t revision;
    json_t *partner = NULL, *changes = NULL;
    default_name(offer, made);
    const char *name = decision->name && *decision->name ? decision->name : made;
    error *err = store_object(e->options.store, "partners", json_get_text(offer, "partner", ""), &partner, &revision);
    if (err) return err;
    json_t *names = json_deep_copy(json_get_array(partner, "certificates"));
    if (!names) names = json_array();
    json_array_append_new(names, json_string(name));
    json_object_set_new(partner, "certificates", names);
    json_t *certificate = json_pack("{s:s, s:O, s:s, s:s?, s:s}", "name", name, "certificate",
        json_object_get(offer, "certificate"), "use", use_of(json_get_array(offer, "uses")), "valid_from",
        decision->valid_from, "description", "offered by the partner over AS2");
    if (!decision->valid_from) json_object_del(certificate, "valid_from");
    json_t *objects = json_pack("{s:[o], s:[O]}", "certificates", certificate, "partners", partner);
    const config_request request = {.who = decision->who};
    err = config_apply(e->options.config, objects, &request, &changes, faults);
    if (!err && faults->count == 0) json_put_text(offer, "name", name);
    json_decref(changes);
    json_decref(objects);
    json_decref(partner);
    return err;
}

/* The answer goes out, then it is noted: an answer twice does no harm. */
static error *answer(engine *e, const offer_decision *decision, json_t *offer, int64_t revision) {
    char now[CLOCK_TEXT_SIZE], message[ID_SIZE];
    error *err = NULL;
    buf xml = BUF_MAX(TEXT_MAX);
    estate *snapshot = config_estate(e->options.config);
    const estate_connection *connection = find_exchange(snapshot, json_get_text(offer, "connection", ""), &err);
    if (connection) err = write_response(offer, connection, decision->accept, decision->reason, &xml);
    if (!err) err = post_message(e, connection, buf_span(&xml), SPAN(""), "", decision->who, message);
    if (!err) {
        store_change *change = store_change_new();
        json_put_text(offer, "status", decision->accept ? "accepted" : "refused");
        if (decision->reason) json_put_text(offer, "reason", decision->reason);
        json_put_text(offer, "answered_at", clock_format(clock_wall_ms(), now));
        json_put_text(offer, "answered_by", decision->who);
        put_offer(change, offer, revision, decision->who);
        store_audit(change, decision->who, decision->accept ? "accept certificate" : "refuse certificate",
            json_get_text(offer, "partner", ""), offer);
        err = store_commit(e->options.store, change, NULL);
    }
    estate_release(snapshot);
    buf_free(&xml);
    return err;
}

error *offers_decide(engine *e, const offer_decision *decision, json_t **offer, fault_list *faults) {
    int64_t revision;
    error *err = store_object(e->options.store, kind, decision->id, offer, &revision);
    if (err) return err;
    bool waits = strcmp(json_get_text(*offer, "status", ""), "waiting") == 0 &&
                 strcmp(json_get_text(*offer, "direction", ""), "in") == 0;
    if (!waits) err = error_new(ERROR_CONFLICT, "nothing is to be decided about offer %s any more", decision->id);
    if (!err && decision->accept) err = install(e, decision, *offer, faults);
    if (!err && faults->count == 0) err = answer(e, decision, *offer, revision);
    if (err) {
        json_decref(*offer);
        *offer = NULL;
    }
    return err;
}

/* ---- what comes */

typedef struct reading {
    work *w;
    const estate_connection *connection;
    json_t *message, *told;
    store_change *change;
} reading;

static error *ask_translator(reading *r, const char *what, const char *message, json_t **told) {
    payload_view view;
    frame reply;
    error *err = store_payload_open(r->w->engine->options.store, message, &view);
    if (err) return err;
    err = call_translator(r->w->engine->options.pool, &r->w->scope, OPERATION_CERTIFICATES,
        json_pack("{s:s}", "what", what), &view, &reply, told);
    if (!err) frame_clear(&reply);
    payload_view_close(&view);
    return err;
}

static span bare_id(span id) {
    id = span_trim(id);
    if (span_starts(id, SPAN("cid:"))) id = span_make(id.data + 4, id.len - 4);
    if (id.len >= 2 && id.data[0] == '<' && id.data[id.len - 1] == '>') id = span_make(id.data + 1, id.len - 2);
    return id;
}

/* The part that holds the certificate: the one of that Content-ID, or the only one. */
static error *find_part(reading *r, const json_t *item, char id[ID_SIZE]) {
    const json_t *parts = json_get_array(r->message, "children");
    span wanted = bare_id(json_get_span(item, "content_id"));
    error *err = NULL;
    bool found = false;
    for (size_t i = 0; i < json_array_size(parts) && !err && !found; i++) {
        json_t *part = NULL;
        const char *part_id = json_string_value(json_array_get(parts, i));
        err = store_message_json(r->w->engine->options.store, part_id ? part_id : "", &part);
        span has = bare_id(json_get_span(json_get_object(part, "headers"), "content-id"));
        found = !err && (json_array_size(parts) == 1 || (has.len > 0 && span_equal(has, wanted)));
        if (found) snprintf(id, ID_SIZE, "%s", part_id);
        json_decref(part);
    }
    if (!err && !found) err = error_new(ERROR_INVALID, "the certificate that it names is not in the message");
    return err;
}

static error *take_offer(reading *r, const json_t *item) {
    char part[ID_SIZE], text[300];
    json_t *certificate = NULL;
    error *err = find_part(r, item, part);
    if (!err) err = ask_translator(r, "certificate", part, &certificate);
    if (err) return err;
    json_t *offer = new_offer("in", r->connection, json_get_text(r->told, "request_id", ""));
    json_object_update(offer, certificate);
    json_object_set(offer, "uses", json_object_get(item, "uses"));
    json_put_text(offer, "respond_by", json_get_text(item, "respond_by", NULL));
    json_put_text(offer, "message", r->w->job->message);
    put_offer(r->change, offer, 0, r->connection->partner->name);
    snprintf(text, sizeof text, "%s offers the certificate of %.120s; it waits for approval",
        r->connection->partner->name, json_get_text(offer, "subject", "?"));
    store_add_event(r->change, r->w->job->message, "certificate offered", text, NULL);
    log_warning("connection %s: %s (banyan cert offers)", r->connection->name, text);
    json_decref(certificate);
    json_decref(offer);
    return NULL;
}

/* The answer to an offer of ours: by the id that we gave it, and only of whom we asked. */
static error *take_answer(reading *r, const json_t *item) {
    char now[CLOCK_TEXT_SIZE], text[400];
    json_t *objects = NULL;
    bool accepted = json_get_bool(item, "accepted", false), found = false;
    error *err = store_objects(r->w->engine->options.store, kind, &objects);
    for (size_t i = 0; i < json_array_size(objects) && !err && !found; i++) {
        const json_t *object = json_array_get(objects, i);
        json_t *offer = json_object_get(object, "body");
        if (strcmp(json_get_text(offer, "direction", ""), "out") != 0 ||
            strcmp(json_get_text(offer, "partner", ""), r->connection->partner->name) != 0 ||
            strcmp(json_get_text(offer, "request_id", ""), json_get_text(r->told, "request_id", "?")) != 0)
            continue;
        found = true;
        json_put_text(offer, "status", accepted ? "accepted" : "refused");
        json_put_text(offer, "reason", json_get_text(item, "reason", NULL));
        json_put_text(offer, "answered_at", clock_format(clock_wall_ms(), now));
        put_offer(r->change, offer, json_get_integer(object, "revision", -1), r->connection->partner->name);
        snprintf(text, sizeof text, "%s %s our certificate %s%s%.200s", r->connection->partner->name,
            accepted ? "accepts" : "refuses", json_get_text(offer, "name", "?"), accepted ? "" : ": ",
            accepted ? "" : json_get_text(item, "reason", "no reason given"));
        store_add_event(r->change, r->w->job->message, "certificate answered", text, NULL);
        if (!accepted) log_warning("connection %s: %s", r->connection->name, text);
    }
    json_decref(objects);
    if (!err && !found) err = error_new(ERROR_INVALID, "it answers no offer of ours");
    return err;
}

static error *check_origin(reading *r) {
    json_t *evidence = NULL;
    if (!r->connection || !r->connection->trust)
        return error_new(ERROR_INVALID, "there is no connection \"%s\" any more", r->w->job->connection);
    error *err = exchange_evidence(r->w->engine->options.store, r->w->job->message, &evidence);
    if (!err && !json_get_bool(evidence, "signature_good", false))
        err = error_new(ERROR_REJECTED, "a message about certificates must be signed by the partner");
    json_decref(evidence);
    return err;
}

static error *take_all(reading *r) {
    const json_t *items = json_get_array(r->told, "items");
    bool request = strcmp(json_get_text(r->told, "kind", ""), "request") == 0;
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(items) && !err; i++)
        err = request ? take_offer(r, json_array_get(items, i)) : take_answer(r, json_array_get(items, i));
    if (err) return err;
    store_finish_job(r->change, r->w->job->id, r->w->job->attempt);
    store_set_status(r->change, r->w->job->message, MESSAGE_COMPLETED, NULL);
    store_change *change = r->change;
    r->change = NULL;
    return store_commit(r->w->engine->options.store, change, NULL);
}

error *work_offer(work *w) {
    reading r = {.w = w, .connection = estate_find_connection(w->estate, w->job->connection)};
    r.change = store_change_new();
    error *err = check_origin(&r);
    if (!err) err = store_message_json(w->engine->options.store, w->job->message, &r.message);
    if (!err) err = ask_translator(&r, "message", w->job->message, &r.told);
    if (!err) err = take_all(&r);
    if (r.change) store_change_free(r.change);
    json_decref(r.message);
    json_decref(r.told);
    return error_wrap(err, "certificates");
}
