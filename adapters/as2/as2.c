/* adapters/as2/as2.c: the settings of AS2 connections, and their sessions: keys and certificates, read once. See as2.h.
 */
#include "adapters/as2/session.h"

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Left out, sign and encrypt are what the keys at hand allow: as2_pack. */
static const setting as2_settings[] = {
    {.name = "url", .type = SETTING_TEXT, .min = 8, .max = 2048, .help = "Where messages to the partner go."},
    {.name = "profile",
        .type = SETTING_CHOICE,
        .choices = "modern rfc4130bis walmart amazon fda-esg sterling legacy mendelson openas2",
        .fallback = "modern",
        .help = "What the partner's product or programme wants otherwise; any setting of the connection goes before."},
    {.name = "sign",
        .type = SETTING_CHOICE,
        .choices = "none sha1 sha256 sha384 sha512",
        .help = "Digest of the signature; sha256 when left out and the station has a key."},
    {.name = "sign_padding",
        .type = SETTING_CHOICE,
        .choices = "pkcs1 pss",
        .fallback = "pkcs1",
        .help = "RSA signatures: PKCS #1 v1.5 or PSS."},
    {.name = "encrypt",
        .type = SETTING_CHOICE,
        .choices = "none aes128-cbc aes192-cbc aes256-cbc aes128-gcm aes192-gcm aes256-gcm 3des",
        .help = "Cipher; aes256-cbc when left out and the partner has a certificate."},
    {.name = "key_transport",
        .type = SETTING_CHOICE,
        .choices = "pkcs1 oaep",
        .fallback = "pkcs1",
        .help = "How the key of an encrypted message is wrapped for RSA certificates."},
    {.name = "compress",
        .type = SETTING_CHOICE,
        .choices = "none zlib before-signing after-signing",
        .fallback = "none",
        .help = "Whether messages are compressed, and when; zlib means before signing."},
    {.name = "mdn",
        .type = SETTING_CHOICE,
        .choices = "sync async none",
        .fallback = "sync",
        .help = "The receipt asked for: in the answer, on its own way, or none."},
    {.name = "mdn_signed",
        .type = SETTING_BOOLEAN,
        .fallback = "true",
        .help = "Whether a signed receipt is asked for."},
    {.name = "mdn_strict",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "An unsigned receipt where a signed one was asked for is a failure, not a remark."},
    {.name = "mdn_digests",
        .type = SETTING_TEXTS,
        .help = "Digests listed for the receipt, in order; that of the signature when left out."},
    {.name = "mdn_url",
        .type = SETTING_TEXT,
        .min = 8,
        .max = 2048,
        .help = "Where the partner sends asynchronous receipts; /as2 of this appliance when left out."},
    {.name = "mdn_timeout", .type = SETTING_DURATION, .fallback = "1h", .help = "After that a receipt is overdue."},
    {.name = "mdn_resend",
        .type = SETTING_INTEGER,
        .min = 0,
        .max = 100,
        .fallback = "3",
        .help = "How often a message without receipt is sent again, with the same Message-ID."},
    {.name = "receipt_hosts",
        .type = SETTING_TEXTS,
        .help = "Hosts besides the url's to which asynchronous receipts may be sent; * is any public address."},
    {.name = "require_signed", .type = SETTING_BOOLEAN, .fallback = "false", .help = "Unsigned messages are refused."},
    {.name = "require_encrypted",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "Messages in clear are refused."},
    {.name = "require_compressed",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "Uncompressed messages are refused."},
    {.name = "allow_3des", .type = SETTING_BOOLEAN, .fallback = "false", .help = "3DES messages are taken."},
    {.name = "accept_sha1",
        .type = SETTING_BOOLEAN,
        .fallback = "true",
        .help = "Signatures over SHA-1, and requests for it, are taken."},
    {.name = "accept_expired_until",
        .type = SETTING_TEXT,
        .min = 10,
        .max = 32,
        .help = "Until this day an expired certificate of the partner is taken: 2027-01-31."},
    {.name = "crlf_fallback",
        .type = SETTING_BOOLEAN,
        .fallback = "true",
        .help =
            "When a signature does not fit, it is tried over the canonical forms, with CR LF line ends; of messages "
            "beyond 1 MiB only when this is said expressly."},
    {.name = "compressed_mic",
        .type = SETTING_CHOICE,
        .choices = "entity payload",
        .fallback = "entity",
        .help = "MIC of what is compressed, neither signed nor encrypted: over header and content (RFC 5402), or the "
                "content alone."},
    {.name = "max_size", .type = SETTING_SIZE, .fallback = "16GiB", .help = "Largest body taken."},
    {.name = "duplicate_filenames",
        .type = SETTING_CHOICE,
        .choices = "accept reject",
        .fallback = "accept",
        .help = "What becomes of a message whose file name was received before."},
    {.name = "content_type",
        .type = SETTING_TEXT,
        .min = 3,
        .max = 255,
        .help = "Content type of what is sent; that of the payload when left out."},
    {.name = "subject", .type = SETTING_TEXT, .max = 255, .min = 1, .fallback = "AS2 message", .help = "Subject."},
    {.name = "from", .type = SETTING_TEXT, .min = 1, .max = 255, .help = "E-mail address in the field From."},
    {.name = "transfer_encoding",
        .type = SETTING_CHOICE,
        .choices = "binary base64",
        .fallback = "binary",
        .help = "How the document stands in the message."},
    {.name = "send_filename", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Whether the file name is sent."},
    {.name = "micalg_dashes",
        .type = SETTING_BOOLEAN,
        .fallback = "true",
        .help = "Names of digests as sha-256; else as sha256."},
    {.name = "signed_attributes", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Whether signatures have them."},
    {.name = "send_certificate",
        .type = SETTING_BOOLEAN,
        .fallback = "true",
        .help = "Whether signatures carry our certificate."},
    {.name = "definite_lengths",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "DER even for large messages, at the price of a second pass; small ones always are."},
    {.name = "as2_version", .type = SETTING_TEXT, .min = 3, .max = 3, .fallback = "1.2", .help = "AS2-Version."},
    {.name = "features",
        .type = SETTING_TEXT,
        .max = 255,
        .fallback = "multiple-attachments, AS2-Reliability, CEM",
        .help = "EDIINT-Features; empty: the field is not sent."},
    {.name = "product_header", .type = SETTING_BOOLEAN, .fallback = "false", .help = "Whether AS2-Product is sent."},
    {.name = "restart",
        .type = SETTING_CHOICE,
        .choices = "auto always never",
        .fallback = "auto",
        .help =
            "Whether a large message that broke off goes on where it stopped (AS2-Restart): with a partner who says "
            "that it can, always, or never."},
    {.name = "message_id_domain",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 128,
        .fallback = "banyan",
        .help = "Right side of Message-IDs."},
    {.name = "chunked", .type = SETTING_BOOLEAN, .fallback = "false", .help = "Sends without Content-Length."},
    {.name = "headers", .type = SETTING_MAP, .help = "Further fields of requests to the partner."},
    {.name = "user", .type = SETTING_TEXT, .min = 1, .max = 255, .help = "User for Basic authentication."},
    {.name = "password", .type = SETTING_TEXT, .max = 1024, .min = 1, .secret = true, .help = "Its password."},
    {.name = "tls_certificate",
        .type = SETTING_NAME,
        .reference = "certificates",
        .help = "Certificate and key that we show to the partner's server."},
    {.name = "tls_authority",
        .type = SETTING_NAME,
        .reference = "certificates",
        .help =
            "Certificate that the partner's server, or who signed it, must have; the system's authorities when left "
            "out."},
    {.name = "proxy", .type = SETTING_TEXT, .min = 8, .max = 255, .help = "HTTP proxy: http://proxy.example:3128."},
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "60s",
        .help = "How long the partner may be silent, connecting or answering."},
    {.name = NULL},
};

static void as2_check(const json_t *settings, const char *path, fault_list *faults) {
    int64_t day;
    const char *until = json_get_text(settings, "accept_expired_until", NULL);
    error *err = until ? clock_parse(span_of(until), &day) : NULL;
    fault_list_add(faults, error_at(error_wrap(err, "accept_expired_until"), "%s/accept_expired_until", path));
    const json_t *digests = json_get_array(settings, "mdn_digests");
    for (size_t i = 0; i < json_array_size(digests); i++) {
        const char *name = json_string_value(json_array_get(digests, i));
        digest_kind kind;
        if (name && digest_from_micalg(span_of(name), &kind)) continue;
        error *unknown = error_new(
            ERROR_INVALID, "mdn_digests: there is no digest \"%s\"; there are sha1, sha256, sha384, sha512", name);
        fault_list_add(faults, error_at(unknown, "%s/mdn_digests/%zu", path, i));
    }
    const char *url = json_get_text(settings, "url", NULL);
    if (url && strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "url: must begin with http:// or https://"), "%s/url", path));
}

