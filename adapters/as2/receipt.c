/* adapters/as2/receipt.c: asking for receipts and building them; see receipt.h. */
#include "adapters/as2/receipt.h"

#include "core/base/id.h"

#include <stdio.h>
#include <strings.h>

static bool is_listed(const mime_headers *headers, const char *name) {
    return mime_headers_get(headers, name).data != NULL;
}

/* "optional, sha-256, sha1": the algorithms behind the importance, in the order of preference. */
static void read_algorithms(const char *list, as2_receipt_request *request) {
    span rest = span_of(list), item;
    bool any = false;
    request->digest_known = false;
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        bool importance = (item.len == 8 &&
                           (strncasecmp(item.data, "optional", 8) == 0 || strncasecmp(item.data, "required", 8) == 0));
        if (item.len == 0 || importance) continue;
        any = true;
        if (!request->digest_known && digest_from_micalg(item, &request->digest)) request->digest_known = true;
    }
    if (!any) request->digest_known = true;
}

void as2_receipt_request_read(const mime_headers *headers, as2_receipt_request *request) {
    mime_value value;
    span options = mime_headers_get(headers, "Disposition-Notification-Options");
    *request = (as2_receipt_request){.protocol_known = true, .digest_known = true, .digest = DIGEST_SHA256};
    request->wanted = is_listed(headers, "Disposition-Notification-To") || options.data;
    if (!options.data) return;
    /* The whole is parameters: an empty first word makes it a value of them. */
    buf text = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    buf_add(&text, SPAN(";"));
    buf_add(&text, options);
    mime_value_read(buf_span(&text), &value);
    const char *protocol = mime_value_get(&value, "signed-receipt-protocol");
    const char *algorithms = mime_value_get(&value, "signed-receipt-micalg");
    request->is_signed = protocol || algorithms;
    if (protocol) request->protocol_known = strcasestr(protocol, "pkcs7-signature") != NULL;
    if (algorithms) read_algorithms(algorithms, request);
    mime_value_free(&value);
    buf_free(&text);
}

void as2_receipt_options_write(const digest_kind *digests, size_t count, bool dashed, buf *text) {
    buf_add_text(text, "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional");
    for (size_t i = 0; i < count; i++)
        buf_printf(text, ", %s", digest_micalg(digests[i], dashed));
}

char *as2_boundary_new(char boundary[AS2_BOUNDARY_ROOM]) {
    char id[ID_SIZE];
    snprintf(boundary, AS2_BOUNDARY_ROOM, "=_%s", id_new(id));
    return boundary;
}

/* A line of text that cannot end early: no injected fields (E19). */
static void add_line(buf *out, const char *name, const char *prefix, const char *text) {
    buf_printf(out, "%s: %s", name, prefix);
    for (; *text; text++)
        buf_add_char(out, (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
    buf_add(out, SPAN("\r\n"));
}

static void add_paragraph(buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\n') buf_add_char(out, '\r');
        bool control = (unsigned char)*text < ' ' && *text != '\n' && *text != '\t';
        buf_add_char(out, control ? ' ' : *text);
    }
    buf_add(out, SPAN("\r\n"));
}

void as2_receipt_build(const as2_receipt *receipt, const char *boundary, buf *content_type, buf *body) {
    buf line = BUF_MAX(AS2_DISPOSITION_TEXT);
    const char *text = receipt->text ? receipt->text : as2_disposition_rule_of(receipt->outcome)->words;
    buf_printf(content_type, "multipart/report; report-type=disposition-notification; boundary=\"%s\"", boundary);
    buf_printf(
        body, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary);
    add_paragraph(body, text);
    buf_printf(body,
        "\r\n--%s\r\nContent-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
        boundary);
    if (receipt->reporting_agent) add_line(body, "Reporting-UA", "", receipt->reporting_agent);
    add_line(body, "Original-Recipient", "rfc822; ", receipt->final_recipient);
    add_line(body, "Final-Recipient", "rfc822; ", receipt->final_recipient);
    if (receipt->original_message_id) add_line(body, "Original-Message-ID", "", receipt->original_message_id);
    as2_disposition_line(receipt->outcome, &line);
    add_line(body, "Disposition", "", buf_text(&line));
    if (receipt->mic) add_line(body, "Received-Content-MIC", "", receipt->mic);
    buf_printf(body, "\r\n--%s--\r\n", boundary);
    buf_free(&line);
}

void as2_signed_frame(
    const char *boundary, const char *micalg, span signature, buf *content_type, buf *before, buf *behind) {
    buf_printf(content_type, "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=%s; boundary=\"%s\"",
        micalg, boundary);
    buf_printf(before, "--%s\r\n", boundary);
    buf_printf(behind,
        "\r\n--%s\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"; smime-type=signed-data\r\n"
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n",
        boundary);
    mime_base64_lines(signature, behind);
    buf_printf(behind, "\r\n--%s--\r\n", boundary);
}
