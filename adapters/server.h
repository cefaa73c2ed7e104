/* adapters/server.h: what adapters share that log in at one server (FTP, SMTP): rows of their tables of settings, their
 * check, and what they say to the client. */
#ifndef BANYAN_ADAPTERS_SERVER_H
#define BANYAN_ADAPTERS_SERVER_H

#include "adapters/adapter.h"
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

/* A table with these rows has `host`, `tls` (implicit, none, or what asks for it after connecting), `port`, `user`,
 * `password` and `timeout`, too. */

void server_check(const setting *table, const json_t *settings, const char *path, fault_list *faults);

/* `ports`: the usual ones by security. Texts live as long as the settings and secrets. A line in the log tells of
 * what passes in clear: `readable` names it. */
server_options server_read(
    const setting *table, const adapter_open_options *options, const unsigned ports[3], const char *readable);

#endif
