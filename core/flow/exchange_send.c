/* core/flow/exchange_send.c: a message on its way to a partner with whom receipts are exchanged (reliability 6.3).
 *
 * First it is packed: the bytes for the wire, the Message-ID and every digest that a receipt may name are kept in one
 * transaction, together with what is waited for. Then it is posted; a retry posts the same bytes under the same id.
 * The answer may be the receipt, which ends the job with what it says; or the receipt comes on its own way, until a
 * deadline whose job sends once more or gives up. */
#include "core/base/crash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { RECEIPT_POSITION = 1000000, ANSWER_SHOWN = 300, LARGE_BYTES = 16 * 1024 * 1024, LEASE_BYTES_A_MS = 256 };
static const int64_t lease_ms = 5 * 60 * 1000, receipt_grace_ms = 60 * 60 * 1000;

typedef struct sending {
    work *w;
    const estate_connection *connection;
    json_t *message, *evidence; /* its row; what is kept of it */
    buf wire;                   /* what this attempt packed, when it is small: as it was kept */
} sending;

static store *store_of(const sending *s) {
    return s->w->engine->options.store;
}

static const char *mdn_of(const sending *s) {
    return as2_text(s->connection->settings, "mdn");
}

/* ---- packing ---- */

/* What the bytes are, when nobody said: by the document inside, else by the name. */
static const char *content_type_of(const json_t *message) {
    static const char *const known[][2] = {{".edi", "application/edi-x12"}, {".x12", "application/edi-x12"},
        {".edifact", "application/edifact"}, {".xml", "application/xml"}, {".json", "application/json"},
        {".csv", "text/csv"}, {".txt", "text/plain"}, {".pdf", "application/pdf"}};
    const char *said = json_get_text(message, "content_type", NULL), *name = json_get_text(message, "filename", "");
    const char *standard = json_get_text(json_array_get(json_get_array(message, "documents"), 0), "standard", "");
    const char *dot = strrchr(name, '.');
    if (said && strcmp(said, "application/octet-stream") != 0) return said;
    if (strcmp(standard, "X12") == 0) return "application/edi-x12";
    if (strcmp(standard, "EDIFACT") == 0) return "application/edifact";
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot, known[i][0]) == 0) return known[i][1];
    return "application/octet-stream";
}

static error *receipt_url(const sending *s, char **url) {
    const char *said = as2_text(s->connection->settings, "mdn_url");
    const char *ours = atomic_load(&s->w->engine->public_url);
    *url = NULL;
    if (strcmp(mdn_of(s), "async") != 0) return NULL;
    if (!said && !ours) return error_new(ERROR_UNREACHABLE, "the public listener is not there yet");
    *url = said ? xstrdup(said) : xasprintf("%s/as2", ours);
    return NULL;
}

static error *make_order(const sending *s, json_t **order) {
    char id[ID_SIZE], message_id[256];
    char *url = NULL;
    error *err = receipt_url(s, &url);
    if (err) return err;
    snprintf(
        message_id, sizeof message_id, "<%s@%s>", id_new(id), as2_text(s->connection->settings, "message_id_domain"));
    *order = json_pack("{s:s, s:s, s:s, s:s, s:O?, s:s?}", "message_id", message_id, "from",
        s->connection->station->as2_id, "to", s->connection->partner->as2_id, "content_type",
        content_type_of(s->message), "filename", json_object_get(s->message, "filename"), "receipt_url", url);
    free(url);
    return NULL;
}

/* Asks a courier; the bytes for the wire become a payload. */
static error *ask_pack(sending *s, json_t *order, const payload_view *view, json_t **told, payload *wire) {
    engine *e = s->w->engine;
    frame reply;
    payload_writer *writer = NULL;
    kept_call call = {.operation = OPERATION_PACK, .payload = view, .into = -1, .bytes = view->size * 2};
    bool small = view->bytes && view->size <= EXCHANGE_INLINE;
    error *err = small ? NULL : payload_begin_file(e->options.store, &writer, &call.into);
    if (!err) err = exchange_courier(e, s->connection, &call, json_incref(order), &reply, told);
    if (err) {
        payload_abandon(writer);
        return err;
    }
    if (!writer) buf_add(&s->wire, frame_get(&reply, TAG_PAYLOAD, 0));
    err = writer ? payload_finish(writer, wire) : payload_of(e->options.store, buf_span(&s->wire), wire);
    frame_clear(&reply);
    return err;
}

