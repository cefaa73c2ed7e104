/* edi/import_un.c: the directories of the United Nations as they are published: EDED, UNCL, EDCD, EDSD and a file a
 * message (ORDERS_D.96A). See import.h.
 *
 * Their layout has changed over the years: positions and change marks (* + # | X) stand before a tag or not, lines are
 * drawn in ASCII or in the characters of code page 437, names go on in the next line. What is read here is what they
 * have in common: a rule begins an entry, a status (M or C) ends the name, a boundary at the right tells the groups.
 */
#include "core/base/memory.h"
#include "edi/import.h"
#include "edi/import_lines.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACES_MAX = 63, LINE_MAX_CHARS = 400, REPEATED_AS_PLACES = 9 };

typedef enum un_kind { UN_ELEMENTS, UN_CODES, UN_COMPOSITES, UN_SEGMENTS, UN_MESSAGE, UN_NONE } un_kind;

/* One line in plain ASCII: drawn lines as - | and +. */
typedef struct un_line {
    char text[LINE_MAX_CHARS];
    size_t len;
} un_line;

typedef struct un_reader {
    const char *name;
    span rest;
    unsigned number;
} un_reader;

/* ---- lines ---- */

/* Code page 437 and 850 draw with 0xB3 to 0xDA: 0xC4 is a dash, 0xB3 a bar, the others are corners and crossings. */
static char plain(unsigned char c) {
    if (c == 0xC4 || c == 0xCD) return '-';
    if (c == 0xB3 || c == 0xBA) return '|';
    if (c >= 0xB4 && c <= 0xDA) return '+';
    return c == '\t' || c >= 0x80 ? ' ' : (char)c;
}

static bool next_line(un_reader *in, un_line *line) {
    span raw;
    if (!span_split(&in->rest, '\n', &raw)) return false;
    in->number++;
    line->len = 0;
    for (size_t i = 0; i < raw.len && line->len < sizeof line->text - 1; i++)
        if (raw.data[i] != '\r') line->text[line->len++] = plain((unsigned char)raw.data[i]);
    while (line->len > 0 && line->text[line->len - 1] == ' ')
        line->len--;
    line->text[line->len] = '\0';
    return true;
}

static bool is_rule(const un_line *line) {
    size_t dashes = 0;
    for (size_t i = 0; i < line->len; i++) {
        if (line->text[i] != '-' && line->text[i] != ' ') return false;
        dashes += line->text[i] == '-';
    }
    return dashes >= 40;
}

static bool is_digits(span text, size_t len) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    return text.len == len;
}

static bool is_composite(span word) {
    return word.len == 4 && (word.data[0] == 'C' || word.data[0] == 'E' || word.data[0] == 'S') &&
           is_digits(span_make(word.data + 1, 3), 3);
}

static bool is_tag(span word) {
    for (size_t i = 0; i < word.len; i++)
        if (word.data[i] < 'A' || word.data[i] > 'Z') return false;
    return word.len == 3;
}

static span next_word(span *rest) {
    while (rest->len > 0 && rest->data[0] == ' ')
        *rest = span_make(rest->data + 1, rest->len - 1);
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ')
        len++;
    span word = span_make(rest->data, len);
    *rest = span_make(rest->data + len, rest->len - len);
    return word;
}

/* Drops a position (010, 00120) and change marks before the tag or number. */
static span behind_marks(span text) {
    for (;;) {
        span rest = text, word = next_word(&rest);
        bool position = word.len >= 3 && word.len <= 5 && is_digits(word, word.len) && rest.len > 0 &&
                        (word.len != 4 || (rest.len > 3 && text.data[0] != ' '));
        bool mark = word.len > 0 && word.len <= 3;
        for (size_t i = 0; i < word.len; i++)
            mark = mark && strchr("*+#|X-", word.data[i]) != NULL;
        if (!position && !mark) return text;
        text = rest;
    }
}

/* ---- "C an..35", "M    1 an..3", "C    5" at the end of a line ---- */

typedef struct status {
    bool found, mandatory;
    unsigned repeat;
    size_t name_len; /* of the text before it */
} status;

