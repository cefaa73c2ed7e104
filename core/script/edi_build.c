/* core/script/edi_build.c: see edi_build.h.
 *
 * An interchange is written twice: with control numbers that count nothing, to hold it against its schemas, and only
 * when that found no fault with real ones, so that a wrong document leaves no gap in the partner's numbers.
 */
#include "core/script/edi_build.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/script/lua_edi.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"
#include "edi/document_json.h"
#include "edi/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { ELEMENTS_MAX = 1000, DOCUMENTS_MAX = 10000 };

/* Where one written segment came from: the index of its table, from 1. */
typedef struct origin {
    int document, segment;
} origin;

/* All that must be freed whatever is raised; lives in a userdata. */
typedef struct builder {
    lua_State *L;
    int value; /* stack index: one document, or a list */
    int count; /* of documents */
    bool is_list;
    edi_standard standard;
    edi_envelope envelope;
    const char *sender, *receiver; /* as the envelope says them; borrowed from the call */
    char date[16], time[8];
    bool real; /* control numbers come from the services */
    uint64_t pretended;
    edi_writer *writer;
    edi_validator *validator;
    edi_documents documents;
    buf draft;
    origin *origins;
    size_t origin_count, origin_room;
} builder;

static char builder_key; /* its address names the metatable of builders in the registry */

static int free_builder(lua_State *L) {
    builder *b = lua_touserdata(L, 1);
    edi_writer_free(b->writer);
    edi_validator_free(b->validator);
    edi_documents_free(&b->documents);
    buf_free(&b->draft);
    free(b->origins);
    *b = (builder){.L = NULL};
    return 0;
}

static builder *new_builder(lua_State *L) {
    builder *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (builder){.L = L};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &builder_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_builder);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &builder_key);
    }
    lua_setmetatable(L, -2);
    return b;
}

/* ---- errors at the script's line ---- */

/* Pushes document `number` (from 1). */
static void push_document(const builder *b, int number) {
    if (b->is_list)
        lua_rawgeti(b->L, b->value, number);
    else
        lua_pushvalue(b->L, b->value);
}

/* Pushes the line of the script that wrote the segment (0: the document), as the builder noted it; NULL: it did not. */
static const char *push_line(const builder *b, origin at) {
    lua_State *L = b->L;
    push_document(b, at.document);
    if (at.segment > 0) {
        lua_getfield(L, -1, "segments");
        lua_rawgeti(L, -1, at.segment);
    }
    bool noted = lua_type(L, -1) == LUA_TTABLE && lua_getfield(L, -1, "place") == LUA_TSTRING && lua_rawlen(L, -1) > 0;
    return noted ? lua_tostring(L, -1) : NULL;
}

/* Raises `words` with the script's line, or with the segment's number. */
_Noreturn static void raise_at(builder *b, origin at, const char *words) {
    lua_State *L = b->L;
    const char *text = lua_pushstring(L, words), *line = push_line(b, at);
    if (line)
        lua_pushfstring(L, "%s: %s", line, text);
    else if (at.segment > 0)
        lua_pushfstring(L, "segment %d of the document: %s", at.segment, text);
    else
        lua_pushstring(L, text);
    lua_error(L);
    abort(); /* lua_error does not return */
}

/* Rejects the message: its values do not fit their places in the document, which no other try would mend. */
_Noreturn static void refuse_values(builder *b, origin at, const char *words) {
    const char *text = lua_pushstring(b->L, words), *line = push_line(b, at);
    char where[32] = "";
    if (at.segment > 0) snprintf(where, sizeof where, "segment %d of the document", at.segment);
    sandbox_reject_at(b->L, (sandbox_rejection){"invalid", where, line}, text);
}

static void check_at(builder *b, origin at, error *err) {
    if (!err) return;
    lua_pushstring(b->L, error_text(err));
    error_free(err);
    raise_at(b, at, lua_tostring(b->L, -1));
}

static void check_values_at(builder *b, origin at, error *err) {
    if (!err) return;
    lua_pushstring(b->L, error_text(err));
    error_free(err);
    refuse_values(b, at, lua_tostring(b->L, -1));
}

