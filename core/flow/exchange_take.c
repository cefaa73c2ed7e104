/* core/flow/exchange_take.c: what a partner posts: a message to be accepted once and answered, or a receipt for one of
 * ours (reliability 6.2).
 *
 * The body lies in memory or in a file of the spool. A courier opens it and makes the receipt; then one transaction
 * claims the partner's Message-ID, keeps documents, receipt and evidence, and queues the first job. Only after that
 * commit is anything answered, so that whoever got a positive receipt is never asked for the message again; and who
 * comes again, because the answer was lost, gets the receipt that was kept. */
#include "core/base/crash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"
#include "core/flow/offers.h"

#include "adapters/as2/as2.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { DOCUMENTS_MAX = 64 };

typedef struct taking {
    engine *engine;
    exchange_request *request;
    exchange_reply *reply;
    json_t *told;
    frame answer;           /* of the courier: holds what came inline */
    payload_writer *writer; /* documents in a file */
    int fd;
    char id[ID_SIZE]; /* of the message, or of the first of several */
    char *message_id; /* the partner's */
    int64_t began_ms;
} taking;

static store *store_of(const taking *t) {
    return t->engine->options.store;
}

static span header(const json_t *headers, const char *name) {
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i), *value = json_array_get(pair, 1);
        const char *found = json_string_value(json_array_get(pair, 0));
        if (found && strcasecmp(found, name) == 0)
            return span_make(json_string_value(value), json_string_length(value));
    }
    return span_make(NULL, 0);
}

/* ---- the answer ---- */

static void answer_empty(taking *t, int status) {
    t->reply->status = status;
}

static void answer_receipt(taking *t, const json_t *receipt) {
    t->reply->status = 200;
    t->reply->headers = json_incref(json_get_array(receipt, "headers"));
    t->reply->body = xspandup(json_get_span(receipt, "body"));
}

/* Does the receipt go on its own way, and where? NULL: in the answer, or there is none. */
static const char *own_way(const taking *t, bool *any) {
    const char *url = json_get_text(t->told, "receipt_url", NULL);
    if (!url || !json_get_object(t->told, "receipt") || !t->request->known) return NULL;
    if (post_is_allowed(t->request->connection, url, any)) return url;
    log_warning("connection %s: a receipt was asked for at %.200s, which is neither the partner's host nor one of "
                "receipt_hosts; it is given in the answer",
        t->request->connection->name, url);
    return NULL;
}

static void add_receipt_job(taking *t, store_change *change, const char *id, const char *url, bool any) {
    json_t *detail = json_pack("{s:s, s:b, s:i, s:i, s:i}", "url", url, "public_only", any, "attempts", 20, "first_ms",
        5000, "maximum_ms", 3600000);
    store_job job = {.kind = "receipt",
        .message = id,
        .connection = t->request->connection->name,
        .detail = detail,
        .run_at = clock_wall_ms()};
    id_new(job.id);
    store_add_job(change, &job);
    json_decref(detail);
}

static void give_answer(taking *t, const json_t *receipt) {
    bool any = false;
    if (!receipt || own_way(t, &any))
        answer_empty(t, 200);
    else
        answer_receipt(t, receipt);
}

/* ---- evidence ---- */

static json_t *make_evidence(const taking *t) {
    char at[CLOCK_TEXT_SIZE];
    json_t *evidence = json_copy(t->told);
    json_object_del(evidence, "receipt");
    json_put_text(evidence, "direction", "in");
    json_put_text(evidence, "message_id", t->message_id);
    json_put_text(evidence, "peer", t->request->peer);
    json_put_text(evidence, "received_at", clock_format(clock_wall_ms(), at));
    json_object_set_new(evidence, "took_ms", json_integer(clock_monotonic_ms() - t->began_ms));
    json_object_set_new(evidence, "size", json_integer((json_int_t)t->request->size));
    json_object_set(evidence, "headers", (json_t *)(uintptr_t)t->request->headers);
    return evidence;
}

/* What is kept beside the row of a message, and in it. */
static json_t *shown_headers(const taking *t) {
    static const char *const names[] = {"message-id", "as2-from", "as2-to", "subject", "date", "content-type"};
    json_t *shown = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        span value = header(t->request->headers, names[i]);
        if (value.data) json_put_span(shown, names[i], value);
    }
    return shown;
}

static void keep_receipt(taking *t, store_change *change, const char *id) {
    const json_t *receipt = json_get_object(t->told, "receipt");
    if (receipt) exchange_put_json(store_of(t), change, id, "receipt", receipt);
}

