/* adapters/as2/peel.c: see peel.h.
 *
 * Layer 0 takes the body. A CMS layer pushes its content, a multipart/signed layer what was signed, into an entity; as
 * soon as that entity's header is complete the next layer is made, which takes its body. Products forget headers, so
 * content that does not begin with one is a document as it stands (quirk 27).
 */
#include "adapters/as2/peel.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { HEAD_MAX = MIME_HEADERS_BYTES_MAX, SNIFF_BYTES = 128 };

typedef enum layer_type { LAYER_DOCUMENT, LAYER_CMS, LAYER_SIGNED, LAYER_PARTS, LAYER_RECEIPT } layer_type;

typedef struct layer {
    peel *peel;
    unsigned index;
    layer_type type;
    /* CMS: looked at before anything is believed, since transfer encodings lie (quirks 38, 39) */
    buf sniff;
    bool sniffed, maybe_base64;
    mime_decoder *decoder;
    cms_reader *cms;
    mime_signed *signed_;
    mime_multipart *parts;
    mime_entity *part; /* of `parts` */
    /* content, of CMS and multipart/signed */
    mime_entity *entity;
    buf head; /* what the entity has got while its header is not complete */
    bool header_done, headless;
    as2_mic_tap tap, crlf_tap, header_tap;
    mime_crlf crlf, header_crlf;
    cms_certificate const *signers[AS2_TRUST_MAX];
    cms_identity const *identities[AS2_TRUST_MAX];
    const as2_trusted *signer_names[AS2_TRUST_MAX], *identity_names[AS2_TRUST_MAX];
} layer;

struct peel {
    peel_options options;
    peel_facts facts;
    layer layers[PEEL_LAYERS_MAX];
    unsigned count;
    uint64_t written;  /* bytes of documents */
    uint64_t document; /* where the current one begins */
    as2_mic_tap body_tap, payload_tap;
    error *ours; /* what failed on our side */
    /* What a layer inside found wrong. It counts once the layers around it are known to be good: a forger learns
     * nothing from what garbage looks like. */
    as2_outcome inner;
    char inner_why[PEEL_WHY_ROOM];
    bool malleable; /* encrypted without authentication: whoever garbles it decides what comes out */
};

/* ---- faults ---- */

static void fault(peel *p, as2_outcome outcome, const char *why) {
    if (p->facts.outcome != AS2_PROCESSED) return;
    p->facts.outcome = outcome;
    snprintf(p->facts.why, sizeof p->facts.why, "%s", why);
}

/* What the message is guilty of is noted and passed over; what we are guilty of stops. */
static error *judge(peel *p, as2_outcome outcome, error *take) {
    if (!take) return NULL;
    if (p->ours) {
        error_free(take);
        return NULL;
    }
    fault(p, outcome, error_text(take));
    error_free(take);
    return NULL;
}

static void note_inner(peel *p, as2_outcome outcome, const error *why) {
    if (p->inner != AS2_PROCESSED || p->ours) return;
    p->inner = outcome;
    snprintf(p->inner_why, sizeof p->inner_why, "%s", error_text(why));
}

static bool is_over(const peel *p) {
    return p->ours || p->facts.outcome != AS2_PROCESSED;
}

/* ---- documents ---- */

static error *write_document(peel *p, span piece) {
    if (piece.len == 0) return NULL;
    if (p->payload_tap.set) digest_set_update(p->payload_tap.set, piece);
    p->written += piece.len;
    error *err = p->options.documents->write(p->options.documents->context, piece);
    if (!err) return NULL;
    /* A layer outside may keep errors of its sink until its end: ours goes by another way. */
    if (p->ours)
        error_free(err);
    else
        p->ours = err;
    return error_new(ERROR_IO, "a document cannot be written");
}

