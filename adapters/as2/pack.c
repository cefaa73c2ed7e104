/* adapters/as2/pack.c: makes of a payload the body of an AS2 message: compressed, signed, encrypted, in one pass.
 *
 * Bytes are pushed from the document outwards through a chain of sinks, each layer writing its frame around what comes
 * from inside; what a receipt may digest is digested where it passes. Definite lengths need to be known before; small
 * messages always have them, because more partners read DER. What is encrypted of a small one is held until its length
 * is known; otherwise, and for the length of what is compressed, passes that only count come before.
 */
#include "adapters/as2/session.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { SMALL_BYTES = 1024 * 1024, SMALL_CONTENT_MAX = 4 * SMALL_BYTES };
enum { CHUNK = 64 * 1024, CHUNK_LEAST = 4096, HEADER_TEXT_MAX = 8 * 1024, BASE64_LINE_BYTES = 57 };

/* What is done, decided before the first byte. */
typedef struct packing {
    const json_t *settings;
    const as2_trusted *key, *recipient; /* NULL: not signed, not encrypted */
    digest_kind digest;
    cms_cipher cipher;
    bool compress_inside, compress_outside; /* before and after signing */
    bool base64, dashed, definite, small;
    as2_mic_form ruled;
    unsigned kinds, more_kinds; /* digests taken: of any form; of the form that the rules name */
    const char *content_type, *filename;
    char boundary[AS2_BOUNDARY_ROOM];
} packing;

/* What earlier passes found out. */
typedef struct measured {
    uint64_t compressed, content;
    bool has_signature;
    unsigned char digest[DIGEST_BYTES_MAX]; /* of what was signed */
    buf signature;                          /* DER */
} measured;

typedef struct pass {
    const packing *plan;
    measured *known;
    json_t *http; /* header fields of the outermost entity; NULL in passes that only count */
    as2_mics *mics;
    bool counts_only, without_signature;
    sink at; /* where the innermost layer so far takes its content */
    bool outermost;
    /* the layers, from outside */
    sink wire;
    uint64_t content_count; /* into the envelope */
    sink content_to, around_content;
    buf held; /* of a small message: all that goes into the envelope */
    cms_envelope *envelope;
    cms_compressor *compressor;
    as2_mic_tap decrypted, signed_, inflated, body, payload;
    sink around_signed; /* where the frame of multipart/signed goes */
    char line[BASE64_LINE_BYTES];
    size_t line_len;
} pass;

static error *to_envelope(void *context, span piece) {
    return cms_envelope_write(context, piece);
}

static error *to_held(void *context, span piece) {
    buf_add(context, piece);
    return buf_check(context, "a small message");
}

static error *to_compressor(void *context, span piece) {
    return cms_compressor_write(context, piece);
}

static error *to_nobody(void *context, span piece) {
    (void)context, (void)piece;
    return NULL;
}

static error *count_content(void *context, span piece) {
    pass *p = context;
    p->content_count += piece.len;
    return sink_write(&p->content_to, piece);
}

static void put_tap(pass *p, as2_mic_tap *tap, as2_mic_form form) {
    const packing *plan = p->plan;
    bool signature = form == AS2_MIC_SIGNED;
    if (p->counts_only && !signature) return; /* nobody asks */
    unsigned kinds = p->counts_only ? 1u << plan->digest : form == plan->ruled ? plan->more_kinds : plan->kinds;
    *tap = (as2_mic_tap){.set = digest_set_new(kinds), .to = p->at};
    p->at = (sink){.write = as2_mic_tap_write, .context = tap};
}

/* ---- headers ---- */

