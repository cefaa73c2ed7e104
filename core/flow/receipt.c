/* core/flow/receipt.c: what a partner's receipt means for a message of ours: which bytes it answers, whether it may be
 * believed, and how the message ends by it. A courier has read and verified it; here it is held against what was sent.
 */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"
#include "adapters/as2/mic.h"
#include "adapters/as2/receipt.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { RAW_MAX = 2 * 1024 * 1024 };

static void say(receipt_verdict *verdict, receipt_meaning meaning, const char *text) {
    verdict->meaning = meaning;
    snprintf(verdict->text, sizeof verdict->text, "%s", text);
}

/* ---- the MIC ---- */

typedef enum mic_match { MIC_SAME, MIC_OTHER, MIC_ABSENT, MIC_NOT_TAKEN } mic_match;

static mic_match match_mic(const json_t *evidence, const json_t *answers, const char **form) {
    const json_t *mic = json_get_object(answers, "mic"), *mics = json_get_object(evidence, "mics");
    const char *algorithm = json_get_text(mic, "algorithm", ""), *value = json_get_text(mic, "value", NULL);
    const char *ruled = json_get_text(evidence, "ruled", ""), *name;
    json_t *digests;
    bool taken = false;
    *form = NULL;
    if (!value) return MIC_ABSENT;
    json_object_foreach((json_t *)(uintptr_t)mics, name, digests) {
        const char *ours = json_get_text(digests, algorithm, NULL);
        taken |= ours != NULL;
        if (!ours || strcmp(ours, value) != 0) continue;
        if (!*form || strcmp(name, ruled) == 0) *form = name;
    }
    if (*form) return MIC_SAME;
    return taken ? MIC_OTHER : MIC_NOT_TAKEN;
}

/* "signed" as a person reads it. */
static const char *form_words(const char *name) {
    for (int i = 0; i < AS2_MIC_FORMS; i++)
        if (strcmp(as2_form_name((as2_mic_form)i), name) == 0) return as2_mic_form_words((as2_mic_form)i);
    return name;
}

static void say_mismatch(const json_t *evidence, const json_t *answers, receipt_verdict *verdict) {
    const char *algorithm = json_get_text(json_get_object(answers, "mic"), "algorithm", "");
    const char *name;
    json_t *digests;
    buf text = BUF_MAX(EXCHANGE_TEXT - 1);
    buf_printf(&text, "the MIC of the receipt does not match: the partner got %s with %s; here it is",
        json_get_text(json_get_object(answers, "mic"), "value", ""), algorithm);
    json_object_foreach(json_get_object(evidence, "mics"), name, digests) {
        const char *ours = json_get_text(digests, algorithm, NULL);
        if (ours) buf_printf(&text, " %s over %s,", ours, form_words(name));
    }
    buf_add_text(&text, " so other bytes arrived than were sent, or a form is digested that is not known here");
    say(verdict, RECEIPT_MISMATCH, buf_text(&text));
    buf_free(&text);
}

/* ---- the verdict ---- */

static void say_negative(const json_t *answers, receipt_verdict *verdict) {
    buf text = BUF_MAX(EXCHANGE_TEXT - 1);
    const char *words = json_get_text(answers, "words", ""), *details = json_get_text(answers, "details", "");
    buf_printf(
        &text, "the partner refused it: %s", *words ? words : json_get_text(answers, "disposition", "no reason"));
    if (*details) buf_printf(&text, " (%.200s)", details);
    span human = span_trim(json_get_span(answers, "human"));
    if (human.len) buf_printf(&text, "; it says: %.*s", (int)(human.len < 300 ? human.len : 300), human.data);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ') text.data[i] = ' ';
    say(verdict, RECEIPT_NEGATIVE, buf_text(&text));
    buf_free(&text);
}

