/* core/flow/doctor.c: what is wrong between us and a partner, in plain words (exchange.h, exchange_test).
 *
 * From the inside out: our key, their certificates, what the agreement means; then the way to their server; then a
 * small document, exchanged like any other, whose receipt is judged like any other. */
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"
#include "core/flow/expiry.h"

#include "adapters/as2/as2.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { WAIT_MS = 60000, LOOK_AGAIN_MS = 100, WARN_DAYS = 60 };

typedef struct examination {
    engine *engine;
    const estate *estate;
    const estate_connection *connection;
    json_t *checks;
    bool good;
} examination;

static void say(examination *x, const char *name, bool good, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(examination *x, const char *name, bool good, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    json_t *check = json_pack("{s:s, s:b}", "name", name, "good", good);
    json_put_text(check, "text", text);
    json_array_append_new(x->checks, check);
    if (!good) x->good = false;
    free(text);
}

/* ---- what is at hand ---- */

static const char *detail_of(const examination *x, const char *certificate, const char *member) {
    const json_t *body = estate_find_object(x->estate, "certificates", certificate);
    return json_get_text(json_get_object(body, "details"), member, "?");
}

static void examine_certificates(examination *x, const char *list, const char *whose) {
    const json_t *all = json_get_array(x->connection->trust, list);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *name = json_get_text(json_array_get(all, i), "name", "");
        const char *until = detail_of(x, name, "not_after");
        int64_t days;
        if (!expiry_days(x->estate, name, clock_wall_ms(), &days)) continue;
        if (days < 0)
            say(x, "certificate", false, "%s certificate %s has expired on %.10s", whose, name, until);
        else if (days < WARN_DAYS)
            say(x, "certificate", true,
                "%s certificate %s expires in %lld days, on %.10s: exchange the next one in time", whose, name,
                (long long)days, until);
        else
            say(x, "certificate", true, "%s certificate %s is valid until %.10s, fingerprint %.16s…", whose, name,
                until, detail_of(x, name, "fingerprint"));
    }
}

static void examine_agreement(examination *x) {
    const json_t *settings = x->connection->settings;
    bool key = json_array_size(json_get_array(x->connection->trust, "keys")) > 0;
    bool certificate = json_array_size(json_get_array(x->connection->trust, "certificates")) > 0;
    const char *sign = as2_text(settings, "sign"), *encrypt = as2_text(settings, "encrypt"),
               *url = as2_text(settings, "url");
    if (!sign) sign = key ? "sha256" : "none";
    if (!encrypt) encrypt = certificate ? "aes256-cbc" : "none";
    bool open = strcmp(encrypt, "none") == 0 && url && strncasecmp(url, "https", 5) != 0;
    say(x, "names", true, "we are \"%s\", the partner is \"%s\": both ends must write them so, letter by letter",
        x->connection->station->as2_id, x->connection->partner->as2_id);
    if (!key && strcmp(sign, "none") != 0)
        say(x, "keys", false, "station %s has no key: make one with `banyan cert new` and name it as the station's key",
            x->connection->station->name);
    if (!certificate)
        say(x, "keys", strcmp(encrypt, "none") == 0,
            "partner %s has no certificate: signatures cannot be verified and nothing can be encrypted",
            x->connection->partner->name);
    say(x, "agreement", true, "messages go out with signature %s, encryption %s, compression %s, receipt %s", sign,
        encrypt, as2_text(settings, "compress"), as2_text(settings, "mdn"));
    if (open)
        say(x, "privacy", true, "the address is plain HTTP and nothing is encrypted: everybody on the way can read it");
}

/* ---- the way there ---- */

static void explain_unreachable(examination *x, const error *err) {
    const char *text = error_text(err);
    const char *hint = "";
    if (strcasestr(text, "resolve")) hint = "; the host name is not known to the name servers: check the url";
    if (strcasestr(text, "refused") || strcasestr(text, "couldn't connect"))
        hint = "; nobody listens there: check port and firewall";
    if (strcasestr(text, "certificate") || strcasestr(text, "SSL"))
        hint = "; its TLS certificate is not trusted here: import it and name it as tls_authority";
    if (error_code_of(err) == ERROR_TIMEOUT) hint = "; packets go nowhere: a firewall may drop them";
    say(x, "reach", false, "%s%s", text, hint);
}

static bool examine_way(examination *x) {
    const char *url = as2_text(x->connection->settings, "url");
    http_answer answer;
    if (!url) {
        say(x, "reach", false, "the connection has no url: messages can only be received");
        return false;
    }
    const post_order order = {.connection = x->connection, .url = url, .fd = -1, .own_server = true, .method = "GET"};
    error *err = post(x->engine, &order, &answer);
    if (err) {
        explain_unreachable(x, err);
        error_free(err);
        return false;
    }
    say(x, "reach", true, "the server at %s answers (HTTP status %d to a GET)", url, answer.status);
    http_answer_free(&answer);
    return true;
}