static void begin_document(peel *p, const mime_headers *headers) {
    char name[MIME_FILE_NAME_ROOM];
    json_t *document = json_object();
    span type = headers ? mime_headers_get(headers, "Content-Type") : SPAN("");
    p->document = p->written;
    json_object_set_new(document, "offset", json_integer((json_int_t)p->written));
    if (type.len) {
        json_put_span(document, "content_type", type);
    }
    span content_id = headers ? mime_headers_get(headers, "Content-ID") : SPAN("");
    if (content_id.len) json_put_span(document, "content_id", content_id);
    if (headers && mime_file_name(headers, name))
        json_put_text(document, "filename", name);
    else if (mime_file_name(p->options.headers, name) && json_array_size(p->facts.documents) == 0 &&
             strncasecmp(name, "smime.p7", 8) != 0) /* that is the name of the wrapping */
        json_put_text(document, "filename", name);
    json_array_append_new(p->facts.documents, document);
}

static void end_document(peel *p) {
    json_t *document = json_array_get(p->facts.documents, json_array_size(p->facts.documents) - 1);
    json_object_set_new(document, "length", json_integer((json_int_t)(p->written - p->document)));
}

/* ---- the next layer ---- */

static error *layer_write(layer *l, span piece);
static error *open_layer(peel *p, const mime_headers *headers, bool http);

static error *entity_headers(void *context, const mime_headers *headers) {
    layer *l = context;
    bool told = false;
    for (size_t i = 0; i < mime_headers_total(headers) && !told; i++) {
        span name, value;
        mime_headers_at(headers, i, &name, &value);
        told = name.len > 8 && strncasecmp(name.data, "Content-", 8) == 0;
    }
    if (!told) return error_new(ERROR_INVALID, "no header");
    l->header_done = true;
    buf_free(&l->head);
    return open_layer(l->peel, headers, false);
}

/* What is to be said of an error that came out of this layer. */
static as2_outcome outcome_of(const layer *l) {
    cms_fault found = l->cms ? cms_reader_facts(l->cms)->fault : CMS_FAULT_NONE;
    if (l->type == LAYER_SIGNED) return AS2_INTEGRITY_CHECK_FAILED;
    if (l->type == LAYER_CMS && found == CMS_FAULT_NONE && l->decoder) { /* base64 that is none */
        cms_kind kind = cms_reader_facts(l->cms)->kind;
        bool sealed = kind == CMS_KIND_ENVELOPED || kind == CMS_KIND_AUTH_ENVELOPED;
        return sealed ? AS2_DECRYPTION_FAILED : AS2_INTEGRITY_CHECK_FAILED;
    }
    if (l->type != LAYER_CMS || found == CMS_FAULT_NONE || found == CMS_FAULT_SINK) return AS2_UNEXPECTED_ERROR;
    return as2_outcome_of_fault(found);
}

static error *next_write(layer *l, span piece) {
    peel *p = l->peel;
    if (l->index + 1 >= p->count) return NULL;
    layer *next = &p->layers[l->index + 1];
    error *err = layer_write(next, piece);
    if (err) note_inner(p, outcome_of(next), err);
    return err;
}

static error *entity_body(void *context, span piece) {
    return next_write(context, piece);
}

/* Content without a header of its own is a document as it stands. */
static error *go_headless(layer *l) {
    peel *p = l->peel;
    l->headless = l->header_done = true;
    error *err = open_layer(p, NULL, false);
    if (!err && l->head.len) err = next_write(l, buf_span(&l->head));
    buf_free(&l->head);
    return err;
}

static error *content_write(void *context, span piece) {
    layer *l = context;
    if (l->tap.set) digest_set_update(l->tap.set, piece);
    if (l->crlf_tap.set) {
        error *err = mime_crlf_write(&l->crlf, piece);
        if (!err) err = mime_crlf_write(&l->header_crlf, piece);
        if (err) return err;
    }
    if (l->headless) return next_write(l, piece);
    if (l->header_done) return mime_entity_write(l->entity, piece);
    buf_add(&l->head, piece);
    bool too_long = l->head.overflow;
    error *err = mime_entity_write(l->entity, piece);
    if (l->header_done || (!err && !too_long)) return err;
    if (l->peel->ours) return err;
    error_free(err);
    if (!l->head.overflow) return go_headless(l);
    return error_new(ERROR_INVALID, "the header of a part is too long");
}

