/* core/app/yaml.c: see yaml.h. Events of libyaml, a stack of open collections, no recursion. */
#include "core/app/yaml.h"

#include "core/base/map.h"

#include <stdlib.h>
#include <yaml.h>

/* `copied`: how many values all aliases of a file together may stand for. */
enum { POINTER_MAX = 4096, COPIED_MAX = 100000, ANCHORS_MAX = 10000 };

struct yaml_places {
    map *by_pointer;
};

/* One open collection. */
typedef struct level {
    json_t *value; /* borrowed: its parent, or the list of documents, owns it */
    char *key;     /* of an object: the key whose value comes next, NULL when a key comes next */
    size_t pointer_len;
    yaml_mark_t key_mark; /* where it stands */
    char *anchor;         /* of the collection itself; NULL when it has none */
    yaml_mark_t merge;    /* where "<<" stands, when there is one */
    bool merges;
    size_t values, height; /* of all that was put in so far: itself counts for one */
} level;

/* What a name after & stands for, once it is complete. */
typedef struct anchored {
    json_t *value; /* owned */
    size_t values, height;
} anchored;

typedef struct loader {
    const char *file;
    span text;
    yaml_parser_t parser;
    level levels[YAML_DEPTH_MAX];
    size_t depth;
    json_t *documents;
    yaml_places *places;
    buf pointer;  /* of the innermost open collection */
    map *anchors; /* of this document: name -> anchored */
    size_t anchor_count, copied;
} loader;

void yaml_pointer_add(buf *pointer, span name) {
    buf_add_char(pointer, '/');
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '~')
            buf_add(pointer, SPAN("~0"));
        else if (name.data[i] == '/')
            buf_add(pointer, SPAN("~1"));
        else
            buf_add_char(pointer, name.data[i]);
    }
}

static error *at_mark(error *err, const loader *l, yaml_mark_t mark) {
    return error_at(err, "%s:%zu:%zu", l->file, mark.line + 1, mark.column + 1);
}

static error *refuse(const loader *l, yaml_mark_t mark, const char *why) {
    return at_mark(error_new(ERROR_INVALID, "%s", why), l, mark);
}

static bool all_digits(span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return text.len > 0;
}

/* A fraction that a double holds as it stands there, and that is written without an exponent again; else it stays
 * text. */
static json_t *fraction_of(span text, span whole, span fraction) {
    enum { DIGITS_MAX = 17, WHOLE_MAX = 15 };
    size_t zeros = 0;
    while (span_is(whole, "0") && zeros < fraction.len && fraction.data[zeros] == '0')
        zeros++;
    size_t digits = fraction.len - zeros + (span_is(whole, "0") ? 0 : whole.len);
    bool tiny = zeros > 3 && zeros < fraction.len;
    if (!all_digits(fraction) || digits > DIGITS_MAX || whole.len > WHOLE_MAX || tiny) return NULL;
    return json_real(strtod(text.data, NULL));
}

/* "12", "-3", "0.5": what JSON would read as the same number (RFC 8259 §6), without exponents. */
static json_t *number_of(span text) {
    span digits = text.len && text.data[0] == '-' ? span_make(text.data + 1, text.len - 1) : text;
    span fraction = digits, whole;
    int64_t value;
    if (!span_split(&fraction, '.', &whole) || !all_digits(whole)) return NULL;
    if (whole.len > 1 && whole.data[0] == '0') return NULL;
    if (fraction.data) return fraction_of(text, whole, fraction);
    return span_to_i64(text, INT64_MIN, INT64_MAX, &value) ? json_integer((json_int_t)value) : NULL;
}

static json_t *plain_scalar(span text) {
    if (text.len == 0 || span_is(text, "~") || span_is(text, "null")) return json_null();
    if (span_is(text, "true")) return json_true();
    if (span_is(text, "false")) return json_false();
    json_t *number = number_of(text);
    return number ? number : json_stringn(text.data, text.len);
}

