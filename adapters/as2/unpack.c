/* adapters/as2/unpack.c: judges a received message: its header fields, its layers against the agreement, and what is
 * answered. Receipts of the partner's are told, not judged: only the desk knows what they answer. */
#include "adapters/as2/peel.h"

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 128 * 1024, CHUNK_LEAST = 4096, SMALL_BYTES = 4 * 1024 * 1024 };

typedef struct unpacking {
    adapter_session *session;
    const json_t *order;
    mime_headers *headers;
    as2_receipt_request request;
    as2_outcome outcome;
    const char *why;
    peel *peel; /* NULL: the body was not looked at */
    json_t *told;
} unpacking;

static error *take_headers(unpacking *u) {
    const json_t *list = json_get_array(u->order, "headers");
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(list) && !err; i++) {
        const json_t *pair = json_array_get(list, i), *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (!json_is_string(name) || !json_is_string(value)) continue;
        err = mime_headers_add(u->headers, span_make(json_string_value(name), json_string_length(name)),
            span_make(json_string_value(value), json_string_length(value)));
    }
    return err;
}

static void decide(unpacking *u, as2_outcome outcome, const char *why) {
    if (u->outcome != AS2_PROCESSED) return;
    u->outcome = outcome;
    u->why = why;
}

/* A disposition that the desk has decided on, by its name. */
static void take_decided(unpacking *u) {
    const char *name = json_get_text(u->order, "outcome", NULL);
    for (int i = 0; name && i < AS2_OUTCOMES; i++)
        if (strcmp(name, as2_outcome_name(i)) == 0) decide(u, (as2_outcome)i, json_get_text(u->order, "text", NULL));
}

/* What header fields alone tell, before a byte of the body is worked on. */
static void judge_headers(unpacking *u) {
    const char *from = json_get_text(u->order, "from", ""), *to = json_get_text(u->order, "to", "");
    bool sha1 = as2_boolean(u->session->settings, "accept_sha1");
    as2_receipt_request_read(u->headers, &u->request);
    take_decided(u);
    if (json_get_bool(u->order, "answer", false)) return;
    if (strcmp(from, to) == 0) decide(u, AS2_SENDER_IS_RECEIVER, NULL);
    if (!u->request.wanted || !u->request.is_signed) return;
    if (!u->request.protocol_known) decide(u, AS2_UNSUPPORTED_FORMAT, NULL);
    if (!u->request.digest_known || (u->request.digest == DIGEST_SHA1 && !sha1)) decide(u, AS2_UNSUPPORTED_MIC, NULL);
}

/* ---- the body ---- */

static error *run(
    unpacking *u, const adapter_source *body, const adapter_sink *documents, unsigned kinds, bool explain) {
    const peel_options options = {
        .session = u->session,
        .headers = u->headers,
        .kinds = kinds,
        .explain = explain,
        .documents = documents,
    };
    size_t room = body->size < CHUNK_LEAST ? CHUNK_LEAST : body->size < CHUNK ? (size_t)body->size : CHUNK;
    char *chunk = xmalloc(room);
    u->peel = peel_new(&options);
    error *err = NULL;
    for (size_t len = 1; !err && len > 0;) {
        err = body->read(body->context, chunk, room, &len);
        if (!err && len > 0) err = peel_write(u->peel, span_make(chunk, len));
    }
    if (!err) err = peel_finish(u->peel);
    free(chunk);
    return err;
}

/* A signature may need a digest that its header did not announce; and when it does not fit, a person wants to know over
 * which form of which bytes it would have: then, and only then, a second pass. */
static error *run_all(unpacking *u, const adapter_source *body, const adapter_sink *documents) {
    unsigned kinds = 1u << u->request.digest | 1u << DIGEST_SHA256;
    error *err = run(u, body, documents, kinds, false);
    if (err) return err;
    const peel_facts *facts = peel_result(u->peel);
    bool explain = facts->outcome == AS2_INTEGRITY_CHECK_FAILED && facts->layers.is_signed && body->size <= SMALL_BYTES;
    if (facts->missing_digest) kinds |= facts->missing_digest;
    if ((!facts->missing_digest && !explain) || !documents->rewind) return NULL;
    peel_free(u->peel);
    u->peel = NULL;
    err = body->rewind(body->context);
    if (!err) err = documents->rewind(documents->context);
    return err ? err : run(u, body, documents, explain ? (unsigned)DIGEST_ALL : kinds, explain);
}