static void add_expected(const sending *s, store_change *change, const char *message_id, char document[ID_SIZE]) {
    int64_t due = clock_wall_ms() + as2_integer(s->connection->settings, "mdn_timeout") + receipt_grace_ms;
    const store_document expected = {.message = s->w->job->message,
        .position = RECEIPT_POSITION,
        .standard = "AS2",
        .type = "message",
        .control = message_id,
        .sender = s->connection->station->as2_id,
        .receiver = s->connection->partner->as2_id,
        .acknowledgement = "MDN",
        .due_at = due};
    store_document row = expected;
    id_new(row.id);
    memcpy(document, row.id, ID_SIZE);
    store_add_document(change, &row);
}

static error *keep_packed(sending *s, json_t *order, json_t *told, payload *wire) {
    work *w = s->w;
    char at[CLOCK_TEXT_SIZE], document[ID_SIZE] = "", text[160];
    const char *message_id = json_get_text(order, "message_id", "");
    char *scope = exchange_scope(s->connection, true);
    store_change *change = store_change_new();
    s->evidence = json_copy(told);
    json_put_text(s->evidence, "direction", "out");
    json_put_text(s->evidence, "message_id", message_id);
    json_put_text(s->evidence, "packed_at", clock_format(clock_wall_ms(), at));
    json_object_set_new(s->evidence, "size", json_integer((json_int_t)wire->size));
    json_object_set_new(w->job->detail, "packed", json_true());
    json_put_text(w->job->detail, "message_id", message_id);
    if (strcmp(mdn_of(s), "none") != 0) add_expected(s, change, message_id, document);
    if (*document) json_put_text(w->job->detail, "document", document);
    snprintf(text, sizeof text, "packed for %s as %s", s->connection->partner->name, message_id);
    store_claim_key(change, scope, message_id, w->job->message);
    store_put_artifact(change, w->job->message, "wire", wire);
    exchange_put_json(store_of(s), change, w->job->message, "evidence", s->evidence);
    store_note_job(change, w->job->id, w->job->attempt, w->job->detail);
    store_add_event(change, w->job->message, "packed", text, json_object_get(told, "layers"));
    free(scope);
    crash_point("exchange.packed.before");
    error *err = store_commit(store_of(s), change, NULL);
    crash_point("exchange.packed.after");
    return err;
}

static error *pack(sending *s) {
    payload_view view;
    payload wire = {.bytes = NULL};
    json_t *order = NULL, *told = NULL;
    error *err = store_payload_open(store_of(s), s->w->job->message, &view);
    if (err) return err;
    if (view.size > LARGE_BYTES) {
        store_change *change = store_change_new();
        store_extend_job(change, s->w->job->id, s->w->job->attempt,
            lease_ms + 2 * s->connection->timeout_ms + (int64_t)(view.size / LEASE_BYTES_A_MS));
        err = store_commit(store_of(s), change, NULL);
    }
    if (!err) err = make_order(s, &order);
    if (!err) err = ask_pack(s, order, &view, &told, &wire);
    if (!err) err = keep_packed(s, order, told, &wire);
    payload_free(&wire);
    payload_view_close(&view);
    json_decref(order);
    json_decref(told);
    return err;
}

/* ---- posting ---- */

/* The beginning of what a server said, on one line, for people. */
static void first_words(const http_answer *answer, char words[ANSWER_SHOWN]) {
    span body = span_trim(buf_span(&answer->body));
    size_t len = body.len < ANSWER_SHOWN - 1 ? body.len : ANSWER_SHOWN - 1;
    for (size_t i = 0; i < len; i++)
        words[i] = (unsigned char)body.data[i] < ' ' || body.data[i] == 0x7f ? ' ' : body.data[i];
    words[len] = '\0';
}

