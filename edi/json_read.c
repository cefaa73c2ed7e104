/* edi/json_read.c: JSON to EDI. See json.h.
 *
 * The text becomes a tape (json_tape.h); this walks it once and writes. What was noted beside a segment is honoured
 * only while it still fits its elements, so that a script may edit those and leave the rest. A node of 0 is no value:
 * the root is nobody's member.
 */
#include "core/base/base64.h"
#include "edi/json_reader.h"

#include <stdio.h>

enum { OUTPUT_SEGMENT_MAX = 512 << 20 };

const char *json_reader_path(json_reader *r) {
    size_t len = 0;
    snprintf(r->path, sizeof r->path, "/");
    for (size_t i = 0; i < r->depth && len + 1 < sizeof r->path; i++) {
        const step *s = &r->steps[i];
        int more = s->key.data ? snprintf(r->path + len, sizeof r->path - len, "/%.*s",
                                     (int)(s->key.len < 80 ? s->key.len : 80), s->key.data)
                               : snprintf(r->path + len, sizeof r->path - len, "/%zu", s->index);
        len += (size_t)more;
    }
    return r->path;
}

/* --------------------------------------------------------------------------------------------------------------- texts
 */

static bool is_text(const json_reader *r, node value) {
    return value && json_tape_is_text(r->tape, value);
}

static node after(const json_reader *r, node value) {
    return json_tape_next(r->tape, value);
}

/* A text decoded into the scratch buffer, unless it stands as it is. */
static span text_of(json_reader *r, node value) {
    if (json_tape_kind(r->tape, value) == JSON_KIND_TEXT) return json_tape_raw(r->tape, value);
    buf_clear(&r->scratch);
    json_tape_decode(r->tape, value, &r->scratch);
    return buf_span(&r->scratch);
}