/* ---- the envelope ---- */

/* "ZZ:BANYAN" in X12, "BANYAN:14" in EDIFACT. */
static void set_party(edi_party *party, edi_standard standard, const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon) {
        snprintf(party->id, sizeof party->id, "%s", text);
    } else if (standard == EDI_X12) {
        snprintf(party->qualifier, sizeof party->qualifier, "%.*s", (int)(colon - text), text);
        snprintf(party->id, sizeof party->id, "%s", colon + 1);
    } else {
        snprintf(party->id, sizeof party->id, "%.*s", (int)(colon - text), text);
        snprintf(party->qualifier, sizeof party->qualifier, "%s", colon + 1);
    }
}

static void set_delimiter(const json_t *envelope, const char *name, char *delimiter) {
    const char *text = json_get_text(envelope, name, NULL);
    if (text && text[0] && !text[1]) *delimiter = text[0];
}

/* The envelope of this standard at the destination that the result names, or that all destinations share. */
static const json_t *find_envelope(builder *b, const json_t *result) {
    const json_t *destinations = json_get_array(sandbox_of(b->L)->call, "destinations"), *found = NULL;
    const char *to = json_get_text(result, "to", NULL), *name = edi_standard_name(b->standard);
    for (size_t i = 0; i < json_array_size(destinations); i++) {
        const json_t *one = json_array_get(destinations, i);
        if (to && strcmp(to, json_get_text(one, "connection", "")) != 0) continue;
        const json_t *envelope = json_get_object(json_get_object(one, "envelopes"), name);
        if (!envelope)
            sandbox_error(b->L,
                "destination %s has no %s identities: its connection needs a station and a partner that have",
                json_get_text(one, "connection", ""), name);
        if (found && !json_equal(found, envelope))
            sandbox_error(b->L, "the flow's destinations are addressed differently: the result must say `to`");
        found = envelope;
    }
    if (!found) sandbox_error(b->L, "there is no destination whose %s identities the interchange could bear", name);
    return found;
}

static void set_envelope(builder *b, const json_t *result) {
    const json_t *e = find_envelope(b, result);
    char now[CLOCK_TEXT_SIZE];
    const script_services *services = sandbox_of(b->L)->services;
    b->sender = json_get_text(e, "sender", "");
    b->receiver = json_get_text(e, "receiver", "");
    clock_format(services->now_ms ? services->now_ms(services->context) : clock_wall_ms(), now);
    snprintf(b->date, sizeof b->date, "%.4s%.2s%.2s", now, now + 5, now + 8);
    snprintf(b->time, sizeof b->time, "%.2s%.2s", now + 11, now + 14);
    b->envelope = (edi_envelope){
        .delimiters = edi_delimiters_default(b->standard),
        .una = json_get_bool(e, "una", false),
        .suffix = json_get_text(e, "suffix", NULL),
        .group_sender = json_get_text(e, "group_sender", NULL),
        .group_receiver = json_get_text(e, "group_receiver", NULL),
        .version = json_get_text(e, "version", NULL),
        .syntax = (int)json_get_integer(e, "syntax", 0),
        .usage = json_get_text(e, "usage", NULL),
        .wants_acknowledgement = json_get_bool(e, "acknowledge", false),
        .date = b->date,
        .time = b->time,
    };
    edi_delimiters *d = &b->envelope.delimiters;
    set_delimiter(e, "element", &d->element);
    set_delimiter(e, "component", &d->component);
    set_delimiter(e, "repetition", &d->repetition);
    set_delimiter(e, "terminator", &d->terminator);
    set_delimiter(e, "release", &d->release);
    d->tag = d->element;
    set_party(&b->envelope.sender, b->standard, b->sender);
    set_party(&b->envelope.receiver, b->standard, b->receiver);
}