static bool is_representation(span word) {
    size_t i = 0;
    if (word.len > 1 && word.data[0] == 'a' && word.data[1] == 'n')
        i = 2;
    else if (word.len > 0 && (word.data[0] == 'a' || word.data[0] == 'n'))
        i = 1;
    if (i == 0) return false;
    if (i + 1 < word.len && word.data[i] == '.' && word.data[i + 1] == '.') i += 2;
    return i < word.len && is_digits(span_make(word.data + i, word.len - i), word.len - i);
}

static status status_of(span text) {
    status s = {.repeat = 1};
    for (size_t i = text.len; i-- > 1;) {
        bool letter = (text.data[i] == 'M' || text.data[i] == 'C') && text.data[i - 1] == ' ' &&
                      (i + 1 == text.len || text.data[i + 1] == ' ');
        if (!letter) continue;
        span rest = span_make(text.data + i + 1, text.len - i - 1), word;
        uint64_t repeat;
        bool fits = true;
        while (fits && (word = next_word(&rest)).len > 0) {
            if (span_to_u64(word, 1, UINT32_MAX, &repeat))
                s.repeat = (unsigned)repeat;
            else
                fits = is_representation(word);
        }
        if (!fits) continue;
        s.found = true;
        s.mandatory = text.data[i] == 'M';
        s.name_len = i;
        return s;
    }
    return s;
}

/* ---- elements and their codes ---- */

typedef struct un_element {
    unsigned number;
    char name[80], representation[16];
    buf codes;
} un_element;

typedef struct un_elements {
    un_element *list;
    size_t count, room;
} un_elements;

static un_element *element_numbered(un_elements *elements, unsigned number) {
    for (size_t i = 0; i < elements->count; i++)
        if (elements->list[i].number == number) return &elements->list[i];
    if (elements->count == elements->room) {
        elements->room = elements->room ? elements->room * 2 : 256;
        elements->list = xreallocarray(elements->list, elements->room, sizeof *elements->list);
    }
    un_element *element = &elements->list[elements->count++];
    *element = (un_element){.number = number, .codes = BUF_MAX(1 << 20)};
    return element;
}

/* "1001  Document name code   [C]": the number and name of an entry. */
static un_element *read_element_head(un_elements *elements, span text) {
    span rest = behind_marks(text), number = next_word(&rest);
    uint64_t value;
    if (!is_digits(number, 4) || !span_to_u64(number, 1, 9999, &value)) return NULL;
    un_element *element = element_numbered(elements, (unsigned)value);
    rest = span_trim(rest);
    const char *use = rest.len ? memchr(rest.data, '[', rest.len) : NULL;
    if (use) rest.len = (size_t)(use - rest.data);
    buf name = BUF_MAX(200);
    import_name(&name, rest);
    if (name.len > 0)
        snprintf(element->name, sizeof element->name, "%.*s", (int)(name.len < 79 ? name.len : 79), name.data);
    buf_free(&name);
    return element;
}

/* "     2     Detail section": a code stands at the fifth column or behind marks, its name at the eleventh. */
static void read_code(un_element *element, const un_line *line) {
    size_t at = 0;
    while (at < line->len && strchr(" *+#|X", line->text[at]))
        at++;
    /* X may be a mark or a code: a code of that letter stands where codes stand */
    if (at > 5 && line->len > 5 && line->text[5] != ' ') at = 5;
    if (at < 4 || at > 7) return;
    span rest = span_make(line->text + at, line->len - at), code = next_word(&rest), name = span_trim(rest);
    size_t blanks = (size_t)(name.data - (code.data + code.len));
    if (code.len == 0 || code.len > 17 || name.len == 0 || at + code.len + blanks < 9) return;
    for (size_t i = 0; i < code.len; i++)
        if (strchr("{}|,\"#", code.data[i])) return;
    buf_printf(&element->codes, "%s%.*s ", element->codes.len ? ", " : "", (int)code.len, code.data);
    import_name(&element->codes, name);
}