/* ---- documents ---- */

static error *take_document(taking *t, const json_t *document, bool only, payload *out) {
    uint64_t offset = (uint64_t)json_get_integer(document, "offset", 0);
    uint64_t length = (uint64_t)json_get_integer(document, "length", 0);
    span all = frame_get(&t->answer, TAG_PAYLOAD, 0);
    if (!t->writer) {
        if (offset > all.len || length > all.len - offset) return error_new(ERROR_INVALID, "a document is missing");
        return payload_of(store_of(t), span_make(all.data + offset, (size_t)length), out);
    }
    if (only) {
        payload_writer *writer = t->writer;
        t->writer = NULL;
        return payload_finish(writer, out);
    }
    payload_writer *part = NULL;
    char *chunk = xmalloc(65536);
    error *err = payload_begin(store_of(t), &part);
    while (!err && length > 0) {
        ssize_t n = pread(t->fd, chunk, length < 65536 ? (size_t)length : 65536, (off_t)offset);
        if (n <= 0) err = error_new(ERROR_IO, "a document cannot be read");
        if (err) break;
        err = payload_write(part, span_make(chunk, (size_t)n));
        offset += (uint64_t)n;
        length -= (uint64_t)n;
    }
    free(chunk);
    if (!err) return payload_finish(part, out);
    payload_abandon(part);
    return err;
}

static error *add_document(taking *t, store_change *change, const json_t *document, size_t index, bool only) {
    payload bytes = {.bytes = NULL};
    char id[ID_SIZE];
    const estate_connection *connection = t->request->connection;
    error *err = take_document(t, document, only, &bytes);
    if (err) return err;
    json_t *headers = shown_headers(t);
    /* The parts of a message about certificates are looked into with its first. */
    bool offer = offers_are_in(json_get_array(t->told, "documents")), beside = offer && index > 0;
    json_put_text(headers, "content-id", json_get_text(document, "content_id", NULL));
    store_message message = {
        .status = beside ? MESSAGE_COMPLETED : MESSAGE_RECEIVED,
        .connection = connection->name,
        .partner = connection->partner->name,
        .content_type = json_get_text(document, "content_type", NULL),
        .filename = json_get_text(document, "filename", NULL),
        .parent = index > 0 ? t->id : NULL,
        .principal = connection->partner->name,
        .headers = headers,
        .received_at = clock_wall_ms(),
    };
    id_new(id);
    if (index == 0) memcpy(t->id, id, ID_SIZE);
    memcpy(message.id, id, ID_SIZE);
    char *fallback = message.filename ? NULL : xasprintf("%s.dat", id);
    if (fallback) message.filename = fallback;
    json_t *detail = json_pack("{s:I, s:s, s:O}", "size", (json_int_t)bytes.size, "message_id", t->message_id, "layers",
        json_object_get(t->told, "layers"));
    store_job job = {
        .kind = offer ? "offer" : "process", .message = id, .connection = connection->name, .run_at = clock_wall_ms()};
    id_new(job.id);
    store_add_message(change, &message, &bytes);
    store_add_event(change, id, "received", "received", detail);
    if (!beside) store_add_job(change, &job);
    json_decref(detail);
    json_decref(headers);
    free(fallback);
    return NULL;
}

/* ---- duplicates ---- */

/* Is it what was accepted under this id before? The digest of the ruled form tells, whatever it was packed in. */
static bool is_same(const json_t *before, const json_t *now) {
    const json_t *a = json_get_object(before, "mics"), *b = json_get_object(now, "mics");
    const char *form = json_get_text(now, "ruled", ""), *algorithm;
    json_t *value;
    json_t *ours = json_get_object(a, form), *theirs = json_get_object(b, form);
    if (!ours || !theirs || strcmp(json_get_text(before, "ruled", ""), form) != 0) return false;
    bool same = false;
    json_object_foreach(theirs, algorithm, value) {
        const char *text = json_get_text(ours, algorithm, NULL);
        if (!text) continue;
        if (strcmp(text, json_string_value(value)) != 0) return false;
        same = true;
    }
    return same;
}

static error *decide_again(taking *t, const char *outcome, const char *text, json_t **told) {
    frame reply;
    json_t *order = json_pack("{s:s, s:s, s:O, s:s, s:s?}", "from", t->request->from, "to", t->request->to, "headers",
        t->request->headers, "outcome", outcome, "text", text);
    json_put_text(order, "mic", json_get_text(t->told, "mic", NULL));
    const payload_view nothing = exchange_inline(SPAN(""));
    error *err = exchange_unpack(t->engine, t->request->connection, order, &nothing, -1, &reply, told);
    if (!err) frame_clear(&reply);
    return err;
}