static void note_place(loader *l, yaml_mark_t mark) {
    yaml_place *place = xmalloc(sizeof *place);
    *place = (yaml_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
    free(map_put(l->places->by_pointer, buf_span(&l->pointer), place));
}

/* Puts the value where it belongs: into the innermost collection or the list of documents. Takes it. The pointer is
 * left at the new value; the caller cuts it back. */
static error *place_value(loader *l, json_t *take, yaml_mark_t mark) {
    yaml_mark_t place = mark;
    json_t *parent = l->depth ? l->levels[l->depth - 1].value : l->documents;
    if (json_is_array(parent)) {
        buf_printf(&l->pointer, "/%zu", json_array_size(parent));
        json_array_append_new(parent, take);
    } else {
        level *open = &l->levels[l->depth - 1];
        yaml_pointer_add(&l->pointer, span_of(open->key));
        /* People look for a member where its name stands, not at the first line of what is below it. */
        if (open->key_mark.line < mark.line) place = open->key_mark;
        json_object_set_new(parent, open->key, take);
        free(open->key);
        open->key = NULL;
    }
    if (l->pointer.overflow) return refuse(l, mark, "the keys above this are too long");
    note_place(l, place);
    return NULL;
}

static void cut_pointer(loader *l, size_t len) {
    l->pointer.len = len;
    if (l->pointer.data) l->pointer.data[len] = '\0';
}

/* ---- anchors, aliases and merge keys ---- */

static void free_anchored(void *entry) {
    anchored *a = entry;
    if (a) json_decref(a->value);
    free(a);
}

static void forget_anchors(loader *l) {
    map_free(l->anchors, free_anchored);
    l->anchors = map_new();
    l->anchor_count = 0;
}

static error *keep_anchor(loader *l, const char *name, json_t *value, size_t values, size_t height, yaml_mark_t mark) {
    if (!name) return NULL;
    if (l->anchor_count++ == ANCHORS_MAX) return refuse(l, mark, "there are too many anchors (&name)");
    anchored *a = xmalloc(sizeof *a);
    *a = (anchored){json_incref(value), values, height};
    free_anchored(map_put(l->anchors, span_of(name), a));
    return NULL;
}

/* Counts what was put into the innermost collection. */
static void count_values(loader *l, size_t values, size_t height) {
    if (l->depth == 0) return;
    level *open = &l->levels[l->depth - 1];
    open->values += values;
    if (open->height < height + 1) open->height = height + 1;
}

/* A copy of what the anchor stands for. A name whose collection is still open is not known yet: nothing holds itself.
 */
static error *read_alias(loader *l, const yaml_event_t *event) {
    const char *name = (const char *)event->data.alias.anchor;
    const anchored *a = map_get(l->anchors, span_of(name));
    size_t before = l->pointer.len;
    if (l->depth && json_is_object(l->levels[l->depth - 1].value) && !l->levels[l->depth - 1].key)
        return refuse(l, event->start_mark, "an alias cannot be a key");
    if (!a)
        return at_mark(error_new(ERROR_INVALID, "there is no complete value with the anchor &%s before this", name), l,
            event->start_mark);
    if (l->depth + a->height > YAML_DEPTH_MAX) return refuse(l, event->start_mark, "this is nested too deep");
    if (a->values > COPIED_MAX - l->copied)
        return refuse(l, event->start_mark, "the aliases of this file stand for too much: write less with them");
    l->copied += a->values;
    error *err = place_value(l, json_deep_copy(a->value), event->start_mark);
    cut_pointer(l, before);
    if (!err) count_values(l, a->values, a->height);
    return err;
}

/* The members of what "<<" names, where the object has none of its own; of several the first goes before. */
static error *merge_members(loader *l, level *open) {
    json_t *from = json_incref(json_object_get(open->value, "<<"));
    error *err = NULL;
    size_t count = json_is_array(from) ? json_array_size(from) : 1;
    json_object_del(open->value, "<<");
    for (size_t i = 0; i < count && !err; i++) {
        json_t *one = json_is_array(from) ? json_array_get(from, i) : from;
        if (json_is_object(one))
            json_object_update_missing(open->value, one);
        else
            err = refuse(l, open->merge, "<< takes an object or a list of objects, such as *name");
    }
    json_decref(from);
    return err;
}

static error *close_collection(loader *l, yaml_mark_t mark) {
    level *open = &l->levels[l->depth - 1];
    error *err = open->merges ? merge_members(l, open) : NULL;
    if (!err) err = keep_anchor(l, open->anchor, open->value, open->values, open->height, mark);
    free(open->anchor);
    open->anchor = NULL;
    cut_pointer(l, open->pointer_len);
    size_t values = open->values, height = open->height;
    l->depth--;
    count_values(l, values, height);
    return err;
}

/* ---- collections and scalars ---- */

static error *open_collection(loader *l, json_t *take, const yaml_char_t *anchor, yaml_mark_t mark) {
    size_t before = l->pointer.len;
    if (l->depth == YAML_DEPTH_MAX ||
        (l->depth && json_is_object(l->levels[l->depth - 1].value) && !l->levels[l->depth - 1].key)) {
        json_decref(take);
        return refuse(l, mark, l->depth == YAML_DEPTH_MAX ? "this is nested too deep" : "a key must be text");
    }
    error *err = place_value(l, take, mark);
    if (err) return err;
    l->levels[l->depth++] = (level){.value = take,
        .pointer_len = before,
        .anchor = anchor ? xstrdup((const char *)anchor) : NULL,
        .values = 1,
        .height = 1};
    return NULL;
}

static error *read_key(loader *l, const yaml_event_t *event, level *open) {
    span key = span_make((const char *)event->data.scalar.value, event->data.scalar.length);
    if (memchr(key.data, '\0', key.len)) return refuse(l, event->start_mark, "a key holds a NUL");
    open->key = xspandup(key);
    open->key_mark = event->start_mark;
    if (!json_object_get(open->value, open->key)) {
        if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && span_is(key, "<<")) {
            open->merges = true;
            open->merge = event->start_mark;
        }
        json_t *text = json_stringn(key.data, key.len);
        error *err = keep_anchor(l, (const char *)event->data.scalar.anchor, text, 1, 0, event->start_mark);
        json_decref(text);
        return err;
    }
    return at_mark(
        error_new(ERROR_CONFLICT, "the key \"%s\" stands here a second time", open->key), l, event->start_mark);
}

