/* adapters/as2/receipt_read.c: reading receipts; see receipt.h. */
#include "adapters/as2/receipt.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct as2_receipt_reader {
    mime_entity *whole; /* NULL when the header was given */
    mime_multipart *parts;
    mime_entity *part;
    mime_value type;
    bool in_machine, in_human;
    uint64_t size;
    buf machine, human;
    as2_receipt_facts facts;
};

static error *part_headers(void *context, const mime_headers *headers) {
    as2_receipt_reader *reader = context;
    mime_value type;
    span value = mime_headers_get(headers, "Content-Type");
    mime_value_read(value.data ? value : SPAN("text/plain"), &type);
    reader->in_machine = strcmp(type.text, "message/disposition-notification") == 0 && reader->machine.len == 0;
    reader->in_human = strncmp(type.text, "text/", 5) == 0 && reader->human.len == 0;
    mime_value_free(&type);
    return NULL;
}

/* A text longer than is kept is cut: it is for people. */
static void add_cut(buf *text, span piece) {
    size_t room = text->maximum - text->len;
    buf_add(text, span_make(piece.data, piece.len < room ? piece.len : room));
}

static error *part_body(void *context, span piece) {
    as2_receipt_reader *reader = context;
    if (reader->in_human) add_cut(&reader->human, piece);
    if (!reader->in_machine) return NULL;
    buf_add(&reader->machine, piece);
    return buf_check(&reader->machine, "the receipt's machine part");
}

static error *part_begins(void *context, size_t index) {
    as2_receipt_reader *reader = context;
    mime_entity_handler handler = {.headers = part_headers, .body = part_body, .context = reader};
    (void)index;
    reader->in_machine = reader->in_human = false;
    reader->part = mime_entity_new(MIME_LENIENT, &handler);
    return NULL;
}

static error *part_bytes(void *context, span piece) {
    as2_receipt_reader *reader = context;
    return mime_entity_write(reader->part, piece);
}

static error *part_ends(void *context, size_t index) {
    as2_receipt_reader *reader = context;
    (void)index;
    /* A part that is nothing but a header is no reason to refuse the rest. */
    error_free(mime_entity_finish(reader->part));
    mime_entity_free(reader->part);
    reader->part = NULL;
    return NULL;
}

static error *start(as2_receipt_reader *reader, span content_type) {
    mime_part_handler handler = {.begins = part_begins, .bytes = part_bytes, .ends = part_ends, .context = reader};
    span boundary;
    mime_value_read(content_type, &reader->type);
    if (strncmp(reader->type.text, "multipart/", 10) != 0)
        return error_new(ERROR_INVALID, "a receipt was expected, not %.80s", reader->type.text);
    error *err = mime_boundary(&reader->type, &boundary);
    return err ? err : mime_multipart_new(boundary, 0, &handler, &reader->parts);
}

static error *whole_headers(void *context, const mime_headers *headers) {
    span value = mime_headers_get(headers, "Content-Type");
    return start(context, value.data ? value : SPAN(""));
}

static error *whole_body(void *context, span piece) {
    as2_receipt_reader *reader = context;
    return mime_multipart_write(reader->parts, piece);
}

error *as2_receipt_reader_new(span content_type, as2_receipt_reader **out) {
    as2_receipt_reader *reader = xcalloc(1, sizeof *reader);
    mime_entity_handler whole = {.headers = whole_headers, .body = whole_body, .context = reader};
    reader->machine = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    reader->human = BUF_MAX(AS2_HUMAN_MAX - 1);
    if (content_type.len == 0) reader->whole = mime_entity_new(MIME_LENIENT, &whole);
    error *err = content_type.len ? start(reader, content_type) : NULL;
    if (err) {
        as2_receipt_reader_free(reader);
        return err;
    }
    *out = reader;
    return NULL;
}

error *as2_receipt_reader_write(as2_receipt_reader *reader, span piece) {
    reader->size += piece.len;
    if (reader->size > AS2_RECEIPT_MAX)
        return error_new(ERROR_LIMIT, "a receipt of more than %d bytes", AS2_RECEIPT_MAX);
    return reader->whole ? mime_entity_write(reader->whole, piece) : mime_multipart_write(reader->parts, piece);
}

/* The fields stand in two groups with an empty line between (RFC 8098 §3.1), or not; read as one. */
static error *read_fields(const buf *machine, mime_headers *fields) {
    buf joined = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    span rest = buf_span(machine), line;
    bool complete = false;
    while (span_split(&rest, '\n', &line)) {
        if (span_trim(line).len == 0) continue;
        buf_add(&joined, line);
        buf_add(&joined, SPAN("\n"));
    }
    buf_add(&joined, SPAN("\n"));
    error *err = buf_check(&joined, "the receipt's fields");
    span input = buf_span(&joined);
    if (!err) err = mime_headers_take(fields, &input, &complete);
    buf_free(&joined);
    return err;
}

static void copy_text(span from, char *to, size_t room) {
    size_t len = from.len < room - 1 ? from.len : room - 1;
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)from.data[i] < ' ' || from.data[i] == 0x7f ? ' ' : from.data[i];
    to[len] = '\0';
}

