/* core/script/import_pyx12.c: see import_pyx12.h.
 *
 * <transaction xid> holds <loop xid usage repeat type>, <segment xid usage max_use>, <composite> and <element xid usage
 * seq> with <valid_codes><code>. Loops of type wrapper or explicit only group. Usage is R required, S situational, N
 * not used. Neighbours of one tag are told apart by the first place whose codes do not overlap.
 */
#include "core/script/import_pyx12.h"

#include "core/base/memory.h"

#include <libxml/parser.h>
#include <stdlib.h>

enum { INDENT_MAX = 24, CODES_MAX = 60, KIDS_MAX = 2000 };

typedef struct importer {
    edi_library *library;
    char release[8];
    buf *out;
    size_t dropped; /* places that the release lacks */
} importer;

/* ---- XML ---- */

static bool named(const xmlNode *node, const char *name) {
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const char *text_of(const xmlNode *node) {
    return node->children && node->children->type == XML_TEXT_NODE ? (const char *)node->children->content : "";
}

/* The attribute's text, as long as the document lives; "" when it is not there. Older maps have elements in their
 * place: <usage>R</usage>. */
static const char *attribute(const xmlNode *node, const char *name) {
    for (const xmlAttr *a = node->properties; a; a = a->next)
        if (strcmp((const char *)a->name, name) == 0 && a->children) return (const char *)a->children->content;
    for (const xmlNode *child = node->children; child; child = child->next)
        if (named(child, name)) return text_of(child);
    return "";
}

static bool is_wrapper(const xmlNode *loop) {
    const char *type = attribute(loop, "type");
    return strcmp(type, "wrapper") == 0 || strcmp(type, "explicit") == 0;
}

/* Segments around the document: maps that begin at the interchange tell of them, too, but a schema does not. */
static bool is_envelope(const char *tag) {
    static const char *const tags[] = {"ISA", "TA1", "GS", "ST", "SE", "GE", "IEA"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcmp(tag, tags[i]) == 0) return true;
    return false;
}

/* Segments and loops of a loop, those of wrappers in their place, the envelope left out. */
static size_t children_of(const xmlNode *loop, const xmlNode **list, size_t count) {
    for (const xmlNode *child = loop->children; child && count < KIDS_MAX; child = child->next) {
        const char *id = child->type == XML_ELEMENT_NODE ? attribute(child, "xid") : "";
        if (named(child, "loop") && is_wrapper(child))
            count = children_of(child, list, count);
        else if (named(child, "loop") || (named(child, "segment") && !is_envelope(id)))
            list[count++] = child;
    }
    return count;
}

static const xmlNode *trigger_of(const xmlNode *node) {
    while (named(node, "loop")) {
        const xmlNode *first = node->children;
        while (first && !named(first, "segment") && !named(first, "loop"))
            first = first->next;
        if (!first) return NULL;
        node = first;
    }
    return node;
}

/* ---- places ---- */

/* The element or composite at a place of a segment, from 1; the component when `component` is not 0. */
static const xmlNode *place_of(const xmlNode *segment, unsigned element, unsigned component) {
    for (const xmlNode *child = segment->children; child; child = child->next) {
        bool composite = named(child, "composite");
        if (!composite && !named(child, "element")) continue;
        if ((unsigned)strtoul(attribute(child, "seq"), NULL, 10) != element) continue;
        if (component == 0) return child;
        return composite ? place_of(child, component, 0) : NULL;
    }
    return NULL;
}

static const xmlNode *codes_of(const xmlNode *place) {
    for (const xmlNode *child = place ? place->children : NULL; child; child = child->next)
        if (named(child, "valid_codes") && !*attribute(child, "external")) return child;
    return NULL;
}

static size_t code_count(const xmlNode *codes) {
    size_t count = 0;
    for (const xmlNode *code = codes ? codes->children : NULL; code; code = code->next)
        count += named(code, "code");
    return count;
}

static bool has_code(const xmlNode *codes, const char *text) {
    for (const xmlNode *code = codes->children; code; code = code->next)
        if (named(code, "code") && strcmp(text_of(code), text) == 0) return true;
    return false;
}

static bool overlap(const xmlNode *a, const xmlNode *b) {
    for (const xmlNode *code = a->children; code; code = code->next)
        if (named(code, "code") && has_code(b, text_of(code))) return true;
    return false;
}

static bool stood_before(const xmlNode *code) {
    for (const xmlNode *one = code->prev; one; one = one->prev)
        if (named(one, "code") && strcmp(text_of(one), text_of(code)) == 0) return true;
    return false;
}

static void write_codes(importer *im, const xmlNode *codes) {
    size_t written = 0;
    for (const xmlNode *code = codes->children; code; code = code->next) {
        if (!named(code, "code") || stood_before(code) || strpbrk(text_of(code), "{}|,\"# \t\n") || !*text_of(code))
            continue;
        buf_printf(im->out, "%s%s", written++ ? ", " : "{", text_of(code));
    }
    buf_add_text(im->out, written ? "}" : "{...}");
}

/* ---- which of its neighbours a place is ---- */

typedef struct chooser {
    unsigned element, component; /* 0: nothing chooses */
} chooser;

static chooser choose(const xmlNode *const *siblings, size_t count, const char *tag) {
    static const chooser places[] = {{1, 0}, {1, 1}, {2, 0}, {3, 0}, {2, 1}, {1, 2}};
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        const xmlNode *seen[64];
        size_t alike = 0;
        bool fits = true;
        for (size_t i = 0; i < count && fits && alike < 64; i++) {
            const xmlNode *segment = trigger_of(siblings[i]);
            if (!segment || strcmp(attribute(segment, "xid"), tag) != 0) continue;
            const xmlNode *codes = codes_of(place_of(segment, places[p].element, places[p].component));
            fits = code_count(codes) > 0;
            for (size_t k = 0; k < alike && fits; k++)
                fits = !overlap(seen[k], codes);
            seen[alike++] = codes;
        }
        if (fits && alike > 0) return places[p];
    }
    return (chooser){0, 0};
}