static void put_tap(layer *l, as2_mic_form form) {
    peel *p = l->peel;
    if (l->tap.set || p->facts.mics.of[form].present) return;
    l->tap.set = digest_set_new(p->options.kinds);
}

static void begin_content(layer *l) {
    const mime_entity_handler handler = {.headers = entity_headers, .body = entity_body, .context = l};
    l->entity = mime_entity_new(MIME_LENIENT, &handler);
    l->head = BUF_MAX(HEAD_MAX);
}

static error *open_cms(layer *l) {
    peel *p = l->peel;
    adapter_session *session = p->options.session;
    l->type = LAYER_CMS;
    l->sniff = BUF_MAX(SNIFF_BYTES);
    begin_content(l);
    put_tap(l, AS2_MIC_DECRYPTED); /* which form it is, the message tells */
    const cms_read_options options = {
        .identities = l->identities,
        .identity_count = as2_identities(session, l->identities, l->identity_names),
        .signers = l->signers,
        .signer_count = as2_signers(session, l->signers, l->signer_names),
        .now_ms = clock_wall_ms(),
        .allow_expired = as2_takes_expired(session),
        .allow_3des = as2_boolean(session->settings, "allow_3des") ||
                      strcmp(json_get_text(session->settings, "encrypt", ""), "3des") == 0,
        .content = {.write = content_write, .context = l},
    };
    l->cms = cms_reader_new(&options);
    return NULL;
}

static error *crlf_digest(void *context, span piece) {
    digest_set_update(context, piece);
    return NULL;
}

static error *open_signed(layer *l, const mime_value *type) {
    peel *p = l->peel;
    span boundary;
    digest_kind kind;
    const sink content = {.write = content_write, .context = l};
    const char *micalg = mime_value_get(type, "micalg");
    l->type = LAYER_SIGNED;
    error *err = mime_boundary(type, &boundary);
    if (!err) err = mime_signed_new(boundary, l->index, &content, &l->signed_);
    if (err) return judge(p, AS2_INTEGRITY_CHECK_FAILED, err);
    if (micalg && digest_from_micalg(span_of(micalg), &kind)) p->options.kinds |= 1u << kind;
    begin_content(l);
    put_tap(l, AS2_MIC_SIGNED);
    const json_t *settings = p->options.session->settings;
    bool expressly = json_object_get(settings, "crlf_fallback") && as2_boolean(settings, "crlf_fallback");
    if (p->options.explain || expressly) {
        l->crlf_tap.set = digest_set_new(p->options.kinds);
        l->header_tap.set = digest_set_new(p->options.kinds);
        l->crlf = (mime_crlf){.to = {.write = crlf_digest, .context = l->crlf_tap.set}};
        l->header_crlf = (mime_crlf){.to = {.write = crlf_digest, .context = l->header_tap.set}, .header_only = true};
    }
    return NULL;
}

/* ---- multipart/related: several documents (RFC 6362) */

static error *part_headers(void *context, const mime_headers *headers) {
    layer *l = context;
    if (json_array_size(l->peel->facts.documents) >= PEEL_DOCUMENTS_MAX)
        return error_new(ERROR_LIMIT, "more than %d documents in a message", PEEL_DOCUMENTS_MAX);
    begin_document(l->peel, headers);
    return NULL;
}

static error *part_body(void *context, span piece) {
    layer *l = context;
    return write_document(l->peel, piece);
}

static error *part_begins(void *context, size_t index) {
    layer *l = context;
    const mime_entity_handler handler = {.headers = part_headers, .body = part_body, .context = l};
    (void)index;
    l->part = mime_entity_new(MIME_LENIENT, &handler);
    return NULL;
}