/* A receipt on its own way is matched by what it answers, and need not have a name of its own. */
static void judge_message_id(unpacking *u) {
    span id = mime_headers_get(u->headers, "Message-ID");
    if (json_get_bool(u->order, "answer", false) || peel_result(u->peel)->receipt) return;
    if (!id.data || !as2_message_id_is_valid(span_trim(id))) decide(u, AS2_INVALID_MESSAGE_ID, NULL);
}

static void judge_agreement(unpacking *u) {
    const json_t *settings = u->session->settings;
    const peel_facts *facts = peel_result(u->peel);
    if (facts->outcome != AS2_PROCESSED) {
        decide(u, facts->outcome, facts->why);
        return;
    }
    if (facts->receipt) return;
    if (as2_boolean(settings, "require_signed") && !facts->layers.is_signed)
        decide(u, AS2_INSUFFICIENT_SECURITY, "The message is not signed, as the receiver requires.");
    if (as2_boolean(settings, "require_encrypted") && !facts->layers.is_encrypted)
        decide(u, AS2_INSUFFICIENT_SECURITY, "The message is not encrypted, as the receiver requires.");
    if (as2_boolean(settings, "require_compressed") && !facts->layers.is_compressed)
        decide(u, AS2_INSUFFICIENT_SECURITY, "The message is not compressed, as the receiver requires.");
    if (json_array_size(facts->documents) == 0) decide(u, AS2_UNEXPECTED_ERROR, "There is no document in the message.");
}

/* ---- what is told ---- */

/* The requested digest; for an unsigned receipt that names none, the signature's; else SHA-256. */
static digest_kind mic_digest(const unpacking *u) {
    const peel_facts *facts = u->peel ? peel_result(u->peel) : NULL;
    if (!u->request.is_signed && facts && facts->layers.is_signed) return facts->signature_digest;
    return u->request.digest;
}

static void write_mic(unpacking *u, buf *text) {
    const peel_facts *facts = u->peel ? peel_result(u->peel) : NULL;
    const char *known = json_get_text(u->order, "mic", NULL); /* of a body that was looked at before */
    if (!facts && known) buf_add_text(text, known);
    if (!facts || u->outcome == AS2_DECRYPTION_FAILED) return;
    const cms_digests *digests = &facts->mics.of[as2_mic_ruled(facts->layers)];
    const cms_digests *content = &facts->mics.of[AS2_MIC_PAYLOAD];
    bool only_compressed = facts->layers.is_compressed && !facts->layers.is_signed && !facts->layers.is_encrypted;
    if (only_compressed && strcmp(as2_text(u->session->settings, "compressed_mic"), "payload") == 0 && content->present)
        digests = content;
    digest_kind kind = mic_digest(u);
    if (!(digests->present & 1u << kind)) return;
    as2_mic_write(digests, kind, as2_boolean(u->session->settings, "micalg_dashes"), text);
}

static void tell_receipt(unpacking *u, const as2_receipt_facts *facts) {
    json_t *answers = json_object();
    json_put_text(answers, "disposition", as2_outcome_name((int)facts->disposition.outcome));
    static const char *const levels[] = {"accepted", "warning", "error", "failure", "unclear"};
    json_put_text(answers, "level", levels[facts->disposition.level]);
    json_put_text(answers, "words", facts->disposition.text);
    json_put_text(answers, "original_message_id", facts->original_message_id);
    json_put_text(answers, "final_recipient", facts->final_recipient);
    json_put_text(answers, "agent", facts->reporting_agent);
    json_put_text(answers, "details", facts->details);
    json_put_text(answers, "human", facts->human);
    if (facts->has_mic) json_put_text(answers, "mic_text", facts->mic_text);
    if (facts->mic.len) {
        buf value = BUF_MAX(256);
        base64_write(span_make((const char *)facts->mic.value, facts->mic.len), &value);
        json_object_set_new(answers, "mic",
            json_pack("{s:s, s:s}", "algorithm", digest_micalg(facts->mic.kind, true), "value", buf_text(&value)));
        buf_free(&value);
    }
    json_object_set_new(u->told, "answers", answers);
}