static error *check_status(const http_answer *answer) {
    char words[ANSWER_SHOWN];
    if (answer->status >= 200 && answer->status < 300) return NULL;
    first_words(answer, words);
    return error_new(ERROR_UNREACHABLE, "the partner's server answered with HTTP status %d%s%s", answer->status,
        *words ? ": " : "", words);
}

/* A large message is named, so that a later attempt goes on where an earlier one broke off. */
static error *post_large(sending *s, post_order *order, http_answer *answer) {
    engine *e = s->w->engine;
    const json_t *plain = order->headers;
    char *tag = restart_tag(s->w->job->message);
    bool again = s->w->job->attempt > 1 || json_get_integer(s->w->job->detail, "resent", 0) > 0;
    if (again) order->offset = restart_offset(e, order, tag);
    if (order->offset > 0)
        log_info("message %s: %llu bytes are at the partner's already; the rest is sent", s->w->job->message,
            (unsigned long long)order->offset);
    json_t *headers = restart_headers(plain, tag, order->offset, order->size);
    order->headers = headers;
    order->fresh = true;
    error *err = post(e, order, answer);
    json_decref(headers);
    if (!err && order->offset > 0 && answer->status >= 400 && answer->status < 500) { /* not from there on: then all */
        http_answer_free(answer);
        order->offset = 0;
        headers = restart_headers(plain, tag, 0, order->size);
        order->headers = headers;
        err = post(e, order, answer);
        json_decref(headers);
    }
    free(tag);
    return err;
}

/* What this attempt packed is at hand; what an earlier one packed is read. */
static error *open_wire(sending *s, payload_view *wire) {
    if (s->wire.len == 0) return store_artifact_open(store_of(s), s->w->job->message, "wire", wire);
    *wire = (payload_view){.size = s->wire.len, .fd = -1};
    wire->bytes = buf_take(&s->wire, NULL);
    return NULL;
}

static error *call_partner(sending *s, http_answer *answer) {
    payload_view wire;
    const char *url = as2_text(s->connection->settings, "url");
    if (!url) return error_new(ERROR_INVALID, "connection %s has no url to send to", s->connection->name);
    error *err = open_wire(s, &wire);
    if (err) return err;
    if (wire.size > LARGE_BYTES) {
        store_change *change = store_change_new();
        store_extend_job(change, s->w->job->id, s->w->job->attempt,
            lease_ms + 2 * s->connection->timeout_ms + (int64_t)(wire.size / LEASE_BYTES_A_MS));
        err = store_commit(store_of(s), change, NULL);
    }
    post_order order = {
        .connection = s->connection,
        .url = url,
        .headers = json_get_array(s->evidence, "headers"),
        .body = wire.bytes ? span_make(wire.bytes, (size_t)wire.size) : span_make(NULL, 0),
        .fd = wire.bytes ? -1 : wire.fd,
        .size = wire.size,
        .own_server = true,
    };
    bool named = order.fd >= 0 && restart_is_on(s->w->engine, s->connection);
    if (!err) err = named ? post_large(s, &order, answer) : post(s->w->engine, &order, answer);
    payload_view_close(&wire);
    return err;
}

/* ---- the end of the job ---- */

static void end_job(sending *s, store_change *change, const char *text) {
    json_t *detail = json_pack("{s:s, s:s}", "connection", s->connection->name, "message_id",
        json_get_text(s->w->job->detail, "message_id", ""));
    store_add_event(change, s->w->job->message, "delivered", text, detail);
    store_finish_job(change, s->w->job->id, s->w->job->attempt);
    store_set_delivered(change, s->w->job->message);
    json_decref(detail);
}