static error *take_control(void *context, edi_level level, const char *kind, char number[EDI_ID_SIZE]) {
    builder *b = context;
    const script_services *services = sandbox_of(b->L)->services;
    const char *name = level == EDI_LEVEL_INTERCHANGE ? "interchange" : level == EDI_LEVEL_GROUP ? "group" : "document";
    bool short_form = b->standard == EDI_X12 && level == EDI_LEVEL_DOCUMENT;
    uint64_t value = ++b->pretended;
    (void)kind;
    if (b->real) {
        if (!services->control) return error_new(ERROR_UNSUPPORTED, "there are no control numbers here");
        char *sequence = xasprintf("%s/%s/%s/%s", edi_standard_name(b->standard), name, b->sender, b->receiver);
        error *err = services->control(services->context, sequence, &value);
        free(sequence);
        if (err) return err;
    }
    snprintf(number, EDI_ID_SIZE, short_form ? "%04llu" : "%llu", (unsigned long long)value);
    return NULL;
}

/* ---- values ---- */

static bool is_ascii(span text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] >= 0x80) return false;
    }
    return true;
}

/* Pushes a text of this interchange's character set; UNOA and UNOB have ASCII, UNOC ISO 8859-1, others stay UTF-8. */
static void push_encoded(builder *b, origin at, span text) {
    luaL_Buffer out;
    const char *set = b->envelope.version ? b->envelope.version : "UNOC";
    bool narrow = b->standard == EDI_EDIFACT && strlen(set) == 4 && set[3] >= 'A' && set[3] <= 'C';
    if (!narrow || is_ascii(text) || !span_is_utf8(text)) {
        lua_pushlstring(b->L, text.data, text.len);
        return;
    }
    luaL_buffinit(b->L, &out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x80) {
            luaL_addchar(&out, (char)c);
        } else if (set[3] == 'C' && (c == 0xC2 || c == 0xC3)) {
            luaL_addchar(&out, (char)((c == 0xC3 ? 0xC0 : 0x80) | ((unsigned char)text.data[++i] & 0x3F)));
        } else {
            refuse_values(b, at, lua_pushfstring(b->L, "'%s' has a character that %s has not got", text.data, set));
        }
    }
    luaL_pushresult(&out);
}

/* Replaces the number on top by its text: with the implied decimals of its place, with the interchange's decimal mark.
 */
static void number_to_text(builder *b, origin at, const edi_slot *slot) {
    lua_State *L = b->L;
    const edi_element_type *type = slot ? slot->element : NULL;
    int top = lua_gettop(L);
    if (type && type->type == EDI_TYPE_INTEGER && type->decimals > 0) {
        decimal value = value_check_decimal(L, top), scaled = {0, 0};
        error *err = decimal_round(value, (int)type->decimals, ROUND_DOWN, &scaled);
        if (!err && decimal_compare(value, scaled) != 0) {
            char digits[DECIMAL_TEXT_SIZE];
            err = error_new(ERROR_INVALID, "%s has more than the %u decimals of its element",
                decimal_text(value, digits), type->decimals);
        }
        check_values_at(b, at, err);
        scaled.scale = 0;
        value_push_decimal(L, scaled);
        lua_replace(L, top);
    }
    value_push_text(L, top);
    lua_replace(L, top);
}

typedef enum writing { AS_ELEMENT, AS_COMPONENT, AS_REPETITION } writing;

static void write_value(builder *b, span value, writing how) {
    if (how == AS_ELEMENT)
        edi_writer_element(b->writer, value);
    else if (how == AS_COMPONENT)
        edi_writer_component(b->writer, value);
    else
        edi_writer_repetition(b->writer, value);
}

/* Writes the value on top (text, number or nil) and pops it. */
static void write_simple(builder *b, origin at, int element, const edi_slot *slot, writing how) {
    lua_State *L = b->L;
    span value = {"", 0};
    int kind = lua_type(L, -1);
    if (kind == LUA_TNUMBER || value_decimal(L, -1)) {
        number_to_text(b, at, slot);
    } else if (kind != LUA_TNIL && kind != LUA_TSTRING) {
        raise_at(b, at, lua_pushfstring(L, "element %d is a %s, not a text or number", element, luaL_typename(L, -1)));
    }
    if (!lua_isnil(L, -1)) {
        value.data = lua_tolstring(L, -1, &value.len);
        push_encoded(b, at, value);
        value.data = lua_tolstring(L, -1, &value.len);
        lua_remove(L, -2); /* the encoded one stays alive on top */
    }
    write_value(b, value, how);
    lua_pop(L, 1);
}