static error *part_bytes(void *context, span piece) {
    return mime_entity_write(((layer *)context)->part, piece);
}

static error *part_ends(void *context, size_t index) {
    layer *l = context;
    (void)index;
    error *err = mime_entity_finish(l->part);
    mime_entity_free(l->part);
    l->part = NULL;
    if (!err) end_document(l->peel);
    return err;
}

static error *open_parts(layer *l, const mime_value *type) {
    span boundary;
    const mime_part_handler handler = {.begins = part_begins, .bytes = part_bytes, .ends = part_ends, .context = l};
    l->type = LAYER_PARTS;
    error *err = mime_boundary(type, &boundary);
    return err ? err : mime_multipart_new(boundary, l->index, &handler, &l->parts);
}

/* ---- which layer it is */

/* Two things are looked for in the body of HTTP itself: base64 that the transport speaks of, since only what really is
 * that is decoded; and a receipt that came as text/html or as nothing (quirk 36). */
static error *open_document(layer *l, const mime_headers *headers, const char *type, bool http) {
    peel *p = l->peel;
    l->type = LAYER_DOCUMENT;
    l->sniffed = true;
    begin_document(p, headers);
    if (p->options.explain || strcmp(as2_text(p->options.session->settings, "compressed_mic"), "payload") == 0)
        p->payload_tap.set = digest_set_new(p->options.kinds);
    if (!http) return NULL;
    p->body_tap.set = digest_set_new(p->options.kinds);
    l->sniff = BUF_MAX(SNIFF_BYTES);
    l->maybe_base64 = mime_encoding_named(mime_headers_get(headers, "Content-Transfer-Encoding")) == MIME_BASE64;
    l->sniffed = !l->maybe_base64 && *type && strcmp(type, "text/html") != 0 && strcmp(type, "text/plain") != 0;
    return NULL;
}

static bool is_cms_type(const char *type) {
    return strcmp(type, "application/pkcs7-mime") == 0 || strcmp(type, "application/x-pkcs7-mime") == 0;
}

static error *open_layer(peel *p, const mime_headers *headers, bool http) {
    mime_value type;
    span value = headers ? mime_headers_get(headers, "Content-Type") : SPAN("");
    if (p->count == PEEL_LAYERS_MAX) return error_new(ERROR_LIMIT, "more than %d layers", PEEL_LAYERS_MAX);
    layer *l = &p->layers[p->count];
    *l = (layer){.peel = p, .index = p->count};
    p->count++;
    mime_value_read(value.data ? value : SPAN(""), &type);
    error *err = NULL;
    if (is_cms_type(type.text))
        err = open_cms(l);
    else if (strcmp(type.text, "multipart/signed") == 0)
        err = open_signed(l, &type);
    else if (strcmp(type.text, "multipart/report") == 0) {
        l->type = LAYER_RECEIPT;
        if (!p->facts.receipt) err = as2_receipt_reader_new(value, &p->facts.receipt);
    } else if (strcmp(type.text, "multipart/related") == 0 || strcmp(type.text, "multipart/mixed") == 0)
        err = open_parts(l, &type);
    else if (strncmp(type.text, "multipart/", 10) == 0)
        err = error_new(ERROR_UNSUPPORTED, "%.80s is no way to send documents", type.text);
    else
        err = open_document(l, headers, type.text, http);
    mime_value_free(&type);
    return err;
}

/* ---- bytes into a layer ---- */

static error *cms_bytes(void *context, span piece) {
    return cms_reader_write(((layer *)context)->cms, piece);
}

static error *document_bytes(void *context, span piece) {
    return write_document(((layer *)context)->peel, piece);
}

static bool is_base64(span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!isalnum(c) && !strchr("+/=\r\n\t ", c)) return false;
        if (c == 0) return false;
    }
    return text.len > 0;
}