static size_t alike(const xmlNode *const *siblings, size_t count, const char *tag) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const xmlNode *segment = trigger_of(siblings[i]);
        found += segment && strcmp(attribute(segment, "xid"), tag) == 0;
    }
    return found;
}

/* ---- lines ---- */

static void write_count(importer *im, const xmlNode *node, const char *most) {
    bool required = strcmp(attribute(node, "usage"), "R") == 0;
    const char *text = attribute(node, most);
    unsigned long maximum = text[0] == '>' || !text[0] ? 0 : strtoul(text, NULL, 10);
    if (maximum == 0)
        buf_printf(im->out, " %d-", required);
    else if (maximum == 1 && required)
        buf_add_text(im->out, " 1");
    else
        buf_printf(im->out, " %d-%lu", required, maximum);
}

static void write_by(importer *im, const xmlNode *segment, chooser by) {
    if (!by.element) return;
    buf_printf(im->out, " by %02u", by.element);
    if (by.component) buf_printf(im->out, "-%u", by.component);
    buf_add_char(im->out, ' ');
    write_codes(im, codes_of(place_of(segment, by.element, by.component)));
}

static void write_place(
    importer *im, const xmlNode *place, const edi_slot *slot, unsigned element, unsigned component, bool chosen) {
    const char *usage = attribute(place, "usage");
    const xmlNode *codes = chosen ? NULL : codes_of(place);
    size_t count = code_count(codes);
    bool mark = (usage[0] == 'R' && !slot->mandatory) || (usage[0] == 'S' && slot->mandatory);
    if (usage[0] != 'N' && !mark && (count == 0 || count > CODES_MAX)) return;
    buf_printf(im->out, " | %02u", element);
    if (component) buf_printf(im->out, "-%u", component);
    if (usage[0] == 'N') {
        buf_add_text(im->out, " unused");
        return;
    }
    if (mark) buf_add_char(im->out, usage[0] == 'R' ? '!' : '?');
    if (count == 0 || count > CODES_MAX) return;
    buf_add_char(im->out, ' ');
    write_codes(im, codes);
}

static void write_places(importer *im, const xmlNode *segment, chooser by) {
    const char *tag = attribute(segment, "xid");
    const edi_segment_type *type = edi_library_segment(im->library, EDI_X12, im->release, span_of(tag));
    for (unsigned e = 1; type && e <= 99; e++) {
        const xmlNode *place = place_of(segment, e, 0);
        if (!place) continue;
        if (e > type->slots.count) {
            im->dropped += !type->slots.open;
            continue;
        }
        const edi_slot *slot = &type->slots.list[e - 1];
        write_place(im, place, slot, e, 0, by.element == e && !by.component);
        if (attribute(place, "usage")[0] == 'N') continue;
        for (unsigned c = 1; slot->composite && c <= slot->composite->slots.count; c++) {
            const xmlNode *part = place_of(segment, e, c);
            if (part) write_place(im, part, &slot->composite->slots.list[c - 1], e, c, false);
        }
    }
    buf_add_char(im->out, '\n');
}

static error *write_list(importer *im, const xmlNode *const *list, size_t count, unsigned depth);

static error *write_loop(importer *im, const xmlNode *loop, chooser by, unsigned depth) {
    const xmlNode **list = xcalloc(KIDS_MAX, sizeof *list);
    size_t count = children_of(loop, list, 0);
    error *err = NULL;
    if (count == 0 || !named(list[0], "segment") || depth > INDENT_MAX) {
        err = error_new(ERROR_INVALID, "the loop %s does not begin with a segment", attribute(loop, "xid"));
    } else {
        const char *tag = attribute(list[0], "xid");
        buf_printf(im->out, "%*sloop %s", (int)depth * 2, "", tag);
        write_count(im, loop, "repeat");
        buf_printf(im->out, " as %s", attribute(loop, "xid"));
        write_by(im, list[0], by);
        buf_printf(im->out, "\n%*s%s 1", (int)depth * 2 + 2, "", tag);
        write_places(im, list[0], (chooser){0, 0});
        err = write_list(im, list + 1, count - 1, depth + 1);
    }
    free(list);
    return err;
}

