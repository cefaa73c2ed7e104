/* edi/json_read.c: JSON to EDI. See json.h.
 *
 * The JSON tree is bounded by core/base/json.h (depth, duplicate keys); this walks it once and writes. What was noted
 * beside a segment is honoured only while it still fits its elements, so that a script may edit those and leave the
 * rest.
 */
#include "core/base/base64.h"
#include "core/base/json.h"
#include "edi/json.h"

#include <stdio.h>

enum { PATH_SIZE = 400, STEPS_MAX = 2 * JSON_DEPTH_MAX, OUTPUT_SEGMENT_MAX = 512 << 20 };

typedef struct step {
    const char *key; /* NULL: the index */
    size_t index;
} step;

typedef struct json_reader {
    buf *out;
    edi_delimiters d;
    bool latin1;
    span suffix;
    step steps[STEPS_MAX]; /* to the value in hand */
    size_t depth;
    char path[PATH_SIZE];
    buf scratch, canonical;
    uint64_t segments, documents, contents; /* of the level in hand, for its trailer */
} json_reader;

/* Where in the JSON we are is kept as steps, and written as a path only for an error. */
static size_t enter(json_reader *r, const char *key, size_t index, bool by_index) {
    size_t before = r->depth;
    if (r->depth < STEPS_MAX) r->steps[r->depth++] = (step){.key = by_index ? NULL : key, .index = index};
    return before;
}

static void leave(json_reader *r, size_t before) {
    r->depth = before;
}

static const char *path_of(json_reader *r) {
    size_t len = 0;
    snprintf(r->path, sizeof r->path, "/");
    for (size_t i = 0; i < r->depth && len + 1 < sizeof r->path; i++) {
        const step *s = &r->steps[i];
        int more = s->key ? snprintf(r->path + len, sizeof r->path - len, "/%s", s->key)
                          : snprintf(r->path + len, sizeof r->path - len, "/%zu", s->index);
        len += (size_t)more;
    }
    return r->path;
}

#define FAIL(r, ...) error_at(error_new(ERROR_INVALID, __VA_ARGS__), "%s", path_of(r))

/* --------------------------------------------------------------------------------------------------------------- texts
 */

/* The bytes of a JSON string in the interchange's charset. */
static error *add_text(json_reader *r, buf *out, const json_t *value) {
    if (!json_is_string(value)) return FAIL(r, "a text is expected here");
    const unsigned char *text = (const unsigned char *)json_string_value(value);
    size_t len = json_string_length(value);
    if (!r->latin1) {
        buf_add(out, span_make((const char *)text, len));
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x80) {
            buf_add_char(out, (char)text[i]);
        } else if ((text[i] == 0xC2 || text[i] == 0xC3) && i + 1 < len) {
            buf_add_char(out, (char)((text[i] & 3) << 6 | (text[i + 1] & 0x3F)));
            i++;
        } else {
            return FAIL(r, "a character that Latin-1, the charset of this interchange, has not got");
        }
    }
    return NULL;
}

static error *add_base64(json_reader *r, buf *out, const json_t *object) {
    const json_t *value = json_object_get(object, "base64");
    if (!json_is_string(value)) return FAIL(r, "octets are an object with a member \"base64\"");
    span text = span_make(json_string_value(value), json_string_length(value));
    return base64_read(text, out) ? NULL : FAIL(r, "no base64");
}

/* A value with its delimiters released, or refused where there is no release character. */
static error *add_value(json_reader *r, const json_t *value) {
    buf_clear(&r->scratch);
    error *err = add_text(r, &r->scratch, value);
    if (err) return err;
    span text = buf_span(&r->scratch);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (edi_is_delimiter(&r->d, c)) {
            if (!r->d.release)
                return FAIL(r, "\"%c\" is a delimiter of this interchange and cannot stand in a value", c);
            buf_add_char(r->out, r->d.release);
        }
        buf_add_char(r->out, c);
    }
    return NULL;
}

static error *add_components(json_reader *r, const json_t *value) {
    if (!json_is_array(value)) return add_value(r, value);
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(value) && !err; i++) {
        size_t before = enter(r, NULL, i, true);
        if (i > 0) {
            if (!r->d.component) return FAIL(r, "there is no component separator");
            buf_add_char(r->out, r->d.component);
        }
        err = add_value(r, json_array_get(value, i));
        if (!err) leave(r, before);
    }
    return err;
}

