/* adapters/as2/mic.c: see mic.h. */
#include "adapters/as2/mic.h"

#include "core/base/base64.h"
#include "core/crypto/secret.h"

enum { MIC_TEXT_MAX = 1024 };

const char *as2_mic_form_words(as2_mic_form form) {
    static const char *const words[] = {
        [AS2_MIC_SIGNED] = "the signed part as it was sent",
        [AS2_MIC_SIGNED_CRLF] = "the signed part with every line end made CR LF",
        [AS2_MIC_SIGNED_HEADER_CRLF] = "the signed part with the line ends of its header made CR LF",
        [AS2_MIC_DECRYPTED] = "the decrypted part with its header",
        [AS2_MIC_INFLATED] = "the decompressed part with its header",
        [AS2_MIC_BODY] = "the body alone",
        [AS2_MIC_PAYLOAD] = "the document alone, without its header",
    };
    return words[form];
}

as2_mic_form as2_mic_ruled(as2_layers layers) {
    if (layers.is_signed) return AS2_MIC_SIGNED;
    if (layers.is_compressed) return AS2_MIC_INFLATED;
    return layers.is_encrypted ? AS2_MIC_DECRYPTED : AS2_MIC_BODY;
}

error *as2_mic_tap_write(void *context, span piece) {
    as2_mic_tap *tap = context;
    digest_set_update(tap->set, piece);
    return sink_write(&tap->to, piece);
}

void as2_mic_tap_finish(as2_mic_tap *tap, as2_mics *mics, as2_mic_form form) {
    digest_set_finish(tap->set, &mics->of[form]);
    tap->set = NULL;
}

void as2_mic_write(const cms_digests *digests, digest_kind kind, bool dashed, buf *text) {
    base64_write(span_make((const char *)digests->value[kind], digests->len[kind]), text);
    buf_printf(text, ", %s", digest_micalg(kind, dashed));
}

/* Without comments in parentheses and without blanks. */
static void strip(span text, buf *out) {
    size_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '(') depth++;
        if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') buf_add_char(out, c);
        if (c == ')' && depth > 0) depth--;
    }
}

error *as2_mic_read(span text, as2_mic *out) {
    buf plain = BUF_MAX(MIC_TEXT_MAX), bytes = BUF_MAX(DIGEST_BYTES_MAX);
    error *err = NULL;
    strip(text, &plain);
    const char *comma = plain.len && !plain.overflow ? memrchr(plain.data, ',', plain.len) : NULL;
    *out = (as2_mic){0};
    if (!comma) {
        err = error_new(ERROR_INVALID, "the MIC of the receipt is not a value and an algorithm");
    } else if (!digest_from_micalg(span_make(comma + 1, plain.len - (size_t)(comma + 1 - plain.data)), &out->kind)) {
        err = error_new(ERROR_UNSUPPORTED, "the MIC of the receipt has an algorithm that is not known here");
    } else if (!base64_read(span_make(plain.data, (size_t)(comma - plain.data)), &bytes)) {
        err = error_new(ERROR_INVALID, "the MIC of the receipt is not base64");
    } else {
        memcpy(out->value, buf_text(&bytes), bytes.len);
        out->len = bytes.len;
    }
    buf_free(&plain);
    buf_free(&bytes);
    return err;
}

static bool matches(const cms_digests *digests, const as2_mic *received) {
    if (!(digests->present & 1u << received->kind)) return false;
    return secret_equal(span_make((const char *)digests->value[received->kind], digests->len[received->kind]),
        span_make((const char *)received->value, received->len));
}

bool as2_mic_find(const as2_mics *mics, as2_layers layers, const as2_mic *received, as2_mic_form *form) {
    *form = as2_mic_ruled(layers);
    if (matches(&mics->of[*form], received)) return true;
    for (size_t i = 0; i < AS2_MIC_FORMS; i++) {
        if (!matches(&mics->of[i], received)) continue;
        *form = (as2_mic_form)i;
        return true;
    }
    return false;
}