static void tell_facts(unpacking *u) {
    if (!u->peel) return;
    const peel_facts *facts = peel_result(u->peel);
    json_object_set(u->told, "layers", facts->layers_json);
    json_object_set_new(u->told, "signed", json_boolean(facts->layers.is_signed));
    json_object_set_new(u->told, "signature_good", json_boolean(facts->signature_good));
    json_object_set_new(u->told, "encrypted", json_boolean(facts->layers.is_encrypted));
    json_object_set_new(u->told, "compressed", json_boolean(facts->layers.is_compressed));
    if (*facts->detail) json_put_text(u->told, "detail", facts->detail);
    json_put_text(u->told, "signer", facts->signer);
    json_object_set_new(u->told, "mics", as2_mics_json(&facts->mics));
    json_put_text(u->told, "ruled", as2_form_name(as2_mic_ruled(facts->layers)));
    json_object_set(u->told, "documents", facts->documents);
    if (facts->receipt && u->outcome == AS2_PROCESSED) tell_receipt(u, as2_receipt_reader_facts(facts->receipt));
}

static error *tell_answer(unpacking *u, const char *mic) {
    json_t *receipt = NULL;
    span url = mime_headers_get(u->headers, "Receipt-Delivery-Option");
    bool is_receipt = u->peel && peel_result(u->peel)->receipt;
    if (!u->request.wanted || is_receipt || json_get_bool(u->order, "answer", false)) return NULL;
    const as2_answer answer = {
        .outcome = u->outcome,
        .mic = mic && *mic ? mic : NULL,
        .text = u->why && *u->why && u->outcome != AS2_DECRYPTION_FAILED ? u->why : NULL,
        .is_signed = u->request.is_signed && u->request.protocol_known,
        .digest = u->request.digest_known ? u->request.digest : DIGEST_SHA256,
        .request = u->headers,
        .from = json_get_text(u->order, "to", ""),
        .to = json_get_text(u->order, "from", ""),
    };
    error *err = as2_answer_build(u->session, &answer, &receipt);
    if (err) return err;
    json_object_set_new(u->told, "receipt", receipt);
    if (span_trim(url).len) json_put_span(u->told, "receipt_url", span_trim(url));
    return NULL;
}

error *as2_unpack(adapter_session *session, const json_t *order, const adapter_source *body,
    const adapter_sink *documents, json_t **outcome) {
    unpacking u = {.session = session, .order = order, .outcome = AS2_PROCESSED};
    buf mic = BUF_MAX(512);
    static const char *const levels[] = {"accepted", "warning", "error", "failure", "unclear"};
    u.headers = mime_headers_new();
    u.told = json_object();
    error *err = take_headers(&u);
    if (!err) {
        judge_headers(&u);
        if (u.outcome == AS2_PROCESSED) err = run_all(&u, body, documents);
        if (!err && u.peel) {
            judge_message_id(&u);
            judge_agreement(&u);
        }
    }
    if (!err) {
        const as2_disposition_rule *rule = as2_disposition_rule_of(u.outcome);
        write_mic(&u, &mic);
        json_put_text(u.told, "outcome", as2_outcome_name((int)u.outcome));
        json_put_text(u.told, "level", levels[rule->level]);
        json_put_text(u.told, "text", u.why && *u.why ? u.why : rule->words);
        if (mic.len) json_put_text(u.told, "mic", buf_text(&mic));
        tell_facts(&u);
        err = tell_answer(&u, buf_text(&mic));
    }
    if (!err)
        *outcome = u.told;
    else
        json_decref(u.told);
    peel_free(u.peel);
    mime_headers_free(u.headers);
    buf_free(&mic);
    return err;
}