static void read_elements(un_reader *in, un_elements *elements, bool codes) {
    un_line line;
    un_element *element = NULL;
    bool begins = false, told = false;
    while (next_line(in, &line)) {
        span text = span_make(line.text, line.len), word = span_trim(text);
        if (is_rule(&line)) {
            begins = true;
            element = NULL;
            continue;
        }
        if (word.len == 0) continue;
        if (begins) {
            element = read_element_head(elements, text);
            begins = told = false;
            continue;
        }
        if (!element) continue;
        if (span_starts(word, SPAN("Repr:"))) {
            word = span_trim(span_make(word.data + 5, word.len - 5));
            span representation = next_word(&word);
            if (is_representation(representation))
                snprintf(element->representation, sizeof element->representation, "%.*s", (int)representation.len,
                    representation.data);
            told = true;
        } else if (codes && told && !span_starts(word, SPAN("Note"))) {
            read_code(element, &line);
        }
    }
}

static void write_elements(const un_elements *elements, buf *out) {
    for (size_t i = 0; i < elements->count; i++) {
        const un_element *element = &elements->list[i];
        if (!element->representation[0]) continue;
        buf_printf(out, "element %u %s %s", element->number, element->representation, element->name);
        if (element->codes.len > 0) buf_printf(out, " {%.*s}", (int)element->codes.len, element->codes.data);
        buf_add_char(out, '\n');
    }
}

/* ---- composites and segments ---- */

/* The text of an element line with what follows of its name in the next lines: until there is a status. */
static span whole_line(un_reader *in, un_line *line, un_line *room) {
    *room = *line;
    for (int more = 0; more < 3 && !status_of(span_make(room->text, room->len)).found; more++) {
        un_reader ahead = *in;
        un_line next;
        if (!next_line(&ahead, &next) || is_rule(&next) || span_trim(span_make(next.text, next.len)).len == 0) break;
        size_t take = next.len < sizeof room->text - room->len - 1 ? next.len : 0;
        memcpy(room->text + room->len, next.text, take);
        room->len += take;
        room->text[room->len] = '\0';
        *in = ahead;
    }
    return span_make(room->text, room->len);
}

static void write_place(span number, const status *s, size_t *places, buf *out) {
    unsigned times = s->repeat > 1 && s->repeat <= REPEATED_AS_PLACES ? s->repeat : 1;
    for (unsigned i = 0; i < times && *places < PLACES_MAX; i++, ++*places) {
        buf_printf(out, " | %.*s%s", (int)number.len, number.data, s->mandatory && i == 0 ? "!" : "");
        if (s->repeat > REPEATED_AS_PLACES) buf_printf(out, "*%u", s->repeat);
    }
}

/* Entries between rules: a head (C002 or ADR with its name), then its places. Components below a composite of a segment
 * are those of the composite: they stand without a blank line and are passed over. */
static error *read_entries(un_reader *in, bool segments, buf *out) {
    un_line line, room;
    bool begins = false, inside = false, passed = false;
    size_t places = 0, entries = 0;
    while (next_line(in, &line)) {
        span text = span_make(line.text, line.len);
        if (is_rule(&line) || span_trim(text).len == 0) {
            begins |= is_rule(&line);
            passed = false;
            continue;
        }
        span rest = behind_marks(text), word = next_word(&rest);
        if (begins) {
            begins = false;
            if (inside) buf_add_char(out, '\n');
            inside = segments ? is_tag(word) && rest.len > 0 : is_composite(word);
            places = 0;
            entries += inside;
            if (!inside) continue;
            buf_printf(out, "%s %.*s ", segments ? "segment" : "composite", (int)word.len, word.data);
            import_name(out, rest);
            continue;
        }
        bool composite = is_composite(word);
        if (!inside || passed || !(composite || is_digits(word, 4))) continue;
        text = whole_line(in, &line, &room);
        status s = status_of(text);
        if (!s.found) continue;
        rest = behind_marks(text);
        write_place(next_word(&rest), &s, &places, out);
        passed = segments && composite;
    }
    if (inside) buf_add_char(out, '\n');
    if (entries > 0) return NULL;
    return error_at(
        error_new(ERROR_INVALID, "%s: no %s is defined in it", in->name, segments ? "segment" : "composite"), "%s",
        in->name);
}

