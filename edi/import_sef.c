/* edi/import_sef.c: SEF files. See import.h; the format is the Standard Exchange Format 1.6, §.INI to §.CODES.
 *
 *   .INI   NAME,,004 010,X,X12-4010,Title
 *   .SETS  850=^[ST,M][BEG,M]{:25[SAC][CUR]}+100[REF,,>1]^…       ^ tables, {id:max …} loops, +n positions
 *   .SEGS  N1=[98,M][93][66;1:2][67]+R0203P0304                   {3[235][234]} stands three times
 *   .COMS  C001=[355,M][1018]   .ELMS  93=AN,1,60   .CODES  98=BT,D1:D6,ST%…   D1:D6 a range, % sets of codes for
 * places
 *
 * Lines may break anywhere, also behind a mark or a point: only the names of sections begin one.
 * A mark before a name says how it is used: . not used, ! must be used, $ - & others. Masks (*1) and what hangs on them
 * are not read: what they narrow stays as wide as the standard has it.
 */
#include "core/base/memory.h"
#include "edi/import.h"
#include "edi/import_lines.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_MAX = 100000, CODE_SIZE = 24, CODES_MAX = 20000 };

typedef struct record {
    span name, text;
    unsigned line;
} record;

typedef struct records {
    record *list;
    size_t count, room;
} records;

enum { SETS, SEGS, COMS, ELMS, CODES, SECTION_COUNT, OTHER = SECTION_COUNT };

typedef struct sef {
    const char *name;
    records sections[SECTION_COUNT];
    char version[24], title[80];
    bool edifact;
    buf joined; /* records that went over several lines, one after the other */
    size_t merged;
} sef;

bool import_is_sef(span text) {
    text = span_trim(text);
    return span_starts(text, SPAN(".VER")) || span_starts(text, SPAN(".INI"));
}

static error *complain(const sef *s, unsigned line, const char *what, span near) {
    int shown = (int)(near.len < 40 ? near.len : 40);
    return error_at(error_new(ERROR_INVALID, "%s:%u: %s%s%.*s", s->name, line, what, shown ? ", at " : "", shown,
                        shown ? near.data : ""),
        "%s:%u", s->name, line);
}

/* ---- sections and records ---- */

static int section_named(span line) {
    static const char *const names[SECTION_COUNT] = {".SETS", ".SEGS", ".COMS", ".ELMS", ".CODES"};
    for (int i = 0; i < SECTION_COUNT; i++)
        if (span_is(line, names[i])) return i;
    return OTHER;
}

/* ".SETS", ".TEXT,SEGS": not what a broken line may begin with, ".PER,,3]". */
static bool is_heading(span line) {
    static const char *const names[] = {"VER", "INI", "PRIVATE", "PUBLIC", "STD", "SETS", "SEGS", "COMS", "ELMS",
        "CODES", "VALREFS", "VALLISTS", "SEMREFS", "OBJVARS", "TEXT", "DATE", "CTL", "TDVER"};
    if (line.len < 2 || line.data[0] != '.') return false;
    size_t len = 1;
    while (len < line.len && line.data[len] >= 'A' && line.data[len] <= 'Z')
        len++;
    char behind = len < line.len ? line.data[len] : ' ';
    span name = span_make(line.data + 1, len - 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_is(name, names[i])) return behind == ' ' || (behind == ',' && span_is(name, "TEXT"));
    return false;
}

/* "850=" begins a record: up to twelve letters and digits. */
static size_t record_name(span line) {
    size_t len = 0;
    while (len < line.len && len < 12 &&
           ((line.data[len] >= '0' && line.data[len] <= '9') || (line.data[len] >= 'A' && line.data[len] <= 'Z') ||
               line.data[len] == '_'))
        len++;
    return len > 0 && len < line.len && line.data[len] == '=' ? len : 0;
}

static void read_ini(sef *s, span line) {
    span rest = line, field;
    size_t len = 0;
    for (int i = 0; span_split(&rest, ',', &field); i++) {
        if (i == 2) {
            for (size_t k = 0; k < field.len && len < sizeof s->version - 1; k++)
                if (field.data[k] > ' ') s->version[len++] = field.data[k];
        }
        if (i == 3) s->edifact = span_is(span_trim(field), "UN");
        if (i == 4) break;
    }
    rest = span_trim(rest);
    snprintf(s->title, sizeof s->title, "%.*s", (int)(rest.len < 60 ? rest.len : 60), rest.data ? rest.data : "");
    for (char *c = s->title; *c; c++)
        if (*c == '"') *c = '\'';
}

