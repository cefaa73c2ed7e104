/* adapters/as2/disposition.c: see disposition.h. */
#include "adapters/as2/disposition.h"

#include <ctype.h>
#include <strings.h>

static const as2_disposition_rule rules[AS2_OUTCOMES] = {
    {AS2_PROCESSED, AS2_LEVEL_ACCEPTED, "processed", "", "", "displayed|dispatched",
        "The message was accepted and stored."},
    {AS2_AUTHENTICATION_FAILED, AS2_LEVEL_ERROR, "processed", "error", "authentication-failed", "",
        "The message was signed with a certificate that the receiver does not trust."},
    {AS2_INTEGRITY_CHECK_FAILED, AS2_LEVEL_ERROR, "processed", "error", "integrity-check-failed", "",
        "The content is not what was signed, or the signature is wrong."},
    {AS2_DECRYPTION_FAILED, AS2_LEVEL_ERROR, "processed", "error", "decryption-failed", "",
        "The receiver could not decrypt the message."},
    {AS2_DECOMPRESSION_FAILED, AS2_LEVEL_ERROR, "processed", "error", "decompression-failed", "decompresion-failed",
        "The receiver could not decompress the message."},
    {AS2_INSUFFICIENT_SECURITY, AS2_LEVEL_ERROR, "processed", "error", "insufficient-message-security",
        "signed-message-required", "The message was not signed or encrypted as the receiver requires."},
    {AS2_UNEXPECTED_ERROR, AS2_LEVEL_ERROR, "processed", "error", "unexpected-processing-error", "",
        "The receiver could not process the message."},
    {AS2_UNKNOWN_RELATIONSHIP, AS2_LEVEL_ERROR, "processed", "error", "unknown-trading-relationship",
        "unknown-trading-partner", "The receiver does not know this pair of AS2 names."},
    {AS2_INVALID_MESSAGE_ID, AS2_LEVEL_ERROR, "processed", "error", "invalid-message-id", "",
        "The Message-ID is not one."},
    {AS2_DUPLICATE_FILENAME, AS2_LEVEL_ERROR, "processed", "error", "duplicate-filename", "",
        "A file of this name was received before."},
    {AS2_ILLEGAL_FILENAME, AS2_LEVEL_ERROR, "processed", "error", "illegal-filename", "",
        "The receiver cannot use the file name."},
    {AS2_AUTHENTICATION_WARNING, AS2_LEVEL_WARNING, "processed", "warning",
        "authentication-failed, processing continued", "", "The signer is not trusted, the message was taken anyway."},
    {AS2_DUPLICATE_DOCUMENT, AS2_LEVEL_WARNING, "processed", "warning", "duplicate-document", "",
        "A message of this Message-ID was accepted before."},
    {AS2_UNSUPPORTED_FORMAT, AS2_LEVEL_FAILURE, "failed", "failure", "unsupported format", "",
        "The receipt was asked for in a form that the receiver does not have."},
    {AS2_UNSUPPORTED_MIC, AS2_LEVEL_FAILURE, "failed", "failure", "unsupported MIC-algorithms", "",
        "The receipt was asked for with digests that the receiver does not have."},
    {AS2_SENDER_IS_RECEIVER, AS2_LEVEL_FAILURE, "failed", "failure", "sender-equals-receiver", "",
        "The AS2 names of sender and receiver are the same."},
};

