/* edi/library.c: which schemas there are, and their compiled forms. See schema.h.
 *
 * Texts are cut into sections once; a section is compiled when somebody asks for it. Sections of added texts come
 * before embedded ones, later additions before earlier ones.
 */
#include "edi/embedded.h"
#include "edi/schema_text.h"

#include <stdio.h>
#include <stdlib.h>

/* Schemas that a user adds are bounded; what is embedded takes a small part of this. */
enum { LIBRARY_MEMORY = 256 << 20 };

typedef struct entry {
    schema_section section;
    schema_heading heading;
    edi_release *release; /* compiled */
    edi_schema *schema;
    bool failed; /* an embedded one that does not compile: the tests see to it that there is none */
} entry;

struct edi_library {
    arena *memory;
    entry **entries; /* in the order in which they were added */
    size_t count, room;
    map *known; /* "X12 850 004010" to edi_schema: what find has found */
};

static error *add_sections(edi_library *library, span text, const char *source) {
    unsigned line = 0;
    schema_section section = {.source = source};
    while (schema_next_section(&text, &line, &section)) {
        entry *e = arena_alloc(library->memory, sizeof *e);
        e->section = section;
        error *err = schema_read_heading(&section, &e->heading);
        if (err) return err;
        if (library->count == library->room) {
            library->room = library->room ? library->room * 2 : 64;
            library->entries = xreallocarray(library->entries, library->room, sizeof(entry *));
        }
        library->entries[library->count++] = e;
    }
    return NULL;
}

static error *add_files(edi_library *library, span blob) {
    span marker = SPAN("#file "), line, rest = blob;
    const char *start = NULL, *source = NULL;
    error *err = NULL;
    while (!err && span_split(&rest, '\n', &line)) {
        bool heading = span_starts(line, marker);
        if (!heading && rest.data) continue;
        const char *end = heading ? line.data : line.data + line.len;
        if (source) err = add_sections(library, span_make(start, (size_t)(end - start)), source);
        if (!heading) break;
        source = arena_spandup(library->memory, span_make(line.data + marker.len, line.len - marker.len));
        start = line.data + line.len + 1;
    }
    return err;
}

edi_library *edi_library_new(void) {
    edi_library *library = xcalloc(1, sizeof *library);
    library->memory = arena_new(LIBRARY_MEMORY);
    library->known = map_new();
    error *err = add_files(library, edi_embedded_schemas());
    if (err) { /* the tests compile every embedded schema */
        fprintf(stderr, "embedded schemas: %s\n", error_text(err));
        abort();
    }
    return library;
}

static void free_release(edi_release *release) {
    map_free(release->elements, NULL);
    map_free(release->composites, NULL);
    map_free(release->segments, NULL);
}

void edi_library_free(edi_library *library) {
    if (!library) return;
    for (size_t i = 0; i < library->count; i++) {
        if (library->entries[i]->release) free_release(library->entries[i]->release);
    }
    free(library->entries);
    map_free(library->known, NULL);
    arena_free(library->memory);
    free(library);
}

static entry *find_entry(
    const edi_library *library, const char *kind, edi_standard standard, const char *version, const char *type) {
    for (size_t i = library->count; i > 0; i--) {
        entry *e = library->entries[i - 1];
        bool document = strcmp(kind, "schema") == 0 && strcmp(e->heading.kind, "overlay") == 0;
        if (e->heading.standard == standard && (document || strcmp(e->heading.kind, kind) == 0) &&
            strcmp(e->heading.version, version) == 0 && (!type || strcmp(e->heading.type, type) == 0))
            return e;
    }
    return NULL;
}

/* "release X12 004010 from 004010" builds on what was there of that name before it was added; on nothing, if nothing.
 */
static entry *release_below(const edi_library *library, const entry *e) {
    bool above = false;
    if (strcmp(e->heading.base, e->heading.version) != 0)
        return find_entry(library, "release", e->heading.standard, e->heading.base, NULL);
    for (size_t i = library->count; i > 0; i--) {
        entry *one = library->entries[i - 1];
        if (above && strcmp(one->heading.kind, "release") == 0 && one->heading.standard == e->heading.standard &&
            strcmp(one->heading.version, e->heading.version) == 0)
            return one;
        above |= one == e;
    }
    return NULL;
}

