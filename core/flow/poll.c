/* core/flow/poll.c: collects from a source what can be picked up.
 *
 * For each entry: claim and read it into a payload that is durable, commit the message, and only then let the source
 * forget it. A crash in between leaves the entry at the source; the key of the entry keeps it from becoming two
 * messages (SF-07). */
#include "core/base/crash.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/flow/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES_PER_LIST = 500, TAKEN_PER_LOOK = 2000, INLINE_BYTES = 64 * 1024 };

typedef struct pick_up {
    engine *engine;
    const estate_connection *connection;
    size_t taken;
    map *refused;   /* names that this look has tried and left */
    error *spoiled; /* why, of the first of them that stays at fault; NULL: none */
    char *left;     /* what stays at the source as it is, in words; NULL: nothing */
} pick_up;

static char present;

static error *ask(
    pick_up *p, frame_operation operation, json_t *take_members, int take_fd, frame *reply, json_t **answer) {
    json_t *head = NULL;
    frame call;
    error *err = call_courier_head(p->engine->options.config, p->connection, &head);
    if (!err) {
        json_object_update(head, take_members);
        call_prepare(&call, operation, head, NULL);
        call.secret = true;
        if (take_fd >= 0) frame_put_descriptor(&call, take_fd);
        err = call_courier(p->engine->options.pool, p->connection, &call, reply, answer);
    } else {
        io_close(&take_fd);
    }
    json_decref(take_members);
    return err;
}

/* The message is durable: the source may forget the entry as it was read. */
static error *forget(pick_up *p, const char *name, const json_t *got) {
    json_t *answer = NULL;
    frame reply;
    json_t *members = json_pack("{s:s, s:O?, s:O?}", "name", name, "size", json_object_get(got, "size"), "modified_ms",
        json_object_get(got, "modified_ms"));
    error *err = ask(p, OPERATION_DONE, members, -1, &reply, &answer);
    if (!err) frame_clear(&reply);
    json_decref(answer);
    return err;
}

static error *read_small(pick_up *p, const char *name, payload *bytes, json_t **got) {
    frame reply;
    error *err =
        ask(p, OPERATION_GET, json_pack("{s:s, s:i}", "name", name, "inline_limit", INLINE_BYTES), -1, &reply, got);
    if (err) return err;
    span content = frame_get(&reply, TAG_PAYLOAD, 0);
    err = payload_of(p->engine->options.store, content.data ? content : SPAN(""), bytes);
    frame_clear(&reply);
    return err;
}

static error *read_large(pick_up *p, const char *name, payload *bytes, json_t **got) {
    payload_writer *writer = NULL;
    frame reply;
    int fd = -1;
    error *err = payload_begin_file(p->engine->options.store, &writer, &fd);
    if (err) return err;
    /* The writer keeps its own descriptor; the courier gets another one to the same file. */
    err = ask(p, OPERATION_GET, json_pack("{s:s}", "name", name), fcntl(fd, F_DUPFD_CLOEXEC, 0), &reply, got);
    if (err) {
        payload_abandon(writer);
        return err;
    }
    frame_clear(&reply);
    return payload_finish(writer, bytes);
}

static error *judge_size(const pick_up *p, uint64_t size) {
    uint64_t limit = p->engine->options.payload_limit;
    if (limit == 0 || size <= limit) return NULL;
    return error_new(ERROR_LIMIT,
        "has %llu bytes, more than the %llu that limits.payload allows; it stays at its source",
        (unsigned long long)size, (unsigned long long)limit);
}

static error *take_entry(pick_up *p, const json_t *entry) {
    const char *name = json_get_text(entry, "name", "");
    int64_t size = json_get_integer(entry, "size", 0);
    payload bytes = {.bytes = NULL};
    json_t *got = NULL;
    bool duplicate = false;
    char id[ID_SIZE];
    error *err = judge_size(p, (uint64_t)(size > 0 ? size : 0));
    if (!err) err = store_admit(p->engine->options.store, (uint64_t)(size > 0 ? size : 0));
    if (err) return error_wrap(err, "%s", name);
    err = size > INLINE_BYTES ? read_large(p, name, &bytes, &got) : read_small(p, name, &bytes, &got);
    if (!err) err = judge_size(p, bytes.size); /* it may have grown */
    if (!err) {
        char *key = xasprintf("%s|%llu|%lld|%s", name, (unsigned long long)bytes.size,
            (long long)json_get_integer(got, "modified_ms", 0), bytes.sha256);
        const char *slash = strrchr(name, '/');
        const intake in = {.connection = p->connection, .filename = slash ? slash + 1 : name, .dedupe_key = key};
        crash_point("pickup.read");
        err = intake_message(p->engine, &in, &bytes, id, &duplicate);
        free(key);
    }
    crash_point("pickup.committed");
    if (!err) err = forget(p, name, got);
    crash_point("pickup.done");
    if (!err && !duplicate) p->taken++;
    payload_free(&bytes);
    json_decref(got);
    return error_wrap(err, "%s", name);
}