/* Does a part begin here that is a receipt, behind the delimiter of a multipart/signed that nobody announced? */
static span lost_boundary(span head) {
    static const char field[] = "Content-Type:", report[] = "multipart/report";
    const char *end = head.len > 2 ? memchr(head.data, '\n', head.len) : NULL;
    if (!end || memcmp(head.data, "--", 2) != 0) return span_make(NULL, 0);
    span boundary = span_trim(span_make(head.data + 2, (size_t)(end - head.data) - 2));
    span rest = span_make(end + 1, head.len - (size_t)(end + 1 - head.data));
    if (rest.len < sizeof field - 1 || strncasecmp(rest.data, field, sizeof field - 1) != 0) return span_make(NULL, 0);
    rest = span_trim(span_make(rest.data + sizeof field - 1, rest.len - (sizeof field - 1)));
    if (rest.len < sizeof report - 1 || strncasecmp(rest.data, report, sizeof report - 1) != 0)
        return span_make(NULL, 0);
    return boundary;
}

static error *become_signed(layer *l, span boundary) {
    peel *p = l->peel;
    mime_value type;
    buf text = BUF_MAX(SNIFF_BYTES * 2);
    buf_printf(&text, "multipart/signed; boundary=\"%.*s\"", (int)boundary.len, boundary.data);
    mime_value_read(buf_span(&text), &type);
    json_array_clear(p->facts.documents); /* what was begun as one is none: nor is there a digest of it */
    digest_set_free(p->payload_tap.set);
    p->payload_tap.set = NULL;
    error *err = open_signed(l, &type);
    mime_value_free(&type);
    buf_free(&text);
    return err ? err : layer_write(l, buf_span(&l->sniff));
}

/* The first bytes tell: BER begins with a SEQUENCE, its base64 with M. */
static error *end_sniffing(layer *l) {
    span head = buf_span(&l->sniff), trimmed = span_trim(head);
    sink to = {.write = l->type == LAYER_CMS ? cms_bytes : document_bytes, .context = l};
    bool encoded = l->type == LAYER_CMS ? trimmed.len > 0 && trimmed.data[0] != 0x30 && is_base64(trimmed)
                                        : l->maybe_base64 && is_base64(head);
    span lost = l->type == LAYER_DOCUMENT ? lost_boundary(head) : span_make(NULL, 0);
    l->sniffed = true;
    if (lost.len) return become_signed(l, lost);
    mime_care care = l->type == LAYER_CMS ? MIME_STRICT : MIME_LENIENT;
    if (encoded) l->decoder = mime_decoder_new(MIME_BASE64, care, &to);
    return l->decoder ? mime_decoder_write(l->decoder, head) : sink_write(&to, head);
}

static error *sniffed_write(layer *l, span piece) {
    if (!l->sniffed) {
        size_t room = SNIFF_BYTES - l->sniff.len, take = piece.len < room ? piece.len : room;
        buf_add(&l->sniff, span_make(piece.data, take));
        piece = span_make(piece.data + take, piece.len - take);
        if (l->sniff.len < SNIFF_BYTES) return NULL;
        error *err = end_sniffing(l);
        if (err) return err;
    }
    if (piece.len == 0) return NULL;
    if (l->decoder) return mime_decoder_write(l->decoder, piece);
    if (l->type == LAYER_SIGNED) return layer_write(l, piece);
    return l->type == LAYER_CMS ? cms_bytes(l, piece) : document_bytes(l, piece);
}

static error *layer_write(layer *l, span piece) {
    switch (l->type) {
    case LAYER_DOCUMENT:
    case LAYER_CMS: return sniffed_write(l, piece);
    case LAYER_SIGNED: return l->signed_ ? mime_signed_write(l->signed_, piece) : NULL;
    case LAYER_PARTS: return mime_multipart_write(l->parts, piece);
    case LAYER_RECEIPT: return as2_receipt_reader_write(l->peel->facts.receipt, piece);
    }
    return NULL;
}

/* ---- the end of a layer ---- */