/* Directories build on the ones before; a circle ends the chain. */
static error *compile_release(edi_library *library, entry *e, int depth) {
    if (e->release) return NULL;
    const edi_release *base = NULL;
    if (e->heading.base[0]) {
        entry *below = release_below(library, e);
        bool extends = strcmp(e->heading.base, e->heading.version) == 0;
        if ((!below && !extends) || depth > 80)
            return error_new(ERROR_INVALID, "%s: release %s builds on %s, which is not there", e->section.source,
                e->heading.version, e->heading.base);
        error *err = below ? compile_release(library, below, depth + 1) : NULL;
        if (err) return err;
        base = below ? below->release : NULL;
    }
    edi_release *release = arena_alloc(library->memory, sizeof *release);
    release->standard = e->heading.standard;
    release->name = e->heading.version;
    release->elements = map_new();
    release->composites = map_new();
    release->segments = map_new();
    error *err = schema_read_release(library->memory, &e->section, base, release);
    if (err) {
        free_release(release);
        return err;
    }
    e->release = release;
    return NULL;
}

enum { STACK_MAX = 16 };

/* What lies below an overlay: the overlays and the schema of the same document that were added before it. Returns how
 * many sections there are, the schema first; 0 when there is no schema. */
static size_t stack_of(
    const edi_library *library, const entry *e, schema_section *sections, const schema_heading **heading) {
    size_t count = 0;
    bool found = false, above = false;
    for (size_t i = library->count; i > 0 && !found && count < STACK_MAX; i--) {
        const entry *one = library->entries[i - 1];
        above |= one == e;
        if (!above || strcmp(one->heading.kind, "release") == 0 || one->heading.standard != e->heading.standard ||
            strcmp(one->heading.version, e->heading.version) != 0 || strcmp(one->heading.type, e->heading.type) != 0)
            continue;
        sections[count++] = one->section;
        *heading = &one->heading;
        found = strcmp(one->heading.kind, "schema") == 0;
    }
    for (size_t i = 0; i < count / 2; i++) {
        schema_section swapped = sections[i];
        sections[i] = sections[count - 1 - i];
        sections[count - 1 - i] = swapped;
    }
    return found ? count : 0;
}

/* The schema of the same type in another version, overlays left aside. */
static const entry *find_schema(const edi_library *library, const schema_heading *of, const char *version) {
    for (size_t i = library->count; i > 0; i--) {
        const entry *e = library->entries[i - 1];
        if (strcmp(e->heading.kind, "schema") == 0 && e->heading.standard == of->standard &&
            strcmp(e->heading.version, version) == 0 && strcmp(e->heading.type, of->type) == 0)
            return e;
    }
    return NULL;
}

static error *compile_document(edi_library *library, entry *e) {
    schema_section sections[STACK_MAX + 1];
    if (e->schema) return NULL;
    const schema_heading *heading = &e->heading;
    size_t count = stack_of(library, e, sections, &heading);
    if (count > 0 && heading->like[0]) {
        const entry *like = find_schema(library, heading, heading->like);
        if (!like || like->heading.like[0])
            return error_new(ERROR_INVALID, "%s:%u: there is no schema %s %s with lines of its own", e->section.source,
                e->section.line, heading->like, heading->type);
        /* the lines of a schema that is like another one say what differs, as those of an overlay do */
        memmove(sections + 1, sections, count * sizeof *sections);
        sections[0] = like->section;
        count++;
    }
    if (count == 0)
        return error_new(ERROR_INVALID, "%s:%u: there is no schema %s %s %s that this overlay could change",
            e->section.source, e->section.line, edi_standard_name(e->heading.standard), e->heading.version,
            e->heading.type);
    char base[24];
    snprintf(base, sizeof base, "%s", e->heading.version);
    entry *release = find_entry(library, "release", e->heading.standard, base, NULL);
    if (!release && e->heading.standard == EDI_X12 && strlen(base) > 6) {
        base[6] = '\0'; /* a guide's segments are those of its version */
        release = find_entry(library, "release", e->heading.standard, base, NULL);
    }
    if (!release)
        return error_new(
            ERROR_INVALID, "%s: there is no release %s for %s", e->section.source, e->heading.version, e->heading.type);
    error *err = compile_release(library, release, 0);
    return err ? err : schema_read_document(library->memory, heading, sections, count, release->release, &e->schema);
}