/* The largest position in the table at `index`: values may be nil in between. */
static int length_of(builder *b, origin at, int index) {
    lua_State *L = b->L;
    lua_Integer length = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2)) continue;
        lua_Integer position = lua_tointeger(L, -2);
        if (position > ELEMENTS_MAX) raise_at(b, at, "a segment has more than 1000 elements");
        if (position > length) length = position;
    }
    return (int)length;
}

static const edi_slot *slot_of(const edi_slots *slots, int position) {
    return slots && position >= 1 && (size_t)position <= slots->count ? &slots->list[position - 1] : NULL;
}

/* Writes the value on top, which may be a composite, and pops it. */
static void write_composite(builder *b, origin at, int element, const edi_slot *slot, writing how) {
    lua_State *L = b->L;
    if (lua_type(L, -1) != LUA_TTABLE) {
        const edi_slot *first = slot && slot->composite ? slot_of(&slot->composite->slots, 1) : slot;
        write_simple(b, at, element, first, how);
        return;
    }
    int table = lua_gettop(L), length = length_of(b, at, table);
    if (length == 0) write_value(b, (span){"", 0}, how);
    for (int i = 1; i <= length; i++) {
        lua_rawgeti(L, table, i);
        write_simple(b, at, element, slot && slot->composite ? slot_of(&slot->composite->slots, i) : NULL,
            i == 1 ? how : AS_COMPONENT);
    }
    lua_pop(L, 1);
}

static void write_element(builder *b, origin at, int element, const edi_slot *slot) {
    lua_State *L = b->L;
    if (lua_type(L, -1) != LUA_TTABLE || !edi_is_repeated(L, -1)) {
        write_composite(b, at, element, slot, AS_ELEMENT);
        return;
    }
    int table = lua_gettop(L), length = length_of(b, at, table);
    if (length == 0) write_value(b, (span){"", 0}, AS_ELEMENT);
    for (int i = 1; i <= length; i++) {
        lua_rawgeti(L, table, i);
        write_composite(b, at, element, slot, i == 1 ? AS_ELEMENT : AS_REPETITION);
    }
    lua_pop(L, 1);
}

/* ---- documents ---- */

static void note_origin(builder *b, origin at) {
    if (b->origin_count == b->origin_room) {
        b->origin_room = b->origin_room ? 2 * b->origin_room : 64;
        b->origins = xreallocarray(b->origins, b->origin_room, sizeof *b->origins);
    }
    b->origins[b->origin_count++] = at;
}

/* The segment's table is on top. */
static void write_segment(builder *b, origin at, const char *version) {
    lua_State *L = b->L;
    int table = lua_gettop(L);
    if (lua_type(L, table) != LUA_TTABLE) raise_at(b, at, "a segment is a table: {\"BEG\", \"00\", …}");
    luaL_checkstack(L, 16, "EDI");
    int length = length_of(b, at, table);
    if (lua_rawgeti(L, table, 1) != LUA_TSTRING || lua_rawlen(L, -1) < 2 || lua_rawlen(L, -1) > 3)
        raise_at(b, at, "a segment begins with its tag, two or three characters");
    const char *tag = lua_tostring(L, -1);
    const edi_segment_type *type = edi_library_segment(sandbox_of(L)->schemas, b->standard, version, span_of(tag));
    uint64_t before = edi_writer_segments(b->writer);
    edi_writer_segment(b->writer, tag);
    for (int i = 2; i <= length; i++) {
        lua_rawgeti(L, table, i);
        write_element(b, at, i - 1, slot_of(type ? &type->slots : NULL, i - 1));
    }
    check_values_at(b, at, edi_writer_end(b->writer));
    if (edi_writer_segments(b->writer) > before) note_origin(b, at);
    lua_settop(L, table - 1);
}

