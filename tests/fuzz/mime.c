/* tests/fuzz/mime.c: any bytes as an entity, a multipart body with boundary "b", a file name and a receipt: parts do
 * not depend on how the bytes were cut into pieces, and a file name holds nothing that does harm (Z06). */
#include "adapters/as2/receipt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static error *add(void *context, span piece) {
    buf_add(context, piece);
    return NULL;
}

static error *mark(void *context, size_t index) {
    buf_printf(context, "[%zu]", index);
    return NULL;
}

static bool split(span body, size_t step, buf *out) {
    mime_part_handler handler = {.begins = mark, .bytes = add, .ends = mark, .context = out};
    mime_multipart *multipart = NULL;
    error *err = mime_multipart_new(SPAN("b"), 0, &handler, &multipart);
    for (size_t at = 0; !err && at < body.len; at += step)
        err = mime_multipart_write(multipart, span_make(body.data + at, body.len - at < step ? body.len - at : step));
    if (!err) err = mime_multipart_finish(multipart);
    bool good = !err;
    error_free(err);
    mime_multipart_free(multipart);
    return good;
}

static void read_entity(span bytes) {
    buf body = BUF_MAX(1 << 20);
    char name[MIME_FILE_NAME_ROOM];
    mime_entity *entity = mime_entity_new(MIME_LENIENT, &(mime_entity_handler){.body = add, .context = &body});
    error *err = mime_entity_write(entity, bytes);
    if (!err) err = mime_entity_finish(entity);
    if (mime_file_name(mime_entity_headers(entity), name)) {
        if (!span_is_utf8(span_of(name)) || strpbrk(name, "/\\<>:\"|?*\r\n") || name[0] == '.') abort();
    }
    error_free(err);
    mime_entity_free(entity);
    buf_free(&body);
}

static void read_receipt(span bytes) {
    as2_receipt_reader *reader = NULL;
    error *err = as2_receipt_reader_new(SPAN(""), &reader);
    if (!err) err = as2_receipt_reader_write(reader, bytes);
    if (!err) err = as2_receipt_reader_finish(reader);
    error_free(err);
    as2_receipt_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    span bytes = span_make((const char *)data, size);
    buf whole = BUF_MAX(1 << 20), pieces = BUF_MAX(1 << 20);
    bool good = split(bytes, size + 1, &whole);
    if (split(bytes, 1, &pieces) != good || (good && !span_equal(buf_span(&whole), buf_span(&pieces)))) abort();
    read_entity(bytes);
    read_receipt(bytes);
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
