/* edi/json_tape.h: a JSON text as a flat list of its values, for reading large files.
 *
 * One pass notes where each value stands and where it ends, 16 bytes a value and no copies; texts are decoded by
 * whoever wants them. The whole text is held against RFC 8259 (UTF-8, nesting of JSON_DEPTH_MAX) before anything is
 * handed out; duplicate names are the walker's business. The text outlives the tape.
 */
#ifndef BANYAN_EDI_JSON_TAPE_H
#define BANYAN_EDI_JSON_TAPE_H

#include "core/base/buf.h"
#include "core/base/json.h"

typedef enum json_kind {
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_TEXT,    /* without escapes: its bytes are the text */
    JSON_KIND_ESCAPED, /* a text with escapes */
    JSON_KIND_NUMBER,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL,
} json_kind;

typedef struct json_node {
    uint64_t place; /* kind in the lowest 3 bits, offset above; of a text: of its first byte */
    uint32_t len;   /* of a text, without quotes; members or items of an object or array */
    uint32_t next;  /* the node behind this value and all that is in it */
} json_node;

typedef struct json_tape {
    const char *text;
    json_node *nodes; /* owned; nodes[0] is the root */
    size_t count, room;
} json_tape;

/* Errors name line and column. On success json_tape_free is due. */
must_check error *json_tape_read(span text, json_tape *tape);
void json_tape_free(json_tape *tape);

/* For texts too large for a tape: one look that holds the text against RFC 8259, then a walk over it that puts single
 * values on small tapes. */
typedef struct json_look {
    void (*passed)(void *context, uint64_t offset); /* as in edi_reader_options; may be NULL */
    void *context;
    bool ordered; /* out: bodies ("interchanges", "content", "documents", "segments") follow all members of their object
                     but "trailer" and "after" */
} json_look;
must_check error *json_tape_look(span text, json_look *look);

/* Is the text UTF-8? Looked at piece by piece. */
bool json_is_utf8(span text, const json_look *look);

/* A place in a text of UTF-8. Blanks are stepped over. What is walked over is held against RFC 8259; once it is broken
 * there is nothing more to come. */
typedef struct json_walk {
    const char *text, *at, *end;
    size_t depth; /* objects and arrays that were entered */
    bool fresh;   /* one was just entered: its first item is to come */
    bool broken;
} json_walk;

/* Steps over blanks. */
void json_walk_skip(json_walk *walk);

/* The first byte of the value that comes; NUL at the end of the text. */
static inline char json_walk_peek(json_walk *walk) {
    if (walk->at<walk->end && * walk->at> ' ') return *walk->at;
    json_walk_skip(walk);
    return walk->at < walk->end ? *walk->at : '\0';
}

/* Steps into an object or array, whose first byte was peeked at. */
static inline void json_walk_enter(json_walk *walk) {
    if (!json_walk_peek(walk) || walk->depth == JSON_DEPTH_MAX) {
        walk->broken = true;
        return;
    }
    walk->at++;
    walk->depth++;
    walk->fresh = true;
}

/* Is there one more item or member before `close`? Then the walk stands before it; else behind `close`. */
static inline bool json_walk_more(json_walk *walk, char close) {
    char next = json_walk_peek(walk);
    bool first = walk->fresh;
    walk->fresh = false;
    if (walk->broken) return false;
    if (next == close) {
        walk->at++;
        walk->depth--;
        return false;
    }
    if (first) return true;
    walk->broken = next != ',';
    walk->at += !walk->broken;
    return !walk->broken;
}

/* The name of a member, raw; the walk stands before its value then. */
span json_walk_name(json_walk *walk);
/* Puts the value on the tape, behind what is there; returns its node. */
uint32_t json_walk_value(json_walk *walk, json_tape *tape);

/* An empty tape for values of `text`: its root is an object or array that grows. A tape that was used before keeps its
 * memory. */
void json_tape_begin(json_tape *tape, span text, json_kind root);
void json_tape_add_name(json_tape *tape, span name);
/* A value that is empty. */
void json_tape_add_empty(json_tape *tape, json_kind kind);
/* To be called when values were added. */
void json_tape_grew(json_tape *tape);

static inline json_kind json_tape_kind(const json_tape *t, uint32_t node) {
    return (json_kind)(t->nodes[node].place & 7);
}

/* The bytes of a text between its quotes, escapes still in it. */
static inline span json_tape_raw(const json_tape *t, uint32_t node) {
    return span_make(t->text + (t->nodes[node].place >> 3), t->nodes[node].len);
}

/* The node behind a value: the next item of an array, the next name of an object. */
static inline uint32_t json_tape_next(const json_tape *t, uint32_t node) {
    return t->nodes[node].next;
}

static inline bool json_tape_is_text(const json_tape *t, uint32_t node) {
    json_kind kind = json_tape_kind(t, node);
    return kind == JSON_KIND_TEXT || kind == JSON_KIND_ESCAPED;
}

/* The value of that name in an object, 0 when there is none (0 is the root, nobody's member). */
uint32_t json_tape_member(const json_tape *t, uint32_t object, const char *name);

/* Appends a text, decoded. */
void json_tape_decode(const json_tape *t, uint32_t node, buf *out);

#endif
