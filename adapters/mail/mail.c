/* adapters/mail/mail.c: the mail adapter: deliveries as messages to people, by SMTP (core/http/mail_client.h).
 *
 * Runs in a courier process. A delivery is one message whose Message-ID is made of the message's identity, so that one
 * that is sent again after a lost answer is known by mail servers and mailboxes as the same (at least once, with a
 * stable identity).
 */
#include "adapters/mail/mail.h"

#include "adapters/names.h"
#include "adapters/server.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/http/mail_client.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SUBJECT_ROOM = 512 };

struct adapter_session {
    server_options options;
    mail_client *mail;
    const char *from, *subject;
    const char **to; /* ended by a NULL */
    uint64_t size_max;
};

static const setting mail_settings[] = {
    {.name = "host",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 253,
        .help = "The mail server that takes our messages"},
    {.name = "tls",
        .type = SETTING_CHOICE,
        .choices = "starttls implicit none",
        .fallback = "starttls",
        .help =
            "starttls: TLS is asked for after connecting; implicit: from the first byte; none: everything passes in "
            "clear, the password too"},
    {.name = "port",
        .type = SETTING_INTEGER,
        .min = 1,
        .max = 65535,
        .help = "Port of the server; when left out 587, 465 with implicit TLS, 25 with none"},
    {.name = "user",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 256,
        .help = "User name, where the server asks for a login"},
    {.name = "password", .type = SETTING_TEXT, .secret = true, .max = 1024, .help = "Password of the user"},
    SERVER_TLS_SETTINGS,
    {.name = "from", .type = SETTING_TEXT, .required = true, .min = 3, .max = 254, .help = "The address that sends"},
    {.name = "to", .type = SETTING_TEXTS, .required = true, .min = 3, .max = 254, .help = "The addresses that get it"},
    {.name = "subject",
        .type = SETTING_TEXT,
        .fallback = "Banyan",
        .min = 1,
        .max = 200,
        .help = "Subject; the name of an attached file follows"},
    {.name = "path",
        .type = SETTING_TEXT,
        .fallback = "{filename}",
        .max = 512,
        .help = "How an attached file is called when a flow names no path"},
    {.name = "max_size",
        .type = SETTING_SIZE,
        .fallback = "20MiB",
        .min = 1024,
        .max = 1024 * 1024 * 1024,
        .help = "What is larger is not sent"},
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 1000,
        .max = 600000,
        .help = "How long to wait for an answer of the server, and for a transfer that stands still"},
    {.name = NULL},
};

static void check_address(const char *text, const char *place, const char *name, fault_list *faults) {
    error *err = text ? mail_check_address(text) : NULL;
    fault_list_add(faults, error_at(error_wrap(err, "%s", name), "%s/%s", place, name));
}

static void mail_check(const json_t *settings, const char *path, fault_list *faults) {
    const json_t *to = json_get_array(settings, "to");
    server_check(mail_settings, settings, path, faults);
    check_address(json_get_text(settings, "from", NULL), path, "from", faults);
    for (size_t i = 0; i < json_array_size(to); i++)
        check_address(json_string_value(json_array_get(to, i)), path, "to", faults);
    if (to && json_array_size(to) == 0)
        fault_list_add(faults, error_at(error_new(ERROR_INVALID, "to: name at least one address"), "%s/to", path));
    if (json_object_get(settings, "password") && !json_object_get(settings, "user"))
        fault_list_add(faults, error_at(error_new(ERROR_INVALID, "password: of which user?"), "%s/password", path));
}

/* Does not connect yet: the first call that needs the server does, and tells what is wrong. */
static error *mail_open(const adapter_open_options *options, adapter_session **out) {
    static const unsigned ports[] = {[SERVER_STARTTLS] = 587, [SERVER_IMPLICIT] = 465, [SERVER_PLAIN] = 25};
    const json_t *settings = options->settings, *to = json_get_array(settings, "to");
    adapter_session *session = xcalloc(1, sizeof *session);
    session->options = server_read(mail_settings, options, ports, "the messages");
    session->from = settings_text(mail_settings, settings, "from");
    session->subject = settings_text(mail_settings, settings, "subject");
    session->size_max = (uint64_t)settings_integer(mail_settings, settings, "max_size");
    session->to = xcalloc(json_array_size(to) + 1, sizeof *session->to);
    for (size_t i = 0; i < json_array_size(to); i++)
        session->to[i] = json_string_value(json_array_get(to, i));
    session->mail = mail_client_new(&session->options);
    *out = session;
    return NULL;
}

static void mail_close(adapter_session *session) {
    if (!session) return;
    mail_client_free(session->mail);
    free(session->to);
    free(session);
}

static error *mail_test(adapter_session *session) {
    return mail_probe(session->mail);
}

/* The server's word for the whole message is the delivery: nothing is left to be published. */
static error *mail_stage(
    adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    char subject[SUBJECT_ROOM];
    const char *name = name_base(path);
    bool text = source->content_type && strncmp(source->content_type, "text/plain", 10) == 0;
    if (source->size > session->size_max)
        return error_new(
            ERROR_LIMIT, "%s has %" PRIu64 " bytes; max_size allows %" PRIu64, name, source->size, session->size_max);
    snprintf(subject, sizeof subject, "%s%s%s", session->subject, text ? "" : ": ", text ? "" : name);
    const mail_letter letter = {
        .from = session->from,
        .to = session->to,
        .subject = subject,
        .identity = identity,
        .filename = name,
        .content_type = source->content_type,
        .size = source->size,
        .read = source->read,
        .rewind = source->rewind,
        .context = source->context,
    };
    return mail_send(session->mail, &letter);
}

static error *mail_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    (void)session, (void)path, (void)identity, (void)if_exists, (void)again;
    return NULL;
}

const adapter adapter_mail = {
    .kind = "mail",
    .help = "Messages to people, by a mail server: text as it is, anything else attached",
    .settings = mail_settings,
    .for_people = true,
    .check = mail_check,
    .open = mail_open,
    .close = mail_close,
    .probe = mail_test,
    .stage = mail_stage,
    .publish = mail_publish,
};