static void tell_layer(layer *l, const char *kind, json_t *take_more) {
    json_object_set_new(take_more, "kind", json_string(kind));
    json_array_append_new(l->peel->facts.layers_json, take_more);
}

static void note_signature(layer *l, const cms_facts *facts, const char *kind) {
    peel *p = l->peel;
    const char *name =
        facts->signer < AS2_TRUST_MAX && l->signer_names[facts->signer] ? l->signer_names[facts->signer]->name : NULL;
    json_t *told = json_pack("{s:s, s:s, s:i}", "digest", digest_micalg(facts->digest, true), "signature",
        facts->signature, "key_bits", (int)facts->key_bits);
    json_put_text(told, "signer", name);
    json_put_text(told, "says", *facts->signer_words ? facts->signer_words : NULL);
    json_put_text(told, "embedded", *facts->embedded_fingerprint ? facts->embedded_fingerprint : NULL);
    if (facts->expired) json_object_set_new(told, "expired", json_true());
    if (facts->fault != CMS_FAULT_NONE) json_put_text(told, "fault", cms_fault_name(facts->fault));
    tell_layer(l, kind, told);
    p->facts.layers.is_signed = true;
    p->facts.signer = name;
    p->facts.expired = facts->expired;
    p->facts.signature_digest = facts->digest;
    p->facts.signature_good = facts->fault == CMS_FAULT_NONE;
}

static void check_sha1(layer *l, const cms_facts *facts) {
    if (facts->digest == DIGEST_SHA1 && !as2_boolean(l->peel->options.session->settings, "accept_sha1"))
        fault(l->peel, AS2_INSUFFICIENT_SECURITY, "the signature is over SHA-1, which this connection does not take");
}

/* What the layer is, for the record; once its content has been through. */
static void tell_cms(layer *l, bool good) {
    peel *p = l->peel;
    const cms_facts *facts = cms_reader_facts(l->cms);
    as2_mic_form form = AS2_MIC_DECRYPTED;
    switch (facts->kind) {
    case CMS_KIND_SIGNED:
        form = AS2_MIC_SIGNED;
        note_signature(l, facts, "signed");
        if (good) check_sha1(l, facts);
        break;
    case CMS_KIND_COMPRESSED:
        form = AS2_MIC_INFLATED;
        if (p->facts.layers.is_compressed)
            fault(p, AS2_DECOMPRESSION_FAILED, "the message is compressed twice (RFC 5402 allows it once)");
        p->facts.layers.is_compressed = true;
        tell_layer(l, "compressed", json_object());
        break;
    case CMS_KIND_ENVELOPED:
    case CMS_KIND_AUTH_ENVELOPED: {
        json_t *told = json_pack("{s:s, s:s, s:i}", "cipher", facts->cipher, "key_transport", facts->key_transport,
            "recipients", (int)facts->recipients);
        if (facts->identity < AS2_TRUST_MAX && l->identity_names[facts->identity])
            json_put_text(told, "key", l->identity_names[facts->identity]->name);
        tell_layer(l, facts->kind == CMS_KIND_ENVELOPED ? "enveloped" : "authEnveloped", told);
        p->malleable |= facts->kind == CMS_KIND_ENVELOPED;
        p->facts.layers.is_encrypted = true;
        break;
    }
    case CMS_KIND_NONE: break;
    }
    if (l->tap.set && !p->facts.mics.of[form].present) as2_mic_tap_finish(&l->tap, &p->facts.mics, form);
}

static error *fail_cms(layer *l, error *take) {
    peel *p = l->peel;
    bool from_inside = cms_reader_facts(l->cms)->fault == CMS_FAULT_SINK || p->ours;
    if (from_inside && p->inner != AS2_PROCESSED) {
        fault(p, p->inner, p->inner_why);
        error_free(take);
        return NULL;
    }
    return judge(p, outcome_of(l), take);
}