static error *end_without_receipt(sending *s, const http_answer *answer) {
    char text[96];
    store_change *change = store_change_new();
    const char *document = json_get_text(s->w->job->detail, "document", NULL);
    snprintf(text, sizeof text, "delivered, HTTP status %d%s", answer->status,
        document ? "; the receipt comes on its own way" : "");
    end_job(s, change, text);
    if (document) {
        int64_t due = clock_wall_ms() + as2_integer(s->connection->settings, "mdn_timeout");
        store_set_due(change, document, due);
        json_t *detail = json_copy(s->w->job->detail);
        store_job job = {.kind = "overdue",
            .message = s->w->job->message,
            .connection = s->connection->name,
            .detail = detail,
            .run_at = due};
        id_new(job.id);
        store_drop_jobs(change, s->w->job->message, "overdue");
        store_add_job(change, &job);
        json_decref(detail);
    } else {
        store_drop_artifact(change, s->w->job->message, "wire");
    }
    return store_commit(store_of(s), change, NULL);
}

static error *answered_already(sending *s) {
    store_change *change = store_change_new();
    end_job(s, change, "delivered; its receipt was here before");
    store_drop_jobs(change, s->w->job->message, "overdue");
    return store_commit(store_of(s), change, NULL);
}

/* The row as it was when the job began, with what this attempt has added to it. */
static json_t *message_now(const sending *s) {
    json_t *message = json_copy(s->message);
    json_t *document = json_object_get(s->w->job->detail, "document");
    if (document && !json_get_object(message, "receipt"))
        json_object_set_new(message, "receipt", json_pack("{s:O}", "document", document));
    return message;
}

static error *end_with_receipt(
    sending *s, const http_answer *answer, const json_t *told, const json_t *headers, const receipt_verdict *verdict) {
    json_t *message = message_now(s);
    store_change *change = store_change_new();
    char text[64];
    snprintf(text, sizeof text, "delivered, HTTP status %d", answer->status);
    end_job(s, change, text);
    receipt_close(s->w->engine, change, message, s->evidence, told, headers, buf_span(&answer->body), verdict);
    if (verdict->meaning == RECEIPT_UNTRUSTED || verdict->meaning == RECEIPT_NONE) {
        /* It has left, and the partner said something: who sends it again without looking may send it twice. */
        store_drop_artifact(change, s->w->job->message, "wire");
        store_set_status(change, s->w->job->message, MESSAGE_FAILED, verdict->text);
    }
    crash_point("exchange.receipt.before");
    error *err = store_commit(store_of(s), change, NULL);
    crash_point("exchange.receipt.after");
    json_decref(message);
    return err;
}

static bool is_multipart(const http_answer *answer) {
    span type = span_trim(http_answer_header(answer, "Content-Type"));
    if (type.len && type.data[0] == '"') type = span_make(type.data + 1, type.len - 1);
    return answer->body.len > 0 && type.len > 10 && strncasecmp(type.data, "multipart/", 10) == 0;
}

static error *judge_answer(sending *s, const http_answer *answer) {
    char words[ANSWER_SHOWN];
    frame reply;
    json_t *told = NULL, *headers = NULL;
    receipt_verdict verdict;
    bool wants = strcmp(mdn_of(s), "none") != 0;
    error *err = check_status(answer);
    if (err) return err;
    if (!wants || (strcmp(mdn_of(s), "async") == 0 && !is_multipart(answer))) return end_without_receipt(s, answer);
    if (answer->body.len == 0)
        return error_new(
            ERROR_UNREACHABLE, "the partner's server answered with HTTP status %d but sent no receipt", answer->status);
    headers = post_headers(answer);
    json_t *order = json_pack("{s:s, s:s, s:O, s:b}", "from", s->connection->partner->as2_id, "to",
        s->connection->station->as2_id, "headers", headers, "answer", 1);
    const payload_view body = exchange_inline(buf_span(&answer->body));
    err = exchange_unpack(s->w->engine, s->connection, order, &body, -1, &reply, &told);
    if (!err) {
        frame_clear(&reply);
        const receipt_context context = {
            .message_id = json_get_text(s->w->job->detail, "message_id", ""), .headers = headers};
        receipt_judge(s->connection, s->evidence, told, &context, &verdict);
        if (verdict.meaning == RECEIPT_NONE && !json_get_object(told, "answers")) {
            first_words(answer, words);
            err = error_new(ERROR_UNREACHABLE,
                "the partner's server answered with HTTP status %d, but not with a receipt: %s", answer->status, words);
        } else {
            err = end_with_receipt(s, answer, told, headers, &verdict);
        }
    }
    json_decref(told);
    json_decref(headers);
    return err;
}