/* ---- messages ---- */

/* The boundary at the right of a line of the segment table: how many groups end with it; *len is what stands before. */
static unsigned ends_of(const un_line *line, size_t *len) {
    unsigned ends = 0;
    size_t at = line->len;
    while (at > 0 && strchr("-+| ", line->text[at - 1])) {
        ends += line->text[at - 1] == '+';
        at--;
    }
    *len = at;
    return ends;
}

static error *read_table(un_reader *in, import_lines *lines, bool *interactive) {
    un_line line;
    unsigned depth = 0;
    bool fresh = false;
    while (next_line(in, &line)) {
        size_t len;
        unsigned ends = ends_of(&line, &len);
        span text = span_make(line.text, len);
        status s = status_of(text);
        const char *group = strstr(line.text, "- Segment group ");
        if (!group) group = strstr(line.text, "- Group ");
        if (!s.found || len == 0) continue;
        if (group) {
            span behind = span_of(strchr(group + 2, ' ')), number = {NULL, 0};
            while (behind.len > 0 && !is_digits(number, number.len ? number.len : 1))
                number = next_word(&behind);
            if (depth == IMPORT_DEPTH_MAX) break;
            import_line *loop = import_add(lines, depth++);
            loop->loop = fresh = true;
            loop->min = s.mandatory;
            loop->max = s.repeat;
            snprintf(loop->name, sizeof loop->name, "group%.*s", (int)(number.len < 5 ? number.len : 5), number.data);
            continue;
        }
        span rest = behind_marks(text), tag = next_word(&rest);
        if (!is_tag(tag)) continue;
        *interactive = span_is(tag, "UIH");
        if (*interactive) return NULL;
        if (!span_is(tag, "UNH") && !span_is(tag, "UNT")) {
            import_line *one = import_add(lines, depth);
            snprintf(one->tag, sizeof one->tag, "%.*s", (int)tag.len, tag.data);
            one->min = fresh ? 1 : s.mandatory;
            one->max = fresh ? 1 : s.repeat;
            for (size_t i = lines->count - 1; fresh && i-- > 0;) { /* the loop that it begins */
                if (!lines->list[i].loop || lines->list[i].depth != depth - 1) continue;
                memcpy(lines->list[i].tag, one->tag, sizeof one->tag);
                break;
            }
            fresh = false;
        }
        if (ends > depth)
            return error_at(
                error_new(ERROR_INVALID, "%s:%u: more groups end here than have begun", in->name, in->number), "%s:%u",
                in->name, in->number);
        depth -= ends;
        if (span_is(tag, "UNT")) break;
    }
    return depth == 0
               ? NULL
               : error_at(error_new(ERROR_INVALID, "%s: a segment group does not end", in->name), "%s", in->name);
}

/* The last mention of a segment table is the table; those before it are in the contents. */
static bool find_table(un_reader *in) {
    un_reader at = *in, found = {.rest = {NULL, 0}};
    un_line line;
    while (next_line(&at, &line))
        if (strstr(line.text, "Segment table") || strstr(line.text, "SEGMENT TABLE")) found = at;
    if (!found.rest.data) return false;
    *in = found;
    return true;
}

static error *read_message(un_reader *in, const char *version, buf *out) {
    import_lines lines = {.list = NULL};
    size_t type = strcspn(in->name, "_.");
    if (!find_table(in))
        return error_at(error_new(ERROR_INVALID, "%s: it has no segment table", in->name), "%s", in->name);
    bool interactive = false;
    error *err = read_table(in, &lines, &interactive);
    if (!err && interactive) {
        buf_printf(out, "\n# %.*s is an interactive message and was left out.\n", (int)type, in->name);
        return NULL;
    }
    size_t merged = err ? 0 : import_merge(&lines);
    if (!err && lines.count == 0)
        err = error_at(error_new(ERROR_INVALID, "%s: the segment table is empty", in->name), "%s", in->name);
    if (!err) {
        buf_printf(out, "\nschema EDIFACT %s %.*s \"%.*s\" checked \"imported from the UN directory %s\"\n", version,
            (int)type, in->name, (int)type, in->name, version);
        if (merged) buf_printf(out, "# %zu groups that begin alike are one here, wide enough for all.\n", merged);
        import_write(&lines, out);
    }
    import_lines_free(&lines);
    return err;
}

