/* core/app/cmd_offers.c: `banyan cert offer`, `offers`, `accept` and `refuse`: certificates exchanged with partners
 * over AS2. */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/print.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_BYTES = 4096 };

static error *post(const char *kind, const char *name, const char *verb, const json_t *body, json_t **reply) {
    client *c = NULL;
    buf path = BUF_MAX(PATH_MAX_BYTES);
    buf_printf(&path, "/api/v1/%s/", kind);
    client_path_add(&path, name);
    buf_printf(&path, "/%s", verb);
    error *err = client_open(&c);
    if (!err) err = client_call(c, "POST", buf_text(&path), body, reply);
    client_close(c);
    buf_free(&path);
    return err;
}

/* Says what became of it, or prints it as JSON. Takes the reply and the error. */
static int tell(const command_line *line, error *err, json_t *reply, const char *what) {
    if (!err && command_flag(line, "json")) {
        print_json(reply);
    } else if (!err) {
        char *subject = print_cell(reply, "subject"), *partner = print_cell(reply, "partner");
        char *id = print_cell(reply, "id");
        printf("%s %s: %s (%s)\n", what, partner, subject, id);
        free(subject);
        free(partner);
        free(id);
    }
    json_decref(reply);
    return err ? command_failed(err) : EXIT_DONE;
}

static void put_option(const command_line *line, json_t *body, const char *option, const char *member) {
    json_put_text(body, member, command_text(line, option, NULL));
}

static int run_offer(const command_line *line) {
    json_t *body = json_object(), *reply = NULL;
    json_put_text(body, "certificate", command_argument(line, 1));
    put_option(line, body, "respond-by", "respond_by");
    error *err = post("connections", command_argument(line, 0), "offer", body, &reply);
    json_decref(body);
    return tell(line, err, reply, "Offered to");
}

static int run_offers(const command_line *line) {
    static const print_column columns[] = {{"ID", "id"}, {"DIRECTION", "direction"}, {"PARTNER", "partner"},
        {"STATUS", "status"}, {"SUBJECT", "subject"}, {"UNTIL", "not_after"}, {"ANSWER BY", "respond_by"},
        {"REASON", "reason"}, {NULL, NULL}};
    client *c = NULL;
    json_t *items = NULL;
    error *err = client_open(&c);
    if (!err) err = client_collect(c, "/api/v1/certificate-offers", 0, &items);
    if (!err && command_flag(line, "json"))
        print_json(items);
    else if (!err)
        print_table(stdout, columns, items);
    json_decref(items);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static int run_accept(const command_line *line) {
    json_t *body = json_object(), *reply = NULL;
    put_option(line, body, "name", "name");
    put_option(line, body, "from", "valid_from");
    error *err = post("certificate-offers", command_argument(line, 0), "accept", body, &reply);
    json_decref(body);
    return tell(line, err, reply, "Accepted from");
}

static int run_refuse(const command_line *line) {
    json_t *body = json_object(), *reply = NULL;
    put_option(line, body, "reason", "reason");
    error *err = post("certificate-offers", command_argument(line, 0), "refuse", body, &reply);
    json_decref(body);
    return tell(line, err, reply, "Refused from");
}

static const option_spec offer_options[] = {
    {"respond-by", 0, "DATE", "When the partner is to have answered (in 30 days)"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec accept_options[] = {
    {"name", 0, "NAME", "What it is called in the key store (made of the partner and its serial number)"},
    {"from", 0, "DATE", "From when it is used to encrypt (from its own begin)"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec refuse_options[] = {
    {"reason", 0, "TEXT", "Told to the partner"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec list_options[] = {
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

const command offer_commands[] = {
    {.name = "cert offer",
        .arguments = "CONNECTION CERTIFICATE",
        .least = 2,
        .most = 2,
        .summary = "Offer a partner a new certificate of ours, over AS2",
        .details =
            "The certificate must be one of the station's keys already, so that what the partner encrypts with it "
            "can be read. Give it a valid_from in the future: until then the one before signs, and both are "
            "accepted.",
        .options = offer_options,
        .run = run_offer},
    {.name = "cert offers",
        .arguments = "",
        .summary = "List certificates offered to partners and by them",
        .options = list_options,
        .run = run_offers},
    {.name = "cert accept",
        .arguments = "ID",
        .least = 1,
        .most = 1,
        .summary = "Take a certificate that a partner offers, and tell him",
        .details =
            "Compare the fingerprint with the partner by another way first. From then on both certificates of the "
            "partner are accepted; the new one is used to encrypt from its begin, or from --from on.",
        .options = accept_options,
        .run = run_accept},
    {.name = "cert refuse",
        .arguments = "ID",
        .least = 1,
        .most = 1,
        .summary = "Refuse a certificate that a partner offers, and tell him why",
        .options = refuse_options,
        .run = run_refuse},
    {.name = NULL},
};