static error *add_element(json_reader *r, const json_t *value) {
    if (!json_is_object(value)) return add_components(r, value);
    if (json_object_get(value, "base64")) return add_base64(r, r->out, value);
    const json_t *repeated = json_object_get(value, "repeat");
    error *err = NULL;
    if (!json_is_array(repeated) || json_object_size(value) != 1)
        return FAIL(r, "an element is a text, an array of components, or {\"repeat\": [..]}");
    for (size_t i = 0; i < json_array_size(repeated) && !err; i++) {
        size_t before = enter(r, NULL, i, true);
        if (i > 0) {
            if (!r->d.repetition) return FAIL(r, "there is no repetition separator");
            buf_add_char(r->out, r->d.repetition);
        }
        err = add_components(r, json_array_get(repeated, i));
        if (!err) leave(r, before);
    }
    return err;
}

/* ------------------------------------------------------------------------------------------------------------ segments
 */

/* What the writer would have made of these raw bytes: no line breaks, release characters only where they are needed. */
static void canonicalise(json_reader *r, span raw, buf *out) {
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (edi_is_break(c) && !edi_is_delimiter(&r->d, c)) continue;
        if (r->d.release && c == r->d.release && i + 1 < raw.len) {
            c = raw.data[++i];
            if (edi_is_delimiter(&r->d, c)) buf_add_char(out, r->d.release);
        }
        buf_add_char(out, c);
    }
}

/* The member that is the segment itself: the one whose name does not begin with "_". */
static error *find_tag(json_reader *r, const json_t *object, const char **tag, json_t **elements) {
    const char *key;
    json_t *value;
    *tag = NULL;
    if (!json_is_object(object)) return FAIL(r, "a segment is an object such as {\"REF\": [..]}");
    json_object_foreach((json_t *)object, key, value) {
        if (key[0] == '_') {
            static const char *const known[] = {"_raw", "_after", "_object", "_terminated"};
            bool found = false;
            for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
                found |= strcmp(key, known[i]) == 0;
            if (!found) return FAIL(r, "unknown member \"%s\"", key);
            continue;
        }
        if (*tag) return FAIL(r, "one segment has one tag: \"%s\" and \"%s\"", *tag, key);
        *tag = key;
        *elements = value;
    }
    if (!*tag) return FAIL(r, "a segment without tag");
    return NULL;
}

static bool is_loop_name(const char *key) {
    for (; *key; key++) {
        if (*key >= 'a' && *key <= 'z') return true;
    }
    return false;
}

static error *write_segment(json_reader *r, const json_t *object) {
    const char *tag = NULL;
    json_t *elements = NULL;
    error *err = find_tag(r, object, &tag, &elements);
    if (err || !tag) return err;
    size_t outer = enter(r, tag, 0, false), start = r->out->len;
    bool isa = strcmp(tag, "ISA") == 0 && r->d.standard == EDI_X12;
    if (!json_is_array(elements)) return FAIL(r, "the elements of a segment are an array");
    for (const char *c = tag; *c; c++) {
        bool nesting = c > tag && *c == r->d.component && r->d.standard == EDI_EDIFACT;
        if (!edi_is_alphanumeric(*c) && !nesting) return FAIL(r, "\"%s\" is no segment tag", tag);
    }
    buf_add_text(r->out, tag);
    for (size_t i = 0; i < json_array_size(elements) && !err; i++) {
        const json_t *element = json_array_get(elements, i);
        size_t before = enter(r, NULL, i, true);
        buf_add_char(r->out, i == 0 ? r->d.tag : r->d.element);
        err = isa ? add_text(r, r->out, element) : add_element(r, element);
        if (!err) leave(r, before);
    }
    if (err) return err;
    const json_t *raw = json_object_get(object, "_raw");
    if (raw) {
        buf_clear(&r->scratch);
        buf_clear(&r->canonical);
        if ((err = add_text(r, &r->scratch, raw))) return err;
        canonicalise(r, buf_span(&r->scratch), &r->canonical);
        span written = span_make(r->out->data + start, r->out->len - start);
        if (span_equal(written, buf_span(&r->canonical))) {
            r->out->len = start;
            buf_add(r->out, buf_span(&r->scratch));
        }
    }
    const json_t *terminated = json_object_get(object, "_terminated"), *octets = json_object_get(object, "_object");
    const json_t *after = json_object_get(object, "_after");
    if (!json_is_false(terminated)) buf_add_char(r->out, r->d.terminator);
    if (octets) {
        err = add_base64(r, r->out, octets);
    } else if (after) {
        err = add_text(r, r->out, after);
    } else if (!json_is_false(terminated)) {
        buf_add(r->out, r->suffix);
    }
    r->segments++;
    if (!err) leave(r, outer);
    return err ? err : buf_check(r->out, "the interchange");
}