static error *finish_cms(layer *l) {
    error *err = l->sniffed ? NULL : end_sniffing(l);
    if (!err && l->decoder) err = mime_decoder_finish(l->decoder);
    if (!err) err = cms_reader_finish(l->cms);
    tell_cms(l, !err);
    return err ? fail_cms(l, err) : NULL;
}

static void finish_taps(layer *l) {
    peel *p = l->peel;
    if (l->tap.set) as2_mic_tap_finish(&l->tap, &p->facts.mics, AS2_MIC_SIGNED);
    if (l->crlf_tap.set) as2_mic_tap_finish(&l->crlf_tap, &p->facts.mics, AS2_MIC_SIGNED_CRLF);
    if (l->header_tap.set) as2_mic_tap_finish(&l->header_tap, &p->facts.mics, AS2_MIC_SIGNED_HEADER_CRLF);
}

static error *verify(layer *l, span signature) {
    peel *p = l->peel;
    adapter_session *session = p->options.session;
    cms_facts facts = {.fault = CMS_FAULT_NONE};
    const cms_read_options options = {
        .signers = l->signers,
        .signer_count = as2_signers(session, l->signers, l->signer_names),
        .now_ms = clock_wall_ms(),
        .allow_expired = as2_takes_expired(session),
    };
    error *err = cms_verify_detached(signature, &p->facts.mics.of[AS2_MIC_SIGNED], &options, &facts);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) p->facts.missing_digest = 1u << facts.digest;
    static const as2_mic_form forms[] = {AS2_MIC_SIGNED_CRLF, AS2_MIC_SIGNED_HEADER_CRLF};
    bool differs = facts.fault == CMS_FAULT_DIGEST || facts.fault == CMS_FAULT_SIGNATURE; /* without attributes */
    bool again = err && differs && as2_boolean(session->settings, "crlf_fallback");
    for (size_t i = 0; again && err && i < sizeof forms / sizeof *forms; i++) {
        cms_facts of_form = {.fault = CMS_FAULT_NONE};
        if (!p->facts.mics.of[forms[i]].present) continue;
        error *other = cms_verify_detached(signature, &p->facts.mics.of[forms[i]], &options, &of_form);
        if (!other) {
            /* The MIC is over the form that verified (quirk 3). */
            p->facts.mics.of[AS2_MIC_SIGNED] = p->facts.mics.of[forms[i]];
            error_free(err);
            err = NULL;
            facts = of_form;
        }
        error_free(other);
    }
    note_signature(l, &facts, "signed");
    if (!err) check_sha1(l, &facts);
    return judge(
        p, facts.fault == CMS_FAULT_NONE ? AS2_INTEGRITY_CHECK_FAILED : as2_outcome_of_fault(facts.fault), err);
}

static error *finish_signed(layer *l) {
    span signature;
    if (!l->signed_) return NULL;
    error *err = mime_signed_finish(l->signed_, &signature);
    finish_taps(l);
    if (!err) return verify(l, signature);
    l->peel->facts.layers.is_signed = true;
    return judge(l->peel, AS2_INTEGRITY_CHECK_FAILED, err);
}

static error *finish_content(layer *l) {
    if (!l->entity || l->headless) return NULL;
    if (!l->header_done) return go_headless(l);
    return mime_entity_finish(l->entity);
}

static error *finish_layer(layer *l) {
    peel *p = l->peel;
    error *err = NULL;
    if (p->inner != AS2_PROCESSED && l->type != LAYER_CMS) {
        fault(p, p->inner, p->inner_why);
        return NULL;
    }
    switch (l->type) {
    case LAYER_CMS: err = finish_cms(l); break;
    case LAYER_SIGNED: err = finish_signed(l); break;
    case LAYER_PARTS: err = judge(p, AS2_UNEXPECTED_ERROR, mime_multipart_finish(l->parts)); break;
    case LAYER_DOCUMENT:
        if (!l->sniffed && l->sniff.maximum) err = end_sniffing(l);
        if (!err && l->decoder) err = mime_decoder_finish(l->decoder);
        if (l->type == LAYER_DOCUMENT) end_document(p);
        break;
    case LAYER_RECEIPT: err = as2_receipt_reader_finish(p->facts.receipt); break;
    }
    if (!err && !is_over(p)) err = judge(p, AS2_UNEXPECTED_ERROR, finish_content(l));
    return judge(p, AS2_UNEXPECTED_ERROR, err);
}

