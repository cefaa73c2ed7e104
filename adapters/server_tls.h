/* adapters/server_tls.h: whom an adapter trusts that speaks TLS to one server: rows of its table of settings, their
 * check, and what they say to the client. */
#ifndef BANYAN_ADAPTERS_SERVER_TLS_H
#define BANYAN_ADAPTERS_SERVER_TLS_H

#include "core/base/settings.h"
#include "core/http/client.h"

#define SERVER_TLS_SETTINGS                                                                                            \
    {.name = "certificate",                                                                                            \
        .type = SETTING_NAME,                                                                                          \
        .reference = "certificates",                                                                                   \
        .help = "Our certificate, with its key, where the server asks for one"},                                       \
        {.name = "authorities",                                                                                        \
            .type = SETTING_NAMES,                                                                                     \
            .reference = "certificates",                                                                               \
            .help = "Certificates that are trusted in place of the system's authorities"},                             \
    {                                                                                                                  \
        .name = "pinned_key", .type = SETTING_TEXT, .max = 128,                                                        \
        .help = "sha256//BASE64 of the server's public key: it alone is trusted, whoever signed its certificate"       \
    }

/* `tls`: without it the rows have no meaning. */
void server_tls_check(const json_t *settings, bool tls, const char *path, fault_list *faults);

/* Texts live as long as settings and secrets. */
http_client_tls server_tls_read(const json_t *settings, const json_t *secrets);

#endif