static error *compile(edi_library *library, entry *e) {
    return strcmp(e->heading.kind, "release") == 0 ? compile_release(library, e, 0) : compile_document(library, e);
}

error *edi_library_add(edi_library *library, span text, const char *source) {
    size_t before = library->count;
    span copy = arena_copy(library->memory, text);
    error *err = add_sections(library, copy, arena_strdup(library->memory, source));
    if (!err && library->count == before)
        err =
            error_at(error_new(ERROR_INVALID, "%s: no line begins with \"schema\", \"release\" or \"overlay\"", source),
                "%s", source);
    for (size_t i = before; !err && i < library->count; i++)
        err = compile(library, library->entries[i]);
    if (err) {
        for (size_t i = before; i < library->count; i++) {
            if (library->entries[i]->release) free_release(library->entries[i]->release);
        }
        library->count = before;
    } else {
        map_free(library->known, NULL);
        library->known = map_new();
    }
    return err;
}

static edi_schema *compiled(edi_library *library, entry *e) {
    if (!e || e->failed) return NULL;
    error *err = compile(library, e);
    if (err) {
        fprintf(stderr, "schema: %s\n", error_text(err));
        error_free(err);
        e->failed = true;
        return NULL;
    }
    return e->schema;
}

/* The same guide with other errata: 005010X222A2 and 005010X222 are held against 005010X222A1. */
static entry *find_guide(const edi_library *library, const char *type, const char *version) {
    size_t len = strcspn(version + 6, "A") + 6;
    if (version[6] != 'X') return NULL;
    for (size_t i = library->count; i > 0; i--) {
        entry *e = library->entries[i - 1];
        if (e->heading.standard == EDI_X12 && strcmp(e->heading.kind, "release") != 0 &&
            strncmp(e->heading.version, version, len) == 0 &&
            (e->heading.version[len] == '\0' || e->heading.version[len] == 'A') && strcmp(e->heading.type, type) == 0)
            return e;
    }
    return NULL;
}

const edi_schema *edi_library_find(
    edi_library *library, edi_standard standard, const char *type, const char *version, bool *exact) {
    char key[96];
    *exact = true;
    int len = snprintf(key, sizeof key, "%d %s %s", (int)standard, type, version);
    span name = span_make(key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1);
    edi_schema *schema = map_get(library->known, name);
    if (!schema) schema = compiled(library, find_entry(library, "schema", standard, version, type));
    if (!schema && standard == EDI_X12 && strlen(version) > 6)
        schema = compiled(library, find_guide(library, type, version));
    if (!schema && standard == EDI_X12 && strlen(version) > 6) {
        char base[8];
        snprintf(base, sizeof base, "%.6s", version);
        schema = compiled(library, find_entry(library, "schema", standard, base, type));
    }
    if (!schema && standard == EDI_EDIFACT && strcmp(type, "CONTRL") == 0) /* D3, 41, 22: by its syntax version */
        schema = compiled(
            library, find_entry(library, "schema", standard, version[0] == '4' ? "envelope4" : "envelope", type));
    if (!schema) return NULL;
    map_put(library->known, name, schema);
    *exact = strcmp(schema->version, version) == 0 || strncmp(schema->version, "envelope", 8) == 0;
    return schema;
}

const edi_segment_type *edi_library_segment(
    edi_library *library, edi_standard standard, const char *release, span tag) {
    entry *e = find_entry(library, "release", standard, release, NULL);
    if (!e || e->failed) return NULL;
    error *err = compile_release(library, e, 0);
    if (err) {
        e->failed = true;
        error_free(err);
        return NULL;
    }
    return edi_release_segment(e->release, tag);
}

bool edi_library_next(const edi_library *library, size_t *cursor, edi_listed *listed) {
    while (*cursor < library->count) {
        const entry *e = library->entries[(*cursor)++];
        if (strcmp(e->heading.kind, "release") == 0) continue;
        bool hidden = find_entry(library, "schema", e->heading.standard, e->heading.version, e->heading.type) != e;
        if (hidden) continue;
        *listed = (edi_listed){.standard = e->heading.standard,
            .version = e->heading.version,
            .type = e->heading.type,
            .title = e->heading.title,
            .source = e->section.source,
            .overlay = e->heading.name[0] ? e->heading.name : NULL};
        return true;
    }
    return false;
}