static error *read_scalar(loader *l, const yaml_event_t *event) {
    if (event->data.scalar.tag)
        return refuse(l, event->start_mark, "tags (!...) are not supported: quote what shall be text");
    level *open = l->depth ? &l->levels[l->depth - 1] : NULL;
    if (open && json_is_object(open->value) && !open->key) return read_key(l, event, open);
    span text = span_make((const char *)event->data.scalar.value, event->data.scalar.length);
    if (memchr(text.data, '\0', text.len)) return refuse(l, event->start_mark, "a text holds a NUL");
    json_t *value =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_scalar(text) : json_stringn(text.data, text.len);
    size_t before = l->pointer.len;
    /* A document that is only an empty scalar is none: a file of comments, or what follows the last "---". */
    if (!open && json_is_null(value) && text.len == 0) {
        json_decref(value);
        return NULL;
    }
    json_incref(value);
    error *err = place_value(l, value, event->start_mark);
    cut_pointer(l, before);
    if (!err) err = keep_anchor(l, (const char *)event->data.scalar.anchor, value, 1, 0, event->start_mark);
    if (!err) count_values(l, 1, 0);
    json_decref(value);
    return err;
}

static error *take_event(loader *l, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: forget_anchors(l); return NULL;
    case YAML_ALIAS_EVENT: return read_alias(l, event);
    case YAML_SCALAR_EVENT: return read_scalar(l, event);
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.tag) return refuse(l, event->start_mark, "tags (!...) are not supported");
        return open_collection(l, json_array(), event->data.sequence_start.anchor, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.tag) return refuse(l, event->start_mark, "tags (!...) are not supported");
        return open_collection(l, json_object(), event->data.mapping_start.anchor, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_collection(l, event->start_mark);
    default: return NULL;
    }
}