/* A text field of the table on top; borrowed from it. */
static const char *field(lua_State *L, const char *name) {
    const char *text = lua_getfield(L, -1, name) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static void write_document(builder *b, int number) {
    lua_State *L = b->L;
    origin at = {number, 0};
    push_document(b, number);
    int document = lua_gettop(L);
    const char *type = field(L, "type"), *version = field(L, "version");
    lua_getfield(L, document, "options");
    bool has_options = lua_istable(L, -1);
    const char *group = has_options ? field(L, "group") : NULL;
    const char *agency = has_options ? field(L, "agency") : NULL;
    const char *association = has_options ? field(L, "association") : NULL;
    if (group) check_at(b, at, edi_writer_group(b->writer, group, version));
    check_at(b, at, edi_writer_document(b->writer, type, version, agency, association));
    note_origin(b, at);
    lua_getfield(L, document, "segments");
    int segments = lua_gettop(L), count = (int)lua_rawlen(L, segments);
    if (count == 0) raise_at(b, at, "the document has no segments");
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, segments, i);
        write_segment(b, (origin){number, i}, version);
    }
    check_at(b, at, edi_writer_close(b->writer, EDI_LEVEL_DOCUMENT));
    note_origin(b, at);
    lua_settop(L, document - 1);
}

static void write_interchange(builder *b, buf *out) {
    edi_writer_free(b->writer);
    b->origin_count = 0;
    b->writer = edi_writer_new(out, &b->envelope, take_control, b);
    for (int i = 1; i <= b->count; i++)
        write_document(b, i);
    check_at(b, (origin){b->count, 0}, edi_writer_close(b->writer, EDI_LEVEL_INTERCHANGE));
}

/* ---- checking ---- */

static bool wants_check(builder *b, int number) {
    lua_State *L = b->L;
    bool check = true;
    push_document(b, number);
    if (lua_getfield(L, -1, "options") == LUA_TTABLE) {
        lua_getfield(L, -1, "check");
        check = lua_isnil(L, -1) || lua_toboolean(L, -1);
    }
    lua_settop(L, b->value + 1);
    return check;
}

/* Faults of the values that a script was given, rather than of the document's shape, which the script makes. */
static bool is_of_values(edi_fault_code code) {
    switch (code) {
    case EDI_FAULT_SEGMENT_MISSING:
    case EDI_FAULT_SEGMENT_REPEATED:
    case EDI_FAULT_LOOP_MISSING:
    case EDI_FAULT_LOOP_REPEATED:
    case EDI_FAULT_CONTROL_TOTAL:
    case EDI_FAULT_BALANCE:
    case EDI_FAULT_ELEMENT_LIMIT:
    case EDI_FAULT_ELEMENT_MISSING:
    case EDI_FAULT_ELEMENT_CONDITIONAL:
    case EDI_FAULT_ELEMENT_EXCLUDED:
    case EDI_FAULT_REPETITIONS_MANY:
    case EDI_FAULT_VALUE_SHORT:
    case EDI_FAULT_VALUE_LONG:
    case EDI_FAULT_VALUE_CHARACTER:
    case EDI_FAULT_VALUE_NUMBER:
    case EDI_FAULT_VALUE_CODE:
    case EDI_FAULT_VALUE_CODE_NOT_USED:
    case EDI_FAULT_VALUE_DATE:
    case EDI_FAULT_VALUE_TIME: return true;
    default: return false;
    }
}

/* "BEG03: what is wrong", and what is wrong alone where the words name the segment themselves. */
_Noreturn static void raise_fault(builder *b, origin at, const edi_fault *fault) {
    char name[32] = "";
    if (fault->element > 0)
        snprintf(name, sizeof name, fault->component > 0 ? "%s%02u-%u: " : "%s%02u: ", fault->tag, fault->element,
            fault->component);
    const char *words = lua_pushfstring(b->L, "%s%s", name, fault->text);
    if (at.document == 0) sandbox_error(b->L, "the envelope is wrong: %s", words);
    if (is_of_values(fault->code)) refuse_values(b, at, words);
    raise_at(b, at, words);
}

