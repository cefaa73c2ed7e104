/* core/flow/keys.c: see keys.h. */
#include "core/flow/keys.h"

#include "core/base/clock.h"
#include "core/crypto/keypair.h"
#include "core/crypto/ssh_key.h"

#include <stdlib.h>

enum { DAYS_DEFAULT = 730, DAYS_MAX = 7300, NAME_BYTES_MAX = 64 };

static error *make_certificate(json_t *body, const json_t *wish, const char *key) {
    const char *name = json_get_text(wish, "common_name", json_get_text(body, "name", ""));
    int64_t days = json_get_integer(wish, "days", DAYS_DEFAULT);
    char *certificate = NULL;
    if (days < 1 || days > DAYS_MAX)
        return error_at(error_new(ERROR_INVALID, "a certificate is valid for 1 to %d days", DAYS_MAX), "generate/days");
    if (!*name || strlen(name) > NAME_BYTES_MAX)
        return error_at(
            error_new(ERROR_INVALID, "a common name has 1 to %d characters", NAME_BYTES_MAX), "generate/common_name");
    const certificate_request request = {.common_name = name, .days = (unsigned)days};
    error *err = certificate_new(span_of(key), &request, &certificate);
    if (!err) json_put_text(body, "certificate", certificate);
    free(certificate);
    return err;
}

static error *generate(json_t *body) {
    json_t *wish = json_incref(json_object_get(body, "generate"));
    const char *kind = json_get_text(wish, "kind", "ec");
    char *key = NULL;
    error *err = NULL;
    bool ssh = strcmp(kind, "ssh") == 0;
    if (ssh)
        err = ssh_key_new(SSH_KEY_ED25519, json_get_text(body, "name", ""), &key);
    else if (strcmp(kind, "ec") == 0)
        err = key_new(KEY_P256, &key);
    else if (strcmp(kind, "rsa") == 0)
        err = key_new(KEY_RSA_3072, &key);
    else
        err = error_at(
            error_new(ERROR_INVALID, "there is no kind of key \"%s\"; there are ec, rsa, ssh", kind), "generate/kind");
    if (!err && !ssh) err = make_certificate(body, wish, key);
    if (!err) json_put_text(body, "private_key", key);
    json_object_del(body, "generate");
    key_text_free(key);
    json_decref(wish);
    return err;
}

static void describe_certificate(const certificate_facts *facts, json_t *details) {
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    json_put_text(details, "subject", facts->subject);
    json_put_text(details, "issuer", facts->issuer);
    json_put_text(details, "serial", facts->serial);
    json_put_text(details, "fingerprint", facts->fingerprint);
    json_put_text(details, "key", facts->key);
    json_put_text(details, "not_before", clock_format(facts->not_before_ms, from));
    json_put_text(details, "not_after", clock_format(facts->not_after_ms, to));
}

static void describe_key(span key, const char *name, json_t *details) {
    char kind[32], *line = NULL;
    error *err = key_describe(key, kind);
    if (!err) json_put_text(details, "key", kind);
    error_free(err);
    err = ssh_key_public_line(key, name, &line);
    if (!err) json_put_text(details, "public_key", line);
    error_free(err);
    free(line);
}

const char *const keys_facts[] = {"subject", "issuer", "serial", "fingerprint", "key", "not_before", "not_after",
    "public_key", "has_private_key", NULL};

void keys_strip(json_t *body) {
    for (size_t i = 0; keys_facts[i]; i++)
        json_object_del(body, keys_facts[i]);
}

error *keys_complete(json_t *body) {
    error *err = json_object_get(body, "generate") ? generate(body) : NULL;
    if (err) return err;
    if (!json_object_get(body, "certificate") && !json_object_get(body, "private_key"))
        return error_new(ERROR_INVALID, "it needs a certificate, a private_key or both; or generate, which makes them");
    span certificate = json_get_span(body, "certificate"), key = json_get_span(body, "private_key");
    const json_t *known = json_get_object(body, "details");
    json_t *details = known && !key.data ? json_copy((json_t *)(uintptr_t)known) : json_object();
    certificate_facts facts = {.subject = NULL};
    if (certificate.data) {
        err = error_at(certificate_read(certificate, &facts), "certificate");
        if (!err) describe_certificate(&facts, details);
        certificate_facts_free(&facts);
    }
    if (!err && key.data) describe_key(key, json_get_text(body, "name", ""), details);
    if (!err && certificate.data && key.data) err = error_at(certificate_check_key(certificate, key), "private_key");
    if (!err && json_object_size(details) > 0) json_object_set(body, "details", details);
    json_decref(details);
    return err;
}