/* The list of a document or loop: segments, and loops under a lower-case name. Depth is bounded by the JSON's. */
static error *write_list(json_reader *r, const json_t *list) {
    error *err = NULL;
    if (!json_is_array(list)) return FAIL(r, "an array of segments is expected");
    for (size_t i = 0; i < json_array_size(list) && !err; i++) {
        const json_t *one = json_array_get(list, i);
        size_t before = enter(r, NULL, i, true);
        const char *name = json_is_object(one) && json_object_size(one) == 1
                               ? json_object_iter_key(json_object_iter((json_t *)one))
                               : "";
        if (is_loop_name(name)) {
            const json_t *loops = json_object_get(one, name);
            size_t inner = enter(r, name, 0, false);
            if (!json_is_array(loops)) return FAIL(r, "a loop is an array of its occurrences");
            for (size_t k = 0; k < json_array_size(loops) && !err; k++) {
                size_t each = enter(r, NULL, k, true);
                err = write_list(r, json_array_get(loops, k));
                if (!err) leave(r, each);
            }
            if (!err) leave(r, inner);
        } else {
            err = write_segment(r, one);
        }
        if (!err) leave(r, before);
    }
    return err;
}

/* -------------------------------------------------------------------------------------------------------------- levels
 */

static error *known_members(json_reader *r, const json_t *object, const char *const *names) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return FAIL(r, "an object is expected");
    json_object_foreach((json_t *)object, key, value) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i]) return FAIL(r, "unknown member \"%s\"", key);
    }
    return NULL;
}

/* The trailer as given, or the one that follows from what was written: the reference is that of the header. */
static error *write_trailer(json_reader *r, const json_t *object, const char *tag, unsigned reference, uint64_t count) {
    const json_t *trailer = json_object_get(object, "trailer"), *header = json_object_get(object, "header");
    if (trailer) {
        size_t before = enter(r, "trailer", 0, false);
        error *err = write_segment(r, trailer);
        if (!err) leave(r, before);
        return err;
    }
    const char *header_tag = NULL;
    json_t *elements = NULL;
    error *err = find_tag(r, header, &header_tag, &elements);
    if (err) return err;
    buf_printf(r->out, "%s%c%llu", tag, r->d.tag, (unsigned long long)count);
    if (reference) {
        const json_t *value = json_array_get(elements, reference - 1);
        if (!value) return FAIL(r, "%s%02u, which %s repeats, is missing", header_tag, reference, tag);
        buf_add_char(r->out, r->d.element);
        err = add_element(r, value);
    }
    buf_add_char(r->out, r->d.terminator);
    buf_add(r->out, r->suffix);
    return err;
}

static error *write_header(json_reader *r, const json_t *object) {
    const json_t *header = json_object_get(object, "header");
    if (!header) return FAIL(r, "\"header\" is missing");
    size_t before = enter(r, "header", 0, false);
    error *err = write_segment(r, header);
    if (!err) leave(r, before);
    return err;
}

static error *write_document(json_reader *r, const json_t *object) {
    static const char *const members[] = {"type", "version", "header", "segments", "trailer", NULL};
    static const char *const trailers[] = {"", "SE", "UNT", "MTR"};
    static const unsigned references[] = {0, 2, 1, 0};
    error *err = known_members(r, object, members);
    r->segments = 0;
    if (!err) err = write_header(r, object);
    if (err) return err;
    size_t before = enter(r, "segments", 0, false);
    err = write_list(r, json_object_get(object, "segments"));
    if (err) return err;
    leave(r, before);
    return write_trailer(r, object, trailers[r->d.standard], references[r->d.standard], r->segments + 1);
}

static error *write_group(json_reader *r, const json_t *object) {
    static const char *const members[] = {"header", "documents", "trailer", NULL};
    static const char *const trailers[] = {"", "GE", "UNE", "EOB"};
    static const unsigned references[] = {0, 6, 5, 0};
    const json_t *documents = json_object_get(object, "documents");
    error *err = known_members(r, object, members);
    if (!err) err = write_header(r, object);
    if (!err && !json_is_array(documents)) err = FAIL(r, "\"documents\" is an array");
    uint64_t count = 0; /* documents and packages */
    for (size_t i = 0; !err && i < json_array_size(documents); i++) {
        const json_t *one = json_array_get(documents, i);
        count += json_object_get(one, "segments") || json_object_get(one, "UNO");
        size_t before = enter(r, "documents", 0, false);
        enter(r, NULL, i, true);
        err = json_object_get(one, "segments") ? write_document(r, one) : write_segment(r, one);
        if (!err) leave(r, before);
    }
    if (err) return err;
    return write_trailer(r, object, trailers[r->d.standard], references[r->d.standard], count);
}