static error *read_json(store *s, const char *id, const char *kind, json_t **value) {
    payload_view view;
    *value = NULL;
    error *err = store_artifact_open(s, id, kind, &view);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        return NULL;
    }
    if (err) return err;
    if (view.bytes) err = json_parse(span_make(view.bytes, (size_t)view.size), value);
    payload_view_close(&view);
    return err;
}

static error *replay(taking *t, const char *first) {
    json_t *kept = NULL, *warning = NULL;
    bool any = false;
    error *err = read_json(store_of(t), first, "receipt", &kept);
    if (!err && !kept && json_get_object(t->told, "receipt"))
        err = decide_again(t, "duplicate-document", NULL, &warning);
    if (!err) {
        const char *url = own_way(t, &any);
        store_change *change = store_change_new();
        store_add_event(change, first, "duplicate", "it came again; the receipt is given again", NULL);
        if (url && kept) {
            store_drop_jobs(change, first, "receipt");
            add_receipt_job(t, change, first, url, any);
        }
        err = store_commit(store_of(t), change, NULL);
    }
    if (!err) {
        const json_t *receipt = kept ? kept : json_get_object(warning, "receipt");
        if (!json_get_object(t->told, "receipt")) receipt = NULL;
        give_answer(t, receipt);
    }
    json_decref(kept);
    json_decref(warning);
    return err;
}

static error *keep_refused(taking *t, message_status status, const char *reason);

static error *answer_duplicate(taking *t, const char *first) {
    json_t *before = NULL, *told = NULL;
    error *err = exchange_evidence(store_of(t), first, &before);
    bool same = !err && is_same(before, t->told);
    json_decref(before);
    if (err) return err;
    if (same) return replay(t, first);
    char text[200];
    snprintf(text, sizeof text, "message %s of this Message-ID was accepted before, with other content", first);
    err = decide_again(t, "unexpected-processing-error",
        "Another message of this Message-ID was accepted before, with other content.", &told);
    if (err) return err;
    json_decref(t->told);
    t->told = told;
    return keep_refused(t, MESSAGE_QUARANTINED, text);
}

/* ---- accepted, or refused ---- */

/* Where a file name may come once only, it is claimed like a Message-ID. */
static void claim_names(const taking *t, store_change *change, const json_t *documents) {
    const estate_connection *connection = t->request->connection;
    if (strcmp(as2_text(connection->settings, "duplicate_filenames"), "reject") != 0) return;
    char *scope = xasprintf("as2-file/%s/%s", connection->station->as2_id, connection->partner->as2_id);
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const char *name = json_get_text(json_array_get(documents, i), "filename", NULL);
        if (name) store_claim_key(change, scope, name, t->id);
    }
    free(scope);
}