static error *deliver(sending *s) {
    http_answer answer;
    const char *status = json_get_text(json_get_object(s->message, "receipt"), "status", "none");
    bool packed = json_get_bool(s->w->job->detail, "packed", false);
    if (packed && (strcmp(status, "accepted") == 0 || strcmp(status, "rejected") == 0)) return answered_already(s);
    error *err = packed ? exchange_evidence(store_of(s), s->w->job->message, &s->evidence) : pack(s);
    if (!err) err = call_partner(s, &answer);
    if (err) return err;
    peers_note(s->w->engine, s->connection, http_answer_header(&answer, "EDIINT-Features"));
    err = judge_answer(s, &answer);
    http_answer_free(&answer);
    return err;
}

error *work_send(work *w, const estate_connection *connection) {
    sending s = {.w = w, .connection = connection, .wire = BUF_MAX(FRAME_BYTES_MAX)};
    error *err = store_message_json(w->engine->options.store, w->job->message, &s.message);
    if (!err) err = deliver(&s);
    json_decref(s.message);
    json_decref(s.evidence);
    buf_free(&s.wire);
    return err;
}

/* ---- receipts that do not come ---- */

static error *send_again(work *w, const char *text, int64_t resent) {
    store_change *change = store_change_new();
    json_t *detail = json_copy(w->job->detail);
    json_object_set_new(detail, "resent", json_integer(resent + 1));
    store_job job = {.kind = "deliver",
        .message = w->job->message,
        .connection = w->job->connection,
        .detail = detail,
        .run_at = clock_wall_ms()};
    id_new(job.id);
    store_add_event(change, w->job->message, "overdue", text, NULL);
    store_set_status(change, w->job->message, MESSAGE_PROCESSING, text);
    store_add_job(change, &job);
    store_finish_job(change, w->job->id, w->job->attempt);
    json_decref(detail);
    return store_commit(w->engine->options.store, change, NULL);
}

error *work_overdue(work *w) {
    const estate_connection *connection = estate_find_connection(w->estate, w->job->connection);
    json_t *message = NULL;
    char text[200];
    error *err = store_message_json(w->engine->options.store, w->job->message, &message);
    if (err) return err;
    const char *status = json_get_text(json_get_object(message, "receipt"), "status", "none");
    bool open = strcmp(status, "overdue") == 0 || strcmp(status, "due") == 0;
    int64_t resent = json_get_integer(w->job->detail, "resent", 0);
    int64_t most = connection && connection->trust ? as2_integer(connection->settings, "mdn_resend") : 0;
    json_decref(message);
    if (open) log_warning("message %s: no receipt from connection %s in time", w->job->message, w->job->connection);
    if (open && resent < most) {
        snprintf(text, sizeof text, "no receipt in time; sent again with the same Message-ID, %lld of %lld",
            (long long)resent + 1, (long long)most);
        return send_again(w, text, resent);
    }
    store_change *change = store_change_new();
    store_finish_job(change, w->job->id, w->job->attempt);
    if (open) {
        snprintf(text, sizeof text, "no receipt in time%s", resent ? ", also not after it was sent again" : "");
        store_add_event(change, w->job->message, "overdue", text, NULL);
        store_set_status(change, w->job->message, MESSAGE_FAILED, text);
    }
    return store_commit(w->engine->options.store, change, NULL);
}
