/* edi/json_body.c: the segments of a document as a list, loops as arrays in it. See json_writer.h.
 *
 * Most segments are plain and take a place to which a step is known: these are taken from the reader and the checker by
 * their short ways (reader_plain.h, check_internal.h), without an event for each. All others are the validator's.
 */
#include "edi/check_internal.h"
#include "edi/json_writer.h"
#include "edi/reader_plain.h"

/* So long are nearly all: copied at once. */
enum { OPENING_USUAL = 32 };

static inline void item(json_writer *w) {
    if (!w->first[w->depth]) put_char(w, ',');
    w->first[w->depth] = false;
    if (!w->compact) line(w, (unsigned)(4 + w->depth));
}

/* {"items":[[ */
static void put_opening(json_writer *w, const edi_node *loop) {
    char name[40];
    size_t len = 0;
    for (; loop->name[len] && len < sizeof name - 1; len++)
        name[len] = loop->name[len] >= 'A' && loop->name[len] <= 'Z' ? (char)(loop->name[len] + 32) : loop->name[len];
    PUT(w, "{");
    json_write_text(w, span_make(name, len), false);
    PUT(w, ":[[");
}

/* Writes it, and remembers what was written. */
static __attribute__((noinline)) void learn_opening(json_writer *w, const edi_node *loop, json_opening *opening) {
    edi_output_room(&w->out, JSON_OPENING_MAX);
    size_t before = w->out.len;
    put_opening(w, loop);
    *opening = (json_opening){.loop = loop, .len = w->out.len - before};
    memcpy(opening->text, w->out.data + before, opening->len);
}

static inline void open_loop(json_writer *w, const edi_node *loop) {
    json_opening *known = &w->openings[loop->id % JSON_OPENINGS];
    item(w);
    if (known->loop == loop) {
        char *out = edi_output_room(&w->out, JSON_OPENING_MAX);
        memcpy(out, known->text, OPENING_USUAL);
        if (known->len > OPENING_USUAL) memcpy(out, known->text, known->len);
        w->out.len += known->len;
    } else {
        learn_opening(w, loop, known);
    }
    w->loops[w->depth++] = loop;
    w->first[w->depth] = true;
}

/* Closes the lists of inner loops until `depth` are open. */
static inline void close_loops(json_writer *w, size_t depth) {
    if (w->depth <= depth) return;
    char *out = edi_output_room(&w->out, 4 * JSON_STACK);
    for (; w->depth > depth; w->depth--, out += 3)
        memcpy(out, "]]}", 4);
    w->out.len = (size_t)(out - w->out.data);
}

/* Opens loops within each other, of which `loop` is the innermost. */
static __attribute__((noinline)) void open_loops(json_writer *w, const edi_node *loop, size_t count) {
    for (size_t inner = count < JSON_STACK ? count : JSON_STACK; inner > 0 && w->depth + 1 < JSON_STACK; inner--) {
        const edi_node *opened = loop; /* the outermost first */
        for (size_t up = 1; up < inner && opened; up++)
            opened = opened->parent;
        if (opened) open_loop(w, opened);
    }
}

/* Loops that follow each other under one name share their array. */
static EDI_HOT void change_loops(json_writer *w, const edi_node *node, size_t left, size_t entered) {
    size_t target = w->depth >= left ? w->depth - left : 0;
    const edi_node *loop = node ? node->parent : NULL;
    if (loop && entered == 1 && left > 0 && w->depth > target && w->loops[target] == loop) {
        close_loops(w, target + 1);
        PUT(w, "],[");
        w->first[w->depth] = true;
        return;
    }
    close_loops(w, target);
    if (loop && entered == 1 && w->depth + 1 < JSON_STACK)
        open_loop(w, loop);
    else if (loop && entered > 1)
        open_loops(w, loop, entered);
}

/* The plain segment that was found, into the room that it needs. */
static inline void write_plain(json_writer *w, const plain_segment *f) {
    if (!w->compact) item(w);
    char *out = edi_output_room(&w->out, json_segment_room(f->len) + 1);
    *out = ',';
    out += w->compact && !w->first[w->depth];
    w->first[w->depth] = false;
    w->out.len = (size_t)(json_segment_write(f->start, f->tokens, f->token, f->parts, out) - w->out.data);
}

static inline bool has_suffix(const json_writer *w, const plain_segment *f) {
    const char *behind = f->start + f->len + 1;
    size_t len = (size_t)(f->next - behind);
    return len == w->suffix.len && (len == 0 || memcmp(behind, w->suffix.data, len) == 0);
}

/* Segments that follow and are plain, at places that are known. */
static inline __attribute__((always_inline)) void write_run(json_writer *w) {
    edi_reader *r = w->reader;
    edi_checker *c = edi_validator_quick(w->validator);
    plain_segment f;
    if (!c) return;
    while (r->plain_allowed && w->out.len <= EDI_OUTPUT_FULL && reader_find_plain(r, false, &f)) {
        if (!f.tokens || !json_segment_fits(f.len) || !has_suffix(w, &f)) break;
        const check_step *step = check_step_find(c, f.key, span_make(f.start, f.len), f.tag_len);
        if (!step) break;
        size_t entered = 0;
        check_step_take(c, step, &entered);
        reader_pass_plain(r, &f);
        if (step->up + entered > 0) change_loops(w, c->here, step->up, entered);
        write_plain(w, &f);
        w->document_segments++;
    }
    w->covered = edi_reader_position(r);
}

EDI_HOT void json_body_segment(json_writer *w) {
    size_t left, entered;
    const edi_node *node = edi_validator_node(w->validator, &left, &entered);
    if (left + entered > 0) change_loops(w, node, left, entered);
    item(w);
    json_write_segment(w, edi_reader_segment(w->reader));
    w->document_segments++;
    write_run(w);
}

void json_body_end(json_writer *w) {
    close_loops(w, 0);
}
