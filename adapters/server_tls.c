/* adapters/server_tls.c: see server_tls.h. */
#include "adapters/server_tls.h"

static void fault(fault_list *faults, const char *path, const char *name, const char *text) {
    fault_list_add(faults, error_at(error_new(ERROR_INVALID, "%s: %s", name, text), "%s/%s", path, name));
}

void server_tls_check(const json_t *settings, bool tls, const char *path, fault_list *faults) {
    static const char *const rows[] = {"certificate", "authorities", "pinned_key"};
    const char *pinned = json_get_text(settings, "pinned_key", NULL);
    if (pinned && strncmp(pinned, "sha256//", 8) != 0) fault(faults, path, "pinned_key", "write sha256//BASE64");
    if (pinned && json_object_get(settings, "authorities"))
        fault(faults, path, "authorities", "either these, or a pinned_key");
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !tls; i++)
        if (json_object_get(settings, rows[i])) fault(faults, path, rows[i], "has no meaning without TLS");
}

http_client_tls server_tls_read(const json_t *settings, const json_t *secrets) {
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