/* Lines that begin no record belong to the one above. The texts are kept in `joined`, which does not grow while they
 * are in use: it has room for the whole file. */
static error *read_records(sef *s, span text) {
    span line;
    int section = OTHER;
    unsigned number = 0;
    bool private = false, ini = false;
    s->joined = BUF_MAX(text.len + 2);
    buf_reserve(&s->joined, text.len + 1);
    while (span_split(&text, '\n', &line)) {
        number++;
        line = span_trim(line);
        bool mask = line.len > 1 && line.data[1] >= '0' && line.data[1] <= '9'; /* "*1]" of a line that was broken */
        if (line.len == 0 || (line.data[0] == '*' && !mask)) continue;
        if (is_heading(line)) {
            private = span_starts(line, SPAN(".PRIVATE")) || (private && !span_starts(line, SPAN(".PUBLIC")));
            ini = span_is(line, ".INI");
            section = private ? OTHER : section_named(line);
            continue;
        }
        if (ini) read_ini(s, line);
        ini = false;
        if (section == OTHER || private) continue;
        records *r = &s->sections[section];
        size_t named = record_name(line);
        if (!named && r->count == 0) return complain(s, number, "a record such as 850=… is expected here", line);
        if (named) {
            if (r->count == RECORDS_MAX) return complain(s, number, "too many records", line);
            if (r->count == r->room) {
                r->room = r->room ? r->room * 2 : 256;
                r->list = xreallocarray(r->list, r->room, sizeof *r->list);
            }
            r->list[r->count++] = (record){.name = span_make(line.data, named), .line = number};
            line = span_make(line.data + named + 1, line.len - named - 1);
            r->list[r->count - 1].text = span_make(s->joined.data + s->joined.len, 0);
        }
        r->list[r->count - 1].text.len += line.len;
        buf_add(&s->joined, line);
    }
    return NULL;
}

static const record *find(const records *r, span name) {
    for (size_t i = 0; i < r->count; i++)
        if (span_equal(r->list[i].name, name)) return &r->list[i];
    return NULL;
}

/* ---- what stands in brackets ---- */

typedef struct bracket {
    char mark; /* 0: none */
    span name;
    span lengths; /* "2:30" behind a semicolon */
    bool mandatory;
    unsigned max; /* 1 when nothing is said */
} bracket;

static unsigned number_of(span text, unsigned otherwise) {
    uint64_t value;
    text = span_trim(text);
    if (text.len > 0 && text.data[0] == '>') return IMPORT_ANY;
    return span_to_u64(text, 0, IMPORT_ANY, &value) ? (unsigned)value : otherwise;
}

/* "[.N1*2@3;1:2,M,>1]"; *rest moves behind it. */
static bool read_bracket(span *rest, bracket *b) {
    const char *end = rest->len && rest->data[0] == '[' ? memchr(rest->data, ']', rest->len) : NULL;
    if (!end) return false;
    span inside = span_make(rest->data + 1, (size_t)(end - rest->data) - 1), field;
    *rest = span_make(end + 1, rest->len - (size_t)(end - rest->data) - 1);
    *b = (bracket){.max = 1};
    if (inside.len > 0 && strchr(".!$-&", inside.data[0])) {
        b->mark = inside.data[0];
        inside = span_make(inside.data + 1, inside.len - 1);
    }
    if (!span_split(&inside, ',', &field)) return false;
    size_t len = 0;
    while (len < field.len && !strchr("*@;", field.data[len]))
        len++;
    b->name = span_trim(span_make(field.data, len));
    const char *lengths = memchr(field.data, ';', field.len);
    if (lengths) b->lengths = span_make(lengths + 1, field.len - (size_t)(lengths - field.data) - 1);
    if (span_split(&inside, ',', &field)) b->mandatory = span_is(span_trim(field), "M");
    if (span_split(&inside, ',', &field)) b->max = number_of(field, 1);
    if (b->mark == '!') b->mandatory = true;
    if (b->mark == '.') b->mandatory = false;
    return b->name.len > 0;
}

/* ---- elements, composites, segments ---- */

