/* edi/json_walk.c: JSON to EDI for texts of any size. See json_reader.h.
 *
 * The walk goes down to single segments, and only they, and what stands before and behind a body, are put on tapes.
 * Segments that are plain are read without a tape.
 */
#include "edi/json_reader.h"

enum { NAME_ROOM = 64 };

/* Output goes out when there is enough of it, between segments. */
error *json_walk_pass_on(json_reader *r, bool all) {
    error *err = buf_check(r->out, "a segment");
    if (err || (!all && r->out->len < r->enough)) return err;
    bool held = !r->sink || (!all && !r->passed_on && r->out->len < JSON_HOLD_MAX);
    if (r->options->passed) r->options->passed(r->options->passed_context, (uint64_t)(r->walk.at - r->walk.text));
    if (!held) {
        r->passed_on = true;
        err = r->sink(r->sink_context, buf_span(r->out));
        buf_clear(r->out);
    }
    r->enough = r->out->len + JSON_FLUSH_AT;
    return err;
}

/* Puts the members of an object up to its body on the tape, whose root they become, and the name of the body with an
 * empty array. False: there is no body. */
static bool walk_head(json_reader *r, json_tape *tape, const char *body, const char *other) {
    json_walk *walk = &r->walk;
    json_tape_begin(tape, span_make(walk->text, (size_t)(walk->end - walk->text)), JSON_KIND_OBJECT);
    json_walk_enter(walk);
    while (json_walk_more(walk, '}')) {
        span name = json_walk_name(walk);
        json_tape_add_name(tape, name);
        if (span_is(name, body) || (other && span_is(name, other))) {
            bool array = json_walk_peek(walk) == '[';
            json_tape_add_empty(tape, array ? JSON_KIND_ARRAY : JSON_KIND_NULL);
            json_tape_grew(tape);
            return true;
        }
        json_walk_value(walk, tape);
    }
    json_tape_grew(tape);
    return false;
}

/* The members behind the body. */
static error *walk_tail(json_reader *r, json_tape *tape, const char *const *names) {
    while (json_walk_more(&r->walk, '}')) {
        span name = json_walk_name(&r->walk);
        if (!span_is(name, "trailer") && !span_is(name, "after")) r->walk.broken = true; /* too late for it */
        json_tape_add_name(tape, name);
        json_walk_value(&r->walk, tape);
    }
    json_tape_grew(tape);
    r->tape = tape;
    return json_reader_known(r, 0, names);
}

/* One value as a segment. */
static error *walk_segment(json_reader *r) {
    json_tape *tape = &r->tapes[SEGMENT_TAPE];
    json_tape_begin(tape, span_make(r->walk.text, (size_t)(r->walk.end - r->walk.text)), JSON_KIND_ARRAY);
    node value = json_walk_value(&r->walk, tape);
    json_tape_grew(tape);
    r->tape = tape;
    error *err = json_reader_segment(r, value);
    return err ? err : json_walk_pass_on(r, false);
}

/* Does what comes look like a loop? No tag begins with a small letter. */
static inline bool loop_ahead(const json_walk *walk) {
    return walk->end - walk->at > 2 && walk->at[2] >= 'a';
}

/* The segments that come, as long as they are plain and follow each other without blanks; how many they are. The walk
 * stands behind the last one. */
static size_t walk_plain(json_reader *r) {
    buf *out = r->out;
    size_t room = json_segments_room(&r->quotes), enough = r->enough + room;
    if (loop_ahead(&r->walk) || !buf_reserve(out, room)) return 0;
    char *end = out->data + out->len;
    size_t count = json_segments_read(
        &r->quotes, &r->walk.at, &end, out->data + (out->capacity - 1 < enough ? out->capacity - 1 : enough));
    out->len = (size_t)(end - out->data);
    r->segments += count;
    return count;
}