/* Gone or changed under our hands: the next look will tell. */
static bool is_passing(const error *err) {
    return error_code_of(err) == ERROR_NOT_FOUND || error_code_of(err) == ERROR_CONFLICT;
}

/* It is this entry's fault: the others can still be had. */
static bool is_of_entry(const error *err) {
    switch (error_code_of(err)) {
    case ERROR_LIMIT:
    case ERROR_INVALID:
    case ERROR_DENIED: return true;
    default: return false;
    }
}

/* One that was tried in vain stays in the listing, and must not be in the way of those behind it. */
static error *try_entry(pick_up *p, const json_t *entry) {
    span name = span_of(json_get_text(entry, "name", ""));
    if (map_get(p->refused, name)) return NULL;
    error *err = take_entry(p, entry);
    if (!err || (!is_passing(err) && !is_of_entry(err))) return err;
    map_put(p->refused, name, &present);
    if (is_passing(err)) {
        log_failure(LOG_INFO, "not picked up", err);
    } else if (p->spoiled) {
        error_free(err);
    } else {
        p->spoiled = err;
    }
    return NULL;
}

/* Takes the next ones that the pattern has, behind those that were refused. *more: there may be others. */
static error *take_listed(pick_up *p, const char *pattern, bool *more) {
    json_t *answer = NULL;
    frame reply;
    json_t *members =
        json_pack("{s:s?, s:I}", "pattern", pattern, "limit", (json_int_t)(map_count(p->refused) + ENTRIES_PER_LIST));
    error *err = ask(p, OPERATION_LIST, members, -1, &reply, &answer);
    if (err) return err;
    frame_clear(&reply);
    const json_t *entries = json_get_array(answer, "entries");
    const char *left = json_get_text(answer, "left", NULL);
    size_t before = p->taken + map_count(p->refused);
    if (left && !p->left) p->left = xstrdup(left);
    for (size_t i = 0; i < json_array_size(entries) && !err; i++)
        err = try_entry(p, json_array_get(entries, i));
    /* A listing with nothing new in it will not get better by asking again. */
    *more = json_get_bool(answer, "more", false) && p->taken + map_count(p->refused) > before;
    json_decref(answer);
    return err;
}

/* From now on the source tells by itself when something comes, if it can. */
static void watch_source(pick_up *p) {
    json_t *answer = NULL;
    frame reply;
    error *err = ask(p, OPERATION_WATCH, json_object(), -1, &reply, &answer);
    if (!err) {
        watcher_put(p->engine->watcher, p->connection->name, frame_take_descriptor(&reply, 0));
        frame_clear(&reply);
    }
    json_decref(answer);
    error_free(err); /* the next look asks again */
}

/* What all flows of the connection take; *more when it was too much for one look. */
static error *take_all(pick_up *p, const estate *snapshot, bool *more) {
    error *err = NULL;
    bool everything = false;
    *more = false;
    for (size_t f = 0; f < snapshot->flow_count && !err && !everything; f++) {
        const estate_flow *flow = &snapshot->flows[f];
        if (flow->from != p->connection || !flow->enabled) continue;
        everything = flow->pattern == NULL;
        bool others = true;
        while (others && !err && p->taken < TAKEN_PER_LOOK)
            err = take_listed(p, flow->pattern, &others);
        *more = *more || others;
    }
    return err;
}

bool poll_source(engine *e, estate *snapshot, const estate_connection *connection) {
    pick_up p = {.engine = e, .connection = connection, .refused = map_new()};
    bool more = false;
    error *err = take_all(&p, snapshot, &more);
    more = more && !err;
    if (!err && connection->adapter->watch) watch_source(&p);
    if (!err) {
        err = p.spoiled;
        p.spoiled = NULL;
    }
    if (!err) health_left(e->health, connection->name, p.left);
    bool changed = health_note(e->health, connection->name, err);
    if (err && changed) log_warning("cannot collect from %s", error_text(err));
    if (!err && changed) log_info("connection %s works again", connection->name);
    error_free(err);
    error_free(p.spoiled);
    free(p.left);
    map_free(p.refused, NULL);
    return more;
}
