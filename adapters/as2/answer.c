/* adapters/as2/answer.c: the receipt that answers a message: its header fields and its bytes (RFC 4130 §7). */
#include "adapters/as2/session.h"

#include "core/base/id.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECEIPT_TEXT_MAX = 256 * 1024 };

static void add_fields(json_t *headers, const as2_answer *answer, const json_t *settings) {
    buf from = BUF_MAX(AS2_NAME_ROOM * 2), to = BUF_MAX(AS2_NAME_ROOM * 2);
    char id[ID_SIZE], text[256];
    as2_name_write(answer->from, &from);
    as2_name_write(answer->to, &to);
    snprintf(text, sizeof text, "<%s@%s>", id_new(id), as2_text(settings, "message_id_domain"));
    as2_header(headers, "AS2-Version", "1.2");
    as2_header(headers, "AS2-From", buf_text(&from));
    as2_header(headers, "AS2-To", buf_text(&to));
    as2_header(headers, "Message-ID", text);
    as2_header(headers, "Subject", "Message Disposition Notification");
    as2_header(headers, "MIME-Version", "1.0");
    as2_add_features(headers, settings);
    buf_free(&from);
    buf_free(&to);
}

/* The report becomes the first part of multipart/signed. */
static error *sign(adapter_session *session, const as2_answer *answer, buf *type, buf *body) {
    const as2_trusted *key = as2_current(session->keys, session->key_count, true);
    const cms_sign_options options = {
        .digest = answer->digest,
        .pss = strcmp(as2_text(session->settings, "sign_padding"), "pss") == 0,
        .without_attributes = !as2_boolean(session->settings, "signed_attributes"),
        .without_certificate = !as2_boolean(session->settings, "send_certificate"),
    };
    if (!key) return NULL; /* an unsigned receipt says more than none */
    buf entity = BUF_MAX(RECEIPT_TEXT_MAX), signature = BUF_MAX(CMS_SIGNATURE_MAX), behind = BUF_MAX(RECEIPT_TEXT_MAX);
    cms_digests digests;
    char boundary[AS2_BOUNDARY_ROOM];
    buf_printf(&entity, "Content-Type: %s\r\n\r\n", buf_text(type));
    buf_add(&entity, buf_span(body));
    digest_set *set = digest_set_new(1u << answer->digest);
    digest_set_update(set, buf_span(&entity));
    digest_set_finish(set, &digests);
    error *err = cms_sign(key->identity, &digests, &options, &signature);
    if (!err) {
        buf_clear(type);
        buf_clear(body);
        as2_signed_frame(as2_boundary_new(boundary),
            digest_micalg(answer->digest, as2_boolean(session->settings, "micalg_dashes")), buf_span(&signature), type,
            body, &behind);
        buf_add(body, buf_span(&entity));
        buf_add(body, buf_span(&behind));
        err = buf_check(body, "the receipt");
    }
    buf_free(&entity);
    buf_free(&signature);
    buf_free(&behind);
    return err;
}

error *as2_answer_build(adapter_session *session, const as2_answer *answer, json_t **receipt) {
    char boundary[AS2_BOUNDARY_ROOM];
    buf type = BUF_MAX(1024), body = BUF_MAX(RECEIPT_TEXT_MAX);
    span original = mime_headers_get(answer->request, "Message-ID");
    char *id = original.data ? xspandup(original) : NULL;
    const as2_receipt fields = {
        .reporting_agent = "Banyan",
        .final_recipient = answer->from,
        .original_message_id = id,
        .outcome = answer->outcome,
        .mic = answer->mic,
        .text = answer->text,
    };
    as2_receipt_build(&fields, as2_boundary_new(boundary), &type, &body);
    error *err = buf_check(&body, "the receipt");
    if (!err && answer->is_signed) err = sign(session, answer, &type, &body);
    if (!err) {
        json_t *headers = json_array();
        add_fields(headers, answer, session->settings);
        as2_header(headers, "Content-Type", buf_text(&type));
        *receipt = json_object();
        json_object_set_new(*receipt, "headers", headers);
        json_put_span(*receipt, "body", buf_span(&body));
    }
    free(id);
    buf_free(&type);
    buf_free(&body);
    return error_wrap(err, "the receipt");
}