static void copy_field(const mime_headers *fields, const char *name, char *to) {
    span value = mime_headers_get(fields, name);
    copy_text(span_trim(value.data ? value : SPAN("")), to, AS2_TEXT_ROOM);
}

/* "rfc822; NAME", "rfc822;"NAME"", "NAME" (quirk 49). */
static void copy_recipient(const mime_headers *fields, const char *name, char to[AS2_TEXT_ROOM]) {
    span value = mime_headers_get(fields, name);
    if (!value.data) return;
    const char *semicolon = memchr(value.data, ';', value.len);
    if (semicolon) value = span_make(semicolon + 1, value.len - (size_t)(semicolon + 1 - value.data));
    value = span_trim(value);
    char plain[AS2_TEXT_ROOM];
    size_t len = 0;
    bool quoted = value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';
    if (quoted) value = span_make(value.data + 1, value.len - 2);
    for (size_t i = 0; i < value.len && len < sizeof plain; i++) {
        if (quoted && value.data[i] == '\\' && i + 1 < value.len) i++;
        plain[len++] = value.data[i];
    }
    copy_text(span_make(plain, len), to, AS2_TEXT_ROOM);
}

static void collect_details(const mime_headers *fields, char details[AS2_TEXT_ROOM]) {
    buf text = BUF_MAX(AS2_TEXT_ROOM - 1);
    for (size_t i = 0; i < mime_headers_total(fields); i++) {
        span name, value;
        mime_headers_at(fields, i, &name, &value);
        bool kept = (name.len == 5 && strncasecmp(name.data, "Error", 5) == 0) ||
                    (name.len == 7 && strncasecmp(name.data, "Failure", 7) == 0) ||
                    (name.len == 7 && strncasecmp(name.data, "Warning", 7) == 0);
        if (!kept) continue;
        if (text.len) add_cut(&text, SPAN("; "));
        add_cut(&text, value);
    }
    copy_text(buf_span(&text), details, AS2_TEXT_ROOM);
    buf_free(&text);
}

static error *understand(as2_receipt_reader *reader) {
    as2_receipt_facts *facts = &reader->facts;
    mime_headers *fields = mime_headers_new();
    error *err = read_fields(&reader->machine, fields);
    span disposition = mime_headers_get(fields, "Disposition");
    span mic = mime_headers_get(fields, "Received-Content-MIC");
    if (!err && !disposition.data) err = error_new(ERROR_INVALID, "the receipt has no disposition");
    if (!err) {
        facts->complete = true;
        as2_disposition_read(disposition, &facts->disposition);
        copy_field(fields, "Original-Message-ID", facts->original_message_id);
        copy_field(fields, "Reporting-UA", facts->reporting_agent);
        copy_recipient(fields, "Final-Recipient", facts->final_recipient);
        copy_recipient(fields, "Original-Recipient", facts->original_recipient);
        collect_details(fields, facts->details);
        /* "processed/error" with its reason in a field of its own (RFC 8098 §3.2.7). */
        if (facts->details[0] && facts->disposition.level == AS2_LEVEL_ACCEPTED) {
            bool is_error = mime_headers_get(fields, "Error").data || mime_headers_get(fields, "Failure").data;
            facts->disposition.level = is_error ? AS2_LEVEL_ERROR : AS2_LEVEL_WARNING;
            facts->disposition.outcome = AS2_OTHER;
        }
        facts->has_mic = mic.data != NULL;
        if (mic.data) {
            copy_text(mic, facts->mic_text, AS2_TEXT_ROOM);
            error_free(as2_mic_read(mic, &facts->mic));
        }
    }
    mime_headers_free(fields);
    return err;
}

error *as2_receipt_reader_finish(as2_receipt_reader *reader) {
    error *err = NULL;
    if (reader->whole) err = mime_entity_finish(reader->whole);
    if (!err) err = mime_multipart_finish(reader->parts);
    copy_text(buf_span(&reader->human), reader->facts.human, AS2_HUMAN_MAX);
    if (!err && reader->machine.len == 0)
        err = error_new(ERROR_INVALID, "the report has no disposition-notification part");
    return err ? err : understand(reader);
}

const as2_receipt_facts *as2_receipt_reader_facts(const as2_receipt_reader *reader) {
    return &reader->facts;
}

void as2_receipt_reader_free(as2_receipt_reader *reader) {
    if (!reader) return;
    mime_entity_free(reader->whole);
    mime_multipart_free(reader->parts);
    mime_entity_free(reader->part);
    mime_value_free(&reader->type);
    buf_free(&reader->machine);
    buf_free(&reader->human);
    free(reader);
}

static span bare_id(span id) {
    id = span_trim(id);
    if (id.len >= 2 && id.data[0] == '<' && id.data[id.len - 1] == '>') id = span_make(id.data + 1, id.len - 2);
    return span_trim(id);
}

bool as2_message_id_equal(span a, span b) {
    return span_equal(bare_id(a), bare_id(b));
}
