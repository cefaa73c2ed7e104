/* core/flow/outgoing.c: see outgoing.h. */
#include "core/flow/outgoing.h"

#include "core/base/io.h"
#include "core/flow/template.h"

#include <stdio.h>

enum { PATH_ROOM = 2048, DETAIL_ROOM = 256 * 1024 };

bool outgoing_is_acknowledgement(const char *type) {
    static const char *const types[] = {"997", "999", "TA1", "CONTRL"};
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++) {
        if (strcmp(type, types[i]) == 0) return true;
    }
    return false;
}

store_document outgoing_document(const json_t *json, const char *message, int position) {
    store_document document = {
        .message = message,
        .position = position,
        .standard = json_get_text(json, "standard", "?"),
        .type = json_get_text(json, "type", "?"),
        .version = json_get_text(json, "version", NULL),
        .control = json_get_text(json, "control", NULL),
        .group_control = json_get_text(json, "group_control", NULL),
        .interchange_control = json_get_text(json, "interchange_control", NULL),
        .sender = json_get_text(json, "sender", NULL),
        .receiver = json_get_text(json, "receiver", NULL),
        .keys = json_get_object(json, "keys"),
    };
    id_new(document.id);
    return document;
}

static const char *extension_of(const char *content_type) {
    static const char *const known[][2] = {{"application/json", "json"}, {"text/csv", "csv"},
        {"application/xml", "xml"}, {"application/edi-x12", "edi"}, {"application/edifact", "edi"},
        {"text/plain", "txt"}};
    for (size_t i = 0; content_type && i < sizeof known / sizeof *known; i++) {
        if (strncmp(content_type, known[i][0], strlen(known[i][0])) == 0) return known[i][1];
    }
    return "dat";
}

/* What a path template may name: the script's variables and keys, the message, the document. */
static json_t *variables_of(const outgoing *o, const char *id, const char *filename) {
    char now[CLOCK_TEXT_SIZE], date[9];
    json_t *all = json_object();
    const json_t *documents = json_get_array(o->result, "documents");
    const json_t *document = json_array_size(documents) > 0 ? json_array_get(documents, 0) : o->source_document;
    clock_format(clock_wall_ms(), now);
    snprintf(date, sizeof date, "%.4s%.2s%.2s", now, now + 5, now + 8);
    json_object_set_new(all, "date", json_string(date));
    if (document) {
        json_object_update(all, json_get_object(document, "keys"));
        json_object_set(all, "document", (json_t *)document);
    }
    json_object_update(all, json_get_object(o->result, "keys"));
    json_object_update(all, json_get_object(o->result, "vars"));
    json_put_text(all, "filename", filename);
    json_put_text(all, "flow", o->flow);
    json_put_text(all, "connection", o->destination->connection->name);
    if (o->destination->connection->partner) json_put_text(all, "partner", o->destination->connection->partner->name);
    json_object_set_new(all, "message", json_pack("{s:s, s:s?}", "id", id, "parent", o->parent));
    return all;
}

static error *make_path(const outgoing *o, const char *id, const char *filename, char path[PATH_ROOM]) {
    const estate_connection *connection = o->destination->connection;
    const char *template = o->destination->path ? o->destination->path : connection->path;
    json_t *variables = variables_of(o, id, filename);
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = template_expand(template, variables, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, PATH_ROOM);
    buf_free(&expanded);
    json_decref(variables);
    return error_wrap(err, "the path for connection %s", connection->name);
}

static void add_documents(store_change *change, const outgoing *o, const char *id, int64_t now) {
    const json_t *documents = json_get_array(o->result, "documents");
    for (size_t i = 0; i < json_array_size(documents); i++) {
        json_t *copy = json_copy(json_array_get(documents, i));
        json_t *keys = json_object();
        json_object_update(keys, json_get_object(copy, "keys"));
        json_object_update(keys, json_get_object(o->result, "keys"));
        json_object_set_new(copy, "keys", keys);
        store_document document = outgoing_document(copy, id, (int)i);
        if (o->expect.acknowledgement && !outgoing_is_acknowledgement(document.type)) {
            document.acknowledgement = o->expect.acknowledgement;
            document.due_at = now + o->expect.within_ms;
        }
        store_add_document(change, &document);
        json_decref(copy);
    }
}