static yaml_mark_t mark_of(span text, size_t offset) {
    yaml_mark_t mark = {.index = offset, .line = 0, .column = 0};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        bool line_ends = text.data[i] == '\n', continues = ((unsigned char)text.data[i] & 0xC0) == 0x80;
        mark.column = line_ends ? 0 : mark.column + !continues;
        mark.line += line_ends;
    }
    return mark;
}

/* "did not find expected key" is all that libyaml says of a tab or a bad indentation; the place says the rest. */
static error *syntax_error(const loader *l) {
    const yaml_parser_t *p = &l->parser;
    yaml_mark_t mark = p->problem_mark;
    /* Bytes that are no text are told by their offset alone. */
    if (p->error == YAML_READER_ERROR) mark = mark_of(l->text, p->problem_offset);
    return at_mark(error_new(ERROR_INVALID, "not valid YAML: %s%s%s", p->context ? p->context : "",
                       p->context ? ", " : "", p->problem ? p->problem : "unknown fault"),
        l, mark);
}

static error *read_events(loader *l) {
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event)) return syntax_error(l);
        more = event.type != YAML_STREAM_END_EVENT;
        error *err = take_event(l, &event);
        yaml_event_delete(&event);
        if (err) return err;
    }
    return NULL;
}

error *yaml_parse(span text, const char *file, json_t **documents, yaml_places **places) {
    *documents = NULL;
    *places = NULL;
    if (text.len > YAML_BYTES_MAX)
        return error_at(error_new(ERROR_LIMIT, "the file is larger than %d MiB", YAML_BYTES_MAX >> 20), "%s", file);
    loader l = {
        .file = file, .text = text, .pointer = BUF_MAX(POINTER_MAX), .documents = json_array(), .anchors = map_new()};
    l.places = xcalloc(1, sizeof *l.places);
    l.places->by_pointer = map_new();
    if (!yaml_parser_initialize(&l.parser)) abort();
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text.data, text.len);
    error *err = read_events(&l);
    for (size_t i = 0; i < YAML_DEPTH_MAX; i++) {
        free(l.levels[i].key);
        free(l.levels[i].anchor);
    }
    map_free(l.anchors, free_anchored);
    yaml_parser_delete(&l.parser);
    buf_free(&l.pointer);
    if (err) {
        json_decref(l.documents);
        yaml_places_free(l.places);
        return err;
    }
    *documents = l.documents;
    *places = l.places;
    return NULL;
}

bool yaml_find_place(const yaml_places *places, const char *pointer, yaml_place *place) {
    span rest = span_of(pointer);
    while (rest.len > 0) {
        const yaml_place *found = map_get(places->by_pointer, rest);
        if (found) {
            *place = *found;
            return true;
        }
        do
            rest.len--;
        while (rest.len > 0 && rest.data[rest.len] != '/');
    }
    return false;
}

void yaml_places_free(yaml_places *places) {
    if (!places) return;
    map_free(places->by_pointer, free);
    free(places);
}

/* ---- writing ---- */

static int append(void *context, unsigned char *bytes, size_t size) {
    buf *out = context;
    buf_add(out, span_make((const char *)bytes, size));
    return !out->overflow;
}

/* Would the text be read back as something else if it stood there plain? */
static bool needs_quotes(span text) {
    json_t *as_plain = plain_scalar(text);
    bool same = json_is_string(as_plain);
    json_decref(as_plain);
    /* YAML 1.1 readers of other people take these for booleans. */
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n", "True", "False", "Yes", "No", "On", "Off",
        "YES", "NO", "ON", "OFF", "TRUE", "FALSE", "Null", "NULL", "<<"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        same = same && !span_is(text, words[i]);
    for (size_t i = 0; same && i < text.len; i++)
        same = (text.data[i] < '0' || text.data[i] > '9') || i > 0;
    return !same;
}

