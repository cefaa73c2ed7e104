/* adapters/server.c: see server.h. */
#include "adapters/server.h"

#include "core/base/log.h"

static void fault(fault_list *faults, const char *path, const char *name, const char *text) {
    fault_list_add(faults, error_at(error_new(ERROR_INVALID, "%s: %s", name, text), "%s/%s", path, name));
}

static server_security security_of(const setting *table, const json_t *settings) {
    const char *tls = settings_text(table, settings, "tls");
    if (strcmp(tls, "none") == 0) return SERVER_PLAIN;
    return strcmp(tls, "implicit") == 0 ? SERVER_IMPLICIT : SERVER_STARTTLS;
}

void server_check(const setting *table, const json_t *settings, const char *path, fault_list *faults) {
    static const char *const rows[] = {"certificate", "authorities", "pinned_key"};
    const char *pinned = json_get_text(settings, "pinned_key", NULL);
    if (pinned && strncmp(pinned, "sha256//", 8) != 0) fault(faults, path, "pinned_key", "write sha256//BASE64");
    if (pinned && json_object_get(settings, "authorities"))
        fault(faults, path, "authorities", "either these, or a pinned_key");
    bool tls = security_of(table, settings) != SERVER_PLAIN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !tls; i++)
        if (json_object_get(settings, rows[i])) fault(faults, path, rows[i], "has no meaning without TLS");
}

static http_client_tls read_tls(const json_t *settings, const json_t *secrets) {
    const char *certificate = json_get_text(secrets, "certificate.pem", NULL);
    const char *pinned = json_get_text(settings, "pinned_key", NULL);
    return (http_client_tls){
        .authorities = json_get_text(secrets, "authorities.pem", NULL),
        .pinned_key = pinned,
        .accept_any_certificate = pinned != NULL,
        .certificate = certificate,
        .key = certificate ? json_get_text(secrets, "certificate", NULL) : NULL,
    };
}

server_options server_read(
    const setting *table, const adapter_open_options *options, const unsigned ports[3], const char *readable) {
    const json_t *settings = options->settings, *secrets = options->secrets;
    int64_t timeout_ms = settings_integer(table, settings, "timeout");
    server_options o = {
        .host = settings_text(table, settings, "host"),
        .user = settings_text(table, settings, "user"),
        .password = json_get_text(secrets, "password", NULL),
        .security = security_of(table, settings),
        .tls = read_tls(settings, secrets),
    };
    if (options->timeout_ms > 0 && options->timeout_ms < timeout_ms) timeout_ms = options->timeout_ms;
    o.timeout_ms = (unsigned)timeout_ms;
    o.port = (unsigned)json_get_integer(settings, "port", ports[o.security]);
    if (o.security == SERVER_PLAIN)
        log_warning("connection %s: without TLS everybody on the way can read %s", options->connection, readable);
    return o;
}