static void write_type(const sef *s, span text, span lengths, buf *out) {
    span type = {0}, min = {0}, max = {0}, rest = text;
    if (span_split(&rest, ',', &type) && span_split(&rest, ',', &min)) span_split(&rest, ',', &max);
    rest = lengths;
    if (lengths.len > 0 && span_split(&rest, ':', &min)) max = rest.data ? rest : min;
    unsigned low = number_of(min, 1), high = number_of(max, low > 1 ? low : 99999);
    type = span_trim(type);
    if (high < low) high = low;
    bool numeric = type.len == 2 && type.data[0] == 'N' && type.data[1] >= '0' && type.data[1] <= '9';
    if (s->edifact)
        buf_add_text(out, span_is(type, "A") ? "a" : span_is(type, "N") || span_is(type, "R") ? "n" : "an");
    else if (span_is(type, "N") || numeric)
        buf_printf(out, "N%c:", numeric ? type.data[1] : '0');
    else if (span_is(type, "ID") || span_is(type, "DT") || span_is(type, "TM") || span_is(type, "R") ||
             span_is(type, "B"))
        buf_add(out, type);
    else
        buf_add_text(out, "AN");
    buf_printf(out, "%u-%u", low, high);
}

typedef struct code_list {
    char (*list)[CODE_SIZE];
    size_t count;
} code_list;

static void add_code(code_list *codes, span code) {
    if (code.len == 0 || code.len >= CODE_SIZE || codes->count == CODES_MAX) return;
    for (size_t k = 0; k < code.len; k++)
        if ((unsigned char)code.data[k] <= ' ' || strchr("{}|,\"#", code.data[k])) return;
    snprintf(codes->list[codes->count++], CODE_SIZE, "%.*s", (int)code.len, code.data);
}