/* ---- sessions ---- */

static void as2_close(adapter_session *session) {
    if (!session) return;
    for (size_t i = 0; i < session->key_count; i++)
        cms_identity_free(session->keys[i].identity);
    for (size_t i = 0; i < session->certificate_count; i++)
        cms_certificate_free(session->certificates[i].certificate);
    free(session);
}

static as2_trusted trusted_of(const json_t *one) {
    const char *use = json_get_text(one, "use", "both");
    return (as2_trusted){
        .name = json_get_text(one, "name", ""),
        .from_ms = json_get_integer(one, "valid_from", 0),
        .until_ms = json_get_integer(one, "valid_until", 0),
        .signs = strcmp(use, "encrypt") != 0,
        .encrypts = strcmp(use, "sign") != 0,
    };
}

static error *read_trust(adapter_session *session, const json_t *trust) {
    const json_t *keys = json_get_array(trust, "keys"), *certificates = json_get_array(trust, "certificates");
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(keys) && i < AS2_TRUST_MAX && !err; i++) {
        const json_t *one = json_array_get(keys, i);
        as2_trusted *t = &session->keys[session->key_count];
        *t = trusted_of(one);
        err = error_wrap(
            cms_identity_new(json_get_span(one, "certificate"), json_get_span(one, "private_key"), &t->identity),
            "key %s", t->name);
        if (!err) session->key_count++;
    }
    for (size_t i = 0; i < json_array_size(certificates) && i < AS2_TRUST_MAX && !err; i++) {
        const json_t *one = json_array_get(certificates, i);
        as2_trusted *t = &session->certificates[session->certificate_count];
        *t = trusted_of(one);
        err = error_wrap(
            cms_certificate_new(json_get_span(one, "certificate"), &t->certificate), "certificate %s", t->name);
        if (!err) session->certificate_count++;
    }
    return err;
}

