/* tests/fuzz/edi_json.c: any bytes as the JSON of an EDI file: refused, or written; what it wrote is read without harm,
 * and a walk over the text and a tape of it write and say the same.
 */
#include "edi/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    buf out = BUF_MAX(64 << 20);
    error *err = edi_from_json(span_make((const char *)data, size), &out);
    if (!err) {
        edi_reader *reader = edi_reader_new(buf_span(&out), NULL);
        while (edi_reader_next(reader) != EDI_END)
            continue;
        edi_reader_free(reader);
    }
    buf walked = BUF_MAX(64 << 20);
    error *other = edi_from_json_to(span_make((const char *)data, size), NULL, edi_sink_buf, &walked);
    if (!err != !other || (!err && !span_equal(buf_span(&out), buf_span(&walked)))) abort();
    error_free(other);
    buf_clear(&walked);
    edi_text_options thorough = {.thorough = true};
    other = edi_from_json_to(span_make((const char *)data, size), &thorough, edi_sink_buf, &walked);
    if (!err != !other || (!err && !span_equal(buf_span(&out), buf_span(&walked)))) abort();
    if (err && (strcmp(error_text(err), error_text(other)) != 0 || strcmp(error_where(err), error_where(other)) != 0))
        abort();
    error_free(other);
    buf_free(&walked);
    error_free(err);
    buf_free(&out);
    return 0;
}