static void judge_positive(
    const estate_connection *connection, const json_t *evidence, const json_t *told, receipt_verdict *verdict) {
    const json_t *answers = json_get_object(told, "answers");
    const char *form, *ruled = json_get_text(evidence, "ruled", "");
    bool is_signed = json_get_bool(told, "signed", false);
    bool wanted = as2_boolean(connection->settings, "mdn_signed");
    buf text = BUF_MAX(EXCHANGE_TEXT - 1);
    buf_add_text(
        &text, strcmp(json_get_text(answers, "level", ""), "warning") == 0 ? "accepted with a warning: " : "accepted");
    if (strcmp(json_get_text(answers, "level", ""), "warning") == 0)
        buf_add_text(&text, json_get_text(answers, "words", json_get_text(answers, "disposition", "")));
    if (is_signed) buf_printf(&text, ", receipt signed with %s", json_get_text(told, "signer", "?"));
    if (wanted && !is_signed) buf_add_text(&text, ", receipt not signed although that was asked for");
    switch (match_mic(evidence, answers, &form)) {
    case MIC_OTHER: say_mismatch(evidence, answers, verdict); goto out;
    case MIC_SAME:
        if (strcmp(form, ruled) != 0) buf_printf(&text, ", MIC over %s", form_words(form));
        break;
    case MIC_ABSENT: buf_add_text(&text, ", receipt incomplete: without a MIC"); break;
    case MIC_NOT_TAKEN: buf_add_text(&text, ", MIC with a digest that was not asked for and not compared"); break;
    }
    say(verdict,
        wanted && !is_signed && as2_boolean(connection->settings, "mdn_strict") ? RECEIPT_MISMATCH : RECEIPT_GOOD,
        buf_text(&text));
out:
    buf_free(&text);
}

/* Who says to whom, where the fields say it at all. Some products quote a name twice. */
static bool is_between(const json_t *headers, const char *field, const char *expected) {
    char name[AS2_NAME_ROOM], again[AS2_NAME_ROOM];
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        const char *found = json_string_value(json_array_get(pair, 0));
        if (!found || strcasecmp(found, field) != 0) continue;
        const char *value = json_string_value(json_array_get(pair, 1));
        if (!value || !as2_name_read(span_of(value), name)) return false;
        if (strcmp(name, expected) == 0) continue;
        if (!as2_name_read(span_of(name), again) || strcmp(again, expected) != 0) return false;
    }
    return true;
}

void receipt_judge(const estate_connection *connection, const json_t *evidence, const json_t *told,
    const receipt_context *context, receipt_verdict *verdict) {
    const char *message_id = context->message_id;
    const json_t *answers = json_get_object(told, "answers");
    const char *original = json_get_text(answers, "original_message_id", "");
    const char *level = json_get_text(answers, "level", "unclear");
    char text[EXCHANGE_TEXT];
    if (strcmp(json_get_text(told, "outcome", ""), "processed") != 0) {
        snprintf(text, sizeof text, "the receipt cannot be trusted: %s", json_get_text(told, "text", "?"));
        say(verdict, RECEIPT_UNTRUSTED, text);
    } else if (!answers) {
        say(verdict, RECEIPT_NONE, "the answer is no receipt");
    } else if (!is_between(context->headers, "AS2-From", connection->partner->as2_id) ||
               !is_between(context->headers, "AS2-To", connection->station->as2_id)) {
        say(verdict, RECEIPT_NONE, "the receipt is from or for somebody else, as its AS2-From and AS2-To say");
    } else if (context->own_way && !json_get_bool(told, "signed", false) &&
               as2_boolean(connection->settings, "mdn_signed")) {
        say(verdict, RECEIPT_UNTRUSTED,
            "the receipt is not signed, so anybody may have sent it; set mdn_signed: false for a partner who cannot");
    } else if (!as2_message_id_equal(span_of(original), span_of(message_id))) {
        snprintf(text, sizeof text, "the receipt answers another message: %.200s", original);
        say(verdict, RECEIPT_NONE, text);
    } else if (strcmp(level, "accepted") == 0 || strcmp(level, "warning") == 0) {
        judge_positive(connection, evidence, told, verdict);
    } else {
        say_negative(answers, verdict);
    }
}