static error *read_delimiter(json_reader *r, const json_t *object, const char *name, char *delimiter) {
    const json_t *value = json_object_get(object, name);
    if (!value) {
        *delimiter = 0;
        return NULL;
    }
    if (!json_is_string(value) || json_string_length(value) != 1)
        return FAIL(r, "the %s delimiter is one character", name);
    *delimiter = json_string_value(value)[0];
    return NULL;
}

static error *read_delimiters(json_reader *r, const json_t *interchange) {
    static const char *const members[] = {
        "element", "component", "repetition", "release", "terminator", "suffix", "una", NULL};
    const json_t *object = json_object_get(interchange, "delimiters");
    error *err = NULL;
    r->suffix = span_make("", 0);
    if (!object) return NULL;
    size_t before = enter(r, "delimiters", 0, false);
    err = known_members(r, object, members);
    if (!err) err = read_delimiter(r, object, "element", &r->d.element);
    if (!err) err = read_delimiter(r, object, "component", &r->d.component);
    if (!err) err = read_delimiter(r, object, "repetition", &r->d.repetition);
    if (!err) err = read_delimiter(r, object, "release", &r->d.release);
    if (!err) err = read_delimiter(r, object, "terminator", &r->d.terminator);
    if (!err && (!r->d.element || !r->d.terminator)) err = FAIL(r, "\"element\" and \"terminator\" are needed");
    if (err) return err;
    if (r->d.standard != EDI_TRADACOMS) r->d.tag = r->d.element;
    const json_t *suffix = json_object_get(object, "suffix"), *una = json_object_get(object, "una");
    if (suffix && !json_is_string(suffix)) return FAIL(r, "\"suffix\" is a text");
    if (suffix) r->suffix = span_make(json_string_value(suffix), json_string_length(suffix));
    if (una) err = add_text(r, r->out, una);
    if (!err) leave(r, before);
    return err;
}

static error *write_interchange(json_reader *r, const json_t *object) {
    static const char *const members[] = {
        "before", "standard", "charset", "delimiters", "header", "content", "trailer", NULL};
    static const char *const trailers[] = {"", "IEA", "UNZ", "END"};
    static const unsigned references[] = {0, 13, 5, 0};
    error *err = known_members(r, object, members);
    if (err) return err;
    edi_standard standard = edi_standard_named(json_get_span(object, "standard"));
    const json_t *before = json_object_get(object, "before"), *content = json_object_get(object, "content");
    if (standard == EDI_NONE) return FAIL(r, "\"standard\" is X12, EDIFACT or TRADACOMS");
    r->d = edi_delimiters_default(standard);
    r->latin1 = strcmp(json_get_text(object, "charset", ""), "latin-1") == 0;
    if (before) err = add_text(r, r->out, before);
    if (!err) err = read_delimiters(r, object);
    if (!err) err = write_header(r, object);
    if (!err && !json_is_array(content)) err = FAIL(r, "\"content\" is an array");
    uint64_t count = 0; /* groups, documents and packages */
    for (size_t i = 0; !err && i < json_array_size(content); i++) {
        const json_t *one = json_array_get(content, i);
        size_t outer = enter(r, "content", 0, false);
        enter(r, NULL, i, true);
        if (json_object_get(one, "documents")) {
            count++;
            err = write_group(r, one);
        } else if (json_object_get(one, "segments")) {
            count++;
            err = write_document(r, one);
        } else {
            count += json_object_get(one, "UNO") != NULL;
            err = write_segment(r, one);
        }
        if (!err) leave(r, outer);
    }
    if (err) return err;
    return write_trailer(r, object, trailers[standard], references[standard], count);
}

error *edi_from_json(span json, buf *out) {
    static const char *const members[] = {"interchanges", "after", NULL};
    json_reader r = {.out = out, .scratch = BUF_MAX(OUTPUT_SEGMENT_MAX), .canonical = BUF_MAX(OUTPUT_SEGMENT_MAX)};
    json_t *root = NULL;
    error *err = json_parse(json, &root);
    if (!err) err = known_members(&r, root, members);
    const json_t *interchanges = err ? NULL : json_object_get(root, "interchanges");
    if (!err && !json_is_array(interchanges)) err = FAIL(&r, "\"interchanges\" is an array");
    for (size_t i = 0; !err && i < json_array_size(interchanges); i++) {
        size_t before = enter(&r, "interchanges", 0, false);
        enter(&r, NULL, i, true);
        err = write_interchange(&r, json_array_get(interchanges, i));
        if (!err) leave(&r, before);
    }
    const json_t *after = err ? NULL : json_object_get(root, "after");
    if (after) err = add_text(&r, out, after);
    if (!err) err = buf_check(out, "the file");
    json_decref(root);
    buf_free(&r.scratch);
    buf_free(&r.canonical);
    return err;
}