static const struct {
    cms_fault fault;
    as2_outcome outcome;
} faults[] = {
    {CMS_FAULT_NONE, AS2_PROCESSED},
    {CMS_FAULT_MALFORMED, AS2_INTEGRITY_CHECK_FAILED},
    {CMS_FAULT_KIND, AS2_UNEXPECTED_ERROR},
    {CMS_FAULT_ALGORITHM, AS2_INSUFFICIENT_SECURITY},
    {CMS_FAULT_DECRYPTION, AS2_DECRYPTION_FAILED},
    {CMS_FAULT_DECOMPRESSION, AS2_DECOMPRESSION_FAILED},
    {CMS_FAULT_TOO_LARGE, AS2_UNEXPECTED_ERROR},
    {CMS_FAULT_SIGNER_COUNT, AS2_INTEGRITY_CHECK_FAILED},
    {CMS_FAULT_SIGNER_UNKNOWN, AS2_AUTHENTICATION_FAILED},
    {CMS_FAULT_EXPIRED, AS2_AUTHENTICATION_FAILED},
    {CMS_FAULT_NOT_YET_VALID, AS2_AUTHENTICATION_FAILED},
    {CMS_FAULT_ATTRIBUTES, AS2_INTEGRITY_CHECK_FAILED},
    {CMS_FAULT_DIGEST, AS2_INTEGRITY_CHECK_FAILED},
    {CMS_FAULT_SIGNATURE, AS2_INTEGRITY_CHECK_FAILED},
    {CMS_FAULT_SINK, AS2_UNEXPECTED_ERROR},
};

as2_outcome as2_outcome_of_fault(cms_fault fault) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].fault == fault) return faults[i].outcome;
    }
    return AS2_UNEXPECTED_ERROR;
}

const as2_disposition_rule *as2_disposition_rule_of(as2_outcome outcome) {
    return &rules[outcome];
}

void as2_disposition_line(as2_outcome outcome, buf *line) {
    const as2_disposition_rule *rule = &rules[outcome];
    buf_printf(line, "automatic-action/MDN-sent-automatically; %s", rule->type);
    if (rule->modifier[0]) buf_printf(line, "/%s: %s", rule->modifier, rule->text);
}

static bool ignored(char c) {
    return c == ' ' || c == '-' || c == '_' || c == '\t';
}

/* Equal but for case, blanks and dashes. */
static bool alike(span a, span b) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a.len && ignored(a.data[i]))
            i++;
        while (k < b.len && ignored(b.data[k]))
            k++;
        if (i == a.len || k == b.len) return i == a.len && k == b.len;
        if (tolower((unsigned char)a.data[i++]) != tolower((unsigned char)b.data[k++])) return false;
    }
}

static bool spelled(const as2_disposition_rule *rule, span text) {
    span rest = span_of(rule->others), other;
    if (alike(text, span_of(rule->text))) return true;
    while (rule->others[0] && span_split(&rest, '|', &other)) {
        if (alike(text, other)) return true;
    }
    return false;
}

static as2_level level_of(span type, span modifier) {
    if (alike(type, SPAN("failed")) || alike(modifier, SPAN("failure"))) return AS2_LEVEL_FAILURE;
    if (alike(modifier, SPAN("error"))) return AS2_LEVEL_ERROR;
    if (alike(type, SPAN("processed")) || alike(type, SPAN("displayed")) || alike(type, SPAN("dispatched")))
        return modifier.len == 0 ? AS2_LEVEL_ACCEPTED : AS2_LEVEL_WARNING;
    return AS2_LEVEL_UNCLEAR;
}

void as2_disposition_read(span line, as2_disposition *out) {
    const char *semicolon = line.len ? memchr(line.data, ';', line.len) : NULL;
    span rest = semicolon ? span_make(semicolon + 1, line.len - (size_t)(semicolon + 1 - line.data)) : line;
    span type = {0}, modifier = {0};
    *out = (as2_disposition){.outcome = AS2_OTHER};
    if (rest.len > 0) {
        span front;
        span_split(&rest, ':', &front);
        span_split(&front, '/', &type);
        modifier = span_trim(front.data ? front : SPAN(""));
    }
    span text = span_trim(rest.data ? rest : SPAN(""));
    type = span_trim(type);
    out->level = level_of(type, modifier);
    for (size_t i = 0; i < text.len && i < AS2_DISPOSITION_TEXT - 1; i++)
        out->text[i] = (unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f ? ' ' : text.data[i];
    if (out->level == AS2_LEVEL_ACCEPTED) out->outcome = AS2_PROCESSED;
    for (size_t i = 1; i < AS2_OUTCOMES && text.len > 0; i++) {
        if (rules[i].level == out->level && spelled(&rules[i], text)) out->outcome = rules[i].outcome;
    }
}