static error *as2_open(const adapter_open_options *options, adapter_session **out) {
    adapter_session *session = xcalloc(1, sizeof *session);
    session->settings = options->settings;
    session->connection = options->connection;
    error *err = read_trust(session, json_get_object(options->secrets, "trust"));
    if (err) {
        as2_close(session);
        return err;
    }
    *out = session;
    return NULL;
}

const as2_trusted *as2_current(const as2_trusted *list, size_t count, bool to_sign) {
    const as2_trusted *best = NULL;
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < count; i++) {
        const as2_trusted *t = &list[i];
        bool in_use = t->from_ms <= now && (t->until_ms == 0 || now < t->until_ms);
        if (!in_use || !(to_sign ? t->signs : t->encrypts)) continue;
        if (!best || t->from_ms > best->from_ms) best = t;
    }
    return best;
}

size_t as2_signers(const adapter_session *session, const cms_certificate *list[AS2_TRUST_MAX],
    const as2_trusted *which[AS2_TRUST_MAX]) {
    size_t count = 0;
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < session->certificate_count; i++) {
        const as2_trusted *t = &session->certificates[i];
        if (!t->signs || (t->until_ms && now >= t->until_ms)) continue;
        which[count] = t;
        list[count++] = t->certificate;
    }
    return count;
}

size_t as2_identities(
    const adapter_session *session, const cms_identity *list[AS2_TRUST_MAX], const as2_trusted *which[AS2_TRUST_MAX]) {
    size_t count = 0;
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < session->key_count; i++) {
        const as2_trusted *t = &session->keys[i];
        if (!t->encrypts || (t->until_ms && now >= t->until_ms)) continue;
        which[count] = t;
        list[count++] = t->identity;
    }
    return count;
}

bool as2_takes_expired(const adapter_session *session) {
    const char *until = as2_text(session->settings, "accept_expired_until");
    int64_t day = 0;
    error *err = until ? clock_parse(span_of(until), &day) : NULL;
    bool takes = until && !err && clock_wall_ms() < day + 24 * 3600 * 1000;
    error_free(err);
    return takes;
}

/* ---- header fields ---- */