static error *write_list(importer *im, const xmlNode *const *list, size_t count, unsigned depth) {
    error *err = NULL;
    for (size_t i = 0; i < count && !err; i++) {
        const xmlNode *segment = trigger_of(list[i]);
        if (!segment) return error_new(ERROR_INVALID, "the loop %s is empty", attribute(list[i], "xid"));
        const char *tag = attribute(segment, "xid");
        bool loop = named(list[i], "loop");
        chooser by = loop || alike(list, count, tag) > 1 ? choose(list, count, tag) : (chooser){0, 0};
        if (loop && strcmp(tag, "HL") == 0 && codes_of(place_of(segment, 3, 0))) by = (chooser){3, 0};
        if (loop) {
            err = write_loop(im, list[i], by, depth);
            continue;
        }
        buf_printf(im->out, "%*s%s", (int)depth * 2, "", tag);
        write_count(im, segment, "max_use");
        write_by(im, segment, by);
        write_places(im, segment, by);
    }
    return err;
}

/* ---- the map ---- */

bool import_is_pyx12(span text) {
    static const char mark[] = "<transaction ";
    size_t shown = text.len < 4096 ? text.len : 4096;
    return shown > 0 && memmem(text.data, shown, mark, sizeof mark - 1) != NULL;
}

/* What the name of the map ends in ("… 004010X092A1 …"), else its file's: "837.5010.X222.A1.xml". */
static void find_version(const xmlNode *root, const char *file, char *version, size_t size) {
    for (const xmlNode *child = root->children; child; child = child->next) {
        if (!named(child, "name")) continue;
        span rest = span_of(text_of(child)), word;
        while (span_split(&rest, ' ', &word)) {
            if (word.len < 6 || strspn(word.data, "0123456789") < 6) continue;
            snprintf(version, size, "%.*s", (int)word.len, word.data);
            return;
        }
    }
    span rest = span_of(file), word;
    buf found = BUF_MAX(size);
    while (span_split(&rest, '.', &word) && rest.data) {
        bool release = word.len >= 4 && strspn(word.data, "0123456789") >= 4 && found.len == 0;
        bool part =
            found.len > 0 && word.len > 1 && (word.data[0] == 'X' || word.data[0] == 'A') && word.data[1] <= '9';
        if (release || part) buf_printf(&found, "%s%.*s", release ? "00" : "", (int)word.len, word.data);
    }
    snprintf(version, size, "%s", buf_text(&found));
    buf_free(&found);
}

static error *write_segments_that_lack(importer *im, const xmlNode *node, buf *missing) {
    error *err = NULL;
    for (const xmlNode *child = node->children; child && !err; child = child->next) {
        if (named(child, "loop")) err = write_segments_that_lack(im, child, missing);
        if (!named(child, "segment")) continue;
        char line[32];
        const char *tag = attribute(child, "xid");
        snprintf(line, sizeof line, "segment %.3s | ...\n", tag);
        bool known = edi_library_segment(im->library, EDI_X12, im->release, span_of(tag)) != NULL;
        if (!known && !is_envelope(tag) && !strstr(buf_text(missing), line)) buf_add_text(missing, line);
    }
    return err;
}

error *import_pyx12(span text, const char *name, edi_library *library, buf *out) {
    importer im = {.library = library, .out = out};
    char version[24] = "", type[8] = "";
    buf missing = BUF_MAX(1 << 16);
    if (text.len > INT32_MAX) return error_new(ERROR_LIMIT, "%s is too large for a map", name);
    xmlDoc *document = xmlReadMemory(text.data, (int)text.len, name, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    error *err = NULL;
    if (!root || !named(root, "transaction")) {
        err = error_new(ERROR_INVALID, "%s is no map: its first element is to be <transaction>", name);
    } else {
        snprintf(type, sizeof type, "%.3s", attribute(root, "xid"));
        find_version(root, name, version, sizeof version);
        snprintf(im.release, sizeof im.release, "%.6s", version);
        if (!version[0])
            err = error_new(
                ERROR_INVALID, "%s: neither its name nor that of its file tells a version such as 005010X222A1", name);
    }
    if (!err) err = write_segments_that_lack(&im, root, &missing);
    if (!err) {
        buf_printf(out, "# Imported from the pyx12 map %s.\n", name);
        if (missing.len > 0)
            buf_printf(out,
                "# The release lacks some segments: nothing is known of their places.\nrelease X12 %s from %s "
                "\"what guides need besides\"\n%s\n",
                im.release, im.release, buf_text(&missing));
        buf_printf(out, "schema X12 %s %s \"%s\" checked \"imported from %s\"\n", version, type, name, name);
        const xmlNode **list = xcalloc(KIDS_MAX, sizeof *list);
        err = write_list(&im, list, children_of(root, list, 0), 0);
        free(list);
        if (!err && im.dropped)
            buf_printf(out, "# %zu places that the release does not have were left out.\n", im.dropped);
    }
    xmlFreeDoc(document);
    buf_free(&missing);
    return err ? err : buf_check(out, "the imported definitions");
}