/* ---- the exchange ---- */

static const char *hint_for(const char *reason) {
    static const char *const hints[][2] = {
        {"unknown-trading", "the partner does not know this pair of names: compare them with its configuration, also "
                            "upper and lower case"},
        {"decryption-failed", "the partner could not decrypt: it may have a new certificate, which must be imported "
                              "here, or it does not know the cipher"},
        {"authentication-failed", "the partner does not trust our signature: it must import our current certificate"},
        {"integrity-check-failed", "the partner computed another digest: its product may canonicalise text; try "
                                   "transfer_encoding: base64, or signed_attributes: false"},
        {"decompression-failed", "the partner could not decompress: set compress: none"},
        {"insufficient-message-security", "the partner wants more: sign and encrypt, or newer algorithms"},
        {"unsupported MIC", "the partner knows none of the digests asked for: set mdn_digests"},
        {"MIC of the receipt does not match",
            "other bytes arrived than were sent, or the product digests another form: "
            "the evidence of the message holds all of them"},
        {"cannot be trusted", "the receipt is signed with a certificate that is not among the partner's: import it"},
        {"HTTP status 401", "the server wants a user name: set user and password"},
        {"HTTP status 403", "the server refuses us: it may want a client certificate (tls_certificate) or our address"},
        {"HTTP status 404", "there is nothing at this path of the url"},
        {"HTTP status 411", "the server wants Content-Length: leave chunked: false"},
        {"not with a receipt",
            "the address is not that of an AS2 server, or the receipt comes on its own way: mdn: async"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcasestr(reason, hints[i][0])) return hints[i][1];
    return NULL;
}

static error *wait_for_outcome(examination *x, const char *id, json_t **message) {
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    error *err = NULL;
    *message = NULL;
    do {
        if (*message) poll(NULL, 0, LOOK_AGAIN_MS);
        json_decref(*message);
        err = store_message_json(x->engine->options.store, id, message);
        const char *status = json_get_text(*message, "status", "");
        bool tried = strcmp(status, "processing") == 0 && json_get_text(*message, "reason", NULL);
        if (err || tried || (strcmp(status, "processing") != 0 && strcmp(status, "received") != 0)) break;
    } while (clock_monotonic_ms() < until);
    return err;
}

/* A test is tried once. */
static void stop_trying(examination *x, const char *id, const char *reason) {
    store_change *change = store_change_new();
    store_drop_jobs(change, id, "deliver");
    store_drop_artifact(change, id, "wire");
    store_set_status(change, id, MESSAGE_FAILED, reason);
    error_free(store_commit(x->engine->options.store, change, NULL));
}

static void examine_exchange(examination *x, json_t *result) {
    static const char text[] = "This is a test of the AS2 connection. It may be deleted.\r\n";
    payload bytes = {.bytes = NULL};
    char id[ID_SIZE];
    json_t *message = NULL;
    const engine_posting posting = {
        .connection = x->connection->name, .filename = "as2-test.txt", .content_type = "text/plain", .who = "test"};
    error *err = payload_of(x->engine->options.store, SPAN(text), &bytes);
    if (!err) err = engine_post(x->engine, &posting, &bytes, id);
    if (!err) err = wait_for_outcome(x, id, &message);
    payload_free(&bytes);
    if (err) {
        say(x, "exchange", false, "%s", error_text(err));
        error_free(err);
        return;
    }
    const char *status = json_get_text(message, "status", ""), *reason = json_get_text(message, "reason", "");
    bool good = strcmp(status, "completed") == 0 || strcmp(status, "waiting") == 0;
    const char *receipt = json_get_text(json_get_object(message, "receipt"), "text", "");
    const char *hint = good ? NULL : hint_for(reason);
    json_put_text(result, "message", id);
    if (!good && strcmp(status, "processing") == 0) stop_trying(x, id, reason);
    if (good)
        say(x, "exchange", true, "a test document was delivered%s%s%s", *receipt ? ": " : "", receipt,
            strcmp(status, "waiting") == 0 ? ", its receipt is to come on its own way" : "");
    else
        say(x, "exchange", false, "%s%s%s", *reason ? reason : "no outcome in time", hint ? ". What to do: " : "",
            hint ? hint : "");
    json_decref(message);
}

json_t *exchange_test(engine *e, const estate *snapshot, const estate_connection *connection, bool exchange) {
    examination x = {.engine = e, .estate = snapshot, .connection = connection, .checks = json_array(), .good = true};
    json_t *result = json_object();
    examine_agreement(&x);
    examine_certificates(&x, "keys", "our");
    examine_certificates(&x, "certificates", "the partner's");
    bool there = examine_way(&x);
    if (there && exchange) examine_exchange(&x, result);
    json_object_set_new(result, "works", json_boolean(x.good));
    json_object_set_new(result, "checks", x.checks);
    return result;
}