/* Raises the first fault of the draft, at the line of the segment concerned. */
static void check_draft(builder *b) {
    edi_validate_options options = {.schema = NULL};
    bool inside = false;
    size_t written = 0; /* events of segments so far: origins in the same order */
    edi_event event;
    b->validator = edi_validator_new(buf_span(&b->draft), sandbox_of(b->L)->schemas, &options);
    while ((event = edi_validator_next(b->validator)) != EDI_END) {
        if (event == EDI_DOCUMENT || event == EDI_SEGMENT || event == EDI_DOCUMENT_END) written++;
        if (event == EDI_DOCUMENT || event == EDI_DOCUMENT_END) inside = event == EDI_DOCUMENT;
        if (event != EDI_FAULT) continue;
        const edi_fault *fault = edi_validator_fault(b->validator);
        if (fault->warning) continue;
        /* What is missing is said before the trailer: then the document's own line is the place. */
        origin at = inside && written > 0 && written <= b->origin_count ? b->origins[written - 1] : (origin){0, 0};
        if (fault->code == EDI_FAULT_SEGMENT_MISSING || fault->code == EDI_FAULT_LOOP_MISSING) at.segment = 0;
        if (at.document == 0 || wants_check(b, at.document)) raise_fault(b, at, fault);
    }
}

/* ---- the interchange ---- */

static edi_standard standard_of(const char *type) {
    for (const char *c = type; *c; c++) {
        if (*c < '0' || *c > '9') return EDI_EDIFACT;
    }
    return EDI_X12;
}

/* What the value is: one document or a list, all of one standard, each with type, version and segments. */
static void look_at_documents(builder *b) {
    lua_State *L = b->L;
    if (lua_type(L, b->value) != LUA_TTABLE)
        sandbox_error(L, "result: edi is a %s, not a document", luaL_typename(L, b->value));
    b->is_list = lua_rawgeti(L, b->value, 1) != LUA_TNIL;
    lua_pop(L, 1);
    lua_Unsigned count = b->is_list ? lua_rawlen(L, b->value) : 1;
    if (count > DOCUMENTS_MAX) sandbox_error(L, "result: edi has more than %d documents", DOCUMENTS_MAX);
    b->count = (int)count;
    for (int i = 1; i <= b->count; i++) {
        push_document(b, i);
        if (lua_type(L, -1) != LUA_TTABLE)
            sandbox_error(L, "result: edi: document %d is a %s", i, luaL_typename(L, -1));
        const char *type = field(L, "type"), *version = field(L, "version");
        if (!type || !version)
            sandbox_error(L,
                "result: edi: a document has type, version and segments; edi.document(\"850\", \"004010\", "
                "…) makes it");
        if (strlen(type) > 6 || strlen(version) > 12 || strlen(version) < 4)
            sandbox_error(L, "result: edi: '%s' of version '%s' is no document type", type, version);
        if (lua_getfield(L, -1, "segments") != LUA_TTABLE)
            sandbox_error(L, "result: edi: document %d has no segments", i);
        edi_standard standard = standard_of(type);
        if (i > 1 && standard != b->standard)
            sandbox_error(L, "result: edi: one interchange has documents of one standard");
        b->standard = standard;
        lua_pop(L, 2);
    }
}

const char *edi_build(lua_State *L, int index, buf *out, json_t *result) {
    luaL_checkstack(L, 32, "EDI");
    lua_settop(L, index);
    builder *b = new_builder(L);
    lua_insert(L, index); /* below the value, so that the value stays on top */
    b->value = index + 1;
    look_at_documents(b);
    set_envelope(b, result);
    b->draft = BUF_MAX(sandbox_of(L)->limits.output_bytes);
    lua_pushnil(L); /* keeps the stack above the value as wants_check leaves it */
    write_interchange(b, &b->draft);
    check_draft(b);
    b->real = true;
    write_interchange(b, out);
    edi_documents_read(buf_span(out), sandbox_of(L)->schemas, NULL, &b->documents);
    json_object_set_new(result, "documents", edi_documents_json(&b->documents));
    edi_standard standard = b->standard;
    lua_settop(L, index + 1);
    lua_pushcfunction(L, free_builder);
    lua_pushvalue(L, index);
    lua_call(L, 1, 0);
    lua_remove(L, index);
    return standard == EDI_X12 ? "application/edi-x12" : "application/edifact";
}