/* ---- from outside ---- */

peel *peel_new(const peel_options *options) {
    peel *p = xcalloc(1, sizeof *p);
    p->options = *options;
    p->facts.layers_json = json_array();
    p->facts.documents = json_array();
    (void)!judge(p, AS2_UNEXPECTED_ERROR, open_layer(p, options->headers, true));
    return p;
}

error *peel_write(peel *p, span piece) {
    if (is_over(p) || p->count == 0) return NULL;
    if (p->body_tap.set) digest_set_update(p->body_tap.set, piece);
    layer *outer = &p->layers[0];
    error *err = layer_write(outer, piece);
    if (p->ours) {
        error_free(err);
        err = p->ours;
        p->ours = NULL;
        return err;
    }
    if (!err) return NULL;
    if (outer->type == LAYER_CMS) {
        tell_cms(outer, false);
        return fail_cms(outer, err);
    }
    if (p->inner == AS2_PROCESSED) return judge(p, outcome_of(outer), err);
    fault(p, p->inner, p->inner_why);
    error_free(err);
    return NULL;
}

/* In CBC the padding of a forged last block tells about a block of plaintext, if the sender learns whether it was right
 * (Vaudenay; AS-12). Such a forgery never leaves the structure around the content whole, so a broken structure gets the
 * answer of a wrong padding. A signature of somebody we know that does not fit is told as what it is. */
static void hide_structure(peel *p) {
    peel_facts *facts = &p->facts;
    bool structure = facts->outcome == AS2_UNEXPECTED_ERROR || facts->outcome == AS2_INTEGRITY_CHECK_FAILED ||
                     facts->outcome == AS2_DECOMPRESSION_FAILED;
    if (!p->malleable || !structure || facts->signer) return;
    snprintf(facts->detail, sizeof facts->detail, "%s", facts->why);
    snprintf(facts->why, sizeof facts->why, "%s", CMS_UNDECRYPTABLE);
    facts->outcome = AS2_DECRYPTION_FAILED;
}

error *peel_finish(peel *p) {
    for (unsigned i = 0; i < p->count && !is_over(p); i++)
        (void)!finish_layer(&p->layers[i]);
    if (p->body_tap.set) as2_mic_tap_finish(&p->body_tap, &p->facts.mics, AS2_MIC_BODY);
    if (p->payload_tap.set) as2_mic_tap_finish(&p->payload_tap, &p->facts.mics, AS2_MIC_PAYLOAD);
    hide_structure(p);
    error *err = p->ours;
    p->ours = NULL;
    return err;
}

const peel_facts *peel_result(const peel *p) {
    return &p->facts;
}

void peel_free(peel *p) {
    if (!p) return;
    for (unsigned i = 0; i < p->count; i++) {
        layer *l = &p->layers[i];
        buf_free(&l->sniff);
        buf_free(&l->head);
        mime_decoder_free(l->decoder);
        cms_reader_free(l->cms);
        mime_signed_free(l->signed_);
        mime_multipart_free(l->parts);
        mime_entity_free(l->part);
        mime_entity_free(l->entity);
        digest_set_free(l->tap.set);
        digest_set_free(l->crlf_tap.set);
        digest_set_free(l->header_tap.set);
    }
    digest_set_free(p->body_tap.set);
    digest_set_free(p->payload_tap.set);
    as2_receipt_reader_free(p->facts.receipt);
    json_decref(p->facts.layers_json);
    json_decref(p->facts.documents);
    free(p);
}