/* ---- a directory ---- */

static un_kind kind_of(const char *name) {
    static const struct {
        const char *prefix;
        un_kind kind;
    } kinds[] = {{"EDED", UN_ELEMENTS}, {"TRED", UN_ELEMENTS}, {"IDED", UN_ELEMENTS}, {"UNCL", UN_CODES},
        {"EDCD", UN_COMPOSITES}, {"TRCD", UN_COMPOSITES}, {"EDSD", UN_SEGMENTS}, {"TRSD", UN_SEGMENTS}};
    const char *dot = strrchr(name, '.');
    char upper[8] = "";
    for (size_t i = 0; i < 4 && name[i]; i++)
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    if (!dot || strlen(dot) != 4) return UN_NONE;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t stem = (size_t)(dot - name);
        bool index = stem > 5 && (name[4] == 'I' || name[4] == 'i'); /* EDSDI1: an index */
        if (strcmp(upper, kinds[i].prefix) == 0) return index ? UN_NONE : kinds[i].kind;
    }
    return strchr(name, '_') ? UN_MESSAGE : UN_NONE;
}

static error *read_file(const import_file *file, un_kind kind, const char *version, un_elements *elements, buf *out) {
    un_reader in = {.name = file->name, .rest = file->text};
    switch (kind) {
    case UN_ELEMENTS: read_elements(&in, elements, false); return NULL;
    case UN_CODES: read_elements(&in, elements, true); return NULL;
    case UN_COMPOSITES: return read_entries(&in, false, out);
    case UN_SEGMENTS: return read_entries(&in, true, out);
    case UN_MESSAGE: return read_message(&in, version, out);
    case UN_NONE: break;
    }
    return NULL;
}

error *import_un(const import_file *files, size_t count, buf *out) {
    un_elements elements = {.list = NULL};
    char version[8] = "";
    bool dictionary = false;
    error *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        const char *dot = strrchr(files[i].name, '.');
        un_kind kind = kind_of(files[i].name);
        char own[8];
        if (kind == UN_NONE) {
            err = error_new(ERROR_INVALID,
                "%s: neither EDED, UNCL, EDCD, EDSD nor a message such as ORDERS_D.96A by its name", files[i].name);
            continue;
        }
        snprintf(own, sizeof own, "D%.3s", dot + 1);
        for (char *c = own; *c; c++)
            if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
        if (version[0] && strcmp(version, own) != 0)
            err = error_new(ERROR_INVALID, "%s is of another directory than the files before: %s, not %s",
                files[i].name, own, version);
        memcpy(version, own, sizeof version);
        dictionary |= kind != UN_MESSAGE;
    }
    if (!err)
        buf_printf(out, "# Imported from the UN directory %s, whose copyright the United Nations hold.\n", version);
    if (!err && dictionary)
        buf_printf(out,
            "release EDIFACT %s from %s \"UN/EDIFACT directory %s\" checked \"imported from the UN directory\"\n\n",
            version, version, version);
    static const un_kind order[] = {UN_ELEMENTS, UN_CODES, UN_COMPOSITES, UN_SEGMENTS, UN_MESSAGE};
    for (size_t k = 0; k < sizeof order / sizeof order[0] && !err; k++) {
        for (size_t i = 0; i < count && !err; i++)
            if (kind_of(files[i].name) == order[k]) err = read_file(&files[i], order[k], version, &elements, out);
        if (order[k] == UN_CODES && !err) write_elements(&elements, out);
    }
    for (size_t i = 0; i < elements.count; i++)
        buf_free(&elements.list[i].codes);
    free(elements.list);
    return err ? err : buf_check(out, "the imported definitions");
}