/* Which of its claims was taken already: the Message-ID, then it has been here; or only a name. */
static error *answer_conflict(taking *t, const char *first) {
    char id[ID_SIZE], text[200];
    json_t *told = NULL;
    char *scope = exchange_scope(t->request->connection, false);
    error *err = store_claimed(store_of(t), scope, t->message_id, id);
    free(scope);
    if (!err) return answer_duplicate(t, id);
    if (error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    snprintf(text, sizeof text, "duplicate-filename: message %s had this file name before", first);
    err = decide_again(t, "duplicate-filename", NULL, &told);
    if (err) return err;
    json_decref(t->told);
    t->told = told;
    return keep_refused(t, MESSAGE_REJECTED, text);
}

static error *accept(taking *t) {
    const json_t *documents = json_get_array(t->told, "documents");
    size_t count = json_array_size(documents);
    bool any = false;
    const char *url = own_way(t, &any);
    store_commit_result result = {.conflict = ""};
    store_change *change = store_change_new();
    error *err = NULL;
    for (size_t i = 0; i < count && !err; i++)
        err = add_document(t, change, json_array_get(documents, i), i, count == 1);
    if (err) {
        store_change_free(change);
        return err;
    }
    char *scope = exchange_scope(t->request->connection, false);
    json_t *evidence = make_evidence(t);
    store_claim_key(change, scope, t->message_id, t->id);
    claim_names(t, change, documents);
    exchange_put_json(store_of(t), change, t->id, "evidence", evidence);
    keep_receipt(t, change, t->id);
    if (url) add_receipt_job(t, change, t->id, url, any);
    free(scope);
    json_decref(evidence);
    crash_point("exchange.accept.before");
    err = store_commit(store_of(t), change, &result);
    crash_point("exchange.accept.after");
    if (!err) {
        give_answer(t, json_get_object(t->told, "receipt"));
        return NULL;
    }
    if (error_code_of(err) != ERROR_CONFLICT || !result.conflict[0]) return err;
    error_free(err);
    return answer_conflict(t, result.conflict);
}

/* The bytes as they came are kept with why they were refused: the operator, and the partner, may want to know. */
static error *keep_refused(taking *t, message_status status, const char *reason) {
    payload raw = {.bytes = NULL};
    exchange_request *request = t->request;
    bool any = false;
    error *err = NULL;
    if (request->spill) {
        payload_writer *writer = request->spill;
        request->spill = NULL;
        err = payload_finish(writer, &raw);
    } else {
        err = payload_of(store_of(t), request->body.data ? request->body : SPAN(""), &raw);
    }
    if (err) return err;
    store_change *change = store_change_new();
    json_t *headers = shown_headers(t), *evidence = make_evidence(t);
    span type = header(request->headers, "Content-Type");
    char *content_type = type.data ? xspandup(type) : NULL;
    store_message message = {
        .status = status,
        .reason = reason,
        .connection = request->connection->name,
        .partner = request->connection->partner->name,
        .content_type = content_type,
        .principal = NULL,
        .headers = headers,
        .received_at = clock_wall_ms(),
    };
    id_new(t->id);
    memcpy(message.id, t->id, ID_SIZE);
    store_add_message(change, &message, &raw);
    store_add_event(change, t->id, message_status_name(status), reason, json_object_get(t->told, "layers"));
    exchange_put_json(store_of(t), change, t->id, "evidence", evidence);
    keep_receipt(t, change, t->id);
    const char *url = own_way(t, &any);
    if (url) add_receipt_job(t, change, t->id, url, any);
    err = store_commit(store_of(t), change, NULL);
    if (!err) give_answer(t, json_get_object(t->told, "receipt"));
    log_warning("connection %s: message %s was not accepted: %s", request->connection->name, t->id, reason);
    json_decref(headers);
    json_decref(evidence);
    free(content_type);
    payload_free(&raw);
    return err;
}

static error *refuse(taking *t) {
    char reason[EXCHANGE_TEXT];
    snprintf(
        reason, sizeof reason, "%s: %s", json_get_text(t->told, "outcome", "?"), json_get_text(t->told, "text", ""));
    if (t->request->known) return keep_refused(t, MESSAGE_REJECTED, reason);
    give_answer(t, json_get_object(t->told, "receipt"));
    return NULL;
}

/* ---- a receipt for one of ours ---- */

static error *find_sent(taking *t, const char *original, char id[ID_SIZE]) {
    char *scope = exchange_scope(t->request->connection, true);
    size_t len = strlen(original);
    bool bare = len < 2 || original[0] != '<';
    char *other = bare ? xasprintf("<%s>", original) : xasprintf("%.*s", (int)(len - 2), original + 1);
    error *err = store_claimed(store_of(t), scope, original, id);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = store_claimed(store_of(t), scope, other, id);
    }
    free(other);
    free(scope);
    return err;
}

static error *close_sent(taking *t, const char *id) {
    json_t *message = NULL, *evidence = NULL;
    receipt_verdict verdict;
    error *err = store_message_json(store_of(t), id, &message);
    if (!err) err = exchange_evidence(store_of(t), id, &evidence);
    if (!err) {
        const char *status = json_get_text(json_get_object(message, "receipt"), "status", "none");
        bool open = strcmp(status, "due") == 0 || strcmp(status, "overdue") == 0;
        const receipt_context context = {
            .message_id = json_get_text(evidence, "message_id", ""), .headers = t->request->headers, .own_way = true};
        receipt_judge(t->request->connection, evidence, t->told, &context, &verdict);
        store_change *change = store_change_new();
        /* Anybody can write a receipt that is not signed, or signed by somebody else: it is noted, and changes nothing.
         */
        if (open)
            receipt_close(
                t->engine, change, message, evidence, t->told, t->request->headers, t->request->body, &verdict);
        else
            store_add_event(change, id, "receipt again", verdict.text, NULL);
        err = store_commit(store_of(t), change, NULL);
        /* The same receipt twice at the same moment: the other one won. */
        if (err && error_code_of(err) == ERROR_CONFLICT) {
            error_free(err);
            err = NULL;
        }
    }
    json_decref(message);
    json_decref(evidence);
    return err;
}