/* `as_is`: a number, true, false or null. */
static void scalar_event(yaml_event_t *event, span text, bool as_is) {
    yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;
    bool plain = as_is || !needs_quotes(text);
    if (!plain) style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (!as_is && memchr(text.data, '\n', text.len)) style = YAML_LITERAL_SCALAR_STYLE;
    yaml_scalar_event_initialize(
        event, NULL, NULL, (const unsigned char *)text.data, (int)text.len, plain, !as_is, style);
}

typedef struct writer {
    yaml_emitter_t emitter;
    bool failed;
} writer;

static void emit(writer *w, yaml_event_t *event) {
    if (!w->failed && !yaml_emitter_emit(&w->emitter, event)) w->failed = true;
}

static void write_leaf(writer *w, const json_t *value) {
    yaml_event_t event;
    if (json_is_string(value)) {
        scalar_event(&event, span_make(json_string_value(value), json_string_length(value)), false);
    } else {
        char *text = json_text(value, false);
        scalar_event(&event, span_of(text), true);
        free(text);
    }
    emit(w, &event);
}

/* One collection that is being written. */
typedef struct writing {
    const json_t *value;
    size_t index;
    void *iterator;
} writing;

static void open_writing(writer *w, writing *at, const json_t *value) {
    yaml_event_t event;
    *at = (writing){.value = value, .index = 0, .iterator = json_object_iter((json_t *)value)};
    if (json_is_object(value))
        yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    else
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
    emit(w, &event);
}

/* The next member or item, its key being written; NULL at the end, the collection being closed. */
static const json_t *next_value(writer *w, writing *at) {
    yaml_event_t event;
    if (json_is_object(at->value) && at->iterator) {
        const char *key = json_object_iter_key(at->iterator);
        const json_t *value = json_object_iter_value(at->iterator);
        scalar_event(&event, span_of(key), false);
        emit(w, &event);
        at->iterator = json_object_iter_next((json_t *)at->value, at->iterator);
        return value;
    }
    if (json_is_array(at->value) && at->index < json_array_size(at->value))
        return json_array_get(at->value, at->index++);
    if (json_is_object(at->value))
        yaml_mapping_end_event_initialize(&event);
    else
        yaml_sequence_end_event_initialize(&event);
    emit(w, &event);
    return NULL;
}

static void write_value(writer *w, const json_t *root) {
    writing stack[JSON_DEPTH_MAX];
    size_t depth = 0;
    const json_t *value = root;
    do {
        if (!json_is_object(value) && !json_is_array(value)) {
            write_leaf(w, value);
        } else if (depth == JSON_DEPTH_MAX) {
            w->failed = true;
        } else {
            open_writing(w, &stack[depth++], value);
        }
        value = NULL;
        while (depth > 0 && !w->failed && !(value = next_value(w, &stack[depth - 1])))
            depth--;
    } while (value && !w->failed);
}

error *yaml_text(const json_t *value, char **text) {
    buf out = BUF_MAX((size_t)YAML_BYTES_MAX * 4);
    writer w = {.failed = false};
    yaml_event_t event;
    if (!yaml_emitter_initialize(&w.emitter)) abort();
    yaml_emitter_set_output(&w.emitter, append, &out);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, 120);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&w, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&w, &event);
    write_value(&w, value);
    yaml_document_end_event_initialize(&event, 1);
    emit(&w, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&w, &event);
    yaml_emitter_delete(&w.emitter);
    if (w.failed) {
        buf_free(&out);
        return error_new(ERROR_LIMIT, "the value is too large or too deep to be written as YAML");
    }
    *text = buf_take(&out, NULL);
    return NULL;
}