bool as2_name_read(span value, char name[AS2_NAME_ROOM]) {
    size_t len = 0;
    value = span_trim(value);
    bool quoted = value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';
    if (quoted) value = span_make(value.data + 1, value.len - 2);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (quoted && c == '\\' && i + 1 < value.len) c = (unsigned char)value.data[++i];
        if (c < ' ' || c > '~' || len == AS2_NAME_MAX) return false;
        name[len++] = (char)c;
    }
    name[len] = '\0';
    return len > 0;
}

void as2_name_write(const char *name, buf *value) {
    bool quote = strpbrk(name, " \"\\()<>@,;:/[]?={}") != NULL;
    if (quote) buf_add_char(value, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\') buf_add_char(value, '\\');
        buf_add_char(value, *name);
    }
    if (quote) buf_add_char(value, '"');
}

bool as2_message_id_is_valid(span id) {
    if (id.len == 0 || id.len > AS2_MESSAGE_ID_MAX) return false;
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.data[i] <= ' ' || (unsigned char)id.data[i] > '~') return false;
    return true;
}

const char *as2_outcome_name(int outcome) {
    if (outcome < 0 || outcome >= AS2_OUTCOMES) return "other";
    if (outcome == AS2_PROCESSED) return "processed";
    return as2_disposition_rule_of((as2_outcome)outcome)->text;
}

void as2_add_features(json_t *headers, const json_t *settings) {
    const char *said = as2_text(settings, "features");
    if (!said || !*said) return;
    bool restart = strcmp(as2_text(settings, "restart"), "never") != 0 && !strcasestr(said, "AS2-Restart");
    char *value = xasprintf("%s%s", said, restart ? ", AS2-Restart" : "");
    as2_header(headers, "EDIINT-Features", value);
    free(value);
}

void as2_header(json_t *headers, const char *name, const char *value) {
    buf clean = BUF_MAX(64 * 1024);
    for (const char *c = value; *c; c++)
        buf_add_char(&clean, (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c);
    json_t *pair = json_array();
    json_array_append_new(pair, json_string(name));
    json_array_append_new(pair, json_from_span(buf_span(&clean)));
    json_array_append_new(headers, pair);
    buf_free(&clean);
}

const char *as2_form_name(as2_mic_form form) {
    static const char *const names[] = {
        [AS2_MIC_SIGNED] = "signed",
        [AS2_MIC_SIGNED_CRLF] = "signed-crlf",
        [AS2_MIC_SIGNED_HEADER_CRLF] = "signed-header-crlf",
        [AS2_MIC_DECRYPTED] = "decrypted",
        [AS2_MIC_INFLATED] = "inflated",
        [AS2_MIC_BODY] = "body",
        [AS2_MIC_PAYLOAD] = "payload",
    };
    return names[form];
}

json_t *as2_mics_json(const as2_mics *mics) {
    json_t *all = json_object();
    for (size_t form = 0; form < AS2_MIC_FORMS; form++) {
        if (!mics->of[form].present) continue;
        json_t *one = json_object();
        for (size_t kind = 0; kind < DIGEST_KINDS; kind++) {
            if (!(mics->of[form].present & 1u << kind)) continue;
            buf text = BUF_MAX(256);
            base64_write(span_make((const char *)mics->of[form].value[kind], mics->of[form].len[kind]), &text);
            json_put_span(one, digest_micalg((digest_kind)kind, true), buf_span(&text));
            buf_free(&text);
        }
        json_object_set_new(all, as2_form_name((as2_mic_form)form), one);
    }
    return all;
}

/* What can be said without the network, which is the desk's: the keys could be read. */
static error *as2_probe(adapter_session *session) {
    const char *sign = as2_text(session->settings, "sign"), *encrypt = as2_text(session->settings, "encrypt");
    if (sign && strcmp(sign, "none") != 0 && !as2_current(session->keys, session->key_count, true))
        return error_new(ERROR_INVALID, "the station has no key that is in use now, so nothing can be signed");
    if (encrypt && strcmp(encrypt, "none") != 0 &&
        !as2_current(session->certificates, session->certificate_count, false))
        return error_new(
            ERROR_INVALID, "the partner has no certificate that is in use now, so nothing can be encrypted");
    return NULL;
}

const adapter adapter_as2 = {
    .kind = "as2",
    .help = "AS2 with a trading partner (RFC 4130)",
    .settings = as2_settings,
    .check = as2_check,
    .open = as2_open,
    .close = as2_close,
    .probe = as2_probe,
    .pack = as2_pack,
    .unpack = as2_unpack,
};