/* The same without blanks, in a few steps. */
static bool plain_loop_begins(json_reader *r, span *name) {
    json_walk *walk = &r->walk;
    const char *start = walk->at + 2, *at = start;
    if (walk->end - walk->at < NAME_ROOM || walk->depth == JSON_DEPTH_MAX || memcmp(walk->at, "{\"", 2) != 0)
        return false;
    while (at - start < NAME_ROOM - 8 && ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9')))
        at++;
    *name = span_make(start, (size_t)(at - start));
    if (memcmp(at, "\":[[", 4) != 0 || !is_loop_name(*name)) return false;
    walk->at = at + 2;
    walk->depth++;
    return true;
}

/* Does a loop, {"items": .., begin here? Then the walk stands before its array, and *name is the loop's. */
static bool walk_loop_begins(json_reader *r, span *name) {
    if (plain_loop_begins(r, name)) return true;
    json_walk walk = r->walk;
    if (json_walk_peek(&walk) != '{') return false;
    json_walk_enter(&walk);
    if (!json_walk_more(&walk, '}')) return false;
    *name = json_walk_name(&walk);
    if (!is_loop_name(*name)) return false;
    r->walk = walk;
    return true;
}

static error *walk_list(json_reader *r) {
    error *err = NULL;
    if (json_walk_peek(&r->walk) != '[') return FAIL(r, "an array of segments is expected");
    json_walk_enter(&r->walk);
    for (size_t i = 0, plain; !err && json_walk_more(&r->walk, ']'); i++) {
        if ((plain = walk_plain(r)) > 0) {
            i += plain - 1;
            if (r->out->len >= r->enough) err = json_walk_pass_on(r, false);
            continue;
        }
        size_t before = enter_index(r, i), k = 0;
        span name;
        if (walk_loop_begins(r, &name)) {
            size_t inner = enter_span(r, name, 0);
            if (json_walk_peek(&r->walk) != '[') return FAIL(r, "a loop is an array of its occurrences");
            json_walk_enter(&r->walk);
            for (; !err && json_walk_more(&r->walk, ']'); k++) {
                size_t entered = enter_index(r, k);
                err = walk_list(r);
                if (!err) leave(r, entered);
            }
            if (!err) leave(r, inner);
            if (!err && json_walk_more(&r->walk, '}')) err = FAIL(r, "a loop stands alone in its object");
        } else {
            err = walk_segment(r);
        }
        if (!err) leave(r, before);
    }
    return err;
}

/* The walk stands before the document's segments. */
static error *walk_document(json_reader *r, json_tape *tape) {
    r->tape = tape;
    error *err = json_reader_known(r, 0, json_document_members);
    r->segments = 0;
    if (!err) err = json_reader_header(r, 0);
    if (err) return err;
    size_t before = enter(r, "segments");
    err = walk_list(r);
    if (err) return err;
    leave(r, before);
    err = walk_tail(r, tape, json_document_members);
    if (!err) err = json_reader_end_document(r, 0);
    return err ? err : json_walk_pass_on(r, false);
}

static error *walk_group_item(json_reader *r, uint64_t *count) {
    json_tape *tape = &r->tapes[DOCUMENT_TAPE];
    json_walk start = r->walk;
    if (json_walk_peek(&r->walk) == '{' && walk_head(r, tape, "segments", NULL)) {
        ++*count;
        return walk_document(r, tape);
    }
    bool object = json_walk_peek(&start) == '{';
    *count += object && json_tape_member(tape, 0, "UNO") != 0;
    r->walk = start;
    return walk_segment(r);
}

static error *walk_group(json_reader *r, json_tape *tape) {
    r->tape = tape;
    error *err = json_reader_known(r, 0, json_group_members);
    if (!err) err = json_reader_header(r, 0);
    if (!err && json_walk_peek(&r->walk) != '[') err = FAIL(r, "\"documents\" is an array");
    if (err) return err;
    uint64_t count = 0;
    json_walk_enter(&r->walk);
    for (size_t i = 0; !err && json_walk_more(&r->walk, ']'); i++) {
        size_t before = enter(r, "documents");
        enter_index(r, i);
        err = walk_group_item(r, &count);
        if (!err) leave(r, before);
    }
    if (!err) err = walk_tail(r, tape, json_group_members);
    return err ? err : json_reader_end_group(r, 0, count);
}

static error *walk_content_item(json_reader *r, uint64_t *count) {
    json_tape *tape = &r->tapes[CONTENT_TAPE];
    json_walk start = r->walk;
    bool object = json_walk_peek(&r->walk) == '{';
    if (object && walk_head(r, tape, "documents", "segments")) {
        ++*count;
        return json_tape_member(tape, 0, "documents") ? walk_group(r, tape) : walk_document(r, tape);
    }
    *count += object && json_tape_member(tape, 0, "UNO") != 0;
    r->walk = start;
    return walk_segment(r);
}

static error *walk_interchange(json_reader *r) {
    json_tape *tape = &r->tapes[INTERCHANGE_TAPE];
    if (json_walk_peek(&r->walk) != '{') return FAIL(r, "an object is expected");
    bool body = walk_head(r, tape, "content", NULL);
    r->tape = tape;
    error *err = json_reader_known(r, 0, json_interchange_members);
    if (!err) err = json_reader_begin_interchange(r, 0);
    if (!err && (!body || json_walk_peek(&r->walk) != '[')) err = FAIL(r, "\"content\" is an array");
    if (err) return err;
    uint64_t count = 0;
    json_walk_enter(&r->walk);
    for (size_t i = 0; !err && json_walk_more(&r->walk, ']'); i++) {
        size_t outer = enter(r, "content");
        enter_index(r, i);
        err = walk_content_item(r, &count);
        if (!err) leave(r, outer);
    }
    if (!err) err = walk_tail(r, tape, json_interchange_members);
    return err ? err : json_reader_end_interchange(r, 0, count);
}

error *json_walk_file(json_reader *r, span json) {
    r->walk = (json_walk){.text = json.data, .at = json.data, .end = json.data + json.len};
    json_tape *tape = &r->tapes[FILE_TAPE];
    if (json_walk_peek(&r->walk) != '{') return FAIL(r, "an object is expected");
    bool body = walk_head(r, tape, "interchanges", NULL);
    r->tape = tape;
    error *err = json_reader_known(r, 0, json_file_members);
    if (!err && (!body || json_walk_peek(&r->walk) != '[')) err = FAIL(r, "\"interchanges\" is an array");
    if (err) return err;
    json_walk_enter(&r->walk);
    for (size_t i = 0; !err && json_walk_more(&r->walk, ']'); i++) {
        size_t before = enter(r, "interchanges");
        enter_index(r, i);
        err = walk_interchange(r);
        if (!err) leave(r, before);
    }
    if (!err) err = walk_tail(r, tape, json_file_members);
    node behind = err ? 0 : member(r, 0, "after");
    if (behind) err = json_reader_add_text(r, r->out, behind);
    if (!err && (r->walk.broken || json_walk_peek(&r->walk) || r->walk.at < r->walk.end))
        err = error_new(ERROR_INVALID, "malformed JSON");
    return err ? err : json_walk_pass_on(r, true);
}