/* A result that is no EDI but has business keys is a document too, so that it is found by them. */
static void add_keys_document(store_change *change, const outgoing *o, const char *id) {
    const json_t *keys = json_get_object(o->result, "keys");
    if (json_object_size(keys) == 0 || json_array_size(json_get_array(o->result, "documents")) > 0) return;
    store_document document = {
        .message = id, .standard = "record", .type = json_get_text(o->result, "kind", "data"), .keys = keys};
    id_new(document.id);
    store_add_document(change, &document);
}

int64_t outgoing_due(const estate_connection *connection, int64_t now) {
    return connection->enabled ? now : STORE_HELD;
}

void outgoing_add_delivery(store_change *change, const estate_destination *destination, const estate_retry *retry,
    const char *id, const char *path, span content_type, int64_t now) {
    const estate_connection *connection = destination->connection;
    buf detail = BUF_MAX(DETAIL_ROOM);
    buf_add_text(&detail, "{\"path\":");
    json_add_string(&detail, span_of(path));
    buf_printf(&detail, ",\"replace\":%s,\"attempts\":%d,\"first_ms\":%lld,\"maximum_ms\":%lld",
        destination->replace ? "true" : "false", retry->attempts, (long long)retry->first_ms,
        (long long)retry->maximum_ms);
    if (content_type.data) {
        buf_add_text(&detail, ",\"content_type\":");
        json_add_string(&detail, content_type);
    }
    buf_add_char(&detail, '}');
    store_job job = {.kind = "deliver",
        .message = id,
        .connection = connection->name,
        .written = buf_text(&detail),
        .run_at = outgoing_due(connection, now)};
    id_new(job.id);
    store_add_job(change, &job);
    buf_free(&detail);
}

error *outgoing_add(store_change *change, const outgoing *o, payload *p, char id[ID_SIZE]) {
    char path[PATH_ROOM], filename[256];
    const estate_connection *connection = o->destination->connection;
    const char *given = json_get_text(o->result, "filename", o->source_filename);
    const char *content_type = json_get_text(o->result, "content_type", NULL);
    int64_t now = clock_wall_ms();
    id_new(id);
    if (given && *given)
        snprintf(filename, sizeof filename, "%s", given);
    else
        snprintf(filename, sizeof filename, "%s.%s", id, extension_of(content_type));
    error *err = make_path(o, id, filename, path);
    if (err) return err;
    const char *last = strrchr(path, '/');
    store_message message = {
        .outgoing = true,
        .status = MESSAGE_PROCESSING,
        .connection = connection->name,
        .partner = connection->partner ? connection->partner->name : NULL,
        .flow = o->flow,
        .endpoint = o->endpoint,
        .content_type = content_type,
        .filename = last ? last + 1 : path,
        .parent = o->parent,
        .script = o->script,
        .principal = o->principal,
        .received_at = now,
    };
    memcpy(message.id, id, ID_SIZE);
    store_add_message(change, &message, p);
    add_documents(change, o, id, now);
    add_keys_document(change, o, id);
    store_add_event(change, id, "created", o->why, NULL);
    span type = content_type ? span_of(content_type) : (span){NULL, 0};
    outgoing_add_delivery(change, o->destination, &o->retry, id, path, type, now);
    return NULL;
}

error *outgoing_add_text(store_change *change, const outgoing *o, store *kept, span text, char id[ID_SIZE]) {
    payload bytes = {.bytes = NULL};
    error *err = payload_of(kept, text, &bytes);
    if (!err) err = outgoing_add(change, o, &bytes, id);
    payload_free(&bytes);
    return err;
}