/* "10:17", "D1:D6", "A:H": numbers of one width, or all but the last character the same. False: it is no range. */
static bool add_range(code_list *codes, span from, span to) {
    uint64_t first, last;
    char text[CODE_SIZE + 24];
    if (from.len != to.len || from.len == 0 || from.len >= CODE_SIZE) return false;
    if (span_to_u64(from, 0, UINT64_MAX, &first) && span_to_u64(to, first, first + CODES_MAX, &last)) {
        for (; first <= last; first++) {
            snprintf(text, sizeof text, "%0*llu", (int)from.len, (unsigned long long)first);
            add_code(codes, span_of(text));
        }
        return true;
    }
    size_t same = from.len - 1;
    char low = from.data[same], high = to.data[same];
    bool digits = low >= '0' && high <= '9', letters = low >= 'A' && high <= 'Z';
    if (memcmp(from.data, to.data, same) != 0 || low > high || !(digits || letters)) return false;
    snprintf(text, sizeof text, "%.*s", (int)from.len, from.data);
    for (char c = low; c <= high; c++) {
        text[same] = c;
        add_code(codes, span_of(text));
    }
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void read_codes(span text, code_list *codes) {
    const char *sets = text.len ? memchr(text.data, '%', text.len) : NULL;
    span rest = sets ? span_make(text.data, (size_t)(sets - text.data)) : text, code;
    codes->count = 0;
    while (span_split(&rest, ',', &code)) {
        code = span_trim(code);
        if (code.len > 0 && code.data[0] == '.') continue; /* not used */
        while (code.len > 0 && strchr("!$-&+", code.data[0]))
            code = span_make(code.data + 1, code.len - 1);
        const char *colon = code.len ? memchr(code.data, ':', code.len) : NULL;
        span from = colon ? span_make(code.data, (size_t)(colon - code.data)) : code;
        if (!colon || !add_range(codes, from, span_make(colon + 1, code.len - from.len - 1))) add_code(codes, code);
    }
    qsort(codes->list, codes->count, CODE_SIZE, by_text);
}

static void write_codes(const code_list *codes, buf *out) {
    size_t written = 0;
    for (size_t i = 0; i < codes->count; i++)
        if (i == 0 || strcmp(codes->list[i], codes->list[i - 1]) != 0)
            buf_printf(out, "%s%s", written++ ? ", " : " {", codes->list[i]);
    if (written) buf_add_char(out, '}');
}

static void write_elements(const sef *s, buf *out) {
    code_list found = {.list = xcalloc(CODES_MAX, CODE_SIZE)};
    for (size_t i = 0; i < s->sections[ELMS].count; i++) {
        const record *element = &s->sections[ELMS].list[i];
        const record *codes = find(&s->sections[CODES], element->name);
        uint64_t number;
        if (!span_to_u64(element->name, 1, 99999, &number)) continue;
        buf_printf(out, "element %u ", (unsigned)number);
        write_type(s, element->text, (span){NULL, 0}, out);
        if (codes) read_codes(codes->text, &found);
        if (codes) write_codes(&found, out);
        buf_add_char(out, '\n');
    }
    free(found.list);
}

static error *write_places(const sef *s, const record *of, span *rest, buf *out, int depth);

static void write_place(const sef *s, const bracket *b, buf *out) {
    uint64_t number;
    const record *element = find(&s->sections[ELMS], b->name);
    bool known = element || find(&s->sections[COMS], b->name);
    buf_add_text(out, " | ");
    if (!known)
        buf_add_text(out, s->edifact ? "an..99999" : "AN1-99999");
    else if (element && (b->lengths.len > 0 || !span_to_u64(b->name, 1, 99999, &number))) /* I28 has no number */
        write_type(s, element->text, b->lengths, out);
    else if (element)
        buf_printf(out, "%u", (unsigned)number);
    else
        buf_add(out, b->name);
    if (b->mandatory) buf_add_char(out, '!');
    if (b->max > 1) buf_printf(out, b->max >= IMPORT_ANY ? "*" : "*%u", b->max);
    if (b->mark == '.') buf_add_text(out, " unused");
}

/* "{3[235][234]}": the brackets inside stand three times, one after the other. */
static error *write_repeated(const sef *s, const record *of, span *rest, buf *out, int depth) {
    const char *start = rest->data + 1;
    unsigned times = 0;
    *rest = span_make(start, rest->len - 1);
    while (rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
        times = times * 10 + (unsigned)(rest->data[0] - '0');
        if (times > 63) return complain(s, of->line, "a group of elements stands too often", of->name);
        *rest = span_make(rest->data + 1, rest->len - 1);
    }
    span inside = *rest;
    for (unsigned i = 0; i < (times ? times : 1); i++) {
        *rest = inside;
        error *err = write_places(s, of, rest, out, depth + 1);
        if (err) return err;
        if (rest->len == 0 || rest->data[0] != '}') return complain(s, of->line, "} is missing", of->name);
    }
    *rest = span_make(rest->data + 1, rest->len - 1);
    return NULL;
}

static error *write_places(const sef *s, const record *of, span *rest, buf *out, int depth) {
    bracket b;
    while (rest->len > 0) {
        if (rest->data[0] == '{' && depth < 4) {
            error *err = write_repeated(s, of, rest, out, depth);
            if (err) return err;
        } else if (rest->data[0] == '[') {
            if (!read_bracket(rest, &b)) return complain(s, of->line, "brackets that cannot be read", *rest);
            write_place(s, &b, out);
        } else {
            break;
        }
    }
    return NULL;
}

/* "+P0304C0203": notes of X12; those of EDIFACT are written otherwise and are left out. */
static void write_notes(span rest, buf *out) {
    size_t written = 0;
    if (rest.len == 0 || rest.data[0] != '+') return;
    for (size_t i = 1; i < rest.len;) {
        size_t end = i + 1;
        if (!strchr("PRECL", rest.data[i])) return;
        while (end < rest.len && rest.data[end] >= '0' && rest.data[end] <= '9')
            end++;
        size_t digits = end - i - 1;
        if (digits < 4 || digits % 2) return;
        buf_printf(out, "%s%.*s", written++ ? " " : " | note ", (int)(end - i), rest.data + i);
        i = end;
    }
}

static error *write_dictionary(const sef *s, int section, const char *word, buf *out) {
    error *err = NULL;
    for (size_t i = 0; i < s->sections[section].count && !err; i++) {
        const record *one = &s->sections[section].list[i];
        span rest = one->text;
        if (section == SEGS && (one->name.len < 2 || one->name.len > 3)) continue;
        buf_printf(out, "%s %.*s", word, (int)one->name.len, one->name.data);
        err = write_places(s, one, &rest, out, 0);
        write_notes(rest, out);
        buf_add_char(out, '\n');
    }
    return err;
}

/* ---- sets ---- */

static bool is_service(const sef *s, span tag) {
    return s->edifact ? span_is(tag, "UNH") || span_is(tag, "UNT") : span_is(tag, "ST") || span_is(tag, "SE");
}

/* "{id:max+10": the head of a loop. */
static void read_loop_head(span *rest, span *id, unsigned *max) {
    size_t len = 0, colon = 0;
    *rest = span_make(rest->data + 1, rest->len - 1);
    while (len < rest->len && !strchr("[{}+-", rest->data[len]))
        len++;
    span head = span_make(rest->data, len);
    while (colon < head.len && head.data[colon] != ':')
        colon++;
    *id = span_make(head.data, colon);
    while (id->len > 0 && strchr(".!$-&", id->data[0]))
        *id = span_make(id->data + 1, id->len - 1);
    *max = colon < head.len ? number_of(span_make(head.data + colon + 1, head.len - colon - 1), 1) : 1;
    *rest = span_make(rest->data + len, rest->len - len);
}

static error *read_set(const sef *s, const record *set, import_lines *lines) {
    size_t open[IMPORT_DEPTH_MAX];
    unsigned depth = 0;
    bool fresh = false; /* a loop has begun, its trigger comes next */
    span rest = set->text;
    while (rest.len > 0) {
        char c = rest.data[0];
        bracket b;
        if (c == '{') {
            span id;
            unsigned max;
            if (fresh || depth == IMPORT_DEPTH_MAX) return complain(s, set->line, "a loop begins with a segment", rest);
            read_loop_head(&rest, &id, &max);
            open[depth] = lines->count;
            import_line *loop = import_add(lines, depth++);
            loop->loop = fresh = true;
            loop->max = max;
            snprintf(loop->name, sizeof loop->name, "%.*s", (int)(id.len < 15 ? id.len : 15), id.data ? id.data : "");
        } else if (c == '[') {
            if (!read_bracket(&rest, &b)) return complain(s, set->line, "brackets that cannot be read", rest);
            if (is_service(s, b.name) || b.name.len > 3) continue;
            if (b.mark == '.' && !fresh) continue; /* not used: it may not stand here */
            import_line *line = import_add(lines, depth);
            snprintf(line->tag, sizeof line->tag, "%.*s", (int)b.name.len, b.name.data);
            line->min = fresh || b.mandatory ? 1 : 0;
            line->max = fresh ? 1 : b.max;
            if (fresh) {
                import_line *loop = &lines->list[open[depth - 1]];
                memcpy(loop->tag, line->tag, sizeof loop->tag);
                loop->min = b.mandatory ? 1 : 0;
                loop->max = b.mark == '.' ? 0 : loop->max;
                if (strcmp(loop->name, loop->tag) == 0) loop->name[0] = '\0';
            }
            fresh = false;
        } else if (c == '}') {
            if (depth == 0 || fresh) return complain(s, set->line, "} without its loop", rest);
            depth--;
            if (lines->list[open[depth]].max == 0) lines->count = open[depth]; /* not used, with all below it */
            rest = span_make(rest.data + 1, rest.len - 1);
        } else { /* ^ begins a table, +n and -n say positions */
            rest = span_make(rest.data + 1, rest.len - 1);
        }
    }
    return depth ? complain(s, set->line, "a loop does not end", set->name) : NULL;
}

static error *write_sets(sef *s, buf *out) {
    error *err = NULL;
    for (size_t i = 0; i < s->sections[SETS].count && !err; i++) {
        const record *set = &s->sections[SETS].list[i];
        import_lines lines = {.list = NULL};
        err = read_set(s, set, &lines);
        s->merged = import_merge(&lines);
        if (!err && lines.count > 0) {
            buf_printf(out, "\nschema %s %s %.*s \"%s\" checked \"imported from %s\"\n", s->edifact ? "EDIFACT" : "X12",
                s->version, (int)set->name.len, set->name.data, s->title[0] ? s->title : "imported", s->name);
            if (s->merged)
                buf_printf(out, "# %zu loops that the file tells apart by masks are one here, wide enough for all.\n",
                    s->merged);
            import_write(&lines, out);
        }
        import_lines_free(&lines);
    }
    return err;
}

error *import_sef(span text, const char *name, buf *out) {
    sef s = {.name = name};
    error *err = read_records(&s, text);
    if (!err && !s.version[0]) err = complain(&s, 1, "the section .INI with the version is missing", (span){NULL, 0});
    if (!err) {
        const char *standard = s.edifact ? "EDIFACT" : "X12";
        buf_printf(out, "# Imported from the SEF file %s: what it says of elements, segments and sets.\n", name);
        buf_printf(out, "release %s %s from %.*s \"%s\" checked \"imported from %s\"\n\n", standard, s.version,
            s.edifact ? 23 : 6, s.version, s.title[0] ? s.title : "imported", name);
        write_elements(&s, out);
        err = write_dictionary(&s, COMS, "composite", out);
        if (!err) err = write_dictionary(&s, SEGS, "segment", out);
        if (!err) err = write_sets(&s, out);
    }
    for (int i = 0; i < SECTION_COUNT; i++)
        free(s.sections[i].list);
    buf_free(&s.joined);
    return err ? err : buf_check(out, "the imported definitions");
}