static void add_clean(buf *out, const char *text) {
    for (; *text; text++)
        buf_add_char(out, (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
}

static void disposition(const char *filename, buf *value) {
    buf_add_text(value, "attachment; ");
    mime_file_name_parameter(span_of(filename), value);
}

/* The header of an entity: of the request when it is the outermost, else in front of its content. */
static error *put_header(pass *p, const char *content_type, const char *encoding, const char *filename) {
    buf text = BUF_MAX(HEADER_TEXT_MAX), value = BUF_MAX(HEADER_TEXT_MAX);
    error *err = NULL;
    if (filename) disposition(filename, &value);
    if (p->outermost && p->http) {
        as2_header(p->http, "Content-Type", content_type);
        if (filename) as2_header(p->http, "Content-Disposition", buf_text(&value));
    } else if (!p->outermost) {
        buf_add_text(&text, "Content-Type: ");
        add_clean(&text, content_type);
        if (encoding) buf_printf(&text, "\r\nContent-Transfer-Encoding: %s", encoding);
        if (filename) buf_printf(&text, "\r\nContent-Disposition: %s", buf_text(&value));
        buf_add_text(&text, "\r\n\r\n");
        err = buf_check(&text, "the header of a part");
        if (!err) err = sink_write(&p->at, buf_span(&text));
    }
    p->outermost = false;
    buf_free(&text);
    buf_free(&value);
    return err;
}

/* ---- layers, from outside ---- */

static error *open_envelope(pass *p, uint64_t content_bytes) {
    const packing *plan = p->plan;
    const cms_certificate *recipients[] = {plan->recipient->certificate};
    const cms_envelope_options options = {
        .cipher = plan->cipher,
        .oaep = strcmp(as2_text(plan->settings, "key_transport"), "oaep") == 0,
        .oaep_digest = DIGEST_SHA256,
        .recipients = recipients,
        .recipient_count = 1,
        .content_bytes = content_bytes,
    };
    return cms_envelope_new(&options, &p->around_content, &p->envelope);
}

static error *begin_envelope(pass *p) {
    const packing *plan = p->plan;
    char type[128];
    snprintf(type, sizeof type, "application/pkcs7-mime; smime-type=%s; name=\"smime.p7m\"",
        cms_cipher_is_authenticated(plan->cipher) ? "authEnveloped-data" : "enveloped-data");
    error *err = put_header(p, type, "binary", "smime.p7m");
    p->around_content = p->at;
    if (p->counts_only) {
        p->content_to = (sink){.write = to_nobody};
    } else if (plan->small) {
        p->held = BUF_MAX(SMALL_CONTENT_MAX);
        p->content_to = (sink){.write = to_held, .context = &p->held};
    } else {
        if (!err) err = open_envelope(p, plan->definite ? p->known->content : CMS_LENGTH_UNKNOWN);
        p->content_to = (sink){.write = to_envelope, .context = p->envelope};
    }
    if (err) return err;
    p->at = (sink){.write = count_content, .context = p};
    put_tap(p, &p->decrypted, AS2_MIC_DECRYPTED);
    return NULL;
}

static error *finish_envelope(pass *p) {
    error *err = NULL;
    if (p->counts_only) return NULL;
    if (p->plan->small) {
        err = open_envelope(p, p->held.len);
        if (!err) err = cms_envelope_write(p->envelope, buf_span(&p->held));
    }
    return err ? err : cms_envelope_finish(p->envelope);
}

static error *begin_compression(pass *p) {
    error *err =
        put_header(p, "application/pkcs7-mime; smime-type=compressed-data; name=\"smime.p7z\"", "binary", "smime.p7z");
    if (!err)
        err = cms_compressor_new(
            6, p->plan->definite ? p->known->compressed : CMS_LENGTH_UNKNOWN, &p->at, &p->compressor);
    if (err) return err;
    p->at = (sink){.write = to_compressor, .context = p->compressor};
    put_tap(p, &p->inflated, AS2_MIC_INFLATED);
    return NULL;
}

static error *begin_signature(pass *p) {
    const packing *plan = p->plan;
    buf type = BUF_MAX(HEADER_TEXT_MAX), before = BUF_MAX(HEADER_TEXT_MAX), behind = BUF_MAX(HEADER_TEXT_MAX);
    as2_signed_frame(plan->boundary, digest_micalg(plan->digest, plan->dashed), SPAN(""), &type, &before, &behind);
    error *err = put_header(p, buf_text(&type), NULL, NULL);
    p->around_signed = p->at;
    if (!err) err = sink_write(&p->at, buf_span(&before));
    if (!err) put_tap(p, &p->signed_, AS2_MIC_SIGNED);
    buf_free(&type);
    buf_free(&before);
    buf_free(&behind);
    return err;
}

static error *begin_document(pass *p) {
    bool plain = p->outermost;
    error *err = put_header(p, p->plan->content_type, p->plan->base64 ? "base64" : "binary", p->plan->filename);
    if (!err && plain) put_tap(p, &p->body, AS2_MIC_BODY);
    return err;
}

/* ---- the document ---- */

static error *write_base64(pass *p, span bytes, bool last) {
    buf text = BUF_MAX(2 * (size_t)CHUNK);
    error *err = NULL;
    while (!err && (bytes.len > 0 || (last && p->line_len > 0))) {
        size_t room = BASE64_LINE_BYTES - p->line_len, take = bytes.len < room ? bytes.len : room;
        if (take) memcpy(p->line + p->line_len, bytes.data, take);
        p->line_len += take;
        bytes = span_make(bytes.data ? bytes.data + take : NULL, bytes.len - take);
        if (p->line_len < BASE64_LINE_BYTES && !(last && bytes.len == 0)) break;
        mime_base64_lines(span_make(p->line, p->line_len), &text);
        p->line_len = 0;
        if (text.len > CHUNK) {
            err = sink_write(&p->at, buf_span(&text));
            buf_clear(&text);
        }
    }
    if (!err) err = sink_write(&p->at, buf_span(&text));
    buf_free(&text);
    return err;
}

static error *write_document(pass *p, const adapter_source *payload, bool base64) {
    size_t room = payload->size < CHUNK_LEAST ? CHUNK_LEAST : payload->size < CHUNK ? (size_t)payload->size : CHUNK;
    char *chunk = xmalloc(room);
    error *err = payload->rewind(payload->context);
    for (size_t len = 1; !err && len > 0;) {
        err = payload->read(payload->context, chunk, room, &len);
        if (err || len == 0) break;
        if (p->payload.set) digest_set_update(p->payload.set, span_make(chunk, len));
        err = base64 ? write_base64(p, span_make(chunk, len), false) : sink_write(&p->at, span_make(chunk, len));
    }
    if (!err && base64) err = write_base64(p, SPAN(""), true);
    free(chunk);
    return err;
}

/* ---- the end of each layer, from inside ---- */

static error *make_signature(pass *p, const cms_digests *digests) {
    const packing *plan = p->plan;
    measured *known = p->known;
    const unsigned char *sum = digests->value[plan->digest];
    if (known->has_signature && memcmp(known->digest, sum, digests->len[plan->digest]) == 0) return NULL;
    const cms_sign_options options = {
        .digest = plan->digest,
        .pss = strcmp(as2_text(plan->settings, "sign_padding"), "pss") == 0,
        .without_attributes = !as2_boolean(plan->settings, "signed_attributes"),
        .without_certificate = !as2_boolean(plan->settings, "send_certificate"),
    };
    buf_clear(&known->signature);
    error *err = cms_sign(plan->key->identity, digests, &options, &known->signature);
    memcpy(known->digest, sum, digests->len[plan->digest]);
    known->has_signature = !err;
    return err;
}

static error *finish_signature(pass *p) {
    buf type = BUF_MAX(HEADER_TEXT_MAX), before = BUF_MAX(HEADER_TEXT_MAX), behind = BUF_MAX(2 * CMS_SIGNATURE_MAX);
    as2_mic_tap_finish(&p->signed_, p->mics, AS2_MIC_SIGNED);
    error *err = p->without_signature ? NULL : make_signature(p, &p->mics->of[AS2_MIC_SIGNED]);
    if (!err) {
        as2_signed_frame(p->plan->boundary, digest_micalg(p->plan->digest, p->plan->dashed),
            buf_span(&p->known->signature), &type, &before, &behind);
        err = sink_write(&p->around_signed, buf_span(&behind));
    }
    buf_free(&type);
    buf_free(&before);
    buf_free(&behind);
    return err;
}

static error *finish_compression(pass *p) {
    error *err = cms_compressor_finish(p->compressor);
    p->known->compressed = cms_compressor_size(p->compressor);
    if (p->inflated.set) as2_mic_tap_finish(&p->inflated, p->mics, AS2_MIC_INFLATED);
    return err;
}

static error *finish_layers(pass *p) {
    const packing *plan = p->plan;
    error *err = NULL;
    if (p->payload.set) as2_mic_tap_finish(&p->payload, p->mics, AS2_MIC_PAYLOAD);
    if (p->body.set) as2_mic_tap_finish(&p->body, p->mics, AS2_MIC_BODY);
    if (plan->compress_inside) err = finish_compression(p);
    if (!err && plan->key) err = finish_signature(p);
    if (!err && plan->compress_outside) err = finish_compression(p);
    if (!err && plan->recipient) err = finish_envelope(p);
    if (!err && p->decrypted.set) as2_mic_tap_finish(&p->decrypted, p->mics, AS2_MIC_DECRYPTED);
    p->known->content = p->content_count;
    return err;
}

static void free_pass(pass *p) {
    as2_mic_tap *taps[] = {&p->decrypted, &p->signed_, &p->inflated, &p->body, &p->payload};
    for (size_t i = 0; i < sizeof taps / sizeof *taps; i++)
        digest_set_free(taps[i]->set);
    buf_free(&p->held);
    cms_envelope_free(p->envelope);
    cms_compressor_free(p->compressor);
}

static error *run_pass(pass *p, const adapter_source *payload, const sink *wire) {
    const packing *plan = p->plan;
    error *err = NULL;
    *p->mics = (as2_mics){0};
    p->at = *wire;
    p->outermost = true;
    if (plan->small && !p->counts_only) p->payload.set = digest_set_new(plan->kinds);
    if (plan->recipient) err = begin_envelope(p);
    if (!err && plan->compress_outside) err = begin_compression(p);
    if (!err && plan->key) err = begin_signature(p);
    if (!err && plan->compress_inside) err = begin_compression(p);
    bool plain = p->outermost;
    if (!err) err = begin_document(p);
    if (!err) err = write_document(p, payload, plan->base64 && !plain);
    if (!err) err = finish_layers(p);
    free_pass(p);
    return err;
}

static error *count(const packing *plan, measured *known, const adapter_source *payload, bool without_signature) {
    as2_mics mics;
    const sink nobody = {.write = to_nobody};
    pass p = {.plan = plan, .known = known, .mics = &mics, .counts_only = true, .without_signature = without_signature};
    return run_pass(&p, payload, &nobody);
}

/* ---- the plan ---- */

static error *wants(const adapter_session *session, const char *name, bool able, const char *fallback,
    const char *missing, const char **value) {
    const char *said = as2_text(session->settings, name);
    *value = said ? said : able ? fallback : "none";
    if (strcmp(*value, "none") == 0 || able) return NULL;
    return error_at(error_new(ERROR_INVALID, "%s", missing), "%s", name);
}

static unsigned listed_digests(const json_t *settings) {
    unsigned kinds = 0;
    const json_t *list = json_get_array(settings, "mdn_digests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        digest_kind kind;
        if (name && digest_from_micalg(span_of(name), &kind)) kinds |= 1u << kind;
    }
    return kinds;
}

static error *make_plan(adapter_session *session, const json_t *order, uint64_t size, packing *plan) {
    const json_t *settings = session->settings;
    const as2_trusted *key = as2_current(session->keys, session->key_count, true);
    const as2_trusted *recipient = as2_current(session->certificates, session->certificate_count, false);
    const char *sign, *encrypt, *compress = as2_text(settings, "compress");
    *plan = (packing){
        .settings = settings,
        .base64 = strcmp(as2_text(settings, "transfer_encoding"), "base64") == 0,
        .dashed = as2_boolean(settings, "micalg_dashes"),
        .small = size <= SMALL_BYTES,
        .definite = size <= SMALL_BYTES || as2_boolean(settings, "definite_lengths"),
        .compress_outside = strcmp(compress, "after-signing") == 0,
        .filename = as2_boolean(settings, "send_filename") ? json_get_text(order, "filename", NULL) : NULL,
    };
    plan->compress_inside = !plan->compress_outside && strcmp(compress, "none") != 0;
    const char *type = as2_text(settings, "content_type"), *own = json_get_text(order, "content_type", NULL);
    plan->content_type = type ? type : own ? own : "application/octet-stream";
    if (own && strncasecmp(own, "multipart/", 10) == 0) { /* parts with headers of their own: no other type is true */
        plan->content_type = own;
        plan->base64 = false;
        plan->filename = NULL;
    }
    error *err = wants(session, "sign", key != NULL, "sha256",
        "the message is to be signed, but the station has no key that is in use now", &sign);
    if (!err)
        err = wants(session, "encrypt", recipient != NULL, "aes256-cbc",
            "the message is to be encrypted, but the partner has no certificate that is in use now", &encrypt);
    if (err) return err;
    if (strcmp(sign, "none") != 0 && digest_from_micalg(span_of(sign), &plan->digest)) plan->key = key;
    if (strcmp(encrypt, "none") != 0 && cms_cipher_named(span_of(encrypt), &plan->cipher)) plan->recipient = recipient;
    plan->kinds = 1u << DIGEST_SHA256 | listed_digests(settings);
    if (plan->key) plan->kinds |= 1u << plan->digest;
    plan->more_kinds = plan->small ? (unsigned)DIGEST_ALL : plan->kinds;
    plan->ruled = as2_mic_ruled(
        (as2_layers){plan->key != NULL, plan->recipient != NULL, plan->compress_inside || plan->compress_outside});
    as2_boundary_new(plan->boundary);
    return NULL;
}

/* ---- the request ---- */

static void add_date(json_t *headers) {
    char text[64];
    struct tm parts;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
    as2_header(headers, "Date", text);
}

static void add_receipt_request(json_t *headers, const packing *plan, const json_t *order) {
    const char *mdn = as2_text(plan->settings, "mdn");
    digest_kind list[DIGEST_KINDS];
    size_t count = 0;
    if (strcmp(mdn, "none") == 0) return;
    const char *from = as2_text(plan->settings, "from");
    as2_header(headers, "Disposition-Notification-To", from ? from : json_get_text(order, "from", ""));
    if (as2_boolean(plan->settings, "mdn_signed")) {
        const json_t *named = json_get_array(plan->settings, "mdn_digests");
        for (size_t i = 0; i < json_array_size(named) && count < DIGEST_KINDS; i++)
            if (digest_from_micalg(span_of(json_string_value(json_array_get(named, i))), &list[count])) count++;
        if (count == 0) list[count++] = plan->key ? plan->digest : DIGEST_SHA256;
        buf text = BUF_MAX(HEADER_TEXT_MAX);
        as2_receipt_options_write(list, count, plan->dashed, &text);
        as2_header(headers, "Disposition-Notification-Options", buf_text(&text));
        buf_free(&text);
    }
    if (strcmp(mdn, "async") == 0)
        as2_header(headers, "Receipt-Delivery-Option", json_get_text(order, "receipt_url", ""));
}

static void add_headers(json_t *headers, const packing *plan, const json_t *order) {
    buf from = BUF_MAX(AS2_NAME_ROOM * 2), to = BUF_MAX(AS2_NAME_ROOM * 2);
    const char *mail = as2_text(plan->settings, "from");
    const char *name;
    json_t *value;
    as2_name_write(json_get_text(order, "from", ""), &from);
    as2_name_write(json_get_text(order, "to", ""), &to);
    as2_header(headers, "AS2-Version", as2_text(plan->settings, "as2_version"));
    as2_header(headers, "AS2-From", buf_text(&from));
    as2_header(headers, "AS2-To", buf_text(&to));
    as2_header(headers, "Message-ID", json_get_text(order, "message_id", ""));
    as2_header(headers, "Subject", as2_text(plan->settings, "subject"));
    as2_header(headers, "MIME-Version", "1.0");
    add_date(headers);
    if (mail) as2_header(headers, "From", mail);
    as2_add_features(headers, plan->settings);
    if (as2_boolean(plan->settings, "product_header")) as2_header(headers, "AS2-Product", "banyan:" BANYAN_VERSION);
    add_receipt_request(headers, plan, order);
    json_object_foreach(json_get_object(plan->settings, "headers"), name, value) if (json_is_string(value))
        as2_header(headers, name, json_string_value(value));
    buf_free(&from);
    buf_free(&to);
}

static json_t *layers_json(const packing *plan) {
    json_t *layers = json_array();
    if (plan->recipient)
        json_array_append_new(
            layers, json_pack("{s:s, s:s, s:s}", "kind",
                        cms_cipher_is_authenticated(plan->cipher) ? "authEnveloped" : "enveloped", "cipher",
                        as2_text(plan->settings, "encrypt") ? as2_text(plan->settings, "encrypt") : "aes256-cbc",
                        "recipient", plan->recipient->name));
    if (plan->compress_outside) json_array_append_new(layers, json_pack("{s:s}", "kind", "compressed"));
    if (plan->key)
        json_array_append_new(layers, json_pack("{s:s, s:s, s:s}", "kind", "signed", "digest",
                                          digest_micalg(plan->digest, true), "signer", plan->key->name));
    if (plan->compress_inside) json_array_append_new(layers, json_pack("{s:s}", "kind", "compressed"));
    return layers;
}

static error *write_body(void *context, span piece) {
    const adapter_sink *body = context;
    return body->write(body->context, piece);
}

error *as2_pack(adapter_session *session, const json_t *order, const adapter_source *payload, const adapter_sink *body,
    json_t **outcome) {
    packing plan;
    measured known = {.compressed = CMS_LENGTH_UNKNOWN, .content = CMS_LENGTH_UNKNOWN};
    as2_mics mics = {0};
    json_t *headers = json_array();
    known.signature = BUF_MAX(CMS_SIGNATURE_MAX);
    const sink wire = {.write = write_body, .context = (void *)(uintptr_t)body};
    error *err = make_plan(session, order, payload->size, &plan);
    bool compressed = !err && (plan.compress_inside || plan.compress_outside);
    /* What is compressed outside holds the signature, so that one is made at once; inside, it changes what is signed.
     */
    if (!err && plan.definite && compressed) {
        plan.definite = false;
        err = count(&plan, &known, payload, plan.compress_inside);
        plan.definite = true;
    }
    if (!err && plan.definite && plan.recipient && !plan.small) err = count(&plan, &known, payload, false);
    if (!err) {
        add_headers(headers, &plan, order);
        pass p = {.plan = &plan, .known = &known, .http = headers, .mics = &mics};
        err = run_pass(&p, payload, &wire);
    }
    if (!err) {
        as2_layers layers = {plan.key != NULL, plan.recipient != NULL, compressed};
        *outcome = json_pack("{s:O, s:o, s:b, s:b, s:b, s:o, s:s}", "headers", headers, "layers", layers_json(&plan),
            "signed", layers.is_signed, "encrypted", layers.is_encrypted, "compressed", layers.is_compressed, "mics",
            as2_mics_json(&mics), "ruled", as2_form_name(as2_mic_ruled(layers)));
    }
    buf_free(&known.signature);
    json_decref(headers);
    return err;
}
