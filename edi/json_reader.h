/* edi/json_reader.h: what json_read.c (values, segments, levels, from a tape) and json_walk.c (the same for texts of
 * any size) share. For these two only. A node of 0 is no value: the root is nobody's member.
 */
#ifndef BANYAN_EDI_JSON_READER_H
#define BANYAN_EDI_JSON_READER_H

#include "core/base/json.h"
#include "edi/json.h"
#include "edi/json_segment.h"
#include "edi/json_tape.h"

/* So much of the output is held back before the first is passed on; then it is passed on in pieces. */
enum { JSON_HOLD_MAX = 8 << 20, JSON_FLUSH_AT = 192 << 10 };

enum { PATH_SIZE = 400, STEPS_MAX = 2 * JSON_DEPTH_MAX };
enum { FILE_TAPE, INTERCHANGE_TAPE, CONTENT_TAPE, DOCUMENT_TAPE, SEGMENT_TAPE, TAPES };

typedef uint32_t node;

typedef struct step {
    span key; /* without data: the index */
    size_t index;
} step;

typedef struct json_reader {
    json_tape *tape; /* of the value in hand */
    json_tape tapes[TAPES];
    json_walk walk;
    const edi_text_options *options;
    edi_sink sink; /* NULL: all goes to `out` */
    void *sink_context;
    bool passed_on; /* some of the output */
    size_t enough;  /* output of this length is to be passed on, or looked at again later */
    buf *out;
    edi_delimiters d;
    bool latin1;
    span suffix;
    step steps[STEPS_MAX]; /* to the value in hand */
    size_t depth;
    char path[PATH_SIZE];
    buf scratch, canonical, suffix_bytes;
    uint64_t segments; /* of the document in hand, for its trailer */
    edi_look look;
    json_quotes quotes;
    bool special[256]; /* delimiters of this interchange, and what a text may not copy as it stands */
} json_reader;

/* Where in the JSON we are is kept as steps, and written as a path only for an error. */
static inline size_t enter_span(json_reader *r, span key, size_t index) {
    size_t before = r->depth;
    if (r->depth < STEPS_MAX) r->steps[r->depth++] = (step){.key = key, .index = index};
    return before;
}

static inline size_t enter(json_reader *r, const char *key) {
    return enter_span(r, span_of(key), 0);
}

static inline size_t enter_index(json_reader *r, size_t index) {
    return enter_span(r, (span){NULL, 0}, index);
}

static inline void leave(json_reader *r, size_t before) {
    r->depth = before;
}

/* The steps as a path; lives until the next call. */
const char *json_reader_path(json_reader *r);

#define FAIL(r, ...) error_at(error_new(ERROR_INVALID, __VA_ARGS__), "%s", json_reader_path(r))

static inline bool is(const json_reader *r, node value, json_kind kind) {
    return value && json_tape_kind(r->tape, value) == kind;
}

static inline node member(const json_reader *r, node object, const char *name) {
    return is(r, object, JSON_KIND_OBJECT) || object == 0 ? json_tape_member(r->tape, object, name) : 0;
}

/* "items", "2000a" and "2300", but neither "N1" nor "LIN:1a" with its nesting: no tag begins with a digit, none has
 * small letters. What stands beside a segment begins with "_". */
static inline bool is_loop_name(span key) {
    if (key.len > 0 && key.data[0] >= '0' && key.data[0] <= '9') return true;
    for (size_t i = 0; i < key.len && edi_is_alphanumeric(key.data[i]); i++) {
        if (key.data[i] >= 'a' && key.data[i] <= 'z') return true;
    }
    return false;
}

extern const char *const json_file_members[], *const json_interchange_members[], *const json_group_members[],
                                                                                     *const json_document_members[];

/* Every name of the object is one of these, and stands once. */
error *json_reader_known(json_reader *r, node object, const char *const *names);

error *json_reader_add_text(json_reader *r, buf *out, node value);
error *json_reader_segment(json_reader *r, node object);
error *json_reader_header(json_reader *r, node object);
error *json_reader_begin_interchange(json_reader *r, node object); /* what stands before the content */
error *json_reader_end_interchange(json_reader *r, node object, uint64_t count);
error *json_reader_end_group(json_reader *r, node object, uint64_t count);
error *json_reader_end_document(json_reader *r, node object);

/* json_walk.c: the whole text, whose bytes are UTF-8. It fails for texts that are no JSON, or whose bodies are followed
 * by other members than "trailer" and "after"; json_tape_look tells about those. */
error *json_walk_file(json_reader *r, span json);
/* Output goes out when there is enough of it, or all of it. */
error *json_walk_pass_on(json_reader *r, bool all);

#endif