/* The bytes of a JSON string in the interchange's charset. */
error *json_reader_add_text(json_reader *r, buf *out, node value) {
    if (!is_text(r, value)) return FAIL(r, "a text is expected here");
    span bytes = text_of(r, value);
    const unsigned char *text = (const unsigned char *)bytes.data;
    size_t len = bytes.len;
    if (!r->latin1) {
        buf_add(out, bytes);
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

static error *add_base64(json_reader *r, buf *out, node object) {
    node value = member(r, object, "base64");
    if (!is_text(r, value)) return FAIL(r, "octets are an object with a member \"base64\"");
    return base64_read(text_of(r, value), out) ? NULL : FAIL(r, "no base64");
}

/* A text with nothing in it to look at: copied as it stands. Most values are. */
static bool add_plain(json_reader *r, node value) {
    if (json_tape_kind(r->tape, value) != JSON_KIND_TEXT) return false;
    span raw = json_tape_raw(r->tape, value);
    char *room = buf_reserve(r->out, raw.len);
    if (!room) return false;
    bool special = false;
    for (size_t i = 0; i < raw.len; i++) {
        special |= r->special[(unsigned char)raw.data[i]];
        room[i] = raw.data[i];
    }
    if (!special) r->out->len += raw.len;
    return !special;
}

/* A value with its delimiters released, or refused where there is no release character. */
static error *add_value(json_reader *r, node value) {
    if (add_plain(r, value)) return NULL;
    buf_clear(&r->canonical);
    error *err = json_reader_add_text(r, &r->canonical, value);
    if (err) return err;
    span text = buf_span(&r->canonical);
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

static void add_byte(json_reader *r, char c) {
    char *room = buf_reserve(r->out, 1);
    if (!room) return;
    *room = c;
    r->out->len++;
}

static error *add_components(json_reader *r, node value) {
    if (!is(r, value, JSON_KIND_ARRAY)) return add_value(r, value);
    error *err = NULL;
    size_t i = 0;
    for (node one = value + 1, end = after(r, value); one < end && !err; one = after(r, one), i++) {
        size_t before = enter_index(r, i);
        if (i > 0) {
            if (!r->d.component) return FAIL(r, "there is no component separator");
            add_byte(r, r->d.component);
        }
        err = add_value(r, one);
        if (!err) leave(r, before);
    }
    return err;
}

static error *add_element(json_reader *r, node value) {
    if (!is(r, value, JSON_KIND_OBJECT)) return add_components(r, value);
    if (member(r, value, "base64")) return add_base64(r, r->out, value);
    node repeated = member(r, value, "repeat");
    error *err = NULL;
    size_t i = 0;
    if (!is(r, repeated, JSON_KIND_ARRAY) || r->tape->nodes[value].len != 1)
        return FAIL(r, "an element is a text, an array of components, or {\"repeat\": [..]}");
    for (node one = repeated + 1, end = after(r, repeated); one < end && !err; one = after(r, one), i++) {
        size_t before = enter_index(r, i);
        if (i > 0) {
            if (!r->d.repetition) return FAIL(r, "there is no repetition separator");
            add_byte(r, r->d.repetition);
        }
        err = add_components(r, one);
        if (!err) leave(r, before);
    }
    return err;
}

/* ------------------------------------------------------------------------------------------------------------ segments
 */

/* What the writer would have made of these raw bytes: no line breaks, release characters only where they are needed. In
 * ISA a line break is none of its own even where it ends segments. */
static void canonicalise(json_reader *r, span raw, buf *out) {
    bool isa = r->d.standard == EDI_X12 && span_starts(raw, SPAN("ISA"));
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (edi_is_break(c) && (isa || !edi_is_delimiter(&r->d, c))) continue;
        if (r->d.release && c == r->d.release && i + 1 < raw.len) {
            do /* a line break between the two is none of theirs, see edi_decode */
                c = raw.data[++i];
            while (edi_is_break(c) && i + 1 < raw.len);
            if (edi_is_delimiter(&r->d, c)) buf_add_char(out, r->d.release);
        }
        buf_add_char(out, c);
    }
}

/* A segment's members: the one that is the segment itself, whose name does not begin with "_", and what stands beside.
 */
typedef struct members {
    span tag;
    node elements, raw, after, object, terminated;
} members;

static error *find_members(json_reader *r, node object, members *found) {
    *found = (members){.tag = {NULL, 0}};
    if (!is(r, object, JSON_KIND_OBJECT)) return FAIL(r, "a segment is an object such as {\"REF\": [..]}");
    const struct {
        const char *name;
        node *value;
    } known[] = {{"_raw", &found->raw}, {"_after", &found->after}, {"_object", &found->object},
        {"_terminated", &found->terminated}};
    for (node key = object + 1, end = after(r, object); key < end; key = after(r, key + 1)) {
        span name = json_tape_raw(r->tape, key);
        if (name.len == 0 || name.data[0] != '_') {
            if (found->tag.data)
                return FAIL(r, "one segment has one tag: \"%.*s\" and \"%.*s\"", (int)found->tag.len, found->tag.data,
                    (int)(name.len < 40 ? name.len : 40), name.data);
            found->tag = name;
            found->elements = key + 1;
            continue;
        }
        size_t i = 0, count = sizeof known / sizeof known[0];
        while (i < count && !span_is(name, known[i].name))
            i++;
        if (i == count) return FAIL(r, "unknown member \"%.*s\"", (int)(name.len < 40 ? name.len : 40), name.data);
        if (*known[i].value) return FAIL(r, "the member \"%s\" stands twice", known[i].name);
        *known[i].value = key + 1;
    }
    if (!found->tag.data) return FAIL(r, "a segment without tag");
    return NULL;
}

bool edi_json_tag(const edi_delimiters *d, span tag) {
    bool nesting = false;
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.data[i];
        nesting |= i > 0 && c == d->component && d->standard == EDI_EDIFACT;
        if (edi_is_alphanumeric(c) || (nesting && c == d->component)) continue;
        if (!nesting || c <= ' ' || c > '~' || c == '"' || c == '\\' || edi_is_delimiter(d, c)) return false;
    }
    return true;
}

/* The bytes that were read before, when they still say what was written from `start` on. */
static error *prefer_raw(json_reader *r, node raw, size_t start) {
    buf bytes = BUF_MAX(OUTPUT_SEGMENT_MAX);
    error *err = json_reader_add_text(r, &bytes, raw);
    buf_clear(&r->canonical);
    canonicalise(r, buf_span(&bytes), &r->canonical);
    span written = span_make(r->out->data + start, r->out->len - start);
    if (!err && span_equal(written, buf_span(&r->canonical))) {
        r->out->len = start;
        buf_add(r->out, buf_span(&bytes));
    }
    buf_free(&bytes);
    return err;
}

static error *write_elements(json_reader *r, const members *m) {
    bool isa = span_is(m->tag, "ISA") && r->d.standard == EDI_X12;
    error *err = NULL;
    size_t i = 0;
    buf_add(r->out, m->tag);
    for (node one = m->elements + 1, end = after(r, m->elements); one < end && !err; one = after(r, one), i++) {
        add_byte(r, i == 0 ? r->d.tag : r->d.element);
        if (!isa && add_plain(r, one)) continue;
        size_t before = enter_index(r, i);
        err = isa ? json_reader_add_text(r, r->out, one) : add_element(r, one);
        if (!err) leave(r, before);
    }
    return err;
}

error *json_reader_segment(json_reader *r, node object) {
    members m;
    error *err = find_members(r, object, &m);
    if (err) return err;
    size_t outer = enter_span(r, m.tag, 0), start = r->out->len;
    if (!is(r, m.elements, JSON_KIND_ARRAY)) return FAIL(r, "the elements of a segment are an array");
    if (!edi_json_tag(&r->d, m.tag)) return FAIL(r, "\"%.*s\" is no segment tag", (int)m.tag.len, m.tag.data);
    err = write_elements(r, &m);
    if (!err && m.raw) err = prefer_raw(r, m.raw, start);
    if (err) return err;
    bool terminated = !is(r, m.terminated, JSON_KIND_FALSE);
    if (terminated) add_byte(r, r->d.terminator);
    if (m.object)
        err = add_base64(r, r->out, m.object);
    else if (m.after)
        err = json_reader_add_text(r, r->out, m.after);
    else if (terminated)
        buf_add(r->out, r->suffix);
    r->segments++;
    if (!err) leave(r, outer);
    return err ? err : buf_check(r->out, "the interchange");
}

/* The list of a document or loop: segments, and loops under a lower-case name. Depth is bounded by the JSON's. */
static error *write_list(json_reader *r, node list) {
    error *err = NULL;
    size_t i = 0;
    if (!is(r, list, JSON_KIND_ARRAY)) return FAIL(r, "an array of segments is expected");
    for (node one = list + 1, end = after(r, list); one < end && !err; one = after(r, one), i++) {
        size_t before = enter_index(r, i);
        size_t named = is(r, one, JSON_KIND_OBJECT) ? r->tape->nodes[one].len : 0;
        span name = named > 0 ? json_tape_raw(r->tape, one + 1) : span_make("", 0);
        if (is_loop_name(name)) {
            node loops = one + 2;
            size_t inner = enter_span(r, name, 0), k = 0;
            if (!is(r, loops, JSON_KIND_ARRAY)) return FAIL(r, "a loop is an array of its occurrences");
            for (node each = loops + 1, last = after(r, loops); each < last && !err; each = after(r, each), k++) {
                size_t entered = enter_index(r, k);
                err = write_list(r, each);
                if (!err) leave(r, entered);
            }
            if (!err) leave(r, inner);
            if (!err && named > 1) err = FAIL(r, "a loop stands alone in its object");
        } else {
            err = json_reader_segment(r, one);
        }
        if (!err) leave(r, before);
    }
    return err;
}

/* -------------------------------------------------------------------------------------------------------------- levels
 */

/* Every name is one of these, and stands once. */
error *json_reader_known(json_reader *r, node object, const char *const *names) {
    uint64_t seen = 0;
    if (!is(r, object, JSON_KIND_OBJECT) && object != 0) return FAIL(r, "an object is expected");
    if (json_tape_kind(r->tape, object) != JSON_KIND_OBJECT) return FAIL(r, "an object is expected");
    for (node key = object + 1, end = after(r, object); key < end; key = after(r, key + 1)) {
        span name = json_tape_raw(r->tape, key);
        size_t i = 0;
        while (names[i] && !span_is(name, names[i]))
            i++;
        int shown = (int)(name.len < 40 ? name.len : 40);
        if (!names[i]) return FAIL(r, "unknown member \"%.*s\"", shown, name.data);
        if (seen >> i & 1) return FAIL(r, "the member \"%.*s\" stands twice", shown, name.data);
        seen |= UINT64_C(1) << i;
    }
    return NULL;
}

static node item(const json_reader *r, node array, size_t index) {
    for (node one = array + 1, end = after(r, array); one < end; one = after(r, one)) {
        if (index-- == 0) return one;
    }
    return 0;
}

/* The trailer as given, or the one that follows from what was written: the reference is that of the header. */
static error *write_trailer(json_reader *r, node object, const char *tag, unsigned reference, uint64_t count) {
    node trailer = member(r, object, "trailer"), header = member(r, object, "header");
    members m;
    if (trailer) {
        size_t before = enter(r, "trailer");
        error *err = json_reader_segment(r, trailer);
        if (!err) leave(r, before);
        return err;
    }
    error *err = find_members(r, header, &m);
    if (err) return err;
    buf_printf(r->out, "%s%c%llu", tag, r->d.tag, (unsigned long long)count);
    if (reference) {
        node value = is(r, m.elements, JSON_KIND_ARRAY) ? item(r, m.elements, reference - 1) : 0;
        if (!value)
            return FAIL(r, "%.*s%02u, which %s repeats, is missing", (int)m.tag.len, m.tag.data, reference, tag);
        buf_add_char(r->out, r->d.element);
        err = add_element(r, value);
    }
    buf_add_char(r->out, r->d.terminator);
    buf_add(r->out, r->suffix);
    return err;
}

error *json_reader_header(json_reader *r, node object) {
    node header = member(r, object, "header");
    if (!header) return FAIL(r, "\"header\" is missing");
    size_t before = enter(r, "header");
    error *err = json_reader_segment(r, header);
    if (!err) leave(r, before);
    return err;
}

const char *const json_document_members[] = {"type", "version", "header", "segments", "trailer", NULL};

error *json_reader_end_document(json_reader *r, node object) {
    static const char *const trailers[] = {"", "SE", "UNT", "MTR"};
    static const unsigned references[] = {0, 2, 1, 0};
    return write_trailer(r, object, trailers[r->d.standard], references[r->d.standard], r->segments + 1);
}

static error *write_document(json_reader *r, node object) {
    error *err = json_reader_known(r, object, json_document_members);
    r->segments = 0;
    if (!err) err = json_reader_header(r, object);
    if (err) return err;
    size_t before = enter(r, "segments");
    err = write_list(r, member(r, object, "segments"));
    if (err) return err;
    leave(r, before);
    return json_reader_end_document(r, object);
}

const char *const json_group_members[] = {"header", "documents", "trailer", NULL};

error *json_reader_end_group(json_reader *r, node object, uint64_t count) {
    static const char *const trailers[] = {"", "GE", "UNE", "EOB"};
    static const unsigned references[] = {0, 6, 5, 0};
    return write_trailer(r, object, trailers[r->d.standard], references[r->d.standard], count);
}

static error *write_group(json_reader *r, node object) {
    node documents = member(r, object, "documents");
    error *err = json_reader_known(r, object, json_group_members);
    if (!err) err = json_reader_header(r, object);
    if (!err && !is(r, documents, JSON_KIND_ARRAY)) err = FAIL(r, "\"documents\" is an array");
    if (err) return err;
    uint64_t count = 0; /* documents and packages */
    size_t i = 0;
    for (node one = documents + 1, end = after(r, documents); one < end && !err; one = after(r, one), i++) {
        bool document = member(r, one, "segments") != 0;
        count += document || member(r, one, "UNO");
        size_t before = enter(r, "documents");
        enter_index(r, i);
        err = document ? write_document(r, one) : json_reader_segment(r, one);
        if (!err) leave(r, before);
    }
    if (err) return err;
    return json_reader_end_group(r, object, count);
}

static error *read_delimiter(json_reader *r, node object, const char *name, char *delimiter) {
    node value = member(r, object, name);
    *delimiter = 0;
    if (!value) return NULL;
    span text = is_text(r, value) ? text_of(r, value) : span_make("", 0);
    if (text.len != 1) return FAIL(r, "the %s delimiter is one character", name);
    *delimiter = text.data[0];
    return NULL;
}

static error *read_delimiters(json_reader *r, node interchange) {
    static const char *const names[] = {
        "element", "component", "repetition", "release", "terminator", "suffix", "una", NULL};
    node object = member(r, interchange, "delimiters");
    buf_clear(&r->suffix_bytes);
    r->suffix = span_make("", 0);
    if (!object) return NULL;
    size_t before = enter(r, "delimiters");
    error *err = json_reader_known(r, object, names);
    if (!err) err = read_delimiter(r, object, "element", &r->d.element);
    if (!err) err = read_delimiter(r, object, "component", &r->d.component);
    if (!err) err = read_delimiter(r, object, "repetition", &r->d.repetition);
    if (!err) err = read_delimiter(r, object, "release", &r->d.release);
    if (!err) err = read_delimiter(r, object, "terminator", &r->d.terminator);
    if (!err && (!r->d.element || !r->d.terminator)) err = FAIL(r, "\"element\" and \"terminator\" are needed");
    if (err) return err;
    if (r->d.standard != EDI_TRADACOMS) r->d.tag = r->d.element;
    node suffix = member(r, object, "suffix"), una = member(r, object, "una");
    if (suffix && !is_text(r, suffix)) return FAIL(r, "\"suffix\" is a text");
    if (suffix) json_tape_decode(r->tape, suffix, &r->suffix_bytes);
    r->suffix = buf_span(&r->suffix_bytes);
    if (una) err = json_reader_add_text(r, r->out, una);
    if (!err) leave(r, before);
    return err;
}

/* What add_plain may not copy unseen. */
static void mark_special(json_reader *r) {
    json_segment_look_back(&r->look, &r->d);
    json_quotes_begin(&r->quotes, &r->look, &r->d, r->suffix, r->walk.end);
    for (unsigned i = 0; i < 256; i++)
        r->special[i] = edi_is_delimiter(&r->d, (char)i) || (r->latin1 && i >= 0x80);
}

static error *write_content(json_reader *r, node one, uint64_t *count) {
    if (member(r, one, "documents")) {
        ++*count;
        return write_group(r, one);
    }
    if (member(r, one, "segments")) {
        ++*count;
        return write_document(r, one);
    }
    *count += member(r, one, "UNO") != 0;
    return json_reader_segment(r, one);
}

const char *const json_interchange_members[] = {
    "before", "standard", "charset", "delimiters", "header", "content", "trailer", NULL};

/* What stands before the content. */
error *json_reader_begin_interchange(json_reader *r, node object) {
    node before = member(r, object, "before");
    node named = member(r, object, "standard"), charset = member(r, object, "charset");
    edi_standard standard = is_text(r, named) ? edi_standard_named(text_of(r, named)) : EDI_NONE;
    if (standard == EDI_NONE) return FAIL(r, "\"standard\" is X12, EDIFACT or TRADACOMS");
    r->d = edi_delimiters_default(standard);
    r->latin1 = is_text(r, charset) && span_is(text_of(r, charset), "latin-1");
    error *err = before ? json_reader_add_text(r, r->out, before) : NULL;
    if (!err) err = read_delimiters(r, object);
    mark_special(r);
    return err ? err : json_reader_header(r, object);
}

error *json_reader_end_interchange(json_reader *r, node object, uint64_t count) {
    static const char *const trailers[] = {"", "IEA", "UNZ", "END"};
    static const unsigned references[] = {0, 13, 5, 0};
    return write_trailer(r, object, trailers[r->d.standard], references[r->d.standard], count);
}

static error *write_interchange(json_reader *r, node object) {
    error *err = json_reader_known(r, object, json_interchange_members);
    if (err) return err;
    node content = member(r, object, "content");
    err = json_reader_begin_interchange(r, object);
    if (!err && !is(r, content, JSON_KIND_ARRAY)) err = FAIL(r, "\"content\" is an array");
    if (err) return err;
    uint64_t count = 0; /* groups, documents and packages */
    size_t i = 0;
    for (node one = content + 1, end = after(r, content); one < end && !err; one = after(r, one), i++) {
        size_t outer = enter(r, "content");
        enter_index(r, i);
        err = write_content(r, one, &count);
        if (!err) leave(r, outer);
    }
    if (err) return err;
    return json_reader_end_interchange(r, object, count);
}

const char *const json_file_members[] = {"interchanges", "after", NULL};

static error *write_file(json_reader *r) {
    error *err = json_reader_known(r, 0, json_file_members);
    node interchanges = err ? 0 : member(r, 0, "interchanges");
    if (!err && !is(r, interchanges, JSON_KIND_ARRAY)) err = FAIL(r, "\"interchanges\" is an array");
    if (err) return err;
    size_t i = 0;
    for (node one = interchanges + 1, end = after(r, interchanges); one < end && !err; one = after(r, one), i++) {
        size_t before = enter(r, "interchanges");
        enter_index(r, i);
        err = write_interchange(r, one);
        if (!err) leave(r, before);
    }
    node behind = err ? 0 : member(r, 0, "after");
    if (behind) err = json_reader_add_text(r, r->out, behind);
    return err ? err : buf_check(r->out, "the file");
}

static error *read_with_tape(json_reader *r, span json) {
    json_tape_free(&r->tapes[FILE_TAPE]); /* a walk may have used it */
    error *err = json_tape_read(json, &r->tapes[FILE_TAPE]);
    r->tape = &r->tapes[FILE_TAPE];
    if (!err) err = write_file(r);
    return err;
}

/* One walk that reads, judges and writes. It says only that something is wrong, or in another order than it can read:
 * the text is looked at then for what that is. */
static error *walk_through(json_reader *r, span json) {
    json_look look = {.passed = r->options->passed, .context = r->options->passed_context};
    if (!json_is_utf8(json, &look)) return error_new(ERROR_INVALID, "not UTF-8");
    return json_walk_file(r, json);
}

/* To a buffer that is given up when anything is wrong. */
static error *read_at_once(json_reader *r, span json) {
    size_t before = r->out->len;
    error *err = walk_through(r, json);
    if (!err) return NULL;
    error_free(err);
    r->depth = 0;
    r->out->len = before;
    r->out->overflow = false;
    return read_with_tape(r, json);
}

static error *read_all(json_reader *r, span json) {
    error *err = read_with_tape(r, json);
    return err ? err : json_walk_pass_on(r, true);
}

/* The output is held back as long as there is little of it, so that nothing gets out of a text that is wrong, and its
 * members may come in any order. */
static error *read_walking(json_reader *r, span json) {
    if (r->options->thorough) return read_all(r, json);
    error *err = walk_through(r, json);
    if (!err) return NULL;
    json_look look = {.passed = r->options->passed, .context = r->options->passed_context};
    error *malformed = json_tape_look(json, &look);
    if (!malformed && look.ordered) return err;
    error_free(err);
    if (malformed) return malformed;
    if (r->passed_on)
        return error_new(ERROR_LIMIT,
            "a JSON for more than %u bytes of EDI needs the members of each object in their usual order: header, "
            "segments or documents, trailer",
            JSON_HOLD_MAX);
    r->depth = 0;
    buf_clear(r->out);
    return read_all(r, json);
}

static const edi_text_options no_options = {.passed = NULL};

static error *from_json(span json, const edi_text_options *options, buf *out, edi_sink sink, void *context) {
    json_reader r = {.out = out,
        .enough = JSON_FLUSH_AT,
        .options = options ? options : &no_options,
        .sink = sink,
        .sink_context = context,
        .scratch = BUF_MAX(OUTPUT_SEGMENT_MAX),
        .canonical = BUF_MAX(OUTPUT_SEGMENT_MAX),
        .suffix_bytes = BUF_MAX(OUTPUT_SEGMENT_MAX)};
    error *err = sink ? read_walking(&r, json) : read_at_once(&r, json);
    for (size_t i = 0; i < TAPES; i++)
        json_tape_free(&r.tapes[i]);
    json_quotes_free(&r.quotes);
    buf_free(&r.scratch);
    buf_free(&r.canonical);
    buf_free(&r.suffix_bytes);
    return err;
}

error *edi_from_json(span json, buf *out) {
    buf_expect(out, json.len); /* no more, but for odd suffixes; pages that stay empty cost nothing */
    error *err = from_json(json, NULL, out, NULL, NULL);
    if (out->data) buf_grew(out, 0); /* the terminator */
    return err;
}

error *edi_from_json_to(span json, const edi_text_options *options, edi_sink sink, void *context) {
    buf out = BUF_MAX(OUTPUT_SEGMENT_MAX);
    error *err = from_json(json, options, &out, sink, context);
    buf_free(&out);
    return err;
}