/* ---- what follows ---- */

static error *raw_receipt(store *s, const json_t *headers, span body, payload *out) {
    buf raw = BUF_MAX(RAW_MAX);
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        buf_printf(
            &raw, "%s: %s\r\n", json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
    }
    buf_add_text(&raw, "\r\n");
    buf_add(&raw, body);
    error *err = payload_of(s, buf_span(&raw), out);
    buf_free(&raw);
    return err;
}

static void keep_evidence(engine *e, store_change *change, const char *id, json_t *evidence, const json_t *told,
    const json_t *headers, span body, const receipt_verdict *verdict) {
    static const char *const meanings[] = {"good", "negative", "mismatch", "untrusted", "none"};
    char at[CLOCK_TEXT_SIZE];
    payload raw = {.bytes = NULL};
    json_t *receipt = json_copy((json_t *)(uintptr_t)told);
    json_object_del(receipt, "documents");
    json_put_text(receipt, "received_at", clock_format(clock_wall_ms(), at));
    json_put_text(receipt, "meaning", meanings[verdict->meaning]);
    json_put_text(receipt, "verdict", verdict->text);
    json_object_set(receipt, "headers", (json_t *)(uintptr_t)headers);
    json_object_set_new(evidence, "receipt", receipt);
    exchange_put_json(e->options.store, change, id, "evidence", evidence);
    error *err = raw_receipt(e->options.store, headers, body, &raw);
    if (!err) store_put_artifact(change, id, "receipt", &raw);
    log_failure(LOG_WARNING, "a receipt was not kept", err);
}

/* A flow may expect the receipt for its documents: it answers them with the message. */
static void close_documents(store_change *change, const json_t *message, bool good, const char *text) {
    const json_t *documents = json_get_array(message, "documents");
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *document = json_array_get(documents, i);
        const char *status = json_get_text(document, "acknowledgement", "");
        bool open = strcmp(status, "due") == 0 || strcmp(status, "overdue") == 0;
        if (!open || strcmp(json_get_text(document, "acknowledgement_kind", ""), "MDN") != 0) continue;
        store_acknowledge(change, json_get_text(document, "id", ""),
            good ? ACKNOWLEDGEMENT_ACCEPTED : ACKNOWLEDGEMENT_REJECTED, NULL, text);
    }
}

void receipt_close(engine *e, store_change *change, const json_t *message, json_t *evidence, const json_t *told,
    const json_t *headers, span body, const receipt_verdict *verdict) {
    const char *id = json_get_text(message, "id", ""), *status = json_get_text(message, "status", "");
    const json_t *receipt = json_get_object(message, "receipt");
    const char *document = json_get_text(receipt, "document", NULL);
    bool good = verdict->meaning == RECEIPT_GOOD, late = strcmp(status, "failed") == 0;
    keep_evidence(e, change, id, evidence, told, headers, body, verdict);
    store_add_event(change, id, good ? "receipt" : "receipt refused", verdict->text, NULL);
    if (verdict->meaning == RECEIPT_UNTRUSTED || verdict->meaning == RECEIPT_NONE) return;
    /* A message that was given up is what the receipt says, late as it is. */
    if (late && good) store_set_status(change, id, MESSAGE_WAITING, NULL);
    if (document)
        store_acknowledge(
            change, document, good ? ACKNOWLEDGEMENT_ACCEPTED : ACKNOWLEDGEMENT_REJECTED, NULL, verdict->text);
    close_documents(change, message, good, verdict->text);
    store_drop_jobs(change, id, "overdue");
    store_drop_jobs(change, id, "deliver"); /* a resend that waits; one under way finds out by itself */
    store_drop_artifact(change, id, "wire");
    if (!good)
        store_set_status(
            change, id, verdict->meaning == RECEIPT_NEGATIVE ? MESSAGE_REJECTED : MESSAGE_FAILED, verdict->text);
    if (!good) log_warning("message %s to %s: %s", id, json_get_text(message, "partner", "?"), verdict->text);
}