static error *take_receipt(taking *t) {
    char id[ID_SIZE];
    const json_t *answers = json_get_object(t->told, "answers");
    const char *original = json_get_text(answers, "original_message_id", "");
    error *err = t->request->known ? find_sent(t, original, id) : error_new(ERROR_NOT_FOUND, "unknown names");
    if (!err) err = close_sent(t, id);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        log_warning("a receipt from %.128s answers nothing that was sent: %.200s", t->request->from, original);
        error_free(err);
        err = NULL;
    }
    if (!err) answer_empty(t, 200);
    return err;
}

/* ---- the way in ---- */

static error *unpack(taking *t) {
    exchange_request *request = t->request;
    bool large = request->spill != NULL;
    payload_view body = exchange_inline(request->body);
    error *err = NULL;
    json_t *order = json_pack("{s:s, s:s, s:O}", "from", request->from, "to", request->to, "headers", request->headers);
    if (!request->known) json_object_set_new(order, "outcome", json_string("unknown-trading-relationship"));
    if (large && request->known) err = payload_begin_file(store_of(t), &t->writer, &t->fd);
    if (err) {
        json_decref(order);
        return err;
    }
    if (large) body = (payload_view){.size = request->size, .fd = request->fd};
    return exchange_unpack(t->engine, request->connection, order, &body, t->writer ? t->fd : -1, &t->answer, &t->told);
}

static error *decide(taking *t) {
    const char *level = json_get_text(t->told, "level", "error");
    if (json_get_object(t->told, "answers")) return take_receipt(t);
    return strcmp(level, "accepted") == 0 || strcmp(level, "warning") == 0 ? accept(t) : refuse(t);
}

error *exchange_take(engine *e, exchange_request *request, exchange_reply *reply) {
    taking t = {.engine = e, .request = request, .reply = reply, .fd = -1, .began_ms = clock_monotonic_ms()};
    span id = span_trim(header(request->headers, "Message-ID"));
    t.message_id = id.data ? xspandup(id) : xstrdup("");
    frame_init(&t.answer, FRAME_REPLY, OPERATION_NONE, 0);
    *reply = (exchange_reply){.status = 500};
    if (request->known) peers_note(e, request->connection, header(request->headers, "EDIINT-Features"));
    error *err = unpack(&t);
    if (!err) err = decide(&t);
    payload_abandon(t.writer);
    payload_abandon(request->spill);
    request->spill = NULL;
    frame_clear(&t.answer);
    json_decref(t.told);
    free(t.message_id);
    return err;
}

/* ---- receipts of ours on their own way ---- */

error *work_receipt(work *w) {
    const estate_connection *connection = estate_find_connection(w->estate, w->job->connection);
    const char *url = json_get_text(w->job->detail, "url", "");
    json_t *receipt = NULL;
    http_answer answer;
    bool any;
    if (!connection || !connection->trust)
        return error_new(
            ERROR_INVALID, "there is no connection \"%s\" any more to send the receipt by", w->job->connection);
    if (!post_is_allowed(connection, url, &any))
        return error_new(ERROR_INVALID,
            "the receipt may not be sent to %s: it is neither the partner's host nor one of "
            "receipt_hosts",
            url);
    error *err = read_json(w->engine->options.store, w->job->message, "receipt", &receipt);
    if (!err && !receipt) err = error_new(ERROR_INVALID, "the receipt is not there any more");
    if (err) return err;
    const post_order order = {
        .connection = connection,
        .url = url,
        .headers = json_get_array(receipt, "headers"),
        .body = json_get_span(receipt, "body"),
        .fd = -1,
        .public_only = any,
    };
    err = post(w->engine, &order, &answer);
    if (!err) {
        if (answer.status < 200 || answer.status > 299)
            err = error_new(ERROR_UNREACHABLE, "%s answered the receipt with HTTP status %d", url, answer.status);
        http_answer_free(&answer);
    }
    json_decref(receipt);
    if (err) return error_wrap(err, "the receipt");
    store_change *change = store_change_new();
    json_t *detail = json_pack("{s:s}", "url", url);
    store_add_event(change, w->job->message, "receipt sent", "the receipt was taken by the partner", detail);
    store_finish_job(change, w->job->id, w->job->attempt);
    json_decref(detail);
    return store_commit(w->engine->options.store, change, NULL);
}
